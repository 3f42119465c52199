"""Monthly usage figures of one customer."""

from __future__ import annotations

from dpa_core.application import CustomerFile
from dpa_core.locale import local_day
from dpa_core.subjects.retention import MonthlyUsage


def monthly(file: CustomerFile, data_type: str) -> list[MonthlyUsage]:
    """The figures of one data type, oldest month first, up to the day of the file's moment, in Stockholm."""
    return [MonthlyUsage(*row) for row in file.reader.usage(data_type, local_day(file.now))]
