"""
Prompts: what a person can start from, one Markdown file each below `prompts/` of the catalog.

Between two lines of +++ stand title, description and arguments in TOML, below them the text. An
argument's value comes from a person or a model and goes in as one quoted line: it is data, and
cannot become a step of the text. A line with an argument that was not given is left out.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from stripe_mcp.errors import ConfigurationError, InvalidArguments, redact
from stripe_mcp.reading import Strict, find_files, naming
from stripe_mcp.text import clean

_LONGEST_VALUE = 200  # characters
_FILE = re.compile(r"\+\+\+\n(.*?\n)\+\+\+\n(.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Argument(Strict):
    """
    *complete* says what a client offers while it is typed: these values, or those of a tool's argument
    (`create_refund.reason`), or all `currencies`.
    """

    description: str
    required: bool = False
    complete: list[str] | Annotated[str, Field(pattern=r"^(currencies|[a-z0-9_]+(\.[a-z0-9_]+)+)$")] = []


class Prompt(Strict):
    """
    One file; `{name}` in *text* stands for the argument *name*.
    """

    name: str
    title: str
    description: str
    arguments: dict[str, Argument] = {}
    text: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _names_its_arguments(self) -> "Prompt":
        if odd := {*_PLACEHOLDER.findall(self.text)} ^ self.arguments.keys():
            raise ValueError(f"declared or in the text, but not both: {', '.join(sorted(odd))}")
        return self

    def fill(self, given: Mapping[str, str]) -> str:
        """
        The text with the values that are *given*.

        Raises:
            InvalidArguments: Some are missing, unknown or too long; no value is repeated.
        """
        values = {name: text for name, value in given.items() if (text := clean(value).strip())}
        problems = [f"{redact(name)[:64]}: unknown" for name in given.keys() - self.arguments.keys()]
        for name, argument in self.arguments.items():
            if argument.required and name not in values:
                problems.append(f"{name}: required, and missing")
            if len(values.get(name, "")) > _LONGEST_VALUE:
                problems.append(f"{name}: must have at most {_LONGEST_VALUE} characters")
        if problems:
            raise InvalidArguments(problems)
        quoted = {name: json.dumps(redact(value), ensure_ascii=False) for name, value in values.items()}
        lines = (line for line in self.text.splitlines() if quoted.keys() >= {*_PLACEHOLDER.findall(line)})
        return _PLACEHOLDER.sub(lambda found: quoted[found[1]], "\n".join(lines))


def load_prompts(folder: Path) -> dict[str, Prompt]:
    """
    Read the prompts below *folder* by name.

    Raises:
        ConfigurationError: A file breaks the format.
    """
    files = find_files(folder, "a prompt", "prompts/<prompt>.md")
    return {file.stem: _read_prompt(file) for file in files}


def _read_prompt(file: Path) -> Prompt:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", file.stem):
        raise ConfigurationError(f"{file}: a prompt's name is snake case, at most 64 characters")
    with naming(file):
        parts = _FILE.fullmatch(file.read_text(encoding="utf-8"))
        if parts is None:
            raise ConfigurationError(f"{file}: must begin with TOML between two lines of +++")
        content = tomllib.loads(parts[1])
        if given := content.keys() & {"name", "text"}:
            raise ConfigurationError(f"{file}: {sorted(given)} are the file's name and what is below +++")
        return Prompt.model_validate({**content, "name": file.stem, "text": parts[2].strip()})
