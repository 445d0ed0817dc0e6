"""
The texts of what can go wrong: what happened, whether anything changed, and where we can say it, what next.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stripe_mcp.errors import (
    ConfigurationError,
    InvalidArguments,
    LedgerUnavailable,
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
    Refused,
    StripeError,
    StripeMCPError,
    ToolError,
    redact,
)
from tests.scripted_stripe import CANARY, READ, Answer, answer, play, refusal


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
            rate_limit="endpoint-rate",
        )
    )
    assert "402 (card_error, card_declined, insufficient_funds): Your card has insufficient funds." in said
    assert "param: source" in said
    assert "request: req_9" in said
    assert "limit: endpoint-rate" in said
    assert "docs: https://stripe.com/docs/error-codes/card-declined" in said
    assert said.endswith("\nNothing was changed.")


def test_what_stripe_left_out_is_not_made_up() -> None:
    said = str(StripeError(400))
    assert said.splitlines() == [
        "Stripe answered 400: Stripe gave no message.",
        "Nothing was changed.",
    ]
    assert "None" not in said


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
    assert "Call this tool again with the same arguments" in said
    assert "Nothing was changed" not in said
    assert ("Idempotency key: 5f0c." in said) == (key is not None)


def test_an_unknown_outcome_that_asking_does_not_settle_names_the_command_that_does() -> None:
    said = str(OutcomeUnknown("Stripe answered 500.", "5f0c", "op_1", stored=True))
    assert "Calling again sends nothing" in said
    assert "`stripe-mcp operations reconcile op_1`" in said


def test_a_refusal_and_a_ledger_that_fails_say_that_nothing_was_done_and_hold_no_key() -> None:
    assert str(Refused("limit", "it is too much.")) == "Refused, nothing was done: it is too much."
    said = str(LedgerUnavailable("no file sk_live_canary1234"))
    assert "nothing was sent" in said
    assert "canary" not in said


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
