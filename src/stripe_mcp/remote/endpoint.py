"""
One MCP server over HTTP: both eras of Streamable HTTP, and SSE for clients that have nothing newer.

Rule: a call that came in is let finish, and its answer sent, before its session ends; and what sessions
work with is closed after the last of them.
"""

from typing import Any

import anyio
from anyio.abc import TaskStatus
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_loop
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MESSAGES = "/messages/"  # where a client of SSE posts to
_SESSIONS = 2_000  # at a time; one of the handshake era takes some 40 kB
_LAST_WORDS = 0.1  # seconds in which the answer of the last call leaves by the stream of its session


class Endpoint:
    """
    Serves *server* to any number of clients, while `run` runs.

    *stateless*: clients of the handshake era get no session, so that each of their requests may go to another
    process. *idle* is how many seconds a session may go without a request.
    """

    def __init__(self, server: Server[Any], *, stateless: bool = False, idle: float = 1800) -> None:
        server.middleware.insert(0, self._count)
        self._server = server
        self._manager = StreamableHTTPSessionManager(
            server, stateless=stateless, session_idle_timeout=idle, max_sessions=_SESSIONS
        )
        self._sse = SseServerTransport(MESSAGES)
        self._calls, self._streams = _Inside(), _Inside()
        self._scopes: set[anyio.CancelScope] = set()  # those of the streams
        self._closing, self._closed = anyio.Event(), anyio.Event()
        self._patience = 0.0

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """
        Serve until `close`.
        """
        try:
            async with self._manager.run():
                task_status.started()
                await self._closing.wait()
                with anyio.move_on_after(self._patience):
                    await self._calls.gone()
                    await anyio.sleep(_LAST_WORDS)
                for stream in self._scopes:
                    stream.cancel()
                await self._streams.gone()
        finally:
            self._closed.set()

    async def close(self, patience: float) -> None:
        """
        End all sessions, and `run`: when their calls are answered, or after *patience* seconds.
        """
        self._patience = patience
        self._closing.set()
        await self._closed.wait()

    async def mcp(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer a request of Streamable HTTP.
        """
        if scope["method"] != "POST":
            await self._manager.handle_request(scope, receive, send)
            return
        with self._calls:
            await self._manager.handle_request(scope, receive, send)

    async def sse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Hold a session of SSE, as long as its client keeps the connection.
        """
        if scope["method"] != "GET":
            await Response(status_code=405, headers={"Allow": "GET"})(scope, receive, send)
            return
        async with self._sse.connect_sse(scope, receive, send) as (read, write):
            with self._streams, anyio.CancelScope() as stream:
                self._scopes.add(stream)
                try:
                    await serve_loop(self._server, read, write, lifespan_state=None)
                finally:
                    self._scopes.discard(stream)
            await write.aclose()  # the stream ends, and is not only cut

    async def messages(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Take what a client of SSE posts.
        """
        await self._sse.handle_post_message(scope, receive, send)

    async def _count(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """
        A call is also what SSE brought, where the POST has been answered already.
        """
        with self._calls:
            return await call_next(ctx)


class _Inside:
    """
    What goes on now, counted: a scope to cancel each call by would take a twentieth of its time.
    """

    def __init__(self) -> None:
        self._count = 0
        self._none = anyio.Event()

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def gone(self) -> None:
        """
        Wait until nothing goes on.
        """
        while self._count:
            self._none = anyio.Event()
            await self._none.wait()
