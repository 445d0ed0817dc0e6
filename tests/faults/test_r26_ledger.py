"""
R26: what cannot be recorded is not done; reading needs no record.
"""

import sqlite3
import sys
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from tests.faults.postgres import Cluster
from tests.faults.server import Host, Process, made, repeated, said
from tests.faults.stripe_side import PART, REFUNDS, Stripe

pytestmark = pytest.mark.anyio


async def refused(process: Process, stripe: Stripe) -> None:
    """
    A write is, with reasons and before anything was sent; a read is not.
    """
    text = said(await process.call_tool("create_refund", PART))
    assert "ledger" in text.lower()
    assert "nothing was sent" in text
    assert "Traceback" not in text
    assert "SELECT" not in text
    assert stripe.keys(REFUNDS) == []
    made(await process.call_tool("get_balance", {}))


async def test_r26_a_ledger_of_garbage_refuses_writes(stripe: Stripe, host: Host) -> None:
    (host.folder / "ledger.db").write_bytes(b"This is no database. " * 1000)
    async with host.process() as process:
        await refused(process, stripe)
        await refused(process, stripe)
    assert (host.folder / "ledger.db").read_bytes().startswith(b"This is no database.")


async def test_r26_a_ledger_that_breaks_under_way_refuses_writes(stripe: Stripe, host: Host) -> None:
    async with host.process() as process:
        made(await process.call_tool("create_customer", {"name": "Jane"}))
        for file in host.folder.glob("ledger.db*"):
            file.write_bytes(b"This is no database. " * 1000)
        await refused(process, stripe)


async def test_r26_a_ledger_that_cannot_be_created_refuses_writes(stripe: Stripe, host: Host) -> None:
    (host.folder / "file").touch()
    async with host.process(STRIPE_MCP_DATABASE_URL=f"sqlite:///{host.folder}/file/ledger.db") as process:
        await refused(process, stripe)


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited by a POSIX shell")
async def test_r26_a_full_disk_refuses_writes(stripe: Stripe, host: Host) -> None:
    command = f"ulimit -f 0; exec {sys.executable} -m stripe_mcp 2>/dev/null"
    async with host.process(["sh", "-c", command]) as process:
        await refused(process, stripe)


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited by a POSIX shell")
async def test_r26_a_disk_that_fills_up_under_way_refuses_writes(stripe: Stripe, host: Host) -> None:
    async with host.process() as process:
        made(await process.call_tool("create_customer", {"name": "Jane"}))
    size = sum(file.stat().st_size for file in host.folder.glob("ledger.db*"))
    command = f"ulimit -f {size // 512}; exec {sys.executable} -m stripe_mcp 2>/dev/null"
    refusals = 0
    async with host.process(["sh", "-c", command]) as process:
        for number in range(1000):
            result = await process.call_tool("create_customer", {"name": "Jane", "phone": f"555-{number}"})
            if result.is_error:
                assert "nothing was sent" in said(result)
                refusals += 1
            if refusals:
                break
    assert len(stripe.keys("POST /v1/customers")) == 1 + number
    assert refusals


async def test_r26_a_locked_file_refuses_writes_until_it_is_free(stripe: Stripe, host: Host) -> None:
    async with host.process() as process:
        made(await process.call_tool("create_customer", {"name": "Jane"}))
        with closing(sqlite3.connect(host.folder / "ledger.db")) as other:
            other.execute("BEGIN EXCLUSIVE")
            await refused(process, stripe)
            other.rollback()
        made(await process.call_tool("create_refund", PART))
        repeated(await process.call_tool("create_refund", PART))
    assert stripe.refunded == (1, 500)


async def test_r26_tables_that_are_locked_refuse_writes_until_they_are_free(
    stripe: Stripe, host: Host, cluster: Cluster
) -> None:
    url = cluster.create_database()
    async with host.process(STRIPE_MCP_DATABASE_URL=url, STRIPE_MCP_DEADLINE="2") as process:
        made(await process.call_tool("create_customer", {"name": "Jane"}))
        with psycopg.connect(url) as other:
            tables = other.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                other.execute(sql.SQL("LOCK {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
            await refused(process, stripe)
            other.rollback()
        made(await process.call_tool("create_refund", PART))
    assert stripe.refunded == (1, 500)


@pytest.mark.parametrize(
    "url", ["postgresql://postgres@127.0.0.1:1/ledger", "postgresql://postgres@/nobody?host={folder}"]
)
async def test_r26_a_database_that_is_not_there_refuses_writes(
    url: str, stripe: Stripe, host: Host, cluster: Cluster
) -> None:
    async with host.process(STRIPE_MCP_DATABASE_URL=url.format(folder=cluster.folder)) as process:
        await refused(process, stripe)


async def test_r26_a_database_that_ends_its_connections_is_connected_to_again(
    stripe: Stripe, host: Host, cluster: Cluster
) -> None:
    url = cluster.create_database()
    async with host.process(STRIPE_MCP_DATABASE_URL=url) as process:
        made(await process.call_tool("create_customer", {"name": "Jane"}))
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        result = await process.call_tool("create_refund", PART)
        if result.is_error:
            assert "nothing was sent" in said(result)
            made(await process.call_tool("create_refund", PART))
    assert stripe.refunded == (1, 500)
