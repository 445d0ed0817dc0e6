"""
What an attacker and a pedant found: each test is a fault that was there when it was written.
"""

import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp_types import ElicitResult, PromptReference

from stripe_mcp.catalog import Endpoint
from stripe_mcp.rules import Rules
from stripe_mcp.safety import approvals, audit, store
from stripe_mcp.safety.operations import Limit, Standing
from stripe_mcp.safety.stakes import kind_of, read_stakes
from stripe_mcp.safety.store import Store
from stripe_mcp.simulator import Simulator
from tests.agent import TEMPLATES, texts
from tests.ledgers import DOLLARS, NOW, Clock, a_ledger, a_write, begin, begun
from tests.safety.desk import YES, arguments, committed, desk
from tests.safety.live_shop import KEY, LiveShop
from tests.safety.test_consent import Wire

pytestmark = pytest.mark.anyio

LIVE: dict[str, Any] = {"mode": "LIVE", "key": KEY}
HTML = b"<html><body>Blocked by policy</body></html>"

Hop = Callable[[httpx.AsyncBaseTransport, httpx.Request], Awaitable[httpx.Response]]


class Between(httpx.AsyncBaseTransport):
    """
    Something between the server and Stripe: *hop* lets requests through, or does not.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, hop: Hop) -> None:
        self._inner = inner
        self._hop = hop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._hop(self._inner, request)


def by_way_of(hop: Hop) -> dict[str, Any]:
    return {"http": lambda inner: Between(inner, hop)}


async def passes(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    return await inner.handle_async_request(request)


def losing_the_answer_to(method: str) -> Hop:
    """
    Stripe carries it out, and the connection breaks.
    """

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        answer = await passes(inner, request)
        if request.method == method:
            raise httpx.ReadError("lost")
        return answer

    return hop


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/ledger.db"


def rows(database: str, query: str, *values: Any) -> list[Any]:
    file = Path(database.removeprefix("sqlite:///"))
    if not file.exists():
        return []
    with sqlite3.connect(file) as connection:
        found = connection.execute(query, values).fetchall()
    connection.close()
    return found


def entries(database: str) -> list[dict[str, Any]]:
    return [json.loads(entry) for (entry,) in rows(database, "SELECT entry FROM audit ORDER BY line")]


async def settle(database: str, state: str) -> None:
    kept = Store(database)
    for approval in await kept.look(approvals.waiting, time.time()):
        await kept.run(approvals.settle, approval.id, state, time.time())
    kept.close()


# Money twice


@pytest.mark.parametrize("status", [401, 403, 409, 429])
async def test_a_page_that_a_proxy_puts_in_place_of_stripes_answer_does_not_settle_a_refund(
    status: int,
) -> None:
    """
    A proxy that blocks the answer of a refund which Stripe has carried out: the same call must not
    carry it out again.
    """
    shop = await LiveShop().open(1)
    blocked = [True]

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        answer = await passes(inner, request)
        if request.method == "POST" and blocked:
            blocked.clear()
            return httpx.Response(status, content=HTML, headers={"Content-Type": "text/html"})
        return answer

    async with desk(simulator=shop.simulator, **by_way_of(hop), **LIVE) as at:
        part = {"payment_intent": shop.payments[0], "amount": 1000}
        first = await at.call("create_refund", **part)
        await at.call("create_refund", **part)
        assert await shop.refunded() == 1000
        assert "OUTCOME UNKNOWN" in texts(first)[0]


@pytest.mark.parametrize("html", [True, False], ids=["a proxy's 403", "Stripe's own 403"])
async def test_an_unknown_outcome_is_found_again_once_the_key_may_read_its_account(
    database: str, html: bool
) -> None:
    """
    The account's name must not depend on whether GET /v1/account was admitted the first time.
    """
    shop = await LiveShop().open(1)
    no = {"error": {"type": "invalid_request_error", "message": "The provided key lacks a permission."}}

    async def first(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/account":
            return httpx.Response(403, content=HTML) if html else httpx.Response(403, json=no)
        answer = await passes(inner, request)
        if request.method == "POST":
            raise httpx.ReadError("lost")
        return answer

    part = {"payment_intent": shop.payments[0], "amount": 1000}
    async with desk(simulator=shop.simulator, database=database, **by_way_of(first), **LIVE) as at:
        await at.call("create_refund", **part)
    async with desk(simulator=shop.simulator, database=database, **LIVE) as at:
        await at.call("create_refund", **part)
    assert await shop.refunded() == 1000


async def test_a_key_that_may_be_older_than_the_clock_says_is_not_used_again() -> None:
    """
    The clock was three days fast and is set right: nobody can tell how old the key is at Stripe by now, and
    Stripe forgets it after 24 hours.
    """
    clock = Clock(NOW + 3 * 86_400)
    ledger = a_ledger(clock)
    operation = await begun(ledger)
    await ledger.finish(operation, "unknown")
    clock.now = NOW + 30 * 3600  # thirty hours of real time later
    assert (await ledger.find(a_write())).standing is Standing.STUCK


@pytest.mark.parametrize(
    "same",
    [
        lambda given: given | {"items": [item | {"quantity": 1} for item in given["items"]]},
        lambda given: given | {"metadata": ""},
        lambda given: given | {"items": given["items"][::-1]},
        lambda given: given | {"collection_method": "charge_automatically"},
    ],
    ids=["the default quantity", "no metadata", "another order", "the default collection"],
)
async def test_the_same_subscription_in_other_words_is_not_begun_twice(same: Any) -> None:
    """
    R7: what an argument that is left out stands for, and the order of the items, are beside it.
    """
    async with desk() as at:
        given = arguments(at.simulator, "create_subscription")
        prices = [
            each["id"]
            for each in at.simulator.store.all("price")
            if each["currency"] == "usd" and (each["recurring"] or {}).get("interval") == "month"
        ]
        given["items"] = [{"price": price} for price in prices[:2]]
        assert len(given["items"]) == 2
        await at.done("create_subscription", **given)
        assert texts(await at.call("create_subscription", **same(given)))[1].startswith("REPEAT")


# Consent


async def test_what_a_person_declined_does_not_pass_unasked_ten_minutes_later(database: str) -> None:
    shop = await LiveShop().open(6)
    ours: dict[str, Any] = {"simulator": shop.simulator, "database": database, **LIVE}
    async with desk(**ours) as at:
        for payment in shop.payments[:5]:
            await at.done("create_refund", payment_intent=payment)
        await at.refused("create_refund", payment_intent=shop.payments[5])
        await settle(database, "declined")
        assert "said no" in await at.refused("create_refund", payment_intent=shop.payments[5])
        rows(database, "UPDATE approvals SET expires = expires - 601")
        rows(database, "UPDATE operations SET created = created - 601")
        await at.refused("create_refund", payment_intent=shop.payments[5])


async def test_a_yes_to_a_removal_that_did_not_happen_is_not_good_for_ever(database: str) -> None:
    """
    The DELETE was lost, the customer is still there, and a day later the person is of another mind.
    """
    simulator, answers = Simulator(), [YES, ElicitResult(action="decline")]

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE" and len(answers) == 1 and not lost:
            lost.append(request)
            raise httpx.ReadError("lost")
        return await passes(inner, request)

    lost: list[httpx.Request] = []
    ours: dict[str, Any] = {"simulator": simulator, "database": database, "account": "acct_1"}
    async with desk(lambda _: answers.pop(0), era="legacy", **ours, **by_way_of(hop)) as at:
        given = arguments(simulator, "delete_customer")
        assert "still there" in await at.refused("delete_customer", **given)
        rows(database, "UPDATE operations SET created = created - 86400, retry_until = retry_until - 86400")
        await at.refused("delete_customer", **given)


async def test_who_approved_a_refund_has_not_approved_to_block_the_card(database: str) -> None:
    """
    The reason "fraudulent" blocks the card and the e-mail address, and stands in no question.
    """
    shop = await LiveShop().open(1)
    always: dict[str, Any] = {"rules": Rules(confirm="always"), "database": database, **LIVE}
    async with desk(simulator=shop.simulator, **always) as at:
        given = {"payment_intent": shop.payments[0], "amount": 1000}
        await at.refused("create_refund", **given, reason="requested_by_customer")
        await settle(database, "approved")
        await at.refused("create_refund", **given, reason="fraudulent")


async def test_a_person_is_told_that_a_refund_blocks_the_card() -> None:
    async with desk(lambda _: YES) as at:
        given = arguments(at.simulator, "create_refund")
        await at.done("create_refund", **given, reason="fraudulent")
        assert "block" in at.asked[0].message.lower()


async def test_one_write_waits_once_and_its_repeat_is_asked_about_afresh(database: str) -> None:
    """
    Two calls at once file two approvals; the one that is left over must not be the consent to a repeat.
    """
    simulator = Simulator()
    given = arguments(simulator, "create_subscription")
    always: dict[str, Any] = {"rules": Rules(confirm="always"), "database": database, "account": "acct_1"}
    async with desk(simulator=simulator, **always) as at:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(lambda: at.call("create_subscription", **given))
        await settle(database, "approved")
        await at.done("create_subscription", **given)
        note = texts(await at.call("create_subscription", **given))[1]
        await at.refused("create_subscription", **given, repeat_of=f"op_{note.partition('op_')[2][:16]}")


async def test_a_person_who_is_asked_about_a_repeat_is_told_that_it_is_one() -> None:
    async with desk(lambda _: YES) as at:
        given = arguments(at.simulator, "create_subscription")
        await at.done("create_subscription", **given)
        note = texts(await at.call("create_subscription", **given))[1]
        await at.done("create_subscription", **given, repeat_of=f"op_{note.partition('op_')[2][:16]}")
        once, twice = (question.message for question in at.asked)
        assert once != twice


async def test_a_no_stays_a_no_while_the_ledger_is_locked(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The model must not be told that calling again is safe when a person has just said no.
    """
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    locked: list[sqlite3.Connection] = []

    def says_no(_: Any) -> ElicitResult:
        other = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked.append(other)
        return ElicitResult(action="decline")

    async with desk(says_no, era="legacy", database=database) as at:
        text = await at.refused("create_refund", **arguments(at.simulator, "create_refund"))
        locked[0].close()
        assert "said no" in text


async def test_a_no_that_the_ledger_could_not_take_down_is_not_turned_into_a_yes(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    async with desk(lambda _: YES, database=database, account="acct_1") as at:
        wire = Wire(at, "create_refund", **arguments(at.simulator, "create_refund"))
        state = await wire.ask()
        before = committed(at.simulator)
        other = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await wire.call(state, ElicitResult(action="decline"))
        other.close()
        await wire.call(state, YES)
        assert committed(at.simulator) == before


# Limits


async def test_a_metered_price_has_no_amount_that_a_limit_could_hold_it_to() -> None:
    """
    A metered price has a unit_amount, and is billed by use: nobody can tell how much that will be.
    """
    price = {
        "object": "price",
        "id": "price_1",
        "currency": "usd",
        "unit_amount": 100,
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered"},
    }

    async def read(request: Any) -> dict[str, Any]:
        return price if "/prices/" in request.path else {"object": "customer", "id": "cus_1"}

    given = {"customer": "cus_1", "items": [{"price": "price_1"}]}
    assert (await read_stakes(TEMPLATES["create_subscription"], given, read)).amount is None


async def test_money_counts_for_a_day_from_when_it_moved() -> None:
    """
    S11: 500 that were reserved yesterday, and sent again with their key one minute ago.
    """
    clock = Clock()
    ledger = a_ledger(clock)
    limits = [Limit(name="max_refund_per_day", most=500)]
    operation = await begun(ledger, limits=limits)
    await ledger.finish(operation, "unknown")
    clock.now = NOW + 23 * 3600 - 60
    again = await begun(ledger)
    assert again.id == operation.id
    await ledger.finish(again, "done", '{"content": {}}')
    clock.now = NOW + 24 * 3600 + 60
    with pytest.raises(Exception, match="admits no more"):
        await begin(ledger, a_write(fingerprint="another"), DOLLARS, limits=limits)


async def test_an_unknown_outcome_keeps_its_reservation_for_as_long_as_it_is_unknown() -> None:
    clock = Clock()
    ledger = a_ledger(clock)
    limits = [Limit(name="max_refund_per_day", most=500)]
    await ledger.finish(await begun(ledger, limits=limits), "unknown")
    clock.now = NOW + 24 * 3600 + 60
    with pytest.raises(Exception, match="admits no more"):
        await begin(ledger, a_write(fingerprint="another"), DOLLARS, limits=limits)


async def test_what_moved_today_counts_for_a_limit_that_is_set_now(database: str) -> None:
    """
    A person sees too many refunds, sets a limit and restarts; or another process has none.
    """
    shop = await LiveShop().open(2)
    async with desk(simulator=shop.simulator, database=database, **LIVE) as at:
        await at.done("create_refund", payment_intent=shop.payments[0])
    rules = Rules(limits={"max_refund_per_day": {"usd": shop.amount}})
    async with desk(simulator=shop.simulator, database=database, rules=rules, **LIVE) as at:
        await at.refused("create_refund", payment_intent=shop.payments[1])


async def test_an_invoice_in_another_currency_is_not_made_final_where_nobody_can_be_asked() -> None:
    """
    With a person at the client the same call is refused.
    """
    rules = Rules(currencies=frozenset(["jpy"]), confirm="client")
    async with desk(rules=rules) as at:
        await at.refused("finalize_invoice", **arguments(at.simulator, "finalize_invoice"))


async def test_a_full_refund_moves_what_it_was_held_to_and_not_what_is_left_later() -> None:
    """
    Between the look at the charge and the refund, an earlier refund fails and its money is there again:
    for a moment, or, where the refund is sent again with its key, for 23 hours.
    """
    shop = await LiveShop().open(1)
    await shop.post("refunds", payment_intent=shop.payments[0], amount=4000)

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            await earlier_refund_fails()
        return await passes(inner, request)

    async def earlier_refund_fails() -> None:
        intent = await shop.get(f"payment_intents/{shop.payments[0]}")
        [world] = [each for each in shop.simulator.state.worlds.values() if each.store.livemode]
        world.store.get("charge", intent["latest_charge"])["amount_refunded"] = 0

    rules = Rules(limits={"max_refund": {"usd": 1000}})
    async with desk(simulator=shop.simulator, rules=rules, **by_way_of(hop), **LIVE) as at:
        done = await at.done("create_refund", payment_intent=shop.payments[0])
        assert done["amount"] <= 1000


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/payment_intents/{payment_intent}/capture", "capture"),
        ("/v1/charges/{charge}/refund", "refund"),
        ("/v1/charges/{charge}/refunds", "refund"),
    ],
)
async def test_a_tool_of_ones_own_that_moves_the_same_money_is_limited_as_well(path: str, kind: str) -> None:
    own = TEMPLATES["create_refund"].model_copy(update={"request": Endpoint(method="POST", path=path)})
    assert kind_of(own) == kind


# What is kept and told


async def test_an_empty_repeat_of_is_refused_or_left_out_and_blocks_nobody(database: str) -> None:
    """
    Models fill what is optional with empty texts. The second one broke a unique index, for ever.
    """
    async with desk(database=database, account="acct_1") as at:
        first = await at.call("create_customer", name="Zoë", repeat_of="")
        second = await at.call("create_customer", name="Ana", repeat_of="")
        assert "ledger" not in texts(first)[0] + texts(second)[0]


async def test_what_is_called_off_after_it_was_sent_is_not_kept_as_failed(database: str) -> None:
    """
    A DELETE goes out, its answer is lost, and the caller leaves while the object is looked at.
    """
    simulator = Simulator()
    looking = anyio.Event()

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            await passes(inner, request)
            raise httpx.ReadError("lost")
        looking.set()  # the account is given and nobody is asked: the only GET is the one after the DELETE
        await anyio.sleep_forever()
        raise AssertionError

    ours: dict[str, Any] = {"database": database, "account": "acct_1", "rules": Rules(confirm="client")}
    async with desk(simulator=simulator, **ours, **by_way_of(hop)) as at:
        given = arguments(simulator, "delete_customer")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: at.call("delete_customer", **given))
            with anyio.fail_after(5):
                await looking.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            while rows(database, "SELECT state FROM operations") == [("intent",)]:
                await anyio.lowlevel.checkpoint()
    assert rows(database, "SELECT state FROM operations") != [("failed",)]


async def test_a_write_whose_caller_has_left_stays_alive_until_it_ends(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    R5, R8: the POST goes on, shielded. The same call waits for it instead of sending a second one.
    """
    for module in ("sending", "safety.ledger"):
        monkeypatch.setattr(f"stripe_mcp.{module}.LEASE", 0.3)
    simulator, posts = Simulator(), []
    posted, go_on = anyio.Event(), anyio.Event()

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            posts.append(request)
            posted.set()
            await go_on.wait()
        return await passes(inner, request)

    caller = anyio.CancelScope()

    async def call() -> None:
        with caller:
            await at.call("create_customer", name="Zoë")

    async with desk(simulator=simulator, database=database, account="acct_1", **by_way_of(hop)) as at:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await posted.wait()
            caller.cancel()
            with anyio.move_on_after(1):  # more than three leases
                await anyio.sleep_forever()
            [(state, until)] = rows(database, "SELECT state, alive_until FROM operations")
            go_on.set()
        assert state == "intent"
        assert until > time.time() - 0.1


async def test_who_repeats_what_a_person_closed_as_done_is_not_told_that_nothing_was_done(
    database: str,
) -> None:
    """
    Told that nothing was done, a model tries another way, and the money moves twice.
    """
    shop = await LiveShop().open(1)
    part = {"payment_intent": shop.payments[0], "amount": 1000}
    ours: dict[str, Any] = {"simulator": shop.simulator, "database": database, **LIVE}
    async with desk(**ours, **by_way_of(losing_the_answer_to("POST"))) as at:
        await at.call("create_refund", **part)
    [operation] = await (ledger := a_ledger(Clock(time.time()), Store(database))).open()
    closed = json.dumps({"error": "A person closed it as done. It counts as carried out."})
    await ledger.finish(operation, "done", closed, why="closed by a person")
    ledger.store.close()
    async with desk(**ours) as at:
        assert "nothing was done:" not in texts(await at.call("create_refund", **part))[0]


async def test_a_repeat_is_masked_as_a_first_answer_would_be(database: str) -> None:
    """
    A server that was restarted with --redact-pii answers from what one without it has kept.
    """
    ours: dict[str, Any] = {"simulator": Simulator(), "database": database, "account": "acct_1"}
    async with desk(**ours) as at:
        await at.done("create_customer", name="Zoë", email="canary@example.com")
    async with desk(**ours, redact_pii=True) as at:
        result = await at.call("create_customer", name="Zoë", email="canary@example.com")
        assert texts(result)[1].startswith("REPEAT")
        assert "canary@example.com" not in str(texts(result))


async def test_a_repeat_does_not_tell_what_a_caller_has_to_know(database: str) -> None:
    """
    The same with --verify-identity, and without any verification at all.
    """
    simulator = Simulator()
    given = arguments(simulator, "create_subscription") | {"expand": ["default_payment_method"]}
    method = next(
        each
        for each in simulator.store.all("payment_method")
        if each["customer"] == given["customer"] and each["type"] == "card"
    )
    given |= {"default_payment_method": method["id"]}
    ours: dict[str, Any] = {"simulator": simulator, "database": database, "account": "acct_1"}
    async with desk(**ours) as at:
        await at.done("create_subscription", **given)
    async with desk(**ours, rules=Rules(verify_identity=True)) as at:
        result = await at.call("create_subscription", **given)
        assert method["card"]["last4"] not in str(texts(result))


async def test_the_audit_has_no_email_of_stripes_errors(database: str) -> None:
    error = {"type": "invalid_request_error", "message": "Invalid email address: jane@example.com,"}

    async def hop(inner: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(400, json={"error": error})
        return await passes(inner, request)

    async with desk(database=database, **by_way_of(hop)) as at:
        await at.call("create_customer", email="jane@example.com")
    assert "jane@example.com" not in json.dumps(entries(database))


async def test_what_names_people_does_not_stay_when_it_serves_no_more(database: str) -> None:
    """
    The form is emptied as soon as the outcome is known, and the outcome itself holds the same, for ever.
    """
    async with desk(database=database, account="acct_1") as at:
        await at.done("create_customer", name="Zoë Canary", email="canary@example.com")
        rows(database, "UPDATE operations SET finished = finished - 1e7, forget_at = forget_at - 1e7")
        await at.done("create_customer", name="Another")
    assert "canary@example.com" not in str(rows(database, "SELECT * FROM operations"))


async def test_a_question_that_was_answered_does_not_stay(database: str) -> None:
    shop = await LiveShop().open(1, name="Canary Person")
    always: dict[str, Any] = {"rules": Rules(confirm="always"), "database": database, **LIVE}
    async with desk(simulator=shop.simulator, **always) as at:
        await at.refused("create_refund", payment_intent=shop.payments[0])
        await settle(database, "approved")
        await at.done("create_refund", payment_intent=shop.payments[0])
    assert "Canary Person" not in str(rows(database, "SELECT question FROM approvals"))


async def test_the_audit_does_not_end_with_what_did_not_become_of_an_operation() -> None:
    """
    Two have sent it: done stays done in the ledger, and the record says "failed" after it.
    """
    ledger = a_ledger(Clock())
    operation = await begun(ledger)
    await ledger.finish(operation, "done", '{"content": {}}')
    await ledger.finish(operation, "failed", '{"error": "late"}', why="closed by a person")
    kept = await ledger.get(operation.id)
    said = [json.loads(line.entry) for line in await ledger.store.look(lambda it: list(audit.lines(it)))]
    assert kept
    assert kept.state == "done"
    assert said[-1]["event"] == "failed, too late"


async def test_a_damaged_house_argument_is_an_invalid_one() -> None:
    """
    "Internal error" says that the outcome of a write is unknown, and nothing was sent.
    """
    async with desk(account="acct_1") as at:
        assert "Invalid arguments" in await at.refused("create_customer", name="Zoë", repeat_of="\ud800")


async def test_a_repeat_on_purpose_is_audited_as_one(database: str) -> None:
    """
    R7: with repeat_of twice, and audited.
    """
    async with desk(database=database, account="acct_1") as at:
        await at.done("create_customer", name="Zoë")
        note = texts(await at.call("create_customer", name="Zoë"))[1]
        first = f"op_{note.partition('op_')[2][:16]}"
        await at.done("create_customer", name="Zoë", repeat_of=first)
    last = [entry for entry in entries(database) if entry["event"] == "intent"][-1]
    assert last["operation"] != first
    assert first in json.dumps(last)


async def test_wrong_tries_to_prove_an_identity_are_audited(database: str) -> None:
    async with desk(database=database, rules=Rules(verify_identity=True)) as at:
        customer = arguments(at.simulator, "update_customer")["customer_id"]
        await at.refused("verify_identity", customer_id=customer, last4="0000")
    assert [entry["why"] for entry in entries(database)] == ["identity"]


async def test_a_write_on_another_account_than_the_pinned_one_is_audited(database: str) -> None:
    async with desk(database=database, rules=Rules(account="acct_other")) as at:
        assert "pinned" in await at.refused("create_customer", name="Zoë")
    assert [entry["why"] for entry in entries(database)] == ["account"]


async def test_completions_tell_nothing_of_another_account_than_the_pinned_one() -> None:
    async with desk(rules=Rules(account="acct_other")) as at:
        reference = PromptReference(name="refund_request")
        offered = await at.client.complete(reference, {"name": "customer_email", "value": ""})
        assert offered.completion.values == []


# Metadata


async def test_as_much_metadata_as_a_schema_admits_can_be_sent() -> None:
    """
    Stripe takes 50 keys, and ours would be the 51st.
    """
    async with desk() as at:
        await at.done("create_customer", metadata={f"key{number}": "x" for number in range(50)})


async def test_the_mark_of_an_operation_cannot_be_put_on_another_object() -> None:
    """
    `operations reconcile` goes by it, and would take that object for what the open operation made.
    """
    async with desk() as at:
        given = arguments(at.simulator, "update_customer")
        before = committed(at.simulator)
        mark = {"stripe_mcp_operation": "op_0123456789abcdef"}
        result = await at.call("update_customer", **given | {"metadata": mark})
        assert result.is_error
        assert committed(at.simulator) == before
