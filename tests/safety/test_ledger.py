"""
The ledger: what an earlier operation means for the same write, and that money is counted exactly.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import select

from stripe_mcp.errors import LedgerUnavailable, Refused, ToolError
from stripe_mcp.request import StripeRequest
from stripe_mcp.safety import approvals, audit
from stripe_mcp.safety.counting import AllowanceUsed
from stripe_mcp.safety.ledger import LEASE, Ledger
from stripe_mcp.safety.operations import Found, Money, Operation, Standing, Write, fingerprint, marked, new_id
from stripe_mcp.safety.store import Store, operations
from tests.ledgers import DELETION, REFUND, Clock, a_ledger, a_write, begin, begun, up_to, url

pytestmark = pytest.mark.anyio

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock, database: str) -> Iterator[Ledger]:
    made = a_ledger(clock, Store(database))
    yield made
    made.store.close()


async def standing(ledger: Ledger, **more: Any) -> Standing:
    return (await ledger.find(a_write(**more))).standing


async def kept(ledger: Ledger, operation: Operation) -> Operation:
    found = await ledger.get(operation.id)
    assert found
    return found


async def record(ledger: Ledger) -> list[str]:
    return [line.entry for line in await ledger.store.look(lambda connection: list(audit.lines(connection)))]


# What the same write finds


async def test_a_write_is_new_once_and_runs_until_its_process_says_nothing_more(
    ledger: Ledger, clock: Clock
) -> None:
    assert await standing(ledger) is Standing.NEW
    operation = await begun(ledger)
    assert operation.idempotency_key
    assert await standing(ledger) is Standing.RUNNING
    clock.now += LEASE - 1
    await ledger.stay_alive(operation)
    clock.now += LEASE - 1
    assert await standing(ledger) is Standing.RUNNING
    clock.now += 1
    assert await standing(ledger) is Standing.RESEND
    again = await begun(ledger)
    assert (again.id, again.idempotency_key) == (operation.id, operation.idempotency_key)
    assert await standing(ledger) is Standing.RUNNING


@pytest.mark.parametrize(
    "change",
    [
        {"principal": "other"},
        {"account": "acct_2"},
        {"mode": "LIVE"},
        {"tool": "refund_all"},
        {"fingerprint": "other"},
    ],
    ids=str,
)
async def test_a_write_that_differs_in_anything_is_another_one(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    operation = await begun(ledger)
    for state in ("unknown", "done"):
        await ledger.finish(operation, state, '{"content": {}}')
        assert await standing(ledger, **change) is Standing.NEW


async def test_an_unknown_outcome_is_asked_for_with_the_same_key_for_23_hours_and_never_forgotten(
    ledger: Ledger, clock: Clock
) -> None:
    operation = await begun(ledger)
    await ledger.finish(operation, "unknown")
    clock.now += 23 * HOUR - 1
    assert await standing(ledger) is Standing.RESEND
    for later in (1, DAY, 1000 * DAY):
        clock.now += later
        assert await standing(ledger) is Standing.STUCK
        assert (await begin(ledger, a_write())).standing is Standing.STUCK
    assert [each.id for each in await ledger.open()] == [operation.id]


async def test_an_error_that_stripe_keeps_is_not_asked_for_again(ledger: Ledger) -> None:
    operation = await begun(ledger)
    await ledger.finish(operation, "unknown", ask_again=False)
    assert await standing(ledger) is Standing.STUCK


async def test_a_delete_has_no_key_and_is_an_act_of_its_own_after_ten_minutes(
    ledger: Ledger, clock: Clock
) -> None:
    write = a_write(DELETION)
    operation = await begun(ledger, write)
    assert operation.idempotency_key is None
    await ledger.finish(operation, "unknown", ask_again=False)
    clock.now += 599
    assert (await ledger.find(write)).standing is Standing.RESEND
    clock.now += 1
    assert (await ledger.find(write)).standing is Standing.NEW


async def test_what_failed_is_over_and_the_same_write_gets_a_new_key(ledger: Ledger) -> None:
    operation = await begun(ledger)
    await ledger.finish(operation, "failed", '{"error": "declined"}')
    assert await standing(ledger) is Standing.NEW
    again = await begun(ledger)
    assert again.id != operation.id
    assert again.idempotency_key != operation.idempotency_key


async def test_what_is_done_answers_the_same_write_for_ten_minutes(ledger: Ledger, clock: Clock) -> None:
    operation = await begun(ledger)
    await ledger.finish(operation, "done", '{"content": {"id": "re_1"}}')
    clock.now += 599
    found = await ledger.find(a_write())
    assert found.standing is Standing.SETTLED
    assert found.operation
    assert found.operation.answer() == {"id": "re_1"}
    clock.now += 1
    assert await standing(ledger) is Standing.NEW


async def test_what_changes_nothing_more_is_simply_sent_again(ledger: Ledger) -> None:
    operation = await begun(ledger, a_write(DELETION))
    await ledger.finish(operation, "done", '{"content": {}}')
    assert (await ledger.find(a_write(DELETION))).standing is Standing.NEW


async def test_people_are_forgotten_when_the_outcome_is_known(ledger: Ledger) -> None:
    for state in ("failed", "done"):
        operation = await begun(ledger)
        assert (await kept(ledger, operation)).request == REFUND
        await ledger.finish(operation, "unknown")
        assert (await kept(ledger, operation)).request == REFUND
        await ledger.finish(operation, state, '{"error": ""}')
        assert (await kept(ledger, operation)).request.form == ""


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        ("done", "unknown", "done"),
        ("done", "failed", "done"),
        ("failed", "unknown", "failed"),
        ("failed", "done", "done"),
        ("unknown", "failed", "failed"),
        ("unknown", "done", "done"),
    ],
)
async def test_of_two_that_sent_it_the_one_who_knows_more_is_right(
    ledger: Ledger, clock: Clock, first: str, then: str, left: str
) -> None:
    slow = await begun(ledger)
    clock.now += LEASE
    quick = await begun(ledger)
    await ledger.finish(quick, first, first)
    await ledger.finish(slow, then, then)
    found = await kept(ledger, slow)
    assert (found.state, found.outcome) == (left, left)
    assert len(await record(ledger)) == 4  # what both said is in the audit


async def test_an_open_operation_is_found_even_if_the_clock_was_set_back(
    ledger: Ledger, clock: Clock
) -> None:
    done = await begun(ledger, a_write(DELETION))
    await ledger.finish(done, "done", '{"content": {}}')
    clock.now -= HOUR
    lost = await begun(ledger, a_write(DELETION))
    await ledger.finish(lost, "unknown")
    found = await ledger.find(a_write(DELETION))
    assert found.operation
    assert found.operation.id == lost.id


# Twice on purpose


async def test_a_repeat_is_good_once(ledger: Ledger, clock: Clock) -> None:
    first = await begun(ledger)
    await ledger.finish(first, "done", '{"content": {"id": "re_1"}}')
    clock.now += 1
    repeat = a_write(repeat_of=first.id)
    second = await begun(ledger, repeat)
    assert second.idempotency_key != first.idempotency_key
    assert (await ledger.find(repeat)).standing is Standing.RUNNING
    await ledger.finish(second, "done", '{"content": {"id": "re_2"}}')
    for write in (repeat, a_write()):
        found = await ledger.find(write)
        assert found.standing is Standing.SETTLED
        assert found.operation
        assert found.operation.answer() == {"id": "re_2"}
    third = await begun(ledger, a_write(repeat_of=second.id))
    assert third.id not in (first.id, second.id)


async def test_a_repeat_that_was_made_answers_for_ever(ledger: Ledger, clock: Clock) -> None:
    first = await begun(ledger)
    await ledger.finish(first, "done")
    second = await begun(ledger, a_write(repeat_of=first.id))
    await ledger.finish(second, "done")
    clock.now += 100 * DAY
    assert await standing(ledger, repeat_of=first.id) is Standing.SETTLED


async def test_a_repeat_that_failed_may_be_made_again(ledger: Ledger) -> None:
    first = await begun(ledger)
    await ledger.finish(first, "done")
    second = await begun(ledger, a_write(repeat_of=first.id))
    await ledger.finish(second, "failed")
    assert (await begun(ledger, a_write(repeat_of=first.id))).id != second.id


async def test_only_the_latest_done_operation_of_the_same_write_can_be_repeated(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="names no operation"):
        await ledger.find(a_write(repeat_of="op_1"))
    first = await begun(ledger)
    for state in ("intent", "unknown"):
        if state == "unknown":
            await ledger.finish(first, state)
        with pytest.raises(Refused, match=f"what became of {first.id} is unknown"):
            await begin(ledger, a_write(repeat_of=first.id))
    await ledger.finish(first, "done")
    with pytest.raises(Refused, match=f"latest operation of this write is {first.id}"):
        await ledger.find(a_write(repeat_of="op_1"))
    with pytest.raises(Refused, match="names no operation"):
        await ledger.find(a_write(repeat_of=first.id, principal="other"))


# Consent


async def test_an_answer_is_used_once_and_answers_its_own_write_for_ever(
    ledger: Ledger, clock: Clock
) -> None:
    write = a_write(consent="question")
    operation = await begun(ledger, write)
    assert (await ledger.find(write)).standing is Standing.RUNNING
    await ledger.finish(operation, "failed", '{"error": "declined"}')
    clock.now += 100 * DAY
    found = await ledger.find(write)
    assert found.standing is Standing.SETTLED
    assert found.operation
    with pytest.raises(Refused, match=f"this answers {operation.id}, which failed. declined"):
        found.operation.answer()
    with pytest.raises(LedgerUnavailable):
        await begin(ledger, a_write(consent="question", fingerprint="other"))


async def test_an_approval_is_used_up_by_the_write_it_was_for(ledger: Ledger, clock: Clock) -> None:
    write = a_write()
    filed = await ledger.store.run(approvals.file, write, "facts", "Refund?", None, clock())
    await ledger.store.run(approvals.settle, filed, "approved", clock())
    await begun(ledger, a_write(consent=filed), way="approval")
    assert await ledger.store.look(approvals.find, write, clock()) is None


async def test_a_refusal_uses_up_the_answer_that_came_with_it_and_holds(ledger: Ledger) -> None:
    write = a_write(consent="question")
    for _ in range(2):
        await ledger.refuse(write, Refused("changed", "it changed."), '{"error": "it changed"}', client="C")
    found = await ledger.find(write)
    assert found.standing is Standing.SETTLED
    assert found.operation
    assert found.operation.request.form == ""
    with pytest.raises(Refused, match="it changed"):
        found.operation.answer()
    assert await standing(ledger) is Standing.NEW
    lines = await record(ledger)
    assert len(lines) == 2
    assert all('"why":"changed"' in line and '"client":"C"' in line for line in lines)


async def test_what_a_person_closed_as_done_is_not_said_to_have_failed(ledger: Ledger) -> None:
    operation = await begun(ledger)
    await ledger.finish(operation, "done", '{"error": "A person closed it."}')
    with pytest.raises(ToolError, match=r"was carried out before\. A person closed it\."):
        (await kept(ledger, operation)).answer()


@pytest.mark.parametrize("state", ["done", "failed"])
async def test_an_outcome_is_forgotten_when_it_serves_no_more(
    ledger: Ledger, clock: Clock, state: str
) -> None:
    operation = await begun(ledger)
    await ledger.finish(operation, state, '{"content": {"name": "Zoë"}}', object="re_1")
    clock.now += 1201
    await begun(ledger, a_write(fingerprint="another"))
    left = await kept(ledger, operation)
    assert left.outcome is None
    with pytest.raises(ToolError, match="re_1" if state == "done" else "which failed"):
        left.answer()


# The audit


async def test_the_intent_is_in_the_audit_before_and_the_outcome_after(ledger: Ledger) -> None:
    operation = await begun(ledger, said={"client": "C", "arguments": "{}"})
    [intent] = await record(ledger)
    assert '"event":"intent"' in intent
    assert f'"operation":"{operation.id}"' in intent
    assert '"client":"C"' in intent
    await ledger.finish(operation, "done", "{}", request_id="req_1", mismatch=None)
    outcome = (await record(ledger))[-1]
    assert '"event":"done"' in outcome
    assert '"request_id":"req_1"' in outcome
    assert "mismatch" not in outcome


async def test_what_the_audit_does_not_take_does_not_begin(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*arguments: Any, **said: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(audit, "append", break_off)
    with pytest.raises(LedgerUnavailable, match="disk full"):
        await begin(ledger, a_write())
    assert await ledger.open() == []


# Several at once, in two processes


@contextmanager
def two_ledgers(folder: Path, clock: Clock) -> Iterator[list[Ledger]]:
    """
    Two ledgers on one file, each with a connection of its own, as two processes have them.
    """
    ledgers = [a_ledger(clock, Store(url(folder))) for _ in range(2)]
    yield ledgers
    for ledger in ledgers:
        ledger.store.close()


def at_once(ledgers: list[Ledger], writes: list[Write], **more: Any) -> list[Any]:
    """
    What comes of beginning each of *writes* with each of *ledgers*, whose threads start at the same moment.
    """
    ready, results = threading.Barrier(len(ledgers)), list[Any]()

    async def begin_one(ledger: Ledger, write: Write) -> None:
        try:
            results.append(await begin(ledger, write, **more))
        except Refused as error:
            results.append(error)

    async def begin_all(ledger: Ledger) -> None:
        async with anyio.create_task_group() as tasks:
            ready.wait()
            for write in writes:
                tasks.start_soon(begin_one, ledger, write)

    threads = [threading.Thread(target=anyio.run, args=(begin_all, ledger)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_that_begin_one_write_at_once_one_sends_it(tmp_path: Path, clock: Clock) -> None:
    with two_ledgers(tmp_path, clock) as ledgers:
        for standing in (Standing.NEW, Standing.RESEND):
            found = at_once(ledgers, [a_write() for _ in range(10)])
            standings = [each.standing for each in found]
            assert standings.count(standing) == 1
            assert standings.count(Standing.RUNNING) == 19
            assert len({each.operation.idempotency_key for each in found}) == 1
            clock.now += LEASE


def test_of_many_that_begin_at_once_exactly_the_allowed_sum_passes(tmp_path: Path, clock: Clock) -> None:
    with two_ledgers(tmp_path, clock) as ledgers:
        others = [a_write(fingerprint=str(number)) for number in range(10)]
        results = at_once(ledgers, others, **up_to(2_300))
    new = [each for each in results if isinstance(each, Found) and each.standing is Standing.NEW]
    assert len(new) == 4  # of 500 each
    assert {each.why for each in results if isinstance(each, Refused)} == {"limit"}


def test_of_many_that_begin_at_once_exactly_the_allowed_number_goes_unasked(
    tmp_path: Path, clock: Clock
) -> None:
    with two_ledgers(tmp_path, clock) as ledgers:
        others = [a_write(fingerprint=str(number)) for number in range(10)]
        results = at_once(ledgers, others, way="client", unasked=5)
    new = [each for each in results if isinstance(each, Found) and each.standing is Standing.NEW]
    assert len(new) == 5
    assert {type(each) for each in results if isinstance(each, Refused)} == {AllowanceUsed}


# Limits on money


async def spend(ledger: Ledger, amount: int, most: int = 1_000, **money: Any) -> Operation:
    """
    Begin a write of its own that moves *amount*, held to *most* in a day.
    """
    moved = {"kind": "refund", "customer": "cus_1", "currency": "usd"} | money
    limited = up_to(most, customer=moved.pop("of", None))
    return await begun(ledger, a_write(fingerprint=new_id()), Money(amount=amount, **moved), **limited)


async def test_the_limit_itself_passes_and_a_cent_more_does_not(ledger: Ledger) -> None:
    await spend(ledger, 999)
    with pytest.raises(Refused, match=r"max_refund_per_day admits no more than \$0\.01 "):
        await spend(ledger, 2)
    await spend(ledger, 1)
    with pytest.raises(Refused, match="no more than"):
        await spend(ledger, 1)
    with pytest.raises(Refused, match="no more than"):
        await spend(ledger, 1, most=500)


async def test_currencies_and_kinds_are_counted_apart(ledger: Ledger) -> None:
    await spend(ledger, 1_000)
    await spend(ledger, 1_000, currency="jpy")
    await spend(ledger, 1_000, kind="capture")
    again: Any
    for again in ({}, {"currency": "jpy"}, {"kind": "capture"}):
        with pytest.raises(Refused):
            await spend(ledger, 1, **again)


async def test_accounts_and_modes_are_counted_apart_and_principals_together(ledger: Ledger) -> None:
    await spend(ledger, 1_000)
    whose: Any
    for whose in ({"account": "acct_2"}, {"mode": "LIVE"}):
        await begun(ledger, a_write(fingerprint="other", **whose), **up_to(1_000))
    with pytest.raises(Refused):
        await begin(ledger, a_write(principal="other"), **up_to(1_000))


async def test_a_customers_limit_counts_what_is_the_customers(ledger: Ledger) -> None:
    await spend(ledger, 1_000, customer="cus_2")
    await spend(ledger, 1_000, of="cus_1")
    with pytest.raises(Refused):
        await spend(ledger, 1, of="cus_1")


async def test_what_failed_gives_its_reservation_back_and_what_is_unknown_keeps_it(ledger: Ledger) -> None:
    operation = await spend(ledger, 1_000)
    await ledger.finish(operation, "unknown")
    with pytest.raises(Refused):
        await spend(ledger, 1)
    await ledger.finish(operation, "failed")
    operation = await spend(ledger, 1_000)
    await ledger.finish(operation, "done")
    with pytest.raises(Refused):
        await spend(ledger, 1)


async def test_a_day_is_24_hours(ledger: Ledger, clock: Clock) -> None:
    await ledger.finish(await spend(ledger, 1_000), "done")
    clock.now += DAY - 1
    with pytest.raises(Refused):
        await spend(ledger, 1)
    clock.now += 1
    await spend(ledger, 1_000)


async def test_a_restart_keeps_the_count(tmp_path: Path, clock: Clock) -> None:
    for left in (500, 0):
        ledger = a_ledger(clock, Store(url(tmp_path)))
        await spend(ledger, 500)
        with pytest.raises(Refused, match=f"no more than .{left / 100:.2f}"):
            await spend(ledger, 501)
        ledger.store.close()


async def test_a_refused_write_leaves_no_operation_and_reserves_nothing(ledger: Ledger) -> None:
    with pytest.raises(Refused):
        await spend(ledger, 1_001)
    assert await ledger.open() == []
    await spend(ledger, 1_000)


async def test_an_amount_beyond_64_bits_is_refused_and_not_rounded(ledger: Ledger) -> None:
    await spend(ledger, 2**62, most=2**63 - 1)
    with pytest.raises(LedgerUnavailable):
        await spend(ledger, 2**64, most=2**80)


async def test_what_moves_no_money_passes_every_limit(ledger: Ledger) -> None:
    await spend(ledger, 1_000)
    await begun(ledger, a_write(), Money(), **up_to(1_000))


async def test_calls_without_a_question_are_counted_for_ten_minutes(ledger: Ledger, clock: Clock) -> None:
    async def unasked(way: str = "client", **whose: Any) -> Operation:
        return await begun(ledger, a_write(fingerprint=new_id(), **whose), way=way, unasked=2)

    await unasked("approval")
    await ledger.finish(await unasked(), "failed")
    clock.now += 300
    await unasked()
    with pytest.raises(AllowanceUsed):
        await unasked()
    await unasked(principal="other")
    await unasked(mode="LIVE")
    clock.now += 300
    await unasked()
    with pytest.raises(AllowanceUsed):
        await unasked()


# What is kept


async def test_amounts_and_who_owns_them_are_kept(ledger: Ledger) -> None:
    operation = await begun(ledger)
    assert (operation.amount, operation.currency) == (500, "usd")
    assert (await kept(ledger, operation)) == operation
    assert await ledger.get("op_none") is None


async def test_open_operations_are_listed_the_oldest_first(ledger: Ledger, clock: Clock) -> None:
    ids = []
    for state in ("unknown", "intent", "done", "failed"):
        operation = await begun(ledger, a_write(fingerprint=state))
        ids.append(operation.id)
        if state != "intent":
            await ledger.finish(operation, state)
        clock.now += 1
    assert [each.id for each in await ledger.open()] == ids[:2]


async def test_every_operation_has_a_key_of_its_own(ledger: Ledger) -> None:
    for number in range(50):
        await begun(ledger, a_write(fingerprint=str(number)))
    with ledger.store.reading() as connection:
        keys = connection.scalars(select(operations.c.idempotency_key)).all()
    assert len({*keys}) == 50


def test_a_request_bears_the_id_of_its_operation() -> None:
    assert marked(StripeRequest("POST", "/v1/refunds", "/v1/refunds"), "op_1").form == (
        "metadata[stripe_mcp_operation]=op_1"
    )
    emptied = StripeRequest("POST", "/v1/refunds", "/v1/refunds", form="amount=5&metadata=")
    assert marked(emptied, "op_1").form == "amount=5&metadata[stripe_mcp_operation]=op_1"


def test_what_only_shapes_the_answer_does_not_make_another_write() -> None:
    def of(form: str, payment: str | None = None) -> str:
        return fingerprint(StripeRequest("POST", "/v1/refunds", "/v1/refunds", form=form), payment)

    assert of("a=1&b=2") == of("b=2&a=1&expand[0]=charge")
    assert of("a=1") != of("a=2")
    assert of("a=1&b=") != of("a=1")
    assert of("charge=ch_1&amount=5", "pi_1") == of("payment_intent=pi_1&amount=5&reason=fraudulent", "pi_1")
    assert len({of("amount=5", "pi_1"), of("amount=6", "pi_1"), of("", "pi_1"), of("amount=5", "pi_2")}) == 4
    assert fingerprint(DELETION) != fingerprint(REFUND)
