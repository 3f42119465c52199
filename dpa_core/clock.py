"""The time. Only the demo has a clock that can be moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from dpa_core.locale import STOCKHOLM as STOCKHOLM
from dpa_core.locale import local_day


def end_of(day: date, now: datetime) -> datetime | None:
    """The last moment of a day in Stockholm, in UTC; None for today, whose end has not come yet.

    OverflowError for the last day that a calendar knows.
    """
    if day == local_day(now):
        return None
    midnight = datetime.combine(day + timedelta(days=1), time(), STOCKHOLM)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def start_of(day: date) -> datetime:
    """The first moment of a day in Stockholm, in UTC. OverflowError before the calendar's first."""
    return datetime.combine(day, time(), STOCKHOLM).astimezone(UTC)


class Clock:
    """The real time, in UTC."""

    offset = timedelta(0)

    def now(self) -> datetime:
        """This moment, in UTC."""
        return self.real_now() + self.offset

    def real_now(self) -> datetime:
        """This moment, in UTC, wherever the demo's date was moved: what a sign-in is measured by."""
        return datetime.now(UTC)


class DemoClock(Clock):
    """The real time moved forward by whole days, so that periods can be seen to lapse."""

    def __init__(self, days: int = 0) -> None:
        self.offset = timedelta(days=days)

    def advance(self, days: int) -> None:
        """Move on by `days` (1 or more); back is impossible, as the ledger only grows."""
        if days < 1:
            raise ValueError("the demo clock moves forward only")
        self.offset += timedelta(days=days)
