"""
The database: private, one transaction at a time, and refused with a reason when it cannot be used.
"""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select

from stripe_mcp.errors import LedgerUnavailable, Refused
from stripe_mcp.safety import audit, store
from stripe_mcp.safety.store import Store
from tests.ledgers import url

pytestmark = pytest.mark.anyio


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def refused(address: str) -> str:
    with pytest.raises(LedgerUnavailable) as caught:
        Store(address)
    assert "nothing was sent" in str(caught.value)
    return str(caught.value)


def write_line(connection: Connection) -> None:
    audit.append(connection, 0, event="test")


@pytest.mark.usefixtures("_umask")
def test_folders_and_files_are_for_their_owner_whatever_the_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    kept = Store(f"sqlite:///{tmp_path}/new/newer/ledger.db")
    with kept.transaction() as connection:
        write_line(connection)
    assert {mode(path) for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3  # SQLite's own two beside it
    assert {mode(path) for path in files} == {0o600}
    kept.close()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(mode=0o700)
    there.mkdir(mode=0o700)
    Store(url(there)).close()
    (here / "ledger.db").symlink_to(there / "ledger.db")
    (here / "dangling.db").symlink_to(there / "new.db")
    (tmp_path / "folder").symlink_to(there)
    for address in (url(here), url(here, "dangling.db"), f"sqlite:///{tmp_path}/folder/ledger.db"):
        assert "symbolic link" in refused(address)
    assert not (there / "new.db").exists()


def test_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    Store(url(tmp_path)).close()
    (tmp_path / "other.db").hardlink_to(tmp_path / "ledger.db")
    assert "not a plain file" in refused(url(tmp_path))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db", 0o600)
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").touch()
    assert "not a plain file" in refused(url(tmp_path, "pipe.db"))
    assert "Is a directory" in refused(url(tmp_path, "folder.db"))
    assert "Not a directory" in refused(f"sqlite:///{tmp_path}/file/ledger.db")


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o602, 0o666], ids=oct)
def test_a_file_that_others_can_use_is_refused(rights: int, tmp_path: Path) -> None:
    Store(url(tmp_path)).close()
    (tmp_path / "ledger.db").chmod(rights)
    assert "chmod 600" in refused(url(tmp_path))


@pytest.mark.parametrize("rights", [0o720, 0o702, 0o777], ids=oct)
def test_a_folder_in_which_others_can_write_is_refused(rights: int, tmp_path: Path) -> None:
    address = url(tmp_path)
    tmp_path.chmod(rights)
    assert "chmod 700" in refused(address)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    address = url(tmp_path)
    (tmp_path / "ledger.db").write_bytes(b"secret of somebody" * 100)
    (tmp_path / "ledger.db").chmod(0o600)
    said = refused(address)
    assert "not a database" in said
    assert "secret" not in said


async def test_a_database_that_breaks_later_is_told_too(tmp_path: Path) -> None:
    kept = Store(url(tmp_path))
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("DROP TABLE audit")
    other.close()
    for way in (kept.run, kept.look):
        with pytest.raises(LedgerUnavailable, match="no such table: audit"):
            await way(lambda connection: list(audit.lines(connection)))
    kept.close()


async def test_what_cannot_be_written_is_told_without_its_values() -> None:
    def write_twice(connection: Connection) -> None:
        for _ in range(2):
            connection.execute(insert(store.audit).values(line=1, entry="canary", hash="canary"))

    kept = Store("sqlite://")
    with pytest.raises(LedgerUnavailable, match="UNIQUE constraint failed") as caught:
        await kept.run(write_twice)
    assert "canary" not in str(caught.value)
    assert await kept.look(lambda connection: list(audit.lines(connection))) == []
    kept.close()


def test_a_database_that_another_process_holds_is_waited_for_and_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_PATIENCE", 0.01)
    kept = Store(url(tmp_path))
    with kept.transaction():
        assert "database is locked" in refused(url(tmp_path))
    Store(url(tmp_path)).close()
    kept.close()


async def test_a_read_only_database_can_still_be_read(tmp_path: Path) -> None:
    kept = Store(url(tmp_path))
    await kept.run(write_line)
    with kept.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")  # root may write to any file
    with pytest.raises(LedgerUnavailable, match="readonly"):
        await kept.run(write_line)
    assert len(await kept.look(lambda connection: list(audit.lines(connection)))) == 1
    kept.close()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "canary",
        "mysql://u:canary@host/db",
        "sqlite+pysqlite:///canary.db",
        "sqlite://u:canary@host/db",
        "sqlite:///canary.db?mode=ro",
        "sqlite:///file:canary.db?uri=true",
        "sqlite:///:memory:",
        "postgresql+asyncpg://u:canary@host/db",
        "postgresql://u:pass@host:can/canary@host/db",
        "postgresql://[canary",
        "postgresql://u:canary@127.0.0.1:1/db",
        "postgres://u:canary@127.0.0.1:1/db?sslmode=canary",
        "postgresql+psycopg://u:canary@127.0.0.1:1/db?unknown=canary",
    ],
)
def test_a_bad_address_is_told_without_what_it_holds(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(address)
    assert "canary" not in said
    assert "STRIPE_MCP_DATABASE_URL" in said or "Error" in said
    assert not list(tmp_path.iterdir())


def test_without_its_driver_postgresql_is_told_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "psycopg" in refused("postgresql://u:canary@127.0.0.1:1/db")


def open_it(address: str, ready: threading.Barrier, failed: list[LedgerUnavailable]) -> None:
    ready.wait()
    try:
        Store(address).close()
    except LedgerUnavailable as error:
        failed.append(error)


def test_many_who_open_a_new_database_at_once_all_can(tmp_path: Path) -> None:
    for number in range(20):
        address, failed = url(tmp_path, f"{number}.db"), list[LedgerUnavailable]()
        ready = threading.Barrier(6)
        threads = [threading.Thread(target=open_it, args=(address, ready, failed)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


async def test_a_transaction_that_fails_leaves_nothing_and_keeps_its_own_error() -> None:
    def write_and_refuse(connection: Connection) -> None:
        write_line(connection)
        raise Refused("test", "no")

    kept = Store("sqlite://")
    with pytest.raises(Refused):
        await kept.run(write_and_refuse)
    assert await kept.look(audit.end) == (0, "0" * 64)
    kept.close()


def test_a_look_sees_one_moment_even_while_others_write(tmp_path: Path) -> None:
    ours, theirs = Store(url(tmp_path)), Store(url(tmp_path))
    with ours.reading() as looking:
        before = audit.end(looking)
        with theirs.transaction() as writing:
            write_line(writing)
        assert audit.end(looking) == before
        assert audit.find_tampering(audit.lines(looking), before) is None
    with ours.reading() as looking:
        assert audit.end(looking)[0] == 1
    ours.close()
    theirs.close()


COUNTING = """
import sys
from stripe_mcp.safety import audit
from stripe_mcp.safety.store import Store
store = Store(sys.argv[1])
for _ in range(20):
    with store.transaction() as connection:
        audit.append(connection, 0, event="test")
"""


def test_transactions_of_several_processes_never_overlap(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNTING, url(tmp_path)]
    for process in [subprocess.Popen(command) for _ in range(4)]:
        assert process.wait(60) == 0
    kept = Store(url(tmp_path))
    with kept.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(store.audit)) == 80
        assert audit.find_tampering(audit.lines(connection), audit.end(connection)) is None
    kept.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other owners")
@pytest.mark.parametrize("theirs", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_refused(
    theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state" / "ledger.db"
    Store(f"sqlite:///{file}").close()
    me = os.geteuid()
    answers = iter([me + 1] if theirs == "file" else [me, me + 1])
    monkeypatch.setattr("stripe_mcp.safety.store.os.geteuid", lambda: next(answers))
    if theirs == "folder":
        monkeypatch.setattr("stripe_mcp.safety.store._ROOT", me + 2)
    with pytest.raises(LedgerUnavailable, match="belongs to somebody else"):
        Store(f"sqlite:///{file}")


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    address = url(tmp_path)
    store = Store(address)
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE schema SET version = 9")
    store.close()
    with pytest.raises(LedgerUnavailable, match=r"version 9, and this stripe-mcp needs 1"):
        Store(address)
