"""
`stripe-mcp audit`: the record of all writes is shown, handed out, and held to what was written.

Rule: an export that is kept elsewhere proves more than the record proves by itself, since whoever can
write to the ledger can write all of it anew.
"""

import json
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
from rich.console import Console
from sqlalchemy import Connection

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.safety import audit
from stripe_mcp.safety.store import Store
from stripe_mcp.text import cap, clean

_OF_A_LINE = ("when", "event", "mode", "tool")
_LONGEST = 300  # characters of all that is beside these


class _Wrong(Exception):
    """
    The record is not what was written; the text says where.
    """


def show(store: Store, last: int = 20) -> int:
    """
    Print the *last* lines of the record. Returns 0.
    """
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for line in anyio.run(store.look, _last, last):
        *known, more = _parts(line.entry)
        console.print(f"{line.number:>6}  {'  '.join(filter(None, known))}\n        {more}")
    return 0


def _last(connection: Connection, count: int) -> list[audit.Line]:
    return list(deque(audit.lines(connection), maxlen=count))


def _parts(entry: str) -> Iterator[str]:
    """
    What *entry* says: when and what, then all the rest in one.
    """
    try:
        said: dict[str, Any] = dict(json.loads(entry))
    except (ValueError, TypeError):  # somebody wrote to it: `verify` says so
        said = {"entry": entry}
    for name in _OF_A_LINE:
        yield clean(str(said.pop(name, ""))).removesuffix("+00:00")
    yield cap(clean(", ".join(f"{name}: {value}" for name, value in said.items())), _LONGEST)


def export(store: Store) -> int:
    """
    Write the record to standard output: a line of JSON each, with the entry as it is kept. Returns 0.
    """
    for line in anyio.run(store.look, _all):
        kept = {"line": line.number, "hash": line.hash, "entry": line.entry}
        sys.stdout.write(json.dumps(kept) + "\n")
    return 0


def _all(connection: Connection) -> list[audit.Line]:
    return list(audit.lines(connection))


def verify(store: Store, file: Path | None = None) -> int:
    """
    Say whether the record is as it was written, and whether the export in *file* is its beginning.

    Returns 0 if all is well, else 1.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    console = Console(markup=False, highlight=False)
    try:
        exported = _read(file) if file else []
        number, last = anyio.run(store.look, _check, exported)
    except _Wrong as error:
        console.print(str(error), soft_wrap=True)
        return 1
    if file:
        console.print(f"{file}: {len(exported)} lines, which are the record's own.", soft_wrap=True)
    console.print(f"The record: {number} lines, as they were written. The last hash: {last}", soft_wrap=True)
    return 0


def _read(file: Path) -> list[audit.Line]:
    """
    The lines of an export, bound to each other as they should be.
    """
    try:
        texts = file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    exported = [_parse(f"{file}, line {number}", text) for number, text in enumerate(texts, 1)]
    if not exported:
        raise _Wrong(f"{file} is empty.")
    if wrong := audit.find_tampering(exported, (exported[-1].number, exported[-1].hash)):
        raise _Wrong(f"{file}: {wrong}.")
    return exported


def _parse(place: str, text: bytes) -> audit.Line:
    try:
        match json.loads(text):
            case {"line": int(number), "hash": str(hash), "entry": str(entry)}:
                entry.encode()
                return audit.Line(number, entry, hash)
    except (ValueError, RecursionError):
        pass
    raise _Wrong(
        f'{place} is not from `stripe-mcp audit export`: {{"line": 1, "hash": "...", "entry": "..."}}.'
    )


def _check(connection: Connection, exported: list[audit.Line]) -> tuple[int, str]:
    """
    Hold the record to itself and to what was *exported* of it, and return where it ends.
    """
    end = audit.end(connection)
    if wrong := audit.find_tampering(audit.lines(connection), end):
        raise _Wrong(f"The record: {wrong}.")
    kept = audit.lines(connection)
    for line in exported:
        if line != next(kept, None):
            raise _Wrong(f"Line {line.number} was exported, and is not in the record as it was then.")
    return end
