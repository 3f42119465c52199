"""What was instructed, by whom, when, and under which version. Clause: 3.1(i)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dpa_core.ledger import Event, Fault, check_chain
from dpa_core.office import AgreementMissing, CustomerFile
from dpa_core.subjects import describe

SUBJECTS = {
    "customer": "Agreement",
    "features": "Features",
    "retention": "Retention",
    "audits": "Audits",
    "data_return": "Return and deletion",
    "assistance": "Assistance",
    "sub_processors": "Sub-processor changes",
    "incidents": "Incidents",
    "review": "Reviews",
    "proposal": "Reviews",
    "snapshot": "Snapshots",
}
"""The first word of an event's kind, and what a person calls it."""


@dataclass(frozen=True)
class Instruction:
    """One recorded event in words. `recorded_at` in UTC."""

    sequence: int
    recorded_at: datetime
    actor: str
    on_behalf_of: str
    agreement_version: str
    subject: str
    what: str
    reason: str
    digest: str


def in_words(events: Iterable[Event], file: CustomerFile) -> list[Instruction]:
    """Events of this customer, each in the names of the agreement version it was given under."""
    return [
        Instruction(
            sequence=e.sequence,
            recorded_at=e.recorded_at,
            actor=e.actor,
            on_behalf_of=e.on_behalf_of,
            agreement_version=e.agreement_version,
            subject=SUBJECTS.get(e.kind.split(".")[0], e.kind),
            what=_what(e, file),
            reason=str(e.body.get("reason", "")) if isinstance(e.body, Mapping) else "",
            digest=e.digest,
        )
        for e in events
    ]


def _what(event: Event, file: CustomerFile) -> str:
    try:
        return describe(event, file.version(event.agreement_version, event.recorded_at))
    except (AgreementMissing, ValueError):
        # Tampered with, or a version's data is gone: the rest of the history must still be seen.
        return "An entry that cannot be read"


def instructions(file: CustomerFile, last: int | None = None) -> list[Instruction]:
    """The customer's instructions that count at the file's moment, newest first; the `last` few, or all."""

    def read() -> list[Instruction]:
        after = max(0, file.sequence - last) if last else 0
        events = file.ledger.events(file.customer_id, after=after, until=file.as_of)
        return in_words(reversed(events), file)

    return file.kept(("history.instructions", last), read)


def fault(file: CustomerFile) -> Fault | None:
    """The first entry of the customer's ledger that was tampered with; None where all fit.

    Always looks at the whole ledger, whatever the file's moment.
    """
    return check_chain(file.ledger, file.customer_id)
