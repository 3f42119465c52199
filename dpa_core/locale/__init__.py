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
from dpa_core.locale.refusals import refusal_codes, refusal_words
from dpa_core.locale.templates import Label, Value, fill, gaps, worded
from dpa_core.locale.visible import hidden, joins, numbered, visible
from dpa_core.locale.zone import STOCKHOLM, local_day

__all__ = [
    "D3_DAY",
    "STOCKHOLM",
    "Label",
    "Value",
    "clock_time",
    "count",
    "day",
    "day_in_full",
    "day_of_year",
    "distance",
    "duration",
    "fill",
    "gaps",
    "hidden",
    "joins",
    "listed",
    "local_day",
    "minute",
    "minute_in_full",
    "month",
    "number",
    "numbered",
    "refusal_codes",
    "refusal_words",
    "size",
    "visible",
    "weekday",
    "worded",
]
