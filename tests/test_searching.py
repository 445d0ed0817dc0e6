"""
What is said about searching is what the tools say, what the simulator does, and what Stripe documents.
"""

import re
from typing import get_args

import pytest

from stripe_mcp.advice import advise
from stripe_mcp.catalog import Template, builtin_folder, load_catalog
from stripe_mcp.errors import StripeError
from stripe_mcp.searching import search_fields, search_help, suggest_field
from stripe_mcp.settings import Mode
from stripe_mcp.simulator.errors import StripeError as Refused
from stripe_mcp.simulator.search import FIELDS, parse_query

CATALOG = load_catalog(builtin_folder()).templates
SEARCHES = [template for template in CATALOG.values() if template.request.path.endswith("/search")]
RESOURCES = ["charges", "customers", "invoices", "payment_intents"]

of_every_search = pytest.mark.parametrize("template", SEARCHES, ids=lambda template: template.name)


def resource(template: Template) -> str:
    return template.request.path.split("/")[-2]


def refused(template: Template, message: str, param: str | None = "query", mode: Mode = "TEST") -> str:
    return advise(StripeError(400, message=message, param=param), template, mode)


def test_there_are_three_searches() -> None:
    assert [template.name for template in SEARCHES] == [
        "search_charges",
        "search_invoices",
        "search_payment_intents",
    ]


@of_every_search
def test_a_tool_names_the_fields_that_its_resource_has_by_their_kind(template: Template) -> None:
    """
    Left out is what only card readers have, and why an invoice could not be finalized: tokens count.
    """
    described = template.input["properties"]["query"]["description"].replace('metadata["key"]', "metadata")
    described = re.sub(r"\(not \w+\)|with ~", "", described)
    kinds = {"Numeric": "numeric", "Exact": "token", "Exact or part": "string"}
    named: dict[str, str] = {}
    for words, fields in re.findall(r"(Numeric|Exact or part|Exact) ?: ([^:]*?)(?:\.\s|$)", described):
        for short in re.split(r",\s*(?![^{]*})", fields):
            stem, _, endings = short.strip(" }").partition("{")
            named |= {f"{stem}{ending}": kinds[words] for ending in endings.split(",")}
    known = search_fields(resource(template))
    assert named == {
        name: kind for name, kind in known.items() if not re.search("card_present|interac|finalization", name)
    }


@of_every_search
def test_the_simulator_searches_by_the_same_fields(template: Template) -> None:
    kinds = {"number": "numeric", "token": "token", "string": "string"}
    simulated = {name: kinds[kind] for name, kind in FIELDS[resource(template).removesuffix("s")].items()}
    assert search_fields(resource(template)) == {**simulated, "metadata": "token"}


@pytest.mark.parametrize("name", RESOURCES)
def test_the_help_names_every_field_once_and_the_rules(name: str) -> None:
    said = search_help(name)
    for field in search_fields(name):
        assert field.split(".")[0] in said
    for rule in ("10 clauses", "never both", "no parentheses", "quotes", "null", 'metadata["key"]', "5,000"):
        assert rule in said
    assert ("~" in said) == ("string" in search_fields(name).values())
    assert said.startswith(f"Search fields of {name}:\n- ")
    assert len(said) < 1000


def test_what_cannot_be_searched_has_no_help_and_no_fields() -> None:
    assert search_help("balance") == ""
    assert search_fields("balance") == {}


@of_every_search
@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_refused_query_is_answered_with_the_fields(template: Template, mode: Mode) -> None:
    said = refused(template, "We were unable to parse your search query.", mode=mode)
    assert said.endswith(search_help(resource(template)))
    assert "Correct the arguments and call again.\n" in said


@of_every_search
def test_every_refusal_of_a_field_by_the_simulator_is_understood(template: Template) -> None:
    kind = resource(template).removesuffix("s")
    for field, meant in (("creatd", "created"), ("Currency", "currency"), ("custmer", "customer")):
        with pytest.raises(Refused) as caught:
            parse_query(kind, f'{field}:"x"')
        assert f"Did you mean {meant}?" in refused(template, caught.value.message)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("last4", "payment_method_details.card.last4"),
        ("card.brand", "payment_method_details.card.brand"),
        ("postal_code", "billing_details.address.postal_code"),
        ("amout", "amount"),
        ("zzz", ""),
        ("x" * 5000, ""),
    ],
)
def test_a_field_is_found_by_its_last_part_or_its_likeness(asked: str, meant: str) -> None:
    message = f"Field `{asked}` is an unsupported search field for resource `charges`. See the docs."
    assert suggest_field("charges", message) == meant


def test_a_page_that_cannot_be_read_is_not_the_querys_fault() -> None:
    assert "Search fields" not in refused(CATALOG["search_charges"], "Invalid page", "page")


def test_a_search_of_a_catalog_of_ones_own_that_is_not_known_gets_the_general_advice() -> None:
    request = CATALOG["search_charges"].request.model_copy(update={"path": "/v1/products/search"})
    template = CATALOG["search_charges"].model_copy(update={"request": request})
    assert refused(template, "Bad.").endswith("Correct the arguments and call again.")


def test_no_other_tool_is_told_about_searching() -> None:
    assert "Search fields" not in refused(CATALOG["search_customers"], "Bad.", None)
