"""
What a server is told apart by: tenants with keys of their own, a Stripe that notes whose key it was asked
with, and an issuer of tokens on loopback.
"""

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from stripe_mcp.remote.tokens import digest, written
from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.wire import Reply, Request
from tests.faults.proxy import Asked, Proxy, listening
from tests.remote import issuer
from tests.remote.process import Remote, remote

ROUTES = (
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("DELETE", "/mcp"),
    ("GET", "/sse"),
    ("POST", "/messages/?session_id=" + "0" * 32),
)


def key_of(name: str) -> str:
    return f"sk_test_{name}canaryCANARY1234"


def token_of(name: str) -> str:
    return f"token-of-{name}-".ljust(32, "0")


def account_of(name: str) -> str:
    return f"acct_{name}"


class Stripes(Proxy):
    """
    An account of Stripe's for each key, or for each account that a platform's key asks for.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.shops: dict[tuple[str, str], Simulator] = {}
        self.address = ""

    def _answer(self, asked: Asked) -> Reply:
        shop = self.shops.setdefault(whose(asked), Simulator())
        path, _, query = asked.target.partition("?")
        headers = {name: value for name, value in asked.headers.items() if name != "stripe-account"}
        reply = shop.answer(Request(asked.method, path, query, headers, asked.body, len(asked.body)))
        if path != "/v1/account":
            return reply
        account = json.loads(reply.body) | {"id": account_of(whose(asked)[0])}
        return reply._replace(body=json.dumps(account).encode())

    def of(self, name: str, place: str = "") -> list[Asked]:
        """
        What was asked with the key of *name*.
        """
        return [asked for asked in self.at(place) if whose(asked)[0] == name]


def whose(asked: Asked) -> tuple[str, str]:
    """
    Whose key a request bears, and for which account it is.
    """
    key = asked.headers["authorization"].removeprefix("Bearer sk_test_").removesuffix("canaryCANARY1234")
    return key, asked.headers.get("stripe-account", "")


class TenantsFile:
    """
    A tenants file in *folder*, with a key and a token for each tenant.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._folder = folder / "tenants.toml", folder

    def write(self, **tables: Mapping[str, Any]) -> None:
        """
        Have these tenants, each with what is said of it beside its key and token.
        """
        for name in tables:
            self.write_key(name, key_of(name))
        lines = []
        for name, table in tables.items():
            known = {"key_file": f"{name}.key", "tokens": [written(digest(token_of(name)))], **table}
            lines += [f"[{name}]", *(f"{field} = {_toml(value)}" for field, value in known.items())]
        _replace(self.path, "\n".join(lines))

    def write_key(self, name: str, key: str) -> None:
        _replace(self._folder / f"{name}.key", key)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.replace(file)


class Issuer:
    """
    An issuer at *address*, and its tokens for a server whose public URL is *resource*.
    """

    def __init__(self, address: str, resource: str = "https://stripe.example/mcp") -> None:
        self.address, self.resource = address, resource

    @property
    def environment(self) -> dict[str, str]:
        return {
            "STRIPE_MCP_OAUTH_ISSUER": self.address,
            "STRIPE_MCP_OAUTH_RESOURCE": self.resource,
            "STRIPE_MCP_OAUTH_JWKS": f"{self.address}/keys",
        }

    def token(self, subject: str = "ann", scope: str = "stripe:read", **changed: Any) -> str:
        now = int(time.time())
        usual: dict[str, Any] = {"iss": self.address, "aud": self.resource, "iat": now, "exp": now + 300}
        return issuer.token(**usual | {"sub": subject, "scope": scope} | changed)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """
    An issuer that publishes its keys.
    """
    keys = json.dumps({"keys": [issuer.jwk("RS256")]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Issuer(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


EVERYTHING = "stripe:read stripe:write stripe:money"


@dataclass
class Mall:
    """
    A *server* for the tenants in *file*, the Stripe that it asks and the issuer of its subjects' tokens.
    """

    server: Remote
    stripe: Stripes
    file: TenantsFile
    issuer: Issuer
    database: Path

    def token(self, name: str) -> str:
        """
        The token of the tenant *name*, or of a subject, which begins with a capital letter.
        """
        return self.issuer.token(name, EVERYTHING) if name.istitle() else token_of(name)


@asynccontextmanager
async def mall(
    folder: Path, *arguments: str, tables: Mapping[str, Mapping[str, Any]], **environment: str
) -> AsyncIterator[Mall]:
    """
    Serve the tenants that *tables* describe; *arguments* and *environment* go to the server.
    """
    stripe, file, database = Stripes(), TenantsFile(folder), folder / "ledger.db"
    file.write(**tables)
    async with listening(stripe) as stripe.address:
        with issuing() as authority:
            ours = {
                "STRIPE_MCP_TENANTS": str(file.path),
                "STRIPE_MCP_API_BASE": stripe.address,
                "STRIPE_MCP_DATABASE_URL": f"sqlite:///{database}",
            }
            with remote(*arguments, token="", **ours, **authority.environment, **environment) as server:
                yield Mall(server, stripe, file, authority, database)
