"""
Whoever proves who they are may change what is theirs; whoever does not learns nothing but that.
"""

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from jsonschema import Draft202012Validator
from mcp_types import Tool

from stripe_mcp.errors import InvalidArguments, NoAnswer, Refused, StripeError, ToolError
from stripe_mcp.output import output_schema
from stripe_mcp.request import StripeRequest
from stripe_mcp.results import Presenter
from stripe_mcp.rules import Rules
from stripe_mcp.safety.factors import FACTORS
from stripe_mcp.safety.identity import Identity
from stripe_mcp.safety.operations import Write
from stripe_mcp.safety.store import Store
from stripe_mcp.view import Detail
from tests.agent import CATALOG, TEMPLATES
from tests.shopping import BOUNDLESS, CALLS, REPLIES, SHOP

ALL = frozenset(FACTORS)
CALLER = ("local", "acct_1", "TEST")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()

JOHN: dict[str, Any] = {
    "id": "cus_john",
    "address": {"postal_code": "97201"},
    "shipping": {"address": {"postal_code": None}},
    "metadata": {"last4": "9999"},
}
CARDS: list[dict[str, Any]] = [
    {"type": "card", "card": {"last4": "4242"}, "billing_details": {"address": {"postal_code": "OX1 2JD"}}},
    {"type": "sepa_debit", "sepa_debit": {"last4": "3000"}, "billing_details": {"address": None}},
]
JANE = {"id": "cus_jane", "address": None}
GONE = {"id": "cus_gone", "deleted": True}

pytestmark = pytest.mark.anyio


class Clock:
    """
    Shows *now*, in Unix seconds.
    """

    now = NOON

    def __call__(self) -> float:
        return self.now


class Stripe:
    """
    Has John with his cards, Jane without one, and a customer who was deleted; *read* is the road to it.

    It answers nobody before *crowd* requests have come.
    """

    crowd = 1

    def __init__(self) -> None:
        self.requests: list[StripeRequest] = []
        self.customers = deepcopy({each["id"]: each for each in (JOHN, JANE, GONE)})
        self.cards = {"cus_john": deepcopy(CARDS), "cus_gone": deepcopy(CARDS)}
        self.fails: ToolError | None = None
        self._all_here = anyio.Event()

    async def read(self, request: StripeRequest) -> dict[str, Any]:
        self.requests.append(request)
        if len(self.requests) >= self.crowd:
            self._all_here.set()
        await self._all_here.wait()
        if self.fails:
            raise self.fails
        _, _, _, customer, *rest = request.path.split("/")
        if customer not in self.customers:
            raise StripeError(400, code="resource_missing") if rest else StripeError(404)
        return {"data": self.cards.get(customer, [])} if rest else self.customers[customer]


class Desk:
    """
    A server that verifies callers, by *factors*, and whose *store* and Stripe others may share.
    """

    def __init__(self, store: Store, stripe: Stripe, clock: Clock, factors: frozenset[str] = ALL) -> None:
        self.identity = Identity(identity_rules(factors), [b"key"], clock)
        self.store, self.stripe = store, stripe

    async def verify(self, customer: str, principal: str = "local", **said: Any) -> dict[str, Any]:
        arguments = {"customer_id": customer, **said}
        return await self.identity.verify(
            arguments, principal, "acct_1", "TEST", self.store, self.stripe.read
        )

    async def refusal(self, customer: str, principal: str = "local", **said: Any) -> str:
        with pytest.raises(Refused) as refused:
            await self.verify(customer, principal, **said)
        assert refused.value.why == "identity"
        return str(refused.value)


def identity_rules(factors: frozenset[str] = ALL) -> Rules:
    return Rules(verify_identity=True, identity_factors=factors)


def write(principal: str = "local", account: str = "acct_1", mode: str = "TEST") -> Write:
    return Write(
        principal=principal,
        account=account,
        mode=mode,
        tool="create_refund",
        fingerprint="f",
        request=StripeRequest("POST", "/v1/refunds", "/v1/refunds"),
        id="op_1",
        idempotent=False,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stripe() -> Stripe:
    return Stripe()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/private/ledger.db")
    yield store
    store.close()


@pytest.fixture
def desk(store: Store, stripe: Stripe, clock: Clock) -> Desk:
    return Desk(store, stripe, clock)


GUARDED = [name for name, template in TEMPLATES.items() if template.confirm] + ["update_customer"]
READS = [name for name, template in TEMPLATES.items() if template.reads]


def test_while_it_is_off_nothing_changes() -> None:
    identity = Identity(Rules())
    assert not identity.on
    assert identity.tools() == []
    assert not identity.is_tool("verify_identity")
    for name, template in TEMPLATES.items():
        assert not identity.guards(template)
        identity.check(template, None, None, write())
        identity.check_search(template, {"query": 'payment_method_details.card.last4:"4242"'})
        if name in REPLIES:
            assert identity.mask(REPLIES[name]) is REPLIES[name]


def test_every_tool_that_a_person_has_to_confirm_is_guarded_and_the_customer_is_too(desk: Desk) -> None:
    assert [name for name, template in TEMPLATES.items() if desk.identity.guards(template)] == sorted(
        GUARDED, key=list(TEMPLATES).index
    )


@pytest.mark.parametrize(
    ("method", "path", "guarded"),
    [
        ("POST", "/v1/customers/{customer}", True),
        ("POST", "/v1/customers/{customer}/sources", True),
        ("POST", "/v1/payment_methods/{payment_method}/attach", True),
        ("POST", "/v1/payment_methods/{payment_method}", True),
        ("POST", "/v1/customers", False),
        ("GET", "/v1/customers/{customer}", False),
    ],
)
def test_a_tool_of_ones_own_is_guarded_by_what_it_does(
    desk: Desk, method: str, path: str, guarded: bool
) -> None:
    """
    Else a card could be attached, and its digits be said.
    """
    endpoint = TEMPLATES["create_customer"].request.model_copy(update={"method": method, "path": path})
    own = TEMPLATES["create_customer"].model_copy(update={"request": endpoint})
    assert desk.identity.guards(own) == guarded


@pytest.mark.parametrize("tool", GUARDED)
async def test_the_right_answer_opens_every_guarded_tool_for_that_customer_only(
    desk: Desk, tool: str
) -> None:
    handle = (await desk.verify("cus_john", last4="4242"))["verification"]
    desk.identity.check(TEMPLATES[tool], handle, "cus_john", write())
    for customer, words in (("cus_jane", "another customer"), (None, "no customer")):
        with pytest.raises(Refused, match=words) as refused:
            desk.identity.check(TEMPLATES[tool], handle, customer, write())
        assert refused.value.why == "identity"


@pytest.mark.parametrize("tool", READS)
def test_what_only_reads_takes_no_handle(desk: Desk, tool: str) -> None:
    desk.identity.check(TEMPLATES[tool], None, None, write())


async def test_an_answer_says_until_when_it_holds(desk: Desk) -> None:
    answer = await desk.verify("cus_john", last4="4242")
    assert answer.pop("verification").startswith("ver_")
    assert answer == {"verified": True, "customer": "cus_john", "expires": "2026-11-01T12:15:00+00:00"}


async def test_a_handle_is_worthless_to_others_and_after_fifteen_minutes(desk: Desk, clock: Clock) -> None:
    handle = (await desk.verify("cus_john", last4="4242"))["verification"]
    others = [write(principal="else"), write(account="acct_2"), write(mode="LIVE")]
    shown = [(handle, each) for each in others] + [(None, write()), ("", write()), (f"{handle}=", write())]
    refusals = set()
    for said, whose in shown:
        with pytest.raises(Refused, match="Ask the caller for last4 or postal_code") as refused:
            desk.identity.check(TEMPLATES["create_refund"], said, "cus_john", whose)
        refusals.add(str(refused.value))
    clock.now += 899
    desk.identity.check(TEMPLATES["create_refund"], handle, "cus_john", write())
    clock.now += 1
    with pytest.raises(Refused) as refused:
        desk.identity.check(TEMPLATES["create_refund"], handle, "cus_john", write())
    assert refusals == {str(refused.value)}
    assert handle not in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [
        {"last4": "4242"},
        {"last4": "3000"},
        {"postal_code": "97201"},
        {"postal_code": "ox12jd"},
        {"last4": "3000", "postal_code": "OX1-2JD"},
    ],
)
async def test_everything_on_file_is_a_right_answer(desk: Desk, said: dict[str, str]) -> None:
    assert (await desk.verify("cus_john", **said))["verified"]


@pytest.mark.parametrize(
    "said",
    [
        {"last4": "4243"},
        {"last4": "9999"},
        {"last4": "9720"},
        {"postal_code": "97202"},
        {"postal_code": "-"},
        {"last4": "4242", "postal_code": "97202"},
        {"last4": "4243", "postal_code": "97201"},
    ],
)
async def test_all_that_is_said_has_to_fit(desk: Desk, said: dict[str, str]) -> None:
    refusal = await desk.refusal("cus_john", **said)
    assert not any(
        text in refusal for text in ("4242", "3000", "97201", "OX1", *said.values()) if len(text) > 1
    )


async def test_wrong_unknown_deleted_without_a_card_and_locked_look_the_same(
    desk: Desk, stripe: Stripe
) -> None:
    async def seen(customer: str, last4: str, principal: str = "local") -> tuple[str, list[tuple[str, str]]]:
        stripe.requests.clear()
        refusal = await desk.refusal(customer, principal, last4=last4)
        return refusal, [(each.path.replace(customer, "-"), each.query) for each in stripe.requests]

    wrong = await seen("cus_john", "0000")
    assert wrong[1] == [("/v1/customers/-", ""), ("/v1/customers/-/payment_methods", "limit=100")]
    assert await seen("cus_nobody", "4242") == wrong
    assert await seen("cus_gone", "4242") == wrong
    assert await seen("cus_jane", "4242") == wrong
    await seen("cus_john", "0001")
    await seen("cus_john", "0002")
    assert await seen("cus_john", "4242") == wrong
    for n in range(3):
        await seen(f"cus_{n}", "0000")
    assert await seen("cus_other", "0000") == wrong
    stripe.customers["cus_other"], stripe.cards["cus_other"] = {"id": "cus_other"}, CARDS
    assert await seen("cus_other", "4242") == wrong
    assert await desk.verify("cus_other", "another", last4="4242")


async def test_a_customer_whom_stripe_calls_otherwise_is_nobody(desk: Desk, stripe: Stripe) -> None:
    stripe.customers["cus_john"]["id"] = "cus_JOHN"
    await desk.refusal("cus_john", last4="4242")


async def test_three_wrong_tries_lock_a_customer_for_an_hour(desk: Desk, clock: Clock) -> None:
    for n in range(3):
        await desk.refusal("cus_john", last4=f"000{n}")
    clock.now += 3599
    await desk.refusal("cus_john", last4="4242")
    clock.now += 1
    assert await desk.verify("cus_john", last4="4242")


async def test_right_answers_lock_nobody(desk: Desk) -> None:
    for _ in range(12):
        assert await desk.verify("cus_john", last4="4242")


async def test_a_lock_holds_in_another_process_too(
    desk: Desk, store: Store, stripe: Stripe, clock: Clock, tmp_path: Path
) -> None:
    other = Desk(Store(f"sqlite:///{tmp_path}/private/ledger.db"), stripe, clock)
    for n, each in enumerate((desk, other, desk)):
        await each.refusal("cus_john", principal=f"p{n}", last4="0000")
    await other.refusal("cus_john", last4="4242")
    for n in range(9):
        await other.refusal(f"cus_{n}", last4="0000")
    await desk.refusal("cus_jane", last4="0000")
    other.store.close()


async def test_twenty_guesses_at_once_are_worth_three(
    desk: Desk, store: Store, stripe: Stripe, clock: Clock, tmp_path: Path
) -> None:
    """
    All of them are right, and Stripe answers when all have begun: as many get through as are compared.
    """
    other = Desk(Store(f"sqlite:///{tmp_path}/private/ledger.db"), stripe, clock)
    stripe.crowd = 20
    outcomes = []

    async def guess(number: int) -> None:
        try:
            answer = await (desk, other)[number % 2].verify("cus_john", f"p{number}", last4="4242")
            outcomes.append(answer["verified"])
        except Refused:
            outcomes.append(False)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(guess, number)
    assert sorted(outcomes) == [False] * 17 + [True] * 3
    other.store.close()


@pytest.mark.parametrize("error", [NoAnswer("Stripe was not reached."), StripeError(403), StripeError(429)])
async def test_a_try_at_which_nothing_was_compared_does_not_count(
    desk: Desk, stripe: Stripe, error: ToolError
) -> None:
    stripe.fails = error
    for _ in range(12):
        with pytest.raises(type(error)):
            await desk.verify("cus_john", last4="0000")
    stripe.fails = None
    assert await desk.verify("cus_john", last4="4242")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"last4": "4242"}, "customer_id: required, and missing"),
        ({"customer_id": "cus_john"}, "give at least one of last4, postal_code"),
        ({"customer_id": "cus_john/sources", "last4": "4242"}, "customer_id: must match"),
        ({"customer_id": "cus_john\n", "last4": "4242"}, "customer_id: must match"),
        ({"customer_id": "cus_john", "last4": 4242}, "last4: must be a string"),
        ({"customer_id": "cus_john", "last4": "٤٢٤٢"}, "last4: must match"),
        ({"customer_id": "cus_john", "last4": "4242\n"}, "last4: must match"),
        ({"customer_id": "cus_john", "last4": None}, "last4: must be a string"),
        ({"customer_id": "cus_john", "postal_code": ""}, "postal_code: must not be empty"),
        (
            {"customer_id": "cus_john", "postal_code": "9" * 21},
            "postal_code: must have at most 20 characters",
        ),
        ({"customer_id": "cus_john", "postal_code": "\ud800"}, "postal_code: holds a damaged character"),
        ({"customer_id": "cus_john", "lats4": "4242"}, "lats4: unknown; did you mean last4?"),
    ],
)
async def test_wrong_arguments_are_told_and_spend_no_try(
    desk: Desk, stripe: Stripe, arguments: dict[str, Any], problem: str
) -> None:
    for _ in range(4):
        with pytest.raises(InvalidArguments) as refused:
            await desk.identity.verify(arguments, *CALLER, desk.store, stripe.read)
        assert any(each.startswith(problem) for each in refused.value.problems)
        assert "4242" not in str(refused.value)
    assert stripe.requests == []
    assert await desk.verify("cus_john", last4="4242")


@pytest.mark.parametrize("factor", FACTORS)
async def test_only_the_factors_that_are_set_count(
    store: Store, stripe: Stripe, clock: Clock, factor: str
) -> None:
    answers = {"last4": "4242", "postal_code": "97201"}
    desk = Desk(store, stripe, clock, frozenset({factor}))
    assert await desk.verify("cus_john", **{factor: answers.pop(factor)})
    with pytest.raises(InvalidArguments):
        await desk.verify("cus_john", **answers)
    with pytest.raises(InvalidArguments, match=f"{factor}: required, and missing"):
        await desk.verify("cus_john")
    hidden = {"last4": "***"} if factor == "last4" else {"postal_code": "***"}
    assert desk.identity.mask({"last4": "4242", "postal_code": "97201"}) == {
        "last4": "4242",
        "postal_code": "97201",
        **hidden,
    }


@pytest.mark.parametrize("factors", [ALL, *(frozenset({factor}) for factor in FACTORS)])
def test_the_tool_is_one_that_clients_understand(factors: frozenset[str]) -> None:
    identity = Identity(identity_rules(factors))
    (tool,) = [Tool(**each) for each in identity.tools()]
    assert identity.is_tool(tool.name)
    assert not identity.is_tool("create_refund")
    assert tool.input_schema["properties"].keys() == {"customer_id", *factors}
    assert tool.input_schema["additionalProperties"] is False
    hints = tool.annotations.model_dump(exclude={"title"}) if tool.annotations else {}
    assert list(hints.values()) == [False, False, False, True]  # a try is spent, so it is no mere reading


async def test_an_answer_is_what_the_tool_says_it_is(desk: Desk) -> None:
    (tool,) = desk.identity.tools()
    schema = tool["output_schema"]
    answer = await desk.verify("cus_john", last4="4242")
    assert list(answer) == schema["required"] == list(schema["properties"])


@pytest.mark.parametrize("tool", [name for name in READS if name.startswith("search_")])
def test_a_search_by_what_a_caller_has_to_know_is_refused(desk: Desk, tool: str) -> None:
    query = {"query": 'billing_details.address.postal_code:"97201"'}
    with pytest.raises(Refused, match=f"{tool} cannot search by what a caller has to know") as refused:
        desk.identity.check_search(TEMPLATES[tool], query)
    assert refused.value.why == "identity"
    assert "97201" not in str(refused.value)


@pytest.mark.parametrize("tool", READS)
def test_all_other_reads_stay_as_they_are(desk: Desk, tool: str) -> None:
    desk.identity.check_search(TEMPLATES[tool], CALLS[tool])


@pytest.mark.parametrize("detail", ["lean", "full"])
@pytest.mark.parametrize("tool", REPLIES)
def test_what_is_masked_still_keeps_the_schema_of_its_tool(desk: Desk, tool: str, detail: Detail) -> None:
    presenter = Presenter(CATALOG.objects, BOUNDLESS, False)
    content = presenter.present(desk.identity.mask(REPLIES[tool]), CALLS[tool], detail)
    Draft202012Validator(output_schema(TEMPLATES[tool], CATALOG.objects)).validate(content)


async def test_the_customers_of_a_shop_are_known_by_their_cards(store: Store) -> None:
    """
    As Stripe answers, and not as this test thinks.
    """
    headers = {"Authorization": "Bearer sk_test_1"}
    methods = REPLIES["list_payment_methods"]["data"]
    (last4,) = {each["card"]["last4"] for each in methods[:1]}
    identity = Identity(identity_rules())
    async with httpx.AsyncClient(transport=SHOP, base_url="http://stripe", headers=headers) as client:

        async def read(request: StripeRequest) -> dict[str, Any]:
            reply = await client.get(f"{request.path}?{request.query}")
            if reply.is_error:
                raise StripeError(reply.status_code, code=reply.json()["error"].get("code"))
            body: dict[str, Any] = reply.json()
            return body

        async def verify(customer: str) -> dict[str, Any]:
            said = {"customer_id": customer, "last4": last4}
            return await identity.verify(said, *CALLER, store, read)

        answer = await verify(CALLS["list_payment_methods"]["customer_id"])
        assert answer["verified"]
        with pytest.raises(Refused):
            await verify("cus_nobody")
