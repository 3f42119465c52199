"""The snapshots that were taken of one customer. Standard: Art. 28(3)(h) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dpa_core.application import CustomerFile
from dpa_core.subjects.snapshots import Taken


@dataclass(frozen=True)
class OnFile:
    """A snapshot on file. `taken_at` and `moment` in UTC; `upto` is the last entry that it shows."""

    sequence: int
    taken_at: datetime
    by: str
    as_at: date
    moment: datetime
    upto: int
    digest: str


def on_file(file: CustomerFile) -> list[OnFile]:
    """What was taken up to the file's moment, newest first."""
    return file.cached(("snapshots.on_file", file.people.changes), lambda: _read(file))


def _read(file: CustomerFile) -> list[OnFile]:
    found = []
    for event in file.reader.events_of(Taken.kind, file.sequence):
        taken = Taken.model_validate(event.body)
        found.append(
            OnFile(
                sequence=event.sequence,
                taken_at=event.recorded_at,
                by=file.who(event.actor),
                as_at=taken.as_at,
                moment=taken.moment,
                upto=taken.sequence,
                digest=taken.digest,
            )
        )
    return found
