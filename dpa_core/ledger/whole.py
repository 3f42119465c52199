"""Whether a store is whole: told before anything is written to it.

Two things tell. In the database, the table `openings`: a store that is open says so in the file itself, and
its log begins with the same token, so that a file that was copied without its log, and a log that is another
store's, are seen. Beside the database, the mark: how many entries the ledgers had, and which was the last.

What they cannot show: that database and mark were both put back from the same older day. For that, compare
with a backup's manifest, or with a digest kept elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dpa_core.ledger.errors import StoreError, StoreInUse
from dpa_core.ledger.migrations import unknown

log = logging.getLogger("dpa_desk")

LAST_BACKUP = "last_backup.json"
"""Where `dpa backup` notes in the data folder what it made last: the folder, and when."""
_HEADERS = 12_288
"""Bytes of a DuckDB file before its blocks."""


@dataclass(frozen=True)
class Mark:
    """How far a store had come when it was last written to: never further than it really had."""

    events: int
    ledgers: int
    entry: tuple[str, int, str] | None
    """Ledger, sequence and digest of the last entry; None where there is none."""
    at: str
    """When, in UTC."""

    @staticmethod
    def path(store: Path) -> Path:
        """Where the mark of a database file lies."""
        return store.with_suffix(".mark")

    @classmethod
    def read(cls, store: Path) -> Mark | None:
        """The mark beside a database file; None, and a line in the log, where it cannot be read."""
        path = cls.path(store)
        try:
            found = json.loads(path.read_text("utf-8"))
            entry = found["entry"]
            return cls(
                int(found["events"]),
                int(found["ledgers"]),
                (str(entry[0]), int(entry[1]), str(entry[2])) if entry else None,
                str(found["at"])[:40],
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError):
            log.warning("%s cannot be read and is not counted.", path)
            return None

    def write(self, store: Path) -> None:
        """Put this in place of the mark that is there. Raises OSError."""
        path = self.path(store)
        draft = path.with_suffix(".mark.new")
        content = {"events": self.events, "ledgers": self.ledgers, "entry": self.entry, "at": self.at}
        draft.write_text(json.dumps(content), "utf-8")
        draft.replace(path)


def move(store: Path, place: Path) -> None:
    """Put a closed database file, and its mark, in another place of the same file system."""
    Mark.path(store).replace(Mark.path(place))
    store.replace(place)


def present(connection: duckdb.DuckDBPyConnection) -> Mark:
    """The mark of a store as it is now."""
    events, ledgers = _one(connection, "SELECT count(*), count(DISTINCT customer_id) FROM events")
    last = connection.execute(
        "SELECT customer_id, sequence, digest FROM events ORDER BY recorded_at DESC, sequence DESC LIMIT 1"
    ).fetchone()
    return Mark(events, ledgers, last, now())


def now() -> str:
    """This moment in UTC, as marks and manifests have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check(store: Path, *, accept: bool = False) -> None:
    """Raise StoreError, in one line with how to go on, unless the store is whole or there is none yet.

    `accept`: what is only in doubt is taken as it is. Looks read-only: to open the file for writing would
    already work the log beside it into it.
    """
    if not store.exists():
        if said := _missing(store):
            raise StoreError(f"{said} {remedy(store.parent)}")
        return
    with looking(store) as connection:
        found = list(_doubts(store, connection))
    for doubt in found:
        if not (accept and doubt.may_be_accepted):
            raise StoreError(doubt.said(store))


def doubts(store: Path) -> list[str]:
    """Every reason to doubt that an existing store is whole, a sentence each. Raises StoreError where it
    cannot be opened at all."""
    with looking(store) as connection:
        return [doubt.said(store) for doubt in _doubts(store, connection)]


@contextmanager
def looking(store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that writes nothing. Raises StoreError: missing, no database, cut, of a newer version."""
    if not store.exists():
        raise StoreError(
            f"{_missing(store) or f'There is no store in {store.parent}.'} {remedy(store.parent)}"
        )
    try:
        with duckdb.connect(str(store), read_only=True) as connection:
            _refuse_newer(store, connection)
            _refuse_cut(store, connection)
            yield connection
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise StoreInUse from error
        why = "it is empty" if not store.stat().st_size else str(error).splitlines()[0].rstrip(".")
        raise StoreError(
            f"{store} cannot be opened: {why}. It was left as it is. {remedy(store.parent)}"
        ) from error


def remedy(folder: Path) -> str:
    """How to go on with a store that is not whole: which command, and which backup."""
    try:
        last = json.loads((folder / LAST_BACKUP).read_text("utf-8"))
        backup, at = str(last["folder"]), str(last["made_at"])[:40]
    except (OSError, ValueError, LookupError, TypeError):
        return "Restore a backup: `dpa restore FOLDER`."
    return f"Restore the last backup, made {at}: `dpa restore {backup}`."


@dataclass(frozen=True)
class _Doubt:
    why: str
    may_be_accepted: bool = True

    def said(self, store: Path) -> str:
        """The doubt with how to go on."""
        way_out = " To go on with it as it is: `dpa ledger accept`." if self.may_be_accepted else ""
        return f"{self.why} {remedy(store.parent)}{way_out}"


def _missing(store: Path) -> str | None:
    """What says that there was a database file where there is none now."""
    mark = Mark.read(store)
    if mark is not None and mark.events:
        return f"{store} is missing, though it held {mark.events:,} entries on {mark.at}."
    log_file = log_of(store)
    if log_file.exists():
        return f"{store} is missing, though its log {log_file.name} is there."
    return None


def log_of(store: Path) -> Path:
    """Where DuckDB keeps the log of a database file."""
    return store.with_name(f"{store.name}.wal")


def _refuse_newer(store: Path, connection: duckdb.DuckDBPyConnection) -> None:
    if newer := unknown(connection):
        raise StoreError(
            f"{store} was written by a newer version of DPA Desk (it has had {', '.join(newer)}). Nothing in "
            "it was changed. Start that version, or restore the backup made before it was first started."
        )


def _refuse_cut(store: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise StoreError where the file ends before its last block, or holds no ledger at all."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not {"migrations", "events", "heads"} <= tables:
        raise StoreError(
            f"{store} holds no ledger: it is another program's, or was copied from a running server without "
            f"its log ({log_of(store).name}). It was left as it is. {remedy(store.parent)}"
        )
    blocks, _, size = _blocks(connection)
    # With a log, what it adds counts among the blocks already.
    if not _logged(store) and _HEADERS + blocks * size > store.stat().st_size:
        raise StoreError(f"{store} was cut: its end is missing. It was left as it is. {remedy(store.parent)}")


def _blocks(connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """Blocks in use, blocks with the free ones, and bytes of each."""
    return _one(connection, "SELECT used_blocks, total_blocks, block_size FROM pragma_database_size()")


def _logged(store: Path) -> bool:
    path = log_of(store)
    return path.exists() and path.stat().st_size > 0


def _doubts(store: Path, connection: duckdb.DuckDBPyConnection) -> Iterator[_Doubt]:
    mark, logged, log_name = Mark.read(store), _logged(store), log_of(store).name
    openings = _openings(connection)
    closed = any(role == "closed" for role, _ in openings)
    events, ledgers = _one(connection, "SELECT count(*), count(DISTINCT customer_id) FROM events")
    _, blocks, size = _blocks(connection)
    stored = store.stat().st_size - _HEADERS
    if not logged and stored < blocks * size and stored % size:  # free blocks may be absent, but never a part
        yield _Doubt(f"{store} seems to be cut: it ends in the middle of a block.")
    if len({token for _, token in openings}) > 1:
        yield _Doubt(
            f"The log {log_name} beside {store} belongs to another database, or to another day of this one. "
            "Move the log out of the folder.",
            may_be_accepted=False,
        )
    elif logged and closed and (mark is None or mark.events != events):
        yield _Doubt(f"{store} was closed whole, but a log lies beside it ({log_name}) that is not its own.")
    elif logged and _unfitting(connection):
        yield _Doubt(f"The log {log_name} beside {store} does not fit it: entries and heads differ.")
    if openings and not logged and not closed and mark is None:
        yield _Doubt(
            f"{store} was copied from a running server without its log ({log_name}): "
            f"it holds {events:,} entries in {ledgers:,} ledgers, and the latest may be missing."
        )
    if mark is not None and (events < mark.events or not _holds(connection, mark.entry)):
        yield _Doubt(
            f"{store} is not as it was left on {mark.at}: it holds {events:,} entries, then it held "
            f"{mark.events:,}, or the last of them is another now. An older file was put in its place, "
            "its log is missing, or entries were taken out."
        )


def _openings(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """What the store says of its openings; nothing where an older version wrote it last."""
    sql = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'openings'"
    if not _one(connection, sql)[0]:
        return []
    return connection.execute("SELECT role, token FROM openings").fetchall()


def _unfitting(connection: duckdb.DuckDBPyConnection) -> bool:
    (count,) = _one(
        connection,
        "SELECT count(*) FROM (SELECT customer_id, count(*) AS number, max(sequence) AS sequence, "
        "arg_max(digest, sequence) AS digest FROM events GROUP BY customer_id) AS e "
        "FULL JOIN heads AS h USING (customer_id) WHERE h.sequence IS DISTINCT FROM e.sequence "
        "OR h.sequence IS DISTINCT FROM e.number OR h.digest IS DISTINCT FROM e.digest",
    )
    return bool(count)


def _holds(connection: duckdb.DuckDBPyConnection, entry: tuple[str, int, str] | None) -> bool:
    if entry is None:
        return True
    sql = "SELECT digest FROM events WHERE customer_id = ? AND sequence = ?"
    return connection.execute(sql, entry[:2]).fetchone() == (entry[2],)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row = connection.execute(sql).fetchone()
    return tuple(row or ())
