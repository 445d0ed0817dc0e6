"""
R27 and R28: many calls at once, and many after one another.
"""

import sys
from collections import Counter

import pytest

from tests.faults.proxy import Fault
from tests.faults.server import Host, Process, made
from tests.faults.stripe_side import CHARGE, PAYMENT, REFUNDS, Stall, Stripe, drop, half, lose, say

pytestmark = pytest.mark.anyio

AT_ONCE = 50


async def test_r27_a_call_that_stalls_holds_up_no_other(stripe: Stripe, host: Host, database: str) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        stalled = await process.begin("create_refund", payment_intent=PAYMENT, amount=500)
        await stall.held.wait()
        reads = [await process.begin("get_charge", charge_id=CHARGE) for _ in range(AT_ONCE // 2)]
        writes = [
            await process.begin("create_customer", name=f"Jane {number}") for number in range(AT_ONCE // 2)
        ]
        for call in reads + writes:
            made(await process.result(call))
        assert not stall.released.is_set()
        stall.released.set()
        made(await process.result(stalled))
    assert len(set(stripe.keys("POST /v1/customers"))) == len(writes)
    assert stripe.refunded == (1, 500)


FAULTS: list[Fault] = [drop, lose, half, say(503, "busy"), say(200, "<html>")]
CALLS, WARM, EVERY = 10_000, 2_000, 20  # a fault each 20 calls


class Weight:
    """
    What the process holds: memory in bytes, open files, threads.
    """

    def __init__(self, process: Process) -> None:
        self.memory = int(process.proc("statm").read_text().split()[1]) * 4096
        self.files = len(list(process.proc("fd").iterdir()))
        self.threads = len(list(process.proc("task").iterdir()))


async def make_calls(process: Process, stripe: Stripe, numbers: range, outcomes: Counter[bool]) -> None:
    """
    Make the calls with these *numbers*, `AT_ONCE` at a time; each hundredth writes.
    """
    waiting: list[int] = []
    for number in numbers:
        if number % EVERY == 0:
            stripe.next("", FAULTS[number // EVERY % len(FAULTS)])
        if number % 100 == 50:
            waiting.append(await process.begin("create_customer", name=f"Jane {number}"))
        else:
            waiting.append(await process.begin("get_charge", charge_id=CHARGE))
        if len(waiting) == AT_ONCE or number == numbers[-1]:
            for call in waiting:
                outcomes[(await process.result(call)).is_error] += 1
            waiting = []


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process holds as Linux says it")
async def test_r28_ten_thousand_calls_leave_nothing_behind(stripe: Stripe, host: Host) -> None:
    outcomes = Counter[bool]()
    async with host.process(STRIPE_MCP_MAX_RETRIES="0") as process:
        at_once = [await process.begin("create_customer", name=f"Jane the {n}th") for n in range(AT_ONCE)]
        for call in at_once:  # so many writes need all the threads that there will be
            made(await process.result(call))
        await make_calls(process, stripe, range(WARM), outcomes)
        warm = Weight(process)
        await make_calls(process, stripe, range(WARM, CALLS), outcomes)
        end = Weight(process)
    assert outcomes.total() == CALLS
    assert outcomes[True] >= CALLS // EVERY - len(FAULTS)
    assert end.memory - warm.memory < 20_000_000  # a thread that comes late has an arena of 15 MB
    assert end.files - warm.files < AT_ONCE  # each call may have found its connection gone when it was warm
    assert end.threads - warm.threads < 3
