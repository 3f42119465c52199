"""The rules, one file a subject, put together: the state of a whole ledger and what its events say.

The subjects do not know each other; this is the one place that knows them all.
"""

from __future__ import annotations

from collections.abc import Iterable

from dpa_core.agreement import Agreement
from dpa_core.subjects import customers, features, grants, retention, reviews, snapshots
from dpa_core.subjects.common import NewEvent, Record, RecordedEvent, Refusal
from dpa_core.subjects.customers import State as _Customer
from dpa_core.subjects.features import State as _Features
from dpa_core.subjects.retention import State as _Retention
from dpa_core.subjects.reviews import State as _Reviews
from dpa_core.subjects.snapshots import State as _Snapshots

STATE_SCHEMA = 2
"""Raised whenever the folded state changes its shape; heads of an older shape are folded anew."""


class CustomerState(Record):
    """All that a customer's ledger says, folded."""

    customer: _Customer = _Customer()
    features: _Features = _Features()
    retention: _Retention = _Retention()
    reviews: _Reviews = _Reviews()
    snapshots: _Snapshots = _Snapshots()


def evolve(state: CustomerState, event: RecordedEvent) -> CustomerState:
    """The state after one more event, whichever subject it belongs to."""
    match event.kind.split(".")[0]:
        case "customer":
            return state.model_copy(update={"customer": customers.evolve(state.customer, event)})
        case "features":
            return state.model_copy(update={"features": features.evolve(state.features, event)})
        case "retention":
            return state.model_copy(update={"retention": retention.evolve(state.retention, event)})
        case "review" | "proposal":
            return state.model_copy(update={"reviews": reviews.evolve(state.reviews, event)})
        case "snapshot":
            return state.model_copy(update={"snapshots": snapshots.evolve(state.snapshots, event)})
        case _:
            return state


def fold(events: Iterable[RecordedEvent], state: CustomerState | None = None) -> CustomerState:
    """The state after all these events."""
    state = state or CustomerState()
    for event in events:
        state = evolve(state, event)
    return state


def fold_grants(events: Iterable[RecordedEvent], state: grants.State | None = None) -> grants.State:
    """A person's grants after all these events."""
    state = state or grants.State()
    for event in events:
        state = grants.evolve(state, event)
    return state


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """An event of a customer's ledger in a sentence, in the names of its agreement version."""
    match event.kind.split(".")[0]:
        case "customer":
            return customers.describe(event, agreement)
        case "features":
            return features.describe(event, agreement)
        case "retention":
            return retention.describe(event, agreement)
        case "review" | "proposal":
            return reviews.describe(event, agreement)
        case "snapshot":
            return snapshots.describe(event, agreement)
        case _:
            return event.kind


__all__ = [
    "STATE_SCHEMA",
    "CustomerState",
    "NewEvent",
    "Record",
    "RecordedEvent",
    "Refusal",
    "describe",
    "evolve",
    "fold",
    "fold_grants",
]
