"""
`stripe-mcp operations reconcile`: Stripe is asked what became of the writes that got no answer.

Rule: nothing new is begun. While Stripe remembers an idempotency key, the request that it belongs to is
sent again with it; later there are only reads, and what these do not prove is left to a person.
"""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from rich.console import Console
from sqlalchemy import Connection

from stripe_mcp.errors import OutcomeUnknown, StripeError, ToolError, redact
from stripe_mcp.operating import is_running
from stripe_mcp.request import StripeRequest
from stripe_mcp.results import Content, to_text
from stripe_mcp.safety import audit
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.operations import Operation, is_gone
from stripe_mcp.text import clean
from stripe_mcp.times import iso
from stripe_mcp.transport import Reply

_TELLING = ("deleted", "status", "captured", "amount_captured", "amount_refunded", "currency", "customer")
_BEFORE, _AFTER = 300, 3600  # seconds by which this machine's clock may differ from Stripe's
_MOST_PAGES = 1000  # of 100 objects each


class Send(Protocol):
    """
    The road to Stripe: `Road.send`.
    """

    async def __call__(
        self, request: StripeRequest, *, idempotency_key: str | None = None, in_doubt: bool = False
    ) -> Reply: ...


class StillOpen(Exception):
    """
    Nobody knows yet what became of the operation; the text says what is known, and what a person can do.
    """


async def reconcile(
    ledger: Ledger,
    wanted: str | None,
    *,
    send: Send,
    account: Callable[[], Awaitable[str]],
    mode: str,
    show: Callable[[Content], Content],
    clock: Callable[[], float] = time.time,
) -> int:
    """
    Settle the open operation *wanted*, or all, as far as Stripe can tell, and print what became of each.

    Those of another account than *account* tells, or of another *mode*, are left alone. *show* turns
    Stripe's object into what answers the call. Returns 0 if none that was meant is open any more, else 1.
    """
    console = Console(markup=False, highlight=False)
    meant = [each for each in await ledger.open() if wanted in (None, each.id)]
    if not meant:
        console.print(
            "No operation is open." if wanted is None else f"There is no open operation {clean(wanted)}."
        )
        return 0 if wanted is None else 1
    reconciler = Reconciler(ledger=ledger, send=send, show=show, clock=clock)
    try:
        ours = (await account(), mode)
    except ToolError as error:
        console.print(clean(str(error)), soft_wrap=True)
        return 1
    left = 0
    for operation in meant:
        theirs = (operation.account, operation.mode)
        settled, told = (
            await reconciler.settle(operation) if theirs == ours else _skipped(theirs, ours, wanted)
        )
        left += not settled
        console.print(clean(f"{operation.id} ({operation.tool}): {told}"), soft_wrap=True)
    return 1 if left else 0


def _skipped(theirs: tuple[str, str], ours: tuple[str, str], wanted: str | None) -> tuple[bool, str]:
    told = f"left alone: it belongs to {' '.join(theirs)}, and this key to {' '.join(ours)}."
    return wanted is None, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """
    Finds out by *send* what became of open operations; the arguments are those of `reconcile`.
    """

    ledger: Ledger
    send: Send
    show: Callable[[Content], Content]
    clock: Callable[[], float]

    async def settle(self, operation: Operation) -> tuple[bool, str]:
        """
        Whether *operation* has an outcome now, and what to say of it.
        """
        try:
            now = await self.ledger.get(operation.id)
            if now is None or now.state in ("done", "failed"):
                return True, "settled by another process meanwhile."
            return True, await self._settle(now)
        except (StillOpen, ToolError) as error:
            return False, f"still open. {error}"

    async def _settle(self, operation: Operation) -> str:
        if is_running(self.ledger, operation):
            raise StillOpen("A running process is carrying it out.")
        await self.ledger.store.run(_note, operation, self.clock())
        if operation.request.method == "DELETE":
            return await self._look(operation)
        if operation.idempotency_key and self.clock() < operation.retry_until:
            return await self._ask_again(operation)
        return await self._find(operation)

    async def _ask_again(self, operation: Operation) -> str:
        key = operation.idempotency_key
        try:
            reply = await self.send(operation.request, idempotency_key=key, in_doubt=True)
        except OutcomeUnknown as error:
            await self.ledger.finish(operation, "unknown", ask_again=not error.stored, why=error.reason)
            if error.stored:
                return await self._find(operation)
            raise StillOpen(f"{error.reason} Try again later.") from None
        except StripeError as error:
            text = redact(str(error))
            failed = json.dumps({"error": text})
            await self.ledger.finish(operation, "failed", failed, why=text, request_id=error.request_id)
            return f"failed. {text}"
        return await self._keep(operation, reply, "Stripe was asked again")

    async def _keep(self, operation: Operation, reply: Reply, why: str) -> str:
        """
        Keep that *reply* holds what the operation brought about.
        """
        content = self.show(reply.body)
        found: dict[str, Any] = {"object": reply.body.get("id"), "request_id": reply.request_id, "why": why}
        await self.ledger.finish(operation, "done", to_text({"content": content}), **found)
        return f"done: {reply.body.get('id')}."

    async def _look(self, operation: Operation) -> str:
        """
        What is there of an object that was to be deleted: a DELETE has no key, so that this has to tell.
        """
        request = operation.request
        reply = await self.send(StripeRequest("GET", request.route, request.path))
        if is_gone(reply.body):
            return await self._keep(operation, reply, "Stripe was asked what is left")
        raise StillOpen("The object is still there. Making the same call again is safe.")

    async def _find(self, operation: Operation) -> str:
        """
        What the operation made, by the mark that it bears.
        """
        request, closing = operation.request, _closing(operation)
        if "{" in request.route:
            told = await self._describe(request)
            raise StillOpen(
                f"{told} If that is what was wanted, {closing('done')}; if not, {closing('failed')}."
            )
        around = f"Among what was made from {iso(int(operation.created))} on,"
        if ("metadata[stripe_mcp_operation]", operation.id) not in parse_qsl(request.form):
            raise StillOpen(
                f"{around} look for it in the Dashboard; then {closing('done')} or {closing('failed')}."
            )
        found = await self._search(operation)
        if found is None:
            raise StillOpen(
                f"{around} Stripe has none. When you have made sure of that, {closing('failed')}."
            )
        return await self._keep(operation, Reply(body=found), "found by the operation in its metadata")

    async def _search(self, operation: Operation) -> dict[str, Any] | None:
        """
        The object that names *operation* in its metadata.
        """
        request = operation.request
        first, last = int(operation.created) - _BEFORE, int(operation.retry_until) + _AFTER
        query = {"created[gte]": str(first), "created[lte]": str(last), "limit": "100"}
        if request.path == "/v1/subscriptions":
            query["status"] = "all"  # or those that have been canceled since are not listed
        for _ in range(_MOST_PAGES):
            page = await self.send(StripeRequest("GET", request.route, request.path, urlencode(query)))
            rows: list[dict[str, Any]] = page.body.get("data") or []
            for row in rows:
                if (row.get("metadata") or {}).get("stripe_mcp_operation") == operation.id:
                    return row
            if not page.body.get("has_more"):
                return None
            if not rows:
                break
            query["starting_after"] = str(rows[-1].get("id"))
        raise StillOpen("Stripe's list of what was made then does not end.")

    async def _describe(self, request: StripeRequest) -> str:
        """
        The state of the object that *request* was to change.
        """
        parts = request.route.split("/")
        end = max(place for place, part in enumerate(parts, 1) if part.startswith("{"))
        path = "/".join(request.path.split("/")[:end])
        body = (await self.send(StripeRequest("GET", "/".join(parts[:end]), path))).body
        facts = ", ".join(f"{name} {body[name]}" for name in _TELLING if body.get(name) is not None)
        return f"Stripe has {body.get('id')} now with {facts}."


def _closing(operation: Operation) -> Callable[[str], str]:
    return f"`stripe-mcp operations close {operation.id} {{}}`".format


def _note(connection: Connection, operation: Operation, now: float) -> None:
    audit.append(connection, now, event="reconcile", of=operation, operation=operation.id)
