"""
Dates, times and the seconds they stand for, over all of the years that there are.
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.times import Span, iso, parse

LAST = 253_402_300_799  # 9999-12-31T23:59:59Z
seconds = st.integers(0, LAST)
days = st.dates(date(1970, 1, 1), date(9999, 12, 31))


def read(text: str) -> Span:
    span = parse(text)
    assert span, text
    return span


# There and back


@given(seconds)
def test_what_is_written_is_read_as_the_same_second(moment: int) -> None:
    text = iso(moment)
    assert text
    assert parse(text) == (moment, moment)
    assert datetime.fromisoformat(text).timestamp() == moment


@given(st.integers(86_400, LAST - 86_400), st.integers(-1439, 1439))
def test_an_offset_is_taken_off(moment: int, minutes: int) -> None:
    local = (iso(moment + minutes * 60) or "").removesuffix("Z")
    hours, rest = divmod(abs(minutes), 60)
    assert parse(f"{local}{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}") == (moment, moment)


@pytest.mark.parametrize("moment", [LAST + 1, 10**30, -(10**30), -62_135_596_801])
def test_a_second_of_no_year_is_not_written(moment: int) -> None:
    assert iso(moment) is None


def test_a_second_is_written_as_this() -> None:
    assert iso(1795521481) == "2026-11-24T11:58:01Z"
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(-1) == "1969-12-31T23:59:59Z"
    assert iso(-62_135_596_800) == "0001-01-01T00:00:00Z"
    assert iso(LAST) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize("tail", ["", "Z", ".0", ".000Z", "+00:00", "-00:00", ".000000000+00:00"])
def test_a_time_without_an_offset_and_nothing_behind_its_seconds_is_the_same(tail: str) -> None:
    assert parse(f"2026-11-01T09:30:00{tail}") == (1793525400, 1793525400)


@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d*)?([+-]\d\d:\d\d)?)?\Z"))
def test_any_text_is_read_or_it_is_not(text: str) -> None:
    span = parse(text)
    assert span is None or 0 <= span.first <= span.last <= LAST


# Whole days


@given(days)
def test_a_date_covers_all_of_its_day(day: date) -> None:
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    assert parse(day.isoformat()) == (midnight, midnight + 86_399)


@given(st.dates(date(1970, 1, 1), date(9999, 12, 30)))
def test_a_day_begins_where_the_day_before_ends(day: date) -> None:
    following = day + timedelta(days=1)
    assert read(following.isoformat()).first == read(day.isoformat()).last + 1


@given(days, st.integers(-200_000, 200_000))
def test_as_a_bound_a_date_keeps_its_day_whole(day: date, distance: int) -> None:
    """
    On which side of it a moment falls hangs on the moment's date, never on its hour.
    """
    span = read(day.isoformat())
    moment = min(max(span.first + distance, 0), LAST)
    on = datetime.fromtimestamp(moment, UTC).date()
    assert (moment >= span.bound("gte")) == (on >= day)
    assert (moment > span.bound("gt")) == (on > day)
    assert (moment <= span.bound("lte")) == (on <= day)
    assert (moment < span.bound("lt")) == (on < day)


@given(days)
def test_a_date_by_itself_is_its_day_and_what_is_due_then_is_due_by_its_end(day: date) -> None:
    span = read(day.isoformat())
    assert span.range() == {"gte": span.first, "lte": span.last}
    assert span.bound("trial_end") == span.first
    assert span.bound("due_date") == span.last


@given(seconds)
def test_a_time_is_exact_to_the_second_wherever_it_stands(moment: int) -> None:
    span = read(iso(moment) or "")
    assert span.range() == moment
    assert {span.bound(name) for name in ("gt", "gte", "lt", "lte", "due_date")} == {moment}
