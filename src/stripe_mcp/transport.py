"""
The only road to Stripe: one pooled HTTP client, and one way to try again.

A POST carries the same idempotency key on all its attempts, so that Stripe carries it out once.
A write is not cut short when its caller goes away, but ends at the deadline. When no answer says
what became of a write, that is what is reported.
"""

import json
import logging
import platform
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import anyio
import httpx

from stripe_mcp import __version__
from stripe_mcp.errors import NoAnswer, OutcomeUnknown, StripeError, ToolError
from stripe_mcp.rates import Rates
from stripe_mcp.request import StripeRequest

API_VERSION = "2026-10-28.endive"

_LARGEST_ANSWER = 10_000_000  # bytes after decompression; 100 expanded invoices have about 1 MB
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Stripe gives these before it carries anything out: https://docs.stripe.com/api/idempotent_requests
_NOT_EXECUTED = (401, 403, 409, 429)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """
    A successful answer: *body* is the Stripe object, *replayed* says that an earlier attempt made it.
    """

    body: dict[str, Any]
    request_id: str | None = None
    idempotency_key: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: dict[str, Any] | None  # None: not the JSON object that Stripe would have sent

    @property
    def succeeded(self) -> bool:
        return self.status == 200 and self.body is not None and "error" not in self.body


@dataclass(slots=True)
class _Call:
    """
    One request through its attempts. *in_doubt*: an attempt may have changed something unseen.
    """

    request: StripeRequest
    headers: dict[str, str]
    give_up_at: float
    attempts: int = 0
    in_doubt: bool = False
    failure: NoAnswer | StripeError = field(
        default_factory=lambda: NoAnswer("Stripe gave no answer in time.")
    )

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("Idempotency-Key")

    def outcome(self) -> ToolError:
        """
        The error to report, now that no further attempt is made.
        """
        if self.in_doubt:
            return OutcomeUnknown(self.failure.reason, self.idempotency_key)
        return self.failure


class Transport:
    """
    Sends requests to one Stripe account.

    *account* is a connected account's id (`Stripe-Account`), *context* an organisation key's target
    (`Stripe-Context`). Calls wait for a place in *rates*. *deadline* is the longest a call may take,
    in seconds, all attempts together. *http* stands in for the network.
    """

    def __init__(
        self,
        key: str,
        api_base: str,
        *,
        account: str | None = None,
        context: str | None = None,
        rates: Rates | None = None,
        deadline: float = 50,
        max_retries: int = 2,
        http: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._deadline = deadline
        self._max_retries = max_retries
        self._sleep = sleep
        self._jitter = jitter
        self._rates = rates
        headers = {
            "Authorization": f"Bearer {key}",
            "Stripe-Version": API_VERSION,
            "User-Agent": f"stripe-mcp/{__version__} Python/{platform.python_version()}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        named = {"Stripe-Account": account, "Stripe-Context": context}
        self._client = httpx.AsyncClient(
            base_url=api_base,
            headers=headers | {name: value for name, value in named.items() if value},
            timeout=httpx.Timeout(30, connect=10),  # of one attempt: two fit into the deadline
            limits=httpx.Limits(keepalive_expiry=30),
            transport=http,
            # A key that goes to this machine over plain http must not pass through a proxy.
            trust_env=api_base.startswith("https:"),
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """
        Close the connections.
        """
        await self._client.aclose()

    async def send(self, request: StripeRequest) -> Reply:
        """
        Send *request*, again if it serves, and return Stripe's answer.

        Raises:
            StripeError: Stripe refused; nothing was changed.
            NoAnswer: Stripe was not reached, or a read got no usable answer.
            OutcomeUnknown: A write went out, and no answer says what became of it.
        """
        headers = {}
        if request.method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        call = _Call(request, headers, give_up_at=anyio.current_time() + self._deadline)
        with anyio.move_on_after(self._deadline, shield=request.writes):
            return await self._attempt_until_settled(call)
        log.warning("%s %s: the deadline of %g s has passed", request.method, request.route, self._deadline)
        raise call.outcome()

    async def _attempt_until_settled(self, call: _Call) -> Reply:
        while True:
            if self._rates:
                await self._sleep(self._rates.reserve(call.request, anyio.current_time()))
            answer = await self._attempt(call)
            if answer is not None and answer.succeeded:
                return _reply(call, answer)
            wait = self._wait_before_retry(call, answer)
            if wait is None:
                raise call.outcome()
            await self._sleep(wait)

    async def _attempt(self, call: _Call) -> _Answer | None:
        """
        Send the request once and note on *call* what is known afterwards. None: no usable answer.
        """
        call.attempts += 1
        request, before, started = call.request, call.in_doubt, anyio.current_time()
        name = f"{request.method} {request.route}, attempt {call.attempts}"
        call.in_doubt = request.writes  # until an answer proves otherwise, the deadline included
        try:
            answer = await self._exchange(call)
        except httpx.HTTPError as error:
            if isinstance(error, _NEVER_SENT):
                call.in_doubt = before
            call.failure = NoAnswer(f"Stripe could not be reached ({type(error).__name__}).")
            log.warning("%s: %s", name, type(error).__name__)
            return None
        milliseconds = (anyio.current_time() - started) * 1000
        log.info("%s: %d, %s, %.0f ms", name, answer.status, answer.headers.get("Request-Id"), milliseconds)
        call.in_doubt = request.writes and _leaves_doubt(request, answer, before)
        call.failure = _refusal(answer)
        return answer

    async def _exchange(self, call: _Call) -> _Answer:
        request = call.request
        url = f"{request.path}?{request.query}" if request.query else request.path
        form = request.form if request.method == "POST" else None
        async with self._client.stream(request.method, url, content=form, headers=call.headers) as response:
            # Only gzip was asked for; encodings upon encodings would fill the memory within one chunk.
            if response.headers.get("Content-Encoding", "gzip") != "gzip":
                return _Answer(response.status_code, response.headers, None)
            body = bytearray()
            async for chunk in response.aiter_bytes():
                if len(body) + len(chunk) > _LARGEST_ANSWER:
                    return _Answer(response.status_code, response.headers, None)
                body += chunk
        return _Answer(response.status_code, response.headers, _parse(body))

    def _wait_before_retry(self, call: _Call, answer: _Answer | None) -> float | None:
        """
        Seconds until the next attempt, or None if there should be none.
        """
        if call.attempts > self._max_retries or not _worth_retrying(answer):
            return None
        asked = _retry_after(answer.headers) if answer else None
        backoff = min(0.5 * 2 ** (call.attempts - 1), 5.0) * self._jitter()
        wait = backoff if asked is None else asked
        return wait if anyio.current_time() + wait < call.give_up_at else None


def _worth_retrying(answer: _Answer | None) -> bool:
    """
    Stripe's own word first, then the status; an answer that cannot be read is asked for again.
    """
    if answer is None:
        return True
    if (said := answer.headers.get("Stripe-Should-Retry")) in ("true", "false"):
        return bool(said == "true")
    return answer.status in (200, 409, 429) or answer.status >= 500


def _leaves_doubt(request: StripeRequest, answer: _Answer, before: bool) -> bool:
    """
    Whether, after *answer*, a write may have been carried out without our knowing the result.
    """
    if answer.succeeded:
        return False
    if answer.status in _NOT_EXECUTED:
        return before
    if 400 <= answer.status < 500:
        # Stripe replays a POST; a DELETE that is refused may have been carried out the time before.
        return before and request.method == "DELETE"
    return True


def _reply(call: _Call, answer: _Answer) -> Reply:
    return Reply(
        body=answer.body or {},
        request_id=answer.headers.get("Request-Id"),
        idempotency_key=call.idempotency_key,
        replayed=answer.headers.get("Idempotent-Replayed") == "true",
    )


def _refusal(answer: _Answer) -> NoAnswer | StripeError:
    """
    The error that *answer* stands for. A body that is not Stripe's is never shown.
    """
    if answer.status < 400:
        return NoAnswer(f"Stripe's answer could not be read (status {answer.status}).")
    error = (answer.body or {}).get("error")
    known = error if isinstance(error, dict) else {}
    fields = ("type", "code", "decline_code", "param", "message", "doc_url")
    if known.get("type") == "idempotency_error":
        log.error("idempotency_error: a key was used for two different requests, which is our fault")
    return StripeError(
        answer.status,
        **{name: known[name] for name in fields if isinstance(known.get(name), str)},
        request_id=answer.headers.get("Request-Id"),
        rate_limit=answer.headers.get("Stripe-Rate-Limited-Reason"),
        retry_after=_retry_after(answer.headers),
    )


def _parse(body: bytearray) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict):
        return None
    level: list[Any] = [parsed]
    for _ in range(100):  # Stripe's objects have fewer than 20 levels; more could not be shown
        inside = [node.values() if isinstance(node, dict) else node for node in level]
        level = [child for children in inside for child in children if isinstance(child, (dict, list))]
    return None if level else parsed


def _retry_after(headers: httpx.Headers) -> float | None:
    """
    The seconds that `Retry-After` asks for, given in seconds or as a date; None if it says neither.
    """
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, OverflowError):  # the latter for a date in a time zone out of this world
        return None
