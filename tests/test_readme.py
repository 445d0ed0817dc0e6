"""
The README tells the truth about the catalog, about what its tools and their answers cost, and about safety.
"""

import re
from pathlib import Path

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


def test_every_sentence_here_is_the_name_of_a_test() -> None:
    """
    In the section on safety, but for the words in bold that group them.
    """
    text = README.read_text(encoding="utf-8")
    section = text.partition("## What stops it from moving money wrongly")[2].partition("\n## ")[0]
    sentences = [
        each for each in re.sub(r"\*\*.*?\*\*", "", section).replace("\n", " ").split(".") if each.strip()
    ]
    names = {
        re.sub(r"^(r\d+_|s\d+_)+", "", name)
        for file in Path(__file__).parent.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(sentences) > 20
    untested = [each.strip() for each in sentences if _as_name(each) not in names]
    assert untested == []


def _as_name(sentence: str) -> str:
    return re.sub(r"\W+", "_", sentence.replace("'", "").strip().lower())
