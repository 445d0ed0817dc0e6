"""
What a token may be used for: every tool needs one of three scopes, and no scope stands for another.

    stripe:read    what only reads: tools, `verify_identity`, resources, completions
    stripe:write   what changes something
    stripe:money   what a person is to agree to, because money moves or something is lost

Rule: what was judged is what is carried out. A body is parsed once, and goes on as it was understood: JSON
that two parsers could read in two ways (a name twice, NaN, half a character) is refused.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import mcp_types as types
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from stripe_mcp.catalog import Catalog, Template
from stripe_mcp.remote.wire import body_first

READ, WRITE, MONEY = SCOPES = ("stripe:read", "stripe:write", "stripe:money")

_READING = ("resources/read", "completion/complete")


def scope_of(template: Template) -> str:
    """
    The scope that a call of *template* needs.
    """
    if template.reads:
        return READ
    return MONEY if template.confirm else WRITE


def needed(messages: Any, catalog: Catalog) -> set[str]:
    """
    The scopes that *messages* need, one JSON-RPC message or a list of them, of a client that sees *catalog*.

    What is no message of MCP's, or calls a tool that there is not, needs none: it is answered with an error.
    """
    scopes = set()
    for message in messages if isinstance(messages, list) else [messages]:
        match message:
            case {"method": "tools/call", "params": {"name": str(name)}} if name in catalog.templates:
                scopes.add(scope_of(catalog.templates[name]))
            case {"method": "tools/call", "params": {"name": "verify_identity"}}:
                scopes.add(READ)
            case {"method": str(method)} if method in _READING:
                scopes.add(READ)
    return scopes


class RequireScopes:
    """
    Hands on to *app* what the scopes of the request's token allow, and answers the rest with 403.

    *catalog_of* tells the catalog of a request's caller; at *metadata_url* a client learns whom to ask for
    more: https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#scope-challenge-handling
    """

    def __init__(self, app: ASGIApp, catalog_of: Callable[[Scope], Catalog], metadata_url: str) -> None:
        self._app = app
        self._catalog_of = catalog_of
        self._metadata_url = metadata_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Judge one request; only a POST carries messages.
        """
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return  # nobody is left to be answered
        try:
            messages = _parse(body)
            body = json.dumps(messages, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            await _parse_error()(scope, receive, send)
            return
        granted = getattr(scope.get("auth"), "scopes", ())
        if missing := needed(messages, self._catalog_of(scope)).difference(granted):
            await self._refusal(missing)(scope, receive, send)
        else:
            await self._app(_with_length(scope, len(body)), body_first(body, receive), send)

    def _refusal(self, missing: set[str]) -> JSONResponse:
        told = {
            "error": "insufficient_scope",
            "scope": " ".join(name for name in SCOPES if name in missing),
            "resource_metadata": self._metadata_url,
            "error_description": "The token lacks a scope that this call needs",
        }
        challenge = ", ".join(f'{name}="{value}"' for name, value in told.items())
        return JSONResponse(told, 403, {"WWW-Authenticate": f"Bearer {challenge}"})


async def _read(receive: Receive) -> bytes | None:
    """
    The whole body, whose size an outer layer has limited; None if the caller went away before its end.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _parse(body: bytes) -> Any:
    """
    Raises:
        ValueError: *body* is no JSON, or could be read as more than one thing.
    """
    return json.loads(body.decode(), parse_constant=_refuse, object_pairs_hook=_only_once)


def _refuse(constant: str) -> NoReturn:
    raise ValueError("no JSON")


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice")
    return members


def _parse_error() -> JSONResponse:
    error = {"code": types.PARSE_ERROR, "message": "Parse error: the body is no JSON, or not unambiguous"}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 400)


def _with_length(scope: Scope, length: int) -> Scope:
    framing = (b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in framing]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}
