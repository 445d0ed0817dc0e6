"""
Refunds, captures and payments: the amount that is told is the one that moves.
"""

from typing import Any

import pytest

from stripe_mcp.errors import InvalidArguments, NoAnswer, StripeError
from stripe_mcp.safety.stakes import payment_of, read_stakes
from tests.safety.stakes_shop import Body, Shop, an_own

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop() -> Shop:
    return Shop()


# Refunds


async def test_every_refund_of_what_is_left_moves_what_was_said(shop: Shop) -> None:
    """
    By charge or by payment intent, in every currency, of paid, partly refunded and held charges alike.
    """
    seen = set()
    for number, charge in enumerate(shop.all("charge")):
        by = {"charge": charge["id"]}
        if charge["payment_intent"] and number % 2:
            by = {"payment_intent": charge["payment_intent"]}
        stakes = await shop.stakes("create_refund", **by)
        assert stakes.kind == "refund"
        assert stakes.customer == charge["customer"]
        try:
            refund = await shop.call("create_refund", **by)
        except StripeError:
            continue
        assert (stakes.amount, stakes.currency) == (refund["amount"], refund["currency"])
        seen.add((refund["currency"], charge["captured"], charge["amount_refunded"] > 0))
    assert {currency for currency, _, _ in seen} >= {"usd", "jpy", "kwd", "eur"}
    assert {(captured, partly) for _, captured, partly in seen} == {
        (True, False),
        (True, True),
        (False, False),
    }


async def test_part_of_a_payment_is_told_with_what_can_still_come_back(shop: Shop) -> None:
    john = await shop.stakes("create_refund", payment_intent="pi_DEF456", amount=2500)
    assert john.who == '"John Smith" (j***@example.com) cus_ABC123'
    day = john.what[0].partition(" on ")[2][:10]
    assert john.what[0].startswith(f'Refund $25.00 of $49.00 that was paid on {day} ("')
    assert john.what[1:] == ("$24.00 can still be refunded after that",)
    await shop.call("create_refund", payment_intent="pi_DEF456", amount=2500)
    rest = await shop.stakes("create_refund", payment_intent="pi_DEF456")
    assert rest.amount == 2400
    assert rest.what[1] == "$0.00 can still be refunded after that"
    more = await shop.stakes("create_refund", payment_intent="pi_DEF456", amount=2401)
    assert more.what[1] == "Only $24.00 is left of it"


async def test_a_whole_number_may_be_written_with_a_point(shop: Shop) -> None:
    stakes = [
        await shop.stakes("create_refund", payment_intent="pi_DEF456", amount=each) for each in (500, 500.0)
    ]
    assert stakes[0] == stakes[1]
    assert type(stakes[1].amount) is int
    assert stakes[0].digest == stakes[1].digest


async def test_a_yen_has_no_cents(shop: Shop) -> None:
    [charge] = shop.all("charge", currency="jpy")
    assert (await shop.stakes("create_refund", charge=charge["id"])).what[0].startswith("Refund ¥500 of ¥500")


async def test_of_a_currency_that_is_not_known_the_smallest_unit_is_named(shop: Shop) -> None:
    [charge, *_] = shop.all("charge", captured=True, status="succeeded", refunded=False)
    shop.lacks(charge, currency="xyz", amount_captured=5000, amount_refunded=0)
    stakes = await shop.stakes("create_refund", charge=charge["id"])
    assert stakes.what[0].startswith("Refund 5000 xyz in its smallest unit of 5000 xyz in its smallest unit")


async def test_refunding_a_hold_releases_it_and_collects_nothing(shop: Shop) -> None:
    held = shop.all("charge", captured=False, status="succeeded", payment_intent=None)
    assert held
    for charge in held:
        stakes = await shop.stakes("create_refund", charge=charge["id"])
        assert stakes.what[0].startswith("Release ")
        assert stakes.what[1] == "Nothing was collected, so no money comes back"
        assert stakes.amount == charge["amount"]
        await shop.call("create_refund", charge=charge["id"])
        released = await shop.stakes("create_refund", charge=charge["id"])
        assert released.amount is None
        assert released.what[1].startswith("Only ")


async def test_a_charge_that_was_captured_in_part_gives_back_no_more(shop: Shop) -> None:
    [charge, *_] = shop.all("charge", captured=False, status="succeeded", payment_intent=None)
    await shop.call("capture_charge", charge_id=charge["id"], amount=1000)
    stakes = await shop.stakes("create_refund", charge=charge["id"])
    assert stakes.amount == 1000
    assert "10.00 of " in stakes.what[0]
    assert str(charge["amount"] // 100) not in stakes.what[0].partition(" that ")[0]


async def test_what_was_not_paid_reads_so_and_nobody_can_tell_what_a_refund_would_be(shop: Shop) -> None:
    failed = [{"charge": each["id"]} for each in shop.all("charge", status="failed")]
    unpaid = [{"payment_intent": each["id"]} for each in shop.all("payment_intent", latest_charge=None)]
    assert failed
    assert unpaid
    for by in failed + unpaid:
        stakes = await shop.stakes("create_refund", **by)
        assert stakes.what[1] == "It was not paid"
        assert stakes.amount is None
        assert (await shop.stakes("create_refund", **by, amount=100)).amount == 100


@pytest.mark.parametrize(
    "change", [{"amount": 10}, {"reason": "fraudulent"}], ids=["another amount", "a block of the card"]
)
async def test_what_a_person_would_decide_by_is_part_of_the_digest(change: Body, shop: Shop) -> None:
    whole = await shop.stakes("create_refund", payment_intent="pi_DEF456")
    other = await shop.stakes("create_refund", payment_intent="pi_DEF456", **change)
    assert whole.digest != other.digest


async def test_another_refund_or_another_name_meanwhile_changes_the_digest(shop: Shop) -> None:
    digests = {(await shop.stakes("create_refund", payment_intent="pi_DEF456", amount=100)).digest}
    await shop.call("create_refund", payment_intent="pi_DEF456", amount=100)
    digests.add((await shop.stakes("create_refund", payment_intent="pi_DEF456", amount=100)).digest)
    await shop.call("update_customer", customer_id="cus_ABC123", name="Mallory")
    digests.add((await shop.stakes("create_refund", payment_intent="pi_DEF456", amount=100)).digest)
    assert len(digests) == 3


@pytest.mark.parametrize("field", ["currency", "amount", "amount_captured", "amount_refunded"])
@pytest.mark.parametrize("value", [None, True, 5.5, []], ids=str)
async def test_a_charge_that_does_not_say_how_much_it_is_decides_nothing(
    field: str, value: Any, shop: Shop
) -> None:
    [charge, *_] = shop.all("charge", captured=True, status="succeeded", refunded=False)
    shop.lacks(charge, **{field: value})
    with pytest.raises(NoAnswer):
        await shop.stakes("create_refund", charge=charge["id"])


async def test_a_payment_whose_charge_is_not_shown_decides_nothing(shop: Shop) -> None:
    shop.lacks(await shop.get("payment_intents/pi_DEF456"), latest_charge="ch_1")
    with pytest.raises(NoAnswer):
        await shop.stakes("create_refund", payment_intent="pi_DEF456")


async def test_a_charge_and_its_payment_intent_are_one_payment(shop: Shop) -> None:
    for charge in shop.all("charge")[:40]:
        payment = charge["payment_intent"] or charge["id"]
        assert await payment_of({"charge": charge["id"]}, shop.read) == payment
        asked = len(shop.asked)
        assert await payment_of({"payment_intent": payment}, shop.read) == payment
        assert len(shop.asked) == asked


async def test_a_refund_of_nothing_in_particular_is_refused(shop: Shop) -> None:
    for ask in (payment_of({"amount": 5}, shop.read), shop.stakes("create_refund", amount=5)):
        with pytest.raises(InvalidArguments, match="payment_intent or charge"):
            await ask


# Captures


@pytest.mark.parametrize("part", [1.0, 0.5])
async def test_every_capture_collects_what_was_said(part: float, shop: Shop) -> None:
    for charge in shop.all("charge", captured=False, status="succeeded", payment_intent=None):
        given = {"charge_id": charge["id"]} | ({} if part == 1 else {"amount": charge["amount"] // 2})
        stakes = await shop.stakes("capture_charge", **given)
        captured = await shop.call("capture_charge", **given)
        assert stakes.kind == "capture"
        assert (stakes.amount, stakes.currency) == (captured["amount_captured"], captured["currency"])
        assert len(stakes.what) == (1 if part == 1 else 2)


async def test_what_is_held_no_more_reads_so(shop: Shop) -> None:
    [charge, *_] = shop.all("charge", captured=True, status="succeeded")
    stakes = await shop.stakes("capture_charge", charge_id=charge["id"], amount=100)
    assert "of $0.00 that is held" in stakes.what[0]


# Payment intents


async def test_a_payment_intent_is_told_by_its_arguments_alone(shop: Shop) -> None:
    stakes = await shop.stakes("create_payment_intent", amount=5000, currency="jpy", customer="cus_ABC123")
    assert (stakes.kind, stakes.amount, stakes.currency) == ("payment_intent", 5000, "jpy")
    assert (stakes.customer, stakes.who) == ("cus_ABC123", "cus_ABC123")
    assert stakes.what == ("Prepare a payment of ¥5,000",)
    assert not stakes.irreversible
    assert shop.asked == []
    assert (await shop.stakes("create_payment_intent", amount=5, currency="usd")).who == "no customer"


async def test_a_payment_intent_that_charges_at_once_says_so(shop: Shop) -> None:
    arguments = {"amount": 5000, "currency": "USD", "confirm": True}
    stakes = await read_stakes(an_own("create_payment_intent"), arguments, shop.read)
    assert stakes.what == ("Charge $50.00",)
    assert stakes.currency == "usd"
    assert stakes.irreversible
