"""
Test & connect: what `stripe-mcp check` finds out about a key, and that it only reads.
"""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.cli import main

CATALOG = load_catalog(builtin_folder()).templates
WRITES = [name for name, template in CATALOG.items() if not template.annotations.readOnlyHint]
READS = [name for name, template in CATALOG.items() if template.annotations.readOnlyHint]
STRIPE = "https://api.stripe.com"
MISSING = {
    "error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such object"}
}
ACCOUNT = {"id": "acct_1", "object": "account", "business_profile": {"name": "Pine [/b] Street"}}


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("STRIPE_SECRET_KEY_FILE", raising=False)


def verdicts(printed: str) -> dict[str, str]:
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in printed.splitlines() if "│" in line]
    return {name: verdict for name, verdict in rows if name in CATALOG}


def forbid(permission: str) -> httpx.Response:
    message = f"The provided key does not have the required permissions. Having the '{permission}' permission"
    return httpx.Response(403, json={"error": {"type": "invalid_request_error", "message": message}})


def test_the_simulators_key_may_call_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--simulator"]) == 0
    printed = capsys.readouterr().out
    assert "SIMULATOR" in printed
    assert "acct_" in printed
    assert verdicts(printed) == dict.fromkeys(CATALOG, "yes")


def test_a_secret_key_may_call_everything_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_canary1234")
    with respx.mock(base_url=STRIPE) as router:
        router.get("/v1/account").respond(json=ACCOUNT)
        router.get().respond(404, json=MISSING)
        assert main(["check"]) == 0
        assert {call.request.method for call in router.calls} == {"GET"}
    printed = capsys.readouterr()
    assert "LIVE, secret key ...1234" in printed.out
    assert "acct_1 Pine [/b] Street" in printed.out
    assert verdicts(printed.out) == dict.fromkeys(CATALOG, "yes")
    assert "canary" not in printed.out + printed.err


def test_a_restricted_key_learns_which_permission_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "rk_test_canary1234")
    with respx.mock(base_url=STRIPE) as router:
        router.get("/v1/account").mock(return_value=forbid("rak_connected_account_read"))
        router.get(path__regex=r"^/v1/(charges|refunds)").mock(return_value=forbid("rak_charge_read"))
        router.get().respond(404, json=MISSING)
        assert main(["check"]) == 1
    printed = capsys.readouterr().out
    assert "may not see" in printed
    for name, verdict in verdicts(printed).items():
        permission = CATALOG[name].permission
        if permission.startswith("rak_charge"):
            assert verdict == f"no: needs {permission}"
        else:
            assert verdict == ("yes" if name in READS else f"not tested: needs {permission}")
    assert "Missing: rak_charge_read, rak_charge_write." in printed
    link = next(line for line in printed.splitlines() if line.startswith("https://dashboard"))
    assert urlsplit(link).path == "/test/apikeys/create"
    assert set(parse_qs(urlsplit(link).query)["permissions[]"]) == {
        template.permission for template in CATALOG.values()
    }


def test_a_restricted_key_that_lacks_nothing_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "rk_live_canary1234")
    with respx.mock(base_url=STRIPE) as router:
        router.get("/v1/account").respond(json=ACCOUNT)
        router.get().respond(404, json=MISSING)
        assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert "Missing" not in printed
    assert verdicts(printed)["create_refund"] == "not tested: needs rak_charge_write"


def test_what_stripe_fails_to_answer_is_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_canary1234")
    monkeypatch.setenv("STRIPE_MCP_MAX_RETRIES", "0")
    with respx.mock(base_url=STRIPE) as router:
        router.get("/v1/account").respond(json=ACCOUNT)
        router.get("/v1/balance").respond(500)
        router.get("/v1/balance_transactions").mock(side_effect=httpx.ConnectError)
        router.get().respond(404, json=MISSING)
        assert main(["check"]) == 0
    found = verdicts(capsys.readouterr().out)
    assert {name for name, verdict in found.items() if verdict.startswith("unknown")} == {
        "get_balance",
        "list_balance_transactions",
    }


def test_a_key_that_stripe_does_not_accept_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_canary1234")
    error = {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_*****1234"}
    with respx.mock(base_url=STRIPE) as router:
        router.get("/v1/account").respond(401, json={"error": error})
        assert main(["check"]) == 1
    printed = capsys.readouterr().out
    assert "401" in printed
    assert "valid key" in printed
    assert verdicts(printed) == {}


def test_without_a_key_it_says_how_to_connect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    assert main(["check"]) == 1
    assert "STRIPE_SECRET_KEY" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://canary:canary@127.0.0.1:1"),
        ("SSL_CERT_FILE", "/nowhere"),
        ("HTTPS_PROXY", "ftp://x"),
    ],
)
def test_a_network_that_cannot_be_used_is_said_to_be_so(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_canary1234")
    monkeypatch.setenv(variable, value)
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert "Nothing was changed" in printed.out
    assert variable in printed.out
    assert "canary" not in printed.out + printed.err
