"""
Compares two answers to the same request by their shape: fields, types, and the words of enumerations.

Ids, amounts, times and texts differ from one account and run to the next, so of these only the type
counts. Null fits every type: which fields an account has filled is its own affair.
"""

from collections.abc import Iterator
from typing import Any

# Fields whose value is one of a few words, and the same in every account.
WORDS = {
    "billing_reason",
    "capture_method",
    "code",
    "collection_method",
    "currency",
    "decline_code",
    "failure_code",
    "interval",
    "network_status",
    "object",
    "reason",
    "status",
    "type",
    "usage_type",
}
# What hangs on the settings of an account, or has free keys.
OF_THE_ACCOUNT = {"fee_details", "metadata", "payment_method_options", "payment_method_types"}
JSON_TYPES = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def differences(stripe: Any, simulator: Any, path: str = "", name: str = "") -> Iterator[str]:
    """
    Every difference below *path*, as a line that says who has what.
    """
    if stripe is None or simulator is None or name in OF_THE_ACCOUNT:
        return
    if isinstance(stripe, dict) and isinstance(simulator, dict):
        for field in sorted(stripe.keys() | simulator.keys()):
            below = f"{path}.{field}".lstrip(".")
            if field not in simulator:
                yield f"{below}: only Stripe has it"
            elif field not in stripe:
                yield f"{below}: only the simulator has it"
            else:
                yield from differences(stripe[field], simulator[field], below, field)
    elif isinstance(stripe, list) and isinstance(simulator, list):
        for ours, theirs in zip(stripe, simulator, strict=False):
            yield from differences(ours, theirs, f"{path}[]", name)
    elif _said(stripe, name) != _said(simulator, name):
        yield f"{path}: Stripe says {_said(stripe, name)}, the simulator {_said(simulator, name)}"


def _said(value: Any, name: str) -> str:
    return repr(value) if name in WORDS and isinstance(value, str) else JSON_TYPES[type(value)]
