"""
Which tools this server has at all: what is not allowed is neither listed nor callable. No I/O.

Each source of the decision (command line, environment) can only take away: a tool is there if all
of them allow it.
"""

import re
from dataclasses import replace

from stripe_mcp.catalog import Catalog, Template
from stripe_mcp.errors import ConfigurationError, redact
from stripe_mcp.settings import Allowed
from stripe_mcp.spelling import nearest

_IN_BACKTICKS = re.compile(r"`(\w+)`")


def restrict(catalog: Catalog, *sources: Allowed) -> Catalog:
    """
    What is left of *catalog*: the tools that all *sources* allow, and the prompts that need no others.

    Raises:
        ConfigurationError: A tool or category is named that there is not, or nothing is left.
    """
    for allowed in sources:
        _check_names(catalog, allowed)
    left = {
        name: template
        for name, template in catalog.templates.items()
        if all(_allows(allowed, template) for allowed in sources)
    }
    if not left:
        raise ConfigurationError("No tool is left: what is allowed in one place is not allowed in another.")
    gone = catalog.templates.keys() - left.keys()
    prompts = {
        name: prompt
        for name, prompt in catalog.prompts.items()
        if not gone & {*_IN_BACKTICKS.findall(prompt.text)}
    }
    return replace(catalog, templates=left, prompts=prompts)


def _allows(allowed: Allowed, template: Template) -> bool:
    return (
        (template.reads or not allowed.read_only)
        and (allowed.tools is None or template.name in allowed.tools)
        and (allowed.categories is None or template.category in allowed.categories)
        and template.name not in allowed.exclude_tools
    )


def _check_names(catalog: Catalog, allowed: Allowed) -> None:
    """
    A misspelt name would hide too much, or worse, too little.
    """
    categories = {template.category for template in catalog.templates.values()}
    _check("tool", {*(allowed.tools or ()), *allowed.exclude_tools}, set(catalog.templates))
    _check("category", allowed.categories or frozenset(), categories)


def _check(kind: str, named: set[str] | frozenset[str], known: set[str]) -> None:
    for name in sorted(named - known):
        near = nearest(name, known)
        hint = f" Did you mean {near}?" if near else " `stripe-mcp tools` lists what there is."
        raise ConfigurationError(f"There is no {kind} {redact(name)[:64]}.{hint}")
