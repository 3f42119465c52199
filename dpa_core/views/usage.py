"""Monthly usage figures of one customer."""

from __future__ import annotations

from dpa_core.office import CustomerFile
from dpa_core.subjects.retention import MonthlyUsage


def monthly(file: CustomerFile, data_type: str) -> list[MonthlyUsage]:
    """The figures of one data type, oldest month first, up to the file's moment."""
    rows = file.ledger.rows(
        "SELECT month_start, records, bytes FROM usage_figures "
        "WHERE customer_id = ? AND data_type = ? AND month_start <= ? ORDER BY month_start",
        [file.customer_id, data_type, file.now.date()],
    )
    return [MonthlyUsage(*row) for row in rows]
