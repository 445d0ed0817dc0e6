"""
Whose server this is and what it may do: for the person who set it up, and for a model that asks.

Rule: nothing of a key is told, not even its end.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from stripe_mcp.accounts import ACCOUNT
from stripe_mcp.catalog import Catalog
from stripe_mcp.currency import display
from stripe_mcp.errors import NotConnected, StripeError, ToolError
from stripe_mcp.road import Road
from stripe_mcp.rules import Rules
from stripe_mcp.settings import Settings
from stripe_mcp.text import cap, clean

if TYPE_CHECKING:
    from stripe_mcp.transport import Transport

ReadAccount = Callable[[], Awaitable[Mapping[str, Any]]]


async def describe(settings: Settings, catalog: Catalog, read_account: ReadAccount) -> str:
    """
    What *settings* and *catalog* allow, in Markdown. *read_account* gets Stripe's `/v1/account`.

    Raises:
        ToolError: Stripe refuses the key, or could not be asked.
    """
    from stripe_mcp.transport import API_VERSION  # imported late: it comes with an HTTP client

    account = await account_in_words(read_account)
    facts = {
        "Mode": settings.mode,
        "Account": account,
        "Pinned to": _pinned(settings.rules.account, account),
        "Key": {"SIMULATOR": "none is needed", "NO KEY": "none"}.get(settings.mode, settings.key_kind),
        "Stripe API version": API_VERSION,
        "Tools": f"{len(catalog.templates)} of {len(catalog.templates) + len(catalog.hidden)}",
        "Hidden": ", ".join(sorted(catalog.hidden)) or "none",
        **_rules(settings.rules),
    }
    return "\n".join(["# This server", "", *(f"- {name}: {fact}" for name, fact in facts.items())])


async def account_in_words(read_account: ReadAccount) -> str:
    """
    The account that *read_account* tells of: its id and name, or why there are none.

    Raises:
        ToolError: Stripe refuses the key, or could not be asked.
    """
    try:
        account = await read_account()
    except NotConnected:
        return "none, as no key is set (STRIPE_SECRET_KEY)"
    except StripeError as error:
        if error.status != 403:
            raise
        return "this restricted key may not see which"
    name = (account.get("business_profile") or {}).get("name") or ""
    return f"{account.get('id')} {cap(clean(str(name)), 64)}".rstrip()


def _pinned(pinned: str | None, account: str) -> str:
    other = account.startswith("acct_") and account.split()[0] != pinned
    return f"{pinned}{', so calls are refused' if other else ''}" if pinned else "no account"


def _rules(rules: Rules) -> dict[str, str]:
    typed = rules.type_amount_above
    above = "100, or 10,000 where a currency has no decimals" if typed is None else _written(typed)
    factors = " or ".join(sorted(rules.identity_factors))
    return {
        "Currencies": ", ".join(sorted(rules.currencies or ())) or "all",
        **{f"`{name}`": _written(amounts) for name, amounts in rules.limits.items()},
        **({} if rules.limits else {"Limits on money": "none"}),
        "Confirmation": rules.confirm,
        "Calls that nobody was asked about": f"{rules.unasked_calls} in ten minutes, in live mode",
        "Amounts that a person types, in live mode": f"above {above}",
        "Identity verification": f"by {factors}" if rules.verify_identity else "off",
        "Repeats": f"recognised for {rules.repeat_seconds} seconds",
    }


def _written(amounts: Mapping[str, int]) -> str:
    return ", ".join(str(display(amounts[currency], currency)) for currency in sorted(amounts)) or "nothing"


def account_reader(road: "Road | Transport") -> ReadAccount:
    """
    Asks Stripe, by *road*, whose account it is.
    """

    async def read_account() -> Mapping[str, Any]:
        body: Mapping[str, Any] = (await road.send(ACCOUNT)).body
        return body

    return read_account


def whoami(settings: Settings, catalog: Catalog, connect: "Callable[[], Transport] | None") -> int:
    """
    Print what `describe` tells. Returns 0, or 1 where Stripe refuses the key or does not answer.
    """
    import anyio
    from rich.console import Console  # imported late: a resource needs only the text

    console = Console(markup=False, highlight=False, soft_wrap=True)

    async def ask() -> str:
        road = Road(connect)
        try:
            return await describe(settings, catalog, account_reader(road))
        finally:
            await road.aclose()

    try:
        console.print(anyio.run(ask))
    except ToolError as error:
        from stripe_mcp.advice import advise

        console.print(advise(error, None, settings.mode) if isinstance(error, StripeError) else str(error))
        return 1
    return 0
