"""Calendar rules: days, business days and office hours in Stockholm, whatever the season's offset.

Standards: Regulation (EEC, Euratom) No 1182/71 Art. 3 (the day of the event does not count, a period ends
with its last day's last hour, or with the next working day's), Act 1989:253 (public holidays), Act 1930:173
sec. 2 (Saturdays and the eves of Midsummer, Christmas and New Year stand beside public holidays).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from threading import Lock

import holidays
from dateutil.relativedelta import relativedelta

from dpa_core import locale
from dpa_core.locale import STOCKHOLM as STOCKHOLM
from dpa_core.locale import local_day as local_day

OFFICE_HOURS = (time(8, 30), time(17, 0))
"""The provider's normal working hours. A setting of the provider: clause 3.1(xii) names no hours."""

_HOLIDAYS = holidays.country_holidays("SE", categories=("public", "de_facto"), language="en_US")
_PUBLIC_HOLIDAYS = holidays.country_holidays("SE", categories=("public",))
_HOLIDAYS_LOCK = Lock()
"""The calendar fills in a year when it is first asked about it, and passes it for filled while it does."""


def start_of(day: date) -> datetime:
    """The first moment of a day in Stockholm, in UTC."""
    return datetime.combine(day, time(), STOCKHOLM).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The moment a day in Stockholm is over, in UTC: what happens before it is in time."""
    return start_of(day + timedelta(days=1))


def days_later(at: datetime, days: int) -> datetime:
    """When a period of calendar days that began with an event at `at` is over, in UTC."""
    return end_of(local_day(at) + timedelta(days=days))


def not_working(day: date) -> str | None:
    """Why nobody works on that day (`Saturday`, `Epiphany`); None on a business day."""
    with _HOLIDAYS_LOCK:
        if _HOLIDAYS.is_working_day(day):
            return None
        return str(_HOLIDAYS.get(day) or locale.weekday(day))


def business_day_from(day: date) -> date:
    """The day itself if people work on it, else the next one on which they do."""
    with _HOLIDAYS_LOCK:
        return _HOLIDAYS.get_nth_working_day(day, 0)


def business_days_later(at: datetime, days: int) -> datetime:
    """When a period of business days (1 or more) that began with an event at `at` is over, in UTC."""
    with _HOLIDAYS_LOCK:
        return end_of(_HOLIDAYS.get_nth_working_day(local_day(at), days))


def business_days_between(first: date, last: date) -> int:
    """How many business days lie after one day, up to another and with it; 0 where that is not later."""
    with _HOLIDAYS_LOCK:
        days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
        return sum(_HOLIDAYS.is_working_day(day) for day in days)


def month_later(day: date, months: int = 1) -> date:
    """The same day some months on, or that month's last day where it has none. Reg. 1182/71 Art. 3(2)(c)"""
    return day + relativedelta(months=months)


def last_of_months(day: date, months: int) -> date:
    """The last day of a period of months in EU law that began with an event on a day.

    One that would end on a Saturday, a Sunday or a public holiday ends on the next working day. Which days
    are public holidays is our reading: those of Sweden's Act 1989:253. The eves of Midsummer, Christmas and
    New Year are none of them, so a period can end on one: the earlier day is the safe one for who must act.
    Standard: Reg. 1182/71 Art. 2 and 3(4)
    """
    with _HOLIDAYS_LOCK:
        return _PUBLIC_HOLIDAYS.get_nth_working_day(month_later(day, months), 0)
