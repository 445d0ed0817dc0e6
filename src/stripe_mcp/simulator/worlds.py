"""
All that a simulator knows: a world for each account and mode, the keys, the clock, what was ordered.

Rule: what decides over later answers is in `State`, and `dump` writes all of it, so
that a state which was saved and loaded goes on as one that was not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Self

from stripe_mcp.simulator.account import ACCOUNT_ID, make_account
from stripe_mcp.simulator.faults import Fault
from stripe_mcp.simulator.idempotency import Replays
from stripe_mcp.simulator.keys import Made
from stripe_mcp.simulator.limits import Buckets, Limits
from stripe_mcp.simulator.shop import open_shop
from stripe_mcp.simulator.store import SEED, Store
from stripe_mcp.simulator.table import Record


class Clock:
    """
    Unix seconds: those of *base*, and what was advanced.
    """

    def __init__(self, base: Callable[[], float], advanced: int = 0) -> None:
        self._base = base
        self.advanced = advanced

    def __call__(self) -> float:
        return self._base() + self.advanced


@dataclass
class World:
    """
    One account in one mode.
    """

    account: str
    store: Store
    replays: Replays = field(default_factory=Replays)
    buckets: Buckets = field(default_factory=Buckets)

    def dump(self) -> Record:
        return {
            "account": self.account,
            "livemode": self.store.livemode,
            "store": self.store.dump(),
            "replays": self.replays.dump(),
            "buckets": self.buckets.full_at,
        }


class State:
    """
    Everything; ids and data follow from *seed*.
    """

    def __init__(self, base: Callable[[], float], seed: str = SEED) -> None:
        self.clock = Clock(base)
        self.seed = seed
        self.worlds: dict[tuple[str, bool], World] = {}
        self.keys: dict[str, Made] = {}
        self.faults: list[Fault] = []
        self.limits = Limits()
        self.random = random.Random(f"{seed}: requests")  # noqa: S311 - ids to be repeated, not secrets

    def world(self, account: str, *, livemode: bool) -> World:
        """
        The world of *account* in that mode, opened when it is first asked for.
        """
        found = self.worlds.get((account, livemode))
        if found is None:
            found = self.worlds[account, livemode] = self._open(account, livemode=livemode)
        return found

    def _open(self, account: str, *, livemode: bool) -> World:
        """
        Only the shop's own test mode has anything in it at the start.
        """
        is_shop = account == ACCOUNT_ID and not livemode
        seed = self.seed if is_shop else f"{self.seed}: {account}, {'live' if livemode else 'test'}"
        store = Store(self.clock, seed=seed, livemode=livemode)
        store.indexing_delay = self.limits.indexing_delay
        store.add(make_account(account))
        if is_shop:
            open_shop(store)
        return World(account, store)

    def run_due(self) -> None:
        """
        Do in every world what has come due.
        """
        for world in self.worlds.values():
            world.store.run_due()

    def take_fault(self, method: str, path: str) -> Fault | None:
        """
        The first fault that is meant for such a request, used up by one.
        """
        for fault in self.faults:
            if fault.matches(method, path):
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def dump(self) -> Record:
        """
        All of it as JSON, for `load`.
        """
        return {
            "seed": self.seed,
            "advanced": self.clock.advanced,
            "random": self.random.getstate(),
            "keys": self.keys,
            "faults": [fault.shown() for fault in self.faults],
            "limits": asdict(self.limits),
            "worlds": [world.dump() for world in self.worlds.values()],
        }

    @classmethod
    def load(cls, base: Callable[[], float], dumped: Record) -> Self:
        """
        What `dump` described, going on by the clock *base*.
        """
        state = cls(base, dumped["seed"])
        state.clock.advanced = int(dumped["advanced"])
        version, numbers, following = dumped["random"]
        state.random.setstate((version, tuple(numbers), following))
        state.keys = {key: Made(*made) for key, made in dumped["keys"].items()}
        state.faults = [Fault(**fault) for fault in dumped["faults"]]
        state.limits = Limits(**dumped["limits"])
        for each in dumped["worlds"]:
            store = Store(state.clock, livemode=each["livemode"])
            store.load(each["store"])
            world = World(each["account"], store, Replays.load(each["replays"]), Buckets(each["buckets"]))
            state.worlds[world.account, store.livemode] = world
        return state
