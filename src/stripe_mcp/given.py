"""
What a command line, the environment and the files that they name say together.

Everything here raises ConfigurationError for what is wrong in what is said.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from stripe_mcp.rule_sources import read_rules
from stripe_mcp.rules import Said, merge
from stripe_mcp.settings import ENVIRONMENT, Settings, own_variables, read_settings

if TYPE_CHECKING:
    from stripe_mcp.catalog import Catalog


def settings(options: argparse.Namespace, variables: Mapping[str, str] = ENVIRONMENT) -> Settings:
    """
    The settings of a server, from *variables*.
    """
    read = read_settings(variables, simulator=options.simulator, redact_pii=options.redact == "pii")
    return replace(read, rules=merge(rules(options)))


def rules(options: argparse.Namespace) -> list[Said]:
    """
    All that is said of rules.
    """
    return read_rules(options.flags, own_variables(), options.config)


def catalog(options: argparse.Namespace) -> "Catalog":
    """
    The tools that the rules leave.
    """
    from stripe_mcp.safety.policy import check_names, restrict

    whole, said = whole_catalog(options), rules(options)
    check_names(whole, said)
    return restrict(whole, merge(said))


def whole_catalog(options: argparse.Namespace) -> "Catalog":
    """
    All tools, those of one's own included.
    """
    from stripe_mcp.catalog import builtin_folder, load_catalog

    if options.catalog is None:
        return load_catalog(builtin_folder())
    from stripe_mcp.examples import check_examples

    for template in load_catalog(options.catalog).templates.values():
        check_examples(template)
    return load_catalog(builtin_folder(), options.catalog)
