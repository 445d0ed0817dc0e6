"""
A person reads a few short lines, and only a tick or the very amount is a yes.
"""

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stripe_mcp.currency import CURRENCIES, decimals, display
from stripe_mcp.safety.question import Question, consents, put, same_amount
from stripe_mcp.safety.stakes import Stakes
from stripe_mcp.settings import Mode
from tests.agent import TEMPLATES

REFUND = TEMPLATES["create_refund"]
MODES = get_args(Mode)
STAKES = Stakes(
    kind="refund",
    customer="cus_1",
    who='"John Smith" (j***@example.com) cus_1',
    what=("Refund $25.00 of $49.00", "$24.00 can still be refunded after that"),
    amount=2500,
    currency="usd",
)
TICK = Question("Really?", None)
TYPED = Question("Really?", "1234.50")


def stakes(**changes: Any) -> Stakes:
    fields = {name: getattr(STAKES, name) for name in Stakes.__dataclass_fields__}
    return Stakes(**fields | changes)


# The question


@pytest.mark.parametrize("mode", MODES)
def test_a_question_begins_with_whether_it_is_real_and_says_who_and_what(mode: Mode) -> None:
    first, *lines = put(STAKES, REFUND, mode, must_type=False).message.split("\n")
    assert first.startswith(mode.capitalize() if mode == "NO KEY" else mode)
    assert ("real money moves" in first) == (mode == "LIVE")
    assert lines == [
        "Create Refund?",
        f"Customer: {STAKES.who}",
        *STAKES.what,
        "This cannot be undone.",
    ]


def test_what_can_be_undone_is_not_said_to_be_final() -> None:
    assert "undone" not in put(stakes(irreversible=False), REFUND, "LIVE", must_type=False).message


@pytest.mark.parametrize("must_type", [True, False])
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_the_form_is_flat_and_nothing_in_it_is_filled_in_with_a_yes(template: Any, must_type: bool) -> None:
    """
    MCP's forms have primitives only: https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
    """
    schema = put(STAKES, template, "LIVE", must_type).schema
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == list(schema["properties"])
    assert all(each["type"] in ("boolean", "string") for each in schema["properties"].values())
    assert schema["properties"]["confirm"]["default"] is False
    assert list(schema["properties"]) == ["confirm", "amount"][: 1 + must_type]


@pytest.mark.parametrize("must_type", [True, False])
@pytest.mark.parametrize("unknown", [{"amount": None}, {"currency": None}], ids=str)
def test_what_nobody_knows_cannot_be_typed(unknown: dict[str, None], must_type: bool) -> None:
    assert put(stakes(**unknown), REFUND, "LIVE", must_type).amount is None


@pytest.mark.parametrize(
    ("amount", "currency", "typed"),
    [
        (2500, "usd", "25.00"),
        (5, "usd", "0.05"),
        (500, "jpy", "500"),
        (1250, "kwd", "1.250"),
        (2500, "xyz", "2500"),
    ],
)
def test_the_amount_to_type_is_in_the_main_unit(amount: int, currency: str, typed: str) -> None:
    question = put(stakes(amount=amount, currency=currency), REFUND, "LIVE", must_type=True)
    assert question.amount == typed
    assert typed in question.schema["properties"]["amount"]["title"]


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
@given(amount=st.integers(0, 10**12))
def test_a_person_may_type_the_amount_as_it_is_shown_or_as_it_is_asked_for(
    amount: int, currency: str
) -> None:
    asked = put(stakes(amount=amount, currency=currency), REFUND, "LIVE", must_type=True).amount
    assert asked is not None
    assert same_amount(asked, asked)
    assert same_amount(f"{asked} {currency}", asked)
    assert Decimal(asked).scaleb(decimals(currency)) == amount
    shown = display(amount, currency) or ""
    assert same_amount(shown, asked)
    assert same_amount(shown.lower(), asked)


# The answer


@given(
    st.sampled_from(["accept", "decline", "cancel", "ACCEPT", "accepted", ""]),
    st.none()
    | st.dictionaries(
        st.sampled_from(["confirm", "amount"]), st.sampled_from([True, False, 1, "true", None, "1234.50"])
    ),
)
def test_only_accept_with_a_true_tick_is_a_yes(action: str, content: dict[str, Any] | None) -> None:
    ticked = action == "accept" and content is not None and content.get("confirm") is True
    assert (consents(TICK, action, content) is None) == ticked
    typed = ticked and content is not None and content.get("amount") == "1234.50"
    assert (consents(TYPED, action, content) is None) == typed


@pytest.mark.parametrize(
    ("action", "content", "why"),
    [
        ("decline", None, "said no"),
        ("cancel", None, "closed the question"),
        ("accept", None, "without a tick"),
        ("accept", {"confirm": False, "amount": "1234.50"}, "without a tick"),
        ("accept", {"confirm": True}, "the amount that was typed"),
        ("accept", {"confirm": True, "amount": "1234.51"}, "the amount that was typed"),
    ],
)
def test_why_it_is_no_yes_is_said_in_short(action: str, content: dict[str, Any] | None, why: str) -> None:
    reason = consents(TYPED, action, content)
    assert reason is not None
    assert why in reason
    assert len(reason) < 120
    assert "1234.5" not in reason  # or a model could repeat it to the person


# The amount


@pytest.mark.parametrize(
    "typed", ["49", "49.00", "49.0", "049", "$49.00", "$ 49", " 49.00 usd", "USD 49", "US$49", "€49", "49 €"]
)
def test_an_amount_may_have_its_sign_or_its_code(typed: str) -> None:
    assert same_amount(typed, "49.00")


@pytest.mark.parametrize("typed", ["1234.5", "1,234.50", "$1,234.50", "1,234.500 usd", "KD 1,234.50"])
def test_an_amount_may_have_commas_between_thousands(typed: str) -> None:
    assert same_amount(typed, "1234.50")


# Fullwidth digits, Arabic ones, and a minus that is none
FOREIGN = ["\uff14\uff19", "\u0664\u0669", "\u221249"]
WORDS = ["49 cents", "49k", "not 49", "no 49", "49 no", "49?", "None", "True", "\uff1449", "$$$$49", "49 $ $"]
NUMBERS = "0x31 4900 49.001 -49 +49 (49) 49. .49 49,00 4,9 49e0 4.9e1 49% 49.00.00 0,049".split()  # noqa: SIM905 - 15 lines less


@pytest.mark.parametrize("typed", ["", " ", "49 50", *FOREIGN, *WORDS, *NUMBERS])
def test_whatever_else_is_typed_is_not_the_amount(typed: str) -> None:
    assert not same_amount(typed, "49.00")


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_two_amounts_are_the_same_only_if_they_are(typed: int, amount: int) -> None:
    written, asked = (f"{Decimal(each).scaleb(-2):.2f}" for each in (typed, amount))
    assert same_amount(written, asked) == (typed == amount)
    assert same_amount(f"${Decimal(typed).scaleb(-2):,.2f}", asked) == (typed == amount)


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_none_without_the_digits_passes(typed: str) -> None:
    assert not same_amount(typed, "49.00") or "49" in typed


@given(st.text(alphabet="0123456789.,$ usd-", max_size=12))
def test_what_passes_has_the_value_of_the_amount(typed: str) -> None:
    if same_amount(typed, "49.00"):
        assert Decimal("".join(each for each in typed if each in "0123456789.")) == 49
