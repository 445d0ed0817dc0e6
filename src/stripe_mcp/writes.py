"""
One write, from its arguments to what became of it: at most once, and only if it is wanted.

Rule: the ledger is asked first, and knows before Stripe does. What was done already is answered from
it; what is unknown is sent again, with its own key; what is new has to be admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import anyio

from stripe_mcp.catalog import Template
from stripe_mcp.errors import OutcomeUnknown, Refused, redact
from stripe_mcp.pii import mask
from stripe_mcp.request import StripeRequest
from stripe_mcp.results import Answered, Content, to_text
from stripe_mcp.safety.admission import Admission
from stripe_mcp.safety.consent import Asked, Caller
from stripe_mcp.safety.counting import AllowanceUsed
from stripe_mcp.safety.identity import Identity
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.operations import (
    NOTHING,
    Found,
    Operation,
    Standing,
    Write,
    fingerprint,
    marked,
    new_id,
)
from stripe_mcp.safety.stakes import payment_of
from stripe_mcp.sending import Sending, failure
from stripe_mcp.settings import Settings

_LOOK_AGAIN = 0.1  # seconds, while another call carries out the same write


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """
    One call of *template* with *arguments*, which is *request*, made by *caller* on *account*.

    *repeat_of* and *verification* are the arguments of the server's own. *sending* is the way to Stripe;
    *hide* masks what was shown under other rules.
    """

    template: Template
    arguments: dict[str, Any]
    request: StripeRequest
    repeat_of: str | None
    verification: str | None
    caller: Caller
    account: str
    key: str
    settings: Settings
    identity: Identity
    ledger: Ledger
    sending: Sending
    hide: Callable[[Content], Content]

    async def carry_out(self) -> Answered:
        """
        Carry it out, or answer with what came of it before.

        Raises:
            Refused: It may not happen.
            OutcomeUnknown: Nobody knows whether it happened.
            ToolError: It did not happen.
        """
        write = await self._write()
        while True:
            found = await self._claim(write)
            operation = cast("Operation", found.operation)  # now that it is claimed, there is one
            match found.standing:
                case Standing.NEW | Standing.RESEND:
                    return await self.sending.send(operation, again=found.standing is Standing.RESEND)
                case Standing.RUNNING:
                    operation = await self._wait_for(operation)
                    if operation.state in ("done", "failed"):
                        return self._repeated(operation)
                case Standing.SETTLED:
                    return self._repeated(operation)
                case _:
                    key = operation.idempotency_key
                    raise OutcomeUnknown("Stripe has been asked about it.", key, operation.id, stored=True)

    async def _write(self) -> Write:
        request = self.request
        refunds = (request.method, request.route) == ("POST", "/v1/refunds")
        payment = await payment_of(self.arguments, self.sending.road.read) if refunds else None
        brought = self.caller.person.brought
        write = Write(
            principal=self.caller.principal,
            account=self.account,
            key=self.key,
            mode=self.settings.mode,
            tool=self.template.name,
            fingerprint=fingerprint(request, payment),
            request=request,
            id=new_id(),
            idempotent=self.template.annotations.idempotentHint,
            repeat_of=self.repeat_of,
            consent=Asked.unseal(brought[0]).number if brought else None,
        )
        return replace(write, request=marked(request, write.id)) if self._is_to_be_marked() else write

    def _is_to_be_marked(self) -> bool:
        """
        Whether what it makes can bear the operation's id: Stripe takes 50 keys of metadata at most.
        """
        takes_metadata = "metadata" in self.template.input["properties"]
        makes = takes_metadata and not self.template.annotations.idempotentHint
        return (
            makes and self.settings.rules.operation_metadata and len(self.arguments.get("metadata", "")) < 50
        )

    async def _claim(self, write: Write) -> Found:
        """
        What there is of *write* by now; where it is ours to send, the ledger knows that it is being sent.
        """
        said = {"client": self.caller.client, "arguments": self._redacted()}
        try:
            found = await self.ledger.find(write)
            if found.standing is Standing.NEW:
                return await self._begin(write, said)
            if found.standing is Standing.RESEND and found.operation:
                way = found.operation.consent_way
                return await self.ledger.begin(write, NOTHING, way=way, limits=[], unasked=None, said=said)
            return found
        except Refused as error:
            await self.ledger.refuse(write, error, failure(str(error)), **said)
            raise

    async def _begin(self, write: Write, said: dict[str, Any]) -> Found:
        admission = Admission(
            template=self.template,
            arguments=self.arguments,
            caller=self.caller,
            verification=self.verification,
            settings=self.settings,
            identity=self.identity,
            store=self.ledger.store,
            read=self.sending.road.read,
        )
        admitted = await admission.admit(write)
        try:
            return await self.ledger.begin(
                admitted.write,
                admitted.money,
                way=admitted.way,
                limits=admitted.limits,
                unasked=admitted.unasked,
                said=said,
            )
        except AllowanceUsed:
            raise await admission.wait_for_approval(write) from None

    def _redacted(self) -> str:
        return redact(to_text(mask(self.arguments)))

    async def _wait_for(self, operation: Operation) -> Operation:
        """
        *operation* once another call has carried it out, or has fallen silent.
        """
        with anyio.move_on_after(self.settings.deadline):
            while True:
                await anyio.sleep(_LOOK_AGAIN)
                now = await self.ledger.get(operation.id)
                if now and (now.state != "intent" or not self.ledger.is_alive(now)):
                    return now
        still = "Another call is carrying it out, and has not ended in time."
        raise OutcomeUnknown(still, operation.idempotency_key, operation.id)

    def _repeated(self, operation: Operation) -> Answered:
        """
        What answers the same write again.

        Raises:
            Refused: It failed, and so does this.
        """
        content = self.hide(operation.answer())
        once_more = "" if self.template.annotations.idempotentHint else _ONCE_MORE.format(operation.id)
        return Answered(content, (_REPEAT.format(operation.id, once_more),))


_REPEAT = "REPEAT: nothing was done now. This is the outcome of {}, which the same call had before.{}"
_ONCE_MORE = ' To do it once more on purpose, call with repeat_of "{}".'
