"""Copy the store of the settings to another place: from a file into PostgreSQL, and back.

What is copied is all that the store holds: ledgers and what follows from them, people, sign-ins, drafts, the
access log, usage figures, attached files. The source stays as it is.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from dpa_core.application import Application
from dpa_core.backup import (
    BackupError,
    Verified,
    attached,
    copied_file,
    plain_errors,
    swap,
    verified,
    with_notes,
)
from dpa_core.clock import Clock
from dpa_core.files import FileStore, SharedFiles
from dpa_core.ledger import Conflict, Ledger, StoreInUse
from dpa_core.ledger.copying import copy_tables, filled
from dpa_core.ledger.database import Session
from dpa_core.ledger.home import FILES, UNFINISHED, Home, private_files
from dpa_core.local_socket import connected, patiently
from dpa_core.settings import STORE, data_folder, database_url, is_postgresql, load_agreements, open_ledger
from dpa_core.snapshots.sign import KEYS
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.verification import Progress, silent, verify_opened

_NOTHING = "Nothing was copied."


def copy(to: str, progress: Progress = silent) -> Iterator[str]:
    """Copy the store to a PostgreSQL database (`postgresql://…`) that is empty, or into a folder without a
    store; verify what arrived. Gives what to say of it, a line each.

    A store in a file is copied while no server runs; one in PostgreSQL as at one moment, whoever works in it.
    A copy that is stopped leaves nothing that a server takes for a store, and is begun again by the same
    command. Raises BackupError, StoreError.
    """
    load_agreements()  # what is wrong with them is said first, as by every command
    data = data_folder()
    if database_url() is None:
        if not (data / STORE).exists():
            raise BackupError(f"There is no store in {data}. {_NOTHING}")
        if server := connected(data):
            server.close()
            raise _in_use()
    with private_files(), plain_errors("Nothing was copied"):
        if is_postgresql(to):
            found = _to_server(to, progress)
            place = "the database"
            yield f"Copied to the database and verified: {_in_words(found)}."
            yield "Set DPA_DATABASE_URL to it for every server."
        else:
            place = str(Path(to).resolve())
            found = _to_folder(Path(place), progress)
            yield f"Copied to {place} and verified: {_in_words(found)}."
            yield f"Set DPA_DATA_DIR to {place} and leave DPA_DATABASE_URL out."
    if found.faults:
        why = f"What lies in {place} has the faults that the store it came from has:"
        raise BackupError("\n".join([why, *found.faults]))
    yield "The store it came from is as it was. Start no server on it any more: what it wrote would be lost."


def _in_words(found: Verified) -> str:
    return f"{found.events:,} events in {len(found.heads):,} ledgers"


def _in_use() -> BackupError:
    return BackupError(f"{data_folder()} is in use. Stop the server first, then copy. {_NOTHING}")


def _opened() -> Ledger:
    try:
        return patiently(open_ledger, STATE_SCHEMA)
    except StoreInUse as error:
        raise _in_use() from error


# --- to a server ---------------------------------------------------------------------------------


def _to_server(url: str, progress: Progress) -> Verified:
    with ExitStack() as open_now:
        source = open_now.enter_context(_opened())
        target = open_now.enter_context(Ledger.at(url, source.folder, state_schema=STATE_SCHEMA))
        try:
            with source.whole() as reading, target.whole() as writing:
                if tables := filled(writing):
                    raise BackupError(
                        f"The database to copy to is not empty: it has rows in {', '.join(tables)}. Name an "
                        f"empty one. {_NOTHING}"
                    )
                copy_tables(reading, writing, progress)
                _files_to_server(source, reading, writing)
        except Conflict as error:
            raise BackupError(
                f"Somebody else wrote to the database meanwhile. Stop all servers on it. {_NOTHING}"
            ) from error
        application = Application(target, load_agreements(), Clock())
        return with_notes(target, list(verify_opened(application, progress)))


def _files_to_server(source: Ledger, reading: Session, writing: Session) -> None:
    for sha256, content in _files_of(source, reading):
        writing.execute("INSERT INTO attached_files (sha256, content) VALUES ($1, $2)", [sha256, content])


def _files_of(source: Ledger, reading: Session) -> Iterator[tuple[str, bytes]]:
    """The attached files of a store that are what their name says, one at a time, by their SHA-256; verifying
    names the others."""
    if source.shared:
        names = [name for (name,) in reading.rows("SELECT sha256 FROM attached_files ORDER BY sha256")]
        kept: FileStore = SharedFiles(source)
    else:
        names = [path.name for _, path in attached(source.folder / FILES)]
        kept = FileStore(source.folder / FILES)
    for name in names:
        if (content := kept.read(name)) is not None:
            yield name, content


# --- to a folder ---------------------------------------------------------------------------------


def _to_folder(target: Path, progress: Progress) -> Verified:
    if (target / STORE).exists():
        raise BackupError(f"There is a store in {target} already. Name a folder without one. {_NOTHING}")
    with _opened() as source:
        home = patiently(Home.claim, target)
        staging = target / f"{UNFINISHED}{secrets.token_hex(8)}"
        try:
            staging.mkdir()
            source.copy_to(staging / STORE)
            with source.whole() as reading:
                for sha256, content in _files_of(source, reading):
                    FileStore(staging / FILES).keep(sha256, content)
            if (keys := data_folder() / KEYS).exists() and not (target / KEYS).exists():
                copied_file(keys, staging, KEYS)
            # What is derived from the ledgers is made anew where it has to be, and an anchor laid down.
            with Ledger.open(staging / STORE, state_schema=STATE_SCHEMA) as ledger:
                Application(ledger, load_agreements(), Clock())
            found = verified(staging / STORE, staging / FILES, progress)
            swap(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            home.release()
    return found
