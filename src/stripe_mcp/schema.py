"""
The JSON Schema that a template may use: what all clients understand, closed at every level. No I/O.

A word that is not in the table is refused: a validator passes over what it does not know, so that a
misspelt `minumum` would let a zero through.
"""

import re
from collections.abc import Iterator
from typing import Any

# What must never fill a path: each of these would reach another endpoint.
_HOSTILE = ("", ".", "..", "a/b", "../refunds", "a?b", "a#b", "%2e%2e", "a b", "a\n", "a\\b", "\uff0e\uff0e")
_TYPES = ("object", "array", "string", "integer", "number", "boolean")
# What a schema may say, and in which form.
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


def check_schema(schema: Any, where: str = "input") -> None:
    """
    Hold *schema* to the subset that all clients understand, closed at every level.

    Raises:
        ValueError: It breaks a rule; the text names the place.
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
        check_schema(child, f"{where}{place}")


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


def check_path_pattern(name: str, schema: dict[str, Any]) -> None:
    """
    Hold the *schema* of the path argument *name* to ids that lead to no other endpoint.

    Raises:
        ValueError: It admits more.
    """
    pattern = schema.get("pattern", "")
    if schema.get("type") != "string" or not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"the path argument {name} needs a pattern anchored by ^ and $")
    for hostile in _HOSTILE:
        if re.fullmatch(pattern, hostile, re.ASCII):
            raise ValueError(f"the pattern of {name} admits {hostile!r}, which leads to another endpoint")
