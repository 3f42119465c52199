"""Append and read, whatever database the store is in."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from cachetools import LRUCache

from dpa_core import metrics
from dpa_core.ledger import losses
from dpa_core.ledger.chain import Event, Head, canonical
from dpa_core.ledger.database import Database, Session
from dpa_core.ledger.duck import DuckFile
from dpa_core.ledger.errors import CommitLost, Interrupted
from dpa_core.ledger.errors import Conflict as Conflict
from dpa_core.ledger.errors import StoreError as StoreError
from dpa_core.ledger.errors import StoreInUse as StoreInUse

_COLUMNS = (
    "customer_id, sequence, recorded_at, actor, on_behalf_of, "
    "agreement_version, kind, body, previous_digest, digest"
)


_LEAST, _MOST = -(2**63), 2**63 - 1
"""The ends of what a sequence's column can hold."""
_PART = 50_000
"""Entries of one long ledger that are put in order at a time."""
_INSERT_EVENT = f"INSERT INTO events ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"  # noqa: S608  # of constants
_FINDING_OUT = 5
"""How often it is asked whether a commit that got no answer took place, where each answer is lost too."""


class _NotThere(Exception):
    """What was put in for a look was not there before, and is taken out again by this."""


def row_of(e: Event) -> list[Any]:
    """An event as a row of its table."""
    return [
        e.customer_id, e.sequence, e.recorded_at, e.actor, e.on_behalf_of,
        e.agreement_version, e.kind, canonical(e.body), e.previous_digest, e.digest,
    ]  # fmt: skip


def _heads_of(customer_ids: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The query for some heads, and its values. By `IN`, which uses the key's index, as `= ANY` does not in
    DuckDB."""
    keys = ", ".join(f"${n}" for n in range(1, len(customer_ids) + 1))
    return (
        f"SELECT customer_id, sequence, digest, state, state_schema FROM heads WHERE customer_id IN ({keys})",  # noqa: S608  # of constants
        customer_ids,
    )


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


def event_of(row: Sequence[Any]) -> Event:
    """The event of a row as `Ledger.stored` gives it. Raises StoreError where its body is no JSON."""
    return _event(row)


class Transaction:
    """Reads and writes that become durable together, or not at all."""

    def __init__(self, session: Session) -> None:
        self._session = session
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

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Change a table that is no ledger's, and say how many rows. Raises Conflict where a row with that
        key is there already."""
        return self._session.execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a parameterised query, as this transaction sees them."""
        return self._session.rows(sql, values)

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add many rows, whose columns have the table's names. Raises Conflict."""
        self._session.insert(table, rows)

    def alone(self, job: int) -> bool:
        """Whether no other transaction, of any process, is at this job: until this one ends, none will be."""
        return self._session.alone(job)

    def head(self, customer_id: str) -> Head | None:
        """The head of one ledger, by key; None where it has no event yet."""
        return self.heads(customer_id).get(customer_id)

    def heads(self, *customer_ids: str) -> dict[str, Head]:
        """The heads of some ledgers, by key; without those that have no event yet."""
        return {row[0]: Head(*row) for row in self._session.rows(*_heads_of(customer_ids))}

    def moment(self, head: Head | None, now: datetime) -> datetime:
        """When what is written behind `head` is recorded (UTC): `now`, or when the last entry was, where a
        clock that was set back says less. So no ledger's time goes backwards."""
        if head is None:
            return now
        if head.recorded_at is not None:
            return max(now, head.recorded_at)
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
        except Conflict as error:  # a row or a head with that key is there already
            raise Conflict(events[-1].customer_id, expected) from error

    def _append(
        self, head: Head | None, events: Sequence[Event], state: str, state_schema: int, expected: int
    ) -> Head:
        last = events[-1]
        for e in events:
            self._session.execute(_INSERT_EVENT, row_of(e))
        if head is None:
            self._session.execute(
                "INSERT INTO heads (customer_id, sequence, digest, state, state_schema) "
                "VALUES ($1, $2, $3, $4, $5)",
                [last.customer_id, last.sequence, last.digest, state, state_schema],
            )
        else:
            changed = self._session.execute(
                "UPDATE heads SET sequence = $1, digest = $2, state = $3, state_schema = $4 "
                "WHERE customer_id = $5 AND sequence = $6",
                [last.sequence, last.digest, state, state_schema, last.customer_id, expected],
            )
            if changed != 1:
                raise Conflict(last.customer_id, expected)
        head = Head(last.customer_id, last.sequence, last.digest, state, state_schema, last.recorded_at)
        self.written[last.customer_id] = head
        self.appended += events
        return head

    def replace_tasks(self, customer_id: str, rows: Sequence[Sequence[Any]]) -> None:
        """Put the open tasks of one ledger in place of those that were. Times are in UTC.

        Columns: customer_name, key, subject, about, step, parameters (JSON), waits_for, clause (text), due,
        begins, ends, opened_at (times), opened_by (text), entry (number).
        """
        self._session.execute("DELETE FROM tasks WHERE customer_id = $1", [customer_id])
        for row in rows:
            self._session.execute(
                "INSERT INTO tasks (customer_id, customer_name, key, subject, about, step, parameters, "
                "waits_for, clause, due, begins, ends, opened_at, opened_by, entry) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                [customer_id, *row],
            )

    def replace_state(self, customer_id: str, state: str, state_schema: int) -> None:
        """Put a state folded anew in place of one of an older shape. The events stay as they are."""
        rows = self._session.rows(
            "UPDATE heads SET state = $1, state_schema = $2 WHERE customer_id = $3 "
            "RETURNING customer_id, sequence, digest, state, state_schema",
            [state, state_schema, customer_id],
        )
        for row in rows:
            self.written[customer_id] = Head(*row)

    def replace_states(self, states: Sequence[tuple[str, str]], state_schema: int) -> list[str]:
        """Put states folded anew (ledger, JSON) in place of those of another shape, and say of which ledgers.
        One that somebody else has made anew meanwhile is left as it is."""
        rows = self._session.rows(
            "UPDATE heads SET state = made.state, state_schema = $1 FROM (SELECT "
            "unnest(CAST($2 AS VARCHAR[])) AS id, unnest(CAST($3 AS VARCHAR[])) AS state) AS made "
            "WHERE heads.customer_id = made.id AND heads.state_schema <> $1 "
            "RETURNING heads.customer_id, heads.sequence, heads.digest, heads.state, heads.state_schema",
            [state_schema, [id for id, _ in states], [state for _, state in states]],
        )
        self.written |= {row[0]: Head(*row) for row in rows}
        return [row[0] for row in rows]

    def replace(self, table: str, key: Sequence[str], rows: pa.Table) -> None:
        """Add many rows, in place of those that have the same values in the columns of `key`."""
        self._session.replace(table, key, rows)

    def replace_usage(self, figures: pa.Table) -> None:
        """Put monthly figures in, over those of the same customer, data type and month.

        Columns: customer_id, data_type (text), month_start (date), records, bytes (64-bit integers).
        """
        self._session.replace("usage_figures", ("customer_id", "data_type", "month_start"), figures)

    def remove_usage(
        self, customer_id: str | None, data_type: str | None, first: str | None, last: str | None
    ) -> int:
        """Take monthly figures out, and say how many. None: of every one.

        `first`, `last`: the first days of months, as text (0000-01-01 too).
        """
        return self._session.execute(
            f"DELETE FROM usage_figures WHERE {USAGE_CHOSEN}",  # noqa: S608  # a constant
            [customer_id, data_type, first, last],
        )


USAGE_CHOSEN = (
    "(CAST($1 AS VARCHAR) IS NULL OR customer_id = $1) "
    "AND (CAST($2 AS VARCHAR) IS NULL OR data_type = $2) "
    "AND (CAST($3 AS DATE) IS NULL OR month_start >= CAST($3 AS DATE)) "
    "AND (CAST($4 AS DATE) IS NULL OR month_start <= CAST($4 AS DATE))"
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

    def __init__(self, database: Database, folder: Path, *, read_only: bool = False) -> None:
        self._database = database
        self.folder = folder
        """Where a database file lies, and what is kept beside it."""
        self.read_only = read_only
        """Whether it was opened to look at only."""
        self._heads = _Heads()

    @property
    def shared(self) -> bool:
        """Whether other processes may write to the store meanwhile: nothing that was read is kept then."""
        return self._database.shared

    @classmethod
    def open(cls, path: Path, *, accepted_by: str | None = None, state_schema: int | None = None) -> Ledger:
        """Open the file, made if missing, and bring it to the present shape.

        Raises StoreInUse; and StoreError, leaving the file as it is, where it is not whole or a newer
        version of the app has written it. `accepted_by`: the operator on whose word a store in doubt is
        taken as it is; that goes on record in it. `state_schema`: the newest shape of folded states that
        whoever opens it knows; a newer one is of a newer version.
        """
        database = DuckFile.open(
            path,
            lambda session, acceptance: losses.record(Transaction(session), acceptance),
            accepted_by=accepted_by,
            state_schema=state_schema,
        )
        return cls(database, path.parent)

    @classmethod
    def look(cls, path: Path) -> Ledger:
        """Open a file to read, and change nothing in it or beside it. Whoever asks sees to it that no other
        process has it open. Raises StoreError."""
        return cls(DuckFile.look(path), path.parent, read_only=True)

    @classmethod
    def at(cls, url: str, folder: Path, *, state_schema: int | None = None) -> Ledger:
        """Connect to a database of a PostgreSQL server, and bring its tables to the present shape.

        `url`: `postgresql://user:password@host/database`; `folder`: where this server keeps its own files;
        `state_schema`: as `open`. Raises StoreError.
        """
        from dpa_core.ledger.postgres import Postgres  # a store in a file needs none of it

        return cls(Postgres(url, state_schema), folder)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write everything down and let the store go."""
        self._database.close()

    def read_through(self) -> None:
        """Read every row of every table. Raises StoreError where one is damaged."""
        self._database.read_through()

    def copy_to(self, path: Path) -> None:
        """Write all that is committed now to a new DuckDB file: one moment's state, while others go on
        writing. Raises StoreError: what cannot be read, a full disk."""
        self._database.copy_to(path)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed and on disk when the block ends, undone when it raises.

        Raises Conflict where another transaction got there first, StoreError where the database cannot
        be written.
        """
        began, appended = time.perf_counter(), list[Event]()
        try:
            with self._database.transaction() as session:
                transaction = Transaction(session)
                appended = transaction.appended
                yield transaction
        except CommitLost as lost:
            self._find_out(appended, lost)
        self._heads.wrote(transaction.written)
        self._database.reached(transaction.reached)
        _count(transaction, time.perf_counter() - began)

    @contextmanager
    def whole(self) -> Iterator[Session]:
        """A transaction over all tables as at one moment, which may take as long as it needs: to copy the
        store, out of it or into it. Of what it writes nothing is remembered and no anchor is carried on."""
        with self._database.transaction() as session:
            session.take_its_time()
            yield session

    def _find_out(self, appended: Sequence[Event], lost: CommitLost) -> None:
        """Return where events whose commit got no answer are stored; raise Conflict where they are not, and
        `lost` where it cannot be found out.

        The last of them is put in once more: so the answer waits for a commit that is still under way, and
        none can come later.
        """
        if not appended:
            raise lost
        last = appended[-1]
        for _ in range(_FINDING_OUT):
            try:
                with self._database.transaction() as session:
                    session.execute(_INSERT_EVENT, row_of(last))
                    raise _NotThere
            except Interrupted:
                continue
            except _NotThere:
                raise Conflict(last.customer_id, last.sequence - len(appended)) from lost
            except Conflict:
                break
            except StoreError as error:
                raise lost from error
        else:
            raise lost
        found = self.event(last.customer_id, last.sequence)
        if found is None or found.digest != last.digest:
            raise Conflict(last.customer_id, last.sequence - len(appended)) from lost

    def head(self, customer_id: str) -> Head | None:
        """The head of one ledger, by key; None where it has no event yet."""
        return self.heads(customer_id).get(customer_id)

    def heads(self, *customer_ids: str) -> dict[str, Head]:
        """The heads of some ledgers, by key; without those that have no event yet."""
        if self._database.shared:  # what is remembered here may have been written elsewhere since
            return self._read_heads(customer_ids)
        known, writes = self._heads.known(customer_ids)
        if missing := [id for id in customer_ids if id not in known]:
            read = self._read_heads(missing)
            self._heads.read(read, writes)
            known |= read
        return known

    def _read_heads(self, customer_ids: Sequence[str]) -> dict[str, Head]:
        if not customer_ids:
            return {}
        return {row[0]: Head(*row) for row in self.rows(*_heads_of(customer_ids))}

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
        return int(self.rows(sql, [customer_id, moment])[0][0])

    def event(self, customer_id: str, sequence: int) -> Event | None:
        """One event of a ledger, by key; None where there is none."""
        return next(iter(self.events_named(customer_id, [sequence])), None)

    def events_named(self, customer_id: str, sequences: Iterable[int]) -> list[Event]:
        """Some of one ledger's events, in order; without those that there are not."""
        sql = (
            f"SELECT {_COLUMNS} FROM events WHERE customer_id = $1 "  # noqa: S608  # of constants
            "AND sequence = ANY(CAST($2 AS BIGINT[])) ORDER BY sequence"
        )
        return [_event(row) for row in self.rows(sql, [customer_id, list(sequences)])]

    def events_of(self, customer_id: str, kind: str, upto: int) -> list[Event]:
        """One ledger's events of a kind, up to and with a sequence, newest first."""
        sql = (
            f"SELECT {_COLUMNS} FROM events WHERE customer_id = $1 AND kind = $2 AND sequence <= $3 "  # noqa: S608  # of constants
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
        for rows in self._database.stream(sql, values):
            yield from rows

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a parameterised query, in what both databases understand: see `database`."""
        with metrics.timed(_READ):
            return self._database.rows(sql, values)

    def table(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of a parameterised query, as an Arrow table."""
        with metrics.timed(_READ):
            return self._database.table(sql, values)

    def outdated(self, state_schema: int) -> list[str]:
        """The ledgers whose folded state is of another shape than this one, in order."""
        sql = "SELECT customer_id FROM heads WHERE state_schema <> $1 ORDER BY customer_id"
        return [id for (id,) in self.rows(sql, [state_schema])]

    def check_writable(self) -> None:
        """Read and write once, leaving nothing behind. Raises StoreError."""
        self.rows("SELECT count(*) FROM heads")
        # Two commits: what one transaction both puts in and takes out never reaches the disk. And 4 kB, so
        # that there is room for an instruction and not only for this.
        row = [uuid4().hex * 128]
        for sql in ("INSERT INTO health (id) VALUES ($1)", "DELETE FROM health WHERE id = $1"):
            with self._database.transaction() as session:
                session.execute(sql, row)
