"""Monthly usage figures of one customer."""

from __future__ import annotations

from dpa_core.application import CustomerFile
from dpa_core.locale import local_day
from dpa_core.subjects import retention
from dpa_core.subjects.retention import MonthlyUsage, Stored


def monthly(file: CustomerFile, data_type: str) -> list[MonthlyUsage]:
    """The figures of one data type, oldest month first, up to the day of the file's moment, in Stockholm."""
    return [MonthlyUsage(*row) for row in file.reader.usage(data_type, local_day(file.now))]


def stored(file: CustomerFile, data_type: str) -> Stored | None:
    """How much of a data type is stored at the file's moment; None where no figures are known, as of a data
    category that has no data types."""
    if data_type not in {t.id for t in file.agreement.retention.data_types}:
        return None
    figures = monthly(file, data_type)
    stands = retention.period(data_type, file.state.retention, file.agreement, file.now)
    return retention.stored(figures, stands.stored_since, local_day(file.now)) if figures else None
