"""
The tools as tables: for a terminal, for the README, and for a resource.
"""

from collections.abc import Mapping

from stripe_mcp.catalog import Template

_LEGEND = "Plain: only reads. *Italic*: writes. **Bold**: can move money, remove or overwrite something."


def print_table(catalog: Mapping[str, Template]) -> None:
    """
    Print *catalog* to standard output, one section a category.
    """
    from rich.box import SIMPLE_HEAD  # imported late: 60 ms that Markdown need not pay
    from rich.console import Console
    from rich.table import Column, Table

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
    *catalog* as a Markdown table with a row a category and a legend, without a newline at its end.
    """
    tools: dict[str, list[str]] = {}
    for template in catalog.values():
        tools.setdefault(template.category, []).append(_marked(template))
    rows = [f"| {category.replace('_', ' ')} | {' '.join(names)} |" for category, names in tools.items()]
    return "\n".join(["| Category | Tools |", "|---|---|", *rows, "", _LEGEND])


def _marked(template: Template) -> str:
    mark = {"reads": "", "writes": "*", "destructive": "**"}[_kind(template)]
    return f"{mark}`{template.name}`{mark}"


def markdown_by_category(catalog: Mapping[str, Template]) -> str:
    """
    *catalog* as Markdown, a section with a table of its tools and what each one needs for every category.
    """
    heading = "| Tool | Kind | Stripe operation | A restricted key needs |\n|---|---|---|---|"
    sections = {template.category: [f"## {template.category}", "", heading] for template in catalog.values()}
    for template in catalog.values():
        operation = f"`{template.request.method} {template.request.path}`"
        cells = (f"`{template.name}`", _kind(template), operation, f"`{template.permission}`")
        sections[template.category].append(f"| {' | '.join(cells)} |")
    return "\n\n".join("\n".join(lines) for lines in sections.values())


def _kind(template: Template) -> str:
    hints = template.annotations
    return "reads" if hints.readOnlyHint else "destructive" if hints.destructiveHint else "writes"
