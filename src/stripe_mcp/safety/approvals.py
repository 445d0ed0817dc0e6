"""
Calls that wait for a person's yes in their own terminal: `stripe-mcp approve`.

Rule: an approval is for one write, once, for ten minutes, and for the facts that the person read. What was
declined is not done unasked for a day.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, insert, or_, select, update

from stripe_mcp.safety.operations import Write
from stripe_mcp.safety.store import approvals as table

LASTS = 600.0  # seconds, to wait for an answer and again to use it

_DAY = 24 * 3600.0
_OF_A_WRITE = ("principal", "account", "mode", "tool", "fingerprint")
_OLDEST_FIRST = select(table).order_by(table.c.expires)
_STANDS = _OLDEST_FIRST.where(
    *(table.c[name] == bindparam(name) for name in _OF_A_WRITE),
    or_(
        and_(table.c.state.in_(["waiting", "approved"]), table.c.expires > bindparam("now")),
        and_(table.c.state == "declined", table.c.expires > bindparam("a_day_ago")),
    ),
)
_WAITS = _OLDEST_FIRST.where(table.c.state == "waiting", table.c.expires > bindparam("now"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """
    What waits, or is approved: *facts* is the digest of what *question* says, *amount* has to be typed.
    """

    id: str
    principal: str
    account: str
    mode: str
    tool: str
    facts: str
    question: str
    amount: str | None
    state: str
    expires: float


def find(connection: Connection, write: Write, now: float) -> Approval | None:
    """
    What a person said to *write* in the last ten minutes, or what still waits for them; also that they
    declined it in the last day.
    """
    given = {name: getattr(write, name) for name in _OF_A_WRITE} | {"now": now, "a_day_ago": now - _DAY}
    found = _all(connection, _STANDS, **given)
    return found[-1] if found else None


def file(
    connection: Connection, write: Write, facts: str, question: str, amount: str | None, now: float
) -> str:
    """
    Let *write* wait for a person, and return the id to name to them: that of what waits already, if it does.
    """
    connection.execute(delete(table).where(table.c.expires < now - _DAY))
    waits = find(connection, write, now)
    if waits and waits.state == "waiting" and waits.facts == facts:
        return waits.id
    approval = {
        **{name: getattr(write, name) for name in _OF_A_WRITE},
        "id": f"ap_{secrets.token_hex(4)}",
        "facts": facts,
        "question": question,
        "amount": amount,
        "state": "waiting",
        "expires": now + LASTS,
    }
    connection.execute(insert(table).values(approval))
    return str(approval["id"])


def waiting(connection: Connection, now: float) -> list[Approval]:
    """
    All that waits for an answer, the oldest first.
    """
    return _all(connection, _WAITS, now=now)


def settle(connection: Connection, name: str, state: str, now: float) -> bool:
    """
    Make what waits or is approved as *name* approved, declined or outdated; False if it is neither any more.
    """
    pending = (table.c.id == name, table.c.state.in_(["waiting", "approved"]), table.c.expires > now)
    emptied = {} if state == "approved" else {"question": ""}  # it names people, and serves no more
    settled = {"state": state, "expires": now + LASTS, **emptied}
    changed = connection.execute(update(table).where(*pending).values(settled))
    return changed.rowcount == 1


def _all(connection: Connection, query: Select[Any], **given: Any) -> list[Approval]:
    names = Approval.__dataclass_fields__
    rows = connection.execute(query, given)
    return [Approval(**{name: row._mapping[name] for name in names}) for row in rows]
