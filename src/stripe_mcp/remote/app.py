"""
The remote endpoint as an ASGI application.

    /mcp                       Streamable HTTP, both eras of the protocol
    /sse, /messages/           SSE, for clients that have nothing newer
    /healthz, /readyz          the process lives; it takes calls and can record writes
    /.well-known/oauth-protected-resource/...    whose tokens are taken

A request passes, in this order: Host and Origin, the drain, the bearer token, the limits of its body and of
its caller, the scopes of its token. Only then it reaches its tenant.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stripe_mcp.catalog import Catalog
from stripe_mcp.remote.directory import Directory
from stripe_mcp.remote.drain import Drain
from stripe_mcp.remote.endpoint import MESSAGES
from stripe_mcp.remote.gate import Gate
from stripe_mcp.remote.health import Health
from stripe_mcp.remote.limits import Fair
from stripe_mcp.remote.plan import OAuth, Plan, Sessions
from stripe_mcp.remote.scopes import SCOPES, RequireScopes
from stripe_mcp.remote.tenants import Tenant
from stripe_mcp.remote.wire import WholeBody, is_of_handshake_era, refusal
from stripe_mcp.server import principal_of

# An issuer is compared letter by letter, so no slash may be added: https://www.rfc-editor.org/rfc/rfc9207
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))
_MCP, _SSE = "/mcp", "/sse"
_TENANT = "stripe_mcp.tenant"  # the key in a request's scope


def build_app(plan: Plan, directory: Directory, verifier: TokenVerifier | None, health: Health) -> Starlette:
    """
    The application over the tenants of *directory*, for callers whose token *verifier* knows, or for all if
    it is None. *health* tells whether this process can record writes.
    """
    drain = Drain()

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        reason = "draining" if drain.draining else await health.why_not_ready()
        return JSONResponse({"status": reason or "ready"}, 503 if reason else 200)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with plan.process():
            async with anyio.create_task_group() as tasks:
                await tasks.start(directory.run)
                if plan.workers > 1:
                    tasks.start_soon(drain.end_with_parent)
                if plan.counts_open:
                    tasks.start_soon(health.count_open)
                drain.on_signals(directory.close, directory.reload)
                yield
                await directory.close()
                tasks.cancel_scope.cancel()
            health.close()

    guarded = _guarded(_Transports(directory, plan.sessions), directory, verifier, plan.oauth)
    gate = Gate(guarded, plan.hosts, plan.origins, drain)
    routes = [Route(path, gate) for path in (_MCP, _SSE, MESSAGES)]  # one gate: a caller has one share of all
    app = Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), *routes, *_metadata(plan.oauth)],
        middleware=[_cors(plan.pages)] if plan.pages else [],
        lifespan=lifespan,
    )
    # To a name that the request brought, and to http even where TLS stands before us: a token would follow.
    app.router.redirect_slashes = False
    return app


class _Transports:
    """
    The last step of each request: to the endpoint of its tenant.
    """

    def __init__(self, directory: Directory, sessions: Sessions) -> None:
        self._directory, self._sessions = directory, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._refusal(scope) or await self._way(scope)
        await app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        if scope["path"] == _MCP:
            return (
                _NO_SESSIONS
                if self._sessions == "refused" and is_of_handshake_era(Headers(scope=scope))
                else None
            )
        return None if self._sessions == "kept" else _NO_SSE

    async def _way(self, scope: Scope) -> ASGIApp:
        endpoint = await self._directory.endpoint(scope[_TENANT])
        if endpoint is None:
            return _CHANGED
        return {_MCP: endpoint.mcp, _SSE: endpoint.sse, MESSAGES: endpoint.messages}[scope["path"]]


class _Tenancy:
    """
    Finds the tenant of each request, which *app* then serves: 403 for a caller who has none here.
    """

    def __init__(self, app: ASGIApp, directory: Directory) -> None:
        self._app, self._directory = app, directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = self._directory.tenant_of(_token(scope))
        if tenant is None:
            await _NO_TENANT(scope, receive, send)
            return
        scope[_TENANT] = tenant
        await self._app(scope, receive, send)


def _guarded(
    app: ASGIApp, directory: Directory, verifier: TokenVerifier | None, oauth: OAuth | None
) -> ASGIApp:
    """
    *app* behind all that a request has to pass, the innermost first.
    """
    told = build_resource_metadata_url(_URL.validate_python(oauth.resource)) if oauth else None
    if oauth:
        app = RequireScopes(app, _catalog, str(told))
    app = _Tenancy(WholeBody(Fair(app, _caller)), directory)
    if verifier:
        app = RequireAuthMiddleware(AuthContextMiddleware(app), [], told)
        app = AuthenticationMiddleware(app, BearerAuthBackend(verifier))
    return app


def _token(scope: Scope) -> AccessToken | None:
    user = scope.get("user")
    return user.access_token if isinstance(user, AuthenticatedUser) else None


def _caller(scope: Scope) -> str:
    tenant: Tenant = scope[_TENANT]
    return principal_of(_token(scope), tenant.name)  # whatever client they use


def _catalog(scope: Scope) -> Catalog:
    tenant: Tenant = scope[_TENANT]
    return tenant.catalog


def _metadata(oauth: OAuth | None) -> list[Route]:
    if oauth is None:
        return []
    resource, issuer = _URL.validate_python(oauth.resource), _URL.validate_python(oauth.issuer)
    return create_protected_resource_routes(resource, [issuer], list(SCOPES), "stripe-mcp")


def _cors(pages: tuple[str, ...]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=pages,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Mcp-Session-Id", "WWW-Authenticate"],
    )


_NO_TENANT = refusal(403, "access_denied", "This token is valid, but belongs to no tenant of this server.")
_CHANGED = refusal(
    503, "tenant_changed", "What this caller may do has just changed; ask again", {"Retry-After": "1"}
)
_NO_SSE = refusal(501, "not_implemented", "SSE needs sessions, which this server does not keep. Use /mcp.")
_NO_SESSIONS = refusal(
    501,
    "not_implemented",
    "This server has several workers and keeps no sessions: it serves clients of protocol 2026-07-28. "
    "Started with --stateless, it serves older ones too.",
)
