"""
The README's generated tables: the tools as the catalog has them, and what they and their answers cost.

`make readme` writes them between their markers; tests hold them true.
"""

import re
import sys
from pathlib import Path

import anyio

from benchmarks.answers import measure
from benchmarks.tokens import NothingToCountWith, counting, size_table
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.listing import markdown

README = Path(__file__).parents[1] / "README.md"


def with_tools(text: str) -> str:
    """
    *text* with the catalog's tools between the markers.
    """
    return _with_table(text, "tools", markdown(load_catalog(builtin_folder()).templates))


def with_tokens(text: str) -> str:
    """
    *text* with the sizes of tools and answers between the markers.

    Raises:
        NothingToCountWith: Tokens cannot be counted here.
    """
    with counting() as count:
        return _with_table(text, "tokens", size_table(anyio.run(measure), count))


def _with_table(text: str, name: str, table: str) -> str:
    marked = re.compile(rf"(?<=<!-- {name} -->\n).*(?=\n<!-- /{name} -->)", re.DOTALL)
    replaced, found = marked.subn(lambda _: table, text)
    assert found == 1, f"README.md has lost its <!-- {name} --> markers"
    return replaced


def _write() -> None:
    for with_table in (with_tools, with_tokens):
        README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    try:
        _write()
    except NothingToCountWith as error:
        sys.exit(str(error))
