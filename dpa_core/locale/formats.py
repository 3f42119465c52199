"""Days, numbers, plurals and lists as a person reads them. Times come in UTC and are shown in Stockholm's.

Standard: Unicode CLDR, by way of Babel. A change here changes the pages of snapshots: a PDF that was filed
before would no longer be, byte for byte, what its data gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_precision, is_currency

from dpa_core.locale.zone import STOCKHOLM, local_day

ENGLISH = Locale.parse("en_CA")
"""The one English of CLDR that writes `Sep` (Britain's has `Sept`) and puts no comma before the last of a
list (America's does)."""

D3_DAY = "%-d %b %Y"
"""`23 Nov 2026` on a chart's axis: d3's own directives, read in the browser."""

_Word = Literal["and", "or"]
_LISTS: dict[_Word, Literal["standard", "or"]] = {"and": "standard", "or": "or"}


def _calendar_day(at: date | datetime) -> date:
    return local_day(at) if isinstance(at, datetime) else at


def day(at: date | datetime) -> str:
    """`23 Nov 2026`. A time is taken as its calendar day in Stockholm."""
    return format_date(_calendar_day(at), "d MMM y", locale=ENGLISH)


def day_in_full(at: date | datetime) -> str:
    """`23 November 2026`, as documents that stand alone have it."""
    return format_date(_calendar_day(at), "d MMMM y", locale=ENGLISH)


def day_of_year(at: date | datetime) -> str:
    """`23 Nov`, where the year is plain."""
    return format_date(_calendar_day(at), "d MMM", locale=ENGLISH)


def weekday(at: date | datetime) -> str:
    """`Saturday`."""
    return format_date(_calendar_day(at), "EEEE", locale=ENGLISH)


def month(at: date | datetime) -> str:
    """`Nov 2026`."""
    return format_date(_calendar_day(at), "MMM y", locale=ENGLISH)


def clock_time(at: time) -> str:
    """`08:30`, of a time of day in Stockholm."""
    return format_time(at, "HH:mm", locale=ENGLISH)


def minute(at: datetime) -> str:
    """`23 Nov 2026, 14:05`, in Stockholm."""
    return format_datetime(at, "d MMM y, HH:mm", tzinfo=STOCKHOLM, locale=ENGLISH)


def minute_in_full(at: datetime) -> str:
    """`23 November 2026, 14:05 (Stockholm)`, as documents that stand alone have it."""
    return f"{format_datetime(at, 'd MMMM y, HH:mm', tzinfo=STOCKHOLM, locale=ENGLISH)} (Stockholm)"


# --- deadlines -----------------------------------------------------------------------------------

_WHOLE_DAYS = (time(0), time(23, 59))
"""A period of days is over at a midnight; some records name the last minute before it instead."""


def last_day(over: datetime) -> date:
    """The last day of a period that is over at a moment, in Stockholm: midnight belongs to the day before."""
    return local_day(over - timedelta(microseconds=1))


def to_the_minute(over: datetime) -> bool:
    """Whether a period ends within a day, as one of hours does, and not with the day itself."""
    return over.astimezone(STOCKHOLM).time() not in _WHOLE_DAYS


def deadline(over: datetime) -> str:
    """Until when something is in time: `18 Nov 2026`, which is to the end of that day, or
    `18 Nov 2026, 14:05`. `over`: the first moment that is too late."""
    return minute(over) if to_the_minute(over) else day(last_day(over))


def deadline_and_distance(over: datetime, now: datetime) -> str:
    """`18 Nov 2026 (in 3 days)`."""
    return f"{deadline(over)} ({_days_apart(last_day(over), now)})"


def deadline_hour(over: datetime) -> str:
    """Until when on its last day: `14:05`, `end of day`."""
    return clock_time(over.astimezone(STOCKHOLM).time()) if to_the_minute(over) else "end of day"


def number(value: int) -> str:
    """`1,234`."""
    return format_decimal(value, locale=ENGLISH)


def money(amount: Decimal, currency: str) -> str:
    """`SEK 12,500.00`: an amount in a currency of ISO 4217, to the smallest unit that it has."""
    return format_currency(amount, currency, "¤¤ #,##0.00", locale=ENGLISH)


def currency_decimals(code: str) -> int | None:
    """How many decimals amounts of a currency have, by its code of ISO 4217; None for what is no currency."""
    return get_currency_precision(code) if is_currency(code) else None


def count(value: int, one: str, many: str | None = None) -> str:
    """`1 feature`, `2 features`, `1,204 records`. `many`: the plural where it is not `one` with an s."""
    word = one if ENGLISH.plural_form(value) == "one" else many or one + "s"
    return f"{number(value)} {word}"


def part(shown: int, of: int, one: str, many: str | None = None) -> str:
    """`8 of 12 features` beside a list that shows some of them, `12 features` where it shows all."""
    every = count(of, one, many)
    return every if shown == of else f"{number(shown)} of {every}"


def listed(names: Sequence[str], word: _Word = "and") -> str:
    """`A`, `A and B`, `A, B and C`; with `or` where that is the word. Empty for no names."""
    return format_list(list(names), _LISTS[word], locale=ENGLISH)


def distance(at: datetime, now: datetime) -> str:
    """`today`, `in 30 days`, `2 days ago`, by calendar days in Stockholm."""
    return _days_apart(local_day(at), now)


def _days_apart(day: date, now: datetime) -> str:
    days = (day - local_day(now)).days
    if days == 0:
        return "today"
    return f"in {count(days, 'day')}" if days > 0 else f"{count(-days, 'day')} ago"


def duration(days: int) -> str:
    """`90 days (about 3 months)`."""
    text = count(days, "day")
    if days >= 700:
        years = days / 365.25
        whole = round(years)
        return f"{text} (about {count(whole, 'year')})" if abs(years - whole) < 0.05 else text
    if days >= 28:
        return f"{text} (about {count(round(days / 30.4), 'month')})"
    return text


def size(of: int) -> str:
    """Bytes as `4.2 GB`, in powers of 1,000."""
    value = float(of)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{number(round(value)) if unit == 'B' or value >= 100 else _tenths(value)} {unit}"
        value /= 1000
    return f"{_tenths(value)} TB"


def _tenths(value: float) -> str:
    """`4.0`, rounded as the number is held: its decimal form may look like a half and not be one."""
    return format_decimal(round(value, 1), "#,##0.0", locale=ENGLISH)
