"""What may go wrong with a store."""

from __future__ import annotations


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
