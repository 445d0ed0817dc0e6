"""
What the customer hears of a declined payment, and what they never hear.
"""

import re
from typing import Any

import pytest

from stripe_mcp.advice import advise
from stripe_mcp.declines import Decline, Declines, declines, explain_decline, spoken
from stripe_mcp.errors import StripeError

# https://docs.stripe.com/declines/codes
CARD_CODES = """
approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip
insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year
invalid_number invalid_pin issuer_not_available lost_card merchant_blacklist
mobile_device_authentication_required new_account_information_available no_action_taken not_permitted
offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error
reenter_transaction restricted_card revocation_of_all_authorizations revocation_of_authorization
security_violation service_not_allowed stolen_card stop_payment_order testmode_decline
transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
"""
OTHER_CODES = """
compliance_violation expired_payment_information invalid_authorization invalid_billing_agreement
invalid_business_account invalid_customer_account invalid_payment_information partner_generic_decline
partner_high_risk_customer partner_payment_not_found payment_disputed payment_limit_exceeded
"""
# What tells whoever holds a card of somebody else's that it is known, or a fraud that it was seen.
SECRET = {
    "compliance_violation",
    "fraudulent",
    "lost_card",
    "merchant_blacklist",
    "partner_high_risk_customer",
    "pickup_card",
    "restricted_card",
    "security_violation",
    "stolen_card",
}
TELLING = re.compile(
    r"lost|stol|steal|theft|thief|fraud|suspicious|suspect|risk|block|black|pick|retain|security viol|report",
    re.IGNORECASE,
)
GENERIC = "The payment was declined. Please use another payment method, or ask your bank about it."

BY_CODE: dict[str, Decline] = {code: decline for decline in declines() for code in decline.codes}
of_every_code = pytest.mark.parametrize("code", BY_CODE)


def test_every_code_that_stripe_documents_is_explained() -> None:
    assert {*CARD_CODES.split(), *OTHER_CODES.split()} <= BY_CODE.keys()


@of_every_code
def test_each_code_says_what_to_tell_and_what_to_try_and_that_no_money_moved(code: str) -> None:
    said = explain_decline(code)
    assert said.startswith("No money moved. ")
    assert f'Tell the customer: "{spoken(BY_CODE[code])}"' in said
    assert BY_CODE[code].next in said


@of_every_code
def test_only_what_is_temporary_may_be_tried_again_and_not_at_once(code: str) -> None:
    said = explain_decline(code)
    temporary = code in {
        "approve_with_id",
        "issuer_not_available",
        "processing_error",
        "reenter_transaction",
        "try_again_later",
    }
    assert ("tried once more later, not at once, and only if the customer agrees" in said) == temporary
    assert ("Do not repeat the call with the same payment method." in said) != temporary


def test_exactly_the_reasons_that_warn_a_thief_are_kept_from_the_customer() -> None:
    assert {code for code in BY_CODE if "Keep the code" in explain_decline(code)} == SECRET


@pytest.mark.parametrize("code", [*sorted(SECRET), "a_code_of_tomorrow", ""])
def test_a_secret_or_unknown_reason_shows_in_no_word_and_sounds_like_any_decline(code: str) -> None:
    said = explain_decline(code)
    assert f'Tell the customer: "{GENERIC}"' in said
    assert not TELLING.search(said)
    assert said == explain_decline("fraudulent")


@of_every_code
def test_what_the_customer_hears_of_any_code_accuses_nobody(code: str) -> None:
    assert not TELLING.search(spoken(BY_CODE[code]))
    assert code not in spoken(BY_CODE[code])


@pytest.mark.parametrize(
    "code", ["expired_card", "incorrect_cvc", "processing_error", "authentication_required"]
)
def test_a_card_error_without_a_decline_code_is_explained_by_its_code(code: str) -> None:
    said = advise(StripeError(402, type="card_error", code=code), None, "TEST")
    assert said.endswith(explain_decline(code))


def test_the_decline_code_counts_more_than_the_code() -> None:
    error = StripeError(402, type="card_error", code="incorrect_cvc", decline_code="fraudulent")
    assert advise(error, None, "TEST").endswith(explain_decline("fraudulent"))


def test_a_decline_that_gives_no_code_at_all_is_any_decline() -> None:
    assert advise(StripeError(402), None, "TEST").endswith(explain_decline("generic_decline"))


def test_a_card_error_is_a_decline_whatever_its_status() -> None:
    said = advise(StripeError(400, type="card_error", code="invalid_cvc"), None, "TEST")
    assert said.endswith(explain_decline("invalid_cvc"))


GENERAL = {"codes": ["generic_decline"], "customer": "No.", "next": "Wait."}
FRAUD = {"codes": ["fraudulent"], "next": "Wait."}


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([GENERAL, FRAUD, FRAUD], "twice: ['fraudulent']"),
        ([GENERAL], "lean on"),
        ([FRAUD], "lean on"),
        ([FRAUD, {**GENERAL, "customer": ""}], "lean on"),
        ([GENERAL, {**FRAUD, "customer": "Thief!"}], "lean on"),
    ],
)
def test_a_file_that_would_tell_the_wrong_thing_is_refused(groups: list[Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Declines.model_validate({"decline": groups})


@pytest.mark.parametrize(
    ("code", "advice_code", "again"),
    [
        ("generic_decline", "try_again_later", True),
        ("generic_decline", "do_not_try_again", False),
        ("generic_decline", "confirm_card_data", False),
        ("processing_error", None, True),
        ("processing_error", "do_not_try_again", False),
    ],
)
def test_stripes_own_advice_says_whether_to_try_again(
    code: str, advice_code: str | None, again: bool
) -> None:
    said = advise(StripeError(402, "card_error", decline_code=code, advice_code=advice_code), None, "TEST")
    assert ("may be tried once more" in said) == again
    assert ("Do not repeat the call" in said) != again
    assert again or "We can try" not in said
