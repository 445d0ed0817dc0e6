"""
The threat model names tests that there are; and the tests of it that belong to no module.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import httpx
import pytest

import stripe_mcp
from stripe_mcp.remote.tokens import digest, make_token, written
from tests.remote.process import Remote, remote

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
THREATS = {part.partition("\n")[0]: part for part in PAGE.split("\n### ")[1:]}
OWASP = [
    "MCP01:2025 Token Mismanagement & Secret Exposure",
    "MCP02:2025 Privilege Escalation via Scope Creep",
    "MCP03:2025 Tool Poisoning",
    "MCP04:2025 Software Supply Chain Attacks & Dependency Tampering",
    "MCP05:2025 Command Injection & Execution",
    "MCP06:2025 Intent Flow Subversion",
    "MCP07:2025 Insufficient Authentication & Authorization",
    "MCP08:2025 Lack of Audit and Telemetry",
    "MCP09:2025 Shadow MCP Servers",
    "MCP10:2025 Context Injection & Over-Sharing",
]
DOORS = [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/sse"), ("POST", "/messages/")]
TOKENS = {name: make_token() for name in ("acme", "globex")}

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


def test_every_item_of_owasps_list_is_answered() -> None:
    assert list(THREATS)[:10] == OWASP


@pytest.mark.parametrize("threat", THREATS)
def test_each_threat_has_what_stops_it_a_test_that_there_is_and_what_remains(threat: str) -> None:
    tests = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    stops, shown, remains = (THREATS[threat].find(f"\n**{part}") for part in ("Stops", "Shown", "Remains"))
    assert 0 < stops < shown < remains
    named = set(re.findall(r"`(test_\w+)`", THREATS[threat]))
    assert named
    assert named - tests == set()


def test_every_package_is_pinned_with_its_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^(\S+?)==\S+(?: ;[^\n\\]*)? \\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)
    assert pinned == [line.split("=")[0] for line in re.findall(r"^[^\s#].*", lock, re.MULTILINE)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[<>=!~; ]", each)[0] for each in chain.from_iterable(wanted)}
    assert names <= {each.split("[")[0] for each in pinned}


def test_nothing_starts_a_program_or_evaluates_a_text() -> None:
    """
    But for the workers of `serve`, which are uvicorn's.
    """
    programs = {"subprocess", "multiprocessing", "pty", "pickle", "marshal", "shelve", "runpy", "ctypes"}
    calls = re.compile(
        r"eval|exec|compile|__import__|(.*\.)?(system|popen|exec[lv]\w*|spawn\w*|fork\w*|create_subprocess_\w+)"
    )
    for file in Path(stripe_mcp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    assert not programs & {each.name.split(".")[0] for each in names}, file
                case ast.ImportFrom(module="multiprocessing", names=[ast.alias(name="parent_process")]):
                    pass  # a worker asks who started it
                case ast.ImportFrom(module=str(module)):
                    assert module.split(".")[0] not in programs, file
                case ast.Call(func=called):
                    assert not calls.fullmatch(ast.unparse(called)), file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    file = tmp_path_factory.mktemp("tenants") / "tenants.toml"
    tables = [
        f'[{name}]\nkey_variable = "KEY"\ntokens = ["{written(digest(token))}"]\n'
        for name, token in TOKENS.items()
    ]
    file.write_text("".join(tables), encoding="utf-8")
    file.chmod(0o600)
    with remote("--tenants", str(file), token="", KEY="rk_test_1234") as running:
        yield running


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


@on_posix
@pytest.mark.parametrize(("method", "path"), DOORS)
def test_another_host_and_another_page_are_refused(server: Remote, method: str, path: str) -> None:
    for named, status in {"Host": 421, "Origin": 403}.items():
        for value in ("http://evil.example", "evil.example", "127.0.0.1.evil.example", "null"):
            said = bearer("acme") | {named: value}
            assert httpx.request(method, server.address + path, headers=said).status_code == status


@on_posix
@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "api_key"])
def test_a_token_in_the_url_is_none(server: Remote, method: str, path: str, name: str) -> None:
    answer = httpx.request(method, server.address + path, params={name: TOKENS["acme"]})
    assert answer.status_code == 401
    assert TOKENS["acme"] not in f"{answer.headers}{answer.text}"


@on_posix
def test_a_session_is_not_there_for_another_token(server: Remote) -> None:
    """
    Neither one of Streamable HTTP nor one of SSE, for a tenant's token that is valid, or for none.
    """
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    said = {"Accept": "application/json, text/event-stream"}
    with httpx.Client(base_url=server.address, headers=said, timeout=10) as http:
        opened = http.post("/mcp", json=begin, headers=bearer("acme"))
        session = {"Mcp-Session-Id": opened.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
        with http.stream("GET", "/sse", headers=bearer("acme")) as stream:
            lines = stream.iter_lines()  # which would end the stream if nobody held it
            place = next(line for line in lines if line.startswith("data: /")).split()[1]
            for who, statuses in {"globex": (404, 404), "": (401, 401), "acme": (200, 202)}.items():
                whose = bearer(who) if who else {}
                assert (
                    http.post("/mcp", json=ping, headers=session | whose).status_code,
                    http.post(place, json=ping, headers=whose).status_code,
                ) == statuses
