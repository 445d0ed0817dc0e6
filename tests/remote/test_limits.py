"""
That a principal's flood is nobody else's, and that a request is handed on whole or not at all.
"""

import json
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import uvicorn
from anyio.abc import TaskGroup
from mcp import Client
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ListToolsResult,
    TextContent,
    Tool,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stripe_mcp.remote.limits import Fair
from stripe_mcp.remote.wire import WholeBody

pytestmark = pytest.mark.anyio

JSON, STREAM = "application/json", "text/event-stream"
LISTEN = {"mcp-method": "subscriptions/listen", "mcp-protocol-version": LATEST_MODERN_VERSION}


class Request:
    """
    One request as an ASGI server carries it, with its client's side: what it sends, and what came back.
    """

    def __init__(
        self, who: str = "A", number: int = 0, *, method: str = "POST", headers: dict[str, str] | None = None
    ) -> None:
        self.who, self.number = who, number
        pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope: Scope = {"type": "http", "method": method, "headers": pairs, "request": self}
        self.client, self._server = anyio.create_memory_object_stream[Message](100)
        self.sent: list[Message] = []
        self.received: list[Message] = []
        self.release = anyio.Event()

    def body(self, body: bytes, *, more: bool = False) -> None:
        self.client.send_nowait({"type": "http.request", "body": body, "more_body": more})

    def go_away(self) -> None:
        self.client.send_nowait({"type": "http.disconnect"})

    async def run(self, app: ASGIApp) -> None:
        async def send(message: Message) -> None:
            self.sent.append(message)

        with self.client, self._server:
            await app(self.scope, self._server.receive, send)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def refusal(self) -> dict[str, str]:
        assert self.headers["content-type"] == JSON
        answer: dict[str, str] = json.loads(self.sent[1]["body"])
        assert answer.keys() == {"error", "error_description"}
        return answer


class Works:
    """
    An application that keeps each request until its test lets it go, and knows in which order they came in.
    """

    def __init__(self) -> None:
        self.entered: list[Request] = []
        self.inside: list[Request] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request = scope["request"]
        self.entered.append(request)
        self.inside.append(request)
        try:
            await request.release.wait()
            await answer(send)
        finally:
            self.inside.remove(request)


async def answer(send: Send, kind: str = JSON) -> None:
    await send(head(kind))
    await send({"type": "http.response.body", "body": b"{}"})


def head(kind: str) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]}


def of(scope: Scope) -> str:
    request: Request = scope["request"]
    return request.who


async def start(tasks: TaskGroup, app: ASGIApp, *requests: Request) -> None:
    for request in requests:
        tasks.start_soon(request.run, app)
    await anyio.wait_all_tasks_blocked()


def many(who: str, count: int, **named: Any) -> list[Request]:
    return [Request(who, number, **named) for number in range(count)]


def statuses(requests: list[Request]) -> dict[int | None, int]:
    return Counter(request.status for request in requests)


async def test_a_flood_of_one_principal_does_not_hold_up_another() -> None:
    """
    S6, S14: two thousand of A are inside, in line or refused, and the one of B goes straight in.
    """
    works = Works()
    fair = Fair(works, of)
    flood, one = many("A", 2_000), Request("B")
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *flood)
        assert works.inside == flood[:32]
        assert statuses(flood) == {None: 1_056, 429: 944}
        await start(tasks, fair, one)
        assert works.inside == [*flood[:32], one]
        one.release.set()
        await anyio.wait_all_tasks_blocked()
        assert one.status == 200
        for request in flood:
            request.release.set()
    assert works.entered == [*flood[:32], one, *flood[32:1_056]]
    assert statuses(flood) == {200: 1_056, 429: 944}


async def test_who_is_let_in_is_who_waited_longest_and_never_more_than_may_be() -> None:
    works = Works()
    fair = Fair(works, of, at_once=3, waiting=20)
    requests = many("A", 8)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        for number in range(8):
            assert works.inside == requests[number : number + 3]
            requests[number].release.set()
            await anyio.wait_all_tasks_blocked()
    assert works.entered == requests


async def test_a_refused_call_is_told_when_to_come_back() -> None:
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=1)
    requests = many("A", 3)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        assert requests[2].headers["retry-after"] == "1"
        assert requests[2].refusal == {
            "error": "too_many_requests",
            "error_description": "1 requests are in work and 1 wait; send this one again later",
        }
        for request in requests:
            request.release.set()


async def test_nothing_is_kept_of_a_principal_that_has_no_request_inside() -> None:
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=1, streams=1, most=5_000)
    calls = [Request(f"P{number}") for number in range(1_000) for _ in range(3)]
    streams = [Request(f"P{number}", method="GET") for number in range(1_000) for _ in range(2)]
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *calls, *streams)
        assert fair.principals == 1_000
        for request in calls + streams:
            request.release.set()
    assert fair.principals == 0
    assert statuses(calls) == {200: 2_000, 429: 1_000}
    assert statuses(streams) == {200: 1_000, 429: 1_000}


async def test_a_call_that_fails_gives_its_place_back() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError

    fair = Fair(fail, of, at_once=1, waiting=0, most=1)
    for method in ("POST", "GET", "DELETE") * 3:
        with pytest.raises(LookupError):
            await Request(method=method).run(fair)
    assert fair.principals == 0


@pytest.mark.parametrize("place", range(1, 4))
async def test_a_client_that_goes_away_leaves_the_line_unheard(place: int) -> None:
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=3)
    requests, another = many("A", 4), Request("A", 4)
    gone = requests[place]
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        gone.body(b"{}")
        gone.go_away()
        await anyio.wait_all_tasks_blocked()
        await start(tasks, fair, another)
        assert works.inside == requests[:1]
        for request in (*requests, another):
            request.release.set()
    assert works.entered == [request for request in (*requests, another) if request is not gone]
    assert not gone.sent


@pytest.mark.parametrize("at_last", ["turn", "disconnect"])
async def test_a_place_given_to_a_client_that_goes_away_at_that_moment_is_given_on(at_last: str) -> None:
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=2)
    first, gone, last = requests = many("A", 3)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        last.release.set()
        happen: list[Callable[[], None]] = [first.release.set, gone.go_away]
        for each in happen if at_last == "disconnect" else reversed(happen):
            each()
    assert works.entered == [first, last]
    assert fair.principals == 0


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_request_that_is_cancelled_in_line_leaves_no_trace(turns: int) -> None:
    """
    With one turn, its place is given to it in the moment that it is cancelled.
    """
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=2)
    first, cut, last = many("A", 3)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, first)
        async with anyio.create_task_group() as doomed:
            await start(doomed, fair, cut)
            await start(tasks, fair, last)
            if turns:
                first.release.set()
                while first in works.inside:
                    await anyio.lowlevel.checkpoint()
            doomed.cancel_scope.cancel()
        for request in (first, last):
            request.release.set()
    assert works.entered == [first, last]
    assert fair.principals == 0


async def test_what_a_client_sent_while_it_waited_is_received_in_full_and_in_order() -> None:
    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request = scope["request"]
        if request.number == 0:
            await request.release.wait()
        while not request.received or request.received[-1]["type"] != "http.disconnect":
            request.received.append(await receive())

    fair = Fair(listen, of, at_once=1)
    first, second = many("A", 2)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, first, second)
        second.body(b"one", more=True)
        second.body(b"two")
        await anyio.wait_all_tasks_blocked()
        first.go_away()
        first.release.set()
        await anyio.wait_all_tasks_blocked()
        assert [message["body"] for message in second.received] == [b"one", b"two"]
        second.go_away()
    assert second.received[-1] == {"type": "http.disconnect"}


async def test_streams_have_places_of_their_own() -> None:
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=0, streams=5)
    streams = many("A", 3, method="GET") + many("A", 3, headers=LISTEN)
    call = Request("A")
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *streams, call)
        assert works.inside == [*streams[:5], call]
        assert streams[5].status == 429
        assert streams[5].headers["retry-after"] == "1"
        assert streams[5].refusal["error_description"].startswith("5 streams are open, the most")
        for request in works.inside:
            request.release.set()


@pytest.mark.parametrize("version", [None, *HANDSHAKE_PROTOCOL_VERSIONS])
async def test_a_call_is_no_stream_for_a_header_that_the_sdk_does_not_check(version: str | None) -> None:
    headers = {"mcp-method": "subscriptions/listen"} | ({"mcp-protocol-version": version} if version else {})
    works = Works()
    fair = Fair(works, of, at_once=1, waiting=0)
    requests = many("A", 2, headers=headers)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        assert statuses(requests) == {None: 1, 429: 1}
        requests[0].release.set()


async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
    """
    Begin a stream at once, as the SDK does in the handshake era, and say something when the test lets it.
    """
    request: Request = scope["request"]
    await send(head(f"{STREAM}; charset=utf-8"))
    await request.release.wait()
    await send({"type": "http.response.body", "body": b": ping\r\n\r\n", "more_body": True})
    await receive()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def test_a_call_keeps_its_place_until_its_stream_says_something() -> None:
    """
    Else a question would hold the place that its own answer waits for.
    """
    fair = Fair(streaming, of, at_once=1, streams=1)
    asks, answers, last = requests = many("A", 3)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        assert statuses(requests) == {200: 1, None: 2}
        asks.release.set()
        await anyio.wait_all_tasks_blocked()
        assert statuses(requests) == {200: 2, None: 1}
        stream = Request("A", method="GET")
        await stream.run(fair)
        assert stream.status == 429, "the call counts as a stream now"
        answers.release.set()
        await anyio.wait_all_tasks_blocked()
        assert statuses(requests) == {200: 2, None: 1}, (
            "there is no room for another stream: it keeps its place"
        )
        answers.go_away()
        await anyio.wait_all_tasks_blocked()
        assert statuses(requests) == {200: 3}
        last.release.set()
        for request in (asks, last):
            request.go_away()
    assert fair.principals == 0


async def test_a_person_can_answer_a_question_while_its_call_is_all_that_may_be_inside() -> None:
    """
    With the SDK at both ends: in the handshake era the answer is a POST of its own.
    """

    async def ask(ctx: Any, params: CallToolRequestParams) -> CallToolResult:
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        said = await ctx.session.elicit_form("Go on?", schema, related_request_id=ctx.request_id)
        return CallToolResult(content=[TextContent(text=said.action)])

    async def tools(ctx: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="ask", input_schema={"type": "object"})])

    async def accept(context: Any, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={})

    manager = StreamableHTTPSessionManager(Server("asks", on_list_tools=tools, on_call_tool=ask))
    fair = Fair(manager.handle_request, lambda scope: "A", at_once=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(WholeBody(fair), lifespan="off", log_level="warning", ws="none", http="h11")
        server = uvicorn.Server(config)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with manager.run(), anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            with anyio.fail_after(10):
                async with Client(address, mode="legacy", elicitation_callback=accept) as client:
                    result = await client.call_tool("ask", {})
            server.should_exit = True
    assert result.content == [TextContent(text="accept")]
    assert fair.principals == 0


async def test_an_answer_that_is_no_stream_keeps_its_place_to_the_end() -> None:
    async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await scope["request"].release.wait()

    fair = Fair(in_parts, of, at_once=1, waiting=0)
    requests = many("A", 2)
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        assert statuses(requests) == {202: 1, 429: 1}
        requests[0].release.set()


async def test_beyond_what_there_is_for_all_the_answer_is_503() -> None:
    works = Works()
    fair = Fair(works, of, most=10)
    requests = [Request(f"P{number}", method=("GET", "POST")[number % 2]) for number in range(11)]
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *requests)
        assert statuses(requests) == {None: 10, 503: 1}
        assert requests[10].headers["retry-after"] == "1"
        assert requests[10].refusal["error"] == "temporarily_unavailable"
        for request in requests:
            request.release.set()


async def test_one_principal_alone_cannot_use_up_what_there_is_for_all() -> None:
    works = Works()
    fair = Fair(works, of)
    flood, one = many("A", 2_000) + many("A", 2_000, method="GET"), Request("B")
    async with anyio.create_task_group() as tasks:
        await start(tasks, fair, *flood, one)
        assert statuses(flood) == {None: 2_056, 429: 1_944}
        assert one in works.inside
        for request in [*flood, one]:
            request.release.set()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request: Request = scope["request"]
    request.received.append(await receive())
    await answer(send)


LENGTH, CHUNKED = {"content-length": "10"}, {"transfer-encoding": "chunked"}


@pytest.mark.parametrize("headers", [LENGTH, CHUNKED])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_body_is_handed_on_in_one_piece(method: str, headers: dict[str, str]) -> None:
    request = Request(method=method, headers=headers)
    request.body(b"12345", more=True)
    request.body(b"67890", more=True)
    request.body(b"")
    await request.run(WholeBody(echo, most=10))
    assert request.received == [{"type": "http.request", "body": b"1234567890", "more_body": False}]
    assert request.status == 200


async def test_a_body_is_not_cut_to_what_it_may_be() -> None:
    request = Request(headers=CHUNKED)
    request.body(b"1234567890", more=True)
    request.body(b"1")
    await request.run(WholeBody(echo, most=10))
    assert not request.received
    assert request.status == 413
    assert request.refusal["error_description"] == "The body of a request may be 10 bytes at most"


async def test_a_client_that_goes_away_later_is_still_noticed() -> None:
    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        scope["request"].received.extend([await receive(), await receive()])

    request = Request(headers=LENGTH)
    request.body(b"1234567890")
    async with anyio.create_task_group() as tasks:
        await start(tasks, WholeBody(listen), request)
        request.go_away()
    assert [message["type"] for message in request.received] == ["http.request", "http.disconnect"]


async def test_a_client_that_goes_away_before_its_body_is_whole_asked_for_nothing() -> None:
    request = Request(headers=LENGTH)
    request.body(b"12345", more=True)
    request.go_away()
    await request.run(WholeBody(echo))
    assert not request.received
    assert not request.sent


@pytest.mark.parametrize("kind", ["http", "lifespan"])
async def test_what_has_no_body_passes_untouched(kind: str) -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([scope, receive, send])

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    scope: Scope = {"type": kind} | ({"method": "GET", "headers": []} if kind == "http" else {})
    await WholeBody(app)(scope, receive, send)
    assert seen == [scope, receive, send]
    if kind == "lifespan":
        await Fair(app, of)(scope, receive, send)
        assert seen == [scope, receive, send] * 2
