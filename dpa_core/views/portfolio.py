"""All customers of an account manager, each in a line of facts. Clauses: Sch. 2 2.2, Sch. 1 2"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from pydantic import TypeAdapter

from dpa_core.agreement import Agreement
from dpa_core.office import Portfolio
from dpa_core.subjects import STATE_SCHEMA, features, fold, retention, reviews
from dpa_core.subjects.common import local_day
from dpa_core.views.open_items import OpenItem, of_matter, waiting


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
    '$.reviews.held[#-1]', '$.reviews.proposals', '$.retention.settings'
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


def lines(file: Portfolio) -> list[Line]:
    """A line a customer, by name."""
    # Many customers have the same features on; what those engage is worked out once.
    known: dict[tuple[str, frozenset[str]], tuple[int, tuple[str, ...], int]] = {}
    found = []
    versions: dict[str, Agreement] = {}
    asked = _requests(file)
    for facts in _facts(file):
        on, last = facts.on, facts.last_review
        if facts.version not in versions:
            versions[facts.version] = file.version(facts.version)
        agreement = versions[facts.version]
        if (facts.version, on) not in known:
            known[facts.version, on] = _exposure(on, agreement)
        number, places, outside = known[facts.version, on]
        items = asked.get(facts.customer_id, [])
        if last or facts.proposals or facts.settings:
            held = reviews.State(held=(last,) if last else (), proposals=facts.proposals)
            items = items + waiting(retention.State(settings=facts.settings), held, agreement, file.now)
        found.append(
            Line(
                customer_id=facts.customer_id,
                name=facts.name,
                on=on,
                sub_processors=number,
                places=places,
                third_countries=outside,
                days_since_review=_days(last.held_at, file.now) if last else None,
                open_items=tuple(items),
                next_due=min((i.due_at for i in items if i.due_at), default=None),
            )
        )
    return sorted(found, key=lambda line: (line.name.lower(), line.customer_id))


def _requests(file: Portfolio) -> dict[str, list[OpenItem]]:
    """Open requests and objections of all customers. Notices, the same for many, are not among them."""
    now = file.now.astimezone(UTC).replace(tzinfo=None)
    rows = file.ledger.rows(
        "SELECT customer_id, page, title, next_step, waits_for, due, clause FROM matters "
        "WHERE customer_id NOT LIKE '@%' AND (begins IS NULL OR begins <= ?) AND (ends IS NULL OR ? < ends)",
        [now, now],
    )
    found: dict[str, list[OpenItem]] = {}
    for id, page, title, step, side, due, clause in rows:
        at = due.replace(tzinfo=UTC) if due else None
        found.setdefault(id, []).append(of_matter(page, title, step, side, at, clause))
    return found


def _facts(file: Portfolio) -> Iterator[_Facts]:
    """Whole states of a thousand customers would take several times as long as the page around them."""
    rows = file.ledger.rows(_FACTS, [file.customer_ids is None, list(file.customer_ids or ())])
    for id, schema, parts in rows:
        if schema == STATE_SCHEMA:
            name, version, switches, review, proposals, settings = parts
            yield _Facts(
                id,
                name,
                version,
                _switched_on(switches),
                _review(review) if review else None,
                _PROPOSALS.validate_json(proposals) if '"answer":null' in proposals else (),
                _SETTINGS.validate_json(settings) if '"pending":{' in settings else {},
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
            )


@lru_cache(2_000)
def _switched_on(switches: str) -> frozenset[str]:
    """Kept by the text itself, so that it is never out of date; so is the next one."""
    return frozenset(feature for feature, switch in json.loads(switches).items() if switch["on"])


@lru_cache(2_000)
def _review(text: str) -> reviews.Review:
    return reviews.Review.model_validate_json(text)


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
