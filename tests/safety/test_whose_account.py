"""
A server that is pinned to an account works for no other one, whatever its key opens.
"""

from typing import Any

import httpx
import pytest

from stripe_mcp.rules import Rules
from tests.agent import READS, texts
from tests.safety.desk import arguments, committed, desk
from tests.shopping import CALLS

pytestmark = pytest.mark.anyio


class Stripe(httpx.AsyncBaseTransport):
    """
    A Stripe whose `/v1/account` answers *status* and *body*, in front of *http*, which has the rest.
    """

    def __init__(self, http: httpx.AsyncBaseTransport, status: int, body: Any) -> None:
        self._http, self._status, self._body = http, status, body
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/account":
            return await self._http.handle_async_request(request)
        self.asked += 1
        return httpx.Response(self._status, json=self._body)


FORBIDDEN = {"error": {"type": "invalid_request_error", "message": "not permitted"}}
OTHERS = {
    "another account": (200, {"object": "account", "id": "acct_other"}),
    "a key that may not see its account": (403, FORBIDDEN),
}


@pytest.mark.parametrize(("status", "body"), OTHERS.values(), ids=OTHERS)
async def test_a_key_of_another_account_does_nothing(status: int, body: Any) -> None:
    pinned: dict[str, Any] = {"rules": Rules(account="acct_mine"), "key": "sk_test_canary1234"}
    async with desk(http=lambda http: Stripe(http, status, body), **pinned) as at:
        before = committed(at.simulator)
        for tool in READS:
            result = await at.call(tool, **CALLS[tool])
            assert result.is_error
            assert "pinned to acct_mine" in texts(result)[0]
            assert "canary" not in texts(result)[0]
        await at.refused("create_customer", name="Zoë")
        with pytest.raises(Exception, match="pinned to acct_mine"):
            await at.client.read_resource("stripe://balance")
        assert committed(at.simulator) == before


async def test_the_right_account_is_asked_for_once() -> None:
    stripes: list[Stripe] = []

    def before(http: httpx.AsyncBaseTransport) -> Stripe:
        stripes.append(Stripe(http, 200, {"object": "account", "id": "acct_mine"}))
        return stripes[-1]

    async with desk(http=before, rules=Rules(account="acct_mine")) as at:
        await at.done("get_balance")
        await at.done("create_customer", name="Zoë")
        await at.done("create_refund", **arguments(at.simulator, "create_refund"))
    assert [stripe.asked for stripe in stripes] == [1]


async def test_a_key_that_may_not_see_its_account_still_writes_once() -> None:
    async with desk(http=lambda http: Stripe(http, 403, FORBIDDEN)) as at:
        first = await at.done("create_customer", name="Zoë")
        assert await at.done("create_customer", name="Zoë") == first


@pytest.mark.parametrize(
    ("status", "body"), [(200, {"object": "account"}), (200, {"id": "no account"}), (500, FORBIDDEN)]
)
async def test_without_a_known_account_nothing_is_written(status: int, body: Any) -> None:
    async with desk(http=lambda http: Stripe(http, status, body)) as at:
        await at.refused("create_customer", name="Zoë")


async def test_what_is_completed_is_of_the_pinned_account_too() -> None:
    other = OTHERS["another account"]
    async with desk(http=lambda http: Stripe(http, *other), rules=Rules(account="acct_mine")) as at:
        from mcp_types import ResourceTemplateReference

        ref = ResourceTemplateReference(uri="stripe://charges/{charge_id}")
        offered = await at.client.complete(ref, {"name": "charge_id", "value": ""})
        assert offered.completion.values == []
