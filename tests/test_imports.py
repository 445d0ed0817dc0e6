"""
Who may import whom, and what a server that only lists its tools must not load.

The table is the architecture: a module reads its row and knows what it may lean on.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stripe_mcp

PACKAGE = Path(stripe_mcp.__file__).parent
MODULES = {
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in sorted(PACKAGE.rglob("*.py"))
}

# module: what it may import from the package, and from outside of the standard library
ALLOWED = {
    "errors": ("", ""),
    "private_files": ("errors", ""),
    "settings": ("errors private_files rules", "platformdirs"),
    "rule_kinds": ("currency errors spelling", ""),
    "rules": ("currency errors rule_kinds", ""),
    "rule_sources": ("errors rule_kinds rules spelling", "platformdirs"),
    "schema": ("", "pydantic"),
    "catalog": ("errors objects prompts reading schema", "pydantic"),
    "times": ("", ""),
    "arguments": ("catalog errors spelling times", "jsonschema"),
    "request": ("arguments catalog errors times", ""),
    "spelling": ("", ""),
    "facts": ("catalog reading", "pydantic"),
    "declines": ("facts reading", "pydantic"),
    "searching": ("facts reading spelling", ""),
    "advice": ("catalog declines errors facts reading searching settings", ""),
    "reference": ("advice declines", ""),
    "examples": ("catalog errors request", ""),
    "reading": ("errors", "pydantic"),
    "objects": ("reading", "pydantic"),
    "output": ("catalog objects", ""),
    "view": ("currency objects text times", ""),
    "results": ("objects pii view", ""),
    "currency": ("", "babel"),
    "text": ("", ""),
    "pii": ("text", ""),
    "rates": ("request", ""),
    "answer": ("request errors text", ""),
    "transport": ("aiohttp_transport answer request errors rates telemetry", "httpx anyio"),
    "telemetry": ("errors request", "opentelemetry"),
    "exporting": ("cleaning", "opentelemetry"),
    "cleaning": ("telemetry", "mcp_types opentelemetry"),
    "aiohttp_transport": ("", "aiohttp httpx yarl"),
    "road": ("errors request transport", ""),
    "prompts": ("errors reading text", "pydantic"),
    "opening": ("rates settings simulator transport", "httpx"),
    "prompting": ("errors prompts", "mcp mcp_types"),
    "pages": ("catalog currency listing reference searching", ""),
    "safety": (
        "arguments catalog currency errors pii request rules safety settings spelling text times",
        "sqlalchemy anyio",
    ),
    "accounts": ("errors request road settings", ""),
    "calls": (
        (
            "accounts advice catalog errors output pii request results road safety sending settings transport"
            " writes"
        ),
        "anyio",
    ),
    "sending": ("catalog errors pii request results road safety settings transport", "anyio"),
    "writes": ("catalog errors pii request results safety sending settings", "anyio"),
    "asking": ("errors safety", "anyio mcp mcp_types"),
    "resources": ("calls catalog errors pages results whoami", "mcp mcp_types"),
    "completions": ("calls catalog currency errors pii request resources", "mcp mcp_types"),
    "server": (
        (
            "asking calls catalog completions errors output prompting resources results safety settings"
            " spelling telemetry transport"
        ),
        "mcp mcp_types",
    ),
    "endings": ("", ""),
    "stdio": ("endings", "mcp anyio"),
    "simulator": ("simulator currency", "pydantic pydantic_core uvicorn"),
    "simulate": ("errors simulator", ""),
    "logs": ("errors log_lines", ""),
    "log_lines": ("errors", "opentelemetry"),
    "remote": (
        (
            "catalog endings errors exporting given logs opening private_files remote rule_kinds rule_sources"
            " rates rules safety server settings telemetry"
        ),
        "anyio httpx jwt mcp mcp_types pydantic starlette uvicorn h11",
    ),
    "listing": ("catalog", "rich"),
    "terminal": ("errors text", ""),
    "approving": ("safety terminal text", "anyio rich sqlalchemy"),
    "auditing": ("errors safety text", "anyio rich sqlalchemy"),
    "operating": ("currency pii safety terminal text times", "anyio rich"),
    "reconciling": ("errors operating request results safety text times transport", "rich sqlalchemy"),
    "commands": (
        ("accounts approving auditing catalog operating reconciling results road safety settings transport"),
        "anyio",
    ),
    "options": ("rule_sources", ""),
    "given": ("catalog examples rule_sources rules safety settings", ""),
    "check": ("advice catalog errors request settings transport whoami", "anyio rich"),
    "whoami": ("accounts advice catalog currency errors road rules settings text transport", "anyio rich"),
    "demo": ("", "anyio mcp mcp_types rich"),
    "cli": (
        (
            "check commands demo errors exporting given listing logs opening options remote server settings"
            " simulate stdio whoami"
        ),
        "anyio rich",
    ),
    "__main__": ("cli", ""),
    "__init__": ("", ""),
}


def row(module: str) -> str:
    """
    The row of the table that holds for *module*: a package of its own is one row.
    """
    return module.partition(".")[0]


def imported(module: str) -> Iterator[str]:
    """
    What *module* imports, late imports and those for types included, as dotted names.
    """
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import would hide who is meant"
            if node.module == "stripe_mcp":
                yield from (f"stripe_mcp.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)


def inside(module: str) -> set[str]:
    """
    The rows of the package that *module* leans on; `__version__` and the like lean on none.
    """
    names = {name.split(".")[1] for name in imported(module) if name.startswith("stripe_mcp.")}
    return {name for name in names if name in map(row, MODULES)}


def outside(module: str) -> set[str]:
    names = {name.partition(".")[0] for name in imported(module)}
    return names - {"stripe_mcp"} - sys.stdlib_module_names


of_every_module = pytest.mark.parametrize("module", MODULES)


@of_every_module
def test_a_module_has_its_row_in_the_table(module: str) -> None:
    assert row(module) in ALLOWED


@of_every_module
def test_a_module_leans_only_on_what_its_row_allows(module: str) -> None:
    package, others = ALLOWED[row(module)]
    assert inside(module) <= set(package.split())
    assert outside(module) <= set(others.split())


@of_every_module
def test_only_settings_reads_the_environment(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    reading = {"environ", "environb", "getenv", "getenvb", "putenv"}
    assert module == "settings" or not named & reading


@of_every_module
def test_only_the_command_itself_imports_cli(module: str) -> None:
    assert module == "__main__" or "cli" not in inside(module)


@pytest.mark.parametrize("module", ["catalog", "times", "arguments", "request", "view", "advice"])
def test_what_decides_over_a_request_knows_neither_network_nor_protocol(module: str) -> None:
    assert not outside(module) & {"httpx", "mcp", "mcp_types", "anyio", "socket"}


def test_the_road_to_stripe_does_not_know_what_a_tool_is() -> None:
    assert "catalog" not in inside("transport")


def test_the_table_itself_has_no_circle() -> None:
    """
    The simulator may use the layers below it; nothing below may know it.
    """
    above = {name: set(package.split()) - {name} for name, (package, _) in ALLOWED.items()}
    while free := [name for name, needs in above.items() if not needs & above.keys()]:
        for name in free:
            del above[name]
    assert above == {}


LISTING = """
import sys
import anyio
from mcp import Client
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings

async def main():
    folder = builtin_folder()
    async with Client(create_server(load_catalog(folder), Settings(mode="TEST"), None)) as client:
        await client.list_prompts()
        await client.list_resources()
        await client.list_resource_templates()
        print(len((await client.list_tools()).tools))

anyio.run(main)
print(*sys.modules)
"""


def test_listing_the_tools_loads_nothing_that_only_calls_need() -> None:
    """
    Each of these costs 40 to 90 ms at the start, before a client has its list.
    """
    done = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=True)
    count, loaded = done.stdout.splitlines()
    assert int(count) >= 37
    late = (
        "jsonschema",
        "httpx",
        "rich",
        "babel",
        "stripe_mcp.simulator",
        "stripe_mcp.transport",
        "stripe_mcp.advice",
        "stripe_mcp.cli",
    )
    assert not set(loaded.split()) & set(late)
