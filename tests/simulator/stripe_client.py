"""
The official `stripe` client in front of the simulator, over HTTP on loopback.

One uvicorn serves the whole session. A shop that has only been read is handed on to the next test; one
that was written to is closed, so what one test sells, another never sees. The services come as `Any`:
half of the tests send what the types forbid.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe
from starlette.types import ASGIApp, Receive, Scope, Send

from stripe_mcp.simulator import Simulator
from tests.serving import serving

stripe.enable_telemetry = False  # it would write ~/.config/stripe/telemetry_id


@dataclass
class Clock:
    """
    The shop's time, in Unix seconds; it moves only when a test moves it.
    """

    now: int = 1_790_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Wire:
    """
    What uvicorn serves: the shop of the moment, its clock, and a note of each request that reached it.
    """

    address: str = ""
    clock: Clock = field(default_factory=Clock)
    shop: ASGIApp | None = None
    requests: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.shop is not None, "a request outside of a test"
        self.requests.append(f"{scope['method']} {scope['path']}")
        await self.shop(scope, receive, send)


@pytest.fixture(scope="session")
def served() -> Iterator[Wire]:
    wire = Wire()
    with serving(wire) as wire.address:
        yield wire


@pytest.fixture(scope="session")
def http() -> Iterator[stripe.RequestsClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        client: Any = stripe.RequestsClient(timeout=10)
        yield client
        client.close()


@pytest.fixture
def wire(served: Wire) -> Iterator[Wire]:
    if served.shop is None:
        served.clock = Clock()
        served.shop = Simulator(clock=served.clock)
    before = served.clock.now
    yield served
    if served.clock.now != before or not all(each.startswith("GET") for each in served.requests):
        served.shop = None
    served.requests.clear()


@pytest.fixture
def clock(wire: Wire) -> Clock:
    return wire.clock


@pytest.fixture
def client(wire: Wire, http: stripe.RequestsClient) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_123", base_addresses={"api": wire.address}, http_client=http, max_network_retries=0
    )


@pytest.fixture
def v1(client: stripe.StripeClient) -> Any:
    return client.v1


def everything(method: Callable[..., Any], *ids: str, **params: Any) -> list[Any]:
    """
    Read a whole list or search, 100 objects a page.
    """
    return list(method(*ids, {"limit": 100, **params}).auto_paging_iter())


def ids(objects: Any) -> list[str]:
    return [each.id for each in objects]


def newest_event(v1: Any) -> str:
    """
    As long as this stays the same, nothing in the shop has changed.
    """
    return str(v1.events.list({"limit": 1}).data[0].id)


def refuses(call: Callable[..., Any], *arguments: Any) -> stripe.InvalidRequestError:
    """
    Make a call that has to be refused, and return the refusal.
    """
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(*arguments)
    error: stripe.InvalidRequestError = refused.value
    return error
