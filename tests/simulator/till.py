"""
A desk for payments: what is answered is what the `stripe` package declares, and what was told of it is kept.
"""

from typing import Any

from tests.simulator.books import check_answer
from tests.simulator.direct import Answer, Desk, Fields

DAY = 86_400


class Till(Desk):
    """
    A simulator, and who takes money with it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.newest_event = self.get("events", limit=1)["data"][0]["id"]

    def ask(self, method: str, path: str, fields: Fields | None = None, key: str | None = None) -> Answer:
        answer = super().ask(method, path, fields, key)
        if path != "balance":  # which may be below zero
            check_answer(answer)
        return answer

    def post(self, path: str, **fields: Any) -> Any:
        answer = self.ask("POST", path, fields)
        assert answer.status == 200, answer.body
        return answer.body

    def refused(self, path: str, **fields: Any) -> tuple[int, Any]:
        """
        Status and error of a POST that has to fail, and may have changed something only if it is a 402.
        """
        before = self.get("events", limit=1)
        answer = self.ask("POST", path, fields)
        assert answer.status >= 400, answer.body
        assert answer.status == 402 or self.get("events", limit=1) == before
        return answer.status, answer.body["error"]

    def told(self, *about: str) -> list[str]:
        """
        The types of the events since this was last asked, oldest first; only those *about* some ids, if any.
        """
        news = self.walk_back("events", self.newest_event)[::-1]
        if news:
            self.newest_event = news[-1]["id"]
        return [e["type"] for e in news if not about or e["data"]["object"]["id"] in about]

    def wait(self, seconds: int) -> None:
        self.now += seconds

    def intent(self, **fields: Any) -> Any:
        return self.post("payment_intents", **({"amount": 5000, "currency": "usd"} | fields))

    def pay(self, card: str = "visa", **fields: Any) -> Any:
        """
        A PaymentIntent confirmed with a test card; it expands its charge.
        """
        more = {"payment_method": f"pm_card_{card}", "confirm": True, "expand": ["latest_charge"]}
        return self.intent(**(more | fields))

    def customer(self, card: str | None = None) -> tuple[str, str]:
        """
        A new customer and the id of their card, if they have one.
        """
        customer = self.post("customers")["id"]
        if card is None:
            return customer, ""
        return customer, self.post(f"payment_methods/pm_card_{card}/attach", customer=customer)["id"]

    def funds(self, part: str = "available", currency: str = "usd") -> int:
        listed = self.get("balance")[part]
        return sum(fund["amount"] for fund in listed if fund["currency"] == currency)

    def booked(self, source: str) -> list[tuple[str, int, int]]:
        """
        Type, amount and fee of what was booked for *source*, oldest first.
        """
        listed = self.walk("balance_transactions", source=source)[::-1]
        return [(each["type"], each["amount"], each["fee"]) for each in listed]
