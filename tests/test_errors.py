"""
The texts that a model reads when a call fails: what happened, whether anything changed, what next.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stripe_mcp.errors import (
    ConfigurationError,
    InvalidArguments,
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
    StripeError,
    StripeMCPError,
    ToolError,
    redact,
)
from tests.scripted_stripe import CANARY, READ, Answer, answer, play, refusal

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


@pytest.mark.parametrize(("status", "step"), NEXT_STEP.items())
def test_every_status_says_what_happened_what_changed_and_what_next(status: int, step: str) -> None:
    said = str(StripeError(status, message="It is not so.", request_id="req_1"))
    assert said.startswith(f"Stripe answered {status}: It is not so.\nNothing was changed. ")
    assert step in said
    assert "request: req_1" in said


@pytest.mark.parametrize("status", range(400, 600))
def test_no_status_is_without_advice(status: int) -> None:
    assert len(str(StripeError(status)).split("Nothing was changed. ")[1]) > 20


def test_all_that_stripe_says_is_told() -> None:
    said = str(
        StripeError(
            402,
            type="card_error",
            code="card_declined",
            decline_code="insufficient_funds",
            param="source",
            message="Your card has insufficient funds.",
            doc_url="https://stripe.com/docs/error-codes/card-declined",
            request_id="req_9",
        )
    )
    assert "402 (card_error, card_declined, insufficient_funds): Your card has insufficient funds." in said
    assert "param: source" in said
    assert "request: req_9" in said
    assert "docs: https://stripe.com/docs/error-codes/card-declined" in said


def test_what_stripe_left_out_is_not_made_up() -> None:
    said = str(StripeError(400))
    assert said.splitlines() == [
        "Stripe answered 400: Stripe gave no message.",
        "Nothing was changed. Correct the arguments and call again.",
    ]
    assert "None" not in said


def test_a_decline_may_be_told_to_the_customer_and_is_not_repeated() -> None:
    """
    R20.
    """
    said = str(StripeError(402, code="card_declined", decline_code="lost_card", message="Declined."))
    assert "lost_card" in said
    assert "No money moved." in said
    assert "may be told to the customer" in said
    assert "Do not repeat the call" in said


def test_a_forbidden_call_names_the_permission_that_the_key_lacks() -> None:
    """
    R21.
    """
    message = (
        "The provided key 'rk_live_*****1234' lacks the permission 'rak_charge_write' on account acct_1."
    )
    said = str(StripeError(403, message=message))
    assert "lacks the permission rak_charge_write." in said
    assert "Calling again will not help" in said


def test_a_forbidden_call_without_a_named_permission_still_says_that_one_is_missing() -> None:
    assert "lacks a permission for this" in str(StripeError(403, message="Not allowed."))
    assert "lacks a permission for this" in str(StripeError(403))


@pytest.mark.parametrize(
    ("here", "there"), [("a test", "live"), ("a live", "test")], ids=["test key", "live key"]
)
def test_an_object_of_the_other_mode_is_explained(here: str, there: str) -> None:
    message = (
        f"No such customer: 'cus_1'; a similar object exists in {there} mode, but {here} mode key "
        "was used to make this request."
    )
    said = str(StripeError(404, code="resource_missing", message=message))
    assert "belongs to the other mode" in said
    assert "live objects need a live key" in said


def test_a_missing_object_is_not_guessed_again() -> None:
    said = str(StripeError(404, code="resource_missing", message="No such customer: 'cus_1'"))
    assert "Do not guess ids" in said
    assert "test and live mode share no objects" in said
    assert "canceled or deleted already" in said
    assert "other mode" not in said


@pytest.mark.parametrize(
    "code",
    [
        "charge_already_refunded",
        "charge_already_captured",
        "invoice_not_editable",
        "amount_too_large",
        "payment_intent_unexpected_state",
    ],
)
def test_what_the_object_does_not_allow_is_not_tried_in_variations(code: str) -> None:
    """
    A refund of more than is left must not be followed by one of another payment.
    """
    said = str(StripeError(400, type="invalid_request_error", code=code))
    assert "ask the user before trying anything else" in said
    assert "call again" not in said


def test_a_refund_of_more_than_is_left_which_stripe_gives_no_code_is_not_tried_in_variations_either() -> None:
    message = "Refund amount ($60.00) is greater than unrefunded amount on charge ($49.00)"
    assert "ask the user before" in str(StripeError(400, type="invalid_request_error", message=message))


def test_too_many_requests_say_which_limit_and_for_how_long() -> None:
    said = str(StripeError(429, rate_limit="endpoint-rate", retry_after=120.0))
    assert "Too many requests (endpoint-rate): call again in 120 seconds, and not in parallel." in said


def test_a_locked_object_is_only_busy() -> None:
    """
    R16: it comes as a 429, and is no sign of too many requests.
    """
    said = str(StripeError(429, type="invalid_request_error", code="lock_timeout"))
    assert "working on the same object" in said
    assert "Too many requests" not in said


def test_a_key_used_for_two_requests_is_our_fault() -> None:
    """
    R17: the model must not try to repair it with other arguments.
    """
    said = str(StripeError(400, type="idempotency_error", message="Keys can only be used with the same..."))
    assert "fault of stripe-mcp" in said
    assert "Correct the arguments" not in said


def test_no_answer_says_that_nothing_changed_and_that_calling_again_is_safe() -> None:
    said = str(NoAnswer("Stripe could not be reached (ConnectError)."))
    assert said.startswith("Stripe could not be reached (ConnectError). Nothing was changed.")
    assert "Calling again later is safe." in said


@pytest.mark.parametrize("key", ["5f0c", None])
def test_an_unknown_outcome_is_neither_success_nor_failure(key: str | None) -> None:
    said = str(OutcomeUnknown("Stripe answered 500 (request: req_1).", key))
    assert said.startswith("OUTCOME UNKNOWN: Stripe answered 500 (request: req_1).")
    assert "may or may not have carried this out" in said
    assert "report neither success nor failure" in said
    assert "Do not call this tool again yet" in said
    assert "Nothing was changed" not in said
    assert ("Idempotency key of the attempt: 5f0c." in said) == (key is not None)


def test_without_a_key_the_way_to_connect_is_told() -> None:
    said = str(NotConnected())
    assert "nothing was sent" in said
    for way in ("STRIPE_SECRET_KEY", "rk_test_", "stripe-mcp check", "stripe-mcp --simulator"):
        assert way in said


def test_invalid_arguments_are_all_named() -> None:
    said = str(InvalidArguments(["amount: must be at least 1", "amonut: unknown"]))
    assert said.splitlines() == [
        "Invalid arguments, nothing was sent to Stripe:",
        "- amount: must be at least 1",
        "- amonut: unknown",
    ]


@pytest.mark.parametrize("kind", [InvalidArguments, NotConnected, NoAnswer, StripeError, OutcomeUnknown])
def test_what_a_model_can_act_on_is_a_tool_error(kind: type[StripeMCPError]) -> None:
    assert issubclass(kind, ToolError)
    assert not issubclass(ConfigurationError, ToolError)
    assert issubclass(ConfigurationError, StripeMCPError)


def test_a_refusal_in_a_few_words_names_the_request() -> None:
    assert StripeError(500, request_id="req_1").reason == "Stripe answered 500 (request: req_1)."
    assert StripeError(500).reason == "Stripe answered 500 (request: without an id)."


# From the wire


async def told(step: Answer) -> StripeError:
    played = await play(READ, step, max_retries=0)
    assert isinstance(played.outcome, StripeError)
    return played.outcome


@pytest.mark.anyio
async def test_the_fields_of_an_answer_become_those_of_the_error() -> None:
    step = answer(
        402,
        {
            "error": {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "generic_decline",
                "param": "amount",
                "message": "Declined.",
                "doc_url": "https://stripe.com/docs",
                "payment_intent": {"client_secret": "pi_1_secret_2"},
            }
        },
        request_id="req_1",
        STRIPE_RATE_LIMITED_REASON="global-rate",
        Retry_After="3",
    )
    error = await told(step)
    assert error == StripeError(
        status=402,
        type="card_error",
        code="card_declined",
        decline_code="generic_decline",
        param="amount",
        message="Declined.",
        doc_url="https://stripe.com/docs",
        request_id="req_1",
        rate_limit="global-rate",
        retry_after=3.0,
    )
    assert "pi_1_secret_2" not in str(error) + repr(error)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 424, 429, 500, 502, 503, 504])
async def test_html_is_never_shown(status: int) -> None:
    """
    R19: it is some proxy's page, long, and not for a model.
    """
    page = b"<html><head><title>Gateway</title></head><body>nginx at 10.0.0.7</body></html>"
    error = await told(answer(status, page, Content_Type="text/html"))
    assert str(error).startswith(f"Stripe answered {status}: Stripe gave no message.")
    for part in ("<", "nginx", "10.0.0.7", "Gateway"):
        assert part not in str(error).replace("Developers >", "")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"error": null}',
        b'{"error": "invalid_request"}',
        b'{"error": []}',
        b'{"error": {}}',
        b'{"error": {"type": 5, "code": null, "message": ["x"], "param": {"a": 1}}}',
    ],
)
async def test_an_error_of_another_form_is_told_by_its_status(body: bytes) -> None:
    assert await told(answer(400, body)) == StripeError(400)


@pytest.mark.anyio
async def test_a_key_used_for_two_requests_is_logged_as_our_fault(caplog: pytest.LogCaptureFixture) -> None:
    """
    R17.
    """
    await told(refusal(400, type="idempotency_error"))
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "idempotency_error" in errors[0]
    assert "our fault" in errors[0]


@pytest.mark.anyio
async def test_other_refusals_are_not_logged_as_errors(caplog: pytest.LogCaptureFixture) -> None:
    await told(refusal(400))
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.anyio
async def test_of_a_key_that_stripe_repeats_four_characters_are_left() -> None:
    """
    R21, S3.
    """
    error = await told(refusal(401, message=f"Invalid API Key provided: {CANARY}"))
    assert "Invalid API Key provided: sk_...1234" in str(error)
    assert "canary" not in str(error)


# redact

KINDS = ["sk", "rk", "pk", "ek", "rkcs", "whsec"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(
    kind=st.sampled_from(KINDS),
    mode=st.sampled_from(["test_", "live_", "org_", "org_live_", ""]),
    body=st.text(LETTERS, min_size=5, max_size=99),
    before=st.sampled_from(["", " ", "Bearer ", "'", "key=", "key_", "9", "/", "\n", "é"]),
    after=st.sampled_from(["", " ", "'", ".", ", then", "\n", "&x=1", "-x", "é"]),
)
@example(kind="sk", mode="live_", body="****1234", before="", after="")
def test_of_any_key_anywhere_the_kind_and_four_characters_are_left(
    kind: str, mode: str, body: str, before: str, after: str
) -> None:
    key = f"{kind}_{mode}{body}"
    assert redact(f"{before}{key}{after}") == f"{before}{kind}_...{body[-4:]}{after}"


def test_every_key_of_a_text_is_shortened() -> None:
    assert redact(f"{CANARY} or rk_live_fake5678") == "sk_...1234 or rk_...5678"


def test_masked_keys_as_stripe_writes_them_are_shortened() -> None:
    assert redact("Expired API Key provided: rk_live_*********************1234") == (
        "Expired API Key provided: rk_...1234"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No such customer: 'cus_1'",
        "risk_level",
        "disk_full",
        "rak_charge_write",
        "task_1",
        "acct_1Abc",
        "sk",
    ],
)
def test_what_is_no_key_is_left_alone(text: str) -> None:
    assert redact(text) == text
