"""
A network on which Stripe plays a script: one step for each attempt, the last one for ever.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from stripe_mcp.errors import ToolError
from stripe_mcp.request import StripeRequest
from stripe_mcp.transport import Reply, Transport

STRIPE = "https://api.stripe.com"
CANARY = "sk_test_canary1234"

READ = StripeRequest("GET", "/v1/balance", "/v1/balance")
POST = StripeRequest("POST", "/v1/refunds", "/v1/refunds", form="payment_intent=pi_1&amount=500")
DELETE = StripeRequest("DELETE", "/v1/customers/{customer_id}", "/v1/customers/cus_1")
WRITES = (POST, DELETE)

LOST = httpx.ReadError("the connection broke")
REFUSED = httpx.ConnectError("connection refused")


class Pieces(httpx.AsyncByteStream):
    """
    A body that comes in pieces from the network, and how many of them were asked for.
    """

    def __init__(self, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        self._pieces = pieces
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces():
            self.taken += 1
            yield piece


@dataclass(frozen=True)
class Answer:
    """
    What Stripe answers, as often as it is asked.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: Pieces

    def response(self) -> httpx.Response:
        return httpx.Response(self.status, headers=self.headers, stream=self.body)


Step = Answer | Exception | Callable[[], Awaitable[Answer]]


def answer(
    status: int = 200, body: bytes | dict[str, Any] | Pieces = b'{"object": "refund"}', **headers: str
) -> Answer:
    """
    An answer of Stripe's; `Retry_After="1"` stands for the header `Retry-After: 1`.
    """
    content = json.dumps(body).encode() if isinstance(body, dict) else body

    async def whole() -> AsyncIterator[bytes]:
        assert isinstance(content, bytes)
        yield content

    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Answer(status, named, content if isinstance(content, Pieces) else Pieces(whole))


def refusal(status: int, **error: Any) -> Answer:
    """
    An error as Stripe words it.
    """
    return answer(status, {"error": {"type": "invalid_request_error", "message": "It is not so."} | error})


class ScriptedStripe(httpx.AsyncBaseTransport):
    """
    Plays *script* and keeps the requests that came.
    """

    def __init__(self, *script: Step) -> None:
        self._script = script
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        step = self._script[min(len(self.requests), len(self._script)) - 1]
        if isinstance(step, Exception):
            raise step
        return (step if isinstance(step, Answer) else await step()).response()


async def hang() -> Answer:
    """
    A step that never answers.
    """
    await anyio.sleep_forever()
    raise AssertionError


@dataclass
class Played:
    """
    How a call came out, what reached the network for it, and the waits between, in seconds.
    """

    outcome: Reply | ToolError
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def keys(self) -> list[str | None]:
        """
        The idempotency key of each attempt.
        """
        return [request.headers.get("Idempotency-Key") for request in self.requests]


async def play(request: StripeRequest, *script: Step, jitter: float = 1.0, **options: Any) -> Played:
    """
    Send *request* to a Stripe that plays *script*, without really waiting between attempts.
    """
    stripe, waits = ScriptedStripe(*script), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    transport = Transport(CANARY, STRIPE, http=stripe, sleep=sleep, jitter=lambda: jitter, **options)
    try:
        outcome: Reply | ToolError = await transport.send(request)
    except ToolError as error:
        outcome = error
    finally:
        await transport.aclose()
    return Played(outcome, stripe.requests, waits)
