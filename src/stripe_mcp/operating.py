"""
`stripe-mcp operations list|show|close`: the writes of which nobody knows what became, for a person to settle.

Rule: an operation that a living process is carrying out is left to it; and what a person closes is what
they found, said by them at their own terminal, and audited.
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl

import anyio
from rich.console import Console
from rich.table import Column, Table

from stripe_mcp.currency import display
from stripe_mcp.pii import mask
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.operations import Operation
from stripe_mcp.terminal import open_terminal
from stripe_mcp.text import clean
from stripe_mcp.times import iso

_CLOSED = {
    "done": "It counts as carried out: the same call is answered with that, and nothing is sent.",
    "failed": "It counts as never carried out: the same call is sent anew, and gives back what it reserved.",
}


def list_open(ledger: Ledger, clock: Callable[[], float] = time.time) -> int:
    """
    Print the open operations, the oldest first. Returns 0 if there is none, else 1.
    """
    operations = anyio.run(ledger.open)
    if not operations:
        Console().print("No operation is open.")
        return 0
    names = ("State", "Age", "Mode", "Tool", "Amount", "Idempotency key")
    whole = Column("Operation", no_wrap=True)  # to be copied into `operations show`
    table = Table(whole, *(Column(name, overflow="fold") for name in names))
    for each in operations:
        state = "running" if is_running(ledger, each) else "unknown"
        key = each.idempotency_key or "none"
        table.add_row(each.id, state, _age(clock() - each.created), each.mode, each.tool, _amount(each), key)
    Console(markup=False, highlight=False).print(table)
    return 1


def is_running(ledger: Ledger, operation: Operation) -> bool:
    """
    Whether a living process is carrying out *operation*.
    """
    return operation.state == "intent" and ledger.is_alive(operation)


def _age(seconds: float) -> str:
    minutes = max(int(seconds // 60), 0)
    hours, days = minutes // 60, minutes // 1440
    return (
        f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
    )


def _amount(operation: Operation) -> str:
    if operation.amount is None or operation.currency is None:
        return ""
    known = display(operation.amount, operation.currency)
    return known or f"{operation.amount} {operation.currency} (smallest unit)"


def show(ledger: Ledger, wanted: str) -> int:
    """
    Print all that is kept of the operation *wanted*, with personal data masked. Returns 1 if there is none.
    """
    console = Console(markup=False, highlight=False)
    operation = anyio.run(ledger.get, wanted)
    if operation is None:
        console.print(f"There is no operation {clean(wanted)}.")
        return 1
    for name, value in _kept(operation):
        console.print(f"{name}: {clean(value)}", soft_wrap=True)
    return 0


def _kept(operation: Operation) -> Iterator[tuple[str, str]]:
    """
    What is kept of *operation*, as names and values to read.
    """
    yield "operation", operation.id
    for name in ("state", "mode", "account", "tool", "idempotency_key", "consent_way"):
        yield name, str(getattr(operation, name))
    yield "principal", mask(operation.principal)
    yield "amount", _amount(operation) or "None"
    for name in ("created", "retry_until", "finished"):
        moment = getattr(operation, name)
        yield name, str(moment and iso(int(moment)))
    request = operation.request
    yield "request", f"{request.method} {request.path}"
    for name, value in parse_qsl(request.query or request.form, keep_blank_values=True):
        yield f"  {clean(mask(name))}", _masked(name, value)
    outcome = mask(json.loads(operation.outcome or "null"))
    yield "outcome", json.dumps(outcome, ensure_ascii=False)


def _masked(name: str, value: str) -> str:
    """
    The *value* of a form's field, masked as the last of its *name* asks for, and those around it.
    """
    nested: Any = value
    for part in reversed(name.replace("]", "").split("[")):
        nested = {part: nested}
    masked = mask(nested)
    while isinstance(masked, dict):
        [masked] = masked.values()
    return str(masked)


def close(ledger: Ledger, wanted: str, state: Literal["done", "failed"]) -> int:
    """
    Have a person close the open operation *wanted* as what they found it to be. Returns 1 if they did not.

    Raises:
        ConfigurationError: There is no terminal.
        LedgerUnavailable: It could not be kept.
    """
    operation = anyio.run(_find_open, ledger, wanted)
    if operation is None:
        return 1
    with open_terminal() as terminal:
        terminal.say("\n".join(f"{name}: {clean(value)}" for name, value in _kept(operation)))
        terminal.say(f"\nYou are about to close it as {state}. {_CLOSED[state]}")
        if terminal.ask(f"Type {operation.id} to do so:") != operation.id:
            terminal.say("Nothing was changed.")
            return 1
    if anyio.run(_find_open, ledger, wanted) is None:  # while the person was typing
        return 1
    outcome = json.dumps({"error": f"A person closed it as {state}. {_CLOSED[state]}"})
    anyio.run(partial(ledger.finish, operation, state, outcome, why="closed by a person"))
    Console(highlight=False).print(f"{operation.id} is closed as {state}.")
    return 0


async def _find_open(ledger: Ledger, wanted: str) -> Operation | None:
    """
    The operation *wanted*, if it can be closed; else it is said why not.
    """
    operation = await ledger.get(wanted)
    if operation is None:
        why = f"There is no operation {clean(wanted)}."
    elif operation.state in ("done", "failed"):
        why = f"{operation.id} is {operation.state} already."
    elif is_running(ledger, operation):
        why = f"{operation.id} is being carried out right now."
    else:
        return operation
    Console(markup=False, highlight=False).print(why)
    return None
