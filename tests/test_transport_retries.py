"""
When an attempt is made again, after which wait, and under which key.
"""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.errors import NoAnswer, OutcomeUnknown, StripeError
from stripe_mcp.request import StripeRequest
from stripe_mcp.transport import Reply
from tests.scripted_stripe import (
    DELETE,
    LOST,
    POST,
    READ,
    REFUSED,
    WRITES,
    Step,
    answer,
    play,
    refusal,
)

pytestmark = pytest.mark.anyio

BUSY = {"error": {"type": "invalid_request_error", "message": "Too many requests."}}

NOW = 1_790_000_000  # 2026-09-21 14:13:20 UTC


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe_mcp.answer.time", lambda: float(NOW))


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


PASSING = {
    "R1 connection refused": REFUSED,
    "R1 no connection in time": httpx.ConnectTimeout("slow"),
    "R2 reset": LOST,
    "R2 closed without an answer": httpx.RemoteProtocolError("closed"),
    "R4 no answer in time": httpx.ReadTimeout("slow"),
    "R15 429": refusal(429),
    "R16 key in use": refusal(409, code="idempotency_key_in_use"),
    "R16 lock timeout": answer(
        429,
        {"error": {"type": "invalid_request_error", "code": "lock_timeout"}},
        Stripe_Should_Retry="true",
    ),
    "500": refusal(500),
    "R19 502 in HTML": answer(502, b"<html><h1>Bad Gateway</h1></html>", Content_Type="text/html"),
    "R19 503 in HTML": answer(503, b"<html><h1>Unavailable</h1></html>", Content_Type="text/html"),
    "R19 504 in HTML": answer(504, b"<html><h1>Time-out</h1></html>", Content_Type="text/html"),
    "R22 an answer cut short": answer(200, b'{"id": "re_'),
    "Stripe says so": answer(400, b"{}", Stripe_Should_Retry="true"),
}


@pytest.mark.parametrize("request_", [READ, *WRITES], ids=lambda request: request.method)
@pytest.mark.parametrize("step", PASSING.values(), ids=PASSING.keys())
async def test_a_passing_fault_is_overcome_under_the_same_key(request_: StripeRequest, step: Step) -> None:
    played = await play(request_, step, step, answer(200, {"object": "refund", "id": "re_1"}))
    assert isinstance(played.outcome, Reply)
    assert played.outcome.body == {"object": "refund", "id": "re_1"}
    assert len(played.requests) == 3
    assert len(set(played.keys)) == 1
    assert (played.keys[0] is not None) == (request_.method == "POST")
    assert {(sent.method, sent.url, sent.content) for sent in played.requests} == {
        (request_.method, played.requests[0].url, request_.form.encode())
    }


FINAL = {
    **{str(status): refusal(status) for status in (400, 401, 402, 403, 404, 413, 424)},
    "R17 idempotency error": refusal(400, type="idempotency_error"),
    "R20 declined": refusal(402, type="card_error", code="card_declined", decline_code="lost_card"),
    "R18 a stored 500": answer(500, b"{}", Stripe_Should_Retry="false"),
    "Stripe says no to a 409": answer(409, b"{}", Stripe_Should_Retry="false"),
    "Stripe says no to a 429": answer(429, b"{}", Stripe_Should_Retry="false"),
    **{f"R24 {status}": answer(status, b"", Location="/v2") for status in (301, 302, 303, 307, 308)},
    "neither success nor failure": answer(204, b""),
}


@pytest.mark.parametrize("request_", [READ, *WRITES], ids=lambda request: request.method)
@pytest.mark.parametrize("step", FINAL.values(), ids=FINAL.keys())
async def test_a_final_answer_is_not_asked_for_again(request_: StripeRequest, step: Step) -> None:
    played = await play(request_, step)
    assert not isinstance(played.outcome, Reply)
    assert len(played.requests) == 1
    assert played.waits == []


async def test_an_unknown_word_on_retrying_leaves_it_to_the_status() -> None:
    assert len((await play(READ, answer(500, Stripe_Should_Retry="maybe"))).requests) == 3
    assert len((await play(READ, answer(400, Stripe_Should_Retry="maybe"))).requests) == 1


@pytest.mark.parametrize("retries", range(11))
async def test_no_more_attempts_are_made_than_allowed(retries: int) -> None:
    assert len((await play(POST, refusal(503), max_retries=retries)).requests) == retries + 1


async def test_three_attempts_are_the_default() -> None:
    assert len((await play(READ, LOST)).requests) == 3


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
async def test_waits_double_up_to_five_seconds_and_any_share_of_them_may_be_drawn(
    jitter: float, share: float
) -> None:
    """
    Full jitter: between nothing and the whole wait, so that many callers do not come back together.
    """
    played = await play(READ, refusal(500), max_retries=7, jitter=jitter)
    assert played.waits == [share * wait for wait in (0.5, 1, 2, 4, 5, 5, 5)]


async def test_the_last_attempt_is_followed_by_no_wait() -> None:
    assert len((await play(READ, refusal(500), max_retries=1)).waits) == 1


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("0", 0),
        ("1", 1),
        ("007", 7),
        (in_seconds(30), 30),
        (in_seconds(-3600), 0),
        ("Mon, 21 Sep 2026 14:13:50 -0000", 30),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_that_stripe_asks_for_is_kept(asked: str, wait: float, status: int) -> None:
    """
    R15. A date in the zone -0000 is one in UTC.
    """
    played = await play(POST, answer(status, Retry_After=asked), answer(), jitter=0.5)
    assert isinstance(played.outcome, Reply)
    assert played.waits == [wait]
    assert len(set(played.keys)) == 1


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "",
        "soon",
        "-5",
        "1.5",
        "1e3",
        "0x10",
        "²",
        "Mon, 21 Sep 2026",
        "Mon, 99 Sep 2026 14:13:50 GMT",
        "Mon, 21 Sep 2026 14:13:50 +99999999999999999999",
        "Mon, 21 Sep 2026 14:13:50 +99999",
    ],
)
async def test_a_wait_that_says_nothing_is_replaced_by_backoff(asked: str | None) -> None:
    """
    R15.
    """
    header: dict[str, Any] = {} if asked is None else {"Retry_After": asked}
    played = await play(POST, answer(429, BUSY, **header), answer(), jitter=0.5)
    assert isinstance(played.outcome, Reply)
    assert played.waits == [0.25]


@given(asked=st.one_of(st.text("0123456789", max_size=12), st.text(st.characters(codec="latin-1"))))
def test_whatever_is_asked_for_the_wait_stays_within_the_deadline(asked: str) -> None:
    """
    R15: the header is a stranger's text.
    """
    played = anyio.run(lambda: play(POST, answer(429, BUSY, Retry_After=asked), answer()))
    assert all(0 <= wait < 50 for wait in played.waits)
    assert isinstance(played.outcome, Reply if played.waits else StripeError)


@pytest.mark.parametrize("asked", ["120", "50", "999999999", in_seconds(120)])
@pytest.mark.parametrize("request_", [READ, *WRITES], ids=lambda request: request.method)
async def test_a_wait_beyond_the_deadline_is_told_and_not_waited_for(
    request_: StripeRequest, asked: str
) -> None:
    """
    R15: the caller learns when to come back.
    """
    played = await play(request_, answer(429, BUSY, Retry_After=asked))
    assert isinstance(played.outcome, StripeError)
    assert len(played.requests) == 1
    assert played.waits == []
    assert played.outcome.retry_after is not None
    assert round(played.outcome.retry_after) == (int(asked) if asked.isdigit() else 120)
    assert "Nothing was changed" in str(played.outcome)


async def test_backoff_beyond_the_deadline_is_not_waited_for() -> None:
    assert (await play(READ, refusal(500), deadline=0.4)).waits == []
    assert (await play(READ, refusal(500), deadline=0.6)).waits == [0.5]


async def test_the_error_told_is_that_of_the_last_attempt() -> None:
    played = await play(READ, LOST, refusal(500), refusal(429))
    assert isinstance(played.outcome, StripeError)
    assert played.outcome.status == 429
    assert isinstance((await play(READ, refusal(500), refusal(429), LOST)).outcome, NoAnswer)


async def test_a_removal_carries_no_key_on_any_attempt() -> None:
    """
    Stripe knows no idempotency keys on DELETE.
    """
    played = await play(DELETE, LOST)
    assert played.keys == [None, None, None]
    assert isinstance(played.outcome, OutcomeUnknown)
    assert "Idempotency key" not in str(played.outcome)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [READ, *WRITES], ids=lambda request: request.method)
async def test_a_redirect_is_not_followed_and_the_key_does_not_leave(
    request_: StripeRequest, status: int
) -> None:
    """
    R24.
    """
    played = await play(request_, answer(status, b"", Location="https://evil.example/v1/balance"), answer())
    assert [request.url.host for request in played.requests] == ["api.stripe.com"]
    assert isinstance(played.outcome, OutcomeUnknown if request_.writes else NoAnswer)
    assert "evil.example" not in str(played.outcome)
