"""
What goes wrong on order: a script of faults, each used up by the requests that it is meant for.

Rule: a fault spoils how an answer reaches the client; what the request changes is
changed as ever, except by `before_reading` and an `error` that was not executed.
The waits of a fault are real seconds, not the simulator's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.wire import Cut, Exchange, Reply

Kind = Literal["before_reading", "after_commit", "stall", "cut", "slow", "garbage", "huge", "error"]

COMMON = ("fault", "method", "path", "times")
# The fields that only some faults have.
FIELDS: dict[str, tuple[str, ...]] = {
    "stall": ("seconds",),
    "slow": ("seconds",),
    "huge": ("bytes",),
    "error": ("status", "code", "executed", "stored", "headers"),
}
LONGEST_WAIT = 86_400  # seconds
GARBAGE = b"<html><body>upstream connect error</body></html>"
CHUNK = 65_536  # bytes
OWN_HEADERS = frozenset(["content-length", "transfer-encoding", "connection"])  # the server's business


@dataclass
class Fault:
    """
    One order: *fault* happens to the next *times* requests with this *method* below this *path*.

    *seconds* None waits for ever in a stall. An `error` answers with *status* and *code*; *executed*
    carries the request out all the same, and *stored* keeps the error under its idempotency key.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}

    fault: Kind
    method: Literal["GET", "POST", "DELETE"] | None = None
    path: str | None = None
    times: int = 1
    seconds: float | None = None
    bytes: int = 200_000_000
    status: int = 500
    code: str | None = None
    executed: bool = False
    stored: bool = False
    headers: dict[str, str] | None = None

    def __post_init__(self) -> None:
        allowed = (*COMMON, *FIELDS.get(self.fault, ()))
        for each in fields(self):
            if each.name not in allowed and getattr(self, each.name) != each.default:
                raise ValueError(f"{each.name} is no field of {self.fault}, which has {', '.join(allowed)}")
        if not (self.times >= 1 and self.bytes >= 0 and 400 <= self.status <= 599):
            raise ValueError("times must be at least 1, bytes at least 0, and status from 400 to 599")
        if self.seconds is not None and not 0 <= self.seconds <= LONGEST_WAIT:
            raise ValueError(f"seconds must be from 0 to {LONGEST_WAIT}")
        if not all(map(_is_header, self.headers or {}, (self.headers or {}).values())):
            raise ValueError("headers must be names and printable ASCII, and none that HTTP needs for itself")

    def shown(self) -> dict[str, Any]:
        """
        The order as JSON: what is still to come of it.
        """
        return {name: getattr(self, name) for name in (*COMMON, *FIELDS.get(self.fault, ()))}

    def matches(self, method: str, path: str) -> bool:
        """
        Whether a request is meant; a part of our path in braces stands for any.
        """
        wanted, parts = _split(self.path or ""), _split(path)
        return self.method in (None, method) and all(
            index < len(parts) and (part.startswith("{") or part == parts[index])
            for index, part in enumerate(wanted)
        )

    def error(self) -> StripeError:
        """
        What an `error` answers.
        """
        kind = "api_error" if self.status >= 500 else "invalid_request_error"
        return StripeError("This error was ordered.", status=self.status, kind=kind, code=self.code)


def _split(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _is_header(name: str, value: str) -> bool:
    plain = value.isascii() and value.isprintable()
    return plain and bool(re.fullmatch(r"[A-Za-z0-9-]+", name)) and name.lower() not in OWN_HEADERS


async def deliver(exchange: Exchange, reply: Reply, fault: Fault | None) -> None:
    """
    Send *reply*, spoilt as *fault* says.

    Raises:
        Cut: The connection has to be cut now.
    """
    spoil = SPOILS.get(fault.fault) if fault else None
    if fault and spoil:
        await spoil(exchange, reply, fault)
    else:
        await exchange.reply(reply)


async def _after_commit(exchange: Exchange, reply: Reply, fault: Fault) -> None:
    raise Cut("after the request was carried out")


async def _stall(exchange: Exchange, reply: Reply, fault: Fault) -> None:
    if not await exchange.is_left(fault.seconds):
        await exchange.reply(reply)


async def _cut(exchange: Exchange, reply: Reply, fault: Fault) -> None:
    await exchange.start(reply, len(reply.body))
    await exchange.write(reply.body[: len(reply.body) // 2])
    raise Cut("in the middle of the answer")


async def _slow(exchange: Exchange, reply: Reply, fault: Fault) -> None:
    pieces = (bytes([byte]) for byte in reply.body)
    await exchange.start(reply, len(reply.body))
    await _trickle(exchange, pieces, fault.seconds or 0)


async def _garbage(exchange: Exchange, reply: Reply, fault: Fault) -> None:
    await exchange.reply(reply._replace(status=200, body=GARBAGE))


async def _huge(exchange: Exchange, reply: Reply, fault: Fault) -> None:
    pieces = (b" " * min(CHUNK, fault.bytes - start) for start in range(0, fault.bytes, CHUNK))
    await exchange.start(reply, fault.bytes)
    await _trickle(exchange, pieces, 0)


async def _trickle(exchange: Exchange, pieces: Iterable[bytes], seconds: float) -> None:
    """
    Write the body in *pieces*, each after *seconds*, until the client has gone away.
    """
    for piece in pieces:
        if await exchange.is_left(seconds):
            return
        await exchange.write(piece)
    await exchange.write(b"", more=False)


SPOILS: dict[str, Callable[[Exchange, Reply, Fault], Awaitable[None]]] = {
    "after_commit": _after_commit,
    "stall": _stall,
    "cut": _cut,
    "slow": _slow,
    "garbage": _garbage,
    "huge": _huge,
}
