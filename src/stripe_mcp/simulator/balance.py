"""
The account's money: balance transactions, and the balance that is their sum.

Rule: money comes and goes by `record_transaction` only, so at any moment the
balance equals the sum of its transactions' `net`, pending and available.
Amounts are in the smallest currency unit. https://docs.stripe.com/api/balance
"""

from __future__ import annotations

from stripe_mcp.simulator.lists import list_page, named
from stripe_mcp.simulator.money import fee_for
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.table import Record

DAY = 86_400
SETTLES_AFTER = 2 * DAY  # seconds until pending money is available


def record_transaction(store: Store, source: Record, kind: str, amount: int) -> Record:
    """
    Book *amount* for *source*: a `charge` (positive, with Stripe's fee) or a `refund` (negative).

    A refund settles at once: it is taken from what is available.
    """
    fee = fee_for(amount) if kind == "charge" else 0
    available_on = store.now() + (SETTLES_AFTER if kind == "charge" else 0)
    transaction = store.add(
        {
            "id": store.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "created": store.now(),
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": _fee_details(fee, source["currency"]),
            "net": amount - fee,
            "reporting_category": kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )
    _book(store, "pending", transaction, 1)
    if kind == "charge":
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


def _fee_details(fee: int, currency: str) -> list[Record]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]


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
