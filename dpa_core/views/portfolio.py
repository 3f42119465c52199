"""All customers of an account manager, each in a line of facts.

Clauses: Sch. 2 1.1, Sch. 2 2.2, Sch. 1 2, 3.1(viii) to (xii)
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from pydantic import TypeAdapter

from dpa_core.agreement import Agreement
from dpa_core.locale import local_day
from dpa_core.office import Portfolio
from dpa_core.subjects import (
    STATE_SCHEMA,
    CustomerState,
    features,
    fold,
    incidents,
    notices,
    retention,
    reviews,
    sub_processors,
)
from dpa_core.views import matters
from dpa_core.views.open_items import OpenItem, coming_changes, in_order, of_matter, of_settings


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


_FACTS = """
SELECT customer_id, state_schema, json_extract_string(state, [
    '$.customer.name', '$.customer.agreement_version', '$.features.switches',
    '$.reviews.held[#-1]', '$.reviews.proposals', '$.retention.settings', '$.sub_processors', '$.incidents'
])
FROM heads
WHERE customer_id NOT LIKE '@%' AND (? OR list_contains(?::VARCHAR[], customer_id))
"""


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
    objections: sub_processors.State
    handling: incidents.State


def lines(file: Portfolio) -> list[Line]:
    """A line a customer, by name."""
    # Many customers have the same features on; what those engage is worked out once.
    known: dict[tuple[str, frozenset[str]], tuple[int, tuple[str, ...], int]] = {}
    version = cache(file.version)
    coming = cache(lambda v: coming_changes(file.provider.sub_processors.published, version(v), file.now))
    silent = cache(lambda v: _notices(file, version(v)))
    told = {c for i in file.provider.incidents.incidents.values() for n in i.notices for c in n.customers}
    asked = _requests(file)
    found = []
    for facts in _facts(file):
        agreement, on, last = version(facts.version), facts.on, facts.last_review
        if (facts.version, on) not in known:
            known[facts.version, on] = _exposure(on, agreement)
        number, places, outside = known[facts.version, on]
        items = [*asked.get(facts.customer_id, ()), *coming(facts.version)]
        # Whoever objected to nothing and was told of no incident has the same notices as all the others.
        spoke = facts.objections.objections or facts.customer_id in told
        items += _notices(file, agreement, facts) if spoke else silent(facts.version)
        if last or facts.proposals or facts.settings:
            held = reviews.State(held=(last,) if last else (), proposals=facts.proposals)
            items += of_settings(retention.State(settings=facts.settings), held, agreement, file.now)
        found.append(
            Line(
                customer_id=facts.customer_id,
                name=facts.name,
                on=on,
                sub_processors=number,
                places=places,
                third_countries=outside,
                days_since_review=_days(last.held_at, file.now) if last else None,
                open_items=tuple(in_order(items)),
                next_due=min((i.due_at for i in items if i.due_at), default=None),
            )
        )
    return sorted(found, key=lambda line: (line.name.lower(), line.customer_id))


def _requests(file: Portfolio) -> Mapping[str, list[OpenItem]]:
    """What waits in requests and objections, by customer, as the ledger keeps it beside the heads."""
    found: dict[str, list[OpenItem]] = defaultdict(list)
    for customer_id, matter in matters.of_customers(file):
        found[customer_id].append(of_matter(matter))
    return found


def _notices(file: Portfolio, agreement: Agreement, facts: _Facts | None = None) -> list[OpenItem]:
    """What waits for a customer as the provider told it something; without `facts`: for a silent one."""
    state, customer_id = CustomerState(), ""
    if facts:
        state = CustomerState(sub_processors=facts.objections, incidents=facts.handling)
        customer_id = facts.customer_id
    found = notices(state, file.provider, customer_id, agreement)
    return [of_matter(m) for m in found if m.stands(file.now)]


def _facts(file: Portfolio) -> Iterator[_Facts]:
    """Whole states of a thousand customers would take several times as long as the page around them."""
    rows = file.ledger.rows(_FACTS, [file.customer_ids is None, list(file.customer_ids or ())])
    for id, schema, parts in rows:
        if schema == STATE_SCHEMA:
            name, version, switches, review, proposals, settings, objections, handling = parts
            yield _Facts(
                id,
                name,
                version,
                _switched_on(switches),
                _review(review) if review else None,
                _PROPOSALS.validate_json(proposals) if '"answer":null' in proposals else (),
                _SETTINGS.validate_json(settings) if '"pending":{' in settings else {},
                _objections(objections),
                _handling(handling),
            )
        else:  # not written to since the state last changed its shape
            state = fold(file.ledger.events(id))
            yield _Facts(
                id,
                state.customer.name,
                state.customer.agreement_version,
                state.features.on,
                state.reviews.last,
                state.reviews.proposals,
                dict(state.retention.settings),
                state.sub_processors,
                state.incidents,
            )


@lru_cache(2_000)
def _switched_on(switches: str) -> frozenset[str]:
    """Kept by the text itself, so that it is never out of date; so are the next ones."""
    return frozenset(feature for feature, switch in json.loads(switches).items() if switch["on"])


@lru_cache(2_000)
def _review(text: str) -> reviews.Review:
    return reviews.Review.model_validate_json(text)


@lru_cache(2_000)
def _objections(text: str) -> sub_processors.State:
    return sub_processors.State.model_validate_json(text)


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


def falling_due(found: Sequence[Line]) -> list[tuple[Line, OpenItem]]:
    """Everything with a date, over all customers, what comes first coming first."""
    dated = [(line, item) for line in found for item in line.open_items if item.due_at]
    return sorted(dated, key=lambda pair: (pair[1].due_at, pair[0].name))
