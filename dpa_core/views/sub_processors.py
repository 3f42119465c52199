"""Which sub-processors are engaged for a customer, and since when. Clauses: 3.1(v), Sch. 2 2.1, Sch. 2 2.2"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dpa_core.agreement import Feature, SubProcessor
from dpa_core.application import CustomerFile
from dpa_core.ledger import Event
from dpa_core.subjects import features


@dataclass(frozen=True)
class Listed:
    """A sub-processor of the agreement, and how it stands for the customer."""

    sub_processor: SubProcessor
    engaged: bool
    features: tuple[Feature, ...]
    """Its features, in the agreement's order; none for a core one."""
    on: frozenset[str]
    """Identifiers of those that are on."""


@dataclass(frozen=True)
class Engagement:
    """What engaged a sub-processor, and when (UTC): an instruction, or a change of the list."""

    since: datetime
    by: str = ""
    sequence: int = 0
    """Of the instruction; 0: none."""
    change: str = ""
    """The title of the change that brought it in, where that is what engaged it."""


def listed(file: CustomerFile) -> list[Listed]:
    """All sub-processors of the customer's agreement, in its order."""
    on = file.context.in_use
    engaged = {s.id for s in features.engaged_now(file.context)}
    return [
        Listed(
            sub_processor=s,
            engaged=s.id in engaged,
            features=tuple(f for f in file.agreement.features if f.id in s.features),
            on=on & frozenset(s.features),
        )
        for s in file.agreement.sub_processors
    ]


def engagement(file: CustomerFile, id: str) -> Engagement | None:
    """What engaged an optional sub-processor for the time that still lasts; None where it is not engaged.
    Reads the customer's ledger: features switched since do not move the date.
    """
    if id not in {s.id for s in features.engaged_now(file.context)}:
        return None
    switched = file.cached("features.instructed", lambda: _instructed(file))
    by_instruction = next(
        (
            Engagement(event.recorded_at, file.who(event.actor), event.sequence)
            for event, body in switched
            if id in (*body.engaged, *body.released)
        ),
        None,
    )
    return max(filter(None, (by_instruction, _brought_in(file, id))), key=lambda e: e.since, default=None)


def _brought_in(file: CustomerFile, id: str) -> Engagement | None:
    """The change of the list that brought a sub-processor in last, where one did. Clause: Sch. 2 1.1"""
    agreement, opened_on = file.agreement, file.context.opened_on
    brought = [
        Engagement(p.counts_at(agreement, opened_on), change=p.change.title)
        for p in file.changes.values()
        if id in p.change.adds
        if p.changes_list_of(agreement)
    ]
    return max((e for e in brought if e.since <= file.now), key=lambda e: e.since, default=None)


def _instructed(file: CustomerFile) -> list[tuple[Event, features.Instructed]]:
    """Every instruction over features, newest first."""
    events = file.reader.events_of(features.Instructed.kind, file.sequence)
    return [(e, features.Instructed.model_validate(e.body)) for e in events]
