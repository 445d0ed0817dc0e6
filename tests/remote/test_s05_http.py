"""
S5: who may speak to the server at all, on each of its routes.
"""

import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.remote.hostile import ROUTES, Issuer, issuing
from tests.remote.process import TOKEN, Remote, remote
from tests.remote.wire import headers, message

on_every_route = pytest.mark.parametrize(("method", "path"), ROUTES)
OPEN = ("/healthz", "/readyz")
CALL = message("tools/call", name="get_balance", arguments={})


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with remote("--simulator") as running:
        yield running


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def guarded(issuer: Issuer) -> Iterator[Remote]:
    with remote("--simulator", token="", **issuer.environment) as running:
        yield running


def ask(server: Remote, method: str, path: str, token: str | None = TOKEN, **more: str) -> httpx.Response:
    body = CALL if method == "POST" else None
    with httpx.stream(
        method,
        f"{server.address}{path}",
        json=body,
        headers=headers(token, "tools/call", "get_balance") | more,
    ) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.read()
    return answer


def speak(server: Remote, words: bytes) -> bytes:
    """
    What the server answers to *words* before it closes the connection.
    """
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(words)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@on_every_route
@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost@evil.example", "0.0.0.0"]
)
def test_a_request_that_names_another_host_is_misdirected(
    server: Remote, method: str, path: str, token: str | None, host: str
) -> None:
    answer = ask(server, method, path, token, Host=host)
    assert (answer.status_code, answer.text) == (421, "Invalid Host header")


@on_every_route
@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://localhostevil",
        "https://127.0.0.1",
        "file://",
    ],
)
def test_a_page_from_elsewhere_is_turned_away(
    server: Remote, method: str, path: str, token: str | None, origin: str
) -> None:
    answer = ask(server, method, path, token, Origin=origin)
    assert (answer.status_code, answer.text) == (403, "Invalid Origin header")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@on_every_route
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        TOKEN,
        "Bearer " + "x" * 32,
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}t",
        f"Bearer {TOKEN},{TOKEN}",
        f"Bearer  {TOKEN}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {'é' * 32}",
        f"Bearer {'t' * 5_000}",
    ],
)
def test_nobody_is_let_in_without_a_token_that_is_known(
    server: Remote, method: str, path: str, authorization: str | None
) -> None:
    said = [(name.encode(), value.encode()) for name, value in headers(None, "tools/call").items()]
    if authorization is not None:
        said.append((b"Authorization", authorization.encode("latin-1")))
    answer = httpx.request(method, f"{server.address}{path}", headers=said, json=CALL)
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_token", "error_description": "Authentication required"}
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


@on_every_route
@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "bearer_token"])
def test_a_token_in_the_query_or_in_a_cookie_is_none(
    server: Remote, method: str, path: str, name: str
) -> None:
    separator = "&" if "?" in path else "?"
    for value in (TOKEN, f"Bearer%20{TOKEN}"):
        answer = ask(server, method, f"{path}{separator}{name}={value}", None, Cookie=f"{name}={value}")
        assert answer.status_code == 401


@on_every_route
def test_without_a_token_a_client_of_oauth_is_told_where_to_get_one(
    guarded: Remote, method: str, path: str
) -> None:
    answer = ask(guarded, method, path, None)
    assert answer.status_code == 401
    assert (
        'resource_metadata="https://stripe.example/.well-known/oauth-protected-resource/mcp"'
        in answer.headers["www-authenticate"]
    )


def test_what_anybody_may_ask_tells_nothing(server: Remote, guarded: Remote, issuer: Issuer) -> None:
    for running in (server, guarded):
        answers = [httpx.get(f"{running.address}{path}") for path in OPEN]
        assert [answer.json() for answer in answers] == [{"status": "ok"}, {"status": "ready"}]
        for answer in answers:
            assert {"server", "x-powered-by"}.isdisjoint(answer.headers)
    metadata = httpx.get(f"{guarded.address}/.well-known/oauth-protected-resource/mcp").json()
    assert metadata.pop("authorization_servers") == [issuer.address]
    assert metadata == {
        "resource": issuer.resource,
        "scopes_supported": ["stripe:read", "stripe:write", "stripe:money"],
        "bearer_methods_supported": ["header"],
        "resource_name": "stripe-mcp",
    }


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/mcp/",
        "/MCP",
        "/sse/",
        "/messages",
        "/messages/x",
        "/healthz/",
        "/mcp%2f",
        "//mcp",
        "/./mcp/x",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/authorize",
        "/.env",
        "/.well-known/oauth-protected-resource/mcp",
        "/mcp/../healthz/..%2fmcp",
    ],
)
def test_there_is_nothing_else(server: Remote, token: str | None, method: str, path: str) -> None:
    """
    No redirect either: it would name a host and a scheme that only the request spoke of, and a client that
    follows it may send its token in the clear.
    """
    answer = ask(server, method, path, token, Host="evil.example")
    assert answer.status_code == 404
    assert "evil" not in answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", *OPEN])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "HEAD", "POST", "GET"])
def test_a_route_takes_its_own_methods_only(server: Remote, path: str, method: str) -> None:
    taken = {"/mcp": {"POST", "GET", "DELETE"}, "/sse": {"GET"}, "/messages/": {"POST"}}
    if method in taken.get(path, {"GET", "HEAD"}):
        return
    answer = ask(server, method, path)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@on_every_route
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_five_megabytes_is_too_large(server: Remote, method: str, path: str, chunked: bool) -> None:
    body: Any = b"x" * 5_000_000
    content = iter([body]) if chunked else body
    answer = httpx.request(
        method, f"{server.address}{path}", content=content, headers=headers(TOKEN, "tools/call")
    )
    assert answer.status_code == 413


@on_every_route
def test_the_body_of_a_stranger_is_not_waited_for(server: Remote, method: str, path: str) -> None:
    said = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(said.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], b"400"),  # no Host
        (["Host: localhost", "Host: evil.example"], b"400"),
        (["Host: localhost", f"Authorization: Bearer {TOKEN[:5]}\r\n {TOKEN[5:]}"], b"401"),
        (["Host: localhost", "Authorization: Bearer x", f"Authorization: Bearer {TOKEN}"], b"401"),
        (["Host: localhost", f"Authorization : Bearer {TOKEN}"], b"400"),
        (["Host: localhost", "Content-Length: 1", "Content-Length: 2"], b"400"),
        (["Host: localhost", "Transfer-Encoding: chunked, chunked"], b"400"),
        (["Host: localhost", "Transfer-Encoding: gzip"], b"400"),
        (["Host: localhost", "X: \0"], b"400"),
    ],
)
def test_heads_that_two_readers_could_read_in_two_ways_are_refused(
    server: Remote, lines: list[str], status: bytes
) -> None:
    said = speak(server, "\r\n".join(["POST /mcp HTTP/1.1", "Connection: close", *lines, "", ""]).encode())
    assert said.split(b" ")[1] == status
    assert b"tttt" not in said


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", *OPEN])
def test_no_page_may_read_an_answer_unless_it_is_allowed(server: Remote, path: str) -> None:
    for origin in ("https://app.example", server.address):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answers = [ask(server, "OPTIONS", path, **asked), ask(server, "OPTIONS", path, None, **asked)]
        assert not [name for each in answers for name in each.headers if name.startswith("access-control")]


def test_an_allowed_page_may_read_and_no_other() -> None:
    with remote("--simulator", "--allow-origin", "https://app.example") as running:
        for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            for answer in (
                ask(running, "OPTIONS", "/mcp", None, **asked),
                ask(running, "POST", "/mcp", Origin=origin),
            ):
                assert answer.is_success is allowed
                named = answer.headers.get("access-control-allow-origin")
                assert named == (origin if allowed else None)
                assert "access-control-allow-credentials" not in answer.headers


def test_a_page_that_the_server_itself_could_have_sent_may_ask(server: Remote) -> None:
    assert ask(server, "POST", "/mcp", Origin=server.address).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback is one address")
def test_no_other_address_of_this_machine_listens(server: Remote) -> None:
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_call_that_keeps_to_all_of_this_is_answered(server: Remote) -> None:
    answer = ask(server, "POST", "/mcp")
    assert json.loads(answer.text)["result"]["structuredContent"]["object"] == "balance"
