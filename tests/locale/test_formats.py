"""One spelling of days, numbers, plurals and lists. What is filed rests on it: not a byte may change."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core import locale

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
FULL = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DAYS = st.dates(date(1990, 1, 1), date(2150, 12, 31))
LATE = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
"""Half past midnight on the 23rd in Stockholm."""


@given(DAYS)
def test_a_day_is_spelt_in_one_way(day):
    month, full = MONTHS[day.month - 1], FULL[day.month - 1]
    assert locale.day(day) == f"{day.day} {month} {day.year}"
    assert locale.day_in_full(day) == f"{day.day} {full} {day.year}"
    assert locale.day_of_year(day) == f"{day.day} {month}"
    assert locale.month(day) == f"{month} {day.year}"
    assert locale.weekday(day) == WEEKDAYS[day.weekday()]


def test_a_moment_is_shown_as_it_is_in_stockholm():
    assert locale.day(LATE) == "23 Nov 2026"
    assert locale.day_in_full(LATE) == "23 November 2026"
    assert locale.day_of_year(LATE) == "23 Nov"
    assert locale.weekday(LATE) == "Monday"
    assert locale.month(datetime(2026, 11, 30, 23, 30, tzinfo=UTC)) == "Dec 2026"
    assert locale.minute(LATE) == "23 Nov 2026, 00:30"
    assert locale.minute_in_full(LATE) == "23 November 2026, 00:30 (Stockholm)"
    assert locale.minute(datetime(2026, 9, 3, 12, 5, tzinfo=UTC)) == "3 Sep 2026, 14:05"


def test_a_time_of_day_has_hours_and_minutes():
    assert [locale.clock_time(t) for t in (time(8, 30), time(17), time(0, 5))] == ["08:30", "17:00", "00:05"]


@given(st.integers(-(10**18), 10**18))
def test_thousands_are_kept_apart_by_commas(value):
    assert locale.number(value) == f"{value:,}"


@given(st.integers(0, 10**9))
def test_one_is_one_and_all_else_is_many(value):
    assert locale.count(value, "day") == f"{value:,} {'day' if value == 1 else 'days'}"
    assert locale.count(value, "entry", "entries") == f"{value:,} {'entry' if value == 1 else 'entries'}"


@given(st.lists(st.text(), max_size=6), st.sampled_from(["and", "or"]))
def test_a_list_has_commas_and_the_word_before_the_last_whatever_the_names_hold(names, word):
    expected = f"{', '.join(names[:-1])} {word} {names[-1]}" if len(names) > 1 else "".join(names)
    assert locale.listed(names, word) == expected


def test_a_word_within_a_name_stays():
    assert locale.listed(("Trees and shrubs", "{0}", "%s"), "or") == "Trees and shrubs, {0} or %s"


@given(st.integers(0, 10**16))
def test_sizes_are_rounded_as_python_rounds_them(of):
    value, units = float(of), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    whole = units[0] == "B" or (value >= 100 and units[0] != "TB")
    assert locale.size(of) == f"{value:,.{0 if whole else 1}f} {units[0]}"


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (4_350, "4.3 kB"),  # in binary a little under 4.35
        (123_456, "123 kB"),
        (999_999, "1,000 kB"),
        (4_200_000_000, "4.2 GB"),
        (12_345_600_000_000_000, "12,345.6 TB"),
    ],
)
def test_a_size_is_short(of, text):
    assert locale.size(of) == text


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (1, "1 day"),
        (27, "27 days"),
        (28, "28 days (about 1 month)"),
        (90, "90 days (about 3 months)"),
        (730, "730 days (about 2 years)"),
        (900, "900 days"),
        (1_825, "1,825 days (about 5 years)"),
    ],
)
def test_a_long_period_is_told_in_months_or_years_too(days, text):
    assert locale.duration(days) == text


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (timedelta(), "today"),
        (timedelta(minutes=-31), "1 day ago"),
        (timedelta(hours=23), "today"),
        (timedelta(hours=24), "in 1 day"),
        (timedelta(days=1_204), "in 1,204 days"),
        (timedelta(days=-2), "2 days ago"),
    ],
)
def test_distance_is_counted_in_calendar_days_of_stockholm(after, text):
    assert locale.distance(LATE + after, LATE) == text


def test_a_number_that_names_something_is_written_plain():
    entry = {"audit": 1234, "on": date(2026, 11, 23)}
    assert locale.fill("Audit {audit:id}, {on}", entry) == "Audit 1234, 23 Nov 2026"
    assert locale.fill("{audit}", entry) == "1,234"


@pytest.mark.parametrize(("files", "words"), [((), "0 files"), (("a",), "1 file"), (("a", "b"), "2 files")])
def test_the_members_of_a_tuple_are_counted_with_their_noun(files, words):
    assert locale.fill("{files:file|files}", {"files": files}) == words


def test_codes_read_as_they_are_written_but_where_other_words_are_given():
    codes = Literal["report_due", "closed"]
    assert locale.worded(codes) == {"report_due": "Report due", "closed": "Closed"}
    assert locale.worded(codes, closed="Over") == {"report_due": "Report due", "closed": "Over"}


@given(DAYS, st.integers(0, 24 * 60 - 1))
def test_a_deadline_is_the_last_day_or_to_the_minute(day, minute):
    midnight = datetime.combine(day, time(), locale.STOCKHOLM)
    assert locale.last_day(midnight) == day - timedelta(days=1)
    assert locale.deadline(midnight) == locale.day(day - timedelta(days=1))
    assert locale.deadline_hour(midnight) == "end of day"
    at = datetime.combine(day, time(minute // 60, minute % 60), locale.STOCKHOLM)
    if minute in (0, 24 * 60 - 1):  # the last minute, as snapshots record it, reads as the day too
        assert locale.deadline(at).count(":") == 0
    else:
        assert (locale.last_day(at), locale.deadline(at)) == (day, locale.minute(at))
        assert locale.deadline_hour(at) == f"{minute // 60:02d}:{minute % 60:02d}"


def test_the_distance_to_a_deadline_is_counted_to_its_last_day():
    over = datetime(2026, 11, 18, 23, tzinfo=UTC)
    assert locale.deadline_and_distance(over, over) == "18 Nov 2026 (1 day ago)"
    assert locale.deadline_and_distance(over, over - timedelta(seconds=1)) == "18 Nov 2026 (today)"


@pytest.mark.parametrize(
    ("shown", "of", "words"),
    [(8, 12, "8 of 12 tasks"), (8, 8, "8 tasks"), (1, 1, "1 task"), (0, 1, "0 of 1 task")],
)
def test_a_list_says_how_much_of_it_is_shown(shown, of, words):
    assert locale.part(shown, of, "task") == words
