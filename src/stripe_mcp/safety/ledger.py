"""
The ledger: each write is an operation with one idempotency key, whoever asks for it and however often.

Rule: before the first byte goes out, the operation is kept. The same write finds it again, after a
lost answer, a restart, in another process, and uses its key or gets its outcome.

    intent ──> done       Stripe carried it out
       │  └──> failed     certainly not carried out: the same write is a new operation
       └────> unknown     no answer says; open until one does, or a person closes it
"""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from stripe_mcp.errors import LedgerUnavailable, Refused
from stripe_mcp.safety import audit
from stripe_mcp.safety.counting import OURS, check_limits, check_unasked
from stripe_mcp.safety.operations import NOTHING, Found, Limit, Money, Operation, Standing, Write
from stripe_mcp.safety.store import Store, approvals
from stripe_mcp.safety.store import operations as table

LEASE = 5.0  # seconds after which a process that says nothing more is taken for dead

# Stripe may forget a key after 24 hours: https://docs.stripe.com/api/idempotent_requests
_KEY_LIVES = 23 * 3600
_TEN_MINUTES = 600  # as long as an answer to a question is good
_SKEW = 300  # seconds by which the clocks of two machines may differ

log = logging.getLogger(__name__)

_OF_A_WRITE = ("principal", "account", "key", "mode", "tool", "fingerprint")
_SAME = [OURS, *(table.c[name] == bindparam(name) for name in ("principal", "mode", "tool", "fingerprint"))]
# One that is open comes first, even if the clock was set back meanwhile.
_LATEST = (
    select(table)
    .where(*_SAME, table.c.state != "failed")
    .order_by(table.c.state == "done", table.c.created.desc())
    .limit(1)
)
_ASKED = select(table).where(*_SAME, table.c.consent == bindparam("consent"))
_REPEATED = select(table).where(*_SAME, table.c.repeats == bindparam("repeat_of"))
_BY_ID = select(table).where(table.c.id == bindparam("id"))
_BY_CONSENT = select(table).where(table.c.consent == bindparam("consent"))
_OPEN = select(table).where(table.c.state.in_(["intent", "unknown"])).order_by(table.c.created)
_KEEP = insert(table)
_CHANGE = update(table).where(table.c.id == bindparam("of"))
# Two may have sent it: what is done stays done, and what has failed is not unknown again.
_SETTLE = _CHANGE.where(table.c.state != "done", table.c.state != bindparam("unless"))
# What was held to limits counts as that; what no limit asked for counts as what Stripe says.
_MOVED = {name: func.coalesce(table.c[name], bindparam(f"moved_{name}")) for name in Money.NAMES}
_SETTLE_DONE = _SETTLE.values(**_MOVED)
_FORGET = update(table).where(table.c.forget_at < bindparam("now")).values(outcome=None, forget_at=None)
_USE_UP = update(approvals).where(approvals.c.id == bindparam("consent")).values(state="used", question="")


class Ledger:
    """
    The operations in *store*. What is done answers the same write again for *repeat_seconds*.
    """

    def __init__(self, store: Store, repeat_seconds: int, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._repeat_seconds = repeat_seconds
        self._clock = clock
        self._used_up: set[str] = set()  # refused consents that the store did not take down

    async def find(self, write: Write) -> Found:
        """
        What there is of *write* already.

        Raises:
            Refused: It is to repeat what cannot be repeated, or its consent is used up.
            LedgerUnavailable: There is no telling.
        """
        return await self.store.look(self._find, write)

    async def begin(
        self,
        write: Write,
        money: Money,
        *,
        way: str,
        limits: list[Limit],
        unasked: int | None,
        said: dict[str, Any],
    ) -> Found:
        """
        Keep that *write* is about to be sent. NEW and RESEND are ours to send; anything else was quicker.

        *way* is how consent was given, *unasked* how many calls may go without in ten minutes (None: not
        counted), *said* goes into the audit.

        Raises:
            Refused: A limit does not admit it.
            AllowanceUsed: A person has to be asked.
            LedgerUnavailable: It could not be kept, and must not be sent.
        """

        def begin(connection: Connection) -> Found:
            found, now = self._find(connection, write), self._clock()
            connection.execute(_FORGET, {"now": now})
            if found.standing is Standing.RESEND and found.operation:
                again = {"of": found.operation.id, "state": "intent", "alive_until": now + LEASE}
                connection.execute(_CHANGE, again)
            elif found.standing is Standing.NEW:
                check_limits(connection, write, money, limits, now)
                check_unasked(connection, write, unasked, now)
                found = Found(Standing.NEW, _insert(connection, write, money, way, now))
            else:
                return found
            operation = found.operation.id if found.operation else None
            said_too = {"operation": operation, "consent": way, "repeat_of": write.repeat_of}
            audit.append(connection, now, event="intent", of=write, **said_too, **said)
            return found

        return await self.store.run(begin)

    async def stay_alive(self, operation: Operation) -> None:
        """
        Tell other processes that *operation* is still being carried out here.
        """
        until = {"of": operation.id, "alive_until": self._clock() + LEASE}
        await self.store.run(lambda connection: connection.execute(_CHANGE, until))

    async def finish(
        self,
        operation: Operation,
        state: str,
        outcome: str | None = None,
        *,
        moved: Money = NOTHING,
        ask_again: bool = True,
        **said: Any,
    ) -> None:
        """
        Keep that *operation* is done, failed or unknown, and the *outcome* that answers the same write.

        *moved* is what Stripe says of the money. Without *ask_again*, Stripe is not asked any more about an
        unknown one.
        """

        def finish(connection: Connection) -> None:
            now = self._clock()
            changed: dict[str, Any] = {"of": operation.id, "state": state, "outcome": outcome}
            changed |= {"alive_until": now, "unless": "done" if state == "done" else "failed"}
            if state != "unknown":  # what names people is emptied as soon as it serves no more
                forget_at = now + self._repeat_seconds + _TEN_MINUTES
                changed |= {"finished": now, "form": "", "query": "", "forget_at": forget_at}
            if state == "done":
                changed |= {"object": said.get("object"), **moved.named("moved_")}
            if state == "failed":
                changed |= {"repeats": None}
            if not ask_again:
                changed |= {"retry_until": now}
            settle = _SETTLE_DONE if state == "done" else _SETTLE
            event = state if connection.execute(settle, changed).rowcount else f"{state}, too late"
            audit.append(connection, now, event=event, of=operation, operation=operation.id, **said)

        await self.store.run(finish)

    async def refuse(self, write: Write, error: Refused, outcome: str, **said: Any) -> None:
        """
        Keep that *write* was refused; a consent that came with it is used up by that, kept or not.
        """

        def refuse(connection: Connection) -> None:
            now = self._clock()
            if write.consent and _one(connection, _BY_CONSENT, consent=write.consent) is None:
                refused = _insert(connection, write, NOTHING, "none", now, outcome=outcome)
                failed = {"of": refused.id, "state": "failed", "form": "", "query": "", "repeats": None}
                connection.execute(_CHANGE, failed)
            audit.append(connection, now, event="refused", of=write, why=error.why, said=str(error), **said)

        try:
            await self.store.run(refuse)
        except LedgerUnavailable:
            log.exception("a refusal could not be kept")
            if write.consent:
                self._used_up.add(write.consent)

    async def note(self, event: str, **said: Any) -> None:
        """
        Put what is beside all operations on record.

        Raises:
            LedgerUnavailable: It could not be.
        """
        await self.store.run(lambda connection: audit.append(connection, self._clock(), event=event, **said))

    def is_alive(self, operation: Operation) -> bool:
        """
        Whether somebody is still carrying out *operation*.
        """
        return self._clock() < operation.alive_until

    async def get(self, name: str) -> Operation | None:
        """
        The operation that *name* is the id of.
        """
        return await self.store.look(_one, _BY_ID, id=name)

    async def open(self) -> list[Operation]:
        """
        The operations of which nobody knows what became, the oldest first.
        """

        def unsettled(connection: Connection) -> list[Operation]:
            return [Operation.kept_in(dict(row._mapping)) for row in connection.execute(_OPEN)]

        return await self.store.look(unsettled)

    def _find(self, connection: Connection, write: Write) -> Found:
        same = {name: getattr(write, name) for name in _OF_A_WRITE}
        if write.consent and (asked := _one(connection, _ASKED, **same, consent=write.consent)):
            return self._judge(asked, write, for_ever=True)
        if write.consent in self._used_up:
            raise Refused("consent", "this answer was refused before. Call again without it.")
        if write.repeat_of and (again := _one(connection, _REPEATED, **same, repeat_of=write.repeat_of)):
            return self._judge(again, write, for_ever=True)
        latest = _one(connection, _LATEST, **same)
        if write.repeat_of:
            return _may_repeat(latest, write.repeat_of)
        return self._judge(latest, write) if latest else Found(Standing.NEW)

    def _judge(self, found: Operation, write: Write, *, for_ever: bool = False) -> Found:
        """
        What *found* means for *write*; the outcome of one that was answered or repeated holds *for_ever*.
        """
        now, fresh = self._clock(), for_ever
        if found.state == "done" and found.finished:
            fresh |= not write.idempotent and now < found.finished + self._repeat_seconds
        if found.state in ("done", "failed"):
            return Found(Standing.SETTLED if fresh else Standing.NEW, found)
        if found.state == "intent" and self.is_alive(found):
            return Found(Standing.RUNNING, found)
        if found.request.method == "DELETE":  # it has no key, so that later it is an act of its own
            return Found(Standing.RESEND if now < found.created + _TEN_MINUTES else Standing.NEW, found)
        # Once the clock was set back, nobody can tell how old the key is at Stripe.
        telling = found.created - _SKEW < now < found.retry_until
        return Found(Standing.RESEND if telling else Standing.STUCK, found)


def _one(connection: Connection, query: Select[Any], **given: Any) -> Operation | None:
    row = connection.execute(query, given).one_or_none()
    return Operation.kept_in(dict(row._mapping)) if row else None


def _may_repeat(latest: Operation | None, repeat_of: str) -> Found:
    if latest is None:
        raise Refused("repeat_of", "repeat_of names no operation of this write; leave it out.")
    if latest.state != "done":
        text = f"what became of {latest.id} is unknown; leave repeat_of out, and the same call settles it."
        raise Refused("repeat_of", text)
    if latest.id != repeat_of:
        raise Refused("repeat_of", f"the latest operation of this write is {latest.id}.")
    return Found(Standing.NEW, latest)


def _insert(
    connection: Connection, write: Write, money: Money, way: str, now: float, outcome: str | None = None
) -> Operation:
    request = write.request
    row = {
        **{name: getattr(write, name) for name in ("id", *_OF_A_WRITE)},
        **{name: getattr(request, name) for name in ("method", "route", "path", "query", "form")},
        **money.named(),
        "idempotency_key": str(uuid.uuid4()) if request.method == "POST" else None,
        "state": "intent",
        "created": now,
        "alive_until": now + LEASE,
        "retry_until": now + _KEY_LIVES,
        "finished": None,
        "outcome": outcome,
        "consent_way": way,
        "consent": write.consent,
        "repeats": write.repeat_of,
    }
    connection.execute(_KEEP, row)
    if write.consent:
        connection.execute(_USE_UP, {"consent": write.consent})
    return Operation.kept_in({"object": None} | row)
