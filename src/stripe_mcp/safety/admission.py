"""
May this write happen? Identity, limits on money, consent, in this order; each one can only refuse.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from stripe_mcp.catalog import Template
from stripe_mcp.errors import Refused
from stripe_mcp.safety import approvals
from stripe_mcp.safety.consent import Asked, Caller, asking, check_answer
from stripe_mcp.safety.identity import Identity
from stripe_mcp.safety.limits import check_currency, check_money, is_limited
from stripe_mcp.safety.looking import Read
from stripe_mcp.safety.operations import Limit, Money, Write
from stripe_mcp.safety.question import Question, put
from stripe_mcp.safety.stakes import Stakes, kind_of, read_stakes
from stripe_mcp.safety.store import Store
from stripe_mcp.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """
    A write that may begin, and under what conditions: see `Ledger.begin`.
    """

    write: Write
    money: Money
    way: str
    limits: list[Limit]
    unasked: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """
    Decides over one call of *template*. *read* asks Stripe, *store* holds what waits for approval.
    """

    template: Template
    arguments: dict[str, Any]
    caller: Caller
    verification: str | None
    settings: Settings
    identity: Identity
    store: Store
    read: Read

    async def admit(self, write: Write) -> Admitted:
        """
        Let *write* pass, with all that it has to be held to when it begins.

        Raises:
            Refused: It may not happen, or not yet: a person has to say yes.
            ToolError: What it is about could not be read.
        """
        rules, kind = self.settings.rules, kind_of(self.template)
        check_currency(rules, self.arguments.get("currency"))
        approval = None
        way = self._way()
        if way == "client" and self._may_wait():
            approval = await self.store.look(approvals.find, write, time.time())
            way = "approval" if approval or rules.confirm == "always" else way
        needs_facts = way in ("elicitation", "approval") or self.identity.guards(self.template)
        if not needs_facts and not is_limited(rules, self.template):
            money = Money(kind=kind)
            return Admitted(write=write, money=money, way=way, limits=[], unasked=self._unasked(way))
        stakes = await self._stakes(write)
        self.identity.check(self.template, self.verification, stakes.customer, write)
        limits = check_money(rules, stakes)
        if way == "elicitation":
            await self._ask(write, stakes)
        if way == "approval":
            write = await self._approved(write, stakes, approval)
        write = _exactly(write, self.arguments, stakes)
        return Admitted(write=write, money=_money(stakes), way=way, limits=limits, unasked=self._unasked(way))

    async def wait_for_approval(self, write: Write) -> Refused:
        """
        Put *write* to a person who runs `stripe-mcp approve`, and return what to tell the model.
        """
        return await self._wait(write, await self._stakes(write))

    async def _wait(self, write: Write, stakes: Stakes) -> Refused:
        question = put(stakes, self.template, self.settings.mode, must_type=True)
        filed = (stakes.digest, question.message, question.amount, time.time())
        return _waits(await self.store.run(approvals.file, write, *filed))

    def _way(self) -> str:
        if not self.template.confirm:
            return "none"
        asks = self.settings.rules.confirm != "client" and self.caller.person.can_be_asked
        return "elicitation" if asks else "client"

    def _may_wait(self) -> bool:
        """
        Whether calls of which nobody was asked wait for a person, sooner or later.
        """
        rules = self.settings.rules
        return rules.confirm == "always" or (rules.confirm == "auto" and self.settings.mode == "LIVE")

    def _unasked(self, way: str) -> int | None:
        counted = way == "client" and self._may_wait()
        return self.settings.rules.unasked_calls if counted else None

    async def _stakes(self, write: Write) -> Stakes:
        stakes = await read_stakes(self.template, self.arguments, self.read)
        if write.repeat_of is None:
            return stakes
        once_more = f"This was done before ({write.repeat_of}), and is to be done once more"
        return replace(stakes, what=(*stakes.what, once_more))

    def _question(self, stakes: Stakes) -> Question:
        live = self.settings.mode == "LIVE" and stakes.amount is not None
        must_type = live and self.settings.rules.must_type(stakes.currency or "", stakes.amount or 0)
        return put(stakes, self.template, self.settings.mode, must_type)

    async def _ask(self, write: Write, stakes: Stakes) -> None:
        """
        Ask the person at the client, or look at the answer that came with the call.
        """
        question, person = self._question(stakes), self.caller.person
        now = asking(write.principal, write.account, write.mode, stakes.digest)
        if person.brought:
            state, answer = person.brought
            return check_answer(Asked.unseal(state), now, question, answer)
        answer = await person.ask(question, now.seal())
        later = replace(now, facts=(await self._stakes(write)).digest)
        return check_answer(now, later, question, answer)

    async def _approved(self, write: Write, stakes: Stakes, approval: approvals.Approval | None) -> Write:
        stale = approval is not None and approval.state == "declined" and approval.expires < time.time()
        if approval is None or approval.state == "waiting" or stale:
            raise await self._wait(write, stakes)
        if approval.state == "declined":
            raise Refused(
                "consent", "the person said no in their terminal. Do not call again unless they ask for it."
            )
        if approval.facts != stakes.digest:
            await self.store.run(approvals.settle, approval.id, "outdated", time.time())
            raise Refused(
                "changed", "what was approved has changed meanwhile. Call again to have it approved anew."
            )
        return replace(write, consent=approval.id)


def _exactly(write: Write, arguments: dict[str, Any], stakes: Stakes) -> Write:
    """
    *write* with the amount that was looked at: what is left of a payment may be more by the time it is sent.
    """
    if stakes.kind != "refund" or stakes.amount is None or "amount" in arguments:
        return write
    request = write.request
    return replace(write, request=replace(request, form=f"{request.form}&amount={stakes.amount}"))


def _money(stakes: Stakes) -> Money:
    return Money(kind=stakes.kind, customer=stakes.customer, currency=stakes.currency, amount=stakes.amount)


def _waits(name: str) -> Refused:
    return Refused(
        "waiting",
        f"{name} waits for a person. Ask the user to run `stripe-mcp approve` in a terminal on the "
        "machine of this server; when they have said yes, make the very same call again, within ten minutes.",
    )
