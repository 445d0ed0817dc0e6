"""
The catalog: one TOML file is one template, one template is one tool. No registry.

A file's name is the tool's name and its folder the category. `[input]` and `[annotations]` are
handed to clients word for word. Whatever breaks a rule of the format stops the start with the
name of the file, since a template decides what happens to money.
"""

import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stripe_mcp.errors import ConfigurationError

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# What must never fill a path: each of these would reach another endpoint.
_HOSTILE = ("", ".", "..", "a/b", "../refunds", "a?b", "a#b", "%2e%2e", "a b", "a\n", "a\\b", "\uff0e\uff0e")
_TYPES = ("object", "array", "string", "integer", "number", "boolean")
# What a schema may say, and in which form. A checker would pass over any other word, so that a
# misspelt minimum would let a zero through.
_KEYWORDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("type", "title", "description", "format", "pattern"), str),
    **dict.fromkeys(("properties", "propertyNames", "items"), dict),
    **dict.fromkeys(("required", "enum", "anyOf", "examples"), list),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), int
    ),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), (int, float)),
    "uniqueItems": bool,
    "additionalProperties": (bool, dict),
    "default": object,
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Endpoint(_Strict):
    """
    The Stripe operation behind a template; `{name}` in *path* is filled from the argument *name*.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: Annotated[str, Field(pattern=r"^/v1(/([a-z_]+|\{[a-z_]+\}))+$")]


class Annotations(_Strict):
    """
    MCP's four hints in MCP's spelling, all of them always said:
    https://modelcontextprotocol.io/specification/2025-11-25/server/tools
    """

    readOnlyHint: bool  # noqa: N815  (MCP's spelling)
    destructiveHint: bool  # noqa: N815
    idempotentHint: bool  # noqa: N815
    openWorldHint: bool  # noqa: N815


class Example(_Strict):
    """
    A call that works: *arguments* go out as *sends* ("POST /v1/refunds") with *query* or *form* decoded.
    """

    shows: str
    arguments: dict[str, Any]
    sends: str
    query: dict[str, str] = {}
    form: dict[str, str] = {}


class Rejected(_Strict):
    """
    A call that must be refused before anything is sent.
    """

    shows: str
    arguments: dict[str, Any]


class Template(_Strict):
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
    returns: str
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
    def path_arguments(self) -> list[str]:
        """
        The names of the arguments that fill the path, in its order.
        """
        return _PLACEHOLDER.findall(self.request.path)

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> "Template":
        _check_schema(self.input, "input")
        properties = self.input["properties"]
        for name in self.path_arguments:
            if name not in properties or name not in self.input.get("required", []):
                raise ValueError(f"the path argument {name} must be a required property of input")
            _check_path_pattern(name, properties[name])
        named = {*self.requires, *chain(*self.one_of, *self.requires.values())}
        if unknown := named - properties.keys():
            raise ValueError(f"one_of or requires name arguments that input lacks: {sorted(unknown)}")
        return self


def _check_schema(schema: Any, where: str) -> None:
    """
    Hold a schema to the subset that all clients understand, closed at every level.
    """
    if not isinstance(schema, dict):
        raise ValueError(f"{where} must be a schema")
    if where == "input":
        if schema.get("type") != "object" or "properties" not in schema:
            raise ValueError("input must be an object schema with properties")
        if banned := schema.keys() & {"oneOf", "anyOf", "allOf", "$schema"}:
            raise ValueError(f"input must not have {sorted(banned)} at its top: some clients drop all tools")
    for keyword, value in schema.items():
        if keyword not in _KEYWORDS:
            raise ValueError(f"{where} has the keyword {keyword}, which nothing here would heed")
        if not isinstance(value, _KEYWORDS[keyword]):
            raise ValueError(f"{where}.{keyword} has the wrong type")
    if "anyOf" not in schema and schema.get("type") not in _TYPES:
        raise ValueError(f"{where} must say its type, one of {', '.join(_TYPES)}")
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        raise ValueError(f"{where} must say additionalProperties, or a typo would be dropped in silence")
    if schema.get("additionalProperties") is True:
        raise ValueError(f"{where} must not admit arguments of any name")
    named = {*schema.get("properties", {}), *schema.get("propertyNames", {}).get("enum", [])}
    if lost := set(schema.get("required", [])) - named:
        raise ValueError(f"{where} requires what it does not admit: {sorted(lost)}")
    _check_pattern(schema.get("pattern", ""), where)
    for place, child in _children(schema):
        _check_schema(child, f"{where}{place}")


def _children(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, child in schema.get("properties", {}).items():
        yield f".{name}", child
    for index, child in enumerate(schema.get("anyOf", [])):
        yield f".anyOf[{index}]", child
    if "items" in schema:
        yield "[]", schema["items"]
    if "propertyNames" in schema:
        yield ".propertyNames", {"type": "string", **schema["propertyNames"]}
    if isinstance(schema.get("additionalProperties"), dict):
        yield ".*", schema["additionalProperties"]


def _check_pattern(pattern: str, where: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{where} has a pattern that is none: {error}") from None


def _check_path_pattern(name: str, schema: dict[str, Any]) -> None:
    pattern = schema.get("pattern", "")
    if schema.get("type") != "string" or not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"the path argument {name} needs a pattern anchored by ^ and $")
    for hostile in _HOSTILE:
        if re.fullmatch(pattern, hostile, re.ASCII):
            raise ValueError(f"the pattern of {name} admits {hostile!r}, which leads to another endpoint")


def builtin_folder() -> Path:
    """
    The catalog that ships with the package: inside a wheel, or at the top of a checkout.
    """
    shipped = Path(__file__).parent / "_catalog"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "catalog"


def load_catalog(*folders: Path) -> dict[str, Template]:
    """
    Read the templates below *folders* by tool name, sorted by category and name.

    A template in a later folder replaces one of the same name in an earlier folder.

    Raises:
        ConfigurationError: A file breaks the format, a folder is missing or has no templates.
    """
    templates: dict[str, Template] = {}
    for folder in folders:
        found = {template.name: template for template in _read_folder(folder)}
        if not found:
            raise ConfigurationError(f"{folder}: no templates (*.toml) in its tools/<category>/ folders")
        templates |= found
    return dict(sorted(templates.items(), key=lambda item: (item[1].category, item[0])))


def _read_folder(folder: Path) -> Iterator[Template]:
    seen: dict[str, Path] = {}
    for file in sorted(folder.glob("tools/*/*.toml")):
        if other := seen.get(file.stem):
            raise ConfigurationError(f"{file}: the tool {file.stem} stands in {other} as well")
        seen[file.stem] = file
        yield _read_template(file)


def _read_template(file: Path) -> Template:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", file.stem):
        raise ConfigurationError(f"{file}: a tool's name is snake case, at most 64 characters")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        if given := content.keys() & {"name", "category"}:
            raise ConfigurationError(f"{file}: {sorted(given)} are the names of the file and its folder")
        return Template.model_validate({**content, "name": file.stem, "category": file.parent.name})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"].removeprefix("Value error, ")
