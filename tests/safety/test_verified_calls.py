"""
With identity verification on, nothing is done for a caller who has not proved who they are, and the model
learns no answer that would prove it.
"""

from typing import Any

import pytest

from stripe_mcp.rules import Rules
from tests.agent import TEMPLATES, texts
from tests.safety.desk import CONFIRMED, Desk, arguments, committed, desk
from tests.safety.live_shop import KEY, LiveShop

pytestmark = pytest.mark.anyio

GUARDED = [*CONFIRMED, "update_customer"]
ON: dict[str, Any] = {"rules": Rules(verify_identity=True, unasked_calls=100), "mode": "LIVE", "key": KEY}
CARD = "4242"


async def verify(at: Desk, customer: str, last4: str = CARD) -> str:
    content = await at.done("verify_identity", customer_id=customer, last4=last4)
    return str(content["verification"])


async def test_without_the_setting_there_is_no_such_tool_nor_argument() -> None:
    async with desk() as at:
        tools = (await at.client.list_tools()).tools
    assert "verify_identity" not in {tool.name for tool in tools}
    assert not [tool.name for tool in tools if "verification" in tool.input_schema["properties"]]


async def test_every_tool_that_matters_requires_a_verification() -> None:
    async with desk(**ON) as at:
        tools = {tool.name: tool for tool in (await at.client.list_tools()).tools}
    requiring = {
        name for name, tool in tools.items() if "verification" in tool.input_schema.get("required", [])
    }
    assert requiring == {*GUARDED}
    assert "verify_identity" in tools


@pytest.mark.parametrize("tool", GUARDED)
async def test_without_a_verification_nothing_happens(tool: str) -> None:
    async with desk(rules=Rules(verify_identity=True)) as at:
        given = arguments(at.simulator, tool)
        for handle in ({}, {"verification": ""}, {"verification": "ver_made.up"}):
            before = committed(at.simulator)
            result = await at.call(tool, **given, **handle)
            assert result.is_error
            assert "verify_identity" in texts(result)[0]
            assert committed(at.simulator) == before


async def test_a_verified_customer_gets_their_own_and_nobody_elses() -> None:
    shop = await LiveShop().open(2)
    async with desk(simulator=shop.simulator, **ON) as at:
        handle = await verify(at, shop.customers[0])
        for other in (
            ("create_refund", {"payment_intent": shop.payments[1]}),
            ("delete_customer", {"customer_id": shop.customers[1]}),
            ("update_customer", {"customer_id": shop.customers[1], "email": "thief@example.com"}),
        ):
            assert "customer" in await at.refused(other[0], **other[1], verification=handle)
        await at.done("create_refund", payment_intent=shop.payments[0], verification=handle)
        await at.done("update_customer", customer_id=shop.customers[0], name="Jane", verification=handle)
    assert await shop.refunded() == shop.amount


async def test_a_payment_of_nobody_cannot_be_refunded() -> None:
    shop = await LiveShop().open(1)
    guest = await shop.post(
        "payment_intents",
        amount=500,
        currency="usd",
        payment_method="pm_card_visa",
        confirm=True,
        automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
    )
    async with desk(simulator=shop.simulator, **ON) as at:
        handle = await verify(at, shop.customers[0])
        assert "customer" in await at.refused(
            "create_refund", payment_intent=guest["id"], verification=handle
        )


async def test_wrong_and_unknown_and_locked_sound_the_same() -> None:
    shop = await LiveShop().open(1)
    async with desk(simulator=shop.simulator, **ON) as at:
        said = {
            await at.refused("verify_identity", customer_id=shop.customers[0], last4="0000") for _ in range(4)
        }
        said.add(await at.refused("verify_identity", customer_id="cus_nobody", last4=CARD))
        said.add(
            await at.refused("verify_identity", customer_id=shop.customers[0], last4=CARD)
        )  # locked by now
    assert len(said) == 1


async def test_no_answer_of_any_tool_shows_the_digits() -> None:
    shop = await LiveShop().open(1)
    async with desk(simulator=shop.simulator, **ON) as at:
        handle = await verify(at, shop.customers[0])
        given = {"payment_intent": shop.payments[0], "amount": 100, "verification": handle}
        results = [await at.call("create_refund", **given) for _ in range(2)]
        for tool, template in TEMPLATES.items():
            if template.reads and template.returns_list and not template.input.get("required"):
                results += [await at.call(tool), await at.call(tool, detail="full")]
        results.append(await at.call("list_payment_methods", customer_id=shop.customers[0], detail="full"))
        read = await at.client.read_resource(f"stripe://payment_intents/{shop.payments[0]}")
    said = " ".join([*(text for result in results for text in texts(result)), str(read)])
    assert f'"{CARD}"' not in said
    assert "receipt_url" not in said
    assert '"last4":"***"' in said


async def test_a_search_for_the_digits_is_refused() -> None:
    async with desk(rules=Rules(verify_identity=True)) as at:
        text = await at.refused("search_charges", query='payment_method_details.card.last4:"4242"')
        assert "Refused" in text
