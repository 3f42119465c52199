"""All customers of an account manager, each in a line of facts. Clauses: Sch. 2 2.2, Sch. 1 2"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dpa_core.office import CustomerFile
from dpa_core.subjects import features
from dpa_core.subjects.common import local_day
from dpa_core.views.open_items import OpenItem, open_items


@dataclass(frozen=True)
class Line:
    """One customer. Times in UTC."""

    customer_id: str
    name: str
    on: frozenset[str]
    sub_processors: int
    places: tuple[str, ...]
    """Names of the places where its engaged sub-processors process data or may reach it."""
    third_countries: int
    days_since_review: int | None
    open_items: tuple[OpenItem, ...]
    next_due: datetime | None


def lines(files: Sequence[CustomerFile]) -> list[Line]:
    """A line a customer, in the order given."""
    # Many customers have the same features on; what those engage is worked out once.
    known: dict[tuple[str, frozenset[str]], tuple[int, tuple[str, ...], int]] = {}
    found = []
    for file in files:
        on = file.state.features.on
        key = (file.agreement.version, on)
        if key not in known:
            known[key] = _exposure(file)
        number, places, outside = known[key]
        items = open_items(file)
        last = file.state.reviews.last
        found.append(
            Line(
                customer_id=file.customer_id,
                name=file.name,
                on=on,
                sub_processors=number,
                places=places,
                third_countries=outside,
                days_since_review=_days(last.held_at, file.now) if last else None,
                open_items=tuple(items),
                next_due=min((i.due_at for i in items if i.due_at), default=None),
            )
        )
    return found


def _exposure(file: CustomerFile) -> tuple[int, tuple[str, ...], int]:
    agreement = file.agreement
    engaged = features.engaged(file.state.features.on, agreement)
    there = {x.place for s in engaged for x in s.locations if x.role != "delivery"}
    places = [p for p in agreement.places if p.id in there]
    return len(engaged), tuple(p.name for p in places), sum(p.third_country for p in places)


def _days(at: datetime, now: datetime) -> int:
    return (local_day(now) - local_day(at)).days


def adoption(found: Sequence[Line]) -> Counter[str]:
    """How many customers have each feature on, by its identifier."""
    return Counter(id for line in found for id in line.on)


def exposure(found: Sequence[Line]) -> Counter[str]:
    """How many customers' data is processed in, or may be reached from, each place, by its name."""
    return Counter(name for line in found for name in line.places)


def falling_due(found: Sequence[Line]) -> list[tuple[Line, OpenItem]]:
    """Everything with a date, over all customers, what comes first coming first."""
    dated = [(line, item) for line in found for item in line.open_items if item.due_at]
    return sorted(dated, key=lambda pair: (pair[1].due_at, pair[0].name))
