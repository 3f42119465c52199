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
from dpa_core.agreement import Role
from dpa_core.agreement.transfers import ROLES, at_place
from dpa_core.application import Portfolio
from dpa_core.locale import last_day, local_day
from dpa_core.readers import Common, Key, Live
from dpa_core.subjects import data_return, features, incidents, objections
from dpa_core.subjects.dates import start_of
from dpa_core.subjects.own_list import OwnList
from dpa_core.subjects.subject import Context, Task
from dpa_core.views import tasks

PAGE = 50
"""Customers on a page."""
DUE = 50
"""Things due that are listed; the rest is counted."""

Order = Literal["name", "features", "sub_processors", "outside", "last_review", "next_due", "open_tasks"]
ORDERS: dict[Order, str] = {
    "name": "Name",
    "open_tasks": "Most open tasks",
    "next_due": "Next due",
    "last_review": "Longest without a review",
    "outside": "Most processing outside EU/EEA",
    "sub_processors": "Most sub-processors",
    "features": "Most features on",
}
"""What the list can be sorted by, as a person reads it."""
_MOST_FIRST = frozenset({"open_tasks", "outside", "sub_processors", "features"})


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
    """The places of its engaged sub-processors, each with what happens there: `USA (delivery)`."""
    outside: features.Outside
    days_since_review: int | None
    open_tasks: int
    next_due: datetime | None
    """The last moment in time of what is due first."""


@dataclass(frozen=True)
class Totals:
    """Over all customers of the portfolio."""

    customers: int
    outside: Mapping[Role, int]
    """With each thing that happens outside the EU and EEA at one place or more."""
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
    outside: features.Outside
    names: Mapping[str, str]
    """Of all features there are for it, by identifier."""


@dataclass(frozen=True)
class Overview:
    """What one person's portfolio says at one moment."""

    file: Portfolio

    def listed(self, text: str = "", order: Order = "name", page: int = 0, size: int = PAGE) -> list[Line]:
        """A page of the list, from 0. `text`: a part of the name or identifier, in any case."""
        exposure = {
            key: (x.sub_processors, len(x.outside["processing"]), len(x.on))
            for key, x in self._exposure.items()
        }
        rows = self.file.reader.page(
            self._common,
            exposure,
            self.file.now,
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
            outside=x.outside,
            days_since_review=_days(_utc(reviewed), self.file.now) if reviewed else None,
            open_tasks=number,
            next_due=_utc(due) if due else None,
        )

    def found(self, text: str = "") -> int:
        """How many customers a search finds."""
        return self.file.reader.found(text.strip().lower())

    def totals(self) -> Totals:
        """The figures over all of them."""
        outside = {
            role: sum(n for key, n in self._groups.items() if self._exposure[key].outside[role])
            for role in features.OUTSIDE
        }
        waiting = sum(number for *_, number in self._open)
        return Totals(sum(self._groups.values()), outside, self.file.reader.never_reviewed(), waiting)

    def adoption(self) -> Counter[str]:
        """How many customers have each feature on, by its identifier."""
        counted: Counter[str] = Counter()
        for key, number in self._groups.items():
            counted.update(dict.fromkeys(self._exposure[key].on, number))
        return counted

    def feature_names(self) -> dict[str, str]:
        """How every feature is called, those that a change of the list has brought among them."""
        published = {f.id: f.name for version in self.file.agreements.values() for f in version.features}
        return published | {id: name for x in self._exposure.values() for id, name in x.names.items()}

    def exposure(self) -> Counter[str]:
        """How many customers have a sub-processor engaged at each place, by name and what happens there."""
        counted: Counter[str] = Counter()
        for key, number in self._groups.items():
            counted.update(dict.fromkeys(self._exposure[key].places, number))
        return counted

    def falling_due(self, most: int = DUE) -> list[Due]:
        """What is open over all customers, what is due first coming first; what has no date stands among it
        by the day it began."""
        reader, now = self.file.reader, self.file.now
        rows = reader.falling_due(self._common, now, most)
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
        return {
            key: _exposed(self.file.own_list(facts.Group.of(*key[:4])), self._all_gone(key))
            for key in self._groups
        }

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
                    live = Live(version, opened_on, change, bool(task.step), tasks.last_moment(task))
                    found.append((task, live))
        return found

    @cached_property
    def _open(self) -> list[tuple[str, str, int | None, datetime | None, int]]:
        return self.file.reader.open_by_hour(self._common, self.file.now)

    @cached_property
    def _common(self) -> Common:
        over = sorted({f"{key[0]} {key[4]}" for key in self._groups if self._all_gone(key)})
        return Common([live for _, live in self._told], self._lately, over)

    def _all_gone(self, key: Key) -> bool:
        """Whether all data of a group is recorded as deleted since the end of the agreement."""
        return data_return.covers_all(key[4].split(","), self.file.agreements[key[0]])


def _exposed(own: OwnList, all_gone: bool) -> _Exposure:
    agreement, on = own.agreement, own.switched_on - own.suspended.keys()
    engaged = () if all_gone else features.engaged(on, agreement)
    there = {(x.place, x.role) for s in engaged for x in s.locations}
    places = tuple(
        at_place(p.name, role) for p in agreement.places for role in ROLES if (p.id, role) in there
    )
    names = {f.id: f.name for f in agreement.features}
    return _Exposure(on, len(engaged), places, features.outside_of(engaged, agreement), names)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def _days(at: datetime, now: datetime) -> int:
    return (local_day(now) - local_day(at)).days
