"""
One call, from its arguments to what answers it: tools and resources take the same road.

House arguments are added to the schemas and taken out of the calls here, and nowhere else: the
catalog knows none of them.
"""

from dataclasses import dataclass
from typing import Any

from stripe_mcp.catalog import Catalog, Template
from stripe_mcp.errors import (
    ConfigurationError,
    InvalidArguments,
    NoAnswer,
    OutcomeUnknown,
    StripeError,
    ToolError,
)
from stripe_mcp.output import is_readable
from stripe_mcp.pii import mask
from stripe_mcp.request import build_request
from stripe_mcp.results import Content, Presenter, TooManyRows
from stripe_mcp.road import Road
from stripe_mcp.settings import Settings
from stripe_mcp.view import Detail

_DETAIL = {"type": "string", "enum": ["full"]}


def input_schema(template: Template) -> dict[str, Any]:
    """
    The schema of all arguments that the tool of *template* takes.

    Raises:
        ConfigurationError: The template has an argument that is called like one of ours.
    """
    own: dict[str, Any] = template.input["properties"]
    house = {"detail": _DETAIL} if template.reads else {}
    if taken := house.keys() & own.keys():
        raise ConfigurationError(f"{template.name}: {min(taken)} is an argument of the server's own")
    return template.input | {"properties": own | house}


def _without_house_arguments(template: Template, given: dict[str, Any]) -> tuple[dict[str, Any], Detail]:
    if not template.reads or "detail" not in given:
        return given, "lean"
    if given["detail"] != "full":
        raise InvalidArguments(["detail: must be full, or left out"])
    return {name: value for name, value in given.items() if name != "detail"}, "full"


@dataclass(frozen=True, slots=True)
class Calls:
    """
    Carries out calls of the tools in *catalog* as *settings* want them.
    """

    catalog: Catalog
    settings: Settings

    async def answer(self, template: Template, given: dict[str, Any], road: Road) -> Content:
        """
        Carry out a call of *template* with the *given* arguments, and show what came of it.

        Raises:
            ToolError: It could not be carried out, or what became of it is unknown.
        """
        presenter = Presenter(self.catalog.objects, self.settings.max_result_chars, self.settings.redact_pii)
        while True:
            arguments, detail = _without_house_arguments(template, given)
            reply = await road.send(build_request(template, arguments))
            if not is_readable(template, self.catalog.objects, reply.body):
                unclear = "Stripe's answer could not be read."
                raise NoAnswer(unclear) if template.reads else OutcomeUnknown(unclear, reply.idempotency_key)
            try:
                return presenter.present(reply.body, given, detail)
            except TooManyRows as page:
                given = given | {"limit": page.limit}

    def explain(self, error: ToolError, template: Template) -> str:
        """
        What went wrong in a call of *template*, and what to do about it.
        """
        text = str(error)
        if isinstance(error, StripeError):
            from stripe_mcp.advice import advise  # imported late: it comes with data that only refusals need

            text = advise(error, template, self.settings.mode)
        return mask(text) if self.settings.redact_pii else text
