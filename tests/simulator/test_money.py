import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.currency import CURRENCIES, decimals
from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.money import amount_text, fee_for
from stripe_mcp.simulator.refunds import create_refund
from tests.simulator.front_door import DAY, NOW, Shop
from tests.simulator.till import Till

pytestmark = pytest.mark.anyio


async def balances(shop: Shop) -> dict[str, int]:
    balance = await shop.get("balance")
    sums: dict[str, int] = {}
    for part in balance["available"] + balance["pending"]:
        sums[part["currency"]] = sums.get(part["currency"], 0) + part["amount"]
    return sums


async def test_the_balance_is_the_sum_of_its_transactions_before_and_after_a_refund() -> None:
    shop = Shop()
    for _ in range(2):
        listed = await shop.rows("balance_transactions")
        sums = dict.fromkeys((t["currency"] for t in listed), 0)
        for transaction in listed:
            sums[transaction["currency"]] += transaction["net"]
        assert sums == await balances(shop)
        if _ == 0:
            await shop.post("refunds", {"payment_intent": "pi_DEF456", "amount": "1000"})


async def test_money_is_pending_for_two_days_and_then_available() -> None:
    shop = Shop()
    held = shop.find("charge", captured=False, currency="gbp")["id"]
    charge = await shop.post(f"charges/{held}/capture")
    fields = {"source": held, "expand[]": "data.source"}
    (transaction,) = (await shop.get("balance_transactions", fields))["data"]
    assert (transaction["status"], transaction["source"]["id"]) == ("pending", held)
    assert (transaction["amount"], transaction["fee"], transaction["net"]) == (3000, 117, 2883)
    shop.now += 2 * DAY
    charge = await shop.get(f"charges/{held}", {"expand[]": "balance_transaction"})
    assert charge["balance_transaction"]["status"] == "available"


async def test_no_balance_transaction_belongs_to_a_payout() -> None:
    assert await Shop().ids("balance_transactions", {"payout": "po_1"}) == []


async def test_a_refund_takes_the_whole_rest_and_then_nothing_is_left() -> None:
    shop = Shop()
    await shop.post("refunds", {"payment_intent": "pi_DEF456", "amount": "1900"})
    rest = await shop.post("refunds", {"payment_intent": "pi_DEF456", "reason": "requested_by_customer"})
    assert (rest["amount"], rest["status"], rest["reason"]) == (3000, "succeeded", "requested_by_customer")
    charge = await shop.get(f"charges/{rest['charge']}", {"expand[]": "refunds"})
    assert (charge["refunded"], charge["amount_refunded"], charge["refunds"]["total_count"]) == (
        True,
        4900,
        2,
    )
    status, error = await shop.refusal("POST", "refunds", {"charge": rest["charge"]})
    assert (status, error["code"]) == (400, "charge_already_refunded")
    assert await shop.ids("refunds", {"charge": rest["charge"]}) == [
        rest["id"],
        charge["refunds"]["data"][1]["id"],
    ]
    assert (await shop.get(f"refunds/{rest['id']}"))["payment_intent"] == "pi_DEF456"


async def test_more_than_is_left_is_not_refunded() -> None:
    status, error = await Shop().refusal("POST", "refunds", {"payment_intent": "pi_DEF456", "amount": "6000"})
    assert (status, error["param"]) == (400, "amount")
    assert "Refund amount ($60.00) is greater than unrefunded amount on charge ($49.00)" in error["message"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "parameter_missing"),
        ({"charge": "ch_1", "payment_intent": "pi_1"}, "parameters_exclusive"),
        ({"charge": "ch_none"}, "resource_missing"),
        ({"payment_intent": "pi_none"}, "resource_missing"),
        ({"charge": "ch_none", "origin": "customer_balance"}, "simulator_unsupported"),
    ],
)
async def test_a_refund_names_one_payment_that_exists(fields: dict[str, str], code: str) -> None:
    assert (await Shop().refusal("POST", "refunds", fields))[1]["code"] == code


async def test_what_never_succeeded_cannot_be_refunded() -> None:
    shop = Shop()
    failed = shop.find("charge", status="failed")
    assert (await shop.refusal("POST", "refunds", {"charge": failed["id"]}))[1][
        "code"
    ] == "charge_not_refundable"
    waiting = {"payment_intent": failed["payment_intent"]}
    error = (await shop.refusal("POST", "refunds", waiting))[1]
    assert error["code"] == "payment_intent_unexpected_state"


async def test_a_refunded_hold_is_released_without_money_moving() -> None:
    shop = Shop()
    held = shop.find("charge", captured=False, currency="eur", status="succeeded")["id"]
    before = await balances(shop)
    assert (await shop.refusal("POST", "refunds", {"charge": held, "amount": "100"}))[0] == 400
    refund = await shop.post("refunds", {"charge": held})
    assert (refund["amount"], refund["balance_transaction"]) == (4500, None)
    assert await balances(shop) == before
    assert (await shop.refusal("POST", f"charges/{held}/capture"))[1]["code"] == "charge_already_refunded"


async def test_a_partial_capture_releases_the_rest_without_a_refund() -> None:
    shop = Shop()
    held = shop.find("charge", captured=False, currency="usd", payment_intent=None)["id"]
    fields = {"amount": "5000", "receipt_email": "a@example.com", "statement_descriptor": "TASTING"}
    charge = await shop.post(f"charges/{held}/capture", fields)
    assert (charge["captured"], charge["amount_captured"], charge["amount_refunded"]) == (True, 5000, 0)
    assert (charge["receipt_email"], charge["statement_descriptor"]) == ("a@example.com", "TASTING")
    assert await shop.ids("refunds", {"charge": held}) == []
    assert (await shop.refusal("POST", f"charges/{held}/capture"))[1]["code"] == "charge_already_captured"
    assert (await shop.post("refunds", {"charge": held}))["amount"] == 5000


async def test_a_capture_is_refused_beyond_the_hold_of_a_failure_and_of_a_payment_intents_charge() -> None:
    shop = Shop()
    held = shop.find("charge", captured=False, currency="gbp")["id"]
    error = (await shop.refusal("POST", f"charges/{held}/capture", {"amount": "3001"}))[1]
    assert error["code"] == "amount_too_large"
    of_intent = shop.find("payment_intent", status="requires_capture")["latest_charge"]
    assert "PaymentIntent" in (await shop.refusal("POST", f"charges/{of_intent}/capture"))[1]["message"]
    failed = shop.find("charge", status="failed") | {"payment_intent": None}
    shop.simulator.store.table("charge").records[failed["id"]] = failed
    assert "failed" in (await shop.refusal("POST", f"charges/{failed['id']}/capture"))[1]["message"]


async def test_a_payment_intent_moves_no_money_until_it_is_confirmed() -> None:
    shop = Shop()
    before = await balances(shop)
    fields = {
        "amount": "5000",
        "currency": "USD",
        "customer": "cus_ABC123",
        "description": "Beans",
        "metadata[order]": "7",
        "metadata[empty]": "",
        "shipping[name]": "John",
        "shipping[address][city]": "Portland",
        "automatic_payment_methods[enabled]": "true",
    }
    intent = await shop.post("payment_intents", fields)
    assert (intent["status"], intent["currency"]) == ("requires_payment_method", "usd")
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    assert (intent["metadata"], intent["shipping"]["address"]["city"]) == ({"order": "7"}, "Portland")
    method = shop.find("customer", id="cus_ABC123")["invoice_settings"]["default_payment_method"]
    second = await shop.post("payment_intents", fields | {"payment_method": method})
    assert (second["status"], second["payment_method"]) == ("requires_confirmation", method)
    assert await balances(shop) == before
    assert await shop.ids("payment_intents", {"customer": "cus_ABC123", "limit": 2}) == [
        second["id"],
        intent["id"],
    ]


async def test_a_confirmed_payment_intent_takes_the_money_or_says_402() -> None:
    shop = Shop()
    fields = {"amount": "5000", "currency": "usd", "confirm": "true"}
    paid = await shop.post("payment_intents", fields | {"payment_method": "pm_card_visa"})
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 5000)
    saved = {"customer": "cus_ABC123", "setup_future_usage": "off_session", "payment_method": "pm_card_amex"}
    method = (await shop.post("payment_intents", fields | saved))["payment_method"]
    assert method in await shop.ids("customers/cus_ABC123/payment_methods")
    status, error = await shop.refusal(
        "POST", "payment_intents", fields | {"payment_method": "pm_card_chargeCustomerFail"}
    )
    assert (status, error["type"], error["code"]) == (402, "card_error", "card_declined")
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert (await shop.refusal("POST", "payment_intents", fields))[1]["param"] == "payment_method"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"amount": "49", "currency": "usd"}, "amount_too_small"),
        ({"amount": "100000000", "currency": "usd"}, "amount_too_large"),
        ({"amount": "12345", "currency": "kwd"}, "parameter_invalid_integer"),
        ({"amount": "0", "currency": "usd"}, "parameter_invalid_integer"),
        ({"currency": "usd"}, "parameter_missing"),
        ({"amount": "500", "currency": "usd", "customer": "cus_no"}, "resource_missing"),
        ({"amount": "500", "currency": "usd", "payment_method": "pm_no"}, "resource_missing"),
        (
            {"amount": "500", "currency": "usd", "payment_method_types[]": "card"},
            "payment_method_types_no_longer_supported",
        ),
        (
            {
                "amount": "500",
                "currency": "usd",
                "automatic_payment_methods[enabled]": "true",
                "allowed_payment_method_types[]": "card",
            },
            "parameters_exclusive",
        ),
    ],
)
async def test_a_payment_intent_that_cannot_be_is_refused(fields: dict[str, str], code: str) -> None:
    assert (await Shop().refusal("POST", "payment_intents", fields))[1]["code"] == code


async def test_a_payment_intent_takes_no_card_of_somebody_else_and_shows_what_it_allows() -> None:
    shop = Shop()
    theirs = shop.find("customer", email="priya.nair@example.org")["invoice_settings"][
        "default_payment_method"
    ]
    fields = {"amount": "500", "currency": "usd"}
    assert (await shop.refusal("POST", "payment_intents", fields | {"payment_method": theirs}))[0] == 400
    only = await shop.post("payment_intents", fields | {"allowed_payment_method_types[]": "card"})
    assert (only["payment_method_types"], only["automatic_payment_methods"]) == (["card"], None)
    wrong = {"client_secret": "pi_DEF456_secret_x"}
    assert (await shop.refusal("GET", "payment_intents/pi_DEF456", wrong))[1]["param"] == "client_secret"


def test_amounts_are_written_with_the_decimals_of_their_currency() -> None:
    texts = [
        amount_text(4900, "usd"),
        amount_text(500, "jpy"),
        amount_text(12340, "kwd"),
        amount_text(-5, "eur"),
    ]
    assert texts == ["$49.00", "¥500", "12.340 KWD", "-€0.05"]
    assert (fee_for(4900), fee_for(10)) == (172, 10)


# https://docs.stripe.com/currencies#minimum-charge-amount-by-currency, as it says it
LEAST = """
    0.50 USD  2.00 AED  0.50 ARS  0.50 AUD  0.50 BRL  0.50 CAD  0.50 CHF  0.50 COP  15.00 CZK  2.50 DKK
    0.50 EUR  0.30 GBP  4.00 HKD  175.00 HUF  0.50 IDR  0.50 ILS  0.50 INR  50 JPY  50 KRW  10 MXN  2.00 MYR
    3.00 NOK  0.50 NZD  0.50 PHP  2.00 PLN  2.00 RON  0.50 RUB  3.00 SEK  0.50 SGD  10 THB  0.50 ZAR
""".split()  # noqa: SIM905 - 60 lines less
DIGITS = dict.fromkeys(CURRENCIES, 8) | {"idr": 12, "cop": 10, "inr": 9}
# Currencies whose amounts have to end in zeros: with three decimals, and those that lost theirs.
ZEROS = dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 1) | {"isk": 2, "ugx": 2}


def test_the_least_amount_of_a_currency_can_be_charged_and_less_cannot() -> None:
    till = Till()
    for amount, currency in zip(LEAST[::2], LEAST[1::2], strict=True):
        least = int(Decimal(amount) * 10 ** decimals(currency.lower()))
        assert till.intent(amount=least, currency=currency)["currency"] == currency.lower()
        status, error = till.refused("payment_intents", amount=least - 1, currency=currency)
        assert (status, error["code"], error["param"]) == (400, "amount_too_small", "amount")


def test_the_largest_amount_of_a_currency_is_a_matter_of_digits() -> None:
    till = Till()
    for currency, digits in DIGITS.items():
        most = 10**digits - 10 ** ZEROS.get(currency, 0)
        assert till.intent(amount=most, currency=currency)["amount"] == most
        _, error = till.refused("payment_intents", amount=10**digits, currency=currency)
        assert error["code"] == "amount_too_large"


@pytest.mark.parametrize("currency", ZEROS)
def test_an_amount_has_no_digits_that_its_currency_has_not(currency: str) -> None:
    till, fields = Till(), {"currency": currency, "source": "tok_visa", "capture": False}
    assert till.post("charges", amount=12_000, **fields)["amount"] == 12_000
    for amount in (12_001, 12_000 + 10 ** (ZEROS[currency] - 1)):
        _, error = till.refused("charges", amount=amount, **fields)
        assert (error["code"], error["param"]) == ("parameter_invalid_integer", "amount")
    held = till.post("charges", amount=12_000, **fields)["id"]
    assert till.refused(f"charges/{held}/capture", amount=11_999)[1]["code"] == "parameter_invalid_integer"


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd"])
def test_what_comes_and_goes_in_a_currency_adds_up(currency: str) -> None:
    till = Till()
    for card in ("visa", "bypassPending", "refundFail", "pendingRefund", "createDispute", "visa"):
        paid = till.pay(card, currency=currency)
        if card != "createDispute":
            till.post("refunds", payment_intent=paid["id"], amount=1000)
    for wait in (0, 3600, 2 * DAY, 30 * DAY):
        till.wait(wait)
        listed = till.walk("balance_transactions", currency=currency)
        for part in ("available", "pending"):
            of_part = [each["net"] for each in listed if each["status"] == part]
            assert till.funds(part, currency) == sum(of_part)
        assert all(each["net"] == each["amount"] - each["fee"] for each in listed)


def test_some_money_is_available_at_once() -> None:
    till = Till()
    for card in ("bypassPending", "bypassPendingInternational"):
        before = till.funds("available")
        booked = till.pay(card, expand=["latest_charge.balance_transaction"])["latest_charge"]
        assert booked["balance_transaction"]["status"] == "available"
        assert till.funds("available") == before + booked["balance_transaction"]["net"]


@given(amounts=st.lists(st.integers(1, 6000), max_size=8))
def test_refunds_never_add_up_to_more_than_the_charge(amounts: list[int]) -> None:
    store = Simulator(clock=lambda: NOW).store
    for amount in amounts:
        wanted: dict[str, Any] = {"payment_intent": "pi_DEF456", "amount": amount}
        with contextlib.suppress(StripeError):
            create_refund(store, wanted)
    charge = store.get("charge", store.get("payment_intent", "pi_DEF456")["latest_charge"])
    refunds = [r["amount"] for r in store.all("refund") if r["charge"] == charge["id"]]
    assert charge["amount_refunded"] == sum(refunds) <= charge["amount"]
    assert charge["refunded"] is (sum(refunds) == charge["amount"])
