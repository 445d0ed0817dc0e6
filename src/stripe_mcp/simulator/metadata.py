"""
Metadata, and the addresses that come with it: how what is given joins what is there.

Rule: a key with an empty value is unset, an empty value for the whole clears it
all. https://docs.stripe.com/metadata
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.table import Record

MOST_KEYS = 50
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def merge_metadata(current: dict[str, str], given: Any) -> dict[str, str]:
    """
    *current* with what was *given* for it: nothing, the empty string, or keys and values.

    Raises:
        StripeError: There would be more than 50 keys.
    """
    if given == "":
        return {}
    merged = {key: value for key, value in (current | (given or {})).items() if value != ""}
    if len(merged) > MOST_KEYS:
        raise StripeError(f"There can be at most {MOST_KEYS} metadata keys.", param="metadata")
    return merged


def merge_address(current: Record | None, given: Any) -> Record | None:
    """
    As `merge_metadata`, for an address: all six fields are there, or no address is.
    """
    if given == "":
        return None
    return {**dict.fromkeys(ADDRESS), **(current or {}), **given}


def merge_shipping(current: Record | None, given: Any) -> Record | None:
    """
    As `merge_address`, for an address with a name and a phone number.
    """
    if given == "":
        return None
    before = current or {"name": None, "phone": None, "address": None}
    return {**before, **given, "address": merge_address(before["address"], given["address"])}
