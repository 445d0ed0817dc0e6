"""
From arguments to the HTTP request they stand for. No I/O.

Stripe's own rule places every argument: one named in the path fills the path; the rest are the
query of a GET or DELETE and the form of a POST. What is sent is what was said: nothing is coerced,
and nothing is dropped in silence; a date is written in the Unix seconds it stands for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from stripe_mcp.arguments import find_problems
from stripe_mcp.catalog import Template
from stripe_mcp.errors import InvalidArguments
from stripe_mcp.times import parse

_LONGEST_QUERY = 60_000  # characters, percent-encoded; httpx takes no URL of more than 65,536


@dataclass(frozen=True, slots=True)
class StripeRequest:
    """
    What goes to Stripe: *path* and *query* are percent-encoded, *form* is the encoded body of a POST.

    *route* is the path with its placeholders, for logs and rate limits: it names no object.
    """

    method: Literal["GET", "POST", "DELETE"]
    route: str
    path: str
    query: str = ""
    form: str = ""

    @property
    def writes(self) -> bool:
        """
        Whether the request can change something at Stripe.
        """
        return self.method != "GET"


def build_request(template: Template, arguments: dict[str, Any]) -> StripeRequest:
    """
    Turn *arguments* into the request that *template* describes.

    Raises:
        InvalidArguments: They do not fit the template; every problem is named, no value is repeated.
    """
    if problems := find_problems(template, arguments):
        raise InvalidArguments(problems)
    method, route = template.request.method, template.request.path
    in_path = {name: quote(arguments[name], safe="") for name in template.path_arguments}
    timed = _in_seconds(arguments, [template.input])
    rest = encode_form({name: value for name, value in timed.items() if name not in in_path})
    if method != "POST" and len(rest) > _LONGEST_QUERY:
        raise InvalidArguments([f"all arguments together: {len(rest)} characters, at most {_LONGEST_QUERY}"])
    place = "form" if method == "POST" else "query"
    return StripeRequest(method, route, route.format(**in_path), **{place: rest})


def _in_seconds(value: Any, schemas: list[dict[str, Any]], name: str = "") -> Any:
    """
    *value*, which stands at *name*, with Unix seconds wherever *schemas* admit a date and it is one.
    """
    branches = [branch for schema in schemas for branch in schema.get("anyOf", [schema])]
    match value:
        case dict():
            return {key: _in_seconds(child, _at(key, branches), key) for key, child in value.items()}
        case list():
            items = [branch.get("items", {}) for branch in branches]
            return [_in_seconds(child, items) for child in value]
        case str() if any("format" in branch for branch in branches) and (span := parse(value)):
            return span.range() if any(_is_range(branch) for branch in branches) else span.bound(name)
    return value


def _at(key: str, branches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    What *branches* say of the value of *key*.
    """
    return [
        branch.get("properties", {}).get(key) or branch.get("additionalProperties") or {}
        for branch in branches
    ]


def _is_range(schema: dict[str, Any]) -> bool:
    return "gte" in schema.get("propertyNames", {}).get("enum", schema.get("properties", {}))


def encode_form(arguments: dict[str, Any]) -> str:
    """
    Encode nested *arguments* in Stripe's form notation: `items[0][price]=price_1&items[0][quantity]=2`.
    """
    pairs = (pair for name, value in arguments.items() for pair in _flatten(name, value))
    # Brackets around names stay readable, as in Stripe's own clients.
    return "&".join(f"{quote_plus(name, safe='[]')}={quote_plus(value)}" for name, value in pairs)


def _flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, child in value.items():
                yield from _flatten(f"{name}[{key}]", child)
        case list():
            for index, child in enumerate(value):
                yield from _flatten(f"{name}[{index}]", child)
        case bool():
            yield name, "true" if value else "false"
        case float() if value.is_integer():  # 5.0 is JSON Schema's integer 5
            yield name, str(int(value))
        case _:
            yield name, str(value)
