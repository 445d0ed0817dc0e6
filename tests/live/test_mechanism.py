"""
The suite at a Stripe that differs on purpose: it says so, it asks everything, and it leaves nothing behind.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import stripe
from starlette.types import Message, Receive, Scope, Send

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.simulator import Simulator
from tests.live.comparison import differences
from tests.live.differences import headline_of
from tests.live.side import STRIPE, Side, side_at, why_not
from tests.serving import serving
from tests.simulator.stripe_client import everything, ids
from tests.simulator.stripe_operations import OPERATIONS

ROOT = Path(__file__).parents[2]
CATALOG = load_catalog(builtin_folder()).templates
KEY = "sk_test_canary0123456789"


class OtherStripe:
    """
    A simulator that declines in another word, gives refunds a colour, and notes what it is asked.
    """

    def __init__(self) -> None:
        self.simulator = Simulator()
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(f"{scope['method']} {scope['path']}")
        sent: list[Message] = []

        async def collect(message: Message) -> None:
            sent.append(message)

        await self.simulator(scope, receive, collect)
        body = b"".join(message.get("body", b"") for message in sent)
        body = json.dumps(json.loads(body, object_hook=otherwise)).encode()
        headers = {**dict(sent[0]["headers"]), b"content-length": str(len(body)).encode()}
        await send({**sent[0], "headers": [*headers.items()]})
        await send({"type": "http.response.body", "body": body})


def otherwise(thing: dict[str, Any]) -> dict[str, Any]:
    if thing.get("decline_code") == "generic_decline":
        return {**thing, "decline_code": "do_not_honor"}
    return {**thing, "colour": "blue"} if thing.get("object") == "refund" else thing


def standing(v1: Any) -> set[str]:
    """
    What is in use in an account: customers and what is sold to them, holds, and what waits to be paid.
    """
    intents = [each for each in everything(v1.payment_intents.list) if each.status.startswith("requires")]
    alone = [each for each in everything(v1.charges.list) if each.payment_intent is None]
    holds = [each for each in alone if each.paid and not each.captured | each.refunded]
    return {
        *ids(everything(v1.customers.list)),
        *ids(everything(v1.subscriptions.list)),
        *ids(everything(v1.products.list, active=True)),
        *ids(everything(v1.prices.list, active=True)),
        *ids(everything(v1.invoices.list, status="draft")),
        *ids(everything(v1.invoices.list, status="open")),
        *ids(intents),
        *ids(holds),
    }


def run_suite(address: str, key: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "tests/live", "-m", "live", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--against", address],
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "STRIPE_SECRET_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )


class Run(NamedTuple):
    """
    A run of the whole suite: what it printed, what it asked, and what was in use before and after.
    """

    status: int
    output: str
    asked: list[str]
    before: set[str]
    after: set[str]


@pytest.fixture(scope="module")
def run() -> Run:
    other = OtherStripe()
    with pytest.MonkeyPatch.context() as patch, serving(other) as address:
        patch.setenv("NO_PROXY", "127.0.0.1")
        http: Any = stripe.RequestsClient()
        v1 = stripe.StripeClient(KEY, base_addresses={"api": address}, http_client=http).v1
        before = standing(v1)
        other.asked.clear()
        done = run_suite(address, KEY)
        asked = list(other.asked)
        after = standing(v1)
        http.close()
    return Run(done.returncode, done.stdout + done.stderr, asked, before, after)


def test_what_another_stripe_says_otherwise_is_reported_as_a_difference_and_nothing_else_is(run: Run) -> None:
    listed = run.output.partition("differences between Stripe and the simulator")[2]
    told = re.findall(r"^Stripe differs from the simulator: (\w+(?:\[.*?\])?): ", listed, re.MULTILINE)
    assert sorted(told) == [
        "test_a_charge_to_a_declining_card_names_the_charge_that_failed",
        "test_a_declined_card_is_an_error_that_says_why[pm_card_chargeDeclined]",
        "test_both_answer_with_the_same_fields_types_and_words[a declined payment]",
        "test_both_answer_with_the_same_fields_types_and_words[a refund]",
    ], run.output
    assert "colour: only Stripe has it" in listed
    assert "Stripe says 'do_not_honor', the simulator 'generic_decline'" in listed
    assert len(re.findall(r"^  last requests: req_\w+", listed, re.MULTILINE)) == len(told)
    assert run.status == pytest.ExitCode.TESTS_FAILED


def test_the_key_is_nowhere_in_what_a_run_prints(run: Run) -> None:
    assert KEY not in run.output


def test_nothing_is_left_behind_although_tests_failed(run: Run) -> None:
    assert run.after == run.before


def requested(request_line: str, asked: list[str]) -> bool:
    pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", request_line))
    return any(pattern.fullmatch(each) for each in asked)


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_the_suite_walks_each_of_the_36_operations(run: Run, request_line: str) -> None:
    assert requested(request_line, run.asked)


@pytest.mark.parametrize("template", CATALOG.values(), ids=CATALOG)
def test_the_suite_walks_every_template_of_the_catalog(run: Run, template: Any) -> None:
    assert requested(f"{template.request.method} {template.request.path}", run.asked)


def test_without_a_key_a_run_says_what_to_do_and_fails() -> None:
    done = run_suite(STRIPE, "")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "STRIPE_SECRET_KEY=sk_test_... make test-live" in done.stderr


def test_make_test_live_runs_the_live_tests_against_stripe() -> None:
    done = subprocess.run(["make", "-n", "test-live"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"tests/live -m live --against {STRIPE}" in done.stdout


@pytest.mark.parametrize(
    "key", ["sk_live_1", "rk_live_1", "pk_test_1", "sk_org_1", "sk_test_!", "xsk_test_1", "sk_test_1\n", "x1"]
)
def test_a_key_that_is_not_of_the_test_mode_is_refused_and_not_shown(key: str) -> None:
    refusal = why_not(STRIPE, key)
    assert refusal
    assert key not in refusal


@pytest.mark.parametrize("key", ["sk_test_1", "rk_test_51Abc"])
def test_secret_and_restricted_test_keys_are_taken(key: str) -> None:
    assert why_not(STRIPE, key) is None


@pytest.mark.parametrize(
    "address", ["https://evil.example", "https://api.stripe.com.evil.example", "http://api.stripe.com", "x"]
)
def test_a_key_goes_to_stripe_or_stays_on_this_machine(address: str) -> None:
    assert why_not(address, "sk_test_1")


def test_a_run_waits_for_what_comes_late_at_stripe_and_only_there() -> None:
    assert side_at("http://127.0.0.1:1", "sk_test_1").pauses == ()
    assert 60 <= sum(side_at(STRIPE, "sk_test_1").pauses) <= 300

    slept: list[float] = []
    side = Side(STRIPE, "sk_test_1", pauses=[1, 2, 4], sleep=slept.append)
    assert side.eventually(lambda: len(slept), 2) == 2
    assert slept == [1, 2]
    assert side.eventually(lambda: "never", "now") == "never"
    assert slept == [1, 2, 1, 2, 4]


@pytest.mark.parametrize(
    ("stripes", "simulators", "told"),
    [
        ({"a": 1}, {}, "a: only Stripe has it"),
        ({}, {"a": {"b": 1}}, "a: only the simulator has it"),
        ({"a": {"b": "x"}}, {"a": {"b": 1}}, "a.b: Stripe says a string, the simulator a number"),
        ({"a": True}, {"a": 1}, "a: Stripe says a boolean, the simulator a number"),
        (
            {"data": [{"status": "open"}]},
            {"data": [{"status": "paid"}]},
            "data[].status: Stripe says 'open', the simulator 'paid'",
        ),
    ],
)
def test_a_comparison_names_fields_types_and_words_that_differ(
    stripes: Any, simulators: Any, told: str
) -> None:
    assert list(differences(stripes, simulators)) == [told]


def test_a_comparison_takes_no_notice_of_ids_amounts_nulls_and_metadata() -> None:
    stripes = {"id": "ch_1", "amount": 5, "review": None, "metadata": {"a": "1"}}
    simulators = {"id": "ch_2", "amount": 6, "review": {"id": "prv_1"}, "metadata": {"b": "2"}}
    assert list(differences(stripes, simulators)) == []


ERRORS: Any = stripe  # its exceptions are not typed


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (AssertionError("assert 1 == 2\n +  where 1 = x"), "differs from the simulator: t: assert 1 == 2"),
        (AttributeError("colour"), "differs from the simulator: t: AttributeError: colour"),
        (ERRORS.InvalidRequestError("No such", "id"), "differs from the simulator: t: "),
        (ERRORS.APIConnectionError("no network"), "could not be asked: t: "),
        (ERRORS.AuthenticationError("wrong key"), "could not be asked: t: "),
    ],
)
def test_a_failure_is_a_difference_unless_stripe_could_not_be_asked(error: Exception, says: str) -> None:
    with pytest.raises(type(error)) as failure:
        raise error
    headline = headline_of("t", failure)
    assert headline.startswith(f"Stripe {says}")
    assert "where" not in headline
