"""Snapshots taken: that somebody froze the customer's configuration, and the digest of what came out.

Standard: Art. 28(3)(h) GDPR (information that shows compliance), Art. 5(2) GDPR (accountability).
"""

from __future__ import annotations

import re
from datetime import date, datetime

from dpa_core.agreement import Agreement
from dpa_core.locale import Value
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Subject, rules

CLAUSE = "Art. 28(3)(h) GDPR"

_DIGEST = re.compile(r"[0-9a-f]{64}")


class OnFile(Record):
    """A snapshot on file: its digest, and the sequence of the event that recorded it."""

    digest: str
    entry: int


class State(Record):
    """The snapshots on file, by what `key` makes of the digest."""

    taken: dict[int, OnFile] = {}


def key(digest: str) -> int:
    """A number of 60 bits by which a snapshot with this digest (64 hexadecimal digits) is found."""
    return int(digest[:15], 16)


class Taken(Body, kind="snapshot.taken", words="Took a snapshot as at {as_at}, digest {start}…"):
    """What was frozen. The same `sequence` and `moment` freeze to the same digest."""

    as_at: date
    """The calendar day in Stockholm that the snapshot shows."""
    moment: Moment
    """The moment on that day from which what time alone brings about is computed."""
    sequence: int
    """The last event that counts."""
    digest: str
    """SHA-256 of the snapshot's canonical JSON (RFC 8785), in hexadecimal."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        return State(taken=state.taken | {key(self.digest): OnFile(digest=self.digest, entry=event.sequence)})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"start": self.digest[:12]}


class RecordSnapshot(Command, by="either", action="take_snapshot"):
    """Put a frozen snapshot on file. Fields as in `Taken`; `moment` in UTC."""

    as_at: date
    moment: datetime
    sequence: int
    digest: str


decide = rules()


@decide.register
def _record_snapshot(command: RecordSnapshot, state: State, context: Context) -> list[Body]:
    """Refused where the same snapshot is on file already, or it is none of this ledger.

    Clause: Art. 28(3)(h) GDPR
    """
    is_digest = _DIGEST.fullmatch(command.digest)
    same = state.taken.get(key(command.digest)) if is_digest else None
    if same and same.digest == command.digest:
        raise refuse("on_file", CLAUSE, entry=same.entry)
    if not (is_digest and 1 <= command.sequence <= context.sequence and command.moment <= context.now):
        raise refuse("no_snapshot", CLAUSE)
    return [
        Taken(as_at=command.as_at, moment=command.moment, sequence=command.sequence, digest=command.digest)
    ]


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The snapshot that was put on file with the digest of the one to be."""
    if isinstance(step, RecordSnapshot) and _DIGEST.fullmatch(step.digest):
        return {"taken": (key(step.digest),)}
    return {}


refuse = Refusals("snapshots")

SNAPSHOTS = Subject(
    name="snapshots",
    title="Snapshots",
    state=State,
    events=(Taken,),
    decide=decide,
    shelves=(Shelf("taken", OnFile, lambda *_: True),),
    touches=touches,
)
