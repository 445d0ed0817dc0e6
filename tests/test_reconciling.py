"""
`stripe-mcp operations reconcile`: whatever was lost on the way, money moves once and its outcome is found.

Stripe is the simulator with its faults; what it holds afterwards is what counts.
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from stripe_mcp import reconciling
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import NoAnswer, OutcomeUnknown, Refused
from stripe_mcp.reconciling import Reconciler, reconcile
from stripe_mcp.request import StripeRequest, build_request
from stripe_mcp.safety import audit
from stripe_mcp.safety.ledger import LEASE
from stripe_mcp.safety.operations import Operation, fingerprint, marked, new_id
from stripe_mcp.safety.store import operations
from stripe_mcp.simulator import Simulator
from stripe_mcp.transport import Reply, Transport
from tests.ledgers import a_ledger, a_write, begun
from tests.simulator.rehearsal import Rehearsal

pytestmark = pytest.mark.anyio

TEMPLATES = load_catalog(builtin_folder()).templates
WRITES = [name for name, template in TEMPLATES.items() if template.request.method != "GET"]
DELETIONS = [name for name in WRITES if TEMPLATES[name].request.method == "DELETE"]
CHANGES = [name for name in WRITES if name not in DELETIONS and TEMPLATES[name].path_arguments]
CREATIONS = [name for name in WRITES if name not in DELETIONS + CHANGES]

Show = Callable[[dict[str, Any]], dict[str, Any]]

KEY_LIVES = 23 * 3600
ACCOUNT = "acct_1"


class Lossy(httpx.AsyncBaseTransport):
    """
    The way to *simulator*: in process a cut connection is an error of another kind than over HTTP.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._inside = httpx.ASGITransport(app=simulator)
        self.sent: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(f"{request.method} {request.url.path}")
        try:
            return await self._inside.handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError("cut", request=request) from error


class World(Rehearsal):
    """
    A shop, a ledger, and a road between them on which answers are lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ledger = a_ledger(self.clock)
        self.http = Lossy(self.simulator)
        self.transport = Transport("sk_test_1", "http://stripe", http=self.http, max_retries=0)
        self.mode = "TEST"
        self.show: Show = lambda body: {"id": body["id"]}

    async def account(self) -> str:
        return ACCOUNT

    def made_by(self, operation: Operation) -> list[str]:
        """
        The ids of what bears the mark of *operation*.
        """
        made = self.simulator.store.all(kind_of(operation.tool))
        return [each["id"] for each in made if each["metadata"].get("stripe_mcp_operation") == operation.id]

    def arguments(self, tool: str) -> dict[str, Any]:
        """
        A call of *tool* that the shop can answer.
        """
        customer = self.customer("john.smith@example.com")

        def newest(kind: str, **wanted: Any) -> Any:
            return self.find(kind, **wanted)["id"]

        given: dict[str, dict[str, Any]] = {
            "cancel_subscription": {"subscription_id": newest("subscription", status="active")},
            "capture_charge": {"charge_id": newest("charge", captured=False, status="succeeded")},
            "create_customer": {"name": "Zoë", "email": "zoe@example.com"},
            "create_draft_invoice": {"customer": customer},
            "create_payment_intent": {"amount": 500, "currency": "jpy", "customer": customer},
            "create_price": {"currency": "usd", "unit_amount": 500, "product": newest("product")},
            "create_refund": {"charge": newest("charge", captured=True, status="succeeded", refunded=False)},
            "create_subscription": {
                "customer": customer,
                "items": [{"price": newest("price", type="recurring", currency="usd")}],
            },
            "delete_customer": {"customer_id": customer},
            "detach_payment_method": {"payment_method_id": newest("payment_method", customer=customer)},
            "finalize_invoice": {"invoice_id": newest("invoice", status="draft")},
            "update_customer": {"customer_id": customer, "description": "Called today"},
        }
        return given[tool]

    async def lose(self, tool: str, fault: str, *, bears_mark: bool = True, **more: Any) -> Operation:
        """
        A call of *tool* of which *fault* lets nobody know what became.
        """
        request, name = build_request(TEMPLATES[tool], self.arguments(tool)), new_id()
        sent = marked(request, name) if tool in CREATIONS and bears_mark else request
        write = a_write(
            sent, id=name, tool=tool, fingerprint=fingerprint(request), idempotent=tool not in CREATIONS
        )
        operation = await begun(self.ledger, write)
        await self.fault(fault, method=request.method, **more)
        with pytest.raises(OutcomeUnknown) as caught:
            await self.transport.send(operation.request, idempotency_key=operation.idempotency_key)
        await self.ledger.finish(operation, "unknown", ask_again=not caught.value.stored)
        self.http.sent.clear()
        return operation

    async def reconcile(self, wanted: str | None = None) -> int:
        return await reconcile(
            self.ledger,
            wanted,
            send=self.transport.send,
            account=self.account,
            mode=self.mode,
            show=self.show,
            clock=self.clock,
        )

    async def kept(self, operation: Operation) -> Operation:
        found = await self.ledger.get(operation.id)
        assert found
        return found

    async def record(self) -> list[dict[str, Any]]:
        lines = await self.ledger.store.look(lambda connection: list(audit.lines(connection)))
        return [json.loads(line.entry) for line in lines]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.transport.aclose()
    made.ledger.store.close()


def kind_of(tool: str) -> str:
    return TEMPLATES[tool].returned_object


# While Stripe remembers the key


@pytest.mark.parametrize("fault", ["before_reading", "after_commit", "cut", "garbage"])
@pytest.mark.parametrize("tool", CREATIONS + CHANGES)
async def test_within_23_hours_the_same_key_tells_and_it_happens_once(
    tool: str, fault: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose(tool, fault)
    world.now += 60
    assert await world.reconcile() == 0
    kept = await world.kept(operation)
    assert kept.state == "done"
    assert world.made_by(operation) == ([kept.answer()["id"]] if tool in CREATIONS else [])
    assert capsys.readouterr().out == f"{operation.id} ({tool}): done: {kept.answer()['id']}.\n"
    *_, asked, done = await world.record()
    assert (asked["event"], asked["operation"]) == ("reconcile", operation.id)
    assert (done["event"], done["object"]) == ("done", kept.answer()["id"])
    assert done["request_id"].startswith("req_")


@pytest.mark.parametrize(("seconds", "method"), [(KEY_LIVES - 1, "POST"), (KEY_LIVES, "GET")])
async def test_the_key_is_used_for_23_hours(seconds: int, method: str, world: World) -> None:
    await world.lose("create_refund", "after_commit")
    world.now += seconds
    assert await world.reconcile() == 0
    assert world.http.sent == [f"{method} /v1/refunds"]


async def test_money_is_refunded_once_however_often_it_is_asked(world: World) -> None:
    operation = await world.lose("create_refund", "after_commit")
    before = await world.order("GET", "money")
    for failing in range(3):
        await world.fault("after_commit", method="POST")
        assert await world.reconcile() == 1, failing
    assert await world.reconcile(operation.id) == 0
    assert await world.order("GET", "money") == before
    assert set(world.http.sent) == {"POST /v1/refunds"}


async def test_what_stripe_refuses_when_asked_again_has_failed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose("create_refund", "before_reading")
    await world.fault("error", method="POST", status=402, code="card_declined")
    assert await world.reconcile() == 0
    kept = await world.kept(operation)
    assert kept.state == "failed"
    with pytest.raises(Refused, match="This error was ordered"):
        kept.answer()
    assert "failed. Stripe answered 402" in capsys.readouterr().out
    assert (await world.record())[-1]["request_id"].startswith("req_")


@pytest.mark.parametrize("status", [401, 403, 409, 429, 503])
async def test_an_answer_that_tells_nothing_leaves_it_open(
    status: int, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose("create_refund", "after_commit")
    await world.fault("error", method="POST", status=status)
    assert await world.reconcile() == 1
    assert (await world.kept(operation)).state == "unknown"
    assert "still open. " in capsys.readouterr().out
    assert await world.reconcile() == 0


# When Stripe has forgotten the key, or keeps an error under it


@pytest.mark.parametrize("tool", CREATIONS)
async def test_later_what_was_made_is_found_by_its_mark(tool: str, world: World) -> None:
    operation = await world.lose(tool, "after_commit")
    [made] = world.made_by(operation)
    world.now += KEY_LIVES
    assert await world.reconcile() == 0
    assert world.made_by(operation) == [made]
    assert (await world.kept(operation)).answer() == {"id": made}
    assert all(sent.startswith("GET ") for sent in world.http.sent)


@pytest.mark.parametrize("tool", CREATIONS)
async def test_later_what_never_came_about_is_not_found_and_not_sent(
    tool: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose(tool, "before_reading")
    world.now += KEY_LIVES
    for _ in range(2):
        assert await world.reconcile() == 1
        printed = capsys.readouterr().out
        assert "Among what was made from 2026-09-21T14:13:20Z on, Stripe has none." in printed
        assert f"`stripe-mcp operations close {operation.id} failed`" in printed
    assert (await world.kept(operation)).state == "unknown"
    assert all(sent.startswith("GET ") for sent in world.http.sent)


async def test_a_subscription_that_was_canceled_since_is_found(world: World) -> None:
    operation = await world.lose("create_subscription", "after_commit")
    made = world.find("subscription")["id"]
    await world.ask("DELETE", f"subscriptions/{made}")
    world.now += KEY_LIVES
    assert await world.reconcile() == 0
    assert (await world.kept(operation)).answer() == {"id": made}


async def test_what_was_made_is_found_behind_all_that_was_made_after_it(world: World) -> None:
    operation = await world.lose("create_customer", "after_commit")
    for number in range(150):
        await world.post("customers", {"name": str(number)})
    world.now += KEY_LIVES
    assert await world.reconcile() == 0
    assert (await world.kept(operation)).state == "done"
    assert world.http.sent == ["GET /v1/customers"] * 2


@pytest.mark.parametrize("tool", CHANGES)
async def test_later_the_object_is_described_and_a_person_decides(
    tool: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose(tool, "after_commit")
    world.now += KEY_LIVES
    assert await world.reconcile() == 1
    printed = capsys.readouterr().out
    assert (
        f"close {operation.id} done`; if not, `stripe-mcp operations close {operation.id} failed`" in printed
    )
    assert all(sent.startswith("GET ") for sent in world.http.sent)
    assert (await world.kept(operation)).state == "unknown"


async def test_a_charge_is_described_by_what_was_captured_of_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    charge = world.arguments("capture_charge")["charge_id"]
    await world.lose("capture_charge", "after_commit")
    world.now += KEY_LIVES
    await world.reconcile()
    amount = (await world.get(f"charges/{charge}"))["amount"]
    printed = capsys.readouterr().out
    assert (
        f"Stripe has {charge} now with status succeeded, captured True, amount_captured {amount}" in printed
    )


@pytest.mark.parametrize("executed", [True, False])
async def test_an_error_that_stripe_keeps_leads_to_a_look_for_the_object(
    executed: bool, world: World
) -> None:
    operation = await world.lose("create_refund", "error", executed=executed, stored=True)
    assert await world.reconcile() == (0 if executed else 1)
    kept = await world.kept(operation)
    assert kept.state == ("done" if executed else "unknown")
    assert len(world.made_by(operation)) == executed
    assert world.http.sent == ["POST /v1/refunds", "GET /v1/refunds"]
    if not executed:
        assert kept.retry_until == world.now
        await world.reconcile()
        assert world.http.sent[2:] == ["GET /v1/refunds"]


async def test_what_bears_no_mark_is_for_a_person_to_find(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose("create_refund", "after_commit", bears_mark=False)
    world.now += KEY_LIVES
    assert await world.reconcile() == 1
    assert "look for it in the Dashboard" in capsys.readouterr().out
    assert world.http.sent == []
    assert (await world.kept(operation)).state == "unknown"


@pytest.mark.parametrize("rows", [[], [{"id": "cus_1"}], [{"id": "cus_1", "metadata": None}]])
async def test_a_list_that_does_not_end_proves_nothing(
    rows: list[Any], world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reconciling, "_MOST_PAGES", 5)
    await world.lose("create_customer", "after_commit")
    world.now += KEY_LIVES
    asked = 0

    async def endless(request: StripeRequest, **more: Any) -> Reply:
        nonlocal asked
        asked += 1
        return Reply(body={"object": "list", "data": rows, "has_more": True})

    monkeypatch.setattr(world.transport, "send", endless)
    assert await world.reconcile() == 1
    assert asked == (5 if rows else 1)
    assert "does not end" in capsys.readouterr().out


# Deletions


@pytest.mark.parametrize("tool", DELETIONS)
@pytest.mark.parametrize("later", [0, KEY_LIVES])
async def test_what_is_gone_was_deleted(tool: str, later: int, world: World) -> None:
    operation = await world.lose(tool, "after_commit")
    world.now += later
    assert await world.reconcile() == 0
    assert (await world.kept(operation)).state == "done"
    assert all(sent.startswith("GET ") for sent in world.http.sent)


@pytest.mark.parametrize("tool", DELETIONS)
async def test_what_is_still_there_stays_open_and_is_not_deleted(
    tool: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose(tool, "before_reading")
    assert await world.reconcile() == 1
    assert "still there" in capsys.readouterr().out
    assert (await world.kept(operation)).state == "unknown"
    assert all(sent.startswith("GET ") for sent in world.http.sent)


@pytest.mark.parametrize("tool", DELETIONS + CHANGES)
async def test_an_object_that_cannot_be_read_stays_open(
    tool: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await world.lose(tool, "after_commit")
    world.now += KEY_LIVES
    await world.fault("error", method="GET", status=404, code="resource_missing")
    assert await world.reconcile() == 1
    assert "still open. Stripe answered 404" in capsys.readouterr().out
    assert (await world.kept(operation)).state == "unknown"


# What is left alone


@pytest.mark.parametrize("change", [{"account": "acct_2"}, {"mode": "LIVE"}], ids=str)
async def test_what_belongs_to_another_account_or_mode_is_left_alone(
    change: dict[str, Any], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = await begun(world.ledger, a_write(**change))
    await world.ledger.finish(operation, "unknown")
    assert await world.reconcile() == 0
    assert await world.reconcile(operation.id) == 1
    theirs = f"{operation.account} {operation.mode}"
    assert (
        capsys.readouterr().out.count(f"left alone: it belongs to {theirs}, and this key to acct_1 TEST.")
        == 2
    )
    assert world.http.sent == []
    assert len(await world.record()) == 2  # the intent, and that nobody knows


async def test_what_a_process_carries_out_is_left_to_it(world: World) -> None:
    operation = await begun(world.ledger, a_write())
    assert await world.reconcile() == 1
    assert world.http.sent == []
    assert (await world.kept(operation)).state == "intent"


async def test_what_a_process_died_over_is_asked_for(world: World) -> None:
    operation = await world.lose("create_refund", "after_commit")
    await begun(
        world.ledger, a_write(tool="create_refund", fingerprint=await fingerprint_of(world, operation))
    )
    assert (await world.kept(operation)).state == "intent"
    world.now += int(LEASE)
    assert await world.reconcile() == 0
    assert (await world.kept(operation)).state == "done"


async def fingerprint_of(world: World, operation: Operation) -> str:
    with world.ledger.store.reading() as connection:
        same = operations.c.id == operation.id
        return str(connection.scalar(select(operations.c.fingerprint).where(same)))


async def test_only_what_was_named_is_asked_for(world: World) -> None:
    first = await world.lose("create_refund", "after_commit")
    second = await world.lose("create_customer", "after_commit")
    assert await world.reconcile(second.id) == 0
    assert [each.id for each in await world.ledger.open()] == [first.id]


async def test_what_was_settled_meanwhile_is_left_as_it_is(world: World) -> None:
    operation = await world.lose("create_refund", "after_commit")
    await world.ledger.finish(operation, "done", "{}")
    reconciler = Reconciler(
        ledger=world.ledger, send=world.transport.send, show=world.show, clock=world.clock
    )
    assert await reconciler.settle(operation) == (True, "settled by another process meanwhile.")
    assert world.http.sent == []


async def test_where_nothing_is_open_stripe_is_not_asked(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await world.reconcile() == 0
    assert await world.reconcile("op_none") == 1
    assert capsys.readouterr().out == "No operation is open.\nThere is no open operation op_none.\n"
    assert world.http.sent == []


async def test_without_an_account_nothing_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse() -> str:
        raise Refused("account", "this server is pinned to acct_2.")

    await world.lose("create_refund", "after_commit")
    monkeypatch.setattr(world, "account", refuse)
    assert await world.reconcile() == 1
    assert "pinned to acct_2" in capsys.readouterr().out
    assert world.http.sent == []


async def test_what_the_audit_does_not_take_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_off(*arguments: Any, **said: Any) -> None:
        raise OSError("disk full")

    await world.lose("create_refund", "after_commit")
    monkeypatch.setattr(audit, "append", break_off)
    assert await world.reconcile() == 1
    assert "disk full" in capsys.readouterr().out
    assert world.http.sent == []


async def test_an_object_that_cannot_be_shown_stays_open(world: World) -> None:
    def unreadable(body: dict[str, Any]) -> dict[str, Any]:
        raise OutcomeUnknown("Stripe's object could not be read.", None)

    operation = await world.lose("create_refund", "after_commit")
    world.show = unreadable
    assert await world.reconcile() == 1
    assert (await world.kept(operation)).state == "unknown"


async def test_what_strangers_wrote_cannot_steer_the_terminal(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hostile(request: StripeRequest, **more: Any) -> Reply:
        raise NoAnswer("a\x1b[2Jb\nop_1: done")

    await world.lose("delete_customer", "after_commit")
    monkeypatch.setattr(world.transport, "send", hostile)
    assert await world.reconcile() == 1
    [line] = capsys.readouterr().out.splitlines()
    assert "\x1b" not in line
