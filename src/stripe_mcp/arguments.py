"""
Are these the arguments that a template admits? No I/O.

The schema that clients see is the schema that is applied. A problem names the field and the rule,
and never repeats the value, which may be a secret that ended up in the wrong place.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from stripe_mcp.catalog import Template
from stripe_mcp.errors import redact
from stripe_mcp.spelling import nearest
from stripe_mcp.times import parse

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

# Beyond it, JSON numbers lose digits between one program and the next: RFC 8259, section 6.
_LARGEST_INTEGER = 2**53 - 1
_MOST_VALUES = 1000  # a call that means something has fewer, and more would hold up all others
_MOST_PROBLEMS = 20  # as many as anybody reads
# What may fill a path, whatever the pattern of a template admits: no separator, no step up, no escape.
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")

# Half of a surrogate pair, and what becomes of it on the way in.
_DAMAGED = re.compile("[\ud800-\udfff\ufffd]")
_IS_DAMAGED = "holds a damaged character, such as half an emoji; write it whole or leave it out"


def find_problems(template: Template, arguments: dict[str, Any]) -> list[str]:
    """
    Say what keeps *arguments* from being sent as a call of *template*; nothing if all is well.
    """
    if _size(arguments) > _MOST_VALUES:
        return [f"more than {_MOST_VALUES} values in one call"]
    broken = [text for error in _validator(template).iter_errors(arguments) for text in _explain(error)]
    found = broken or [*_across(template, arguments), *_unsendable(arguments)]
    return list(dict.fromkeys(found))[:_MOST_PROBLEMS]


def _size(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, children))


@cache
def _validator(template: Template) -> "Validator":
    """
    The compiled schema of *template*, made at its first call.
    """
    # Imported late: 50 ms that `tools/list` need not pay.
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def pattern(validator: "Validator", regex: str, text: Any, schema: Any) -> Iterator[ValidationError]:
        # JSON Schema's $ is the end of the text; Python's also stands before a newline at the end.
        # Its \w and \d are ASCII; Python's are all letters and digits of the world.
        if isinstance(text, str) and not re.search(re.sub(r"\$$", r"\\Z", regex), text, re.ASCII):
            yield ValidationError("does not match")

    strict: Any = extend(Draft202012Validator, {"pattern": pattern})  # type: ignore[no-untyped-call]
    dates = FormatChecker(())
    dates.checks("date-time")(lambda value: not isinstance(value, str) or parse(value) is not None)
    return cast("Validator", strict(template.input, format_checker=dates))


def _across(template: Template, arguments: dict[str, Any]) -> Iterator[str]:
    """
    Hold the arguments to the rules that stand beside the schema.
    """
    for group in template.one_of:
        if sum(name in arguments for name in group) != 1:
            yield f"give exactly one of {', '.join(group)}"
    for name, needed in template.requires.items():
        for other in needed:
            if name in arguments and other not in arguments:
                yield f"{name}: needs {other} beside it"
    for name in template.path_arguments:
        if not _ID.fullmatch(arguments[name]):
            yield f"{name}: an id has letters, digits, _ and - only, at most 255 of them"
        if arguments[name] == "search":  # it would turn /v1/products/{id} into Stripe's search
            yield f"{name}: search is not an id"


def _unsendable(value: Any, where: str = "") -> Iterator[str]:
    """
    Say what fits the schema and still has no faithful form on the wire.
    """
    match value:
        case dict() | list() if where and not value:
            yield f"{where}: empty, and would vanish on the way; leave it out"
        case dict():
            for key, child in value.items():
                if not key or "[" in key or "]" in key:
                    yield f"{where}: a key cannot be empty or hold [ or ]"
                if _DAMAGED.search(key):
                    yield f"{where}: a key {_IS_DAMAGED}"
                yield from _unsendable(child, f"{where}.{_shown(key)}" if where else key)
        case list():
            for index, child in enumerate(value):
                yield from _unsendable(child, f"{where}[{index}]")
        case None:
            yield f"{where}: null cannot be sent; leave it out"
        case int() | float() if not abs(value) <= _LARGEST_INTEGER:  # NaN is not <= anything
            yield f"{where}: must be a number from -{_LARGEST_INTEGER} to {_LARGEST_INTEGER}"
        case str() if _DAMAGED.search(value):
            yield f"{where}: {_IS_DAMAGED}"


def _shown(name: str) -> str:
    """
    A name that the caller made up, fit to be repeated: it may be a secret, endless, or no Unicode.
    """
    return redact(name)[:40].encode(errors="backslashreplace").decode()


def _explain(error: "ValidationError") -> Iterator[str]:
    """
    Put a schema error into words.
    """
    given: Any = error.instance
    schema: Any = error.schema
    parts = (f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in error.absolute_path)
    field = "".join(parts).removeprefix(".")
    rule: Any = error.validator_value
    within = f"{field}." if field else ""
    match error.validator:
        case "required":
            yield from (f"{within}{name}: required, and missing" for name in rule if name not in given)
        case "additionalProperties":
            known = schema.get("properties", {})
            listed = f"known here: {', '.join(known) or 'nothing'}"
            unknown = [name for name in given if name not in known][:_MOST_PROBLEMS]
            yield from (
                f"{within}{_shown(name)}: unknown; {_did_you_mean(name, known)}{listed}" for name in unknown
            )
        case "anyOf":
            # An error of type at a branch's own root says that the branch was not meant.
            missed = {branch.schema_path[0] for branch in error.context if _misses(branch)}
            meant = [branch for branch in error.context if branch.schema_path[0] not in missed]
            for branch in meant:
                yield from _explain(branch)
            if not meant:
                kinds = (branch.get("format", branch["type"]) for branch in rule)
                yield f"{field}: must be {' or '.join(map(_article, kinds))}"
        case _:
            key = "a key " if "propertyNames" in error.schema_path else ""
            yield f"{field or 'arguments'}: {key}{_words(str(error.validator), rule)}"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}? " if near else ""


def _misses(branch: "ValidationError") -> bool:
    return branch.validator == "type" and not branch.path


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def _words(keyword: str, rule: Any) -> str:
    match keyword:
        case "type":
            return f"must be {_article(rule)}"
        case "enum":
            return f"must be one of {', '.join(map(str, rule))}"
        case "minLength":
            return "must not be empty" if rule == 1 else f"must have at least {rule} characters"
        case "maxLength":
            return "must be empty" if rule == 0 else f"must have at most {rule} characters"
    rules = {
        "pattern": "must match {}",
        "format": "must be a date or time such as 2026-11-01 or 2026-11-01T09:30:00Z, or Unix seconds",
        "minimum": "must be at least {}",
        "maximum": "must be at most {}",
        "minItems": "must have at least {} entries",
        "maxItems": "must have at most {} entries",
        "minProperties": "must have at least {} keys",
        "maxProperties": "must have at most {} keys",
    }
    return rules.get(keyword, f"breaks the schema's rule {keyword}").format(rule)
