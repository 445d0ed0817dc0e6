"""
Where rules come from: flags, variables and one file.

A rule has one name in three spellings: `max_refund` in the file, `--max-refund`, `STRIPE_MCP_MAX_REFUND`.
Rule: what is misspelt is refused, since who misspells a rule would believe that it holds.
"""

import argparse
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stripe_mcp.errors import ConfigurationError, redact
from stripe_mcp.rule_kinds import find
from stripe_mcp.rules import RULES, Said
from stripe_mcp.spelling import nearest

Flags = list[tuple[str, str]]  # the names of rules, and what the command line says of them


def add_flags(parser: argparse.ArgumentParser, flags: Flags) -> None:
    """
    Have *parser* take a flag for every rule. What it reads is added to *flags*.
    """
    titles = dict.fromkeys(rule.group for rule in RULES.values())
    groups = {title: parser.add_argument_group(title) for title in titles}
    for name, rule in RULES.items():
        value: dict[str, Any] = {"metavar": rule.kind.written} if rule.kind.written else {"nargs": 0}
        groups[rule.group].add_argument(
            rule.flag, dest=name, action=_Say, const=flags, default=argparse.SUPPRESS, help=rule.told, **value
        )


class _Say(argparse.Action):
    """
    Keeps all that is said: of two flags of one rule the stricter is to win, and not the last.
    """

    def __call__(self, parser: object, namespace: object, values: Any, option_string: object = None) -> None:
        flags: Flags = self.const
        flags.append((self.dest, "true" if self.nargs == 0 else values))


def read_rules(flags: Flags, variables: Mapping[str, str], file: Path | None) -> list[Said]:
    """
    All that is said of rules by *flags*, by *variables* (see `settings.own_variables`) and by a *file*: the
    one given, else that of the variable `STRIPE_MCP_CONFIG`, else the user's own if there is one.

    Raises:
        ConfigurationError: Something is no rule, or not to be understood.
    """
    named = variables.get("CONFIG", "").strip()
    file = file or (Path(named) if named else _own_file())
    return [
        *(_of_text(name, RULES[name].flag, text) for name, text in flags),
        *_of_variables(variables),
        *(_of_file(file) if file else ()),
    ]


def read_table(table: Mapping[str, Any], place: str) -> list[Said]:
    """
    What a *table* of TOML says of rules, whose names are its keys; *place* comes before the names, like
    "stripe-mcp.toml: ".

    Raises:
        ConfigurationError: A value is not to be understood.
    """
    return [_of_value(name, f"{place}{name}", value) for name, value in table.items()]


def _own_file() -> Path | None:
    """
    The file in the user's folder of settings; never in the working directory, as a client starts us anywhere.
    """
    from platformdirs import user_config_dir  # imported late: 10 ms that a named file need not pay

    file = Path(user_config_dir("stripe-mcp", appauthor=False)) / "stripe-mcp.toml"
    if not file.is_absolute():  # there is no such folder without a home
        return None
    with placing(file):
        try:
            file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
    return file


def _of_file(file: Path) -> list[Said]:
    with placing(file):
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        for key in content:
            find(key, RULES, "rule")
    return read_table(content, f"{file}: ")


def _of_variables(variables: Mapping[str, str]) -> list[Said]:
    spelt = {name.upper(): name for name in RULES}
    for variable in sorted(variables.keys() - spelt.keys() - {"CONFIG"}):
        if near := nearest(variable, RULES):
            meant = f"STRIPE_MCP_{near.upper()}"
            raise ConfigurationError(f"There is no STRIPE_MCP_{redact(variable)[:64]}. Did you mean {meant}?")
    return [
        _of_text(name, f"STRIPE_MCP_{variable}", variables[variable])
        for variable, name in spelt.items()
        if variables.get(variable, "").strip()
    ]


def _of_text(name: str, where: str, text: str) -> Said:
    with placing(where):
        return _of_value(name, where, RULES[name].kind.parse(text.strip()))


def _of_value(name: str, where: str, value: Any) -> Said:
    with placing(where):
        return Said(name, where, RULES[name].kind.check(value))


@contextmanager
def placing(where: str | Path) -> Iterator[None]:
    """
    Whatever is wrong in here is told with the place *where* it was said.
    """
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(redact(f"{where}: {error}")) from None
