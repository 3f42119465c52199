"""Return and deletion of personal data, on instruction and at the end of the agreement.

Clauses: 3.1(xi) (the customer's choice, 14 days, lawful exceptions), 3.1(xiii) (cost).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dpa_core.agreement import Agreement
from dpa_core.subjects import dates
from dpa_core.subjects.common import (
    MAX_TITLE,
    Matter,
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    checked_reason,
    checked_text,
)

CLAUSE = "3.1(xi)"
COST_CLAUSE = "3.1(xiii)"

Wish = Literal["return", "deletion", "return_then_deletion"]
WISHES: dict[Wish, str] = {
    "return": "Return",
    "deletion": "Deletion",
    "return_then_deletion": "Return, then deletion",
}
Ground = Literal["law", "disaster_recovery"]
GROUNDS: dict[Ground, str] = {"law": "Retention by law", "disaster_recovery": "Disaster recovery backup"}


# --- state ---------------------------------------------------------------------------------------


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


Status = Literal[
    "waits for the provider",
    "delivered",
    "does not match",
    "returned",
    "deletion due",
    "deleted",
    "withdrawn",
]


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
    exceptions: tuple[Kept, ...] = ()
    """What was lawfully kept when the rest was deleted."""
    withdrawn: bool = False
    assumed: bool = False
    """Not asked for: assumed by clause 3.1(xi) as nobody asked for a return in time."""
    at_end: bool = False
    """Stands at the end of the agreement: no copy stays after a return, Art. 28(3)(g) GDPR."""


class Termination(Record):
    """The end of the agreement, at the end of a day in Stockholm."""

    sequence: int
    on: date
    at: Moment
    by: str
    reason: str


class State(Record):
    """The orders by identifier, lawful exceptions, and the agreement's end if it has one."""

    orders: dict[int, Order] = {}
    kept: tuple[Kept, ...] = ()
    termination: Termination | None = None


def status(order: Order) -> Status:
    """Where an order stands."""
    if order.withdrawn:
        return "withdrawn"
    if order.deleted_on:
        return "deleted"
    if order.wish == "deletion":
        return "deletion due"
    if order.acknowledged_at:
        return "deletion due" if order.wish == "return_then_deletion" or order.at_end else "returned"
    if order.mismatch:
        return "does not match"
    return "delivered" if order.delivered_at else "waits for the provider"


def return_until(termination: Termination, agreement: Agreement) -> datetime:
    """Until when a return can be asked for after the end, in UTC. Clause: 3.1(xi)"""
    return dates.end_of(termination.on + timedelta(days=agreement.term("return_request").value))


def assumed(state: State, agreement: Agreement) -> Order | None:
    """The deletion that is assumed once the time to ask for a return is over; None where every category
    was asked for, or the agreement has not ended. `at`: the moment from which it is assumed.

    Clause: 3.1(xi)
    """
    end = state.termination
    if end is None or end.sequence in state.orders:
        return None
    spoken_for = {
        c
        for o in state.orders.values()
        if not o.withdrawn and (o.deleted_on is None or o.deleted_on >= end.on) and status(o) != "returned"
        for c in o.categories
    }
    left = tuple(c.id for c in agreement.data_categories if c.id not in spoken_for)
    at = return_until(end, agreement)
    return (
        Order(id=end.sequence, at=at, by="", wish="deletion", categories=left, assumed=True) if left else None
    )


def orders(state: State, agreement: Agreement, now: datetime) -> dict[int, Order]:
    """Every order at a moment, the assumed one among them once its time has come. Clause: 3.1(xi)"""
    extra = assumed(state, agreement)
    return state.orders | ({extra.id: extra} if extra and now >= extra.at else {})


def kept_at(state: State, day: date, categories: tuple[str, ...]) -> tuple[Kept, ...]:
    """The lawful exceptions among these categories that still stand on a day. Clause: 3.1(xi)"""
    return tuple(k for k in state.kept if k.category in categories and day <= k.until)


# --- events --------------------------------------------------------------------------------------


class Ordered(Record):
    """`data_return.ordered`: the customer's written request."""

    v: Literal[1] = 1
    wish: Wish
    categories: tuple[str, ...]
    reason: str
    cost_acknowledged: bool


class Delivered(Record):
    """`data_return.delivered`: the files, as a manifest."""

    v: Literal[1] = 1
    order: int
    items: tuple[Item, ...]
    where: str


class Acknowledged(Record):
    """`data_return.acknowledged`: every file of the manifest is checked off."""

    v: Literal[1] = 1
    order: int


class MismatchReported(Record):
    """`data_return.mismatch_reported`: what was received does not match the manifest."""

    v: Literal[1] = 1
    order: int
    what: str


class Withdrawn(Record):
    """`data_return.withdrawn`: the order is taken back."""

    v: Literal[1] = 1
    order: int
    reason: str


class Terminated(Record):
    """`data_return.terminated`: the agreement ends with this day."""

    v: Literal[1] = 1
    on: date
    reason: str


class ExceptionRecorded(Record):
    """`data_return.exception_recorded`: data that is lawfully kept for longer."""

    v: Literal[1] = 1
    kept: Kept


class Deleted(Record):
    """`data_return.deleted`: the categories of an order are deleted; exceptions as they stood."""

    v: Literal[1] = 1
    order: int
    categories: tuple[str, ...]
    on: date
    kept: tuple[Kept, ...]
    assumed: bool


_Body = (
    Ordered
    | Delivered
    | Acknowledged
    | MismatchReported
    | Withdrawn
    | Terminated
    | ExceptionRecorded
    | Deleted
)
_BODIES: dict[str, type[_Body]] = {
    "data_return.ordered": Ordered,
    "data_return.delivered": Delivered,
    "data_return.acknowledged": Acknowledged,
    "data_return.mismatch_reported": MismatchReported,
    "data_return.withdrawn": Withdrawn,
    "data_return.terminated": Terminated,
    "data_return.exception_recorded": ExceptionRecorded,
    "data_return.deleted": Deleted,
}
KINDS = frozenset(_BODIES)


# --- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OrderData:
    """Ask for the return or deletion of categories of data."""

    wish: Wish
    categories: tuple[str, ...]
    reason: str = ""
    cost_acknowledged: bool = False


@dataclass(frozen=True)
class AcknowledgeReturn:
    """Acknowledge a delivery. `checked`: names of the files that are there and match."""

    order: int
    checked: frozenset[str]


@dataclass(frozen=True)
class ReportMismatch:
    """Say what does not match."""

    order: int
    what: str


@dataclass(frozen=True)
class WithdrawOrder:
    """Take an order back that is not carried out."""

    order: int
    reason: str = ""


@dataclass(frozen=True)
class Deliver:
    """Hand the files over, as a manifest; `where`: how, for files that are not attached."""

    order: int
    items: tuple[Item, ...]
    where: str = ""


@dataclass(frozen=True)
class Terminate:
    """Record that the agreement ends with a day."""

    on: date
    reason: str


@dataclass(frozen=True)
class RecordException:
    """Record data that is lawfully kept for longer."""

    category: str
    ground: Ground
    law: str
    until: date


@dataclass(frozen=True)
class RecordDeletion:
    """Record that the categories of an order were deleted on a day."""

    order: int
    on: date


ByCustomer = OrderData | AcknowledgeReturn | ReportMismatch | WithdrawOrder
ByProvider = Deliver | Terminate | RecordException | RecordDeletion
Command = ByCustomer | ByProvider


@dataclass(frozen=True)
class Consequences:
    """What an order brings about."""

    categories: tuple[str, ...]
    """Names."""
    deletes: bool
    held: tuple[str, ...]
    """Data types under a legal hold among them: deletion has to wait for its release."""
    kept: tuple[Kept, ...]
    """Lawful exceptions that stand."""
    clauses: tuple[str, ...]


def consequences(
    command: OrderData, state: State, agreement: Agreement, now: datetime, held: Mapping[str, tuple[str, ...]]
) -> Consequences:
    """What an order would bring about. Raises Refusal where it can't be given.

    `held`: category -> names of its data types under a legal hold. Clause: 3.1(xi)
    """
    if command.wish not in WISHES:
        raise Refusal(CLAUSE, "No wish is chosen.", f"Choose one of: {', '.join(WISHES.values())}.", "wish")
    chosen = [c for c in agreement.data_categories if c.id in command.categories]
    if not chosen or len(chosen) != len(set(command.categories)):
        raise Refusal(CLAUSE, "No known category is chosen.", "Choose at least one category.", "categories")
    end = state.termination
    if end and command.wish != "deletion" and now >= return_until(end, agreement):
        last = dates.local_day(return_until(end, agreement) - timedelta(seconds=1))
        raise Refusal(
            CLAUSE,
            f"A return could be asked for until the end of {dates.in_words(last)}; deletion is assumed now.",
            "Write to the provider at once if the data is still there.",
            "wish",
        )
    open_ones = {
        c
        for o in orders(state, agreement, now).values()
        if status(o) not in ("withdrawn", "returned", "deleted")
        for c in o.categories
    }
    double = [c.name for c in chosen if c.id in open_ones]
    if double:
        raise Refusal(
            CLAUSE,
            f"An order for {', '.join(double)} is open already.",
            "Withdraw that one first, or leave the category out.",
            "categories",
        )
    deletes = command.wish != "return" or end is not None
    return Consequences(
        categories=tuple(c.name for c in chosen),
        deletes=deletes,
        held=tuple(name for c in chosen for name in held.get(c.id, ())) if deletes else (),
        kept=kept_at(state, dates.local_day(now), command.categories) if deletes else (),
        clauses=(CLAUSE, COST_CLAUSE),
    )


def _open(command: Any, state: State, agreement: Agreement, now: datetime, *fits: Status) -> Order:
    order = orders(state, agreement, now).get(command.order)
    if order is None:
        raise Refusal(CLAUSE, f"There is no order {command.order}.", "Choose one from the list.", "order")
    if status(order) not in fits:
        raise Refusal(
            CLAUSE,
            f"Order {order.id} is {status(order)}; this step does not fit.",
            "Look at the page again: someone may have gone on before you.",
            "order",
        )
    return order


def _checked_items(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise Refusal(CLAUSE, "The manifest names no file.", "Attach files, or a manifest of them.", "items")
    names = [i.name for i in items]
    if len(set(names)) != len(names):
        double = next(n for n in names if names.count(n) > 1)
        raise Refusal(CLAUSE, f"“{double}” stands twice in the manifest.", "Name each file once.", "items")
    return tuple(sorted(items, key=lambda i: i.name))


def decide(
    command: Command, state: State, agreement: Agreement, now: datetime, held: Mapping[str, tuple[str, ...]]
) -> list[NewEvent]:
    """Record the step. `held`: category -> names of its data types under a legal hold.

    Clause: 3.1(xi), 3.1(xiii)
    """
    today = dates.local_day(now)
    body: Record
    match command:
        case OrderData():
            consequences(command, state, agreement, now, held)
            reason = checked_reason(command.reason)
            if not command.cost_acknowledged:
                raise Refusal(
                    COST_CLAUSE,
                    "It is not acknowledged that the provider's reasonable expenses are reimbursed.",
                    "Tick the acknowledgement of cost.",
                    "cost_acknowledged",
                )
            wanted = tuple(c.id for c in agreement.data_categories if c.id in command.categories)
            body = Ordered(wish=command.wish, categories=wanted, reason=reason, cost_acknowledged=True)
            return [NewEvent("data_return.ordered", body)]
        case AcknowledgeReturn(checked=checked):
            order = _open(command, state, agreement, now, "delivered")
            unchecked = [i.name for i in order.items if i.name not in checked]
            if unchecked:
                raise Refusal(
                    CLAUSE,
                    f"Not checked off: {', '.join(unchecked[:5])}"
                    + (f" and {len(unchecked) - 5} more." if len(unchecked) > 5 else "."),
                    "Check every file, or report what does not match.",
                    "checked",
                )
            return [NewEvent("data_return.acknowledged", Acknowledged(order=order.id))]
        case ReportMismatch(what=what):
            order = _open(command, state, agreement, now, "delivered")
            body = MismatchReported(
                order=order.id, what=checked_text(what, "What does not match", CLAUSE, "what")
            )
            return [NewEvent("data_return.mismatch_reported", body)]
        case WithdrawOrder(reason=reason):
            fits: tuple[Status, ...] = (
                "waits for the provider",
                "delivered",
                "does not match",
                "deletion due",
            )
            order = _open(command, state, agreement, now, *fits)
            if state.termination and now >= return_until(state.termination, agreement):
                raise Refusal(
                    CLAUSE,
                    "The agreement has ended and the time to ask for a return is over: deletion is assumed.",
                    "Write to the provider at once if the data should be kept.",
                    "order",
                )
            body = Withdrawn(order=order.id, reason=checked_reason(reason))
            return [NewEvent("data_return.withdrawn", body)]
        case Deliver(items=items, where=where):
            order = _open(command, state, agreement, now, "waits for the provider", "does not match")
            items = _checked_items(items)
            where = where.strip()
            if not all(i.attached for i in items):
                where = checked_text(where, "How the files reach the customer", CLAUSE, "where")
            body = Delivered(order=order.id, items=items, where=where)
            return [NewEvent("data_return.delivered", body)]
        case Terminate(on=on, reason=reason):
            if state.termination:
                raise Refusal(
                    CLAUSE,
                    f"The end of the agreement is recorded already: {dates.in_words(state.termination.on)}.",
                    "An agreement ends once.",
                    "on",
                )
            if on < today:
                days = agreement.term("return_request").value
                raise Refusal(
                    CLAUSE,
                    f"{dates.in_words(on)} is past; the customer's {days} days to ask for data would be cut.",
                    f"Choose {dates.in_words(today)} or later.",
                    "on",
                )
            body = Terminated(on=on, reason=checked_reason(reason, required_by=CLAUSE))
            return [NewEvent("data_return.terminated", body)]
        case RecordException(category=category, ground=ground, law=law, until=until):
            if category not in {c.id for c in agreement.data_categories}:
                raise Refusal(CLAUSE, "No known category is chosen.", "Choose one.", "category")
            law = checked_text(law, "The law or rule", CLAUSE, "law", limit=MAX_TITLE)
            if until <= today:
                raise Refusal(
                    CLAUSE,
                    f"{dates.in_words(until)} is no day in the future.",
                    "Choose the day on which the exception ends.",
                    "until",
                )
            kept = Kept(category=category, ground=ground, law=law, until=until)
            return [NewEvent("data_return.exception_recorded", ExceptionRecorded(kept=kept))]
        case RecordDeletion(on=on):
            order = _open(command, state, agreement, now, "deletion due")
            if not dates.local_day(order.at) <= on <= today:
                raise Refusal(
                    CLAUSE,
                    f"{dates.in_words(on)} is not a day between the order and today.",
                    f"Choose from {dates.in_words(dates.local_day(order.at))} to {dates.in_words(today)}.",
                    "on",
                )
            left = kept_at(state, on, order.categories)
            excepted = {k.category for k in left}
            stopped = [n for c in order.categories if c not in excepted for n in held.get(c, ())]
            if stopped:
                raise Refusal(
                    "Sch. 1 2",
                    f"A legal hold stands on {', '.join(stopped)}.",
                    "The customer releases it on the Retention page, or an exception is recorded first.",
                    "order",
                )
            body = Deleted(
                order=order.id, categories=order.categories, on=on, kept=left, assumed=order.assumed
            )
            return [NewEvent("data_return.deleted", body)]


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    at, by = event.recorded_at, event.actor
    match body:
        case Terminated():
            end = Termination(sequence=event.sequence, on=body.on, at=at, by=by, reason=body.reason)
            marked = {
                id: o if status(o) == "returned" else o.model_copy(update={"at_end": True})
                for id, o in state.orders.items()
            }
            return state.model_copy(update={"termination": end, "orders": marked})
        case ExceptionRecorded():
            return state.model_copy(update={"kept": (*state.kept, body.kept)})
        case Ordered():
            new = Order(
                id=event.sequence,
                at=at,
                by=by,
                wish=body.wish,
                categories=body.categories,
                reason=body.reason,
                at_end=state.termination is not None,
            )
            return state.model_copy(update={"orders": state.orders | {new.id: new}})
        case Deleted() if body.assumed:
            old = Order(
                id=body.order, at=at, by="", wish="deletion", categories=body.categories, assumed=True
            )
        case _:
            old = state.orders[body.order]
    changed = old.model_copy(update=_changes(body, at, by))
    return state.model_copy(update={"orders": state.orders | {changed.id: changed}})


def _changes(body: _Body, at: datetime, by: str) -> dict[str, Any]:
    match body:
        case Delivered():
            return {"items": body.items, "where": body.where, "delivered_at": at, "mismatch": ""}
        case Acknowledged():
            return {"acknowledged_at": at}
        case MismatchReported():
            return {"mismatch": body.what}
        case Withdrawn():
            return {"withdrawn": True}
        case Deleted():
            return {"deleted_on": body.on, "deleted_by": by, "certified_at": at, "exceptions": body.kept}
        case _:
            return {}


def matters(state: State, agreement: Agreement) -> Iterator[Matter]:
    """What waits for whom, each for the time it does. The agreement names no time for a return or a
    deletion, so that only the 14 days have a date. Clause: 3.1(xi)"""
    steps: dict[Status, tuple[Literal["customer", "provider"], str]] = {
        "waits for the provider": ("provider", "Deliver the data with its manifest"),
        "does not match": ("provider", "Deliver again: the customer reports a mismatch"),
        "delivered": ("customer", "Check the files off and acknowledge"),
        "deletion due": ("provider", "Delete the data and record it"),
    }
    extra = assumed(state, agreement)
    for order in (*state.orders.values(), *((extra,) if extra else ())):
        if step := steps.get(status(order)):
            named = "Deletion assumed" if order.assumed else f"{WISHES[order.wish]} of data"
            yield Matter(
                f"data_return/{order.id}",
                "data_return",
                f"{named}, order {order.id}",
                *step,
                clause=CLAUSE,
                begins=order.at,
                opened_at=order.at,
                by=order.by or None,
                entry=order.id,
            )
    if extra and state.termination:
        ends = dates.end_of(state.termination.on)
        ask = Matter(
            f"data_return/end-{extra.id}",
            "data_return",
            "The agreement ends" if ends > state.termination.at else "The agreement has ended",
            "customer",
            "Ask for a return, or deletion is assumed",
            CLAUSE,
            due=extra.at,
            opened_at=state.termination.at,
            by=state.termination.by,
            entry=state.termination.sequence,
        )
        yield replace(ask, begins=state.termination.at, ends=extra.at)


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence."""
    body = _BODIES[event.kind].model_validate(event.body)
    names = {c.id: c.name for c in agreement.data_categories}

    def listed(categories: tuple[str, ...]) -> str:
        return ", ".join(names.get(c, c) for c in categories)

    match body:
        case Ordered():
            return f"Ordered: {WISHES[body.wish].lower()} of {listed(body.categories)}"
        case Delivered():
            count = len(body.items)
            return f"Delivered {count} {'file' if count == 1 else 'files'} for order {body.order}"
        case Acknowledged():
            return f"Acknowledged the return of order {body.order}"
        case MismatchReported():
            return f"Reported a mismatch in the delivery of order {body.order}"
        case Withdrawn():
            return f"Withdrew order {body.order}"
        case Terminated():
            return f"The agreement ends on {dates.in_words(body.on)}"
        case ExceptionRecorded(kept=kept):
            until = dates.in_words(kept.until)
            return f"{names.get(kept.category, kept.category)} is kept until {until}: {kept.law}"
        case Deleted():
            why = "assumed after the end" if body.assumed else f"order {body.order}"
            return f"Deleted {listed(body.categories)} on {dates.in_words(body.on)} ({why})"
