"""
The tenants file as it is written: TOML, each table of it one tenant.

Rule: it is ours alone, and every word in it is understood, or none of it is taken. What is wrong is told
with file, tenant and field, and never with a token.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stripe_mcp.errors import ConfigurationError, redact
from stripe_mcp.private_files import read_private
from stripe_mcp.remote.tokens import parse
from stripe_mcp.rule_kinds import choice, find
from stripe_mcp.rule_sources import placing, read_table
from stripe_mcp.rules import RULES, Said

_SHORTEST_TOKEN = 32  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    The table of one tenant: its *name*, its *place* for errors, what is *said* of rules, and its fields.
    *tokens* are digests of 32 bytes.
    """

    name: str
    place: str
    said: list[Said]
    key_file: str = ""
    key_variable: str = ""
    stripe_account: str = ""
    stripe_context: str = ""
    redact: str = ""
    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    subjects: frozenset[str] = field(default=frozenset(), repr=False)


def read_file(file: Path) -> list[Entry]:
    """
    The tenants that *file* describes; no token and no subject stands for two of them.

    Raises:
        ConfigurationError: Something in it is wrong, or others could have a hand in it.
    """
    text = read_private(file, "The tenants file", own=True)
    with placing(file):
        tables = tomllib.loads(text)
        if not tables:
            raise ValueError("there is no tenant in it; one begins with a line like [acme].")
        for number, (name, table) in enumerate(tables.items(), 1):
            _check_table(number, name, table)
    entries = [_read_entry(name, f"{redact(str(file))}: {name}", table) for name, table in tables.items()]
    _check_owners(entries, "tokens", [entry.tokens for entry in entries])
    _check_owners(entries, "subjects", [entry.subjects for entry in entries])
    return entries


def _check_table(number: int, name: str, table: Any) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):  # it may be a token, and is not repeated
        raise ValueError(
            f"the name of tenant {number} must be 1 to 64 of a-z, 0-9, _ and -, beginning with a-z or 0-9."
        )
    if not isinstance(table, dict):
        raise ValueError(f"{redact(name)} must be a table, as all that stands here is of one tenant.")
    if name == "local":
        raise ValueError("local is the name of who calls over stdio; give this tenant another one.")


def _read_entry(name: str, place: str, table: dict[str, Any]) -> Entry:
    known = {*_FIELDS, *RULES}
    with placing(place):
        for each in table:
            may_be_a_token = each not in known and len(each) >= _SHORTEST_TOKEN
            find(f"{each[:8]}..." if may_be_a_token else each, known, "field")
    fields: dict[str, Any] = {}
    for each in [each for each in table if each in _FIELDS]:
        with placing(f"{place}.{each}"):
            fields[each] = _FIELDS[each](table[each])
    said = read_table({each: value for each, value in table.items() if each in RULES}, f"{place}.")
    entry = Entry(name=name, place=place, said=said, **fields)
    if not (entry.tokens or entry.subjects):
        raise ConfigurationError(f"{place}: needs tokens or subjects, as nobody could call otherwise.")
    return entry


def _check_owners(entries: list[Entry], field: str, owned: Sequence[Sequence[Any] | frozenset[Any]]) -> None:
    """
    Make sure that nobody is two tenants.
    """
    owners: dict[Any, Entry] = {}
    for entry, own in zip(entries, owned, strict=True):
        for each in own:
            if each in owners:
                other = owners[each].name
                raise ConfigurationError(
                    f"{entry.place}.{field}: one of them is {other}'s as well; leave it to one of the two."
                )
            owners[each] = entry


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("must be a text on one line.")
    return value.strip()


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of texts.")
    texts = [_text(each) for each in value]
    if len({*texts}) < len(texts):
        raise ValueError("must have each text once.")
    return texts


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "key_file": _text,
    "key_variable": _text,
    "stripe_account": _text,
    "stripe_context": _text,
    "redact": choice("pii").check,
    "tokens": lambda value: tuple(parse(text) for text in _texts(value)),
    "subjects": lambda value: frozenset(_texts(value)),
}
