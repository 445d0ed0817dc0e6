"""
Test cards: what each looks like, and what comes of it when it is attached, charged, refunded.

Rule: a card has a name (`pm_card_visa`, as a token `tok_visa`) and, once it is a payment
method, a fingerprint that is the same for the same number; what it does follows from the
card alone. Facts from https://docs.stripe.com/testing, https://docs.stripe.com/declines/codes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.metadata import ADDRESS
from stripe_mcp.simulator.store import LETTERS, Store
from stripe_mcp.simulator.table import Record

YEAR = 31_556_952  # seconds
PREFIX, TOKEN_PREFIX = "pm_card_", "tok_"


class Decline(NamedTuple):
    """
    Why a charge does not come about, in Stripe's words and in the network's (ISO 8583 response codes).
    """

    code: str
    decline_code: str | None = None
    message: str = "Your card was declined."
    advice_code: str | None = None
    network_decline_code: str | None = None
    param: str | None = None
    kind: str = "card_error"

    @property
    def reason(self) -> str:
        return self.decline_code or self.code

    def said(self) -> Record:
        """
        What it adds to an error besides type, code, message and parameter.
        """
        names = ("advice_code", "decline_code", "network_decline_code")
        return {name: value for name in names if (value := getattr(self, name))}

    def error(self, **more: Any) -> StripeError:
        """
        The 402 that tells of it.
        """
        told = self.said() | more
        return StripeError(self.message, status=402, kind=self.kind, code=self.code, param=self.param, **told)


class Card(NamedTuple):
    """
    A test card; *asks_owner* says when its owner has to authenticate a payment: `always`,
    `until_set_up` or `on_session` (https://docs.stripe.com/testing#three-ds-cards).
    """

    brand: str
    last4: str
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    attaches: bool = True
    asks_owner: str = ""
    refund: str = "succeeds"  # or `pends`, or `fails`; both are known only later
    dispute: str = ""  # the reason that its owner gives
    is_inquiry: bool = False
    bypasses_pending: bool = False
    risk_level: str = "normal"
    knows_3ds: bool = True


AGAIN, NEVER, CHECK_DATA = "try_again_later", "do_not_try_again", "confirm_card_data"
FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.", AGAIN, "51")
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    AGAIN,
    "61",
)
GENERIC = Decline("card_declined", "generic_decline", advice_code=AGAIN, network_decline_code="01")
LOST = Decline("card_declined", "lost_card", advice_code=NEVER, network_decline_code="41")
STOLEN = Decline("card_declined", "stolen_card", advice_code=NEVER, network_decline_code="43")
EXPIRED = Decline("expired_card", None, "Your card has expired.", CHECK_DATA, "54", "exp_month")
CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.", CHECK_DATA, "82", "cvc")
PROCESSING = Decline(
    "processing_error",
    None,
    "An error occurred while processing your card. Try again in a little bit.",
    AGAIN,
    "96",
)
FRAUDULENT = Decline("card_declined", "fraudulent")  # by Stripe's own Radar, so the network tells nothing
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    message="The provided PaymentMethod has failed authentication. Confirm this PaymentIntent again "
    "with another payment_method.",
    kind="invalid_request_error",
)

# The last four digits of the Visa cards that only stand for their country.
COUNTRIES = """
    ae 0001 ar 0021 at 0008 au 0006 be 0004 bg 0000 br 0002 by 0005 ca 0000 ch 0009 cl 0001 cn 0002 co 0003
    cr 0005 cy 0008 cz 0002 de 0016 dk 0001 ec 0000 ee 0009 es 0007 fi 0001 fr 0003 gb 0000 gi 0005 gr 0030
    hk 0004 hr 0009 hu 0005 ie 0005 in 0008 it 0008 jp 0003 li 0004 lt 0000 lu 0006 lv 0005 mt 0007 mx 8001
    my 0002 nl 0002 no 0007 nz 0008 pa 0000 pe 0068 pl 0005 pt 0007 py 0066 ro 0001 se 0008 sg 0003 si 0006
    sk 0001 tw 0008 us 4242 uy 0003
""".split()  # noqa: SIM905 - 100 lines less


def _refused(last4: str, decline: Decline) -> Card:
    """
    A card that its bank refuses, when it is attached already.
    """
    return Card("visa", last4, decline=decline, attaches=False)


def _blocked(last4: str) -> Card:
    """
    A card whose payments Stripe itself blocks; it can be attached.
    """
    return Card("visa", last4, decline=FRAUDULENT, risk_level="highest")


CARDS = {
    **{code: Card("visa", last4, code.upper()) for code, last4 in zip(*[iter(COUNTRIES)] * 2, strict=True)},
    "visa": Card("visa", "4242"),
    "visa_debit": Card("visa", "5556", funding="debit"),
    "mastercard": Card("mastercard", "4444"),
    "mastercard_debit": Card("mastercard", "8210", funding="debit"),
    "mastercard_prepaid": Card("mastercard", "5100", funding="prepaid"),
    "amex": Card("amex", "8431"),
    "amex_threeDSecureNotSupported": Card("amex", "0005", knows_3ds=False),
    "discover": Card("discover", "1117"),
    "diners": Card("diners", "0004"),
    "jcb": Card("jcb", "0505", "JP"),
    "unionpay": Card("unionpay", "0005", "CN"),
    "ae_mastercard": Card("mastercard", "0022", "AE"),
    "gb_debit": Card("visa", "0005", "GB", "debit"),
    "gb_mastercard": Card("mastercard", "4449", "GB"),
    "th_credit": Card("visa", "0003", "TH"),
    "th_debit": Card("visa", "0008", "TH", "debit"),
    "bypassPending": Card("visa", "0077", bypasses_pending=True),
    "bypassPendingInternational": Card("visa", "0278", "IE", bypasses_pending=True),
    "chargeDeclined": _refused("0002", GENERIC),
    "chargeDeclinedInsufficientFunds": _refused("9995", FUNDS),
    "chargeDeclinedLostCard": _refused("9987", LOST),
    "chargeDeclinedStolenCard": _refused("9979", STOLEN),
    "chargeDeclinedExpiredCard": _refused("0069", EXPIRED),
    "chargeDeclinedIncorrectCvc": _refused("0127", CVC),
    "chargeDeclinedProcessingError": _refused("0119", PROCESSING),
    "chargeDeclinedVelocityLimitExceeded": _refused("6975", VELOCITY),
    "chargeDeclinedFraudulent": _blocked("0019"),
    "chargeCustomerFail": Card("visa", "0341", decline=GENERIC),
    "radarBlock": _blocked("0019"),
    "riskLevelHighest": _blocked("4954"),
    "riskLevelElevated": Card("visa", "9235", risk_level="elevated"),
    "authenticationRequired": Card("visa", "3184", "DE", asks_owner="always"),
    "authenticationRequiredOnSetup": Card("visa", "3155", "FR", asks_owner="until_set_up"),
    "authenticationRequiredSetupForOffSession": Card("visa", "0446", "IT", asks_owner="on_session"),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "visa", "3178", "GB", decline=FUNDS, asks_owner="always"
    ),
    "threeDSecure2Required": Card("visa", "3220", "IE", asks_owner="always"),
    "threeDSecureRequired": Card("visa", "3063", asks_owner="always"),
    "threeDSecureRequiredChargeDeclined": Card("visa", "1629", decline=GENERIC, asks_owner="always"),
    "threeDSecureOptional": Card("visa", "3055"),
    "threeDSecureOptionalProcessingError": Card("visa", "3097"),
    "pendingRefund": Card("visa", "7726", refund="pends"),
    "refundFail": Card("visa", "5126", refund="fails"),
    "createDispute": Card("visa", "0259", dispute="fraudulent"),
    "createDisputeProductNotReceived": Card("visa", "2685", dispute="product_not_received"),
    "createDisputeInquiry": Card("visa", "1976", dispute="fraudulent", is_inquiry=True),
}
# Declines that Stripe also names after the brand.
CARDS |= {
    f"visa_{name}": CARDS[name]
    for name in (
        "chargeDeclined",
        "chargeDeclinedInsufficientFunds",
        "chargeDeclinedLostCard",
        "chargeDeclinedStolenCard",
        "chargeDeclinedVelocityLimitExceeded",
    )
}
# Names that Stripe has besides; what they stand for (checks, co-brands, other disputes) is not modelled.
NOT_MODELLED = frozenset(
    """
    adaptive3dsChallenge avsFail avsLine1Fail avsUnchecked avsZipFail avsZipFailElevatedRisk
    chargeDeclinedIncorrectZip createAutoRepresentmentEligibleDispute createCe3EligibleDispute
    createComplianceDispute createDisputeInquiryNotReceived createIssuerFraudRecord
    createMastercardComplianceDispute createMultipleDisputes cvcCheckFail cvcCheckFailElevatedRisk
    debit_visaFsaProductCode debit_visaHsaProductCode freeTrialAbuseBlock highEfwScore
    highFraudDisputeScore mastercard_cartesBancaires mastercard_debit_eftposAuCoBranded
    mastercard_debit_mastercardFsaProductCode radarDynamicRiskThreshold
    threeDSecureRequiredProcessingError visa_cartesBancaires visa_chargeCustomerFailLostCard
    visa_chargeCustomerFailStolenCard visa_debit_eftposAuCoBranded
    """.split()  # noqa: SIM905 - 20 lines less
)
TEST_CARDS = {f"{PREFIX}{name}": card for name, card in CARDS.items()}


def fingerprint(card: Card) -> str:
    """
    What tells a card number from all others, sixteen letters and digits.
    """
    number = f"{card.brand} {card.country} {card.last4}"
    return sha256(number.encode()).digest()[:16].translate(LETTERS).decode()


BY_FINGERPRINT = {fingerprint(card): card for card in TEST_CARDS.values()}


def card_of(method: Record) -> Card:
    """
    The test card that the payment method *method* is.
    """
    return BY_FINGERPRINT[method["card"]["fingerprint"]]


def add_card(store: Store, card: Card, **billing: Any) -> Record:
    """
    A new payment method that is nobody's yet; it expires in about three years.
    """
    return store.add(
        {
            "id": store.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(**billing),
            "card": _card(store, card),
            "created": store.now(),
            "customer": None,
            "customer_account": None,
            "livemode": store.livemode,
            "metadata": {},
            "radar_options": {},
            "type": "card",
        }
    )


def billing_details(name: str | None = None, email: str | None = None, country: str | None = None) -> Record:
    """
    Who a card says that its owner is.
    """
    address = dict.fromkeys(ADDRESS) | {"country": country}
    return {"address": address, "email": email, "name": name, "phone": None, "tax_id": None}


def _card(store: Store, card: Card) -> Record:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "unchecked"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": 8,
        "exp_year": 1970 + store.now() // YEAR + 3,
        "fingerprint": fingerprint(card),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": card.knows_3ds},
        "wallet": None,
    }
