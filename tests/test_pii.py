"""
What is known of a person is masked so that they are recognised, and cannot be reached.
"""

import json
import re
from copy import deepcopy
from timeit import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.pii import mask

ADDRESS = {
    "line1": "12 Rose Lane",
    "line2": None,
    "city": "Portland",
    "state": "OR",
    "postal_code": "97201",
    "country": "US",
}
HIDDEN = {
    "line1": "***",
    "line2": None,
    "city": "***",
    "state": "***",
    "postal_code": "***",
    "country": "US",
}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("john@example.com", "j***@example.com"),
        ("John.Doe+shop@mail.example.co.uk", "J***@mail.example.co.uk"),
        ("Receipt to john@example.com, jane@x.io.", "Receipt to j***@example.com, j***@x.io."),
        ("John <john@example.com>", "John <j***@example.com>"),
        ("mailto:john@example.com", "mailto:j***@example.com"),
        ('{"email":"john@example.com"}', '{"email":"j***@example.com"}'),
        ('"john doe"@example.com', '"john d***@example.com'),
        ("jörg@exämple.de 太郎@例え.テスト", "j***@exämple.de 太***@例え.テスト"),
        ("/pay?prefilled_email=john%40example.com&x=1", "/pay?prefilled_email=j***%40example.com&x=1"),
        ("/in?next=%2Fpay%3Fe%3Djohn%2540example.com", "/in?next=%***%2540example.com"),
        ("e=john%40ex%C3%A4mple.com", "e=j***%40ex%C3%A4mple.com"),
        ("j***@example.com", "j***@example.com"),
    ],
)
def test_an_email_address_keeps_its_first_letter_and_its_host(text: str, masked: str) -> None:
    assert mask({"description": text}) == {"description": masked}


@pytest.mark.parametrize(
    "text", ["", "@john", "3@3.50", "3 @ 3.50 each", "john@localhost", "50%", "a%40b", "John Doe", "pi_123"]
)
def test_what_is_no_email_address_stays(text: str) -> None:
    assert mask([text, {"description": text}]) == [text, {"description": text}]


def test_names_of_metadata_are_masked_and_none_is_lost() -> None:
    metadata = {"john@x.com": "1", "jane@x.com": "2", "j***@x.com": "3", "order": "4"}
    masked = mask({"metadata": metadata})["metadata"]
    assert masked == {"j***@x.com": "1", "j***@x.com*": "2", "j***@x.com**": "3", "order": "4"}


@pytest.mark.parametrize("name", ["phone", "support_phone", "customer_phone_number", "Phone", "billingPhone"])
def test_a_phone_number_keeps_its_last_two_digits(name: str) -> None:
    assert mask({name: "+1 555 0100 67"}) == {name: "***67"}
    assert mask({name: ["+15550100", ""]}) == {name: ["***00", ""]}
    assert mask({name: "0199"}) == {name: "***"}


def test_settings_about_phone_numbers_stay() -> None:
    settings = {"phone_number_collection": {"enabled": True, "note": "at checkout"}}
    assert mask(settings) == settings


@pytest.mark.parametrize("name", ["address", "billing_address", "shipping_address", "registered_address"])
def test_of_an_address_the_country_stays(name: str) -> None:
    assert mask({name: ADDRESS}) == {name: HIDDEN}
    assert mask({name: "12 Rose Lane, Portland"}) == {name: "***"}
    assert mask({name: ["12 Rose Lane", {"country": "US", "town": {"name": "x"}}]}) == {
        name: ["***", {"country": "US", "town": {"name": "***"}}]
    }


def test_the_lines_of_an_address_are_masked_wherever_they_stand() -> None:
    assert mask(ADDRESS) == HIDDEN
    assert mask({"data": [{"metadata": ADDRESS}]}) == {"data": [{"metadata": HIDDEN}]}


@pytest.mark.parametrize(
    "name",
    ["ip_address", "address_line1", "address_city", "address_zip", "Billing Address", "shippingAddress"],
)
def test_other_kinds_of_address_are_masked(name: str) -> None:
    assert mask({name: "10.0.0.1"}) == {name: "***"}


def test_the_email_address_of_a_dispute_is_still_recognised() -> None:
    assert mask({"customer_email_address": "john@x.com"}) == {"customer_email_address": "j***@x.com"}


def test_what_is_not_about_reaching_a_person_stays() -> None:
    body = {
        "id": "cus_1",
        "name": "John Doe",
        "amount": 4900,
        "paid": True,
        "rate": 0.5,
        "phone": None,
        "address": None,
        "line1": 12,
        "checks": {"address_line1_check": "pass", "address_postal_code_check": "pass"},
        "billing_address_collection": "auto",
        "status": "succeeded",
    }
    assert mask(body) == body


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
PARTS = [
    "john",
    "a.b",
    "@",
    "%40",
    "%2540",
    "x.com",
    "ex.co.uk",
    "*",
    '"',
    "'",
    " ",
    "/",
    "=",
    "é",
    "phone",
    "123",
]
TEXTS = st.lists(st.sampled_from(PARTS) | st.characters(), max_size=8).map("".join)
NAMES = TEXTS | st.sampled_from(["phone", "address", "ip_address", "city", "country", "metadata", "email"])
JSON = st.recursive(
    LEAVES | TEXTS,
    lambda child: st.lists(child, max_size=3) | st.dictionaries(NAMES, child, max_size=4),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """
    *value* without its texts, in the order of its fields.
    """
    if isinstance(value, dict):
        return [shape(child) for child in value.values()]
    if isinstance(value, list):
        return [shape(child) for child in value]
    return "" if isinstance(value, str) else value


@given(value=JSON)
def test_what_is_masked_stays_as_it_is(value: Any) -> None:
    assert mask(mask(value)) == mask(value)


@given(value=JSON)
def test_the_copy_has_all_that_is_no_text_and_the_original_is_not_changed(value: Any) -> None:
    before = deepcopy(value)
    assert shape(mask(value)) == shape(value)
    assert value == before


@given(
    name=st.from_regex(r"[a-z][a-z0-9.+_-]{3,20}", fullmatch=True),
    at=st.sampled_from(["@", "%40", "%2540"]),
    around=st.sampled_from(["{}", "to {} and back", "<{}>", "https://x.test/?e={}&f=1", '{{"e":"{}"}}']),
    field=st.sampled_from(["email", "description", "customer_email_address", "phone", "address", "line1"]),
)
def test_no_email_address_is_shown_wherever_it_stands(name: str, at: str, around: str, field: str) -> None:
    text = around.format(f"{name}{at}example.com")
    for value in ({field: text}, {field: [{field: text}]}, {"metadata": {text: text}}):
        assert name not in json.dumps(mask(value))


@given(digits=st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True))
def test_of_a_phone_number_two_digits_are_shown(digits: str) -> None:
    masked = mask({"customer_details": {"phone": digits}})["customer_details"]["phone"]
    assert re.fullmatch(r"\*\*\*[0-9]{2}", masked)


@pytest.mark.parametrize("piece", ["x%40", "a@", "a@b.", "x%", "a%40b.", "%", "a.", "'@", f"a%40{'b' * 62}."])
def test_no_text_takes_long(piece: str) -> None:
    assert timeit(lambda: mask(piece * (20_000 // len(piece))), number=1) < 1
