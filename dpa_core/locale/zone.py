"""Where calendar days are counted."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")
"""Calendar days are counted there."""


def local_day(at: datetime) -> date:
    """The calendar day in Stockholm, where the provider is."""
    return at.astimezone(STOCKHOLM).date()
