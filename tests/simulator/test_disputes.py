"""
Cards whose owners dispute what they paid. https://docs.stripe.com/testing#disputes
"""

from typing import Any

import pytest

from tests.simulator.till import Till

REASONS = {
    "createDispute": ("fraudulent", "10.4"),
    "createDisputeProductNotReceived": ("product_not_received", "13.1"),
}


@pytest.fixture
def till() -> Till:
    return Till()


def dispute_of(till: Till, charge: str) -> Any:
    (dispute,) = till.get("disputes", charge=charge)["data"]
    assert till.get(f"disputes/{dispute['id']}") == dispute
    return dispute


@pytest.mark.parametrize("card", REASONS)
def test_a_disputed_payment_is_taken_back_with_a_fee(till: Till, card: str) -> None:
    before = till.funds()
    paid = till.pay(card)
    assert (paid["status"], paid["latest_charge"]["disputed"]) == ("succeeded", True)
    assert till.told() == [
        "payment_intent.created",
        "charge.succeeded",
        "charge.dispute.created",
        "charge.updated",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ]
    dispute = dispute_of(till, paid["latest_charge"]["id"])
    assert (dispute["amount"], dispute["currency"], dispute["payment_intent"]) == (5000, "usd", paid["id"])
    assert (dispute["reason"], dispute["network_reason_code"]) == REASONS[card]
    assert (dispute["status"], dispute["is_charge_refundable"]) == ("needs_response", False)
    assert dispute["evidence_details"]["due_by"] > till.now
    (withdrawn,) = dispute["balance_transactions"]
    assert (withdrawn["amount"], withdrawn["fee"], withdrawn["net"]) == (-5000, 1500, -6500)
    assert (withdrawn["type"], withdrawn["reporting_category"]) == ("adjustment", "dispute")
    assert till.booked(dispute["id"]) == [("adjustment", -5000, 1500)]
    assert till.funds() == before - 6500
    status, error = till.refused("refunds", payment_intent=paid["id"], amount=100)
    assert (status, error["code"]) == (400, "charge_disputed")


def test_an_inquiry_takes_nothing_and_leaves_the_payment_refundable(till: Till) -> None:
    before = till.funds()
    paid = till.pay("createDisputeInquiry")
    assert till.told()[1:-1] == ["charge.succeeded", "charge.dispute.created", "charge.updated"]
    dispute = dispute_of(till, paid["latest_charge"]["id"])
    assert (dispute["status"], dispute["is_charge_refundable"]) == ("warning_needs_response", True)
    assert (dispute["balance_transactions"], till.booked(dispute["id"]), till.funds()) == ([], [], before)
    assert dispute["payment_method_details"]["card"]["case_type"] == "inquiry"
    assert till.post("refunds", payment_intent=paid["id"])["status"] == "succeeded"


def test_a_hold_is_disputed_when_it_is_captured_for_what_was_captured(till: Till) -> None:
    held = till.pay("createDispute", capture_method="manual")
    assert till.get("disputes", payment_intent=held["id"])["data"] == []
    till.told()
    till.post(f"payment_intents/{held['id']}/capture", amount_to_capture=3000)
    assert till.told() == [
        "charge.captured",
        "charge.dispute.created",
        "charge.updated",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ]
    (dispute,) = till.get("disputes", payment_intent=held["id"])["data"]
    assert dispute["amount"] == 3000


def test_a_dispute_is_found_by_its_charge_and_shows_it(till: Till) -> None:
    direct = till.post("charges", amount=700, currency="usd", source="tok_createDispute")
    assert direct["disputed"] is True
    dispute = dispute_of(till, direct["id"])
    assert dispute["payment_intent"] is None
    shown = till.get(f"disputes/{dispute['id']}", expand=["charge"])
    assert shown["charge"] == till.get(f"charges/{direct['id']}")
    booked = till.get("balance_transactions", source=dispute["id"], expand=["data.source"])["data"]
    assert [each["source"] for each in booked] == [dispute]
    assert till.ask("GET", "disputes", {"charge": "ch_nosuch"}).body["error"]["code"] == "resource_missing"
    assert till.ask("GET", "disputes/du_nosuch").status == 404


def test_the_shop_has_a_dispute_and_a_payment_that_waits_for_the_owner_of_the_card(till: Till) -> None:
    (dispute,) = till.get("disputes")["data"]
    assert till.get(f"charges/{dispute['charge']}")["disputed"] is True
    found = till.get("payment_intents/search", query='status:"requires_action"')["data"]
    assert [intent["next_action"]["type"] for intent in found] == ["use_stripe_sdk"]
