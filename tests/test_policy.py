"""
Which tools there are: what is not allowed is neither listed nor callable, and the stricter setting wins.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS

from stripe_mcp.catalog import Catalog, builtin_folder, load_catalog
from stripe_mcp.cli import main
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.safety.policy import restrict
from stripe_mcp.server import create_server
from stripe_mcp.settings import Allowed, Settings, read_allowed

CATALOG = load_catalog(builtin_folder())
TOOLS = CATALOG.templates
READING = {name for name, template in TOOLS.items() if template.annotations.readOnlyHint}
CATEGORIES = {template.category for template in TOOLS.values()}


def left(*sources: Allowed) -> set[str]:
    return set(restrict(CATALOG, *sources).templates)


def test_without_a_word_everything_is_there() -> None:
    assert restrict(CATALOG, read_allowed({}), Allowed()) == CATALOG


def test_what_only_reads_is_left_of_a_server_that_only_reads() -> None:
    assert left(Allowed(read_only=True)) == READING


def test_what_is_sent_decides_what_reads_and_not_what_a_template_of_ones_own_says_of_itself() -> None:
    refund = TOOLS["create_refund"]
    hints = refund.annotations.model_copy(update={"readOnlyHint": True})
    liar = refund.model_copy(update={"annotations": hints})
    catalog = replace(CATALOG, templates={"get_refund": TOOLS["get_refund"], "create_refund": liar})
    assert restrict(catalog, Allowed(read_only=True)).templates.keys() == {"get_refund"}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_can_be_the_only_one_or_the_only_one_that_is_missing(tool: str) -> None:
    assert left(Allowed(tools=frozenset({tool}))) == {tool}
    assert left(Allowed(exclude_tools=frozenset({tool}))) == TOOLS.keys() - {tool}


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_can_be_the_only_one(category: str) -> None:
    wanted = {name for name, template in TOOLS.items() if template.category == category}
    assert left(Allowed(categories=frozenset({category}))) == wanted


some_tools = st.frozensets(st.sampled_from([*TOOLS]), min_size=1)
sources = st.builds(
    Allowed,
    read_only=st.booleans(),
    tools=st.none() | some_tools,
    exclude_tools=st.frozensets(st.sampled_from([*TOOLS])),
    categories=st.none() | st.frozensets(st.sampled_from([*CATEGORIES]), min_size=1),
)


def left_or_none(*given: Allowed) -> set[str]:
    try:
        return left(*given)
    except ConfigurationError:
        return set()


@given(one=sources, other=sources)
def test_a_tool_is_there_if_every_source_allows_it(one: Allowed, other: Allowed) -> None:
    """
    S14.
    """
    assert left_or_none(one, other) == left_or_none(one) & left_or_none(other) == left_or_none(other, one)


def test_what_is_excluded_is_not_there_though_it_is_asked_for() -> None:
    """
    S14.
    """
    both = frozenset({"create_refund", "get_refund"})
    assert left(Allowed(tools=both, exclude_tools=frozenset({"create_refund"}))) == {"get_refund"}


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (Allowed(tools=frozenset({"create_refnd"})), "no tool create_refnd. Did you mean create_refund?"),
        (Allowed(exclude_tools=frozenset({"refund"})), "no tool refund. `stripe-mcp tools` lists"),
        (Allowed(categories=frozenset({"charge"})), "no category charge. Did you mean charges?"),
        (Allowed(tools=frozenset({"sk_live_canary1234"})), "no tool sk_...1234."),
    ],
)
def test_a_name_that_there_is_not_stops_the_start(allowed: Allowed, said: str) -> None:
    """
    Who misspells what is to be excluded would believe it gone.
    """
    with pytest.raises(ConfigurationError) as caught:
        left(allowed)
    assert said in str(caught.value)


def test_a_server_without_any_tool_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="No tool is left"):
        left(Allowed(read_only=True), Allowed(tools=frozenset({"create_refund"})))


def test_a_prompt_is_there_if_all_its_tools_are() -> None:
    prompts = restrict(CATALOG, Allowed(read_only=True)).prompts
    assert prompts.keys() == CATALOG.prompts.keys() - {"refund_request", "subscription_management"}


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_what_is_hidden_is_neither_listed_nor_callable(era: Any) -> None:
    """
    S14.
    """
    catalog: Catalog = restrict(CATALOG, Allowed(exclude_tools=frozenset({"get_charge", "create_refund"})))
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


ENVIRONMENT = {
    "STRIPE_MCP_READ_ONLY": "true",
    "STRIPE_MCP_TOOLS": "get_charge, list_charges",
    "STRIPE_MCP_EXCLUDE_TOOLS": "get_refund",
    "STRIPE_MCP_CATEGORIES": "charges",
}


def test_the_environment_says_the_same_as_the_command_line() -> None:
    allowed = Allowed(
        read_only=True,
        tools=frozenset({"get_charge", "list_charges"}),
        exclude_tools=frozenset({"get_refund"}),
        categories=frozenset({"charges"}),
    )
    assert read_allowed(ENVIRONMENT) == allowed
    assert read_allowed(dict.fromkeys(ENVIRONMENT, " ")) == Allowed()
    assert read_allowed({"STRIPE_MCP_READ_ONLY": "false"}) == Allowed()
    assert replace(allowed, read_only=False) == read_allowed(ENVIRONMENT | {"STRIPE_MCP_READ_ONLY": "false"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STRIPE_MCP_READ_ONLY", "1"),
        ("STRIPE_MCP_READ_ONLY", "yes"),
        ("STRIPE_MCP_TOOLS", "get_charge,,list_charges"),
        ("STRIPE_MCP_EXCLUDE_TOOLS", ","),
        ("STRIPE_MCP_CATEGORIES", "charges,"),
    ],
)
def test_a_value_that_says_nothing_clear_is_refused(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        read_allowed({variable: value})


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
    assert "Did you mean create_refund?" in capsys.readouterr().err
