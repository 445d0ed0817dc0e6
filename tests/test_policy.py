"""
Which tools there are: what is not allowed is neither listed nor callable, and the stricter setting wins.
"""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS

from stripe_mcp.catalog import Catalog, builtin_folder, load_catalog
from stripe_mcp.cli import main
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.rules import Rules, Said, merge
from stripe_mcp.safety.policy import check_names, restrict
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings

CATALOG = load_catalog(builtin_folder())
TOOLS = CATALOG.templates
READING = {name for name, template in TOOLS.items() if template.annotations.readOnlyHint}
CATEGORIES = {template.category for template in TOOLS.values()}


def left(rules: Rules) -> set[str]:
    return set(restrict(CATALOG, rules).templates)


def test_without_a_word_everything_is_there() -> None:
    assert restrict(CATALOG, Rules()) == CATALOG


def test_what_only_reads_is_left_of_a_server_that_only_reads() -> None:
    assert left(Rules(read_only=True)) == READING


def test_what_is_sent_decides_what_reads_and_not_what_a_template_of_ones_own_says_of_itself() -> None:
    refund = TOOLS["create_refund"]
    hints = refund.annotations.model_copy(update={"readOnlyHint": True})
    liar = refund.model_copy(update={"annotations": hints})
    catalog = replace(CATALOG, templates={"get_refund": TOOLS["get_refund"], "create_refund": liar})
    assert restrict(catalog, Rules(read_only=True)).templates.keys() == {"get_refund"}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_can_be_the_only_one_or_the_only_one_that_is_missing(tool: str) -> None:
    assert left(Rules(tools=frozenset({tool}))) == {tool}
    assert left(Rules(exclude_tools=frozenset({tool}))) == TOOLS.keys() - {tool}


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_can_be_the_only_one(category: str) -> None:
    wanted = {name for name, template in TOOLS.items() if template.category == category}
    assert left(Rules(categories=frozenset({category}))) == wanted


some_tools = st.frozensets(st.sampled_from([*TOOLS]), min_size=1)
some_categories = st.frozensets(st.sampled_from([*CATEGORIES]), min_size=1)
anything_said = st.one_of(
    st.builds(Said, st.just("read_only"), st.just("here"), st.booleans()),
    st.builds(Said, st.sampled_from(["tools", "exclude_tools"]), st.just("here"), some_tools),
    st.builds(Said, st.just("categories"), st.just("here"), some_categories),
)


def left_or_none(*said: Said) -> set[str]:
    try:
        return left(merge(said))
    except ConfigurationError:
        return set()


@given(said=st.lists(anything_said))
def test_a_tool_is_there_if_everything_that_is_said_allows_it(said: list[Said]) -> None:
    """
    S14.
    """
    assert left_or_none(*said) == set(TOOLS).intersection(*map(left_or_none, said))


def test_what_is_excluded_is_not_there_though_it_is_asked_for() -> None:
    """
    S14.
    """
    both = frozenset({"create_refund", "get_refund"})
    assert left(Rules(tools=both, exclude_tools=frozenset({"create_refund"}))) == {"get_refund"}


@pytest.mark.parametrize(
    ("rule", "name", "said"),
    [
        ("tools", "create_refnd", "there is no tool create_refnd. Did you mean create_refund?"),
        ("exclude_tools", "refund", "there is no tool refund. `stripe-mcp tools` lists what there is."),
        ("categories", "charge", "there is no category charge. Did you mean charges?"),
        (
            "tools",
            "sk_live_canary1234",
            "there is no tool sk_...1234. `stripe-mcp tools` lists what there is.",
        ),
    ],
)
def test_a_name_that_there_is_not_stops_the_start(rule: str, name: str, said: str) -> None:
    """
    Who misspells what is to be excluded would believe it gone.
    """
    named = Said(rule, f"--{rule}", frozenset({name}))
    with pytest.raises(ConfigurationError) as caught:
        left(merge([named]))
    assert str(caught.value) == f"{rule}: {said}"
    with pytest.raises(ConfigurationError) as caught:
        check_names(CATALOG, [Said("read_only", "--read-only", True), named])
    assert str(caught.value) == f"--{rule}: {said}"


def test_a_server_without_any_tool_does_not_start() -> None:
    for rules in (
        Rules(read_only=True, tools=frozenset({"create_refund"})),
        Rules(tools=frozenset()),
        Rules(categories=frozenset()),
    ):
        with pytest.raises(ConfigurationError, match="No tool is left"):
            left(rules)


def test_a_catalog_knows_what_is_hidden() -> None:
    once = restrict(CATALOG, Rules(exclude_tools=frozenset({"get_charge"})))
    assert once.hidden == {"get_charge"}
    assert restrict(once, Rules(read_only=True)).hidden == TOOLS.keys() - READING | {"get_charge"}


def test_a_prompt_is_there_if_all_its_tools_are() -> None:
    prompts = restrict(CATALOG, Rules(read_only=True)).prompts
    assert prompts.keys() == CATALOG.prompts.keys() - {"refund_request", "subscription_management"}


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_what_is_hidden_is_neither_listed_nor_callable(era: Any) -> None:
    """
    S14.
    """
    catalog: Catalog = restrict(CATALOG, Rules(exclude_tools=frozenset({"get_charge", "create_refund"})))
    async with Client(create_server(catalog, Settings(mode="TEST"), None), mode=era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == catalog.templates.keys()
        for call in (
            client.call_tool("create_refund", {"payment_intent": "pi_1"}),
            client.read_resource("stripe://charges/ch_1"),
            client.get_prompt("refund_request", {"customer_email": "a@x.test"}),
        ):
            with pytest.raises(MCPError) as caught:
                await call
            assert caught.value.error.code == INVALID_PARAMS
        with pytest.raises(MCPError) as caught:
            await client.call_tool("create_refnd", {})
        assert "create_refund" not in caught.value.error.message


@pytest.fixture(autouse=True)
def _no_file_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_MCP_CONFIG", os.devnull)


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> set[str]:
    assert main([*arguments]) == 0
    printed = capsys.readouterr().out
    return {word for word in printed.replace("│", " ").split() if word in TOOLS}


def test_the_command_shows_and_serves_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listed(capsys, "tools", "--read-only") == READING
    assert listed(capsys, "--tools", "get_charge,create_refund", "tools") == {"get_charge", "create_refund"}
    assert listed(capsys, "tools", "--categories", "refunds", "--exclude-tools", "create_refund") == {
        "get_refund",
        "list_refunds",
    }
    monkeypatch.setenv("STRIPE_MCP_READ_ONLY", "true")
    assert listed(capsys, "tools", "--categories", "refunds") == {"get_refund", "list_refunds"}
    served = []
    monkeypatch.setattr("stripe_mcp.server.create_server", lambda catalog, *others: served.append(catalog))
    monkeypatch.setattr("stripe_mcp.stdio.serve_stdio", lambda server: None)
    assert main(["--simulator", "--categories", "refunds"]) == 0
    assert served[0].templates.keys() == {"get_refund", "list_refunds"}


def test_a_misspelt_option_value_ends_the_command_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--exclude-tools", "create_refnd", "tools"]) == 2
    assert "--exclude-tools: there is no tool create_refnd. Did you mean" in capsys.readouterr().err


def test_a_misspelt_name_is_told_though_another_source_outdoes_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_MCP_TOOLS", "get_charge,get_refnd")
    assert main(["--tools", "get_charge", "tools"]) == 2
    assert "STRIPE_MCP_TOOLS: there is no tool get_refnd. Did you mean get_refund?" in capsys.readouterr().err


def test_an_option_holds_before_and_behind_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """
    One does not take the place of the other.
    """
    both = listed(capsys, "--exclude-tools", "get_charge", "tools", "--exclude-tools", "get_refund")
    assert both == TOOLS.keys() - {"get_charge", "get_refund"}


def test_a_file_says_the_same_as_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('categories = ["refunds"]', encoding="utf-8")
    refunds = {"create_refund", "get_refund", "list_refunds"}
    assert listed(capsys, "tools", "--config", str(file)) == refunds
    assert listed(capsys, "--config", str(file), "tools", "--read-only") == refunds - {"create_refund"}


@pytest.mark.parametrize("hidden", CATALOG.templates)
def test_nothing_sends_a_reader_to_a_hidden_tool(hidden: str) -> None:
    catalog = restrict(CATALOG, Rules(exclude_tools=frozenset({hidden})))
    told = [template.description for template in catalog.templates.values()]
    instructions = create_server(catalog, Settings(mode="TEST"), None).instructions or ""
    assert not re.search(rf"\b{hidden}\b", " ".join([*told, instructions]))
    assert all(told)


def test_what_says_nothing_of_hidden_tools_stays_word_for_word() -> None:
    catalog = restrict(CATALOG, Rules(exclude_tools=frozenset({"list_prices"})))
    for name, template in catalog.templates.items():
        if "list_prices" not in CATALOG.templates[name].description:
            assert template is CATALOG.templates[name]
