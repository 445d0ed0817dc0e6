"""
What every conversation pays for stays small: the list of all tools before its first word, and each answer.
"""

from collections.abc import Iterator

import anyio
import pytest

from benchmarks import tokens
from benchmarks.answers import CATALOG, Measured, measure
from benchmarks.tokens import Budget, Count, NothingToCountWith, budgets, counting, main


@pytest.fixture(scope="module")
def measured() -> Measured:
    return anyio.run(measure)


@pytest.fixture(scope="module")
def count() -> Iterator[Count]:
    try:
        with counting() as counted:
            yield counted
    except NothingToCountWith as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def checked(measured: Measured, count: Count) -> list[Budget]:
    return list(budgets(measured, count))


def test_every_budget_is_kept(checked: list[Budget]) -> None:
    assert [str(budget) for budget in checked if not budget.kept] == []


def test_every_tool_that_lists_and_every_kind_of_object_has_a_budget(measured: Measured) -> None:
    templates = CATALOG.templates.values()
    assert measured.pages.keys() == {template.name for template in templates if template.returns_list}
    assert measured.alone.keys() == {template.returned_object for template in templates}
    assert all([*measured.pages.values(), *measured.alone.values()])


def test_both_sides_of_a_comparison_are_the_same_objects(measured: Measured) -> None:
    for answers in measured.alone.values():
        for answer in answers:
            assert answer.shown.get("id") == answer.raw.get("id")
    for pages in measured.pages.values():
        for page in pages:
            assert [row["id"] for row in page.shown["data"]] == [row["id"] for row in page.raw["data"]]


def test_every_run_measures_the_same(measured: Measured) -> None:
    assert anyio.run(measure) == measured


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("hello", 1), ("hello world", 2), ('"\n\\', 2), ("Zoë €", 3)]
)
def test_tokens_are_those_of_o200k(text: str, size: int, count: Count) -> None:
    assert count(text) == size


@pytest.mark.usefixtures("count")
def test_the_benchmark_prints_its_figures_and_fails_beyond_a_budget(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def measured_before() -> Measured:
        return measured

    monkeypatch.setattr(tokens, "measure", measured_before)
    for name in ("TOOLS", "LISTED", "ONE", "TEN"):
        monkeypatch.setattr(tokens, name, 10**6)
    monkeypatch.setattr(tokens, "TIMES_SMALLER", 1)
    assert main() == 0
    assert "NOT KEPT" not in capsys.readouterr().out
    monkeypatch.setattr(tokens, "TOOLS", 1)
    monkeypatch.setattr(tokens, "TIMES_SMALLER", 1000)
    assert main() == 1
    printed = capsys.readouterr().out.splitlines()
    assert {line.partition(":")[0] for line in printed if line.endswith("NOT KEPT")} == {
        "tokens of all tools",
        *(f"one {kind}, times smaller" for kind in tokens.ASKED_FOR_MOST),
        *(f"{tool}, times smaller" for tool in ("list_charges", "list_invoices", "list_subscriptions")),
        *(f"{tool}, times smaller" for tool in ("search_charges", "search_invoices")),
    }


def test_without_node_the_benchmark_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main() == 2
    printed = capsys.readouterr()
    assert "npm install" in printed.err
    assert printed.out == ""


def test_without_its_package_node_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "FOLDERS", ["", "/nowhere"])
    with pytest.raises(NothingToCountWith), counting():
        raise AssertionError
