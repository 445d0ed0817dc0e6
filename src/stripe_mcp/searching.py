"""
What Stripe's search can ask for, in words: for a model whose query was refused, and for all who ask.
"""

import re
from collections.abc import Iterator
from functools import cache

from stripe_mcp.facts import Text, read_facts
from stripe_mcp.reading import Strict
from stripe_mcp.spelling import nearest

_UNKNOWN_FIELD = re.compile(r"Field `([^`]+)` is an unsupported search field")


class Operators(Strict):
    """
    What may be asked of a field, by its kind.
    """

    numeric: Text
    token: Text
    string: Text


class Fields(Strict):
    """
    The fields of one resource, by their kind.
    """

    numeric: list[Text]
    token: list[Text]
    string: list[Text]


class Search(Strict):
    """
    The file `catalog/search.toml`.
    """

    rules: list[Text]
    operators: Operators
    resources: dict[str, Fields]


@cache
def _search() -> Search:
    return read_facts(Search, "search.toml")


def search_fields(resource: str) -> dict[str, str]:
    """
    The kind of each field that *resource* (`charges`) can be searched by; none if it cannot be searched.

    Raises:
        ConfigurationError: The file breaks the format.
    """
    fields = _search().resources.get(resource)
    written = {} if fields is None else fields.model_dump()
    return {name: kind for kind, names in written.items() for short in names for name in _spell_out(short)}


def _spell_out(name: str) -> Iterator[str]:
    head, _, rest = name.partition("{")
    choices, _, tail = rest.partition("}")
    for choice in choices.split(","):
        yield from _spell_out(f"{head}{choice}{tail}") if choices else [name]


def search_help(resource: str) -> str:
    """
    The fields of *resource* and the rules of a query, in Markdown; empty if it cannot be searched.

    Raises:
        ConfigurationError: The file breaks the format.
    """
    known = _search()
    if resource not in known.resources:
        return ""
    operators = known.operators.model_dump()
    fields = known.resources[resource].model_dump()
    lines = [f"{', '.join(names)}: {operators[kind]}." for kind, names in fields.items() if names]
    return "\n".join([f"Search fields of {resource}:", *(f"- {line}" for line in [*lines, *known.rules])])


def suggest_field(resource: str, message: str) -> str:
    """
    Name the field that was probably meant where Stripe's *message* complains of one; empty otherwise.

    Raises:
        ConfigurationError: The file breaks the format.
    """
    complaint = _UNKNOWN_FIELD.search(message)
    if complaint is None:
        return ""
    asked, known = complaint[1], search_fields(resource)
    within = (name for name in known if name.endswith(f".{asked}"))
    return next(within, "") or nearest(asked, known)
