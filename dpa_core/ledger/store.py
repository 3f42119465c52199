"""Append and read, over a DuckDB file.

One process writes a file. Inside it, every transaction has a cursor of its own, so that threads
neither wait for nor see each other's unfinished work.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
from cachetools import LRUCache

from dpa_core import metrics
from dpa_core.ledger import losses, whole
from dpa_core.ledger.anchor import AnchorLog
from dpa_core.ledger.chain import Event, Head, canonical
from dpa_core.ledger.checkpoints import LOG_MOST, Checkpoints
from dpa_core.ledger.errors import StoreError as StoreError
from dpa_core.ledger.errors import StoreInUse as StoreInUse
from dpa_core.ledger.errors import plainly
from dpa_core.ledger.home import Home
from dpa_core.ledger.migrations import migrate

_COLUMNS = (
    "customer_id, sequence, recorded_at, actor, on_behalf_of, "
    "agreement_version, kind, body, previous_digest, digest"
)


_LEAST, _MOST = -(2**63), 2**63 - 1
"""The ends of what a sequence's column can hold."""
_PART = 50_000
"""Entries of one long ledger that are put in order at a time."""


class Conflict(Exception):
    """Someone else wrote to this ledger since it was read. Nothing of this attempt is stored."""

    def __init__(self, customer_id: str, expected_sequence: int) -> None:
        super().__init__(f"{customer_id} has changed since sequence {expected_sequence}")
        self.customer_id = customer_id
        self.expected_sequence = expected_sequence


def _utc(at: datetime) -> datetime:
    """UTC without a zone, as the column holds it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def _event(row: Sequence[Any]) -> Event:
    customer_id, sequence, at, actor, behalf, version, kind, text, previous, digest = row
    at = at.replace(tzinfo=UTC)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"{customer_id}, sequence {sequence} cannot be read: it was damaged or tampered with. "
            "`dpa ledger verify` says more."
        ) from error
    return Event(customer_id, sequence, at, actor, behalf, version, kind, body, previous, digest)


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


class Transaction:
    """Reads and writes that become durable together, or not at all."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self.written: dict[str, Head] = {}
        """The heads that this transaction wrote."""
        self.appended: list[Event] = []
        """The events that it wrote."""
        self.then: list[Callable[[], None]] = []
        """What is done once it is committed, such as counting what it brought about."""

    @property
    def reached(self) -> list[tuple[str, int, str]]:
        """How far this transaction brought which ledgers: sequence and digest of the last entry of each."""
        return list({e.customer_id: (e.customer_id, e.sequence, e.digest) for e in self.appended}.values())

    def execute(self, sql: str, values: Sequence[Any]) -> None:
        """Change a table that is no ledger's. Times become UTC. Raises Conflict where a row with that key
        is there already."""
        try:
            self._cursor.execute(sql, [_utc(v) if isinstance(v, datetime) else v for v in values])
        except duckdb.ConstraintException as error:
            raise Conflict("this table", -1) from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a parameterised query, as this transaction sees them."""
        return self._cursor.execute(sql, values).fetchall()

    def head(self, customer_id: str) -> Head | None:
        """The head of one ledger, by key; None where it has no event yet."""
        return self.heads(customer_id).get(customer_id)

    def heads(self, *customer_ids: str) -> dict[str, Head]:
        """The heads of some ledgers, by key; without those that have no event yet."""
        keys = ", ".join("?" * len(customer_ids))
        rows = self._cursor.execute(
            "SELECT customer_id, sequence, digest, state, state_schema FROM heads "  # noqa: S608
            f"WHERE customer_id IN ({keys})",
            customer_ids,
        ).fetchall()
        return {row[0]: Head(*row) for row in rows}

    def moment(self, head: Head | None, now: datetime) -> datetime:
        """When what is written behind `head` is recorded (UTC): `now`, or when the last entry was, where a
        clock that was set back says less. So no ledger's time goes backwards."""
        if head is None:
            return now
        sql = "SELECT recorded_at FROM events WHERE customer_id = $1 AND sequence = $2"
        last = self.rows(sql, [head.customer_id, head.sequence])
        return max(now, last[0][0].replace(tzinfo=UTC)) if last else now

    def append(self, head: Head | None, events: Sequence[Event], state: str, state_schema: int) -> Head:
        """Write events behind `head`, and the state folded over them.

        The events must have been chained to `head`. Raises Conflict where the ledger has moved on
        (here, or at commit when both wrote at the same instant).
        """
        expected = head.sequence if head else 0
        try:
            return self._append(head, events, state, state_schema, expected)
        except duckdb.ConstraintException as error:  # a row or a head with that key is there already
            raise Conflict(events[-1].customer_id, expected) from error

    def _append(
        self, head: Head | None, events: Sequence[Event], state: str, state_schema: int, expected: int
    ) -> Head:
        last = events[-1]
        insert = f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        for e in events:
            row = [
                e.customer_id, e.sequence, _utc(e.recorded_at), e.actor, e.on_behalf_of,
                e.agreement_version, e.kind, canonical(e.body), e.previous_digest, e.digest,
            ]  # fmt: skip
            self._cursor.execute(insert, row)
        if head is None:
            self._cursor.execute(
                "INSERT INTO heads (customer_id, sequence, digest, state, state_schema) "
                "VALUES (?, ?, ?, ?, ?)",
                [last.customer_id, last.sequence, last.digest, state, state_schema],
            )
        else:
            changed = self._cursor.execute(
                "UPDATE heads SET sequence = ?, digest = ?, state = ?, state_schema = ? "
                "WHERE customer_id = ? AND sequence = ?",
                [last.sequence, last.digest, state, state_schema, last.customer_id, expected],
            ).fetchone()
            if changed is None or changed[0] != 1:
                raise Conflict(last.customer_id, expected)
        head = Head(last.customer_id, last.sequence, last.digest, state, state_schema)
        self.written[last.customer_id] = head
        self.appended += events
        return head

    def replace_tasks(self, customer_id: str, rows: Sequence[Sequence[Any]]) -> None:
        """Put the open tasks of one ledger in place of those that were. Times are in UTC.

        Columns: customer_name, key, subject, about, step, parameters (JSON), waits_for, clause (text), due,
        begins, ends, opened_at (times), opened_by (text), entry (number).
        """
        self._cursor.execute("DELETE FROM tasks WHERE customer_id = ?", [customer_id])
        for row in rows:
            values = [_utc(v) if isinstance(v, datetime) else v for v in row]
            self._cursor.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [customer_id, *values],
            )

    def replace_state(self, customer_id: str, state: str, state_schema: int) -> None:
        """Put a state folded anew in place of one of an older shape. The events stay as they are."""
        row = self._cursor.execute(
            "UPDATE heads SET state = ?, state_schema = ? WHERE customer_id = ? "
            "RETURNING customer_id, sequence, digest, state, state_schema",
            [state, state_schema, customer_id],
        ).fetchone()
        if row:
            self.written[customer_id] = Head(*row)

    def replace_usage(self, figures: pa.Table) -> None:
        """Put monthly figures in, over those of the same customer, data type and month.

        Columns: customer_id, data_type (text), month_start (date), records, bytes (64-bit integers).
        """
        self._cursor.register("incoming", figures)
        self._cursor.execute(
            "DELETE FROM usage_figures WHERE (customer_id, data_type, month_start) IN "
            "(SELECT (customer_id, data_type, month_start) FROM incoming)"
        )
        self._cursor.execute(
            "INSERT INTO usage_figures (customer_id, data_type, month_start, records, bytes) "
            "SELECT customer_id, data_type, month_start, records, bytes FROM incoming"
        )
        self._cursor.unregister("incoming")

    def remove_usage(
        self, customer_id: str | None, data_type: str | None, first: str | None, last: str | None
    ) -> int:
        """Take monthly figures out, and say how many. None: of every one.

        `first`, `last`: the first days of months, as DuckDB reads them (0000-01-01 too).
        """
        row = self._cursor.execute(
            f"DELETE FROM usage_figures WHERE {USAGE_CHOSEN}",  # noqa: S608  # a constant
            [customer_id, data_type, first, last],
        ).fetchone()
        return int(row[0]) if row else 0


USAGE_CHOSEN = (
    "($1 IS NULL OR customer_id = $1) AND ($2 IS NULL OR data_type = $2) "
    "AND ($3 IS NULL OR month_start >= $3::DATE) AND ($4 IS NULL OR month_start <= $4::DATE)"
)
"""The figures of a customer and a data type in a span of months; each may be NULL."""


_READ = metrics.STORE.labels("read")


def _count(transaction: Transaction, seconds: float) -> None:
    """Tell what a transaction did, once it is committed."""
    metrics.STORE.labels("append" if transaction.appended else "write").observe(seconds)
    for then in transaction.then:
        then()


class _Heads:
    """Heads read or written lately. Sound because the process that holds the file is its only writer."""

    MOST = 64 << 20
    """Bytes that the states in them take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: LRUCache[str, Head] = LRUCache(self.MOST, getsizeof=_bytes_of)
        self._writes = 0

    def known(self, customer_ids: Iterable[str]) -> tuple[dict[str, Head], int]:
        """Those that are known, and how many writes there have been when they were looked up."""
        with self._lock:
            return {id: self._heads[id] for id in customer_ids if id in self._heads}, self._writes

    def read(self, heads: dict[str, Head], writes: int) -> None:
        """Keep heads that were read, unless one was written since: they may be older than it."""
        with self._lock:
            if writes == self._writes:
                self._keep(heads)

    def wrote(self, heads: dict[str, Head]) -> None:
        """Keep heads whose transaction has been committed."""
        with self._lock:
            self._writes += 1
            self._keep(heads)

    def _keep(self, heads: dict[str, Head]) -> None:
        for id, head in heads.items():
            self._heads.pop(id, None)  # also where the new one is too large to be kept
            if _bytes_of(head) <= self._heads.maxsize:
                self._heads[id] = head


def _bytes_of(head: Head) -> int:
    return sys.getsizeof(head.state) + 500


class Ledger:
    """A store that is open. Close it, or use it as a context manager."""

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
        """Where the database file lies, and what is kept beside it."""
        self.read_only = token is None
        """Whether it was opened to look at only."""
        self._home = home
        self._token = token
        self._anchor = anchor
        self._idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        self._heads = _Heads()
        self._checkpoints = Checkpoints(whole.log_of(path), connection)
        if token:
            self._checkpoints.start()

    @classmethod
    def open(cls, path: Path, *, accepted_by: str | None = None, state_schema: int | None = None) -> Ledger:
        """Open the file, made if missing, and bring it to the present shape.

        Raises StoreInUse; and StoreError, leaving the file as it is, where it is not whole or a newer
        version of the app has written it. `accepted_by`: the operator on whose word a store in doubt is
        taken as it is; that goes on record in it. `state_schema`: the newest shape of folded states that
        whoever opens it knows; a newer one is of a newer version.
        """
        with _plain_errors():
            home = Home.claim(path.parent)
            try:
                found = whole.check(path, accept=accepted_by is not None, state_schema=state_schema)
                kept = whole.keep_log(path, found.log) if found.doubts else None
                if not path.exists():
                    _make(path)
                token = uuid4().hex
                connection, anchor = _begin(path, token, losses.Acceptance.of(found, accepted_by, kept))
            except BaseException:
                home.release()
                raise
            return cls(connection, path, home, token, anchor)

    @classmethod
    def look(cls, path: Path) -> Ledger:
        """Open a file to read, and change nothing in it or beside it. Whoever asks sees to it that no other
        process has it open. Raises StoreError."""
        with _plain_errors():
            connection = duckdb.connect(str(path), read_only=True)
            _confine(connection)
        return cls(connection, path)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
                    self._connection.execute("CHECKPOINT")
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
        """Write all that is committed now to a new file: one moment's state, while others go on writing.

        Reads every row in one transaction, into a database of its own: nobody waits, and this one stays
        closed to other files. Raises StoreError: what cannot be read, a full disk.
        """
        with _plain_errors():
            try:
                with closing(self._connection.cursor()) as source, duckdb.connect(str(path)) as target:
                    _confine(target)
                    _copy(source, target)
            except (duckdb.ConstraintException, duckdb.SerializationException) as error:
                raise _damaged(error, self.folder) from error

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for this block alone. Used ones are kept: the first query on a new one takes four
        times as long (measured: 1.2 ms against 0.3 ms), and every visit comes on a new thread."""
        try:
            cursor = self._idle.get_nowait()
        except Empty:
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            self._idle.put(cursor)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed and on disk when the block ends, undone when it raises.

        Raises Conflict where another transaction got there first, StoreError where the file cannot
        be written.
        """
        with _plain_errors(), self._cursor() as cursor:
            cursor.begin()
            began = time.perf_counter()
            try:
                transaction = Transaction(cursor)
                yield transaction
                cursor.commit()
                self._checkpoints.wrote()
                self._heads.wrote(transaction.written)
                if self._anchor:
                    self._anchor.wrote(transaction.reached)
                _count(transaction, time.perf_counter() - began)
            except BaseException as error:
                with _suppressed():
                    cursor.rollback()
                if isinstance(error, _OVERTAKEN) and not _unwritable(error):
                    raise Conflict("this ledger", -1) from error
                raise

    def head(self, customer_id: str) -> Head | None:
        """The head of one ledger, by key; None where it has no event yet."""
        return self.heads(customer_id).get(customer_id)

    def heads(self, *customer_ids: str) -> dict[str, Head]:
        """The heads of some ledgers, by key; without those that have no event yet."""
        known, writes = self._heads.known(customer_ids)
        if missing := [id for id in customer_ids if id not in known]:
            with _plain_errors(), self._cursor() as cursor, metrics.timed(_READ):
                read = Transaction(cursor).heads(*missing)
            self._heads.read(read, writes)
            known |= read
        return known

    def events(
        self, customer_id: str, *, after: int = 0, until: datetime | None = None, upto: int | None = None
    ) -> list[Event]:
        """One ledger's events in order: after a sequence, up to and with a moment in UTC, or another one.

        The past is the beginning of a ledger, up to the first entry that was recorded later: in an old one,
        a clock that was set back may have left earlier times behind it.
        """
        last = _MOST if upto is None else upto
        if until is not None:
            last = min(last, self.sequence_at(customer_id, until))
        sql = (
            f"SELECT {_COLUMNS} FROM events WHERE customer_id = $1 "  # noqa: S608  # a constant
            "AND sequence > $2 AND sequence <= $3 ORDER BY sequence"
        )
        return [_event(row) for row in self.rows(sql, [customer_id, after, last])]

    def sequence_at(self, customer_id: str, moment: datetime) -> int:
        """The last entry of a ledger at a moment in UTC; 0 where there was none yet. The past is a prefix by
        sequence: an entry behind one that was recorded later does not count yet."""
        sql = (
            "SELECT coalesce(min(sequence) - 1, "
            "(SELECT max(sequence) FROM events WHERE customer_id = $1), 0) "
            "FROM events WHERE customer_id = $1 AND recorded_at > $2"
        )
        return int(self.rows(sql, [customer_id, _utc(moment)])[0][0])

    def event(self, customer_id: str, sequence: int) -> Event | None:
        """One event of a ledger, by key; None where there is none."""
        return next(iter(self.events_named(customer_id, [sequence])), None)

    def events_named(self, customer_id: str, sequences: Iterable[int]) -> list[Event]:
        """Some of one ledger's events, in order; without those that there are not."""
        sql = (
            f"SELECT {_COLUMNS} FROM events WHERE customer_id = ? "  # noqa: S608
            "AND list_contains(?::BIGINT[], sequence) ORDER BY sequence"
        )
        return [_event(row) for row in self.rows(sql, [customer_id, list(sequences)])]

    def events_of(self, customer_id: str, kind: str, upto: int) -> list[Event]:
        """One ledger's events of a kind, up to and with a sequence, newest first."""
        sql = (
            f"SELECT {_COLUMNS} FROM events WHERE customer_id = ? AND kind = ? AND sequence <= ? "  # noqa: S608
            "ORDER BY sequence DESC"
        )
        return [_event(row) for row in self.rows(sql, [customer_id, kind, upto])]

    def scan(self) -> Iterator[tuple[Event, str]]:
        """Every row of every ledger, in order, with its body as it lies in the file."""
        sql = f"SELECT {_COLUMNS} FROM events ORDER BY customer_id, sequence"  # noqa: S608  # a constant
        for row in self.stream(sql, []):
            try:
                yield _event(row), row[7]
            except StoreError:  # no JSON any more: an empty body never fits its text
                yield _event((*row[:7], "{}", *row[8:])), row[7]

    def stored(self, first: str, last: str) -> Iterator[tuple[Any, ...]]:
        """The rows of the ledgers from one to another (by identifier), in order, as they lie in the file: the
        columns of an event, with its time in UTC without a zone and its body as text.

        Of a single ledger a part at a time, so that one of any length takes little memory.
        """
        sql = (
            f"SELECT {_COLUMNS} FROM events WHERE customer_id BETWEEN $1 AND $2 "  # noqa: S608  # a constant
            "AND sequence > $3 AND sequence <= $4 ORDER BY customer_id, sequence"
        )
        if first != last:
            yield from self.stream(sql, [first, last, _LEAST, _MOST])
            return
        (least, most), *_ = self.rows(
            "SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM events "
            "WHERE customer_id = $1",
            [first],
        )
        while least <= most:
            yield from self.stream(sql, [first, last, least - 1, least - 1 + _PART])
            # A gap may be as wide as somebody made it.
            ((least,),) = self.rows(
                "SELECT coalesce(min(sequence), $3) FROM events WHERE customer_id = $1 AND sequence > $2",
                [first, least - 1 + _PART, _MOST],
            )

    def stream(self, sql: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a parameterised query, a few thousand at a time."""
        with _plain_errors(), closing(self._connection.cursor()) as cursor:
            cursor.execute(sql, values)
            while rows := cursor.fetchmany(2_000):
                yield from rows

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a parameterised query."""
        with _plain_errors(), self._cursor() as cursor, metrics.timed(_READ):
            return cursor.execute(sql, values).fetchall()

    def table(self, sql: str, values: dict[str, Any] | Sequence[Any]) -> pa.Table:
        """The rows of a query with parameters (`$name` of a mapping, `?` of a list), as an Arrow table."""
        with _plain_errors(), self._cursor() as cursor, metrics.timed(_READ):
            return cursor.execute(sql, values).to_arrow_table()

    def outdated(self, state_schema: int) -> list[str]:
        """The ledgers whose folded state is of another shape than this one, in order."""
        sql = "SELECT customer_id FROM heads WHERE state_schema <> ? ORDER BY customer_id"
        return [id for (id,) in self.rows(sql, [state_schema])]

    def check_writable(self) -> None:
        """Read and write once, leaving nothing behind. Raises StoreError."""
        with _plain_errors():
            cursor = self._connection.cursor()
            cursor.execute("SELECT count(*) FROM heads").fetchone()
            # Two commits: what one transaction both puts in and takes out never reaches the disk. And
            # 4 kB, so that there is room for an instruction and not only for this.
            row = [uuid4().hex * 128]
            cursor.execute("INSERT INTO health VALUES (?)", row)
            cursor.execute("DELETE FROM health WHERE id = ?", row)


def _make(path: Path) -> None:
    """A new store, in its place only when it is whole: an empty file there is always a damaged one."""
    draft = path.with_name(f"{path.name}.new")
    for left in (draft, draft.with_name(f"{draft.name}.wal")):  # by a process that was killed
        left.unlink(missing_ok=True)
    with duckdb.connect(str(draft)) as connection:
        migrate(connection)
    draft.rename(path)


def _begin(
    path: Path, token: str, acceptance: losses.Acceptance | None
) -> tuple[duckdb.DuckDBPyConnection, AnchorLog]:
    """Open a store that was found whole or accepted, and let it say that it is open: see `whole`."""
    connection = duckdb.connect(str(path))
    try:
        if acceptance:  # on record before the anchor forgets what was lost
            migrate(connection)
            connection.begin()
            losses.record(Transaction(connection), acceptance)
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
    # No word of an anchor: the copy has none.
    target.execute("DELETE FROM openings")
    target.execute("INSERT INTO openings (role, token) VALUES ('closed', ?)", [uuid4().hex])
    target.commit()
    source.rollback()


@contextmanager
def _suppressed() -> Iterator[None]:
    """A transaction that DuckDB has already ended cannot be rolled back again."""
    with suppress(duckdb.Error):
        yield
