"""
The `stripe-mcp serve` command: the remote endpoint on a socket, in one process or in several.
"""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import uvicorn
from mcp.server.auth.provider import AccessToken
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.opening import opener, rates_of
from stripe_mcp.rates import Rates
from stripe_mcp.remote.app import build_app
from stripe_mcp.remote.directory import Directory
from stripe_mcp.remote.drain import ENDINGS, HANGUPS
from stripe_mcp.remote.endpoint import Endpoint
from stripe_mcp.remote.health import Health
from stripe_mcp.remote.oauth import JwtVerifier
from stripe_mcp.remote.plan import OAuth, Plan
from stripe_mcp.remote.tenants import Tenant
from stripe_mcp.remote.wire import PatientProtocol
from stripe_mcp.server import create_server

_BACKLOG = 2048
_CONNECTIONS = 6_000  # at once, idle ones and streams included; `Fair` admits fewer requests than that
_LARGEST_HEAD = 16_384  # bytes
_KEEP_ALIVE = 75  # seconds: longer than proxies keep an idle connection, so that it is they who close it


def create_app(plan: Plan) -> ASGIApp:
    """
    The application that *plan* describes.
    """

    rates: dict[object, Rates | None] = {}

    def build(tenant: Tenant) -> Endpoint:
        settings = tenant.settings
        account = (settings.key, settings.account, settings.context)  # whose rates Stripe counts
        shared = rates.setdefault(account, rates_of(settings))
        server = create_server(tenant.catalog, settings, opener(settings, shared, fast=True), tenant.name)
        return Endpoint(server, stateless=plan.sessions == "stateless")

    directory = Directory(plan.tenants(), build, read=plan.tenants, watched=plan.watched)
    verifier = _Verifier(directory, plan.oauth) if plan.authenticated else None
    return build_app(plan, directory, verifier, Health(plan.database))


class _Verifier:
    """
    Knows the tokens of the tenants, and those of an authorization server.
    """

    def __init__(self, directory: Directory, oauth: OAuth | None) -> None:
        self._directory = directory
        self._jwt = JwtVerifier(oauth.issuer, oauth.resource, oauth.jwks) if oauth else None

    async def verify_token(self, token: str) -> AccessToken | None:
        known = await self._directory.verify_token(token)
        return known or (await self._jwt.verify_token(token) if self._jwt else None)


def serve(plan: Plan, announce: Callable[[str], None]) -> int:
    """
    Serve *plan* until a signal ends it; *announce* is told the address. The exit status.

    Raises:
        ConfigurationError: The address cannot be used.
    """
    _allow_many_connections()
    _await_signals()
    with _listen(plan.host, plan.port) as listener:
        announce(_address(plan.host, listener.getsockname()[1]))
        _run(plan, listener)
    return 0


def _run(plan: Plan, listener: socket.socket) -> None:
    config = uvicorn.Config(
        partial(_load, plan),
        factory=True,
        workers=plan.workers,
        http=PatientProtocol,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_worker_healthcheck=15,  # a worker takes two seconds to start, on a busy machine more
        timeout_graceful_shutdown=1,  # what had to end has done so before
    )
    if plan.workers > 1:
        _Workers(config, [listener]).run()
    else:
        uvicorn.Server(config).run([listener])


class _Workers(Multiprocess):
    """
    uvicorn's workers. A hangup is theirs to hear: who reads the files of tenants anew need not be replaced.
    """

    def handle_hup(self) -> None:
        for process in self.processes:
            os.kill(int(process.pid or 0), HANGUPS[0])


def _load(plan: Plan) -> ASGIApp:
    """
    The application, in a process for it alone: what is loaded by now stays, and to look through it for
    garbage again and again would take a seventh of the time of all calls.
    """
    try:
        app = create_app(plan)
    except ConfigurationError as error:
        if plan.workers == 1:
            raise
        sys.exit(f"stripe-mcp: {error}")  # a worker that takes the place of another, and finds a file broken
    gc.collect()
    gc.freeze()
    return app


def _await_signals() -> None:
    """
    Until signals are heard by what serves, an ending ends us and a hangup is nothing. uvicorn raises what it
    took again when it has shut down, and then too it is the end that was asked for.
    """
    for number in ENDINGS:
        signal.signal(number, lambda *_: sys.exit(0))
    for number in HANGUPS:
        signal.signal(number, signal.SIG_IGN)


def _listen(host: str, port: int) -> socket.socket:
    """
    A socket that listens there. Its protocol is named, as asyncio sends at once (TCP_NODELAY) on no other.
    """
    listener = None
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener:
            listener.close()
        raise ConfigurationError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from None
    return listener


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_many_connections() -> None:
    """
    A process may have as many files open as the system lets it: each connection is one.
    """
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
