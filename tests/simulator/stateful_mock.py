"""
The npm package `stripe-stateful-mock`, another stand-in for Stripe, and how to play a scenario on both.

Its author compared it with Stripe itself, which makes it a second opinion on what the simulator answers. It
is of 2020 (API 2020-08-27), so the tests say where Stripe has moved on, or where the mock never followed it.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

NAME = "stripe-stateful-mock"
INSTALL = f"npm install --no-save --no-package-lock {NAME}@0.0.16"
ROOT = Path(__file__).parents[2]
# Its own command listens on all interfaces; this listens on loopback, and ends when we do.
SERVE = f"""
const app = require("{NAME}").createExpressApp();
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());
"""

Fields = dict[str, Any]
Place = tuple[int, str]  # a step, and what of it
Differences = dict[Place, tuple[Any, Any]]  # what the mock says, and what the simulator does

MONEY = ("amount", "amount_captured", "amount_refunded", "captured", "currency", "failure_code")
STATE = ("paid", "refunded", "status")


class Step(NamedTuple):
    """
    One request. `{charge}`, `{customer}` and `{card}` in it are the ids that came last.
    """

    method: str
    path: str
    fields: Fields = {}
    key: str | None = None
    authorization: str = "Bearer sk_test_scenarios"


class Saved(NamedTuple):
    """
    A new customer who has the card of a test token: as a source, or as the payment method of today.
    """

    token: str


Scenario = tuple[Step | Saved, ...]


@contextmanager
def running() -> Iterator[str]:
    """
    The address of a mock that runs as long as the block does; skips the test where there is none.
    """
    folders = [*os.environ.get("NODE_PATH", "").split(os.pathsep), str(ROOT / "node_modules")]
    node = shutil.which("node")
    if not node or not any(folder and (Path(folder) / NAME).is_dir() for folder in folders):
        pytest.skip(f"needs node, and {NAME} in ./node_modules or NODE_PATH: {INSTALL}")
    environment = os.environ | {"NODE_PATH": os.pathsep.join(folders)}
    with subprocess.Popen(
        [node, "-e", SERVE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as mock:
        assert mock.stdin
        assert mock.stdout
        try:
            yield f"http://127.0.0.1:{int(mock.stdout.readline())}"  # the line says that it listens
        finally:
            mock.terminate()


class Player:
    """
    Plays one scenario on one of the two, and notes what can be compared.
    """

    def __init__(self, http: httpx.Client, *, is_mock: bool) -> None:
        self._http = http
        self._is_mock = is_mock
        self._replies: list[httpx.Response] = []
        self._ids = {"charge": "ch_nobody", "customer": "cus_nobody", "card": "card_nobody"}

    def play(self, step: Step | Saved) -> Fields:
        """
        What the step brought: its answer, and the money on the charge after it.
        """
        reply = self._save(step.token) if isinstance(step, Saved) else self._send(step)
        self._replies.append(reply)
        self._remember(reply.json())
        return self._facts(reply) | self._money()

    def _send(self, step: Step) -> httpx.Response:
        headers = {"Authorization": step.authorization} | ({"Idempotency-Key": step.key} if step.key else {})
        fields = {name: str(value).format(**self._ids) for name, value in step.fields.items()}
        place: Any = {"data" if step.method == "POST" else "params": fields}
        path = f"/v1/{step.path.format(**self._ids)}"
        return self._http.request(step.method, path, headers=headers, **place)

    def _save(self, token: str) -> httpx.Response:
        if self._is_mock:
            return self._send(Step("POST", "customers", {"source": token}))
        reply = self._send(Step("POST", "customers", {"payment_method": card_of(token)}))
        if reply.is_success:
            cards = self._send(Step("GET", f"customers/{reply.json()['id']}/payment_methods"))
            self._ids["card"] = cards.json()["data"][0]["id"]
        return reply

    def _remember(self, body: Any) -> None:
        kind = body.get("object")
        if kind in ("charge", "customer"):
            self._ids[kind] = body["id"]
        if kind == "customer" and body.get("default_source"):
            self._ids["card"] = body["default_source"]
        if body.get("error", {}).get("charge"):
            self._ids["charge"] = body["error"]["charge"]

    def _facts(self, reply: httpx.Response) -> Fields:
        body = reply.json()
        error = body.get("error", {})
        return {
            "answer": " ".join(filter(None, (str(reply.status_code), error.get("type"), error.get("code")))),
            "decline_code": error.get("decline_code"),
            "idempotent-replayed": reply.headers.get("idempotent-replayed"),
            "replay of": self._original(reply),
            "refund": body["amount"] if body.get("object") == "refund" else None,
            "count": len(body["data"]) if body.get("object") == "list" else None,
        }

    def _original(self, reply: httpx.Response) -> int | None:
        """
        The step that a replay repeats word for word.
        """
        original = reply.headers.get("original-request")
        if original is None:
            return None
        number = [earlier.headers.get("request-id") for earlier in self._replies].index(original)
        assert self._replies[number].json() == reply.json()
        return number

    def _money(self) -> Fields:
        charge = self._send(Step("GET", "charges/{charge}")).json()
        return {name: charge.get(name) for name in MONEY + STATE}


def card_of(token: str) -> str:
    """
    What the card of a token is called where a payment method is asked for.
    """
    return f"pm_card_{token.removeprefix('tok_')}"


def compare(scenario: Scenario, mock: Player, ours: Player) -> Differences:
    """
    Where the two differ, up to the first answer that does: from there on they are in different states.

    That only one of them gives a decline code is no difference.
    """
    found: Differences = {}
    for number, step in enumerate(scenario):
        theirs, own = mock.play(step), ours.play(step)
        if theirs["answer"] != own["answer"]:
            return found | {(number, "answer"): (theirs["answer"], own["answer"])}
        unlike = {name: (theirs[name], own[name]) for name in own if theirs[name] != own[name]}
        if None in unlike.get("decline_code", ()):
            del unlike["decline_code"]
        found |= {(number, name): values for name, values in unlike.items()}
    return found
