"""
`stripe-mcp approve`: what waits for a person's yes is put to them in their own terminal.

Rule: the answer is typed at the terminal itself, so that no program that starts this command gives it by
the way; and it is kept together with its line in the audit, or not at all.
"""

import time
from collections.abc import Callable

import anyio
from rich.console import Console
from sqlalchemy import Connection

from stripe_mcp.safety import approvals, audit
from stripe_mcp.safety.approvals import Approval
from stripe_mcp.safety.question import same_amount
from stripe_mcp.safety.store import Store
from stripe_mcp.terminal import Terminal, open_terminal
from stripe_mcp.text import clean


def approve(store: Store, clock: Callable[[], float] = time.time) -> int:
    """
    Put all that waits in *store* to the person, one after the other. Returns 0 if everything got its
    answer, else 1.

    Raises:
        ConfigurationError: There is no terminal.
        LedgerUnavailable: An answer could not be kept, and counts for nothing.
    """
    waiting = anyio.run(store.look, approvals.waiting, clock())
    if not waiting:
        Console().print("Nothing waits for approval.")
        return 0
    with open_terminal() as terminal:
        terminal.say("\n".join([f"{len(waiting)} to approve:", *(_named(each) for each in waiting)]))
        answered = [_put(terminal, store, approval, clock) for approval in waiting]
    return 0 if all(answered) else 1


def _named(approval: Approval) -> str:
    """
    *approval* in one line, whatever is in it.
    """
    whose = f"on {approval.account} for {approval.principal}"
    return clean(f"{approval.id}: {approval.tool}, {approval.mode}, {whose}")


def _put(terminal: Terminal, store: Store, approval: Approval, clock: Callable[[], float]) -> bool:
    """
    Have *approval* answered, and keep the answer. False if it got none that counts.
    """
    terminal.say(f"\n{_named(approval)}\n{approval.question}")
    state = _ask(terminal, approval)
    if state is None:
        terminal.say(f"{approval.id} still waits.")
        return False
    if not anyio.run(store.run, _settle, approval, state, clock()):
        terminal.say(f"{approval.id} was answered elsewhere or has expired; this answer counts for nothing.")
        return False
    terminal.say(f"{approval.id} is {state}.")
    return True


def _ask(terminal: Terminal, approval: Approval) -> str | None:
    """
    Approved or declined; None if the person twice typed something else.
    """
    amount = approval.amount
    wanted = f"the amount ({amount})" if amount else '"yes"'
    for _ in range(2):
        typed = terminal.ask(f'Type {wanted} to approve, "no" to decline:').lower()
        if typed == "no":
            return "declined"
        if same_amount(typed, amount) if amount else typed == "yes":
            return "approved"
    return None


def _settle(connection: Connection, approval: Approval, state: str, now: float) -> bool:
    settled = approvals.settle(connection, approval.id, state, now)
    if settled:
        audit.append(connection, now, event=state, of=approval, approval=approval.id)
    return settled
