"""
What is known about Stripe beside the templates: TOML files at the top of the catalog, read at their
first use and checked as strictly as templates are.

They ship with the package: a catalog of one's own has none.
"""

import tomllib
from typing import Annotated, TypeVar

from pydantic import Field

from stripe_mcp.catalog import builtin_folder
from stripe_mcp.reading import Strict, naming

Text = Annotated[str, Field(min_length=1)]
AnyFacts = TypeVar("AnyFacts", bound=Strict)


def read_facts(form: type[AnyFacts], name: str) -> AnyFacts:
    """
    Read the file *name*, which has the *form*.

    Raises:
        ConfigurationError: It is missing or has another form.
    """
    file = builtin_folder() / name
    with naming(file):
        return form.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
