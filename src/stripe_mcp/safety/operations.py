"""
What the ledger speaks of: an intended write, the operation that is kept of it, and what that means.
"""

import json
import re
import secrets
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from stripe_mcp.errors import Refused, ToolError
from stripe_mcp.request import StripeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """
    What is to be written, and what makes it the same as another: all that stands above *request*.

    *id* is that of a new operation, *key* a digest that stands for the account as well. *idempotent*: the
    same call again changes nothing more, so what is done is simply sent again. *repeat_of* is the operation
    that is meant to happen twice, *consent* the question or the approval whose answer came with the call.
    """

    principal: str
    account: str
    mode: str
    tool: str
    fingerprint: str
    request: StripeRequest
    id: str
    idempotent: bool
    key: str | None = None
    repeat_of: str | None = None
    consent: str | None = None


def new_id() -> str:
    """
    An id for a new operation.
    """
    return f"op_{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """
    What an operation moves, in the smallest unit of *currency*, and to whom it belongs.
    """

    NAMES: ClassVar = ("kind", "customer", "currency", "amount")

    kind: str | None = None
    customer: str | None = None
    currency: str | None = None
    amount: int | None = None

    def named(self, before: str = "") -> dict[str, Any]:
        """
        Its parts by name, with something *before* each.
        """
        return {f"{before}{name}": getattr(self, name) for name in self.NAMES}


NOTHING = Money()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    The *most*, in the smallest unit, that operations of one kind and currency may add up to in 24 hours:
    those of one *customer*, or all.
    """

    name: str
    most: int
    customer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One intended write, as it is kept. Times are Unix seconds.
    """

    id: str
    principal: str
    account: str
    mode: str
    tool: str
    state: str
    request: StripeRequest
    idempotency_key: str | None
    created: float
    alive_until: float
    retry_until: float
    finished: float | None
    outcome: str | None
    consent_way: str
    object: str | None = None
    currency: str | None = None
    amount: int | None = None

    @classmethod
    def kept_in(cls, row: dict[str, Any]) -> "Operation":
        """
        The operation that *row* of the table stands for.
        """
        names = cls.__dataclass_fields__.keys() - {"request"}
        request = StripeRequest(row["method"], row["route"], row["path"], row["query"], row["form"])
        return cls(**{name: row[name] for name in names}, request=request)

    def answer(self) -> dict[str, Any]:
        """
        The content that the first call was answered with.

        Raises:
            Refused: That call failed, and why.
            ToolError: It was carried out, and there is nothing to show of it.
        """
        kept: dict[str, Any] = json.loads(self.outcome or "{}")
        if self.state == "failed":
            raise Refused(
                "replayed", f"this answers {self.id}, which failed. {kept.get('error', '')}".strip()
            )
        if "content" not in kept:
            made = f" What it made or changed is {self.object}." if self.object else ""
            why = kept.get("error", "Its answer is not kept any more.")
            raise ToolError(f"REPEAT: nothing was sent now. {self.id} was carried out before.{made} {why}")
        content: dict[str, Any] = kept["content"]
        return content


class Standing(Enum):
    """
    What an earlier operation means for the same write now.
    """

    NEW = "none is in the way"
    RUNNING = "it is being carried out right now"
    RESEND = "its outcome is unknown, and sending it again tells"
    STUCK = "its outcome is unknown, and only a person can settle it"
    SETTLED = "it has an outcome, which answers this write too"


@dataclass(frozen=True, slots=True)
class Found:
    """
    The *operation* that was found, and what it means.
    """

    standing: Standing
    operation: Operation | None = None


def marked(request: StripeRequest, name: str) -> StripeRequest:
    """
    *request* with *name*, the id of its operation, in the metadata of what it makes: to be found again by.
    """
    form = "&".join(pair for pair in request.form.split("&") if pair and pair != "metadata=")
    return replace(request, form=f"{form}&metadata[stripe_mcp_operation]={name}".lstrip("&"))


def is_gone(body: dict[str, Any]) -> bool:
    """
    Whether the object *body* says that what a DELETE was to do to it is done: a DELETE has no key, so that
    this has to tell. https://docs.stripe.com/api/subscriptions/object
    """
    return body.get("deleted") is True or body.get("status") in ("canceled", "incomplete_expired")


def fingerprint(request: StripeRequest, payment: str | None = None) -> str:
    """
    What makes two writes the same: all of *request* but what only shapes its answer.

    A refund is its *payment* and its amount: why it is given, and by which name it is called, is beside it.
    """
    pairs = parse_qsl(request.query or request.form, keep_blank_values=True)
    said = [(name, value) for name, value in pairs if not name.startswith("expand[")]
    if payment is not None:
        said = [("payment", payment), *((name, value) for name, value in said if name == "amount")]
    plain = sorted(pair for pair in said if pair not in _USUAL and not _IN_LIST.match(pair[0]))
    return sha256(json.dumps([request.method, request.path, plain, _lists(said)]).encode()).hexdigest()


# What an argument that is left out stands for: https://docs.stripe.com/api/subscriptions/create
_USUAL = {("collection_method", "charge_automatically"), ("metadata", ""), ("quantity", "1")}
_IN_LIST = re.compile(r"(\w+)\[(\d+)\](.*)")


def _lists(said: list[tuple[str, str]]) -> list[Any]:
    """
    The lists among what is *said*, each entry with its own pairs: their order is beside it.
    """
    entries: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, value in said:
        if found := _IN_LIST.match(name):
            of, number, rest = found.groups()
            pair = (rest.strip("[]"), value)
            entries.setdefault((of, number), []).extend([] if pair in _USUAL else [pair])
    return sorted([of, sorted(pairs)] for (of, _), pairs in entries.items())
