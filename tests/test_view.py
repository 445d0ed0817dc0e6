"""
What of a Stripe object the model reads.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.view import show

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=5), child, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)


def seen(body: dict[str, Any]) -> Any:
    return json.loads(show(body))


def test_the_text_is_compact_json() -> None:
    body = {"id": "ch_1", "amount": 500, "paid": True, "rate": 0.5, "lines": [1, {"a": "b"}]}
    assert show(body) == '{"id":"ch_1","amount":500,"paid":true,"rate":0.5,"lines":[1,{"a":"b"}]}'


def test_nulls_are_left_out_at_every_level() -> None:
    body = {"id": "ch_1", "x": None, "card": {"last4": "4242", "y": None}, "data": [{"z": None}, {"id": "a"}]}
    assert seen(body) == {"id": "ch_1", "card": {"last4": "4242"}, "data": [{}, {"id": "a"}]}


def test_what_is_empty_or_zero_or_false_says_something_and_stays() -> None:
    body: dict[str, Any] = {"name": "", "balance": 0, "livemode": False, "data": [], "address": {}}
    assert seen(body) == body


def test_the_place_of_a_null_in_a_list_is_kept() -> None:
    assert seen({"tiers": [1, None, 3]}) == {"tiers": [1, None, 3]}


@pytest.mark.parametrize("secret", ["client_secret", "secret", "fingerprint"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        lambda inner: {"object": "list", "data": [inner]},
        lambda inner: {"payment_method_details": {"card": inner}},
        lambda inner: {"data": {"object": inner, "previous_attributes": inner}},
        lambda inner: {"last_payment_error": {"payment_intent": inner}},
        lambda inner: {"confirmation_secret": inner},
    ],
)
def test_secrets_are_left_out_wherever_they_stand(secret: str, wrap: Any) -> None:
    """
    S10.
    """
    text = show(wrap({"id": "pi_1", secret: "canary"}))
    assert "canary" not in text
    assert "pi_1" in text


@given(body=OBJECTS, secret=st.sampled_from(["client_secret", "secret", "fingerprint"]))
def test_no_object_shows_a_secret(body: dict[str, Any], secret: str) -> None:
    """
    S10.
    """
    assert "§canary§" not in show({"data": [body | {secret: "§canary§"}]})


def test_metadata_is_the_merchants_own_and_untouched() -> None:
    metadata = {"secret": "santa", "fingerprint": "left thumb", "client_secret": "x", "none": None, "": ""}
    body = {"metadata": metadata, "lines": {"data": [{"metadata": metadata}]}}
    assert seen(body) == body


def test_metadata_that_is_null_says_nothing() -> None:
    assert seen({"id": "ch_1", "metadata": None}) == {"id": "ch_1"}


@pytest.mark.parametrize("text", ["Zoë", "山田太郎", "مرحبا", "🧾👩‍👩‍👧", "€ ¥", 'say "hi"\n', "\u2028"])
def test_other_scripts_and_emoji_stay_readable(text: str) -> None:
    shown = show({"name": text})
    assert seen({"name": text}) == {"name": text}
    assert "\\u" not in shown


@pytest.mark.parametrize("half", ["\ud83d", "Hi \udc4d!", "\ude00\ud83d"])
def test_half_an_emoji_does_not_break_the_answer(half: str) -> None:
    """
    A name cut in the middle of an emoji is no Unicode text, and no client could be sent it.
    """
    shown = show({"name": half, half: 1, "metadata": {"note": half}})
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert json.loads(shown)["metadata"]["note"] == "".join(
        "?" if "\ud800" <= letter <= "\udfff" else letter for letter in half
    )


@given(body=OBJECTS)
def test_the_rest_is_shown_as_it_is_and_the_object_itself_is_not_changed(body: dict[str, Any]) -> None:
    before = json.dumps(body)
    assert seen({"metadata": body}) == {"metadata": body}
    assert json.dumps(body) == before


def test_the_deepest_answer_that_is_read_can_be_shown() -> None:
    body: Any = 1
    for _ in range(100):
        body = {"a": body}
    assert seen(body) == body
