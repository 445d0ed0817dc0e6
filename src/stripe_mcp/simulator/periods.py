"""
Billing periods: a moment and an interval give the next moment, in UTC.

Rule: periods are counted from an anchor, so that a month ends on the anchor's day,
or on the last one of a shorter month, and comes back to that day in the next.
https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

DAY = 86_400  # seconds
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def add_interval(moment: int, interval: str, count: int) -> int:
    """
    The Unix second that lies *count* intervals after *moment* (before it, if negative).
    """
    start = datetime.fromtimestamp(moment, UTC)
    if interval in DAYS:
        return int((start + timedelta(days=DAYS[interval] * count)).timestamp())
    months = start.year * 12 + start.month - 1 + MONTHS[interval] * count
    year, month = divmod(months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period_end(anchor: int, moment: int, interval: str, count: int) -> int:
    """
    The first moment after *moment* that lies a whole number of periods after *anchor*.
    """
    periods = _near(anchor, moment, interval) // count
    if add_interval(anchor, interval, periods * count) > moment:
        periods -= 1
    return add_interval(anchor, interval, (periods + 1) * count)


def _near(anchor: int, moment: int, interval: str) -> int:
    """
    How many intervals lie between the two; one too many where the last month is not over.
    """
    if interval in DAYS:
        return (moment - anchor) // (DAYS[interval] * DAY)
    first, last = (datetime.fromtimestamp(each, UTC) for each in (anchor, moment))
    return ((last.year - first.year) * 12 + last.month - first.month) // MONTHS[interval]
