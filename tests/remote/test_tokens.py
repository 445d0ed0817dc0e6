"""
Bearer tokens: whose they are, and that nothing of them is told.
"""

import math
import re

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.server.auth.provider import AccessToken

from stripe_mcp.remote import tokens
from stripe_mcp.remote.scopes import SCOPES
from stripe_mcp.remote.tokens import StaticTokens, digest, make_token, parse, written


def verified(token: str, **owners: str) -> AccessToken | None:
    """
    What *token* is worth where each of *owners* has the token beside its name.
    """
    verifier = StaticTokens({digest(own): name for name, own in owners.items()})
    return anyio.run(verifier.verify_token, token)


def test_a_new_token_is_long_and_no_other() -> None:
    made = {make_token() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)
    assert 43 * math.log2(64) >= 256


def test_a_token_tells_its_tenant_and_allows_everything() -> None:
    acme, globex = make_token(), make_token()
    for name, token in (("acme", acme), ("globex", globex)):
        access = verified(token, acme=acme, globex=globex)
        assert access is not None
        assert (access.client_id, access.subject, access.expires_at) == (name, None, None)
        assert access.scopes == [*SCOPES]


@given(one=st.text(), other=st.text())
def test_only_the_very_token_is_taken(one: str, other: str) -> None:
    assert (verified(other, acme=one) is not None) == (one == other)


def test_where_nobody_has_a_token_none_is_taken() -> None:
    assert verified(make_token()) is None
    assert verified("") is None


@pytest.mark.parametrize("token", ["tökén", "\u2603", "\ud800", "\x00", "\r\nX-Evil: 1", "💶" * 4096])
def test_a_token_of_any_characters_is_nobodys_and_no_error(token: str) -> None:
    assert verified(token, acme=make_token()) is None


def test_a_token_of_no_end_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def watching(token: str) -> bytes:
        looked_at.append(len(token))
        return digest(token)

    monkeypatch.setattr(tokens, "digest", watching)
    for length in (4096, 4097, 10_000_000):
        token = "a" * length
        verifier = StaticTokens({digest(token): "acme"})
        assert (anyio.run(verifier.verify_token, token) is None) == (length > 4096)
    assert looked_at == [4096]


@pytest.mark.parametrize("owner", range(5))
def test_every_digest_is_compared_whichever_it_is(owner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ending with the one that fits would tell by its time where in the file a tenant stands.
    """
    compared: list[bytes] = []

    def watching(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr(tokens, "compare_digest", watching)
    all_of_them = [make_token() for _ in range(5)]
    assert verified(all_of_them[owner], **{f"t{n}": token for n, token in enumerate(all_of_them)})
    assert compared == [digest(token) for token in all_of_them]


def test_what_a_token_allows_does_not_show_the_token() -> None:
    token = make_token()
    access = verified(token, acme=token)
    assert access is not None
    assert token not in access.model_dump_json() + repr(access)
    assert access.token == written(digest(token))


@given(st.text())
def test_a_digest_is_read_as_it_is_written(token: str) -> None:
    assert len(digest(token)) == 32
    assert parse(written(digest(token))) == digest(token)


def test_a_digest_is_the_sha_256_that_other_programs_compute() -> None:
    """
    From `printf abc | sha256sum`.
    """
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert written(digest("abc")) == f"sha256:{known}"


@pytest.mark.parametrize(
    "text", ["", "canary", "sha256:canary", f"sha256:{'a' * 63}", f"sha256:{'A' * 64}", f"sha256:{'a' * 65}"]
)
def test_what_is_no_digest_is_refused_without_repeating_it(text: str) -> None:
    """
    It may be a token.
    """
    with pytest.raises(ValueError, match="`stripe-mcp token` prints") as raised:
        parse(text)
    assert "canary" not in str(raised.value)


@given(st.binary(min_size=32, max_size=32))
def test_a_token_is_no_digest(random: bytes) -> None:
    with pytest.raises(ValueError, match="make a new token"):
        parse(make_token())
    assert parse(written(random)) == random
