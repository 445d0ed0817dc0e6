"""
The README tells the truth about the catalog.
"""

from tests.readme_table import README, with_table


def test_the_tool_table_is_the_catalogs() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run `make readme`"


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150
