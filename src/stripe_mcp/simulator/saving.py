"""
A simulator's state as JSON, and as a file.

Rule: a file is written whole or not at all, for its owner's eyes only; one that is
not ours is never overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from pydantic_core import to_json

from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.worlds import State

FORMAT = "stripe-mcp simulator"
VERSION = 1  # to be raised when what is saved changes its shape


class StateError(Exception):
    """
    What was given is no state, or not one of this version.
    """


def pack(state: State) -> Record:
    """
    *state* with its name and version on it.
    """
    return {"format": FORMAT, "version": VERSION, **state.dump()}


def unpack(packed: Any, base: Callable[[], float]) -> State:
    """
    The state that `pack` packed, going on by the clock *base*.

    Raises:
        StateError: It was packed by another version, or not by us.
    """
    if not isinstance(packed, dict) or packed.get("format") != FORMAT:
        raise StateError("it is not a saved state of the simulator")
    if packed.get("version") != VERSION:
        raise StateError(
            f"its version is {packed.get('version')}, and this simulator reads version {VERSION}"
        )
    try:
        return State.load(base, packed)
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise StateError(f"it is damaged ({type(error).__name__}: {error})") from None


def read_state(file: Path) -> Any:
    """
    What *file* holds, for `unpack`.

    Raises:
        OSError: It cannot be read.
        StateError: It is no JSON, hence no state of ours.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise StateError("it is not a saved state of the simulator") from None


def write_state(file: Path, state: State) -> None:
    """
    Save *state* in *file*, which has the old content or the new at any moment.

    Raises:
        OSError: It cannot be written.
    """
    file = file.resolve()  # a link stays one
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        try:
            new.write(to_json(pack(state)))
            new.flush()
            os.fsync(new.fileno())
            new.close()
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink()
            raise
