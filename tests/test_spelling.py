"""
A misspelt name is understood, and never as one that does something else.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.spelling import nearest

CATALOG = load_catalog(builtin_folder()).templates


@pytest.mark.parametrize("tool", CATALOG)
def test_a_tool_is_found_by_its_name_with_a_letter_too_few_or_two_exchanged(tool: str) -> None:
    for at in range(1, len(tool) - 1):
        fewer = tool[:at] + tool[at + 1 :]
        exchanged = tool[:at] + tool[at + 1] + tool[at] + tool[at + 2 :]
        assert nearest(fewer, CATALOG) == tool
        assert nearest(exchanged, CATALOG) == tool


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("get_custmer", "get_customer_by_id"),
        ("get_customer", "get_customer_by_id"),
        ("search_payment", "search_payment_intents"),
        ("Get_Balance", "get_balance"),
        ("void_invoice", ""),
        ("remove_customer", ""),
        ("create_charge", ""),  # not capture_charge
        ("cancel_payment_intent", ""),  # not create_payment_intent
        ("capture_payment_intent", ""),
        ("deactivate_customer", ""),  # not delete_customer
        ("create_product", ""),  # not create_price
        ("pay", ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
)
def test_half_a_name_is_enough_and_a_mere_likeness_is_not(asked: str, meant: str) -> None:
    assert nearest(asked, CATALOG) == meant


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=5))
def test_what_is_named_is_known(asked: str, known: list[str]) -> None:
    assert nearest(asked, known) in ["", *known]
