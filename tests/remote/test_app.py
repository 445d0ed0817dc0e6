"""
The application without a process around it, and what only a process of several meets.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest
from mcp.server.auth.provider import AccessToken

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote import drain as draining
from stripe_mcp.remote.app import build_app
from stripe_mcp.remote.directory import Directory
from stripe_mcp.remote.drain import Drain
from stripe_mcp.remote.endpoint import Endpoint
from stripe_mcp.remote.health import Health
from stripe_mcp.remote.plan import OAuth, Plan
from stripe_mcp.remote.serve import _load, _Workers
from stripe_mcp.remote.tenants import Tenant
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from tests.agent import CATALOG
from tests.remote.wire import call

pytestmark = pytest.mark.anyio

ADDRESS = "http://127.0.0.1"
ACME = Tenant(name="acme", settings=Settings(mode="NO KEY"), catalog=CATALOG, subjects=frozenset({"Ann"}))


class Names:
    """
    Takes a name for the token of a subject who may read.
    """

    async def verify_token(self, token: str) -> AccessToken | None:
        return AccessToken(token="", client_id="client", scopes=["stripe:read"], subject=token)


def plan(**changed: Any) -> Plan:
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "workers": 1,
        "sessions": "kept",
        "hosts": ("127.0.0.1",),
        "origins": (),
        "pages": (),
        "authenticated": True,
        "oauth": OAuth(issuer="https://idp.example.com", resource="https://mcp.example.com/mcp"),
        "database": "sqlite://",
        "counts_open": False,
        "tenants": lambda: {"acme": ACME},
        "watched": lambda tenants: None,
        "process": nullcontext,
    }
    return Plan(**usual | changed)


@asynccontextmanager
async def client(**changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    def build(tenant: Tenant) -> Endpoint:
        return Endpoint(create_server(tenant.catalog, tenant.settings, None, tenant.name))

    planned = plan(**changed)
    directory = Directory({"acme": ACME}, build, read=planned.tenants, watched=planned.watched)
    app = build_app(planned, directory, Names(), Health(planned.database))
    async with (
        anyio.create_task_group() as tasks,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as http,
    ):
        await tasks.start(directory.run)
        yield http
        await directory.close()


async def test_a_token_opens_what_its_tenant_and_its_scopes_allow() -> None:
    async with client() as http:
        assert (await call(http, ADDRESS, "Ann", "get_balance")).status_code == 200
        stranger = await call(http, ADDRESS, "Bob", "get_balance")
        refund = await call(http, ADDRESS, "Ann", "create_refund", {"payment_intent": "pi_1"})
    assert (stranger.status_code, stranger.json()["error"]) == (403, "access_denied")
    assert (refund.status_code, refund.json()["scope"]) == (403, "stripe:money")


async def test_where_no_sessions_are_kept_older_clients_are_told_what_would_serve_them() -> None:
    named = {"Authorization": "Bearer Ann"}
    async with client(sessions="refused") as http:
        assert (await call(http, ADDRESS, "Ann", "get_balance")).status_code == 200
        older = await http.post(f"{ADDRESS}/mcp", json={}, headers=named)
        stream = await http.get(f"{ADDRESS}/sse", headers=named)
    assert (older.status_code, stream.status_code) == (501, 501)
    assert "--stateless" in older.text


async def test_a_stream_is_opened_by_get_alone() -> None:
    async with client() as http:
        answer = await http.put(f"{ADDRESS}/sse", headers={"Authorization": "Bearer Ann"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


async def test_a_tenant_that_has_just_changed_opens_nothing() -> None:
    directory = Directory({}, lambda tenant: pytest.fail("opened"), read=dict, watched=lambda tenants: None)
    assert await directory.endpoint(ACME) is None


@pytest.mark.parametrize("ending", [False, True])
async def test_a_worker_without_its_supervisor_ends_once(
    ending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, raised = iter([True, False]), list[int]()
    supervisor = SimpleNamespace(is_alive=lambda: next(alive))
    monkeypatch.setattr(draining, "parent_process", lambda: supervisor)
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    monkeypatch.setattr(draining, "_LOOKS_EVERY", 0)
    drain = Drain()
    drain.draining = ending
    await drain.end_with_parent()
    assert raised == ([] if ending else [signal.SIGTERM])


@pytest.mark.skipif(not draining.HANGUPS, reason="there are no hangups")
def test_each_worker_hears_a_hangup(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = list[int]()
    monkeypatch.setattr(os, "kill", lambda pid, number: heard.append(pid))
    workers = _Workers.__new__(_Workers)
    workers.processes = [SimpleNamespace(pid=1001), SimpleNamespace(pid=1002)]  # type: ignore[list-item]
    workers.handle_hup()
    assert heard == [1001, 1002]


@pytest.mark.parametrize(("workers", "ends"), [(1, ConfigurationError), (2, SystemExit)])
def test_a_file_that_broke_meanwhile_is_told_in_words(workers: int, ends: type[BaseException]) -> None:
    def broken() -> Any:
        raise ConfigurationError("t.toml: acme: needs tokens")

    with pytest.raises(ends, match="needs tokens"):
        _load(plan(workers=workers, tenants=broken))
