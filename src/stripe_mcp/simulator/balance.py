"""
The account's money: balance transactions, and the balance that is their sum.

Rule: money comes by `record_charge` and goes, or comes back, by `record_transaction`, so at
any moment the balance equals the sum of its transactions' `net`, pending and available.
Amounts are in the smallest currency unit. What is available may fall below zero: Stripe
then takes it from the account's bank. https://docs.stripe.com/api/balance, https://docs.stripe.com/refunds
"""

from __future__ import annotations

from stripe_mcp.simulator.lists import list_page, named
from stripe_mcp.simulator.money import fee_for
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.table import Record

SETTLES_AFTER = 2 * DAY  # seconds until pending money is available


def record_charge(store: Store, charge: Record, amount: int, *, at_once: bool) -> Record:
    """
    Book *amount* of *charge*, less Stripe's fee: available *at_once*, or in two days.
    """
    fee = fee_for(amount)
    waits = 0 if at_once else SETTLES_AFTER
    booked = {"amount": amount, "description": charge["description"], "type": "charge"}
    return _record(store, charge, booked, fee, "Stripe processing fees", waits)


def record_transaction(
    store: Store, source: Record, kind: str, amount: int, description: str, fee: int = 0
) -> Record:
    """
    Book *amount*, below zero if it goes, for *source*, and the *fee* of a dispute: available at once.
    """
    booked = {"amount": amount, "description": description, "type": kind}
    return _record(store, source, booked, fee, "Dispute fee")


def _record(
    store: Store, source: Record, booked: Record, fee: int, fee_for_what: str, waits: int = 0
) -> Record:
    available_on, currency = store.now() + waits, source["currency"]
    transaction = store.add(
        {
            "id": store.new_id("txn"),
            "object": "balance_transaction",
            "available_on": available_on,
            "balance_type": "payments",
            "created": store.now(),
            "currency": currency,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [_fee_detail(fee, currency, fee_for_what)] if fee else [],
            "net": booked["amount"] - fee,
            "reporting_category": "dispute" if booked["type"] == "adjustment" else booked["type"],
            "source": source["id"],
            "status": "pending",
        }
        | booked
    )
    _book(store, "pending", transaction, 1)
    if waits:
        store.plan(available_on, "balance_transaction.settle", transaction["id"])
    else:
        _settle(store, transaction["id"])
    return transaction


def _book(store: Store, part: str, transaction: Record, sign: int) -> None:
    funds, currency = store.funds[part], transaction["currency"]
    funds[currency] = funds.get(currency, 0) + sign * transaction["net"]


@due("balance_transaction.settle")
def _settle(store: Store, transaction_id: str) -> None:
    """
    The money of a transaction becomes available.
    """
    transaction = store.get("balance_transaction", transaction_id)
    transaction["status"] = "available"
    _book(store, "pending", transaction, -1)
    _book(store, "available", transaction, 1)


def _fee_detail(fee: int, currency: str, description: str) -> Record:
    return {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": description,
        "type": "stripe_fee",
    }


def retrieve_balance(store: Store, given: Record) -> Record:
    """
    GET /v1/balance
    """
    currencies = sorted({"usd", *store.funds["pending"]})
    return {
        "object": "balance",
        "livemode": store.livemode,
        **{
            part: [_fund(by.get(currency, 0), currency) for currency in currencies]
            for part, by in store.funds.items()
        },
        "refund_and_dispute_prefunding": {
            part: [{"amount": 0, "currency": currency} for currency in currencies] for part in store.funds
        },
    }


def _fund(amount: int, currency: str) -> Record:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def list_balance_transactions(store: Store, given: Record) -> Record:
    """
    GET /v1/balance_transactions. There are no payouts, so a `payout` finds nothing.
    """
    where = named(given, "currency", "payout", "source", "type")
    return list_page(store, "balance_transaction", "/v1/balance_transactions", given, where)


OPERATIONS = {
    "GET /v1/balance": retrieve_balance,
    "GET /v1/balance_transactions": list_balance_transactions,
}
