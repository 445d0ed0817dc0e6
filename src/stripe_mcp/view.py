"""
From Stripe's reply to what the model reads. No I/O.

Nulls say nothing and cost tokens; secrets are nobody's business here: both are left out.
"""

import json
from typing import Any

# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-client_secret and the like:
# whoever holds one can act for the customer, or tell one card from another across merchants.
_SECRETS = frozenset({"client_secret", "fingerprint", "secret"})


def show(body: dict[str, Any]) -> str:
    """
    The Stripe object *body* as compact JSON.
    """
    text = json.dumps(_lean(body), ensure_ascii=False, separators=(",", ":"))
    # Half an emoji, cut by whoever wrote it, is no Unicode text and could not be sent on.
    return text.encode("utf-8", "replace").decode("utf-8")


def _lean(value: Any) -> Any:
    if isinstance(value, list):
        return [_lean(child) for child in value]
    if not isinstance(value, dict):
        return value
    return {
        # metadata is the merchant's own, whatever its keys are called
        name: child if name == "metadata" else _lean(child)
        for name, child in value.items()
        if child is not None and name not in _SECRETS
    }
