"""
What a random sequence chooses from: objects there are, and values for their fields, some of them wrong.
"""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from stripe_mcp.simulator.cards import TEST_CARDS
from tests.simulator.direct import Fields
from tests.simulator.walks import value_at

Record = dict[str, Any]
Where = dict[str, Any]
SET = "(set)"  # whatever it is, but not null
CONFIRMABLE = ("requires_confirmation", "requires_payment_method", "requires_action")
PARTLY_REFUNDED = {"captured": True, "amount_refunded": SET, "refunded": False}
CARDED = {"invoice_settings.default_payment_method": SET}


class Pick(NamedTuple):
    """
    The *n*-th newest of the objects of *kind* that are as *where* says: chosen when a step is taken.
    """

    kind: str
    n: int
    where: Where

    def fits(self, record: Record) -> bool:
        found = {place: value_at(record, place) for place in self.where}
        return all(
            found[at] in (value if isinstance(value, tuple) else (value,)) or (value == SET and found[at])
            for at, value in self.where.items()
        )


def pick(kind: str, where: Where | None = None) -> st.SearchStrategy[Pick]:
    """
    Mostly an object that is as *where* says, now and then any; often a recent one.
    """
    nth = st.integers(0, 2) | st.integers(0, 100)
    anyone = st.builds(Pick, st.just(kind), nth, st.just({}))
    fitting = st.builds(Pick, st.just(kind), nth, st.just(where or {}))
    return st.one_of(fitting, fitting, fitting, anyone) if where else anyone


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    """
    Any few of these fields.
    """
    return st.fixed_dictionaries({}, optional=optional)


WORDS = st.sampled_from(["Beans", "Ünïcode ☕", "a" * 22, "x", "'\"\\&=[]"])
METADATA = st.dictionaries(
    st.sampled_from(["order", "source"]), st.sampled_from(["", "1", "web"]), max_size=2
)
CURRENCIES = st.sampled_from(["usd", "usd", "usd", "USD", "eur", "jpy", "kwd"])
EDGES = st.sampled_from([1, 49, 50, 99_999_999, 100_000_000])
AMOUNTS = st.one_of(*[st.integers(5, 2_000).map(lambda tens: 10 * tens)] * 5, st.integers(50, 20_000), EDGES)
PARTS = st.sampled_from([None, "1", "half", "all", "more", "more"])  # of what there is to capture or refund
CARDS = st.just("pm_card_visa") | st.sampled_from(sorted(TEST_CARDS))
TOKENS = CARDS.map(lambda card: card.replace("pm_card_", "tok_"))
OWN_CARDS = st.none() | st.integers(0, 2) | pick("payment_method")
JUNK = st.sampled_from(
    [
        "",
        "abc",
        "-1",
        "0",
        "1.5",
        "9" * 18,
        "9" * 30,
        {"a": "b"},
        ["x"],
        "true",
        "\0",
        "x" * 5001,
        "usd",
        "now",
    ]
)
# Now and then one field of a request is something else than it should be, or there is one too many.
SLIPS = st.one_of(*[st.none()] * 5, st.tuples(st.integers(0, 9), JUNK))


def part_of(whole: int, part: str) -> int:
    return {"1": 1, "half": whole // 2, "all": whole, "more": whole + 1}[part]
