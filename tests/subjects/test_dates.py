"""Calendar rules in Stockholm: holidays, New Year, leap day, and the change to and from summer time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.subjects import dates

TICK = timedelta(microseconds=1)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2026, 11, 24), None),
        (date(2026, 11, 28), "Saturday"),
        (date(2026, 11, 29), "Sunday"),
        (date(2026, 12, 23), None),
        (date(2026, 12, 24), "Christmas Eve"),
        (date(2026, 12, 25), "Christmas Day"),
        (date(2026, 12, 31), "New Year's Eve"),
        (date(2027, 1, 1), "New Year's Day"),
        (date(2027, 1, 6), "Epiphany"),
        (date(2026, 6, 19), "Midsummer Eve"),
        (date(2026, 5, 14), "Ascension Day"),
        (date(2026, 4, 3), "Good Friday"),
        (date(2028, 2, 29), None),
    ],
)
def test_who_works_when(day, why):
    assert dates.not_working(day) == why


@pytest.mark.parametrize(
    ("asked", "days", "over"),
    [
        # Asked on a Tuesday, ten business days later is the Tuesday two weeks on.
        (utc(2026, 11, 24, 14), 10, date(2026, 12, 8)),
        # Christmas: 24 to 27, 31 December to 3 January and Epiphany do not count.
        (utc(2026, 12, 21, 9), 10, date(2027, 1, 11)),
        # Late in the evening in Stockholm is still that day; an hour later is the next.
        (utc(2026, 11, 24, 22, 59), 1, date(2026, 11, 25)),
        (utc(2026, 11, 24, 23, 1), 1, date(2026, 11, 26)),
        # Asked on a Saturday.
        (utc(2026, 11, 28, 9), 1, date(2026, 11, 30)),
        # Over a leap day.
        (utc(2028, 2, 28, 9), 1, date(2028, 2, 29)),
        (utc(2028, 2, 28, 9), 2, date(2028, 3, 1)),
    ],
)
def test_business_days_end_with_their_last_day(asked, days, over):
    due = dates.business_days_later(asked, days)
    assert dates.local_day(due - TICK) == over
    assert dates.local_day(due) == over + timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "days", "ends"),
    [
        (utc(2026, 11, 24, 14), 30, utc(2026, 12, 24, 23)),  # winter: midnight is 23:00 UTC
        (utc(2026, 12, 10, 14), 30, utc(2027, 1, 9, 23)),  # over New Year
        (utc(2026, 3, 1, 14), 30, utc(2026, 3, 31, 22)),  # into summer time: 22:00 UTC
        (utc(2026, 10, 1, 14), 30, utc(2026, 10, 31, 23)),  # back from it
        (utc(2028, 2, 1, 14), 28, utc(2028, 2, 29, 23)),  # to a leap day
    ],
)
def test_a_period_ends_with_its_last_day_whatever_the_season(at, days, ends):
    assert dates.days_later(at, days) == ends


@pytest.mark.parametrize(
    ("day", "then"),
    [
        (date(2026, 11, 24), date(2026, 12, 24)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 8, 31), date(2026, 9, 30)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_one(day, then):
    assert dates.month_later(day) == then


@given(st.dates(date(2020, 1, 1), date(2050, 1, 1)))
def test_the_next_business_day_is_one_and_not_far(day):
    found = dates.business_day_from(day)
    assert dates.not_working(found) is None
    assert timedelta(0) <= found - day <= timedelta(days=5)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2050, 1, 1)), st.integers(1, 90))
def test_business_days_come_no_sooner_than_calendar_days(at, days):
    at = at.replace(tzinfo=UTC)
    assert dates.business_days_later(at, days) >= dates.days_later(at, days)
