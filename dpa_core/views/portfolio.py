"""All customers of an account manager, each in a line of facts.

Clauses: Sch. 2 1.1, Sch. 2 2.2, Sch. 1 2, 3.1(viii) to (xii)
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache

from pydantic import TypeAdapter

from dpa_core.agreement import Agreement
from dpa_core.application import Portfolio
from dpa_core.locale import local_day
from dpa_core.subjects import features, incidents, objections, retention, reviews
from dpa_core.subjects.subject import Context, Task
from dpa_core.views import tasks


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
    tasks: tuple[Task, ...]
    """What is open, what is due first coming first."""
    next_due: datetime | None


_PATHS = (
    "-> 'customer' ->> 'name'",
    "-> 'customer' ->> 'agreement_version'",
    "-> 'features' ->> 'switches'",
    "-> 'reviews' -> 'held' ->> -1",
    "-> 'reviews' ->> 'proposals'",
    "-> 'retention' ->> 'settings'",
    "->> 'objections'",
    "->> 'incidents'",
)
"""Where a line's facts lie in a folded state: whole states of a thousand customers would take several times
as long to read as the page around them."""


@dataclass(frozen=True)
class _Facts:
    """Of a customer's state the parts that its line tells of."""

    customer_id: str
    name: str
    version: str
    on: frozenset[str]
    last_review: reviews.Review | None
    proposals: tuple[reviews.Proposal, ...]
    settings: dict[str, retention.Setting]
    objections: objections.State
    handling: incidents.State

    @classmethod
    def silent(cls, version: str) -> _Facts:
        """Of a customer that has said nothing yet."""
        return cls("", "", version, frozenset(), None, (), {}, objections.State(), incidents.State())


def lines(file: Portfolio) -> list[Line]:
    """A line a customer, by name."""
    # Many customers have the same features on; what those engage is worked out once.
    context = cache(lambda version: _context(file, version))
    exposure = cache(lambda version, on: _exposure(on, context(version).agreement))
    # Whoever objected to nothing and was told of no incident has the same notices as all the others.
    silent = cache(lambda version: _notices(_Facts.silent(version), context(version)))
    told = {c for i in file.provider.incidents.incidents.values() for n in i.notices for c in n.customers}
    asked = _by_customer(file)
    found = []
    for facts in _facts(file):
        known, last = context(facts.version), facts.last_review
        number, places, outside = exposure(facts.version, facts.on)
        if facts.objections.objections or facts.customer_id in told:
            own = incidents.for_customer(file.provider.incidents, facts.customer_id)
            notices = _notices(facts, replace(known, customer_id=facts.customer_id, incidents=own))
        else:
            notices = silent(facts.version)
        items = [*asked.get(facts.customer_id, ()), *notices, *_of_settings(facts, known)]
        found.append(
            Line(
                customer_id=facts.customer_id,
                name=facts.name,
                on=facts.on,
                sub_processors=number,
                places=places,
                third_countries=outside,
                days_since_review=_days(last.held_at, file.now) if last else None,
                tasks=tuple(tasks.in_order(items)),
                next_due=min((at for t in items if (at := tasks.due_at(t))), default=None),
            )
        )
    return sorted(found, key=lambda line: (line.name.lower(), line.customer_id))


def _context(file: Portfolio, version: str) -> Context:
    """What the notices of a customer bound to a version rest on, if it was told of no incident."""
    return Context(file.version(version), file.now, changes=file.provider.sub_processors.published)


def _by_customer(file: Portfolio) -> Mapping[str, list[Task]]:
    """What is open in requests and objections, as the ledger keeps it beside the heads."""
    found: dict[str, list[Task]] = defaultdict(list)
    for customer_id, task in tasks.of_customers(file):
        found[customer_id].append(task)
    return found


def _notices(facts: _Facts, context: Context) -> list[Task]:
    """What is open for a customer as the provider told it something."""
    found = [
        *objections.OBJECTIONS.notices(facts.objections, context),
        *incidents.INCIDENTS.notices(facts.handling, context),
    ]
    return [t for t in found if t.stands(context.now)]


def _of_settings(facts: _Facts, context: Context) -> list[Task]:
    """Coming retention periods, proposals without an answer, and what the last review left to do."""
    if not (facts.last_review or facts.proposals or facts.settings):
        return []
    held = reviews.State(held=(facts.last_review,) if facts.last_review else (), proposals=facts.proposals)
    found = [
        *retention.RETENTION.tasks(retention.State(settings=facts.settings), context),
        *reviews.REVIEWS.tasks(held, context),
    ]
    return [t for t in found if t.stands(context.now)]


def _facts(file: Portfolio) -> Iterator[_Facts]:
    for id, parts in file.reader.facts(_PATHS):
        name, version, switches, review, proposals, settings, objected, handling = parts
        yield _Facts(
            id,
            name,
            version,
            _switched_on(switches),
            _review(review) if review else None,
            _PROPOSALS.validate_json(proposals) if '"answer":null' in proposals else (),
            _SETTINGS.validate_json(settings) if '"pending":{' in settings else {},
            _objections(objected),
            _handling(handling),
        )


@lru_cache(2_000)
def _switched_on(switches: str) -> frozenset[str]:
    """Kept by the text itself, so that it is never out of date; so are the next ones."""
    return frozenset(feature for feature, switch in json.loads(switches).items() if switch["on"])


@lru_cache(2_000)
def _review(text: str) -> reviews.Review:
    return reviews.Review.model_validate_json(text)


@lru_cache(2_000)
def _objections(text: str) -> objections.State:
    return objections.State.model_validate_json(text)


@lru_cache(2_000)
def _handling(text: str) -> incidents.State:
    return incidents.State.model_validate_json(text)


_PROPOSALS = TypeAdapter(tuple[reviews.Proposal, ...])
_SETTINGS = TypeAdapter(dict[str, retention.Setting])


def _exposure(on: frozenset[str], agreement: Agreement) -> tuple[int, tuple[str, ...], int]:
    engaged = features.engaged(on, agreement)
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


def falling_due(found: Sequence[Line]) -> list[tuple[Line, Task]]:
    """Everything with a date, over all customers, what comes first coming first."""
    dated = [(line, task) for line in found for task in line.tasks if task.due]
    return sorted(dated, key=lambda pair: (tasks.due_at(pair[1]), pair[0].name))
