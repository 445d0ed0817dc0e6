"""
Currencies: how many decimals an amount has, and how people write it. No I/O.

Rule: a wrong amount is worse than none. The decimals are Stripe's, the digits are exact at any size,
and of a currency that is not in these lists nothing is said.

The symbols are those of English as written in the United States, from the library babel. What is
written otherwise than babel itself would write it, and why:

- Decimals are Stripe's: AFN, ALL, LAK, LBP, MMK, MRO, RSD, SLL, SOS, STD and YER have two, where
  babel rounds to none. ISK and UGX have two only where these are not 00: "ISK 5", but "ISK 5.05".
- KWD is "KD", as Kuwait writes it and as `server.INSTRUCTIONS` says it.
- A symbol that ends in a letter or a point is followed by a space, as Unicode's own rule has it, which
  babel does not know. All spaces are plain ones, that in XOF's "F CFA" too.
"""

import re
from decimal import Decimal
from functools import cache
from unicodedata import category

# https://docs.stripe.com/currencies#presentment-currencies
ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - 15 lines less
)
TWO_DECIMAL = frozenset(
    """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
    cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr
    isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad
    ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std
    szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd xcg yer zar zmw
    """.split()  # noqa: SIM905 - 130 lines less
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
CURRENCIES = TWO_DECIMAL | ZERO_DECIMAL | THREE_DECIMAL

# Nothing can be charged in these any more; old objects still have them. All have two decimals:
# https://github.com/stripe/stripe-go/blob/master/currency.go
FORMER = frozenset(["bgn", "eek", "hrk", "ltl", "lvl", "mro", "sll", "svc", "vef"])

# Without decimals by now, and still sent times 100: https://docs.stripe.com/currencies#special-cases
SENT_TIMES_100 = frozenset(["isk", "ugx"])

_KNOWN = CURRENCIES | FORMER
_OWN_SYMBOLS = {"kwd": "KD"}
_NUMBER = re.compile(r"(-?[0-9]+)(?:\.([0-9]+))?")


def decimals(currency: str) -> int:
    """
    Digits after the point: 0, 2 or 3.
    """
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def display(amount: int, currency: str) -> str | None:
    """
    *amount*, in the smallest unit of *currency*, for people: `$49.00`, `¥500`, `KD 1.250`.

    None for a currency that Stripe does not list, since its decimals can only be guessed.
    """
    return display_decimal(str(amount), currency)


def written(amount: int, currency: str) -> str:
    """
    The same for every currency: of one that is not known, the amount is in its smallest unit.
    """
    return display(amount, currency) or f"{amount} {currency} in its smallest unit"


def display_decimal(amount: str, currency: str) -> str | None:
    """
    The same for an *amount* that may have fractions of the smallest unit, as in `unit_amount_decimal`.

    None also if *amount* is no plain number.
    """
    currency = currency.lower()
    parts = _NUMBER.fullmatch(amount)
    if parts is None or currency not in _KNOWN:
        return None
    digits, fraction = decimals(currency), (parts[2] or "").rstrip("0")
    number = Decimal(f"{parts[1]}.{fraction}e-{digits}")
    whole = currency in SENT_TIMES_100 and number == number.to_integral_value()
    places = 0 if whole else digits + len(fraction)
    # copy_abs: abs() would round to the 28 digits of decimal's context
    return f"{'-' if number < 0 else ''}{_symbol(currency)}{number.copy_abs():,.{places}f}"


@cache
def signs() -> frozenset[str]:
    """
    What amounts are written with, of all currencies: `$`, `CA$`, `KD`.
    """
    return frozenset(_symbol(currency).strip() for currency in CURRENCIES)


@cache
def _symbol(currency: str) -> str:
    """
    What stands before the number, with the space between them if there is one.
    """
    from babel.numbers import get_currency_symbol  # imported late: 50 ms that `tools/list` need not pay

    symbol = _OWN_SYMBOLS.get(currency) or get_currency_symbol(currency.upper(), locale="en_US")
    plain = " ".join(symbol.split())
    return plain if category(plain[-1]).startswith("S") else f"{plain} "
