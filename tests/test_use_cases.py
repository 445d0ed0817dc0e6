"""
The four use cases that the templates were made for, end to end: MCP client, server, simulator.
"""

from calendar import monthrange
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from stripe_mcp.simulator import Simulator
from tests.agent import Agent
from tests.agent import agent as agent_at

pytestmark = pytest.mark.anyio

EMAIL = "john.smith@example.com"


@pytest.fixture(name="agent", params=["auto", "legacy"])
async def agent_of_a_shop(request: pytest.FixtureRequest) -> AsyncIterator[Agent]:
    async with agent_at(httpx.ASGITransport(app=Simulator()), request.param) as caller:
        yield caller


async def test_a_caller_learns_the_state_of_their_account(agent: Agent) -> None:
    [customer] = (await agent.call("search_customers", email=EMAIL))["data"]
    invoices = (await agent.call("list_invoices", customer=customer["id"], limit=5))["data"]
    [subscription] = (await agent.call("list_subscriptions", customer=customer["id"]))["data"]
    assert customer["name"] == "John Smith"
    assert customer["balance"] == 0
    assert [invoice["amount_paid"] for invoice in invoices[:2]] == [4900, 4900]
    assert {invoice["status"] for invoice in invoices} == {"paid"}
    assert subscription["status"] == "active"
    assert subscription["items"]["data"][0]["price"]["nickname"] == "Pro Plan"


async def test_a_caller_gets_their_last_payment_back(agent: Agent) -> None:
    [customer] = (await agent.call("search_customers", email=EMAIL))["data"]
    last, before = (await agent.call("list_charges", customer=customer["id"]))["data"]
    assert last["payment_method_details"]["card"]["last4"] == "4242"
    assert (last["amount"], before["amount"]) == (4900, 4900)
    assert last["created"] > before["created"]

    refund = await agent.call(
        "create_refund", payment_intent=last["payment_intent"], reason="requested_by_customer"
    )
    assert (refund["status"], refund["amount"], refund["charge"]) == ("succeeded", 4900, last["id"])
    assert (await agent.call("get_charge", charge_id=last["id"]))["refunded"]
    assert "refunded" not in await agent.call("get_charge", charge_id=before["id"])


async def test_a_caller_cancels_their_subscription(agent: Agent) -> None:
    [customer] = (await agent.call("search_customers", email=EMAIL, expand=["data.subscriptions"]))["data"]
    [listed] = customer["subscriptions"]["data"]
    subscription = await agent.call("get_subscription", subscription_id=listed["id"])
    assert subscription["status"] == "active"

    canceled = await agent.call(
        "cancel_subscription",
        subscription_id=subscription["id"],
        cancellation_details={"feedback": "too_expensive"},
    )
    assert canceled["status"] == "canceled"
    assert canceled["cancellation_details"]["feedback"] == "too_expensive"
    assert (await agent.call("list_subscriptions", customer=customer["id"]))["data"] == []


async def test_a_caller_asks_about_their_invoices_and_payments(agent: Agent) -> None:
    [customer] = (await agent.call("search_customers", email=EMAIL))["data"]
    query = f'customer:"{customer["id"]}" AND status:"paid"'
    invoices = (await agent.call("search_invoices", query=query))["data"]
    assert [invoice["total"] for invoice in invoices[:2]] == [4900, 4900]

    movements = (await agent.call("list_balance_transactions", type="charge", limit=100))["data"]
    assert all(movement["net"] == movement["amount"] - movement["fee"] for movement in movements)


async def test_what_waits_for_a_customer_is_billed_in_its_currency(agent: Agent) -> None:
    """
    A draft in another currency would take up nothing, and be finalized as paid with a total of zero.
    """
    items = (await agent.call("list_events_by_type", type="invoiceitem.created", limit=100, detail="full"))[
        "data"
    ]
    waiting = {item["data"]["object"]["currency"]: item["data"]["object"] for item in items}
    assert len(waiting) > 1
    for currency, item in waiting.items():
        draft = await agent.call(
            "create_draft_invoice", customer=item["customer"], pending_invoice_items_behavior="include"
        )
        assert draft["currency"] == currency
        assert draft["total"] > 0


async def test_a_search_in_full_whose_pages_do_not_fit_stays_in_full(agent: Agent) -> None:
    first = await agent.call("search_charges", query="amount>0", limit=100, detail="full")
    assert len(first["data"]) < 100
    rows = await agent.all("search_charges", query="amount>0", limit=100, detail="full")
    assert all("livemode" in row for row in rows)
    assert [row["id"] for row in rows] == [row["id"] for row in await agent.all("list_charges", limit=100)]


async def test_a_month_given_by_its_dates_is_all_of_it_and_nothing_else(agent: Agent) -> None:
    charges = await agent.all("list_charges", limit=100)
    months: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for charge in charges:
        moment = datetime.fromisoformat(charge["created"])
        months.setdefault((moment.year, moment.month), []).append(charge)
    assert len(months) > 2
    for (year, month), wanted in months.items():
        last = monthrange(year, month)[1]
        created = {"gte": f"{year}-{month:02}-01", "lte": f"{year}-{month:02}-{last}"}
        assert await agent.all("list_charges", created=created) == wanted


async def test_a_day_given_by_its_date_is_all_of_it_and_nothing_else(agent: Agent) -> None:
    charges = await agent.all("list_charges", limit=100)
    for day in {charge["created"][:10] for charge in charges[:10]}:
        listed = await agent.all("list_charges", created=day)
        assert listed == [charge for charge in charges if charge["created"].startswith(day)]


async def test_a_trial_and_an_invoice_end_on_the_date_that_was_said(agent: Agent) -> None:
    year = datetime.now(UTC).year + 1
    first = f"{year}-01-01T00:00:00Z"
    [customer] = (await agent.call("search_customers", email=EMAIL))["data"]
    [price, *_] = (await agent.call("list_prices", type="recurring", active=True, currency="usd"))["data"]
    subscription = await agent.call(
        "create_subscription",
        customer=customer["id"],
        items=[{"price": price["id"]}],
        trial_end=f"{year}-01-01",
    )
    assert (subscription["status"], subscription["trial_end"]) == ("trialing", first)
    draft = await agent.call(
        "create_draft_invoice",
        customer=customer["id"],
        collection_method="send_invoice",
        due_date=f"{year}-01-01T00:00:00Z",
    )
    assert draft["due_date"] == first
