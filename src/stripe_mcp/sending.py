"""
An operation on its way to Stripe, and what became of it: kept whatever happens to the caller.

Rule: what was sent is not cut short, and what no answer settles is unknown; only then is it told.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio

from stripe_mcp.catalog import Template
from stripe_mcp.errors import LedgerUnavailable, OutcomeUnknown, StripeError, ToolError, redact
from stripe_mcp.pii import mask
from stripe_mcp.request import StripeRequest
from stripe_mcp.results import Answered, Content
from stripe_mcp.road import Road
from stripe_mcp.safety.ledger import LEASE, Ledger
from stripe_mcp.safety.mismatch import warnings
from stripe_mcp.safety.operations import Money, Operation, is_gone
from stripe_mcp.settings import Mode
from stripe_mcp.transport import Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """
    Sends what a call of *template* with *arguments* has become.

    *show* turns Stripe's object into what answers the call, and raises OutcomeUnknown for what it cannot
    read; *explain* puts an error into words.
    """

    template: Template
    arguments: dict[str, Any]
    mode: Mode
    ledger: Ledger
    road: Road
    show: Callable[[Reply], Content]
    explain: Callable[[ToolError], str]

    async def send(self, operation: Operation, *, again: bool) -> Answered:
        """
        Carry out *operation*; *again*: it was sent before, and nobody knows what became of it.

        Raises:
            OutcomeUnknown: Nobody knows whether it happened.
            ToolError: It did not happen.
        """
        beating = anyio.CancelScope(shield=True)  # it goes on if the caller leaves, as what was sent does
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._stay_alive, operation, beating)
            try:
                answered = await self._settle(operation, again)
            finally:
                beating.cancel()
        if isinstance(answered, ToolError):
            raise answered
        return answered

    async def _stay_alive(self, operation: Operation, beating: anyio.CancelScope) -> None:
        with beating:
            while True:
                await anyio.sleep(LEASE / 3)
                try:
                    await self.ledger.stay_alive(operation)
                except LedgerUnavailable:
                    log.warning("%s: the ledger does not answer", operation.id)

    async def _settle(self, operation: Operation, again: bool) -> Answered | ToolError:
        """
        Send *operation* and keep what became of it; what went wrong is returned, not raised.
        """
        try:
            reply = await self._exchange(operation, again)
            content = self.show(reply)
        except OutcomeUnknown as error:
            await self._finish(operation, "unknown", why=error.reason, ask_again=not error.stored)
            return OutcomeUnknown(error.reason, operation.idempotency_key, operation.id, stored=error.stored)
        except ToolError as error:
            request_id = error.request_id if isinstance(error, StripeError) else None
            text = self.explain(error)
            await self._finish(
                operation, "failed", failure(text), why=_masked(str(error)), request_id=request_id
            )
            return error
        except anyio.get_cancelled_exc_class():
            # Only before it was sent, this time: what was sent is not cut short.
            await self._finish(operation, "unknown" if again else "failed", _CALLED_OFF, why="called off")
            raise
        told = warnings(self.template, self.arguments, reply.body, self.mode)
        kept = await self._finish(
            operation,
            "done",
            json.dumps({"content": content}),
            request_id=reply.request_id,
            object=content.get("id"),
            moved=_moved(reply.body),
            warning=" ".join(told) or None,
        )
        return Answered(content, told if kept else (*told, _NOT_KEPT))

    async def _exchange(self, operation: Operation, again: bool) -> Reply:
        request = operation.request
        try:
            return await self.road.send(request, idempotency_key=operation.idempotency_key, in_doubt=again)
        except OutcomeUnknown:
            if request.method != "DELETE":
                raise
            return await self._what_is_left(request)  # a DELETE has no key

    async def _what_is_left(self, request: StripeRequest) -> Reply:
        """
        The object that a DELETE was for, if it says that it is gone or ended.
        """
        body: dict[str, Any] = {}
        with anyio.CancelScope(shield=True):  # the DELETE was sent
            try:
                reply = await self.road.send(StripeRequest("GET", request.route, request.path))
                body = reply.body
            except ToolError as error:
                text = "Stripe gave no answer, and the object could not be read."
                raise OutcomeUnknown(text, None) from error
        if is_gone(body):
            return reply
        raise OutcomeUnknown("Stripe gave no answer, and the object is still there.", None)

    async def _finish(
        self, operation: Operation, state: str, outcome: str | None = None, **said: Any
    ) -> bool:
        """
        Keep what became of *operation*, even if the caller is gone. False if the ledger does not take it.
        """
        kept = True
        with anyio.CancelScope(shield=True):
            try:
                await self.ledger.finish(operation, state, outcome, **said)
            except LedgerUnavailable:
                log.exception("%s is %s, and the ledger does not know", operation.id, state)
                kept = False
        return kept


def _moved(body: dict[str, Any]) -> Money:
    """
    The money that *body* tells of, if it does: of a charge what was collected of it.
    """
    amount = body.get("amount_captured", body.get("amount"))
    currency, customer = body.get("currency"), body.get("customer")
    customer = customer.get("id") if isinstance(customer, dict) else customer
    return Money(
        amount=amount if isinstance(amount, int) else None,
        currency=currency if isinstance(currency, str) else None,
        customer=customer if isinstance(customer, str) else None,
    )


def failure(text: str) -> str:
    """
    An outcome that answers the same write with what went wrong.
    """
    return json.dumps({"error": text})


def _masked(text: str) -> str:
    return redact(str(mask(text)))


_CALLED_OFF = failure("It was called off before it was sent.")
_NOT_KEPT = "WARNING: this was done, but the ledger could not take it down. Tell the user."
