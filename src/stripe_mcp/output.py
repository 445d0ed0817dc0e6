"""
What a tool's results look like, as JSON Schema: the fields that are shown, with their types. No I/O.

Only `object` and `id` are required and everything else is admitted, so that lean, full and expanded
answers all fit.
"""

from collections.abc import Mapping
from typing import Any

from stripe_mcp.catalog import Template
from stripe_mcp.objects import Kind, Node, StripeObject

Types = dict[Kind, dict[str, Any]]

_TYPES: Types = {
    "money": {"type": "integer"},
    "decimal": {"type": "string"},
    "date": {"type": "string"},  # its format would cost as much again, in each of 60 places
    "id": {"type": "string"},
    "text": {"type": "string"},
    "map": {"type": "object"},
    "flag": {"type": "boolean"},
    "number": {"type": "number"},
    "word": {"type": "string"},
    "any": {},
}
_EXPANDABLE: Types = {"id": {"anyOf": [{"type": "string"}, {"type": "object"}]}}


def output_schema(template: Template, objects: Mapping[str, StripeObject]) -> dict[str, Any]:
    """
    The schema of what the tool of *template* returns.
    """
    known = objects.get(template.returned_object)
    types = _TYPES | (_EXPANDABLE if "expand" in template.input["properties"] else {})
    if not template.returns_list:
        return _object(known.alone if known else Node(), types)
    properties = {
        "data": {"type": "array", "items": _object(known.in_list if known else Node(), types)},
        "has_more": {"type": "boolean"},
        "next_call": {"type": "object"},
    }
    return {"type": "object", "required": ["data", "has_more"], "properties": properties}


def is_readable(template: Template, objects: Mapping[str, StripeObject], body: dict[str, Any]) -> bool:
    """
    Whether *body* is what a call of *template* returns, with all that identifies it.
    """
    container, _, kind = template.returns.rpartition(" of ")
    if container and not (body["object"] == container and isinstance(body.get("data"), list)):
        return False
    known = objects.get(kind)
    return all(_is_one(row, known) for row in (body["data"] if container else [body]))


def _is_one(row: Any, known: StripeObject | None) -> bool:
    if known is None or not isinstance(row, dict):
        return isinstance(row, dict)
    identified = all(isinstance(row.get(name), str) for name in _identity(known.alone))
    kind = known.name.removeprefix("deleted_")
    return identified and row["object"] == kind and (kind == known.name or row.get("deleted") is True)


def _identity(node: Node) -> list[str]:
    return [name for name in ("object", "id") if name in node.children]


def _object(node: Node, types: Types) -> dict[str, Any]:
    """
    The schema of an object that names its kind, and itself if it has an id.
    """
    return {"type": "object", "required": _identity(node), "properties": _properties(node, types)}


def _properties(node: Node, types: Types) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, child in node.children.items():
        inner = (
            {"type": "object", "properties": _properties(child, types)}
            if child.children
            else types[child.kind]
        )
        properties[name] = {"type": "array", "items": inner} if child.many else inner
        if child.kind in ("money", "decimal"):
            properties[f"{name}_display"] = {"type": "string"}
    return properties | ({"id": {"type": "string"}} if "id" in properties else {})
