"""
Whether this process can record what it would do: only then it is ready.
"""

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from stripe_mcp.errors import LedgerUnavailable

if TYPE_CHECKING:
    from stripe_mcp.safety.store import Store

_GOOD_FOR = 1  # seconds that a look is good for: anybody may ask, and each look is a commit


class Readiness:
    """
    Looks whether the *database* takes writes.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._store: Store | None = None
        self._looking = anyio.Lock()
        self._until = -1.0
        self._reason: str | None = None

    async def __call__(self) -> str | None:
        """
        Why it is not ready, in words that tell nothing of the database, or None.
        """
        async with self._looking:
            if anyio.current_time() > self._until:
                self._reason = await self._look()
                self._until = anyio.current_time() + _GOOD_FOR
            return self._reason

    async def _look(self) -> str | None:
        try:
            if self._store is None:
                self._store = await anyio.to_thread.run_sync(self._open)
            await self._store.check_writable()
        except LedgerUnavailable:
            return "the ledger takes no writes"
        return None

    def _open(self) -> "Store":
        from stripe_mcp.safety.store import Store  # imported late, as SQLAlchemy comes with it

        return Store(self._database)

    def close(self) -> None:
        """
        Close the connection.
        """
        if self._store:
            self._store.close()
