"""
Looking at one object of Stripe's, before something happens to it.

Rule: what decides over money is there and of the right type, or there is no decision.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from stripe_mcp.errors import InvalidArguments, NoAnswer
from stripe_mcp.request import StripeRequest

Body = dict[str, Any]
Read = Callable[[StripeRequest], Awaitable[Body]]

# No separator, no step up: an argument that is an id to Stripe becomes part of a path here.
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")


async def look_at(read: Read, kind: str, name: str, *expand: str) -> Body:
    """
    The object of a *kind* that *name* is the id of, with what *expand* names in place of its id.

    Raises:
        InvalidArguments: *name* is no id.
        NoAnswer: What came back is no such object.
        ToolError: Stripe refused to tell, or gave no answer.
    """
    if not _ID.fullmatch(name):
        raise InvalidArguments([f"{kind}: an id has letters, digits, _, - and points only"])
    query = "&".join(f"expand[{number}]={path}" for number, path in enumerate(expand))
    route = f"/v1/{kind}s/"
    return hold_to(kind, await read(StripeRequest("GET", f"{route}{{id}}", route + quote(name), query)))


def hold_to(kind: str, value: Any) -> Body:
    """
    *value*, if it is an object of that *kind*.

    Raises:
        NoAnswer: It is not.
    """
    if not isinstance(value, dict) or value.get("object") != kind:
        raise NoAnswer(f"Stripe's answer could not be read ({kind}).")
    return value


def number(body: Body, name: str) -> int:
    """
    The whole number in the field *name*.

    Raises:
        NoAnswer: There is none.
    """
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise NoAnswer(f"Stripe's answer could not be read ({name}).")
    return value


def text(body: Body, name: str) -> str:
    """
    The text in the field *name*.

    Raises:
        NoAnswer: There is none.
    """
    value = body.get(name)
    if not isinstance(value, str):
        raise NoAnswer(f"Stripe's answer could not be read ({name}).")
    return value


def id_of(value: Any) -> str | None:
    """
    The id of an object, which may stand there itself; None if there is no object.
    """
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None
