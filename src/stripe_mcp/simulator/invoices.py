"""
Invoices: draft, then open with a number, then paid or void.

Rule: only a draft gets lines and sums or can be deleted; what follows is in
`collection`, and what time does in `dunning`. https://docs.stripe.com/invoicing/overview
"""

from __future__ import annotations

from stripe_mcp.simulator.billing import due_date, method_for, own_method, paying_customer
from stripe_mcp.simulator.collection import attempt, finalize, intent_of, needs_action, void
from stripe_mcp.simulator.confirmation import declined
from stripe_mcp.simulator.drafts import add_invoice
from stripe_mcp.simulator.dunning import collect
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.invoice_items import free_items, take_pending_items
from stripe_mcp.simulator.lists import check_named, list_page, named, within
from stripe_mcp.simulator.metadata import merge_metadata, merge_shipping
from stripe_mcp.simulator.payment_methods import check_owned
from stripe_mcp.simulator.search import search_page
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

PLAIN = ("custom_fields", "description", "effective_at", "footer", "number", "statement_descriptor")


def list_invoices(store: Store, given: Record) -> Record:
    """
    GET /v1/invoices
    """
    check_named(store, given, "customer", "subscription")
    where = named(given, "collection_method", "customer", "customer_account", "status")
    if "subscription" in given:
        where["parent.subscription_details.subscription"] = given["subscription"]
    return list_page(
        store,
        "invoice",
        "/v1/invoices",
        given,
        where,
        lambda invoice: "due_date" not in given or within(invoice["due_date"], given["due_date"]),
    )


def search_invoices(store: Store, given: Record) -> Record:
    """
    GET /v1/invoices/search
    """
    return search_page(store, "invoice", "/v1/invoices/search", given)


def retrieve_invoice(store: Store, given: Record) -> Record:
    """
    GET /v1/invoices/{invoice}
    """
    return store.get("invoice", given["invoice"], "invoice")


def create_invoice(store: Store, given: Record) -> Record:
    """
    POST /v1/invoices: a draft, empty unless pending items are included.
    """
    customer = paying_customer(store, given)
    due = due_date(store, given, customer)
    if "number" in given and store.where("invoice", {"number": given["number"]}):
        raise StripeError("This number is that of another invoice.", param="number")
    method = own_method(store, given, customer)
    invoice = add_invoice(
        store,
        customer,
        given.get("currency") or customer["currency"] or "usd",
        auto_advance=given.get("auto_advance", False),
        collection_method=given.get("collection_method", "charge_automatically"),
        default_payment_method=method,
        due_date=due,
        **_fields(given),
    )
    if given.get("pending_invoice_items_behavior") == "include":
        take_pending_items(store, invoice)
    emit(store, "invoice.created", invoice)
    return invoice


def _fields(given: Record) -> Record:
    fields = {name: given[name] or None for name in PLAIN if name in given}
    fields["metadata"] = merge_metadata({}, given.get("metadata"))
    if "shipping_details" in given:
        fields["shipping_details"] = merge_shipping(None, given["shipping_details"])
    return fields


def finalize_invoice(store: Store, given: Record) -> Record:
    """
    POST /v1/invoices/{invoice}/finalize. An automatic one is charged or sent at once.
    """
    invoice = retrieve_invoice(store, given)
    if invoice["status"] != "draft":
        message = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        raise StripeError(message, code="invoice_not_editable", param="invoice")
    collect(store, invoice, **named(given, "auto_advance"))
    return invoice


def pay_invoice(store: Store, given: Record) -> Record:
    """
    POST /v1/invoices/{invoice}/pay, now and with the card given or the default one. A draft is finalized.
    """
    invoice = retrieve_invoice(store, given)
    if invoice["status"] in ("paid", "void"):
        said = {"paid": "Invoice is already paid", "void": "Voided invoices cannot be paid."}
        raise StripeError(said[invoice["status"]])
    method = _method_to_pay(store, invoice, given)
    if invoice["status"] == "draft":
        finalize(store, invoice)
    if invoice["status"] == "open" and not attempt(store, invoice, method, automatic=False):
        intent = intent_of(store, invoice)
        raise needs_action(invoice) if intent["status"] == "requires_action" else declined(intent)
    return invoice


def _method_to_pay(store: Store, invoice: Record, given: Record) -> str:
    customer = store.get("customer", invoice["customer"], "customer", status=400)
    if "payment_method" in given:
        check_owned(store, given["payment_method"], customer, "payment_method")
    method: str | None = given.get("payment_method") or method_for(store, invoice)
    if method is None:
        message = (
            "There is no default_payment_method set on this Customer or Invoice: "
            "set one, or give the payment_method to pay with."
        )
        raise StripeError(message, code="resource_missing")
    return method


def void_invoice(store: Store, given: Record) -> Record:
    """
    POST /v1/invoices/{invoice}/void
    """
    invoice = retrieve_invoice(store, given)
    if invoice["status"] != "open":
        message = f"You can only void an open invoice; this one is {invoice['status']}."
        raise StripeError(message, param="invoice")
    void(store, invoice)
    return invoice


def delete_invoice(store: Store, given: Record) -> Record:
    """
    DELETE /v1/invoices/{invoice}: a draft that bills no subscription. Its items wait for another one.
    """
    invoice = retrieve_invoice(store, given)
    if invoice["status"] != "draft":
        message = "You can only delete draft invoices; one that was finalized can be voided."
        raise StripeError(message, code="invoice_not_editable", param="invoice")
    if invoice["parent"]:
        raise StripeError("You can't delete invoices created by subscriptions.", param="invoice")
    free_items(store, invoice)
    stub = store.delete(invoice)
    emit(store, "invoice.deleted", invoice)
    return stub


OPERATIONS = {
    "GET /v1/invoices": list_invoices,
    "POST /v1/invoices": create_invoice,
    "GET /v1/invoices/search": search_invoices,
    "GET /v1/invoices/{invoice}": retrieve_invoice,
    "DELETE /v1/invoices/{invoice}": delete_invoice,
    "POST /v1/invoices/{invoice}/finalize": finalize_invoice,
    "POST /v1/invoices/{invoice}/pay": pay_invoice,
    "POST /v1/invoices/{invoice}/void": void_invoice,
}
