"""
A handle is what was signed, by whoever has the keys, down to the last character.
"""

import string
from base64 import urlsafe_b64encode
from dataclasses import replace
from hmac import digest

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stripe_mcp.safety.handles import Claims, Handles

CLAIMS = Claims(customer="cus_1", principal="local", account="acct_1", mode="LIVE", expires=1_800_000_000)
HANDLES = Handles([b"a key", b"an older key"])
HANDLE = HANDLES.sign(CLAIMS)

TEXTS = st.text(max_size=40)
ANY_CLAIMS = st.builds(
    Claims, customer=TEXTS, principal=TEXTS, account=TEXTS, mode=TEXTS, expires=st.integers(0, 2**53)
)


@given(claims=ANY_CLAIMS)
def test_a_handle_stands_for_what_was_signed(claims: Claims) -> None:
    handle = HANDLES.sign(claims)
    assert HANDLES.open(handle) == claims
    assert set(handle) <= set(string.ascii_letters + string.digits + "_-=.")


@given(place=st.integers(0, len(HANDLE) - 1), other=st.sampled_from(string.printable) | st.characters())
def test_no_character_of_a_handle_can_be_another(place: int, other: str) -> None:
    assume(other != HANDLE[place])
    assert HANDLES.open(HANDLE[:place] + other + HANDLE[place + 1 :]) is None


@given(place=st.integers(0, len(HANDLE)), more=st.text(min_size=1, max_size=3))
def test_nothing_can_be_added_to_a_handle_or_cut_off(place: int, more: str) -> None:
    assert HANDLES.open(HANDLE[:place] + more + HANDLE[place:]) is None
    assert place == len(HANDLE) or HANDLES.open(HANDLE[:place]) is None


@given(text=st.text() | st.from_regex(r"ver_[\w-]{0,80}=?\.[\w-]{43}=", fullmatch=True))
def test_what_somebody_makes_up_is_no_handle(text: str) -> None:
    assert HANDLES.open(text) is None


def test_the_signature_of_one_handle_does_not_fit_another() -> None:
    said, _, _ = HANDLES.sign(replace(CLAIMS, customer="cus_2")).partition(".")
    _, _, signature = HANDLE.partition(".")
    assert HANDLES.open(f"{said}.{signature}") is None


def test_what_the_same_key_signs_elsewhere_is_no_handle() -> None:
    said, _, _ = HANDLE.partition(".")
    elsewhere = urlsafe_b64encode(digest(b"a key", said.encode(), "sha256")).decode()
    assert HANDLES.open(f"{said}.{elsewhere}") is None


@pytest.mark.parametrize(("keys", "known"), [([b"a new key", b"a key"], True), ([b"a new key"], False)])
def test_a_handle_lives_as_long_as_its_key_is_among_the_keys(keys: list[bytes], known: bool) -> None:
    assert Handles(keys).open(HANDLE) == (CLAIMS if known else None)


def test_without_keys_each_process_takes_its_own_handles_only() -> None:
    here, there = Handles([]), Handles([])
    assert here.open(here.sign(CLAIMS)) == CLAIMS
    assert there.open(here.sign(CLAIMS)) is None
