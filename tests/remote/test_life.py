"""
What changes while the server runs: tenants come, go, and get other keys and rules; sessions end.
"""

import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import MCPError

from stripe_mcp.remote.tokens import digest
from tests.faults.stripe_side import PART, Stall
from tests.remote.hostile import Mall, key_of, mall, whose
from tests.remote.process import Remote
from tests.remote.sessions import HELLO, calling, in_session
from tests.remote.test_directory import NO_KEY, Files, open_directory, tenant, until_known
from tests.remote.wire import call, headers, message

pytestmark = pytest.mark.anyio
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals, and no private files")


async def test_a_request_that_was_slow_to_come_in_does_not_bring_a_tenants_old_rules_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A body may take fifteen seconds, and a call wait in line for longer: by then its tenant may be another.
    """
    old = tenant("a")
    new = replace(old, settings=replace(NO_KEY, redact_pii=True), tokens=(digest("new"),))
    files = Files({"a": old})
    async with open_directory(files, monkeypatch) as directory:
        files.write(new)
        await until_known(directory, "new", known=True)
        assert await directory.endpoint(old) is None
        assert await directory.endpoint(new)


async def test_a_request_that_was_slow_to_come_in_does_not_bring_back_a_tenant_who_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone, stays = tenant("gone"), tenant("stays")
    files = Files({"gone": gone, "stays": stays})
    async with open_directory(files, monkeypatch) as directory:
        files.write(stays)
        await until_known(directory, "gone", known=False)
        assert await directory.endpoint(gone) is None
        files.write(tenant("next"))
        await until_known(directory, "next", known=True)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
async def shops(tmp_path: Path) -> AsyncIterator[Mall]:
    async with mall(tmp_path, tables=TABLES) as running:
        yield running


async def balance(http: httpx.AsyncClient, shops: Mall, name: str) -> int:
    return (await call(http, shops.server.address, shops.token(name), "get_balance")).status_code


async def becomes(http: httpx.AsyncClient, shops: Mall, name: str, status: int) -> None:
    """
    Wait until calls of *name* have this status, which takes seconds and no restart.
    """
    with anyio.fail_after(20):
        while await balance(http, shops, name) != status:  # noqa: ASYNC110 - another process
            await anyio.sleep(0.1)


async def is_told(server: Remote, text: str, times: int = 1) -> None:
    """
    Wait until *text* is in so many lines of the log.
    """
    with anyio.fail_after(20):
        while sum(text in line for line in server.log) < times:  # noqa: ASYNC110 - another process
            await anyio.sleep(0.05)


TABLES: dict[str, dict[str, Any]] = {"one": {"subjects": ["Ann"]}, "two": {"subjects": ["Bob"]}}
REVOKED = {"one": {"tokens": ["sha256:" + "0" * 64]}, "two": TABLES["two"]}


@on_posix
@pytest.mark.parametrize("transport", ["modern", "legacy", "sse"])
async def test_a_token_that_is_revoked_counts_no_longer_in_a_session_that_is_open(
    shops: Mall, http: httpx.AsyncClient, transport: str
) -> None:
    one, two = shops.token("one"), shops.token("two")
    async with (
        calling(http, shops.server.address, transport, one) as mine,
        calling(http, shops.server.address, transport, two) as other,
    ):
        assert (await mine(one, "get_balance", {})).is_success
        shops.file.write(**REVOKED)
        with anyio.fail_after(20):
            while (answer := await mine(one, "get_balance", {})).status_code != 401:  # noqa: ASYNC110
                await anyio.sleep(0.1)
        assert "invalid_token" in answer.text
        assert (await other(two, "get_balance", {})).is_success


@on_posix
@pytest.mark.parametrize(("method", "path"), [("GET", "/mcp"), ("GET", "/sse")])
async def test_the_stream_of_a_tenant_who_was_changed_ends_and_nobody_elses(
    shops: Mall, http: httpx.AsyncClient, method: str, path: str
) -> None:
    async def open_stream(name: str, ended: anyio.Event, opened: anyio.Event) -> None:
        token, url = shops.token(name), f"{shops.server.address}{path}"
        session = None
        if path == "/mcp":
            hello = await http.post(url, json=HELLO, headers=in_session(token))
            session = hello.headers["mcp-session-id"]
        async with http.stream(method, url, headers=in_session(token, session)) as stream:
            assert stream.status_code == 200
            opened.set()
            with suppress(httpx.RemoteProtocolError):
                async for _ in stream.aiter_bytes():
                    pass
        ended.set()

    ended = {name: anyio.Event() for name in TABLES}
    async with anyio.create_task_group() as streams:
        for name in TABLES:
            opened = anyio.Event()
            streams.start_soon(open_stream, name, ended[name], opened)
            await opened.wait()
        shops.file.write(**REVOKED)
        with anyio.fail_after(20):
            await ended["one"].wait()
        assert await balance(http, shops, "two") == 200
        assert not ended["two"].is_set()
        streams.cancel_scope.cancel()


@on_posix
async def test_a_key_is_exchanged_under_a_call_that_ends_with_the_old_one(
    shops: Mall, http: httpx.AsyncClient
) -> None:
    shops.stripe.next("POST /v1/refunds", stall := Stall())
    answers: list[httpx.Response] = []

    async def refund() -> None:
        answers.append(await call(http, shops.server.address, shops.token("one"), "create_refund", PART))

    async with anyio.create_task_group() as calls:
        calls.start_soon(refund)
        await stall.held.wait()
        shops.file.write_key("one", key_of("fresh"))
        with anyio.fail_after(20):
            while not shops.stripe.of("fresh"):
                assert await balance(http, shops, "one") == 200
                await anyio.sleep(0.1)
        old = len(shops.stripe.of("one"))
        assert await balance(http, shops, "one") == 200
        stall.released.set()
    assert answers[0].json()["result"]["structuredContent"]["object"] == "refund"
    assert len(shops.stripe.of("one")) == old


@on_posix
@pytest.mark.parametrize("transport", ["legacy", "sse"])
async def test_a_rule_that_is_tightened_holds_for_sessions_that_are_open(
    shops: Mall, http: httpx.AsyncClient, transport: str
) -> None:
    token = shops.token("one")
    async with calling(http, shops.server.address, transport, token) as mine:
        assert (await mine(token, "get_balance", {})).is_success
        shops.file.write(one=TABLES["one"] | {"read_only": True}, two=TABLES["two"])
        with anyio.fail_after(20):
            while (await mine(token, "get_balance", {})).status_code != 404:  # noqa: ASYNC110
                await anyio.sleep(0.1)
        assert (await mine(token, "create_refund", PART)).status_code == 404
    async with shops.server.client(transport, token) as client:
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("create_refund", PART)
    assert shops.stripe.at("POST /v1/refunds") == []


@on_posix
async def test_tenants_and_subjects_come_and_go(shops: Mall, http: httpx.AsyncClient) -> None:
    assert await balance(http, shops, "new") == 401
    assert await balance(http, shops, "Eve") == 403
    shops.file.write(two=TABLES["two"], new={"subjects": ["Eve"]})
    await becomes(http, shops, "new", 200)
    assert [await balance(http, shops, name) for name in ("Eve", "one", "Ann", "two")] == [200, 401, 403, 200]
    shops.file.write(**TABLES)
    await becomes(http, shops, "one", 200)
    assert [await balance(http, shops, name) for name in ("Ann", "new", "Eve")] == [200, 401, 403]


@on_posix
async def test_who_is_taken_out_of_the_file_is_not_the_one_who_stays(
    shops: Mall, http: httpx.AsyncClient
) -> None:
    shops.file.write(two={})
    await becomes(http, shops, "one", 401)
    assert [await balance(http, shops, name) for name in ("Ann", "Bob", "two")] == [403, 403, 200]
    assert {whose(asked)[0] for asked in shops.stripe.asked} <= {"one", "two"}


@on_posix
async def test_a_body_that_was_slow_is_not_taken_for_what_its_tenant_was(
    shops: Mall, http: httpx.AsyncClient
) -> None:
    body = json.dumps(message("tools/call", name="create_refund", arguments=PART))
    half = anyio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:50].encode()
        await half.wait()
        yield body[50:].encode()

    answers: list[httpx.Response] = []

    async def post() -> None:
        said = headers(shops.token("one"), "tools/call", "create_refund")
        answers.append(await http.post(f"{shops.server.address}/mcp", content=slowly(), headers=said))

    async with anyio.create_task_group() as calls:
        calls.start_soon(post)
        assert await balance(http, shops, "one") == 200
        shops.file.write(**REVOKED)
        await becomes(http, shops, "one", 401)
        half.set()
    assert (answers[0].status_code, answers[0].json()["error"]) == (503, "tenant_changed")
    assert shops.stripe.at("POST /v1/refunds") == []


BROKEN: dict[str, bytes] = {
    "it is empty": b"",
    "it is no text": b"\xff\xfe\x00\x01",
    "it is no TOML": b"[one",
    "it is nested without end": b"a = " + b"[" * 100_000,
    "it is cut": b'[one]\nkey_file = "one.key"\ntokens = ["sha256:00',
    "a key file is missing": b'[one]\nkey_file = "nowhere"\ntokens = ["sha256:' + b"0" * 64 + b'"]',
    "a key file is a folder": b'[one]\nkey_file = "."\ntokens = ["sha256:' + b"0" * 64 + b'"]',
    "a path has a NUL": b'[one]\nkey_file = "a\\u0000"\ntokens = ["sha256:' + b"0" * 64 + b'"]',
    "a path is too long": b'[one]\nkey_file = "'
    + b"a" * 5_000
    + b'"\ntokens = ["sha256:'
    + b"0" * 64
    + b'"]',
    "a date is no date": b"a = 2026-99-99",
    "a number is too large": b"[one]\nread_only = " + b"9" * 5_000,
    "a rule is unknown": b'[one]\nkey_file = "one.key"\nread_ony = true\ntokens = ["sha256:'
    + b"0" * 64
    + b'"]',
}


@on_posix
@pytest.mark.parametrize("kind", BROKEN)
async def test_a_file_that_is_broken_changes_nothing_until_it_is_mended(
    shops: Mall, http: httpx.AsyncClient, kind: str
) -> None:
    assert await balance(http, shops, "one") == 200
    new = shops.file.path.with_suffix(".broken")
    new.write_bytes(BROKEN[kind])
    new.chmod(0o600)
    new.replace(shops.file.path)
    await is_told(shops.server, "the tenants stay as they were")
    assert [await balance(http, shops, name) for name in ("one", "two", "Ann")] == [200] * 3
    shops.file.write(**REVOKED)
    await becomes(http, shops, "one", 401)
    assert await balance(http, shops, "two") == 200


@on_posix
async def test_a_file_that_others_may_read_or_that_is_gone_changes_nothing(
    shops: Mall, http: httpx.AsyncClient
) -> None:
    assert await balance(http, shops, "one") == 200
    shops.file.path.chmod(0o644)
    shops.server.popen.send_signal(signal.SIGHUP)
    await is_told(shops.server, "chmod 600")
    shops.file.path.unlink()
    shops.server.popen.send_signal(signal.SIGHUP)
    await is_told(shops.server, "No such file")
    assert [await balance(http, shops, name) for name in ("one", "two", "Ann")] == [200] * 3


@on_posix
async def test_a_hangup_takes_rules_anew_that_nobody_watches(tmp_path: Path, http: httpx.AsyncClient) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("")
    rules.chmod(0o600)
    async with mall(tmp_path, "--config", str(rules), tables=TABLES) as shops:
        async with shops.server.client(token=shops.token("one")) as client:
            assert "create_refund" in [each.name for each in (await client.list_tools()).tools]
        rules.write_text("read_only = true")
        shops.server.popen.send_signal(signal.SIGHUP)
        await is_told(shops.server, "read anew")
        async with shops.server.client(token=shops.token("one")) as client:
            assert "create_refund" not in [each.name for each in (await client.list_tools()).tools]


@on_posix
async def test_each_of_several_workers_takes_the_change(tmp_path: Path, http: httpx.AsyncClient) -> None:
    async with mall(tmp_path, "--workers", "2", tables=TABLES) as shops:
        await becomes(http, shops, "one", 200)
        shops.file.write(**REVOKED)
        await is_told(shops.server, "read anew", 2)
        for _ in range(10):
            async with httpx.AsyncClient() as anew:
                assert await balance(anew, shops, "one") == 401
                assert await balance(anew, shops, "two") == 200


@on_posix
async def test_a_hangup_over_a_broken_file_ends_none_of_several_workers(
    tmp_path: Path, http: httpx.AsyncClient
) -> None:
    async with mall(tmp_path, "--workers", "2", tables=TABLES) as shops:
        await becomes(http, shops, "one", 200)
        shops.file.path.chmod(0o644)
        shops.server.popen.send_signal(signal.SIGHUP)
        await is_told(shops.server, "chmod 600", 2)
        for _ in range(10):
            async with httpx.AsyncClient() as anew:
                assert await balance(anew, shops, "one") == 200
