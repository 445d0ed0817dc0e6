"""
Where it is kept what was done with money: one database, a SQLite file or PostgreSQL.

Rule: each change is one transaction that no other overlaps, in this process or in any other; and
what cannot be kept must not happen. The same statements serve both databases.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from stripe_mcp.errors import LedgerUnavailable

T = TypeVar("T")

_PATIENCE = 5  # seconds to wait for another process' transaction
_ROOT = 0
_ONE_AT_A_TIME = 0x57121BE  # PostgreSQL's advisory lock that stands for the whole database

_tables = MetaData()

# Times are Unix seconds, amounts the smallest unit of their currency.
operations = Table(
    "operations",
    _tables,
    Column("id", Text, primary_key=True),
    Column("principal", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("key", Text),  # a digest
    Column("mode", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("idempotency_key", Text),  # a DELETE has none
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("form", Text, nullable=False),  # emptied when the outcome is known: it may name people
    Column("state", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("alive_until", Double, nullable=False),
    Column("retry_until", Double, nullable=False),
    Column("finished", Double),
    Column("outcome", Text),
    Column("forget_at", Double),  # when the outcome is of no use any more: it names people
    Column("object", Text),
    Column("consent_way", Text, nullable=False),
    Column("consent", Text, unique=True),
    Column("repeats", Text, unique=True),
    Column("kind", Text),
    Column("customer", Text),
    Column("currency", Text),
    Column("amount", BigInteger),
    Index("operations_same_write", "fingerprint", "tool"),
    Index("operations_spent", "kind", "currency", "finished"),
    Index("operations_unasked", "consent_way", "created"),
    Index("operations_open", "state"),
    Index("operations_to_forget", "forget_at"),
)
approvals = Table(
    "approvals",
    _tables,
    Column("id", Text, primary_key=True),
    Column("principal", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("facts", Text, nullable=False),  # digest of what was put to the person
    Column("question", Text, nullable=False),
    Column("amount", Text),  # what has to be typed
    Column("state", Text, nullable=False),
    Column("expires", Double, nullable=False),
)
tries = Table(
    "tries",
    _tables,
    Column("id", Text, primary_key=True),
    Column("principal", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("tries_of_principal", "principal", "account", "at"),
)
audit = Table(
    "audit",
    _tables,
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
audit_end = Table(
    "audit_end",
    _tables,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("line", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)
schema = Table("schema", _tables, Column("version", BigInteger, primary_key=True, autoincrement=False))
_VERSION = 1  # of the tables above; whoever changes them says here how those that there are become it


class Store:
    """
    The database at *url*; `sqlite://` is one in memory, for as long as this object lives.

    Raises:
        LedgerUnavailable: It cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._limiter = anyio.CapacityLimiter(1)
        with _told():
            self._engine = _engine(_with_driver(url))
            self._lock, self._look = "BEGIN IMMEDIATE", "BEGIN"
            if self._engine.dialect.name == "postgresql":
                self._lock = f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"
                self._look = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
            with self.transaction() as connection:
                _tables.create_all(connection)
                _check_version(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        A transaction that no other one overlaps; it is kept if the context ends without an error.
        """
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self._lock)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """
        A look at what is kept at one moment, which waits for nobody.
        """
        with self._engine.connect() as connection:
            connection.exec_driver_sql(self._look)
            yield connection

    async def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """
        Do *work* in a transaction, in a thread: once begun it ends, whoever goes away.

        Raises:
            LedgerUnavailable: The database refused; nothing of it is kept.
        """
        return await self._in_thread(self.transaction, work, *args, **kwargs)

    async def look(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """
        Do *work*, which changes nothing, in a thread.

        Raises:
            LedgerUnavailable: The database refused.
        """
        return await self._in_thread(self.reading, work, *args, **kwargs)

    async def _in_thread(
        self,
        connecting: Any,
        work: Callable[..., T],
        *args: Any,
        **kwargs: Any,
    ) -> T:
        def working() -> T:
            with _told(), connecting() as connection:
                return work(connection, *args, **kwargs)

        return await anyio.to_thread.run_sync(working, limiter=self._limiter)

    async def check_writable(self) -> None:
        """
        Write what changes nothing.

        Raises:
            LedgerUnavailable: The database takes no writes.
        """
        await self.run(lambda connection: connection.execute(update(schema).values(version=schema.c.version)))

    def close(self) -> None:
        """
        Close the connections.
        """
        self._engine.dispose()


def _check_version(connection: Connection) -> None:
    found = connection.scalar(select(schema.c.version))
    if found is None:
        connection.execute(insert(schema), {"version": _VERSION})
    elif found != _VERSION:
        raise LedgerUnavailable(f"its tables are of version {found}, and this stripe-mcp needs {_VERSION}")


@contextmanager
def _told() -> Iterator[None]:
    """
    Whatever keeps the database from being used is told without what was to be written.
    """
    try:
        yield
    except SQLAlchemyError as error:
        origin = getattr(error, "orig", None) or error
        local = type(origin).__module__ == "sqlite3"  # PostgreSQL's words may hold its address and user
        raise LedgerUnavailable(str(origin) if local else type(origin).__name__) from None
    except (OSError, ImportError, OverflowError) as error:  # the last for an amount beyond 64 bits
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from None


def _with_driver(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter tells what stands where the port should be
        raise LedgerUnavailable("STRIPE_MCP_DATABASE_URL is no database URL") from None
    names = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
    if parsed.drivername not in {*names, *names.values()}:
        raise LedgerUnavailable("STRIPE_MCP_DATABASE_URL must begin with postgresql:// or sqlite:///")
    if parsed.drivername == "sqlite" and (parsed.host or parsed.query or _is_special(parsed.database or "")):
        raise LedgerUnavailable("STRIPE_MCP_DATABASE_URL: behind sqlite:/// stands the path of a file only")
    return parsed.set(drivername=names.get(parsed.drivername, parsed.drivername))


def _is_special(file: str) -> bool:
    """
    Whether SQLite would take *file* for something else, of which the rights are not ours to check.
    """
    return file == ":memory:" or file.startswith("file:")


def _engine(url: URL) -> Engine:
    if url.drivername != "sqlite":
        limits = f"-c lock_timeout={_PATIENCE}s -c statement_timeout={_PATIENCE * 2}s"
        wanted = {"connect_timeout": _PATIENCE, "options": limits}
        return create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=wanted,
        )
    if url.database:
        _make_private(Path(url.database))
    wanted = {"timeout": _PATIENCE, "check_same_thread": False}
    engine = create_engine(url, poolclass=StaticPool, connect_args=wanted)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # `transaction` begins, and not Python's sqlite3
        with suppress(OperationalError):  # another process is about to do it; it stays with the file
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def _make_private(file: Path) -> None:
    """
    See to it that *file* is there, a plain one, in a folder of its own, both for their owner only.

    Raises:
        OSError: It cannot be, or others could have a hand in it.
    """
    folder = file.parent
    for missing in [each for each in (folder, *folder.parents) if not each.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)  # with parents=True, those would be open to others
    if folder.is_symlink():
        raise PermissionError(f"{folder} is a symbolic link")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(file, flags, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise PermissionError(f"{file} is not a plain file")
        if sys.platform != "win32" and found.st_mode & 0o077:
            raise PermissionError(f"others can read {file}; run chmod 600 on it")
        if sys.platform != "win32" and found.st_uid != os.geteuid():
            raise PermissionError(f"{file} belongs to somebody else")
    finally:
        os.close(descriptor)
    if sys.platform != "win32" and folder.stat().st_uid not in (os.geteuid(), _ROOT):
        raise PermissionError(f"{folder} belongs to somebody else")
    if sys.platform != "win32" and folder.stat().st_mode & 0o022:
        raise PermissionError(f"others can write to {folder}; run chmod 700 on it")
