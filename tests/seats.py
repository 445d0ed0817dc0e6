"""
A person at a terminal: one whose typing is prepared, and one at a real pseudo-terminal of a process.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest

from stripe_mcp.terminal import Terminal


class Seat:
    """
    Where a person types the lines *typed*, one for each question, and then is gone.
    """

    def __init__(self, *typed: str) -> None:
        self._terminal = Terminal(StringIO("".join(f"{line}\n" for line in typed)), StringIO())

    def taken_in(self, module: str, monkeypatch: pytest.MonkeyPatch) -> "Seat":
        """
        This seat, as the terminal of what *module* asks.
        """

        @contextmanager
        def open_terminal() -> Iterator[Terminal]:
            yield self._terminal

        monkeypatch.setattr(f"stripe_mcp.{module}.open_terminal", open_terminal)
        return self

    @property
    def shown(self) -> str:
        """
        All that the terminal shows, but for what was typed.
        """
        writer: Any = self._terminal.writer
        return str(writer.getvalue())


_AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), termios.TIOCSCTTY, 0)
"""
_RUN = """
import sys
from stripe_mcp.errors import ConfigurationError
try:
    sys.exit(main(*sys.argv[2:]))
except ConfigurationError as error:
    sys.exit(f"refused: {error}")
"""


class Process:
    """
    A process of its own session that runs `main` of *code*, with *stdin* in its standard input.

    It has a terminal if *seated*, which *shows* what is asked and takes what a person types.
    """

    def __init__(self, code: str, *arguments: str, stdin: str, seated: bool) -> None:
        self._master, self._slave = os.openpty()
        program = (_AT_A_TERMINAL if seated else "") + code + _RUN
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, os.ttyname(self._slave), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin
        self._process.stdin.write(stdin)
        self._process.stdin.flush()

    def shows(self, text: str) -> str:
        """
        What the terminal shows up to *text*, which has to come.
        """
        shown = b""
        while text.encode() not in shown:
            shown += os.read(self._master, 1000)
        return shown.decode()

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> tuple[int, str, str]:
        """
        The exit status, and what was written to standard output and error.
        """
        out, err = self._process.communicate(timeout=60)
        os.close(self._master)
        os.close(self._slave)
        return self._process.returncode, out, err
