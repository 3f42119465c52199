"""Dates, numbers and names as a person reads them on a page; `dpa_core.locale` spells them."""

from __future__ import annotations

import re
from datetime import datetime

from dpa_core.locale import STOCKHOLM as STOCKHOLM
from dpa_core.locale import clock_time as clock_time
from dpa_core.locale import count as count
from dpa_core.locale import day as day
from dpa_core.locale import day_of_year as day_of_year
from dpa_core.locale import deadline as deadline
from dpa_core.locale import deadline_and_distance as deadline_and_distance
from dpa_core.locale import deadline_hour as deadline_hour
from dpa_core.locale import distance as distance
from dpa_core.locale import duration as duration
from dpa_core.locale import last_day as last_day
from dpa_core.locale import listed as listed
from dpa_core.locale import local_day as local_day
from dpa_core.locale import minute as minute
from dpa_core.locale import month as month
from dpa_core.locale import part as part
from dpa_core.locale import size as size
from dpa_core.locale import to_the_minute as to_the_minute


def day_and_distance(at: datetime, now: datetime) -> str:
    """`23 Nov 2026 (in 30 days)`."""
    return f"{day(at)} ({distance(at, now)})"


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
