"""
What a declined payment means: what the customer may hear, and what to try.

Whoever holds somebody else's card must not learn that it is known to be so. Those reasons, and all that
are not known here, are kept from the customer, who hears what is said of any decline.
"""

from collections import Counter
from functools import cache
from typing import Annotated

from pydantic import Field, model_validator

from stripe_mcp.facts import Text, read_facts
from stripe_mcp.reading import Strict


class Decline(Strict):
    """
    What holds for each of *codes*; an empty *customer* is a reason that the customer does not hear.
    """

    codes: Annotated[list[Text], Field(min_length=1)]
    customer: str = ""
    next: Text
    temporary: bool = False


class Declines(Strict):
    """
    The file `catalog/declines.toml`.
    """

    decline: list[Decline]

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> "Declines":
        codes = Counter(code for decline in self.decline for code in decline.codes)
        if twice := [code for code, times in codes.items() if times > 1]:
            raise ValueError(f"codes that stand there twice: {twice}")
        told = {code for decline in self.decline if decline.customer for code in decline.codes}
        if "generic_decline" not in told or "fraudulent" not in codes.keys() - told:
            raise ValueError("what others lean on: generic_decline with its customer, fraudulent without")
        return self


@cache
def declines() -> list[Decline]:
    """
    All that is known.

    Raises:
        ConfigurationError: The file breaks the format.
    """
    return read_facts(Declines, "declines.toml").decline


@cache
def _by_code() -> dict[str, Decline]:
    return {code: decline for decline in declines() for code in decline.codes}


def explain_decline(code: str, advice_code: str | None = None) -> str:
    """
    Say what the decline *code* asks of a model that speaks with the customer.

    Where Stripe gives an *advice_code*, it knows better whether to try again:
    https://docs.stripe.com/declines#retrying-issuer-declines

    Raises:
        ConfigurationError: The file breaks the format.
    """
    decline = _by_code().get(code) or _by_code()["fraudulent"]
    secret = "" if decline.customer else "Keep the code and its reason from the customer. "
    if advice_code == "do_not_try_again" and decline.temporary:
        decline = _by_code()["generic_decline"]
    temporary = decline.temporary or advice_code == "try_again_later"
    again = (
        "The same payment method may be tried once more later, not at once, and only if the customer agrees."
        if temporary
        else "Do not repeat the call with the same payment method."
    )
    return f'No money moved. {secret}Tell the customer: "{spoken(decline)}" {decline.next} {again}'


def spoken(decline: Decline) -> str:
    """
    What the customer hears of *decline*.
    """
    return decline.customer or _by_code()["generic_decline"].customer
