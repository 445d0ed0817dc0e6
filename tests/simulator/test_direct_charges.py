"""
Charges made without a PaymentIntent, by a test token or a card's id.
"""

from typing import Any

import pytest

from stripe_mcp.simulator.cards import TEST_CARDS
from stripe_mcp.simulator.money import LEAST_CHARGE
from tests.simulator.direct import Desk

DECLINING = "tok_chargeCustomerFail"


def customer_with_card(desk: Desk, card: str = "pm_card_visa") -> tuple[str, str]:
    customer = desk.ask("POST", "customers", {"payment_method": card}).body["id"]
    (saved,) = desk.get(f"customers/{customer}/payment_methods")["data"]
    return customer, saved["id"]


def refusal(desk: Desk, **fields: Any) -> tuple[int, Any]:
    """
    Status and error of a charge that has to fail; every case leaves the money as it was.
    """
    before = desk.get("balance")
    answer = desk.ask("POST", "charges", {"amount": 1000, "currency": "usd"} | fields)
    assert answer.status >= 400
    assert desk.get("balance") == before
    return answer.status, answer.body["error"]


@pytest.mark.parametrize("named", [*TEST_CARDS, *(name.replace("pm_card_", "tok_") for name in TEST_CARDS)])
def test_every_test_card_can_be_named_as_a_source_by_both_of_its_names(named: str) -> None:
    desk = Desk()
    fields = {"amount": 1000, "currency": "usd", "source": named, "capture": False}
    answer = desk.ask("POST", "charges", fields)
    made = desk.get("charges", limit=1)["data"][0]
    _, last4 = TEST_CARDS[named.replace("tok_", "pm_card_")][:2]
    assert made["payment_method_details"]["card"]["last4"] == last4
    assert answer.body.get("error", {}).get("charge", made["id"]) == made["id"]


def test_a_charge_is_booked_at_once_and_carries_what_was_said_of_it() -> None:
    desk = Desk()
    said = {
        "description": "Beans",
        "receipt_email": "ada@example.com",
        "statement_descriptor_suffix": "BEANS",
        "metadata": {"order": "1"},
    }
    shipping = {"name": "Ada", "address": {"line1": "1 Pine Street"}}
    fields = {"amount": 1000, "currency": "usd", "source": "tok_visa", "shipping": shipping} | said
    made = desk.ask("POST", "charges", fields).body
    assert {name: made[name] for name in said} == said
    assert made["shipping"]["address"]["line1"] == "1 Pine Street"
    assert (made["captured"], made["amount_captured"], made["payment_intent"]) == (True, 1000, None)
    booked = desk.get("balance_transactions", source=made["id"])["data"]
    assert [(entry["id"], entry["amount"]) for entry in booked] == [(made["balance_transaction"], 1000)]


def test_a_hold_is_booked_when_it_is_captured() -> None:
    desk = Desk()
    fields = {"amount": 1000, "currency": "usd", "source": "tok_visa", "capture": False}
    held = desk.ask("POST", "charges", fields).body
    assert (held["captured"], held["balance_transaction"]) == (False, None)
    captured = desk.ask("POST", f"charges/{held['id']}/capture").body
    assert (captured["captured"], captured["amount_captured"]) == (True, 1000)


def test_a_decline_is_a_402_and_the_charge_that_failed_is_kept() -> None:
    desk = Desk()
    status, error = refusal(desk, source=DECLINING)
    kept = desk.get(f"charges/{error['charge']}")
    assert (status, error["type"], error["message"]) == (402, "card_error", kept["failure_message"])
    assert (error["code"], error["decline_code"]) == (kept["failure_code"], "generic_decline")
    assert (kept["status"], kept["paid"], kept["captured"]) == ("failed", False, False)
    assert desk.get("events", limit=1)["data"][0]["type"] == "charge.failed"


def test_a_customer_is_charged_by_a_card_of_their_own() -> None:
    desk = Desk()
    customer, card = customer_with_card(desk)
    fields = {"amount": 1000, "currency": "usd", "customer": customer, "source": card}
    made = desk.ask("POST", "charges", fields).body
    assert (made["customer"], made["payment_method"], made["status"]) == (customer, card, "succeeded")


def test_a_card_is_charged_only_with_the_customer_it_belongs_to() -> None:
    desk = Desk()
    customer, card = customer_with_card(desk)
    other, _ = customer_with_card(desk)
    status, error = refusal(desk, source=card)
    assert (status, error["param"]) == (400, "source")
    for wrong in ({"customer": other, "source": card}, {"customer": customer, "source": "tok_visa"}):
        status, error = refusal(desk, **wrong)
        assert (status, error["code"], error["param"]) == (404, "missing", "source")


def test_a_customers_default_for_invoices_is_not_charged() -> None:
    """
    The Charges API is older than that default, and looks for a `default_source`.
    """
    desk = Desk()
    customer, card = customer_with_card(desk)
    default = {"invoice_settings": {"default_payment_method": card}}
    assert desk.ask("POST", f"customers/{customer}", default).status == 200
    status, error = refusal(desk, customer=customer)
    assert (status, error["type"], error["code"]) == (402, "card_error", "missing")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "parameter_missing", "source"),
        ({"source": "tok_nosuch"}, "resource_missing", "source"),
        ({"source": "pm_nosuch"}, "resource_missing", "source"),
        ({"source": "tok_visa", "customer": "cus_nosuch"}, "resource_missing", "customer"),
        ({"source": "tok_visa", "amount": 49}, "amount_too_small", "amount"),
        ({"source": "tok_visa", "transfer_group": "g"}, "simulator_unsupported", "transfer_group"),
    ],
)
def test_what_is_wrong_with_a_charge_is_named(fields: dict[str, Any], code: str, param: str) -> None:
    status, error = refusal(Desk(), **fields)
    assert (status, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize("missing", ["amount", "currency"])
def test_a_charge_needs_an_amount_and_a_currency(missing: str) -> None:
    fields = {"amount": 1000, "currency": "usd", "source": "tok_visa"}
    del fields[missing]
    answer = Desk().ask("POST", "charges", fields)
    assert (answer.status, answer.body["error"]["param"]) == (400, missing)


@pytest.mark.parametrize("currency", LEAST_CHARGE)
def test_less_than_the_least_amount_is_neither_held_nor_captured(currency: str) -> None:
    desk, least = Desk(), LEAST_CHARGE[currency]
    held = {"currency": currency, "source": "tok_visa", "capture": False}
    assert refusal(desk, **held, amount=least - 1)[1]["code"] == "amount_too_small"
    made = desk.ask("POST", "charges", held | {"amount": 2 * least}).body["id"]
    too_little = desk.ask("POST", f"charges/{made}/capture", {"amount": least - 1})
    assert (too_little.status, too_little.body["error"]["code"]) == (400, "amount_too_small")
    assert desk.ask("POST", f"charges/{made}/capture", {"amount": least}).status == 200
