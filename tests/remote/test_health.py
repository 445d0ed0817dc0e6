"""
Whether writes can be recorded, and how many are open.
"""

from pathlib import Path

import anyio
import httpx
import pytest

from stripe_mcp.remote import health as module
from stripe_mcp.remote.health import Health
from tests.safety.desk import desk

pytestmark = pytest.mark.anyio


async def test_it_is_ready_while_the_database_takes_writes(database: str) -> None:
    health = Health(database)
    assert await health.why_not_ready() is None
    assert await health.why_not_ready() is None
    health.close()


async def test_it_is_not_ready_when_it_does_not_any_more_and_again_when_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GOOD_FOR", -1)
    file = tmp_path / "state" / "ledger.db"
    file.mkdir(parents=True)
    health = Health(f"sqlite:///{file}")
    health.close()
    assert await health.why_not_ready() == "the ledger takes no writes"
    file.rmdir()
    file.parent.chmod(0o700)
    assert await health.why_not_ready() is None
    health.close()


async def test_a_look_is_good_for_a_second(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    health = Health(f"sqlite:///{tmp_path}/ledger.db")
    assert await health.why_not_ready()
    (tmp_path / "ledger.db").rmdir()
    assert await health.why_not_ready()


async def test_open_writes_are_counted_by_principal_and_down_to_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_COUNTS_EVERY", 0.01)

    class Lost(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST" and lose:
                raise httpx.ReadTimeout("lost")
            return await self.http.handle_async_request(request)

        def __init__(self, http: httpx.AsyncBaseTransport) -> None:
            self.http = http

    lose, told = True, dict[str, int]()
    health = Health(database)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(health.count_open, told.__setitem__)
        async with desk(http=Lost, principal="acme", database=database, account="acct_1") as agent:
            assert (await agent.call("create_customer", email="ann@example.com")).is_error
            await until(told, 1)
            lose = False
            await agent.done("create_customer", email="ann@example.com")
            await until(told, 0)
        tasks.cancel_scope.cancel()
    health.close()


async def until(told: dict[str, int], count: int) -> None:
    with anyio.fail_after(5):
        while told.get("acme") != count:  # noqa: ASYNC110 - a poller is tested
            await anyio.sleep(0.01)


async def test_what_cannot_be_counted_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ledger.db").mkdir()
    told = dict[str, int]()
    with anyio.move_on_after(0.1):
        await Health(f"sqlite:///{tmp_path}/ledger.db").count_open(told.__setitem__)
    assert told == {}
