"""
What all tests share.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes is the machine's business: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def own_folders() -> Iterator[None]:
    """
    Servers of the tests keep nothing among the developer's own files, and read none of their rules there.
    """
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, folder)
        patch.setenv("STRIPE_MCP_CONFIG", os.devnull)
        yield


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """
    A PostgreSQL of the tests' own; skips where none is installed.
    """
    from tests.faults.postgres import running_cluster

    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """
    The URL of an empty database, of each kind that the ledger may live in.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.db"
    address: str = request.getfixturevalue("cluster").create_database()
    return address


@pytest.fixture
def collector() -> Iterator[Any]:
    """
    A collector of spans and figures.
    """
    from tests.collecting import collecting

    with collecting() as collector:
        yield collector


@pytest.fixture
def anyio_backend() -> str:
    """
    The SDK and our signal handling run on asyncio.
    """
    return "asyncio"
