"""
Log lines go to standard error, through a thread of their own.

Few clients read a server's standard error all the time, and none has to. A pipe that is full must
not hold up a call, so lines are dropped rather than waited for. No line ever holds a key.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler
from queue import Queue

from stripe_mcp.errors import redact

_LINES = 100  # that may wait to be written
_LAST_WORDS = 1  # seconds for what is still to be written at the end


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """
    Log warnings, and what a module asks for beyond them, while the context lasts.
    """
    lines: Queue[logging.LogRecord] = Queue(_LINES)
    handler, root = _Dropping(lines), logging.getLogger()
    handler.setFormatter(_Redacted("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    threading.Thread(target=_write, args=(lines,), daemon=True).start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        written = threading.Thread(target=lines.join, daemon=True)
        written.start()
        written.join(_LAST_WORDS)


def _write(lines: Queue[logging.LogRecord]) -> None:
    while True:
        # Not through sys.stderr: its lock, held by a thread that cannot write, would hold up the exit.
        os.write(2, f"{lines.get().msg}\n".encode(errors="backslashreplace"))
        lines.task_done()


class _Dropping(QueueHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        pass  # the queue is full


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
