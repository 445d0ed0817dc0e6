"""
Prompts: the files, what a client gets of them, and what a value that is typed into one can do.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS, GetPromptResult, TextContent

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.prompts import Prompt, load_prompts
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.text import clean

CATALOG = load_catalog(builtin_folder())
TEMPLATES, PROMPTS = CATALOG.templates, CATALOG.prompts

of_every_prompt = pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(create_server(CATALOG, Settings(mode="NO KEY"), None), mode=request.param) as connected:
        yield connected


def text(result: GetPromptResult) -> str:
    [message] = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


def example(prompt: Prompt) -> dict[str, str]:
    return {name: f"the {name}" for name in prompt.arguments}


@of_every_prompt
def test_every_tool_that_a_prompt_names_exists(prompt: Prompt) -> None:
    named = re.findall(r"`([^`]+)`", prompt.text)
    assert named
    assert set(named) <= TEMPLATES.keys()


@of_every_prompt
def test_what_completes_an_argument_exists(prompt: Prompt) -> None:
    for argument in prompt.arguments.values():
        if isinstance(argument.complete, str) and argument.complete != "currencies":
            tool, *path = argument.complete.split(".")
            schema = TEMPLATES[tool].input
            for name in path:
                schema = schema["properties"][name]


@of_every_prompt
def test_a_prompt_keeps_the_reason_of_a_decline_from_the_caller(prompt: Prompt) -> None:
    assert "say why" not in prompt.text
    assert "failed" not in prompt.text or "say only that it was declined" in prompt.text


@of_every_prompt
def test_a_prompt_is_short(prompt: Prompt) -> None:
    assert len(prompt.text.split()) < 250


@of_every_prompt
def test_before_anything_is_written_a_prompt_verifies_who_calls_and_waits_for_a_yes(prompt: Prompt) -> None:
    steps = re.findall(r"`(\w+)`", prompt.text)
    writing = [name for name in steps if not TEMPLATES[name].annotations.readOnlyHint]
    before = prompt.text.partition(f"`{writing[0]}`")[0] if writing else prompt.text
    assert "Verify who is calling" in before
    assert not writing or "clear yes" in before


@pytest.mark.anyio
async def test_every_prompt_is_listed_with_its_arguments(client: Client) -> None:
    listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
    assert list(listed) == list(PROMPTS)
    for name, prompt in PROMPTS.items():
        assert (listed[name].title, listed[name].description) == (prompt.title, prompt.description)
        arguments = {argument.name: argument.required for argument in listed[name].arguments or []}
        assert arguments == {name: argument.required for name, argument in prompt.arguments.items()}


@pytest.mark.anyio
@of_every_prompt
async def test_a_prompt_holds_every_value_in_quotes(client: Client, prompt: Prompt) -> None:
    result = await client.get_prompt(prompt.name, example(prompt))
    assert result.description == prompt.description
    assert "{" not in text(result)
    for value in example(prompt).values():
        assert f'"{value}"' in text(result)


@pytest.mark.anyio
@of_every_prompt
async def test_an_argument_that_is_not_given_takes_its_line_with_it(client: Client, prompt: Prompt) -> None:
    required = {name: value for name, value in example(prompt).items() if prompt.arguments[name].required}
    blank = dict.fromkeys(prompt.arguments, " ") | required
    filled = text(await client.get_prompt(prompt.name, required))
    assert filled == text(await client.get_prompt(prompt.name, blank))
    left_out = len(prompt.arguments) - len(required)
    assert len(filled.splitlines()) == len(prompt.text.splitlines()) - left_out


REFUSED = {
    "an unknown prompt": ("make_money", {}, "Unknown prompt: make_money"),
    "a key for a prompt": ("sk_live_canary1234", {}, "sk_..."),
    "a missing argument": ("customer_lookup", None, "customer_email: required, and missing"),
    "a blank argument": (
        "customer_lookup",
        {"customer_email": "\n"},
        "customer_email: required, and missing",
    ),
    "an unknown argument": ("customer_lookup", {"customer_email": "a", "mood": "b"}, "mood: unknown"),
    "a long argument": ("customer_lookup", {"customer_email": "canary" * 34}, "at most 200 characters"),
}


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "arguments", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_prompt_that_cannot_be_filled_is_invalid_params(
    client: Client, name: str, arguments: dict[str, str] | None, reason: str
) -> None:
    with pytest.raises(MCPError) as caught:
        await client.get_prompt(name, arguments)
    assert caught.value.error.code == INVALID_PARAMS
    assert reason in caught.value.error.message
    assert "canary" not in caught.value.error.message


def test_a_key_that_is_typed_in_by_mistake_is_shortened() -> None:
    assert "canary" not in PROMPTS["customer_lookup"].fill({"customer_email": "sk_live_canary1234"})


@given(st.text(max_size=200).filter(lambda value: clean(value).strip()))
def test_whatever_is_typed_stays_one_quoted_line(value: str) -> None:
    prompt = PROMPTS["customer_lookup"]
    calm = prompt.fill({"customer_email": "x"}).splitlines()
    filled = prompt.fill({"customer_email": value}).splitlines()
    [changed] = [line for line in filled if line not in calm] or ['- E-mail address: "x"']
    assert len(filled) == len(calm)
    assert re.fullmatch(r'- E-mail address: "(?:[^"\\]|\\.)*"', changed)


GOOD = """\
+++
title = "T"
description = "D"

[arguments.name]
description = "N"
+++
Hello {name}
"""

BROKEN = {
    "no front matter": (GOOD.replace("+++", "---"), "two lines of +++"),
    "no TOML": (GOOD.replace('title = "T"', "title: T"), "line 1"),
    "no title": (GOOD.replace('title = "T"', ""), "title"),
    "a name of its own": (GOOD.replace('title = "T"', 'title = "T"\nname = "x"'), "['name']"),
    "an unknown key": (GOOD.replace('title = "T"', 'title = "T"\ntitel = "x"'), "titel"),
    "an argument that the text lacks": (GOOD.replace("{name}", ""), "not both: name"),
    "an argument that is not declared": (GOOD.replace("Hello", "{greeting}"), "not both: greeting"),
    "no text": (GOOD.replace("Hello {name}", ""), "text"),
    "completions from nowhere": (GOOD.replace('"N"', '"N"\ncomplete = "colours"'), "complete"),
}


def write(folder: Path, content: str, name: str = "greet.md") -> Path:
    file = folder / "prompts" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return file


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_breaks_the_format_is_named(tmp_path: Path, content: str, reason: str) -> None:
    file = write(tmp_path, content)
    with pytest.raises(ConfigurationError) as caught:
        load_prompts(tmp_path)
    assert str(file) in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["Greet.md", "deeper/greet.md"])
def test_a_file_in_the_wrong_place_is_named(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, GOOD, name)
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        load_prompts(tmp_path)


def test_a_later_folder_adds_and_replaces_prompts(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "refund_request.md")
    loaded = load_catalog(builtin_folder(), tmp_path).prompts
    assert loaded.keys() == PROMPTS.keys() | {"greet"}
    assert loaded["refund_request"].fill({"name": "Ada"}) == 'Hello "Ada"'
