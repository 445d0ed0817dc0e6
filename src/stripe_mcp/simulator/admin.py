"""
The admin routes, below `/_simulator/`: clock, keys, faults, money and the rest of `ACTS`. They need no key.

Rule: JSON in, JSON out, and what comes in is checked to the last field. They exist
only where they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import TypeAdapter, ValidationError

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.faults import Fault
from stripe_mcp.simulator.intent_actions import authenticate
from stripe_mcp.simulator.keys import PERMISSIONS, Made
from stripe_mcp.simulator.saving import StateError, pack
from stripe_mcp.simulator.store import make_token
from stripe_mcp.simulator.wire import Reply, Request, json_reply, refuse

if TYPE_CHECKING:
    from stripe_mcp.simulator.app import Simulator

ADMIN = "/_simulator/"
LATEST = 4_102_444_800  # the year 2100, Unix seconds
FARTHEST = 3_660 * 86_400  # seconds that the clock can be advanced by at once: ten years
LONGEST_LATENCY, LONGEST_DELAY = 60, 86_400  # seconds
NOT_MOVED: dict[str, Any] = {"currency": "", "captured": 0, "captures": 0, "refunded": 0, "refunds": 0}


class Body:
    """
    What all bodies have in common: no field that is not known, no type that has to be guessed.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}


@dataclass
class Nothing(Body):
    """
    No fields at all.
    """


@dataclass
class Move(Body):
    """
    Seconds to advance by, or the Unix time to advance to.
    """

    advance: int | None = None
    to: int | None = None

    def __post_init__(self) -> None:
        if (self.advance is None) == (self.to is None):
            raise ValueError("give either advance (seconds) or to (Unix seconds)")


@dataclass
class NewKey(Body):
    """
    With *permissions* a restricted key, else a secret one.
    """

    permissions: list[str] | None = None
    livemode: bool = False
    expired: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.permissions or ()) - set(PERMISSIONS)
        if unknown:
            raise ValueError(f"permissions: {min(unknown)} is none; there are {', '.join(PERMISSIONS)}")


@dataclass
class NewFaults(Body):
    """
    Faults to come after those that there are.
    """

    faults: list[Fault]


@dataclass
class Authentication(Body):
    """
    Whether the owner of a card proves to be that, for a PaymentIntent that waits for it.
    """

    payment_intent: str
    succeeds: bool = True


@dataclass
class NewLimits(Body):
    """
    What is to be otherwise than it is.
    """

    rates: bool | None = None
    latency: float | None = None
    indexing_delay: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= (self.latency or 0) <= LONGEST_LATENCY:
            raise ValueError(f"latency must be from 0 to {LONGEST_LATENCY} seconds")
        if not 0 <= (self.indexing_delay or 0) <= LONGEST_DELAY:
            raise ValueError(f"indexing_delay must be from 0 to {LONGEST_DELAY} seconds")


def administer(simulator: Simulator, request: Request, request_id: str) -> Reply:
    """
    The reply to an admin *request*.
    """
    try:
        if "origin" in request.headers:
            raise StripeError("The admin routes are not for web pages.", status=403)
        act = ACTS.get((request.method, request.path.removeprefix(ADMIN)))
        if act is None:
            known = ", ".join(f"{method} {ADMIN}{name}" for method, name in ACTS)
            raise StripeError(f"There is no such admin route; there are {known}.", status=404)
        return json_reply(200, act.do(simulator, _read(act.takes, request.body)), request_id)
    except StripeError as refusal:
        return refuse(refusal, request_id)


def _read(takes: Any, body: str) -> Any:
    try:
        return TypeAdapter(takes).validate_json(body or "{}")
    except ValidationError as wrong:
        problem = min(wrong.errors(), key=lambda error: error["type"] != "unexpected_keyword_argument")
        first, *inner = problem["loc"] or ("",)
        where = f"{first}{''.join(f'[{step}]' for step in inner)}"
        meant = Fault if inner and takes is NewFaults else takes
        known = [field.name for field in fields(meant)] if is_dataclass(meant) else []
        message = f"{where or 'The body'}: {problem['msg']}. Fields: {', '.join(known) or 'none'}."
        raise StripeError(message, param=where or None) from None


def _clock(simulator: Simulator, _: Nothing) -> Any:
    return {"now": int(simulator.state.clock())}


def _move_clock(simulator: Simulator, move: Move) -> Any:
    clock = simulator.state.clock
    seconds = move.advance if move.advance is not None else (move.to or 0) - int(clock())
    if not 0 <= seconds <= min(FARTHEST, LATEST - int(clock())):
        name = "to" if move.advance is None else "advance"
        message = (
            f"The clock goes forward only, by {FARTHEST} seconds at most, and to {LATEST} at the latest; "
            f"it is {int(clock())} now."
        )
        raise StripeError(message, param=name)
    clock.advanced += seconds
    simulator.state.run_due()
    return _clock(simulator, Nothing())


def _make_key(simulator: Simulator, new: NewKey) -> Any:
    kind = "sk" if new.permissions is None else "rk"
    mode = "live" if new.livemode else "test"
    key = f"{kind}_{mode}_{make_token(simulator.state.random, 24)}"
    simulator.state.keys[key] = Made(new.permissions, new.expired)
    return {"key": key}


def _faults(simulator: Simulator, _: Nothing) -> Any:
    return {"faults": [fault.shown() for fault in simulator.state.faults]}


def _add_faults(simulator: Simulator, new: NewFaults) -> Any:
    simulator.state.faults += new.faults
    return _faults(simulator, Nothing())


def _drop_faults(simulator: Simulator, _: Nothing) -> Any:
    simulator.state.faults.clear()
    return _faults(simulator, Nothing())


def _authenticate(simulator: Simulator, answer: Authentication) -> Any:
    """
    What a browser does with Stripe: https://docs.stripe.com/payments/3d-secure/authentication-flow
    """
    simulator.state.run_due()
    worlds = simulator.state.worlds.values()
    stores = [w.store for w in worlds if w.store.find("payment_intent", answer.payment_intent)]
    return authenticate(
        stores[0] if stores else simulator.store, answer.payment_intent, succeeds=answer.succeeds
    )


def _limits(simulator: Simulator, _: Nothing) -> Any:
    return asdict(simulator.state.limits)


def _set_limits(simulator: Simulator, new: NewLimits) -> Any:
    state = simulator.state
    for name, value in asdict(new).items():
        if value is not None:
            setattr(state.limits, name, value)
    for world in state.worlds.values():
        world.store.indexing_delay = state.limits.indexing_delay
        if new.rates is False:
            world.buckets.full_at.clear()
    return _limits(simulator, Nothing())


def _money(simulator: Simulator, _: Nothing) -> Any:
    """
    What moved for each charge that ever captured, in all worlds, by the balance transactions alone.
    """
    simulator.state.run_due()
    charges: dict[str, Any] = {}
    for world in simulator.state.worlds.values():
        for moved in reversed(list(world.store.all("balance_transaction"))):
            refund = world.store.find("refund", moved["source"])
            if refund or moved["type"] == "charge":
                charge = refund["charge"] if refund else moved["source"]
                row = charges.setdefault(charge, NOT_MOVED | {"currency": moved["currency"]})
                _count(row, moved["amount"], is_refund=refund is not None)
    return {"charges": charges}


def _count(row: dict[str, Any], amount: int, *, is_refund: bool) -> None:
    if is_refund:  # one that failed comes back as a transaction of its own
        row["refunded"] -= amount
        row["refunds"] += 1 if amount < 0 else -1
    else:
        row["captured"] += amount
        row["captures"] += 1


def _state(simulator: Simulator, _: Nothing) -> Any:
    return pack(simulator.state)


def _put_state(simulator: Simulator, packed: Any) -> Any:
    try:
        simulator.load(packed)
    except StateError as error:
        raise StripeError(f"The state was not loaded: {error}.") from None
    return _clock(simulator, Nothing())


def _reset(simulator: Simulator, _: Nothing) -> Any:
    simulator.reset()
    return _clock(simulator, Nothing())


class Act(NamedTuple):
    """
    What a route takes and does.
    """

    takes: Any
    do: Callable[[Simulator, Any], Any]


ACTS = {
    ("GET", "clock"): Act(Nothing, _clock),
    ("POST", "clock"): Act(Move, _move_clock),
    ("POST", "keys"): Act(NewKey, _make_key),
    ("GET", "faults"): Act(Nothing, _faults),
    ("POST", "faults"): Act(NewFaults, _add_faults),
    ("DELETE", "faults"): Act(Nothing, _drop_faults),
    ("POST", "authentications"): Act(Authentication, _authenticate),
    ("GET", "limits"): Act(Nothing, _limits),
    ("POST", "limits"): Act(NewLimits, _set_limits),
    ("GET", "money"): Act(Nothing, _money),
    ("GET", "state"): Act(Nothing, _state),
    ("PUT", "state"): Act(Any, _put_state),
    ("POST", "reset"): Act(Nothing, _reset),
}
