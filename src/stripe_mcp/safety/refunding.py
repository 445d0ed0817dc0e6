"""
What a refund is of, how much of it is left, and how that reads.

Rule: what was paid, what is only held and what was never paid are three things; only the first comes back.
"""

from typing import Any

from stripe_mcp.errors import InvalidArguments
from stripe_mcp.safety.looking import Body, Read, hold_to, look_at, number
from stripe_mcp.safety.wording import money, since


def charge_in(arguments: Body) -> str:
    """
    The charge that *arguments* name.

    Raises:
        InvalidArguments: They name none.
    """
    if "charge" not in arguments:
        raise InvalidArguments(["give payment_intent or charge, the payment that is refunded"])
    return str(arguments["charge"])


async def payment_to_refund(arguments: Body, read: Read) -> tuple[Body, Any]:
    """
    The charge to refund, or a payment intent that nobody has tried to pay; and whose it is.

    Raises:
        ToolError: They name none, or Stripe did not tell.
    """
    if "payment_intent" not in arguments:
        charge = await look_at(read, "charge", charge_in(arguments), "customer")
        return charge, charge.get("customer")
    intent = await look_at(read, "payment_intent", arguments["payment_intent"], "customer", "latest_charge")
    latest = intent.get("latest_charge")
    return intent if latest is None else hold_to("charge", latest), intent.get("customer")


def left_of(charge: Body) -> int:
    """
    How much of *charge* can be refunded; of one that is only held, how much can be released.

    Raises:
        NoAnswer: It does not say.
    """
    if not _was_paid(charge):
        return 0
    whole = "amount" if is_held(charge) else "amount_captured"
    return number(charge, whole) - number(charge, "amount_refunded")


def _was_paid(charge: Body) -> bool:
    return charge.get("object") == "charge" and charge.get("status") != "failed"


def is_held(charge: Body) -> bool:
    """
    Whether *charge* is authorized, and none of it was collected.
    """
    return _was_paid(charge) and charge.get("captured") is False


def refund_in_words(charge: Body, asked: int, left: int, currency: str) -> tuple[str, ...]:
    """
    What refunding *asked* of *charge* means while so much is *left*, in the smallest unit of *currency*.

    Raises:
        NoAnswer: It does not say how much it is.
    """
    amount, total = money(asked, currency), money(number(charge, "amount"), currency)
    if not _was_paid(charge):
        return f"Refund {total}{since(charge, 'was asked for on')}", "It was not paid"
    if asked > left or not left:
        rest = f"Only {money(left, currency)} is left of it"
    elif is_held(charge):
        rest = "Nothing was collected, so no money comes back"
    else:
        rest = f"{money(left - asked, currency)} can still be refunded after that"
    if is_held(charge):
        return f"Release {amount} of {total}{since(charge, 'is held since')}", rest
    paid = money(number(charge, "amount_captured"), currency)
    return f"Refund {amount} of {paid}{since(charge, 'was paid on')}", rest
