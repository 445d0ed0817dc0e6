"""
What is said about a call that brought no success: refused, not sent, or unknown.

Never "nothing was changed" about a write that may have been carried out.
"""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from stripe_mcp.errors import NoAnswer, OutcomeUnknown, StripeError
from stripe_mcp.request import StripeRequest
from stripe_mcp.transport import Reply, Transport
from tests.scripted_stripe import (
    CANARY,
    DELETE,
    LOST,
    POST,
    READ,
    REFUSED,
    STRIPE,
    WRITES,
    Answer,
    Pieces,
    Played,
    ScriptedStripe,
    Step,
    answer,
    hang,
    play,
    refusal,
)

pytestmark = pytest.mark.anyio

EVERY = (READ, *WRITES)


def assert_unknown(played: Played) -> None:
    """
    The caller is told that it is unknown, and under which key.
    """
    assert isinstance(played.outcome, OutcomeUnknown)
    said = str(played.outcome)
    assert said.startswith("OUTCOME UNKNOWN: ")
    assert "Nothing was changed" not in said
    if key := played.keys[0]:
        assert key in said


def assert_unanswered(played: Played) -> None:
    """
    The caller is told that nothing was changed, without a key.
    """
    assert isinstance(played.outcome, NoAnswer)
    assert "Nothing was changed" in str(played.outcome)
    assert all(key is None or key not in str(played.outcome) for key in played.keys)


# No answer

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def leaves(kind: type[httpx.RequestError]) -> list[type[httpx.RequestError]]:
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
@pytest.mark.parametrize("failure", NEVER_SENT)
async def test_what_was_never_sent_changed_nothing(
    request_: StripeRequest, failure: type[httpx.RequestError]
) -> None:
    """
    R1: 0x.
    """
    played = await play(request_, failure(f"{CANARY} at /v1/x?email=a@example.com"))
    assert_unanswered(played)
    assert failure.__name__ in str(played.outcome)
    assert "example.com" not in str(played.outcome)
    assert len(played.requests) == 3


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
@pytest.mark.parametrize("failure", [leaf for leaf in leaves(httpx.RequestError) if leaf not in NEVER_SENT])
async def test_every_other_broken_exchange_leaves_a_write_unknown(
    request_: StripeRequest, failure: type[httpx.RequestError]
) -> None:
    """
    R2-R4, over all the failures that httpx has.
    """
    played = await play(request_, failure(f"{CANARY} at /v1/x?email=a@example.com"))
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert "example.com" not in str(played.outcome)


# The deadline


async def byte_by_byte() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await anyio.sleep(0.001)


DRIP = answer(200, Pieces(byte_by_byte))


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
@pytest.mark.parametrize("step", [hang, DRIP], ids=["silence", "one byte at a time"])
async def test_the_deadline_ends_a_call_that_gets_no_answer(request_: StripeRequest, step: Step) -> None:
    """
    R4, R23: one byte at a time keeps every timeout of a single read away.
    """
    played = await play(request_, step, deadline=0.05)
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert "in time" in str(played.outcome)
    assert len(played.requests) == 1


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
async def test_the_deadline_covers_all_attempts_together(request_: StripeRequest) -> None:
    played = await play(request_, REFUSED, hang, deadline=0.05, jitter=0)
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert len(played.requests) == 2


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
async def test_a_deadline_that_passes_between_attempts_knows_what_is_known(request_: StripeRequest) -> None:
    """
    Nothing was sent when Stripe was never reached, however long it took to find out.
    """

    async def send(step: Step) -> Played:
        stripe = ScriptedStripe(step)
        transport = Transport(CANARY, STRIPE, http=stripe, deadline=0.05, jitter=lambda: 0, sleep=forever)
        with pytest.raises((NoAnswer, OutcomeUnknown)) as raised:
            await transport.send(request_)
        await transport.aclose()
        return Played(raised.value, stripe.requests)

    async def forever(seconds: float) -> None:
        await anyio.sleep_forever()

    assert_unanswered(await send(REFUSED))
    assert_unknown(await send(LOST))


# The caller goes away


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
async def test_a_write_is_finished_when_its_caller_goes_away(request_: StripeRequest) -> None:
    """
    R5: cut short, nobody would know what became of it.
    """
    arrived, release = anyio.Event(), anyio.Event()
    replies: list[Reply] = []

    async def slowly() -> Answer:
        arrived.set()
        await release.wait()
        return answer(200, {"object": "refund", "id": "re_1"})

    transport = Transport(CANARY, STRIPE, http=ScriptedStripe(LOST, slowly), jitter=lambda: 0)

    async def call() -> None:
        replies.append(await transport.send(request_))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await arrived.wait()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
        release.set()
    assert [reply.body for reply in replies] == [{"object": "refund", "id": "re_1"}]
    await transport.aclose()


async def test_a_read_ends_when_its_caller_goes_away() -> None:
    arrived = anyio.Event()

    async def never() -> Answer:
        arrived.set()
        return await hang()

    stripe = ScriptedStripe(never)
    transport = Transport(CANARY, STRIPE, http=stripe)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.send, READ)
            await arrived.wait()
            tasks.cancel_scope.cancel()
    assert len(stripe.requests) == 1
    await transport.aclose()


# Answers that cannot be read

UNREADABLE = {
    "empty": b"",
    "blank": b"  \n",
    "cut": b'{"id": "re_1", "amount": 5',
    "malformed": b"{'id': 're_1'}",
    "HTML": b"<!doctype html><html><body>Welcome to the hotel network</body></html>",
    "a list": b'[{"object": "refund", "id": "re_1"}]',
    "a number": b"5",
    "a text": b'"re_1"',
    "null": b"null",
    "no text at all": b'{"id": "\xff\xfe"}',
    "an error": b'{"error": {"type": "api_error", "message": "Sorry"}}',
    "an error of no form": b'{"error": null}',
    "nested 150 deep": b'{"a":' * 150 + b"1" + b"}" * 150,
    "nested 800 deep": b'{"a":' * 800 + b"1" + b"}" * 800,
    "nested in lists": b'{"a":' + b"[" * 150 + b"]" * 150 + b"}",
    "nested 100,000 deep": b"[" * 100_000,
    "a number of 10,000 digits": b'{"amount": ' + b"9" * 10_000 + b"}",
    "over 10 MB": b'{"name": "' + b"x" * 10_000_000 + b'"}',
}


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_success_that_cannot_be_read_is_none(request_: StripeRequest, body: bytes) -> None:
    """
    R22: U for a write, an error for a read.
    """
    played = await play(request_, answer(200, body))
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert "could not be read" in str(played.outcome)
    assert "hotel" not in str(played.outcome)
    assert len(set(played.keys)) == 1


@pytest.mark.parametrize("kind", ["application/json", "text/html", "text/plain", "application/octet-stream"])
async def test_what_can_be_read_counts_whatever_it_is_called(kind: str) -> None:
    """
    The body is Stripe's object or it is not; a proxy may have changed what it is called.
    """
    played = await play(READ, answer(200, {"object": "refund", "id": "re_1"}, Content_Type=kind))
    assert played.outcome == Reply({"object": "refund", "id": "re_1"})


@pytest.mark.parametrize("levels", [1, 20, 99])
async def test_what_stripe_nests_is_read(levels: int) -> None:
    body = b'{"object": "refund", "a":' * levels + b"1" + b"}" * levels
    assert isinstance((await play(READ, answer(200, body))).outcome, Reply)


@pytest.mark.parametrize("body", [b"{}", b'{"message": "ok"}', b'{"object": 5}'])
async def test_an_object_that_does_not_say_its_kind_is_not_stripes(body: bytes) -> None:
    for request_ in WRITES:
        assert_unknown(await play(request_, answer(200, body)))
    assert_unanswered(await play(READ, answer(200, body)))


@pytest.mark.parametrize("encoding", ["identity", "GZIP"])
async def test_an_encoding_is_known_by_its_name_in_any_case(encoding: str) -> None:
    body = b'{"object": "refund"}'
    packed = gzip.compress(body) if encoding == "GZIP" else body
    assert isinstance((await play(READ, answer(200, packed, Content_Encoding=encoding))).outcome, Reply)


async def test_a_key_that_is_in_use_is_in_use_by_us() -> None:
    """
    R16: the attempt that holds it is being carried out, so nothing can be said of its outcome.
    """
    assert_unknown(await play(POST, refusal(409, code="idempotency_key_in_use")))


async def test_an_echo_of_the_key_goes_no_further() -> None:
    """
    S3: not even in a result.
    """
    played = await play(READ, answer(200, {"object": "refund", "seen": f"Bearer {CANARY}"}))
    assert played.outcome == Reply({"object": "refund", "seen": "Bearer sk_...1234"})


async def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(b'{"object": "refund", "id": "re_1"}')
    played = await play(POST, answer(200, packed, Content_Encoding="gzip"))
    assert isinstance(played.outcome, Reply)
    assert played.outcome.body == {"object": "refund", "id": "re_1"}


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b'{"object": "refund", "id": "re_1"}')[:-12], b"no gzip at all"],
    ids=["cut", "not compressed"],
)
@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
async def test_a_compressed_answer_that_is_broken_is_none(request_: StripeRequest, packed: bytes) -> None:
    """
    R22.
    """
    played = await play(request_, answer(200, packed, Content_Encoding="gzip"))
    (assert_unknown if request_.writes else assert_unanswered)(played)


PIECE = 65_536  # bytes: what httpcore takes from the network at once


def huge(piece: bytes) -> Pieces:
    async def repeat() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield piece

    return Pieces(repeat)


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
async def test_a_huge_answer_is_left_at_ten_megabytes(request_: StripeRequest) -> None:
    """
    R22.
    """
    pieces = huge(b" " * PIECE)
    played = await play(request_, answer(200, pieces), max_retries=0)
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert pieces.taken <= 10_000_000 // PIECE + 1


@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
async def test_a_gzip_bomb_is_left_at_its_first_piece(request_: StripeRequest) -> None:
    """
    R22: the worst that one piece can hold is a thousand times its size.
    """
    packer = zlib.compressobj(9, wbits=31)
    bomb = (packer.compress(bytes(PIECE * 1020)) + packer.flush(zlib.Z_SYNC_FLUSH))[:PIECE]
    pieces = huge(bomb)
    tracemalloc.start()
    try:
        played = await play(request_, answer(200, pieces, Content_Encoding="gzip"), max_retries=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert pieces.taken == 1
    assert peak < 2_500 * PIECE


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate, gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
async def test_an_encoding_that_was_not_asked_for_is_not_unpacked(
    request_: StripeRequest, encoding: str
) -> None:
    """
    R22: a bomb in a bomb would fill the memory with its first piece.
    """
    pieces = huge(gzip.compress(gzip.compress(bytes(1_000_000))))
    played = await play(request_, answer(200, pieces, Content_Encoding=encoding), max_retries=0)
    (assert_unknown if request_.writes else assert_unanswered)(played)
    assert pieces.taken == 0


# Errors of Stripe's


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 424, 429])
@pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)
async def test_a_refusal_changed_nothing(request_: StripeRequest, status: int) -> None:
    played = await play(request_, refusal(status))
    assert isinstance(played.outcome, StripeError)
    assert played.outcome.status == status
    assert "Nothing was changed" in str(played.outcome)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_failure_of_stripes_leaves_a_write_unknown_and_a_read_refused(status: int) -> None:
    for request in WRITES:
        played = await play(request, refusal(status))
        assert_unknown(played)
        assert f"Stripe answered {status}" in str(played.outcome)
    assert isinstance((await play(READ, refusal(status))).outcome, StripeError)


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
async def test_a_stored_failure_is_unknown_after_one_attempt(request_: StripeRequest) -> None:
    """
    R18: Stripe would only play back the same 500.
    """
    played = await play(request_, answer(500, b"{}", Stripe_Should_Retry="false", Request_Id="req_7"))
    assert_unknown(played)
    assert "req_7" in str(played.outcome)
    assert len(played.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"error": "no"}'])
@pytest.mark.parametrize("status", [400, 404, 413])
async def test_a_refusal_that_is_not_stripes_leaves_a_write_unknown(status: int, body: bytes) -> None:
    """
    Something between us and Stripe gave it, and nobody knows on which side of Stripe.
    """
    for request_ in WRITES:
        assert_unknown(await play(request_, answer(status, body)))
    assert isinstance((await play(READ, answer(status, body))).outcome, StripeError)


# Attempts that follow one whose outcome is in doubt

DOUBTS = {
    "lost": LOST,
    "late": httpx.ReadTimeout("late"),
    "500": refusal(500),
    "503 in HTML": answer(503, b"<html>"),
    "cut": answer(200, b'{"id": "re_'),
}
NO_HELP = {
    "refused connection": REFUSED,
    "401": refusal(401),
    "403": refusal(403),
    "409": refusal(409, code="idempotency_key_in_use"),
    "429": refusal(429),
    "500": refusal(500),
    "redirect": answer(302, b"", Location="/elsewhere"),
    "another's key": refusal(400, type="idempotency_error"),
    "404 in HTML": answer(404, b"<html>"),
    "lost": LOST,
}


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
@pytest.mark.parametrize("then", NO_HELP.values(), ids=NO_HELP.keys())
async def test_a_doubt_stays_when_the_next_attempt_says_nothing_about_it(
    request_: StripeRequest, doubt: Step, then: Step
) -> None:
    """
    R4: the last attempt was not carried out; the one before may have been.
    """
    assert_unknown(await play(request_, doubt, then))


@pytest.mark.parametrize("status", [400, 402, 404, 424])
@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
async def test_a_doubt_about_a_post_ends_with_a_definite_refusal(doubt: Step, status: int) -> None:
    """
    Under the same key Stripe plays back what it did the time before.
    """
    played = await play(POST, doubt, refusal(status))
    assert isinstance(played.outcome, StripeError)
    assert played.outcome.status == status


@pytest.mark.parametrize("status", [400, 402, 404, 424])
@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
async def test_a_doubt_about_a_removal_outlives_a_refusal(doubt: Step, status: int) -> None:
    """
    404 may mean that the attempt before removed it: Stripe has no key on DELETE to tell.
    """
    assert_unknown(await play(DELETE, doubt, refusal(status)))


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
async def test_a_doubt_ends_with_a_success(request_: StripeRequest, doubt: Step) -> None:
    """
    R2, R3: 1x.
    """
    played = await play(request_, doubt, answer(200, {"object": "refund", "id": "re_1"}))
    assert isinstance(played.outcome, Reply)
    assert len(set(played.keys)) == 1


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
async def test_attempts_that_were_not_carried_out_raise_no_doubt(request_: StripeRequest) -> None:
    played = await play(request_, refusal(429), REFUSED, refusal(409))
    assert isinstance(played.outcome, StripeError)
    assert_unanswered(await play(request_, refusal(429), refusal(409), REFUSED))
