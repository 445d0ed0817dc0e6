"""
What all tests share.
"""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """
    The SDK and our signal handling run on asyncio.
    """
    return "asyncio"
