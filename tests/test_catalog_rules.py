"""
Rules that hold for every template of the catalog, so that a further one keeps them without a new test.

What JSON Schema and the loader cannot say stands here: what may be offered at all, what the hints mean,
how lists and searches are paged. Only the last tests name templates: those that were promised.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.times import parse

FOLDER = builtin_folder()
CATALOG = load_catalog(FOLDER).templates

DATES = FormatChecker(())
DATES.checks("date-time")(lambda value: not isinstance(value, str) or parse(value) is not None)

Rule = Callable[[Template], None]


def of_every_template(rule: Rule) -> Any:
    """
    Run the test once for each template, under its name.
    """
    return pytest.mark.parametrize("template", CATALOG.values(), ids=CATALOG)(rule)


def schemas(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """
    All schemas within *schema*, itself included, each with the dotted name of what it is for.
    """
    yield where, schema
    for name, child in schema.get("properties", {}).items():
        yield from schemas(child, f"{where}.{name}".removeprefix("."))
    for child in schema.get("anyOf", []):
        yield from schemas(child, where)
    if "items" in schema:
        yield from schemas(schema["items"], f"{where}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from schemas(schema["additionalProperties"], f"{where}.*")


def named(template: Template, name: str) -> list[dict[str, Any]]:
    """
    The schemas of all arguments called *name*, at any level.
    """
    return [schema for where, schema in whole(template).items() if where.split(".")[-1] == name]


def whole(template: Template) -> dict[str, dict[str, Any]]:
    """
    All schemas of *template* by what they are for; of an anyOf the whole.
    """
    found: dict[str, dict[str, Any]] = {}
    for where, schema in schemas(template.input):
        found.setdefault(where, schema)
    return found


def admits(schema: dict[str, Any], value: Any) -> bool:
    return not list(Draft202012Validator(schema, format_checker=DATES).iter_errors(value))


def is_list(template: Template) -> bool:
    return template.returns.startswith("list of ")


def is_search(template: Template) -> bool:
    return template.returns.startswith("search_result of ")


# Names and texts


@of_every_template
def test_the_name_is_the_title_in_snake_case(template: Template) -> None:
    assert template.title.lower().replace(" ", "_") == template.name


def test_no_two_tools_share_a_title_or_a_description() -> None:
    for text in ("title", "description"):
        assert len({getattr(template, text) for template in CATALOG.values()}) == len(CATALOG)


@of_every_template
def test_the_category_is_snake_case(template: Template) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", template.category)


@of_every_template
def test_the_file_opens_with_the_page_of_stripe_it_follows(template: Template) -> None:
    file = FOLDER / "tools" / template.category / f"{template.name}.toml"
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    assert re.fullmatch(r"# https://docs\.stripe\.com/api/[a-z_/]+", first)


@of_every_template
def test_the_description_is_sentences_without_loose_ends(template: Template) -> None:
    assert template.description == template.description.strip()
    assert re.fullmatch(r"[A-Z].{20,}[.]", template.description, re.DOTALL)


@of_every_template
def test_a_description_names_only_tools_and_arguments_that_exist(template: Template) -> None:
    """
    A model follows the pointer; one that leads nowhere costs a failed call.
    """
    verbs = {name.partition("_")[0] for name in CATALOG}
    told = " ".join([template.description, *(s.get("description", "") for _, s in schemas(template.input))])
    pointers = {word for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", told) if word.split("_")[0] in verbs}
    arguments = {where.split(".")[-1] for where, _ in schemas(template.input)}
    assert pointers <= CATALOG.keys() | arguments


@of_every_template
def test_returns_is_an_object_or_a_list_or_a_search_result_of_objects(template: Template) -> None:
    assert re.fullmatch(r"((list|search_result) of )?[a-z]+(_[a-z]+)*", template.returns)


# Schemas


@of_every_template
def test_input_is_a_valid_json_schema(template: Template) -> None:
    Draft202012Validator.check_schema(template.input)


@of_every_template
def test_an_object_admits_named_arguments_only_except_in_metadata(template: Template) -> None:
    """
    A typo such as amonut must be an error, or a part refund becomes a full one.
    """
    for where, schema in schemas(template.input):
        if schema.get("type") == "object" and not where.endswith("metadata"):
            names = schema.get("propertyNames", {})
            assert schema["additionalProperties"] is False or set(names) == {"enum"}, where


@of_every_template
def test_metadata_holds_what_stripe_admits(template: Template) -> None:
    """
    50 keys of 1 to 40 characters without brackets, values of at most 500, which may be empty.
    https://docs.stripe.com/api/metadata
    """
    for schema in named(template, "metadata"):
        assert admits(schema, {})
        assert admits(schema, {"k" * 40: "v" * 500, "größe": "", "a b": "x"})
        assert admits(schema, {f"k{number}": "v" for number in range(50)})
        assert not admits(schema, {f"k{number}": "v" for number in range(51)})
        assert not any(admits(schema, {key: "v"}) for key in ("", "k" * 41, "a[b]", "a[", "]"))
        wrong: list[Any] = ["v" * 501, 5, True, None, {}, ["v"]]
        assert not [value for value in wrong if admits(schema, {"k": value})]


@of_every_template
def test_every_integer_says_how_small_it_may_be(template: Template) -> None:
    for where, schema in schemas(template.input):
        if schema.get("type") == "integer":
            assert schema.get("minimum", -1) >= 0, where


@of_every_template
def test_an_amount_is_an_integer_of_at_most_eight_digits(template: Template) -> None:
    """
    https://docs.stripe.com/api/payment_intents/create#create_payment_intent-amount
    """
    for schema in named(template, "amount"):
        assert [admits(schema, amount) for amount in (1, 99_999_999)] == [True, True]
        assert not [amount for amount in (0, -1, 100_000_000, 5.5, "5", True) if admits(schema, amount)]


@of_every_template
def test_a_currency_is_three_small_letters(template: Template) -> None:
    for schema in named(template, "currency"):
        assert admits(schema, "usd")
        assert not any(admits(schema, value) for value in ("USD", "us", "usdd", "$", "", "u1d"))


@of_every_template
def test_an_enumeration_holds_different_words(template: Template) -> None:
    for where, schema in schemas(template.input):
        words = schema.get("enum", ["word"])
        assert words, where
        assert len(set(words)) == len(words), where
        assert all(isinstance(word, str) and word for word in words), where


@of_every_template
def test_least_and_most_leave_something_between(template: Template) -> None:
    bounds = [("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")]
    for where, schema in schemas(template.input):
        for least, most in bounds:
            assert schema.get(least, 0) <= schema.get(most, float("inf")), where


@of_every_template
def test_patterns_are_anchored_and_refuse_the_empty_text(template: Template) -> None:
    for where, schema in schemas(template.input):
        for pattern in filter(None, (schema.get("pattern"), schema.get("propertyNames", {}).get("pattern"))):
            assert pattern.startswith("^"), where
            assert pattern.endswith("$"), where
            assert not re.search(pattern, ""), where


@of_every_template
def test_a_rule_across_arguments_can_be_kept(template: Template) -> None:
    required = set(template.input.get("required", []))
    for group in template.one_of:
        assert len(set(group)) == len(group) >= 2
        assert not required & set(group)
    for name, needed in template.requires.items():
        assert name not in required
        assert needed
        assert name not in needed


# Reads


@of_every_template
def test_a_read_takes_no_empty_text(template: Template) -> None:
    """
    An empty filter is no filter: Stripe would list everything.
    """
    if template.annotations.readOnlyHint:
        for where, schema in schemas(template.input):
            assert schema.get("type") != "string" or not admits(schema, ""), where


@of_every_template
def test_a_list_is_paged_by_ids(template: Template) -> None:
    if is_list(template):
        properties = template.input["properties"]
        assert {"limit", "starting_after", "ending_before"} <= properties.keys()
        assert "page" not in properties


@of_every_template
def test_a_search_has_a_query_and_is_paged_by_page(template: Template) -> None:
    assert is_search(template) == template.request.path.endswith("/search")
    if is_search(template):
        properties = template.input["properties"]
        assert {"query", "limit", "page"} <= properties.keys()
        assert not {"starting_after", "ending_before"} & properties.keys()
        assert template.input["required"] == ["query"]
        assert admits(properties["query"], "q" * 5000)


@of_every_template
def test_a_limit_is_one_to_a_hundred(template: Template) -> None:
    for schema in named(template, "limit"):
        assert [limit for limit in range(-1, 103) if admits(schema, limit)] == list(range(1, 101))


@of_every_template
def test_created_is_a_moment_or_a_range(template: Template) -> None:
    if schema := template.input["properties"].get("created"):
        bounds = ["gt", "gte", "lt", "lte"]
        assert admits(schema, 1790000000)
        assert all(admits(schema, {bound: 1790000000}) for bound in bounds)
        assert admits(schema, {"gte": 1790000000, "lt": 1790086400})
        assert admits(schema, "2026-11-01")
        assert admits(schema, {"gte": "2026-11-01", "lt": "2026-11-01T09:30:00Z"})
        assert admits(schema, {"gt": "2026-11-01T09:30:00+02:00", "lte": 1790086400})
        wrong: list[Any] = [
            "1790000000",
            1.5,
            True,
            -1,
            {"from": 1},
            {"gte": "1"},
            {"gte": 1.5},
            [1790000000],
            "20261101",
            "",
            {"from": "2026-11-01"},
            {"gte": "November"},
            ["2026-11-01"],
        ]
        assert not [value for value in wrong if admits(schema, value)]


A_TIME = re.compile(r"\b(created|\w+_(at|on|date|start|end|from|until|anchor))\b")


@of_every_template
def test_whatever_takes_unix_seconds_takes_a_date_and_nothing_else_does(template: Template) -> None:
    """
    Models miscount seconds; and a date is sent in seconds, which only a Unix time means.
    """
    for where, schema in whole(template).items():
        branches = schema.get("anyOf", [schema])
        counts = any(branch["type"] == "integer" for branch in branches)
        dated = any("format" in branch for branch in branches)
        assert dated == (counts and bool(A_TIME.search(where))), where


@of_every_template
def test_expand_is_a_list_of_paths_not_an_enumeration(template: Template) -> None:
    for schema in named(template, "expand"):
        assert schema["type"] == "array"
        assert "enum" not in schema["items"]
        assert admits(schema, ["data.customer", "data.latest_charge.balance_transaction"])
        assert not admits(schema, [""])
        assert not admits(schema, "data.customer")


# What a call may do


@of_every_template
def test_only_a_get_only_reads(template: Template) -> None:
    assert template.annotations.readOnlyHint == (template.request.method == "GET")
    assert template.permission.endswith("_read" if template.annotations.readOnlyHint else "_write")


@of_every_template
def test_a_read_destroys_nothing_and_needs_nobodys_yes(template: Template) -> None:
    if template.annotations.readOnlyHint:
        assert not template.annotations.destructiveHint
        assert template.annotations.idempotentHint
        assert not template.confirm


@of_every_template
def test_only_a_write_that_names_its_object_can_be_repeated(template: Template) -> None:
    """
    The same update, cancellation or capture again changes nothing more; the same creation makes another.
    """
    if not template.annotations.readOnlyHint:
        assert template.annotations.idempotentHint == bool(template.path_arguments)


@of_every_template
def test_what_needs_a_persons_yes_is_destructive(template: Template) -> None:
    assert template.annotations.destructiveHint or not template.confirm


@of_every_template
def test_the_text_in_stripe_is_the_open_world(template: Template) -> None:
    assert template.annotations.openWorldHint


@of_every_template
def test_nothing_sends_money_elsewhere_or_gives_credit_unasked(template: Template) -> None:
    offered = {part for where, _ in schemas(template.input) for part in re.split(r"[.\[\]]+", where)}
    assert not {name for name in offered if name.startswith("application_fee")}
    assert not offered & {"transfer_data", "transfer_group", "on_behalf_of", "destination", "discounts"}
    if not template.annotations.readOnlyHint:
        assert not offered & {"balance", "source", "confirm", "off_session", "payment_method_types"}


# Paths


@of_every_template
def test_a_path_argument_is_named_for_the_object_before_it(template: Template) -> None:
    for before, segment in pairwise(template.request.path.split("/")):
        if segment.startswith("{"):
            assert segment == f"{{{before.removesuffix('s')}_id}}"


@of_every_template
def test_ids_in_paths_have_a_length_and_no_characters_but_their_own(template: Template) -> None:
    """
    Patterns are read as JSON Schema reads them, where \\w is ASCII.
    """
    others = [*map(chr, range(128)), "\x85", "é", "\u0660", "\u2028", "\uff0e", "\U000e0041"]
    letters = {letter for letter in others if re.fullmatch(r"[A-Za-z0-9_-]", letter)}
    for name in template.path_arguments:
        pattern = re.compile(template.input["properties"][name]["pattern"], re.ASCII)
        for given in (example.arguments[name] for example in template.examples):
            grown = {letter for letter in others if pattern.fullmatch(given + letter)}
            assert grown
            assert grown <= letters
            assert not pattern.fullmatch(given + "x" * 255)


# Examples


@of_every_template
def test_examples_and_rejected_say_different_things(template: Template) -> None:
    for entries in (template.examples, template.rejected):
        assert len({entry.shows for entry in entries}) == len(entries)
        arguments = [entry.arguments for entry in entries]
        assert not [one for number, one in enumerate(arguments) if one in arguments[:number]]


@of_every_template
def test_a_tool_with_arguments_has_two_examples_and_shows_what_it_refuses(template: Template) -> None:
    assert len(template.examples) >= min(2, 1 + len(template.input["properties"]))
    assert len(template.rejected) >= 2


# What was promised

PROMISED = {
    "customers": "search_customers get_customer_by_id create_customer update_customer delete_customer",
    "payments": "list_payment_intents get_payment_intent create_payment_intent search_payment_intents",
    "invoices": "list_invoices get_invoice create_draft_invoice finalize_invoice search_invoices",
    "subscriptions": "list_subscriptions get_subscription create_subscription cancel_subscription",
    "products_and_prices": "list_products get_product list_prices create_price",
    "refunds": "list_refunds get_refund create_refund",
    "payment_methods": "list_payment_methods get_payment_method detach_payment_method",
    "charges": "list_charges get_charge search_charges capture_charge",
    "balance": "get_balance list_balance_transactions",
    "events": "list_events get_event list_events_by_type",
}
CATEGORY = {name: category for category, names in PROMISED.items() for name in names.split()}
NEED_A_YES = {
    "create_refund",
    "capture_charge",
    "create_subscription",
    "cancel_subscription",
    "delete_customer",
    "detach_payment_method",
    "finalize_invoice",
}
# A call can move money, remove or overwrite something: by meaning, not by verb.
DESTRUCTIVE = NEED_A_YES | {"update_customer"}


def test_the_37_templates_are_there_in_their_ten_categories() -> None:
    assert (len(CATEGORY), len(PROMISED)) == (37, 10)
    assert {name: CATALOG[name].category for name in CATEGORY} == CATEGORY


def test_of_the_37_those_that_cannot_be_taken_back_need_a_persons_yes() -> None:
    assert {name for name in CATEGORY if CATALOG[name].confirm} == NEED_A_YES
    assert {name for name in CATEGORY if CATALOG[name].annotations.destructiveHint} == DESTRUCTIVE


# A star is an argument that a call cannot do without.
TABLES = {
    "create_customer": "email name phone description metadata address shipping",
    "update_customer": "customer_id* email name phone description metadata address shipping",
    "create_payment_intent": "amount* currency* customer description metadata automatic_payment_methods "
    "capture_method receipt_email setup_future_usage statement_descriptor",
    "create_draft_invoice": "customer* collection_method description days_until_due due_date metadata "
    "pending_invoice_items_behavior",
    "create_subscription": "customer* items* trial_period_days trial_end metadata",
    "cancel_subscription": "subscription_id* cancellation_details invoice_now prorate",
    "create_refund": "payment_intent charge amount reason metadata",
    "create_price": "currency* product product_data recurring lookup_key nickname metadata",
    "list_payment_intents": "customer created",
    "list_invoices": "customer status created",
    "list_subscriptions": "customer status created",
    "list_prices": "product",
    "list_refunds": "payment_intent charge created",
    "list_charges": "customer created",
    "list_balance_transactions": "created",
    "list_events": "created",
    "list_events_by_type": "type* created",
    "search_customers": "email created",
}


@pytest.mark.parametrize("name", TABLES)
def test_every_promised_argument_is_offered_and_required_where_it_was_said_to_be(name: str) -> None:
    promised = TABLES[name].split()
    schema = CATALOG[name].input
    assert {argument.rstrip("*") for argument in promised} <= schema["properties"].keys()
    assert {argument.rstrip("*") for argument in promised if "*" in argument} <= set(
        schema.get("required", [])
    )


def test_a_refund_names_its_payment_exactly_once() -> None:
    assert CATALOG["create_refund"].one_of == [["payment_intent", "charge"]]
