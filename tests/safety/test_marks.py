"""
What a write makes bears the id of its operation, so that it can be found if no answer came.
"""

import re

import pytest

from stripe_mcp.rules import Rules
from stripe_mcp.simulator import Simulator
from tests.agent import TEMPLATES
from tests.safety.desk import arguments, desk

pytestmark = pytest.mark.anyio

MAKING = [
    name
    for name, template in TEMPLATES.items()
    if not template.annotations.idempotentHint and "metadata" in template.input["properties"]
]


def metadata(simulator: Simulator, tool: str, made: str) -> dict[str, str]:
    found: dict[str, str] = simulator.store.get(TEMPLATES[tool].returned_object, made)["metadata"]
    return found


def test_all_that_makes_something_with_metadata_is_asked() -> None:
    assert {"create_customer", "create_payment_intent", "create_subscription", "create_refund"} < {*MAKING}


@pytest.mark.parametrize("tool", MAKING)
async def test_what_is_made_bears_its_operation(tool: str) -> None:
    async with desk() as at:
        made = await at.done(tool, **arguments(at.simulator, tool))
        assert re.fullmatch(
            r"op_[0-9a-f]{16}", metadata(at.simulator, tool, made["id"])["stripe_mcp_operation"]
        )


@pytest.mark.parametrize("tool", MAKING)
async def test_it_bears_none_if_that_is_not_wanted(tool: str) -> None:
    async with desk(rules=Rules(operation_metadata=False)) as at:
        made = await at.done(tool, **arguments(at.simulator, tool))
        assert "stripe_mcp_operation" not in metadata(at.simulator, tool, made["id"])


@pytest.mark.parametrize("tool", MAKING)
async def test_metadata_that_is_full_stays_as_it_is(tool: str) -> None:
    full = {f"key{number}": "value" for number in range(50)}
    async with desk() as at:
        made = await at.done(tool, **arguments(at.simulator, tool) | {"metadata": full})
        assert metadata(at.simulator, tool, made["id"]) == full


async def test_empty_metadata_bears_the_operation_alone() -> None:
    async with desk() as at:
        made = await at.done("create_refund", **arguments(at.simulator, "create_refund"), metadata="")
        assert metadata(at.simulator, "create_refund", made["id"]).keys() == {"stripe_mcp_operation"}
