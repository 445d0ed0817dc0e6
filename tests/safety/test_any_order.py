"""
Whatever happens to one write, in any order, at most one idempotency key of it is in use at a time.
"""

from functools import partial
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stripe_mcp.errors import Refused
from stripe_mcp.safety.ledger import LEASE
from stripe_mcp.safety.operations import Found, Operation, Standing, Write
from stripe_mcp.safety.store import Store
from tests.ledgers import Clock, a_ledger, a_write, begin

KEY_LIVES = 23 * 3600
# Seconds that pass: within the lease of 5, the ten minutes, the 23 hours; or the clock is set back.
STEPS = st.sampled_from([1, 5, 600, 3600, KEY_LIVES, -600, -3600])
OUTCOMES = st.sampled_from(["done", "failed", "unknown"])


class OneWrite(RuleBasedStateMachine):
    """
    Two processes make the same write again and again, or die over it. *open* is what Stripe may have seen
    under a key and nobody knows the outcome of, by our own count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Store("sqlite://")
        self.ledgers = [a_ledger(self.clock, self.store) for _ in range(2)]
        self.sending: list[Operation] = []
        self.open: dict[str, str] = {}  # id -> idempotency key
        self.done: list[str] = []
        self.repeats: dict[str, str | None] = {}  # id -> the operation that it is to repeat, unless it failed

    portal: BlockingPortal
    idempotent: bool

    def write(self, repeat_of: str | None) -> Write:
        return a_write(repeat_of=repeat_of, idempotent=self.idempotent)

    def run(self, work: Any, *arguments: Any) -> Any:
        return self.portal.call(work, *arguments)

    @initialize(idempotent=st.booleans())
    def choose(self, idempotent: bool) -> None:
        self.idempotent = idempotent

    @precondition(lambda self: self.sending)
    @rule(process=st.integers(0, 1))
    def call_when_the_first_is_silent(self, process: int) -> None:
        self.clock.now += LEASE
        self.call(process, repeat=False)

    @rule(process=st.integers(0, 1), repeat=st.booleans())
    def call(self, process: int, repeat: bool) -> None:
        latest = self.done[-1] if repeat and self.done else None
        try:
            found: Found = self.run(begin, self.ledgers[process], self.write(latest))
        except Refused:
            assert latest
            assert self.open or self.done  # it is never refused without a reason
            return
        operation = found.operation
        if found.standing is Standing.NEW:
            assert operation
            assert not self.open
            assert latest is None or latest not in self.repeats.values()
            self.repeats[operation.id] = latest
            self.open[operation.id] = str(operation.idempotency_key)
            self.sending.append(operation)
        elif found.standing is Standing.RESEND:
            assert operation
            assert self.open == {operation.id: operation.idempotency_key}
            assert self.clock.now < operation.created + KEY_LIVES
            self.sending.append(operation)
        elif found.standing is Standing.SETTLED:
            assert operation
            assert operation.id in self.done
            assert latest or not self.open
        else:
            assert operation
            assert operation.id in self.open

    @precondition(lambda self: self.sending)
    @rule(state=OUTCOMES, which=st.integers(0, 1), ask=st.booleans())
    def finish(self, state: str, which: int, ask: bool) -> None:
        """
        An attempt ends. Stripe gives every attempt under one key the same outcome, if any.
        """
        operation = self.sending.pop(which % len(self.sending))
        if state != "unknown" and operation.id not in self.open:
            state = "done" if operation.id in self.done else "failed"
        self.end(operation, state, ask)

    @precondition(lambda self: self.open and not self.sending)
    @rule(state=st.sampled_from(["done", "failed"]))
    def close(self, state: str) -> None:
        """
        A person says what became of it.
        """
        [operation] = self.run(self.ledgers[1].open)
        self.end(operation, state, ask=True)

    def end(self, operation: Operation, state: str, ask: bool) -> None:
        finish = partial(self.ledgers[0].finish, operation, state, '{"content": {}}', ask_again=ask)
        self.run(finish)
        if state != "unknown" and operation.id in self.open:
            del self.open[operation.id]
            if state == "done":
                self.done.append(operation.id)
            else:
                del self.repeats[operation.id]

    @precondition(lambda self: self.sending)
    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        self.sending.pop(which % len(self.sending))

    @rule(seconds=STEPS)
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def what_is_open_is_kept_as_open(self) -> None:
        assert len(self.open) <= 1
        kept: list[Operation] = self.run(self.ledgers[0].open)
        assert {each.id: each.idempotency_key for each in kept} == self.open

    def teardown(self) -> None:
        self.store.close()


def test_one_write_has_one_key_in_any_order_of_events() -> None:
    with start_blocking_portal() as portal:
        OneWrite.portal = portal
        run_state_machine_as_test(OneWrite, settings=settings(max_examples=100, stateful_step_count=30))
