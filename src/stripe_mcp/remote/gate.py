"""
Before anything is read of a request: whether it names us, comes from a page that may ask, and is in time.
"""

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from stripe_mcp.remote.drain import Drain
from stripe_mcp.remote.wire import refusal


class Gate:
    """
    Lets requests through to *app* that name one of *hosts* and, if they come from a web page, are from one of
    *origins*; none any more once *drain* has begun. Entries have no port, which stands for any.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...], origins: tuple[str, ...], drain: Drain) -> None:
        self._app, self._drain = app, drain
        self._names = TransportSecurityMiddleware(
            TransportSecuritySettings(
                allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)],
                allowed_origins=[*origins, *(f"{origin}:*" for origin in origins)],
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request: 421 for another host's, 403 for another page's, 503 while draining.
        """
        refused = await self._names.validate_request(Request(scope))
        if refused is None and self._drain.draining:
            later = {"Retry-After": "1", "Connection": "close"}
            refused = refusal(503, "draining", "This server is about to end; ask again", later)
        if refused:
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)
