"""A store on a PostgreSQL server, which several processes may write.

Nothing is remembered between questions that another process may have changed. A transaction sees one moment
(REPEATABLE READ); where another one changed the same rows first, it ends in Conflict and can be tried again.

psycopg, and not DuckDB's extension for PostgreSQL: an append of one entry with its head took 0.7 ms against
8.6, a head by key 0.14 against 1.3, and eight threads wrote 1,470 entries a second against 61 (measured on
one machine, DuckDB 1.5.5).

Standard: PostgreSQL 15, 13.2.2 (isolation), appendix A (error codes)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psycopg
import pyarrow as pa
from psycopg import RawCursor, RawServerCursor, errors
from psycopg.types.string import StrDumperVarchar
from psycopg_pool import ConnectionPool, PoolTimeout

from dpa_core.ledger.copying import copy_tables
from dpa_core.ledger.database import Place, utc, without_nul
from dpa_core.ledger.duck import new_copy
from dpa_core.ledger.errors import CommitLost, Conflict, Interrupted, StoreError
from dpa_core.ledger.migrations import files

T = TypeVar("T")

_TABLES = 'SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename COLLATE "C"'

PATIENCE = 10.0
"""Seconds for which a database that is away, such as one that restarts, is waited for."""
MOST_CONNECTIONS = 10
"""Of one process to read, and as many to write: whoever writes may read beside, never waiting for itself."""
_MOST_ROWS = 5_000
_MIGRATING = 0x44504121
"""The advisory lock under which one process at a time brings the tables to the present shape."""
_JOBS = 0x44504122
"""With the number of a job, the advisory lock of what one process at a time does."""
_EACH_CONNECTION = (
    "SET TimeZone = 'UTC'; SET statement_timeout = '30s'; SET lock_timeout = '10s'; "
    "SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on"
)
_OVERTAKEN = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.UniqueViolation,
    errors.LockNotAvailable,
)
"""What is said where another transaction changed a row first, or put a row with the same key in."""
_ARROW = {
    16: pa.bool_(), 17: pa.binary(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 1082: pa.date32(),
    1114: pa.timestamp("us"),
}  # fmt: skip
"""Arrow types of columns, by PostgreSQL's number of theirs; all others are text."""


def _away(error: psycopg.Error) -> bool:
    """Whether the connection is gone, and not only the statement wrong."""
    return isinstance(error, (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)) or (
        isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and error.sqlstate is None
    )


def _unreachable() -> StoreError:
    """Says nothing of what was stored: a look may come after a step that is on record."""
    return StoreError("The database server cannot be reached just now. Try again in a moment.")


def _not_begun() -> StoreError:
    return StoreError(
        "The database server cannot be reached just now. Nothing of this step was stored. Try again in a "
        "moment."
    )


def _raise_plain(error: psycopg.Error) -> NoReturn:
    """A database error as one line that says what to do. Never with the address, which has the password."""
    if isinstance(error, _OVERTAKEN):
        raise Conflict("this table", -1) from error
    if _away(error):
        raise Interrupted("this step", -1) from error
    if isinstance(error, errors.QueryCanceled):
        raise StoreError("The database took too long. Try again in a moment.") from error
    if isinstance(error, (errors.DiskFull, errors.ReadOnlySqlTransaction)):
        raise StoreError(
            "The database could not be written: its disk is full, or it is a copy that is only read. Nothing "
            "of this step was stored. Ask whoever runs the database server, then try again."
        ) from error
    said = error.diag.message_primary or type(error).__name__
    raise StoreError(f"The database cannot be read or written: {said}") from error


def _values(values: Sequence[Any]) -> list[Any]:
    """Values as columns hold them. PostgreSQL's texts have no NUL: what is searched with one is not there."""
    return [without_nul(v) if isinstance(v, str) else utc(v) for v in values]


class PostgresSession:
    """A connection in a transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def _run(self, sql: str, values: Sequence[Any]) -> RawCursor[Any]:
        try:
            # `sql` is a constant of ours, which psycopg's type asks for, but composed of several.
            return RawCursor(self._connection).execute(sql, _values(values))
        except psycopg.Error as error:
            _raise_plain(error)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Change rows, and say how many."""
        return self._run(sql, values).rowcount

    def script(self, sql: str) -> None:
        """Run several statements."""
        try:
            self._connection.execute(sql)
        except psycopg.Error as error:
            _raise_plain(error)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, or those that a change returns."""
        return self._run(sql, values).fetchall()

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add many rows, whose columns have the table's names."""
        columns = ", ".join(rows.column_names)
        try:
            with self._connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for batch in rows.to_batches():
                    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                        copy.write_row(_values(row))
        except psycopg.Error as error:
            _raise_plain(error)

    def replace(self, table: str, key: Sequence[str], rows: pa.Table) -> None:
        """Add many rows, in place of those that have the same values in the columns of `key`."""
        columns = ", ".join(key)
        self.execute(f"CREATE TEMPORARY TABLE incoming (LIKE {table}) ON COMMIT DROP")
        self.insert("incoming", rows)
        names = ", ".join(rows.column_names)
        self.execute(f"DELETE FROM {table} WHERE ({columns}) IN (SELECT {columns} FROM incoming)")  # noqa: S608  # of constants
        self.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming")  # noqa: S608  # of constants
        self.execute("DROP TABLE incoming")

    def tables(self) -> list[str]:
        """The names of all tables, in order."""
        return [name for (name,) in self.rows(_TABLES)]

    def read(self, sql: str) -> Iterator[pa.Table]:
        """The rows of a query, some thousands at a time."""
        try:
            with RawServerCursor(self._connection, "read") as cursor:
                cursor.execute(sql)
                described = list(cursor.description or ())
                while rows := cursor.fetchmany(_MOST_ROWS):
                    yield _columns(described, rows)
        except psycopg.Error as error:
            _raise_plain(error)

    def take_its_time(self) -> None:
        """Let what follows in this transaction take as long as it needs."""
        self.script(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
            "SET LOCAL idle_in_transaction_session_timeout = 0"
        )

    def number_from(self, sequence: str, number: int) -> None:
        """Let a sequence go on with a number. Not undone with the transaction: numbers may have gaps."""
        self.rows("SELECT setval(CAST(CAST($1 AS VARCHAR) AS regclass), $2, false)", [sequence, number])

    def alone(self, job: int) -> bool:
        """Whether no other transaction has this job's advisory lock; this one has it until it ends then."""
        ((got,),) = self.rows("SELECT pg_try_advisory_xact_lock($1, $2)", [_JOBS, job])
        return bool(got)


class Postgres:
    """A database of a PostgreSQL server."""

    shared = True

    def __init__(self, url: str, state_schema: int | None = None) -> None:
        """Connect, and bring the tables to the present shape. `state_schema`: the newest shape of folded
        states that whoever connects knows. Raises StoreError."""
        self._reading, self._writing = _pool(url), _pool(url)
        try:
            # Whoever waited for another that makes the tables has to see them then.
            with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED") as session:
                session.take_its_time()
                _check(session)
                _migrate(session)
                _refuse_newer_states(session, state_schema)
        except Conflict as error:
            self.close()
            raise _unreachable() from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the connections go."""
        self._reading.close()
        self._writing.close()

    @contextmanager
    def transaction(self) -> Iterator[PostgresSession]:
        """One transaction. Raises Interrupted where the connection broke before the commit; CommitLost where
        it broke at the commit."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ") as session:
            yield session

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[PostgresSession]:
        connection = self._begun(self._writing, begin)
        try:
            yield PostgresSession(connection)
            try:
                connection.execute("COMMIT")
            except psycopg.Error as error:
                if _away(error):
                    raise CommitLost from error
                _raise_plain(error)
        except BaseException:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            raise
        finally:
            self._writing.putconn(connection)

    def _begun(self, pool: ConnectionPool[Any], begin: str) -> psycopg.Connection[Any]:
        """A connection of a pool after its first statement; broken ones are passed over."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                connection: psycopg.Connection[Any] = pool.getconn(timeout=max(0.1, until - time.monotonic()))
            except PoolTimeout as error:
                raise self._away_from(pool) from error
            try:
                connection.execute(begin)
                return connection
            except psycopg.Error as error:
                pool.putconn(connection)
                if not _away(error):
                    _raise_plain(error)
                if time.monotonic() >= until:
                    raise self._away_from(pool) from error

    def _away_from(self, pool: ConnectionPool[Any]) -> StoreError:
        return _not_begun() if pool is self._writing else _unreachable()

    def _read(self, ask: Callable[[RawCursor[Any]], T]) -> T:
        """An answer; asked again where the connection breaks, as reading changes nothing."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self._reading.connection(timeout=max(0.1, until - time.monotonic())) as connection:
                    return ask(RawCursor(connection))
            except PoolTimeout as error:
                raise _unreachable() from error
            except psycopg.Error as error:
                if not _away(error):
                    _raise_plain(error)
                if time.monotonic() >= until:
                    raise _unreachable() from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        given = _values(values)
        return self._read(lambda cursor: cursor.execute(sql, given).fetchall())

    def table(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query as an Arrow table."""
        given = _values(values)
        return self._read(lambda cursor: _arrow(cursor.execute(sql, given)))

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, in lists of some thousands, as at one moment."""
        with self._one_moment() as connection, RawServerCursor(connection, "streamed") as cursor:
            cursor.execute(sql, _values(values))
            while rows := cursor.fetchmany(_MOST_ROWS):
                yield rows

    @contextmanager
    def _one_moment(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection that reads, and sees one moment until the block ends."""
        connection = self._begun(self._reading, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield connection
        except psycopg.Error as error:
            if _away(error):
                raise _unreachable() from error
            _raise_plain(error)
        finally:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            self._reading.putconn(connection)

    def reached(self, places: list[Place]) -> None:
        """Nothing is kept beside a server's database."""

    def read_through(self) -> None:
        """Read every row of every table."""
        for (name,) in self.rows(_TABLES):
            for _ in self.stream(f'SELECT hashtext(CAST(t AS VARCHAR)) FROM "{name}" AS t'):  # noqa: S608  # of constants
                pass

    def copy_to(self, path: Path) -> None:
        """Write all that is committed now to a new DuckDB file, as at one moment."""
        with self.transaction() as source:
            source.take_its_time()
            new_copy(path, lambda target: copy_tables(source, target, lambda _done, _of: None))


def _arrow(cursor: RawCursor[Any]) -> pa.Table:
    return _columns(list(cursor.description or ()), cursor.fetchall())


def _columns(described: Sequence[psycopg.Column], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    arrays = [
        pa.array([row[at] for row in rows], _ARROW.get(column.type_code, pa.string()))
        for at, column in enumerate(described)
    ]
    return pa.table(arrays, names=[column.name for column in described])


def _configure(connection: psycopg.Connection[Any]) -> None:
    # A text is of the type that our columns have: without one, a parameter used twice may get two types.
    connection.adapters.register_dumper(str, StrDumperVarchar)
    connection.execute(_EACH_CONNECTION)


def _pool(url: str) -> ConnectionPool[Any]:
    return ConnectionPool(
        url,
        kwargs={
            "autocommit": True,
            "connect_timeout": 5,
            "application_name": "dpa-desk",
            "client_encoding": "utf8",
        },
        min_size=1,
        max_size=MOST_CONNECTIONS,
        configure=_configure,
        reconnect_timeout=PATIENCE,
        open=True,
    )


_MADE_BY = "CREATE DATABASE dpa TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"


def _check(session: PostgresSession) -> None:
    """Raise StoreError where the database would sort or search otherwise than a DuckDB file does."""
    ((fits,),) = session.rows(
        "SELECT current_setting('server_encoding') = 'UTF8' AND 'a' > 'B' AND lower(chr(197)) = chr(229)"
    )
    if not fits:
        raise StoreError(
            f"The database sorts or searches texts otherwise than DPA Desk does. Make one by: {_MADE_BY}"
        )


def _migrate(session: PostgresSession) -> None:
    """Run what has not been run yet; of several servers that start at once, one does. Raises StoreError
    where a newer version has written to the database."""
    session.execute("SELECT pg_advisory_xact_lock($1)", [_MIGRATING])
    session.execute("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY)")
    done = {name for (name,) in session.rows("SELECT name FROM migrations")}
    known = files()
    if newer := sorted(done - {f.name for f in known}):
        raise StoreError(
            f"The database was written by a newer version of DPA Desk (it has had {', '.join(newer)}). "
            "Nothing in it was changed. Start that version."
        )
    missing = [file for file in known if file.name not in done]
    for file in missing:
        session.script(file.read_text(encoding="utf-8"))
        session.execute("INSERT INTO migrations (name) VALUES ($1)", [file.name])
    if missing:  # what is derived from the ledgers is made anew before it is used
        session.execute("UPDATE heads SET state_schema = 0")


def _refuse_newer_states(session: PostgresSession, known: int | None) -> None:
    """Raise StoreError where a newer version has folded states that this one cannot read."""
    ((newest,),) = session.rows("SELECT coalesce(max(state_schema), 0) FROM heads")
    if known is not None and newest > known:
        raise StoreError(
            "The database was written by a newer version of DPA Desk. Nothing in it was changed. Start that "
            "version."
        )
