"""How the product spells days, numbers, plurals and lists. It stands below the rest and knows none of it."""

from dpa_core.locale.formats import (
    D3_DAY,
    clock_time,
    count,
    day,
    day_in_full,
    day_of_year,
    distance,
    duration,
    listed,
    minute,
    minute_in_full,
    month,
    number,
    size,
    weekday,
)
from dpa_core.locale.zone import STOCKHOLM, local_day

__all__ = [
    "D3_DAY",
    "STOCKHOLM",
    "clock_time",
    "count",
    "day",
    "day_in_full",
    "day_of_year",
    "distance",
    "duration",
    "listed",
    "local_day",
    "minute",
    "minute_in_full",
    "month",
    "number",
    "size",
    "weekday",
]
