"""What was instructed, by whom, when, and under which version. Clause: 3.1(i)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dpa_core.application import AgreementMissing, CustomerFile
from dpa_core.ledger import Accepted as Accepted
from dpa_core.ledger import Event, Fault
from dpa_core.subjects import registry


@dataclass(frozen=True)
class Instruction:
    """One recorded event in words. `recorded_at` in UTC; `actor` as known at the file's moment."""

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
            actor=file.who(e.actor),
            on_behalf_of=e.on_behalf_of,
            agreement_version=e.agreement_version,
            subject=_subject(e),
            what=_what(e, file),
            reason=str(e.body.get("reason", "")) if isinstance(e.body, Mapping) else "",
            digest=e.digest,
        )
        for e in events
    ]


def _subject(event: Event) -> str:
    subject = registry.by_kind(event.kind)
    return subject.title if subject else event.kind


def _what(event: Event, file: CustomerFile) -> str:
    try:
        return registry.describe(event, file.version(event.agreement_version, event.recorded_at))
    except (AgreementMissing, ValueError):
        # Tampered with, or a version's data is gone: the rest of the history must still be seen.
        return "An entry that cannot be read"


def instructions(file: CustomerFile, last: int | None = None) -> list[Instruction]:
    """The customer's instructions that count at the file's moment, newest first; the `last` few, or all."""

    def read() -> list[Instruction]:
        after = max(0, file.sequence - last) if last else 0
        events = file.reader.events(after=after, until=file.as_of)
        return in_words(reversed(events), file)

    return file.cached(("history.instructions", last, file.people.changes), read)


def entry(file: CustomerFile, sequence: int) -> Instruction | None:
    """One entry of the customer's ledger in words; None where there is none of that number."""
    event = file.reader.event(sequence) if sequence <= file.sequence else None
    return in_words([event], file)[0] if event else None


def fault(file: CustomerFile) -> Fault | None:
    """The first entry of the customer's ledger that was tampered with; None where all fit.

    Always looks at the whole ledger, whatever the file's moment.
    """
    return file.reader.fault()


def losses(file: CustomerFile) -> list[Accepted]:
    """When entries of the customer's ledger were lost by a fault of the store, as the provider's operator has
    accepted on record; oldest first. Clause: Art. 32(1)(c) GDPR"""
    return file.reader.losses()
