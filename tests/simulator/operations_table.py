"""
Makes `operations.json`, the simulator's table of parameters and expandable fields.

Names, nesting, enumerations and required-ness come from the TypedDicts of the
`stripe` package, expandable fields from its object classes. What those do not
tell (lengths, least values, which parameters the simulator does not model)
stands here. Run it as `python -m tests.simulator.operations_table`.

The language of the table. An operation's parameters are an object; a key is a
name and how it is sent: `name[]` a list, `name{}` a map of free keys; then `?`
where the empty string unsets it, `!` where it is required. A value is an object
(nested parameters), `unsupported`, or alternatives separated by `|`: `string`
(`string:256` is at most 256 characters), `integer` (`integer:1..` is 1 or more), `decimal`,
`boolean`, `email`, `currency`, `range` (a number, or bounds by gt, gte, lt, lte), and otherwise
literal values of an enumeration.

An object's expandable fields are `path: kind`; `path: =kind` is an object that
is always there as a whole, `path: []kind` a list of such.
"""

import json
import sys
import types
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any

import stripe
import stripe.params
from stripe import StripeContext, StripeObject
from stripe._list_object import ListObject
from stripe._request_options import RequestOptions

TABLE = Path(__file__).parents[2] / "src/stripe_mcp/simulator/operations.json"

OPERATIONS = {
    "GET /v1/account": ("AccountRetrieveParams", "account"),
    "GET /v1/balance": ("BalanceRetrieveParams", "balance"),
    "GET /v1/balance_transactions": ("BalanceTransactionListParams", "[]balance_transaction"),
    "GET /v1/charges": ("ChargeListParams", "[]charge"),
    "POST /v1/charges": ("ChargeCreateParams", "charge"),
    "GET /v1/charges/search": ("ChargeSearchParams", "[]charge"),
    "GET /v1/charges/{charge}": ("ChargeRetrieveParams", "charge"),
    "POST /v1/charges/{charge}/capture": ("ChargeCaptureParams", "charge"),
    "GET /v1/customers": ("CustomerListParams", "[]customer"),
    "POST /v1/customers": ("CustomerCreateParams", "customer"),
    "GET /v1/customers/{customer}": ("CustomerRetrieveParams", "customer"),
    "POST /v1/customers/{customer}": ("CustomerUpdateParams", "customer"),
    "DELETE /v1/customers/{customer}": ("CustomerDeleteParams", "customer"),
    "GET /v1/customers/{customer}/payment_methods": (
        "CustomerPaymentMethodListParams",
        "[]payment_method",
    ),
    "GET /v1/disputes": ("DisputeListParams", "[]dispute"),
    "GET /v1/disputes/{dispute}": ("DisputeRetrieveParams", "dispute"),
    "GET /v1/events": ("EventListParams", "[]event"),
    "GET /v1/events/{id}": ("EventRetrieveParams", "event"),
    "POST /v1/invoiceitems": ("InvoiceItemCreateParams", "invoiceitem"),
    "GET /v1/invoices": ("InvoiceListParams", "[]invoice"),
    "POST /v1/invoices": ("InvoiceCreateParams", "invoice"),
    "GET /v1/invoices/search": ("InvoiceSearchParams", "[]invoice"),
    "GET /v1/invoices/{invoice}": ("InvoiceRetrieveParams", "invoice"),
    "DELETE /v1/invoices/{invoice}": ("InvoiceDeleteParams", "invoice"),
    "POST /v1/invoices/{invoice}/finalize": ("InvoiceFinalizeInvoiceParams", "invoice"),
    "POST /v1/invoices/{invoice}/pay": ("InvoicePayParams", "invoice"),
    "POST /v1/invoices/{invoice}/void": ("InvoiceVoidInvoiceParams", "invoice"),
    "GET /v1/payment_intents": ("PaymentIntentListParams", "[]payment_intent"),
    "POST /v1/payment_intents": ("PaymentIntentCreateParams", "payment_intent"),
    "GET /v1/payment_intents/search": ("PaymentIntentSearchParams", "[]payment_intent"),
    "GET /v1/payment_intents/{intent}": ("PaymentIntentRetrieveParams", "payment_intent"),
    "POST /v1/payment_intents/{intent}/cancel": ("PaymentIntentCancelParams", "payment_intent"),
    "POST /v1/payment_intents/{intent}/capture": ("PaymentIntentCaptureParams", "payment_intent"),
    "POST /v1/payment_intents/{intent}/confirm": ("PaymentIntentConfirmParams", "payment_intent"),
    "POST /v1/payment_methods": ("PaymentMethodCreateParams", "payment_method"),
    "GET /v1/payment_methods/{payment_method}": ("PaymentMethodRetrieveParams", "payment_method"),
    "POST /v1/payment_methods/{payment_method}/attach": ("PaymentMethodAttachParams", "payment_method"),
    "POST /v1/payment_methods/{payment_method}/detach": ("PaymentMethodDetachParams", "payment_method"),
    "GET /v1/prices": ("PriceListParams", "[]price"),
    "POST /v1/prices": ("PriceCreateParams", "price"),
    "GET /v1/prices/{price}": ("PriceRetrieveParams", "price"),
    "POST /v1/prices/{price}": ("PriceUpdateParams", "price"),
    "GET /v1/products": ("ProductListParams", "[]product"),
    "POST /v1/products": ("ProductCreateParams", "product"),
    "GET /v1/products/{id}": ("ProductRetrieveParams", "product"),
    "POST /v1/products/{id}": ("ProductUpdateParams", "product"),
    "GET /v1/refunds": ("RefundListParams", "[]refund"),
    "POST /v1/refunds": ("RefundCreateParams", "refund"),
    "GET /v1/refunds/{refund}": ("RefundRetrieveParams", "refund"),
    "GET /v1/subscriptions": ("SubscriptionListParams", "[]subscription"),
    "POST /v1/subscriptions": ("SubscriptionCreateParams", "subscription"),
    "GET /v1/subscriptions/{subscription_exposed_id}": ("SubscriptionRetrieveParams", "subscription"),
    "POST /v1/subscriptions/{subscription_exposed_id}": ("SubscriptionUpdateParams", "subscription"),
    "DELETE /v1/subscriptions/{subscription_exposed_id}": ("SubscriptionCancelParams", "subscription"),
}

OBJECTS = (
    stripe.BalanceTransaction,
    stripe.Charge,
    stripe.Customer,
    stripe.Dispute,
    stripe.Event,
    stripe.Invoice,
    stripe.InvoiceItem,
    stripe.InvoiceLineItem,
    stripe.InvoicePayment,
    stripe.PaymentIntent,
    stripe.PaymentMethod,
    stripe.Price,
    stripe.Product,
    stripe.Refund,
    stripe.Subscription,
    stripe.SubscriptionItem,
)

# What Stripe knows and the simulator does not model: answered with a 400 that names it.
EVERYWHERE = {"customer_account", "test_clock", "on_behalf_of", "transfer_data", "application_fee_amount"}
UNSUPPORTED = {
    "POST /v1/customers": "balance cash_balance invoice_settings.rendering_options source tax tax_id_data "
    "validate",
    "POST /v1/customers/{customer}": "balance cash_balance default_source invoice_settings.rendering_options "
    "source tax validate",
    "POST /v1/payment_intents": "amount_details confirmation_token error_on_requires_action hooks mandate "
    "mandate_data payment_details payment_method_configuration payment_method_data "
    "payment_method_options radar_options transfer_group",
    "POST /v1/charges": "application_fee destination radar_options transfer_group",
    "POST /v1/charges/{charge}/capture": "application_fee transfer_group",
    "POST /v1/payment_intents/{intent}/capture": "amount_details hooks payment_details",
    "POST /v1/payment_intents/{intent}/confirm": "allowed_payment_method_types amount_details "
    "amount_to_confirm confirmation_token error_on_requires_action excluded_payment_method_types hooks "
    "mandate mandate_data payment_details payment_method_data payment_method_options radar_options",
    "POST /v1/payment_methods": "card.cvc card.exp_month card.exp_year card.networks card.number",
    "POST /v1/refunds": "currency customer instructions_email origin refund_application_fee reverse_transfer",
    "POST /v1/invoices": "account_tax_ids automatic_tax automatically_finalizes_at default_source "
    "default_tax_rates discounts from_invoice issuer payment_settings rendering shipping_cost subscription",
    "POST /v1/invoices/{invoice}/pay": "forgive mandate off_session paid_out_of_band source",
    "POST /v1/invoiceitems": "discounts price_data quantity_decimal tax_behavior tax_code tax_rates",
    "POST /v1/products": "default_price_data package_dimensions tax_code tax_details",
    "POST /v1/products/{id}": "package_dimensions tax_code tax_details",
    "POST /v1/subscriptions": "add_invoice_items application_fee_percent automatic_tax backdate_start_date "
    "billing_cycle_anchor billing_cycle_anchor_config billing_mode.flexible billing_schedules "
    "billing_thresholds default_source default_tax_rates discounts invoice_settings "
    "items.billing_thresholds items.discounts items.plan items.price_data items.tax_rates items.trial "
    "items.current_trial off_session payment_settings pending_invoice_item_interval proration_behavior "
    "trial_from_plan",
    "POST /v1/subscriptions/{subscription_exposed_id}": "cancellation_details.feedback_option",
    "DELETE /v1/subscriptions/{subscription_exposed_id}": "cancellation_details.feedback_option",
    "POST /v1/prices": "currency_options custom_unit_amount product_data.tax_code product_data.tax_details "
    "recurring.meter tiers tiers_mode transform_quantity",
    "POST /v1/prices/{price}": "currency_options",
}
# Where it is shorter to say what the simulator does model.
SUPPORTED = {
    "POST /v1/payment_methods": "allow_redisplay billing_details card expand metadata type",
    "POST /v1/subscriptions/{subscription_exposed_id}": "cancel_at cancel_at_period_end "
    "cancellation_details default_payment_method description expand metadata",
}

# Characters; from Stripe's public OpenAPI text.
LONGEST = {
    "POST /v1/customers": {"name": 256, "email": 512, "phone": 20, "description": 5000},
    "POST /v1/customers/{customer}": {"name": 256, "email": 512, "phone": 20, "description": 5000},
    "POST /v1/payment_intents": {
        "description": 1000,
        "statement_descriptor": 22,
        "statement_descriptor_suffix": 22,
    },
    "POST /v1/charges": {
        "description": 40_000,
        "statement_descriptor": 22,
        "statement_descriptor_suffix": 22,
    },
    "POST /v1/charges/{charge}/capture": {"statement_descriptor": 22, "statement_descriptor_suffix": 22},
    "POST /v1/payment_intents/{intent}/capture": {
        "statement_descriptor": 22,
        "statement_descriptor_suffix": 22,
    },
    "POST /v1/invoices": {"description": 1500, "footer": 5000, "number": 26, "statement_descriptor": 22},
    "POST /v1/subscriptions": {"description": 500},
    "POST /v1/subscriptions/{subscription_exposed_id}": {"description": 500},
    "POST /v1/prices": {"lookup_key": 200, "nickname": 5000},
    "POST /v1/prices/{price}": {"lookup_key": 200, "nickname": 5000},
    "POST /v1/products": {"description": 40_000, "statement_descriptor": 22, "unit_label": 12},
    "POST /v1/products/{id}": {"description": 40_000, "statement_descriptor": 22, "unit_label": 12},
}
# Plain text that an update unsets by the empty string, whatever its type says.
EMPTYABLE = {
    "POST /v1/customers": {"description", "email", "name", "phone"},
    "POST /v1/customers/{customer}": {"description", "email", "name", "phone"},
}
BOUNDS = {
    "amount": "1..",
    "amount_to_capture": "1..",
    "days_until_due": "0..",
    "interval_count": "1..",
    "limit": "1..100",
    "next_invoice_sequence": "1..",
    "quantity": "0..",
    "trial_period_days": "1..730",
    "unit_amount": "0..",
}
SIGNED = {"POST /v1/invoiceitems": {"amount"}}  # below zero it is a credit
RANGE = {"gt", "gte", "lt", "lte"}
SCALARS = {str: "string", int: "integer", bool: "boolean", float: "decimal", Decimal: "decimal"}


def make_table() -> dict[str, Any]:
    """
    Give the whole table: the operations, and the expandable fields of their objects.
    """
    operations = {
        name: {"returns": returns, "parameters": _parameters(getattr(stripe.params, params), name)}
        for name, (params, returns) in OPERATIONS.items()
    }
    return {
        "operations": operations,
        "expandable": {c.OBJECT_NAME: dict(sorted(_expandable(c))) for c in OBJECTS},
    }


def render_table() -> str:
    """
    The text of the file: one operation or object a line, so that a diff can be read.
    """
    sections = []
    for section, entries in make_table().items():
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in entries.items()]
        sections.append(f" {json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _parameters(typed_dict: Any, operation: str, above: str = "") -> dict[str, Any]:
    hints = typing.get_type_hints(
        typed_dict,
        {**vars(typing), **vars(sys.modules[typed_dict.__module__])},
        {"StripeContext": StripeContext},
    )
    skipped = set() if above else set(RequestOptions.__annotations__)
    parameters = {}
    for name in sorted(set(hints) - skipped):
        suffix, value = _parameter(hints[name], operation, f"{above}{name}")
        required = "!" if name in typed_dict.__required_keys__ else ""
        parameters[f"{name}{suffix}{required}"] = value
    return parameters


def _parameter(hint: Any, operation: str, path: str) -> tuple[str, Any]:
    if _is_unsupported(operation, path):
        return "", "unsupported"
    choices = _choices(hint)
    empty = "?" if "" in choices or path in EMPTYABLE.get(operation, ()) else ""
    choices = [choice for choice in choices if choice != ""]
    for choice in choices:
        if typing.get_origin(choice) is list:
            (item,) = typing.get_args(choice)
            inner = _parameter(item, operation, path)[1]
            return f"[]{empty}", inner
        if typing.get_origin(choice) is dict:
            return f"{{}}{empty}", "string"
        if hasattr(choice, "__required_keys__"):
            if set(choice.__annotations__) == RANGE:
                return empty, "range"
            return empty, _parameters(choice, operation, f"{path}.")
    return empty, _scalar(choices, operation, path)


def _is_unsupported(operation: str, path: str) -> bool:
    """
    Whether the simulator has nothing behind a parameter; the filters of a list all mean something.
    """
    top, _, _ = path.partition(".")
    if operation in SUPPORTED and top not in SUPPORTED[operation].split():
        return True
    named = path in UNSUPPORTED.get(operation, "").split()
    return named or (not operation.startswith("GET") and path.rpartition(".")[2] in EVERYWHERE)


def _choices(hint: Any) -> list[Any]:
    """
    What a hint allows, literals as their values; an open enumeration loses its `str`.
    """
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = [choice for part in typing.get_args(hint) for choice in _choices(part)]
        literals = [part for part in parts if isinstance(part, str) and part]
        return [part for part in parts if part is not str or not literals]
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    return [hint]


def _scalar(choices: list[Any], operation: str, path: str) -> str:
    name = path.rpartition(".")[2]
    words = [choice if isinstance(choice, str) else SCALARS[choice] for choice in choices]
    text = "|".join(words)
    if name == "currency" and text == "string":
        return "currency"
    if text == "integer" and name in BOUNDS and path not in SIGNED.get(operation, ()):
        return f"integer:{BOUNDS[name]}"
    if path in LONGEST.get(operation, {}):
        text = f"string:{LONGEST[operation][path]}"
    if operation.startswith("POST") and name in ("email", "receipt_email"):
        return text.replace("string", "email")
    return text


def _expandable(kind: Any, above: str = "") -> typing.Iterator[tuple[str, str]]:
    for name, hint in kind.__annotations__.items():
        path, parts = f"{above}{name}", _object_parts(hint)
        named = [_kind(part) for part in parts if isinstance(part, typing.ForwardRef)]
        if str in parts and named:
            yield path, "|".join(filter(None, named))
        elif typing.get_origin(hint) is ListObject or any(typing.get_origin(p) is ListObject for p in parts):
            (listed,) = [a for p in parts for a in typing.get_args(p)] or typing.get_args(hint)
            yield path, f"[]{_kind(listed)}"
        elif named:
            yield path, f"={named[0]}"
        for part in parts:
            if isinstance(part, type) and issubclass(part, StripeObject) and _is_nested(part, kind):
                yield from _expandable(part, f"{path}.")


def _object_parts(hint: Any) -> list[Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, list):
        return [part for argument in typing.get_args(hint) for part in _object_parts(argument)]
    return [typing.ForwardRef(hint) if isinstance(hint, str) else hint]


def _is_nested(part: type, inside: type) -> bool:
    return part.__module__ == inside.__module__ and part.__qualname__.startswith(f"{inside.__qualname__}.")


def _kind(reference: Any) -> str:
    """
    The object name behind a forward reference; empty for kinds that the simulator has none of.
    """
    name = getattr(reference, "__forward_arg__", None) or reference.__name__
    found = getattr(stripe, name, None)
    return str(found.OBJECT_NAME) if found in OBJECTS else ""


if __name__ == "__main__":
    TABLE.write_text(render_table(), encoding="utf-8")
    sys.stdout.write(f"{TABLE}: {TABLE.stat().st_size} bytes\n")
