"""
A template carries its own tests; here they are run. No I/O.

Ours run in the test suite. Those of a user's folder run when the server starts with it, since
nobody else would ever run them.
"""

from urllib.parse import parse_qsl

from stripe_mcp.catalog import Example, Template
from stripe_mcp.errors import ConfigurationError, InvalidArguments
from stripe_mcp.request import build_request


def check_examples(template: Template) -> None:
    """
    Hold *template* to its `[[examples]]` and `[[rejected]]`.

    Raises:
        ConfigurationError: One of them does not do what it says.
    """
    for example in template.examples:
        sent = _sent(template, example)
        said = (example.sends, example.query, example.form)
        if sent != said:
            raise ConfigurationError(
                f"{template.name}: the example {example.shows!r} sends {sent}, not {said}"
            )
    for rejected in template.rejected:
        try:
            build_request(template, rejected.arguments)
        except InvalidArguments:
            continue
        raise ConfigurationError(f"{template.name}: {rejected.shows!r} should be rejected, and is accepted")


def _sent(template: Template, example: Example) -> tuple[str, dict[str, str], dict[str, str]]:
    try:
        request = build_request(template, example.arguments)
    except InvalidArguments as error:
        raise ConfigurationError(f"{template.name}: the example {example.shows!r} fails: {error}") from None
    query, form = (dict(parse_qsl(text, keep_blank_values=True)) for text in (request.query, request.form))
    return f"{request.method} {request.path}", query, form
