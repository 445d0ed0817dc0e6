"""
The files beside the templates: as strict as they are, and read when first needed.
"""

from pathlib import Path

import pytest

from stripe_mcp import facts
from stripe_mcp.advice import Refusals
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.declines import Declines
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.facts import read_facts
from stripe_mcp.reading import Strict
from stripe_mcp.searching import Search

FILES: dict[str, type[Strict]] = {"declines.toml": Declines, "errors.toml": Refusals, "search.toml": Search}


def test_every_file_beside_the_templates_has_a_form_and_keeps_it() -> None:
    assert {file.name for file in builtin_folder().glob("*.toml")} == FILES.keys()
    for name, form in FILES.items():
        assert isinstance(read_facts(form, name), form)


@pytest.mark.parametrize("content", [None, b"[", b"\xff", b"", b"surprise = 1"], ids=repr)
@pytest.mark.parametrize(("name", "form"), FILES.items())
def test_what_breaks_the_form_is_told_with_the_name_of_the_file(
    name: str, form: type[Strict], content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "builtin_folder", lambda: tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_facts(form, name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("name", FILES)
def test_a_catalog_of_ones_own_that_has_such_a_file_is_told_that_it_would_not_count(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ConfigurationError, match="a template belongs into tools"):
        load_catalog(builtin_folder(), tmp_path)
