"""
What the fault tests share: a Stripe with a bad line, a host for the server.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.proxy import listening
from tests.faults.server import Host
from tests.faults.stripe_side import KEY, Stripe


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    stripe = Stripe()
    async with listening(stripe) as stripe.address:
        yield stripe


@pytest.fixture
def host(request: pytest.FixtureRequest, stripe: Stripe, tmp_path: Path) -> Host:
    """
    Of the database that the test asks for, else of a file.
    """
    asks = "database" in request.fixturenames
    database = request.getfixturevalue("database") if asks else f"sqlite:///{tmp_path}/ledger.db"
    folders = (
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
    )
    return Host(
        tmp_path,
        {name: str(tmp_path) for name in folders}
        | {
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_MCP_API_BASE": stripe.address,
            "STRIPE_MCP_DATABASE_URL": database,
            "STRIPE_MCP_DEADLINE": "10",
        },
    )
