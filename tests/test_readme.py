"""
The README tells the truth about the catalog, and about what its tools and their answers cost.
"""

import pytest

from benchmarks.tokens import NothingToCountWith
from tests.readme_table import README, with_tokens, with_tools


def test_the_tool_table_is_the_catalogs() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_tools(text), "run `make readme`"


def test_the_sizes_are_those_that_are_counted() -> None:
    text = README.read_text(encoding="utf-8")
    try:
        counted = with_tokens(text)
    except NothingToCountWith as error:
        pytest.skip(str(error))
    assert text == counted, "run `make readme`"


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150
