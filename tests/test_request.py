"""
From arguments to the wire: where each argument goes, and how it is written there.

The encoder has two judges: a decoder of the bracket notation that shares nothing with it, and the bytes
that the official `stripe` package sends. Where that package is known to be wrong, a test says so.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote_plus

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.errors import InvalidArguments
from stripe_mcp.request import StripeRequest, build_request, encode_form

CATALOG = load_catalog(builtin_folder()).templates
EXAMPLES = {
    f"{name}-{example.shows}": (template, example.arguments)
    for name, template in CATALOG.items()
    for example in template.examples
}

stripe.enable_telemetry = False  # it would write ~/.config/stripe/telemetry_id


# Place


@pytest.mark.parametrize(("template", "arguments"), EXAMPLES.values(), ids=EXAMPLES)
def test_every_argument_is_in_the_path_or_in_the_place_of_the_method_and_nowhere_else(
    template: Template, arguments: dict[str, Any]
) -> None:
    request = build_request(template, arguments)
    used, unused = request.query, request.form
    if request.method == "POST":
        used, unused = unused, used
    assert unused == ""
    assert decode(used).keys() == arguments.keys() - set(template.path_arguments)
    filled = template.request.path
    for name in template.path_arguments:
        filled = filled.replace(f"{{{name}}}", arguments[name])
    assert request.path == filled


def test_the_route_names_no_object() -> None:
    """
    It stands in logs and tells rate limits apart.
    """
    for template, arguments in EXAMPLES.values():
        assert build_request(template, arguments).route == template.request.path


def test_building_a_request_leaves_the_arguments_alone() -> None:
    for template, arguments in EXAMPLES.values():
        before = repr(arguments)
        build_request(template, arguments)
        assert repr(arguments) == before


def test_whatever_is_not_a_get_writes() -> None:
    assert not StripeRequest("GET", "/v1/balance", "/v1/balance").writes
    assert StripeRequest("POST", "/v1/refunds", "/v1/refunds").writes
    assert StripeRequest("DELETE", "/v1/customers/{customer_id}", "/v1/customers/cus_1").writes


def test_a_refusal_names_every_problem_and_says_that_nothing_was_sent() -> None:
    with pytest.raises(InvalidArguments) as caught:
        build_request(CATALOG["create_refund"], {"amount": 0, "reason": "regret", "amonut": 500})
    first, *problems = str(caught.value).splitlines()
    assert first == "Invalid arguments, nothing was sent to Stripe:"
    assert [problem.split(":")[0] for problem in sorted(problems)] == ["- amonut", "- amount", "- reason"]


ADDRESSED = [template for template in CATALOG.values() if template.path_arguments]
IDS = st.text() | st.from_regex(r"\A(cus|pi|in|sub|prod|re|pm|ch|evt)_\w{0,9}[\s\S]?\w?\Z")


@settings(max_examples=500)
@given(template=st.sampled_from(ADDRESSED), text=IDS)
def test_an_id_is_sent_letter_by_letter_or_not_at_all(template: Template, text: str) -> None:
    (name,) = template.path_arguments
    try:
        request = build_request(template, template.examples[0].arguments | {name: text})
    except InvalidArguments:
        return
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert request.path == template.request.path.replace(f"{{{name}}}", text)


# Encode

LARGEST = 2**53 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]))
# A dictionary with the key "0" and a list look alike in bracket notation.
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]"), min_size=1).filter(
    lambda key: key != "0"
)
numbers = st.integers(-LARGEST, LARGEST) | st.floats(-LARGEST, LARGEST)
leaves = texts | numbers | st.booleans()
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4) | st.dictionaries(keys, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def decode(encoded: str) -> dict[str, Any]:
    """
    Read bracket notation; every leaf is text. Nothing else may stand there that could be read as more.
    """
    assert re.fullmatch(r"[A-Za-z0-9_.~+%\[\]=&-]*", encoded)
    tree: dict[str, Any] = {}
    for pair in filter(None, encoded.split("&")):
        name, value = map(unquote_plus, pair.split("="))
        *above, last = re.findall(r"[^\[\]]+", name)
        assert name == (above or [last])[0] + "".join(f"[{part}]" for part in [*above, last][1:])
        inside = tree
        for part in above:
            inside = inside.setdefault(part, {})
        assert last not in inside
        inside[last] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    children = [_lists(child) for child in value.values()]
    if [*value] == [str(index) for index in range(len(value))]:
        return children
    return dict(zip(value, children, strict=True))


def as_text(value: Any) -> Any:
    """
    *value* with every leaf as the text that JSON has for it; a whole number without a fraction.
    """
    if isinstance(value, dict):
        return {key: as_text(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_text(child) for child in value]
    if isinstance(value, bool):
        return {True: "true", False: "false"}[value]
    if isinstance(value, float) and value % 1 == 0:
        return str(round(value))
    return value if isinstance(value, str) else repr(value)


@given(st.dictionaries(keys, nested, max_size=4))
def test_what_is_encoded_is_decoded_to_the_same(arguments: dict[str, Any]) -> None:
    assert decode(encode_form(arguments)) == as_text(arguments)


@pytest.mark.parametrize(
    ("arguments", "encoded"),
    [
        ({}, ""),
        ({"items": [{"price": "price_1"}, {"price": "price_2", "quantity": 2}]},
         "items[0][price]=price_1&items[1][price]=price_2&items[1][quantity]=2"),
        ({"expand": ["data.customer", "data.charge"]}, "expand[0]=data.customer&expand[1]=data.charge"),
        ({"matrix": [["a"], ["b"]]}, "matrix[0][0]=a&matrix[1][0]=b"),
        ({"prorate": False, "flags": [True, {"on": False}]},
         "prorate=false&flags[0]=true&flags[1][on]=false"),
        ({"limit": 5.0, "amount": -0.0, "share": 0.5, "large": float(LARGEST)},
         f"limit=5&amount=0&share=0.5&large={LARGEST}"),
        ({"metadata": ""}, "metadata="),
        ({"metadata": {"a b": "c+d", "größe": "佐藤 & 😀"}},
         "metadata[a+b]=c%2Bd&metadata[gr%C3%B6%C3%9Fe]=%E4%BD%90%E8%97%A4+%26+%F0%9F%98%80"),
        ({"query": 'metadata["a"]:"b"'}, "query=metadata%5B%22a%22%5D%3A%22b%22"),
        ({"name": "a\r\nb\0"}, "name=a%0D%0Ab%00"),
    ],
)  # fmt: skip
def test_it_is_written_as_stripe_reads_it(arguments: dict[str, Any], encoded: str) -> None:
    assert encode_form(arguments) == encoded


# Dates

DATE = {"type": "string", "format": "date-time"}


def sent_for(schema: dict[str, Any], value: Any) -> Any:
    """
    What a template of a user's own, which admits *schema* for *x*, sends for *value*.
    """
    template = anything().model_copy(update={"input": {"type": "object", "properties": {"x": schema}}})
    return decode(build_request(template, {"x": value}).form)["x"]


def test_a_date_is_left_alone_where_the_schema_admits_any_text() -> None:
    day = "2026-11-01"
    arguments = {"customer": "cus_1", "description": day, "metadata": {"created": day, "due_date": day}}
    request = build_request(CATALOG["create_draft_invoice"], arguments)
    assert decode(request.form) == arguments
    assert decode(build_request(CATALOG["search_charges"], {"query": day}).query) == {"query": day}


def test_a_date_is_sent_in_seconds_at_every_level_of_a_template_of_ones_own() -> None:
    day, morning = "2026-11-01", "2026-11-01T09:30:00Z"
    first, last, half_past_nine = "1793491200", "1793577599", "1793525400"
    phase = {"type": "object", "properties": {"end_at": DATE, "name": {"type": "string"}}}
    texts_too = {"anyOf": [{"type": "string", "pattern": "^(never|2026-11-01)$"}, DATE]}
    assert sent_for(DATE, day) == first
    assert sent_for({"type": "array", "items": DATE}, [day, morning]) == [first, half_past_nine]
    assert sent_for({"type": "array", "items": phase}, [{"end_at": day, "name": day}]) == [
        {"end_at": first, "name": day}
    ]
    assert sent_for(texts_too, "never") == "never"
    assert sent_for(texts_too, day) == first
    bounds = {"type": "object", "properties": {"gte": DATE, "lte": DATE}}
    for one in (bounds, {"anyOf": [DATE, bounds]}):
        assert sent_for(one, {"gte": day, "lte": day}) == {"gte": first, "lte": last}
    assert sent_for({"anyOf": [DATE, bounds]}, day) == {"gte": first, "lte": last}
    assert sent_for({"anyOf": [DATE, {"type": "object", "additionalProperties": DATE}]}, day) == first


# Against the bytes of the `stripe` package


class Recorder(stripe.HTTPClient):
    """
    Takes the requests of a `StripeClient` instead of the network.
    """

    name = "recorder"
    sent: tuple[str, str, Any]

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        self.sent = (method.upper(), url.removeprefix("https://api.stripe.com"), post_data)
        return "{}", 200, {}


def sent_by_stripe(method: str, path: str, arguments: dict[str, Any]) -> tuple[str, str, Any]:
    recorder = Recorder()
    client = stripe.StripeClient("sk_test_1", http_client=recorder)
    client.raw_request(method.lower(), path, **arguments)
    return recorder.sent


def encoded_by_stripe(value: Any) -> str:
    return str(sent_by_stripe("POST", "/v1/refunds", {"x": value})[2])


def brackets_bared(encoded: str) -> str:
    """
    What the package does to brackets in values as well as in names; both are read alike.
    """
    return encoded.replace("%5B", "[").replace("%5D", "]")


# The package takes no dates for texts; times are compared further below.
DATELESS = {
    name: example for name, example in EXAMPLES.items() if not re.search(r"'\d{4}-\d\d-", repr(example[1]))
}


@pytest.mark.parametrize(("template", "arguments"), DATELESS.values(), ids=DATELESS)
def test_an_example_goes_out_in_the_bytes_of_the_stripe_package(
    template: Template, arguments: dict[str, Any]
) -> None:
    request = build_request(template, arguments)
    rest = {name: value for name, value in arguments.items() if name not in template.path_arguments}
    method, url, body = sent_by_stripe(request.method, request.path, rest)
    query = f"?{brackets_bared(request.query)}" if request.query else ""
    assert (request.method, request.path + query) == (method, url)
    assert brackets_bared(request.form) == (body or "")


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29), timezones=offsets)  # noqa: DTZ001


@given(times.map(lambda time: time.replace(microsecond=0)))
def test_a_time_goes_out_in_the_bytes_of_the_stripe_package(time: datetime) -> None:
    request = build_request(CATALOG["list_events"], {"created": {"lt": time.isoformat()}})
    _, url, _ = sent_by_stripe("GET", request.path, {"created": {"lt": time}})
    assert f"{request.path}?{request.query}" == url


scalars = texts | st.integers(-LARGEST, LARGEST)
sound = st.recursive(
    scalars | st.booleans(),
    lambda inner: (
        st.lists(scalars | st.lists(scalars, min_size=1), min_size=1, max_size=4)
        | st.dictionaries(keys, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(sound)
def test_any_arguments_go_out_in_the_bytes_of_the_stripe_package_where_it_is_right(value: Any) -> None:
    assert brackets_bared(encode_form({"x": value})) == encoded_by_stripe(value)


@pytest.mark.parametrize(
    ("value", "stripes", "ours"),
    [
        pytest.param([True, False], "x[0]=True&x[1]=False", "x[0]=true&x[1]=false", id="booleans in lists"),
        pytest.param(5.0, "x=5.0", "x=5", id="whole numbers with a fraction"),
        pytest.param(1e15, "x=1000000000000000.0", "x=1000000000000000", id="large whole numbers"),
        pytest.param("a[b]", "x=a[b]", "x=a%5Bb%5D", id="brackets in values"),
    ],
)
def test_the_package_is_known_to_write_otherwise(value: Any, stripes: str, ours: str) -> None:
    assert encoded_by_stripe(value) == stripes
    assert encode_form({"x": value}) == ours


@pytest.mark.parametrize("value", [[], {}, {"a": []}, [None], {"a[b]": "c"}])
def test_what_the_package_drops_or_garbles_is_refused_here(value: Any) -> None:
    """
    It sends nothing for an empty list or object, "None" for a null in a list, and lets a key of metadata
    open brackets of its own.
    """
    assert encoded_by_stripe(value) in {"", "x[0]=None", "x[a[b]]=c"}
    with pytest.raises(InvalidArguments):
        build_request(anything(), {"x": value})


def test_what_the_package_would_send_to_the_collection_is_refused_here() -> None:
    """
    It quotes an id for a form and sends an empty one as the collection's own path.
    """
    recorder = Recorder()
    customers = stripe.StripeClient("sk_test_1", http_client=recorder).v1.customers
    for given_id, sent in {
        "": "/v1/customers/",
        "cus x": "/v1/customers/cus+x",
        "..": "/v1/customers/..",
    }.items():
        customers.retrieve(given_id)
        assert recorder.sent[1] == sent
        with pytest.raises(InvalidArguments):
            build_request(CATALOG["get_customer_by_id"], {"customer_id": given_id})


def anything() -> Template:
    """
    A template that admits whatever can be written in JSON for *x*.
    """
    return CATALOG["create_refund"].model_copy(
        update={"input": {"type": "object", "properties": {"x": {}}}, "one_of": [], "requires": {}}
    )


def test_a_query_that_no_url_can_hold_is_refused() -> None:
    template = CATALOG["search_charges"]
    with pytest.raises(InvalidArguments, match="at most 60000"):
        build_request(template, {"query": "\N{SNOWMAN}" * 7000})
