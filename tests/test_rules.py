"""
What the person who starts the server allows: said in three places, and the stricter always wins.
"""

import os
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.currency import CURRENCIES, THREE_DECIMAL, ZERO_DECIMAL, decimals
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.rule_sources import read_rules
from stripe_mcp.rules import LIMITS, RULES, Rules, Said, merge
from stripe_mcp.settings import own_variables

NOWHERE = Path(os.devnull)  # a file that says nothing, so that nobody's own file is read
SPELLINGS: dict[str, Callable[[Path, str, str, str], list[Said]]] = {
    "flag": lambda folder, name, text, toml: read_rules([(name, text)], {}, NOWHERE),
    "variable": lambda folder, name, text, toml: read_rules([], {name.upper(): text}, NOWHERE),
    "file": lambda folder, name, text, toml: read_rules([], {}, written(folder, f"{name} = {toml}")),
}
in_every_spelling = pytest.mark.parametrize("spelling", SPELLINGS)

# rule: as a flag or variable has it, as the file has it, what is meant
EXAMPLES: dict[str, tuple[str, str, Any]] = {
    "read_only": ("true", "true", True),
    "tools": ("get_charge, get_refund", '["get_charge", "get_refund"]', {"get_charge", "get_refund"}),
    "exclude_tools": ("get_charge", '["get_charge"]', {"get_charge"}),
    "categories": ("charges", '["charges"]', {"charges"}),
    "account": ("acct_1Abc", '"acct_1Abc"', "acct_1Abc"),
    "currencies": ("usd,jpy", '["usd", "jpy"]', {"usd", "jpy"}),
    **{
        rule.name: (
            "usd=500.00, jpy=50000",
            '{ usd = "500.00", jpy = "50000" }',
            {"usd": 50_000, "jpy": 50_000},
        )
        for rule in LIMITS
    },
    "confirm": ("always", '"always"', "always"),
    "unasked_calls": ("0", "0", 0),
    "type_amount_above": ("kwd=1.5", '{ kwd = "1.5" }', {"kwd": 1500}),
    "verify_identity": ("true", "true", True),
    "identity_factors": ("postal_code,last4", '["postal_code", "last4"]', {"postal_code", "last4"}),
    "repeat_seconds": ("3600", "3600", 3600),
    "no_operation_metadata": ("true", "true", True),
}
of_every_rule = pytest.mark.parametrize("name", RULES)


def written(folder: Path, text: str) -> Path:
    """
    A file of rules with *text* in it.
    """
    file = folder / "stripe-mcp.toml"
    file.write_text(text, encoding="utf-8")
    return file


def value(rules: Rules, name: str) -> Any:
    if name == "no_operation_metadata":
        return not rules.operation_metadata
    return rules.limits[name] if name.startswith("max_") else getattr(rules, name)


def refusal(flags: Any = (), variables: Any = None, file: Path = NOWHERE) -> str:
    """
    Why the rules are refused; no part of a key is in the text.
    """
    with pytest.raises(ConfigurationError) as raised:
        merge(read_rules([*flags], variables or {}, file))
    assert raised.value.__cause__ is None
    assert "canary" not in str(raised.value)
    return str(raised.value)


# One rule, three spellings


def test_every_rule_has_an_example_here() -> None:
    assert EXAMPLES.keys() == RULES.keys()


@of_every_rule
@in_every_spelling
def test_a_rule_means_the_same_wherever_it_is_said(name: str, spelling: str, tmp_path: Path) -> None:
    text, toml, meant = EXAMPLES[name]
    rules = merge(SPELLINGS[spelling](tmp_path, name, text, toml))
    assert value(rules, name) == meant
    assert rules != Rules()


def test_who_says_nothing_has_the_defaults() -> None:
    rules = merge(read_rules([], dict.fromkeys(map(str.upper, RULES), " "), NOWHERE))
    assert rules == merge([]) == Rules()
    assert rules.operation_metadata
    assert (rules.confirm, rules.unasked_calls, rules.repeat_seconds) == ("auto", 5, 600)
    assert rules.identity_factors == {"last4"}


@of_every_rule
@in_every_spelling
def test_a_wrong_value_is_refused_with_the_place_and_what_it_must_be(
    name: str, spelling: str, tmp_path: Path
) -> None:
    place = {
        "flag": f"--{name.replace('_', '-')}: ",
        "variable": f"STRIPE_MCP_{name.upper()}: ",
        "file": f"{tmp_path / 'stripe-mcp.toml'}: {name}: ",
    }
    free = name in ("tools", "exclude_tools", "categories")  # whose names the catalog knows
    with pytest.raises(ConfigurationError) as raised:
        SPELLINGS[spelling](tmp_path, name, "a,," if free else "nonsense", "1.5")
    assert str(raised.value).startswith(place[spelling])
    assert " must be " in str(raised.value) or " there is no " in str(raised.value)


@of_every_rule
@pytest.mark.parametrize(
    "toml",
    ["1.5", "-1", "10000000", '"nonsense?"', '""', "[]", "{}", "[1]", '[""]', '[["a"]]', "1979-05-27", "nan"],
)
def test_what_is_of_the_wrong_type_in_the_file_is_refused(name: str, toml: str, tmp_path: Path) -> None:
    assert f"stripe-mcp.toml: {name}: must be " in refusal(file=written(tmp_path, f"{name} = {toml}"))


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.kind.written == "NUMBER"])
@pytest.mark.parametrize("number", ["true", "5.0", '"5"'])
def test_a_number_is_no_truth_and_no_text(name: str, number: str, tmp_path: Path) -> None:
    assert "whole number" in refusal(file=written(tmp_path, f"{name} = {number}"))


@pytest.mark.parametrize("text", ["1", "yes", "TRUE", "on"])
def test_only_true_and_false_are_understood(text: str) -> None:
    assert refusal(variables={"READ_ONLY": text}) == "STRIPE_MCP_READ_ONLY: must be true or false."
    assert not merge(read_rules([], {"READ_ONLY": "false"}, NOWHERE)).read_only


@pytest.mark.parametrize("text", [",", "a,,b", "a,", "", " "])
def test_a_list_with_a_hole_in_it_is_refused(text: str) -> None:
    """
    An empty flag too: it is a variable of a shell that was not set.
    """
    assert refusal([("tools", text)]) == "--tools: must be names with commas between them."


def test_a_flag_that_is_given_twice_holds_twice() -> None:
    """
    As the last one wins in other programs, one of them would be lost.
    """
    flags = [("exclude_tools", "get_charge"), ("exclude_tools", "get_refund"), ("max_refund", "usd=5")]
    rules = merge(read_rules([*flags, ("max_refund", "usd=6")], {}, NOWHERE))
    assert rules.exclude_tools == {"get_charge", "get_refund"}
    assert rules.limits == {"max_refund": {"usd": 500}}


# Names that there are not


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("max_refnd = 1", "there is no rule max_refnd. Did you mean max_refund?"),
        ("max-refund = 1", "there is no rule max-refund. Did you mean max_refund?"),
        ("wholly_other = 1", "there is no rule wholly_other."),
        ("[limits]", "there is no rule limits."),
        ("sk_live_canary1234 = 1", "there is no rule sk_...1234."),
    ],
)
def test_an_unknown_key_is_refused(toml: str, said: str, tmp_path: Path) -> None:
    assert refusal(file=written(tmp_path, toml)) == f"{tmp_path / 'stripe-mcp.toml'}: {said}"


@of_every_rule
def test_a_misspelt_variable_is_refused(name: str) -> None:
    variable = name.upper()
    swapped = variable[:-2] + variable[:-3:-1]
    assert refusal(variables={swapped: "true"}) == (
        f"There is no STRIPE_MCP_{swapped}. Did you mean STRIPE_MCP_{variable}?"
    )


def test_a_variable_of_another_purpose_is_none_of_our_business() -> None:
    """
    Kubernetes sets some for a service that is called stripe-mcp.
    """
    others = "SERVICE_HOST SERVICE_PORT PORT PORT_8080_TCP_ADDR DEADLINE MAX_RETRIES MAX_RESULT_CHARS REDACT"
    variables = dict.fromkeys(
        [*others.split(), "API_BASE", "DATABASE_URL", "STATE_KEYS", "CONFIG"], os.devnull
    )
    assert merge(read_rules([], variables, None)) == Rules()


def test_only_our_own_variables_are_handed_over() -> None:
    environment = {
        "STRIPE_MCP_TOOLS": "a",
        "STRIPE_SECRET_KEY": "canary",
        "TOOLS": "b",
        "XSTRIPE_MCP_TOOLS": "c",
    }
    assert own_variables(environment) == {"TOOLS": "a"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("currencies", "USD", "there is no currency USD. Did you mean usd?"),
        ("currencies", "usd,hrk", "there is no currency hrk."),
        ("max_refund", "eru=5", "there is no currency eru."),
        ("max_refund", "usd=5,usd=6", "must name a currency once."),
        ("max_refund", "500", "must be amounts by currency, like usd=500.00,jpy=50000."),
        ("max_refund", "usd=500,", "must be amounts by currency, like usd=500.00,jpy=50000."),
        ("identity_factors", "last4,postal_cod", "there is no factor postal_cod. Did you mean postal_code?"),
        ("account", "cus_1", "must be the id of an account, like acct_1Abc."),
        ("account", "acct_1\r\nX: 1", "must be the id of an account, like acct_1Abc."),
        ("account", "sk_live_canary1234", "must be the id of an account, like acct_1Abc."),
        ("confirm", "never", "must be one of always, auto, client."),
        ("unasked_calls", "1001", "must be a whole number from 0 to 1000."),
        ("repeat_seconds", "59", "must be a whole number from 60 to 86400."),
        ("repeat_seconds", "6e2", "must be a whole number from 60 to 86400."),
        ("repeat_seconds", "\u0666\u0660\u0660", "must be a whole number from 60 to 86400."),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name: str, text: str, said: str) -> None:
    assert refusal([(name, text)]).endswith(f": {said}")


# Amounts


@given(currency=st.sampled_from(sorted(CURRENCIES)), amount=st.integers(0, 10**12 - 1))
def test_an_amount_is_exact_to_the_smallest_unit(currency: str, amount: int) -> None:
    digits = decimals(currency)
    whole, fraction = divmod(amount, 10**digits)
    text = f"{whole}.{fraction:0{digits}}" if digits else str(whole)
    rules = merge(read_rules([("max_refund", f"{currency}={text}")], {}, NOWHERE))
    assert rules.limits == {"max_refund": {currency: amount}}


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_an_amount_has_no_more_decimals_than_its_currency(currency: str) -> None:
    digits = decimals(currency)
    said = refusal([("max_refund", f"{currency}=1.{'0' * (digits + 1)}")])
    assert said.startswith(
        f"--max-refund: {currency} must be a text of digits with {digits or 'no'} decimals"
    )
    example = said.rpartition('"')[0].rpartition('"')[2]
    assert merge(read_rules([("max_refund", f"{currency}={example}")], {}, NOWHERE)).limits


NO_TEXTS = ["5", "5.0", "true", "[]", "{}"]
SIGNS = ["-5", "+5", "1e3", "1,000", "1_0", "$5", "5.", ".5", "", " 5", "5\\n", "\u0665", "\uff15"]
NO_AMOUNTS = [*SIGNS, "500.005", "9999999999999", "NaN", "Infinity"]


@pytest.mark.parametrize("amount", [*NO_TEXTS, *(f'"{amount}"' for amount in NO_AMOUNTS)])
def test_what_is_no_plain_amount_is_refused(amount: str, tmp_path: Path) -> None:
    said = refusal(file=written(tmp_path, f"max_refund = {{ usd = {amount} }}"))
    assert "max_refund: usd must be a text of digits with 2 decimals" in said


def test_a_whole_amount_needs_no_decimals() -> None:
    assert merge(read_rules([("max_refund", "usd=5,eur=5.5")], {}, NOWHERE)).limits == {
        "max_refund": {"usd": 500, "eur": 550}
    }


# The stricter wins

some_amounts = st.dictionaries(st.sampled_from(["usd", "jpy", "kwd"]), st.integers(0, 9), min_size=1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "read_only": st.booleans(),
    "tools": st.frozensets(st.sampled_from("abc"), min_size=1),
    "exclude_tools": st.frozensets(st.sampled_from("abc"), min_size=1),
    "categories": st.frozensets(st.sampled_from("abc"), min_size=1),
    "account": st.sampled_from(["acct_1", "acct_2"]),
    "currencies": st.frozensets(st.sampled_from(["usd", "jpy", "kwd"]), min_size=1),
    **{rule.name: some_amounts for rule in LIMITS},
    "confirm": st.sampled_from(["always", "auto", "client"]),
    "unasked_calls": st.integers(0, 9),
    "type_amount_above": some_amounts,
    "verify_identity": st.booleans(),
    "identity_factors": st.frozensets(st.sampled_from(["last4", "postal_code"]), min_size=1),
    "repeat_seconds": st.integers(60, 69),
    "no_operation_metadata": st.booleans(),
}
anything_said = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(Said, st.just(name), st.just(name), VALUES[name])
)


def merged(*said: Said) -> Rules | None:
    try:
        return merge(said)
    except ConfigurationError:
        return None


def admits(rules: Rules, name: str, what: Any) -> bool:
    """
    Whether *rules* let pass what one of them is about: a tool, an amount of a currency, an unasked call.
    """
    found: Any = rules.limits.get(name) if name.startswith("max_") else value(rules, name)
    match name:
        case "exclude_tools":
            return what not in found
        case "tools" | "categories" | "account" | "currencies" | "identity_factors":
            return found is None or what == found or what in found
        case "confirm":
            return bool(["always", "auto", "client"].index(found) >= what)
        case "unasked_calls":
            return bool(what < found)
        case "repeat_seconds":
            return bool(what >= found)
        case "read_only" | "verify_identity" | "no_operation_metadata":
            return not found
    currency, amount = what
    return found is None or (currency in found and amount <= found[currency])


EVENTS: dict[str, list[Any]] = {
    **{name: [*product(["usd", "jpy", "eur"], range(11))] for name in VALUES},
    **{name: ["a", "b", "c", "d"] for name in ("tools", "exclude_tools", "categories")},
    "account": ["acct_1", "acct_2", "acct_3"],
    "currencies": ["usd", "jpy", "kwd", "eur"],
    "identity_factors": ["last4", "postal_code"],
    "confirm": [0, 1, 2],
    "unasked_calls": [*range(11)],
    "repeat_seconds": [*range(59, 71)],
}


@of_every_rule
@given(data=st.data())
def test_what_passes_is_what_every_source_lets_pass(name: str, data: st.DataObject) -> None:
    """
    S14. Where nothing could pass, the server does not start.
    """
    said = [Said(name, place, data.draw(VALUES[name])) for place in ("flag", "variable", "file")]
    alone = [merge([each]) for each in said]
    together = merged(*said)
    for event in EVENTS[name]:
        every = all(admits(rules, name, event) for rules in alone)
        assert every == (together is not None and admits(together, name, event))


@given(st.lists(anything_said, max_size=4))
def test_the_order_of_the_sources_does_not_matter_nor_does_saying_it_again(said: list[Said]) -> None:
    expected = merged(*said)
    assert all(merged(*others) == expected for others in permutations(said))
    assert merged(*said, *said) == expected


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("account", "acct_1", "acct_2"),
        ("currencies", "usd", "eur,jpy"),
        ("identity_factors", "last4", "postal_code"),
    ],
)
def test_sources_that_leave_nothing_between_them_are_named(name: str, one: str, other: str) -> None:
    said = refusal([(name, one)], {name.upper(): other})
    assert said == (
        f"--{name.replace('_', '-')} and STRIPE_MCP_{name.upper()}: "
        "nothing is left, as what one allows the other does not."
    )


def test_a_limit_that_no_currency_is_left_of_lets_nothing_pass() -> None:
    rules = merge(read_rules([("max_refund", "usd=5")], {"MAX_REFUND": "eur=5"}, NOWHERE))
    assert rules.limits == {"max_refund": {}}


# Amounts that a person types


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_a_large_amount_is_typed_by_default(currency: str) -> None:
    hundred = 10_000 if currency in ZERO_DECIMAL else 100_000 if currency in THREE_DECIMAL else 10_000
    assert not Rules().must_type(currency, hundred)
    assert Rules().must_type(currency, hundred + 1)


def test_an_amount_is_typed_above_what_is_set_and_always_in_another_currency() -> None:
    rules = merge(read_rules([("type_amount_above", "usd=50.00,jpy=0")], {}, NOWHERE))
    assert [rules.must_type("usd", amount) for amount in (0, 5000, 5001)] == [False, False, True]
    assert [rules.must_type("jpy", amount) for amount in (0, 1)] == [False, True]
    assert rules.must_type("eur", 0)


# The file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    The folder where the user's own file of rules is looked for.
    """
    monkeypatch.setattr("platformdirs.user_config_dir", lambda name, appauthor: str(tmp_path / "home" / name))
    folder = tmp_path / "home/stripe-mcp"
    folder.mkdir(parents=True)
    return folder


def test_the_users_own_file_is_read_if_no_other_is_named(home: Path, tmp_path: Path) -> None:
    assert merge(read_rules([], {}, None)) == Rules()
    written(home, "read_only = true")
    other = written(tmp_path, "verify_identity = true")
    assert merge(read_rules([], {}, None)) == Rules(read_only=True)
    assert merge(read_rules([], {"CONFIG": f" {other} "}, None)) == Rules(verify_identity=True)
    assert merge(read_rules([], {"CONFIG": "/nowhere"}, other)) == Rules(verify_identity=True)


def test_without_a_home_nobody_has_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A folder that is called ~ in the working directory is no home.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_config_dir", lambda name, appauthor: "~/.config")
    folder = tmp_path / "~/.config"
    folder.mkdir(parents=True)
    written(folder, "read_only = true")
    assert merge(read_rules([], {}, None)) == Rules()


def test_the_file_lies_in_the_folder_of_the_platform() -> None:
    import platformdirs

    folder = platformdirs.user_config_dir("stripe-mcp", appauthor=False)
    assert Path(folder).name == "stripe-mcp"


def test_a_file_where_the_folder_would_be_is_no_folder(home: Path) -> None:
    home.rmdir()
    home.touch()
    assert merge(read_rules([], {}, None)) == Rules()


def test_a_link_that_leads_nowhere_is_no_missing_file(home: Path) -> None:
    """
    Somebody put rules there, and they must not be lost without a word.
    """
    (home / "stripe-mcp.toml").symlink_to(home / "gone.toml")
    with pytest.raises(ConfigurationError, match=r"stripe-mcp\.toml: .*No such file"):
        read_rules([], {}, None)


def test_a_folder_that_may_not_be_looked_into_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", forbidden)
    with pytest.raises(ConfigurationError, match=r"stripe-mcp\.toml: .*Permission denied"):
        read_rules([], {}, None)


def test_a_file_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert f"{missing}: " in refusal(file=missing)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_rules([], {"CONFIG": str(missing)}, None)


def test_a_key_in_the_place_of_the_files_name_is_not_repeated() -> None:
    """
    S3.
    """
    with pytest.raises(ConfigurationError) as raised:
        read_rules([], {"CONFIG": "sk_live_canary1234"}, None)
    assert "sk_...1234" in str(raised.value)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"read_only = ", b"read_only = true\nread_only = true", b"\xff\xfe", b"[" * 9999]
)
def test_a_file_that_is_no_toml_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "stripe-mcp.toml"
    file.write_bytes(content)
    assert refusal(file=file).startswith(f"{file}: ")


def test_the_mark_that_windows_editors_leave_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "stripe-mcp.toml"
    file.write_bytes(b"\xef\xbb\xbfread_only = true\r\n")
    assert merge(read_rules([], {}, file)) == Rules(read_only=True)
