"""
Money: least and largest amounts, fees, and amounts as Stripe's messages write them.

Rule: an amount is an integer in the smallest unit of its currency, everywhere.
Figures from https://docs.stripe.com/currencies.
"""

from __future__ import annotations

from stripe_mcp.currency import SENT_TIMES_100, THREE_DECIMAL, decimals
from stripe_mcp.simulator.errors import StripeError

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, smallest units. In other currencies
# the least is worth that of the currency it is paid out in, which the simulator does not convert to.
LEAST_CHARGE = (
    dict.fromkeys(("ars", "aud", "brl", "cad", "chf", "cop", "eur", "idr", "ils"), 50)
    | dict.fromkeys(("inr", "jpy", "krw", "nzd", "php", "rub", "sgd", "usd", "zar"), 50)
    | {"aed": 200, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17_500, "mxn": 1000}
    | {"myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000}
)
LARGEST_CHARGE = 99_999_999
LARGEST_CHARGE_IN = {"cop": 9_999_999_999, "idr": 999_999_999_999, "inr": 999_999_999}

# The last digits of an amount that have to be 0: https://docs.stripe.com/currencies#special-cases
ROUND_TO = dict.fromkeys(THREE_DECIMAL, 10) | dict.fromkeys(SENT_TIMES_100, 100)

FEE_PER_MILLE = 29
FEE_FIXED = 30


def amount_text(amount: int, currency: str) -> str:
    """
    *amount* for people: `$49.00`, `¥500`, `12.340 KWD`.
    """
    digits = decimals(currency)
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**digits)
    number = f"{whole:,}" + (f".{part:0{digits}d}" if digits else "")
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{number} {currency.upper()}"


def fee_for(amount: int) -> int:
    """
    What Stripe keeps of a captured *amount*: 2.9 % and 30 of the smallest unit, rounded half up.

    The price of the United States in every currency, as the simulator converts none: 30 yen, 30 fils.
    """
    return min(amount, (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED)


def check_charge_amount(amount: int, currency: str, param: str = "amount") -> None:
    """
    Refuse what no card can be charged.

    Raises:
        StripeError: Below the least or above the largest amount, or last digits that have to be 0.
    """
    least = LEAST_CHARGE.get(currency, 1)
    if amount < least:
        message = f"Amount must be at least {amount_text(least, currency)} {currency}"
        raise StripeError(message, code="amount_too_small", param=param)
    most = LARGEST_CHARGE_IN.get(currency, LARGEST_CHARGE)
    if amount > most:
        message = f"Amount must be no more than {amount_text(most, currency)} {currency}"
        raise StripeError(message, code="amount_too_large", param=param)
    check_round(amount, currency, param)


def check_round(amount: int, currency: str, param: str = "amount") -> None:
    """
    Refuse an *amount* with last digits that its currency does not have.

    Raises:
        StripeError: They are not 0.
    """
    if amount % ROUND_TO.get(currency, 1):
        zeros = len(str(ROUND_TO[currency])) - 1
        digits = "the last digit" if zeros == 1 else f"the last {zeros} digits"
        message = f"Invalid amount: {digits} must be 0 in {currency.upper()}."
        raise StripeError(message, code="parameter_invalid_integer", param=param)
