"""
What all tests share.
"""

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory

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


@pytest.fixture
def anyio_backend() -> str:
    """
    The SDK and our signal handling run on asyncio.
    """
    return "asyncio"
