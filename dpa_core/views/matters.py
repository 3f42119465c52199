"""What waits for whom, by when: in one customer's matters, and over all customers for the provider.

Clauses: 3.1(x) to (xii), Sch. 2 1.2
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from dpa_core import subjects
from dpa_core.office import CustomerFile, Portfolio, ProviderFile
from dpa_core.subjects import Matter, ProviderState, incidents, sub_processors


def waiting(file: CustomerFile) -> list[Matter]:
    """What is open in a customer's matters at the file's moment, soonest first, undated last."""
    told = (
        # Titles name the sub-processors of the list that counts.
        tuple((p.id, p.withdrawn_at, p.effective_at <= file.now) for p in file.changes.values()),
        tuple((i.id, len(i.notices)) for i in file.incidents.values()),
    )
    found = file.kept(("matters", told), lambda: _all(file))
    standing = [m for m in found if m.stands(file.now)]
    return sorted(standing, key=lambda m: (m.due is None, m.due or file.now, m.key))


def _all(file: CustomerFile) -> list[Matter]:
    """Every matter of a customer, whenever it stands."""
    provider = ProviderState(
        sub_processors=sub_processors.ProviderState(published=dict(file.changes)),
        incidents=incidents.ProviderState(incidents=dict(file.incidents)),
    )
    return [
        *subjects.requests(file.state, provider, file.agreement),
        *subjects.notices(file.state, provider, file.customer_id, file.agreement),
    ]


_STANDS = "(begins IS NULL OR begins <= $now) AND (ends IS NULL OR $now < ends)"
_OVERDUE = "due IS NOT NULL AND due <= $now"


def inbox(
    file: ProviderFile,
    *,
    waits_for: str | None = "provider",
    pages: Collection[str] = (),
    text: str = "",
    overdue_only: bool = False,
) -> pa.Table:
    """Everything open, overdue first, then by due date, undated last.

    `waits_for`: customer, provider, or None for both. `pages`: kinds; none: all. `text`: a part of the
    customer's name or the title, in any case. Columns: customer_id, customer, page, key, title, next_step,
    waits_for, clause, due (UTC), standing (`Overdue`, `In time`, `No date`).
    """
    values: dict[str, Any] = {"now": _naive(file.now)}
    where = [_STANDS]
    if waits_for:
        where.append("waits_for = $waits_for")
        values["waits_for"] = waits_for
    if pages:
        where.append("list_contains($pages::VARCHAR[], page)")
        values["pages"] = sorted(pages)
    if text.strip():
        where.append("(contains(lower(customer_name), $text) OR contains(lower(title), $text))")
        values["text"] = text.strip().lower()
    if overdue_only:
        where.append(_OVERDUE)
    sql = (
        "SELECT customer_id, customer_name AS customer, page, key, title, next_step, waits_for, clause, due, "  # noqa: S608
        f"CASE WHEN due IS NULL THEN 'No date' WHEN {_OVERDUE} THEN 'Overdue' ELSE 'In time' END AS standing "
        f"FROM matters WHERE {' AND '.join(where)} ORDER BY due IS NULL, due, customer_name, key"
    )
    return _in_utc(file.ledger.table(sql, values))


def load(file: ProviderFile) -> pa.Table:
    """How much waits for the provider, by kind: page, open, overdue."""
    sql = (
        f"SELECT page, count(*) AS open, count(*) FILTER (WHERE {_OVERDUE}) AS overdue FROM matters "  # noqa: S608
        f"WHERE waits_for = 'provider' AND {_STANDS} GROUP BY page ORDER BY page"
    )
    return file.ledger.table(sql, {"now": _naive(file.now)})


def of_customers(file: Portfolio) -> list[tuple[str, Matter]]:
    """What is open in the requests of a portfolio's customers, each with the customer's identifier."""
    sql = (
        "SELECT customer_id, key, page, title, waits_for, next_step, clause, due FROM matters "  # noqa: S608
        f"WHERE customer_id NOT LIKE '@%' AND {_STANDS} "
        "AND ($everyone OR list_contains($ids::VARCHAR[], customer_id)) ORDER BY customer_id, due, key"
    )
    ids = file.customer_ids
    values = {"now": _naive(file.now), "everyone": ids is None, "ids": list(ids or ())}
    rows = _in_utc(file.ledger.table(sql, values)).to_pylist()
    return [(row.pop("customer_id"), Matter(**row)) for row in rows]


def _in_utc(table: pa.Table) -> pa.Table:
    """With `due` in UTC, where the column holds no zone."""
    at = table.schema.get_field_index("due")
    return table.set_column(at, "due", table["due"].cast(pa.timestamp("us", "UTC")))


def _naive(at: datetime) -> datetime:
    """UTC without a zone, as the column holds it."""
    return at.astimezone(UTC).replace(tzinfo=None)
