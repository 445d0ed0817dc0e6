"""
Tenants that come, change and go while they are served.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest
from mcp.server.auth.provider import AccessToken

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote import directory as module
from stripe_mcp.remote.directory import Directory
from stripe_mcp.remote.endpoint import Endpoint
from stripe_mcp.remote.tenants import OWN, Tenant
from stripe_mcp.remote.tokens import digest
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from tests.agent import CATALOG

pytestmark = pytest.mark.anyio

NO_KEY = Settings(mode="NO KEY")


def tenant(name: str, **changed: Any) -> Tenant:
    named: dict[str, Any] = {"tokens": (digest(name),), "settings": NO_KEY} | changed
    return Tenant(name=name, catalog=CATALOG, **named)


@dataclass
class Files:
    """
    What the files of tenants say, and how often they were read.
    """

    tenants: dict[str, Tenant]
    version: int = 0
    broken: str = ""
    while_read: int = 0
    read: anyio.Event = field(default_factory=anyio.Event)

    def write(self, *tenants: Tenant) -> None:
        self.tenants = {each.name: each for each in tenants}
        self.version += 1

    def give(self) -> Mapping[str, Tenant]:
        anyio.from_thread.run_sync(self.read.set)
        self.version += self.while_read
        self.while_read = 0
        if self.broken:
            raise ConfigurationError(self.broken)
        return self.tenants

    def fingerprint(self, tenants: Mapping[str, Tenant]) -> int:
        return self.version


@asynccontextmanager
async def open_directory(files: Files, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Directory]:
    monkeypatch.setattr(module, "_LOOKS_EVERY", 0.01)

    def build(tenant: Tenant) -> Endpoint:
        return Endpoint(create_server(tenant.catalog, tenant.settings, None, tenant.name))

    directory = Directory(files.tenants, build, read=files.give, watched=files.fingerprint)
    async with anyio.create_task_group() as tasks:
        await tasks.start(directory.run)
        yield directory
        await directory.close()


async def until_known(directory: Directory, token: str, known: bool) -> None:
    with anyio.fail_after(5):
        while (await directory.verify_token(token) is not None) is not known:  # noqa: ASYNC110 - a poller is tested
            await anyio.sleep(0.01)


async def test_a_token_stands_for_its_tenant_until_it_is_taken_out_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = Files({"a": tenant("a"), "b": tenant("b")})
    async with open_directory(files, monkeypatch) as directory:
        token = await directory.verify_token("a")
        assert directory.tenant_of(token) == files.tenants["a"]
        files.write(tenant("b"))
        await until_known(directory, "a", known=False)
        assert directory.tenant_of(token) is None
        assert await directory.verify_token("b")


async def test_a_tenant_that_is_unchanged_keeps_its_endpoint_and_a_changed_one_gets_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = tenant("a"), tenant("b")
    files = Files({"a": a, "b": b})
    async with open_directory(files, monkeypatch) as directory:
        first, second = await directory.endpoint(a), await directory.endpoint(b)
        changed = replace(a, settings=replace(NO_KEY, redact_pii=True), tokens=(digest("new"),))
        files.write(changed, b)
        await until_known(directory, "new", known=True)
        assert await directory.endpoint(changed) is not first
        assert await directory.endpoint(b) is second


async def test_a_file_that_cannot_be_used_changes_nothing_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = Files({"a": tenant("a")})
    async with open_directory(files, monkeypatch) as directory:
        files.broken = "tenants.toml: b.tokens: must be digests"
        files.write(tenant("b"))
        for _ in range(3):
            files.read = anyio.Event()
            await files.read.wait()
        assert await directory.verify_token("a")
        files.broken = ""
        await until_known(directory, "b", known=True)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the tenants stay as they were: tenants.toml: b.tokens: must be digests"
    ]


async def test_a_file_that_is_written_while_it_is_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files({"a": tenant("a")})
    async with open_directory(files, monkeypatch) as directory:
        files.while_read = 1
        files.write(tenant("b"))
        await until_known(directory, "b", known=True)


async def test_it_is_read_anew_when_asked_though_nothing_seems_to_have_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = Files({"a": tenant("a")})
    async with open_directory(files, monkeypatch) as directory:
        files.tenants = {"b": tenant("b")}
        directory.reload()
        await until_known(directory, "b", known=True)


async def test_subjects_are_their_tenants_and_nobody_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(subject: str) -> AccessToken:
        return AccessToken(token="", client_id="client", scopes=[], subject=subject)

    files = Files({"a": tenant("a", subjects=frozenset({"ann"})), "b": tenant("b")})
    async with open_directory(files, monkeypatch) as directory:
        assert directory.tenant_of(of("ann")) == files.tenants["a"]
        assert directory.tenant_of(of("bob")) is None
        assert directory.tenant_of(of("a")) is None
        assert directory.tenant_of(None) is None


async def test_where_there_is_one_account_it_is_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files({OWN: tenant(OWN)})
    async with open_directory(files, monkeypatch) as directory:
        ann = AccessToken(token="", client_id="client", scopes=[], subject="ann")
        assert directory.tenant_of(ann) == directory.tenant_of(None) == files.tenants[OWN]


async def test_a_tenant_who_names_no_subjects_is_nobodys_by_oauth_even_if_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Else those whose tenant is taken out of the file would be somebody else from then on.
    """
    files = Files({"a": tenant("a")})
    async with open_directory(files, monkeypatch) as directory:
        ann = AccessToken(token="", client_id="client", scopes=[], subject="ann")
        assert directory.tenant_of(ann) is directory.tenant_of(None) is None


async def test_two_first_requests_at_once_open_one_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    a = tenant("a")
    endpoints: list[Endpoint | None] = []
    async with open_directory(Files({"a": a}), monkeypatch) as directory:

        async def ask() -> None:
            endpoints.append(await directory.endpoint(a))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
    assert len(set(endpoints)) == 1
