"""
Which side of the comparison the tests run on: the simulator, or Stripe's own test mode.

Rule: a key leaves this machine for Stripe only, and only if it opens test mode.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

STRIPE = "https://api.stripe.com"
LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+")
TEST_KEY = re.compile(r"[sr]k_test_\w+")
WHAT_TO_DO = "Put a key of your test mode into the environment: STRIPE_SECRET_KEY=sk_test_... make test-live"


def why_not(address: str, key: str) -> str | None:
    """
    What speaks against running the suite at *address* with *key*; the key itself is not in it.
    """
    if address != STRIPE and not LOOPBACK.fullmatch(address):
        return f"The suite runs against {STRIPE}, or against a server on 127.0.0.1."
    if not key:
        return f"STRIPE_SECRET_KEY is not set. {WHAT_TO_DO}"
    if not TEST_KEY.fullmatch(key):
        return (
            "STRIPE_SECRET_KEY is no key of the test mode. This suite makes customers, payments and refunds, "
            f"so it takes keys that begin with sk_test_ or rk_test_ only. {WHAT_TO_DO}"
        )
    return None


@dataclass(frozen=True)
class Side:
    """
    Where the requests go, and the pauses, in seconds, for what comes late there.
    """

    address: str
    key: str = field(repr=False)
    pauses: Sequence[float] = ()
    sleep: Callable[[float], None] = time.sleep

    def eventually(self, look: Callable[[], T], wanted: T) -> T:
        """
        Look again until *wanted* is seen or the pauses are used up, and give what was seen last.
        """
        seen = look()
        for pause in self.pauses:
            if seen == wanted:
                break
            self.sleep(pause)
            seen = look()
        return seen


def side_at(address: str, key: str) -> Side:
    """
    The side at *address*. At Stripe search and events come late, mostly within a minute:
    https://docs.stripe.com/search#data-freshness
    """
    return Side(address, key, pauses=[3] * 40 if address == STRIPE else ())
