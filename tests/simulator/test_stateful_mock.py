"""
The simulator and `stripe-stateful-mock` answer the same requests in the same way, as far as money goes.

`KNOWN` lists where they do not, and who is right about the Stripe of today.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from stripe_mcp.simulator.cards import TEST_CARDS
from tests.simulator.stateful_mock import (
    Differences,
    Player,
    Saved,
    Scenario,
    Step,
    card_of,
    compare,
    running,
)
from tests.simulator.stripe_client import Wire

# The tokens that the mock and Stripe have.
GOOD = """
    tok_visa tok_visa_debit tok_mastercard tok_mastercard_debit tok_mastercard_prepaid tok_amex tok_ca
    tok_riskLevelElevated
"""
DISPUTED = "tok_createDispute tok_createDisputeProductNotReceived tok_createDisputeInquiry"
DECLINED = """
    tok_chargeCustomerFail tok_chargeDeclined tok_chargeDeclinedInsufficientFunds
    tok_chargeDeclinedFraudulent tok_chargeDeclinedIncorrectCvc tok_chargeDeclinedExpiredCard
    tok_chargeDeclinedProcessingError
"""
# The least amounts that the mock knows.
LEAST = dict.fromkeys(("usd", "aud", "brl", "cad", "chf", "eur", "jpy", "nzd", "sgd"), 50) | {
    "dkk": 250,
    "hkd": 400,
    "mxn": 1000,
    "nok": 300,
    "sek": 300,
}
LARGEST = 99_999_999


def known(tokens: str) -> list[str]:
    """
    Those of the *tokens* whose cards the simulator has.
    """
    return [token for token in tokens.split() if card_of(token) in TEST_CARDS]


def post(path: str, key: str | None = None, **fields: Any) -> Step:
    return Step("POST", path, fields, key)


def get(path: str, **fields: Any) -> Step:
    return Step("GET", path, fields)


def charge(amount: object = 1000, key: str | None = None, **fields: Any) -> Step:
    """
    A charge of $10.00 to a Visa, but for what is given; None leaves a parameter out.
    """
    fields = {"currency": "usd", "source": "tok_visa"} | fields | {"amount": amount}
    return post("charges", key, **{name: value for name, value in fields.items() if value is not None})


def hold(amount: object = 1000, **fields: Any) -> Step:
    return charge(amount, capture="false", **fields)


def capture(key: str | None = None, **fields: Any) -> Step:
    return post("charges/{charge}/capture", key, **fields)


def refund(key: str | None = None, **fields: Any) -> Step:
    return post("refunds", key, **({"charge": "{charge}"} | fields))


SCENARIOS: dict[str, Scenario] = {
    **{f"{t} charged": (charge(source=t), refund()) for t in known(f"{GOOD} {DISPUTED} {DECLINED}")},
    **{f"{t} held": (hold(source=t), capture()) for t in known(f"{GOOD} {DECLINED}")},
    **{f"{t} saved": (Saved(t),) for t in known(DECLINED)},
    **{
        f"{t} saved and charged": (
            Saved(t),
            charge(customer="{customer}", source="{card}"),
            charge(2000, customer="{customer}", source="{card}"),
            refund(),
        )
        for t in known(f"{GOOD} tok_chargeCustomerFail")
    },
    **{f"the least of {c}": (charge(least, currency=c), refund()) for c, least in LEAST.items()},
    **{f"less than the least of {c}": (charge(least - 1, currency=c),) for c, least in LEAST.items()},
    **{f"{amount} as an amount": (charge(amount),) for amount in (0, -1, "1.5", "ten", "")},
    "the most": (charge(LARGEST), refund()),
    "more than the most": (charge(LARGEST + 1),),
    "a currency in capitals": (charge(currency="USD"),),
    "a currency that is none": (charge(currency="xyz"),),
    "no amount": (charge(None),),
    "no currency": (charge(currency=None),),
    "neither amount nor currency": (charge(None, currency=None),),
    "neither source nor customer": (charge(source=None),),
    "a token that is none": (charge(source="tok_nosuch"),),
    "a customer who is none": (charge(customer="cus_nosuch"),),
    "a customer without a card": (post("customers"), charge(customer="{customer}", source=None)),
    "a card the customer does not have": (
        Saved("tok_visa"),
        charge(customer="{customer}", source="card_nosuch"),
    ),
    "a token besides a customer": (Saved("tok_visa"), charge(customer="{customer}")),
    "a customer's card without the customer": (Saved("tok_visa"), charge(source="{card}")),
    "another customer's card": (
        Saved("tok_visa"),
        post("customers"),
        charge(customer="{customer}", source="{card}"),
    ),
    "a parameter that is none": (charge(colour="blue"),),
    "texts and metadata on a charge": (
        charge(description="Beans", receipt_email="ada@example.com", **{"metadata[order]": "1"}),
        get("charges/{charge}"),
    ),
    "a hold, and no more": (hold(),),
    "a hold captured in full, by its amount": (hold(), capture(amount=1000), refund()),
    "a hold captured in part, refunded": (hold(), capture(amount=300), refund()),
    "a hold captured in part, refunded by too much": (hold(), capture(amount=300), refund(amount=301)),
    "a hold captured in part, refunded in parts": (
        hold(),
        capture(amount=300),
        refund(amount=100),
        refund(amount=200),
    ),
    "a hold captured by the least": (hold(), capture(amount=50)),
    "a hold captured by less than the least": (hold(), capture(amount=12)),
    "a hold captured by too much": (hold(), capture(amount=1001)),
    "a hold captured by 0": (hold(), capture(amount=0)),
    "a hold captured by -1": (hold(), capture(amount=-1)),
    "a hold captured twice": (hold(), capture(), capture()),
    "a hold captured twice, in parts": (hold(), capture(amount=300), capture(amount=700)),
    "a charge captured": (charge(), capture()),
    "a charge refunded, captured": (charge(), refund(), capture()),
    "a charge that is none, captured": (post("charges/ch_nosuch/capture"),),
    "a hold released": (hold(), refund()),
    "a hold released by its amount": (hold(), refund(amount=1000)),
    "a hold released in part": (hold(), refund(amount=300)),
    "a hold released by too much": (hold(), refund(amount=1001)),
    "a hold released twice": (hold(), refund(), refund()),
    "a hold released, captured": (hold(), refund(), capture()),
    "a refund by the amount": (charge(), refund(amount=1000)),
    "a refund by too much": (charge(), refund(amount=1001)),
    "a refund by far too much": (charge(), refund(amount=LARGEST + 1)),
    "a refund in two parts": (charge(), refund(amount=300), refund(), get("refunds", charge="{charge}")),
    "a refund in too many parts": (charge(), refund(amount=300), refund(amount=701)),
    "a refund twice": (charge(), refund(), refund()),
    "a refund by 0": (charge(), refund(amount=0)),
    "a refund by -1": (charge(), refund(amount=-1)),
    "a refund of a charge that is none": (refund(charge="ch_nosuch"),),
    "a refund of nothing": (post("refunds", amount=100),),
    "a refund with a reason": (charge(), refund(reason="duplicate", **{"metadata[order]": "1"})),
    "a refund with a reason that is none": (charge(), refund(reason="regret")),
    **{
        f"{path} that are not there": (get(f"{path}/x_nosuch"),)
        for path in ("charges", "customers", "refunds")
    },
    "a customer, changed and read": (
        post("customers", email="ada@example.com"),
        post("customers/{customer}", name="Ada"),
        get("customers/{customer}"),
    ),
    "a customer who is none, changed": (post("customers/cus_nosuch", name="Ada"),),
    "a customer, deleted and charged": (
        Saved("tok_visa"),
        Step("DELETE", "customers/{customer}"),
        charge(customer="{customer}", source="{card}"),
    ),
    "no key": (Step("POST", "charges", authorization=""),),
    "a key that is none": (Step("POST", "charges", authorization="Bearer nonsense"),),
    "a charge repeated": (charge(key="1"), charge(key="1"), charge(key="1")),
    "a decline repeated": 2 * (charge(source="tok_chargeCustomerFail", key="2"),),
    "a charge of too little repeated": 2 * (charge(5, key="3"),),
    "a capture repeated": (hold(), capture("4", amount=300), capture("4", amount=300)),
    "a capture that failed repeated": (charge(), capture("5"), capture("5")),
    "a refund repeated": (charge(), refund("6", amount=300), refund("6", amount=300), refund(amount=300)),
    "a refund by too much repeated": (charge(), refund("7", amount=1001), refund("7", amount=1001)),
    "a customer repeated": 2 * (post("customers", "8", email="ada@example.com"),),
    "a charge of nothing known repeated": 2 * (post("charges", "9", currency="usd"),),
    "a charge repeated with another amount": (charge(key="10"), charge(2000, key="10"), charge(key="10")),
    "a decline repeated with another card": (
        charge(source="tok_chargeCustomerFail", key="11"),
        charge(source="tok_visa", key="11"),
    ),
    "a key used on two paths": (charge(key="12"), refund("12")),
    "a refund under two keys": (charge(), refund("13", amount=300), refund("14", amount=300)),
}


class Known(NamedTuple):
    """
    Scenarios in which the two differ in the same way for the same reason.
    """

    why: str
    differences: Differences
    scenarios: list[str]


REFUSED = "400 invalid_request_error"
RELEASED = "Since 2025-03-31 what a capture leaves is released, and does not count as refunded."
FAILED = "Nothing is captured of a charge that failed; the mock says what would have been."
IGNORED = "Stripe refuses what it does not know (docs.stripe.com/error-codes#parameter-unknown)."

FAILED_ONCE: Differences = {(0, "amount_captured"): (1000, 0), (0, "captured"): (True, False)}
FAILED_TWICE: Differences = {(n, name): both for n in (0, 1) for (_, name), both in FAILED_ONCE.items()}


def released(*amounts: tuple[int, int]) -> Differences:
    """
    What each step after the hold leaves as `amount_refunded`.
    """
    return {(number, "amount_refunded"): both for number, both in enumerate(amounts, 1)}


def answers(mock: str, ours: str, step: int = 0) -> Differences:
    return {(step, "answer"): (mock, ours)}


KNOWN = [
    Known(RELEASED, released((700, 0), (1000, 300)), ["a hold captured in part, refunded"]),
    Known(
        RELEASED,
        released((700, 0), (700, 0)),
        [
            "a hold captured in part, refunded by too much",
            "a hold captured twice, in parts",
            "a capture repeated",
        ],
    ),
    Known(
        RELEASED, released((700, 0), (800, 100), (1000, 300)), ["a hold captured in part, refunded in parts"]
    ),
    Known(RELEASED, released((950, 0)), ["a hold captured by the least"]),
    Known(
        FAILED,
        FAILED_ONCE | answers("200", f"{REFUSED} charge_not_refundable", step=1),
        [f"{token} charged" for token in known(DECLINED)],
    ),
    Known(FAILED, FAILED_TWICE, ["a decline repeated", "a decline repeated with another card"]),
    Known(
        FAILED,
        {
            (1, "amount_captured"): (1000, 0),
            (1, "captured"): (True, False),
            (2, "amount_captured"): (2000, 0),
            (2, "captured"): (True, False),
        }
        | answers("200", f"{REFUSED} charge_not_refundable", step=3),
        ["tok_chargeCustomerFail saved and charged"],
    ),
    Known(
        "A charge that failed cannot be captured; the mock does not look.",
        answers("200", REFUSED, step=1),
        [f"{token} held" for token in known(DECLINED)],
    ),
    Known(
        "This card cannot be saved (docs.stripe.com/testing#declined-payments).",
        answers("200", "402 card_error processing_error"),
        [f"{token} saved" for token in known("tok_chargeDeclinedProcessingError")],
    ),
    Known(
        "The least is 10 pesos, so 1000 centavos; the mock says 10.",
        answers("200", f"{REFUSED} amount_too_small"),
        ["less than the least of mxn"],
    ),
    Known(
        "An amount is an integer; the mock compares what it gets.",
        answers(f"{REFUSED} amount_too_small", f"{REFUSED} parameter_invalid_integer"),
        ["1.5 as an amount"],
    ),
    Known(
        "An amount is an integer; the mock makes a charge of null.",
        answers("200", f"{REFUSED} parameter_invalid_integer"),
        ["ten as an amount"],
    ),
    Known(
        "An empty value has a code of its own (docs.stripe.com/error-codes#parameter-invalid-empty).",
        answers(f"{REFUSED} parameter_invalid_integer", f"{REFUSED} parameter_invalid_empty"),
        [" as an amount"],
    ),
    Known(IGNORED, answers("200", f"{REFUSED} parameter_unknown"), ["a parameter that is none"]),
    Known(IGNORED, answers("200", REFUSED, step=1), ["a refund with a reason that is none"]),
    Known(
        "The mock breaks on a token that it does not have.",
        answers("500", f"{REFUSED} resource_missing"),
        ["a token that is none"],
    ),
    Known(
        "The mock takes every source without a customer for a token.",
        answers("500", REFUSED, step=1),
        ["a customer's card without the customer"],
    ),
    Known(
        "404 is for an object that the path names; this one is named by a parameter.",
        answers("404 invalid_request_error resource_missing", f"{REFUSED} resource_missing"),
        ["a customer who is none"],
    ),
    Known(
        "A card_error is a 402, and this one is too (github.com/stripe/stripe-node/issues/282).",
        answers("404 card_error missing", "402 card_error missing", step=1),
        ["a customer without a card"],
    ),
    Known(
        "Only what is held can be captured (docs.stripe.com/api/charges/capture); the mock does not look.",
        answers("200", f"{REFUSED} amount_too_large", step=1),
        ["a hold captured by too much"],
    ),
    Known(
        "What was released is gone; the mock captures it all the same.",
        answers("200", f"{REFUSED} charge_already_refunded", step=2),
        ["a hold released, captured"],
    ),
    Known(
        "Both refuse it: the mock by the limit of all amounts, the simulator as more than is left.",
        answers(f"{REFUSED} amount_too_large", REFUSED, step=1),
        ["a refund by far too much"],
    ),
    Known(
        "A parameter is missing; the mock looks for a charge `undefined`.",
        answers("404 invalid_request_error resource_missing", f"{REFUSED} parameter_missing"),
        ["a refund of nothing"],
    ),
    Known(
        "Stripe deletes customers (docs.stripe.com/api/customers/delete); the mock has no such path.",
        answers("404 invalid_request_error", "200", step=1),
        ["a customer, deleted and charged"],
    ),
    Known(
        "What fails before it is executed is not kept (docs.stripe.com/api/idempotent_requests).",
        {(1, "idempotent-replayed"): ("true", None), (1, "replay of"): (0, None)},
        ["a charge of nothing known repeated"],
    ),
    Known(
        "A key is for one path (docs.stripe.com/api/idempotent_requests); the mock keeps keys by path.",
        answers("200", "400 idempotency_error", step=1),
        ["a key used on two paths"],
    ),
]
EXPECTED = {scenario: known.differences for known in KNOWN for scenario in known.scenarios}


@pytest.fixture(scope="module")
def mock() -> Iterator[httpx.Client]:
    with running() as address, httpx.Client(base_url=address, trust_env=False) as http:
        yield http


@pytest.fixture
def ours(wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=wire.address, trust_env=False) as http:
        yield http


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_answer_the_same_but_for_what_is_known(
    name: str, mock: httpx.Client, ours: httpx.Client
) -> None:
    found = compare(SCENARIOS[name], Player(mock, is_mock=True), Player(ours, is_mock=False))
    assert found == EXPECTED.get(name, {})


def test_what_is_known_is_known_of_a_scenario() -> None:
    assert EXPECTED.keys() <= SCENARIOS.keys()
