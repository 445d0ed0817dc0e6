"""
What a call puts at stake, as Stripe has it now: whose it is, what happens to it, how much moves.

Rule: not a word of it comes from the model, but for what it asks for; and that is shown, metadata aside.
It goes by Stripe's operation and not by the tool's name, so that a tool of one's own is covered as well;
what such a tool has beyond ours makes an amount unknown rather than wrong.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NamedTuple

from stripe_mcp.catalog import Template
from stripe_mcp.safety.looking import Body, Read, hold_to, id_of, look_at, number, text
from stripe_mcp.safety.refunding import charge_in, is_held, left_of, payment_to_refund, refund_in_words
from stripe_mcp.safety.wording import Priced, money, priced, quoted, short, since, sums, told, whose
from stripe_mcp.times import iso

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """
    What a call puts at stake.

    *kind* is what limits on money call it (None: it moves none by itself), *customer* the id of the one
    it belongs to, *amount* what moves in the smallest unit of *currency* (None: there is no telling).
    *who* and *what* are for a person to read; *state* is what else the decision rests on.
    """

    kind: str | None = None
    customer: str | None = None
    who: str = "no customer"
    what: tuple[str, ...]
    amount: int | None = None
    currency: str | None = None
    irreversible: bool = True
    state: tuple[Any, ...] = field(default=())

    @property
    def digest(self) -> str:
        """
        The same as long as nothing changes that a person would want to know of.
        """
        facts = [getattr(self, name) for name in self.__dataclass_fields__]
        return sha256(json.dumps(facts).encode()).hexdigest()


def kind_of(template: Template) -> str | None:
    """
    What limits on money call the operation of *template*; None if they do not count it.
    """
    known = _KNOWN.get(_operation(template))
    return known.kind if known else _UNREAD.get(_operation(template))


async def read_stakes(template: Template, arguments: Arguments, read: Read) -> Stakes:
    """
    What a call of *template* with *arguments*, which fit it, puts at stake.

    Raises:
        ToolError: Stripe refused to tell, or gave no answer.
    """
    known, path = _KNOWN.get(_operation(template)), template.path_arguments
    if known is None or not arguments.keys() >= set(known.needs.split()):
        return replace(_of_any(template, arguments), kind=kind_of(template))
    stakes = await known.read(arguments | ({"id": arguments[path[0]]} if path else {}), read)
    shown = {*known.needs.split(), *known.shows.split(), *path, "expand"}
    rest = {name: value for name, value in arguments.items() if name not in shown}
    with_rest = (f"With {told(rest)}",) if rest else ()
    return replace(stakes, kind=known.kind, what=stakes.what + with_rest)


async def payment_of(arguments: Arguments, read: Read) -> str:
    """
    The payment that a refund is of: a charge's payment intent, or the charge itself if it has none.

    Raises:
        ToolError: Stripe refused to tell, or gave no answer.
    """
    if "payment_intent" in arguments:
        return str(arguments["payment_intent"])
    charge = await look_at(read, "charge", charge_in(arguments))
    return id_of(charge.get("payment_intent")) or str(arguments["charge"])


def _operation(template: Template) -> tuple[str, str]:
    return template.request.method, re.sub(r"\{\w+\}", "{}", template.request.path)


async def _refund(arguments: Arguments, read: Read) -> Stakes:
    charge, owner = await payment_to_refund(arguments, read)
    left, currency = left_of(charge), text(charge, "currency")
    asked = int(arguments.get("amount", left))
    why = arguments.get("reason")
    blocks = ("Their card and e-mail address are blocked as fraudulent",) if why == "fraudulent" else ()
    return Stakes(
        **whose(owner, charge),
        what=(
            *refund_in_words(charge, asked, left, currency),
            *([f"Reason: {short(why)}"] if why else []),
            *blocks,
        ),
        amount=asked or None,  # what is not there yet may be there by then, and nobody can tell how much
        currency=currency,
        state=(charge.get("id"), left, charge.get("status"), charge.get("disputed")),
    )


async def _capture(arguments: Arguments, read: Read) -> Stakes:
    charge = await look_at(read, "charge", arguments["id"], "customer")
    currency, held = text(charge, "currency"), left_of(charge) if is_held(charge) else 0
    amount = int(arguments.get("amount", held))
    what = [f"Collect {money(amount, currency)} of {money(held, currency)}{since(charge, 'is held since')}"]
    if amount < held:
        what.append(f"The other {money(held - amount, currency)} is released for good")
    return Stakes(
        **whose(charge.get("customer"), charge),
        what=tuple(what),
        amount=amount,
        currency=currency,
        state=(charge.get("captured"), charge.get("status"), held),
    )


async def _payment_intent(arguments: Arguments, read: Read) -> Stakes:
    amount, currency = int(arguments["amount"]), arguments["currency"].lower()
    at_once = arguments.get("confirm") is True  # no tool of ours has it
    return Stakes(
        **whose(arguments.get("customer"), {}),
        what=(f"{'Charge' if at_once else 'Prepare a payment of'} {money(amount, currency)}",),
        amount=amount,
        currency=currency,
        irreversible=at_once,
    )


_TIMING = "trial_period_days trial_end collection_method"
# Beside any other argument, a subscription may cost more than its items do.
_AS_PRICED = {"customer", "items", "days_until_due", "default_payment_method", "metadata", "expand"}


async def _subscribe(arguments: Arguments, read: Read) -> Stakes:
    customer = await look_at(read, "customer", arguments["customer"])
    lines = [await _item(item, read) for item in arguments["items"]]
    currencies = {line.currency for line in lines}
    subscribe = "Subscribe to " + ", ".join(line.words for line in lines)
    return Stakes(
        **whose(customer, {}),
        what=(subscribe, sums(lines), _first_charge(arguments)),
        amount=_total(lines) if arguments.keys() <= {*_AS_PRICED, *_TIMING.split()} else None,
        currency=currencies.pop() if len(currencies) == 1 else None,
        irreversible=False,
        state=(customer.get("deleted"),),
    )


def _total(lines: list[Priced]) -> int | None:
    amounts = [line.amount for line in lines if line.amount is not None]
    known = len(amounts) == len(lines) and len({line.currency for line in lines}) == 1
    return sum(amounts) if known else None


async def _item(item: Body, read: Read) -> Priced:
    if "price" not in item or item.keys() - {"price", "quantity", "metadata"}:
        return Priced(told(item), None, None, "")
    return priced(await look_at(read, "price", item["price"]), int(item.get("quantity", 1)))


def _first_charge(arguments: Arguments) -> str:
    if "trial_period_days" in arguments:
        return f"First charged after a trial of {int(arguments['trial_period_days'])} days"
    if "trial_end" in arguments:
        end = arguments["trial_end"]
        return f"First charged when the trial ends: {short(end if isinstance(end, str) else iso(int(end)))}"
    by_invoice = arguments.get("collection_method") == "send_invoice"
    return "An invoice is sent, and nothing is charged" if by_invoice else "Charged at once"


async def _cancel(arguments: Arguments, read: Read) -> Stakes:
    subscription = await look_at(read, "subscription", arguments["id"], "customer")
    items = (subscription.get("items") or {}).get("data", [])
    lines = [priced(hold_to("price", item.get("price")), item.get("quantity") or 1).words for item in items]
    what = [f"End the subscription to {', '.join(lines) or arguments['id']}"]
    what.append("It ends now, and nothing is refunded")
    if arguments.get("prorate"):
        what.append("The unused time is credited")
    if arguments.get("invoice_now"):
        what.append("Open usage and prorations are billed now")
    state = (subscription.get("status"), subscription.get("cancel_at_period_end"))
    return Stakes(**whose(subscription.get("customer"), {}), what=tuple(what), state=state)


async def _finalize(arguments: Arguments, read: Read) -> Stakes:
    invoice = await look_at(read, "invoice", arguments["id"], "customer")
    amount, currency = number(invoice, "amount_due"), text(invoice, "currency")
    then = "Nothing is collected yet"
    if arguments.get("auto_advance", invoice.get("auto_advance")):
        sent = invoice.get("collection_method") == "send_invoice"
        then = "Then it is e-mailed to them" if sent else "Then it is charged to them"
    return Stakes(
        **whose(invoice.get("customer"), invoice),
        what=(f"Make final the invoice of {money(amount, currency)}{since(invoice, 'was made on')}", then),
        amount=amount,
        currency=currency,
        state=(invoice.get("status"), invoice.get("total")),
    )


async def _delete(arguments: Arguments, read: Read) -> Stakes:
    customer = await look_at(read, "customer", arguments["id"], "subscriptions")
    running = customer.get("subscriptions") or {}
    names = [short(each.get("id")) for each in running.get("data", [])]
    more = " and more" if running.get("has_more") else ""
    what = ["Delete this customer with all that is saved of them"]
    if names:
        what.append(f"Subscriptions that end with it: {', '.join(names)}{more}")
    state = (customer.get("deleted"), customer.get("balance"))
    return Stakes(**whose(customer, {}), what=tuple(what), state=state)


async def _detach(arguments: Arguments, read: Read) -> Stakes:
    method = await look_at(read, "payment_method", arguments["id"], "customer")
    kind = method.get("type")
    shown = method.get(str(kind)) or {}
    name = " ".join(str(part) for part in (shown.get("brand") or kind, shown.get("last4")) if part)
    what = (f"Detach the payment method {quoted(name)}", "It can never be attached again")
    return Stakes(**whose(method.get("customer"), method), what=what)


async def _update(arguments: Arguments, read: Read) -> Stakes:
    return Stakes(**whose(arguments["id"], {}), what=("Change this customer",))


def _of_any(template: Template, arguments: Arguments) -> Stakes:
    method, path = template.request.method, template.request.path
    what = (f"{template.title}: {method} {path}", f"With {told(arguments) or 'no arguments'}")
    return Stakes(what=what, irreversible=template.annotations.destructiveHint)


class _Known(NamedTuple):
    """
    How to *read* the stakes of an operation, which *needs* these arguments, and *shows* those as well.
    """

    kind: str | None
    read: Callable[[Arguments, Read], Awaitable[Stakes]]
    needs: str = ""
    shows: str = ""


# Tools of one's own may move the same money by these; nobody looks at how much, so that no limit admits them.
_UNREAD = {
    ("POST", "/v1/charges/{}/refund"): "refund",
    ("POST", "/v1/charges/{}/refunds"): "refund",
    ("POST", "/v1/payment_intents/{}/capture"): "capture",
    ("POST", "/v1/payment_intents/{}/confirm"): "payment_intent",
    ("POST", "/v1/charges"): "payment_intent",
    ("POST", "/v1/invoices/{}/pay"): "payment_intent",
}
_KNOWN: dict[tuple[str, str], _Known] = {
    ("POST", "/v1/refunds"): _Known("refund", _refund, "", "payment_intent charge amount reason metadata"),
    ("POST", "/v1/charges/{}/capture"): _Known("capture", _capture, "", "amount"),
    ("POST", "/v1/payment_intents"): _Known(
        "payment_intent", _payment_intent, "amount currency", "customer confirm metadata"
    ),
    ("POST", "/v1/subscriptions"): _Known(
        "subscription", _subscribe, "customer items", f"{_TIMING} metadata"
    ),
    ("DELETE", "/v1/subscriptions/{}"): _Known(None, _cancel, "", "prorate invoice_now"),
    ("POST", "/v1/invoices/{}/finalize"): _Known(None, _finalize, "", "auto_advance"),
    ("DELETE", "/v1/customers/{}"): _Known(None, _delete),
    ("POST", "/v1/payment_methods/{}/detach"): _Known(None, _detach),
    ("POST", "/v1/customers/{}"): _Known(None, _update),
}
