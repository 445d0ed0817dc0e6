"""
`expand`: ids in an answer become the objects they name, to four levels.

Rule: what can be expanded is a table (made from the `stripe` package's classes),
so a path is refused before anything is done. A few fields exist only when they
are expanded; `INCLUDABLE` makes them. https://docs.stripe.com/expand
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stripe_mcp.simulator.errors import StripeError, unsupported
from stripe_mcp.simulator.parameters import load_table
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

DEEPEST = 4

Maker = Callable[[Store, Record], Record | None]

# What an object has only when asked: filled by the modules that own the objects, with `includes`.
INCLUDABLE: dict[tuple[str, str], Maker] = {}

NOT_MODELLED = frozenset(
    [
        ("payment_intent", "amount_details"),
        ("price", "tiers"),
    ]
)


def includes(kind: str, field: str) -> Callable[[Maker], Maker]:
    """
    Mark the function that makes the *field* of a *kind* when it is expanded.
    """

    def mark(make: Maker) -> Maker:
        INCLUDABLE[kind, field] = make
        return make

    return mark


def check_expand(operation: str, paths: list[str]) -> None:
    """
    Refuse paths that the answer of *operation* cannot expand.

    Raises:
        StripeError: It cannot be expanded, is too deep, or is not modelled.
    """
    returns = load_table()["operations"][operation]["returns"]
    for path in paths:
        steps = path.split(".")
        if returns.startswith("[]"):
            if steps == ["total_count"] and operation.endswith("/search"):
                continue
            if steps[0] != "data" or len(steps) == 1:
                raise _cannot(path)
            steps = steps[1:]
        if path.count(".") >= DEEPEST:
            raise StripeError(f"You cannot expand more than {DEEPEST} levels of a property", param="expand")
        _check(returns.removeprefix("[]"), steps, path)


def _check(kind: str, steps: list[str], path: str) -> None:
    if (kind, steps[0]) in NOT_MODELLED:
        raise unsupported(f"expand ({path})")
    taken, target = _match(kind, steps)
    field, rest = ".".join(steps[:taken]), steps[taken:]
    if not taken or (target.startswith("[]") and rest and rest[0] != "data"):
        raise _cannot(path)
    if target.startswith("[]"):
        rest = rest[1:]
    if rest:
        _check_any(target.lstrip("[]="), rest, path)
    elif target[:1] in ("[", "=") and (kind, field) not in INCLUDABLE:
        raise _cannot(path)


def _check_any(kinds: str, rest: list[str], path: str) -> None:
    """
    A field that can be one of several kinds is fine if one of them takes the rest.
    """
    names = [kind for kind in kinds.split("|") if _match(kind, rest)[0]]
    if not names:
        raise _cannot(path)
    _check(names[0], rest, path)


def _match(kind: str, steps: list[str]) -> tuple[int, str]:
    """
    How many of *steps* name an expandable field of *kind*, and what is behind it.
    """
    fields = load_table()["expandable"].get(kind, {})
    for taken in range(len(steps), 0, -1):
        field = ".".join(steps[:taken])
        if field in fields:
            return taken, fields[field]
    return (1, "=") if (kind, steps[0]) in INCLUDABLE else (0, "")


def _cannot(path: str) -> StripeError:
    return StripeError(f"This property cannot be expanded ({path}).", param="expand")


def expand(store: Store, answer: Record, paths: list[str]) -> Record:
    """
    A copy of *answer* in which every one of *paths* is expanded; what is not on them is shared.
    """
    for path in dict.fromkeys(paths):
        answer = _expand(store, answer, path.split("."))
    return answer


def _expand(store: Store, value: Any, steps: list[str]) -> Any:
    if isinstance(value, list):
        return [_expand(store, item, steps) for item in value]
    if isinstance(value, str):
        value = lookup(store, value)
    if not steps or not isinstance(value, dict):
        return value
    field = steps[0]
    include = INCLUDABLE.get((value.get("object", ""), field))
    if field in value:
        inside = value[field]
    elif include:
        inside = include(store, value)
    else:
        return value
    return value | {field: _expand(store, inside, steps[1:])}


def lookup(store: Store, object_id: str) -> Record | str:
    """
    The object of that id, of whatever kind; the id itself if the simulator has none.
    """
    found = store.find_any(object_id)
    return store.deleted.get(object_id, object_id) if found is None else found
