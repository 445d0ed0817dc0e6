"""
Test & connect: whose key is this, and which tools may it call? Reads only.

Every reading tool is tried with the arguments of its first example. That the object does not exist
is as good an answer as any: Stripe looks at the permission first. A writing tool is never tried: a
secret key may call all of them, and a restricted one that may write a resource may also read it.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import anyio
from rich.console import Console
from rich.table import Column, Table

from stripe_mcp.advice import advise
from stripe_mcp.catalog import Template
from stripe_mcp.errors import NoAnswer, NotConnected, StripeError, ToolError
from stripe_mcp.request import build_request
from stripe_mcp.settings import Settings
from stripe_mcp.transport import Transport
from stripe_mcp.whoami import account_in_words, account_reader


def check(
    settings: Settings, catalog: Mapping[str, Template], connect: Callable[[], Transport] | None
) -> int:
    """
    Print what the key of *settings* is and may do. Returns 0 if it works and lacks nothing, else 1.
    """
    console = Console(markup=False, highlight=False)  # what Stripe says can hold brackets
    if connect is None:
        console.print(str(NotConnected()))
        return 1
    return anyio.run(_check, console, settings, catalog, connect)


async def _check(
    console: Console, settings: Settings, catalog: Mapping[str, Template], connect: Callable[[], Transport]
) -> int:
    try:
        transport = connect()
        try:
            console.print(f"Mode: {settings.banner}")
            console.print(f"Account: {await account_in_words(account_reader(transport))}")
            verdicts = await _try_all(transport, settings, catalog)
        finally:
            await transport.aclose()
    except ToolError as error:
        console.print(advise(error, None, settings.mode) if isinstance(error, StripeError) else str(error))
        return 1
    table = Table(Column("Tool", overflow="fold"), Column("May this key call it?", overflow="fold"))
    for name, verdict in verdicts.items():
        table.add_row(name, verdict)
    console.print(table)
    missing = sorted(
        {catalog[name].permission for name, verdict in verdicts.items() if verdict.startswith("no:")}
    )
    if missing:
        console.print(f"Missing: {', '.join(missing)}. A restricted key with all that the tools need:")
        console.print(_new_key_page(settings, catalog), soft_wrap=True)
    return 1 if missing else 0


async def _try_all(
    transport: Transport, settings: Settings, catalog: Mapping[str, Template]
) -> dict[str, str]:
    """
    A verdict for each tool of *catalog*, in its order.
    """
    verdicts = dict.fromkeys(catalog, "yes")
    refused: set[str] = set()

    async def read(template: Template) -> None:
        request = build_request(template, template.examples[0].arguments)
        try:
            await transport.send(request)
        except StripeError as error:
            if error.status == 403:
                refused.add(template.permission)
                verdicts[template.name] = f"no: needs {template.permission}"
            elif error.status == 429 or error.status >= 500:
                verdicts[template.name] = f"unknown: {error.reason}"
        except NoAnswer as error:
            verdicts[template.name] = f"unknown: {error.reason}"

    writing = [template for template in catalog.values() if template.request.method != "GET"]
    async with anyio.create_task_group() as tasks:
        for template in catalog.values():
            if template not in writing:
                tasks.start_soon(read, template)
    for template in writing:
        if template.permission.replace("_write", "_read") in refused:
            verdicts[template.name] = f"no: needs {template.permission}"
        elif settings.key_kind != "secret":
            verdicts[template.name] = f"not tested: needs {template.permission}"
    return verdicts


def _new_key_page(settings: Settings, catalog: Mapping[str, Template]) -> str:
    """
    The Dashboard's page for a new restricted key, with all that *catalog* needs ticked.
    """
    needed = sorted({template.permission for template in catalog.values()})
    query = urlencode([("name", "stripe-mcp"), *(("permissions[]", permission) for permission in needed)])
    test = "test/" if settings.mode == "TEST" else ""
    return f"https://dashboard.stripe.com/{test}apikeys/create?{query}"
