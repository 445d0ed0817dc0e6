"""
The `stripe` package's HTTP client, which keeps in mind what was made through it.
"""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import stripe

stripe.enable_telemetry = False  # it would write ~/.config/stripe/telemetry_id


class Recorder(stripe.RequestsClient):
    """
    Notes the kind of every object that a POST answered with, by id, until it is deleted; and the ids of
    the last requests.

    It looks at the answers, so that nothing is forgotten that a test made and then failed on.
    """

    def __init__(self) -> None:
        super().__init__(timeout=80)
        self.made: dict[str, str] = {}
        self.request_ids: deque[str] = deque(maxlen=3)

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        content, status, said = super().request(method, url, headers, post_data, **more)
        self.request_ids.append(said.get("Request-Id", "(none)"))
        if method == "post" and status < 500:
            self.made.update(_made(json.loads(content)))
        elif method == "delete" and status == 200:
            self._forget(json.loads(content))
        return content, status, said

    def _forget(self, answer: dict[str, Any]) -> None:
        if answer.get("deleted"):
            self.made.pop(answer["id"], None)


def _made(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """
    The ids and kinds in an answer: a declined payment is made too, and a price may bring its product.
    """
    thing = answer.get("error", {}).get("payment_intent") or answer
    if "id" in thing:
        yield thing["id"], thing["object"]
    if thing.get("object") == "price":
        yield thing["product"], "product"
