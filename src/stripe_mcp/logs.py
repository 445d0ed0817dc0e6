"""
Log lines go to standard error or a file, through a thread of their own.

Few clients read a server's standard error all the time, and none has to. A pipe that is full must
not hold up a call, so lines are dropped rather than waited for. What a line may say: `log_lines`.
"""

import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler
from pathlib import Path
from queue import Queue
from typing import Literal

from stripe_mcp.errors import ConfigurationError, redact
from stripe_mcp.log_lines import OURS, JSONLine, TextLine, is_ours

Level = Literal["debug", "info", "warning", "error"]

_STDERR = 2
_LINES = 100  # that may wait to be written
_LAST_WORDS = 1  # seconds for what is still to be written at the end
_Lines = Queue[logging.LogRecord | None]


@contextmanager
def logging_to(
    file: Path | None = None, *, level: Level = "warning", as_json: bool = False
) -> Iterator[None]:
    """
    Log to *file*, or else to standard error, while the context lasts: our own lines from *level* up, all
    others from warnings up. With *as_json*, each line is an object.

    Raises:
        ConfigurationError: The file cannot be written, or would not be private.
    """
    descriptor = _STDERR if file is None else _open_private(file)
    lines: _Lines = Queue(_LINES)
    handler, root, own = _Dropping(lines), logging.getLogger(), logging.getLogger(OURS)
    handler.setFormatter(JSONLine() if as_json else TextLine())
    handler.addFilter(lambda record: is_ours(record) or record.levelno >= logging.WARNING)
    before = own.level
    own.setLevel(level.upper())
    root.addHandler(handler)
    threading.Thread(target=_write, args=(lines, descriptor), daemon=True).start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        own.setLevel(before)
        written = threading.Thread(target=_end, args=(lines,), daemon=True)
        written.start()
        written.join(_LAST_WORDS)


def _open_private(file: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe nobody reads is an error
    try:
        descriptor = os.open(file, flags, 0o600)
    except OSError as error:
        raise ConfigurationError(f"--log-file: cannot write {redact(str(file))}: {error.strerror}") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        wrong = "is not a plain file"
    elif os.name == "posix" and found.st_uid != os.geteuid():
        wrong = "belongs to somebody else"
    elif os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        wrong = "can be read by others; run chmod 600 on it"
    else:
        return descriptor
    os.close(descriptor)
    raise ConfigurationError(f"--log-file: {redact(str(file))} {wrong}.")


def _write(lines: _Lines, descriptor: int) -> None:
    for line in iter(lines.get, None):
        # Not through sys.stderr: its lock, held by a thread that cannot write, would hold up the exit.
        with suppress(OSError):  # nobody reads any more, or the disk is full: this line is lost
            os.write(descriptor, f"{line.msg}\n".encode(errors="backslashreplace"))
        lines.task_done()
    if descriptor != _STDERR:
        os.close(descriptor)
    lines.task_done()


def _end(lines: _Lines) -> None:
    lines.put(None)
    lines.join()


class _Dropping(QueueHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        pass  # the queue is full
