"""
The catalog: one TOML file below `tools/` is one template, one template is one tool. No registry.

A file's name is the tool's name and its folder the category. `[input]` and `[annotations]` are
handed to clients word for word. Whatever breaks a rule of the format stops the start with the
name of the file, since a template decides what happens to money.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.objects import StripeObject, load_objects
from stripe_mcp.prompts import Prompt, load_prompts
from stripe_mcp.reading import Strict, naming
from stripe_mcp.schema import InputSchema

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Endpoint(Strict):
    """
    The Stripe operation behind a template; `{name}` in *path* is filled from the argument *name*.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: Annotated[str, Field(pattern=r"^/v1(/([a-z_]+|\{[a-z_]+\}))+$")]


class Annotations(Strict):
    """
    MCP's four hints in MCP's spelling, all of them always said:
    https://modelcontextprotocol.io/specification/2025-11-25/server/tools
    """

    readOnlyHint: bool  # noqa: N815  (MCP's spelling)
    destructiveHint: bool  # noqa: N815
    idempotentHint: bool  # noqa: N815
    openWorldHint: bool  # noqa: N815


class Example(Strict):
    """
    A call that works: *arguments* go out as *sends* ("POST /v1/refunds") with *query* or *form* decoded.
    """

    shows: str
    arguments: dict[str, Any]
    sends: str
    query: dict[str, str] = {}
    form: dict[str, str] = {}


class Rejected(Strict):
    """
    A call that must be refused before anything is sent.
    """

    shows: str
    arguments: dict[str, Any]


class Template(Strict):
    """
    One file of the catalog.

    *permission* is what a restricted key needs for the call; *confirm* asks that a person agrees
    before it runs. Of each group in *one_of* exactly one argument is given; an argument in
    *requires* needs the listed ones beside it.
    """

    name: str
    category: str
    title: str
    description: str
    returns: Annotated[str, Field(pattern=r"^((list|search_result) of )?[a-z_]+$")]
    permission: Annotated[str, Field(pattern=r"^rak_[a-z_]+_(read|write)$")]
    confirm: bool = False
    one_of: list[list[str]] = []
    requires: dict[str, list[str]] = {}
    request: Endpoint
    annotations: Annotations
    input: dict[str, Any]
    examples: Annotated[list[Example], Field(min_length=1)]
    rejected: Annotated[list[Rejected], Field(min_length=1)]

    # A template is itself: what is compiled from it is kept by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def reads(self) -> bool:
        """
        Whether it changes nothing at Stripe.
        """
        return self.request.method == "GET"

    @property
    def path_arguments(self) -> list[str]:
        """
        The names of the arguments that fill the path, in its order.
        """
        return _PLACEHOLDER.findall(self.request.path)

    @property
    def returned_object(self) -> str:
        """
        The kind of object that it returns, or that the rows of its list are.
        """
        return self.returns.rpartition(" ")[2]

    @property
    def returns_list(self) -> bool:
        """
        Whether it returns a page of objects.
        """
        return " of " in self.returns

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> "Template":
        properties: dict[str, Any] = self.input["properties"]
        for name in self.path_arguments:
            if name not in properties or name not in self.input.get("required", []):
                raise ValueError(f"the path argument {name} must be a required property of input")
            if not re.fullmatch(r"\^.*\$", properties[name].get("pattern", "")):
                raise ValueError(f"the path argument {name} needs a pattern anchored by ^ and $")
        named = {*self.requires, *chain(*self.one_of, *self.requires.values())}
        if unknown := named - properties.keys():
            raise ValueError(f"one_of or requires name arguments that input lacks: {sorted(unknown)}")
        return self


class _Schema(BaseModel):
    """
    The part of a file that has rules of its own; `Template.input` keeps it word for word.
    """

    input: InputSchema


def builtin_folder() -> Path:
    """
    The catalog that ships with the package: inside a wheel, or at the top of a checkout.
    """
    shipped = Path(__file__).parent / "_catalog"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "catalog"


@dataclass(frozen=True, slots=True)
class Catalog:
    """
    *templates* by tool name, sorted by category and name, how Stripe's *objects* are shown, and *prompts*;
    the names of the tools that are *hidden* from clients.
    """

    templates: dict[str, Template]
    objects: dict[str, StripeObject]
    prompts: dict[str, Prompt]
    hidden: frozenset[str] = frozenset()


def load_catalog(*folders: Path) -> Catalog:
    """
    Read the catalog in *folders*; a file in a later folder replaces one of the same name in an earlier one.

    Raises:
        ConfigurationError: A file breaks the format, a folder is missing or has no files.
    """
    catalog = Catalog({}, {}, {})
    for folder in folders:
        templates = {template.name: template for template in _read_folder(folder)}
        objects, prompts = load_objects(folder), load_prompts(folder)
        if not (templates or objects or prompts):
            raise ConfigurationError(f"{folder}: no tools/<category>/*.toml, objects/*.toml or prompts/*.md")
        catalog.templates.update(templates)
        catalog.objects.update(objects)
        catalog.prompts.update(prompts)
    in_order = sorted(catalog.templates.items(), key=lambda item: (item[1].category, item[0]))
    return replace(catalog, templates=dict(in_order))


def _read_folder(folder: Path) -> Iterator[Template]:
    files = sorted(folder.glob("tools/*/*.toml"))
    facts = builtin_folder().glob("*.toml")
    if stray := {*folder.glob("*.toml"), *folder.glob("tools/**/*.toml")} - {*files, *facts}:
        raise ConfigurationError(f"{min(stray)}: a template belongs into tools/<category>/ of the folder")
    seen: dict[str, Path] = {}
    for file in files:
        if other := seen.get(file.stem):
            raise ConfigurationError(f"{file}: the tool {file.stem} stands in {other} as well")
        seen[file.stem] = file
        yield _read_template(file)


def _read_template(file: Path) -> Template:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", file.stem):
        raise ConfigurationError(f"{file}: a tool's name is snake case, at most 64 characters")
    with naming(file):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        if given := content.keys() & {"name", "category"}:
            raise ConfigurationError(f"{file}: {sorted(given)} are the names of the file and its folder")
        _Schema.model_validate(content)
        return Template.model_validate({**content, "name": file.stem, "category": file.parent.name})
