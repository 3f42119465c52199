"""Work the log into the database file while nobody waits.

DuckDB does it by itself in the middle of whichever commit brings the log over a size, and that commit waits:
for a store with many customers, a good part of a second. Here a thread does it when nothing was written for a
moment. A checkpoint that meets a transaction gives way; nobody is aborted (`FORCE` would).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

log = logging.getLogger("dpa_desk")

LOG_MOST = "1GB"
"""The size of the log from which DuckDB works it in by itself, whoever waits: there only so that a store that
is written to without pause for hours does not fill the disk."""
SMALL = 1 << 20
"""Bytes of a log that is not worth the work yet."""
LARGE = 64 << 20
"""Bytes of a log that no longer waits for a calm moment: a start after a fault reads all of it."""
CALM = 2.0
"""Seconds without a commit that count as a calm moment."""
_LOOKS = 1.0
"""Seconds between two looks at the log."""


class Checkpoints:
    """The thread that does so for one open store."""

    def __init__(
        self,
        log_file: Path,
        connection: duckdb.DuckDBPyConnection,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connection`: used by nobody else, and closed in the end."""
        self._log_file = log_file
        self._connection = connection
        self._timer = timer
        self._wrote = timer()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; one that is under way is waited for."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    def wrote(self) -> None:
        """Something was committed just now."""
        self._wrote = self._timer()

    def look(self) -> bool:
        """Work the log in if it is time; whether it was done."""
        size = self._size()
        calm = self._timer() - self._wrote >= CALM
        if size < SMALL or not (calm or size >= LARGE):
            return False
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:  # others write just now: it can wait for the next look
            return False
        except duckdb.Error as error:  # a full disk: whoever writes next is told; the log holds all of it
            log.warning(
                "%s cannot be worked into the database: %s", self._log_file, str(error).split("\n")[0]
            )
            return False
        return True

    def _size(self) -> int:
        try:
            return self._log_file.stat().st_size
        except OSError:  # there is none while nothing was written
            return 0

    def _run(self) -> None:
        while not self._done.wait(_LOOKS):
            self.look()
