"""
`stripe-mcp audit`: the record is shown, handed out, and held to what was written and exported.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stripe_mcp.auditing import export, show, verify
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.safety import audit
from stripe_mcp.safety.store import Store
from tests.ledgers import NOW

COUNT = 5

Lines = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://")
    for number in range(1, COUNT + 1):
        write(made, operation=f"op_{number}")
    yield made
    made.close()


def write(store: Store, **said: Any) -> None:
    with store.transaction() as connection:
        audit.append(connection, NOW, event="done", tool="create_refund", mode="TEST", **said)


def change(store: Store, statement: str) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def exported(store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    """
    An export of what the store holds by now.
    """
    assert export(store) == 0
    file = tmp_path / "export.jsonl"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    return file


def rewrite(file: Path, edit: Callable[[Lines], Lines]) -> None:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in edit(lines)), encoding="utf-8")


def rebound(store: Store, *operations: str) -> Lines:
    """
    Lines of a record that was never the store's, and is whole in itself.
    """
    other = Store("sqlite://")
    for operation in operations:
        write(other, operation=operation)
    with other.reading() as connection:
        lines = [
            {"line": line.number, "hash": line.hash, "entry": line.entry} for line in audit.lines(connection)
        ]
    other.close()
    return lines


# Showing


def test_the_last_lines_are_shown_cleaned(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    write(store, principal="\x1b[2Jjohn", arguments="x" * 1000, why="[/b]")
    assert show(store, 2) == 0
    printed = capsys.readouterr().out
    assert "op_4" not in printed
    assert "op_5" in printed
    assert "2026-09-21T14:13:20.000 " in printed
    assert "\x1b" not in printed
    assert "principal: [2Jjohn" in printed
    assert "characters)" in printed


def test_twenty_lines_are_shown_unless_told_otherwise(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6, 31):
        write(store, operation=f"op_{number}")
    show(store)
    printed = capsys.readouterr().out
    shown = [number for number in range(1, 31) if re.search(rf"op_{number}\b", printed)]
    assert shown == [*range(11, 31)]


@pytest.mark.parametrize("entry", ["no JSON", "5", "[1, 2]", '"text"', "null"])
def test_what_is_no_entry_is_shown_as_it_is(
    entry: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    change(store, f"UPDATE audit SET entry = '{entry}' WHERE line = 2")
    assert show(store) == 0
    assert f"entry: {entry}" in capsys.readouterr().out


# Exporting


def test_an_export_has_each_line_exactly_as_it_is_kept(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    write(store, who="Zoë \u2028 ¥")
    export(store)
    printed = capsys.readouterr().out
    assert printed.isascii()
    with store.reading() as connection:
        kept = [
            {"line": line.number, "hash": line.hash, "entry": line.entry} for line in audit.lines(connection)
        ]
    assert [json.loads(line) for line in printed.splitlines()] == kept


# Verifying


def test_a_record_that_is_as_it_was_written_is_said_to_be_so(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(store) == 0
    with store.reading() as connection:
        _, last = audit.end(connection)
    assert (
        f"The record: {COUNT} lines, as they were written. The last hash: {last}" in capsys.readouterr().out
    )


@pytest.mark.parametrize("line", range(1, COUNT + 1))
def test_a_changed_line_is_named(line: int, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    change(store, f"UPDATE audit SET entry = replace(entry, 'TEST', 'LIVE') WHERE line = {line}")
    assert verify(store) == 1
    assert capsys.readouterr().out.startswith(f"The record: line {line} is not as it was written")


def test_an_export_is_the_beginning_of_what_was_written_since(
    store: Store, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(store, operation="op_later")
    assert verify(store, exported) == 0
    printed = capsys.readouterr().out
    assert f"{exported}: {COUNT} lines, which are the record's own." in printed
    assert f"The record: {COUNT + 1} lines" in printed


@pytest.mark.parametrize("line", range(1, COUNT + 1))
def test_a_changed_line_of_an_export_is_named(
    line: int, store: Store, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def edit(lines: Lines) -> Lines:
        lines[line - 1]["entry"] = lines[line - 1]["entry"].replace("TEST", "LIVE")
        return lines

    rewrite(exported, edit)
    assert verify(store, exported) == 1
    assert capsys.readouterr().out.startswith(f"{exported}: line {line} is not as it was written")


def test_a_removed_line_of_an_export_is_named(
    store: Store, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(exported, lambda lines: lines[:2] + lines[3:])
    assert verify(store, exported) == 1
    assert capsys.readouterr().out.startswith(f"{exported}: line 3 is missing")


@pytest.mark.parametrize("line", range(1, COUNT + 1))
def test_a_ledger_that_was_written_anew_is_not_the_one_that_was_exported(
    line: int, store: Store, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = [f"op_{number}" if number != line else "op_forged" for number in range(1, COUNT + 1)]
    change(store, "DELETE FROM audit")
    change(store, "DELETE FROM audit_end")
    for operation in forged:
        write(store, operation=operation)
    assert verify(store) == 0  # by itself nothing shows
    capsys.readouterr()
    assert verify(store, exported) == 1
    assert capsys.readouterr().out.startswith(f"Line {line} was exported, and is not in the record")


def test_a_ledger_that_lost_its_end_is_not_the_one_that_was_exported(
    store: Store, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [*_, kept] = rebound(store, *(f"op_{number}" for number in range(1, COUNT)))
    change(store, f"DELETE FROM audit WHERE line = {COUNT}")
    change(store, f"UPDATE audit_end SET line = {COUNT - 1}, hash = '{kept['hash']}'")
    assert verify(store, exported) == 1
    assert capsys.readouterr().out.startswith(f"Line {COUNT} was exported")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"junk",
        b"[]",
        b"null",
        b'{"line": 3, "hash": "x"}',
        b'{"line": "3", "hash": "x", "entry": "{}"}',
        b'{"line": 3, "hash": null, "entry": "{}"}',
        b'{"line": 3, "hash": "x", "entry": {}}',
        b'{"line": 3, "hash": "x", "entry": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"line": ' + b"9" * 5000 + b', "hash": "x", "entry": "{}"}',
    ],
    ids=lambda text: text[:45].decode("latin-1"),
)
def test_what_is_no_line_of_an_export_is_named(
    text: bytes, store: Store, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = exported.read_bytes().splitlines()
    exported.write_bytes(b"\n".join([*lines[:2], text, *lines[3:]]))
    assert verify(store, exported) == 1
    assert capsys.readouterr().out.startswith(f"{exported}, line 3 is not from `stripe-mcp audit export`")


def test_an_empty_export_proves_nothing(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").touch()
    assert verify(store, tmp_path / "empty") == 1
    assert "is empty" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_named(store: Store, tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigurationError, match=f"{file} cannot be read: "):
            verify(store, file)
