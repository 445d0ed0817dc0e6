"""
A bookkeeper who only reads: what was told of each object last, and the money by a count of its own.

It compares what the simulator says in one place with what it said in others: objects with events, lists
with objects, the balance with its transactions, charges with what was captured and refunded.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from math import inf
from typing import Any

from stripe_mcp.simulator.routes import ROUTES
from tests.simulator.direct import NOW, Answer, Desk
from tests.simulator.shapes import faults_in

Record = dict[str, Any]
DAY = 86_400

LISTS: dict[str, Record] = {f"{kind}s": {} for kind in ("charge", "customer", "invoice", "payment_intent")}
LISTS |= {"disputes": {}, "subscriptions": {"status": "all"}, "products": {}, "prices": {}, "refunds": {}}
READABLE = {
    path[0].removesuffix("s") for method, _, *path in ROUTES if method == "GET" and path[1:] == ["{}"]
}

STATUSES = {
    "card_error": {402},
    "idempotency_error": {400},
    "invalid_request_error": {400, 404},
    "api_error": {500},
}
MAY_BE_NEGATIVE = {
    "balance",  # of the customer: below zero is credit
    "starting_balance",
    "ending_balance",
    "subtotal",  # an invoice and its lines may be a credit
    "subtotal_excluding_tax",
    "total",
    "total_excluding_tax",
}
SIGNED = ("invoiceitem", "line_item", "balance_transaction")


class Books:
    """
    The books of one simulator.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        objects, bookings, self.first_event = _opening()
        self.known: dict[str, dict[str, Record]] = defaultdict(dict)  # oldest first
        self.known |= {kind: dict(by_id) for kind, by_id in objects.items()}
        self.bookings = dict(bookings)
        self.events: list[Record] = []  # oldest first
        charges = self.known["charge"].values()
        self.captured = {c["id"]: c["amount_captured"] for c in charges}
        self.refunded = {c["id"]: c["amount_refunded"] for c in charges if c["captured"]}

    def read_news(self, request: Record) -> list[Record]:
        """
        Take in the events since the last time, all of which *request* has brought about; oldest first.
        """
        latest = self.events[-1]["id"] if self.events else self.first_event
        news = self.desk.walk_back("events", latest)[::-1]
        for event in news:
            assert event["request"] == request
            self._take_in(event)
        self.events += news
        self._compare_with_objects({_key(event["data"]["object"]) for event in news})
        return news

    def _take_in(self, event: Record) -> None:
        check_object(event)
        now, previous = event["data"]["object"], event["data"].get("previous_attributes", {})
        known = self.known[now["object"]]
        before = known.get(now["id"])
        if before is None:
            assert previous == {}, event
        else:
            assert _bare(_restore(now, previous)) == _bare(before), event
        assert not [name for name, value in previous.items() if now.get(name) == value], event
        if event["type"] == f"{now['object']}.deleted":
            del known[now["id"]]
        else:
            known[now["id"]] = now
        if event["type"] == "invoice.paid":
            self._take_in_payment(now)
        elif event["type"] == "refund.failed":
            self.count_refund(now["charge"], -now["amount"])

    def _take_in_payment(self, invoice: Record) -> None:
        path = {"expand": ["payments.data.payment.payment_intent"]}
        payments = self.desk.get(f"invoices/{invoice['id']}", **path)["payments"]["data"]
        paid = [payment for payment in payments if payment["status"] == "paid"]
        assert sum(payment["amount_paid"] for payment in paid) == invoice["amount_paid"]
        for payment in paid:
            intent = payment["payment"]["payment_intent"]
            assert intent["amount_received"] == payment["amount_paid"]
            self.count_capture(intent["latest_charge"], payment["amount_paid"])

    def count_capture(self, charge: str, amount: int) -> None:
        assert self.captured.get(charge, 0) == 0, f"{charge} is captured twice"
        self.captured[charge] = amount

    def count_refund(self, charge: str, amount: int) -> None:
        if self.captured.get(charge):
            self.refunded[charge] = self.refunded.get(charge, 0) + amount

    def _compare_with_objects(self, changed: set[tuple[str, str]]) -> None:
        for kind, object_id in sorted(changed):
            if kind in READABLE and object_id in self.known[kind]:
                assert self.desk.get(f"{kind}s/{object_id}") == self.known[kind][object_id]

    def check_money(self) -> None:
        """
        Compare the account's balance, and each payment, with what was counted.
        """
        self._read_bookings()
        self._check_balance()
        self._check_bookings()
        self._check_charges()
        self._check_intents()

    def _read_bookings(self) -> None:
        waiting = [b for b in self.bookings.values() if b["status"] == "pending"]
        if any(b["available_on"] <= self.desk.now for b in waiting):
            self.bookings = {b["id"]: b for b in self.desk.walk("balance_transactions")[::-1]}
        for booking in self.desk.walk_back("balance_transactions", next(reversed(self.bookings)))[::-1]:
            check_object(booking)
            self.bookings[booking["id"]] = booking

    def _check_balance(self) -> None:
        balance = self.desk.get("balance")
        counted: Counter[tuple[str, str]] = Counter()
        for booking in self.bookings.values():
            counted[booking["status"], booking["currency"]] += booking["net"]
        for status in ("available", "pending"):
            for fund in balance[status]:
                assert fund["amount"] == counted.pop((status, fund["currency"]), 0), (status, fund)
        assert not any(counted.values())

    def _check_bookings(self) -> None:
        by_source: Counter[str] = Counter()
        sources = self.known["charge"] | self.known["refund"] | self.known["dispute"]
        for booking in self.bookings.values():
            by_source[booking["source"]] += booking["amount"]
            assert booking["currency"] == sources.get(booking["source"], booking)["currency"]
            settled = "available" if booking["available_on"] <= self.desk.now else "pending"
            assert booking["status"] == settled
            assert booking["fee"] == sum(part["amount"] for part in booking["fee_details"])
            assert booking["net"] == booking["amount"] - booking["fee"]
            assert (booking["type"] != "charge") or 0 < booking["fee"] <= booking["amount"]
        for charge in self.known["charge"].values():
            assert by_source[charge["id"]] == charge["amount_captured"]
        for dispute in self.known["dispute"].values():
            inquiry = dispute["status"].startswith("warning")
            assert by_source[dispute["id"]] == (0 if inquiry else -dispute["amount"])
        for refund in self.known["refund"].values():
            booked = self.captured.get(refund["charge"]) and refund["status"] in ("succeeded", "pending")
            assert by_source[refund["id"]] == (-refund["amount"] if booked else 0)

    def _check_charges(self) -> None:
        returned: Counter[str] = Counter()
        for refund in self.known["refund"].values():
            if refund["status"] in ("succeeded", "pending"):
                returned[refund["charge"]] += refund["amount"]
        for charge in self.known["charge"].values():
            held = charge["amount_captured"] if charge["captured"] else charge["amount"]
            assert charge["amount_captured"] == self.captured.get(charge["id"], 0) <= charge["amount"]
            assert charge["captured"] == (charge["amount_captured"] > 0)
            assert charge["refunded"] == (charge["amount_refunded"] == held)
            if charge["captured"]:
                assert charge["amount_refunded"] == self.refunded.get(charge["id"], 0) <= held
                assert charge["amount_refunded"] == returned[charge["id"]]
            else:  # a hold is released as a whole
                assert charge["amount_refunded"] in (0, held)
                self._check_hold(charge)

    def _check_hold(self, charge: Record) -> None:
        """
        What was not captured in time holds nothing any more.
        """
        until = charge["payment_method_details"]["card"].get("capture_before", inf)
        if until <= self.desk.now and charge["payment_intent"]:
            assert self.known["payment_intent"][charge["payment_intent"]]["amount_capturable"] == 0
        elif until <= self.desk.now:
            assert charge["refunded"]

    def _check_intents(self) -> None:
        for intent in self.known["payment_intent"].values():
            taken = self.captured.get(intent["latest_charge"], 0)
            assert intent["amount_received"] == taken
            assert (intent["status"] == "succeeded") == (taken > 0)
            held = intent["amount"] if intent["status"] == "requires_capture" else 0
            assert intent["amount_capturable"] == held

    def check_everything(self, limit: int) -> None:
        """
        Read all there is, *limit* objects a page: it is what the events told, and nothing else.
        """
        for path, fields in LISTS.items():
            known = sorted(self.known[path.removesuffix("s")].values(), key=lambda each: each["created"])
            listed = self.desk.walk(path, limit=limit, **fields)
            assert _ids(listed) == _ids(known[::-1]), path
            for one, other in zip(listed, known[::-1], strict=True):
                assert one == other, "changed without an event"
        for kind in READABLE & self.known.keys() - {"event"}:
            self._compare_with_objects({(kind, object_id) for object_id in self.known[kind]})
        self._check_owners(limit)
        self._check_invoices(limit)
        self._check_events(limit)
        self._check_committed()
        assert self.desk.walk("balance_transactions", limit=limit) == [*self.bookings.values()][::-1]

    def _check_owners(self, limit: int) -> None:
        owned = {
            method["id"]: customer
            for customer in self.known["customer"]
            for method in self.desk.walk(f"customers/{customer}/payment_methods", limit=limit)
        }
        methods = self.known["payment_method"].values()
        assert owned == {method["id"]: method["customer"] for method in methods if method["customer"]}
        for customer in self.known["customer"].values():
            default = customer["invoice_settings"]["default_payment_method"]
            assert default is None or owned[default] == customer["id"]

    def _check_invoices(self, limit: int) -> None:
        """
        What was paid of an invoice are its payments, which are what their intents received; and a customer's
        balance is what was left to it.
        """
        balances: Counter[str] = Counter()
        for invoice in self.desk.walk("invoices", limit=limit, expand=["data.payments"]):
            if invoice["status"] in ("open", "paid", "uncollectible"):
                balances[invoice["customer"]] += invoice["ending_balance"] - invoice["starting_balance"]
            paid = 0
            for payment in invoice["payments"]["data"]:
                intent = self.known["payment_intent"][payment["payment"]["payment_intent"]]
                assert intent["amount_received"] == (payment["amount_paid"] or 0)
                assert (payment["status"] == "paid") == (intent["status"] == "succeeded")
                paid += payment["amount_paid"] or 0
            assert invoice["amount_paid"] == paid
            assert invoice["amount_remaining"] == invoice["amount_due"] - paid
            assert invoice["status"] != "paid" or invoice["amount_remaining"] == 0
        for customer in self.known["customer"].values():
            assert customer["balance"] == balances[customer["id"]]

    def _check_committed(self) -> None:
        """
        The simulator's own count of what moved is ours.
        """
        counted = {
            charge: (row["captured"], row["captures"], row["refunded"])
            for charge, row in self.desk.admin("GET", "money").body["charges"].items()
        }
        taken = {charge: amount for charge, amount in self.captured.items() if amount}
        assert counted == {
            charge: (amount, 1, self.refunded.get(charge, 0)) for charge, amount in taken.items()
        }

    def _check_events(self, limit: int) -> None:
        """
        What was told is still told as it was, for 30 days.
        """
        kept = [event for event in self.events if event["created"] >= self.desk.now - 30 * DAY]
        listed = self.desk.walk("events", limit=limit, created={"gte": NOW})
        assert listed[: len(kept)] == kept[::-1]


@cache
def _opening() -> tuple[dict[str, dict[str, Record]], dict[str, Record], str]:
    """
    What the seeded shop holds; it is the same in each simulator that opens at the same time.
    """
    desk = Desk()
    objects = {path.removesuffix("s"): desk.walk(path, **fields)[::-1] for path, fields in LISTS.items()}
    objects["payment_method"] = [
        method
        for customer in objects["customer"]
        for method in desk.walk(f"customers/{customer['id']}/payment_methods")
    ]
    for of_kind in objects.values():
        for each in of_kind:
            check_object(each)
    known = {kind: {each["id"]: each for each in of_kind} for kind, of_kind in objects.items()}
    bookings = {booking["id"]: booking for booking in desk.walk("balance_transactions")[::-1]}
    return known, bookings, desk.get("events", limit=1)["data"][0]["id"]


def check_answer(answer: Answer) -> None:
    """
    Whatever is answered has the shape that is declared for it, refusals too.
    """
    if answer.status == 200:
        for each in answer.body["data"] if answer.body["object"] == "list" else [answer.body]:
            check_object(each)
        return
    error = answer.body["error"]
    assert set(answer.body) == {"error"}
    assert answer.status in STATUSES[error["type"]], error
    assert error["message"]
    assert answer.headers["Request-Id"] in error["request_log_url"]
    assert ("doc_url" in error) == ("code" in error)
    for name in ("payment_intent", "payment_method"):
        if name in error:
            check_object(error[name])


def check_object(record: Record) -> None:
    """
    It is what the `stripe` package declares, and nothing in it is negative that cannot be.
    """
    assert faults_in(json.dumps(record)) == set()
    assert [*_negatives(record)] == []


def _negatives(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _negatives(each)
    elif isinstance(value, dict) and value.get("object") not in SIGNED:
        for name, each in value.items():
            if isinstance(each, int) and each < 0 and name not in MAY_BE_NEGATIVE:
                yield f"{name} = {each}"
            yield from _negatives(each)


def _restore(now: Record, previous: Record) -> Record:
    """
    An object as it was: *previous* says of a nested object only what was otherwise in it.
    """
    former = dict(now)
    for name, value in previous.items():
        nested = isinstance(value, dict) and isinstance(now.get(name), dict)
        former[name] = _restore(now[name], value) if nested else value
    return former


def _bare(value: Any) -> Any:
    """
    Without nulls: `previous_attributes` says null of what was not there, too.
    """
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if isinstance(value, dict):
        return {name: _bare(each) for name, each in value.items() if each is not None}
    return value


def _key(record: Record) -> tuple[str, str]:
    return record["object"], record["id"]


def _ids(records: list[Record]) -> list[str]:
    return [record["id"] for record in records]
