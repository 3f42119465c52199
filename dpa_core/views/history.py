"""What was instructed, by whom, when, and under which version. Clause: 3.1(i)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from dpa_core.application import AgreementMissing, CustomerFile
from dpa_core.ledger import Accepted as Accepted
from dpa_core.ledger import Event, Fault
from dpa_core.readers import Entries
from dpa_core.subjects import registry

_PART = 1_000
"""Entries read at once where all are."""


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
            subject=_title(e.kind),
            what=_what(e, file),
            reason=str(e.body.get("reason", "")) if isinstance(e.body, Mapping) else "",
            digest=e.digest,
        )
        for e in events
    ]


def _title(kind: str) -> str:
    subject = registry.by_kind(kind)
    return subject.title if subject else kind


def _what(event: Event, file: CustomerFile) -> str:
    try:
        return registry.describe(event, file.version(event.agreement_version, event.recorded_at))
    except (AgreementMissing, ValueError):
        # Tampered with, or a version's data is gone: the rest of the history must still be seen.
        return "An entry that cannot be read"


def instructions(file: CustomerFile, last: int | None = None) -> list[Instruction]:
    """The customer's instructions that count at the file's moment, newest first; the `last` few, or all."""
    after = max(0, file.sequence - last) if last else 0
    return in_words(reversed(file.reader.events(after=after, upto=file.sequence)), file)


@dataclass(frozen=True)
class Search:
    """Which instructions are asked for."""

    text: str = ""
    """A part of what was instructed, the reason, or who did it, in any case."""
    subjects: tuple[str, ...] = ()
    """Titles; none: all."""
    actors: tuple[str, ...] = ()
    """As known at the file's moment; none: all."""
    since: datetime | None = None
    """In UTC."""


@dataclass(frozen=True)
class History:
    """A customer's instructions up to the file's moment, as searched: counted and cut in SQL."""

    file: CustomerFile
    search: Search = Search()

    def number(self) -> int:
        """How many are found."""
        return self.file.reader.number_of(self._wanted, self.file.sequence)

    def page(self, limit: int, offset: int = 0) -> list[Instruction]:
        """Some of them in words, newest first."""
        return list(self._in_words(self.file.reader.numbers(self._wanted, self.file.sequence, limit, offset)))

    def all(self) -> Iterator[Instruction]:
        """All of them in words, newest first, read a part at a time."""
        offset = 0
        while found := self.page(_PART, offset):
            yield from found
            offset += _PART

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """The titles of the subjects that there are entries of."""
        return tuple(sorted({_title(kind) for kind, _ in self._there}))

    @cached_property
    def actors(self) -> tuple[str, ...]:
        """Everybody who has brought about an entry, as known at the file's moment."""
        return tuple(sorted({self.file.who(actor) for _, actor in self._there}))

    @cached_property
    def _there(self) -> list[tuple[str, str]]:
        reader, upto = self.file.reader, self.file.sequence
        return self.file.cached("history.there", lambda: reader.kinds_and_actors(upto))

    @cached_property
    def _wanted(self) -> Entries:
        found, text = self._filtered, self.search.text.strip().lower()
        if not text:
            return found
        key = ("history.found", self.search, self.file.people.changes)
        return replace(found, among=self.file.cached(key, lambda: self._saying(text)))

    @property
    def _filtered(self) -> Entries:
        subjects, actors = self.search.subjects, self.search.actors
        return Entries(
            tuple({k for k, _ in self._there if _title(k) in subjects}) if subjects else None,
            tuple({a for _, a in self._there if self.file.who(a) in actors}) if actors else None,
            self.search.since,
        )

    def _saying(self, text: str) -> tuple[int, ...]:
        """The numbers of those that have a text in their words, which no column holds."""
        found: list[int] = []
        offset = 0
        while numbers := self.file.reader.numbers(self._filtered, self.file.sequence, _PART, offset):
            found += (
                i.sequence
                for i in self._in_words(numbers)
                if text in f"{i.what} {i.reason} {i.actor}".lower()
            )
            offset += _PART
        return tuple(found)

    def _in_words(self, numbers: Sequence[int]) -> list[Instruction]:
        events = self.file.reader.events_named(numbers)
        return in_words((events[n] for n in numbers), self.file)


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
