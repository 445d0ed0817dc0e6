"""
Scenario S7: where the keys of an issuer are, and which URLs are believed.
"""

from functools import partial
from typing import Any

import httpx
import pytest

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote.jwks import Keys
from tests.remote.issuer import ISSUER, JWKS, METADATA, OPENID, Shop, jwk

pytestmark = pytest.mark.anyio


def metadata(**changed: Any) -> dict[str, Any]:
    return {"issuer": ISSUER, "jwks_uri": JWKS, **changed}


async def test_without_a_url_the_metadata_of_the_issuer_tells_it() -> None:
    shop = Shop(url=None)
    shop.issuer.pages[METADATA] = metadata()
    assert await shop.knows()
    assert shop.issuer.asked == [METADATA, JWKS]


@pytest.mark.parametrize(
    "first",
    [
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        metadata(issuer=f"{ISSUER}/"),
        metadata(jwks_uri=None),
        metadata(jwks_uri="http://login.example/keys"),
        metadata(jwks_uri="http://127.0.0.1/keys"),
        metadata(jwks_uri="file:///etc/passwd"),
    ],
    ids=str,
)
async def test_openid_metadata_are_asked_second(first: Any) -> None:
    shop = Shop(url=None)
    shop.issuer.pages |= {METADATA: first, OPENID: metadata()}
    assert await shop.knows()
    assert shop.issuer.asked == [METADATA, OPENID, JWKS]
    shop = Shop(url=None)
    shop.issuer.pages |= {METADATA: first, OPENID: first}
    assert not await shop.knows()
    assert shop.issuer.asked == [METADATA, OPENID]


@pytest.mark.parametrize("issuer", ["https://login.example", "https://login.example/"])
async def test_metadata_of_an_issuer_without_a_path_are_at_the_top(issuer: str) -> None:
    shop = Shop(None, issuer)
    found = "https://login.example/.well-known/openid-configuration"
    shop.issuer.pages[found] = metadata(issuer=issuer)
    assert await shop.knows()
    assert shop.issuer.asked == [
        "https://login.example/.well-known/oauth-authorization-server",
        found,
        JWKS,
    ]


async def test_a_moved_list_of_keys_is_followed() -> None:
    shop = Shop(url=None)
    shop.issuer.pages[METADATA] = metadata()
    assert await shop.knows()
    shop.issuer.pages |= {METADATA: metadata(jwks_uri=f"{JWKS}2"), f"{JWKS}2": {"keys": [jwk("RS256", "2")]}}
    shop.clock.now = 30
    assert await shop.knows("2")


UNSAFE = [
    "http://login.example",
    "http://127.0.0.1.login.example",
    "ftp://127.0.0.1",
    "login.example",
    "",
    "https://",
    "https://user@login.example",
    "https://login.example/#part",
    "https://login.example:0",
    "https://login.example:port",
    "https://[::1",
]


@pytest.mark.parametrize("url", UNSAFE)
@pytest.mark.parametrize(
    ("make", "named"), [(Keys, "OAuth issuer"), (partial(Keys, ISSUER), "OAuth JWKS URL")]
)
def test_a_url_that_could_be_tampered_with_stops_the_start(make: Any, named: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{named} must be an https URL"):
        make(url)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "127.0.0.2", "[::1]:8000"])
def test_http_is_for_this_machine(host: str) -> None:
    Keys(f"http://{host}", f"http://{host}/keys")
