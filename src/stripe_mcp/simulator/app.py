"""
The simulated Stripe as an ASGI application.

A request's road: key, URL, encoding, idempotency, parameters, the operation,
expansion. Rule: nothing is changed before all checks that need no state have
passed, and every answer carries a request id and the version of its shape.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import API_VERSION
from stripe_mcp.simulator.expansion import check_expand, expand
from stripe_mcp.simulator.form import read_form
from stripe_mcp.simulator.idempotency import Replays, key_of
from stripe_mcp.simulator.keys import check_key
from stripe_mcp.simulator.parameters import read_parameters
from stripe_mcp.simulator.routes import Route, find_route
from stripe_mcp.simulator.shop import open_shop
from stripe_mcp.simulator.store import Store, make_token
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.wire import (
    LARGEST_BODY,
    Message,
    Receive,
    Reply,
    Request,
    Send,
    live,
    read_request,
    send_reply,
)

FORM = "application/x-www-form-urlencoded"


class Simulator:
    """
    A stand-in for the part of Stripe that the tools use, with a small shop in it.

    *clock* gives Unix seconds; with a fixed one, everything is the same every time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.store = Store(clock)
        self._replays = Replays()
        self._request_ids = random.Random("requests")  # noqa: S311 - ids to be repeated, not secrets
        open_shop(self.store)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        else:
            await send_reply(send, self.answer(await read_request(scope, receive)))

    def answer(self, request: Request) -> Reply:
        """
        The reply to *request*; whatever it changes is changed when this returns.
        """
        request_id = f"req_{make_token(self._request_ids, 14)}"
        try:
            reply = self._serve(request, request_id)
        except StripeError as refusal:
            reply = _reply(refusal.status, refusal.body(request_id), request_id)
        key = key_of(request)
        return reply._replace(headers=reply.headers | {"Idempotency-Key": key}) if key else reply

    def _serve(self, request: Request, request_id: str) -> Reply:
        check_key(request.headers.get("authorization"))
        route, ids = find_route(request.method, request.path)
        given = _read_given(request)
        replayed = self._replays.find(request, given)
        if replayed:
            return replayed._replace(headers=replayed.headers | {"Request-Id": request_id})
        arguments = read_parameters(route.operation, given)
        check_expand(route.operation, arguments.get("expand", []))
        self.store.run_due()
        self.store.request = {"id": request_id, "idempotency_key": key_of(request)}
        reply, executed = self._execute(route, arguments | ids, request_id)
        if executed:
            self._replays.keep(request, given, reply)
        return reply

    def _execute(self, route: Route, arguments: Record, request_id: str) -> tuple[Reply, bool]:
        try:
            answer = route.handle(self.store, arguments)
        except StripeError as refusal:
            return _reply(refusal.status, refusal.body(request_id), request_id), refusal.executed
        if "expand" in arguments:
            answer = expand(self.store, answer, arguments["expand"])
        return _reply(200, answer, request_id), True


def _read_given(request: Request) -> dict[str, Any]:
    """
    Query and body together, as Stripe takes them.
    """
    if len(request.body) > LARGEST_BODY:
        raise StripeError("The request is too large.", status=413, executed=False)
    sent_as = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and sent_as != FORM:
        message = (
            f"Invalid request: check that your content type is {FORM}; it is '{sent_as or 'not given'}'."
        )
        raise StripeError(message, executed=False)
    return read_form("&".join(filter(None, (request.query, request.body))))


def _reply(status: int, body: Record, request_id: str) -> Reply:
    headers = {"Content-Type": "application/json", "Request-Id": request_id, "Stripe-Version": API_VERSION}
    return Reply(status, to_json(body), headers)
