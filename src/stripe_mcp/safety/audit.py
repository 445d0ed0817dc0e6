"""
The record of every write and every refusal: who wanted what, what was decided and why, what came of it.

Rule: lines are only ever added, and each one is bound to the line before it, so that whatever is
changed, removed or moved afterwards shows: by its number.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, update

from stripe_mcp.safety.store import audit, audit_end

_BEFORE_THE_FIRST = "0" * 64

_END = select(audit_end.c.line, audit_end.c.hash)
_ADD, _FIRST_END, _MOVE_END = insert(audit), insert(audit_end), update(audit_end)


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of the record: its number, what it says as JSON, and the hash that binds it.
    """

    number: int
    entry: str
    hash: str


_WHOSE = ("principal", "account", "mode", "tool")


def append(connection: Connection, now: float, *, event: str, of: object = None, **said: Any) -> None:
    """
    Add a line: the *event*, whose write, operation or approval it is *of*, and what is *said*, without None.
    """
    whose = {name: getattr(of, name) for name in _WHOSE} if of else {}
    last, before = end(connection)
    number = last + 1
    when = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    known = {name: value for name, value in said.items() if value is not None}
    entry = json.dumps({"when": when, "event": event, **whose, **known}, separators=(",", ":"))
    bound = _bind(number, entry, before)
    connection.execute(_ADD, {"line": number, "entry": entry, "hash": bound})
    connection.execute(_MOVE_END if last else _FIRST_END, {"id": 1, "line": number, "hash": bound})


def _bind(number: int, entry: str, before: str) -> str:
    return sha256(f"{before}\n{number}\n{entry}".encode()).hexdigest()


def lines(connection: Connection) -> Iterator[Line]:
    """
    All lines, the oldest first.
    """
    for row in connection.execute(select(audit).order_by(audit.c.line)):
        yield Line(row.line, row.entry, row.hash)


def end(connection: Connection) -> tuple[int, str]:
    """
    The number and the hash of the last line that was written.
    """
    row = connection.execute(_END).one_or_none()
    return (row.line, row.hash) if row else (0, _BEFORE_THE_FIRST)


def find_tampering(record: Iterable[Line], at_end: tuple[int, str]) -> str | None:
    """
    Say at which line *record*, which has to reach to *at_end*, is not what was written. None: all is well.
    """
    number, before = 0, _BEFORE_THE_FIRST
    for line in record:
        number += 1
        if line.number != number:
            return f"line {number} is missing: {line.number} stands in its place"
        if line.hash != _bind(number, line.entry, before):
            return f"line {number} is not as it was written, or the one before it was exchanged"
        before = line.hash
    if number != at_end[0]:
        return f"line {at_end[0]} was the last one written, and the record ends with line {number}"
    if before != at_end[1]:
        return f"line {number}, the last one, is not as it was written"
    return None
