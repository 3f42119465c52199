"""Personal data breaches and major ICT incidents: the 72 hours, notices in phases, and the customers' part.

The provider records incidents and notices in its own ledger; what a customer acknowledges or decides lies
in the customer's.

Clauses: 3.1(x) (72 hours, the items of Art. 33(3) GDPR, the controller's own duty), Sch. 3 1.4(iii) (DORA).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from dpa_core.agreement import Agreement, Term
from dpa_core.subjects.common import (
    MAX_TITLE,
    FileRef,
    Matter,
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    checked_reason,
    checked_text,
)

CLAUSE = "3.1(x)"
DORA_CLAUSE = "Sch. 3 1.4(iii)"

IncidentKind = Literal["breach", "ict"]
KIND_NAMES: dict[IncidentKind, str] = {
    "breach": "Personal data breach",
    "ict": "Major ICT incident (DORA)",
}
Item = Literal["nature", "numbers", "contact", "consequences", "measures"]
ITEMS: dict[Item, str] = {
    "nature": "(i) Nature of the breach",
    "numbers": "(ii) Categories and approximate numbers of data subjects and records",
    "contact": "(iii) Contact",
    "consequences": "(iv) Likely consequences",
    "measures": "(v) Measures taken or proposed",
}
"""The five items of Art. 33(3) GDPR, as clause 3.1(x) numbers them."""
OLDEST = timedelta(days=366)
"""An incident learnt of longer ago than this is taken for a slip of the date."""
CONTROLLERS_HOURS = timedelta(hours=72)
"""The controller's own time to notify its authority, Art. 33(1) GDPR."""


# --- the provider's state ------------------------------------------------------------------------


class Notice(Record):
    """One notice to customers; the first, or an update. Items not known yet are empty."""

    number: int
    at: Moment
    by: str
    items: dict[Item, str]
    customers: tuple[str, ...]
    delay: str = ""
    """Why it comes after the 72 hours."""
    files: tuple[FileRef, ...] = ()


class Incident(Record):
    """One incident. `id`: the sequence of its record."""

    id: int
    kind: IncidentKind
    title: str
    by: str
    aware: dict[str, Moment]
    """Customer -> when the provider learnt that it is concerned."""
    notices: tuple[Notice, ...] = ()
    closed_at: Moment | None = None
    summary: str = ""

    @property
    def items(self) -> dict[Item, str]:
        """What is known of the five items, by the last notice that told it."""
        known: dict[Item, str] = {}
        for notice in self.notices:
            known |= {item: text for item, text in notice.items.items() if text}
        return known

    @property
    def missing(self) -> tuple[Item, ...]:
        """Items that not every customer concerned was told."""
        told = {c: {i for n in self.notices if c in n.customers for i in n.items} for c in self.aware}
        return tuple(item for item in ITEMS if any(item not in known for known in told.values()))

    @property
    def waiting(self) -> tuple[str, ...]:
        """Customers concerned that were not notified yet."""
        told = {c for n in self.notices for c in n.customers}
        return tuple(c for c in self.aware if c not in told)


class ProviderState(Record):
    """Every incident, by identifier."""

    incidents: dict[int, Incident] = {}


def clause_of(kind: IncidentKind) -> str:
    """The clause under which customers are told."""
    return CLAUSE if kind == "breach" else DORA_CLAUSE


def _term(kind: IncidentKind, agreement: Agreement) -> Term:
    return agreement.term("breach_notice" if kind == "breach" else "incident_notice")


def notify_until(incident: Incident, customer_id: str, agreement: Agreement) -> datetime:
    """Until when that customer has to be told, in UTC: exact hours, whatever the season's offset.

    Clause: 3.1(x), Sch. 3 1.4(iii)
    """
    return incident.aware[customer_id] + timedelta(hours=_term(incident.kind, agreement).value)


# --- the provider's events and commands ----------------------------------------------------------


class Recorded(Record):
    """`incidents.recorded`: the provider learnt of an incident."""

    v: Literal[1] = 1
    incident_kind: IncidentKind
    title: str
    aware_at: Moment
    customers: tuple[str, ...]


class Widened(Record):
    """`incidents.widened`: more customers turn out to be concerned."""

    v: Literal[1] = 1
    incident: int
    aware_at: Moment
    customers: tuple[str, ...]


class Notified(Record):
    """`incidents.notified`: customers are told."""

    v: Literal[1] = 1
    incident: int
    items: dict[Item, str]
    customers: tuple[str, ...]
    delay: str
    files: tuple[FileRef, ...]


class Closed(Record):
    """`incidents.closed`: nothing more is to be told."""

    v: Literal[1] = 1
    incident: int
    summary: str


@dataclass(frozen=True)
class RecordIncident:
    """Record an incident, when the provider learnt of it (UTC), and the customers concerned."""

    kind: IncidentKind
    title: str
    aware_at: datetime
    customers: tuple[str, ...]


@dataclass(frozen=True)
class Widen:
    """More customers are concerned; their hours run from when that was learnt."""

    incident: int
    aware_at: datetime
    customers: tuple[str, ...]


@dataclass(frozen=True)
class Notify:
    """Tell customers what is known. An item left empty is not known yet, or has not changed."""

    incident: int
    items: Mapping[Item, str]
    customers: tuple[str, ...]
    delay: str = ""
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class CloseIncident:
    """Nothing more is to be told."""

    incident: int
    summary: str


ProviderCommand = RecordIncident | Widen | Notify | CloseIncident


def _checked_awareness(at: datetime, kind: IncidentKind, now: datetime) -> datetime:
    if at > now:
        raise Refusal(
            clause_of(kind), "That moment has not come yet.", "Give when it was learnt of.", "aware_at"
        )
    if at < now - OLDEST:
        raise Refusal(
            clause_of(kind),
            "That is more than a year ago.",
            "Check the date: the hours run from it.",
            "aware_at",
        )
    return at


def _open(id: int, state: ProviderState) -> Incident:
    incident = state.incidents.get(id)
    if incident is None or incident.closed_at:
        raise Refusal(CLAUSE, f"No incident {id} is open.", "Choose one from the list.", "incident")
    return incident


def decide_provider(
    command: ProviderCommand, state: ProviderState, agreement: Agreement, now: datetime
) -> list[NewEvent]:
    """Record the provider's step. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    body: Record
    match command:
        case RecordIncident(kind=kind, aware_at=aware, customers=concerned):
            if kind not in KIND_NAMES:
                raise Refusal(CLAUSE, "No kind is chosen.", "Choose what it is.", "kind")
            title = checked_text(command.title, "The title", clause_of(kind), "title", limit=MAX_TITLE)
            if not concerned:
                raise Refusal(
                    clause_of(kind), "No customer is chosen.", "Choose the customers concerned.", "customers"
                )
            aware = _checked_awareness(aware, kind, now)
            body = Recorded(
                incident_kind=kind, title=title, aware_at=aware, customers=tuple(sorted(concerned))
            )
            return [NewEvent("incidents.recorded", body)]
        case Widen(aware_at=aware, customers=concerned):
            incident = _open(command.incident, state)
            new = tuple(sorted(c for c in concerned if c not in incident.aware))
            if not new:
                raise Refusal(CLAUSE, "No further customer is chosen.", "Choose at least one.", "customers")
            aware = _checked_awareness(aware, incident.kind, now)
            body = Widened(incident=incident.id, aware_at=aware, customers=new)
            return [NewEvent("incidents.widened", body)]
        case Notify():
            incident = _open(command.incident, state)
            return [NewEvent("incidents.notified", _notified(command, incident, agreement, now))]
        case CloseIncident(summary=summary):
            incident = _open(command.incident, state)
            clause = clause_of(incident.kind)
            if incident.waiting:
                raise Refusal(
                    clause,
                    f"{len(incident.waiting)} of the customers concerned were not notified.",
                    "Notify them first.",
                    "incident",
                )
            if incident.missing:
                names = ", ".join(ITEMS[item] for item in incident.missing)
                raise Refusal(
                    clause,
                    f"Not told to every customer concerned: {names}.",
                    "Send an update with what was found, or with why it can't be known.",
                    "incident",
                )
            body = Closed(incident=incident.id, summary=checked_reason(summary, required_by=clause))
            return [NewEvent("incidents.closed", body)]


def _notified(command: Notify, incident: Incident, agreement: Agreement, now: datetime) -> Notified:
    clause = clause_of(incident.kind)
    told = tuple(sorted(command.customers))
    if not told or not set(told) <= set(incident.aware):
        raise Refusal(clause, "No customer concerned is chosen.", "Choose whom to tell.", "customers")
    items: dict[Item, str] = {
        item: checked_text(text, name, clause, item)
        for item, name in ITEMS.items()
        if (text := command.items.get(item, "").strip())
    }
    if not items:
        raise Refusal(clause, "The notice says nothing.", "Fill in what is known.", "nature")
    first = [c for c in told if c in incident.waiting]
    if first and "nature" not in items:
        raise Refusal(
            clause,
            "A first notice describes at least the nature of what happened.",
            "Fill it in; the other items may follow in an update.",
            "nature",
        )
    hours = _term(incident.kind, agreement).value
    late = any(now > notify_until(incident, c, agreement) for c in first)
    if late and not command.delay.strip():
        raise Refusal(
            clause,
            f"The {hours} hours are over.",
            "Give the reasons for the delay; they are told too.",
            "delay",
        )
    delay = checked_reason(command.delay) if late else ""
    return Notified(incident=incident.id, items=items, customers=told, delay=delay, files=command.files)


_PROVIDER_BODIES: dict[str, type[Recorded | Widened | Notified | Closed]] = {
    "incidents.recorded": Recorded,
    "incidents.widened": Widened,
    "incidents.notified": Notified,
    "incidents.closed": Closed,
}


PROVIDER_KINDS = frozenset(_PROVIDER_BODIES)


def evolve_provider(state: ProviderState, event: RecordedEvent) -> ProviderState:
    """The provider's state after an event; one of another subject leaves it as it is."""
    if event.kind not in PROVIDER_KINDS:
        return state
    body = _PROVIDER_BODIES[event.kind].model_validate(event.body)
    if isinstance(body, Recorded):
        new = Incident(
            id=event.sequence,
            kind=body.incident_kind,
            title=body.title,
            by=event.actor,
            aware=dict.fromkeys(body.customers, body.aware_at),
        )
        return ProviderState(incidents=state.incidents | {new.id: new})
    old = state.incidents[body.incident]
    match body:
        case Widened():
            update: dict[str, Any] = {"aware": old.aware | dict.fromkeys(body.customers, body.aware_at)}
        case Notified():
            notice = Notice(
                number=len(old.notices) + 1,
                at=event.recorded_at,
                by=event.actor,
                # In our order: canonical JSON sorts by name, and a fold must not depend on where it starts.
                items={item: body.items[item] for item in ITEMS if item in body.items},
                customers=body.customers,
                delay=body.delay,
                files=body.files,
            )
            update = {"notices": (*old.notices, notice)}
        case Closed():
            update = {"closed_at": event.recorded_at, "summary": body.summary}
    return ProviderState(incidents=state.incidents | {old.id: old.model_copy(update=update)})


def provider_matters(state: ProviderState, agreement: Agreement) -> Iterator[Matter]:
    """The hours that run, and incidents to be told more of. Clause: 3.1(x)"""
    for i in state.incidents.values():
        if i.closed_at:
            continue
        base = Matter(
            f"incidents/{i.id}",
            "incidents",
            f"{KIND_NAMES[i.kind]}: {i.title}",
            "provider",
            "",
            clause_of(i.kind),
        )
        if i.waiting:
            due = min(notify_until(i, c, agreement) for c in i.waiting)
            yield replace(base, next_step=f"Notify the customers concerned ({len(i.waiting)})", due=due)
        else:
            yield replace(base, next_step="Send an update" if i.missing else "Update, or close it")


def describe_provider(event: RecordedEvent) -> str:
    """An event of the provider's ledger in a sentence."""
    body = _PROVIDER_BODIES[event.kind].model_validate(event.body)
    match body:
        case Recorded():
            return f"Recorded: {KIND_NAMES[body.incident_kind]}: {body.title}"
        case Widened():
            return f"Added {len(body.customers)} customers to incident {body.incident}"
        case Notified():
            return f"Notified {len(body.customers)} customers of incident {body.incident}"
        case Closed():
            return f"Closed incident {body.incident}"


# --- what one customer sees ----------------------------------------------------------------------


def for_customer(state: ProviderState, customer_id: str) -> dict[int, Incident]:
    """The incidents one customer was told of, with its own notices, and nothing of other customers.

    Clause: 3.1(x)
    """
    found = {}
    for i in state.incidents.values():
        own = tuple(
            n.model_copy(update={"customers": (customer_id,)})
            for n in i.notices
            if customer_id in n.customers
        )
        if own:
            aware = {customer_id: i.aware[customer_id]}
            found[i.id] = i.model_copy(update={"aware": aware, "notices": own, "by": "", "summary": ""})
    return found


# --- the customer's state, events and commands ---------------------------------------------------

Decision = Literal["undecided", "authority", "authority_and_people", "none"]
DECISIONS: dict[Decision, str] = {
    "undecided": "Not decided yet",
    "authority": "Notify the supervisory authority (Art. 33)",
    "authority_and_people": "Notify the authority and the data subjects (Art. 33 and 34)",
    "none": "Notify nobody",
}


class Handling(Record):
    """How the customer handles one incident. `seen`: the number of the last notice acknowledged."""

    seen: int = 0
    seen_by: str = ""
    decision: Decision = "undecided"
    reason: str = ""
    decided_at: Moment | None = None
    decided_by: str = ""


class State(Record):
    """The customer's handling, by incident."""

    handling: dict[int, Handling] = {}


class Acknowledged(Record):
    """`incidents.acknowledged`: a notice has been received."""

    v: Literal[1] = 1
    incident: int
    notice: int


class Decided(Record):
    """`incidents.decided`: the controller's own decision whom to notify."""

    v: Literal[1] = 1
    incident: int
    decision: Decision
    reason: str


_BODIES: dict[str, type[Acknowledged | Decided]] = {
    "incidents.acknowledged": Acknowledged,
    "incidents.decided": Decided,
}
KINDS = frozenset(_BODIES)


@dataclass(frozen=True)
class Acknowledge:
    """Confirm that a notice was received. `notice`: its number."""

    incident: int
    notice: int


@dataclass(frozen=True)
class Decide:
    """Note the controller's own decision. It notifies nobody."""

    incident: int
    decision: Decision
    reason: str = ""


ByCustomer = Acknowledge | Decide
Command = ByCustomer


def decide(
    command: Command, state: State, told: Mapping[int, Incident], agreement: Agreement, now: datetime
) -> list[NewEvent]:
    """Record the customer's step. `told`: the incidents it was notified of. Clause: 3.1(x)"""
    incident = told.get(command.incident)
    if incident is None:
        raise Refusal(CLAUSE, "There is no such notice.", "Choose one from the list.", "incident")
    handling = state.handling.get(incident.id, Handling())
    match command:
        case Acknowledge(notice=number):
            if number not in {n.number for n in incident.notices}:
                raise Refusal(CLAUSE, "There is no such notice.", "Choose one from the list.", "notice")
            if number <= handling.seen:
                raise Refusal(
                    CLAUSE, "This notice is acknowledged already.", "Nothing needs doing.", "notice"
                )
            return [NewEvent("incidents.acknowledged", Acknowledged(incident=incident.id, notice=number))]
        case Decide(decision=decision, reason=reason):
            if decision not in DECISIONS or decision == "undecided":
                raise Refusal(
                    "Art. 33(1) GDPR", "No decision is chosen.", "Choose whom you notify.", "decision"
                )
            reason = checked_reason(reason, required_by="Art. 33(5) GDPR" if decision == "none" else None)
            if (decision, reason) == (handling.decision, handling.reason):
                raise Refusal(CLAUSE, "That is noted already.", "Nothing needs doing.", "decision")
            body = Decided(incident=incident.id, decision=decision, reason=reason)
            return [NewEvent("incidents.decided", body)]


def evolve(state: State, event: RecordedEvent) -> State:
    """The customer's state after an event; one of another subject leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    old = state.handling.get(body.incident, Handling())
    match body:
        case Acknowledged():
            update: dict[str, Any] = {"seen": body.notice, "seen_by": event.actor}
        case Decided():
            update = {
                "decision": body.decision,
                "reason": body.reason,
                "decided_at": event.recorded_at,
                "decided_by": event.actor,
            }
    return State(handling=state.handling | {body.incident: old.model_copy(update=update)})


def matters(state: State, told: Mapping[int, Incident]) -> Iterator[Matter]:
    """Notices to acknowledge, and the controller's own 72 hours of Art. 33(1) GDPR, which run from its
    own awareness: taken as the first notice. Clause: 3.1(x)"""
    for i in told.values():
        handling = state.handling.get(i.id, Handling())
        base = Matter(
            f"incidents/{i.id}",
            "incidents",
            f"{KIND_NAMES[i.kind]}: {i.title}",
            "customer",
            "",
            clause_of(i.kind),
            opened_at=i.notices[0].at,
        )
        if handling.seen < i.notices[-1].number:
            yield replace(base, next_step="Acknowledge the notice")
        if i.kind == "breach" and handling.decision == "undecided":
            due = i.notices[0].at + CONTROLLERS_HOURS
            step = "Decide whom you notify"
            yield replace(base, key=f"{base.key}/own", next_step=step, due=due, clause="Art. 33(1) GDPR")


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence."""
    body = _BODIES[event.kind].model_validate(event.body)
    match body:
        case Acknowledged():
            return f"Acknowledged notice {body.notice} of incident {body.incident}"
        case Decided():
            return f"Noted its decision on incident {body.incident}: {DECISIONS[body.decision]}"
