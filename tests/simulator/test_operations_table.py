import subprocess
import sys

import pytest

from stripe_mcp.simulator.parameters import _parse, load_table
from stripe_mcp.simulator.routes import ROUTES
from tests.simulator.operations_table import TABLE, render_table


def test_the_table_is_what_its_generator_makes_of_the_stripe_package() -> None:
    assert TABLE.read_text(encoding="utf-8") == render_table()


def test_every_operation_of_the_table_has_a_handler_and_the_other_way_round() -> None:
    assert {route.operation for route in ROUTES.values()} == set(load_table()["operations"])


def test_every_row_of_the_table_can_be_read() -> None:
    for operation in load_table()["operations"].values():
        _parse(operation["parameters"])


@pytest.mark.parametrize("slow", ["httpx", "jsonschema", "stripe", "uvicorn"])
def test_the_simulator_imports_nothing_slow(slow: str) -> None:
    code = f"import sys; import stripe_mcp.simulator; sys.exit({slow!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
