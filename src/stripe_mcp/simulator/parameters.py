"""
Checks what came against the table of parameters, and gives it its types.

Rule: a name that the table does not have is an error at every level, and so is
one that Stripe knows and the simulator does not model: nothing is ignored.
The table's language is explained where it is made, `tests/simulator/operations_table.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from stripe_mcp.currency import CURRENCIES
from stripe_mcp.simulator.errors import StripeError, missing_parameter, unsupported
from stripe_mcp.simulator.metadata import MOST_KEYS

KEY = re.compile(r"(\w+)(\[\]|\{\})?([?!]*)")
INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
DECIMAL = re.compile(r"-?\d{1,18}(\.\d{1,12})?", re.ASCII)
INDEX = re.compile(r"\d{1,9}", re.ASCII)
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
BOUNDS = frozenset(["gt", "gte", "lt", "lte"])

# https://docs.stripe.com/metadata
METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 40, 500


class Parameter(NamedTuple):
    """
    One row of the table: *inner* is a table of its own, or says what a value has to be.
    """

    shape: str
    emptyable: bool
    required: bool
    inner: dict[str, Parameter] | str


@cache
def load_table() -> dict[str, Any]:
    """
    The file `operations.json`, read once.
    """
    text = Path(__file__).with_name("operations.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


@cache
def _rows(operation: str) -> dict[str, Parameter]:
    return _parse(load_table()["operations"][operation]["parameters"])


def _parse(written: dict[str, Any]) -> dict[str, Parameter]:
    rows = {}
    for key, value in written.items():
        matched = KEY.fullmatch(key)
        assert matched is not None, key  # noqa: S101 - our own file, checked by a test
        name, shape, marks = matched.groups()
        inner = _parse(value) if isinstance(value, dict) else value
        rows[name] = Parameter(shape or "", "?" in marks, "!" in marks, inner)
    return rows


def read_parameters(operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """
    Turn the text that came for *operation* into typed arguments.

    Raises:
        StripeError: A parameter is unknown, missing, not modelled, or not what it has to be.
    """
    if operation == "POST /v1/payment_intents" and "payment_method_types" in given:
        raise StripeError(
            "payment_method_types can no longer be set on a PaymentIntent. "
            "Use allowed_payment_method_types or automatic_payment_methods instead.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )
    return _read_object(_rows(operation), given, "")


def _read_object(rows: dict[str, Parameter], given: dict[str, Any], above: str) -> dict[str, Any]:
    unknown = [_path(above, name) for name in given if name not in rows]
    if unknown:
        message = f"Received unknown parameter{'s' * (len(unknown) > 1)}: {', '.join(unknown)}"
        raise StripeError(message, code="parameter_unknown", param=unknown[0])
    for name, row in rows.items():
        if row.required and name not in given:
            raise missing_parameter(_path(above, name))
    return {name: _read_value(rows[name], value, _path(above, name)) for name, value in given.items()}


def _path(above: str, name: str) -> str:
    return f"{above}[{name}]" if above else name


def _read_value(row: Parameter, value: Any, path: str) -> Any:
    if row.inner == "unsupported":
        raise unsupported(path)
    if value == "":
        if row.emptyable:
            return ""
        raise _empty(path)
    if row.shape == "[]":
        items = _items(value, path)
        return [_read_inner(row.inner, item, f"{path}[{i}]") for i, item in enumerate(items)]
    if row.shape == "{}":
        return _read_map(value, path)
    return _read_inner(row.inner, value, path)


def _read_inner(inner: dict[str, Parameter] | str, value: Any, path: str) -> Any:
    if isinstance(inner, dict):
        if not isinstance(value, dict):
            raise StripeError("Invalid object", param=path)
        return _read_object(inner, value, path)
    if inner == "range":
        return _read_range(value, path)
    if not isinstance(value, str):
        raise StripeError(f"Invalid {inner.partition(':')[0]}: it came as an object", param=path)
    if value == "":
        raise _empty(path)
    return _read_scalar(inner, value, path)


def _empty(path: str) -> StripeError:
    message = (
        f"An empty value was given for '{path}', which reads as unsetting it, and '{path}' cannot be unset. "
        f"Leave '{path}' out, or give it a value."
    )
    return StripeError(message, code="parameter_invalid_empty", param=path)


def _items(value: Any, path: str) -> Iterable[Any]:
    if not isinstance(value, dict) or not all(map(INDEX.fullmatch, value)):
        raise StripeError("Invalid array", param=path)
    return [value[index] for index in sorted(value, key=int)]


def _read_map(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise StripeError("Invalid object", param=path)
    if len(value) > MOST_KEYS:
        raise StripeError(f"There can be at most {MOST_KEYS} metadata keys.", param=path)
    for key, text in value.items():
        if not isinstance(text, str):
            raise StripeError("Metadata values must be strings.", param=_path(path, key))
        if len(key) > METADATA_KEY_LENGTH or len(text) > METADATA_VALUE_LENGTH:
            message = f"Keys can have {METADATA_KEY_LENGTH} characters and values {METADATA_VALUE_LENGTH}."
            raise StripeError(message, param=_path(path, key))
    return value


def _read_range(value: Any, path: str) -> dict[str, int]:
    """
    A number means that very second; bounds stay what they are.
    """
    if isinstance(value, str):
        exactly = _integer(value, path)
        return {"gte": exactly, "lte": exactly}
    rows = {name: Parameter("", emptyable=False, required=False, inner="integer") for name in BOUNDS}
    return _read_object(rows, value, path)


def _read_scalar(inner: str, value: str, path: str) -> Any:
    words = inner.split("|")
    if value in words and value not in READERS:
        return value
    for word in words:
        kind, _, bounds = word.partition(":")
        if kind in READERS:
            return READERS[kind](value, path, bounds)
    listed = f"{', '.join(words[:-1])}, or {words[-1]}" if len(words) > 1 else words[0]
    raise StripeError(f"Invalid {path}: must be one of {listed}", param=path)


def _string(value: str, path: str, longest: str = "") -> str:
    if len(value) > int(longest or 5000):
        message = f"Invalid string: {path} has {len(value)} characters and can have {longest or 5000}."
        raise StripeError(message, param=path)
    return value


def _integer(value: str, path: str, bounds: str = "") -> int:
    if not INTEGER.fullmatch(value):
        raise _bad_integer(f"Invalid integer: {value[:100]}", path)
    number = int(value)
    least, _, most = bounds.partition("..")
    if least and number < int(least):
        raise _bad_integer(f"This value must be greater than or equal to {least}.", path)
    if most and number > int(most):
        raise _bad_integer(f"This value must be less than or equal to {most}.", path)
    return number


def _bad_integer(message: str, path: str) -> StripeError:
    return StripeError(message, code="parameter_invalid_integer", param=path)


def _decimal(value: str, path: str, _bounds: str) -> str:
    if not DECIMAL.fullmatch(value):
        raise StripeError(f"Invalid decimal: {value[:100]}", param=path)
    return value


def _boolean(value: str, path: str, _bounds: str) -> bool:
    if value not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {value[:100]}", param=path)
    return value == "true"


def _currency(value: str, path: str, _bounds: str) -> str:
    if value.lower() not in CURRENCIES:
        listed = ", ".join(sorted(CURRENCIES))
        raise StripeError(f"Invalid currency: {value[:100]}. Known ones are: {listed}", param=path)
    return value.lower()


def _email(value: str, path: str, longest: str) -> str:
    if not EMAIL.fullmatch(value):
        raise StripeError(f"Invalid email address: {value[:100]}", code="email_invalid", param=path)
    return _string(value, path, longest)


READERS: dict[str, Callable[[str, str, str], Any]] = {
    "string": _string,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "currency": _currency,
    "email": _email,
}
