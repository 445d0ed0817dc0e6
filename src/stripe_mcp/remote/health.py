"""
How the process is: whether it can record what it would do, and how many writes nobody knows the outcome of.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from stripe_mcp.errors import LedgerUnavailable
from stripe_mcp.telemetry import observe_open

if TYPE_CHECKING:
    from stripe_mcp.safety.store import Store

_GOOD_FOR = 1  # seconds that a look is good for: anybody may ask, and each look is a commit
_COUNTS_EVERY = 15  # seconds

Observe = Callable[[str, int], None]


class Health:
    """
    Looks at the *database* by a connection of its own, so that it waits in no tenant's line.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._store: Store | None = None
        self._looking = anyio.Lock()
        self._until = float("-inf")
        self._reason: str | None = None

    async def why_not_ready(self) -> str | None:
        """
        Why no write could be recorded, in words that tell nothing of the database; None if one could.
        """
        async with self._looking:
            if anyio.current_time() > self._until:
                self._reason = await self._look()
                self._until = anyio.current_time() + _GOOD_FOR
            return self._reason

    async def _look(self) -> str | None:
        try:
            await (await self._opened()).check_writable()
        except LedgerUnavailable:
            return "the ledger takes no writes"
        return None

    async def count_open(self, observe: Observe = observe_open) -> None:
        """
        Tell *observe* time and again how many writes of each principal are open.
        """
        from stripe_mcp.safety.counting import count_open  # imported late, as SQLAlchemy comes with it

        seen: Mapping[str, int] = {}
        while True:
            try:
                now = await (await self._opened()).look(count_open)
            except LedgerUnavailable:
                now = {}
            for principal in {*seen, *now}:
                observe(principal, now.get(principal, 0))
            seen = now
            await anyio.sleep(_COUNTS_EVERY)

    async def _opened(self) -> "Store":
        if self._store is None:
            self._store = await anyio.to_thread.run_sync(self._open)
        return self._store

    def _open(self) -> "Store":
        from stripe_mcp.safety.store import Store

        return Store(self._database)

    def close(self) -> None:
        """
        Close the connection.
        """
        if self._store:
            self._store.close()
