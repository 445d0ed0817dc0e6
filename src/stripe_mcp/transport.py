"""
The only road to Stripe: one pooled HTTP client, and one way to try again.

A POST carries the same idempotency key on all its attempts, so that Stripe carries it out once.
A write is not cut short when its caller goes away, but ends at the deadline. When no answer says
what became of a write, that is what is reported.
"""

import logging
import platform
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import getproxies

import anyio
import httpx

from stripe_mcp import __version__
from stripe_mcp.answer import Answer, parse_object
from stripe_mcp.errors import NoAnswer, OutcomeUnknown, StripeError, ToolError, redact
from stripe_mcp.rates import Rates
from stripe_mcp.request import StripeRequest
from stripe_mcp.telemetry import count_attempt, count_wait, stripe_span

API_VERSION = "2026-10-28.endive"

# Of one attempt, in seconds: two fit into the deadline.
_TIMEOUT = httpx.Timeout(30, connect=10).as_dict()
_KEEPALIVE = 30  # seconds that a connection may idle
_LARGEST_ANSWER = 10_000_000  # bytes after decompression; 100 expanded invoices have about 1 MB
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

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


@dataclass(slots=True)
class _Call:
    """
    One request through its attempts. *in_doubt*: an attempt may have changed something unseen; *stored*:
    the last answer was one that Stripe keeps for this idempotency key.
    """

    request: StripeRequest
    headers: dict[str, str]
    give_up_at: float
    attempts: int = 0
    in_doubt: bool = False
    stored: bool = False
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
            return OutcomeUnknown(self.failure.reason, self.idempotency_key, stored=self.stored)
        return self.failure


class Transport:
    """
    Sends requests to one Stripe account.

    *account* is a connected account's id (`Stripe-Account`), *context* an organisation key's target
    (`Stripe-Context`). Calls wait for a place in *rates*. *deadline* is the longest a call may take,
    in seconds, all attempts together. *http* stands in for the network; *fast* takes the one through aiohttp
    where that can be used.

    Raises:
        NoAnswer: The environment names a proxy or certificates that cannot be used.
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
        fast: bool = False,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api_base = api_base
        self._echo = (key.encode(), redact(key).encode())
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
        self._headers = headers | {name: value for name, value in named.items() if value}
        # A key that goes to this machine over plain http must not pass through a proxy.
        trust_env = api_base.startswith("https:")
        try:
            self._host = httpx.URL(api_base).host
            self._network = _fast(trust_env) if fast and http is None else None
            self._client = httpx.AsyncClient(
                limits=httpx.Limits(keepalive_expiry=_KEEPALIVE),
                transport=self._network or http,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # the API has none: keep none
                trust_env=trust_env,
                follow_redirects=False,
            )
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            # The text of the error can hold a proxy's password.
            raise NoAnswer(
                f"No way to Stripe ({type(error).__name__}): the proxy variables (HTTPS_PROXY, ALL_PROXY) or "
                "SSL_CERT_FILE of this server's environment cannot be used, and need a person."
            ) from None

    async def aclose(self) -> None:
        """
        Close the connections.
        """
        await self._client.aclose()

    async def send(
        self, request: StripeRequest, *, idempotency_key: str | None = None, in_doubt: bool = False
    ) -> Reply:
        """
        Send *request*, again if it serves, and return Stripe's answer.

        A POST gets a key of its own unless *idempotency_key* is that of an earlier one. *in_doubt*: it was
        sent before, and nobody knows what became of it.

        Raises:
            StripeError: Stripe refused; nothing was changed.
            NoAnswer: Stripe was not reached, or a read got no usable answer.
            OutcomeUnknown: A write went out, and no answer says what became of it.
        """
        headers = {}
        if request.method == "POST":
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        call = _Call(request, headers, anyio.current_time() + self._deadline, in_doubt=in_doubt)
        with stripe_span(request, self._host):
            await self._take_place(call)  # a write that only waits can still be called off
            with anyio.CancelScope(deadline=call.give_up_at, shield=request.writes):
                return await self._attempt_until_settled(call)
            log.warning(
                "%s %s: the deadline of %g s has passed", request.method, request.route, self._deadline
            )
            raise call.outcome()

    async def _take_place(self, call: _Call) -> None:
        """
        Wait until Stripe's rates admit the request.

        Raises:
            ToolError: That would take too long.
        """
        if self._rates is None:
            return
        now = anyio.current_time()
        wait = self._rates.reserve(call.request, now, call.give_up_at - now)
        if wait is None:
            call.failure = NoAnswer("Too many calls are waiting here for their turn at Stripe.")
            raise call.outcome()
        if wait:
            count_wait(wait, "rates")
        await self._sleep(wait)

    async def _attempt_until_settled(self, call: _Call) -> Reply:
        while True:
            answer = await self._attempt(call)
            if answer is not None and answer.succeeded:
                return Reply(
                    body=answer.body or {},
                    request_id=answer.headers.get("Request-Id"),
                    idempotency_key=call.idempotency_key,
                    replayed=answer.replayed,
                )
            wait = self._wait_before_retry(call, answer)
            if wait is None:
                raise call.outcome()
            if answer and answer.retry_after is not None:
                count_wait(wait, "retry_after")
            await self._sleep(wait)
            await self._take_place(call)

    async def _attempt(self, call: _Call) -> Answer | None:
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
            count_attempt(request, call.attempts, type(error).__name__, None)
            return None
        milliseconds, request_id = (anyio.current_time() - started) * 1000, answer.headers.get("Request-Id")
        log.info("%s: %d, %s, %.0f ms", name, answer.status, request_id, milliseconds)
        count_attempt(request, call.attempts, answer.status, request_id)
        call.in_doubt = answer.leaves_doubt(request, before)
        call.stored = answer.status >= 500 and answer.replayed
        call.failure = answer.refusal()
        return answer

    async def _exchange(self, call: _Call) -> Answer:
        request = call.request
        url = f"{self._api_base}{request.path}" + (f"?{request.query}" if request.query else "")
        form = request.form if request.method == "POST" else None
        # Whole, so that it goes as it is, and nothing is to be added to it.
        whole = httpx.Request(
            request.method,
            url,
            headers=self._headers | call.headers,
            content=form,
            extensions={"timeout": _TIMEOUT},
        )
        async with aclosing(await self._dispatch(whole)) as response:
            # Only gzip was asked for; encodings upon encodings would fill the memory within one chunk.
            if response.headers.get("Content-Encoding", "identity").lower() not in ("gzip", "identity"):
                return Answer(response.status_code, response.headers, None)
            body = bytearray()
            async for chunk in response.aiter_bytes():
                if len(body) + len(chunk) > _LARGEST_ANSWER:
                    return Answer(response.status_code, response.headers, None)
                body += chunk
        # Who echoes our key does not get it any further.
        return Answer(response.status_code, response.headers, parse_object(body.replace(*self._echo)))

    async def _dispatch(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* once. What httpx's client does around that (cookies, redirects, logins) is not wanted
        and takes its time; it is asked only where the network is its own.
        """
        if self._network:
            return await self._network.handle_async_request(request)
        return await self._client.send(request, stream=True)

    def _wait_before_retry(self, call: _Call, answer: Answer | None) -> float | None:
        """
        Seconds until the next attempt, or None if there should be none.
        """
        if call.attempts > self._max_retries or (answer and not answer.worth_retrying):
            return None
        asked = answer.retry_after if answer else None
        backoff = min(0.5 * 2 ** (call.attempts - 1), 5.0) * self._jitter()
        wait = backoff if asked is None else asked
        return wait if anyio.current_time() + wait < call.give_up_at else None


def _fast(trust_env: bool) -> httpx.AsyncBaseTransport | None:
    """
    The network through aiohttp. None stands for httpx's own: where aiohttp is not installed, or a proxy is
    set up, as only httpx knows which requests go through it.
    """
    if trust_env and getproxies():
        return None
    try:
        from stripe_mcp.aiohttp_transport import AiohttpTransport
    except ModuleNotFoundError:
        return None
    return AiohttpTransport(trust_env=trust_env, keepalive=_KEEPALIVE)
