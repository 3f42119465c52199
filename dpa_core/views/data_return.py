"""How the end of an agreement is said in lists and headers. Clause: 3.1(xi)"""

from __future__ import annotations

from datetime import date, datetime

from dpa_core.locale import day
from dpa_core.subjects import dates


def end_in_words(last: date, now: datetime) -> str:
    """How an agreement stands whose end is recorded: `Ends on 3 Nov 2026`, and `Ended on` once it has."""
    return f"{'Ended' if now >= dates.end_of(last) else 'Ends'} on {day(last)}"
