"""
The refund conversation, played for real: a server process on the simulator, and an MCP client.

What people say is scripted, and that the person agrees when the server has them asked. Every tool call,
question and result is the server's own: ids and amounts are taken from the results, as a model would.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import anyio
from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import ElicitRequestParams, ElicitResult, TextContent
from rich.console import Console
from rich.markup import escape

_EMAIL = "john.smith@example.com"


def play() -> int:
    """
    Print the conversation to standard output. Returns 0 when the refund succeeded, else 1.
    """
    # The server's own lines on standard error would run through the conversation.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        try:
            return anyio.run(_play, Console(highlight=False), nowhere)
        except* SystemExit:
            pass  # rich's answer to a reader that has read enough: `stripe-mcp demo | head`
    return 1


async def _play(console: Console, errlog: TextIO) -> int:
    console.print("[bold]stripe-mcp demo[/bold]: a refund by phone, in the simulator. No real money moves.\n")
    # Neither rules nor repeats of earlier days have a part in it.
    own = {"STRIPE_MCP_CONFIG": os.devnull, "STRIPE_MCP_DATABASE_URL": "sqlite://"}
    command = ["-P", "-m", "stripe_mcp", "--simulator"]
    server = StdioServerParameters(command=sys.executable, args=command, env=own)

    async def agree(context: Any, params: ElicitRequestParams) -> ElicitResult:
        for line in params.message.splitlines():
            console.print(f"  [yellow]?  {escape(line)}[/yellow]", soft_wrap=True)
        console.print("  [yellow]?  \\[x] Yes, do this[/yellow]")
        return ElicitResult(action="accept", content={"confirm": True})

    async with Client(stdio_client(server, errlog=errlog), elicitation_callback=agree) as client:
        tools = (await client.list_tools()).tools
        destructive = sum(bool(tool.annotations and tool.annotations.destructive_hint) for tool in tools)
        console.print(f"Connected over stdio: {len(tools)} tools, {destructive} marked destructive.\n")
        return await _refund_by_phone(console, client)


async def _refund_by_phone(console: Console, client: Client) -> int:
    _say(console, "Caller", f"I'd like my last payment back, please. My e-mail address is {_EMAIL}.")
    found = await _call(console, client, "search_customers", email=_EMAIL, expand=["data.subscriptions"])
    customer = found["data"][0]
    item = customer["subscriptions"]["data"][0]["items"]["data"][0]
    _note(console, f"{customer['name']} ({customer['id']}), {item['price']['nickname']}")

    _say(console, "Agent", f"I have your account, {customer['name'].split()[0]}. Which card do you pay with?")
    _say(console, "Caller", "The one that ends in 4242.")
    charges = await _call(console, client, "list_charges", customer=customer["id"], limit=2)
    last, before = charges["data"]
    card = last["payment_method_details"]["card"]
    _note(console, f"card ending {card['last4']}; payments: {_payment(last)}, {_payment(before)}")

    _say(console, "Agent", f"That matches. Your last payment was {_payment(last)}. Shall I refund all of it?")
    _say(console, "Caller", "Yes, all of it.")
    refund = await _call(
        console,
        client,
        "create_refund",
        payment_intent=last["payment_intent"],
        reason="requested_by_customer",
    )
    _note(console, f"refund {refund['id']} of {refund['amount_display']}: {refund['status']}")
    _say(console, "Agent", f"Done: {refund['amount_display']} is on its way back to your card.")
    return 0 if refund["status"] == "succeeded" else 1


async def _call(console: Console, client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """
    Call *tool*, show the call and the start of its answer, and return the Stripe object.
    """
    console.print(f"  [cyan]-> {tool}[/cyan] {escape(json.dumps(arguments))}", soft_wrap=True)
    result = await client.call_tool(tool, arguments)
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    answer = " ".join(texts)
    console.print(
        f"  [green]<-[/green] {escape(answer[:150])}{'...' if len(answer) > 150 else ''}", soft_wrap=True
    )
    body: dict[str, Any] = json.loads(texts[-1])
    return body


def _say(console: Console, who: str, text: str) -> None:
    console.print(f"[bold]{who}:[/bold] {escape(text)}", soft_wrap=True)


def _note(console: Console, text: str) -> None:
    console.print(f"     [dim]{escape(text)}[/dim]\n", soft_wrap=True)


def _payment(charge: dict[str, Any]) -> str:
    day = datetime.fromisoformat(charge["created"])
    return f"{charge['amount_display']} on {day:%B} {day.day}"
