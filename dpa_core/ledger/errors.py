"""What may go wrong with a store."""

from __future__ import annotations

import logging

log = logging.getLogger("dpa_desk")


class StoreError(Exception):
    """The store cannot be opened, read or written. The message is one line for a person."""


class StoreInUse(StoreError):
    """Another process has the store open."""

    def __init__(self) -> None:
        super().__init__(
            "The database file is in use by another process that takes no commands: a server that is just "
            "starting, another command, or some other program. Stop it, or try again in a moment."
        )


class Conflict(Exception):
    """Someone else wrote to this ledger since it was read. Nothing of this attempt is stored."""

    def __init__(self, customer_id: str, expected_sequence: int) -> None:
        super().__init__(f"{customer_id} has changed since sequence {expected_sequence}")
        self.customer_id = customer_id
        self.expected_sequence = expected_sequence


class Interrupted(Conflict):
    """The connection to the database broke before the commit. Nothing of this attempt is stored."""


class CommitLost(StoreError):
    """The connection to the database broke at the commit, and it cannot be found out what became of it."""

    def __init__(self) -> None:
        super().__init__(
            "Whether this was recorded is not known: the connection to the database broke while it was being "
            "written. Look at the page again before you repeat it."
        )


_SIGNS = {
    "not a valid DuckDB": "it is no database, or its beginning is damaged",
    "database file with version number": "another version of the database wrote it",
    "replaying WAL": "its log is damaged",
    "checksum": "its content is damaged, as a checksum in it shows",
    "orrupt": "its content is damaged",
    "INTERNAL": "its content is damaged",
    "erialization": "its content is damaged",
    "Could not read enough": "its end is missing",
    "ermission denied": "this user may not open it",
    "s a directory": "it is a folder",
    "Too many open files": "this process has too many files open",
    "read-only": "it was opened read-only",
    "emory": "there is too little memory",
}
"""What to say of a database's own errors, by what stands in them; the first that fits."""


def plainly(error: Exception) -> str:
    """Why a database file cannot be read, in words for a person. What the database says itself goes to the
    log, at a level that no terminal shows."""
    text = str(error)
    log.info("The database says: %s", text)
    return next((said for sign, said in _SIGNS.items() if sign in text), "something went wrong in it")
