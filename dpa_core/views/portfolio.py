"""All customers of an account manager, a page of them at a time, and what they have in common.

Counted, sorted and cut in SQL over the facts beside the heads: no folded state is read. What depends on the
list of sub-processors that counts now is worked out once for all customers with the same features on.

Clauses: Sch. 2 1.1, Sch. 2 2.2, Sch. 1 2, 3.1(viii) to (xii)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Literal

from dpa_core import facts
from dpa_core.agreement import Agreement
from dpa_core.application import Portfolio
from dpa_core.locale import last_day, local_day
from dpa_core.readers import Key, Live
from dpa_core.subjects import features, incidents, objections
from dpa_core.subjects.dates import start_of
from dpa_core.subjects.own_list import OwnList
from dpa_core.subjects.subject import Context, Task
from dpa_core.views import tasks

PAGE = 50
"""Customers on a page."""
DUE = 50
"""Things due that are listed; the rest is counted."""

Order = Literal[
    "name", "features", "sub_processors", "third_countries", "last_review", "next_due", "open_tasks"
]
ORDERS: dict[Order, str] = {
    "name": "Name",
    "open_tasks": "Most open tasks",
    "next_due": "Next due",
    "last_review": "Longest without a review",
    "third_countries": "Most third countries",
    "sub_processors": "Most sub-processors",
    "features": "Most features on",
}
"""What the list can be sorted by, as a person reads it."""
_MOST_FIRST = frozenset({"open_tasks", "third_countries", "sub_processors", "features"})


@dataclass(frozen=True)
class Line:
    """One customer. Times in UTC."""

    customer_id: str
    name: str
    ends_on: date | None
    """The last day of its agreement, where its end is recorded; nothing is on after it."""
    on: frozenset[str]
    sub_processors: int
    places: tuple[str, ...]
    """Names of the places where its engaged sub-processors process data or may reach it."""
    third_countries: int
    days_since_review: int | None
    open_tasks: int
    next_due: datetime | None
    """The last moment in time of what is due first."""


@dataclass(frozen=True)
class Totals:
    """Over all customers of the portfolio."""

    customers: int
    abroad: int
    """With data in a third country, or reached from one."""
    never_reviewed: int
    open_tasks: int


@dataclass(frozen=True)
class Due:
    """Something open. `last`: the last moment in time, in UTC; None: without a date."""

    customer_id: str
    customer: str
    task: Task
    last: datetime | None


@dataclass(frozen=True)
class _Exposure:
    on: frozenset[str]
    sub_processors: int
    places: tuple[str, ...]
    third_countries: int


@dataclass(frozen=True)
class Overview:
    """What one person's portfolio says at one moment."""

    file: Portfolio

    def listed(self, text: str = "", order: Order = "name", page: int = 0, size: int = PAGE) -> list[Line]:
        """A page of the list, from 0. `text`: a part of the name or identifier, in any case."""
        exposure = {
            key: (x.sub_processors, x.third_countries, len(x.on)) for key, x in self._exposure.items()
        }
        rows = self.file.reader.page(
            self._live,
            exposure,
            self.file.now,
            lately=self._lately,
            text=text.strip().lower(),
            order=order,
            descending=order in _MOST_FIRST,
            limit=size,
            offset=page * size,
        )
        return [self._line(*row) for row in rows]

    def _line(
        self,
        customer_id: str,
        name: str,
        version: str,
        on: str,
        disputes: str,
        opened_on: date | None,
        gone: str,
        ends_at: datetime | None,
        reviewed: datetime | None,
        due: datetime | None,
        number: int,
    ) -> Line:
        x = self._exposure[version, on, disputes, opened_on, gone]
        return Line(
            customer_id=customer_id,
            name=name,
            ends_on=last_day(_utc(ends_at)) if ends_at else None,
            on=x.on,
            sub_processors=x.sub_processors,
            places=x.places,
            third_countries=x.third_countries,
            days_since_review=_days(_utc(reviewed), self.file.now) if reviewed else None,
            open_tasks=number,
            next_due=_utc(due) if due else None,
        )

    def found(self, text: str = "") -> int:
        """How many customers a search finds."""
        return self.file.reader.found(text.strip().lower())

    def totals(self) -> Totals:
        """The figures over all of them."""
        abroad = sum(n for key, n in self._groups.items() if self._exposure[key].third_countries)
        waiting = sum(number for *_, number in self._open)
        return Totals(sum(self._groups.values()), abroad, self.file.reader.never_reviewed(), waiting)

    def adoption(self) -> Counter[str]:
        """How many customers have each feature on, by its identifier."""
        counted: Counter[str] = Counter()
        for key, number in self._groups.items():
            counted.update(dict.fromkeys(self._exposure[key].on, number))
        return counted

    def exposure(self) -> Counter[str]:
        """How many customers' data is processed in, or may be reached from, each place, by its name."""
        counted: Counter[str] = Counter()
        for key, number in self._groups.items():
            counted.update(dict.fromkeys(self._exposure[key].places, number))
        return counted

    def falling_due(self, most: int = DUE) -> list[Due]:
        """What is open over all customers, what is due first coming first; what has no date stands among it
        by the day it began."""
        reader, now = self.file.reader, self.file.now
        rows = reader.falling_due(self._live, now, self._lately, most)
        own = {
            (id, task.key): task
            for id, task in tasks.from_rows(reader.tasks((row[0], row[3]) for row in rows))
            if task.stands(now)
        }
        found = []
        for id, name, subject, key, place, last in rows:
            task = self._task(id, subject, key, place, own, dated=last is not None)
            found.append(Due(id, name, task, _utc(last) if last else None))
        return found

    def due_by_day(self) -> Counter[tuple[date, str]]:
        """How much falls due on which day in Stockholm, of which kind."""
        counted: Counter[tuple[date, str]] = Counter()
        for subject, about, place, hour, number in self._open:
            if hour is None:
                continue
            task = Task("", subject, about) if place is None else self._told[place][0]
            counted[local_day(_utc(hour)), tasks.kind(task)] += number
        return counted

    def _task(
        self,
        customer_id: str,
        subject: str,
        key: str,
        place: int | None,
        own: Mapping[tuple[str, str], Task],
        *,
        dated: bool,
    ) -> Task:
        if place is not None:
            return self._told[place][0]
        if (customer_id, key) in own:
            return own[customer_id, key]
        told = incidents.for_customer(self.file.provider.incidents, customer_id)
        context = Context(next(iter(self.file.agreements.values())), self.file.now, incidents=told)
        found = incidents.INCIDENTS.notices(incidents.State(), replace(context, customer_id=customer_id))
        return next(t for t in found if bool(t.due) == dated and t.key.split("/")[1] == key)

    # --- worked out once ---------------------------------------------------------------------------

    @cached_property
    def _lately(self) -> date:
        """Customers opened before this day stand to every change as everybody does: the notice that is still
        of consequence reached them all on the same day, or they found the change on the list."""
        days = (a.term("objection_period").value for a in self.file.agreements.values())
        return local_day(self.file.now) - timedelta(days=max(days) + 1)

    @cached_property
    def _groups(self) -> dict[Key, int]:
        return dict(self.file.reader.groups(self._lately, self.file.now))

    @cached_property
    def _exposure(self) -> dict[Key, _Exposure]:
        return {key: _exposed(self.file.own_list(facts.Group.of(*key[:4])), key[4]) for key in self._groups}

    @cached_property
    def _told(self) -> list[tuple[Task, Live]]:
        """What the provider told every customer of a version that stands open now."""
        published = self.file.provider.sub_processors.published
        found = []
        for version, opened_on in sorted({(k[0], k[3]) for k in self._groups}, key=str):
            alike = facts.Group(version, frozenset(), opened_on, (), ())
            agreement = self.file.own_list(alike).agreement
            opened_at = start_of(opened_on) if opened_on else None
            context = Context(agreement, self.file.now, changes=published, opened_at=opened_at)
            for task in objections.OBJECTIONS.notices(objections.State(), context):
                if task.stands(self.file.now):
                    change = int(task.key.split("/")[1])
                    last, all_gone = tasks.last_moment(task), _all_gone(agreement)
                    live = Live(version, opened_on, change, bool(task.step), last, all_gone)
                    found.append((task, live))
        return found

    @cached_property
    def _open(self) -> list[tuple[str, str, int | None, datetime | None, int]]:
        return self.file.reader.open_by_hour(self._live, self.file.now, self._lately)

    @cached_property
    def _live(self) -> list[Live]:
        return [live for _, live in self._told]


def _all_gone(agreement: Agreement) -> str:
    """What `gone` says where all data is recorded as deleted since the end of an agreement."""
    return ",".join(sorted(c.id for c in agreement.data_categories))


def _exposed(own: OwnList, gone: str) -> _Exposure:
    agreement, on = own.agreement, own.switched_on - own.suspended.keys()
    engaged = () if gone == _all_gone(agreement) else features.engaged(on, agreement)
    there = {x.place for s in engaged for x in s.locations if x.role != "delivery"}
    places = [p for p in agreement.places if p.id in there]
    outside = sum(p.third_country for p in places)
    return _Exposure(on, len(engaged), tuple(p.name for p in places), outside)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def _days(at: datetime, now: datetime) -> int:
    return (local_day(now) - local_day(at)).days
