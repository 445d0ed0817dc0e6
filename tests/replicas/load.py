"""
Clients that refund, create and read at once, and repeat a call that got no answer; and what has to hold
when they are done.

Rule: a client knows of a call only what it was answered; what really happened is asked of Stripe.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import anyio
import httpx2
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR

from tests.agent import texts
from tests.replicas.fleet import DAILY, LIMITED, TENANTS, Fleet, Tenant

PAUSE = 0.05  # seconds until a client repeats a call
TRIES = 200  # after which a call is lost
REFUND = 100  # cents
PAYMENT = 500  # cents


class Call(NamedTuple):
    tool: str
    arguments: dict[str, Any]


class Lost(AssertionError):
    """
    A call that was repeated in vain.
    """


@dataclass
class Tally:
    """
    What the clients of one *tenant* have seen: calls that were *done* or *refused*, how often one had to be
    *repeated* and for what reason, and marks of others that they were shown.
    """

    tenant: Tenant
    done: Counter[str] = field(default_factory=Counter)
    refused: list[Call] = field(default_factory=list)
    refunds: set[tuple[str, int]] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    repeated: Counter[str] = field(default_factory=Counter)
    strange: set[str] = field(default_factory=set)

    @property
    def settled(self) -> int:
        return self.done.total() + len(self.refused)

    def look_at(self, answer: str) -> None:
        """
        Note what is in *answer* that belongs to another tenant.
        """
        others = (mark for other in TENANTS if other != self.tenant for mark in other.marks)
        self.strange.update(mark for mark in others if mark in answer)

    def note(self, call: Call) -> None:
        self.done[call.tool] += 1
        if call.tool == "create_refund":
            self.refunds.add((call.arguments["payment_intent"], call.arguments["amount"]))
        if call.tool == "create_customer":
            self.customers.add(call.arguments["name"])


@dataclass
class Load:
    """
    Clients of all tenants, *at_once* for each; *tallies* are theirs.
    """

    fleet: Fleet
    at_once: int = 4
    tallies: list[Tally] = field(default_factory=lambda: [Tally(tenant) for tenant in TENANTS])
    _news: anyio.Event = field(default_factory=anyio.Event)

    @property
    def settled(self) -> int:
        return sum(tally.settled for tally in self.tallies)

    async def reached(self, settled: int) -> None:
        """
        Wait until so many calls are *settled*.
        """
        while self.settled < settled:
            await self._news.wait()

    async def run(self, rounds: int, first: int = 0) -> None:
        """
        Have each client make *rounds* rounds of calls, which are numbered from *first* on.
        """
        async with anyio.create_task_group() as clients:
            for tally in self.tallies:
                calls = deque(self._calls(tally.tenant, range(first, first + rounds * self.at_once)))
                for _ in range(self.at_once):
                    clients.start_soon(self._work, tally, calls)

    def _calls(self, tenant: Tenant, numbers: Sequence[int]) -> list[Call]:
        """
        Three calls for each of *numbers*: a refund, a new customer, a look at the customers.
        """
        calls = []
        with self.fleet.shop(tenant) as shop:
            for number in numbers:
                refund = {"payment_intent": shop.pay(PAYMENT), "amount": REFUND}
                calls.append(Call("create_refund", refund))
                calls.append(Call("create_customer", {"name": f"{tenant.canary} {number}"}))
                calls.append(Call("search_customers", {"limit": 5}))
        return calls

    async def _work(self, tally: Tally, calls: deque[Call]) -> None:
        """
        Take one call after the other, until there is none left.
        """
        call: Call | None = None
        tries = 0
        while call or calls:
            try:
                async with self.fleet.client(tally.tenant) as client:
                    while call or calls:
                        call = call or calls.popleft()
                        tries += 1
                        if tries > TRIES:
                            raise Lost(tally.tenant.name, call, tally.repeated)
                        if await self._settle(client, tally, call):
                            call, tries = None, 0
            except* httpx2.TransportError as lost:  # it ends the SDK's client, so there has to be a new one
                tally.repeated[repr(lost.exceptions[0])] += 1

    async def _settle(self, client: Client, tally: Tally, call: Call) -> bool:
        """
        Make *call* once; False if that has to be repeated.
        """
        try:
            result = await client.call_tool(call.tool, call.arguments)
        except MCPError as error:
            if error.code not in (CONNECTION_CLOSED, INTERNAL_ERROR):
                raise
            tally.look_at(str(error))
            tally.repeated[f"MCPError: {error}"[:80]] += 1
            await anyio.sleep(PAUSE)
            return False
        tally.look_at(result.model_dump_json())
        text = texts(result)[-1]
        if result.is_error and not text.startswith("Refused, nothing was done"):
            assert not text.startswith(("Internal error", "Invalid arguments")), text
            tally.repeated[text.splitlines()[0][:80]] += 1
            await anyio.sleep(PAUSE)
            return False
        if result.is_error:
            tally.refused.append(call)
        else:
            tally.note(call)
        self._news.set()
        self._news = anyio.Event()
        return True


def problems(fleet: Fleet, tallies: list[Tally]) -> list[str]:
    """
    What does not hold: a write that was done is at Stripe, once, and one that was refused is not; the limit
    admits its sum and no more; nobody was shown anything of another.
    """
    found = []
    for tally in tallies:
        name = tally.tenant.name
        with fleet.shop(tally.tenant) as shop:
            refunds = Counter((each["payment_intent"], each["amount"]) for each in shop.all("refunds"))
            customers = Counter(each["name"] for each in shop.all("customers"))
        if refunds != Counter(tally.refunds):
            found.append(f"{name}: refunds {_difference(refunds, Counter(tally.refunds))}")
        if customers != Counter(tally.customers):
            found.append(f"{name}: customers {_difference(customers, Counter(tally.customers))}")
        moved = sum(amount * times for (_, amount), times in refunds.items())
        if name == LIMITED and moved != DAILY:
            found.append(f"{name}: {moved} cents went back, the limit is {DAILY}")
        if name != LIMITED and tally.refused:
            found.append(f"{name}: was refused {tally.refused[0]}")
        if tally.strange:
            found.append(f"{name}: was shown {sorted(tally.strange)}")
    return found


def _difference(there: Counter[Any], known: Counter[Any]) -> str:
    more, less = there - known, known - there
    return f"{more.total()} too many at Stripe, {less.total()} too few, such as {next(iter(more or less))}"
