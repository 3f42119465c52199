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
    """What engaged a sub-processor: the entry of the ledger, who made it and when (UTC)."""

    since: datetime
    by: str
    sequence: int


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
    """The instruction that engaged an optional sub-processor for the time that still lasts; None where
    it is not engaged, as after the end of the agreement. Reads the customer's ledger: features switched since
    do not move the date.
    """
    if file.context.ended:
        return None
    switched = file.cached("features.instructed", lambda: _instructed(file))
    for event, body in switched:
        if id in body.engaged:
            return Engagement(event.recorded_at, file.who(event.actor), event.sequence)
        if id in body.released:
            return None
    return None


def _instructed(file: CustomerFile) -> list[tuple[Event, features.Instructed]]:
    """Every instruction over features, newest first."""
    events = file.reader.events_of(features.Instructed.kind, file.sequence)
    return [(e, features.Instructed.model_validate(e.body)) for e in events]
