"""
The account that the key opens: a coffee shop in the United States.

https://docs.stripe.com/api/accounts/retrieve
"""

from __future__ import annotations

from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

ACCOUNT_ID = "acct_1PineStreetCoffee"
NAME = "Pine Street Coffee"
COUNTRY = "US"
SUPPORT_EMAIL = "hello@pinestreet.example.com"


def retrieve_account(store: Store, given: Record) -> Record:
    """
    GET /v1/account
    """
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            "mcc": "5814",
            "name": NAME,
            "product_description": "Coffee, beans and subscriptions",
            "support_email": SUPPORT_EMAIL,
            "support_phone": None,
            "support_url": None,
            "url": "https://pinestreet.example.com",
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": COUNTRY,
        "default_currency": "usd",
        "details_submitted": True,
        "email": SUPPORT_EMAIL,
        "livemode": False,
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": NAME, "timezone": "America/Los_Angeles"}},
        "type": "standard",
    }


OPERATIONS = {"GET /v1/account": retrieve_account}
