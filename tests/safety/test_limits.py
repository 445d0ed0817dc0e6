"""
S11: limits on money hold whoever calls, however often and at once; a currency is not another.
"""

from pathlib import Path
from typing import Any

import anyio
import pytest

from stripe_mcp.rules import Rules
from tests.agent import CATALOG
from tests.safety.desk import desk
from tests.safety.live_shop import KEY, LiveShop

pytestmark = pytest.mark.anyio

SHOP: dict[str, Any] = {"mode": "LIVE", "key": KEY}


def limited(**limits: dict[str, int]) -> Rules:
    return Rules(limits=limits, unasked_calls=100)


@pytest.fixture
async def shop() -> LiveShop:
    return await LiveShop().open(4)


async def test_one_call_moves_no_more_than_its_limit(shop: LiveShop) -> None:
    rules = limited(max_refund={"usd": 1000})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        text = await at.refused("create_refund", payment_intent=shop.payments[0], amount=1001)
        assert "max_refund admits $10.00 at most" in text
        await at.done("create_refund", payment_intent=shop.payments[0], amount=1000)


async def test_a_full_refund_counts_what_is_really_left(shop: LiveShop) -> None:
    rules = limited(max_refund={"usd": 4000})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        await at.refused("create_refund", payment_intent=shop.payments[0])
        await at.done("create_refund", payment_intent=shop.payments[0], amount=1000)
        await at.done("create_refund", payment_intent=shop.payments[0])
    assert await shop.refunded() == shop.amount


async def test_a_day_admits_exactly_its_sum_of_calls_at_once_in_two_processes(
    shop: LiveShop, tmp_path: Path
) -> None:
    both: dict[str, Any] = {
        "simulator": shop.simulator,
        "rules": limited(max_refund_per_day={"usd": 3500}),
        "database": f"sqlite:///{tmp_path}/state/ledger.db",
        **SHOP,
    }
    async with desk(**both) as one, desk(**both) as other, anyio.create_task_group() as tasks:
        for number in range(16):
            given = {"payment_intent": shop.payments[number % 4], "amount": 500 + number // 4}
            tasks.start_soon(
                one.client.call_tool if number % 2 else other.client.call_tool, "create_refund", given
            )
    passed = await shop.refunded()
    assert 3500 - 503 < passed <= 3500
    async with desk(**both) as later:  # a restart keeps the count
        await later.refused("create_refund", payment_intent=shop.payments[0], amount=3500 - passed + 1)


async def test_a_customer_has_a_share_of_their_own(shop: LiveShop) -> None:
    rules = limited(max_refund_per_customer={"usd": 600})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        await at.done("create_refund", payment_intent=shop.payments[0], amount=400)
        assert "2.00" in await at.refused("create_refund", payment_intent=shop.payments[0], amount=201)
        await at.done("create_refund", payment_intent=shop.payments[0], amount=200)
        await at.done("create_refund", payment_intent=shop.payments[1], amount=600)


async def test_what_stripe_refused_is_given_back(shop: LiveShop) -> None:
    rules = limited(max_refund_per_day={"usd": 6000})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        await shop.post("refunds", payment_intent=shop.payments[0])  # nothing is left of it
        for _ in range(3):
            assert "Stripe answered 400" in await at.refused(
                "create_refund", payment_intent=shop.payments[0], amount=5000
            )
        await at.done("create_refund", payment_intent=shop.payments[1], amount=5000)


@pytest.mark.parametrize("limit", ["max_payment_intent", "max_payment_intent_per_day"])
async def test_a_currency_is_not_another(limit: str, shop: LiveShop) -> None:
    rules = limited(**{limit: {"usd": 1000, "jpy": 50}})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        await at.done("create_payment_intent", amount=1000, currency="usd")
        await at.refused("create_payment_intent", amount=51, currency="jpy")
        await at.done("create_payment_intent", amount=50, currency="jpy")
        assert "admits nothing in eur" in await at.refused("create_payment_intent", amount=50, currency="eur")


async def test_a_subscription_counts_what_its_prices_come_to(shop: LiveShop) -> None:
    product = await shop.post("products", name="Tea")
    price = await shop.post(
        "prices", product=product["id"], currency="usd", unit_amount=700, recurring={"interval": "month"}
    )
    rules = limited(max_subscription={"usd": 1400})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        items = [{"price": price["id"], "quantity": 3}]
        await at.refused("create_subscription", customer=shop.customers[0], items=items)
        await at.done(
            "create_subscription",
            customer=shop.customers[0],
            items=[{"price": price["id"], "quantity": 2}],
            trial_period_days=14,
        )


async def test_currencies_hold_for_every_tool_that_has_one(shop: LiveShop) -> None:
    rules = Rules(currencies=frozenset({"eur"}), unasked_calls=100)
    with_currency = [
        name
        for name, template in CATALOG.templates.items()
        if not template.reads and "currency" in template.input["properties"]
    ]
    assert len(with_currency) >= 2
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        text = await at.refused("create_payment_intent", amount=500, currency="usd")
        assert "works in eur only" in text
        assert "works in eur only" in await at.refused(
            "create_price", currency="usd", unit_amount=5, product_data={"name": "Tea"}
        )
        assert "works in eur only" in await at.refused("create_refund", payment_intent=shop.payments[0])
        await at.done("create_payment_intent", amount=500, currency="eur")


async def test_what_belongs_to_no_customer_passes_no_limit_by_customer(shop: LiveShop) -> None:
    rules = limited(max_payment_intent_per_customer={"usd": 1000})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        text = await at.refused("create_payment_intent", amount=500, currency="usd")
        assert "belongs to no customer" in text
        await at.done("create_payment_intent", amount=500, currency="usd", customer=shop.customers[0])


async def test_what_nobody_can_count_passes_no_limit(shop: LiveShop) -> None:
    unpaid = await shop.post("payment_intents", amount=500, currency="usd", customer=shop.customers[0])
    rules = limited(max_refund={"usd": 1000})
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        assert "nobody can tell" in await at.refused("create_refund", payment_intent=unpaid["id"])


async def test_prices_in_several_currencies_are_in_none_that_a_rule_admits(shop: LiveShop) -> None:
    product = await shop.post("products", name="Tea")
    prices = [
        await shop.post(
            "prices", product=product["id"], currency=name, unit_amount=700, recurring={"interval": "month"}
        )
        for name in ("usd", "eur")
    ]
    rules = Rules(currencies=frozenset({"usd", "eur"}), unasked_calls=100)
    async with desk(simulator=shop.simulator, rules=rules, **SHOP) as at:
        items = [{"price": price["id"]} for price in prices]
        text = await at.refused("create_subscription", customer=shop.customers[0], items=items)
        assert "in which currency" in text
