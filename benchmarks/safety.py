"""
What does it cost that money moves once? A read and a write on the whole road of a call, beside the same
without ledger, account and mode, and beside the bare commits that a ledger cannot do without.

All are run in turn in one process, Stripe answers at once, and a figure is the median of the differences.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from stripe_mcp.calls import Calls
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.request import build_request
from stripe_mcp.results import Presenter
from stripe_mcp.road import Road
from stripe_mcp.safety.consent import Caller
from stripe_mcp.settings import Settings
from stripe_mcp.transport import Transport

ROUNDS = 400
WARM_UP = 20
READ_AT_MOST = 0.1  # milliseconds more
WRITE_AT_MOST = 3.0  # milliseconds more, beside the commits
CATALOG = load_catalog(builtin_folder())
CHARGE = {"object": "charge", "id": "ch_1", "amount": 4900, "currency": "usd", "livemode": False}
REFUND = {"object": "refund", "id": "re_1", "amount": 100, "currency": "usd", "livemode": False}
ROW = "x" * 700  # what an operation and its lines in the audit have, in bytes

Work = Callable[[int], Awaitable[Any]]


class Nobody:
    """
    A person whom the client cannot ask.
    """

    can_be_asked = False
    brought = None

    async def ask(self, question: Any, state: str) -> Any:
        raise AssertionError


def stripe(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=REFUND if request.method == "POST" else CHARGE)


async def measure(folder: Path) -> tuple[float, float]:
    """
    Milliseconds that a read and a write cost more than they would without safety.
    """
    settings = Settings(
        mode="TEST", key="sk_test_bench", account="acct_1", database=f"sqlite:///{folder}/ledger.db"
    )
    calls, road = Calls(CATALOG, settings, _connect), Road(_connect)
    caller = Caller("local", "bench", Nobody())
    get, refund = CATALOG.templates["get_charge"], CATALOG.templates["create_refund"]
    presenter = Presenter(CATALOG.objects, settings.max_result_chars, redact_pii=False)
    commits = _commits(folder / "bare.db")

    async def read(number: int) -> None:
        await calls.call(get, {"charge_id": "ch_1"}, caller)

    async def bare_read(number: int) -> None:
        reply = await road.send(build_request(get, {"charge_id": "ch_1"}))
        presenter.present(reply.body, {}, "lean")

    async def write(number: int) -> None:
        given = {"payment_intent": f"pi_{number}", "amount": 100}
        answered = await calls.call(refund, given, caller)
        assert answered.notes == ()

    async def bare_write(number: int) -> None:
        given = {"payment_intent": f"pi_{number}", "amount": 100}
        reply = await road.send(build_request(refund, given))
        presenter.present(reply.body, {}, "lean")

    async def commit(number: int) -> None:
        commits(number)

    reads = await _times(read, bare_read)
    writes = await _times(write, bare_write, commit)
    await calls.aclose()
    await road.aclose()
    return (
        median(ours - bare for ours, bare in reads),
        median(ours - bare - commits for ours, bare, commits in writes),
    )


async def _times(*works: Work) -> list[tuple[float, ...]]:
    """
    Milliseconds that each of *works* takes, round by round.
    """
    rounds = []
    for number in range(WARM_UP + ROUNDS):
        times = []
        for work in works:
            started = time.perf_counter()
            await work(number)
            times.append((time.perf_counter() - started) * 1000)
        rounds.append(tuple(times))
    return rounds[WARM_UP:]


def _connect() -> Transport:
    return Transport("sk_test_bench", "http://stripe", http=httpx.MockTransport(stripe))


def _commits(file: Path) -> Callable[[int], None]:
    """
    The two commits of one write, before and after Stripe, as a bare program would do them.
    """
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE written (id INTEGER PRIMARY KEY, row TEXT)")

    def commit(number: int) -> None:
        for statement in ("INSERT INTO written (row) VALUES (?)", "UPDATE written SET row = ? WHERE id = 1"):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement, (ROW,))
            connection.execute("COMMIT")

    return commit


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        read, write = asyncio.run(measure(Path(folder)))
    print(f"a read costs {read:.3f} ms more (at most {READ_AT_MOST})")
    print(f"a write costs {write:.2f} ms more than its two commits (at most {WRITE_AT_MOST})")


if __name__ == "__main__":
    main()
