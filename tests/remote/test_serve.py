"""
The command: what it says, what it refuses to be, and how it is asked to change and to end.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from stripe_mcp.cli import main
from tests.remote.process import TOKEN, Remote, remote
from tests.remote.wire import call

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals"),
]


def is_open(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as knocking:
        return not knocking.connect_ex((host, int(port)))


def refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str
) -> str:
    """
    Why the command does not start with these; it never gets to listen.
    """
    for name in [name for name in os.environ if name.startswith("STRIPE_") and name != "STRIPE_MCP_CONFIG"]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", "--port", "0", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--host", "0.0.0.0"], {}, "callers need a token"),
        (["--host", "0.0.0.0", "--no-auth"], {}, "for this machine only"),
        (["--host", "192.0.2.7"], {"STRIPE_MCP_TOKEN": TOKEN}, "--allow-host mcp.example.com"),
        (["--host", "example.com"], {}, "callers need a token"),
        ([], {"STRIPE_MCP_TOKEN": "short"}, "32 characters or more"),
        ([], {"STRIPE_MCP_TOKEN": f"{TOKEN} {TOKEN}"}, "without blanks"),
        (["--no-auth"], {"STRIPE_MCP_TOKEN": TOKEN}, "--no-auth and STRIPE_MCP_TOKEN"),
        (["--tenants", "t.toml"], {"STRIPE_MCP_TOKEN": TOKEN}, "STRIPE_MCP_TOKEN and --tenants"),
        (["--tenants", "t.toml", "--simulator"], {}, "one account"),
        (["--tenants", "nowhere.toml"], {}, "nowhere.toml"),
        (["--simulator", "--workers", "2"], {}, "takes one worker"),
        (["--workers", "2"], {"STRIPE_MCP_DATABASE_URL": "sqlite://"}, "a ledger in memory"),
        (["--allow-host", "https://example.com"], {}, "a name alone"),
        (["--allow-origin", "example.com"], {}, "such as https://app.example.com"),
        ([], {"STRIPE_MCP_OAUTH_ISSUER": "https://idp.example.com"}, "STRIPE_MCP_OAUTH_RESOURCE is missing"),
        ([], {"STRIPE_MCP_OAUTH_RESOURCE": "https://example.com/mcp"}, "STRIPE_MCP_OAUTH_ISSUER is missing"),
        (
            [],
            {
                "STRIPE_MCP_OAUTH_ISSUER": "http://idp.example.com",
                "STRIPE_MCP_OAUTH_RESOURCE": "https://a/mcp",
            },
            "STRIPE_MCP_OAUTH_ISSUER must be an https:// URL",
        ),
        ([], {"STRIPE_SECRET_KEY": "pk_test_1"}, "publishable"),
    ],
)
def test_what_would_be_unsafe_or_cannot_work_does_not_start(
    arguments: list[str],
    environment: dict[str, str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told in refused(capsys, monkeypatch, *arguments, **environment)


def test_a_port_that_is_taken_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with remote("--simulator") as running:
        port = running.address.rpartition(":")[2]
        assert f"port {port}: Address already in use" in refused(
            capsys, monkeypatch, "--simulator", "--port", port
        )


def test_a_host_that_nobody_knows_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(
        capsys, monkeypatch, "--host", "nowhere.invalid", "--allow-host", "a", STRIPE_MCP_TOKEN=TOKEN
    )
    assert "Cannot listen on nowhere.invalid" in said


def test_the_number_of_workers_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--workers", "0"])
    assert "--workers" in capsys.readouterr().err


def test_a_token_is_made_and_its_line_for_the_tenants_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token"]) == 0
    token, _, line = capsys.readouterr().out.splitlines()
    assert len(token) >= 32
    assert "sha256:" in line
    assert token not in line


async def test_without_anything_set_a_token_is_made_and_told_with_a_configuration(tmp_path: Path) -> None:
    with remote("--simulator", token="") as running:
        said = [running.said, *(running.popen.stdout.readline() for _ in range(2))]  # type: ignore[union-attr]
        token = said[2].partition("Bearer ")[2].partition('"')[0]
        async with running.client(token=token) as client:
            assert (await client.call_tool("get_balance", {})).structured_content
        async with httpx.AsyncClient() as http:
            assert (await call(http, running.address, None, "get_balance")).status_code == 401
    assert "SIMULATOR" in said[0]


async def test_without_a_key_tools_are_listed_and_a_call_says_how_to_connect() -> None:
    with remote() as running:
        async with running.client() as client:
            assert len((await client.list_tools()).tools) >= 37
            result = await client.call_tool("get_balance", {})
    assert "STRIPE_SECRET_KEY" in str(result.content[0])


async def test_no_auth_lets_in_whoever_asks() -> None:
    with remote("--simulator", "--no-auth", token="") as running:
        async with httpx.AsyncClient() as http:
            assert (await call(http, running.address, None, "get_balance")).status_code == 200


async def test_several_workers_share_one_port_and_one_ledger(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/ledger.db"
    with remote("--workers", "2", STRIPE_MCP_DATABASE_URL=database) as running:
        async with httpx.AsyncClient(timeout=30) as http:
            answers: list[Any] = [
                await call(http, running.address, running.token, "get_balance") for _ in range(4)
            ]
            assert {answer.status_code for answer in answers} == {200}
            headers = {
                "Authorization": f"Bearer {running.token}",
                "Accept": "application/json, text/event-stream",
            }
            assert (await http.get(f"{running.address}/sse", headers=headers)).status_code == 501
            old = await http.post(f"{running.address}/mcp", json={}, headers=headers)
            assert old.status_code == 501
            assert "--stateless" in old.text
        assert running.end() == 0


async def test_workers_end_when_who_started_them_is_killed(tmp_path: Path) -> None:
    with remote("--workers", "2", STRIPE_MCP_DATABASE_URL=f"sqlite:///{tmp_path}/ledger.db") as running:
        async with httpx.AsyncClient(timeout=30) as http:
            assert (await call(http, running.address, running.token, "get_balance")).status_code == 200
        running.popen.kill()
        with anyio.fail_after(20):
            while is_open(running.address):  # noqa: ASYNC110 - another process
                await anyio.sleep(0.1)


async def test_stateless_serves_clients_of_the_handshake_era_without_sessions(tmp_path: Path) -> None:
    with remote("--simulator", "--stateless") as running:
        async with running.client("legacy") as client:
            assert (await client.call_tool("get_balance", {})).structured_content


async def test_it_serves_without_the_extras() -> None:
    """
    Neither a faster loop nor a faster network, nor anything that collects, is there to be imported.
    """
    without = ["aiohttp", "uvloop", "opentelemetry.sdk", "psycopg"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); from stripe_mcp.cli import main; main()"
    )
    with remote("--simulator", command=("-c", code)) as running:
        async with running.client() as client:
            assert (await client.call_tool("get_balance", {})).structured_content
        assert running.end() == 0


def test_a_hangup_leaves_it_running() -> None:
    with remote("--simulator") as running:
        running.popen.send_signal(signal.SIGHUP)
        assert httpx.get(f"{running.address}/readyz").status_code == 200
        assert running.end(signal.SIGINT) == 0


def test_it_is_not_ready_while_the_ledger_takes_no_writes(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with remote(STRIPE_MCP_DATABASE_URL=f"sqlite:///{tmp_path}/ledger.db") as running:
        ready = httpx.get(f"{running.address}/readyz")
        assert (ready.status_code, ready.json()) == (503, {"status": "the ledger takes no writes"})
        assert httpx.get(f"{running.address}/healthz").json() == {"status": "ok"}


def test_only_the_loopback_listens_unless_told_otherwise() -> None:
    with remote("--simulator") as running:
        assert running.address.startswith("http://127.0.0.1:")


def test_the_help_names_what_it_serves() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stripe_mcp", "serve", "--help"], capture_output=True, text=True, check=True
    )
    assert "Streamable HTTP" in done.stdout
    assert "--tenants" in done.stdout


async def test_ipv6_is_an_address_too() -> None:
    with remote("--simulator", "--host", "::1") as running:
        assert running.address.startswith("http://[::1]:")
        async with running.client() as client:
            assert (await client.call_tool("get_balance", {})).structured_content


def test_the_first_line_tells_the_address(tmp_path: Path) -> None:
    def line(running: Remote) -> str:
        return running.said

    with remote("--simulator") as running:
        assert f"{running.address}/mcp" in line(running)
