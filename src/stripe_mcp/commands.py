"""
The commands around the ledger: each one opens it, does what it is told, and closes it again.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio

from stripe_mcp import approving, auditing, operating
from stripe_mcp.accounts import Accounts
from stripe_mcp.catalog import Catalog
from stripe_mcp.reconciling import reconcile
from stripe_mcp.results import Content, Presenter
from stripe_mcp.road import Road
from stripe_mcp.safety.identity import Identity
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.store import Store
from stripe_mcp.settings import Settings
from stripe_mcp.transport import Transport


@contextmanager
def _open(settings: Settings) -> Iterator[Ledger]:
    store = Store(settings.database)
    try:
        yield Ledger(store, settings.rules.repeat_seconds)
    finally:
        store.close()


def operations(
    options: argparse.Namespace,
    settings: Settings,
    catalog: Catalog,
    connect: Callable[[], Transport] | None,
) -> int:
    """
    List, show, reconcile or close operations, as *options* say; the exit status.

    Raises:
        LedgerUnavailable: The ledger cannot be used.
        ConfigurationError: A person is needed, and there is no terminal.
    """
    with _open(settings) as ledger:
        match options.action:
            case "show":
                return operating.show(ledger, options.operation)
            case "close":
                return operating.close(ledger, options.operation, options.outcome)
            case "reconcile":
                return anyio.run(_reconcile, ledger, options.operation, settings, catalog, connect)
            case _:
                return operating.list_open(ledger)


async def _reconcile(
    ledger: Ledger,
    wanted: str | None,
    settings: Settings,
    catalog: Catalog,
    connect: Callable[[], Transport] | None,
) -> int:
    road, accounts, identity = Road(connect), Accounts(settings), Identity(settings.rules)
    presenter = Presenter(catalog.objects, settings.max_result_chars, settings.redact_pii)

    def show(body: dict[str, Any]) -> Content:
        return presenter.present(identity.mask(body), {}, "lean")

    account = partial(accounts.id, road)
    try:
        return await reconcile(ledger, wanted, send=road.send, account=account, mode=settings.mode, show=show)
    finally:
        await road.aclose()


def approve(settings: Settings) -> int:
    """
    Put what waits to the person at the terminal; the exit status.

    Raises:
        LedgerUnavailable: The ledger cannot be used.
        ConfigurationError: There is no terminal.
    """
    with _open(settings) as ledger:
        return approving.approve(ledger.store)


def audit(options: argparse.Namespace, settings: Settings) -> int:
    """
    Show, export or verify the record, as *options* say; the exit status.

    Raises:
        LedgerUnavailable: The ledger cannot be used.
        ConfigurationError: A file cannot be read.
    """
    with _open(settings) as ledger:
        match options.action:
            case "export":
                return auditing.export(ledger.store)
            case "verify":
                return auditing.verify(ledger.store, options.file)
            case _:
                return auditing.show(ledger.store, options.last)
