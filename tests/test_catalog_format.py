"""
The loader: whatever breaks a rule of the format stops the start with the name of the file.

One good template is written as data, each test breaks it in one place and reads the error.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import stripe_mcp.catalog
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import ConfigurationError

GOOD: dict[str, Any] = {
    "title": "Pay Gift",
    "description": "Pays out a gift.",
    "returns": "gift",
    "permission": "rak_gift_write",
    "confirm": True,
    "one_of": [["amount", "share"]],
    "requires": {"share": ["note"]},
    "request": {"method": "POST", "path": "/v1/gifts/{gift_id}/pay"},
    "annotations": {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    },
    "input": {
        "type": "object",
        "required": ["gift_id"],
        "additionalProperties": False,
        "properties": {
            "gift_id": {"type": "string", "pattern": "^gift_[A-Za-z0-9]+$"},
            "amount": {"type": "integer", "minimum": 1},
            "share": {"type": "number", "minimum": 0, "maximum": 1},
            "note": {"anyOf": [{"type": "string", "maxLength": 0}, {"type": "string", "pattern": "^x"}]},
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"price": {"type": "string"}},
                },
            },
            "metadata": {
                "type": "object",
                "propertyNames": {"pattern": "^.{1,40}$"},
                "additionalProperties": {"type": "string"},
            },
        },
    },
    "examples": [
        {
            "shows": "all of it",
            "arguments": {"gift_id": "gift_1", "amount": 500},
            "sends": "POST /v1/gifts/gift_1/pay",
            "form": {"amount": "500"},
        }
    ],
    "rejected": [{"shows": "nothing", "arguments": {"gift_id": "gift_1", "amount": 0}}],
}
OPTIONAL = {"confirm", "one_of", "requires"}
NAMED = "input.properties"
Change = Callable[[dict[str, Any]], None]


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "nan" if value != value else json.dumps(value)


def write(folder: Path, content: dict[str, Any], file: str = "gifts/pay_gift.toml") -> Path:
    path = folder / "tools" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)} = {toml(value)}\n" for key, value in content.items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def place(content: Any, path: str) -> tuple[Any, Any]:
    """
    Where the dotted *path* leads in *content*: the container and the key; numbers count list entries.
    """
    *above, last = (int(part) if part.isdigit() else part for part in path.split("."))
    for part in above:
        content = content[part]
    return content, last


def setting(path: str, value: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        container, key = place(content, path)
        container[key] = value

    return change


def removing(path: str) -> Change:
    def change(content: dict[str, Any]) -> None:
        container, key = place(content, path)
        del container[key]

    return change


def changed(*changes: Change) -> dict[str, Any]:
    content = deepcopy(GOOD)
    for change in changes:
        change(content)
    return content


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_catalog(folder)
    return str(caught.value)


def test_a_file_becomes_a_template_with_the_names_of_file_and_folder(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (template,) = load_catalog(tmp_path).templates.values()
    assert (template.name, template.category, template.title) == ("pay_gift", "gifts", "Pay Gift")
    assert template.path_arguments == ["gift_id"]
    assert template.input == GOOD["input"]
    assert template.annotations.model_dump() == GOOD["annotations"]


def test_what_is_optional_may_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, changed(*map(removing, OPTIONAL)))
    (template,) = load_catalog(tmp_path).templates.values()
    assert (template.confirm, template.one_of, template.requires) == (False, [], {})


@pytest.mark.parametrize(
    "missing",
    [
        *sorted(GOOD.keys() - OPTIONAL),
        *(f"{table}.{key}" for table in ("request", "annotations") for key in GOOD[table]),
        *(f"examples.0.{key}" for key in ("shows", "arguments", "sends")),
        *(f"rejected.0.{key}" for key in ("shows", "arguments")),
    ],
)
def test_a_missing_key_is_refused_with_file_and_key(tmp_path: Path, missing: str) -> None:
    file = write(tmp_path, changed(removing(missing)))
    assert refusal(tmp_path) == f"{file}: {missing}: Field required"


@pytest.mark.parametrize("where", ["", "request.", "annotations.", "examples.0.", "rejected.0."])
def test_an_unknown_key_is_refused_with_file_and_key(tmp_path: Path, where: str) -> None:
    file = write(tmp_path, changed(setting(f"{where}confrim", True)))
    assert refusal(tmp_path) == f"{file}: {where}confrim: Extra inputs are not permitted"


@pytest.mark.parametrize("key", ["name", "category"])
def test_a_file_cannot_call_itself_otherwise(tmp_path: Path, key: str) -> None:
    file = write(tmp_path, {**GOOD, key: "create_refund"})
    assert refusal(tmp_path) == f"{file}: ['{key}'] are the names of the file and its folder"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("confirm", "true"),
        ("confirm", 1),
        ("annotations.readOnlyHint", "no"),
        ("title", 5),
        ("one_of", ["amount", "share"]),
        ("requires", {"share": "note"}),
        ("examples", []),
        ("rejected", []),
        ("examples.0.form", {"amount": 500}),
        ("input", []),
        ("permission", "gift_write"),
        ("permission", "rak_gift_admin"),
        ("request.method", "PUT"),
        ("request.method", "post"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(tmp_path: Path, where: str, value: Any) -> None:
    file = write(tmp_path, changed(setting(where, value)))
    assert refusal(tmp_path).startswith(f"{file}: {where}")


@pytest.mark.parametrize(
    "path",
    [
        "v1/gifts/{gift_id}",
        "/v2/gifts/{gift_id}",
        "/v1/gifts/{gift_id}/",
        "/v1//gifts/{gift_id}",
        "/v1/gifts/../{gift_id}",
        "/v1/gifts/{gift_id}?expand[]=data",
        "/v1/gifts/{gift_id}#f",
        "/v1/gifts/%2e%2e/{gift_id}",
        "/v1/gifts/{gift_id",
        "/v1/gifts/gift_id}",
        "/v1/gifts/{}",
        "/v1/gifts/{gift_id.real}",
        "/v1/gifts/x{gift_id}",
        "/v1/gifts/{gift_id}\n",
        "https://evil.test/v1/gifts/{gift_id}",
        "//evil/v1/gifts/{gift_id}",
    ],
)
def test_a_path_that_is_not_plain_segments_below_v1_is_refused(tmp_path: Path, path: str) -> None:
    file = write(tmp_path, changed(setting("request.path", path)))
    assert refusal(tmp_path).startswith(f"{file}: request.path: ")


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (setting("request.path", "/v1/gifts/{other_id}"), "the path argument other_id must be a required"),
        (removing("input.required"), "the path argument gift_id must be a required property"),
        (setting("one_of", [["amount", "shrae"]]), "that input lacks: ['shrae']"),
        (setting("requires", {"shrae": ["note"]}), "that input lacks: ['shrae']"),
        (setting("requires", {"share": ["ntoe"]}), "that input lacks: ['ntoe']"),
    ],
)
def test_rules_name_only_arguments_that_are_there(tmp_path: Path, break_it: Change, problem: str) -> None:
    file = write(tmp_path, changed(break_it))
    assert refusal(tmp_path).startswith(f"{file}: ")
    assert problem in refusal(tmp_path)


@pytest.mark.parametrize("pattern", ["gift_[a-z]+", "^gift_[a-z]+", "gift_[a-z]+$"])
def test_a_path_argument_whose_pattern_is_not_anchored_is_refused(tmp_path: Path, pattern: str) -> None:
    file = write(tmp_path, changed(setting(f"{NAMED}.gift_id.pattern", pattern)))
    assert refusal(tmp_path) == f"{file}: the path argument gift_id needs a pattern anchored by ^ and $"


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": "integer", "minimum": 1}])
def test_a_path_argument_without_a_pattern_is_refused(tmp_path: Path, schema: dict[str, Any]) -> None:
    file = write(tmp_path, changed(setting(f"{NAMED}.gift_id", schema)))
    assert refusal(tmp_path) == f"{file}: the path argument gift_id needs a pattern anchored by ^ and $"


PATTERNS = [f"{NAMED}.gift_id.pattern", f"{NAMED}.metadata.propertyNames.pattern"]


@pytest.mark.parametrize("where", PATTERNS)
@pytest.mark.parametrize("pattern", ["^[$", "^a{99999999999999999999}$", "(?u)^a$"])
def test_a_pattern_that_is_none_is_refused(tmp_path: Path, where: str, pattern: str) -> None:
    file = write(tmp_path, changed(setting(where, pattern)))
    assert refusal(tmp_path).startswith(
        f"{file}: {where.removesuffix('.pattern')}: has a pattern that is none"
    )


@pytest.mark.parametrize("where", PATTERNS)
@pytest.mark.parametrize("pattern", ["^a$|b$", "^a$b", "^a\\$"])
def test_a_pattern_ends_where_its_dollar_stands(tmp_path: Path, where: str, pattern: str) -> None:
    """
    An alternative behind a dollar would not be anchored.
    """
    file = write(tmp_path, changed(setting(where, pattern)))
    assert refusal(tmp_path).startswith(f"{file}: {where.removesuffix('.pattern')}: has a pattern with $")


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf", "allOf", "$schema"])
def test_what_makes_clients_drop_the_list_is_refused_at_the_top_of_input(
    tmp_path: Path, keyword: str
) -> None:
    file = write(tmp_path, changed(setting(f"input.{keyword}", [])))
    assert refusal(tmp_path).startswith(f"{file}: input.{keyword}: ")


@pytest.mark.parametrize(
    ("break_it", "where"), [(setting("input.type", "array"), "input.type"), (removing(NAMED), NAMED)]
)
def test_input_is_an_object_with_properties(tmp_path: Path, break_it: Change, where: str) -> None:
    file = write(tmp_path, changed(break_it))
    assert refusal(tmp_path).startswith(f"{file}: {where}: ")


OBJECTS = ["input", f"{NAMED}.lines.items", f"{NAMED}.note.anyOf.1", f"{NAMED}.metadata.additionalProperties"]


@pytest.mark.parametrize("where", OBJECTS)
def test_an_object_left_open_is_refused_at_every_level(tmp_path: Path, where: str) -> None:
    open_object = {key: value for key, value in GOOD["input"].items() if key != "additionalProperties"}
    file = write(tmp_path, changed(setting(where, open_object)))
    assert refusal(tmp_path).startswith(f"{file}: {where}")
    assert "must say additionalProperties" in refusal(tmp_path)
    write(tmp_path, changed(setting(where, {**open_object, "additionalProperties": True})))
    assert refusal(tmp_path).startswith(f"{file}: {where}")
    assert "additionalProperties" in refusal(tmp_path)


@pytest.mark.parametrize("where", OBJECTS)
def test_a_required_argument_that_is_nowhere_is_refused_at_every_level(tmp_path: Path, where: str) -> None:
    schema = {**GOOD["input"], "required": ["gift_id", "amonut"]}
    file = write(tmp_path, changed(setting(where, schema)))
    assert refusal(tmp_path).startswith(f"{file}: {where}")
    assert "requires what it does not admit: ['amonut']" in refusal(tmp_path)


LEAVES = [
    f"{NAMED}.amount",
    f"{NAMED}.lines.items.properties.price",
    f"{NAMED}.note.anyOf.0",
    f"{NAMED}.metadata.additionalProperties",
]


@pytest.mark.parametrize("where", [*OBJECTS, *LEAVES, f"{NAMED}.metadata.propertyNames"])
def test_a_misspelt_keyword_is_refused_at_every_level(tmp_path: Path, where: str) -> None:
    """
    A checker passes over what it does not know: `minumum = 1` would refund nothing, and say so to nobody.
    """
    file = write(tmp_path, changed(setting(f"{where}.minumum", 1)))
    assert refusal(tmp_path).startswith(f"{file}: {where}")
    assert refusal(tmp_path).endswith("minumum: Extra inputs are not permitted")


@pytest.mark.parametrize("where", LEAVES)
@pytest.mark.parametrize("schema", [{}, {"minimum": 1}, {"type": "interger"}, {"type": "null"}])
def test_a_schema_that_admits_any_type_is_refused_at_every_level(
    tmp_path: Path, where: str, schema: dict[str, Any]
) -> None:
    file = write(tmp_path, changed(setting(where, schema)))
    assert refusal(tmp_path).startswith(f"{file}: {where}")


def test_a_required_argument_may_be_one_of_the_names_that_an_object_admits(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "required": ["line1"],
        "propertyNames": {"enum": ["line1", "city"]},
        "additionalProperties": {"type": "string"},
    }
    write(tmp_path, changed(setting(f"{NAMED}.address", schema)))
    assert load_catalog(tmp_path).templates["pay_gift"].input["properties"]["address"] == schema


@pytest.mark.parametrize("where", LEAVES)
def test_what_is_no_schema_is_refused_at_every_level(tmp_path: Path, where: str) -> None:
    file = write(tmp_path, changed(setting(where, "integer")))
    assert refusal(tmp_path).startswith(f"{file}: input")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("type", ["integer", "string"]),
        ("minimum", "1"),
        ("maxLength", "5"),
        ("enum", "usd"),
        ("pattern", 5),
        ("anyOf", {}),
        ("required", "gift_id"),
        ("properties", []),
        ("propertyNames", "x"),
        ("items", "string"),
        ("additionalProperties", "false"),
        ("maximum", float("nan")),
        ("minLength", -1),
        ("enum", []),
        ("required", [["gift_id"]]),
        ("format", "email"),
        ("default", "x"),
    ],
)
def test_a_keyword_that_could_not_be_heeded_is_refused(tmp_path: Path, keyword: str, value: Any) -> None:
    file = write(tmp_path, changed(setting(f"{NAMED}.amount.{keyword}", value)))
    assert refusal(tmp_path).startswith(f"{file}: {NAMED}.amount.{keyword}")


def test_a_schema_without_a_bottom_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    nested = "title = " + "[" * 5000
    file.write_text(nested, encoding="utf-8")
    assert refusal(tmp_path).startswith(f"{file}: ")


@pytest.mark.parametrize("stray", ["create_refund.toml", "tools/create_refund.toml", "tools/a/b/c.toml"])
def test_a_template_in_the_wrong_folder_is_refused(tmp_path: Path, stray: str) -> None:
    """
    It would leave the built-in tool in force, and nobody would know.
    """
    write(tmp_path, GOOD)
    file = tmp_path / stray
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert refusal(tmp_path).startswith(f"{file}: ")


@pytest.mark.parametrize(
    "name", ["PayGift", "pay-gift", "1_gift", "pay gift", "_gift", "g" * 65, ".pay_gift"]
)
def test_a_file_that_is_not_named_as_a_tool_is_refused(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, GOOD, f"gifts/{name}.toml")
    assert refusal(tmp_path) == f"{file}: a tool's name is snake case, at most 64 characters"


@pytest.mark.parametrize("content", [b"title = ", b"title = '\xff'", b"title = 'a'\ntitle = 'b'", b"\x00"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path, GOOD)
    file.write_bytes(content)
    assert refusal(tmp_path).startswith(f"{file}: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tools/gifts/pay_gift.toml"
    file.mkdir(parents=True)
    assert refusal(tmp_path).startswith(f"{file}: ")


def test_a_refusal_never_repeats_what_the_file_holds(tmp_path: Path) -> None:
    write(tmp_path, changed(setting("permission", "sk_live_canary1234")))
    assert "canary" not in refusal(tmp_path)


def test_the_same_tool_in_two_categories_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path, GOOD)
    second = write(tmp_path, GOOD, "presents/pay_gift.toml")
    assert refusal(tmp_path) == f"{second}: the tool pay_gift stands in {first} as well"


@pytest.mark.parametrize("folder", ["nowhere", "tools"])
def test_a_folder_without_templates_is_refused(tmp_path: Path, folder: str) -> None:
    write(tmp_path, GOOD)
    assert refusal(tmp_path / folder).startswith(f"{tmp_path / folder}: no tools/")


def test_a_folder_of_ones_own_replaces_and_adds(tmp_path: Path) -> None:
    """
    The folder names the category, so a template that is replaced may move to another.
    """
    mine = tmp_path / "mine"
    write(mine, {**GOOD, "title": "My Refund"}, "presents/create_refund.toml")
    write(mine, GOOD)
    builtin = load_catalog(builtin_folder()).templates
    both = load_catalog(builtin_folder(), mine).templates
    assert both.keys() == builtin.keys() | {"pay_gift"}
    assert (both["create_refund"].title, both["create_refund"].category) == ("My Refund", "presents")
    unchanged = both.keys() - {"create_refund", "pay_gift"}
    assert all(both[name].model_dump() == builtin[name].model_dump() for name in unchanged)


def test_a_folder_of_ones_own_keeps_the_same_rules(tmp_path: Path) -> None:
    file = write(tmp_path, changed(removing("annotations.openWorldHint")))
    with pytest.raises(ConfigurationError) as caught:
        load_catalog(builtin_folder(), tmp_path)
    assert str(caught.value) == f"{file}: annotations.openWorldHint: Field required"


def test_templates_come_sorted_by_category_and_name(tmp_path: Path) -> None:
    for file in ("b/a_tool", "a/c_tool", "a/b_tool"):
        write(tmp_path, GOOD, f"{file}.toml")
    assert list(load_catalog(tmp_path).templates) == ["b_tool", "c_tool", "a_tool"]


def test_the_catalog_inside_a_wheel_wins_over_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert builtin_folder() == Path(__file__).parents[1] / "catalog"
    monkeypatch.setattr(stripe_mcp.catalog, "__file__", str(tmp_path / "catalog.py"))
    (tmp_path / "_catalog").mkdir()
    assert builtin_folder() == tmp_path / "_catalog"
