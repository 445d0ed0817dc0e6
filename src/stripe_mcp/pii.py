"""
Personal data made recognisable and no more: `j***@example.com`, a phone number's last two digits. No I/O.

Rule: whoever knows the customer can tell that it is they; whoever does not learns nothing to reach them
by. Names and countries stay, as nothing could be talked about without them. What is masked already stays.
"""

import re
from collections.abc import Callable
from typing import Any

from stripe_mcp.text import clean

_HIDDEN = "***"

# An at sign, in URLs also escaped, once or more often; then a host whose last part begins with letters.
_AT_HOST = r"(?:@|%(?:25)*40)[\w%-]{1,63}+(?:\.[\w%-]{1,63}+){0,8}?\.[^\W\d_]{2}"
_OF_NAME = r"""[^\s@'"`<>()\[\]{},;:/\\|=?&]"""
# Begun only where a name begins, so that a long text is gone through once.
_EMAIL = re.compile(rf'(?<!{_OF_NAME})({_OF_NAME}){_OF_NAME}*"?(?={_AT_HOST})')

# Names that end in "address", the older `address_line1`, `address_zip`, and what an address consists of;
# `customer_email_address` of a dispute is no such address.
_ADDRESS = re.compile(
    r"(?!.*email).*address(_(line[12]|city|state|zip|kana|kanji))?|line[12]|city|state|postal_code",
    re.IGNORECASE | re.DOTALL,
)


def mask(value: Any) -> Any:
    """
    A copy of the JSON *value* in which e-mail addresses, phone numbers and postal addresses are masked.

    E-mail addresses are found in every text, names of metadata included; the others by the field's name.
    """
    return _copy(value, _mask_emails)


def _copy(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [_copy(child, hide) for child in value]
    if not isinstance(value, dict):
        return value
    copy: dict[str, Any] = {}
    for name, child in value.items():
        masked = _mask_emails(name)
        while masked in copy:  # two customers who look alike now are still two
            masked += "*"
        copy[masked] = _copy(child, _way_to_hide(name, hide))
    return copy


def _way_to_hide(name: str, around: Callable[[str], str]) -> Callable[[str], str]:
    """
    What is done to texts in the field *name*, given what is done in the object *around* it.
    """
    if around is _mask_all:
        return _mask_emails if name == "country" else _mask_all
    if "phone" in name.lower():
        return _mask_phone
    return _mask_all if _ADDRESS.fullmatch(name) else _mask_emails


def _mask_emails(text: str) -> str:
    if "@" not in text and "%" not in text:
        return text
    return _EMAIL.sub(lambda found: found[1].replace("*", "") + _HIDDEN, clean(text))


def _mask_phone(text: str) -> str:
    return _HIDDEN + text[-2:] if len(text) > 4 else _mask_all(text)


def _mask_all(text: str) -> str:
    return _HIDDEN if text else text
