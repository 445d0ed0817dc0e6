"""
Whether Stripe's answer is to this call: the same object, the same money, the same mode. No I/O.
"""

from typing import Any

from stripe_mcp.catalog import Template
from stripe_mcp.settings import Mode
from stripe_mcp.text import cap, clean

_TOLD_AND_ANSWERED = ("amount", "currency", "customer", "payment_intent", "charge")


def warnings(
    template: Template, arguments: dict[str, Any], body: dict[str, Any], mode: Mode
) -> tuple[str, ...]:
    """
    Say in what *body* is no answer to a call of *template* with *arguments*; nothing if all is well.
    """
    if template.returns_list:
        return ()
    expected: dict[str, Any] = {"livemode": mode == "LIVE"}
    if _answers_with_its_own(template):
        expected["id"] = arguments[template.path_arguments[0]]
    for name in _TOLD_AND_ANSWERED if not template.reads else ():
        if name in arguments:
            expected[_answered(name, template)] = arguments[name]
    answered = {name: _id(body[name]) for name in expected if body.get(name) is not None}
    wrong = [name for name in answered if answered[name] != expected[name]]
    told = "; ".join(f"{name} is {_shown(answered[name])}, not {_shown(expected[name])}" for name in wrong)
    return (_WARNING.format(told),) if wrong else ()


_WARNING = "WARNING: Stripe's answer does not fit this call: {}. Tell the user; a person has to look at it."


def _shown(value: Any) -> str:
    return cap(clean(str(value)), 100)


def _answers_with_its_own(template: Template) -> bool:
    """
    Whether *template* returns the object that its path names, and not one that belongs to it.
    """
    kind = template.returned_object.removeprefix("deleted_")
    return template.request.path.startswith(f"/v1/{kind}s/{{")


def _answered(name: str, template: Template) -> str:
    """
    The field of the answer that holds the argument *name*: what a capture takes is not the charge's amount.
    """
    captures = template.request.path.endswith("/capture")
    return "amount_captured" if captures and name == "amount" else name


def _id(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value
