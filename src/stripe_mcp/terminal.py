"""
The terminal that a person sits at.

Rule: what only a person may decide is asked and answered there, whatever standard input and output are:
those may belong to a program. What strangers wrote cannot paint over what is asked.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.text import clean

# https://learn.microsoft.com/en-us/windows/console/console-handles
_INPUT, _OUTPUT = ("CONIN$", "CONOUT$") if sys.platform == "win32" else ("/dev/tty", "/dev/tty")


@dataclass(frozen=True, slots=True)
class Terminal:
    """
    Where a person reads and types.
    """

    reader: TextIO
    writer: TextIO

    def say(self, text: str) -> None:
        """
        Show the lines of *text*, without anything in them that steers a terminal.
        """
        self.writer.writelines(f"{clean(line)}\n" for line in text.split("\n"))
        self.writer.flush()

    def ask(self, prompt: str) -> str:
        """
        What the person types behind *prompt*; nothing if they are gone.
        """
        self.writer.write(f"{clean(prompt)} ")
        self.writer.flush()
        return self.reader.readline().strip()


@contextmanager
def open_terminal() -> Iterator[Terminal]:
    """
    The terminal that this process was started from.

    Raises:
        ConfigurationError: It was started from none.
    """
    try:
        reader = open(_INPUT, encoding="utf-8", errors="replace")  # noqa: PTH123, SIM115 - Windows' names are no paths
    except OSError:
        raise ConfigurationError("This needs a terminal with a person at it; there is none.") from None
    with reader, open(_OUTPUT, "w", encoding="utf-8", errors="replace") as writer:  # noqa: PTH123
        yield Terminal(reader, writer)
