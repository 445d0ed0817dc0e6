"""
Amounts as people write them, in every currency that Stripe lists.
"""

import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from string import ascii_letters

import pytest
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.currency import (
    CURRENCIES,
    FORMER,
    SENT_TIMES_100,
    THREE_DECIMAL,
    TWO_DECIMAL,
    ZERO_DECIMAL,
    decimals,
    display,
    display_decimal,
)

KNOWN = sorted(CURRENCIES | FORMER)
of_every_currency = pytest.mark.parametrize("currency", KNOWN)

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal, as they say it; all others have two
ZERO = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905 - 15 lines less
DOCUMENTED = dict.fromkeys(ZERO, 0) | dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], 3)

# What the module says that it writes otherwise than babel.
OTHER_DECIMALS = set("afn all lak lbp mmk mro rsd sll sos std yer isk ugx".split())  # noqa: SIM905
OTHER_SYMBOLS = {"kwd"}


def read(text: str | None) -> tuple[str, str, str]:
    """
    Sign, symbol and number of *text*.
    """
    parts = re.fullmatch(r"(-?)(\D+)([0-9,]+(?:\.[0-9]+)?)", text or "")
    assert parts
    return parts[1], parts[2], parts[3].replace(",", "")


def value(text: str | None) -> Fraction:
    sign, _, number = read(text)
    return Fraction(sign + number)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (4900, "usd", "$49.00"),
        (4900, "USD", "$49.00"),
        (-500, "usd", "-$5.00"),
        (0, "usd", "$0.00"),
        (5, "eur", "€0.05"),
        (123456789, "gbp", "£1,234,567.89"),
        (4900, "cad", "CA$49.00"),
        (500, "jpy", "¥500"),
        (-1234567, "krw", "-₩1,234,567"),
        (1250, "kwd", "KD 1.250"),
        (-1250, "kwd", "-KD 1.250"),
        (1250, "bhd", "BHD 1.250"),
        (4900, "chf", "CHF 49.00"),
        (4900, "xcg", "Cg. 49.00"),
        (500, "xaf", "FCFA 500"),
        (500, "xof", "F CFA 500"),
        (1045, "huf", "HUF 10.45"),
        (80045, "twd", "NT$800.45"),
        (500, "isk", "ISK 5"),
        (505, "isk", "ISK 5.05"),
        (0, "ugx", "UGX 0"),
        (-123400, "ugx", "-UGX 1,234"),
        (12345, "rsd", "RSD 123.45"),
        (1955, "bgn", "BGN 19.55"),
    ],
)
def test_an_amount_is_written_as_people_write_it(amount: int, currency: str, text: str) -> None:
    assert display(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("4900", "usd", "$49.00"),
        ("4900.000", "usd", "$49.00"),
        ("0.5", "usd", "$0.005"),
        ("-0.5", "usd", "-$0.005"),
        ("-0", "usd", "$0.00"),
        ("0.000000000001", "usd", "$0.00000000000001"),
        ("1234567.25", "eur", "€12,345.6725"),
        ("0.5", "jpy", "¥0.5"),
        ("0.5", "kwd", "KD 0.0005"),
        ("500", "isk", "ISK 5"),
        ("500.5", "isk", "ISK 5.005"),
    ],
)
def test_fractions_of_the_smallest_unit_are_kept(amount: str, currency: str, text: str) -> None:
    assert display_decimal(amount, currency) == text


@pytest.mark.parametrize(
    "amount", ["", " ", "x", "1,000", "1e3", "NaN", "Infinity", "1.", ".5", "+1", "--1", "1_0", "٣", "1\n"]
)
def test_what_is_no_number_is_no_amount(amount: str) -> None:
    assert display_decimal(amount, "usd") is None


@pytest.mark.parametrize("currency", ["usdc", "btc", "xyz", "ghs", "", "us", "$"])
def test_of_a_currency_that_stripe_does_not_list_nothing_is_said(currency: str) -> None:
    """
    Two decimals would be a guess, and wrong by a factor of 10,000 for a token with six.
    """
    assert display(4900, currency) is None
    assert display_decimal("4900", currency) is None


def test_a_currency_stands_in_one_list_only() -> None:
    lists = (ZERO_DECIMAL, TWO_DECIMAL, THREE_DECIMAL, FORMER)
    assert sum(map(len, lists)) == len(KNOWN)
    assert SENT_TIMES_100 < TWO_DECIMAL


@of_every_currency
def test_a_currency_has_the_decimals_that_stripe_documents(currency: str) -> None:
    assert decimals(currency) == DOCUMENTED.get(currency.upper(), 2)
    assert len(read(display(1234567, currency))[2].partition(".")[2]) == decimals(currency)


@of_every_currency
@pytest.mark.parametrize("amount", [0, 1, 99, 100, 101, 4900, 123456789, -1, -100, -4905])
def test_what_is_read_is_the_amount(currency: str, amount: int) -> None:
    assert value(display(amount, currency)) == Fraction(amount, 10 ** decimals(currency))


@given(amount=st.integers() | st.integers(-(10**400), 10**400), currency=st.sampled_from(KNOWN))
def test_no_digit_of_any_amount_is_lost(amount: int, currency: str) -> None:
    assert value(display(amount, currency)) == Fraction(amount, 10 ** decimals(currency))


@given(
    amount=st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", fullmatch=True),
    currency=st.sampled_from(KNOWN),
)
def test_no_digit_of_a_decimal_amount_is_lost(amount: str, currency: str) -> None:
    assert value(display_decimal(amount, currency)) == Fraction(amount) / 10 ** decimals(currency)


@of_every_currency
def test_a_plain_space_stands_between_a_word_and_its_number(currency: str) -> None:
    _, symbol, _ = read(display(4900, currency))
    assert symbol.isprintable(), "a space that is not the plain one counts as not printable"
    assert symbol.endswith(" ") == (symbol.strip()[-1] in ascii_letters + ".")


def test_only_what_the_module_lists_is_written_otherwise_than_babel_does() -> None:
    def babels(currency: str) -> str:
        amount = Decimal(-1234567).scaleb(-decimals(currency))
        return "".join(format_currency(amount, currency.upper(), locale="en_US").split())

    ours = {currency: "".join((display(-1234567, currency) or "").split()) for currency in KNOWN}
    assert {currency for currency in KNOWN if ours[currency] != babels(currency)} == (
        OTHER_DECIMALS | OTHER_SYMBOLS
    )


def test_babel_is_loaded_at_the_first_amount_and_not_before() -> None:
    program = (
        "import sys, stripe_mcp.currency as c; before = 'babel' in sys.modules; "
        "c.display(4900, 'usd'); print(before, 'babel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
