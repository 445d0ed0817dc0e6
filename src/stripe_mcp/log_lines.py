"""
What a line of the log says, as text or as JSON.

The rule: no key, and nothing that a caller or Stripe said. Our own messages hold none of it; other packages'
do, so of theirs only the fixed words are written. An exception is told by where it came from and its class.
"""

import json
import logging
import re
from datetime import UTC, datetime
from traceback import format_tb

from stripe_mcp.errors import ConfigurationError, LedgerUnavailable, redact

OURS = "stripe_mcp"

_EXCEPTIONS = 10  # that one line tells of, at most
_FIXED_WORDS = re.compile(r"[A-Za-z%][A-Za-z%,.' -]*")


class TextLine(logging.Formatter):
    """
    A line for people.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record)
        line = f"{time} {record.levelname} {record.name}: {_message(record)}"
        return redact(f"{line}\n{_traceback(record)}".rstrip())


class JSONLine(logging.Formatter):
    """
    A JSON object: `time` in UTC, `level`, `logger`, `message`, and where there are, `exception` and the ids
    of the span.
    """

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            "exception": _traceback(record),
        } | _trace_ids()
        # Redacted before it is written as JSON, where an escape before a key could hide its beginning.
        return json.dumps({name: redact(text) for name, text in said.items() if text})


def is_ours(record: logging.LogRecord) -> bool:
    """
    Whether this package wrote *record*.
    """
    return record.name.partition(".")[0] == OURS


def _message(record: logging.LogRecord) -> str:
    """
    What *record* says. Other packages put into their messages what a caller said: of theirs, the first words.
    """
    if is_ours(record):
        return record.getMessage()
    fixed = _FIXED_WORDS.match(record.msg) if isinstance(record.msg, str) else None
    return re.sub(r"%\S*", "...", fixed[0]).strip() if fixed else type(record.msg).__name__


def _traceback(record: logging.LogRecord) -> str:
    """
    Where the exception of *record* and those behind it came from, and their classes. Texts only of those
    errors of ours that are for who runs the server.
    """
    waiting, told = [record.exc_info[1] if record.exc_info else None], list[str]()
    while waiting and len(told) < _EXCEPTIONS:
        if error := waiting.pop(0):
            text = f": {error}" if isinstance(error, (ConfigurationError, LedgerUnavailable)) else ""
            told.append("".join(format_tb(error.__traceback__)) + type(error).__name__ + text)
            before = None if error.__suppress_context__ else error.__context__
            waiting += [*getattr(error, "exceptions", ()), error.__cause__ or before]
    return "\n".join(told)


def _trace_ids() -> dict[str, str]:
    """
    The ids of the span in which this is logged, if there is one.
    """
    from opentelemetry import trace  # imported late: not all commands need it

    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
