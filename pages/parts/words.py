"""Dates, numbers and names as a person reads them. Times come in UTC and are shown in Stockholm's."""

from __future__ import annotations

import re
from datetime import date, datetime

from dpa_core.subjects.common import STOCKHOLM as STOCKHOLM
from dpa_core.subjects.common import local_day as local_day  # pages have both from here


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 feature`, `2 features`, `1,204 records`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day(at: datetime | date) -> str:
    """`23 Nov 2026`."""
    at = local_day(at) if isinstance(at, datetime) else at
    return f"{at.day} {at:%b %Y}"


def minute(at: datetime) -> str:
    """`23 Nov 2026, 14:05`."""
    return f"{day(at)}, {at.astimezone(STOCKHOLM):%H:%M}"


def distance(at: datetime, now: datetime) -> str:
    """`today`, `in 30 days`, `2 days ago`, by calendar days in Stockholm."""
    days = (local_day(at) - local_day(now)).days
    if days == 0:
        return "today"
    return f"in {count(days, 'day')}" if days > 0 else f"{count(-days, 'day')} ago"


def day_and_distance(at: datetime, now: datetime) -> str:
    """`23 Nov 2026 (in 30 days)`."""
    return f"{day(at)} ({distance(at, now)})"


def duration(days: int) -> str:
    """`90 days (about 3 months)`."""
    text = count(days, "day")
    if days >= 700:
        years = days / 365.25
        return f"{text} (about {years:.0f} years)" if abs(years - round(years)) < 0.05 else text
    if days >= 28:
        return f"{text} (about {count(round(days / 30.4), 'month')})"
    return text


def size(number: int) -> str:
    """Bytes as `4.2 GB`, in powers of 1,000."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "B" or value >= 100 else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def plain(text: str) -> str:
    """Text somebody typed, so that Markdown shows it as typed."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", text).replace("\n", "  \n")


def address(email: str) -> str:
    """An e-mail address, or any actor, as typed and not as a link to a mail program."""
    if email == "operator":
        return "the provider’s operator"
    return f"`{email.replace('`', '')}`"


def cell(text: str) -> str:
    """Text for a table that can be downloaded: nothing a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
