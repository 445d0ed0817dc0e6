"""
What a model reads when Stripe refuses: what happened, whether anything changed, and what next.
"""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import respx
import stripe
from mcp import Client
from mcp_types import TextContent

from stripe_mcp import advice, facts
from stripe_mcp.advice import advise, refusals
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import StripeError
from stripe_mcp.reference import error_reference
from stripe_mcp.server import create_server
from stripe_mcp.settings import Mode, Settings
from stripe_mcp.transport import Transport

CATALOG = load_catalog(builtin_folder()).templates
STRIPE = "https://stripe.test"
MODES: tuple[Mode, ...] = get_args(Mode)
NOT_ALLOWED = "ask the user before trying anything else"

NEXT_STEP = {
    400: "Correct the arguments and call again.",
    401: "put a valid key into STRIPE_SECRET_KEY",
    402: "another payment method",
    403: "Developers > API keys",
    404: "find the object with a search or list tool",
    409: "read the object's state, then decide",
    424: "call again in a minute",
    429: "call again in some seconds",
    500: "call again in a minute",
    502: "call again in a minute",
    503: "call again in a minute",
    504: "call again in a minute",
}


def told(status: int, tool: str | None = "get_charge", mode: Mode = "TEST", **error: Any) -> str:
    return advise(StripeError(status, **error), CATALOG[tool] if tool else None, mode)


@pytest.mark.parametrize(("status", "step"), NEXT_STEP.items())
def test_every_status_says_what_happened_what_changed_and_what_next(status: int, step: str) -> None:
    said = told(status, message="It is not so.", request_id="req_1")
    assert said.startswith(f"Stripe answered {status}: It is not so.\nrequest: req_1\nNothing was changed. ")
    assert step in said


def test_an_account_that_the_key_cannot_act_for_is_no_lack_of_a_permission() -> None:
    said = told(403, type="invalid_request_error", code="account_invalid")
    assert "cannot act for the account" in said
    assert "permission" not in said


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", range(400, 600))
def test_no_status_is_without_advice_and_no_blank_is_left_in_it(status: int, mode: Mode) -> None:
    for tool in (*CATALOG, None):
        said = told(status, tool, mode).split("Nothing was changed. ")[1]
        assert len(said) > 20
        assert "{mode}" not in said
        assert said == said.strip()


def test_the_check_of_a_key_gets_advice_without_a_tool() -> None:
    assert "valid key" in told(401, None)


def test_a_forbidden_call_names_the_permission_that_the_key_lacks() -> None:
    """
    R21.
    """
    message = (
        "The provided key 'rk_live_*****1234' lacks the permission 'rak_charge_write' on account acct_1."
    )
    said = told(403, message=message)
    assert "lacks the permission rak_charge_write." in said
    assert "Calling again will not help" in said


@pytest.mark.parametrize("message", ["Not allowed.", None])
def test_a_forbidden_call_without_a_named_permission_still_says_that_one_is_missing(
    message: str | None,
) -> None:
    assert "lacks a permission for this" in told(403, message=message)


# What is not found

SIMILAR = "No such customer: 'cus_1'; a similar object exists in {} mode, but a {} mode key was used."


@pytest.mark.parametrize(("there", "here"), [("live", "test"), ("test", "live")])
@pytest.mark.parametrize("status", [400, 404])
def test_an_object_of_the_other_mode_is_explained(there: str, here: str, status: int) -> None:
    said = told(status, code="resource_missing", message=SIMILAR.format(there, here))
    assert "belongs to the other mode" in said
    assert f"it is in {there} mode, and this server has a {here} key" in said
    assert f"put a {there} key into STRIPE_SECRET_KEY and restart this server" in said
    assert ("real money moves" in said) == (there == "live")


@pytest.mark.parametrize("mode", ["LIVE", "TEST", "SIMULATOR"])
@pytest.mark.parametrize("status", [400, 404])
def test_a_missing_object_is_not_guessed_again_and_the_mode_is_said(mode: Mode, status: int) -> None:
    said = told(status, mode=mode, code="resource_missing", message="No such customer: 'cus_1'")
    assert "Do not guess ids" in said
    assert "test and live mode share no objects" in said
    assert "canceled or deleted already" in said
    assert "other mode" not in said
    assert mode in said
    assert {"LIVE": "needs a test key", "TEST": "needs a live key", "SIMULATOR": "--simulator"}[mode] in said


def test_a_customer_who_cannot_be_charged_is_not_a_missing_one() -> None:
    """
    Stripe says resource_missing of both.
    """
    message = "This customer has no attached payment source or default payment method."
    said = told(400, "create_subscription", code="resource_missing", message=message)
    assert "list_payment_methods" in said
    assert "guess" not in said


# By code


def known_codes() -> set[str]:
    """
    The codes that the official package knows, and the simulator's own.
    """
    source = (Path(stripe.__file__).parent / "_payment_intent.py").read_text(encoding="utf-8")
    listed = re.search(r'code: Optional\[\s*Union\[\s*Literal\[([^]]*"charge_already_refunded"[^]]*)', source)
    assert listed
    return {*re.findall(r'"(\w+)"', listed[1]), "simulator_unsupported", "idempotency_error"}


def test_every_code_that_has_advice_is_one_of_stripes() -> None:
    known = known_codes()
    for pattern in refusals().code:
        assert any(re.fullmatch(pattern.replace("*", ".*"), code) for code in known), pattern


def test_there_is_advice_for_no_more_codes_than_anybody_reads() -> None:
    assert len(refusals().code) <= 20


NOT_NOW = [
    code
    for code in sorted(known_codes())
    if re.search(r"already|_not_editable|_too_large|unexpected_state", code)
]


@pytest.mark.parametrize("code", NOT_NOW)
def test_what_the_object_does_not_allow_is_not_tried_in_variations(code: str) -> None:
    """
    A refund of more than is left must not be followed by one of another payment.
    """
    said = told(400, type="invalid_request_error", code=code)
    assert NOT_ALLOWED in said
    assert "call again" not in said


def test_a_refund_of_more_than_is_left_which_stripe_gives_no_code_is_not_tried_in_variations_either() -> None:
    message = "Refund amount ($60.00) is greater than unrefunded amount on charge ($49.00)"
    assert NOT_ALLOWED in told(400, "create_refund", type="invalid_request_error", message=message)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("parameter_missing", "Add the argument"),
        ("parameter_unknown", "leave it out"),
        ("parameter_invalid_integer", "correct it"),
        ("parameters_exclusive", "leave one out"),
        ("amount_too_small", "smallest unit"),
        ("balance_insufficient", "get_balance"),
        ("charge_disputed", "Tell the user"),
        ("charge_expired_for_capture", "pay anew"),
        ("invoice_no_customer_line_items", "nothing to bill"),
        ("invoice_payment_intent_requires_action", "confirm the payment with their bank"),
        ("simulator_unsupported", "a test key"),
    ],
)
def test_a_code_that_says_more_than_the_status_is_heard(code: str, says: str) -> None:
    said = told(400, code=code, param="amount")
    assert says in said
    assert NEXT_STEP[400] not in said
    assert "param: amount" in said


def test_a_key_used_for_two_requests_is_our_fault() -> None:
    """
    R17: the model must not try to repair it with other arguments.
    """
    said = told(400, type="idempotency_error", message="Keys can only be used with the same...")
    assert "fault of stripe-mcp" in said
    assert "Correct the arguments" not in said


# Too many requests

REASONS = {
    "global-rate": "100 a second in live mode, 25 in a sandbox",
    "endpoint-rate": "25 a second of each, and 20 of a search",
    "global-concurrency": "each answer has to come before the next call",
    "endpoint-concurrency": "fewer paths in expand",
    "resource-specific": "10 new invoices a minute",
}


@pytest.mark.parametrize(("reason", "says"), REASONS.items())
def test_too_many_requests_say_which_limit_and_what_keeps_below_it(reason: str, says: str) -> None:
    said = told(429, rate_limit=reason)
    assert f"limit: {reason}" in said
    assert says in said
    assert re.search(r"[Cc]all again in .*and not in parallel", said)


@pytest.mark.parametrize("reason", [*set(REASONS) - {"resource-specific"}, "a-new-one", None])
def test_too_many_requests_say_for_how_long(reason: str | None) -> None:
    said = told(429, rate_limit=reason, retry_after=120.0)
    assert "all again in 120 seconds, and not in parallel" in said


def test_a_locked_object_is_only_busy() -> None:
    """
    R16: it comes as a 429, and is no sign of too many requests.
    """
    said = told(429, type="invalid_request_error", code="lock_timeout")
    assert "working on the same object" in said
    assert "one call at a time" in said
    assert "Too many requests" not in said


# A damaged installation


def test_what_stripe_said_is_told_even_where_the_advice_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(facts, "builtin_folder", lambda: tmp_path)
    monkeypatch.setattr(advice, "refusals", refusals.__wrapped__)
    assert told(400, message="It is not so.") == "Stripe answered 400: It is not so.\nNothing was changed."
    assert "errors.toml" in caplog.text


# The page


def test_the_reference_holds_all_advice_in_tables() -> None:
    page = error_reference()
    known = refusals()
    names = [*known.status, *known.code, *known.message, *known.rate_limit, *known.mode]
    assert all(f"| `{name}` |" in page for name in names)
    assert "`lost_card`" in page
    assert "{" not in page
    for table in page.split("\n\n")[1:]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


# Through the front door


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("tool", "arguments", "status", "error", "says"),
    [
        (
            "create_subscription",
            {"customer": "cus_1", "items": [{"price": "price_1"}]},
            402,
            {"type": "card_error", "code": "card_declined", "decline_code": "stolen_card"},
            "Keep the code and its reason from the customer.",
        ),
        (
            "search_charges",
            {"query": 'last4:"4242"'},
            400,
            {"param": "query", "message": "Field `last4` is an unsupported search field for charges."},
            "Did you mean payment_method_details.card.last4?",
        ),
        (
            "get_charge",
            {"charge_id": "ch_1"},
            404,
            {"code": "resource_missing", "message": "No such charge: 'ch_1'"},
            "This server is in TEST mode",
        ),
        ("get_balance", {}, 429, {"type": "rate_limit_error"}, "20 of a search. Call again in 7 seconds"),
    ],
)
async def test_a_client_of_either_era_is_told_what_to_do(
    era: str, tool: str, arguments: dict[str, Any], status: int, error: dict[str, str], says: str
) -> None:
    def connect() -> Transport:
        return Transport("sk_test_canary1234", STRIPE, max_retries=0)

    headers = {"Stripe-Rate-Limited-Reason": "endpoint-rate", "Retry-After": "7"} if status == 429 else {}
    with respx.mock(base_url=STRIPE) as router:
        router.route().respond(status, json={"error": error}, headers=headers)
        async with Client(
            create_server(load_catalog(builtin_folder()), Settings(mode="TEST"), connect), mode=era
        ) as client:
            result = await client.call_tool(tool, arguments)
    assert result.is_error
    [block] = result.content
    assert isinstance(block, TextContent)
    assert "Nothing was changed." in block.text
    assert says in block.text
    assert json.dumps(error.get("message", ""))[1:-1] in block.text
