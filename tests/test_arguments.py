"""
What may be sent at all: hostile ids (S1), arguments of the wrong kind (S2), and the texts that refuse them.

Every tool, every argument, every level: a new template is held to the same without a new test.
"""

from collections.abc import Iterator
from copy import deepcopy
from math import inf, nan
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stripe_mcp.arguments import find_problems
from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.request import build_request

CATALOG = load_catalog(builtin_folder()).templates

of_every_tool = pytest.mark.parametrize("template", CATALOG.values(), ids=CATALOG)


# Where an argument can stand

Path = tuple[str | int, ...]


def spots(schema: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """
    Every place below *schema* that takes a value, with the schema of that value.
    """
    for branch in schema.get("anyOf", [schema]):
        children: dict[str | int, Any] = dict(branch.get("properties", {}))
        if isinstance(branch.get("additionalProperties"), dict):
            names = branch.get("propertyNames", {}).get("enum", ["key"])
            children |= dict.fromkeys(names, branch["additionalProperties"])
        if "items" in branch:
            children[0] = branch["items"]
        for name, child in children.items():
            yield (*path, name), child
            yield from spots(child, (*path, name))


def kinds(schema: dict[str, Any]) -> set[str]:
    return {branch["type"] for branch in schema.get("anyOf", [schema])}


def field(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def arguments_with(template: Template, path: Path, value: Any) -> dict[str, Any]:
    """
    Arguments that are sound but for *value*, which stands at *path*.
    """
    sound = max((example.arguments for example in template.examples), key=lambda given: _depth(given, path))
    arguments: dict[str, Any] = deepcopy(sound)
    for group in template.one_of:
        if path[0] in group:
            arguments = {name: given for name, given in arguments.items() if name not in group}
    for name in template.requires.get(str(path[0]), []):
        arguments.setdefault(name, _sample(template, template.input["properties"][name]))
    inside, schema = arguments, template.input
    for part in path[:-1]:
        schema = _child(schema, part)
        _enter(inside, part, _sample(template, schema))
        inside = inside[part]  # type: ignore[index]
    _enter(inside, path[-1], None)
    inside[path[-1]] = value  # type: ignore[index]
    return arguments


def _depth(given: Any, path: Path) -> int:
    """
    How far along *path* there is something in *given*.
    """
    for depth, part in enumerate(path):
        try:
            given = given[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _enter(inside: Any, part: str | int, sample: Any) -> None:
    """
    See to it that *inside* has something to go on with at *part*.
    """
    if isinstance(inside, list) and not inside:
        inside.append(sample)
    elif isinstance(inside, dict) and not isinstance(inside.get(str(part)), dict | list):
        inside[part] = sample


def _child(schema: dict[str, Any], part: str | int) -> dict[str, Any]:
    return next(child for (name,), child in _direct(schema) if name == part)


def _direct(schema: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    return ((path, child) for path, child in spots(schema) if len(path) == 1)


def _sample(template: Template, schema: dict[str, Any]) -> Any:
    """
    A value that fits *schema*; texts of a certain pattern are taken from the template's examples.
    """
    branch = schema.get("anyOf", [schema])[-1]
    match branch["type"]:
        case "object":
            children = {path[0]: child for path, child in _direct(branch)}
            wanted = branch.get("required") or [*children][:1]  # an empty object cannot be sent
            return {name: _sample(template, children[name]) for name in wanted}
        case "array":
            return [_sample(template, branch["items"])]
        case "boolean":
            return True
        case "integer" | "number":
            return branch.get("minimum", 1)
    candidates = [*branch.get("enum", []), "text", *_texts([one.arguments for one in template.examples])]
    return next(text for text in candidates if not list(Draft202012Validator(branch).iter_errors(text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child)


def integers(template: Template) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path, schema in spots(template.input):
        for branch in schema.get("anyOf", [schema]):
            if branch["type"] == "integer":
                yield path, branch


@of_every_tool
def test_every_argument_can_be_sent_at_every_level(template: Template) -> None:
    """
    So that the refusals below are refusals of the value and of nothing else.
    """
    for path, schema in spots(template.input):
        arguments = arguments_with(template, path, _sample(template, schema))
        assert find_problems(template, arguments) == [], field(path)


# S1: ids in paths

HOSTILE = [
    "../refunds",
    "{id}/../../charges?limit=100",
    "{id}?expand[]=data",
    "{id}?",
    "{id}#f",
    "{id}&limit=1",
    "{id};limit=1",
    "{id}%2fsources",
    "%2e%2e/refunds",
    "..%2frefunds",
    "%2e%2e",
    "..",
    ".",
    "...",
    "",
    " ",
    "\t",
    " {id}",
    "{id} ",
    "{id}/sources",
    "{id}/",
    "/{id}",
    "{id}:refund",
    "{id},{id}",
    "{id}\0",
    "\0",
    "\n",
    "{id}\n",
    "{id}\r\nX-Evil: 1",
    "{id}\r",
    "{id}\x85",
    "{id}\u2028",
    "\uff0e\uff0e/refunds",
    "\uff0e\uff0e",
    "{id}\uff0fsources",
    "//evil/x",
    "\\\\evil\\x",
    "{id}\\..\\refunds",
    "https://evil.test/v1/refunds",
    "javascript:alert(1)",
    "{id}@evil.test",
    "{id}\u200b",
    "{id}\u202e",
    "{id}\U000e0041",
    "{id}é",
    "{id}\u0661",
    "{id}\ud800",
    "{id}" + "x" * 10_000,
    "../" * 3_000,
    "search",
]
NO_TEXTS: list[Any] = [None, True, 5, 5.5, nan, [], ["{id}"], {}, {"id": "{id}"}]

ADDRESSED = {
    f"{name}-{argument}": (template, argument)
    for name, template in CATALOG.items()
    for argument in template.path_arguments
}


@pytest.mark.parametrize(("template", "argument"), ADDRESSED.values(), ids=ADDRESSED)
def test_s1_no_hostile_id_is_sent(template: Template, argument: str) -> None:
    sound = template.examples[0].arguments
    sent = []
    for hostile in [*HOSTILE, *NO_TEXTS]:
        given = hostile.replace("{id}", sound[argument]) if isinstance(hostile, str) else hostile
        if not names(find_problems(template, sound | {argument: given}), argument):
            sent.append(hostile)
    assert sent == []


@pytest.mark.parametrize(("template", "argument"), ADDRESSED.values(), ids=ADDRESSED)
def test_s1_a_missing_id_is_named(template: Template, argument: str) -> None:
    arguments = {name: given for name, given in template.examples[0].arguments.items() if name != argument}
    assert find_problems(template, arguments) == [f"{argument}: required, and missing"]


@pytest.mark.parametrize("pattern", [r"^x\W.*$", r"^x[\s\S]*$", "^x|.$", "^(x|.)+$"])
def test_s1_no_pattern_of_a_users_own_lets_a_hostile_id_through(pattern: str) -> None:
    """
    The loader cannot see every hole in a pattern, so what may fill a path does not hang on it.
    """
    template = template_of(required=["thing_id"], thing_id={"type": "string", "pattern": pattern})
    template = template.model_copy(
        update={"request": template.request.model_copy(update={"path": "/v1/things/{thing_id}"})}
    )
    given = [text.replace("{id}", "x_1") for text in HOSTILE]
    assert [
        text for text in given if not names(find_problems(template, {"thing_id": text}), "thing_id")
    ] == []


def names(problems: list[str], field: str) -> bool:
    return bool(problems) and all(problem.startswith(f"{field}: ") for problem in problems)


# S2: arguments of the wrong kind, at every level

NO_INTEGERS: list[Any] = [
    *("5", " 5 ", "5.0", "5e0", "\u0665", "null", "true", "NaN", "", "0x5", "1_000"),
    *(5.5, -1, -5.0, True, False, None, 10**30, -(10**30), 1e300, 2**53, 2.0**53, nan, inf, -inf),
    *([], [5], {}, {"value": 5}),
]


@of_every_tool
def test_s2_what_is_no_integer_is_refused_wherever_an_integer_stands(template: Template) -> None:
    sent = []
    for path, schema in integers(template):
        for value in [*NO_INTEGERS, *([0] if schema["minimum"] > 0 else [])]:
            problems = find_problems(template, arguments_with(template, path, value))
            if not any(problem.startswith(field(path)) for problem in problems):
                sent.append((field(path), value, problems))
    assert sent == []


def test_s2_zero_is_an_integer_only_where_it_means_something() -> None:
    """
    Nothing to pay, and at once; everywhere else it is a mistake.
    """
    zeros = {path[-1] for template in CATALOG.values() for path, s in integers(template) if not s["minimum"]}
    assert zeros <= {"unit_amount", "days_until_due"}


@of_every_tool
def test_s2_a_whole_number_with_a_fraction_is_the_integer(template: Template) -> None:
    """
    JSON Schema's integers are numbers without a remainder, and JSON has one kind of number.
    """
    for path, schema in integers(template):
        least = schema["minimum"] or 5
        whole = build_request(template, arguments_with(template, path, float(least)))
        assert whole == build_request(template, arguments_with(template, path, least)), field(path)


WRONG: dict[str, list[Any]] = {
    "integer": NO_INTEGERS,
    "number": [value for value in NO_INTEGERS if value not in (5.5, -1, -5.0)],
    "boolean": ["true", "false", "", "yes", "null", 1, 0, 1.0, nan, None, [], [True], {}],
    "string": [5, 5.0, 0, True, False, nan, None, [], ["text"], {}, {"value": "text"}, "\ud800", "a\udfffb"],
    "array": ["text", "", "[]", 5, True, nan, None, [], [[]], [{}], [None], {}, {"0": "text"}],
    "object": ["text", "{}", 5.5, True, nan, None, [], [{}], ["text"], {}],
}


def wrong_for(schema: dict[str, Any]) -> list[Any]:
    """
    The values that are wrong for every kind that *schema* admits.
    """
    first, *others = [list(map(repr, WRONG[kind])) for kind in kinds(schema)]
    common = set(first).intersection(*others)
    return [value for kind in kinds(schema) for value in WRONG[kind] if repr(value) in common]


@of_every_tool
def test_s2_a_value_of_the_wrong_kind_is_refused_at_every_level(template: Template) -> None:
    sent = []
    for path, schema in spots(template.input):
        for value in wrong_for(schema):
            problems = find_problems(template, arguments_with(template, path, value))
            if not any(problem.startswith(field(path)) for problem in problems):
                sent.append((field(path), value, problems))
    assert sent == []


@of_every_tool
def test_s2_only_the_words_of_an_enumeration_are_words(template: Template) -> None:
    for path, schema in spots(template.input):
        for branch in schema.get("anyOf", [schema]):
            for word in branch.get("enum", []):
                assert find_problems(template, arguments_with(template, path, word)) == []
                for other in (word.upper(), f"{word} ", f"{word}\n", f" {word}", [word]):
                    problems = find_problems(template, arguments_with(template, path, other))
                    assert problems, (field(path), other)


@of_every_tool
def test_s2_an_unknown_name_is_refused_at_every_level(template: Template) -> None:
    levels: list[tuple[Path, dict[str, Any]]] = [((), template.input), *spots(template.input)]
    sent = []
    for path, schema in levels:
        objects = [branch for branch in schema.get("anyOf", [schema]) if branch["type"] == "object"]
        if not objects or "pattern" in objects[-1].get("propertyNames", {}):
            continue  # metadata's names are the merchant's own
        arguments = arguments_with(template, (*path, "amonut"), 500)
        problems = find_problems(template, arguments)
        unknown = f"{field((*path, 'amonut'))}: unknown; "
        closed = f"{field(path)}: a key must be one of "
        if not any(problem.startswith((unknown, closed)) for problem in problems):
            sent.append((field(path), problems))
    assert sent == []


@of_every_tool
def test_s2_a_required_argument_that_is_missing_is_named(template: Template) -> None:
    for name in template.input.get("required", []):
        arguments = deepcopy(template.examples[0].arguments)
        del arguments[name]
        assert f"{name}: required, and missing" in find_problems(template, arguments)


@of_every_tool
def test_metadata_keys_with_brackets_or_half_characters_are_refused(template: Template) -> None:
    for path, _ in spots(template.input):
        if path[-1] == "metadata":
            for key in ("a[b]", "a[", "]", "", "\ud800", "k" * 41):
                assert find_problems(template, arguments_with(template, path, {key: "x"})), key


# The texts

CANARY = "canary 7341905528"


@of_every_tool
def test_a_refusal_never_repeats_the_value(template: Template) -> None:
    """
    It may be a key that ended up in the wrong place.
    """
    for path, schema in spots(template.input):
        value: Any = [CANARY] if kinds(schema) == {"string"} and not _is_certain(schema) else CANARY
        problems = find_problems(template, arguments_with(template, path, value))
        assert problems, field(path)
        assert "canary" not in "".join(problems)
        problems = find_problems(template, arguments_with(template, path, {"value": 7341905528.5}))
        assert "7341905528" not in "".join(problems)


def _is_certain(schema: dict[str, Any]) -> bool:
    return all(
        branch.keys() & {"pattern", "enum"} or branch.get("maxLength") == 0
        for branch in schema.get("anyOf", [schema])
    )


@pytest.mark.parametrize("where", ["arguments", "metadata"])
def test_a_name_that_looks_like_a_key_is_shortened(where: str) -> None:
    secret = "sk_live_canary1234"
    wrong: dict[str, Any] = {"arguments": {secret: "x"}, "metadata": {"metadata": {secret: 5}}}
    (problem,) = find_problems(CATALOG["create_customer"], wrong[where])
    assert "sk_...1234" in problem
    assert "canary" not in problem


@pytest.mark.parametrize("name", ["n" * 10_000, "n\ud800", "\udfff"])
def test_a_name_is_repeated_in_a_form_that_can_be_sent(name: str) -> None:
    nested = {"shipping": {"name": "x", "address": {}, name: 1}}
    for arguments in ({name: 1}, {"metadata": {name: 1}}, nested):
        problems = find_problems(CATALOG["create_customer"], arguments)
        assert problems
        assert len("\n".join(problems).encode("utf-8")) < 1000


def template_of(required: list[str] | None = None, **properties: dict[str, Any]) -> Template:
    """
    A template of a user's own that the loader accepts.
    """
    schema = {"type": "object", "required": required or [], "properties": properties}
    return Template.model_validate(
        {
            **CATALOG["create_refund"].model_dump(),
            "one_of": [],
            "input": {**schema, "additionalProperties": False},
        }
    )


EMPTY = {"type": "string", "maxLength": 0}
VANISH = "empty, and would vanish on the way; leave it out"
HALF = "holds a damaged character, such as half an emoji; write it whole or leave it out"
DATE = "must be a date or time such as 2026-11-01 or 2026-11-01T09:30:00Z, or Unix seconds"
TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 1}]}
RANGE = "must be a number from -9007199254740991 to 9007199254740991"


def list_of(kind: str, **rules: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": kind}, **rules}


def map_of(kind: str, **rules: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": kind}, **rules}


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({"type": "integer"}, "5", "x: must be an integer"),
        ({"type": "string"}, 5, "x: must be a string"),
        ({"type": "boolean"}, 1, "x: must be a boolean"),
        (list_of("string"), "a", "x: must be an array"),
        (map_of("string"), "a", "x: must be an object"),
        ({"type": "string", "enum": ["a", "b"]}, "c", "x: must be one of a, b"),
        ({"type": "string", "minLength": 1}, "", "x: must not be empty"),
        ({"type": "string", "minLength": 3}, "ab", "x: must have at least 3 characters"),
        ({"type": "string", "maxLength": 3}, "abcd", "x: must have at most 3 characters"),
        ({"type": "string", "pattern": "^a$"}, "b", "x: must match ^a$"),
        ({"type": "integer", "minimum": 1}, 0, "x: must be at least 1"),
        ({"type": "integer", "maximum": 9}, 10, "x: must be at most 9"),
        ({"type": "number", "multipleOf": 5}, 7, "x: breaks the schema's rule multipleOf"),
        (list_of("string", minItems=2), ["a"], "x: must have at least 2 entries"),
        (list_of("string", maxItems=1), ["a", "b"], "x: must have at most 1 entries"),
        (list_of("string", uniqueItems=True), ["a", "a"], "x: breaks the schema's rule uniqueItems"),
        (list_of("integer"), [1, "2"], "x[1]: must be an integer"),
        (map_of("string", minProperties=2), {"a": "b"}, "x: must have at least 2 keys"),
        (map_of("string", maxProperties=1), {"a": "b", "c": "d"}, "x: must have at most 1 keys"),
        (map_of("string", propertyNames={"maxLength": 1}), {"ab": "c"},
         "x: a key must have at most 1 characters"),
        (map_of("string", propertyNames={"enum": ["a"]}), {"b": "c"}, "x: a key must be one of a"),
        (map_of("string"), {"a": 5}, "x.a: must be a string"),
        ({"type": "object", "additionalProperties": False}, {"a": 5}, "x.a: unknown; known here: nothing"),
        (
            {"type": "object", "properties": {"price": {"type": "string"}, "quantity": {"type": "integer"}},
             "additionalProperties": False},
            {"pirce": "price_1"},
            "x.pirce: unknown; did you mean price? known here: price, quantity",
        ),
        ({"anyOf": [EMPTY, map_of("string")]}, 5, "x: must be a string or an object"),
        ({"anyOf": [EMPTY, map_of("string")]}, "a", "x: must be empty"),
        ({"anyOf": [EMPTY, map_of("string")]}, {"a": 5}, "x.a: must be a string"),
        (TIME, "yesterday", f"x: {DATE}"),
        (TIME, "", f"x: {DATE}"),
        (TIME, 0, "x: must be at least 1"),
        (TIME, True, "x: must be a date-time or an integer"),
        (map_of("integer", additionalProperties=TIME), {"gte": "5"}, f"x.gte: {DATE}"),
        (list_of("string", items=TIME), [1, "5"], f"x[1]: {DATE}"),
        (TIME["anyOf"][0], 5, "x: must be a string"),
        (list_of("string"), [], f"x: {VANISH}"),
        (map_of("string"), {}, f"x: {VANISH}"),
        (list_of("object", items=map_of("string")), [{}], f"x[0]: {VANISH}"),
        (map_of("string"), {"a[b]": "c"}, "x: a key cannot be empty or hold [ or ]"),
        (map_of("string"), {"": "c"}, "x: a key cannot be empty or hold [ or ]"),
        (map_of("string"), {"\ud800": "c"}, f"x: a key {HALF}"),
        ({"type": "string"}, "\ud800", f"x: {HALF}"),
        (map_of("string"), {"a": "b\udfff"}, f"x.a: {HALF}"),
        ({"type": "integer"}, 2**53, f"x: {RANGE}"),
        ({"type": "number"}, nan, f"x: {RANGE}"),
        ({"type": "number"}, -inf, f"x: {RANGE}"),
    ],
)  # fmt: skip
def test_a_problem_names_the_field_and_the_rule(schema: dict[str, Any], value: Any, problem: str) -> None:
    assert find_problems(template_of(x=schema), {"x": value}) == [problem]


def test_a_null_is_refused_even_where_a_schema_of_ones_own_would_let_it_pass() -> None:
    template = template_of(x={"type": "string"}).model_copy(update={"input": {"type": "object"}})
    assert find_problems(template, {"x": None}) == ["x: null cannot be sent; leave it out"]


@pytest.mark.parametrize("value", [2**53 - 1, 1 - 2**53, 0.5, 0])
def test_a_number_that_json_keeps_is_sent(value: float) -> None:
    assert find_problems(template_of(x={"type": "number"}), {"x": value}) == []


def test_of_a_group_exactly_one_argument_is_given() -> None:
    refund = CATALOG["create_refund"]
    both = {"payment_intent": "pi_1", "charge": "ch_1"}
    assert find_problems(refund, {}) == ["give exactly one of payment_intent, charge"]
    assert find_problems(refund, both) == ["give exactly one of payment_intent, charge"]
    assert find_problems(refund, {"charge": "ch_1"}) == []


@of_every_tool
def test_an_argument_that_needs_another_is_refused_without_it(template: Template) -> None:
    for name, needed in template.requires.items():
        arguments = arguments_with(template, (name,), _sample(template, template.input["properties"][name]))
        assert find_problems(template, arguments) == []
        for other in needed:
            without = {key: value for key, value in arguments.items() if key != other}
            assert find_problems(template, without) == [f"{name}: needs {other} beside it"]


# Dates, in the place of Unix seconds

NO_DATES = [
    *(
        "5",
        " 5 ",
        "20261101",
        "1790000000",
        "2026-11",
        "2026-W45-7",
        "2026-305",
        "26-11-01",
        "2026-11-1",
        "today",
    ),
    *("2026-02-30", "2026-13-01", "2026-00-01", "0000-01-01", "1969-12-31", "12026-11-01", "-2026-11-01"),
    *("2026-11-01T", "2026-11-01T09", "2026-11-01T09:30", "2026-11-01 09:30:00", "2026-11-01T09:30:00z"),
    *("2026-11-01Z", "2026-11-01T24:00:00Z", "2026-11-01T09:60:00", "2026-11-01T23:59:60Z", "09:30:00"),
    *("2026-11-01T09:30:00.5Z", "2026-11-01T09:30:00.", "2026-11-01T09:30:00,0Z", "2026-11-01T09:30:00+2"),
    *("2026-11-01T09:30:00+0200", "2026-11-01T09:30:00+24:00", "2026-11-01T09:30:00+02:60"),
    *("1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-01\n", " 2026-11-01", "2026-11-01 "),
    *("2026\u201011\u201001", "\u0662026-11-01", "2026-11-01T09:30:00\u22125:00", "2026/11/01", "11/01/2026"),
]


def test_s2_only_iso_dates_and_times_are_dates() -> None:
    template = CATALOG["list_charges"]
    sent = []
    for text in NO_DATES:
        bare, bound = (find_problems(template, {"created": given}) for given in (text, {"gte": text}))
        if (bare, bound) != ([f"created: {DATE}"], [f"created.gte: {DATE}"]):
            sent.append((text, bare, bound))
    assert sent == []


# Patterns as JSON Schema reads them, in a user's own templates too


@pytest.mark.parametrize(
    ("pattern", "admitted", "refused"),
    [
        ("^[a-z]+$", ["abc"], ["abc\n", "\nabc", "abc\nabc"]),
        (r"^\w+$", ["a_9"], ["é", "\uff41", "\u0661"]),
        (r"^\d+$", ["42"], ["\u0664\u0662", "42\n"]),
    ],
)
def test_a_pattern_ends_where_the_text_ends(pattern: str, admitted: list[str], refused: list[str]) -> None:
    template = template_of(x={"type": "string", "pattern": pattern})
    assert [text for text in [*admitted, *refused] if not find_problems(template, {"x": text})] == admitted


@of_every_tool
def test_no_text_of_a_pattern_takes_a_newline_at_its_end(template: Template) -> None:
    for path, schema in spots(template.input):
        if "pattern" in schema:
            arguments = arguments_with(template, path, f"{_sample(template, schema)}\n")
            assert find_problems(template, arguments), field(path)


# A call that would hold up all others


def test_a_call_with_thousands_of_values_is_refused_in_few_words() -> None:
    template = CATALOG["get_charge"]
    for values in ([1] * 300_000, [["a"] * 600] * 600):
        problems = find_problems(template, {"charge_id": "ch_1", "expand": values})
        assert problems == ["more than 1000 values in one call"]


def test_of_many_problems_the_first_are_told() -> None:
    problems = find_problems(CATALOG["get_charge"], {f"unknown_{number}": 1 for number in range(500)})
    assert len(problems) == 20


def test_what_a_damaged_line_left_of_a_character_is_refused() -> None:
    [problem] = find_problems(CATALOG["search_customers"], {"email": "a\ufffd@example.com"})
    assert problem.startswith("email: holds a damaged character")
