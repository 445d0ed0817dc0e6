"""
Subscriptions and their items as they begin.

Rule: periods stand on the items, not on the subscription (since 2025-03-31).
https://docs.stripe.com/api/subscriptions/object, https://docs.stripe.com/api/subscription_items/object
"""

from __future__ import annotations

from stripe_mcp.simulator.lists import embed
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record


def new_item(
    store: Store, subscription: Record, price: Record, quantity: int, metadata: Record, period_end: int
) -> Record:
    """
    One price of a subscription, whose first period begins now.
    """
    return {
        "id": store.new_id("si", 14),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": store.now(),
        "current_period_end": period_end,
        "current_period_start": store.now(),
        "discounts": [],
        "metadata": metadata,
        "plan": _plan(price),
        "price": snapshot(price),
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _plan(price: Record) -> Record:
    """
    The same price as the older kind of object, which items still carry.
    """
    same = ("active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "meter": None,
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
        **{name: snapshot(price[name]) for name in same},
    }


def new_subscription(store: Store, customer: Record, currency: str) -> Record:
    """
    An active one without items.
    """
    subscription_id = store.new_id("sub")
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": store.now(),
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": store.now(),
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": embed([], f"/v1/subscription_items?subscription={subscription_id}"),
        "latest_invoice": None,
        "livemode": store.livemode,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": store.now(),
        "status": "active",
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def parent_of_invoice(subscription: Record) -> Record:
    """
    How an invoice says which subscription it bills.
    """
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
