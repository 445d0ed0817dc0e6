"""
What can happen between the ledger and Stripe: two at once, a caller who leaves, a ledger that fails.
"""

import logging
from typing import Any

import anyio
import httpx
import pytest

from stripe_mcp.errors import LedgerUnavailable
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.store import Store
from stripe_mcp.transport import Transport
from tests.agent import texts
from tests.safety.desk import arguments, desk

pytestmark = pytest.mark.anyio

ZOE = {"name": "Zoë"}
ACCOUNT: dict[str, Any] = {"account": "acct_1"}


class Held(httpx.AsyncBaseTransport):
    """
    Holds back what is no GET until it may go on, and lets the connection break if it is *lossy*.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, *, lossy: bool = False) -> None:
        self._inner, self._lossy = inner, lossy
        self.held, self.go_on = anyio.Event(), anyio.Event()
        self.sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return await self._inner.handle_async_request(request)
        self.sent += 1
        self.held.set()
        if not self._lossy:
            await self.go_on.wait()
        answer = await self._inner.handle_async_request(request)
        if self._lossy:
            raise httpx.ReadError("lost")
        return answer


def holding(lines: list[Held], **how: bool) -> dict[str, Any]:
    def hold(inner: httpx.AsyncBaseTransport) -> Held:
        lines.append(Held(inner, **how))
        return lines[-1]

    return {"http": hold, **ACCOUNT}


async def test_r8_ten_calls_at_once_are_one_request_and_have_one_outcome() -> None:
    lines: list[Held] = []
    results: list[Any] = []
    async with desk(**holding(lines)) as at:

        async def call() -> None:
            results.append(await at.call("create_customer", **ZOE))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(call)
            while not lines:
                await anyio.lowlevel.checkpoint()
            await lines[0].held.wait()
            lines[0].go_on.set()
    assert lines[0].sent == 1
    assert len({str(result.structured_content) for result in results}) == 1
    assert sum(texts(result)[1].startswith("REPEAT") for result in results) == 9


async def test_who_waits_for_another_call_waits_no_longer_than_the_deadline() -> None:
    lines: list[Held] = []
    async with desk(**holding(lines), deadline=1) as at, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: at.call("create_customer", **ZOE))
        while not lines:
            await anyio.lowlevel.checkpoint()
        await lines[0].held.wait()
        result = await at.call("create_customer", **ZOE)
        lines[0].go_on.set()
    assert result.is_error
    assert texts(result)[0].startswith("OUTCOME UNKNOWN: Another call")
    assert lines[0].sent == 1


async def test_a_call_that_is_called_off_before_it_was_sent_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = anyio.Event()

    async def full(self: Transport, call: Any) -> None:
        waiting.set()
        await anyio.sleep_forever()

    async with desk(**ACCOUNT) as at:
        monkeypatch.setattr(Transport, "_take_place", full)
        with anyio.CancelScope() as caller:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: at.call("create_customer", **ZOE))
                await waiting.wait()
                caller.cancel()
        monkeypatch.undo()
        result = await at.call("create_customer", **ZOE)
        assert not result.is_error
        assert len(texts(result)) == 2  # it is no repeat: the first was never sent


async def test_what_was_done_and_could_not_be_kept_is_said_and_is_not_done_twice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr("stripe_mcp.safety.ledger.LEASE", 0)
    async with desk(**ACCOUNT) as at:
        with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
            broken.setattr(Ledger, "finish", fails)
            first = await at.call("create_customer", **ZOE)
        assert not first.is_error
        assert texts(first)[1].startswith("WARNING: this was done")
        again = await at.done("create_customer", **ZOE)
        assert again["id"] == (first.structured_content or {})["id"]
    assert "the ledger does not know" in caplog.text


async def test_a_ledger_that_does_not_answer_meanwhile_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[Held] = []
    failed = anyio.Event()

    async def fails(*_: Any) -> None:
        failed.set()
        raise LedgerUnavailable("locked")

    monkeypatch.setattr("stripe_mcp.sending.LEASE", 0.01)
    monkeypatch.setattr(Ledger, "stay_alive", fails)
    async with desk(**holding(lines)) as at, anyio.create_task_group() as tasks:

        async def call() -> None:
            await at.done("create_customer", **ZOE)

        tasks.start_soon(call)
        await failed.wait()
        lines[0].go_on.set()
    assert "the ledger does not answer" in caplog.text


async def test_a_deletion_without_an_answer_and_without_a_look_is_unknown() -> None:
    class Gone(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self._inner, self._deleted = inner, False

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if self._deleted or request.method == "DELETE":
                self._deleted = True
                raise httpx.ReadError("lost")
            return await self._inner.handle_async_request(request)

    async with desk(http=Gone, **ACCOUNT) as at:
        text = await at.refused("delete_customer", **arguments(at.simulator, "delete_customer"))
        assert text.startswith("OUTCOME UNKNOWN")
        assert "could not be read" in text


async def test_a_ledger_that_is_kept_by_nobody_is_closed_with_its_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[Store] = []
    close = Store.close

    def noted(store: Store) -> None:
        closed.append(store)
        close(store)

    monkeypatch.setattr(Store, "close", noted)
    async with desk(**ACCOUNT) as at:
        await at.done("create_customer", **ZOE)
    assert len(closed) == 1


STEPS_BETWEEN: dict[str, Any] = {
    "no connection": httpx.ConnectError("refused"),
    "a key that is refused": 401,
    "a permission that is missing": 403,
    "a key in use": 409,
    "too many requests": 429,
}


@pytest.mark.parametrize("between", STEPS_BETWEEN.values(), ids=STEPS_BETWEEN)
async def test_an_unknown_outcome_stays_unknown_until_stripe_tells(between: Any) -> None:
    """
    The answer to a refund was lost; that the next attempt did not get through says nothing of the first.
    """
    script: list[Any] = [httpx.ReadError("lost"), between]
    keys: list[str] = []

    class Scripted(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self._inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return await self._inner.handle_async_request(request)
            keys.append(request.headers["Idempotency-Key"])
            step = script.pop(0) if script else None
            if isinstance(step, int):
                error = {"type": "invalid_request_error", "message": "Not now."}
                return httpx.Response(step, json={"error": error})
            if isinstance(step, httpx.ConnectError):
                raise step
            answer = await self._inner.handle_async_request(request)
            if step:
                raise step
            return answer

    async with desk(http=Scripted, **ACCOUNT) as at:
        given = arguments(at.simulator, "create_refund") | {"amount": 100}
        before = len(list(at.simulator.store.all("refund")))
        for _ in range(2):
            assert texts(await at.call("create_refund", **given))[0].startswith("OUTCOME UNKNOWN")
        await at.done("create_refund", **given)
        assert len(list(at.simulator.store.all("refund"))) == before + 1
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_who_waits_for_a_call_whose_answer_is_lost_asks_again_with_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys: list[str] = []
    held, go_on = anyio.Event(), anyio.Event()
    get = Ledger.get

    async def waits(self: Ledger, name: str) -> Any:
        found = await get(self, name)
        go_on.set()
        return found

    monkeypatch.setattr(Ledger, "get", waits)

    class LosingOne(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self._inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            keys.append(request.headers["Idempotency-Key"])
            answer = await self._inner.handle_async_request(request)
            if len(keys) == 1:
                held.set()
                await go_on.wait()
                raise httpx.ReadError("lost")
            return answer

    results: list[Any] = []
    async with desk(http=LosingOne, **ACCOUNT) as at, anyio.create_task_group() as tasks:

        async def call() -> None:
            results.append(await at.call("create_customer", **ZOE))

        tasks.start_soon(call)
        await held.wait()
        tasks.start_soon(call)
    assert sorted(result.is_error for result in results) == [False, True]
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize("tool", ["delete_customer", "cancel_subscription"])
async def test_a_deletion_whose_answer_is_lost_is_done_if_the_object_says_so(tool: str) -> None:
    async with desk(**holding([], lossy=True)) as at:
        await at.done(tool, **arguments(at.simulator, tool))


async def test_once_nobody_can_tell_how_old_a_key_is_a_person_has_to_settle_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[Held] = []
    async with desk(**holding(lines, lossy=True)) as at:
        assert "Call this tool again" in texts(await at.call("create_customer", **ZOE))[0]
        monkeypatch.setattr("stripe_mcp.safety.ledger._SKEW", -23 * 3600)  # as if the clock had been set back
        text = texts(await at.call("create_customer", **ZOE))[0]
        assert "stripe-mcp operations reconcile op_" in text
    assert lines[0].sent == 1
