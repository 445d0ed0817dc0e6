"""
What the person who starts the server may decide, and how a wrong decision is refused.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.settings import STRIPE_API_BASE, Settings, read_settings, refuse_keys_in

TEST_KEY = "sk_test_canary1234"
LIVE_KEY = "rk_live_fake1234"


def with_key(key: str = TEST_KEY, **others: str) -> dict[str, str]:
    return {"STRIPE_SECRET_KEY": key, **others}


def refusal_of(environment: dict[str, str]) -> str:
    """
    The text with which *environment* is refused. It never holds a key.
    """
    with pytest.raises(ConfigurationError) as raised:
        read_settings(environment)
    assert raised.value.__cause__ is None
    assert "canary" not in str(raised.value)
    return str(raised.value)


# Keys


@pytest.mark.parametrize(
    ("key", "mode", "kind"),
    [
        ("sk_test_canary1234", "TEST", "secret"),
        ("rk_test_canary1234", "TEST", "restricted"),
        ("rkcs_test_canary1234", "TEST", "restricted"),
        ("sk_live_fake1234", "LIVE", "secret"),
        ("rk_live_fake1234", "LIVE", "restricted"),
        ("sk_org_test_fake1234", "TEST", "organisation"),
        ("sk_org_live_fake1234", "LIVE", "organisation"),
        ("sk_org_fake1234", "LIVE", "organisation"),
    ],
)
def test_a_key_decides_the_mode_and_its_kind_is_told(key: str, mode: str, kind: str) -> None:
    settings = read_settings(with_key(key, STRIPE_CONTEXT="acct_1"))
    assert settings.key == key
    assert settings.mode == mode
    assert settings.key_kind == kind
    assert settings.banner.startswith(f"{mode}, {kind} key ...1234")


def test_a_secret_live_key_is_told_of_a_safer_one() -> None:
    """
    It may do everything with real money, and seldom has to.
    """
    safer = "a restricted key would be safer"
    assert safer in read_settings(with_key("sk_live_fake1234")).banner
    for key in ("rk_live_fake1234", "sk_test_canary1234"):
        assert safer not in read_settings(with_key(key)).banner


def test_the_account_that_is_worked_on_is_told() -> None:
    settings = read_settings(with_key("sk_test_canary1234", STRIPE_ACCOUNT="acct_9"))
    assert settings.banner == "TEST, secret key ...1234 for acct_9"


@pytest.mark.parametrize(
    "key", ["sk_live_a_test_b", "rk_live__test_", "sk_org_live_x_test_y", "sk_org_x_test_"]
)
def test_a_live_key_is_live_whatever_else_it_holds(key: str) -> None:
    """
    Taken for a test key, it could be sent elsewhere.
    """
    assert read_settings(with_key(key, STRIPE_CONTEXT="acct_1")).mode == "LIVE"


@pytest.mark.parametrize("space", ["", " ", "\n"])
def test_spaces_around_a_key_are_not_part_of_it(space: str) -> None:
    assert read_settings(with_key(f"{space}{TEST_KEY}{space}")).key == TEST_KEY


@pytest.mark.parametrize("environment", [{}, {"STRIPE_SECRET_KEY": ""}, {"STRIPE_SECRET_KEY": " "}])
def test_without_a_key_the_server_starts_and_says_how_to_connect(environment: dict[str, str]) -> None:
    settings = read_settings(environment | {"STRIPE_MCP_DATABASE_URL": "sqlite://"})
    assert settings == Settings(mode="NO KEY")
    assert settings.key is None
    assert "set STRIPE_SECRET_KEY" in settings.banner


def test_the_environment_of_the_process_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY_FILE", raising=False)
    monkeypatch.setenv("STRIPE_SECRET_KEY", TEST_KEY)
    assert read_settings().key == TEST_KEY


@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_publishable_key_is_refused_with_the_reason(mode: str) -> None:
    """
    S3.
    """
    said = refusal_of(with_key(f"pk_{mode}_canary1234"))
    assert "STRIPE_SECRET_KEY holds a publishable key (pk_)" in said
    assert "rk_" in said


@pytest.mark.parametrize(
    "junk",
    [
        "canary",
        "sk_canary",
        "sk_test_canary 1234",
        "sk_test_canary\n1234",
        "sk_test_canary\r\nX-Evil: 1",
        "sk_test_cänary",
        "SK_TEST_canary1234",
        "'sk_test_canary1234'",
        "Bearer sk_test_canary1234",
        "whsec_canary1234",
        "ek_test_canary1234",
        "sk_prod_canary1234",
        "rk_org_canary1234",
        "sk_org_",
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(junk: str) -> None:
    """
    S3: it may be a key with a slip of the pen.
    """
    said = refusal_of(with_key(junk))
    assert said.startswith("STRIPE_SECRET_KEY holds no Stripe key")
    assert junk not in said


@given(text=st.text(min_size=1))
def test_a_text_by_chance_is_no_key(text: str) -> None:
    if not text.strip():
        assert read_settings({"STRIPE_SECRET_KEY": text}).key is None
        return
    with pytest.raises(ConfigurationError, match="STRIPE_SECRET_KEY"):
        read_settings({"STRIPE_SECRET_KEY": text})


@given(body=st.text("abcXYZ019_", min_size=1), kind=st.sampled_from(["sk", "rk", "rkcs"]))
def test_no_settings_show_their_key(body: str, kind: str) -> None:
    """
    S3: a frame of a traceback, a debugger, a log of the settings.
    """
    settings = read_settings(with_key(f"{kind}_test_{body}"))
    assert settings.key not in (repr(settings), str(settings))
    assert f"{kind}_test_" not in repr(settings)
    assert f"{kind}_test_" not in settings.banner
    assert settings.banner.endswith(f"key ...{f'{kind}_test_{body}'[-4:]}")


def test_an_organisation_key_needs_to_know_its_account() -> None:
    assert "STRIPE_CONTEXT" in refusal_of(with_key("sk_org_canary1234"))
    assert "STRIPE_CONTEXT" in refusal_of(with_key("sk_org_canary1234", STRIPE_CONTEXT=" "))
    assert read_settings(with_key("sk_org_fake1234", STRIPE_CONTEXT="acct_1")).context == "acct_1"


# A key in a file


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "stripe-key"
    file.write_text(f"{TEST_KEY}\n", encoding="utf-8")
    file.chmod(0o600)
    return file


def test_a_private_file_may_hold_the_key(key_file: Path) -> None:
    settings = read_settings({"STRIPE_SECRET_KEY_FILE": f" {key_file} "})
    assert settings.key == TEST_KEY
    assert settings.mode == "TEST"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("others", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001, 0o077])
def test_a_file_that_others_may_touch_is_refused(key_file: Path, others: int) -> None:
    key_file.chmod(0o600 | others)
    said = refusal_of({"STRIPE_SECRET_KEY_FILE": str(key_file)})
    assert str(key_file) in said
    assert "chmod 600" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_of_the_owners_is_private(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert read_settings({"STRIPE_SECRET_KEY_FILE": str(key_file)}).key == TEST_KEY


def test_on_windows_permissions_are_not_asked_for(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    There they say nothing: every file looks open to all.
    """
    key_file.chmod(0o666)
    monkeypatch.setattr(sys, "platform", "win32")
    assert read_settings({"STRIPE_SECRET_KEY_FILE": str(key_file)}).key == TEST_KEY


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    said = refusal_of({"STRIPE_SECRET_KEY_FILE": str(tmp_path / "nowhere")})
    assert f"STRIPE_SECRET_KEY_FILE: cannot read {tmp_path / 'nowhere'}: No such file" in said


def test_a_file_that_is_no_text_is_named(key_file: Path) -> None:
    key_file.write_bytes(b"\xff\xfe")
    assert "it is not text" in refusal_of({"STRIPE_SECRET_KEY_FILE": str(key_file)})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    assert "is not a file" in refusal_of({"STRIPE_SECRET_KEY_FILE": str(folder)})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """
    Reading it would hold up the start for ever.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, mode=0o600)
    assert "is not a file" in refusal_of({"STRIPE_SECRET_KEY_FILE": str(pipe)})


def test_the_mark_that_windows_editors_leave_is_no_part_of_the_key(key_file: Path) -> None:
    key_file.write_bytes(b"\xef\xbb\xbfsk_test_canary1234\r\n")
    assert read_settings({"STRIPE_SECRET_KEY_FILE": str(key_file)}).key == "sk_test_canary1234"


@pytest.mark.parametrize(
    "content", ["", "\n", "canary", "sk_test_canary\nsk_test_canary", "sk_test_canary # mine"]
)
def test_a_file_without_a_key_is_refused(key_file: Path, content: str) -> None:
    key_file.write_text(content, encoding="utf-8")
    said = refusal_of({"STRIPE_SECRET_KEY_FILE": str(key_file)})
    assert said.startswith("The file of STRIPE_SECRET_KEY_FILE holds no Stripe key")


def test_a_publishable_key_in_a_file_is_refused(key_file: Path) -> None:
    key_file.write_text("pk_test_canary1234", encoding="utf-8")
    assert "publishable" in refusal_of({"STRIPE_SECRET_KEY_FILE": str(key_file)})


def test_a_key_in_the_place_of_the_files_name_is_not_repeated() -> None:
    """
    S3: the two variables are easily mixed up.
    """
    assert "sk_...1234" in refusal_of({"STRIPE_SECRET_KEY_FILE": TEST_KEY})


def test_a_key_and_a_file_are_one_too_many(key_file: Path) -> None:
    said = refusal_of(with_key(STRIPE_SECRET_KEY_FILE=str(key_file)))
    assert "STRIPE_SECRET_KEY or STRIPE_SECRET_KEY_FILE, not both" in said


# Accounts


def test_a_connected_account_is_named() -> None:
    assert read_settings(with_key(STRIPE_ACCOUNT=" acct_1Abc ")).account == "acct_1Abc"
    assert read_settings(with_key(STRIPE_ACCOUNT="")).account is None
    assert read_settings(with_key()).account is None


@pytest.mark.parametrize("junk", ["cus_1", "acct_", "acct_1\r\nX: 1", "acct_1/../x", "ACCT_1", "acct_é"])
def test_what_is_no_connected_account_is_refused(junk: str) -> None:
    assert "STRIPE_ACCOUNT" in refusal_of(with_key(STRIPE_ACCOUNT=junk))


@pytest.mark.parametrize("context", ["acct_1", "org_1/acct_2", "ctx-1_b"])
def test_a_context_is_named(context: str) -> None:
    assert read_settings(with_key(STRIPE_CONTEXT=f" {context} ")).context == context


@pytest.mark.parametrize("junk", ["acct_1\r\nX-Evil: 1", "acct 1", "acct_é", "\x00"])
def test_a_context_that_is_no_header_is_refused_at_the_start(junk: str) -> None:
    """
    Found out only at the first call, it would look like a write that went wrong.
    """
    assert "STRIPE_CONTEXT" in refusal_of(with_key(STRIPE_CONTEXT=junk))


def test_a_context_of_nothing_is_none() -> None:
    assert read_settings(with_key(STRIPE_CONTEXT=" ")).context is None


# Where the requests go


def test_requests_go_to_stripe_by_default() -> None:
    assert STRIPE_API_BASE == "https://api.stripe.com"
    assert read_settings(with_key()).api_base == STRIPE_API_BASE
    assert read_settings(with_key(STRIPE_MCP_API_BASE=" ")).api_base == STRIPE_API_BASE


@pytest.mark.parametrize(
    "base",
    [
        "https://stripe.example",
        "https://stripe.example:8443",
        "https://10.0.0.7",
        "http://localhost:12111",
        "http://127.0.0.1:12111",
        "http://127.8.8.8",
        "http://[::1]:12111",
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_test_key_may_go_over_https_or_stay_on_this_machine(base: str, slash: str) -> None:
    settings = read_settings(with_key(STRIPE_MCP_API_BASE=base + slash))
    assert settings.api_base == base
    assert settings.banner == f"TEST, secret key ...1234 at {base}"


@pytest.mark.parametrize(
    "base",
    [
        "http://stripe.example",
        "http://10.0.0.7:12111",
        "http://0.0.0.0:12111",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://128.0.0.1",
        "ftp://127.0.0.1",
        "ws://localhost",
    ],
)
@pytest.mark.parametrize("environment", [{}, with_key()], ids=["without key", "with key"])
def test_plain_http_leads_nowhere_but_to_this_machine(base: str, environment: dict[str, str]) -> None:
    said = refusal_of(environment | {"STRIPE_MCP_API_BASE": base})
    assert said == "STRIPE_MCP_API_BASE must be https, or http on this machine (127.0.0.1)."


@pytest.mark.parametrize(
    "base",
    [
        "stripe.example",
        "//stripe.example",
        "https://",
        "https:stripe.example",
        "https://stripe.example/v9",
        "https://stripe.example?x=1",
        "https://stripe.example?",
        "https://stripe.example#x",
        "https://user@stripe.example",
        "https://user:canary@stripe.example",
        "http://127.0.0.1@stripe.example",
        "https://stripe.example:port",
        "https://stripe.example:99999",
        "https://stripe.example:",
        "https://[::1",
        "https://[nonsense]",
        "https://stripe .example",
        "https://stripe\n.example",
        "https://stripe\\@evil.example",
        "https://strípe.example",
        "canary",
    ],
)
def test_an_address_is_a_scheme_a_host_and_a_port(base: str) -> None:
    said = refusal_of(with_key(STRIPE_MCP_API_BASE=base))
    assert said == "STRIPE_MCP_API_BASE must be a URL of scheme, host and port only."


@pytest.mark.parametrize(
    "base",
    [
        "https://stripe.example",
        "http://127.0.0.1:12111",
        "http://api.stripe.com",
        "https://api.stripe.com.evil.example",
        "https://api.stripe.com@evil.example",
        "https://api.stripe.com:8443",
        "https://api.stripe.com/evil",
        "nonsense",
    ],
)
@pytest.mark.parametrize("key", [LIVE_KEY, "sk_live_fake1234", "sk_org_fake1234"])
def test_a_live_key_goes_to_stripe_and_to_nobody_else(key: str, base: str) -> None:
    said = refusal_of(with_key(key, STRIPE_CONTEXT="acct_1", STRIPE_MCP_API_BASE=base))
    assert said == "STRIPE_MCP_API_BASE: a live key goes to https://api.stripe.com only."


@pytest.mark.parametrize("base", ["", "https://api.stripe.com", "https://api.stripe.com/"])
def test_a_live_key_may_name_stripe(base: str) -> None:
    settings = read_settings(with_key(LIVE_KEY, STRIPE_MCP_API_BASE=base))
    assert settings.api_base == STRIPE_API_BASE
    assert settings.banner == "LIVE, restricted key ...1234"


# Numbers

NUMBERS = {
    "STRIPE_MCP_DEADLINE": (50, 1, 600),
    "STRIPE_MCP_MAX_RETRIES": (2, 0, 10),
    "STRIPE_MCP_MAX_RESULT_CHARS": (25_000, 10_000, 1_000_000),
}


def number(name: str, value: str | None, simulator: bool) -> int:
    environment = {} if value is None else {name: value}
    settings = read_settings(environment, simulator=simulator)
    value_read = getattr(settings, name.removeprefix("STRIPE_MCP_").lower())
    assert isinstance(value_read, int)
    return value_read


@pytest.mark.parametrize("simulator", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_have_a_default_and_bounds(name: str, simulator: bool) -> None:
    default, least, most = NUMBERS[name]
    assert number(name, None, simulator) == number(name, " ", simulator) == default
    assert number(name, str(least), simulator) == least
    assert number(name, f" {most} ", simulator) == most


@pytest.mark.parametrize("simulator", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "beyond", ["-1", "least", "most", "1.5", "1e1", "ten", "٣", "+1", "0x1", "1_0", "99999999"]
)
def test_what_is_no_number_within_the_bounds_is_refused(name: str, beyond: str, simulator: bool) -> None:
    _, least, most = NUMBERS[name]
    value = {"least": str(least - 1), "most": str(most + 1)}.get(beyond, beyond)
    with pytest.raises(ConfigurationError) as raised:
        number(name, value, simulator)
    assert str(raised.value) == f"{name} must be a whole number from {least} to {most}."


@pytest.mark.parametrize("simulator", [False, True])
def test_personal_data_is_masked_where_the_environment_or_the_caller_says_so(simulator: bool) -> None:
    wanted = {"STRIPE_MCP_REDACT": "pii"}
    assert read_settings(wanted, simulator=simulator).redact_pii
    assert read_settings({}, simulator=simulator, redact_pii=True).redact_pii
    assert not read_settings({"STRIPE_MCP_REDACT": " "}, simulator=simulator).redact_pii


@pytest.mark.parametrize("value", ["PII", "1", "true", "off", "pii,names"])
def test_a_word_that_masks_nothing_is_refused(value: str) -> None:
    """
    Who misspells it would believe that data is masked.
    """
    with pytest.raises(ConfigurationError) as raised:
        read_settings({"STRIPE_MCP_REDACT": value})
    assert str(raised.value) == "STRIPE_MCP_REDACT must be pii, or unset."


def test_the_default_deadline_lies_below_that_of_the_clients() -> None:
    """
    They give up at 60 s, and would not learn what became of a write.
    """
    assert Settings(mode="NO KEY").deadline == read_settings({}).deadline == 50


# The simulator


@pytest.mark.parametrize(
    "environment",
    [
        with_key(LIVE_KEY),
        with_key(),
        with_key("canary"),
        {"STRIPE_SECRET_KEY_FILE": "/nowhere"},
        with_key(STRIPE_SECRET_KEY_FILE="/nowhere"),
    ],
)
def test_the_simulator_ignores_a_key_and_says_so(environment: dict[str, str]) -> None:
    settings = read_settings(
        environment | {"STRIPE_MCP_API_BASE": "https://stripe.example", "STRIPE_ACCOUNT": "acct_1"},
        simulator=True,
    )
    assert settings.mode == "SIMULATOR"
    assert settings.key not in environment.values()
    assert settings.api_base == "http://simulator"
    assert settings.account is None
    assert settings.banner == "SIMULATOR, play money only; the Stripe key in the environment is ignored"


def test_the_simulator_needs_no_key() -> None:
    assert read_settings({}, simulator=True).banner == "SIMULATOR, play money only"


# The command line


@pytest.mark.parametrize(
    "kind", ["sk_test", "sk_live", "rk_live", "rk_test", "pk_test", "sk_org", "rkcs_test", "whsec"]
)
@pytest.mark.parametrize(
    "shape", ["{}", "--key={}", "--api-key='{}'", "STRIPE_SECRET_KEY={}", "a:{}@b", "_{}"]
)
def test_a_key_on_the_command_line_is_refused_and_not_repeated(kind: str, shape: str) -> None:
    """
    S3: every program of the machine can read it there.
    """
    with pytest.raises(ConfigurationError) as raised:
        refuse_keys_in(["check", "--simulator", shape.format(f"{kind}_canary1234")])
    said = str(raised.value)
    assert "canary" not in said
    assert "1234" not in said
    assert "STRIPE_SECRET_KEY" in said
    assert "roll it" in said


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--simulator"],
        ["simulator", "--port", "12111"],
        ["--catalog", "/home/jo/risk_templates"],
        ["--catalog=/srv/task_1"],
        ["sk_"],
    ],
)
def test_a_command_line_without_a_key_is_let_through(arguments: list[str]) -> None:
    refuse_keys_in(arguments)


def test_writes_are_kept_in_the_state_folder_and_those_of_an_invented_shop_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_state_path", lambda name, appauthor: tmp_path / name)
    assert read_settings({}).database == f"sqlite:///{tmp_path}/stripe-mcp/ledger.db"
    assert read_settings({}, simulator=True).database == f"sqlite:///{tmp_path}/stripe-mcp/simulator.db"
    named = {"STRIPE_MCP_DATABASE_URL": " postgresql://db/ledger "}
    assert read_settings(named).database == "postgresql://db/ledger"


@pytest.mark.parametrize("keys", ["", "a" * 32, f"{'a' * 32},{'b' * 32}", f"{'a' * 32} {'b' * 40}"])
def test_keys_that_seal_are_read_in_their_order(keys: str) -> None:
    settings = read_settings({"STRIPE_MCP_STATE_KEYS": keys})
    assert list(settings.state_keys) == keys.replace(",", " ").split()
    assert "aaaa" not in repr(settings)


@pytest.mark.parametrize("keys", ["short", f"{'a' * 32},{'a' * 32}", f"{'a' * 32},b"])
def test_keys_that_seal_badly_are_refused_without_being_repeated(keys: str) -> None:
    with pytest.raises(ConfigurationError, match="STRIPE_MCP_STATE_KEYS") as caught:
        read_settings({"STRIPE_MCP_STATE_KEYS": keys})
    assert "aaaa" not in str(caught.value)


def test_the_password_of_a_database_is_not_shown() -> None:
    assert "canary" not in repr(
        read_settings({"STRIPE_MCP_DATABASE_URL": "postgresql://me:canary@db/ledger"})
    )


def test_real_money_is_not_kept_in_memory_only() -> None:
    live = {"STRIPE_SECRET_KEY": "rk_live_canary1234", "STRIPE_MCP_DATABASE_URL": "sqlite://"}
    with pytest.raises(ConfigurationError, match="STRIPE_MCP_DATABASE_URL"):
        read_settings(live)
