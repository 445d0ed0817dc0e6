"""
Disputes: an owner of a card who wants the money back from the bank, or an inquiry before that.

Rule: a dispute is opened by a test card when its payment is captured; it takes the amount
and a fee from the balance, an inquiry takes nothing, and both wait for a response.
https://docs.stripe.com/disputes, https://docs.stripe.com/testing#disputes
"""

from __future__ import annotations

from stripe_mcp.simulator.balance import record_transaction
from stripe_mcp.simulator.cards import Card
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import check_named, list_page, named
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record

FEE = 1_500  # smallest units of any currency: the 15 dollars that the United States pay
DAYS_TO_RESPOND = 8
VISA_CODES = {
    "fraudulent": "10.4",
    "product_not_received": "13.1",
}  # https://docs.stripe.com/disputes/categories
EVIDENCE = (
    "access_activity_log",
    "appeal",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def list_disputes(store: Store, given: Record) -> Record:
    """
    GET /v1/disputes
    """
    check_named(store, given, "charge", "payment_intent")
    where = named(given, "charge", "payment_intent")
    return list_page(store, "dispute", "/v1/disputes", given, where)


def retrieve_dispute(store: Store, given: Record) -> Record:
    """
    GET /v1/disputes/{dispute}
    """
    return store.get("dispute", given["dispute"], "dispute")


def open_dispute(store: Store, charge: Record, card: Card) -> None:
    """
    Let the owner of *card* dispute what was captured of *charge*.
    """
    dispute = store.add(_new_dispute(store, charge, card))
    if not card.is_inquiry:
        text = f"Chargeback withdrawal for {charge['id']}"
        withdrawn = record_transaction(store, dispute, "adjustment", -dispute["amount"], text, FEE)
        dispute["balance_transactions"] = [snapshot(withdrawn)]
    charge["disputed"] = True
    emit(store, "charge.dispute.created", dispute)
    emit(store, "charge.updated", charge)
    if not card.is_inquiry:
        emit(store, "charge.dispute.funds_withdrawn", dispute)


def is_refundable(store: Store, charge: Record) -> bool:
    """
    Whether no dispute keeps *charge* from being refunded.
    """
    disputes = store.where("dispute", {"charge": charge["id"]}) if charge["disputed"] else []
    return all(dispute["is_charge_refundable"] for dispute in disputes)


def _new_dispute(store: Store, charge: Record, card: Card) -> Record:
    reason_code = "10" if card.is_inquiry else VISA_CODES[card.dispute]
    return {
        "id": store.new_id("du"),
        "object": "dispute",
        "amount": charge["amount_captured"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": store.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": (store.now() // DAY + DAYS_TO_RESPOND + 1) * DAY - 1,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": "prefer_manual",
        "is_charge_refundable": card.is_inquiry,
        "livemode": store.livemode,
        "metadata": {},
        "network_reason_code": reason_code,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card.brand,
                "case_type": "inquiry" if card.is_inquiry else "chargeback",
                "network": card.brand,
                "network_reason_code": reason_code,
            },
            "type": "card",
        },
        "reason": card.dispute,
        "status": "warning_needs_response" if card.is_inquiry else "needs_response",
    }


OPERATIONS = {
    "GET /v1/disputes": list_disputes,
    "GET /v1/disputes/{dispute}": retrieve_dispute,
}
