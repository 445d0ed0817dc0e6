"""
What the pages in docs/ say of the remote endpoint is so: its examples work, its figures are the code's.
"""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

import stripe_mcp
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.cli import main
from stripe_mcp.remote import directory, endpoint, serve
from stripe_mcp.remote.endpoint import Endpoint
from stripe_mcp.remote.limits import Fair
from stripe_mcp.remote.scopes import SCOPES, scope_of
from stripe_mcp.remote.tenants import read_tenants
from stripe_mcp.remote.wire import PatientProtocol, WholeBody
from stripe_mcp.rules import RULES
from tests.remote.process import Remote, remote

DOCS = Path(__file__).parents[1] / "docs"
REMOTE, SETTINGS, CLIENTS = (
    (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("remote", "settings", "clients")
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def row(page: str, name: str) -> str:
    """
    What stands beside *name* in a table.
    """
    found = re.search(rf"^\| {re.escape(name)} \| (.*) \|$", page, re.MULTILINE)
    assert found, name
    return found[1]


def usual(of: Any, name: str) -> Any:
    return inspect.signature(of).parameters[name].default


def test_the_page_is_short_enough_to_be_read() -> None:
    assert len(REMOTE.splitlines()) <= 150


def told(running: Remote) -> list[str]:
    """
    The three lines that a server says when it has made a token.
    """
    assert running.popen.stdout
    return [running.said, *(running.popen.stdout.readline() for _ in range(2))]


def test_the_first_lines_are_those_of_the_page() -> None:
    with remote("--simulator", token="") as running:
        said = told(running)
    changing = re.compile(r"(?<=^stripe-mcp )\S+|(?<=127\.0\.0\.1:)\d+|(?<=Bearer )[^\"]+")
    page = blocks(REMOTE, "console")[0].splitlines(keepends=True)[1:]
    assert [changing.sub("...", line) for line in said] == [changing.sub("...", line) for line in page]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_call_of_the_page_is_answered() -> None:
    call = next(block for block in blocks(REMOTE, "sh") if block.startswith("curl"))
    with remote("--simulator", token="") as running:
        server = json.loads(told(running)[2])["mcpServers"]["stripe"]
        token = server["headers"]["Authorization"].removeprefix("Bearer ")
        command = ["sh", "-c", call.replace("http://127.0.0.1:8000", running.address)]
        ended = subprocess.run(command, env=os.environ | {"TOKEN": token}, capture_output=True, timeout=30)
    assert json.loads(ended.stdout)["result"]["structuredContent"]["object"] == "balance"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_the_tenants_file_of_the_page_is_read(tmp_path: Path) -> None:
    file, key = tmp_path / "tenants.toml", tmp_path / "acme.key"
    file.write_text(blocks(REMOTE, "toml")[0], encoding="utf-8")
    key.write_text("rk_test_acme", encoding="utf-8")
    for each in (file, key):
        each.chmod(0o600)
    whole = load_catalog(builtin_folder())
    tenants = read_tenants(file, whole, [], {"GLOBEX_STRIPE_KEY": "sk_test_globex"})
    acme, globex = tenants["acme"], tenants["globex"]
    assert acme.settings.rules.limits == {"max_refund": {"usd": 50_000}}
    assert (globex.settings.account, globex.settings.redact_pii) == ("acct_1Abc", True)
    assert all(template.reads for template in globex.catalog.templates.values())


def test_the_figures_of_the_page_are_the_codes() -> None:
    kilobyte, minute = 1024, 60
    head, body = row(REMOTE, "head of a request"), row(REMOTE, "body")
    assert f"{serve._LARGEST_HEAD // kilobyte} kB" in head
    assert f"within {PatientProtocol.head_seconds:g} seconds" in head
    assert f"{usual(WholeBody, 'most') // kilobyte} kB" in body
    assert f"within {usual(WholeBody, 'seconds')} seconds" in body
    calls = f"{usual(Fair, 'at_once')} at once, {usual(Fair, 'waiting'):,} more wait"
    assert calls in row(REMOTE, "calls of one caller")
    assert f"{usual(Fair, 'streams'):,}," in row(REMOTE, "open streams of one caller")
    assert f"{usual(Fair, 'most'):,} at once" in row(REMOTE, "requests of all together")
    sessions = row(REMOTE, "sessions of one tenant (protocols before 2026-07-28)")
    assert f"{endpoint._SESSIONS:,} in a process" in sessions
    assert f"{usual(Endpoint, 'idle') // minute:g} minutes" in sessions
    connections = row(REMOTE, "connections")
    assert f"{serve._CONNECTIONS:,} at once" in connections
    assert f"{serve._KEEP_ALIVE} seconds" in connections
    assert directory._LOOKS_EVERY == 2
    assert "within two seconds" in row(REMOTE, "a change of the tenants file or of a key file")


def test_the_scopes_of_the_page_are_the_codes() -> None:
    assert re.findall(r"^\| `(stripe:\w+)` \|", REMOTE, re.MULTILINE) == list(SCOPES)
    scopes = [scope_of(template) for template in load_catalog(builtin_folder()).templates.values()]
    assert scopes.count("stripe:money") == 7
    assert "seven tools" in row(REMOTE, "`stripe:money`")


def test_whoever_is_not_let_in_sees_what_the_page_says() -> None:
    oauth = {
        "STRIPE_MCP_OAUTH_ISSUER": "https://login.example.com/",
        "STRIPE_MCP_OAUTH_RESOURCE": "https://mcp.example.com/mcp",
    }
    with remote("--simulator", token="", **oauth) as running:
        refused = httpx.post(f"{running.address}/mcp")
        metadata = httpx.get(f"{running.address}/.well-known/oauth-protected-resource/mcp").json()
    error, *_, place = refused.headers["WWW-Authenticate"].split(", ")
    assert f"{refused.status_code}  WWW-Authenticate: {error}, ..., {place}\n" in REMOTE
    assert metadata["scopes_supported"] == list(SCOPES)


def test_every_setting_stands_on_its_page_and_no_other_does() -> None:
    code = "".join(
        file.read_text(encoding="utf-8") for file in Path(stripe_mcp.__file__).parent.rglob("*.py")
    )
    ours = r"\bSTRIPE_MCP_[A-Z_]*[A-Z]\b"
    rules = {f"STRIPE_MCP_{name.upper()}" for name in RULES}
    read = set(re.findall(ours, code)) | {
        f"STRIPE_MCP_OAUTH_{name}" for name in ("ISSUER", "RESOURCE", "JWKS")
    }
    said = set(re.findall(ours, SETTINGS))
    assert read - rules == said - rules
    for page in (REMOTE, CLIENTS):
        assert set(re.findall(ours, page)) <= said


def test_every_option_of_the_command_stands_on_the_page_of_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = capsys.readouterr().out.partition("options:")[2]
    rules = {f"--{name.replace('_', '-')}" for name in RULES}
    elsewhere = {"--help", "--simulator", "--catalog", "--config"}
    for option in set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", shown, re.MULTILINE)) - rules - elsewhere:
        assert f"`{option}" in SETTINGS, option


def test_what_is_to_be_copied_is_whole() -> None:
    assert all(json.loads(block) for block in blocks(CLIENTS, "json"))
    assert all(tomllib.loads(block) for page in (REMOTE, SETTINGS) for block in blocks(page, "toml"))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    for place, part in re.findall(
        r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")
    ):
        file = page.parent / place if place else page
        assert file.exists(), place
        if part:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}, part
