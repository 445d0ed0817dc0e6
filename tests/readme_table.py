"""
The README's generated tables: the tools as the catalog has them, and what they and their answers cost.

`make readme` writes them between their markers; tests hold them true.
"""

import json
import re
import sys
from pathlib import Path
from textwrap import wrap

import anyio

from benchmarks.answers import Answer, compact, measure
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
    *text* with one answer, and the sizes of tools and answers, between the markers.

    Raises:
        NothingToCountWith: Tokens cannot be counted here.
    """
    with counting() as count:
        measured = anyio.run(measure)
        text = _with_table(text, "answer", _before_and_after(measured.typical["One charge"][0]))
        return _with_table(text, "tokens", size_table(measured, count))


def _before_and_after(answer: Answer) -> str:
    """
    What Stripe sent, cut short, and what is shown of it; spaces let the lines break.
    """
    before, after = (json.dumps(value, ensure_ascii=False) for value in (answer.raw, answer.shown))
    total = f" ... {len(compact(answer.raw)):,} characters in all"
    return "\n".join(
        ["```", *wrap(before, 116, max_lines=4, placeholder=total), "", *wrap(after, 116), "```"]
    )


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
