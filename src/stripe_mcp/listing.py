"""
The tools as tables: for a terminal, and for the README.
"""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from stripe_mcp.catalog import Template


def print_table(catalog: Mapping[str, Template]) -> None:
    """
    Print *catalog* to standard output, one section a category.
    """
    columns = [Column(name, overflow="fold") for name in ("Tool", "Kind", "A restricted key needs")]
    table = Table(*columns, box=SIMPLE_HEAD, title=f"{len(catalog)} tools", title_justify="left")
    category = ""
    for template in catalog.values():
        if template.category != category:
            category = template.category
            table.add_section()
            table.add_row(f"[bold]{category}[/bold]", "", "")
        table.add_row(template.name, _kind(template), template.permission)
    Console().print(table)


def markdown(catalog: Mapping[str, Template]) -> str:
    """
    *catalog* as a Markdown table, without a newline at its end.
    """
    rows = ["| Tool | Kind | Stripe operation |", "|---|---|---|"]
    rows.extend(
        f"| `{template.name}` | {_kind(template)} | `{template.request.method} {template.request.path}` |"
        for template in catalog.values()
    )
    return "\n".join(rows)


def _kind(template: Template) -> str:
    hints = template.annotations
    return "reads" if hints.readOnlyHint else "destructive" if hints.destructiveHint else "writes"
