"""
What a person is shown of a call, given what Stripe answers to the reads before it.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import anyio
import httpx

from stripe_mcp.catalog import Template
from stripe_mcp.request import StripeRequest
from stripe_mcp.safety.question import put
from stripe_mcp.safety.stakes import Stakes, read_stakes
from tests.agent import TEMPLATES
from tests.shopping import CALLS, SHOP

Body = dict[str, Any]

CUSTOMER = {"object": "customer", "id": "cus_1", "name": "Jane Doe", "email": "jane@example.com"}
CHARGE: dict[str, Any] = {
    "object": "charge",
    "id": "ch_1",
    "amount": 5000,
    "amount_captured": 5000,
    "amount_refunded": 0,
    "captured": True,
    "created": 1793491200,
    "currency": "usd",
    "customer": CUSTOMER,
    "description": None,
    "payment_intent": "pi_1",
    "status": "succeeded",
}
PRICE = {
    "object": "price",
    "id": "price_1",
    "currency": "usd",
    "unit_amount": 1000,
    "unit_amount_decimal": "1000",
    "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
}

CONFIRMED = [name for name, template in TEMPLATES.items() if template.confirm]


class Stripe:
    """
    Answers reads with *bodies*, which hold one object for each path, and keeps which were *asked* for.
    """

    def __init__(self, bodies: dict[str, Any]) -> None:
        self.bodies = bodies
        self.asked: list[str] = []

    async def read(self, request: StripeRequest) -> Body:
        self.asked.append(request.path)
        body: Body = deepcopy(self.bodies[request.path])
        return body


async def shop(request: StripeRequest) -> Body:
    """
    What the simulator's shop answers.
    """
    headers = {"Authorization": "Bearer sk_test_1"}
    async with httpx.AsyncClient(transport=SHOP, base_url="http://stripe", headers=headers) as client:
        reply = await client.get(f"{request.path}?{request.query}")
    assert reply.status_code == 200, reply.text
    body: Body = reply.json()
    return body


async def _record(tool: str) -> dict[str, Any]:
    bodies: dict[str, Any] = {}

    async def read(request: StripeRequest) -> Body:
        bodies[request.path] = await shop(request)
        return deepcopy(bodies[request.path])

    await read_stakes(TEMPLATES[tool], CALLS[tool], read)
    return bodies


async def _record_all() -> dict[str, dict[str, Any]]:
    return {tool: await _record(tool) for tool in CONFIRMED}


# The shop's answers to the reads before a call of each tool, by path.
ANSWERS = anyio.run(_record_all)


def stakes_of(tool: str | Template, bodies: dict[str, Any] | None = None, **arguments: Any) -> Stakes:
    """
    What a call of *tool* puts at stake where Stripe answers reads with *bodies*, else as the shop did.
    """
    template = TEMPLATES[tool] if isinstance(tool, str) else tool
    given = arguments or CALLS[template.name]
    stripe = Stripe(ANSWERS[template.name] if bodies is None else bodies)
    return anyio.run(read_stakes, template, given, stripe.read)


def message(stakes: Stakes, tool: str = "create_refund") -> str:
    """
    What a person reads of *stakes*.
    """
    return put(stakes, TEMPLATES[tool], "TEST", False).message


def one(tool: str, **changes: Any) -> dict[str, Any]:
    """
    The shop's answers for *tool*, of which the first object is changed; `a__b` is the field b of a.
    """
    bodies: dict[str, Any] = deepcopy(ANSWERS[tool])
    for name, value in changes.items():
        inside = next(iter(bodies.values()))
        *way, last = name.split("__")
        for step in way:
            inside = inside[int(step) if step.isdigit() else step]
        inside[last] = value
    return bodies


def own(tool: str, **changes: Any) -> Template:
    """
    A template of one's own that is like *tool*, but for *changes*.
    """
    return Template.model_validate(
        TEMPLATES[tool].model_dump() | {"name": "my_own", "title": "My Own"} | changes
    )


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """
    The ways to everything in *value*, objects and lists included.
    """
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*way, key)
        yield from leaves(child, (*way, key))


def charged(charge: dict[str, Any], **arguments: Any) -> Stakes:
    """
    What a refund of *charge* puts at stake.
    """
    bodies = {"/v1/charges/ch_1": CHARGE | charge}
    return stakes_of("create_refund", bodies, charge="ch_1", **arguments)


def subscribed(*prices: dict[str, Any], quantities: tuple[int, ...] = (), **arguments: Any) -> Stakes:
    """
    What it puts at stake to subscribe to *prices*.
    """
    bodies: dict[str, Any] = {"/v1/customers/cus_1": CUSTOMER}
    items: list[dict[str, Any]] = []
    for number, price in enumerate(prices):
        items.append({"price": f"price_{number}"})
        bodies[f"/v1/prices/price_{number}"] = PRICE | price | {"id": f"price_{number}"}
    for item, quantity in zip(items, quantities, strict=False):
        item["quantity"] = quantity
    return stakes_of("create_subscription", bodies, customer="cus_1", items=items, **arguments)
