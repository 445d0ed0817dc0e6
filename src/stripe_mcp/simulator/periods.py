"""
Billing periods: a moment and an interval give the next moment, in UTC.

Rule: a month later is the same day, or the last one of a shorter month.
https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

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
