"""
A call of every tool that the simulator's shop can answer, and what Stripe says to it.
"""

from typing import Any

import anyio
import httpx

from stripe_mcp.request import build_request
from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.expansion import INCLUDABLE
from stripe_mcp.simulator.parameters import load_table
from tests.agent import LISTS, READS, TEMPLATES, Content, Recorded, agent

BOUNDLESS = 10_000_000  # characters, more than any answer has

Arguments = dict[str, Any]


def calls(simulator: Simulator) -> dict[str, Arguments]:
    """
    Arguments for each tool, with ids of *simulator*'s shop.
    """

    def newest(kind: str, **wanted: Any) -> Any:
        kept = (each for each in simulator.store.all(kind) if all(each[k] == v for k, v in wanted.items()))
        return next(kept)["id"]

    customer, price = (
        newest("customer", email="john.smith@example.com"),
        newest("price", type="recurring", currency="usd"),
    )
    held = newest("charge", captured=False, status="succeeded")
    paid = newest("charge", captured=True, status="succeeded", refunded=False)
    given: dict[str, Arguments] = {
        "capture_charge": {"charge_id": held},
        "get_charge": {"charge_id": paid},
        "search_charges": {"query": "amount>100"},
        "create_customer": {"name": "Zoë", "email": "zoe@example.com", "metadata": {"tier": "gold"}},
        "delete_customer": {"customer_id": newest("customer")},
        "get_customer_by_id": {"customer_id": customer},
        "update_customer": {"customer_id": customer, "description": "Called today"},
        "get_event": {"event_id": newest("event", type="customer.subscription.updated")},
        "list_events_by_type": {"type": "charge.succeeded"},
        "create_draft_invoice": {"customer": customer, "description": "Extra hours"},
        "finalize_invoice": {"invoice_id": newest("invoice", status="draft")},
        "get_invoice": {"invoice_id": newest("invoice", status="paid")},
        "search_invoices": {"query": "total>100"},
        "detach_payment_method": {"payment_method_id": newest("payment_method", customer=customer)},
        "get_payment_method": {"payment_method_id": newest("payment_method", customer=customer)},
        "list_payment_methods": {"customer_id": customer},
        "create_payment_intent": {"amount": 500, "currency": "jpy", "customer": customer},
        "get_payment_intent": {"payment_intent_id": newest("payment_intent", status="succeeded")},
        "search_payment_intents": {"query": "amount>100"},
        "create_price": {"currency": "kwd", "unit_amount": 1250, "product_data": {"name": "Tea"}},
        "get_product": {"product_id": newest("product")},
        "create_refund": {"charge": paid},
        "get_refund": {"refund_id": newest("refund")},
        "cancel_subscription": {"subscription_id": newest("subscription", status="active")},
        "create_subscription": {"customer": customer, "items": [{"price": price}]},
        "get_subscription": {"subscription_id": newest("subscription", status="active")},
    }
    return {name: given.get(name, {}) for name in TEMPLATES}


def expansions(tool: str) -> list[str]:
    """
    The `expand` paths that make sense for *tool*: all of its object, and those one level below.
    """
    template = TEMPLATES[tool]
    if "expand" not in template.input["properties"]:
        return []
    start = "data." if template.returns_list else ""
    paths = [start + path for path in _paths(template.returned_object, deeper=True)]
    return [path for path in paths if path.count(".") < 4]  # Stripe goes no deeper


def _paths(kind: str, *, deeper: bool = False) -> list[str]:
    fields: dict[str, str] = load_table()["expandable"].get(kind, {})
    included = [field for owner, field in INCLUDABLE if owner == kind]
    paths = [field for field, target in fields.items() if target and target[0] not in "=["] + included
    if not deeper:
        return paths
    below = [
        f"{path}.{'data.' if target.startswith('[') else ''}{rest}"
        for path, target in fields.items()
        if target.lstrip("[]") in load_table()["expandable"]
        for rest in _paths(target.lstrip("[]"))
    ]
    deepest = ["items.data.price.product"] if kind == "subscription" else []
    return paths + below + deepest


async def _replies() -> dict[str, Content]:
    headers, found = {"Authorization": "Bearer sk_test_1"}, dict[str, Content]()
    async with httpx.AsyncClient(transport=SHOP, base_url="http://stripe", headers=headers) as client:
        for tool in READS:
            expand = {"expand": expansions(tool)[:12]} if expansions(tool) else {}
            limit = {"limit": 4} if expand and tool in LISTS else {}  # whole objects within objects are long
            request = build_request(TEMPLATES[tool], CALLS[tool] | expand | limit)
            reply = await client.get(f"{request.path}?{request.query}")
            assert reply.status_code == 200, reply.text
            found[tool] = reply.json()
    return found


SIMULATOR = Simulator()
SHOP = httpx.ASGITransport(app=SIMULATOR)
CALLS = calls(SIMULATOR)
# What Stripe answers to a call of each tool that reads, with most of what can be expanded.
REPLIES = anyio.run(_replies)


async def answer(body: Any, tool: str, **arguments: Any) -> Content:
    """
    What *tool* answers when *body* is Stripe's reply.
    """
    async with agent(Recorded(body), max_result_chars=BOUNDLESS) as caller:
        return await caller.call(tool, **CALLS[tool], **arguments)
