"""
What all tests share.
"""

import pytest
from hypothesis import settings

# How long an example takes is the machine's business: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def anyio_backend() -> str:
    """
    The SDK and our signal handling run on asyncio.
    """
    return "asyncio"
