"""
Whose objects a request works on: the coffee shop of the key, or an account connected to it.

https://docs.stripe.com/api/accounts/retrieve, https://docs.stripe.com/api/connected-accounts,
https://docs.stripe.com/context
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.keys import Key
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

ACCOUNT_ID = "acct_1PineStreetCoffee"
CREATED = 1_640_995_200  # 2022-01-01


class Business(NamedTuple):
    """
    What an account tells of the business behind it.
    """

    name: str
    sells: str
    mcc: str
    domain: str


ACCOUNTS = {
    ACCOUNT_ID: Business(
        "Pine Street Coffee", "Coffee, beans and subscriptions", "5814", "pinestreet.example.com"
    ),
    "acct_1RiverRoadBakery": Business(
        "River Road Bakery", "Bread and cakes", "5462", "riverroad.example.com"
    ),
    "acct_1HarborBooks": Business("Harbor Books", "Books, new and used", "5942", "harborbooks.example.com"),
}


def account_for(headers: Mapping[str, str], key: Key) -> str:
    """
    The id of the account that a request is for: its key's own unless a header names another.

    Raises:
        StripeError: The key has nothing to do with that account, or the headers do not fit the key.
    """
    named = [headers[name] for name in ("stripe-account", "stripe-context") if headers.get(name)]
    accounts = {account.rpartition("/")[-1] for account in named} or {ACCOUNT_ID}
    if len(accounts) > 1:
        raise StripeError("Stripe-Account and Stripe-Context name different accounts.", executed=False)
    if key.is_organisations and not (headers.get("stripe-context") and headers.get("stripe-version")):
        message = (
            "A request with an organization API key needs the headers Stripe-Context and Stripe-Version."
        )
        raise StripeError(message, executed=False)
    (account,) = accounts
    if account not in ACCOUNTS:
        raise _no_access(key, account)
    return account


def _no_access(key: Key, account: str) -> StripeError:
    return StripeError(
        f"The provided key '{key.shown}' does not have access to account '{account}' "
        "(or that account does not exist). Application access may have been revoked.",
        status=403,
        code="account_invalid",
        executed=False,
    )


def make_account(account_id: str) -> Record:
    """
    The account as Stripe shows it, the same in both modes.
    """
    business = ACCOUNTS[account_id]
    email = f"hello@{business.domain}"
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {
            "mcc": business.mcc,
            "name": business.name,
            "product_description": business.sells,
            "support_email": email,
            "support_phone": None,
            "support_url": None,
            "url": f"https://{business.domain}",
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": CREATED,
        "default_currency": "usd",
        "details_submitted": True,
        "email": email,
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": business.name, "timezone": "America/Los_Angeles"}},
        "type": "standard",
    }


def retrieve_account(store: Store, given: Record) -> Record:
    """
    GET /v1/account
    """
    return account_of(store)


def account_of(store: Store) -> Record:
    """
    The account that a world belongs to.
    """
    return next(store.all("account"))


OPERATIONS = {"GET /v1/account": retrieve_account}
