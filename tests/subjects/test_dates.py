"""Calendar rules in Stockholm: holidays, New Year, leap day, and the change to and from summer time."""

import calendar
import sys
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.easter import easter
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.subjects import dates

TICK = timedelta(microseconds=1)


DAY = timedelta(days=1)
DAYS = st.dates(date(2005, 1, 1), date(2099, 12, 31))


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def works(day):
    """The law since 2005, written out: Acts 1989:253 and 1930:173, the days at weekends left out."""
    fixed = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}
    of_easter = {easter(day.year) + n * DAY for n in (-2, 1, 39)}
    midsummer_eve = day.month == 6 and 19 <= day.day <= 25 and day.weekday() == 4
    return not (day.weekday() >= 5 or (day.month, day.day) in fixed or day in of_easter or midsummer_eve)


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


@given(DAYS)
def test_a_month_later_keeps_the_day_of_the_month_as_far_as_it_goes(day):
    then = dates.month_later(day)
    assert (then.year * 12 + then.month) - (day.year * 12 + day.month) == 1
    assert then.day == min(day.day, calendar.monthrange(then.year, then.month)[1])


@pytest.mark.parametrize(
    ("day", "months", "last"),
    [
        (date(2026, 11, 24), 1, date(2026, 12, 24)),  # Christmas Eve is no public holiday by the Act
        (date(2026, 11, 25), 1, date(2026, 12, 28)),  # Christmas Day, a Friday, and the weekend after it
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
        (date(2026, 12, 1), 1, date(2027, 1, 4)),  # New Year's Day, a Friday
        (date(2026, 11, 30), 3, date(2027, 3, 1)),  # no 30 February, and the 28th is a Sunday
        (date(2027, 1, 31), 1, date(2027, 3, 1)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),  # a leap day, a Tuesday
        (date(2026, 5, 18), 1, date(2026, 6, 18)),  # the day before Midsummer Eve
        (date(2026, 5, 19), 1, date(2026, 6, 19)),  # Midsummer Eve
        (date(2026, 5, 20), 1, date(2026, 6, 22)),  # Midsummer Day, a Saturday
        (date(2025, 12, 6), 1, date(2026, 1, 7)),  # Epiphany, a Tuesday
        (date(2026, 3, 3), 1, date(2026, 4, 7)),  # Good Friday to Easter Monday
        (date(2026, 4, 14), 1, date(2026, 5, 15)),  # Ascension Day; people work on the Friday
    ],
)
def test_a_period_of_months_ends_on_a_working_day_of_eu_law(day, months, last):
    assert dates.last_of_months(day, months) == last


@given(DAYS, st.integers(1, 3))
def test_a_period_of_months_is_moved_past_days_off_alone(day, months):
    raw, last = dates.month_later(day, months), dates.last_of_months(day, months)
    eves = {(12, 24), (12, 31)}
    eve = last.month == 6 and 19 <= last.day <= 25 and last.weekday() == 4
    assert works(last) or (((last.month, last.day) in eves or eve) and last.weekday() < 5)
    assert not any(works(raw + n * DAY) for n in range((last - raw).days))


@given(DAYS, st.integers(0, 60))
def test_business_days_between_are_those_after_the_first_day_to_the_last(day, length):
    last = day + length * DAY
    found = dates.business_days_between(day, last)
    assert found == sum(works(day + n * DAY) for n in range(1, length + 1))
    assert dates.business_days_between(last, day) == 0 or length == 0


@given(DAYS)
def test_people_work_on_the_days_the_law_leaves(day):
    assert (dates.not_working(day) is None) == works(day)


@given(DAYS)
def test_the_next_business_day_is_the_first_one_there_is(day):
    found = dates.business_day_from(day)
    assert works(found)
    assert not any(works(day + n * DAY) for n in range((found - day).days))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2050, 1, 1)), st.integers(1, 90))
def test_a_period_of_business_days_holds_that_many_and_ends_with_the_last(at, days):
    at = at.replace(tzinfo=UTC)
    first, last = dates.local_day(at) + DAY, dates.local_day(dates.business_days_later(at, days) - TICK)
    assert works(last)
    assert sum(works(first + n * DAY) for n in range((last - first).days + 1)) == days
    assert dates.business_days_later(at, days) >= dates.days_later(at, days)


def test_a_year_asked_about_by_many_for_the_first_time_has_its_holidays_for_each():
    many, years = 8, range(1955, 2005)
    start = threading.Barrier(many)
    found = []

    def ask():
        for year in years:
            start.wait()
            found.append(dates.not_working(date(year, 1, 1)))

    threads = [threading.Thread(target=ask) for _ in range(many)]
    between = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(between)
    assert found == ["New Year's Day"] * many * len(years)
