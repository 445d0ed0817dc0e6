"""
What a command line and an environment make of an endpoint, before it listens.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import pytest

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.options import build_parser
from stripe_mcp.remote.plan import OAuth, Plan
from stripe_mcp.remote.starting import make_plan
from stripe_mcp.remote.tokens import digest, written
from tests.remote.process import TOKEN

ISSUER, RESOURCE = "https://idp.example.com", "https://mcp.example.com/mcp"
OAUTH = {"STRIPE_MCP_OAUTH_ISSUER": ISSUER, "STRIPE_MCP_OAUTH_RESOURCE": RESOURCE}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRIPE_SECRET_KEY", "STRIPE_MCP_TOKEN", "STRIPE_MCP_TENANTS", "STRIPE_MCP_STATE_KEYS"):
        monkeypatch.delenv(name, raising=False)


def options(*arguments: str) -> argparse.Namespace:
    def nothing(given: argparse.Namespace) -> int:
        raise AssertionError

    parsed = build_parser(nothing, {"serve": (nothing, "")}).parse_args(["serve", *arguments])
    parsed.log_level = "warning"
    return parsed


def plan(*arguments: str) -> Plan:
    return make_plan(options(*arguments))[0]


def announced(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    _, announce = make_plan(options(*arguments))
    announce("http://127.0.0.1:8000")
    return capsys.readouterr().out


def tenants_file(folder: Path, text: str) -> Path:
    file = folder / "tenants.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_on_this_machine_it_is_asked_by_its_names_and_by_its_own_pages() -> None:
    made = plan()
    assert made.authenticated
    assert made.hosts == ("127.0.0.1", "localhost", "[::1]")
    assert made.origins == ("http://127.0.0.1", "http://localhost", "http://[::1]")
    assert made.pages == ()


def test_elsewhere_it_is_asked_by_the_names_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_MCP_TOKEN", TOKEN)
    page = "https://app.example.com"
    made = plan("--host", "0.0.0.0", "--allow-host", "mcp.example.com", "--allow-origin", page)
    assert (made.hosts, made.origins, made.pages) == (("mcp.example.com",), (page,), (page,))


@pytest.mark.parametrize("jwks", ["", "https://idp.example.com/keys"])
def test_an_issuer_lets_all_its_subjects_in_to_the_one_account(
    jwks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (OAUTH | {"STRIPE_MCP_OAUTH_JWKS": jwks}).items():
        monkeypatch.setenv(name, value)
    made = plan()
    assert made.oauth == OAuth(issuer=ISSUER, resource=RESOURCE, jwks=jwks or None)
    (tenant,) = made.tenants().values()
    assert (tenant.name, tenant.tokens) == ("local", ())


def test_tenants_who_are_subjects_only_need_an_issuer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACME", "sk_test_acme")
    file = tenants_file(tmp_path, '[acme]\nkey_variable = "ACME"\nsubjects = ["ann"]\n')
    with pytest.raises(ConfigurationError, match=r"acme.subjects: nobody .* STRIPE_MCP_OAUTH_ISSUER"):
        plan("--tenants", str(file))
    for name, value in OAUTH.items():
        monkeypatch.setenv(name, value)
    assert ": 1 tenants" in announced(capsys, "--tenants", str(file))
    monkeypatch.setenv("STRIPE_MCP_TENANTS", str(file))
    assert [*plan().tenants()] == ["acme"]


def test_tenants_with_tokens_need_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME", "sk_test_acme")
    token = written(digest(TOKEN))
    file = tenants_file(tmp_path, f'[acme]\nkey_variable = "ACME"\ntokens = ["{token}"]\n')
    made = plan("--tenants", str(file))
    before = made.watched(made.tenants())
    file.write_text(f"{file.read_text()}read_only = true\n")
    assert made.watched(made.tenants()) != before
    assert made.tenants()["acme"].settings.rules.read_only


def test_the_file_of_the_one_key_is_watched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    key.write_text("sk_test_old")
    key.chmod(0o600)
    monkeypatch.setenv("STRIPE_SECRET_KEY_FILE", str(key))
    made = plan()
    before = made.watched(made.tenants())
    key.write_text("sk_test_newer")
    assert made.watched(made.tenants()) != before
    assert made.tenants()["local"].settings.key == "sk_test_newer"


def test_workers_share_a_token_and_sealing_keys_that_nobody_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_MCP_DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    made = plan("--workers", "2")
    first, second = made.tenants()["local"], made.tenants()["local"]
    assert first.settings.state_keys
    assert first == second


def test_several_workers_say_what_they_do_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_MCP_DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    said = announced(capsys, "--workers", "3")
    assert "With 3 workers there are no sessions" in said
    assert "--stateless" not in announced(capsys, "--workers", "3", "--stateless")


def test_elsewhere_it_reminds_of_tls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_MCP_TOKEN", TOKEN)
    said = announced(capsys, "--host", "0.0.0.0", "--allow-host", "mcp.example.com")
    assert "TLS" in said
    assert TOKEN not in said


def test_without_tokens_it_says_what_that_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert "every program on this machine" in announced(capsys, "--no-auth")
    assert "every program on this machine" not in announced(capsys)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_process_of_several_has_a_log_of_its_own(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_MCP_DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    before: Any = logging.getLogger().handlers[:]
    with plan("--workers", str(workers)).process():
        assert len(logging.getLogger().handlers) == len(before) + workers - 1
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("number", ["0", "65", "two"])
def test_the_number_of_workers_is_held_to_what_makes_sense(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options("--workers", number)
    assert "--workers" in capsys.readouterr().err
