"""
Dates and times as people write them, and the Unix seconds that Stripe takes and gives. No I/O.

All of it is UTC unless a time names its offset. A time is exact to the second; a date is the whole
day, so that a range from the first to the last date of a month is all of the month.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799  # the year 9999 ends after it
_DAY = 86_400
# Of the many forms of ISO 8601 the one that everybody writes; Python reads more, and more with each version.
_FORM = re.compile(r"\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):\d\d:\d\d(\.0+)?(Z|[+-]\d\d:[0-5]\d)?)?", re.ASCII)


class Span(NamedTuple):
    """
    From the *first* to the *last* of the Unix seconds that a date or time stands for.
    """

    first: int
    last: int

    def bound(self, name: str) -> int:
        """
        The second that stands for the day or time in the field *name*: the last one after which (`gt`), up to
        which (`lte`) or by which something is due, else the first.
        """
        return self.last if name in ("gt", "lte", "due_date") else self.first

    def range(self) -> int | dict[str, int]:
        """
        The filter that holds for exactly these seconds.
        """
        return self.first if self.first == self.last else {"gte": self.first, "lte": self.last}


def parse(text: str) -> Span | None:
    """
    Read `2026-11-01` or `2026-11-01T09:30:00Z`; None if *text* is neither, or not between 1970 and 9999.
    """
    if not _FORM.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the 30th of February
        return None
    first = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    last = first if "T" in text else first + _DAY - 1
    return Span(first, last) if 0 <= first <= _LAST else None


def iso(seconds: int) -> str | None:
    """
    Write Unix *seconds* as `2026-11-24T11:58:01Z`; None where the calendar has no such year.
    """
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return moment.isoformat().replace("+00:00", "Z")
