"""Copy every table of one store into another, and compare what arrived with what was read.

Both have the present shape. The target's transaction holds all of it, so that a copy that is stopped leaves
nothing behind, and can be begun again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dpa_core.ledger.database import Session, without_nul
from dpa_core.ledger.errors import StoreError

Progress = Callable[[int, int], None]
"""Told how many rows were copied, of how many."""

_NUMBERED = {"access_log": "access_log_numbers"}
"""Where the rows of a table are numbered by the database, and by what."""
APART = ("attached_files", "downloads", "health", "migrations", "openings")
"""Tables that are not copied: what is about one database or one minute alone, and files, which may lie beside
it."""


@dataclass
class _Sum:
    """What the rows of a table come to, in whichever order."""

    rows: int = 0
    total: int = 0

    def add(self, part: pa.Table) -> None:
        for row in zip(*_columns(part), strict=True):
            digest = hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest()
            self.total = (self.total + int.from_bytes(digest[:16])) % (1 << 128)
        self.rows += part.num_rows


def _columns(part: pa.Table) -> list[list[Any]]:
    return [column.to_pylist() for column in part.columns]


def _fitting(part: pa.Table, table: str) -> pa.Table:
    """Rows as both databases can hold them: names that came with a sign-in may have a NUL in them. Raises
    StoreError for a date that only one of them knows."""
    try:
        columns = _columns(part)
    except (ValueError, OverflowError) as error:
        raise StoreError(
            f"The table {table} has a date before the year 1, which PostgreSQL does not know. Months of "
            "usage figures are removed by `dpa usage remove --to 1999-12`. Nothing was copied."
        ) from error
    arrays = [
        pa.array([without_nul(v) if isinstance(v, str) else v for v in column], part.schema.types[at])
        for at, column in enumerate(columns)
    ]
    return pa.table(arrays, schema=part.schema)


def tables_of(session: Session) -> list[str]:
    """The tables of a store that are copied, in order."""
    return [name for name in session.tables() if name not in APART]


def filled(session: Session) -> list[str]:
    """The tables of a store that have rows already, files too."""
    found = [name for name in session.tables() if name not in ("migrations", "openings", "health")]
    return [name for name in found if session.rows(f'SELECT 1 FROM "{name}" LIMIT 1')]  # noqa: S608  # of our migrations


def copy_tables(source: Session, target: Session, progress: Progress) -> None:
    """Copy all rows, in the transactions of both. Raises StoreError: what arrived is not what was read, a
    date that no other database knows; Conflict where somebody else writes to the target meanwhile."""
    tables = tables_of(source)
    if tables != tables_of(target):
        raise StoreError("The two stores do not have the same tables. Nothing was copied.")
    # The names put into these queries are those of our migrations' tables.
    counts = {name: int(source.rows(f'SELECT count(*) FROM "{name}"')[0][0]) for name in tables}  # noqa: S608  # see above
    done, of = 0, sum(counts.values())
    for table in tables:
        read, arrived, columns = _Sum(), _Sum(), ""
        for part in source.read(f'SELECT * FROM "{table}"'):  # noqa: S608  # see above
            fitting = _fitting(part, table)
            columns = ", ".join(fitting.column_names)
            read.add(fitting)
            target.insert(table, fitting)
            progress(done := done + part.num_rows, of)
        if columns:
            for part in target.read(f'SELECT {columns} FROM "{table}"'):  # noqa: S608  # see above
                arrived.add(part)
        if read != arrived or read.rows != counts[table]:
            raise StoreError(
                f"What arrived in the table {table} is not what was read from it. Nothing was copied."
            )
    for table, sequence in _NUMBERED.items():
        ((last,),) = source.rows(f'SELECT coalesce(max(number), 0) FROM "{table}"')  # noqa: S608  # see above
        target.number_from(sequence, int(last) + 1)
