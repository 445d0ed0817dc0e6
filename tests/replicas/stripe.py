"""
The Stripe of several merchants, as a process: `python -m tests.replicas.stripe [EVERY]`.

Rule: a merchant's key opens their own account and no other, the platform's key only the account that a
request names. With EVERY, something goes wrong with each request of that number.
"""

import socket
import sys
from itertools import count, cycle
from typing import Any

from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.account import ACCOUNTS, Business
from stripe_mcp.simulator.faults import Fault
from stripe_mcp.simulator.serve import create_server
from stripe_mcp.simulator.wire import Message, Receive, Send

NAMES = ("amber", "birch", "cedar", "dahlia", "elm")
PLATFORM = "sk_test_platform0000"
HARNESS = "sk_test_harness0000"  # opens every account that it names
OWN = {f"sk_test_{name}0000": f"acct_1{name}" for name in NAMES}
NOBODYS = "acct_nobodys"

# What a bad line and a bad day bring; not a stored 500, which only a person can clear up.
FAULTS: list[dict[str, Any]] = [
    {"fault": "before_reading"},
    {"fault": "after_commit"},
    {"fault": "cut"},
    {"fault": "garbage"},
    {"fault": "stall", "seconds": 0.5},
    {"fault": "error", "status": 500, "executed": True},
    {"fault": "error", "status": 503},
    {"fault": "error", "status": 429, "code": "rate_limit", "headers": {"Retry-After": "0"}},
]


class Merchants(Simulator):
    """
    A simulator with an account for each of `NAMES`.
    """

    def __init__(self, every: int | None) -> None:
        super().__init__(admin=True)
        self._every = every
        self._faults = cycle(FAULTS)
        self._numbers = count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/_simulator/"):
            scope["headers"] = with_account(scope["headers"])
            harness = f"Bearer {HARNESS}".encode()
            if (b"authorization", harness) not in scope["headers"]:
                self._spoil()
        await super().__call__(scope, receive, send)

    def _spoil(self) -> None:
        if self._every and next(self._numbers) % self._every == 0:
            self.state.faults.append(Fault(**next(self._faults)))


def with_account(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """
    The *headers* of a request, with the account that its key opens.
    """
    given = {name.decode(): value.decode() for name, value in headers}
    key, named = given.get("authorization", "").removeprefix("Bearer "), given.get("stripe-account")
    if key in (PLATFORM, HARNESS):
        return headers
    own = OWN.get(key, NOBODYS)
    others = [header for header in headers if header[0] != b"stripe-account"]
    return [*others, (b"stripe-account", (own if named in (None, own) else NOBODYS).encode())]


def main() -> None:
    every = int(sys.argv[1]) if len(sys.argv) > 1 else None
    ACCOUNTS.update({own: Business(own, "Plants", "5261", "plants.example.com") for own in OWN.values()})
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    create_server(Merchants(every)).run(sockets=[listening])


if __name__ == "__main__":
    main()
