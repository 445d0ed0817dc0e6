"""
Confirming a PaymentIntent: its card is charged, or its owner is asked first.

Rule: an intent that was confirmed has succeeded, holds the money (`requires_capture`), waits
for the owner of the card (`requires_action`), or needs another card and says why.
https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from stripe_mcp.simulator import payment_methods
from stripe_mcp.simulator.cards import AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, Decline, card_of
from stripe_mcp.simulator.charges import place_charge
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record

COPIED = (  # from an intent to its charge
    "customer",
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
CHALLENGED = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "exemption_indicator_applied": None,
    "result": "authenticated",
    "result_reason": None,
    "version": "2.2.0",
}


def confirm(
    store: Store, intent: Record, *, off_session: bool = False, return_url: str | None = None
) -> bool:
    """
    Charge the intent's card; say whether the money came, or is held where capture is manual.

    If not, the intent's status is `requires_action` or `requires_payment_method`. With a *return_url*
    the owner of the card is asked on a page, else by Stripe.js. *off_session* is a payment without them.
    """
    method = store.get("payment_method", intent["payment_method"])
    if payment_methods.asks_owner(store, method, off_session=off_session):
        if not _take_answer(store, intent):
            _ask_owner(store, intent, return_url)
            return False
        return _charge(store, intent, method, {**CHALLENGED, "transaction_id": store.new_token(36)})
    return _charge(store, intent, method)


def confirm_as_asked(store: Store, intent: Record, given: Record) -> None:
    """
    Confirm *intent* in the way that the parameters *given* say; nobody can be asked off session.
    """
    off_session = given.get("off_session", False) is not False
    method = store.get("payment_method", intent["payment_method"])
    if off_session and payment_methods.asks_owner(store, method, off_session=True):
        fail(store, intent, AUTHENTICATION_REQUIRED, method)
        return
    url = None if given.get("use_stripe_sdk") else given.get("return_url")
    confirm(store, intent, off_session=off_session, return_url=url)


def _ask_owner(store: Store, intent: Record, return_url: str | None) -> None:
    place = f"https://hooks.stripe.example.com/3d_secure_2/{intent['id']}"
    if return_url:
        action = {"redirect_to_url": {"return_url": return_url, "url": place}, "type": "redirect_to_url"}
    else:
        told = {"source": store.new_id("src"), "stripe_js": place, "type": "three_d_secure_redirect"}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": told}
    intent |= {"last_payment_error": None, "next_action": action, "status": "requires_action"}
    emit(store, "payment_intent.requires_action", intent)


def authenticate(store: Store, intent: Record, *, succeeds: bool) -> None:
    """
    Let the owner of the card authenticate the payment that waits for it, or fail to.

    Where the confirmation method is manual, the intent is to be confirmed once more after that.

    Raises:
        StripeError: The intent does not wait for that.
    """
    if intent["status"] != "requires_action":
        raise unexpected(intent, f"This PaymentIntent has the status {intent['status']}: nobody is asked.")
    method = store.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not succeeds:
        fail(store, intent, AUTHENTICATION_FAILED, method)
        return
    answer = {"object": "authentication", "payment_intent": intent["id"], "payment_method": method["id"]}
    store.add(answer | {"id": store.new_id("payatt"), "created": store.now()})
    if intent["confirmation_method"] == "manual":
        intent["status"] = "requires_confirmation"
        store.changed(intent)
    else:
        confirm(store, intent)


def _take_answer(store: Store, intent: Record) -> bool:
    """
    Whether the owner of the card has authenticated this payment; that counts once.
    """
    same = {"payment_intent": intent["id"], "payment_method": intent["payment_method"]}
    answers = store.where("authentication", same)
    for answer in answers:
        store.table("authentication").remove(answer["id"])
    return bool(answers)


def _charge(store: Store, intent: Record, method: Record, three_d_secure: Record | None = None) -> bool:
    manual, decline = intent["capture_method"] == "manual", card_of(method).decline
    amount, currency = intent["amount"], intent["currency"]
    copied = {name: snapshot(intent[name]) for name in COPIED}
    copied |= {"captured": not manual, "payment_intent": intent["id"]}
    charge = place_charge(store, amount, currency, method, decline, three_d_secure, **copied)
    intent |= {"last_payment_error": None, "latest_charge": charge["id"], "next_action": None}
    if decline:
        fail(store, intent, decline, method, charge)
        return False
    intent["status"] = "requires_capture" if manual else "succeeded"
    intent["amount_capturable" if manual else "amount_received"] = intent["amount"]
    customer = store.find("customer", intent["customer"] or "")
    if intent["setup_future_usage"] and customer and method["customer"] is None:
        payment_methods.attach(store, method, customer)
    emit(store, f"payment_intent.{'amount_capturable_updated' if manual else 'succeeded'}", intent)
    return True


def fail(
    store: Store, intent: Record, decline: Decline, method: Record, charge: Record | None = None
) -> None:
    """
    Let *intent* need another card, and say why this one did not do.
    """
    told = decline.error().body("")["error"]
    error = {name: told[name] for name in told if name != "request_log_url"}
    error["payment_method"] = snapshot(method)
    if charge:
        error["charge"] = charge["id"]
    intent |= {"last_payment_error": error, "payment_method": None, "status": "requires_payment_method"}
    emit(store, "payment_intent.payment_failed", intent)


def declined(intent: Record) -> StripeError:
    """
    The 402 that tells why *intent* needs another card.
    """
    error = dict(intent["last_payment_error"])
    message, kind, code = error.pop("message"), error.pop("type"), error.pop("code")
    return StripeError(message, status=402, kind=kind, code=code, payment_intent=intent, **error)


def unexpected(intent: Record, message: str) -> StripeError:
    """
    The refusal of what cannot be done to *intent* as it stands.
    """
    return StripeError(message, code="payment_intent_unexpected_state", payment_intent=intent)
