"""Back the store up while a server runs or stands, verify what was copied, and put it back.

A backup is a folder: `store/` with the database and the attached files as they lie in a data folder, `keys/`
with the keys that sign snapshots, and `manifest.json`, written last, without which it is none.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dpa_core import locale
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Accepted, Fault, Ledger, StoreError, StoreInUse, accepted
from dpa_core.ledger.anchor import Anchor, path_of, sync
from dpa_core.ledger.home import FILES, REPLACED, UNFINISHED, Home, private_files
from dpa_core.ledger.whole import LAST_BACKUP, Finding, check, examine, log_of, looking, remedy
from dpa_core.local_socket import app_version, ask, connected, patiently
from dpa_core.operations import CopyStore
from dpa_core.settings import STORE, data_folder, database_url, load_agreements, open_ledger
from dpa_core.snapshots.sign import KEYS
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.verification import Progress, silent, verify_file, verify_opened

MANIFEST = "manifest.json"
_STORE, _KEYS = "store", "keys"
_KEY_FILE = f"{_KEYS}/{KEYS}"
_NAMED = 10
"""Problems of a kind named before the rest is only counted."""
_HEADS = (
    "SELECT customer_id, sequence, digest FROM events AS e WHERE sequence = "
    "(SELECT max(sequence) FROM events WHERE customer_id = e.customer_id) ORDER BY customer_id"
)
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class BackupError(Exception):
    """No backup was made, or none was put back. The message says why, and what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _File(_Model):
    name: str
    """Path in the backup."""
    size: Annotated[int, Field(ge=0)]
    sha256: _Digest


class _Ledger(_Model):
    id: str
    sequence: Annotated[int, Field(ge=1)]
    digest: _Digest
    """Of its last entry, which has that sequence."""


class Manifest(_Model):
    """What a backup holds."""

    format: Literal["dpa-desk-backup"] = "dpa-desk-backup"
    version: Literal[1] = 1
    app: str
    """Version of the app that made it."""
    made_at: datetime
    """In UTC."""
    events: Annotated[int, Field(ge=0)]
    ledgers: tuple[_Ledger, ...]
    files: tuple[_File, ...]

    @property
    def counted(self) -> str:
        """How much there is, in words."""
        attached = sum(f.name.startswith(f"{_STORE}/{FILES}/") for f in self.files)
        return (
            f"{self.events:,} events in {len(self.ledgers):,} ledgers, "
            f"{locale.count(attached, 'attached file')}"
        )


@dataclass(frozen=True)
class Verified:
    """What verifying a store found: a line for each fault, and how much was looked at."""

    faults: tuple[str, ...]
    events: int
    heads: tuple[tuple[str, int, str], ...]
    """Ledger, sequence and digest of each last entry."""
    notes: tuple[str, ...] = ()
    """What is no fault and should be known: a line each."""


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise BackupError(f"{what}: {where}{error.strerror or error}.") from error


# --- verify --------------------------------------------------------------------------------------


def verify_store(progress: Progress = silent) -> Verified:
    """Verify the store of the data folder: with a server, a copy as at this moment, so that nobody waits for
    a long check; without one, the file itself, in which nothing is changed.

    Raises StoreError where it cannot be read at all.
    """
    data = data_folder()
    load_agreements()  # what is wrong with them is said first, as by every command
    if database_url() is not None:
        with open_ledger(STATE_SCHEMA) as ledger:
            application = Application(ledger, load_agreements(), Clock())
            return with_notes(ledger, list(verify_opened(application, progress)))
    server = connected(data)
    if server is None:
        if not data.is_dir():
            raise StoreError(f"There is no store in {data}.")
        home = patiently(Home.claim, data)
        try:
            doubtful = examine(data / STORE, STATE_SCHEMA)
            said = tuple(f"{doubt.why} {remedy(data)}" for doubt in doubtful.doubts)
            if doubtful.log is not None:
                return Verified((*said, "The entries were not looked at."), 0, ())
            found = verified(data / STORE, data / FILES, progress)
        finally:
            home.release()
        return replace(found, faults=(*said, *found.faults))
    server.close()
    with _copied(data) as copy:
        return verified(copy, data / FILES, progress)


def accept() -> tuple[Finding, Verified]:
    """Take the store of the data folder as it is, where it is only in doubt, and put that on record. Gives
    what was found, and what the store holds."""
    _in_a_file()
    data = data_folder()

    def take() -> Finding:
        home = Home.claim(data)
        try:
            return check(data / STORE, accept=True, state_schema=STATE_SCHEMA)
        finally:
            home.release()

    found = patiently(take)
    with patiently(Ledger.open, data / STORE, accepted_by=_operator(), state_schema=STATE_SCHEMA) as ledger:
        return found, _counted(ledger, ())


_PG_DUMP = "The store is in PostgreSQL (DPA_DATABASE_URL). Use pg_dump and pg_restore for it: see the README."


def _in_a_file() -> None:
    """Raise BackupError where the store is in no file of the data folder."""
    if database_url() is not None:
        raise BackupError(_PG_DUMP)


def _operator() -> str:
    """Whoever runs the command: the name under which the system knows them, or the number."""
    try:
        return f"operator {getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return f"operator {os.geteuid()}"


@contextmanager
def _copied(data: Path) -> Iterator[Path]:
    """A copy of the data folder's database as at this moment, removed when the block ends."""
    (name,) = ask(CopyStore())
    folder = data / name
    try:
        yield folder / STORE
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def verified(store: Path, files: Path, progress: Progress = silent) -> Verified:
    found = list(verify_file(store, files, load_agreements(), progress))
    with Ledger.look(store) as ledger:
        return with_notes(ledger, found)


def with_notes(ledger: Ledger, found: Sequence[Fault]) -> Verified:
    counted = _counted(ledger, tuple(str(fault) for fault in found if not fault.note))
    notes = (*counted.notes, *(str(fault) for fault in found if fault.note))
    return replace(counted, notes=notes)


def _counted(ledger: Ledger, faults: tuple[str, ...]) -> Verified:
    heads = tuple((str(id), int(sequence), str(digest)) for id, sequence, digest in ledger.rows(_HEADS))
    events = int(ledger.rows("SELECT count(*) FROM events")[0][0])
    return Verified(faults, events, heads, tuple(_lost(loss) for loss in accepted(ledger)))


def _lost(loss: Accepted) -> str:
    """What the record says of a ledger whose last entries were lost."""
    (was, digest), (now, _) = loss.was, loss.now
    at = loss.at.isoformat(timespec="seconds")
    return (
        f"{loss.ledger}: had gone up to sequence {was} ({digest}) and goes on from {now}: the rest was lost, "
        f"as {loss.operator} accepted on {at} (entry {loss.entry} of the store’s own ledger)."
    )


# --- backup --------------------------------------------------------------------------------------


def make(folder: Path) -> Iterator[str]:
    """Make a backup in a folder that is new or empty, and verify it. Gives what to say of it, a line each.

    The database is copied as at one moment, then the files, which are there before an entry names them and
    never change, then the keys. Raises BackupError, NotDone, StoreError.
    """
    _in_a_file()
    data = data_folder().resolve()
    with private_files(), plain_errors("No backup was made"):
        target = _new_folder(folder, data)
        store = target / _STORE
        store.mkdir()
        with _copied(data) as copy:
            shutil.move(copy, store / STORE)
        copied = [_described(target, store / STORE)]
        copied += [
            copied_file(path, target, f"{_STORE}/{FILES}/{name}") for name, path in attached(data / FILES)
        ]
        if has_keys := (data / KEYS).exists():
            copied.append(copied_file(data / KEYS, target, _KEY_FILE))
        found = verified(store / STORE, store / FILES)
        if found.faults:
            why = f"The copy in {target} is not sound, so it is no backup:"
            raise BackupError("\n".join([why, *found.faults]))
        made = Manifest(
            app=app_version(),
            made_at=datetime.now(UTC).replace(microsecond=0),
            events=found.events,
            ledgers=tuple(_Ledger(id=i, sequence=s, digest=d) for i, s, d in found.heads),
            files=tuple(copied),
        )
        _put(target / MANIFEST, made.model_dump_json(indent=1))
        note = {"folder": str(target), "made_at": made.made_at.isoformat()}
        _put(data / LAST_BACKUP, json.dumps(note))
    yield f"Backup in {target}, verified: {made.counted}."
    if has_keys:
        yield (
            f"The keys that sign snapshots are in {target / _KEYS}. Keep that folder elsewhere: whoever has "
            "it can sign in your name."
        )
    else:
        yield f"There are no keys in {data} yet, so the backup has none."


def _new_folder(folder: Path, data: Path) -> Path:
    target = folder.resolve()
    if target.is_relative_to(data) or data.is_relative_to(target):
        raise BackupError(f"{target} is not apart from the data folder {data}. Name a folder of its own.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is there already and not empty. Name a new folder for each backup.")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.stat().st_uid == os.geteuid():
        target.chmod(0o700)
    return target


def attached(files: Path) -> Iterator[tuple[str, Path]]:
    """The attached files, by name within their folder; none that is still being written."""
    for path in sorted(files.glob("??/" + "?" * 64)):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(files).as_posix(), path


def copied_file(source: Path, target: Path, name: str) -> _File:
    """Copy a file into a folder under a name, on disk when this returns."""
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)
    return _described(target, path)


def _described(folder: Path, path: Path) -> _File:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _File(name=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=digest)


def _put(path: Path, text: str) -> None:
    """Write a file whole or not at all, on disk when this returns."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


# --- restore -------------------------------------------------------------------------------------


def restore(folder: Path, keys: Path | None = None, *, replace: bool = False) -> Iterator[str]:
    """Check a backup, then put it in the place of the store. Gives what to say of it, a line each.

    What is there is moved aside, never deleted. `keys`: the key file, where it is kept apart from the backup.
    `replace`: also where the store has entries that the backup has not, or cannot be read. Raises
    BackupError, StoreError; nothing was changed then.
    """
    _in_a_file()
    data = data_folder()
    backup = folder.resolve()
    manifest = _manifest(backup)
    key_file = _checked_keys(backup, manifest, keys)
    server = connected(data)
    if server is not None:
        server.close()
    with plain_errors("Nothing was restored"):
        try:
            if server is not None:
                raise StoreInUse
            home = patiently(Home.claim, data)
        except StoreInUse as error:
            raise BackupError(f"{data} is in use. Stop the server first, then restore.") from error
        staging = data / f"{UNFINISHED}{secrets.token_hex(8)}"
        try:
            staging.mkdir()
            _stage(backup, manifest, key_file, staging)
            more = _more_than(staging, data)
            if more and not replace:
                raise BackupError(
                    f"{more} Nothing was restored. To put the backup in its place all the same, add "
                    f"--replace; what is there is kept aside in {data}."
                )
            aside = swap(staging, data)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            home.release()
    made_at = locale.minute_in_full(manifest.made_at)
    yield f"Restored into {data}, verified: {manifest.counted}, as at {made_at}."
    if aside:
        yield f"What was there is kept in {aside}. Remove it when you need it no more."
    if key_file is None:
        yield (
            f"The backup has no keys, and those in {data} were left as they are. Without the old ones, "
            f"snapshots signed before cannot be verified: put {KEYS} there before the server starts."
        )


def _manifest(backup: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((backup / MANIFEST).read_bytes())
    except OSError as error:
        raise BackupError(
            f"{backup} is no backup, or one that was not finished: {MANIFEST} cannot be read "
            f"({error.strerror}). Nothing was restored."
        ) from error
    except ValidationError as error:
        raise BackupError(
            f"{backup / MANIFEST} is no manifest of `dpa backup`, or was altered. Nothing was restored."
        ) from error
    _check_listing(backup, manifest)
    return manifest


def _check_listing(backup: Path, manifest: Manifest) -> None:
    """Raise BackupError unless just the files of the manifest are there, save that keys may be elsewhere."""
    wanted = {f.name: f for f in manifest.files}
    if len(wanted) != len(manifest.files) or f"{_STORE}/{STORE}" not in wanted:
        raise BackupError(f"{backup / MANIFEST} was altered. Nothing was restored.")
    paths = {
        p.relative_to(backup).as_posix(): p for p in backup.rglob("*") if p.is_symlink() or not p.is_dir()
    }
    del paths[MANIFEST]
    problems = [f"{name} is missing" for name in sorted(wanted.keys() - paths.keys() - {_KEY_FILE})]
    for name, path in sorted(paths.items()):
        if name not in wanted:
            problems.append(f"{name} is not in the manifest")
        elif path.is_symlink() or not path.is_file():
            problems.append(f"{name} is no file")
        elif path.stat().st_size != wanted[name].size:
            problems.append(f"{name} has {path.stat().st_size:,} bytes instead of {wanted[name].size:,}")
    _refuse(backup, problems)


def _refuse(backup: Path, problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        more = [f"and {len(found) - _NAMED:,} more"] if len(found) > _NAMED else []
        why = f"The backup in {backup} is not whole, or was altered. Nothing was restored."
        raise BackupError("\n".join([why, *found[:_NAMED], *more]))


def _checked_keys(backup: Path, manifest: Manifest, given: Path | None) -> Path | None:
    """The key file to put back; None where the backup has none, or it is kept elsewhere and not named."""
    wanted = next((f for f in manifest.files if f.name == _KEY_FILE), None)
    if wanted is None:
        if given is not None:
            raise BackupError("The backup was made without keys. Leave --keys out. Nothing was restored.")
        return None
    path = given or backup / _KEY_FILE
    if given is None and not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}. Nothing was restored.") from error
    if hashlib.sha256(content).hexdigest() != wanted.sha256:
        raise BackupError(f"{path} is not the key file of this backup. Nothing was restored.")
    return path


def _stage(backup: Path, manifest: Manifest, key_file: Path | None, staging: Path) -> None:
    """Copy the backup beside the store, in the shape of a data folder, and check the copy."""
    wrong = []
    for file in manifest.files:
        if file.name == _KEY_FILE:
            if key_file is not None:
                copied_file(key_file, staging, KEYS)
        else:
            name = file.name.removeprefix(f"{_STORE}/")
            copied = copied_file(backup / file.name, staging, name)
            if copied.sha256 != file.sha256:
                wrong.append(f"{file.name} has other content (SHA-256 differs)")
    _refuse(backup, wrong)
    try:
        # Brought to the present shape, and what is derived from the ledgers made anew.
        with Ledger.open(staging / STORE, state_schema=STATE_SCHEMA) as ledger:
            Application(ledger, load_agreements(), Clock())
        found = verified(staging / STORE, staging / FILES)
    except StoreError as error:
        why = str(error).replace(str(staging), str(backup / _STORE))
        raise BackupError(f"{why} Nothing was restored.") from error
    heads = tuple((entry.id, entry.sequence, entry.digest) for entry in manifest.ledgers)
    if (found.events, found.heads) != (manifest.events, heads):
        wrong.append("the manifest and the database differ in entries")
    _refuse(backup, [*found.faults, *wrong])


def _more_than(staging: Path, data: Path) -> str | None:
    """In what the store of a data folder goes past the backup; None where it is the same, or the beginning
    of it."""
    present, anchor = data / STORE, Anchor.read(data / STORE)
    with Ledger.look(staging / STORE) as ledger:
        (events,) = ledger.rows("SELECT count(*) FROM events")[0]
        if anchor and anchor.events > events:
            was = f"had {anchor.events:,} entries on {anchor.at}"
            return f"The store in {data} {was}, the backup has {events:,}."
        if not present.exists():
            return None
        try:
            with looking(present) as connection:
                rows = connection.execute(_HEADS).fetchall()
        except StoreInUse:
            raise
        except StoreError:
            return f"The store in {data} cannot be read, so nobody can tell what it has more than the backup."
        for id, sequence, digest in rows:
            entry = ledger.event(id, sequence)
            if entry is None or entry.digest != digest:
                return f"The store in {data} has entries of {id} that the backup has not."
    return None


def swap(staging: Path, data: Path) -> Path | None:
    """Put what was staged in place of what is there; gives where that is kept, None where there was nothing.

    The new anchor comes first and the database last: whoever is stopped in between leaves a folder that says
    that its store is missing, and can restore again.
    """
    store = data / STORE
    old = [p for p in (store, log_of(store), data / FILES) if p.exists()]
    if (staging / KEYS).exists() and (data / KEYS).exists():
        old.append(data / KEYS)
    now = datetime.now(UTC).isoformat(timespec="seconds")[:19].replace(":", "")
    aside = data / f"{REPLACED}{now}-{secrets.token_hex(2)}"
    if old:
        aside.mkdir()
        if path_of(store).exists():
            shutil.copyfile(path_of(store), path_of(aside / STORE))
    path_of(staging / STORE).replace(path_of(store))
    for path in old:
        path.rename(aside / path.name)
    for name in (FILES, KEYS, STORE):
        if (staging / name).exists():
            (staging / name).rename(data / name)
    sync(data)
    return aside if old else None
