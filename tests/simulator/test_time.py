"""
However time passes, in one step or in many, the same has happened when it is over.
"""

import json
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from stripe import Event

from tests.simulator.direct import Desk
from tests.simulator.shapes import faults_in

HOUR, DAY = 3_600, 86_400
YEAR = 365 * DAY

CARDS = ["pm_card_visa", "pm_card_chargeCustomerFail", None]
SENT = {"collection_method": "send_invoice", "days_until_due": 7}
TERMS: list[dict[str, Any]] = [
    {},
    {"trial_period_days": 14},
    {"trial_period_days": 3, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}},
    {"cancel_at_period_end": True},
    {"payment_behavior": "default_incomplete"},
    SENT,
]


def open_for_business(desk: Desk) -> None:
    """
    Every card with every terms, by the day, the month and the year, and bills of their own.
    """
    prices = [
        desk.ask(
            "POST",
            "prices",
            {
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": interval},
                "product_data": {"name": "Gold"},
            },
        ).body["id"]
        for amount, interval in ((100, "day"), (3000, "month"), (29_900, "year"))
    ]
    for number, card in enumerate(CARDS):
        fields: dict[str, Any] = {"email": "payer@example.com"}
        if card:
            fields |= {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        customer = {"customer": desk.ask("POST", "customers", fields).body["id"]}
        for at, terms in enumerate(TERMS):
            items = [{"price": prices[(number + at) % len(prices)]}]
            desk.ask("POST", "subscriptions", customer | {"items": items} | terms)
        for terms in ({}, SENT):
            desk.ask("POST", "invoiceitems", customer | {"amount": 700})
            include = {"auto_advance": True, "pending_invoice_items_behavior": "include"}
            desk.ask("POST", "invoices", customer | include | terms)


def state_of(desk: Desk) -> str:
    """
    All of it but the events, of which those of the last 30 days are kept.
    """
    events = desk.walk("events")
    dumped = desk.simulator.store.dump()
    del dumped["tables"]["event"]
    return json.dumps([dumped | {"agenda": sorted(dumped["agenda"])}, events])


def in_one_step(seconds: int) -> str:
    desk = Desk()
    open_for_business(desk)
    desk.now += seconds
    return state_of(desk)


def test_a_year_in_one_step_is_365_days() -> None:
    desk = Desk()
    open_for_business(desk)
    for _ in range(365):
        desk.now += DAY
        desk.get("balance")
    assert state_of(desk) == in_one_step(YEAR)


@settings(max_examples=5)
@given(st.lists(st.integers(1, 9 * DAY) | st.sampled_from([HOUR, DAY, 3 * DAY]), max_size=20))
def test_any_steps_come_to_the_same_as_one(steps: list[int]) -> None:
    desk = Desk()
    open_for_business(desk)
    for step in steps:
        desk.now += step
        desk.get("balance")
    assert state_of(desk) == in_one_step(sum(steps))


def test_what_was_saved_goes_on_as_what_was_not() -> None:
    desk = Desk()
    open_for_business(desk)
    for _ in range(5):
        desk.now += 9 * DAY
        desk.get("balance")
        store = desk.simulator.store
        store.load(json.loads(json.dumps(store.dump())))
    assert state_of(desk) == in_one_step(45 * DAY)


def test_a_year_leaves_money_that_adds_up_and_nothing_undone() -> None:
    desk = Desk()
    open_for_business(desk)
    desk.now += YEAR
    booked: dict[str, int] = {}
    for transaction in desk.walk("balance_transactions"):
        booked[transaction["currency"]] = booked.get(transaction["currency"], 0) + transaction["net"]
    balance = desk.get("balance")
    funds = {fund["currency"]: fund["amount"] for fund in balance["available"]}
    assert booked == {f["currency"]: f["amount"] + funds[f["currency"]] for f in balance["pending"]}
    paid = 0
    for invoice in desk.walk("invoices", expand=["data.payments"]):
        payments = [p["amount_paid"] for p in invoice["payments"]["data"] if p["status"] == "paid"]
        assert invoice["amount_paid"] == sum(payments)
        assert invoice["amount_remaining"] == invoice["amount_due"] - invoice["amount_paid"]
        assert (invoice["status"] == "paid") == (
            invoice["amount_remaining"] == 0 and invoice["number"] is not None
        )
        paid += bool(payments)
    assert paid > 365  # somebody pays by the day
    assert all(moment > desk.now for moment, *_ in desk.simulator.store.dump()["agenda"])


def test_all_that_a_year_tells_has_stripes_names_and_shapes() -> None:
    desk = Desk()
    open_for_business(desk)
    news: dict[str, Any] = {}
    for _ in range(14):
        desk.now += 27 * DAY  # events are kept for 30 days
        news |= {event["id"]: event for event in desk.walk("events")}
    known = set(get_args(Event.__annotations__["type"]))
    assert {event["type"] for event in news.values()} <= known
    newest = {event["type"]: event for event in sorted(news.values(), key=lambda each: each["created"])}
    for event in newest.values():
        assert faults_in(json.dumps(event)) == set(), event["type"]
    assert {
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.trial_will_end",
        "customer.subscription.updated",
        "customer.updated",
        "invoice.overdue",
        "invoice.payment_failed",
        "invoice.sent",
        "invoice.updated",
        "invoice.voided",
        "invoice_payment.paid",
        "payment_intent.canceled",
    } <= newest.keys()
