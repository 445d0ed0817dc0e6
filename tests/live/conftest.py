"""
One account for the whole session: the simulator's, or with `--against` another one, which is left tidy.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from stripe_mcp.simulator import Simulator
from tests.live.differences import Differences
from tests.live.recorder import Recorder
from tests.live.side import Side, side_at, why_not
from tests.live.tidy import leave_nothing
from tests.live.workshop import Workshop
from tests.serving import serving

RECORDER = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--against", metavar="URL", help="run the tests marked live at this Stripe, with STRIPE_SECRET_KEY"
    )


def pytest_configure(config: pytest.Config) -> None:
    recorder = config.stash[RECORDER] = Recorder()
    against = config.getoption("--against", None)
    if against is not None:
        key = os.environ.get("STRIPE_SECRET_KEY", "")
        refusal = why_not(against, key)
        if refusal:
            raise pytest.UsageError(refusal)
        config.pluginmanager.register(Differences(key, recorder))


@pytest.fixture(scope="session")
def side(pytestconfig: pytest.Config) -> Iterator[Side]:
    against = pytestconfig.getoption("--against", None)
    if against is not None:
        yield side_at(against, os.environ["STRIPE_SECRET_KEY"])
    else:
        with serving(Simulator()) as address:
            yield side_at(address, "sk_test_live_suite")


@pytest.fixture(scope="session")
def connect(pytestconfig: pytest.Config) -> Iterator[Callable[[str, str], stripe.StripeClient]]:
    """
    A client of an address, with a key; what it makes is remembered.
    """
    recorder: Any = pytestconfig.stash[RECORDER]

    def connect(address: str, key: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            key, base_addresses={"api": address}, http_client=recorder, max_network_retries=2
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield connect
        recorder.close()


@pytest.fixture(scope="session")
def client(
    side: Side, connect: Callable[[str, str], stripe.StripeClient], pytestconfig: pytest.Config
) -> Iterator[stripe.StripeClient]:
    client = connect(side.address, side.key)
    yield client
    leave_nothing(client.v1, pytestconfig.stash[RECORDER].made)


@pytest.fixture(scope="session")
def v1(client: stripe.StripeClient) -> Any:
    return client.v1


@pytest.fixture(scope="session")
def make(v1: Any) -> Workshop:
    return Workshop(v1)
