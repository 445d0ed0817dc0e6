"""
Which tools this server has at all: what is not allowed is neither listed nor callable. No I/O.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from stripe_mcp.catalog import Catalog, Template
from stripe_mcp.errors import ConfigurationError, redact
from stripe_mcp.rules import Rules, Said
from stripe_mcp.spelling import nearest

_NAMING = ("tools", "exclude_tools", "categories")
_IN_BACKTICKS = re.compile(r"`(\w+)`")


def restrict(catalog: Catalog, rules: Rules) -> Catalog:
    """
    What is left of *catalog*: the tools that *rules* allow, and the prompts that need no others.

    Raises:
        ConfigurationError: A tool or category is named that there is not, or nothing is left.
    """
    for rule in _NAMING:
        _check(catalog, rule, rule, getattr(rules, rule) or ())
    left = {name: template for name, template in catalog.templates.items() if _allows(rules, template)}
    if not left:
        raise ConfigurationError("No tool is left: what is allowed in one place is not allowed in another.")
    gone = catalog.templates.keys() - left.keys()
    told = {name: without(gone, template.description) for name, template in left.items()}
    changed = {
        name: template.model_copy(update={"description": told[name]})
        for name, template in left.items()
        if told[name] != template.description
    }
    prompts = {
        name: prompt
        for name, prompt in catalog.prompts.items()
        if not gone & {*_IN_BACKTICKS.findall(prompt.text)}
    }
    return replace(catalog, templates=left | changed, prompts=prompts, hidden=catalog.hidden | gone)


def without(hidden: Collection[str], text: str) -> str:
    """
    *text* without the sentences that send a reader to *hidden* tools.
    """
    if not hidden:
        return text
    lines = (
        " ".join(
            each for each in re.split(r"(?<=\.)\s+", line) if not {*re.findall(r"\w+", each)} & {*hidden}
        )
        for line in text.split("\n")
    )
    return "\n".join(filter(None, lines))


def _allows(rules: Rules, template: Template) -> bool:
    return (
        (template.reads or not rules.read_only)
        and (rules.tools is None or template.name in rules.tools)
        and (rules.categories is None or template.category in rules.categories)
        and template.name not in rules.exclude_tools
    )


def check_names(catalog: Catalog, said: Iterable[Said]) -> None:
    """
    Make sure that *catalog* has every tool and category that was *said*, though another source outdoes it: a
    misspelt name would hide too much, or worse, too little.

    Raises:
        ConfigurationError: It has not.
    """
    for each in said:
        if each.rule in _NAMING:
            _check(catalog, each.rule, each.where, each.value)


def _check(catalog: Catalog, rule: str, where: str, named: Collection[str]) -> None:
    categories = {template.category for template in catalog.templates.values()}
    kind, known = ("category", categories) if rule == "categories" else ("tool", set(catalog.templates))
    for name in sorted(set(named) - known):
        near = nearest(name, known)
        hint = f" Did you mean {near}?" if near else " `stripe-mcp tools` lists what there is."
        raise ConfigurationError(f"{where}: there is no {kind} {redact(name)[:64]}.{hint}")
