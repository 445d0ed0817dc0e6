"""
What proves an identity is compared as people say it, and told to nobody.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.safety.factors import FACTORS, asks_for, conceal, find_all, fits
from stripe_mcp.searching import search_fields
from tests.shopping import REPLIES

ALL = frozenset(FACTORS)
LAST4 = frozenset({"last4"})
POSTAL_CODE = frozenset({"postal_code"})

LINKS = ("receipt_url", "hosted_invoice_url", "invoice_pdf")
SEARCHABLE = [
    f for each in ("charges", "customers", "invoices", "payment_intents") for f in search_fields(each)
]
TELLING = [field for field in SEARCHABLE if field.rpartition(".")[2] in FACTORS]


def leaves(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    """
    All that is no object and no list in *value*, with the field it stands in.
    """
    match value:
        case dict():
            for name, child in value.items():
                yield from leaves(child, name)
        case list():
            for child in value:
                yield from leaves(child, field)
        case _:
            yield field, value


@pytest.mark.parametrize("tool", REPLIES)
def test_no_reply_tells_the_end_of_a_card_or_a_postal_code(tool: str) -> None:
    before = deepcopy(REPLIES[tool])
    known = {text for factor in ALL for text in find_all(factor, before)}
    shown = conceal(ALL, REPLIES[tool])
    assert REPLIES[tool] == before
    assert all(value in (None, "***") for name, value in leaves(shown) if name in FACTORS)
    assert not known & {value for _, value in leaves(shown)}


@pytest.mark.parametrize("tool", REPLIES)
def test_no_reply_has_a_link_to_a_page_that_shows_the_card(tool: str) -> None:
    shown = json.dumps(conceal(LAST4, REPLIES[tool]))
    assert not any(f'"{name}"' in shown for name in LINKS)


@pytest.mark.parametrize("tool", REPLIES)
def test_all_the_rest_of_a_reply_stays(tool: str) -> None:
    told = [(name, value) for name, value in leaves(REPLIES[tool]) if name not in LINKS]
    shown = list(leaves(conceal(LAST4, REPLIES[tool])))
    assert shown == [(name, "***" if name == "last4" and value else value) for name, value in told]


def test_the_replies_have_something_to_tell() -> None:
    told = {name for reply in REPLIES.values() for name, value in leaves(reply) if value}
    assert {"last4", *LINKS} <= told


@pytest.mark.parametrize(
    "field",
    [
        "last4",
        "dynamic_last4",
        "iban_last4",
        "iban",
        "account_number",
        "Last 4",
        "card-last-four",
        "Card number",
    ],
)
def test_what_ends_in_the_last_four_digits_is_hidden_wherever_it_stands(field: str) -> None:
    for value in ("4242", 4242, ["4242"]):
        body = {"data": {"previous_attributes": {"card": {field: value}}}, "metadata": {field: value}}
        shown = conceal(LAST4, body)
        assert "4242" not in json.dumps(shown)
        assert conceal(POSTAL_CODE, body) == body


@pytest.mark.parametrize(
    "field", ["postal_code", "address_zip", "ZIP", "Postcode", "billing_address", "address"]
)
def test_what_has_the_postal_code_is_hidden_wherever_it_stands(field: str) -> None:
    body = {"previous_attributes": [{field: "OX1 2JD"}], "metadata": {field: "12 High Street, OX1 2JD"}}
    assert "2JD" not in json.dumps(conceal(POSTAL_CODE, body))
    assert conceal(LAST4, body) == body


def test_what_only_sounds_like_it_stays() -> None:
    body = {
        "id": "cus_4242",
        "last4": None,
        "address": {"city": "Oxford", "line1": "", "country": "GB"},
        "checks": {"address_postal_code_check": "pass", "address_zip_check": "fail"},
        "customer_email_address": "john@example.com",
        "capabilities": {"zip_payments": "active", "multibanco_payments": "active"},
        "description": "Visa ending in 4242",
        "livemode": False,
        "amount": 4242,
        "rate": 0.5,
    }
    assert conceal(ALL, body) == body


@pytest.mark.parametrize(
    "name",
    [
        "receipt_url",
        "hosted_invoice_url",
        "hosted_verification_url",
        "hosted_voucher_url",
        "mandate_url",
        "invoice_pdf",
        "pdf",
    ],
)
def test_links_to_receipts_and_hosted_pages_are_left_out_on_any_host(name: str) -> None:
    assert conceal(LAST4, {"data": [{name: "https://pay.shop.example/x", "id": "in_1"}]}) == {
        "data": [{"id": "in_1"}]
    }


def test_how_a_page_is_printed_is_no_link() -> None:
    body = {"rendering": {"pdf": {"page_size": "a4"}}}
    assert conceal(ALL, body) == body


@pytest.mark.parametrize("host", ["pay", "invoice", "payments", "files.eu", "billing"])
def test_no_link_to_a_page_of_stripes_is_left_in_a_text(host: str) -> None:
    body = {
        "url": f"https://{host}.stripe.com/x/y?z",
        "metadata": {"n": f"see HTTPS://{host}.Stripe.com/1 now"},
    }
    assert conceal(LAST4, body) == {"url": "***", "metadata": {"n": "see *** now"}}


@pytest.mark.parametrize(
    "link",
    [
        "/v1/charges",
        "https://shop.example/tea",
        "https://stripe.com/docs/error-codes/card-declined",
        "https://docs.stripe.com/error-codes",
        "https://dashboard.stripe.com/logs/req_1",
    ],
)
def test_links_that_tell_nothing_stay(link: str) -> None:
    assert conceal(ALL, {"url": link}) == {"url": link}


def test_the_fields_that_tell_can_be_searched_at_stripe() -> None:
    assert len(TELLING) == 4


@pytest.mark.parametrize("field", SEARCHABLE)
def test_a_search_is_by_no_field_that_tells(field: str) -> None:
    tells = field in TELLING
    for query in (
        f'{field}:"4242"',
        f"{field.upper()} : '4242' AND amount>5",
        f'-status:"x" OR -{field}:null',
        f'metadata["it\'s"]:"\\"" AND {field}:\'4242\'',
        f"""metadata['it:"s']:'x' AND {field}:"4242" """,
        f'metadata["x:"]:":" AND {field}:"z"',
        f'name:"open AND {field}:4242',
    ):
        assert asks_for(ALL, {"query": query, "limit": 3}) == tells


@pytest.mark.parametrize("key", ["last4", "Card last 4", "zip", "postal_code", "address"])
def test_a_search_is_by_no_metadata_that_is_hidden(key: str) -> None:
    assert asks_for(ALL, {"query": f'metadata["{key}"]:"4242"'})
    assert asks_for(ALL, {"query": f"status:'x' AND metadata[ '{key}']:'4242'"})
    assert conceal(ALL, {"metadata": {key: "4242"}}) == {"metadata": {key: "***"}}


@pytest.mark.parametrize(
    "query", ['description~"last4 postal_code"', "name:'my address'", "", 'a:"" AND b:"zip"']
)
def test_what_is_looked_for_may_be_called_like_a_field(query: str) -> None:
    assert not asks_for(ALL, {"query": query})


@pytest.mark.parametrize("value", ["4242", {"gte": "4"}, ["4242"]])
def test_no_list_is_filtered_by_a_field_that_tells(value: Any) -> None:
    assert asks_for(ALL, {"last4": value})
    assert asks_for(ALL, {"filters": [{"card": {"postal_code": value}}]})
    assert not asks_for(POSTAL_CODE, {"last4": value})


@pytest.mark.parametrize("query", [None, 5, ["last4"], {"email": "last4"}])
def test_a_query_that_is_no_text_is_left_to_the_check_of_arguments(query: Any) -> None:
    assert not asks_for(ALL, {"query": query})


@pytest.mark.parametrize(
    ("said", "on_file"),
    [
        ("4242", ["0000", "4242"]),
        ("ox1 2jd", ["OX12JD"]),
        ("OX12JD", ["OX1 2JD"]),
        ("542 0076", ["542-0076"]),
        ("97201", ["", "97201"]),
    ],
)
def test_what_fits_is_found_as_it_is_spoken(said: str, on_file: list[str]) -> None:
    assert fits(said, on_file)


@pytest.mark.parametrize(
    ("said", "on_file"),
    [
        ("4242", []),
        ("4242", ["42424"]),
        ("-", ["", "-", " "]),
        ("97201", ["97202", ""]),
        ("\U0001f600", ["\ud83d"]),
    ],
)
def test_what_is_not_on_file_does_not_fit(said: str, on_file: list[str]) -> None:
    assert not fits(said, on_file)


@given(on_file=st.lists(st.from_regex(r"[0-9]{4}", fullmatch=True), max_size=5), said=st.integers(0, 9999))
def test_four_digits_fit_if_they_are_on_file(on_file: list[str], said: int) -> None:
    assert fits(f"{said:04}", on_file) == (f"{said:04}" in on_file)


def test_what_is_on_file_is_no_metadata() -> None:
    body = [{"card": {"last4": "4242", "dynamic_last4": "1"}, "metadata": {"last4": "2"}}, {"last4": None}]
    assert list(find_all("last4", body)) == ["4242"]
