"""
The account's money: balance transactions, and the balance that is their sum.

Rule: money comes and goes by `record_transaction` only, so at any moment the
balance equals the sum of its transactions' `net`, pending and available.
Amounts are in the smallest currency unit. https://docs.stripe.com/api/balance
"""

from __future__ import annotations

import heapq
from collections import defaultdict

from stripe_mcp.simulator.lists import equal, list_page
from stripe_mcp.simulator.money import fee_for
from stripe_mcp.simulator.store import Record, Store

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
    heapq.heappush(store.unsettled, (available_on, transaction["id"]))
    store.settle()
    return transaction


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
    sums: dict[str, dict[str, int]] = {"available": defaultdict(int), "pending": defaultdict(int)}
    currencies = {"usd"}
    for transaction in store.all("balance_transaction"):
        sums[transaction["status"]][transaction["currency"]] += transaction["net"]
        currencies.add(transaction["currency"])
    return {
        "object": "balance",
        "livemode": False,
        **{
            part: [
                {"amount": by[currency], "currency": currency, "source_types": {"card": by[currency]}}
                for currency in sorted(currencies)
            ]
            for part, by in sums.items()
        },
    }


def list_balance_transactions(store: Store, given: Record) -> Record:
    """
    GET /v1/balance_transactions. There are no payouts, so a `payout` finds nothing.
    """
    same = equal(given, "currency", "source", "type")
    return list_page(
        store,
        "balance_transaction",
        "/v1/balance_transactions",
        given,
        lambda record: "payout" not in given and same(record),
    )


OPERATIONS = {
    "GET /v1/balance": retrieve_balance,
    "GET /v1/balance_transactions": list_balance_transactions,
}
