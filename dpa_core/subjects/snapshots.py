"""Snapshots taken: that somebody froze the customer's configuration, and the digest of what came out.

Standard: Art. 28(3)(h) GDPR (information that shows compliance), Art. 5(2) GDPR (accountability).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from dpa_core.agreement import Agreement
from dpa_core.subjects.common import Moment, NewEvent, Record, RecordedEvent, Refusal

CLAUSE = "Art. 28(3)(h) GDPR"
KIND = "snapshot.taken"

_DIGEST = re.compile(r"[0-9a-f]{64}")


class State(Record):
    """The digests on file, each with the sequence of the event that recorded it."""

    taken: dict[str, int] = {}


class Taken(Record):
    """`snapshot.taken`: what was frozen. The same `sequence` and `moment` freeze to the same digest."""

    v: Literal[1] = 1
    as_at: date
    """The calendar day in Stockholm that the snapshot shows."""
    moment: Moment
    """The moment on that day from which what time alone brings about is computed."""
    sequence: int
    """The last event that counts."""
    digest: str
    """SHA-256 of the snapshot's canonical JSON (RFC 8785), in hexadecimal."""


@dataclass(frozen=True)
class Take:
    """Put a frozen snapshot on file. Fields as in `Taken`; `moment` in UTC."""

    as_at: date
    moment: datetime
    sequence: int
    digest: str


def decide(command: Take, state: State, last_sequence: int, now: datetime) -> list[NewEvent]:
    """Record that the snapshot was taken. Refused where the same one is on file already.

    `last_sequence`: the head of the customer's ledger.
    Clause: Art. 28(3)(h) GDPR
    """
    if command.digest in state.taken:
        raise Refusal(
            CLAUSE,
            f"The same snapshot is on file already, as entry {state.taken[command.digest]}.",
            "Nothing that it shows has changed since. Use that one.",
        )
    if not (
        _DIGEST.fullmatch(command.digest) and 1 <= command.sequence <= last_sequence and command.moment <= now
    ):
        raise Refusal(CLAUSE, "That is no snapshot of this customer.", "Freeze it again.")
    body = Taken(as_at=command.as_at, moment=command.moment, sequence=command.sequence, digest=command.digest)
    return [NewEvent(KIND, body)]


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind != KIND:
        return state
    body = Taken.model_validate(event.body)
    return State(taken=state.taken | {body.digest: event.sequence})


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence."""
    body = Taken.model_validate(event.body)
    return f"Took a snapshot as at {body.as_at:%-d %b %Y}, digest {body.digest[:12]}…"
