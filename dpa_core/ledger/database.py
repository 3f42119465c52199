"""What the ledger asks of a database. `duck` has it in a file, `postgres` on a server.

SQL is written once, in what both understand: parameters `$1`, `$2`; `x = ANY($1)` for one of a list;
`strpos(a, b) > 0` for a part of a text; `CAST(a AS JSON) ->> 'b'`; columns named in every INSERT. A parameter
that nothing else gives a type is cast: `CAST($1 AS VARCHAR) IS NULL`. Times are in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

Place = tuple[str, int, str]
"""How far a ledger has come: its identifier, sequence and digest of its last entry."""


class Session(Protocol):
    """What a transaction can do. Sees what was committed when it began, and what it wrote itself."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Change rows, and say how many. Raises Conflict where a row with that key is there, or another
        transaction changed the same row."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, or those that a change returns. Raises Conflict."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add many rows, whose columns have the table's names. Raises Conflict."""

    def replace(self, table: str, key: Sequence[str], rows: pa.Table) -> None:
        """Add many rows, in place of those that have the same values in the columns of `key`."""

    def tables(self) -> list[str]:
        """The names of all tables, in order."""

    def read(self, sql: str) -> Iterator[pa.Table]:
        """The rows of a query, some thousands at a time; nothing else is asked before all are taken."""

    def take_its_time(self) -> None:
        """Let what follows in this transaction take as long as it needs."""

    def number_from(self, sequence: str, number: int) -> None:
        """Let a sequence go on with a number."""

    def alone(self, job: int) -> bool:
        """Whether no other process is at a job, by its number: until the transaction ends, none will be."""


class Database(Protocol):
    """A store's tables. Every method is safe to call from any thread, and raises StoreError where the
    database cannot be reached, read or written."""

    shared: bool
    """Whether other processes may write to it meanwhile."""

    def transaction(self) -> AbstractContextManager[Session]:
        """Committed and on disk when the block ends, undone when it raises. Raises Conflict where another
        transaction got there first."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def table(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query as an Arrow table."""

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, in lists of some thousands, as at one moment."""

    def reached(self, places: list[Place]) -> None:
        """Called after each commit, with how far it brought which ledgers."""

    def read_through(self) -> None:
        """Read every row of every table. Raises StoreError where one is damaged."""

    def copy_to(self, path: Path) -> None:
        """Write all that is committed now to a new DuckDB file: one moment's state, while others write."""

    def close(self) -> None:
        """Let it go."""


def utc(value: Any) -> Any:
    """A value for a column: times in UTC without a zone, as columns hold them; all else as it is."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def without_nul(text: str) -> str:
    """A text as PostgreSQL can hold it. In the ledger's entries there is no NUL: JSON escapes it."""
    return text.replace("\0", "\ufffd")


class Values:
    """The values of a query, each bound to a number of its own."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, value: Any) -> str:
        """The parameter under which a value is bound: `$3`."""
        self.values.append(value)
        return f"${len(self.values)}"
