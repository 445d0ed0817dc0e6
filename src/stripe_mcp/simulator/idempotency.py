"""
The same idempotency key gives the same answer, and nothing happens twice.

Rule: kept is what began to execute, errors included; the same key with another
path or other parameters is an error. Each account and mode has keys of its own,
for 24 hours. https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.wire import Reply, Request

LONGEST_KEY = 255
KEPT_FOR = 86_400  # seconds


class _Kept(NamedTuple):
    path: str
    given: dict[str, Any]
    reply: Reply
    since: int


class Replays:
    """
    The answers that were given under a key, and the keys that still wait for theirs.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._in_flight: set[str | None] = set()

    def find(self, request: Request, given: dict[str, Any], now: int) -> Reply | None:
        """
        The answer that this request was given before, marked as a replay.

        Raises:
            StripeError: The key is too long, in use, or was used for something else.
        """
        key = key_of(request)
        if key is None:
            return None
        self._check(key)
        kept = self._kept.get(key)
        if kept is None or kept.since <= now - KEPT_FOR:
            return None
        if (kept.path, kept.given) != (request.path, given):
            raise _misused(key, kept.path, request.path)
        original = kept.reply.headers["Request-Id"]
        replayed = {"Idempotent-Replayed": "true", "Original-Request": original}
        return kept.reply._replace(headers=kept.reply.headers | replayed)

    def _check(self, key: str) -> None:
        if len(key) > LONGEST_KEY:
            message = f"Idempotency keys can have {LONGEST_KEY} characters at most."
            raise StripeError(message, executed=False)
        if key in self._in_flight:
            raise StripeError(
                f"There is another in-progress request using this Idempotent Key: {key}. Try again later.",
                status=409,
                code="idempotency_key_in_use",
                executed=False,
            )

    def keep(self, request: Request, given: dict[str, Any], reply: Reply, now: int) -> None:
        """
        Remember *reply* if the request has a key, and forget what is too old.
        """
        key = key_of(request)
        if key is not None:
            self._kept.pop(key, None)
            self._kept[key] = _Kept(request.path, given, reply, now)
        while self._kept and next(iter(self._kept.values())).since <= now - KEPT_FOR:
            del self._kept[next(iter(self._kept))]

    @contextmanager
    def in_flight(self, request: Request) -> Iterator[None]:
        """
        Let nobody else use the key of *request* in the meantime.
        """
        keys = {key_of(request)} - {None}
        self._in_flight |= keys
        try:
            yield
        finally:
            self._in_flight -= keys

    def dump(self) -> dict[str, Any]:
        """
        What is kept, as JSON for `load`.
        """
        return {
            key: [
                kept.path,
                kept.given,
                kept.reply.status,
                kept.reply.body.decode(),
                kept.reply.headers,
                kept.since,
            ]
            for key, kept in self._kept.items()
        }

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Self:
        """
        What `dump` described.
        """
        replays = cls()
        for key, (path, given, status, body, headers, since) in dumped.items():
            replays._kept[key] = _Kept(path, given, Reply(status, body.encode(), headers), since)
        return replays


def key_of(request: Request) -> str | None:
    """
    The key that counts: only a POST has one.
    """
    return request.headers.get("idempotency-key") or None if request.method == "POST" else None


def _misused(key: str, first: str, now: str) -> StripeError:
    same = "parameters" if first == now else f"endpoint ({first}, not {now})"
    message = (
        f"Keys for idempotent requests can only be used with the same {same} they were first used with. "
        f"Try another key than '{key}' for a different request."
    )
    return StripeError(message, kind="idempotency_error", executed=False)
