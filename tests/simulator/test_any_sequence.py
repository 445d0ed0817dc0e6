"""
Whatever is done in whatever order, and however often it is retried, the simulator stays true to itself.

Random sequences of writes, retries, reads and waits run on the seeded shop. After each step its money adds
up by a count of our own, each event tells what it changed, a refusal has changed nothing, and a retry is
answered as the first time. At the end, everything in the shop is what the events told.

`make test` runs the same few sequences each time. `SEQUENCES=5000 .venv/bin/pytest
tests/simulator/test_any_sequence.py` runs that many, other ones each time.
"""

import os
import random
from collections import Counter
from typing import Any, ClassVar, NamedTuple

from hypothesis import note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, invariant, rule

from stripe_mcp.simulator.routes import ROUTES
from tests.simulator.books import Books, Record, check_answer
from tests.simulator.choices import (
    AMOUNTS,
    CARDED,
    CARDS,
    CONFIRMABLE,
    CURRENCIES,
    METADATA,
    OWN_CARDS,
    PARTLY_REFUNDED,
    PARTS,
    SLIPS,
    TOKENS,
    WORDS,
    Pick,
    part_of,
    pick,
    some,
)
from tests.simulator.direct import Answer, Desk, Fields
from tests.simulator.walks import (
    Search,
    Walk,
    check_search,
    check_some_filters,
    check_walk,
    searches,
    walks,
)

SEQUENCES = os.environ.get("SEQUENCES", "30")
FIRST = random.getrandbits(32) if "SEQUENCES" in os.environ else 0
HOUR, DAY = 3_600, 86_400
KEPT = DAY  # how long an idempotency key counts, in seconds

NOBODY = {"id": None, "idempotency_key": None}  # who requested what time brings about


class Sent(NamedTuple):
    """
    A POST that was answered, for retries.
    """

    at: int
    path: str
    fields: Fields
    key: str
    answer: Answer


class AnySequence(RuleBasedStateMachine):
    """
    One shop, and who uses it.
    """

    accepted: ClassVar[Counter[tuple[str, ...]]] = Counter()  # over all sequences, by operation

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.books = Books(self.desk)
        self.sent: list[Sent] = []
        self.sound = True  # so far

    # How a step is taken.

    def find(self, chosen: Any) -> Any:
        """
        *chosen* with each `Pick` in it replaced by an id.
        """
        if isinstance(chosen, Pick):
            fitting = [each for each in reversed(self.books.known[chosen.kind].values()) if chosen.fits(each)]
            return fitting[chosen.n % len(fitting)]["id"] if fitting else f"{chosen.kind}_none"
        if isinstance(chosen, dict):
            return {name: self.find(each) for name, each in chosen.items()}
        return [self.find(each) for each in chosen] if isinstance(chosen, list) else chosen

    def write(self, method: str, path: str, fields: Fields, slip: tuple[int, Any] | None = None) -> Answer:
        """
        Do one thing, and the same again if it is a POST.
        """
        self.sound, fields = False, self.find(fields)
        if slip:
            names = [*fields, "unheard_of"]
            fields = fields | {names[slip[0] % len(names)]: slip[1]}
        key = f"key_{len(self.sent)}_{self.desk.now}" if method == "POST" else None
        answer = self.desk.ask(method, path, fields, key)
        note(f"{self.desk.now} {method} {path} {fields}\n   -> {answer.status} {answer.text.decode()[:300]}")
        check_answer(answer)
        news = self.books.read_news({"id": answer.headers["Request-Id"], "idempotency_key": key})
        assert answer.status in (200, 402) or not news
        if key:
            self.sent.append(Sent(self.desk.now, path, fields, key, answer))
            self.retry(self.sent[-1])
        if answer.status == 200:
            self.accepted[operation(method, path)] += 1
        return answer

    def retry(self, sent: Sent) -> None:
        """
        The same under the same key: told as before, and nothing happens.
        """
        again = self.desk.ask("POST", sent.path, sent.fields, sent.key)
        replayed = again.headers.get("Idempotent-Replayed") == "true"
        assert replayed or sent.answer.status not in (200, 402)
        assert again.status == sent.answer.status
        if replayed:
            assert again.text == sent.answer.text
            assert again.headers["Original-Request"] == sent.answer.headers["Request-Id"]
        assert self.books.read_news({}) == []

    def asked(self, name: str, default: int) -> int:
        """
        The amount that the last request named, slips included.
        """
        return int(self.sent[-1].fields.get(name, default))

    def default(self, customer: Any, card: Any, name: str = "default_payment_method") -> Fields:
        """
        Under that *name*: the customer's *card*-th newest card, or any other, or none.
        """
        if isinstance(card, int):
            card = Pick("payment_method", card, {"customer": self.find(customer)})
        return {name: card} if card else {}

    def known(self, kind: str, object_id: str) -> Record:
        return self.books.known[kind].get(object_id, {})

    # Customers and their cards.

    @rule(
        fields=some(
            name=WORDS,
            email=st.sampled_from(["ada@example.com", "bob@example.com"]),
            metadata=METADATA,
            address=some(city=WORDS),
        ),
        card=st.none() | CARDS,
        default=st.booleans(),
        slip=SLIPS,
    )
    def create_customer(self, fields: Fields, card: str | None, default: bool, slip: Any) -> None:
        if card:
            fields = fields | {"payment_method": card}
        if card and default:
            fields = fields | {"invoice_settings": {"default_payment_method": card}}
        self.write("POST", "customers", fields, slip)

    @rule(
        customer=pick("customer"),
        fields=some(
            name=WORDS | st.just(""),
            email=st.just("new@example.com"),
            metadata=METADATA | st.just(""),
            shipping=st.just("") | st.just({"name": "Ada", "address": {"city": "Rome"}}),
        ),
        card=OWN_CARDS,
        slip=SLIPS,
    )
    def update_customer(self, customer: Pick, fields: Fields, card: Any, slip: Any) -> None:
        default = self.default(customer, card)
        fields = fields | ({"invoice_settings": default} if default else {})
        self.write("POST", f"customers/{self.find(customer)}", fields, slip)

    @rule(customer=pick("customer"))
    def delete_customer(self, customer: Pick) -> None:
        gone = self.find(customer)
        if self.write("DELETE", f"customers/{gone}", {}).status == 200:
            assert self.desk.get(f"customers/{gone}") == {"id": gone, "object": "customer", "deleted": True}

    @rule(token=TOKENS, slip=SLIPS)
    def create_payment_method(self, token: str, slip: Any) -> None:
        self.write("POST", "payment_methods", {"type": "card", "card": {"token": token}}, slip)

    @rule(
        method=pick("payment_method", {"customer": None}), card=st.none() | CARDS, customer=pick("customer")
    )
    def attach(self, method: Pick, card: str | None, customer: Pick) -> None:
        self.write("POST", f"payment_methods/{card or self.find(method)}/attach", {"customer": customer})

    @rule(method=pick("payment_method"))
    def detach(self, method: Pick) -> None:
        self.write("POST", f"payment_methods/{self.find(method)}/detach", {})

    # Payments.

    @rule(
        fields=st.fixed_dictionaries(
            {"amount": AMOUNTS, "currency": CURRENCIES},
            optional={
                "customer": pick("customer"),
                "payment_method": CARDS | pick("payment_method"),
                "capture_method": st.sampled_from(["automatic", "manual"]),
                "setup_future_usage": st.just("off_session"),
                "description": WORDS,
                "metadata": METADATA,
            },
        ),
        confirm=st.booleans(),
        slip=SLIPS,
    )
    def create_payment_intent(self, fields: Fields, confirm: bool, slip: Any) -> None:
        if confirm:
            fields = {"payment_method": "pm_card_visa"} | fields | {"confirm": True}
        self.count_intent(self.write("POST", "payment_intents", fields, slip))

    @rule(amount=AMOUNTS, card=CARDS, directly=st.booleans())
    def hold(self, amount: int, card: str, directly: bool) -> None:
        """
        A payment to be captured later.
        """
        held = {"amount": amount, "currency": "usd"}
        if directly:
            self.write("POST", "charges", held | {"source": card, "capture": False})
        else:
            held |= {"payment_method": card, "capture_method": "manual", "confirm": True}
            self.write("POST", "payment_intents", held)

    @rule(
        intent=pick("payment_intent", {"status": CONFIRMABLE}),
        fields=some(payment_method=CARDS | pick("payment_method"), off_session=st.booleans()),
        slip=SLIPS,
    )
    def confirm_payment_intent(self, intent: Pick, fields: Fields, slip: Any) -> None:
        self.count_intent(self.write("POST", f"payment_intents/{self.find(intent)}/confirm", fields, slip))

    def count_intent(self, answer: Answer) -> None:
        """
        Unless it has paid an invoice, which was told, and counted by that.
        """
        if answer.status == 200 and answer.body["status"] == "succeeded":
            charge, amount = answer.body["latest_charge"], answer.body["amount"]
            if self.books.captured.get(charge) != amount:
                self.books.count_capture(charge, amount)

    @rule(intent=pick("payment_intent", {"status": "requires_capture"}), part=PARTS, slip=SLIPS)
    def capture_payment_intent(self, intent: Pick, part: str | None, slip: Any) -> None:
        intent_id = self.find(intent)
        held = self.known("payment_intent", intent_id).get("amount_capturable", 0)
        asked = {"amount_to_capture": part_of(held, part)} if part else {}
        answer = self.write("POST", f"payment_intents/{intent_id}/capture", asked, slip)
        if answer.status == 200:
            self.books.count_capture(answer.body["latest_charge"], self.asked("amount_to_capture", held))

    @rule(intent=pick("payment_intent"), reason=some(cancellation_reason=st.just("duplicate")), slip=SLIPS)
    def cancel_payment_intent(self, intent: Pick, reason: Fields, slip: Any) -> None:
        self.write("POST", f"payment_intents/{self.find(intent)}/cancel", reason, slip)

    @rule(intent=pick("payment_intent", {"status": "requires_action"}), succeeds=st.booleans())
    def authenticate(self, intent: Pick, succeeds: bool) -> None:
        """
        What the owner of a card does in a browser, and Stripe tells without a request.
        """
        self.sound, intent_id = False, self.find(intent)
        told = {"payment_intent": intent_id, "succeeds": succeeds}
        answer = self.desk.admin("POST", "authentications", told)
        note(f"{self.desk.now} authentications {told} -> {answer.status}")
        assert self.books.read_news(NOBODY) or answer.status != 200
        self.count_intent(answer)

    @rule(
        fields=st.fixed_dictionaries(
            {"amount": AMOUNTS, "currency": CURRENCIES},
            optional={"capture": st.booleans(), "description": WORDS, "metadata": METADATA},
        ),
        source=TOKENS | pick("payment_method"),
        customer=st.none() | pick("customer", CARDED),
        slip=SLIPS,
    )
    def create_charge(self, fields: Fields, source: Any, customer: Pick | None, slip: Any) -> None:
        if customer:
            own = Pick("payment_method", 0, {"customer": self.find(customer)})
            fields = fields | {"customer": customer, "source": own}
        answer = self.write("POST", "charges", {"source": source} | fields, slip)
        if answer.status == 200 and answer.body["captured"]:
            self.books.count_capture(answer.body["id"], answer.body["amount"])

    @rule(
        charge=pick("charge", {"captured": False, "payment_intent": None, "refunded": False}),
        part=PARTS,
        slip=SLIPS,
    )
    def capture_charge(self, charge: Pick, part: str | None, slip: Any) -> None:
        charge_id = self.find(charge)
        held = self.known("charge", charge_id).get("amount", 0)
        asked = {"amount": part_of(held, part)} if part else {}
        answer = self.write("POST", f"charges/{charge_id}/capture", asked, slip)
        if answer.status == 200:
            self.books.count_capture(charge_id, self.asked("amount", held))

    @rule(
        charge=pick("charge", {"captured": True}) | pick("charge", PARTLY_REFUNDED),
        by_intent=st.booleans(),
        part=PARTS,
        slip=SLIPS,
    )
    def create_refund(self, charge: Pick, by_intent: bool, part: str | None, slip: Any) -> None:
        of = self.known("charge", self.find(charge))
        if not of:
            return
        left = (of["amount_captured"] or of["amount"]) - of["amount_refunded"]
        asked = {"amount": part_of(left, part)} if part else {}
        named = {"payment_intent": of["payment_intent"]} if by_intent else {"charge": of["id"]}
        answer = self.write("POST", "refunds", named | asked, slip)
        if answer.status == 200:
            assert answer.body["amount"] == self.asked("amount", left) <= left
            self.books.count_refund(of["id"], answer.body["amount"])

    # Products and prices.

    @rule(name=WORDS, fields=some(description=WORDS, metadata=METADATA, shippable=st.booleans()), slip=SLIPS)
    def create_product(self, name: str, fields: Fields, slip: Any) -> None:
        self.write("POST", "products", {"name": name} | fields, slip)

    @rule(product=pick("product"), fields=some(name=WORDS, active=st.booleans()), slip=SLIPS)
    def update_product(self, product: Pick, fields: Fields, slip: Any) -> None:
        self.write("POST", f"products/{self.find(product)}", fields, slip)

    @rule(
        product=st.fixed_dictionaries({"product": pick("product")})
        | st.just({"product_data": {"name": "Tea"}}),
        fields=st.fixed_dictionaries(
            {"currency": CURRENCIES, "unit_amount": AMOUNTS | st.just(0)},
            optional={
                "nickname": WORDS,
                "lookup_key": st.sampled_from(["gold", "silver"]),
                "transfer_lookup_key": st.booleans(),
            },
        ),
        interval=st.sampled_from([None, "day", "week", "month", "month", "year"]),
        slip=SLIPS,
    )
    def create_price(self, product: Fields, fields: Fields, interval: str | None, slip: Any) -> None:
        recurring = {"recurring": {"interval": interval}} if interval else {}
        self.write("POST", "prices", product | fields | recurring, slip)

    @rule(
        price=pick("price"), fields=some(nickname=WORDS, active=st.booleans(), metadata=METADATA), slip=SLIPS
    )
    def update_price(self, price: Pick, fields: Fields, slip: Any) -> None:
        self.write("POST", f"prices/{self.find(price)}", fields, slip)

    # Subscriptions.

    @rule(
        customer=pick("customer", CARDED),
        price=pick("price", {"type": "recurring", "currency": "usd", "active": True}),
        quantity=st.integers(0, 3),
        fields=some(
            payment_behavior=st.sampled_from(
                ["allow_incomplete", "error_if_incomplete", "default_incomplete"]
            ),
            trial_period_days=st.sampled_from([1, 14]),
            cancel_at_period_end=st.booleans(),
            metadata=METADATA,
        ),
        card=OWN_CARDS,
        sent=st.booleans(),
        slip=SLIPS,
    )
    def create_subscription(
        self, customer: Pick, price: Pick, quantity: int, fields: Fields, card: Any, sent: bool, slip: Any
    ) -> None:
        fields = fields | {"customer": customer, "items": [{"price": price, "quantity": quantity}]}
        billed = {"collection_method": "send_invoice", "days_until_due": 7} if sent else {}
        self.write("POST", "subscriptions", fields | billed | self.default(customer, card), slip)

    @rule(
        subscription=pick("subscription", {"status": "active"}),
        fields=some(
            cancel_at_period_end=st.booleans(),
            metadata=METADATA,
            description=WORDS,
        ),
        card=OWN_CARDS,
        slip=SLIPS,
    )
    def update_subscription(self, subscription: Pick, fields: Fields, card: Any, slip: Any) -> None:
        payer = self.known("subscription", self.find(subscription)).get("customer")
        fields = fields | self.default(payer, card)
        self.write("POST", f"subscriptions/{self.find(subscription)}", fields, slip)

    @rule(
        subscription=pick("subscription", {"status": "active"}),
        fields=some(prorate=st.booleans(), invoice_now=st.booleans()),
        slip=SLIPS,
    )
    def cancel_subscription(self, subscription: Pick, fields: Fields, slip: Any) -> None:
        self.write("DELETE", f"subscriptions/{self.find(subscription)}", fields, slip)

    # Invoices.

    @rule(
        customer=pick("customer"),
        amount=AMOUNTS | st.integers(-5_000, 0),
        fields=some(description=WORDS, currency=CURRENCIES, invoice=pick("invoice", {"status": "draft"})),
        slip=SLIPS,
    )
    def create_invoice_item(self, customer: Pick, amount: int, fields: Fields, slip: Any) -> None:
        fields = {"customer": customer, "amount": amount, "currency": "usd"} | fields
        self.write("POST", "invoiceitems", fields, slip)

    @rule(
        customer=pick("customer"),
        fields=some(
            pending_invoice_items_behavior=st.sampled_from(["include", "exclude"]),
            auto_advance=st.booleans(),
            currency=CURRENCIES,
            description=WORDS,
        ),
        card=OWN_CARDS,
        sent=st.booleans(),
        slip=SLIPS,
    )
    def create_invoice(self, customer: Pick, fields: Fields, card: Any, sent: bool, slip: Any) -> None:
        billed = {"collection_method": "send_invoice", "days_until_due": 7} if sent else {}
        fields = fields | billed | self.default(customer, card)
        self.write("POST", "invoices", {"customer": customer} | fields, slip)

    @rule(
        customer=pick("customer"),
        amounts=st.lists(st.integers(-50, 50).map(lambda tens: 10 * tens), min_size=1, max_size=2),
        voided=st.booleans(),
    )
    def bill(self, customer: Pick, amounts: list[int], voided: bool) -> None:
        """
        An invoice for each amount: a negative one is a credit, of which the next one takes.
        """
        payer = {"customer": self.find(customer)}
        for amount in amounts:
            self.write("POST", "invoiceitems", payer | {"amount": amount, "currency": "usd"})
            made = self.write("POST", "invoices", payer | {"pending_invoice_items_behavior": "include"})
            path = f"invoices/{made.body.get('id')}"
            self.write("POST", f"{path}/finalize", {})
        if voided:
            self.write("POST", f"{path}/void", {})

    @rule(invoice=pick("invoice", {"status": "draft"}), fields=some(auto_advance=st.booleans()), slip=SLIPS)
    def finalize_invoice(self, invoice: Pick, fields: Fields, slip: Any) -> None:
        self.write("POST", f"invoices/{self.find(invoice)}/finalize", fields, slip)

    @rule(
        invoice=pick("invoice", {"status": "open"}),
        card=st.integers(0, 2) | OWN_CARDS,
        slip=SLIPS,
    )
    def pay_invoice(self, invoice: Pick, card: Any, slip: Any) -> None:
        payer = self.known("invoice", self.find(invoice)).get("customer")
        fields = self.default(payer, card, "payment_method")
        self.write("POST", f"invoices/{self.find(invoice)}/pay", fields, slip)

    @rule(invoice=pick("invoice", {"status": "open"}), slip=SLIPS)
    def void_invoice(self, invoice: Pick, slip: Any) -> None:
        self.write("POST", f"invoices/{self.find(invoice)}/void", {}, slip)

    @rule(invoice=pick("invoice", {"status": "draft"}))
    def delete_invoice(self, invoice: Pick) -> None:
        self.write("DELETE", f"invoices/{self.find(invoice)}", {})

    # Time, and what is asked again.

    @rule(seconds=st.sampled_from([1, HOUR, DAY, 3 * DAY, 8 * DAY, 30 * DAY]))
    def advance_clock(self, seconds: int) -> None:
        """
        At most by as long as events are kept, so that all of them are read.
        """
        self.sound = False
        self.desk.now += seconds
        note(f"now {self.desk.now}")
        self.books.read_news(NOBODY)

    @rule(now=st.sampled_from([False] * 4 + [True]))
    def save_and_load(self, now: bool) -> None:
        """
        A state that was saved goes on as if it had not been.
        """
        if now:  # seldom, as it is slow
            saved = self.desk.admin("GET", "state").body
            assert self.desk.admin("PUT", "state", saved).status == 200
            assert self.desk.admin("GET", "state").body["worlds"] == saved["worlds"]

    @rule(n=st.integers(-10, 10))
    def retry_later(self, n: int) -> None:
        sent = self.recent(n)
        if sent and sent.answer.status in (200, 402):
            self.retry(sent)

    @rule(n=st.integers(-10, 10), elsewhere=st.booleans())
    def reuse_key(self, n: int, elsewhere: bool) -> None:
        """
        A key that was used for something else is refused.
        """
        sent = self.recent(n)
        if sent and sent.answer.status in (200, 402):
            path = "customers" if elsewhere and sent.path != "customers" else sent.path
            answer = self.desk.ask("POST", path, sent.fields | {"metadata": {"other": "1"}}, sent.key)
            check_answer(answer)
            assert (answer.status, answer.body["error"]["type"]) == (400, "idempotency_error")
            assert self.books.read_news({}) == []

    def recent(self, n: int) -> Sent | None:
        """
        The *n*-th of those whose keys still count, from the oldest, or if negative, from the newest.
        """
        recent = [sent for sent in self.sent if self.desk.now - sent.at < KEPT]
        return recent[n % len(recent)] if recent else None

    # What is read.

    @rule(walk=walks())
    def walk_a_list(self, walk: Walk) -> None:
        check_walk(self.desk, walk)

    @rule(search=searches())
    def search(self, search: Search) -> None:
        check_search(self.desk, search)

    @invariant()
    def money_adds_up(self) -> None:
        self.books.check_money()
        self.sound = True

    def teardown(self) -> None:
        if self.sound:
            self.books.check_everything(limit=1 + len(self.sent) % 100)
            check_some_filters(self.desk, len(self.sent))


def operation(method: str, path: str) -> tuple[str, ...]:
    """
    As the simulator's routes name it.
    """
    parts = path.split("/")
    return (method, "v1", *(part if index != 1 else "{}" for index, part in enumerate(parts)))


def test_any_sequence_of_writes_and_retries_adds_up_and_is_told() -> None:
    """
    In rounds of ten, as hypothesis makes most of what comes after the tenth from the ten before.
    """
    AnySequence.accepted.clear()
    rounds = settings(max_examples=10, stateful_step_count=60, database=None)
    for number in range(int(SEQUENCES) // 10):
        seed(FIRST + number)(get_state_machine_test(AnySequence, settings=rounds))()
    writes = {route for route in ROUTES if route[0] != "GET" and route[1] == "v1"}
    assert writes <= AnySequence.accepted.keys(), "these were never accepted, so nothing is known of them"
