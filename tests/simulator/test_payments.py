"""
A PaymentIntent's way through its states, and what is refused on it.

https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from typing import Any

import pytest

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.intent_actions import authenticate
from tests.simulator.till import DAY, Till

RETURN_URL = "https://shop.example.com/return"


@pytest.fixture
def till() -> Till:
    return Till()


def answer_bank(till: Till, intent: str, *, succeeds: bool) -> Any:
    """
    What the owner of the card does in a browser.
    """
    authenticate(till.simulator.store, intent, succeeds=succeeds)
    return till.get(f"payment_intents/{intent}", expand=["latest_charge"])


def in_each_state(till: Till) -> dict[str, str]:
    """
    An intent in every state that there is, by state.
    """
    made = [
        till.intent(),
        till.intent(payment_method="pm_card_visa"),
        till.pay("authenticationRequired"),
        till.pay(capture_method="manual"),
        till.pay(),
        till.post(f"payment_intents/{till.intent()['id']}/cancel"),
    ]
    return {intent["status"]: intent["id"] for intent in made}


ALLOWED = {
    "confirm": {"requires_payment_method", "requires_confirmation", "requires_action"},
    "capture": {"requires_capture"},
    "cancel": {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"},
}


@pytest.mark.parametrize("action", ALLOWED)
def test_what_does_not_fit_the_state_is_refused_and_shows_the_intent(till: Till, action: str) -> None:
    states = in_each_state(till)
    assert len(states) == 6
    fields = {"payment_method": "pm_card_visa"} if action == "confirm" else {}
    for state, intent in states.items():
        path = f"payment_intents/{intent}/{action}"
        if state in ALLOWED[action]:
            assert till.post(path, **fields)["status"] in ("succeeded", "canceled")
            continue
        before = till.get(f"payment_intents/{intent}")
        status, error = till.refused(path, **fields)
        assert (status, error["code"]) == (400, "payment_intent_unexpected_state")
        assert error["payment_intent"] == before == till.get(f"payment_intents/{intent}")


def test_an_intent_that_is_confirmed_later_tells_each_step(till: Till) -> None:
    intent = till.intent(description="Beans", metadata={"order": "1"})
    shipping = {"name": "Ada", "address": {"line1": "1 Pine Street"}}
    paid = till.post(
        f"payment_intents/{intent['id']}/confirm",
        payment_method="pm_card_visa",
        receipt_email="ada@example.com",
        shipping=shipping,
        setup_future_usage="",
        expand=["latest_charge"],
    )
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 5000)
    charge = paid["latest_charge"]
    assert (charge["description"], charge["metadata"]) == ("Beans", {"order": "1"})
    assert (charge["receipt_email"], charge["shipping"]["name"]) == ("ada@example.com", "Ada")
    assert paid["shipping"]["address"]["line1"] == "1 Pine Street"
    assert till.told() == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    assert till.booked(charge["id"]) == [("charge", 5000, 175)]


def test_an_intent_cannot_be_confirmed_without_a_card_of_its_customer(till: Till) -> None:
    customer, card = till.customer("visa")
    other, _ = till.customer()
    alone, others = till.intent()["id"], till.intent(customer=other)["id"]
    _, error = till.refused(f"payment_intents/{alone}/confirm")
    assert (error["code"], error["payment_intent"]["id"]) == ("payment_intent_unexpected_state", alone)
    _, error = till.refused(f"payment_intents/{alone}/confirm", payment_method=card)
    assert (error["code"], error["param"]) == ("parameter_missing", "customer")
    _, error = till.refused(f"payment_intents/{others}/confirm", payment_method=card)
    assert error["param"] == "payment_method"
    assert till.get(f"payment_intents/{others}")["payment_method"] is None
    theirs = till.intent(customer=customer, payment_method=card)["id"]
    till.post(f"payment_methods/{card}/detach")
    assert till.refused(f"payment_intents/{theirs}/confirm")[1]["param"] == "payment_method"


def test_after_a_decline_another_card_pays(till: Till) -> None:
    _, error = till.refused(
        "payment_intents", amount=5000, currency="usd", confirm=True, payment_method="pm_card_chargeDeclined"
    )
    intent, failed = error["payment_intent"]["id"], error["charge"]
    assert till.told() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    status, error = till.refused(
        f"payment_intents/{intent}/confirm", payment_method="pm_card_chargeDeclinedLostCard"
    )
    assert (status, error["decline_code"]) == (402, "lost_card")
    paid = till.post(f"payment_intents/{intent}/confirm", payment_method="pm_card_visa")
    assert (paid["status"], paid["last_payment_error"]) == ("succeeded", None)
    listed = till.walk("charges", payment_intent=intent)
    assert [charge["status"] for charge in listed] == ["succeeded", "failed", "failed"]
    assert (listed[0]["id"], listed[2]["id"]) == (paid["latest_charge"], failed)


def test_the_owner_of_a_card_is_asked_by_stripe_js_or_on_a_page(till: Till) -> None:
    by_js = till.pay("threeDSecure2Required")["next_action"]
    assert by_js["type"] == "use_stripe_sdk"
    assert by_js["use_stripe_sdk"]["type"] == "three_d_secure_redirect"
    on_page = till.pay("threeDSecure2Required", return_url=RETURN_URL)["next_action"]
    assert (on_page["type"], on_page["redirect_to_url"]["return_url"]) == ("redirect_to_url", RETURN_URL)
    both = till.pay("threeDSecure2Required", return_url=RETURN_URL, use_stripe_sdk=True)
    assert both["next_action"]["type"] == "use_stripe_sdk"
    assert till.pay(return_url=RETURN_URL)["next_action"] is None


@pytest.mark.parametrize(
    "fields", [{"off_session": True}, {"return_url": RETURN_URL}, {"use_stripe_sdk": True}]
)
def test_how_to_confirm_is_said_only_by_who_confirms(till: Till, fields: dict[str, Any]) -> None:
    status, error = till.refused("payment_intents", amount=5000, currency="usd", **fields)
    assert (status, [error["param"]]) == (400, [*fields])


def test_a_payment_that_is_authenticated_takes_the_money(till: Till) -> None:
    asked = till.pay("authenticationRequired")
    assert till.told() == ["payment_intent.created", "payment_intent.requires_action"]
    paid = answer_bank(till, asked["id"], succeeds=True)
    assert (paid["status"], paid["next_action"], paid["amount_received"]) == ("succeeded", None, 5000)
    assert till.told() == ["charge.succeeded", "payment_intent.succeeded"]
    secured = paid["latest_charge"]["payment_method_details"]["card"]["three_d_secure"]
    assert (secured["result"], secured["authentication_flow"]) == ("authenticated", "challenge")
    with pytest.raises(StripeError, match="succeeded"):
        authenticate(till.simulator.store, asked["id"], succeeds=True)


def test_a_payment_that_is_not_authenticated_needs_another_card(till: Till) -> None:
    asked = till.pay("authenticationRequired")
    failed = answer_bank(till, asked["id"], succeeds=False)
    assert (failed["status"], failed["next_action"], failed["payment_method"]) == (
        "requires_payment_method",
        None,
        None,
    )
    error = failed["last_payment_error"]
    assert (error["type"], error["code"]) == (
        "invalid_request_error",
        "payment_intent_authentication_failure",
    )
    assert error["payment_method"]["id"] == asked["payment_method"]
    assert till.told()[-1] == "payment_intent.payment_failed"
    assert till.walk("charges", payment_intent=asked["id"]) == []


def test_a_card_can_decline_after_its_owner_agreed(till: Till) -> None:
    asked = till.pay("authenticationRequiredChargeDeclinedInsufficientFunds")
    failed = answer_bank(till, asked["id"], succeeds=True)
    assert failed["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert failed["latest_charge"]["status"] == "failed"


def test_an_intent_confirmed_by_hand_is_confirmed_again_after_its_owner_agreed(till: Till) -> None:
    asked = till.pay("authenticationRequired", confirmation_method="manual")
    agreed = answer_bank(till, asked["id"], succeeds=True)
    assert (agreed["status"], agreed["latest_charge"]) == ("requires_confirmation", None)
    assert till.post(f"payment_intents/{asked['id']}/confirm")["status"] == "succeeded"


def test_the_owner_of_a_card_is_asked_for_each_payment_anew(till: Till) -> None:
    customer, card = till.customer("authenticationRequired")
    for _ in range(2):
        asked = till.pay(customer=customer, payment_method=card)
        assert asked["status"] == "requires_action"
        assert answer_bank(till, asked["id"], succeeds=True)["status"] == "succeeded"


def test_a_card_that_was_set_up_pays_without_its_owner(till: Till) -> None:
    customer, card = till.customer("authenticationRequiredOnSetup")
    alone = {"customer": customer, "payment_method": card, "off_session": True, "confirm": True}
    status, error = till.refused("payment_intents", amount=900, currency="usd", **alone)
    assert (status, error["code"]) == (402, "authentication_required")
    asked = till.pay(customer=customer, payment_method=card, setup_future_usage="off_session")
    answer_bank(till, asked["id"], succeeds=True)
    assert till.intent(**alone)["status"] == "succeeded"
    assert till.intent(**alone | {"off_session": "recurring"})["status"] == "succeeded"
    on_session = till.intent(**alone | {"off_session": False})
    assert on_session["status"] == "requires_action"


def test_a_card_is_kept_for_its_customer_once_it_has_paid(till: Till) -> None:
    customer, _ = till.customer()
    asked = till.pay("authenticationRequired", customer=customer, setup_future_usage="off_session")
    assert till.get(f"customers/{customer}/payment_methods")["data"] == []
    answer_bank(till, asked["id"], succeeds=True)
    (kept,) = till.get(f"customers/{customer}/payment_methods")["data"]
    assert kept["id"] == asked["payment_method"]


def test_an_intent_of_a_customer_who_is_gone_still_pays(till: Till) -> None:
    customer, _ = till.customer()
    intent = till.intent(customer=customer, setup_future_usage="off_session")["id"]
    assert till.ask("DELETE", f"customers/{customer}").status == 200
    assert till.post(f"payment_intents/{intent}/confirm", payment_method="pm_card_visa")["status"] == (
        "succeeded"
    )


# Holds


def test_a_hold_is_captured_in_part_and_the_rest_is_released(till: Till) -> None:
    held = till.pay(capture_method="manual", metadata={"order": "1", "table": "4"})
    card = held["latest_charge"]["payment_method_details"]["card"]
    assert card["capture_before"] == till.now + 7 * DAY
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == (
        "requires_capture",
        5000,
        0,
    )
    assert till.told()[-2:] == ["charge.succeeded", "payment_intent.amount_capturable_updated"]
    taken = till.post(
        f"payment_intents/{held['id']}/capture",
        amount_to_capture=3000,
        final_capture=True,
        metadata={"table": ""},
        statement_descriptor_suffix="BEANS",
        expand=["latest_charge"],
    )
    assert (taken["status"], taken["amount_capturable"], taken["amount_received"]) == ("succeeded", 0, 3000)
    assert (taken["metadata"], taken["statement_descriptor_suffix"]) == ({"order": "1"}, "BEANS")
    charge = taken["latest_charge"]
    assert (charge["captured"], charge["amount_captured"], charge["amount_refunded"]) == (True, 3000, 0)
    assert (charge["refunded"], charge["statement_descriptor_suffix"]) == (False, "BEANS")
    assert till.told() == ["charge.captured", "payment_intent.succeeded"]
    assert till.booked(charge["id"]) == [("charge", 3000, 117)]
    assert till.get("refunds", charge=charge["id"])["data"] == []


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"amount_to_capture": 5001}, "amount_too_large", None),
        ({"amount_to_capture": 49}, "amount_too_small", "amount_to_capture"),
        ({"amount_to_capture": 0}, "parameter_invalid_integer", "amount_to_capture"),
        ({"final_capture": False}, None, "final_capture"),
    ],
)
def test_a_capture_that_cannot_be_leaves_the_hold(
    till: Till, fields: dict[str, Any], code: str | None, param: str | None
) -> None:
    held = till.pay(capture_method="manual")["id"]
    status, error = till.refused(f"payment_intents/{held}/capture", **fields)
    assert (status, error.get("code"), error.get("param")) == (400, code, param)
    assert till.get(f"payment_intents/{held}")["amount_capturable"] == 5000


@pytest.mark.parametrize("reason", [None, "duplicate", "fraudulent", "requested_by_customer", "abandoned"])
def test_a_canceled_intent_says_why_and_holds_nothing(till: Till, reason: str | None) -> None:
    for intent in (till.intent(), till.pay("authenticationRequired"), till.pay(capture_method="manual")):
        fields = {"cancellation_reason": reason} if reason else {}
        gone = till.post(f"payment_intents/{intent['id']}/cancel", **fields)
        assert (gone["status"], gone["cancellation_reason"], gone["canceled_at"]) == (
            "canceled",
            reason,
            till.now,
        )
        assert (gone["amount_capturable"], gone["next_action"]) == (0, None)
    charge = till.get(f"charges/{gone['latest_charge']}")
    assert (charge["captured"], charge["refunded"], charge["amount_refunded"]) == (False, False, 0)
    till.told()
    till.wait(8 * DAY)
    assert "charge.expired" not in [e["type"] for e in events_of(till, gone["latest_charge"])]


def events_of(till: Till, object_id: str) -> list[Any]:
    return [event for event in till.walk("events") if event["data"]["object"]["id"] == object_id]


def test_a_hold_expires_after_seven_days_without_a_refund(till: Till) -> None:
    held = till.pay(capture_method="manual")
    before = till.funds("available") + till.funds("pending")
    till.wait(7 * DAY - 1)
    assert till.get(f"payment_intents/{held['id']}")["status"] == "requires_capture"
    till.wait(1)
    gone = till.get(f"payment_intents/{held['id']}", expand=["latest_charge"])
    assert (gone["status"], gone["cancellation_reason"], gone["canceled_at"], gone["amount_capturable"]) == (
        "canceled",
        "expired",
        till.now,
        0,
    )
    charge = gone["latest_charge"]
    assert (charge["captured"], charge["refunded"], charge["amount_refunded"]) == (False, False, 0)
    assert till.get("refunds", charge=charge["id"])["data"] == []
    assert till.booked(charge["id"]) == []
    assert till.funds("available") + till.funds("pending") >= before  # nothing was taken for it
    (expired,) = [e for e in till.walk("events", type="charge.expired") if e["data"]["object"] == charge]
    canceled = events_of(till, gone["id"])[0]
    assert (expired["created"], canceled["created"], canceled["type"]) == (
        till.now,
        till.now,
        "payment_intent.canceled",
    )
    assert till.refused(f"payment_intents/{held['id']}/capture")[1]["code"] == (
        "payment_intent_unexpected_state"
    )


def test_a_hold_that_was_captured_in_time_does_not_expire(till: Till) -> None:
    held = till.pay(capture_method="manual")
    direct = till.post("charges", amount=700, currency="usd", source="tok_visa", capture=False)["id"]
    till.wait(7 * DAY - 1)
    till.post(f"payment_intents/{held['id']}/capture")
    till.post(f"charges/{direct}/capture")
    till.wait(DAY)
    assert till.get(f"payment_intents/{held['id']}")["status"] == "succeeded"
    assert till.get(f"charges/{direct}")["refunded"] is False


def test_a_charge_without_an_intent_expires_as_refunded(till: Till) -> None:
    held = till.post("charges", amount=700, currency="usd", source="tok_visa", capture=False)["id"]
    let_go = till.post("charges", amount=800, currency="usd", source="tok_visa", capture=False)["id"]
    till.post("refunds", charge=let_go)
    till.wait(7 * DAY)
    charge = till.get(f"charges/{held}", expand=["refunds"])
    assert (charge["captured"], charge["refunded"], charge["amount_refunded"]) == (False, True, 700)
    (refund,) = charge["refunds"]["data"]
    assert (refund["reason"], refund["balance_transaction"]) == ("expired_uncaptured_charge", None)
    assert events_of(till, held)[0]["type"] == "charge.expired"
    assert len(till.get("refunds", charge=let_go)["data"]) == 1
    status, error = till.refused(f"charges/{held}/capture")
    assert (status, error["code"]) == (400, "charge_expired_for_capture")


# Invoices


def open_invoice(till: Till, card: str | None = None) -> tuple[Any, str]:
    """
    An open invoice of a customer without a default card, and the intent that pays it.
    """
    customer, _ = till.customer(card)
    till.post("invoiceitems", customer=customer, amount=1500, currency="usd")
    fields = {"customer": customer, "pending_invoice_items_behavior": "include", "auto_advance": False}
    draft = till.post("invoices", **fields)["id"]
    invoice = till.post(f"invoices/{draft}/finalize", expand=["payments.data.payment.payment_intent"])
    (payment,) = invoice["payments"]["data"]
    return invoice, payment["payment"]["payment_intent"]["id"]


def test_an_invoice_is_paid_by_confirming_its_intent(till: Till) -> None:
    invoice, intent = open_invoice(till)
    path = f"payment_intents/{intent}/confirm"
    assert till.refused(path, payment_method="pm_card_chargeDeclined")[0] == 402
    assert till.get(f"invoices/{invoice['id']}")["status"] == "open"
    assert till.post(path, payment_method="pm_card_visa")["status"] == "succeeded"
    assert till.get(f"invoices/{invoice['id']}")["status"] == "paid"


def test_an_invoice_is_paid_once_the_owner_of_the_card_has_agreed(till: Till) -> None:
    invoice, intent = open_invoice(till)
    path = f"payment_intents/{intent}/confirm"
    assert till.post(path, payment_method="pm_card_authenticationRequired")["status"] == "requires_action"
    assert till.get(f"invoices/{invoice['id']}")["status"] == "open"
    answer_bank(till, intent, succeeds=True)
    paid = till.get(f"invoices/{invoice['id']}")
    assert (paid["status"], paid["amount_paid"]) == ("paid", 1500)


def test_the_intent_of_an_invoice_is_neither_canceled_nor_captured_by_hand(till: Till) -> None:
    invoice, intent = open_invoice(till)
    status, error = till.refused(f"payment_intents/{intent}/cancel")
    assert (status, error["payment_intent"]["id"]) == (400, intent)
    by_hand = {"payment_method": "pm_card_visa", "capture_method": "manual"}
    assert till.refused(f"payment_intents/{intent}/confirm", **by_hand)[1]["param"] == "capture_method"
    till.post(f"invoices/{invoice['id']}/void")
    assert till.get(f"payment_intents/{intent}")["cancellation_reason"] == "void_invoice"


def test_a_subscription_that_has_to_be_complete_at_once_is_not_started_otherwise(till: Till) -> None:
    price = till.get("prices", lookup_keys=["starter_monthly"])["data"][0]["id"]
    expected = {
        "chargeCustomerFail": "card_declined",
        "authenticationRequired": "subscription_payment_intent_requires_action",
    }
    for card, code in expected.items():
        customer, method = till.customer(card)
        fields = {"customer": customer, "items": [{"price": price}], "default_payment_method": method}
        status, error = till.refused("subscriptions", **fields, payment_behavior="error_if_incomplete")
        assert (status, error["code"]) == (402, code)
        assert till.get("subscriptions", customer=customer, status="all")["data"] == []
