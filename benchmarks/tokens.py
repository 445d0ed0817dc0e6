"""
What do the tools and their answers cost a model, in tokens, beside the JSON that Stripe sent?

Prints the table that the README shows, and every figure that has a budget. Exit status: 0 all budgets are
kept, 1 one is not, 2 there is nothing to count with.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from statistics import mean, median
from subprocess import PIPE, Popen
from typing import Any, NamedTuple

import anyio

from benchmarks.answers import CATALOG, Answer, Measured, compact, measure

# tokens of name, description and input schema of all tools: every conversation begins with them
TOOLS = 7_000
LISTED = 60_000  # bytes of all of tools/list
ONE = 150  # tokens of an object by itself, the median of its kind
TEN = 1_200  # tokens of a page of ten rows, the largest
TIMES_SMALLER = 5  # than Stripe's JSON, for what is asked for most
ASKED_FOR_MOST = ("invoice", "subscription", "charge")

FOLDERS = [
    *os.environ.get("NODE_PATH", "").split(os.pathsep),
    str(Path(__file__).parents[1] / "node_modules"),
]
COUNT = """
const { encode } = require("gpt-tokenizer/encoding/o200k_base");
require("readline").createInterface({ input: process.stdin })
    .on("line", (line) => console.log(encode(JSON.parse(line)).length));
"""

Count = Callable[[str], int]


class NothingToCountWith(Exception):
    """
    Node or its package `gpt-tokenizer` is missing.
    """

    def __init__(self) -> None:
        super().__init__(
            "Tokens are counted by node and gpt-tokenizer, in ./node_modules or NODE_PATH: "
            "npm install --no-save gpt-tokenizer@4.0.0"
        )


@contextmanager
def counting() -> Iterator[Count]:
    """
    Yield a function that says how many o200k tokens a text has.

    Raises:
        NothingToCountWith: It needs what is not installed.
    """
    node = shutil.which("node")
    if not node or not any(folder and (Path(folder) / "gpt-tokenizer").is_dir() for folder in FOLDERS):
        raise NothingToCountWith
    environment = os.environ | {"NODE_PATH": os.pathsep.join(FOLDERS)}
    with Popen([node, "-e", COUNT], stdin=PIPE, stdout=PIPE, text=True, env=environment) as counter:
        assert counter.stdin
        assert counter.stdout
        write, read = counter.stdin, counter.stdout

        def count(text: str) -> int:
            print(json.dumps(text), file=write, flush=True)
            return int(read.readline())

        yield count


class Budget(NamedTuple):
    """
    A *figure*, and the *most* or the *least* that it may be.
    """

    what: str
    figure: float
    most: float = inf
    least: float = 0

    @property
    def kept(self) -> bool:
        """
        Whether the *figure* is within its bounds.
        """
        return self.least <= self.figure <= self.most

    def __str__(self) -> str:
        rule = f"at least {self.least}" if self.least else f"at most {self.most:,}"
        return f"{self.what}: {self.figure:,.1f} ({rule})" + ("" if self.kept else " NOT KEPT")


def budgets(measured: Measured, count: Count) -> Iterator[Budget]:
    """
    All figures that have a budget.
    """
    yield Budget("tokens of all tools", count(compact(_for_the_model(measured.listed))), most=TOOLS)
    yield Budget("bytes of tools/list", len(compact(measured.listed).encode()), most=LISTED)
    for kind, answers in measured.alone.items():
        yield Budget(f"tokens of one {kind}", median(count(answer.text) for answer in answers), most=ONE)
        if kind in ASKED_FOR_MOST:
            yield Budget(f"one {kind}, times smaller", _times_smaller(answers, count), least=TIMES_SMALLER)
    for tool, pages in measured.pages.items():
        yield Budget(f"tokens of ten rows of {tool}", _ten_rows(pages, count), most=TEN)
        if CATALOG.templates[tool].returned_object in ASKED_FOR_MOST:
            yield Budget(f"{tool}, times smaller", _times_smaller(pages, count), least=TIMES_SMALLER)


def _for_the_model(listed: Any) -> list[dict[str, Any]]:
    """
    What a client hands on to its model of the tools *listed*.
    """
    return [{name: tool[name] for name in ("name", "description", "inputSchema")} for tool in listed["tools"]]


def _ten_rows(pages: list[Answer], count: Count) -> float:
    """
    Tokens of the largest page of ten; where no page has ten, of ten mean rows and what is around them.
    """
    if full := [count(page.text) for page in pages if len(page.shown["data"]) == 10]:
        return max(full)
    row = mean(count(compact(row)) for page in pages for row in page.shown["data"])
    return 10 * row + count(compact(pages[0].shown | {"data": []}))


def _times_smaller(answers: list[Answer], count: Count) -> float:
    return sum(count(compact(answer.raw)) for answer in answers) / sum(
        count(answer.text) for answer in answers
    )


def size_table(measured: Measured, count: Count) -> str:
    """
    What tools and typical answers cost as a Markdown table, without a newline at its end.
    """
    tools = count(compact(_for_the_model(measured.listed)))
    return "\n".join(
        [
            '| | Tokens | `detail: "full"` | Stripe\'s JSON | Indented | Times smaller |',
            "|---|--:|--:|--:|--:|--:|",
            f"| All {len(measured.listed['tools'])} tools | {tools:,} | | | | |",
            *(_row(what, *answers, count) for what, answers in measured.typical.items()),
        ]
    )


def _row(what: str, lean: Answer, full: Answer, count: Count) -> str:
    raw = lean.raw
    sizes = [count(text) for text in (lean.text, full.text, compact(raw), json.dumps(raw, indent=2))]
    cells = [what, *(f"{size:,}" for size in sizes), f"{sizes[2] / sizes[0]:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """
    Print all figures, and return the exit status.
    """
    try:
        with counting() as count:
            measured = anyio.run(measure)
            print(size_table(measured, count), end="\n\n")
            checked = list(budgets(measured, count))
    except NothingToCountWith as error:
        print(error, file=sys.stderr)
        return 2
    print(*checked, sep="\n")
    return int(not all(budget.kept for budget in checked))


if __name__ == "__main__":
    sys.exit(main())
