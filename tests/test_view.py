"""
What of a Stripe object the model reads.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.view import Detail, View, expand_tree

OBJECTS = load_catalog(builtin_folder()).objects
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=5), child, max_size=3),
    max_leaves=8,
)
DETAILS: list[Detail] = ["lean", "full"]
SECRETS = ["client_secret", "secret", "fingerprint"]
EVERYWHERE = [
    lambda inner: inner,
    lambda inner: {"object": "list", "data": [inner]},
    lambda inner: {"payment_method_details": {"card": inner}},
    lambda inner: {"object": "event", "data": {"object": inner, "previous_attributes": inner}},
    lambda inner: {"last_payment_error": {"payment_intent": inner}},
    lambda inner: {"confirmation_secret": inner},
]


def lean(body: dict[str, Any], *expand: str) -> dict[str, Any]:
    return View(OBJECTS, "lean").show(body, expand_tree([*expand]))


def full(body: dict[str, Any]) -> dict[str, Any]:
    return View(OBJECTS, "full").show(body, {})


def test_lean_shows_the_fields_of_the_catalog_in_its_order_and_no_others() -> None:
    body = {"id": "re_1", "status": "pending", "object": "refund", "balance_transaction": "txn_1", "new": 1}
    assert list(lean(body).items()) == [("object", "refund"), ("id", "re_1"), ("status", "pending")]


def test_a_row_of_a_list_shows_the_fields_of_rows() -> None:
    charge = {"object": "charge", "id": "ch_1", "description": "Beans", "payment_intent": "pi_1"}
    assert lean({"object": "list", "data": [charge], "has_more": False, "url": "/v1/charges"}) == {
        "data": [{"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}],
        "has_more": False,
    }
    assert lean(charge) == {"object": "charge", "id": "ch_1", "description": "Beans"}


@pytest.mark.parametrize(
    ("field", "usual", "unusual"),
    [
        ("amount_refunded", 0, 500),
        ("captured", True, False),
        ("disputed", False, True),
        ("amount_captured", 4900, 100),  # as much as the amount
    ],
)
def test_what_says_nothing_is_left_out_of_lean(field: str, usual: Any, unusual: Any) -> None:
    charge = {"object": "charge", "id": "ch_1", "amount": 4900}
    assert field not in lean(charge | {field: usual})
    assert lean(charge | {field: unusual})[field] == unusual
    assert full(charge | {field: usual})[field] == usual


def test_an_event_tells_how_much_of_a_charge_was_refunded() -> None:
    charge = {"object": "charge", "id": "ch_1", "amount": 4900, "amount_refunded": 500, "currency": "usd"}
    event = {"object": "event", "id": "evt_1", "type": "charge.refunded", "data": {"object": charge}}
    for shown in (lean(event), lean({"object": "list", "data": [event]})["data"][0]):
        assert shown["data"]["object"]["amount_refunded_display"] == "$5.00"


def test_a_price_of_what_is_used_is_not_taken_for_that_of_a_plan() -> None:
    price = {"object": "price", "currency": "usd", "unit_amount": 5, "recurring": {"usage_type": "metered"}}
    items = {"object": "list", "data": [{"object": "subscription_item", "price": price}]}
    subscription = {"object": "subscription", "id": "sub_1", "items": items}
    for shown in (lean(subscription), lean({"object": "list", "data": [subscription]})["data"][0]):
        assert shown["items"]["data"][0]["price"]["recurring"] == {"usage_type": "metered"}


def test_an_invoice_that_is_paid_out_of_a_balance_does_not_pass_for_one_that_money_came_for() -> None:
    invoice = {"object": "invoice", "id": "in_1", "status": "paid", "total": 4900, "amount_paid": 0}
    for shown in (lean(invoice), lean({"object": "list", "data": [invoice]})["data"][0]):
        assert shown["amount_paid"] == 0


def test_a_currency_of_which_there_is_nothing_is_left_out_of_a_balance() -> None:
    nothing, some = {"amount": 0, "currency": "eur"}, {"amount": -5, "currency": "usd"}
    balance = {"object": "balance", "available": [nothing, some], "pending": [nothing]}
    assert lean(balance) == {
        "object": "balance",
        "available": [{"amount": -5, "amount_display": "-$0.05", "currency": "usd"}],
        "pending": [],
    }
    assert len(full(balance)["available"]) == 2


@pytest.mark.parametrize(
    ("currency", "amount", "display"),
    [("usd", 4900, "$49.00"), ("jpy", 500, "¥500"), ("kwd", 1250, "KD 1.250")],
)
def test_an_amount_stands_beside_its_display(currency: str, amount: int, display: str) -> None:
    body = {"object": "refund", "id": "re_1", "amount": amount, "currency": currency}
    for shown in (lean(body), full(body)):
        assert (shown["amount"], shown["amount_display"]) == (amount, display)


def test_an_amount_without_a_currency_of_its_own_has_that_of_the_object_around_it() -> None:
    line = {"object": "line_item", "amount": 500, "description": "Beans"}
    invoice = {"object": "invoice", "id": "in_1", "currency": "jpy", "lines": {"data": [line]}}
    assert lean(invoice)["lines"]["data"] == [
        {"description": "Beans", "amount": 500, "amount_display": "¥500"}
    ]
    assert full(invoice)["lines"]["data"][0]["amount_display"] == "¥500"


@pytest.mark.parametrize("currency", [None, "zzz", 5, ""])
def test_an_amount_of_no_known_currency_has_no_display(currency: Any) -> None:
    shown = lean({"object": "refund", "id": "re_1", "amount": 5, "currency": currency})
    assert shown["amount"] == 5
    assert "amount_display" not in shown


def test_an_amount_finer_than_the_smallest_unit_is_shown_where_there_is_no_other() -> None:
    price = {"object": "price", "id": "price_1", "currency": "usd", "unit_amount_decimal": "0.5"}
    assert lean(price)["unit_amount_decimal_display"] == "$0.005"
    assert "unit_amount_decimal" not in lean(price | {"unit_amount": 5, "unit_amount_decimal": "5"})


def test_times_are_iso_8601_in_utc() -> None:
    body = {"object": "charge", "id": "ch_1", "created": 1795521600}
    assert lean(body)["created"] == full(body)["created"] == "2026-11-24T12:00:00Z"


def test_what_was_expanded_shows_its_own_view_in_its_place() -> None:
    customer = {"object": "customer", "id": "cus_1", "name": "Zoë", "livemode": False}
    invoice = {"object": "invoice", "id": "in_1", "status": "paid", "livemode": False, "customer": customer}
    body = {"object": "subscription", "id": "sub_1", "latest_invoice": invoice, "livemode": False}
    assert lean(body, "latest_invoice.customer") == {
        "object": "subscription",
        "id": "sub_1",
        "latest_invoice": {
            "object": "invoice",
            "id": "in_1",
            "status": "paid",
            "customer": {"object": "customer", "id": "cus_1", "name": "Zoë"},
        },
    }
    assert "latest_invoice" not in lean(body)


def test_what_was_expanded_inside_of_a_list_is_shown_there() -> None:
    product = {"object": "product", "id": "prod_1", "name": "Beans", "livemode": False}
    item = {"object": "subscription_item", "price": {"object": "price", "id": "price_1", "product": product}}
    body = {"object": "subscription", "id": "sub_1", "items": {"object": "list", "data": [item]}}
    shown = lean({"object": "list", "data": [body], "has_more": False}, "data.items.data.price.product")
    assert shown["data"][0]["items"]["data"] == [
        {"price": {"product": {"object": "product", "id": "prod_1", "name": "Beans"}}}
    ]


def test_an_expanded_list_has_its_rows_and_whether_there_are_more() -> None:
    refund = {"object": "refund", "id": "re_1", "livemode": False}
    refunds = {"object": "list", "data": [refund], "has_more": True, "url": "/v1/refunds"}
    assert lean({"object": "charge", "id": "ch_1", "refunds": refunds}, "refunds")["refunds"] == {
        "data": [{"object": "refund", "id": "re_1"}],
        "has_more": True,
    }


def test_a_customer_that_is_deleted_says_only_that() -> None:
    body = {"id": "cus_1", "object": "customer", "deleted": True}
    assert lean(body) == full(body) == body


@pytest.mark.parametrize("detail", DETAILS)
def test_an_object_that_the_catalog_does_not_know_is_shown_whole(detail: Detail) -> None:
    body = {"object": "review", "id": "prv_1", "open": True, "closed_reason": None, "session": {"os": "x"}}
    assert View(OBJECTS, detail).show(body, {}) == {
        "object": "review",
        "id": "prv_1",
        "open": True,
        "session": {"os": "x"},
    }


def test_former_values_are_shown_as_the_fields_are_and_a_null_among_them_stays() -> None:
    charge = {"object": "charge", "id": "ch_1", "currency": "usd"}
    before = {"amount_refunded": 500, "created": 1795521600, "failure_code": None, "fingerprint": "canary"}
    event = {"object": "event", "id": "evt_1", "data": {"object": charge, "previous_attributes": before}}
    for shown in (lean(event), full(event)):
        assert shown["data"]["previous_attributes"] == {
            "amount_refunded": 500,
            "amount_refunded_display": "$5.00",
            "created": "2026-11-24T12:00:00Z",
            "failure_code": None,
        }


@pytest.mark.parametrize("now", [None, "ch_1", {"object": "review"}])
def test_former_values_of_what_is_not_known_are_shown_as_they_are(now: Any) -> None:
    event = {"object": "event", "id": "evt_1", "data": {"object": now, "previous_attributes": {"a": 1}}}
    assert full(event)["data"]["previous_attributes"] == {"a": 1}
    event["data"] = {"object": now, "previous_attributes": False}
    assert "previous_attributes" not in str(full(event))


def test_full_leaves_out_nulls_at_every_level() -> None:
    body = {"id": "ch_1", "x": None, "card": {"last4": "4242", "y": None}, "data": [{"z": None}, {"id": "a"}]}
    assert full(body) == {"id": "ch_1", "card": {"last4": "4242"}, "data": [{}, {"id": "a"}]}


def test_in_full_what_is_empty_or_zero_or_false_says_something_and_stays() -> None:
    body: dict[str, Any] = {"name": "", "balance": 0, "livemode": False, "data": [], "address": {}}
    assert full(body) == body


def test_the_place_of_a_null_in_a_list_is_kept() -> None:
    assert full({"tiers": [1, None, [None, "a"]]}) == {"tiers": [1, None, [None, "a"]]}


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("wrap", EVERYWHERE)
def test_secrets_are_left_out_wherever_they_stand(detail: Detail, secret: str, wrap: Any) -> None:
    """
    S10.
    """
    body = wrap({"id": "pi_1", secret: "canary"})
    shown = View(OBJECTS, detail).show(body, expand_tree(["confirmation_secret", "last_payment_error"]))
    assert "canary" not in str(shown)
    assert "pi_1" in str(shown)


@given(body=st.dictionaries(st.text(max_size=5), JSON, max_size=3), secret=st.sampled_from(SECRETS))
def test_no_object_shows_a_secret(body: dict[str, Any], secret: str) -> None:
    """
    S10.
    """
    assert "§canary§" not in str(full({"data": [body | {secret: "§canary§"}]}))


def test_metadata_is_the_merchants_own_whatever_it_is_called() -> None:
    metadata = {"secret": "santa", "fingerprint": "left thumb", "client_secret": "x", "none": None, "": ""}
    body = {"metadata": metadata, "lines": {"data": [{"metadata": metadata}]}}
    assert full(body) == body


def test_metadata_that_is_null_says_nothing() -> None:
    assert full({"id": "ch_1", "metadata": None}) == {"id": "ch_1"}


@pytest.mark.parametrize("detail", DETAILS)
def test_text_of_strangers_is_cleaned_in_names_and_values(detail: Detail) -> None:
    """
    S9.
    """
    body = {
        "object": "customer",
        "id": "cus_1",
        "name": "Zoë \u202e👩‍👩‍👧\x00",
        "metadata": {"or\u200bder": "half \ud83d\nan emoji"},
    }
    shown = View(OBJECTS, detail).show(body, {})
    assert shown["name"] == "Zoë 👩‍👩‍👧"
    assert shown["metadata"] == {"order": "half ? an emoji"}


@pytest.mark.parametrize(("detail", "most"), [("lean", 200), ("full", 5000)])
def test_text_of_strangers_is_capped(detail: Detail, most: int) -> None:
    """
    S9.
    """
    long = "a" * (most + 1)
    body = {"object": "customer", "id": "cus_1", "name": long, "metadata": {"note": long}}
    shown = View(OBJECTS, detail).show(body, {})
    for text in (shown["name"], shown["metadata"]["note"]):
        assert len(text) == most
        assert text.endswith(f"… ({most + 1} characters)")


def test_an_id_is_never_cut() -> None:
    body = {"object": "customer", "id": "cus_" + "1" * 251}
    assert lean(body) == body


@given(
    value=JSON, name=st.sampled_from(["amount", "created", "customer", "description", "metadata", "status"])
)
def test_what_breaks_the_type_of_its_field_is_left_out(value: Any, name: str) -> None:
    fits = {"amount": int, "created": int, "customer": str | dict, "metadata": dict}.get(name, str)
    charge = {"object": "charge", "id": "ch_1", name: value}
    for shown in (lean(charge), full(charge)):
        if name in shown:
            assert isinstance(value, fits)
            assert not isinstance(value, bool)
        assert (shown["object"], shown["id"]) == ("charge", "ch_1")


@given(body=st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_the_object_itself_is_not_changed(body: dict[str, Any]) -> None:
    before = json.dumps(body)
    full(body)
    lean({"object": "charge", "metadata": body})
    assert json.dumps(body) == before


def test_the_deepest_answer_that_is_read_can_be_shown() -> None:
    body: Any = 1
    for _ in range(100):
        body = {"a": body}
    assert full(body) == body


def test_so_has_one_in_an_expanded_list() -> None:
    refunds = {"object": "list", "data": [{"object": "refund", "id": "re_1", "amount": 500}]}
    charge = {"object": "charge", "id": "ch_1", "currency": "jpy", "refunds": refunds}
    for shown in (lean(charge, "refunds"), full(charge)):
        assert shown["refunds"]["data"][0]["amount_display"] == "¥500"


def test_in_full_an_object_inside_is_shown_as_its_own_file_describes_it() -> None:
    price = {"object": "price", "id": "price_1", "created": 1795521600}
    items = {"object": "list", "data": [{"object": "subscription_item", "price": price}]}
    shown = full({"object": "subscription", "id": "sub_1", "items": items})
    assert shown["items"]["data"][0]["price"]["created"] == "2026-11-24T12:00:00Z"


@pytest.mark.parametrize(
    "misfit",
    [
        {"lines": {"object": "list", "data": ["il_1"]}},
        {"created": 10**15},
        {"due_date": -(10**15)},
        {"data": {"object": {"id": {"object": "charge"}}}},
    ],
)
@pytest.mark.parametrize("kind", ["invoice", "event"])
def test_rows_ids_and_times_that_are_none_are_left_out(kind: str, misfit: dict[str, Any]) -> None:
    body = {"object": kind, "id": "x_1"}
    assert lean(body | misfit) == body


def test_former_amounts_are_in_the_currency_that_there_was_then() -> None:
    now = {"object": "payment_intent", "id": "pi_1", "amount": 500, "currency": "jpy"}
    before = {"amount": 500, "currency": "usd"}
    event = {"object": "event", "id": "evt_1", "data": {"object": now, "previous_attributes": before}}
    for shown in (lean(event), full(event)):
        assert shown["data"]["previous_attributes"]["amount_display"] == "$5.00"
        assert shown["data"]["object"]["amount_display"] == "¥500"


@pytest.mark.parametrize(
    "secret", ["pi_3MtwBw_secret_", "seti_1Mm8s8_secret_", "src_client_secret_", "cs_test_a11Y_secret_"]
)
def test_secrets_are_masked_in_links(secret: str) -> None:
    """
    S10.
    """
    url = f"https://hooks.stripe.com/redirect?client_secret={secret}{'c4nary' * 4}&merchant=acct_1"
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": url}}
    shown = full({"object": "payment_intent", "id": "pi_1", "next_action": action})
    assert "c4nary" not in str(shown)
    assert shown["next_action"]["redirect_to_url"]["url"].endswith(f"{secret}***&merchant=acct_1")
    assert full({"description": "top_secret_recipe"}) == {"description": "top_secret_recipe"}


def test_an_invoice_that_was_credited_afterwards_does_not_look_paid_in_full() -> None:
    invoice = {"object": "invoice", "id": "in_1", "currency": "usd", "total": 4900, "amount_paid": 4900}
    credited = lean(invoice | {"post_payment_credit_notes_amount": 4900})
    assert credited["post_payment_credit_notes_amount_display"] == "$49.00"
    assert "post_payment_credit_notes_amount" not in lean(invoice | {"post_payment_credit_notes_amount": 0})


def test_former_values_inside_of_others_are_all_shown_and_secrets_are_not() -> None:
    now = {"object": "subscription", "id": "sub_1", "currency": "usd"}
    before = {
        "pause_collection": {"behavior": "void", "resumes_at": 1795521600, "new": None},
        "payment_settings": {"secret": "canary", "inside": {"client_secret": "canary"}},
    }
    event = {"object": "event", "id": "evt_1", "data": {"object": now, "previous_attributes": before}}
    for shown in (lean(event), full(event)):
        assert shown["data"]["previous_attributes"] == {
            "pause_collection": {"behavior": "void", "resumes_at": "2026-11-24T12:00:00Z", "new": None},
            "payment_settings": {"inside": {}},
        }
