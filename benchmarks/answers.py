"""
What the tools answer over the whole of the simulator's shop, beside what Stripe sent for the same call.

Rule: everything passes through an MCP client, as for a model. The clock stands still, so that the shop is
the same in every run, and no answer is cut, so that both sides hold the same rows.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
from mcp import Client
from mcp_types import TextContent

from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.rules import Rules
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.simulator import Simulator
from stripe_mcp.transport import Transport

NOW = 1_790_000_000
CATALOG = load_catalog(builtin_folder())
TEMPLATES = CATALOG.templates.values()
EVERYTHING = {"list_subscriptions": {"status": "all"}, "list_events_by_type": {"type": "*"}}

Arguments = dict[str, Any]


class Answer(NamedTuple):
    """
    The *text* that a model reads, and the *raw* object that Stripe sent for it.
    """

    text: str
    raw: Any

    @property
    def shown(self) -> Any:
        """
        The *text*, read.
        """
        return json.loads(self.text)


class Tapped(httpx.ASGITransport):
    """
    The way to the simulator, which remembers its last reply.
    """

    reply: Any = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.reply = json.loads(await response.aread())
        return response


class Shop:
    """
    The simulator's shop through an MCP *client*; what Stripe sent passes through *tapped*.
    """

    def __init__(self, client: Client, tapped: Tapped) -> None:
        self.client = client
        self._tapped = tapped

    async def ask(self, tool: str, arguments: Arguments) -> Answer:
        result = await self.client.call_tool(tool, arguments)
        [*_, last] = result.content
        assert isinstance(last, TextContent)
        assert not result.is_error, last.text
        return Answer(last.text, self._tapped.reply)

    async def pages(self, tool: str, arguments: Arguments) -> AsyncIterator[Answer]:
        """
        The answer to a call with *arguments*, and to the next call for as long as there is one.
        """
        going_on: Arguments | None = arguments
        while going_on is not None:
            page = await self.ask(tool, going_on)
            yield page
            going_on = page.shown.get("next_call")


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """
    A shop in which nothing has happened yet.
    """
    tapped = Tapped(app=Simulator(clock=lambda: NOW))
    rules = Rules(operation_metadata=False)  # a mark differs from run to run
    settings = Settings(mode="SIMULATOR", max_result_chars=10**9, rules=rules)
    server = create_server(
        CATALOG, settings, lambda: Transport("sk_test_bench", "http://simulator", http=tapped)
    )
    async with Client(server) as client:
        yield Shop(client, tapped)


class Measured(NamedTuple):
    """
    *listed* is the answer to tools/list, *typical* has short and full answers by what they are, *pages* has
    lists by tool, *alone* has single objects by kind.
    """

    listed: Any
    typical: dict[str, tuple[Answer, Answer]]
    pages: dict[str, list[Answer]]
    alone: dict[str, list[Answer]]


async def measure() -> Measured:
    """
    All answers that are worth counting.
    """
    async with open_shop() as shop:
        listed = (await shop.client.list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)
        pages = await list_all(shop)
        return Measured(listed, await ask_typically(shop), pages, await read_all(shop, pages))


async def ask_typically(shop: Shop) -> dict[str, tuple[Answer, Answer]]:
    """
    What a conversation about a customer's payments is made of, as it comes and in full detail.
    """
    [refund] = (await shop.ask("list_refunds", {"limit": 1})).shown["data"]
    [charge] = (await shop.ask("list_charges", {"limit": 1, "customer": "cus_ABC123"})).shown["data"]
    calls: dict[str, tuple[str, Arguments]] = {
        "One customer": ("get_customer_by_id", {"customer_id": "cus_ABC123"}),
        "One subscription": ("get_subscription", {"subscription_id": "sub_XYZ789"}),
        "One charge": ("get_charge", {"charge_id": charge["id"]}),
        "Ten invoices": ("list_invoices", {}),
        "Ten charges": ("list_charges", {}),
        "One refund": ("get_refund", {"refund_id": refund["id"]}),
        "The balance": ("get_balance", {}),
    }
    return {
        what: (await shop.ask(tool, call), await shop.ask(tool, call | {"detail": "full"}))
        for what, (tool, call) in calls.items()
    }


async def list_all(shop: Shop) -> dict[str, list[Answer]]:
    """
    All pages of every tool that lists or searches, by its name.
    """
    customers = [row async for page in shop.pages("search_customers", {}) for row in page.raw["data"]]
    return {
        template.name: [
            page
            for arguments in _calls_for_all(template, customers)
            async for page in shop.pages(template.name, arguments)
        ]
        for template in TEMPLATES
        if template.returns_list
    }


def _calls_for_all(template: Template, customers: list[Any]) -> Iterator[Arguments]:
    """
    The arguments with which a list *template* leaves nothing of the shop out.
    """
    if template.path_arguments:
        yield from _by_id(template, customers)
    elif "query" in template.input["properties"]:
        yield {"query": "created>0"}
    else:
        yield EVERYTHING.get(template.name, {})


def _by_id(template: Template, rows: Iterable[Any]) -> list[Arguments]:
    """
    The arguments of one call of *template* for each of *rows*.
    """
    return [dict.fromkeys(template.path_arguments, row["id"]) for row in rows]


async def read_all(shop: Shop, pages: dict[str, list[Answer]]) -> dict[str, list[Answer]]:
    """
    Every object of *pages* by itself, by the name of its kind. Afterwards there are no customers any more.
    """
    rows: dict[str, dict[str, Any]] = {"balance": {"": {"id": ""}}}  # the only one; nothing lists it
    for tool, answers in pages.items():
        known = rows.setdefault(CATALOG.templates[tool].returned_object, {})
        known |= {row["id"]: row for answer in answers for row in answer.raw["data"]}
    alone = {
        template.returns: [
            await shop.ask(template.name, call) for call in _by_id(template, rows[template.returns].values())
        ]
        for template in TEMPLATES
        if template.reads and not template.returns_list
    }
    return alone | await _read_otherwise(shop, {kind: list(known.values()) for kind, known in rows.items()})


async def _read_otherwise(shop: Shop, rows: dict[str, list[Any]]) -> dict[str, list[Answer]]:
    """
    What no tool reads by itself: it is made, removed, or expanded in another object.
    """
    delete = CATALOG.templates["delete_customer"]
    return {
        "price": [await shop.ask("create_price", _as_new(price)) for price in rows["price"]],
        "balance_transaction": [
            await _expanded(shop, charge["id"]) for charge in rows["charge"] if charge["balance_transaction"]
        ],
        "deleted_customer": [await shop.ask(delete.name, call) for call in _by_id(delete, rows["customer"])],
    }


def _as_new(price: Any) -> Arguments:
    """
    The arguments that make another *price* like this one.
    """
    fields = ("currency", "unit_amount", "product", "nickname", "metadata")
    arguments = {name: price[name] for name in fields if price[name] not in (None, {})}
    if price["recurring"]:
        arguments["recurring"] = {"interval": price["recurring"]["interval"]}
    return arguments


async def _expanded(shop: Shop, charge: str) -> Answer:
    name = "balance_transaction"
    around = await shop.ask("get_charge", {"charge_id": charge, "expand": [name]})
    return Answer(compact(around.shown[name]), around.raw[name])


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
