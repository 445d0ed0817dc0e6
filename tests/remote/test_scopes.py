"""
Scenario S7: the scope that each tool needs, what a missing one gets, and that what was judged is done.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.authentication import AuthCredentials
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.remote.scopes import MONEY, READ, SCOPES, WRITE, RequireScopes, needed, scope_of

CATALOG = load_catalog(builtin_folder())
METADATA = "https://stripe.example/.well-known/oauth-protected-resource/mcp"

pytestmark = pytest.mark.anyio
every_template = pytest.mark.parametrize("template", CATALOG.templates.values(), ids=lambda each: each.name)


def call(name: Any, **more: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": {}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params, **more}


@every_template
def test_a_tool_needs_one_scope_by_what_it_can_do(template: Template) -> None:
    scope = scope_of(template)
    assert scope in SCOPES
    assert (scope == READ) == template.reads == template.annotations.readOnlyHint
    assert (scope == MONEY) == template.confirm
    assert needed(call(template.name), CATALOG) == {scope}


@every_template
def test_a_hidden_tool_needs_none_because_it_is_unknown(template: Template) -> None:
    rest = {name: other for name, other in CATALOG.templates.items() if other is not template}
    assert needed(call(template.name), replace(CATALOG, templates=rest)) == set()


def test_each_scope_is_needed_by_some_tool() -> None:
    assert {scope_of(template) for template in CATALOG.templates.values()} == set(SCOPES)


def test_verifying_a_customer_and_what_a_client_looks_up_is_reading() -> None:
    assert needed(call("verify_identity"), CATALOG) == {READ}
    for method in ("resources/read", "completion/complete"):
        assert needed({"method": method, "params": {"name": "create_refund"}}, CATALOG) == {READ}


FREE = [
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "notifications/initialized",
    "notifications/cancelled",
]
NO_CALLS: list[Any] = [
    *({"method": method, "params": {"name": "create_refund"}} for method in FREE),
    {"id": 1, "result": {"name": "create_refund"}},
    call("no_such_tool"),
    call(None),
    call(["create_refund"]),
    call("create_refund", params=["create_refund"]),
    call("create_refund", params=None),
    call("create_refund", method=["tools/call"]),
    {},
    [],
    "tools/call",
    None,
    1,
]


@pytest.mark.parametrize("message", NO_CALLS, ids=str)
def test_what_calls_nothing_needs_none(message: Any) -> None:
    assert needed(message, CATALOG) == set()


def test_a_batch_needs_what_all_its_calls_need() -> None:
    batch = [call("create_refund"), call("get_charge"), None, call("create_customer"), *NO_CALLS]
    assert needed(batch, CATALOG) == {READ, WRITE, MONEY}


class App:
    """
    Keeps the bodies that reach it, and answers.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[list[tuple[str, str]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.bodies.append(await request.body())
        self.headers.append(request.headers.items())
        await Response("carried out")(scope, receive, send)


class Endpoint:
    """
    An app behind the middleware, called with a token of certain scopes.
    """

    def __init__(self) -> None:
        self.app = App()
        self.guard = RequireScopes(self.app, lambda scope: CATALOG, METADATA)

    async def request(
        self, method: str, *scopes: str, content: bytes | AsyncIterator[bytes] = b""
    ) -> httpx.Response:
        async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
            await self.guard({**scope, "auth": AuthCredentials(scopes)}, receive, send)

        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(signed_in), base_url="http://test"
        ) as client:
            return await client.request(method, "/mcp", content=content)

    async def post(self, message: Any, *scopes: str) -> httpx.Response:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await self.request("POST", *scopes, content=content)


@every_template
async def test_a_tool_is_called_with_its_scope_and_with_no_other(template: Template) -> None:
    endpoint, message = Endpoint(), call(template.name)
    others = [scope for scope in SCOPES if scope != scope_of(template)]
    assert (await endpoint.post(message, *others)).status_code == 403
    assert endpoint.app.bodies == []
    assert (await endpoint.post(message, scope_of(template))).text == "carried out"
    assert json.loads(endpoint.app.bodies[0]) == message


@pytest.mark.parametrize("granted", [(), ("stripe:read",), ("stripe", "stripe:*", "STRIPE:WRITE")])
async def test_a_refusal_names_just_what_is_missing(granted: tuple[str, ...]) -> None:
    batch = [call("create_refund"), call("get_charge"), call("create_customer")]
    answer = await Endpoint().post(batch, *granted)
    missing = " ".join(scope for scope in SCOPES if scope not in granted)
    told = {
        "error": "insufficient_scope",
        "scope": missing,
        "resource_metadata": METADATA,
        "error_description": "The token lacks a scope that this call needs",
    }
    assert (answer.status_code, answer.json()) == (403, told)
    challenge = ", ".join(f'{name}="{value}"' for name, value in told.items())
    assert answer.headers["WWW-Authenticate"] == f"Bearer {challenge}"


async def test_without_credentials_nothing_is_granted() -> None:
    endpoint = Endpoint()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint.guard)) as client:
        assert (await client.post("http://test/mcp", json=call("get_charge"))).status_code == 403
        assert (await client.post("http://test/mcp", json={"method": "ping"})).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_no_post_is_handed_on(method: str) -> None:
    endpoint = Endpoint()
    assert (await endpoint.request(method, content=b"{,")).text == "carried out"
    assert endpoint.app.bodies == [b"{,"]


AMBIGUOUS = {
    "no JSON": b"{",
    "nothing": b"",
    "a name twice": b'{"method": "ping", "method": "tools/call", "params": {"name": "create_refund"}}',
    "a name twice, once in disguise": rb'{"params": {"name": "get_charge", "n\u0061me": "create_refund"}}',
    "NaN": b'{"id": NaN}',
    "Infinity": b"[-Infinity]",
    "a number that becomes infinite": b'{"id": 1e999}',
    "a number too long to read": b"1" * 5000,
    "half a character": rb'{"id": "\ud800"}',
    "another encoding": json.dumps(call("create_refund")).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "no text": b'{"id": "\xff"}',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("case", AMBIGUOUS)
async def test_json_that_could_be_read_in_two_ways_is_refused(case: str) -> None:
    endpoint = Endpoint()
    answer = await endpoint.post(AMBIGUOUS[case], *SCOPES)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32700
    assert (answer.json()["jsonrpc"], answer.json()["id"]) == ("2.0", None)
    assert endpoint.app.bodies == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(message=JSON, ascii_only=st.booleans())
async def test_what_goes_on_is_what_was_judged(message: Any, ascii_only: bool) -> None:
    endpoint = Endpoint()
    said = json.dumps(message, ensure_ascii=ascii_only, indent=1).encode(errors="surrogatepass")
    await endpoint.post(said, *SCOPES)
    [body], [headers] = endpoint.app.bodies, endpoint.app.headers
    assert json.loads(body) == message
    assert len(body) <= len(said)
    assert [value for name, value in headers if name == "content-length"] == [str(len(body))]


async def test_a_body_in_parts_goes_on_as_one_with_its_length() -> None:
    whole = json.dumps(call("get_charge"), separators=(",", ":")).encode()

    async def parts() -> AsyncIterator[bytes]:
        yield b" "
        yield whole[:10]
        yield whole[10:]

    endpoint = Endpoint()
    assert (await endpoint.request("POST", READ, content=parts())).text == "carried out"
    assert endpoint.app.bodies == [whole]
    headers = dict(endpoint.app.headers[0])
    assert headers["content-length"] == str(len(whole))
    assert "transfer-encoding" not in headers


def receiving(*messages: Message) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    return receive


def scope_of_a_post() -> Scope:
    return {"type": "http", "method": "POST", "path": "/mcp", "headers": [], "auth": AuthCredentials(SCOPES)}


async def unheard(message: Message) -> None:
    raise AssertionError("nobody is left to be answered")


async def test_a_caller_who_goes_away_before_the_end_has_called_nothing() -> None:
    """
    What came so far could be a whole call by itself.
    """
    endpoint = Endpoint()
    so_far = {"type": "http.request", "body": json.dumps(call("create_refund")).encode(), "more_body": True}
    await endpoint.guard(scope_of_a_post(), receiving(so_far, {"type": "http.disconnect"}), unheard)
    assert endpoint.app.bodies == []


async def test_the_app_learns_when_the_caller_goes_away_later() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])

    guard = RequireScopes(app, lambda scope: CATALOG, METADATA)
    receive = receiving({"type": "http.request", "body": b"{}"}, {"type": "http.disconnect"})
    await guard(scope_of_a_post(), receive, unheard)
    assert seen == ["http.request", "http.disconnect"]


async def test_the_catalog_is_that_of_the_caller() -> None:
    """
    A tool that another tenant does not see is unknown there, whatever their token lacks.
    """
    catalogs = {"/sees/mcp": CATALOG, "/hides/mcp": replace(CATALOG, templates={})}
    guard = RequireScopes(App(), lambda scope: catalogs[scope["path"]], METADATA)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
        assert (await client.post("http://test/sees/mcp", json=call("get_charge"))).status_code == 403
        assert (await client.post("http://test/hides/mcp", json=call("get_charge"))).status_code == 200


async def test_what_is_no_request_is_handed_on() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await RequireScopes(app, lambda scope: CATALOG, METADATA)({"type": "lifespan"}, receiving(), unheard)
    assert seen == ["lifespan"]
