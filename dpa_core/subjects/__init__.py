"""The rules, one file a subject, put together: the state of a whole ledger and what its events say.

The subjects do not know each other; this is the one place that knows them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dpa_core.agreement import Agreement
from dpa_core.subjects import (
    assistance,
    audits,
    customers,
    data_return,
    features,
    grants,
    incidents,
    retention,
    reviews,
    snapshots,
    sub_processors,
)
from dpa_core.subjects.assistance import State as _Assistance
from dpa_core.subjects.audits import State as _Audits
from dpa_core.subjects.common import FileRef, Matter, NewEvent, Record, RecordedEvent, Refusal
from dpa_core.subjects.customers import State as _Customer
from dpa_core.subjects.data_return import State as _DataReturn
from dpa_core.subjects.features import State as _Features
from dpa_core.subjects.incidents import ProviderState as _ProviderIncidents
from dpa_core.subjects.incidents import State as _Incidents
from dpa_core.subjects.retention import State as _Retention
from dpa_core.subjects.reviews import State as _Reviews
from dpa_core.subjects.snapshots import State as _Snapshots
from dpa_core.subjects.sub_processors import ProviderState as _Changes
from dpa_core.subjects.sub_processors import State as _Objections

STATE_SCHEMA = 2
"""Raised whenever the folded state changes its shape; heads of an older shape are folded anew."""


class CustomerState(Record):
    """All that a customer's ledger says, folded."""

    customer: _Customer = _Customer()
    features: _Features = _Features()
    retention: _Retention = _Retention()
    audits: _Audits = _Audits()
    data_return: _DataReturn = _DataReturn()
    assistance: _Assistance = _Assistance()
    sub_processors: _Objections = _Objections()
    incidents: _Incidents = _Incidents()
    reviews: _Reviews = _Reviews()
    snapshots: _Snapshots = _Snapshots()


class ProviderState(Record):
    """All that the provider's own ledger says, folded."""

    sub_processors: _Changes = _Changes()
    incidents: _ProviderIncidents = _ProviderIncidents()


def evolve(state: CustomerState, event: RecordedEvent) -> CustomerState:
    """The state after one more event, whichever subject it belongs to."""
    match event.kind.split(".")[0]:
        case "customer":
            return state.model_copy(update={"customer": customers.evolve(state.customer, event)})
        case "features":
            return state.model_copy(update={"features": features.evolve(state.features, event)})
        case "retention":
            return state.model_copy(update={"retention": retention.evolve(state.retention, event)})
        case "audits":
            return state.model_copy(update={"audits": audits.evolve(state.audits, event)})
        case "data_return":
            return state.model_copy(update={"data_return": data_return.evolve(state.data_return, event)})
        case "assistance":
            return state.model_copy(update={"assistance": assistance.evolve(state.assistance, event)})
        case "sub_processors":
            new = sub_processors.evolve(state.sub_processors, event)
            return state.model_copy(update={"sub_processors": new})
        case "incidents":
            return state.model_copy(update={"incidents": incidents.evolve(state.incidents, event)})
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


def fold_provider(events: Iterable[RecordedEvent], state: ProviderState | None = None) -> ProviderState:
    """The provider's state after all these events of its own ledger."""
    state = state or ProviderState()
    for event in events:
        state = ProviderState(
            sub_processors=sub_processors.evolve_provider(state.sub_processors, event),
            incidents=incidents.evolve_provider(state.incidents, event),
        )
    return state


def fold_grants(events: Iterable[RecordedEvent], state: grants.State | None = None) -> grants.State:
    """A person's grants after all these events."""
    state = state or grants.State()
    for event in events:
        state = grants.evolve(state, event)
    return state


REQUESTS = ("audits", "data_return", "assistance", "sub_processors")
"""The parts of a customer's state that `requests` looks at."""


def requests(state: CustomerState, provider: ProviderState, agreement: Agreement) -> Iterator[Matter]:
    """What waits for whom in the matters that a customer's own ledger opened."""
    yield from audits.matters(state.audits, agreement)
    yield from sub_processors.matters(state.sub_processors, provider.sub_processors.published, agreement)
    yield from data_return.matters(state.data_return, agreement)
    yield from assistance.matters(state.assistance, agreement)


def notices(
    state: CustomerState, provider: ProviderState, customer_id: str, agreement: Agreement
) -> Iterator[Matter]:
    """What waits for a customer as the provider has told it something."""
    yield from sub_processors.notice_matters(
        state.sub_processors, provider.sub_processors.published, agreement
    )
    yield from incidents.matters(state.incidents, incidents.for_customer(provider.incidents, customer_id))


def provider_matters(provider: ProviderState, agreement: Agreement) -> Iterator[Matter]:
    """What waits for the provider in its own ledger."""
    yield from incidents.provider_matters(provider.incidents, agreement)


def files(state: CustomerState) -> Iterator[FileRef]:
    """Every file that a customer's ledger names."""
    for audit in state.audits.audits.values():
        if audit.report:
            yield audit.report
    for objection in state.sub_processors.objections.values():
        yield from objection.files
        for said in objection.said:
            yield from said.files
    for request in state.assistance.requests.values():
        for said in request.said:
            yield from said.files
    for order in state.data_return.orders.values():
        for i in order.items:
            if i.attached:
                yield FileRef(name=i.name, size=i.size, media_type="", sha256=i.sha256)


def provider_files(provider: ProviderState, customer_id: str | None = None) -> Iterator[FileRef]:
    """Every file of the provider's ledger, or those a customer was given."""
    found = provider.incidents.incidents
    for incident in (
        incidents.for_customer(provider.incidents, customer_id) if customer_id else found
    ).values():
        for notice in incident.notices:
            yield from notice.files


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """An event of a customer's ledger in a sentence, in the names of its agreement version."""
    match event.kind.split(".")[0]:
        case "customer":
            return customers.describe(event, agreement)
        case "features":
            return features.describe(event, agreement)
        case "retention":
            return retention.describe(event, agreement)
        case "audits":
            return audits.describe(event, agreement)
        case "data_return":
            return data_return.describe(event, agreement)
        case "assistance":
            return assistance.describe(event, agreement)
        case "sub_processors":
            return sub_processors.describe(event, agreement)
        case "incidents":
            return incidents.describe(event, agreement)
        case "review" | "proposal":
            return reviews.describe(event, agreement)
        case "snapshot":
            return snapshots.describe(event, agreement)
        case _:
            return event.kind


def describe_provider(event: RecordedEvent) -> str:
    """An event of the provider's ledger in a sentence."""
    if event.kind.startswith("incidents."):
        return incidents.describe_provider(event)
    return sub_processors.describe_provider(event)


__all__ = [
    "REQUESTS",
    "STATE_SCHEMA",
    "CustomerState",
    "Matter",
    "NewEvent",
    "ProviderState",
    "Record",
    "RecordedEvent",
    "Refusal",
    "describe",
    "describe_provider",
    "evolve",
    "files",
    "fold",
    "fold_grants",
    "fold_provider",
    "notices",
    "provider_files",
    "provider_matters",
    "requests",
]
