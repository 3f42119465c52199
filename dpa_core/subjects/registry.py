"""Which subjects there are, each named once; and what follows from their declarations.

The subjects do not know each other; this is the one place that knows them all. The state of a ledger, the
sentences of its events, its open tasks, its files, labels and navigation are derived from these lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from dpa_core.agreement import Agreement
from dpa_core.subjects import (
    assistance,
    audits,
    customers,
    data_return,
    dates,
    features,
    grants,
    incidents,
    legal_duties,
    objections,
    retention,
    reviews,
    snapshots,
    sub_processor_audits,
    sub_processors,
)
from dpa_core.subjects.assistance import State as _Assistance
from dpa_core.subjects.audits import State as _Audits
from dpa_core.subjects.common import FileRef, Record, RecordedEvent, Side
from dpa_core.subjects.customers import State as _Customer
from dpa_core.subjects.data_return import State as _DataReturn
from dpa_core.subjects.features import State as _Features
from dpa_core.subjects.incidents import ProviderState as _ProviderIncidents
from dpa_core.subjects.incidents import State as _Incidents
from dpa_core.subjects.legal_duties import State as _LegalDuties
from dpa_core.subjects.objections import State as _Objections
from dpa_core.subjects.own_list import OwnList
from dpa_core.subjects.retention import State as _Retention
from dpa_core.subjects.reviews import State as _Reviews
from dpa_core.subjects.snapshots import State as _Snapshots
from dpa_core.subjects.sub_processor_audits import State as _SubProcessorAudits
from dpa_core.subjects.sub_processors import State as _SubProcessors
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Subject, Task

STATE_SCHEMA = 7
"""Raised whenever the folded state, or what else lies beside the heads, changes its shape: what belongs to a
head with an older number is made anew."""

OF_CUSTOMER: tuple[Subject[Any], ...] = (
    customers.CUSTOMERS,
    features.FEATURES,
    retention.RETENTION,
    audits.AUDITS,
    sub_processor_audits.SUB_PROCESSOR_AUDITS,
    data_return.DATA_RETURN,
    assistance.ASSISTANCE,
    legal_duties.LEGAL_DUTIES,
    objections.OBJECTIONS,
    incidents.INCIDENTS,
    reviews.REVIEWS,
    snapshots.SNAPSHOTS,
)
"""The subjects of a customer's ledger."""
OF_PROVIDER: tuple[Subject[Any], ...] = (sub_processors.SUB_PROCESSORS, incidents.PROVIDER_INCIDENTS)
"""The subjects of the provider's own ledger."""
OF_PERSON: tuple[Subject[Any], ...] = (grants.GRANTS,)
"""The subject of a person's ledger."""
ALL = (*OF_CUSTOMER, *OF_PROVIDER, *OF_PERSON)


class CustomerState(Record):
    """All that a customer's ledger says, folded: a field a subject, under its name."""

    customer: _Customer = _Customer()
    features: _Features = _Features()
    retention: _Retention = _Retention()
    audits: _Audits = _Audits()
    sub_processor_audits: _SubProcessorAudits = _SubProcessorAudits()
    data_return: _DataReturn = _DataReturn()
    assistance: _Assistance = _Assistance()
    legal_duties: _LegalDuties = _LegalDuties()
    objections: _Objections = _Objections()
    incidents: _Incidents = _Incidents()
    reviews: _Reviews = _Reviews()
    snapshots: _Snapshots = _Snapshots()


class ProviderState(Record):
    """All that the provider's own ledger says, folded."""

    sub_processors: _SubProcessors = _SubProcessors()
    incidents: _ProviderIncidents = _ProviderIncidents()


# --- by name, kind and command -------------------------------------------------------------------

_BY_KIND = {kind: subject for subject in ALL for kind in subject.kinds}
_BY_COMMAND = {command: subject for subject in ALL for command in subject.commands}

ON_DESK: tuple[Subject[Any], ...] = tuple(s for s in (*OF_CUSTOMER, *OF_PROVIDER) if s.on_desk)
"""The subjects whose open tasks the provider's desk lists."""
WITH_TASKS: tuple[Subject[Any], ...] = tuple(s for s in OF_CUSTOMER if s.has_tasks)
"""The subjects of a customer's ledger that have open tasks of their own."""


def by_name(name: str) -> Subject[Any]:
    """The subject of that name, a customer's where the provider has one of the same name. KeyError."""
    return next(s for s in ALL if s.name == name)


def by_kind(kind: str) -> Subject[Any] | None:
    """The subject that writes events of a kind; None for a kind that no subject declares."""
    return _BY_KIND.get(kind)


def by_command(command: type[Command]) -> Subject[Any]:
    """The subject that decides a command. KeyError."""
    return _BY_COMMAND[command]


# --- what a ledger says --------------------------------------------------------------------------

_State = TypeVar("_State", CustomerState, ProviderState)


def evolve(state: _State, event: RecordedEvent) -> _State:
    """The state after one more event; an event of a kind that nobody declares leaves it as it is."""
    subject = _BY_KIND.get(event.kind)
    if subject is None or subject.name not in type(state).model_fields:
        return state
    part = subject.evolve(getattr(state, subject.name), event)
    return state.but(**{subject.name: part})


def fold(events: Iterable[RecordedEvent], state: CustomerState | None = None) -> CustomerState:
    """A customer's state after all these events."""
    return _folded(events, state or CustomerState())


def fold_provider(events: Iterable[RecordedEvent], state: ProviderState | None = None) -> ProviderState:
    """The provider's state after all these events of its own ledger."""
    return _folded(events, state or ProviderState())


def _folded(events: Iterable[RecordedEvent], state: _State) -> _State:
    for event in events:
        state = evolve(state, event)
    return state


def fold_person(events: Iterable[RecordedEvent], state: grants.State | None = None) -> grants.State:
    """The roles a person holds after all these events."""
    state = state or grants.State()
    for event in events:
        state = grants.GRANTS.evolve(state, event)
    return state


# --- what leaves the state -----------------------------------------------------------------------


@dataclass(frozen=True)
class Closed:
    """An item that has left a customer's state."""

    shelf: str
    """Subject and field, as `assistance.requests`."""
    id: int
    sequence: int
    """The entry that settled it, or changed it since."""
    item: Record


Find = Callable[[str, int], Record | None]
"""(shelf, identifier) -> the item as it was last, None where there is none."""

SHELVES: dict[str, Shelf] = {f"{s.name}.{shelf.field}": shelf for s in OF_CUSTOMER for shelf in s.shelves}
"""What leaves the state, by its name."""


def recalled(state: CustomerState, step: Body | Command, find: Find) -> CustomerState:
    """The state with those closed items put back that a command is about, or an event changes."""
    subject = _BY_COMMAND[type(step)] if isinstance(step, Command) else _BY_KIND[step.kind]
    return _put_back(state, subject, lambda part: subject.touches(step, part), find)


def as_looked_at(state: CustomerState, context: Context, find: Find) -> CustomerState:
    """The state with those closed items put back that what is open at the context's moment asks for."""
    for subject in OF_CUSTOMER:
        state = _put_back(state, subject, partial(_asked, subject, context), find)
    return state


def _asked(subject: Subject[Any], context: Context, part: Record) -> Mapping[str, Iterable[int]]:
    return subject.asks(part, context)


def _put_back(
    state: CustomerState,
    subject: Subject[Any],
    wanted: Callable[[Any], Mapping[str, Iterable[int]]],
    find: Find,
) -> CustomerState:
    """The state with closed items of a subject; what is wanted of a shelf may follow from the one before."""
    for shelf in subject.shelves:
        part = getattr(state, subject.name)
        items = getattr(part, shelf.field)
        missing = (id for id in wanted(part).get(shelf.field, ()) if id not in items)
        back = {id: item for id in missing if (item := find(f"{subject.name}.{shelf.field}", id))}
        if back:
            part = part.but(**{shelf.field: dict(sorted((items | back).items()))})
            state = state.but(**{subject.name: part})
    return state


def fold_open(
    events: Iterable[RecordedEvent], state: CustomerState | None = None, find: Find | None = None
) -> tuple[CustomerState, list[Closed]]:
    """A customer's state after all these events, without what is closed; and what was closed by them.

    `state`: after the events before, in the same form; `find`: what they closed.
    """
    state = state or CustomerState()
    closed: dict[tuple[str, int], Record] = {}
    found: list[Closed] = []

    def last(shelf: str, id: int) -> Record | None:
        return closed.get((shelf, id)) or (find(shelf, id) if find else None)

    for event in events:
        subject = _BY_KIND.get(event.kind)
        if subject is None or not subject.shelves:
            state = evolve(state, event)
            continue
        if body := subject.read(event):
            state = recalled(state, body, last)
        state, left = _shelved(evolve(state, event), subject, event.sequence)
        found += left
        closed |= {(c.shelf, c.id): c.item for c in left}
    return state, found


class CustomerFold:
    """Folds a customer's ledger event by event, as `fold_open` does. Each event makes a new part of the
    state, and a whole state is put together only where it is asked for."""

    def __init__(self) -> None:
        self._state = CustomerState()
        self._parts: dict[str, Record] = {}
        """Those that have changed since `_state` was put together."""
        self._closed: dict[tuple[str, int], Record] = {}

    def take(self, event: RecordedEvent) -> list[Closed]:
        """Count one more event, and say what it closed."""
        subject = _BY_KIND.get(event.kind)
        if subject is None or subject.name not in CustomerState.model_fields:
            return []
        if subject.shelves:
            self._state, left = fold_open([event], self.state(), self._find)
            self._closed |= {(c.shelf, c.id): c.item for c in left}
            return left
        name = subject.name
        part = self._parts[name] if name in self._parts else getattr(self._state, name)
        self._parts[name] = subject.evolve(part, event)
        return []

    def state(self) -> CustomerState:
        """The state so far."""
        if self._parts:
            self._state, self._parts = self._state.but(**self._parts), {}
        return self._state

    def _find(self, shelf: str, id: int) -> Record | None:
        return self._closed.get((shelf, id))


def _shelved(
    state: CustomerState, subject: Subject[Any], sequence: int
) -> tuple[CustomerState, list[Closed]]:
    part, left = getattr(state, subject.name), []
    for shelf in subject.shelves:
        items = getattr(part, shelf.field)
        settled = {id: item for id, item in items.items() if shelf.settled(item, part)}
        if settled:
            part = part.but(**{shelf.field: {id: i for id, i in items.items() if id not in settled}})
            name = f"{subject.name}.{shelf.field}"
            left += [Closed(name, id, sequence, item) for id, item in settled.items()]
    return (state.but(**{subject.name: part}), left) if left else (state, [])


def cited_entry(command: Command, state: CustomerState | ProviderState) -> int | None:
    """The entry of the customer's ledger that a command is about; None where it is about none."""
    subject = by_command(type(command))
    return subject.cites(command, getattr(state, subject.name))


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """An event in a sentence, in the names of an agreement version. ValueError where it cannot be read."""
    subject = _BY_KIND.get(event.kind)
    return subject.describe(event, agreement) if subject else event.kind


def decide(command: Command, state: CustomerState | ProviderState, context: Context) -> list[Body]:
    """What a command wants recorded, by the rules of its own subject. Raises Refusal."""
    subject = by_command(type(command))
    return subject.decide(command, getattr(state, subject.name), context)


# --- what a decision rests on --------------------------------------------------------------------


def own_list(state: CustomerState, provider: ProviderState, bound: Agreement, now: datetime) -> OwnList:
    """The list of sub-processors that counts for one customer at a moment (UTC).

    `bound`: the version that the customer is bound to, as published.
    """
    since = state.customer.since
    return OwnList(
        bound=bound,
        published=provider.sub_processors.published,
        now=now,
        opened_on=dates.local_day(since) if since else None,
        disputes=state.objections.disputes,
        unaccepted=state.objections.unaccepted,
        switched_on=state.features.on,
    )


def context_of(
    state: CustomerState,
    provider: ProviderState,
    bound: Agreement,
    now: datetime,
    *,
    customer_id: str,
    sequence: int,
    side: Side,
) -> Context:
    """What decisions about one customer rest on at a moment (UTC), but for what a command names.

    `bound`: the version that the customer is bound to, as published.
    """
    own = own_list(state, provider, bound, now)
    end = state.data_return.termination
    ended = end is not None and data_return.is_over(end, now)
    on = frozenset[str]() if ended else state.features.on
    return Context(
        agreement=own.agreement,
        now=now,
        side=side,
        customer_id=customer_id,
        customer_name=state.customer.name,
        sequence=sequence,
        features_on=on,
        in_use=on - own.suspended.keys(),
        ends_on=end.on if end else None,
        all_deleted=ended and data_return.all_deleted(state.data_return, own.agreement),
        held=retention.held(state.retention, own.agreement),
        changes=own.published,
        opened_at=state.customer.since,
        held_back=own.held_back,
        disputed=own.disputed,
        suspended=own.suspended,
        to_accept=own.to_accept,
        incidents=incidents.for_customer(provider.incidents, customer_id),
    )


# --- what is open, and files ---------------------------------------------------------------------


def tasks(state: CustomerState, context: Context) -> Iterator[Task]:
    """Everything open for a customer, each for the time it stands."""
    for subject in OF_CUSTOMER:
        part = getattr(state, subject.name)
        yield from subject.tasks(part, context)
        yield from subject.notices(part, context)


def own_tasks(state: CustomerState | ProviderState, context: Context) -> Iterator[Task]:
    """What is open by a ledger's own events: what lies in the table that lists over all customers read."""
    for subject in _of(state):
        yield from subject.tasks(getattr(state, subject.name), context)


def desk_tasks(state: CustomerState | ProviderState, context: Context) -> Iterator[Task]:
    """Those of them that the provider's desk lists."""
    desk = {subject.name for subject in ON_DESK}
    return (task for task in own_tasks(state, context) if task.subject in desk)


def files(state: CustomerState | ProviderState) -> Iterator[FileRef]:
    """Every file that a ledger names."""
    for subject in _of(state):
        yield from subject.files(getattr(state, subject.name))


def files_of(closed: Closed) -> Iterator[FileRef]:
    """Every file that an item names which has left the state."""
    name, field = closed.shelf.split(".")
    subject = next(s for s in OF_CUSTOMER if s.name == name)
    yield from subject.files(subject.state(**{field: {closed.id: closed.item}}))


def _of(state: CustomerState | ProviderState) -> Sequence[Subject[Any]]:
    return OF_CUSTOMER if isinstance(state, CustomerState) else OF_PROVIDER


_BY_TASK = {(s.name, about): s for s in ALL for about in s.about}


def of_task(task: Task) -> Subject[Any]:
    """The subject that a task belongs to. KeyError for codes that no subject declares."""
    return _BY_TASK[task.subject, task.about]
