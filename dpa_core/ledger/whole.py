"""Whether a store is whole: told before anything is written to it.

Two things tell. In the database, the table `openings`: a store that is open says so in the file itself, and
its log begins with the same token, so that a file that was copied without its log, and a log that is another
store's, are seen. Beside the database, the `anchor`: how far every ledger had come, on disk before whoever
wrote was told so.

What they cannot show: that the whole folder was put back from the same older day. For that, compare with a
backup's manifest, or with a digest kept elsewhere.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from dpa_core.ledger import anchor as anchors
from dpa_core.ledger.anchor import Anchor
from dpa_core.ledger.errors import StoreError, StoreInUse, plainly
from dpa_core.ledger.home import UNFINISHED
from dpa_core.ledger.migrations import unknown

LAST_BACKUP = "last_backup.json"
"""Where `dpa backup` notes in the data folder what it made last: the folder, and when."""
KEPT = "kept-"
"""Begins the suffix of a log that is kept beside a store which does not use it."""
_HEADERS = 12_288
"""Bytes of a DuckDB file before its blocks."""
_BESIDE = {"damaged_log", "no_log"}
"""Doubts with which, where the anchor misses nothing, every ledger is whole."""
_NAMED = 5
"""Ledgers that a line names before the rest is only counted."""


@dataclass(frozen=True)
class Loss:
    """A ledger that is not as the anchor says. `was`, `now`: sequence and digest of its last entry then and
    now; 0 where it had none, or has none."""

    ledger: str
    was: tuple[int, str]
    now: tuple[int, str]

    def __str__(self) -> str:
        (was, _), (now, _) = self.was, self.now
        if now >= was:
            return f"{self.ledger} (its entry {was} is another)"
        return f"{self.ledger} (had {was}, has {now})"


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt that a store is whole: a code, and the sentence."""

    code: str
    why: str


@dataclass(frozen=True)
class Finding:
    """What was found. `log`: how many bytes of the log fit the store, where it is not all of it."""

    doubts: tuple[Doubt, ...] = ()
    losses: tuple[Loss, ...] = ()
    log: int | None = None
    at: str = ""
    """Until when the anchor tells, in UTC."""


def move(store: Path, place: Path) -> None:
    """Put a closed database file, and its anchor, in another place of the same file system."""
    anchors.path_of(store).replace(anchors.path_of(place))
    store.replace(place)


def check(store: Path, *, accept: bool = False, state_schema: int | None = None) -> Finding:
    """What was found of a store, or of one that is not there yet. Raises StoreError, in one line with how to
    go on, where it is in doubt (`accept`: only where nobody could go on with it).

    Looks read-only: to open the file for writing would already work the log beside it into it.
    `state_schema`: the newest shape of folded states that this version knows.
    """
    if not store.exists():
        if said := _missing(store):
            raise StoreError(f"{said} {remedy(store.parent)}")
        return Finding()
    found = examine(store, state_schema)
    if found.doubts and not accept:
        said = " ".join(doubt.why for doubt in found.doubts)
        way_out = f"To go on with it as it is, on record, {_kept(found)}: `dpa ledger accept`."
        raise StoreError(f"{said} Nothing was changed. {remedy(store.parent)} {way_out}")
    return found


def _kept(found: Finding) -> str:
    if found.losses:
        return "without what is lost"
    if {doubt.code for doubt in found.doubts} <= _BESIDE:
        return (
            "without what is lost (no entry of a ledger; perhaps sign-ins, drafts, lines of the access log)"
        )
    return "where you know that nothing is lost"


def examine(store: Path, state_schema: int | None = None) -> Finding:
    """Every reason to doubt that an existing store is whole. Raises StoreError where it cannot be opened at
    all: missing, no database, cut, of a newer version."""
    log, doubts = None, list[Doubt]()
    while True:
        try:
            with _viewed(store, log) as connection:
                _refuse_newer_states(store, connection, state_schema)
                if log is None and len({token for _, token in _openings(connection)}) > 1:
                    doubts.append(_foreign(store))
                    log = 0
                    continue
                found, losses, at = _doubts(store, connection, log)
                return Finding((*doubts, *found), losses, log, at)
        except _LogDamaged as damaged:
            if log == 0:  # nothing of it is read, so it is not the log
                raise _unopened(store, damaged.error) from damaged.error
            if log is None:
                doubts.append(_broken(store, damaged.fits))
            log = damaged.fits if log is None else 0


def _foreign(store: Path) -> Doubt:
    return Doubt(
        "foreign_log",
        f"The log {log_of(store).name} beside {store} belongs to another database, or to another day of this "
        "one.",
    )


def _broken(store: Path, fits: int) -> Doubt:
    name, size = log_of(store).name, log_of(store).stat().st_size
    return Doubt("damaged_log", f"The log {name} beside {store} is damaged: {fits:,} of {size:,} bytes fit.")


@contextmanager
def looking(store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that writes nothing. Raises StoreError: missing, no database, cut, of a newer version,
    beside a damaged log."""
    if not store.exists():
        raise StoreError(
            f"{_missing(store) or f'There is no store in {store.parent}.'} {remedy(store.parent)}"
        )
    try:
        with _viewed(store, None) as connection:
            yield connection
    except _LogDamaged as damaged:
        raise StoreError(f"{_broken(store, damaged.fits).why} {remedy(store.parent)}") from damaged.error


class _LogDamaged(Exception):
    """The log cannot be read. `fits`: how many bytes of it can."""

    def __init__(self, error: duckdb.Error) -> None:
        super().__init__(str(error))
        found = re.search(r"entry at byte position (\d+)", str(error))
        self.error, self.fits = error, int(found[1]) if found else 0


@contextmanager
def _viewed(store: Path, log: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that writes nothing, to the store with so many bytes of its log (None: all).
    Raises StoreError, _LogDamaged."""
    scratch = store.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    try:
        path = store
        if log is not None:
            scratch.mkdir(mode=0o700)
            path = scratch / store.name
            path.hardlink_to(store)  # the database would look for the log of what a symbolic link names
            if log:
                log_of(path).write_bytes(log_of(store).read_bytes()[:log])
        with duckdb.connect(str(path), read_only=True) as connection:
            _refuse_newer(store, connection)
            _refuse_cut(store, connection, logged=_logged(path))
            yield connection
    except duckdb.Error as error:
        text = str(error)
        if "Could not set lock" in text:
            raise StoreInUse from error
        if "replaying WAL" in text and "Corrupt database file" not in text:
            raise _LogDamaged(error) from error
        raise _unopened(store, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _unopened(store: Path, error: Exception) -> StoreError:
    why = plainly(error) if store.stat().st_size else "it is empty"
    return StoreError(f"{store} cannot be opened: {why}. It was left as it is. {remedy(store.parent)}")


def remedy(folder: Path) -> str:
    """How to go on with a store that is not whole: which command, and which backup."""
    try:
        last = json.loads((folder / LAST_BACKUP).read_text("utf-8"))
        backup, at = str(last["folder"]), str(last["made_at"])[:40]
    except (OSError, ValueError, LookupError, TypeError):
        return "Restore a backup: `dpa restore FOLDER`."
    return f"Restore the last backup, made {at}: `dpa restore {backup}`."


def _missing(store: Path) -> str | None:
    """What says that there was a database file where there is none now."""
    anchor = Anchor.read(store)
    if anchor is not None and anchor.events:
        return f"{store} is missing, though it held {anchor.events:,} entries on {anchor.at}."
    if anchor is not None and anchor.fault:
        return f"{store} is missing, though its {anchors.path_of(store).name} is there, which is damaged."
    log_file = log_of(store)
    if log_file.exists():
        return f"{store} is missing, though its log {log_file.name} is there."
    return None


def log_of(store: Path) -> Path:
    """Where DuckDB keeps the log of a database file."""
    return store.with_name(f"{store.name}.wal")


def keep_log(store: Path, fits: int | None) -> Path | None:
    """Keep the log beside a store under a name with the date, so that nothing works on it, and leave to the
    store what of it fits (None: all of it). Where it is kept; None where there is no log. Raises OSError."""
    log = log_of(store)
    if not _logged(store):
        return None
    at = datetime.now(UTC).isoformat(timespec="seconds")[:19].replace(":", "")
    aside = store.with_name(f"{store.name}.{KEPT}{at}-{secrets.token_hex(2)}.wal")
    shutil.copyfile(log, aside)
    anchors.sync(aside)
    if fits is not None:
        draft = log.with_name(f"{log.name}.new")
        draft.write_bytes(aside.read_bytes()[:fits])
        anchors.sync(draft)
        draft.replace(log)
        if not fits:
            log.unlink()
    anchors.sync(store.parent)
    return aside


def _refuse_newer(store: Path, connection: duckdb.DuckDBPyConnection) -> None:
    if newer := unknown(connection):
        raise _newer(store, f"it has had {', '.join(newer)}")


def _refuse_newer_states(store: Path, connection: duckdb.DuckDBPyConnection, known: int | None) -> None:
    row = connection.execute("SELECT max(state_schema) FROM heads").fetchone()
    if known is not None and row and row[0] is not None and row[0] > known:
        raise _newer(store, f"its states are of shape {row[0]}, this one knows {known}")


def _newer(store: Path, why: str) -> StoreError:
    return StoreError(
        f"{store} was written by a newer version of DPA Desk ({why}). Nothing in "
        "it was changed. Start that version, or restore the backup made before it was first started."
    )


def _refuse_cut(store: Path, connection: duckdb.DuckDBPyConnection, *, logged: bool) -> None:
    """Raise StoreError where the file ends before its last block, or holds no ledger at all."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not {"migrations", "events", "heads"} <= tables:
        raise StoreError(
            f"{store} holds no ledger: it is another program's, or was copied from a running server without "
            f"its log ({log_of(store).name}). It was left as it is. {remedy(store.parent)}"
        )
    blocks, _, size = _blocks(connection)
    # With a log, what it adds counts among the blocks already.
    if not logged and _HEADERS + blocks * size > store.stat().st_size:
        raise StoreError(f"{store} was cut: its end is missing. It was left as it is. {remedy(store.parent)}")


def _blocks(connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """Blocks in use, blocks with the free ones, and bytes of each."""
    return _one(connection, "SELECT used_blocks, total_blocks, block_size FROM pragma_database_size()")


def _logged(store: Path) -> bool:
    path = log_of(store)
    return path.exists() and path.stat().st_size > 0


def _doubts(
    store: Path, connection: duckdb.DuckDBPyConnection, log: int | None
) -> tuple[list[Doubt], tuple[Loss, ...], str]:
    """The doubts about a store with so much of its log, what it lacks, and until when the anchor tells."""
    anchor, logged = Anchor.read(store), _logged(store) and log != 0
    openings = _openings(connection)
    closed = any(role == "closed" for role, _ in openings)
    losses = tuple(_losses(connection, anchor)) if anchor else ()
    found = []
    _, blocks, size = _blocks(connection)
    stored = store.stat().st_size - _HEADERS
    if not logged and stored < blocks * size and stored % size:  # free blocks may be absent, but never a part
        found.append(Doubt("cut", f"{store} seems to be cut: it ends in the middle of a block."))
    if logged and closed and (anchor is None or _ahead(connection, anchor)):
        why = (
            f"{store} was closed whole, but a log lies beside it ({log_of(store).name}) that is not its own."
        )
        found.append(Doubt("unknown_log", why))
    elif logged and _unfitting(connection):
        why = f"The log {log_of(store).name} beside {store} does not fit it: entries and heads differ."
        found.append(Doubt("unfitting_log", why))
    if losses:
        found.append(_lacking(store, anchor, losses))
    elif doubt := _of_anchor(store, anchor, openings) or _of_mark(store, connection, openings):
        found.append(doubt)
    elif anchor and log is None and anchor.logged and not closed and ("log", anchor.token) not in openings:
        why = (
            f"The log {log_of(store).name} that {store} had on {anchor.at} is missing, or is no log any more."
        )
        found.append(Doubt("no_log", why))
    if anchor is None and openings and not logged and not closed:
        events, ledgers = _one(connection, "SELECT count(*), count(DISTINCT customer_id) FROM events")
        why = (
            f"{store} was copied from a running server without its log ({log_of(store).name}): it holds "
            f"{events:,} entries in {ledgers:,} ledgers, and the latest may be missing."
        )
        found.append(Doubt("without_log", why))
    return found, losses, anchor.at if anchor else ""


def _lacking(store: Path, anchor: Anchor | None, losses: Sequence[Loss]) -> Doubt:
    named = ", ".join(map(str, losses[:_NAMED]))
    more = f" and {len(losses) - _NAMED:,} more" if len(losses) > _NAMED else ""
    at = anchor.at if anchor else ""
    return Doubt(
        "lacking",
        f"{store} lacks entries that it had on {at}, in {len(losses):,} "
        f"{'ledger' if len(losses) == 1 else 'ledgers'}: {named}{more}. Its log is missing or damaged, an "
        "older file was put in its place, or entries were taken out.",
    )


def _of_anchor(store: Path, anchor: Anchor | None, openings: Sequence[tuple[str, str]]) -> Doubt | None:
    """Whether the anchor tells all that it should of a store from which it misses nothing."""
    name = anchors.path_of(store).name
    whether = "Whether entries are lost cannot be told."
    token = next((token for role, token in openings if role == "anchored"), None)
    if anchor is None:
        if token is None:  # of a version without anchors, or the copy in a backup
            return None
        return Doubt("no_anchor", f"{name}, which says how far {store} had come, is missing. {whether}")
    if anchor.fault is None and token is not None:
        closed = ("closed", token) in openings
        if token == anchor.before and not anchor.added:  # stopped just when it was being opened
            return None
        if token != anchor.token:
            anchor.fault = "it is of another day, or another store's"
        elif closed and not anchor.closed:
            anchor.fault = "its end is missing"
    if anchor.fault is None:
        return None
    return Doubt(
        "damaged_anchor",
        f"{name}, which says how far {store} had come, is not as it was left: {anchor.fault}. {whether}",
    )


def _losses(connection: duckdb.DuckDBPyConnection, anchor: Anchor) -> list[Loss]:
    """The ledgers in which the entry that the anchor names is missing, or is another."""
    ids = list(anchor.places)
    table = pa.table(
        {
            "ledger": pa.array(ids, pa.string()),
            "was": pa.array([anchor.places[id][0] for id in ids], pa.int64()),
            "token": pa.array([anchor.places[id][1] for id in ids], pa.string()),
        }
    )
    connection.register("anchored", table)
    rows = connection.execute(
        "SELECT a.ledger, a.was, a.token FROM anchored AS a LEFT JOIN events AS e "
        "ON e.customer_id = a.ledger AND e.sequence = a.was WHERE e.digest IS DISTINCT FROM a.token "
        "ORDER BY a.ledger"
    ).fetchall()
    connection.unregister("anchored")
    return [Loss(id, (was, digest), _last(connection, id)) for id, was, digest in rows]


def _last(connection: duckdb.DuckDBPyConnection, ledger: str) -> tuple[int, str]:
    row = connection.execute(
        "SELECT sequence, digest FROM events WHERE customer_id = ? ORDER BY sequence DESC LIMIT 1", [ledger]
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def _ahead(connection: duckdb.DuckDBPyConnection, anchor: Anchor) -> bool:
    """Whether there are entries that the anchor does not count."""
    return _one(connection, "SELECT count(*) FROM events")[0] > anchor.events


def _of_mark(
    store: Path, connection: duckdb.DuckDBPyConnection, openings: Sequence[tuple[str, str]]
) -> Doubt | None:
    """Whether a store is as the mark says that a version before anchors kept beside it."""
    path = mark_of(store)
    if any(role == "anchored" for role, _ in openings) or not path.exists():
        return None
    try:
        mark = json.loads(path.read_text("utf-8"))
        entry, events, at = mark["entry"], int(mark["events"]), str(mark["at"])[:40]
        ledger, sequence, digest = entry or ("", 0, "")
    except (OSError, ValueError, LookupError, TypeError):
        return Doubt("damaged_mark", f"{path} cannot be read. Whether entries are lost cannot be told.")
    (held,) = _one(connection, "SELECT count(*) FROM events")
    sql = "SELECT digest FROM events WHERE customer_id = ? AND sequence = ?"
    there = not entry or connection.execute(sql, [ledger, sequence]).fetchone() == (digest,)
    if held >= events and there:
        return None
    return Doubt(
        "behind_mark",
        f"{store} is not as it was left on {at}: it holds {held:,} entries, then it held {events:,}, or the "
        "last of them is another now. An older file was put in its place, its log is missing, or entries "
        "were taken out.",
    )


def mark_of(store: Path) -> Path:
    """Where a version before anchors kept how many entries there were. The first opening removes it."""
    return store.with_suffix(".mark")


def _openings(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """What the store says of its openings; nothing where an older version wrote it last."""
    sql = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'openings'"
    if not _one(connection, sql)[0]:
        return []
    return connection.execute("SELECT role, token FROM openings").fetchall()


def token_of(connection: duckdb.DuckDBPyConnection) -> str:
    """The token under which a store was last opened; empty where it never was."""
    return next((token for _, token in _openings(connection)), "")


def _unfitting(connection: duckdb.DuckDBPyConnection) -> bool:
    (count,) = _one(
        connection,
        "SELECT count(*) FROM (SELECT customer_id, count(*) AS number, max(sequence) AS sequence, "
        "arg_max(digest, sequence) AS digest FROM events GROUP BY customer_id) AS e "
        "FULL JOIN heads AS h USING (customer_id) WHERE h.sequence IS DISTINCT FROM e.sequence "
        "OR h.sequence IS DISTINCT FROM e.number OR h.digest IS DISTINCT FROM e.digest",
    )
    return bool(count)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row = connection.execute(sql).fetchone()
    return tuple(row or ())
