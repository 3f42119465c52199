"""The folder where a store lives: readable by its owner alone, and used by one process at a time."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpa_core.ledger.errors import StoreInUse

log = logging.getLogger("dpa_desk")

FILES = "files"
"""The folder of attached files."""
UNFINISHED = "unfinished-"
"""Begins the names of folders in which a process makes something; without it they are nobody's."""
REPLACED = "replaced-"
"""Begins the names of folders in which a store is kept that a backup has replaced."""
_OURS = ("desk.*", "snapshot_keys.json*", "last_backup.json", FILES, f"{UNFINISHED}*", f"{REPLACED}*")
"""What in the folder is the store's; nothing else in it is touched."""


class _Umask:
    """How many want files for their owner alone, and what the umask was before the first did."""

    lock = threading.Lock()
    wanted = 0
    before = 0o022


def _begin_private() -> None:
    """From now on this process makes files and folders for its owner alone. DuckDB makes its log anew again
    and again, and asks nobody for the mode."""
    with _Umask.lock:
        _Umask.wanted += 1
        if _Umask.wanted == 1:
            _Umask.before = os.umask(0o077)


def _end_private() -> None:
    with _Umask.lock:
        _Umask.wanted -= 1
        if _Umask.wanted == 0:
            os.umask(_Umask.before)


@contextmanager
def private_files() -> Iterator[None]:
    """In this block, this process makes files and folders for its owner alone, whatever its umask was."""
    _begin_private()
    try:
        yield
    finally:
        _end_private()


class Home:
    """A store's folder, claimed by this process until it is released (or the process ends)."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        _begin_private()
        self.release = weakref.finalize(self, _let_go, descriptor)
        """Let other processes use the folder. May be called more than once."""

    @classmethod
    def claim(cls, folder: Path) -> Home:
        """Take the folder for this process alone. It is made where it is missing; whatever of it group and
        others may read is closed to them. Raises StoreInUse, OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A lock on the folder itself, beside DuckDB's on its file: the file may be missing, broken, or
        # about to be replaced by that of a backup.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mend(folder)
            for left in folder.glob(f"{UNFINISHED}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError as error:
            os.close(descriptor)
            raise StoreInUse from error
        except BaseException:
            os.close(descriptor)
            raise
        return cls(folder, descriptor)


def _let_go(descriptor: int) -> None:
    os.close(descriptor)
    _end_private()


def mend(folder: Path) -> None:
    """Close a store's folder and files to group and others (modes 0700 and 0600), with a line in the log.

    What belongs to another user, and a folder that everybody may write to as /tmp, is left and named.
    """
    state, me = folder.stat(), os.geteuid()
    if state.st_uid != me:
        log.warning("%s belongs to another user (user %s) and was left as it is.", folder, state.st_uid)
        return
    if state.st_mode & stat.S_ISVTX:
        log.warning("%s is a folder that users share and was left as it is. Name one of its own.", folder)
        return
    mended = 0
    for path in (folder, *_below(folder)):
        state = path.stat(follow_symlinks=path == folder)
        if stat.S_ISLNK(state.st_mode) or not state.st_mode & 0o077:
            continue
        if state.st_uid != me:
            log.warning("%s belongs to another user (user %s) and was left as it is.", path, state.st_uid)
            continue
        path.chmod(0o700 if stat.S_ISDIR(state.st_mode) else 0o600)
        mended += 1
    if mended:
        log.warning("Closed %s to group and others (%s files and folders).", folder, mended)


def _below(folder: Path) -> Iterator[Path]:
    """What is the store's in its folder; follows no links."""
    for pattern in _OURS:
        for path in folder.glob(pattern):
            yield path
            if path.is_dir() and not path.is_symlink():
                for parent, folders, files in os.walk(path):
                    yield from (Path(parent, name) for name in (*folders, *files))
