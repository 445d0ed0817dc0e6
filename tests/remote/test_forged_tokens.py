"""
Scenario S7: tokens that somebody else than the issuer has made or bent, and signed nonsense.
"""

import hashlib
import hmac
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from tests.remote.issuer import claims, jwk, part, private_key, refused, token, verified, verifier

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("algorithm", ["none", "None", "", None, 0, [], "ES256K", "HS512", "RSA-OAEP"])
async def test_alg_none_and_its_like_are_refused(algorithm: Any, caplog: pytest.LogCaptureFixture) -> None:
    for signature in ("", part(b"x" * 256)):
        text = f"{part({'alg': algorithm, 'kid': '1'})}.{part(claims())}.{signature}"
        assert "its algorithm" in await refused(text, caplog)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_public_key_makes_no_token(algorithm: str, caplog: pytest.LogCaptureFixture) -> None:
    """
    Key confusion: what everybody knows, the public key, used as the secret of a symmetric algorithm.
    """
    public = private_key("RS256", "1").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{part({'alg': algorithm, 'kid': '1'})}.{part(claims())}"
    digest = hmac.digest(pem, signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}"))
    assert "its algorithm" in await refused(f"{signed}.{part(digest)}", caplog)


async def test_a_key_that_the_token_brings_along_is_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    own = {"jwk": jwk("RS256", "evil"), "jku": "https://evil.example", "x5u": "https://evil.example"}
    text = token(kid="evil", header=own)
    assert "no such key" in await refused(text, caplog)
    renamed = token(kid="evil", header={**own, "kid": "1"})
    assert await refused(renamed, caplog) == "InvalidSignatureError"
    await verified(token(header=own))  # signed by the issuer after all


@pytest.mark.parametrize("more", [{"crit": ["b64"], "b64": True}, {"crit": ["exp"]}, {"crit": []}], ids=str)
async def test_an_extension_that_is_not_understood_is_refused(
    more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    signed = f"{part({'alg': 'RS256', 'kid': '1', **more})}.{part(claims())}"
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(signed.encode(), private_key("RS256", "1"))
    assert await refused(f"{signed}.{part(signature)}", caplog) in (
        "it asks for an extension (crit)",
        "InvalidTokenError",
    )


async def test_a_changed_token_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    header, _, signature = token().split(".")
    text = f"{header}.{part(claims(sub='somebody-else'))}.{signature}"
    assert await refused(text, caplog) == "InvalidSignatureError"


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{", b"\xff", b"[" * 9000], ids=lambda payload: repr(payload[:3])
)
async def test_signed_nonsense_is_refused(payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    text = jwt.PyJWS().encode(payload, private_key("RS256", "1"), "RS256", headers={"kid": "1"})
    assert "no JSON" in await refused(text, caplog)


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "é.é.é", "x" * 16_385, "\ud800"])
async def test_what_is_no_token_is_refused(text: str, caplog: pytest.LogCaptureFixture) -> None:
    await refused(text, caplog)


STEADY = verifier()
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=2), PLAIN, max_size=2)
NAMES = ["iss", "aud", "sub", "exp", "nbf", "iat", "scope", "scp", "client_id", "azp"]


HEADERS = ["typ", "crit", "b64", "cty", "jwk", "jku", "x5u", "x5c", "zip"]


@settings(max_examples=60)
@given(
    changed=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3),
    header=st.dictionaries(st.sampled_from(HEADERS), JSON, max_size=2),
)
async def test_no_signed_claims_and_no_header_raise(changed: dict[str, Any], header: dict[str, Any]) -> None:
    signed = f"{part({**header, 'alg': 'RS256', 'kid': '1'})}.{part(claims(**changed))}"
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(signed.encode(), private_key("RS256", "1"))
    await STEADY.verify_token(f"{signed}.{part(signature)}")


@settings(max_examples=40)
@given(
    changed=st.dictionaries(st.sampled_from([*jwk("RS256"), "alg", "crv", "key_ops", "d"]), JSON, max_size=3)
)
async def test_no_published_key_raises(changed: dict[str, Any]) -> None:
    await verifier(jwk("RS256") | changed).verify_token(token())
