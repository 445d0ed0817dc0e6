"""
What a model reads when Stripe refuses: what Stripe said, that nothing was changed, and what to do.

The words are data, `catalog/errors.toml`; here it is decided which of them hold. The most particular
goes first: what the message says, then the code, then what the tool or the status tells.
"""

import logging
import re
from fnmatch import fnmatchcase
from functools import cache

from stripe_mcp.catalog import Template
from stripe_mcp.declines import explain_decline
from stripe_mcp.errors import ConfigurationError, StripeError
from stripe_mcp.facts import Text, read_facts
from stripe_mcp.reading import Strict
from stripe_mcp.searching import search_help, suggest_field
from stripe_mcp.settings import Mode

log = logging.getLogger(__name__)


class Refusals(Strict):
    """
    The file `catalog/errors.toml`.
    """

    status: dict[str, Text]
    message: dict[str, Text]
    code: dict[str, Text]
    rate_limit: dict[str, Text]
    mode: dict[Mode, Text]


@cache
def refusals() -> Refusals:
    """
    What to do, by what Stripe says.

    Raises:
        ConfigurationError: The file breaks the format.
    """
    return read_facts(Refusals, "errors.toml")


def advise(error: StripeError, template: Template | None, mode: Mode) -> str:
    """
    Say all that there is to *error*, which a server in *mode* got for a call of *template*.
    """
    try:
        return f"{error} {_advice(error, template, mode)}"
    except ConfigurationError:
        # A damaged installation hides neither what Stripe said nor that nothing was changed.
        log.exception("the advice is missing")
        return str(error)


def _advice(error: StripeError, template: Template | None, mode: Mode) -> str:
    special = _special(error)
    if special is None and (error.status == 402 or error.type == "card_error"):
        return explain_decline(error.decline_code or error.code or "card_declined", error.advice_code)
    permission = re.search(r"\brak_\w+", error.message or "")
    text = (special or _by_status(error)).format(
        mode=refusals().mode[mode],
        permission=f"the permission {permission[0]}" if permission else "a permission for this",
        wait=f"in {error.retry_after:.0f} seconds" if error.retry_after else "in some seconds",
    )
    return text if special or error.status != 400 else f"{text}{_about_search(error, template)}"


def _special(error: StripeError) -> str | None:
    """
    What holds for the very words or code of *error*, whatever its status.
    """
    for words, text in refusals().message.items():
        if words in (error.message or ""):
            return text
    for pattern, text in refusals().code.items():
        if any(fnmatchcase(name or "", pattern) for name in (error.type, error.code)):
            return text
    return None


def _by_status(error: StripeError) -> str:
    known = refusals()
    if error.status == 429 and error.rate_limit in known.rate_limit:
        return known.rate_limit[error.rate_limit]
    # With a status of 400, an argument names the missing object, and not the path.
    status = 404 if error.code == "resource_missing" else error.status
    return known.status.get(str(status), known.status["500"])


def _about_search(error: StripeError, template: Template | None) -> str:
    path = template.request.path.split("/") if template else []
    if path[-1:] != ["search"] or error.param not in (None, "query"):
        return ""
    near = suggest_field(path[-2], error.message or "")
    return f"{f' Did you mean {near}?' if near else ''}\n{search_help(path[-2])}".rstrip()
