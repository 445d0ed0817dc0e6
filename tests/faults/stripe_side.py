"""
Stripe's side of the line: the simulator, what money has moved in it, and the faults by name.

Rule: only the committed money counts, whatever anybody was told.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import anyio

from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.wire import Reply, Request
from tests.faults.proxy import CHUNK, NO_HEADERS, Asked, Exchange, Fault, Proxy

PAYMENT, CHARGE = "pi_DEF456", "ch_2PMsD4LWDVb2AhA0YzKLtetf"  # 49.00 dollars that nobody has refunded
PART = {"payment_intent": PAYMENT, "amount": 500}
CUSTOMER, PRICE = "cus_ABC123", "price_XYZ789"
REFUNDS, CUSTOMERS = "POST /v1/refunds", "POST /v1/customers"
KEY = "sk_test_canaryCANARYcanary1234"
JSON = {"Content-Type": "application/json"}


class Stripe(Proxy):
    """
    The simulator behind a line that can be spoiled.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.simulator = Simulator(admin=True)
        self.address = ""

    def _answer(self, asked: Asked) -> Reply:
        path, _, query = asked.target.partition("?")
        size = len(asked.body)
        return self.simulator.answer(
            Request(asked.method, path, query, dict(asked.headers), asked.body, size)
        )

    def get(self, path: str) -> Any:
        """
        What is there at *path*, without anybody having asked for it.
        """
        reply = self.simulator.answer(Request("GET", path, "", {"authorization": f"Bearer {KEY}"}, ""))
        assert reply.status == 200
        return json.loads(reply.body)

    def make_key(self, *permissions: str) -> str:
        """
        A restricted key that has them.
        """
        body = json.dumps({"permissions": permissions})
        reply = self.simulator.answer(Request("POST", "/_simulator/keys", "", {}, body))
        assert reply.status == 200, reply.body
        return str(json.loads(reply.body)["key"])

    @property
    def refunded(self) -> tuple[int, int]:
        """
        How often money of `PAYMENT` went back, and how much (cents).
        """
        moved = self.get("/_simulator/money")["charges"][CHARGE]
        return moved["refunds"], moved["refunded"]

    def count(self, kind: str) -> int:
        """
        How many objects of *kind* there are.
        """
        return len(list(self.simulator.store.all(kind)))


async def drop(exchange: Exchange) -> None:
    """
    Read, not carried out, and reset.
    """
    exchange.reset()


async def lose(exchange: Exchange) -> None:
    """
    Carried out, and reset without an answer.
    """
    exchange.carry_out()
    exchange.reset()


class Stall:
    """
    Carried out or not yet, and held back until it is released; a client that has gone away gets no answer.
    """

    def __init__(self, *, carried_out: bool = True) -> None:
        self.carried_out = carried_out
        self.held = anyio.Event()
        self.released = anyio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        reply = exchange.carry_out() if self.carried_out else None
        self.held.set()
        async with anyio.create_task_group() as waiting:

            async def until(ends: Callable[[], Any]) -> None:
                await ends()
                waiting.cancel_scope.cancel()

            waiting.start_soon(until, self.released.wait)
            waiting.start_soon(until, exchange.left)
        if self.released.is_set():
            await exchange.send(reply or exchange.carry_out())


async def drip(exchange: Exchange) -> None:
    """
    Carried out, and the answer comes a byte a second.
    """
    reply = exchange.carry_out()
    await exchange.start(reply, len(reply.body))
    for byte in reply.body:
        await exchange.write(bytes([byte]))
        await anyio.sleep(1)


def say(
    status: int,
    body: bytes | str = "",
    headers: Mapping[str, str] = NO_HEADERS,
    *,
    carried_out: bool = False,
) -> Fault:
    """
    An answer in place of Stripe's own, to a request that was *carried_out* or not.
    """

    async def answer(exchange: Exchange) -> None:
        if carried_out:
            exchange.carry_out()
        await exchange.send(
            Reply(status, body.encode() if isinstance(body, str) else body, JSON | dict(headers))
        )

    return answer


def refuse(status: int, headers: Mapping[str, str] = NO_HEADERS, **error: str) -> Fault:
    """
    An error in Stripe's words, to a request that was not carried out.
    """
    return say(status, json.dumps({"error": error}), headers)


def change(**fields: Any) -> Fault:
    """
    Stripe's own answer, with *fields* that it did not have.
    """

    async def answer(exchange: Exchange) -> None:
        reply = exchange.carry_out()
        await exchange.send(reply._replace(body=json.dumps(json.loads(reply.body) | fields).encode()))

    return answer


def pour(size: int) -> Fault:
    """
    Carried out, and answered with *size* bytes.
    """

    async def answer(exchange: Exchange) -> None:
        await exchange.start(exchange.carry_out(), size)
        for _ in range(0, size, CHUNK):
            await exchange.write(b" " * CHUNK)

    return answer


def bomb(size: int) -> Fault:
    """
    Carried out, and answered with a body that unpacks to *size* bytes.
    """
    return say(200, gzip.compress(b" " * size, 1), {"Content-Encoding": "gzip"}, carried_out=True)


async def half(exchange: Exchange) -> None:
    """
    Carried out, and reset in the middle of the answer.
    """
    reply = exchange.carry_out()
    await exchange.start(reply, len(reply.body))
    await exchange.write(reply.body[: len(reply.body) // 2])
    exchange.reset()
