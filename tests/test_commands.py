"""
`stripe-mcp operations`, `approve` and `audit` as they are called: on the ledger that the settings name.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from stripe_mcp.cli import main
from stripe_mcp.simulator import Simulator
from stripe_mcp.transport import Transport
from tests.agent import texts
from tests.safety.desk import arguments, desk
from tests.seats import Seat

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/state/ledger.db"
    monkeypatch.setenv("STRIPE_MCP_DATABASE_URL", url)
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    monkeypatch.setenv("STRIPE_ACCOUNT", "acct_1")
    return url


@pytest.fixture
def run(database: str, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*command: str) -> tuple[int, str]:
        status = main(command)
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def lose_a_refund(database: str, simulator: Simulator) -> str:
    """
    The id of a refund that was carried out, and whose answer was lost.
    """

    class Losing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await httpx.ASGITransport(app=simulator).handle_async_request(request)
            if request.method == "POST":
                raise httpx.ReadError("lost")
            return answer

    async def lose() -> str:
        lost: dict[str, Any] = {"http": lambda _: Losing(), "database": database, "account": "acct_1"}
        async with desk(simulator=simulator, **lost) as at:
            result = await at.call("create_refund", **arguments(simulator, "create_refund"))
            return texts(result)[0].partition("Operation: ")[2].rstrip(".")

    return anyio.run(lose)


def test_an_open_operation_is_listed_shown_and_reconciled(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = Simulator()
    lost = lose_a_refund(database, simulator)
    assert lost in run("operations")[1]
    assert lost in run("operations", "list")[1]
    assert "create_refund" in run("operations", "show", lost)[1]
    monkeypatch.setattr("stripe_mcp.cli.opener", lambda _: lambda: over(simulator))
    assert run("operations", "reconcile", lost)[0] == 0
    assert run("operations") == (0, "No operation is open.\n")
    assert '"object": "refund"' in run("operations", "show", lost)[1]


def over(simulator: Simulator) -> Transport:
    return Transport("sk_test_1", "http://stripe", http=httpx.ASGITransport(app=simulator))


def test_an_open_operation_is_closed_by_a_person(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose_a_refund(database, Simulator())
    Seat(lost).taken_in("operating", monkeypatch)
    assert run("operations", "close", lost, "done")[0] == 0
    assert run("operations")[0] == 0


def test_where_nothing_waits_there_is_nothing_to_approve(run: Run) -> None:
    assert run("approve") == (0, "Nothing waits for approval.\n")


def test_the_record_is_shown_handed_out_and_held_to_what_was_written(
    run: Run, database: str, tmp_path: Path
) -> None:
    lose_a_refund(database, Simulator())
    assert "create_refund" in run("audit")[1]
    assert "unknown" in run("audit", "show", "--last", "1")[1]
    status, exported = run("audit", "export")
    assert status == 0
    assert [json.loads(line)["line"] for line in exported.splitlines()] == [1, 2]
    (tmp_path / "export").write_text(exported)
    assert run("audit", "verify")[0] == 0
    assert run("audit", "verify", str(tmp_path / "export"))[0] == 0
    (tmp_path / "export").write_text(exported.replace("intent", "intend"))
    assert run("audit", "verify", str(tmp_path / "export"))[0] == 1


@pytest.mark.parametrize("command", [["operations"], ["approve"], ["audit", "verify"]])
def test_a_ledger_that_cannot_be_used_is_told_without_a_traceback(
    command: list[str], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STRIPE_MCP_DATABASE_URL", f"sqlite:///{tmp_path}/file/ledger.db")
    status, printed = run(*command)
    assert status == 1
    assert "ledger of writes cannot be used" in printed


@pytest.mark.parametrize("command", [["operations", "list"], ["audit", "show"], ["approve"]])
def test_options_can_stand_behind_the_action(command: list[str], run: Run) -> None:
    assert run(*command, "--simulator", "--read-only")[0] == 0
