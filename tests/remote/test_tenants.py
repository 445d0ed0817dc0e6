"""
The tenants file: what each tenant is, and how a wrong word is refused. No text tells a key or a token.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote.tenants import Tenant, read_tenants, sources
from stripe_mcp.remote.tenants_file import read_file
from stripe_mcp.remote.tokens import digest, make_token, written
from stripe_mcp.rules import RULES, Rules, Said
from stripe_mcp.settings import read_settings

WHOLE = load_catalog(builtin_folder())
DIGESTS = {name: written(digest(make_token())) for name in ("acme", "globex")}
ENVIRONMENT = {
    "ACME_KEY": "sk_test_canary1234",
    "GLOBEX_KEY": " rk_test_canary5678\n",
    "LIVE_KEY": "rk_live_canary1234",
    "ORGANISATION_KEY": "sk_org_test_canary1234",
    "PUBLISHABLE_KEY": "pk_test_canary1234",
    "QUOTED_KEY": "'sk_test_canary1234'",
    "BLANK": " ",
    "STRIPE_MCP_DATABASE_URL": "postgresql://ledger",
    "STRIPE_MCP_STATE_KEYS": "k" * 32,
    "STRIPE_MCP_DEADLINE": "7",
}
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions and links")


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {toml(each)}' for name, each in value.items())} }}"
    return json.dumps(value)


def tenant(name: str = "acme", /, **fields: Any) -> str:
    """
    The table of a tenant that is right but for *fields*; None leaves one out.
    """
    usual = {"key_variable": f"{name.upper()}_KEY", "tokens": [DIGESTS.get(name, DIGESTS["acme"])]}
    given = {field: value for field, value in (usual | fields).items() if value is not None}
    return "\n".join([f"[{name}]", *(f"{field} = {toml(value)}" for field, value in given.items()), ""])


def private(file: Path, text: str) -> Path:
    """
    *file* with *text* in it, for its owner only.
    """
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def read(folder: Path, *tables: str, said: Sequence[Said] = (), **options: Any) -> dict[str, Tenant]:
    file = private(folder / "tenants.toml", "\n".join(tables))
    return read_tenants(file, WHOLE, said, ENVIRONMENT, **options)


def refusal(folder: Path, *tables: str, **options: Any) -> str:
    """
    Why *tables* are refused, after the name of their file. It is told without a traceback, and holds neither
    a key nor a digest.
    """
    with pytest.raises(ConfigurationError) as raised:
        read(folder, *tables, **options)
    said = str(raised.value)
    assert raised.value.__cause__ is None
    assert "canary" not in said
    assert not any(each.removeprefix("sha256:") in said for each in DIGESTS.values())
    assert said.startswith(f"{folder / 'tenants.toml'}: ")
    return said.removeprefix(f"{folder / 'tenants.toml'}: ")


# What a tenant is


def test_a_tenant_has_its_own_key_and_account_and_shares_the_rest(tmp_path: Path) -> None:
    acme, globex = read(
        tmp_path,
        tenant("acme", stripe_account="acct_1Abc", subjects=["auth0|1", "auth0|2"]),
        tenant("globex", stripe_context="acct_2", redact="pii", tokens=[DIGESTS["globex"]]),
    ).values()
    shared = read_settings(ENVIRONMENT)
    assert acme.settings == replace(shared, mode="TEST", key="sk_test_canary1234", account="acct_1Abc")
    assert globex.settings == replace(
        shared, mode="TEST", key="rk_test_canary5678", context="acct_2", redact_pii=True
    )
    assert shared.deadline == 7
    assert shared.database == "postgresql://ledger"
    assert [written(each) for each in acme.tokens] == [DIGESTS["acme"]]
    assert acme.subjects == {"auth0|1", "auth0|2"}
    assert (acme.name, globex.name, globex.subjects) == ("acme", "globex", frozenset())


def test_the_key_and_account_of_the_process_are_no_tenants(tmp_path: Path) -> None:
    """
    One who leaves the account out means the key's own, and not somebody else's.
    """
    stray = {
        "STRIPE_SECRET_KEY": "sk_live_stray",
        "STRIPE_SECRET_KEY_FILE": "/nowhere",
        "STRIPE_ACCOUNT": "acct_stray",
        "STRIPE_CONTEXT": "acct_stray",
    }
    file = private(tmp_path / "tenants.toml", tenant())
    assert read_tenants(file, WHOLE, [], ENVIRONMENT | stray) == read_tenants(file, WHOLE, [], ENVIRONMENT)


def test_a_platforms_key_can_serve_many_tenants(tmp_path: Path) -> None:
    tenants = read(
        tmp_path,
        tenant("acme", stripe_account="acct_1"),
        tenant("globex", key_variable="ACME_KEY", stripe_account="acct_2"),
    )
    assert [each.settings.account for each in tenants.values()] == ["acct_1", "acct_2"]
    assert len({each.settings.key for each in tenants.values()}) == 1


def test_the_variables_of_the_process_are_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY", "sk_test_canary1234")
    tenants = read_tenants(private(tmp_path / "tenants.toml", tenant()), WHOLE, [])
    assert tenants["acme"].settings.key == "sk_test_canary1234"


def test_a_key_file_lies_beside_the_tenants_file_or_where_its_full_path_says(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    file = private(tmp_path / "keys/acme", "sk_test_canary1234\n")
    for path in ("keys/acme", str(file)):
        acme = read(tmp_path, tenant(key_variable=None, key_file=path))["acme"]
        assert (acme.settings.key, acme.key_file) == ("sk_test_canary1234", file)


def test_no_tenant_shows_its_key_tokens_or_subjects(tmp_path: Path) -> None:
    """
    S3: a frame of a traceback, a debugger, a log of the tenants.
    """
    acme = read(tmp_path, tenant(subjects=["auth0|canary"]))["acme"]
    entries = read_file(tmp_path / "tenants.toml")
    assert "canary" not in repr(acme) + repr(entries)
    assert repr(acme.tokens[0]) not in repr(acme) + repr(entries)


def test_tenants_are_equal_until_something_else_is_said_of_them(tmp_path: Path) -> None:
    """
    Else those that did not change would lose their sessions when the file is read anew.
    """
    before = read(tmp_path, tenant(read_only=True))
    assert before == read(tmp_path, tenant(read_only=True))
    for other in (
        tenant(),
        tenant(read_only=True, max_refund={"usd": "5"}),
        tenant(read_only=True, key_variable="GLOBEX_KEY"),
        tenant(read_only=True, tokens=[DIGESTS["globex"]]),
        tenant(read_only=True, subjects=["auth0|1"]),
    ):
        assert before != read(tmp_path, other)


def test_the_simulator_needs_no_keys(tmp_path: Path) -> None:
    acme = read(tmp_path, tenant(key_variable=None), simulator=True)["acme"]
    assert acme.settings.mode == "SIMULATOR"
    assert "needs key_file or key_variable" in refusal(tmp_path, tenant(key_variable=None))


@pytest.mark.parametrize("own", [None, "pii"])
@pytest.mark.parametrize("whole", [False, True])
def test_personal_data_is_masked_where_the_tenant_or_the_whole_server_wants_it(
    own: str | None, whole: bool, tmp_path: Path
) -> None:
    acme = read(tmp_path, tenant(redact=own), redact_pii=whole)["acme"]
    assert acme.settings.redact_pii == (whole or own == "pii")


# Rules


def test_a_tenant_may_say_something_of_every_rule(tmp_path: Path) -> None:
    said = {
        "tools": ["get_charge", "list_charges"],
        "exclude_tools": ["list_charges"],
        "categories": ["charges"],
        "account": "acct_1",
        "currencies": ["usd"],
        "confirm": "always",
        "unasked_calls": 1,
        "type_amount_above": {"usd": "1"},
        "identity_factors": ["postal_code"],
        "repeat_seconds": 700,
    }
    rest = {name: {"usd": "5.00"} if name.startswith("max_") else True for name in RULES.keys() - said.keys()}
    rules = read(tmp_path, tenant(**said, **rest))["acme"].settings.rules
    assert rules == Rules(
        read_only=True,
        tools=frozenset({"get_charge", "list_charges"}),
        exclude_tools=frozenset({"list_charges"}),
        categories=frozenset({"charges"}),
        account="acct_1",
        currencies=frozenset({"usd"}),
        limits={name: {"usd": 500} for name in RULES if name.startswith("max_")},
        confirm="always",
        unasked_calls=1,
        type_amount_above={"usd": 100},
        verify_identity=True,
        identity_factors=frozenset({"postal_code"}),
        repeat_seconds=700,
        operation_metadata=False,
    )


def test_the_stricter_of_a_tenants_rules_and_the_whole_servers_holds(tmp_path: Path) -> None:
    """
    S14.
    """
    said = [
        Said("max_refund", "--max-refund", {"usd": 500, "jpy": 500}),
        Said("exclude_tools", "--exclude-tools", frozenset({"get_charge"})),
        Said("read_only", "--read-only", True),
    ]
    tables = [
        tenant("acme", max_refund={"usd": "4.00"}, exclude_tools=["get_refund"], read_only=False),
        tenant("globex", max_refund={"usd": "6.00", "jpy": "600"}),
    ]
    acme, globex = read(tmp_path, *tables, said=said).values()
    assert acme.settings.rules.limits == {"max_refund": {"usd": 400}}
    assert globex.settings.rules.limits == {"max_refund": {"usd": 500, "jpy": 500}}
    reading = {name for name, template in WHOLE.templates.items() if template.reads}
    assert {*acme.catalog.templates} == reading - {"get_charge", "get_refund"}
    assert {*globex.catalog.templates} == reading - {"get_charge"}
    assert {"get_charge", "get_refund", "create_refund"} <= acme.catalog.hidden


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("value", [1.5, [1], "nonsense?"])
def test_a_wrong_value_of_a_rule_is_told_with_its_tenant(name: str, value: Any, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**{name: value})).startswith(f"acme.{name}: must be ")


@pytest.mark.parametrize("name", ["tools", "exclude_tools", "categories"])
def test_a_name_that_the_catalog_lacks_is_told_with_its_tenant(name: str, tmp_path: Path) -> None:
    what = "category" if name == "categories" else "tool"
    assert refusal(tmp_path, tenant(**{name: ["get_chargee"]})).startswith(
        f"acme.{name}: there is no {what} get_chargee."
    )


def test_where_tenant_and_server_leave_nothing_between_them_both_are_named(tmp_path: Path) -> None:
    said = [Said("account", "--account", "acct_1")]
    file = private(tmp_path / "tenants.toml", tenant(account="acct_2"))
    with pytest.raises(ConfigurationError) as raised:
        read_tenants(file, WHOLE, said, ENVIRONMENT)
    assert str(raised.value).startswith(f"--account and {file}: acme.account: nothing is left")
    no_tool = tenant(tools=["create_refund"], read_only=True)
    assert refusal(tmp_path, no_tool).startswith("acme: No tool is left")


# What is refused in a table


@pytest.mark.parametrize(
    ("misspelt", "said"),
    [
        ("max_refnd", "acme: there is no field max_refnd. Did you mean max_refund?"),
        ("key_fil", "acme: there is no field key_fil. Did you mean key_file?"),
        ("token", "acme: there is no field token. Did you mean tokens?"),
        ("key", "acme: there is no field key."),
        ("sk_test_canary1234", "acme: there is no field sk_...1234."),
    ],
)
def test_a_field_that_there_is_not_is_refused(misspelt: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**{misspelt: "sk_test_canary1234"})).startswith(said)


@pytest.mark.parametrize("field", ["key_file", "key_variable", "stripe_account", "stripe_context"])
@pytest.mark.parametrize("value", [1, True, ["a"], {"a": 1}, "", " ", "a\nb", "a\x00b"])
def test_a_field_of_text_holds_one_line_of_text(field: str, value: Any, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**{field: value})) == f"acme.{field}: must be a text on one line."


@pytest.mark.parametrize("field", ["tokens", "subjects"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("canary", "must be a list of texts."),
        ({"canary": 1}, "must be a list of texts."),
        ([1], "must be a text on one line."),
        (["canary", ""], "must be a text on one line."),
        ([["canary"]], "must be a text on one line."),
        (["canary", "canary"], "must have each text once."),
    ],
)
def test_a_field_of_texts_holds_a_list_of_them(field: str, value: Any, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**{field: value})) == f"acme.{field}: {said}"


def test_a_token_in_place_of_its_digest_is_refused_without_repeating_it(tmp_path: Path) -> None:
    token = make_token()
    said = refusal(tmp_path, tenant(tokens=[DIGESTS["acme"], token]))
    assert said.startswith('acme.tokens: must be digests, "sha256:" and 64 hexadecimal digits')
    assert token not in said


@given(token=st.builds(make_token))
def test_a_token_in_the_place_of_a_name_is_not_repeated(token: str, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("tenants")
    for file in (
        f'["{token}"]',
        f"[acme]\n{token} = true",
        f"{token} = true",
        f'[acme]\nkey_variable = "{token}"',
    ):
        assert token not in refusal(folder, file)


@pytest.mark.parametrize("value", ["PII", "yes", True, ["pii"]])
def test_only_personal_data_can_be_masked(value: Any, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(redact=value)) == "acme.redact: must be one of pii."


@pytest.mark.parametrize("nobody", [{"tokens": None}, {"tokens": []}, {"tokens": [], "subjects": []}])
def test_a_tenant_whom_nobody_could_be_is_refused(nobody: dict[str, Any], tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**nobody)).startswith("acme: needs tokens or subjects")


def test_subjects_alone_make_a_tenant(tmp_path: Path) -> None:
    acme = read(tmp_path, tenant(tokens=None, subjects=["auth0|1"]))["acme"]
    assert acme.subjects == {"auth0|1"}
    assert not acme.tokens


@pytest.mark.parametrize("field", ["tokens", "subjects"])
def test_nobody_is_two_tenants(field: str, tmp_path: Path) -> None:
    of_both = {field: [DIGESTS["acme"]]}
    said = refusal(tmp_path, tenant("acme", **of_both), tenant("globex", **of_both))
    assert said == f"globex.{field}: one of them is acme's as well; leave it to one of the two."


# Keys


@pytest.mark.parametrize("keys", [{"key_variable": None}, {"key_file": "keys/acme"}])
def test_a_key_comes_from_one_place(keys: dict[str, str | None], tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**keys)) == "acme: needs key_file or key_variable, and one of them only."


@pytest.mark.parametrize("variable", ["BLANK", "NOT_THERE", "sk_test_canary1234"])
def test_a_variable_without_a_key_is_told_with_its_tenant(variable: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(key_variable=variable)) == "acme.key_variable: there is no key in it."


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PUBLISHABLE_KEY", "acme: key_variable holds a publishable key (pk_)"),
        ("QUOTED_KEY", "acme: key_variable holds no Stripe key"),
        ("ORGANISATION_KEY", "acme: An organisation key needs stripe_context"),
    ],
)
def test_a_wrong_key_is_told_with_its_tenant(variable: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(key_variable=variable)).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "acme.key_file: there is no key in it."),
        ("\n", "acme.key_file: there is no key in it."),
        ("canary", "acme: key_file holds no Stripe key"),
        ("pk_live_canary1234", "acme: key_file holds a publishable key"),
    ],
)
def test_a_file_without_a_key_is_told_with_its_tenant(content: str, said: str, tmp_path: Path) -> None:
    private(tmp_path / "key", content)
    assert refusal(tmp_path, tenant(key_variable=None, key_file="key")).startswith(said)


@on_posix
def test_a_key_file_is_held_to_what_the_file_of_one_key_is(tmp_path: Path) -> None:
    table = tenant(key_variable=None, key_file="key")
    file = tmp_path / "key"
    assert refusal(tmp_path, table) == f"acme.key_file: cannot read {file}: No such file or directory"
    private(file, "sk_test_canary1234").chmod(0o640)
    assert refusal(tmp_path, table) == f"acme.key_file: others can read {file}; run chmod 600 on it."


def test_a_key_in_the_place_of_its_files_name_is_not_repeated(tmp_path: Path) -> None:
    said = refusal(tmp_path, tenant(key_variable=None, key_file="sk_live_canary1234"))
    assert said.startswith(f"acme.key_file: cannot read {tmp_path}/sk_...1234: ")


@pytest.mark.parametrize("field", ["stripe_account", "stripe_context"])
@pytest.mark.parametrize("junk", ["acct_1é", "acct 1", "acct_1?"])
def test_a_wrong_account_is_told_with_its_tenant(field: str, junk: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant(**{field: junk})).startswith(f"acme: {field} must be the id of ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("STRIPE_MCP_API_BASE", "https://elsewhere.example"), ("STRIPE_MCP_DATABASE_URL", "sqlite://")],
)
def test_a_live_tenant_is_held_to_what_a_live_server_is(variable: str, value: str, tmp_path: Path) -> None:
    file = private(tmp_path / "tenants.toml", tenant(key_variable="LIVE_KEY"))
    assert read_tenants(file, WHOLE, [], ENVIRONMENT)["acme"].settings.mode == "LIVE"
    with pytest.raises(ConfigurationError, match=f"acme: {variable}: "):
        read_tenants(file, WHOLE, [], ENVIRONMENT | {variable: value})


# The file


@pytest.mark.parametrize("name", ["a", "0", "acme-eu_2", "a" * 64])
def test_a_tenant_may_be_called_so(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, tenant(name, key_variable="ACME_KEY")).keys() == {name}


@pytest.mark.parametrize(
    "name", ["Acme", "-acme", "_acme", "a" * 65, '"acme eu"', '"é"', '""', '"acme\\n"', '"a.b"']
)
def test_a_tenant_may_not_be_called_so(name: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, tenant("globex"), f"[{name}]")
    assert said.startswith("the name of tenant 2 must be 1 to 64 of a-z, 0-9, _ and -")


def test_nobody_is_called_like_the_caller_over_stdio(tmp_path: Path) -> None:
    assert refusal(tmp_path, tenant("local")).startswith("local is the name of who calls over stdio")


@pytest.mark.parametrize("file", ["read_only = true", "[[read_only]]", 'read_only = "sk_test_canary1234"'])
def test_what_is_no_table_is_no_tenant(file: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, file).startswith("read_only must be a table")


@pytest.mark.parametrize("file", ["", "\n", "# nobody yet"])
def test_a_file_without_tenants_is_refused(file: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, file).startswith("there is no tenant in it")


@pytest.mark.parametrize("file", ["[acme", "acme", "[acme]\n[acme]", "[" * 9999, "[acme]\na = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(file: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, file)


def test_a_slip_is_told_with_its_line(tmp_path: Path) -> None:
    assert "at line 3" in refusal(tmp_path, "", "[acme]", "canary", "")


def test_one_wrong_tenant_keeps_all_of_them_out(tmp_path: Path) -> None:
    """
    Else who is left out by a slip would be told that the token is wrong.
    """
    good = tenant("acme"), tenant("globex")
    assert read(tmp_path, *good).keys() == {"acme", "globex"}
    assert refusal(tmp_path, *good, tenant("initech", key_variable="BLANK", tokens=["sha256:" + "0" * 64]))


def reason_for_refusing(file: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read_tenants(file, WHOLE, [], ENVIRONMENT)
    assert raised.value.__cause__ is None
    return str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, text, folder = tmp_path / "missing.toml", tmp_path / "text.toml", tmp_path / "folder.toml"
    text.write_bytes(b"\xff\xfe")
    text.chmod(0o600)
    folder.mkdir()
    assert reason_for_refusing(missing).startswith(f"The tenants file: cannot read {missing}: No such file")
    assert reason_for_refusing(text) == f"The tenants file: cannot read {text}: it is not text"
    assert reason_for_refusing(folder) == f"The tenants file: {folder} is not a file."


@on_posix
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602, 0o644])
def test_a_file_that_others_could_have_a_hand_in_is_refused(mode: int, tmp_path: Path) -> None:
    """
    S13: who can write to it could call as every tenant.
    """
    file = private(tmp_path / "tenants.toml", tenant())
    file.chmod(mode)
    assert reason_for_refusing(file) == f"The tenants file: others can read {file}; run chmod 600 on it."


@on_posix
def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = private(tmp_path / "tenants.toml", tenant())
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert reason_for_refusing(file) == f"The tenants file: {file} belongs to somebody else."


@on_posix
def test_a_link_to_the_file_is_not_followed(tmp_path: Path) -> None:
    file = private(tmp_path / "tenants.toml", tenant())
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    assert reason_for_refusing(link) == f"The tenants file: cannot read {link}: it is a symbolic link"


@on_posix
def test_a_pipe_does_not_hold_up_the_start(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, mode=0o600)
    assert reason_for_refusing(pipe) == f"The tenants file: {pipe} is not a file."


def test_a_key_in_the_place_of_the_files_name_is_shortened() -> None:
    assert "sk_...1234" in reason_for_refusing(Path("sk_live_canary1234"))


# Noticing that it changed


def test_the_tenants_file_and_the_files_of_keys_are_watched(tmp_path: Path) -> None:
    key = private(tmp_path / "key", "sk_test_canary1234")
    tenants = read(tmp_path, tenant("acme", key_variable=None, key_file="key"), tenant("globex"))
    file = tmp_path / "tenants.toml"
    assert sources(file, tenants).keys() == {file, key}
    assert sources(file, tenants) == sources(file, tenants)


def longer(file: Path) -> None:
    private(file, file.read_text(encoding="utf-8") + "#")


def later(file: Path) -> None:
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1000))


def another(file: Path) -> None:
    private(file.with_name("other"), file.read_text(encoding="utf-8")).replace(file)


@pytest.mark.parametrize("change", [longer, later, another, Path.unlink])
@pytest.mark.parametrize("changed", ["tenants.toml", "key"])
def test_every_way_of_changing_a_file_is_noticed(
    changed: str, change: Callable[[Path], None], tmp_path: Path
) -> None:
    private(tmp_path / "key", "sk_test_canary1234")
    tenants = read(tmp_path, tenant(key_variable=None, key_file="key"))
    file, before = tmp_path / changed, (tmp_path / changed).stat()
    seen = sources(tmp_path / "tenants.toml", tenants)
    change(file)
    if change in (longer, another):  # as long ago as before
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = sources(tmp_path / "tenants.toml", tenants)
    assert [each for each in seen if seen[each] != now[each]] == [file]
    assert (now[file] is None) == (change is Path.unlink)
