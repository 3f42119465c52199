"""A store in a DuckDB file, which one process writes.

Inside it, every transaction has a cursor of its own, so that threads neither wait for nor see each other's
unfinished work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa

from dpa_core.ledger import losses, whole
from dpa_core.ledger.anchor import AnchorLog
from dpa_core.ledger.checkpoints import LOG_MOST, Checkpoints
from dpa_core.ledger.database import Place, utc
from dpa_core.ledger.errors import Conflict, StoreError, StoreInUse, plainly
from dpa_core.ledger.home import Home
from dpa_core.ledger.migrations import migrate

Record = Callable[["DuckSession", losses.Acceptance], None]

_UNWRITABLE = ("No space left", "File too large", "Could not write", "has been invalidated")
"""What DuckDB's errors say of a full or unwritable disk, of whichever class they are."""


_OVERTAKEN = (duckdb.TransactionException, duckdb.ConstraintException)
"""What DuckDB says where another transaction changed a row first, or put a row with the same key in."""


def _unwritable(error: Exception) -> bool:
    return any(sign in str(error) for sign in _UNWRITABLE)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """DuckDB's errors, whichever, as one line that says what to do."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise StoreError(
            "The database has no memory left for this just now. Nothing was stored. Try again in a moment; "
            "where it happens again, ask for less at once."
        ) from error
    except (duckdb.Error, OSError) as error:
        if "Could not set lock" in str(error):
            raise StoreInUse from error
        if _unwritable(error):
            raise StoreError(
                "The database could not be written: the disk is full or cannot be written to. Nothing of "
                "this step was stored. Free some space, restart the server, then try again."
            ) from error
        why = error.strerror if isinstance(error, OSError) and error.strerror else plainly(error)
        raise StoreError(
            f"The database cannot be read or written: {why}. `dpa ledger verify` says what is damaged."
        ) from error


class DuckSession:
    """A cursor in a transaction."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Change rows, and say how many. Raises Conflict where a row with that key is there."""
        rows = self.rows(sql, values)
        return int(rows[0][0]) if rows else 0

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, or those that a change returns. Raises Conflict."""
        try:
            return self._cursor.execute(sql, [utc(v) for v in values]).fetchall()
        except duckdb.ConstraintException as error:
            raise Conflict("this table", -1) from error

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add many rows, whose columns have the table's names. Raises Conflict."""
        with self._incoming(rows):
            self._insert(table, rows)

    def replace(self, table: str, key: Sequence[str], rows: pa.Table) -> None:
        """Add many rows, in place of those that have the same values in the columns of `key`."""
        columns = ", ".join(key)
        with self._incoming(rows):
            self.execute(
                f"DELETE FROM {table} WHERE ({columns}) IN (SELECT ({columns}) FROM incoming)"  # noqa: S608  # of constants
            )
            self._insert(table, rows)

    def _insert(self, table: str, rows: pa.Table) -> None:
        columns = ", ".join(rows.column_names)
        self.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming")  # noqa: S608  # of constants

    def tables(self) -> list[str]:
        """The names of all tables, in order."""
        return sorted(name for name, _ in self.rows(_OWN_TABLES))

    def read(self, sql: str) -> Iterator[pa.Table]:
        """The rows of a query, some thousands at a time."""
        for batch in self._cursor.execute(sql).to_arrow_reader(_COPIED_ROWS):
            yield pa.Table.from_batches([batch])

    def take_its_time(self) -> None:
        """Nothing ends what takes long here."""

    def number_from(self, sequence: str, number: int) -> None:
        """Let a sequence go on with a number."""
        self.execute(f"DROP SEQUENCE {sequence}")
        self.execute(f"CREATE SEQUENCE {sequence} START {number}")

    def alone(self, job: int) -> bool:
        """Yes: no other process has the file."""
        return True

    @contextmanager
    def _incoming(self, rows: pa.Table) -> Iterator[None]:
        self._cursor.register("incoming", rows)
        try:
            yield
        finally:
            self._cursor.unregister("incoming")


class DuckFile:
    """A DuckDB file that is open."""

    shared = False
    MOST_ROWS = 10_000
    """Rows that `stream` gives at once."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        home: Home | None = None,
        token: str | None = None,
        anchor: AnchorLog | None = None,
    ) -> None:
        self._connection = connection
        self.folder = path.parent
        self.read_only = token is None
        self._home = home
        self._token = token
        self._anchor = anchor
        self._idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        self._checkpoints = Checkpoints(whole.log_of(path), self._new_cursor())
        if token:
            self._checkpoints.start()

    @classmethod
    def open(
        cls, path: Path, record: Record, *, accepted_by: str | None = None, state_schema: int | None = None
    ) -> DuckFile:
        """As `Ledger.open`. `record`: writes to the store what was accepted of it."""
        with _plain_errors():
            home = Home.claim(path.parent)
            try:
                found = whole.check(path, accept=accepted_by is not None, state_schema=state_schema)
                kept = whole.keep_log(path, found.log) if found.doubts else None
                if not path.exists():
                    _make(path)
                token = uuid4().hex
                acceptance = losses.Acceptance.of(found, accepted_by, kept)
                connection, anchor = _begin(path, token, acceptance, record)
            except BaseException:
                home.release()
                raise
            return cls(connection, path, home, token, anchor)

    @classmethod
    def look(cls, path: Path) -> DuckFile:
        """As `Ledger.look`."""
        with _plain_errors():
            connection = duckdb.connect(str(path), read_only=True)
            _confine(connection)
        return cls(connection, path)

    def close(self) -> None:
        """Write everything to the file and let it go."""
        self._checkpoints.stop()
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()
        try:
            if self._token:
                # A disk that is full, or a reader that has not ended: the log then stays beside the file,
                # which is what the next opening expects.
                with suppress(duckdb.Error):
                    if self._anchor:
                        self._anchor.close()  # first: a store that says it was closed has a whole anchor
                    _say(self._connection, "closed", self._token)
                    self._connection.execute("CHECKPOINT")
        finally:
            self._token = None
            self._connection.close()
            if self._home:
                self._home.release()

    def read_through(self) -> None:
        """Read every row of every table. Raises StoreError where the file is damaged."""
        for name, _ in self.rows(_OWN_TABLES):
            try:
                self.rows(f'SELECT bit_xor(hash(t)) FROM "{name}" AS t')  # noqa: S608  # of our migrations
            except (StoreError, duckdb.Error) as error:
                raise _damaged(error, self.folder) from error

    def copy_to(self, path: Path) -> None:
        """As `Ledger.copy_to`. Reads into a database of its own: nobody waits, and this one stays closed to
        other files."""
        with _plain_errors():
            try:
                with closing(self._new_cursor()) as source, _connect(path) as target:
                    _confine(target)
                    _copy(source, target)
            except (duckdb.ConstraintException, duckdb.SerializationException) as error:
                raise _damaged(error, self.folder) from error

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same database; the caller closes it."""
        cursor = self._connection.cursor()
        if not self.read_only:
            cursor.execute(_USE)
        return cursor

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for this block alone. Used ones are kept: the first query on a new one takes four
        times as long (measured: 1.2 ms against 0.3 ms), and every visit comes on a new thread."""
        try:
            cursor = self._idle.get_nowait()
        except Empty:
            cursor = self._new_cursor()
        try:
            yield cursor
        finally:
            self._idle.put(cursor)

    @contextmanager
    def transaction(self) -> Iterator[DuckSession]:
        """One transaction on a cursor of its own."""
        with _plain_errors(), self._cursor() as cursor:
            cursor.begin()
            try:
                yield DuckSession(cursor)
                cursor.commit()
                self._checkpoints.wrote()
            except BaseException as error:
                with suppress(duckdb.Error):  # one that DuckDB has already ended cannot be rolled back again
                    cursor.rollback()
                if isinstance(error, _OVERTAKEN) and not _unwritable(error):
                    raise Conflict("this ledger", -1) from error
                raise

    def reached(self, places: list[Place]) -> None:
        """Carry the anchor on."""
        if self._anchor:
            self._anchor.wrote(places)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with _plain_errors(), self._cursor() as cursor:
            return cursor.execute(sql, [utc(v) for v in values]).fetchall()

    def table(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query as an Arrow table."""
        with _plain_errors(), self._cursor() as cursor:
            return cursor.execute(sql, [utc(v) for v in values]).to_arrow_table()

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, in lists of some thousands, as at one moment."""
        with _plain_errors(), closing(self._new_cursor()) as cursor:
            cursor.execute(sql, [utc(v) for v in values])
            while rows := cursor.fetchmany(self.MOST_ROWS):
                yield rows


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A database file, made if missing, to write to.

    A checkpoint writes the last rows of a changed table anew, up to the length of a row group, and whoever
    writes waits for it: with the usual length of 122,880 rows 0.27 s of processor time, with this one 0.015 s
    (measured with 210,000 entries). It can only be named where a file is attached.
    """
    connection = duckdb.connect(config={"temp_directory": f"{path}.tmp"})
    try:
        quoted = str(path.absolute()).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS store (ROW_GROUP_SIZE {_ROWS_OF_A_GROUP})")
        connection.execute(_USE)
    except BaseException:
        connection.close()
        raise
    return connection


_ROWS_OF_A_GROUP = 8_192
_USE = "USE store"
"""What every connection to a file that is written to says first."""


def _make(path: Path) -> None:
    """A new store, in its place only when it is whole: an empty file there is always a damaged one."""
    draft = path.with_name(f"{path.name}.new")
    for left in (draft, draft.with_name(f"{draft.name}.wal")):  # by a process that was killed
        left.unlink(missing_ok=True)
    with duckdb.connect(str(draft)) as connection:
        migrate(connection)
    draft.rename(path)


def _begin(
    path: Path, token: str, acceptance: losses.Acceptance | None, record: Record
) -> tuple[duckdb.DuckDBPyConnection, AnchorLog]:
    """Open a store that was found whole or accepted, and let it say that it is open: see `whole`."""
    connection = _connect(path)
    try:
        if acceptance:  # on record before the anchor forgets what was lost
            migrate(connection)
            connection.begin()
            record(DuckSession(connection), acceptance)
            connection.commit()
        heads = connection.execute("SELECT customer_id, sequence, digest FROM heads").fetchall()
        anchor = AnchorLog(path, token, whole.token_of(connection), heads)
        migrate(connection, lambda: _say(connection, "opened", token))
        connection.execute("CHECKPOINT")
        connection.execute("INSERT INTO openings (role, token) VALUES ('log', ?)", [token])
        anchor.log_begun()
        _confine(connection)
    except BaseException:
        connection.close()
        raise
    whole.mark_of(path).unlink(missing_ok=True)
    return connection, anchor


def _say(connection: duckdb.DuckDBPyConnection, role: str, token: str) -> None:
    connection.execute("DELETE FROM openings")
    rows = "INSERT INTO openings (role, token) VALUES (?, ?), ('anchored', ?)"
    connection.execute(rows, [role, token, token])


def _say_closed(copy: duckdb.DuckDBPyConnection) -> None:
    """Let a copy say that it was closed. No word of an anchor: it has none."""
    copy.execute("DELETE FROM openings")
    copy.execute("INSERT INTO openings (role, token) VALUES ('closed', ?)", [uuid4().hex])


def _confine(connection: duckdb.DuckDBPyConnection) -> None:
    # Instructions and pages touch a few rows by key: one thread a query is quicker than handing so little
    # from thread to thread, and visits run side by side as it is.
    connection.execute("SET threads = 1")
    connection.execute("SET memory_limit = '256MB'")
    connection.execute(f"SET checkpoint_threshold = '{LOG_MOST}'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _damaged(error: Exception, folder: Path) -> StoreError:
    return StoreError(f"The database is damaged: {plainly(error)}. {whole.remedy(folder)}")


_OWN_TABLES = (
    "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal"
)
_COPIED_ROWS = 50_000
"""Rows held in memory at once while a table is copied."""


def new_copy(path: Path, fill: Callable[[DuckSession], None]) -> None:
    """A new database file of the present shape, closed as by `Ledger.close`. `fill`: puts the rows in, in the
    one transaction that makes it a store. Raises StoreError."""
    with _plain_errors(), _connect(path) as target:
        migrate(target)
        _confine(target)
        target.begin()
        fill(DuckSession(target))
        _say_closed(target)
        target.commit()


def _copy(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection) -> None:
    """Every table and index of one database into another, as at one moment, closed as by `Ledger.close`."""
    source.begin()
    target.begin()
    # The names put into these queries are those of our migrations' tables.
    for name, made in source.execute(_OWN_TABLES).fetchall():
        target.execute(made)
        rows = source.execute(f'SELECT * FROM "{name}"').to_arrow_reader(_COPIED_ROWS)  # noqa: S608  # see above
        target.register("copied_rows", rows)
        target.execute(f'INSERT INTO "{name}" SELECT * FROM copied_rows')  # noqa: S608  # see above
        target.unregister("copied_rows")
    # A sequence's text begins it with the number that comes next.
    numbers = "SELECT sql FROM duckdb_sequences() WHERE database_name = current_database()"
    for (made,) in source.execute(numbers).fetchall():
        target.execute(made)
    indexes = "SELECT sql FROM duckdb_indexes() WHERE database_name = current_database() AND sql IS NOT NULL"
    for (made,) in source.execute(indexes).fetchall():
        target.execute(made)
    _say_closed(target)
    target.commit()
    source.rollback()
