"""
The simulator asked in process, without an event loop: for tests that ask it thousands of times.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.wire import Request

NOW = 1_790_000_000
Fields = dict[str, Any]


class Answer(NamedTuple):
    """
    What came back: the JSON as read, and its bytes.
    """

    status: int
    body: Any
    text: bytes
    headers: dict[str, str]


class Desk:
    """
    A simulator with its seeded shop, and a clock that moves only when it is moved.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.simulator = Simulator(clock=lambda: self.now, admin=True)

    def ask(self, method: str, path: str, fields: Fields | None = None, key: str | None = None) -> Answer:
        """
        Send one request; a POST may have an idempotency key.
        """
        sent = urlencode(list(flatten(fields or {})))
        headers = {
            "authorization": "Bearer sk_test_desk",
            "content-type": "application/x-www-form-urlencoded",
        }
        if key:
            headers["idempotency-key"] = key
        query, body = ("", sent) if method == "POST" else (sent, "")
        return self._send(Request(method, f"/v1/{path}", query, headers, body))

    def admin(self, method: str, name: str, fields: Fields | None = None) -> Answer:
        """
        Send a request to an admin route.
        """
        return self._send(Request(method, f"/_simulator/{name}", "", {}, json.dumps(fields or {})))

    def _send(self, request: Request) -> Answer:
        reply = self.simulator.answer(request)
        return Answer(reply.status, json.loads(reply.body), reply.body, reply.headers)

    def get(self, path: str, **fields: Any) -> Any:
        answer = self.ask("GET", path, fields)
        assert answer.status == 200, answer.body
        return answer.body

    def walk(self, path: str, **fields: Any) -> list[Any]:
        """
        A list from its newest object on (or from that after a `starting_after`) to its oldest.
        """
        page = self.page(path, **fields)
        walked = list(page["data"])
        while page["has_more"]:
            page = self.page(path, **fields | {"starting_after": walked[-1]["id"]})
            assert page["data"], "more was promised"
            assert page["data"][0]["id"] != walked[-1]["id"], "and not the same again"
            walked += page["data"]
        return walked

    def walk_back(self, path: str, ending_before: str, **fields: Any) -> list[Any]:
        """
        What a list has before an object of it, newest first like the list.
        """
        page = self.page(path, **fields, ending_before=ending_before)
        walked = list(page["data"])
        while page["has_more"]:
            page = self.page(path, **fields, ending_before=walked[0]["id"])
            assert page["data"], "more was promised"
            assert page["data"][-1]["id"] != walked[0]["id"], "and not the same again"
            walked = page["data"] + walked
        return walked

    def page(self, path: str, limit: int = 100, **fields: Any) -> Any:
        """
        One page of a list or search, which is full if it is not the last one.
        """
        page = self.get(path, limit=limit, **fields)
        assert len(page["data"]) == limit or (len(page["data"]) < limit and not page["has_more"])
        return page


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """
    Nested fields in Stripe's bracket notation.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{name}[{index}]")
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
