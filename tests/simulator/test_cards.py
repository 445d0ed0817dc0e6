"""
Test cards do what docs.stripe.com/testing says of them.
"""

import pytest

from stripe_mcp.simulator.cards import CARDS, NOT_MODELLED, Card
from tests.simulator.till import Till

# Name: code and decline code, as the page lists them (a code that says it all has no decline code).
DECLINES = {
    "visa_chargeDeclined": ("card_declined", "generic_decline"),
    "visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedExpiredCard": ("expired_card", None),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "chargeDeclinedProcessingError": ("processing_error", None),
    "visa_chargeDeclinedVelocityLimitExceeded": ("card_declined", "card_velocity_exceeded"),
    "chargeCustomerFail": ("card_declined", "generic_decline"),
    "radarBlock": ("card_declined", "fraudulent"),
}
# Name: what the owner of the card has to do on session, and off session.
ASKING = {
    "authenticationRequired": (True, True),
    "authenticationRequiredOnSetup": (True, True),
    "authenticationRequiredSetupForOffSession": (True, False),
    "authenticationRequiredChargeDeclinedInsufficientFunds": (True, True),
    "threeDSecure2Required": (True, True),
    "threeDSecureRequiredChargeDeclined": (True, True),
    "threeDSecureOptional": (False, False),
    "amex_threeDSecureNotSupported": (False, False),
}


@pytest.fixture(scope="module")
def till() -> Till:
    return Till()


def test_cards_that_look_the_same_are_the_same() -> None:
    looks: dict[tuple[str, str, str], Card] = {}
    for card in CARDS.values():
        assert looks.setdefault((card.brand, card.last4, card.country), card) == card
    assert not CARDS.keys() & NOT_MODELLED


@pytest.mark.parametrize("name", CARDS)
def test_a_card_pays_asks_its_owner_or_declines(till: Till, name: str) -> None:
    card = CARDS[name]
    fields = {"amount": 5000, "currency": "usd", "confirm": True, "payment_method": f"pm_card_{name}"}
    answer = till.ask("POST", "payment_intents", fields)
    intent = answer.body if answer.status == 200 else answer.body["error"]["payment_intent"]
    if card.asks_owner:
        assert (answer.status, intent["status"], intent["latest_charge"]) == (200, "requires_action", None)
        return
    expected = (402, "requires_payment_method") if card.decline else (200, "succeeded")
    assert (answer.status, intent["status"]) == expected
    shown = till.get(f"charges/{intent['latest_charge']}")["payment_method_details"]["card"]
    assert (shown["brand"], shown["last4"], shown["country"], shown["funding"]) == (
        card.brand,
        card.last4,
        card.country,
        card.funding,
    )


@pytest.mark.parametrize("name", CARDS)
def test_a_token_makes_the_card_of_that_name(till: Till, name: str) -> None:
    made = till.post("payment_methods", type="card", card={"token": f"tok_{name}"})
    assert till.get(f"payment_methods/{made['id']}") == made
    assert (made["customer"], made["card"]["last4"]) == (None, CARDS[name].last4)
    again = till.post("payment_methods", type="card", card={"token": f"tok_{name}"})
    assert again["id"] != made["id"]
    assert again["card"] == made["card"]  # the fingerprint too: it is the same number


@pytest.mark.parametrize("name", DECLINES)
def test_a_decline_says_why_in_the_error_the_intent_and_the_charge(till: Till, name: str) -> None:
    code, decline_code = DECLINES[name]
    status, error = till.refused(
        "payment_intents", amount=700, currency="usd", confirm=True, payment_method=f"pm_card_{name}"
    )
    assert (status, error["type"], error["code"], error.get("decline_code")) == (
        402,
        "card_error",
        code,
        decline_code,
    )
    intent = till.get(f"payment_intents/{error['payment_intent']['id']}")
    assert intent == error["payment_intent"]
    assert intent["client_secret"].startswith(intent["id"])
    assert (intent["payment_method"], intent["amount_received"]) == (None, 0)
    same = intent["last_payment_error"]
    assert {key: error[key] for key in same} == same
    assert till.get(f"payment_methods/{same['payment_method']['id']}") == same["payment_method"]
    charge = till.get(f"charges/{error['charge']}")
    assert intent["latest_charge"] == charge["id"] == same["charge"]
    assert (charge["failure_code"], charge["failure_message"]) == (code, error["message"])
    assert (charge["status"], charge["paid"], charge["captured"]) == ("failed", False, False)
    assert till.booked(charge["id"]) == []
    said = ("advice_code", "network_decline_code")
    assert [charge["outcome"][key] for key in said] == [error.get(key) for key in said]


def test_the_outcome_of_a_charge_tells_who_declined_it(till: Till) -> None:
    def outcome(name: str) -> tuple[str, str, str | None, str]:
        fields = {"amount": 700, "currency": "usd", "source": f"tok_{name}"}
        answer = till.ask("POST", "charges", fields)
        charge = (
            answer.body if answer.status == 200 else till.get(f"charges/{answer.body['error']['charge']}")
        )
        told = charge["outcome"]
        return told["type"], told["network_status"], told["reason"], told["risk_level"]

    assert outcome("visa") == ("authorized", "approved_by_network", None, "normal")
    assert outcome("riskLevelElevated") == ("authorized", "approved_by_network", None, "elevated")
    assert outcome("chargeDeclinedExpiredCard") == (
        "issuer_declined",
        "declined_by_network",
        "expired_card",
        "normal",
    )
    for blocked in ("radarBlock", "riskLevelHighest", "chargeDeclinedFraudulent"):
        assert outcome(blocked) == ("blocked", "not_sent_to_network", "highest_risk_level", "highest")


@pytest.mark.parametrize("name", DECLINES)
def test_a_card_that_its_bank_declines_cannot_be_attached_but_for_one(till: Till, name: str) -> None:
    customer, _ = till.customer()
    till.told()
    if name in ("chargeCustomerFail", "radarBlock"):
        attached = till.post(f"payment_methods/pm_card_{name}/attach", customer=customer)
        assert attached["customer"] == customer
        assert attached["card"]["checks"]["cvc_check"] == "pass"
        assert till.told() == ["payment_method.attached"]
        return
    status, error = till.refused(f"payment_methods/pm_card_{name}/attach", customer=customer)
    assert (status, error["code"], error.get("decline_code")) == (402, *DECLINES[name])
    assert till.refused("customers", payment_method=f"pm_card_{name}")[0] == 402
    assert till.told() == []
    assert till.get(f"customers/{customer}/payment_methods")["data"] == []


@pytest.mark.parametrize("name", ASKING)
def test_whether_the_owner_of_a_card_is_asked_depends_on_whether_they_are_there(
    till: Till, name: str
) -> None:
    asked, asked_off_session = ASKING[name]
    assert (till.pay(name)["status"] == "requires_action") is asked
    fields = {"amount": 900, "currency": "usd", "confirm": True, "off_session": True}
    answer = till.ask("POST", "payment_intents", fields | {"payment_method": f"pm_card_{name}"})
    assert (answer.status == 402) is asked_off_session
    if asked_off_session:
        error = answer.body["error"]
        assert (error["code"], error["decline_code"]) == ("authentication_required",) * 2
        assert (error["payment_intent"]["status"], error["payment_intent"]["latest_charge"]) == (
            "requires_payment_method",
            None,
        )


def test_a_charge_without_an_intent_cannot_ask_the_owner_of_its_card(till: Till) -> None:
    status, error = till.refused("charges", amount=700, currency="usd", source="tok_threeDSecure2Required")
    assert (status, error["code"]) == (402, "authentication_required")
    assert till.get(f"charges/{error['charge']}")["failure_code"] == "authentication_required"


@pytest.mark.parametrize("name", sorted(NOT_MODELLED))
def test_a_card_that_stripe_has_and_the_simulator_has_not_is_refused_as_such(till: Till, name: str) -> None:
    named = {"amount": 700, "currency": "usd"}
    for path, fields in (
        ("payment_intents", named | {"payment_method": f"pm_card_{name}"}),
        ("charges", named | {"source": f"tok_{name}"}),
        ("payment_methods", {"type": "card", "card": {"token": f"tok_{name}"}}),
        ("customers", {"payment_method": f"pm_card_{name}"}),
    ):
        status, error = till.refused(path, **fields)
        assert (status, error["code"]) == (400, "simulator_unsupported")
        assert name in error["message"]


def test_a_name_that_nobody_has_names_nothing(till: Till) -> None:
    customer, _ = till.customer()
    for path, fields, status, param in (
        ("payment_methods", {"type": "card", "card": {"token": "tok_nosuch"}}, 400, "card[token]"),
        ("payment_methods", {"type": "card", "card": {"token": "pm_card_visa"}}, 400, "card[token]"),
        ("customers", {"payment_method": "pm_card_nosuch"}, 400, "payment_method"),
        ("payment_methods/pm_card_nosuch/attach", {"customer": customer}, 404, "payment_method"),
        ("payment_methods/pm_card_visa/attach", {"customer": "cus_nosuch"}, 400, "customer"),
    ):
        told = till.refused(path, **fields)
        assert (told[0], told[1]["code"], told[1]["param"]) == (status, "resource_missing", param)


def test_a_payment_method_is_a_card_by_a_token(till: Till) -> None:
    assert till.refused("payment_methods")[1]["param"] == "type"
    assert till.refused("payment_methods", type="klarna")[1]["code"] == "simulator_unsupported"
    assert till.refused("payment_methods", type="card")[1]["param"] == "card[token]"
    given = {"name": "Ada", "email": "ada@example.com", "phone": "", "address": {"city": "Rome"}}
    made = till.post(
        "payment_methods",
        type="card",
        card={"token": "tok_visa"},
        billing_details=given,
        metadata={"order": "1"},
        allow_redisplay="always",
    )
    billing = made["billing_details"]
    assert (billing["name"], billing["phone"], billing["address"]["city"]) == ("Ada", None, "Rome")
    assert billing["address"].keys() > {"line1", "postal_code"}
    assert (made["metadata"], made["allow_redisplay"]) == ({"order": "1"}, "always")


def test_a_card_is_attached_once_and_to_one_customer(till: Till) -> None:
    customer, card = till.customer("visa")
    other, _ = till.customer()
    till.told()
    assert till.post(f"payment_methods/{card}/attach", customer=customer)["customer"] == customer
    assert till.told() == []
    assert till.refused(f"payment_methods/{card}/attach", customer=other)[0] == 400
    status, error = till.refused(f"payment_methods/{card}/attach")
    assert (status, error["code"]) == (400, "parameter_missing")
    till.post(f"payment_methods/{card}/detach")
    for again in (customer, other):
        assert till.refused(f"payment_methods/{card}/attach", customer=again)[0] == 400


def test_a_card_that_was_used_without_a_customer_is_spent(till: Till) -> None:
    customer, _ = till.customer()
    for token in ("tok_visa", "tok_chargeCustomerFail"):
        card = till.post("payment_methods", type="card", card={"token": token})["id"]
        paying = {"amount": 700, "currency": "usd", "payment_method": card}
        till.ask("POST", "payment_intents", paying | {"confirm": True})
        assert till.refused("payment_intents", **paying)[1]["param"] == "payment_method"
        assert till.refused("charges", amount=700, currency="usd", source=card)[1]["param"] == "source"
        assert till.refused(f"payment_methods/{card}/attach", customer=customer)[0] == 400


def test_a_customer_whose_default_card_is_detached_has_none(till: Till) -> None:
    customer, card = till.customer("visa")
    till.post(f"customers/{customer}", invoice_settings={"default_payment_method": card})
    till.told()
    till.post(f"payment_methods/{card}/detach")
    assert till.told() == ["payment_method.detached", "customer.updated"]
    assert till.get(f"customers/{customer}")["invoice_settings"]["default_payment_method"] is None
