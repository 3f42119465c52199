"""Return and deletion of personal data, on instruction and at the end of the agreement.

Clauses: 3.1(xi) (the customer's choice, 14 days, lawful exceptions), 3.1(xiii) (cost).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dpa_core.agreement import Agreement
from dpa_core.locale import Label, Value, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import (
    FileRef,
    Moment,
    Record,
    RecordedEvent,
    Refusal,
    Refusals,
    Side,
    side_of,
)
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, Turn, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "3.1(xi)"
COST_CLAUSE = "3.1(xiii)"
HOLD_CLAUSE = "Sch. 1 2"
BEGIN_CLAUSE = "1.2"
CORRECT_CLAUSE = "Art. 5(1)(d) GDPR"
NAMED_AT_MOST = 5
"""Files that a refusal names; it counts the rest."""

Wish = Literal["return", "deletion", "return_then_deletion"]
WISHES: dict[Wish, str] = {
    "return": "Return",
    "deletion": "Deletion",
    "return_then_deletion": "Return, then deletion",
}
Ground = Literal["law", "disaster_recovery", "other_rules"]
GROUNDS: dict[Ground, str] = {
    "law": "Retention by law",
    "disaster_recovery": "Disaster recovery backup",
    "other_rules": "Other rules and regulations",
}


# --- state ---------------------------------------------------------------------------------------

Status = Literal[
    "waits_for_provider",
    "delivered",
    "does_not_match",
    "returned",
    "deletion_due",
    "deleted",
    "withdrawn",
]
STATUS: dict[Status, str] = worded(Status, waits_for_provider="Waits for the provider")


class Item(Record):
    """One file of a return: name (with folders), size in bytes, SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str
    attached: bool = False
    """Kept beside the database, so that it can be fetched from the page."""


class Kept(Record):
    """Data that is lawfully kept for longer, under `law`, until the end of a day in Stockholm."""

    category: str
    ground: Ground
    law: str
    until: date
    data_type: str = ""
    """Empty: all data of the category, as where it has no data types, or as older entries mean it."""


class Order(Record):
    """One instruction. `id`: the sequence of its event; for the deletion assumed after the end, the
    sequence of the termination."""

    id: int
    at: Moment
    by: str
    wish: Wish
    categories: tuple[str, ...]
    reason: str = ""
    items: tuple[Item, ...] = ()
    delivered_at: Moment | None = None
    where: str = ""
    """How the files reach the customer, where they are not attached."""
    mismatch: str = ""
    """What the customer found wrong with the last delivery."""
    acknowledged_at: Moment | None = None
    deleted_on: date | None = None
    deleted_by: str = ""
    certified_at: Moment | None = None
    deleted_entry: int | None = None
    """The entry that recorded the deletion: the certificate carries its digest."""
    exceptions: tuple[Kept, ...] = ()
    """What was lawfully kept when the rest was deleted."""
    deleted: tuple[str, ...] = ()
    """What was deleted (`data_types`); empty where an older entry says no more than the categories."""
    withdrawn: bool = False
    assumed: bool = False
    """Not asked for: assumed by clause 3.1(xi) as nobody asked for a return in time."""
    assumed_after: date | None = None
    """The agreement's last day, where the entry of an assumed deletion does not say from when it was."""
    at_end: bool = False
    """Stands at the end of the agreement: no copy stays after a return, Art. 28(3)(g) GDPR."""


class Termination(Record):
    """The end of the agreement, at the end of a day in Stockholm, as it was recorded or corrected last."""

    sequence: int
    on: date
    at: Moment
    by: str
    reason: str
    side: Side
    """Who ended it; after a correction, whoever corrected it."""
    corrects: date | None = None
    """The last day that was recorded before, in error."""
    deleted: bool = False
    """The deletion that is assumed after it is carried out."""


class State(Record):
    """The orders by identifier, lawful exceptions, and the agreement's end if it has one."""

    orders: dict[int, Order] = {}
    deleted: dict[str, date] = {}
    """What was deleted -> the last day on which an order's deletion took it away: a data type, or a whole
    data category."""
    kept: tuple[Kept, ...] = ()
    termination: Termination | None = None


def status(order: Order) -> Status:
    """Where an order stands."""
    if order.withdrawn:
        return "withdrawn"
    if order.deleted_on:
        return "deleted"
    if order.wish == "deletion":
        return "deletion_due"
    if order.acknowledged_at:
        return "deletion_due" if order.wish == "return_then_deletion" or order.at_end else "returned"
    if order.mismatch:
        return "does_not_match"
    return "delivered" if order.delivered_at else "waits_for_provider"


def settled(order: Order) -> bool:
    """Whether nothing more can happen to it."""
    return not STAGES[status(order)].steps


def is_over(termination: Termination, now: datetime) -> bool:
    """Whether the last day of the agreement has passed. Clause: 3.1(xi)"""
    return now >= dates.end_of(termination.on)


def return_until(termination: Termination, agreement: Agreement) -> datetime:
    """Until when a wish for a return keeps deletion from being assumed after the end, in UTC.

    Clause: 3.1(xi)
    """
    return _assumed_from(termination.on, agreement)


def _assumed_from(last: date, agreement: Agreement) -> datetime:
    return dates.end_of(last + timedelta(days=agreement.term("return_request").value))


def since(order: Order, agreement: Agreement) -> datetime:
    """From when an order stands, in UTC: when it was given, or from when a deletion was assumed, however
    much later it was recorded. Clause: 3.1(xi)"""
    return _assumed_from(order.assumed_after, agreement) if order.assumed_after else order.at


def gone(state: State) -> frozenset[str]:
    """What is recorded as deleted since the end of the agreement: data types, and in older entries whole
    categories of which nothing was left under a lawful exception; none while no end is recorded.

    Clause: 3.1(xi)
    """
    end = state.termination
    if end is None:
        return frozenset()
    return frozenset(
        id
        for id, last in state.deleted.items()
        if last >= end.on
        and not any(k.category == id and not k.data_type and last <= k.until for k in state.kept)
    )


def covers(recorded: Collection[str], categories: Sequence[str], agreement: Agreement) -> bool:
    """Whether what is recorded as deleted (`gone`) is all data of these categories."""
    away = {id for known in recorded for id in (known, *data_types((known,), agreement))}
    return away.issuperset(data_types(categories, agreement))


def covers_all(recorded: Collection[str], agreement: Agreement) -> bool:
    """Whether what is recorded as deleted (`gone`) is all data. Clause: 3.1(xi), 5.1"""
    return covers(recorded, [c.id for c in agreement.data_categories], agreement)


def all_deleted(state: State, agreement: Agreement) -> bool:
    """Whether all data is recorded as deleted since the end. Clause: 3.1(xi), 5.1"""
    return covers_all(gone(state), agreement)


def assumed(state: State, agreement: Agreement) -> Order | None:
    """The deletion that is assumed once the time to ask for a return is over; None where every category
    was asked for, or the agreement has not ended. `at`: the moment from which it is assumed.

    Clause: 3.1(xi)
    """
    end = state.termination
    if end is None or end.deleted:
        return None
    spoken_for = {c for o in state.orders.values() if not settled(o) for c in o.categories}
    gone = gone_since(end.on, state, agreement)
    left = tuple(
        c.id
        for c in agreement.data_categories
        if c.id not in spoken_for and not gone.issuperset(data_types((c.id,), agreement))
    )
    at = return_until(end, agreement)
    return (
        Order(id=end.sequence, at=at, by="", wish="deletion", categories=left, assumed=True) if left else None
    )


def orders(state: State, agreement: Agreement, now: datetime) -> dict[int, Order]:
    """A state's orders at a moment, the assumed one among them once its time has come. Clause: 3.1(xi)"""
    extra = assumed(state, agreement)
    return state.orders | ({extra.id: extra} if extra and now >= extra.at else {})


# --- what of an order can be deleted ---------------------------------------------------------------


def data_types(categories: Sequence[str], agreement: Agreement) -> tuple[str, ...]:
    """What is deleted or kept by itself: the data types of these categories, and each of them that has none.
    Clause: Sch. 1 2, Sch. 1 3.5"""
    types = agreement.retention.data_types
    return tuple(
        id for c in categories for id in (tuple(t.id for t in types if t.data_category == c) or (c,))
    )


def category_of(data_type: str, agreement: Agreement) -> str:
    """The data category of one of `data_types`."""
    types = agreement.retention.data_types
    return next((t.data_category for t in types if t.id == data_type), data_type)


def name_of(data_type: str, agreement: Agreement) -> str:
    """The name of one of `data_types`; its code where the agreement does not know it."""
    named = {c.id: c.name for c in agreement.data_categories}
    return (named | {t.id: t.name for t in agreement.retention.data_types}).get(data_type, data_type)


def excepted(kept: Kept, agreement: Agreement) -> tuple[str, ...]:
    """The data types that an exception is about. Clause: 3.1(xi)"""
    return (kept.data_type,) if kept.data_type else data_types((kept.category,), agreement)


def stands_on(kept: Kept, on: date) -> bool:
    """Whether an exception still stands on a day. Clause: 3.1(xi)"""
    return on <= kept.until


def deleted_by(order: Order, agreement: Agreement) -> tuple[str, ...]:
    """The data types that an order's deletion took away: none that was kept. Clause: 3.1(xi)"""
    kept = {id for k in order.exceptions for id in excepted(k, agreement)}
    return order.deleted or tuple(id for id in data_types(order.categories, agreement) if id not in kept)


def gone_since(first: date, state: State, agreement: Agreement) -> frozenset[str]:
    """The data types that were deleted on a day or since."""
    last = state.deleted
    return frozenset(id for c, on in last.items() if on >= first for id in (c, *data_types((c,), agreement)))


@dataclass(frozen=True)
class Fate:
    """What a deletion at a moment does with one data type, or why it does nothing with it."""

    data_type: str
    category: str
    kept: tuple[Kept, ...]
    """The lawful exceptions that stand for it: it is not deleted."""
    held: bool
    """A legal hold stands on it: it waits for the customer."""
    resumes_at: datetime | None
    """When its deletion resumes, or has resumed, after its last legal hold was released."""
    paused: bool
    """That moment is still to come."""

    @property
    def waits(self) -> bool:
        """Whether it is not deleted yet, though no exception keeps it."""
        return not self.kept and (self.held or self.paused)


def fates(categories: Sequence[str], state: State, context: Context, at: datetime) -> tuple[Fate, ...]:
    """What a deletion at a moment does with each data type of these categories.

    What is lawfully kept is not deleted, so that a hold on it is no hindrance to the rest.
    Clause: Sch. 1 2, 3.1(xi)
    """
    agreement, today = context.agreement, dates.local_day(at)
    stand = [k for k in state.kept if stands_on(k, today)]
    found = []
    for id in data_types(categories, agreement):
        kept = tuple(k for k in stand if id in excepted(k, agreement))
        resumes = context.held.get(id)
        found.append(
            Fate(
                id,
                category_of(id, agreement),
                kept,
                held=id in context.held and resumes is None,
                resumes_at=resumes,
                paused=resumes is not None and at < resumes,
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Deletion:
    """How the deletion of an order stands at a moment."""

    of: tuple[Fate, ...]
    """What is not deleted yet."""
    goes: tuple[Fate, ...]
    """What can be deleted now; empty where all of it has to wait."""

    @property
    def held(self) -> tuple[str, ...]:
        """The data types that wait for the customer to release their legal hold."""
        return tuple(f.data_type for f in self.of if f.waits and f.held)

    @property
    def paused(self) -> Mapping[str, datetime]:
        """The data types that wait until deletion resumes -> when that is, in UTC."""
        return {f.data_type: f.resumes_at for f in self.of if f.waits and f.paused and f.resumes_at}

    @property
    def kept_until(self) -> date | None:
        """The day with whose end the first exception is over; None where there is none."""
        last = [max(k.until for k in f.kept) for f in self.of if f.kept]
        return min(last) if last else None


def deletion(order: Order, state: State, context: Context, at: datetime) -> Deletion:
    """What of an order can be deleted at a moment.

    An order is carried out as a whole, so that all of it waits while a legal hold stands on a part of it. Of
    the assumed deletion, which nobody chose, only the categories with held data wait for the customer: it
    releases the hold, at once or after it has had the data returned. A hold is never released by implication.
    Clause: Sch. 1 2, 3.1(xi)
    """
    found = fates(order.categories, state, context, at)
    end = state.termination
    if order.assumed and end:
        gone = gone_since(end.on, state, context.agreement)
        found = tuple(f for f in found if f.data_type not in gone)
    waiting = {f.category for f in found if f.waits}
    if waiting and not order.assumed:
        return Deletion(found, ())
    return Deletion(found, tuple(f for f in found if not f.kept and f.category not in waiting))


def first_day(order: Order, goes: Sequence[Fate]) -> date:
    """The first day on which an order's deletion can have been: not before the order, the acknowledgement of
    its return, or the day on which deletion resumed after a legal hold. Clause: 3.1(xi), Sch. 1 2"""
    moments = [order.at, order.acknowledged_at, *(f.resumes_at for f in goes)]
    return max(dates.local_day(at) for at in moments if at)


# --- events --------------------------------------------------------------------------------------


def _names(categories: tuple[str, ...], agreement: Agreement) -> str:
    names = {c.id: c.name for c in agreement.data_categories}
    return ", ".join(names.get(c, c) for c in categories)


class Ordered(Body, kind="data_return.ordered", words="Ordered: {what} of {data}"):
    """The customer's written request."""

    wish: Wish
    categories: tuple[str, ...]
    reason: str
    cost_acknowledged: bool

    def apply(self, state: State, event: RecordedEvent) -> State:
        ended, told = state.termination is not None, self.told("cost_acknowledged")
        new = Order(id=event.sequence, at=event.recorded_at, by=event.actor, at_end=ended, **told)
        return state.but(orders=state.orders | {new.id: new})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"what": WISHES[self.wish].lower(), "data": _names(self.categories, agreement)}


class _Step(Body):
    """An event of one order."""

    order: int

    def _set(self, state: State, **fields: object) -> State:
        return state.but(orders=state.orders | {self.order: state.orders[self.order].but(**fields)})


class Delivered(
    _Step, kind="data_return.delivered", words="Delivered {items:file|files} for order {order:id}"
):
    """The files, as a manifest."""

    items: tuple[Item, ...]
    where: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(
            state, items=self.items, where=self.where, delivered_at=event.recorded_at, mismatch=""
        )


class Acknowledged(
    _Step, kind="data_return.acknowledged", words="Acknowledged the return of order {order:id}"
):
    """Every file of the manifest is checked off."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, acknowledged_at=event.recorded_at)


class MismatchReported(
    _Step,
    kind="data_return.mismatch_reported",
    words="Reported a mismatch in the delivery of order {order:id}",
):
    """What was received does not match the manifest."""

    what: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, mismatch=self.what)


class Withdrawn(_Step, kind="data_return.withdrawn", words="Withdrew order {order:id}"):
    """The order is taken back."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, withdrawn=True)


class Terminated(Body, kind="data_return.terminated", words="The agreement ends on {on}"):
    """The agreement ends with this day."""

    on: date
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        """Whatever is not settled yet now stands at the end of the agreement."""
        return _with_end(state, _recorded_end(event, **self.told()))


def _recorded_end(event: RecordedEvent, **told: Any) -> Termination:
    recorded = {"sequence": event.sequence, "at": event.recorded_at, "by": event.actor}
    return Termination(**recorded, side=side_of(event), **told)


def _with_end(state: State, end: Termination | None) -> State:
    """The state with another end, or none: what is not settled yet stands at it, or no longer does."""
    at_end = end is not None
    marked = {id: o if settled(o) else o.but(at_end=at_end) for id, o in state.orders.items()}
    return state.but(termination=end, orders=marked)


class EndCorrected(
    Body, kind="data_return.end_corrected", words="Corrected the end of the agreement from {before} to {new}"
):
    """The end was recorded in error: it is another day, or (None) the agreement goes on."""

    on: date | None
    before: date
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        """What was recorded as deleted stays deleted: by this end, the rest waits for its own time."""
        if self.on is None:
            return _with_end(state, None)
        return _with_end(state, _recorded_end(event, on=self.on, reason=self.reason, corrects=self.before))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"new": self.on or "no end"}


class ExceptionRecorded(
    Body, kind="data_return.exception_recorded", words="{data} is kept until {kept.until}: {kept.law}"
):
    """Data that is lawfully kept for longer."""

    kept: Kept

    def apply(self, state: State, event: RecordedEvent) -> State:
        return state.but(kept=(*state.kept, self.kept))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        kept = self.kept
        name = name_of(kept.data_type, agreement) if kept.data_type else _names((kept.category,), agreement)
        return {"data": name}


class Deleted(_Step, kind="data_return.deleted", words="Deleted {data} on {on} ({why})"):
    """Categories of an order are deleted, but for the exceptions as they stood."""

    categories: tuple[str, ...]
    on: date
    kept: tuple[Kept, ...]
    assumed: bool
    deleted: tuple[str, ...] = ()
    """What was deleted, by `data_types`; empty in older entries: all of the categories but what was kept."""
    waits: tuple[str, ...] = ()
    """Of the assumed deletion: the data types that are deleted later, as a hold or exception keeps them."""
    assumed_at: Moment | None = None
    """From when an assumed deletion was; None: an older entry did not say, and it follows from the end."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        """The order is carried out. An assumed deletion becomes an order only now: one of its own number for
        each part, where something of it waits."""
        id = event.sequence if self.waits else self.order
        if self.assumed:
            end = state.termination
            new = Order(
                id=id,
                at=self.assumed_at or event.recorded_at,
                by="",
                wish="deletion",
                categories=self.categories,
                assumed=True,
                assumed_after=end.on if end and self.assumed_at is None else None,
            )
            end = end.but(deleted=not self.waits) if end else None
            state = state.but(orders=state.orders | {id: new}, termination=end)
        done = state.orders[id].but(
            deleted_on=self.on,
            deleted_by=event.actor,
            certified_at=event.recorded_at,
            deleted_entry=event.sequence,
            exceptions=self.kept,
            deleted=self.deleted,
        )
        taken = self.deleted or done.categories
        gone = {c: max(self.on, state.deleted.get(c, self.on)) for c in taken}
        return state.but(orders=state.orders | {id: done}, deleted=state.deleted | gone)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        why = "assumed after the end" if self.assumed else f"order {self.order}"
        return {"data": self._data(agreement), "why": why}

    def _data(self, agreement: Agreement) -> str:
        """What went: whole categories by their names, of others the data types. An older entry says no more
        than the categories."""
        if not self.deleted:
            return _names(self.categories, agreement)
        gone = set(self.deleted)
        whole = [c for c in self.categories if gone.issuperset(data_types((c,), agreement))]
        single = [id for id in self.deleted if category_of(id, agreement) not in whole]
        return ", ".join(name_of(id, agreement) for id in (*whole, *single))


# --- commands ------------------------------------------------------------------------------------


class OrderData(Command, by="customer"):
    """Ask for the return or deletion of categories of data. `name`: the customer's, typed by whoever orders a
    deletion."""

    wish: Wish
    categories: tuple[str, ...]
    reason: str = ""
    cost_acknowledged: bool = False
    name: str = ""


class AcknowledgeReturn(Command, by="customer"):
    """Acknowledge a delivery. `checked`: names of the files that are there and match."""

    order: int
    checked: frozenset[str]


class ReportMismatch(Command, by="customer"):
    """Say what does not match."""

    order: int
    what: str


class WithdrawOrder(Command, by="customer"):
    """Take an order back that is not carried out."""

    order: int
    reason: str = ""


class Deliver(Command, by="provider"):
    """Hand the files over, as a manifest; `where`: how, for files that are not attached."""

    order: int
    items: tuple[Item, ...]
    where: str = ""


class Terminate(Command, by="provider"):
    """Record that the agreement ends with a day. Where either side may end it, the effect of its step."""

    on: date
    reason: str


class CorrectEnd(Command, by="provider"):
    """Put an end right that was recorded in error. `on` None: the agreement has not ended, and will not."""

    on: date | None
    reason: str


class RecordException(Command, by="provider"):
    """Record data that is lawfully kept for longer. `data_type`: one of `data_types`. `until` None: no day is
    chosen yet."""

    data_type: str
    ground: Ground
    law: str
    until: date | None


class RecordDeletion(Command, by="provider"):
    """Record that what an order is about was deleted on a day."""

    order: int
    on: date


Step = AcknowledgeReturn | ReportMismatch | WithdrawOrder | Deliver | RecordDeletion
"""What can be done with an order."""


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "waits_for_provider": Stage((Deliver, WithdrawOrder), "provider"),
    "delivered": Stage((AcknowledgeReturn, ReportMismatch, WithdrawOrder), "customer"),
    "does_not_match": Stage((Deliver, WithdrawOrder), "provider"),
    "returned": Stage(),
    "deletion_due": Stage((RecordDeletion, WithdrawOrder), "provider"),
    "deleted": Stage(),
    "withdrawn": Stage(),
}


def _misfit(step: type[Command], order: Order, state: State, context: Context) -> Refusal:
    stands = status(order)
    label = Label(stands, STATUS[stands])
    return refuse("does_not_fit", CLAUSE, "order", id=str(order.id), status=label)


def _obstacle(step: type[Command], order: Order, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this order all the same."""
    if step is WithdrawOrder and _over_since(state, context):
        return refuse("deletion_assumed", CLAUSE, "order")
    if step is RecordDeletion:
        return _hindrance(deletion(order, state, context, context.now), context)
    return None


def _over_since(state: State, context: Context) -> datetime | None:
    """Since when, in UTC, deletion is assumed of what nobody asked for; None before. Clause: 3.1(xi)"""
    until = return_until(state.termination, context.agreement) if state.termination else None
    return until if until and context.now >= until else None


def _hindrance(stands: Deletion, context: Context) -> Refusal | None:
    """Why nothing of an order can be deleted now; None where something can."""
    if stands.goes:
        return None
    if stands.held:
        return refuse("legal_hold", HOLD_CLAUSE, "order", names=_type_names(stands.held, context))
    if paused := stands.paused:
        first = dates.local_day(max(paused.values()))
        days = context.agreement.retention.grace_days
        names = _type_names(tuple(paused), context)
        return refuse("deletion_paused", HOLD_CLAUSE, "order", names=names, days=days, first=first)
    until = stands.kept_until
    assert until is not None  # noqa: S101  # something is left of an open order
    return refuse("all_kept", CLAUSE, "order", until=until)


def _type_names(data_types: Sequence[str], context: Context) -> tuple[str, ...]:
    return tuple(name_of(id, context.agreement) for id in data_types)


STEPS: Steps[Order, State] = Steps(lambda order, state, context: STAGES[status(order)], _misfit, _obstacle)
steps_open = STEPS.open
"""The steps that the context's side may take with an order now. Clause: 3.1(xi)"""


def _taken(command: Step, state: State, context: Context) -> Order:
    """The order that a step is about. Refused where there is none, or the step does not fit it."""
    order = orders(state, context.agreement, context.now).get(command.order)
    if order is None:
        raise refuse("unknown", CLAUSE, "order", id=str(command.order))
    STEPS.check(command, order, state, context)
    return order


# --- consequences --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Consequences:
    """What an order brings about."""

    categories: tuple[str, ...]
    """Names."""
    deletes: bool
    fates: tuple[Fate, ...]
    """What a deletion at this moment would do with each data type."""
    assumed_since: datetime | None
    """In UTC, where deletion is assumed already: what nobody has deleted yet can still be returned."""
    clauses: tuple[str, ...]


def _in_open_orders(wish: Wish, state: State, context: Context) -> set[str]:
    """The categories of every order that a step still fits. A wish for a return goes before a deletion that
    is only assumed."""
    found = orders(state, context.agreement, context.now).values()
    standing = (o for o in found if STAGES[status(o)].steps and (wish == "deletion" or not o.assumed))
    return {c for o in standing for c in o.categories}


def consequences(command: OrderData, state: State, context: Context) -> Consequences:
    """What an order would bring about. Raises Refusal where it cannot be given.

    A return is asked for after the 14 days too, while the data is there: the text assumes a wish for
    deletion and takes no right away (our reading). Clause: 3.1(xi)
    """
    if command.wish not in WISHES:
        raise refuse("unknown_wish", CLAUSE, "wish", wishes=tuple(WISHES.values()))
    chosen = [c for c in context.agreement.data_categories if c.id in command.categories]
    if not chosen or len(chosen) != len(set(command.categories)):
        raise refuse("no_category", CLAUSE, "categories")
    away = gone(state)
    if deleted := tuple(c.name for c in chosen if covers(away, (c.id,), context.agreement)):
        raise refuse("deleted_already", CLAUSE, "categories", names=deleted)
    ordered = _in_open_orders(command.wish, state, context)
    if double := tuple(c.name for c in chosen if c.id in ordered):
        raise refuse("ordered_already", CLAUSE, "categories", names=double)
    chosen_ids = tuple(c.id for c in chosen)
    return Consequences(
        categories=tuple(c.name for c in chosen),
        deletes=command.wish != "return" or state.termination is not None,
        fates=fates(chosen_ids, state, context, context.now),
        assumed_since=_over_since(state, context),
        clauses=(CLAUSE, COST_CLAUSE),
    )


def will_delete(order: Order) -> bool:
    """Whether an open order ends in a deletion, at once or after its return. Clause: 3.1(xi)"""
    return order.wish != "return" or order.at_end


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _order_data(command: OrderData, state: State, context: Context) -> list[Body]:
    """A written request, with its cost acknowledged. What cannot be undone is ordered with a reason and under
    the customer's own name: both by the provider's own setting. Clause: 3.1(xi), 3.1(xiii)"""
    result = consequences(command, state, context)
    reason = checked_reason(command.reason)
    if result.deletes:
        if not reason:
            raise refuse("reason_missing", CLAUSE, "reason")
        if _as_typed(command.name) != _as_typed(context.customer_name):
            raise refuse("wrong_name", CLAUSE, "name", name=context.customer_name)
    if not command.cost_acknowledged:
        raise refuse("cost_not_acknowledged", COST_CLAUSE, "cost_acknowledged")
    wanted = tuple(c.id for c in context.agreement.data_categories if c.id in command.categories)
    return [Ordered(wish=command.wish, categories=wanted, reason=reason, cost_acknowledged=True)]


def _as_typed(name: str) -> str:
    """A name without what two keyboards or a copy may do otherwise: spaces, and how an accent is put."""
    return " ".join(unicodedata.normalize("NFC", name).split())


@decide.register
def _acknowledge_return(command: AcknowledgeReturn, state: State, context: Context) -> list[Body]:
    """Every file of the manifest is there and matches. Clause: 3.1(xi)"""
    order = _taken(command, state, context)
    unchecked = tuple(i.name for i in order.items if i.name not in command.checked)
    if more := len(unchecked[NAMED_AT_MOST:]):
        named = unchecked[:NAMED_AT_MOST]
        raise refuse("many_not_checked", CLAUSE, "checked", names=named, more=more)
    if unchecked:
        raise refuse("not_checked", CLAUSE, "checked", names=unchecked)
    return [Acknowledged(order=order.id)]


@decide.register
def _report_mismatch(command: ReportMismatch, state: State, context: Context) -> list[Body]:
    """What was received is not what the manifest says. Clause: 3.1(xi)"""
    order = _taken(command, state, context)
    return [MismatchReported(order=order.id, what=checked_text(command.what, "mismatch", CLAUSE, "what"))]


@decide.register
def _withdraw_order(command: WithdrawOrder, state: State, context: Context) -> list[Body]:
    """The customer takes its choice back while it still has one. Clause: 3.1(xi)"""
    order = _taken(command, state, context)
    return [Withdrawn(order=order.id, reason=checked_reason(command.reason))]


@decide.register
def _deliver(command: Deliver, state: State, context: Context) -> list[Body]:
    """The files, attached or on a way that is said. Clause: 3.1(xi)"""
    order = _taken(command, state, context)
    items, where = _checked_items(command.items), command.where.strip()
    if not all(i.attached for i in items):
        where = checked_text(where, "agreed_where", CLAUSE, "where")
    return [Delivered(order=order.id, items=items, where=where)]


def _checked_items(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The files of a manifest, by name. Refused where there is none, or a name stands twice."""
    if not items:
        raise refuse("no_items", CLAUSE, "items")
    seen = set()
    for item in items:
        name = unicodedata.normalize("NFC", item.name)  # both forms are one file where it arrives
        if name in seen:
            raise refuse("item_twice", CLAUSE, "items", name=name)
        seen.add(name)
    return tuple(sorted(items, key=lambda i: i.name))


@decide.register
def _terminate(command: Terminate, state: State, context: Context) -> list[Body]:
    """The agreement ends once: with a day to come, or one in the past that is recorded late. From that day
    its 14 days count, whenever it is recorded (our reading: the text counts from the end).

    Either side ends it as the effect of a step of its own; then it may end before a day recorded for later.
    Clause: 3.1(xi), Sch. 2 1.2
    """
    end = state.termination
    if end and (is_over(end, context.now) or command.on >= end.on):
        raise refuse("ended_already", CLAUSE, "on", on=end.on)
    if end and end.side == "customer" and context.side == "provider":
        raise refuse("end_of_customer", CLAUSE, "on", on=end.on)
    _check_began(command.on, context)
    return [Terminated(on=command.on, reason=checked_reason(command.reason, required_by=CLAUSE))]


def _check_began(on: date, context: Context) -> None:
    """Refused where the agreement would end before the customer entered it here. Clause: 1.2"""
    if context.opened_on and on < context.opened_on:
        raise refuse("end_before_begin", BEGIN_CLAUSE, "on", on=on, began=context.opened_on)


@decide.register
def _correct_end(command: CorrectEnd, state: State, context: Context) -> list[Body]:
    """An end that the provider recorded in error is corrected with its reason; the entry in error stays on
    the record. What the customer ended is the customer's. Clause: 3.1(xi), Art. 5(1)(d) GDPR"""
    end = state.termination
    if end is None:
        raise refuse("no_end", CLAUSE, "on")
    if end.side == "customer":
        raise refuse("end_of_customer", CLAUSE, "on", on=end.on)
    if command.on == end.on:
        raise refuse("same_end", CLAUSE, "on", on=end.on)
    if command.on:
        _check_began(command.on, context)
    reason = checked_reason(command.reason, required_by=CORRECT_CLAUSE)
    return [EndCorrected(on=command.on, before=end.on, reason=reason)]


@decide.register
def _record_exception(command: RecordException, state: State, context: Context) -> list[Body]:
    """What a law or rule wants kept for longer, under that law and until a day to come. Clause: 3.1(xi)"""
    agreement = context.agreement
    if command.data_type not in data_types([c.id for c in agreement.data_categories], agreement):
        raise refuse("unknown_data_type", CLAUSE, "data_type")
    if command.ground not in GROUNDS:
        raise refuse("unknown_ground", CLAUSE, "ground", grounds=tuple(GROUNDS.values()))
    law = checked_text(command.law, "law", CLAUSE, limit=MAX_TITLE)
    until = command.until
    if until is None:
        raise refuse("until_missing", CLAUSE, "until")
    if until <= dates.local_day(context.now):
        raise refuse("until_past", CLAUSE, "until", until=until)
    category = category_of(command.data_type, agreement)
    own = "" if command.data_type == category else command.data_type
    kept = Kept(category=category, ground=command.ground, law=law, until=until, data_type=own)
    return [ExceptionRecorded(kept=kept)]


@decide.register
def _record_deletion(command: RecordDeletion, state: State, context: Context) -> list[Body]:
    """A deletion of all that no legal hold and no lawful exception keeps. An exception that is over by now
    keeps nothing back: what it was about is deleted too. Clause: 3.1(xi), Sch. 1 2"""
    order = _taken(command, state, context)
    stands = deletion(order, state, context, context.now)
    _check_day(command.on, order, stands.goes, context)
    gone = tuple(f.data_type for f in stands.goes)
    waiting = {f.category for f in stands.of if f.waits}
    kept = dict.fromkeys(k for f in stands.of if f.category not in waiting for k in f.kept)
    rest = tuple(f.data_type for f in stands.of if f.data_type not in gone)
    return [
        Deleted(
            order=order.id,
            categories=tuple(c for c in order.categories if c not in waiting),
            on=command.on,
            kept=tuple(kept),
            assumed=order.assumed,
            deleted=gone,
            waits=rest if order.assumed else (),
            assumed_at=order.at if order.assumed else None,
        )
    ]


def _check_day(on: date, order: Order, goes: Sequence[Fate], context: Context) -> None:
    """Raises the Refusal of a day on which an order can't have been carried out. Clause: 3.1(xi), Sch. 1 2"""
    today, first = dates.local_day(context.now), first_day(order, goes)
    if on > today:
        raise refuse("day_to_come", CLAUSE, "on", on=on, first=first, today=today)
    if on >= first:
        return
    early = tuple(f.data_type for f in goes if f.resumes_at and on < dates.local_day(f.resumes_at))
    if on < dates.local_day(order.at):
        raise refuse("before_order", CLAUSE, "on", on=on, first=first, today=today)
    if order.acknowledged_at and on < dates.local_day(order.acknowledged_at):
        raise refuse("before_acknowledged", CLAUSE, "on", on=on, first=first, today=today)
    names, days = _type_names(early, context), context.agreement.retention.grace_days
    raise refuse("before_resumed", HOLD_CLAUSE, "on", names=names, days=days, first=first, today=today)


# --- what is open --------------------------------------------------------------------------------

_TASKS: dict[Status, str] = {
    "waits_for_provider": "deliver",
    "delivered": "acknowledge",
    "does_not_match": "deliver_again",
}
"""The step that an order waits for, before its deletion."""


def tasks(state: State, context: Context) -> Iterator[Task]:
    """What waits for whom, each for the time it does. The agreement names no time for a return or a
    deletion, so that only the 14 days have a date. Clause: 3.1(xi)"""
    extra = assumed(state, context.agreement)
    for order in (*state.orders.values(), *((extra,) if extra else ())):
        stands = status(order)
        if step := _TASKS.get(stands):
            yield _task(order, step, STAGES[stands].waits_for, order.at)
        elif stands == "deletion_due":
            yield from _deletion_tasks(order, state, context)
    if extra and state.termination:
        yield from _end_tasks(state.termination, extra)


def _task(
    order: Order, step: str, waits_for: Turn | None, begins: datetime, ends: datetime | None = None
) -> Task:
    """One order, and the step it waits for. Without a step, it ends by the calendar."""
    return Task(
        f"data_return/{order.id}",
        "data_return",
        "assumed_deletion" if order.assumed else order.wish,
        step,
        {"id": str(order.id)},
        waits_for,
        CLAUSE,
        due=None if step else ends,
        begins=begins,
        ends=ends,
        opened_at=order.at,
        by=order.by or None,
        entry=order.id,
    )


def _deletion_tasks(order: Order, state: State, context: Context) -> Iterator[Task]:
    """For whom a deletion waits, from one moment at which that may change to the next: for the provider where
    something can be deleted, for the customer where a legal hold stands in the way, else for the calendar."""
    agreement = context.agreement
    types = data_types(order.categories, agreement)
    ends = [dates.end_of(k.until) for k in state.kept if set(types) & set(excepted(k, agreement))]
    resumptions = [at for id in types if (at := context.held.get(id))]
    begins = sorted({order.at, *(at for at in (*ends, *resumptions) if at > order.at)})
    spans: list[tuple[datetime, str, Turn | None]] = []
    for at in begins:
        stands = deletion(order, state, context, at)
        step: tuple[str, Turn | None] = ("delete", "provider")
        if not stands.goes:
            step = ("release_hold", "customer") if stands.held else ("", None)
        if not spans or spans[-1][1:] != step:
            spans.append((at, *step))
    for number, (at, name, side) in enumerate(spans, start=1):
        yield _task(order, name, side, at, spans[number][0] if number < len(spans) else None)


def _end_tasks(end: Termination, extra: Order) -> Iterator[Task]:
    """The customer's time to ask for a return, before the end and after it. `extra`: the deletion that is
    assumed once it is over."""
    over = dates.end_of(end.on)
    base = Task(
        f"data_return/end-{extra.id}",
        "data_return",
        "agreement_has_ended",
        "ask_for_return",
        waits_for="customer",
        clause=CLAUSE,
        due=extra.at,
        begins=max(end.at, over),
        ends=extra.at,
        opened_at=end.at,
        by=end.by,
        entry=end.sequence,
    )
    if end.at < over:
        yield replace(base, about="agreement_ends", begins=end.at, ends=over)
    if base.begins and base.begins < extra.at:
        yield base


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The order that a step is about."""
    return {"orders": (step.order,)} if isinstance(step, Step | _Step) else {}


def files(state: State) -> Iterator[FileRef]:
    """The files delivered that are kept beside the database."""
    for order in state.orders.values():
        for i in order.items:
            if i.attached:
                yield FileRef(name=i.name, size=i.size, media_type="", sha256=i.sha256)


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("data_return")

DATA_RETURN = Subject(
    name="data_return",
    title="Return and deletion",
    state=State,
    events=(
        Ordered,
        Delivered,
        Acknowledged,
        MismatchReported,
        Withdrawn,
        Terminated,
        EndCorrected,
        ExceptionRecorded,
        Deleted,
    ),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    on_desk=True,
    about={
        "agreement_ends": ("Return and deletion", "The agreement ends"),
        "agreement_has_ended": ("Return and deletion", "The agreement has ended"),
        "assumed_deletion": ("Return and deletion", "Deletion assumed, order {id}"),
        "deletion": ("Return and deletion", "Deletion of data, order {id}"),
        "return": ("Return and deletion", "Return of data, order {id}"),
        "return_then_deletion": (
            "Return and deletion",
            "Return, then deletion of data, order {id}",
        ),
    },
    next_steps={
        "acknowledge": "Check the files off and acknowledge",
        "ask_for_return": "Ask for a return, or deletion is assumed",
        "delete": "Delete the data and record it",
        "deliver": "Deliver the data with its manifest",
        "deliver_again": "Deliver again: the customer reports a mismatch",
        "release_hold": "Release the legal hold, or the deletion waits",
    },
    shelves=(Shelf("orders", Order, lambda order, _: settled(order)),),
    touches=touches,
    files=files,
)
