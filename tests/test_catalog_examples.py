"""
The tests that templates carry: every `[[examples]]` sends exactly what it says, every `[[rejected]]` nothing.
"""

from urllib.parse import parse_qsl

import pytest

from stripe_mcp.catalog import Example, Rejected, Template, builtin_folder, load_catalog
from stripe_mcp.errors import InvalidArguments
from stripe_mcp.request import build_request

CATALOG = load_catalog(builtin_folder()).templates
EXAMPLES = {
    f"{name}-{example.shows}": (template, example)
    for name, template in CATALOG.items()
    for example in template.examples
}
REJECTED = {
    f"{name}-{rejected.shows}": (template, rejected)
    for name, template in CATALOG.items()
    for rejected in template.rejected
}


def decoded(encoded: str) -> list[tuple[str, str]]:
    return sorted(parse_qsl(encoded, keep_blank_values=True, strict_parsing=True)) if encoded else []


@pytest.mark.parametrize(("template", "example"), EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_sends_exactly_what_it_says(template: Template, example: Example) -> None:
    request = build_request(template, example.arguments)
    assert f"{request.method} {request.path}" == example.sends
    assert decoded(request.query) == sorted(example.query.items())
    assert decoded(request.form) == sorted(example.form.items())


def test_what_an_example_sends_is_plain_ascii_without_separators_of_its_own() -> None:
    for template, example in EXAMPLES.values():
        request = build_request(template, example.arguments)
        for part in (request.path, request.query, request.form):
            assert part.isascii()
            assert part.isprintable()
            assert not set(part) & set(" ?#")


@pytest.mark.parametrize(("template", "rejected"), REJECTED.values(), ids=REJECTED)
def test_what_a_template_rejects_is_refused(template: Template, rejected: Rejected) -> None:
    with pytest.raises(InvalidArguments):
        build_request(template, rejected.arguments)
