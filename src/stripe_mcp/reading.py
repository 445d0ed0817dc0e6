"""
Files of the catalog are read strictly: what breaks the format stops the start, with the file's name.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tomllib import TOMLDecodeError

from pydantic import BaseModel, ConfigDict, ValidationError

from stripe_mcp.errors import ConfigurationError


class Strict(BaseModel):
    """
    The form of a file, or of a part of it: nothing is converted, and no key is passed over.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def find_files(folder: Path, what: str, form: str) -> list[Path]:
    """
    The files of *folder* that have the *form* `objects/<object>.toml`, by name.

    Raises:
        ConfigurationError: One lies deeper than that, and would be passed over; it is to be *what* they are.
    """
    pattern = re.sub(r"<\w+>", "*", form)
    files = sorted(folder.glob(pattern))
    if stray := {*folder.glob(pattern.replace("*", "**/*"))} - {*files}:
        raise ConfigurationError(f"{min(stray)}: {what} is a file {form} of the folder")
    return files


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """
    Whatever keeps *file* from being read and understood in here is told with its name.

    Raises:
        ConfigurationError: Something does.
    """
    try:
        yield
    except (OSError, UnicodeDecodeError, TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {_first_problem(error)}") from None
    except RecursionError:
        raise ConfigurationError(f"{file}: nested beyond all reason") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {reason}" if where else reason
