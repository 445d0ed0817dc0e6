"""
Whose account is it? Operations, limits and locks belong to one, and a pinned one must be it.
"""

import secrets
from hashlib import sha256
from typing import Any

from stripe_mcp.errors import NoAnswer, Refused, StripeError
from stripe_mcp.request import StripeRequest
from stripe_mcp.road import Road
from stripe_mcp.settings import Settings

ACCOUNT = StripeRequest("GET", "/v1/account", "/v1/account")


class Accounts:
    """
    Tells the account that a server with *settings* works on, by asking Stripe once. *key* stands for it too:
    a digest of the key, by which what was written is found should the key lose sight of its account.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = settings.account or settings.context
        if settings.mode == "SIMULATOR":  # a shop that lives no longer than this process
            self._known = f"acct_{secrets.token_hex(8)}"
        said = [settings.key, settings.account, settings.context, self._known]
        self.key = f"key_{sha256(repr(said).encode()).hexdigest()[:24]}"

    async def id(self, road: Road) -> str:
        """
        The id of the account; a digest of the key if that may not read it.

        Raises:
            Refused: It is not the account that this server is pinned to.
            ToolError: Stripe could not be asked.
        """
        if self._known is None:
            self._known = await self._ask(road)
        pinned = self._settings.rules.account
        if pinned and self._known != pinned:
            known = self._known if self._known.startswith("acct_") else "one that it may not see"
            raise Refused("account", f"this server is pinned to {pinned}, and its key is of {known}.")
        return self._known

    async def _ask(self, road: Road) -> str:
        try:
            account: Any = (await road.read(ACCOUNT)).get("id")
        except StripeError as error:
            if error.status != 403 or error.type is None:  # what Stripe did not say says nothing of the key
                raise
            return self.key
        if not isinstance(account, str) or not account.startswith("acct_"):
            raise NoAnswer("Stripe did not say whose account this is.")
        return account
