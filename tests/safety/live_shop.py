"""
A shop in live mode: a dozen customers who have paid, in the simulator's second world.
"""

from typing import Any

import httpx

from stripe_mcp.request import encode_form
from stripe_mcp.simulator import Simulator

KEY = "sk_live_canary1234"


class LiveShop:
    """
    *payments* are the payment intents, of one customer each; all are of the same *amount* in cents.
    """

    amount = 5000

    def __init__(self) -> None:
        self.simulator = Simulator()
        self.payments: list[str] = []
        self.customers: list[str] = []

    async def open(self, payments: int, name: str = "Jane Doe") -> "LiveShop":
        """
        Let as many customers called *name* pay.
        """
        for number in range(payments):
            customer = await self.post("customers", name=name, email=f"jane{number}@example.com")
            method = await self.post("payment_methods/pm_card_visa/attach", customer=customer["id"])
            paid = await self.post(
                "payment_intents",
                amount=self.amount,
                currency="usd",
                customer=customer["id"],
                payment_method=method["id"],
                confirm=True,
                automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
            )
            assert paid["status"] == "succeeded", paid
            self.customers.append(customer["id"])
            self.payments.append(paid["id"])
        return self

    async def post(self, path: str, **form: Any) -> dict[str, Any]:
        return await self._ask("POST", path, form)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        return await self._ask("GET", f"{path}?{encode_form(query)}", {})

    async def refunded(self) -> int:
        """
        Cents that went back to customers.
        """
        refunds = (await self.get("refunds", limit=100))["data"]
        return sum(refund["amount"] for refund in refunds)

    async def _ask(self, method: str, path: str, form: dict[str, Any]) -> dict[str, Any]:
        transport = httpx.ASGITransport(app=self.simulator)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://stripe/v1/", headers=headers
        ) as client:
            answer = await client.request(method, path, content=encode_form(form))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body
