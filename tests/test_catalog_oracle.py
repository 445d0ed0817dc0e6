"""
The catalog against the official `stripe` package, which is generated from Stripe's own specification.

A template's method and path find the SDK's service function; its TypedDict says which parameters there
are, of which type, with which words, whether the empty text unsets them, and what is required. Where a
template differs on purpose, the difference stands in KNOWN with its reason; one that is gone is as wrong
as one that is new.
"""

import ast
import re
import sys
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, Union

import pytest
import stripe
import stripe.params

from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.transport import API_VERSION

CATALOG = load_catalog(builtin_folder()).templates

KNOWN = {
    "list_events_by_type.type: required here": "without it this would be list_events",
    "list_payment_methods.type: any word": "over fifty types, and Stripe adds more",
    "create_draft_invoice.customer: required here": "the other ways to bill somebody are not offered",
    "create_subscription.customer: required here": "as above",
    "create_subscription.items: required here": "a subscription to nothing is of no use",
    "create_subscription.items[].price: required here": "plans and price data are not offered",
    "create_subscription.trial_end: not here string": "its only word is now, and such a trial is none",
    "create_subscription.trial_end: any word": "as above",
    "create_price.unit_amount: required here": "tiers and amounts of the customer's choice are not offered",
    "delete_customer: returns deleted_customer": "the SDK's types know no deleted objects",
}


class Operation(NamedTuple):
    parameters: type
    returns: str


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """
    What the SDK's services can do, by method and path; placeholders without their names.
    """
    found = {}
    for file in Path(stripe.__file__).parent.glob("_*_service.py"):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and (match := _request(ast.unparse(function))):
                method, path, parameters = match.group("method", "path", "parameters")
                assert function.returns is not None
                key = (method.upper(), re.sub(r"\{\w+\}", "{}", path))
                found[key] = Operation(getattr(stripe.params, parameters), ast.unparse(function.returns))
    return found


def _request(function: str) -> re.Match[str] | None:
    return re.search(
        r"params: (Optional\[)?'(?P<parameters>\w+)'.*"
        r"self\._request\('(?P<method>\w+)', '(?P<path>/v1/[^']+)'",
        function,
        re.DOTALL,
    )


def operation_of(template: Template) -> Operation | None:
    return operations().get((template.request.method, re.sub(r"\{\w+\}", "{}", template.request.path)))


@dataclass
class Shape:
    """
    What can be given for an argument, in the terms that both sides have in common.
    """

    kinds: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    emptyable: bool = False
    item: Any = None
    members: dict[str, Any] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)


SCALARS = {str: "string", int: "integer", bool: "boolean", float: "number", Decimal: "number"}


def stripes_shape(hint: Any) -> Shape:
    shape = Shape()
    for choice in _choices(hint):
        origin = typing.get_origin(choice)
        if isinstance(choice, str):
            shape.emptyable |= choice == ""
            shape.words |= {choice} - {""}
        elif origin is list:
            shape.kinds.add("array")
            (shape.item,) = typing.get_args(choice)
        elif origin is dict:
            shape.kinds.add("map")
        elif hasattr(choice, "__required_keys__"):  # a TypedDict, of typing or of typing_extensions
            shape.kinds.add("object")
            shape.members = _members(choice)
            shape.required = set(choice.__required_keys__)
        elif choice in SCALARS:
            shape.kinds.add(SCALARS[choice])
    # Stripe's enumerations are open in the SDK; the words are what it knows of.
    shape.kinds |= {"string"} if shape.words else set()
    return shape


def _choices(hint: Any) -> Iterator[Any]:
    if typing.get_origin(hint) in (Union, UnionType):
        for part in typing.get_args(hint):
            yield from _choices(part)
    elif typing.get_origin(hint) is Literal:
        yield from typing.get_args(hint)
    else:
        yield hint


def _members(typed_dict: Any) -> dict[str, Any]:
    """
    The hints of a TypedDict, without the options of the request, which most of them inherit.
    """
    names = {**vars(typing), **vars(sys.modules[typed_dict.__module__])}
    hints = typing.get_type_hints(typed_dict, names, {"StripeContext": stripe.StripeContext})
    return {name: hint for name, hint in hints.items() if name not in stripe.RequestOptions.__annotations__}


def our_shape(schema: dict[str, Any]) -> Shape:
    shape = Shape()
    for branch in schema.get("anyOf", [schema]):
        kind, names = branch["type"], branch.get("propertyNames", {})
        shape.emptyable |= kind == "string" and not branch.keys() & {"minLength", "pattern", "format", "enum"}
        if kind == "string" and branch.get("maxLength") == 0:
            continue
        if "format" in branch:  # it is sent in seconds, which Stripe's integer stands for
            continue
        is_map = kind == "object" and "properties" not in branch and "enum" not in names
        shape.kinds.add("map" if is_map else kind)
        shape.words |= set(branch.get("enum", []))
        shape.item = branch.get("items", shape.item)
        shape.members |= branch.get("properties", {})
        shape.members |= dict.fromkeys(names.get("enum", []), branch.get("additionalProperties"))
        shape.required |= set(branch.get("required", []))
    return shape


def differences(schema: dict[str, Any], hint: Any, where: str) -> Iterator[str]:
    """
    Say where *schema*, ours, is not what Stripe's *hint* says.
    """
    ours, stripes = our_shape(schema), stripes_shape(hint)
    for kind in sorted(ours.kinds ^ stripes.kinds):
        yield f"{where}: {'only here' if kind in ours.kinds else 'not here'} {kind}"
    if stripes.words and not ours.words:
        yield f"{where}: any word"
    else:
        for word in sorted(ours.words ^ stripes.words):
            yield f"{where}: {'only here' if word in ours.words else 'not here'} {word!r}"
    if ours.emptyable != stripes.emptyable:
        yield f"{where}: {'only here' if ours.emptyable else 'not here'} ''"
    if ours.item and stripes.item:
        yield from differences(ours.item, stripes.item, f"{where}[]")
    yield from _member_differences(ours, stripes, f"{where}.")


def _member_differences(ours: Shape, stripes: Shape, within: str) -> Iterator[str]:
    for name, schema in ours.members.items():
        if name not in stripes.members:
            yield f"{within}{name}: unknown to Stripe"
        else:
            yield from differences(schema, stripes.members[name], f"{within}{name}")
    for name in sorted(ours.required ^ stripes.required):
        yield f"{within}{name}: {'required here' if name in ours.required else 'required by Stripe'}"


def all_differences(template: Template, operation: Operation) -> Iterator[str]:
    ours, stripes = our_shape(template.input), stripes_shape(operation.parameters)
    for name in template.path_arguments:
        del ours.members[name]
        ours.required.remove(name)
    yield from _member_differences(ours, stripes, f"{template.name}.")
    if template.returns != returned(operation):
        yield f"{template.name}: returns {template.returns}"


def returned(operation: Operation) -> str:
    """
    What the SDK says comes back, in the catalog's words: "list of customer" for `ListObject[Customer]`.
    """
    *around, kind = re.findall(r"\w+", operation.returns)
    kinds = {"ListObject": "list of ", "SearchResultObject": "search_result of "}
    return "".join(kinds[name] for name in around) + str(getattr(stripe, kind).OBJECT_NAME)


def test_the_oracle_speaks_the_version_that_is_sent() -> None:
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize("template", CATALOG.values(), ids=CATALOG)
def test_method_and_path_are_an_operation_of_stripe(template: Template) -> None:
    assert operation_of(template)


@pytest.mark.parametrize("template", CATALOG.values(), ids=CATALOG)
def test_arguments_and_result_are_stripes_but_for_the_known_differences(template: Template) -> None:
    operation = operation_of(template)
    assert operation
    known = {difference for difference in KNOWN if re.match(rf"{template.name}[.:]", difference)}
    assert set(all_differences(template, operation)) == known


def test_every_known_difference_is_of_a_template_that_is_there() -> None:
    assert {re.split(r"[.:]", difference)[0] for difference in KNOWN} <= CATALOG.keys()


ANY_TEXT = {"type": "string"}
TEXT = {"type": "string", "minLength": 1}
EMPTY = {"type": "string", "maxLength": 0}


@pytest.mark.parametrize(
    ("name", "schema", "difference"),
    [
        ("amonut", {"type": "integer"}, "amonut: unknown to Stripe"),
        ("amount", TEXT, "amount: only here string"),
        ("reason", TEXT, "reason: any word"),
        ("reason", {"type": "string", "enum": ["regret"]}, "reason: only here 'regret'"),
        ("reason", {"type": "string", "enum": ["duplicate"]}, "reason: not here 'fraudulent'"),
        ("charge", ANY_TEXT, "charge: only here ''"),
        ("charge", {"anyOf": [EMPTY, TEXT]}, "charge: only here ''"),
        ("metadata", {"type": "object", "additionalProperties": TEXT}, "metadata: not here ''"),
        ("metadata", {"type": "object", "properties": {}}, "metadata: only here object"),
        ("expand", {"type": "array", "items": {"type": "integer"}}, "expand[]: only here integer"),
    ],
)
def test_the_comparison_sees_every_kind_of_difference(
    name: str, schema: dict[str, Any], difference: str
) -> None:
    refund = {"type": "object", "properties": {name: schema}}
    assert f"refund.{difference}" in differences(refund, stripe.params.RefundCreateParams, "refund")


def test_the_comparison_sees_what_only_one_side_requires() -> None:
    payment = {"type": "object", "properties": {"customer": TEXT}, "required": ["customer"]}
    found = set(differences(payment, stripe.params.PaymentIntentCreateParams, "pi"))
    assert found == {
        "pi.customer: required here",
        "pi.amount: required by Stripe",
        "pi.currency: required by Stripe",
    }
