"""
Writes that are not sent anywhere, for tests of what is kept of them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stripe_mcp.request import StripeRequest
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.operations import Found, Limit, Money, Operation, Standing, Write, fingerprint, new_id
from stripe_mcp.safety.store import Store

NOW = 1_790_000_000.0
REFUND = StripeRequest("POST", "/v1/refunds", "/v1/refunds", form="payment_intent=pi_1&amount=500")
DELETION = StripeRequest("DELETE", "/v1/customers/{customer_id}", "/v1/customers/cus_1")
DOLLARS = Money(kind="refund", customer="cus_1", currency="usd", amount=500)


class Clock:
    """
    A clock that stands still until it is set.
    """

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def url(folder: Path, file: str = "ledger.db") -> str:
    """
    The address of a SQLite *file* in *folder*, which has to be private.
    """
    folder.chmod(0o700)
    return f"sqlite:///{folder / file}"


def a_ledger(clock: Callable[[], float], store: Store | None = None) -> Ledger:
    return Ledger(store or Store("sqlite://"), 600, clock)


def a_write(request: StripeRequest = REFUND, **more: Any) -> Write:
    """
    The same write each time, unless *more* says otherwise.
    """
    same: dict[str, Any] = {
        "id": new_id(),
        "principal": "local",
        "account": "acct_1",
        "mode": "TEST",
        "tool": "create_refund" if request.method == "POST" else "delete_customer",
        "fingerprint": fingerprint(request),
        "request": request,
        "idempotent": request.method == "DELETE",
    }
    return Write(**(same | more))


async def begin(ledger: Ledger, write: Write, money: Money = DOLLARS, **more: Any) -> Found:
    how: dict[str, Any] = {"way": "none", "limits": [], "unasked": None, "said": {}}
    return await ledger.begin(write, money, **(how | more))


async def begun(ledger: Ledger, write: Write | None = None, money: Money = DOLLARS, **more: Any) -> Operation:
    """
    The operation that *write* has become, which has to be ours to send.
    """
    found = await begin(ledger, write or a_write(), money, **more)
    assert found.standing in (Standing.NEW, Standing.RESEND)
    assert found.operation
    return found.operation


def up_to(most: int, **more: Any) -> dict[str, Any]:
    """
    The arguments of `begin` for a limit.
    """
    return {"limits": [Limit(name="max_refund_per_day", most=most, **more)]}
