"""
Currencies: how many decimals, least amounts, fees, and amounts as text.

Rule: an amount is an integer in the smallest unit of its currency, everywhere.
Lists from https://docs.stripe.com/currencies.
"""

from __future__ import annotations

from stripe_mcp.simulator.errors import StripeError

ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - 15 lines less
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
TWO_DECIMAL = frozenset(
    """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
    cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr
    isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad
    ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std
    szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd xcg yer zar zmw
    """.split()  # noqa: SIM905 - 130 lines less
)
CURRENCIES = TWO_DECIMAL | ZERO_DECIMAL | THREE_DECIMAL
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, smallest units
LEAST_CHARGE = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50}
LARGEST_CHARGE = 99_999_999

FEE_PER_MILLE = 29
FEE_FIXED = 30


def decimals(currency: str) -> int:
    """
    Digits after the point: 0, 2 or 3.
    """
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


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
    """
    return min(amount, (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED)


def check_charge_amount(amount: int, currency: str, param: str = "amount") -> None:
    """
    Refuse what no card can be charged.

    Raises:
        StripeError: Below the least or above the largest amount, or a third decimal that is not 0.
    """
    least = LEAST_CHARGE.get(currency, 1)
    if amount < least:
        message = f"Amount must be at least {amount_text(least, currency)} {currency}"
        raise StripeError(message, code="amount_too_small", param=param)
    if amount > LARGEST_CHARGE:
        message = f"Amount must be no more than {amount_text(LARGEST_CHARGE, currency)} {currency}"
        raise StripeError(message, code="amount_too_large", param=param)
    if currency in THREE_DECIMAL and amount % 10:
        message = f"Invalid amount: the last digit must be 0 in {currency.upper()}, which has three decimals."
        raise StripeError(message, code="parameter_invalid_integer", param=param)
