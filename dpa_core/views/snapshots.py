"""The snapshots that were taken of one customer. Standard: Art. 28(3)(h) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from dpa_core.office import CustomerFile
from dpa_core.subjects.snapshots import KIND, Taken


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
    return file.kept("snapshots.on_file", lambda: _read(file))


def _read(file: CustomerFile) -> list[OnFile]:
    rows = file.ledger.rows(
        "SELECT sequence, recorded_at, actor, body FROM events "
        "WHERE customer_id = ? AND kind = ? AND sequence <= ? ORDER BY sequence DESC",
        [file.customer_id, KIND, file.sequence],
    )
    found = []
    for sequence, at, actor, body in rows:
        taken = Taken.model_validate_json(body)
        found.append(
            OnFile(
                sequence=sequence,
                taken_at=at.replace(tzinfo=UTC),
                by=actor,
                as_at=taken.as_at,
                moment=taken.moment,
                upto=taken.sequence,
                digest=taken.digest,
            )
        )
    return found
