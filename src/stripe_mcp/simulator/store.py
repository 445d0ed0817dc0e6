"""
The state of one simulated account in one mode: its objects, clock, agenda, and the source of ids.

Rule: objects are plain JSON (`Record`), one table a kind. Whoever changes an
object changes the record in its table and tells it by `events.emit`, or by
`changed` where Stripe has no event for it. Times are Unix seconds.
"""

from __future__ import annotations

import random
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

from stripe_mcp.simulator.errors import NoSuch
from stripe_mcp.simulator.table import Path, Record, Table, values_at

Action = Callable[["Store", str], None]

NESTED = (dict, list)
ALPHABET = (string.ascii_letters + string.digits).encode()
LETTERS = bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256))
SEED = "Pine Street Coffee"
NOBODY: Record = {"id": None, "idempotency_key": None}  # the `request` of what time alone brings about

# What time brings about: filled by the modules that own the objects, with `due`.
ACTIONS: dict[str, Action] = {}


def due(action: str) -> Callable[[Action], Action]:
    """
    Mark the function that does *action* when its time on the agenda has come.
    """

    def mark(function: Action) -> Action:
        ACTIONS[action] = function
        return function

    return mark


class Store:
    """
    All tables of one account, and what must be the same for all who change them.
    """

    def __init__(self, clock: Callable[[], float], *, seed: str = SEED, livemode: bool = False) -> None:
        self.tables: defaultdict[str, Table] = defaultdict(Table)
        self.deleted: dict[str, Record] = {}
        self.told: dict[str, Record] = {}  # each object as its last event showed it
        self.funds: dict[str, dict[str, int]] = {"available": {}, "pending": {}}  # by currency
        self.livemode = livemode
        self.indexing_delay = 0  # seconds until a search finds what is new
        self.request = NOBODY
        self._agenda: list[tuple[int, int, str, str]] = []  # a heap of moment, number, action, object id
        self._planned = 0
        self._clock = clock
        self._moment: int | None = None
        self._chosen: dict[str, str] = {}
        self.random = random.Random(seed)  # noqa: S311 - ids to be repeated, not secrets

    def now(self) -> int:
        return self.present() if self._moment is None else self._moment

    def present(self) -> int:
        """
        The clock's time, also where the seed makes a past.
        """
        return int(self._clock())

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """
        Let it be *moment*: how the seed makes a past by the same code as the present.
        """
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before

    def plan(self, moment: int, action: str, object_id: str) -> None:
        """
        Let *action* be done to the object at *moment*; whether it still fits is for the action to see.
        """
        self._planned += 1
        heappush(self._agenda, (moment, self._planned, action, object_id))

    def run_due(self) -> None:
        """
        Do what has come due until now, each thing at its own moment.
        """
        before, self.request = self.request, NOBODY
        while self._agenda and self._agenda[0][0] <= self.now():
            moment, _, action, object_id = heappop(self._agenda)
            with self.at(moment):
                ACTIONS[action](self, object_id)
        self.request = before

    def choose_ids(self, *ids: str) -> None:
        """
        Let the next object of each id's prefix have that id: how the seed names what people look for.
        """
        self._chosen |= {object_id.partition("_")[0]: object_id for object_id in ids}

    def new_id(self, prefix: str, length: int = 24) -> str:
        return self._chosen.pop(prefix, None) or f"{prefix}_{self.new_token(length)}"

    def new_token(self, length: int) -> str:
        return make_token(self.random, length)

    def table(self, kind: str) -> Table:
        return self.tables[kind]

    def add(self, record: Record) -> Record:
        """
        Keep *record* in the table that its `object` names, and give it back.
        """
        self.table(record["object"]).add(record)
        return record

    def changed(self, record: Record) -> None:
        """
        Let *record* be found by what it holds now.
        """
        table = self.table(record["object"])
        if record["id"] in table.records:
            table.changed(record)

    def find(self, kind: str, object_id: str) -> Record | None:
        return self.table(kind).records.get(object_id)

    def has_id(self, object_id: str) -> bool:
        """
        Whether there is, or was, an object of whatever kind with that id.
        """
        return any(table.position(object_id) for table in self.tables.values())

    def get(self, kind: str, object_id: str, param: str = "id", status: int = 404) -> Record:
        """
        The object of that id.

        Raises:
            StripeError: There is none.
        """
        record = self.find(kind, object_id)
        if record is None:
            raise NoSuch(kind, object_id, param, status)
        return record

    def where(self, kind: str, wanted: Mapping[str, Any]) -> list[Record]:
        """
        The objects of *kind*, newest first, that have each of the *wanted* values at its dotted path.
        """
        paths = by_path(wanted)
        return [record for record in self.table(kind).newest_first(paths) if has(record, paths)]

    def all(self, kind: str) -> Iterator[Record]:
        """
        The objects of *kind*, newest first.
        """
        return self.table(kind).newest_first()

    def dump(self) -> Record:
        """
        All of it as JSON, for `load`.
        """
        return {
            "tables": {kind: table.dump() for kind, table in self.tables.items()},
            "deleted": self.deleted,
            "told": {
                object_id: None if told == self.find_any(object_id) else told
                for object_id, told in self.told.items()
            },
            "funds": self.funds,
            "indexing_delay": self.indexing_delay,
            "agenda": self._agenda,
            "planned": self._planned,
            "random": self.random.getstate(),
        }

    def load(self, dumped: Record) -> None:
        """
        Become what `dump` described.
        """
        self.tables.update({kind: Table.load(table) for kind, table in dumped["tables"].items()})
        self.told = {of: told or snapshot(self.find_any(of)) for of, told in dumped["told"].items()}
        self.deleted, self.funds = dumped["deleted"], dumped["funds"]
        self.indexing_delay, self._planned = dumped["indexing_delay"], dumped["planned"]
        self._agenda = [(moment, number, action, of) for moment, number, action, of in dumped["agenda"]]
        if not {action for _, _, action, _ in self._agenda} <= ACTIONS.keys():
            raise ValueError("its agenda has an action that there is not")
        version, numbers, following = dumped["random"]
        self.random.setstate((version, tuple(numbers), following))

    def find_any(self, object_id: str) -> Record | None:
        """
        The object of that id, of whatever kind.
        """
        return next((t.records[object_id] for t in self.tables.values() if object_id in t.records), None)

    def delete(self, record: Record) -> Record:
        """
        Take *record* out of its table, and give back the stub that stays in its place.
        """
        stub = {"id": record["id"], "object": record["object"], "deleted": True}
        self.deleted[record["id"]] = stub
        self.table(record["object"]).remove(record["id"])
        return stub


def by_path(fields: Mapping[str, Any]) -> dict[Path, Any]:
    """
    Values by their dotted names, with the names taken apart.
    """
    return {tuple(name.split(".")): value for name, value in fields.items()}


def has(record: Record, wanted: Mapping[Path, Any]) -> bool:
    """
    Whether *record* has exactly the *wanted* values at their paths.
    """
    return all(value in values_at(record, path) for path, value in wanted.items())


def make_token(source: random.Random, length: int) -> str:
    """
    Letters and digits from *source*: the part of an id after its prefix.
    """
    return source.randbytes(length).translate(LETTERS).decode()


def snapshot(record: Any) -> Any:
    """
    A copy that later changes do not reach. JSON values only, hence quicker than `copy.deepcopy`.
    """
    if isinstance(record, dict):
        return {key: snapshot(value) if isinstance(value, NESTED) else value for key, value in record.items()}
    return [snapshot(value) for value in record] if isinstance(record, list) else record
