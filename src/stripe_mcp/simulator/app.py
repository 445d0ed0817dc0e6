"""
The simulated Stripe as an ASGI application.

A request's road: key, account, URL, limits, permission, encoding, idempotency,
parameters, the operation, expansion. Rule: nothing is changed before all checks
that need no object have passed, and every answer carries a request id and the
version of its shape.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from math import inf
from typing import Any, NamedTuple

from stripe_mcp.simulator.account import ACCOUNT_ID, account_for
from stripe_mcp.simulator.errors import NoSuch, StripeError
from stripe_mcp.simulator.expansion import check_expand, expand, lookup
from stripe_mcp.simulator.faults import Fault, deliver
from stripe_mcp.simulator.form import read_form
from stripe_mcp.simulator.idempotency import key_of
from stripe_mcp.simulator.keys import Key, open_with
from stripe_mcp.simulator.limits import TooManyRequests
from stripe_mcp.simulator.parameters import read_parameters
from stripe_mcp.simulator.routes import Route, find_route
from stripe_mcp.simulator.store import SEED, Store, make_token
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.wire import (
    LARGEST_BODY,
    Cut,
    Exchange,
    Message,
    Receive,
    Reply,
    Request,
    Send,
    json_reply,
    live,
    refuse,
)
from stripe_mcp.simulator.worlds import State, World

FORM = "application/x-www-form-urlencoded"


class Call(NamedTuple):
    """
    A request that has passed all checks and is to be carried out.
    """

    world: World
    route: Route
    arguments: Record
    given: dict[str, Any]
    request: Request
    request_id: str

    @property
    def livemode(self) -> bool:
        return self.world.store.livemode


class Simulator:
    """
    A stand-in for the part of Stripe that the tools use, with a small shop in it.

    *clock* gives Unix seconds; with a fixed one, everything follows from *seed*. *admin* opens the
    routes below `/_simulator/`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, *, seed: str = SEED, admin: bool = False
    ) -> None:
        self._clock = clock
        self._administer: Callable[[Simulator, Request, str], Reply] | None = None
        if admin:
            from stripe_mcp.simulator.admin import administer

            self._administer = administer
        self._begin(seed)

    def _begin(self, seed: str) -> None:
        self.state = State(self._clock, seed)
        self.state.world(ACCOUNT_ID, livemode=False)

    def reset(self) -> None:
        """
        Start again from the seed, as if nothing had happened.
        """
        self._begin(self.state.seed)

    def load(self, packed: Any) -> None:
        """
        Go on from a state that `saving.pack` packed.

        Raises:
            StateError: It is none; then nothing has changed.
        """
        from stripe_mcp.simulator.saving import unpack

        self.state = unpack(packed, self._clock)

    @property
    def store(self) -> Store:
        """
        The shop in test mode.
        """
        return self.state.world(ACCOUNT_ID, livemode=False).store

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._serve(exchange)
        except Cut:
            if not exchange.abort():
                raise
            await exchange.is_left(None)

    async def _serve(self, exchange: Exchange) -> None:
        is_admins = self._is_admins(exchange.scope["path"])
        fault = None if is_admins else self.state.take_fault(exchange.scope["method"], exchange.scope["path"])
        if fault and fault.fault == "before_reading":
            raise Cut("before the request was read")
        request = await exchange.read(inf if is_admins else LARGEST_BODY)
        admitted = self._admit(request)
        with _in_flight(admitted):
            if isinstance(admitted, Call) and self.state.limits.latency:
                await asyncio.sleep(self.state.limits.latency)
            await deliver(exchange, self._finish(admitted, request, fault), fault)

    def answer(self, request: Request) -> Reply:
        """
        The reply to *request*, without latency and faults; what it changes is changed when this returns.
        """
        return self._finish(self._admit(request), request)

    def _is_admins(self, path: str) -> bool:
        return self._administer is not None and path.startswith("/_simulator/")

    def _admit(self, request: Request) -> Call | Reply:
        """
        The call that *request* makes, or the reply if it has come to its end already.
        """
        request_id = f"req_{make_token(self.state.random, 14)}"
        if self._administer and self._is_admins(request.path):
            return self._administer(self, request, request_id)
        livemode = False
        try:
            key = open_with(request.headers.get("authorization"), self.state.keys)
            livemode = key.livemode
            return self._check(request, request_id, key)
        except TooManyRequests as refusal:
            return refuse(refusal, request_id, livemode=livemode, headers=refusal.headers)
        except StripeError as refusal:
            return refuse(refusal, request_id, livemode=livemode)

    def _check(self, request: Request, request_id: str, key: Key) -> Call | Reply:
        world = self.state.world(account_for(request.headers, key), livemode=key.livemode)
        route, ids = find_route(request.method, request.path)
        if self.state.limits.rates:
            world.buckets.take(route.operation, self.state.clock(), livemode=key.livemode)
        key.check(route.operation, world.account)
        given = _read_given(request)
        replayed = world.replays.find(request, given, world.store.present())
        if replayed:
            return replayed._replace(headers=replayed.headers | {"Request-Id": request_id})
        arguments = read_parameters(route.operation, given)
        check_expand(route.operation, arguments.get("expand", []))
        return Call(world, route, arguments | ids, given, request, request_id)

    def _finish(self, admitted: Call | Reply, request: Request, fault: Fault | None = None) -> Reply:
        if fault and fault.fault == "error":
            reply = self._fail(admitted, fault)
        else:
            reply = self._execute(admitted) if isinstance(admitted, Call) else admitted
        key = key_of(request)
        return reply._replace(headers=reply.headers | {"Idempotency-Key": key}) if key else reply

    def _execute(self, call: Call) -> Reply:
        store, expanded = call.world.store, call.arguments.get("expand", [])
        store.run_due()
        store.request = {"id": call.request_id, "idempotency_key": key_of(call.request)}
        executed = True
        try:
            answer = call.route.handle(store, call.arguments)
            reply = json_reply(200, expand(store, answer, expanded), call.request_id)
        except StripeError as refusal:
            self._point_to_other_mode(refusal, call)
            executed = refusal.executed
            reply = refuse(refusal, call.request_id, livemode=call.livemode)
        if executed:
            call.world.replays.keep(call.request, call.given, reply, store.present())
        return reply

    def _fail(self, admitted: Call | Reply, fault: Fault) -> Reply:
        """
        The error that *fault* orders, in place of the answer.
        """
        headers = fault.headers or {}
        if isinstance(admitted, Reply):
            return refuse(fault.error(), admitted.headers["Request-Id"], headers=headers)
        if fault.executed:
            self._execute(admitted)
        reply = refuse(fault.error(), admitted.request_id, livemode=admitted.livemode, headers=headers)
        if fault.stored:
            now = admitted.world.store.present()
            admitted.world.replays.keep(admitted.request, admitted.given, reply, now)
        return reply

    def _point_to_other_mode(self, refusal: StripeError, call: Call) -> None:
        """
        Say it if what is missing is there in the other mode: https://docs.stripe.com/error-codes
        """
        other = self.state.worlds.get((call.world.account, not call.livemode))
        if other is None or not isinstance(refusal, NoSuch):
            return
        if isinstance(lookup(other.store, refusal.object_id), str):
            return
        here, there = ("live", "test") if call.livemode else ("test", "live")
        refusal.message += (
            f"; a similar object exists in {there} mode, but a {here} mode key was used to make this request."
        )


def _in_flight(admitted: Call | Reply) -> AbstractContextManager[None]:
    return admitted.world.replays.in_flight(admitted.request) if isinstance(admitted, Call) else nullcontext()


def _read_given(request: Request) -> dict[str, Any]:
    """
    Query and body together, as Stripe takes them.
    """
    if request.size > LARGEST_BODY:
        raise StripeError("The request is too large.", status=413, executed=False)
    sent_as = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and sent_as != FORM:
        message = (
            f"Invalid request: check that your content type is {FORM}; it is '{sent_as or 'not given'}'."
        )
        raise StripeError(message, executed=False)
    return read_form("&".join(filter(None, (request.query, request.body))))
