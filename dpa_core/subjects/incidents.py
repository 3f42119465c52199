"""Personal data breaches and major ICT incidents: the 72 hours, notices in phases, and the customers' part.

The provider records incidents and notices in its own ledger; what a customer acknowledges or decides lies
in the customer's.

Clauses: 3.1(x) (72 hours, the items of Art. 33(3) GDPR, the controller's own duty), Sch. 3 1.4(iii) (DORA).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from dpa_core.agreement import Agreement, Term
from dpa_core.locale import Value, worded
from dpa_core.subjects.common import FileRef, Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "3.1(x)"
DORA_CLAUSE = "Sch. 3 1.4(iii)"
CONTROLLER_CLAUSE = "Art. 33(1) GDPR"
RECORD_CLAUSE = "Art. 33(5) GDPR"
"""The controller documents every breach."""

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

ProviderStatus = Literal["to_be_notified", "customers_notified", "closed"]
PROVIDER_STATUS: dict[ProviderStatus, str] = worded(ProviderStatus)


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


def asks_for_decision(incident: Incident) -> bool:
    """Whether the customer has to decide whom it notifies itself. Clause: Art. 33(1) GDPR"""
    return incident.kind == "breach"


def _term(kind: IncidentKind, agreement: Agreement) -> Term:
    return agreement.term("breach_notice" if kind == "breach" else "incident_notice")


def notify_until(incident: Incident, customer_id: str, agreement: Agreement) -> datetime:
    """Until when that customer has to be told, in UTC: exact hours, whatever the season's offset.

    Clause: 3.1(x), Sch. 3 1.4(iii)
    """
    return incident.aware[customer_id] + timedelta(hours=_term(incident.kind, agreement).value)


def provider_status(incident: Incident) -> ProviderStatus:
    """Where an incident stands in the provider's ledger."""
    if incident.closed_at:
        return "closed"
    return "to_be_notified" if incident.waiting else "customers_notified"


# --- the provider's events -----------------------------------------------------------------------


class Recorded(Body, kind="incidents.recorded", words="Recorded: {what}: {title}"):
    """The provider learnt of an incident."""

    incident_kind: IncidentKind
    title: str
    aware_at: Moment
    customers: tuple[str, ...]

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        aware = dict.fromkeys(self.customers, self.aware_at)
        kind, title = self.incident_kind, self.title
        new = Incident(id=event.sequence, kind=kind, title=title, by=event.actor, aware=aware)
        return ProviderState(incidents=state.incidents | {new.id: new})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"what": KIND_NAMES[self.incident_kind]}


class _ProviderStep(Body):
    """An event of one incident in the provider's ledger."""

    incident: int

    def _set(self, state: ProviderState, **fields: object) -> ProviderState:
        changed = state.incidents[self.incident].but(**fields)
        return ProviderState(incidents=state.incidents | {self.incident: changed})


class Widened(
    _ProviderStep, kind="incidents.widened", words="Added {number} customers to incident {incident:id}"
):
    """More customers turn out to be concerned."""

    aware_at: Moment
    customers: tuple[str, ...]

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        aware = state.incidents[self.incident].aware | dict.fromkeys(self.customers, self.aware_at)
        return self._set(state, aware=aware)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"number": str(len(self.customers))}


class Notified(
    _ProviderStep, kind="incidents.notified", words="Notified {number} customers of incident {incident:id}"
):
    """Customers are told."""

    items: dict[Item, str]
    customers: tuple[str, ...]
    delay: str
    files: tuple[FileRef, ...]

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        before = state.incidents[self.incident].notices
        told = self.told("incident")
        # In our order: canonical JSON sorts by name, and a fold must not depend on where it starts.
        told["items"] = {item: self.items[item] for item in ITEMS if item in self.items}
        notice = Notice(number=len(before) + 1, at=event.recorded_at, by=event.actor, **told)
        return self._set(state, notices=(*before, notice))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"number": str(len(self.customers))}


class Closed(_ProviderStep, kind="incidents.closed", words="Closed incident {incident:id}"):
    """Nothing more is to be told."""

    summary: str

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        return self._set(state, closed_at=event.recorded_at, summary=self.summary)


# --- the provider's commands ---------------------------------------------------------------------


class RecordIncident(Command, by="provider", action="govern"):
    """Record an incident, when the provider learnt of it (UTC), and the customers concerned."""

    kind: IncidentKind
    title: str
    aware_at: datetime
    customers: tuple[str, ...]

    @property
    def named_customers(self) -> tuple[str, ...]:
        """The customers concerned."""
        return self.customers


class AddCustomers(Command, by="provider", action="govern"):
    """More customers are concerned; their hours run from when that was learnt (UTC)."""

    incident: int
    aware_at: datetime
    customers: tuple[str, ...]

    @property
    def named_customers(self) -> tuple[str, ...]:
        """The further customers."""
        return self.customers


class NotifyCustomers(Command, by="provider", action="govern"):
    """Tell customers what is known. An item left empty is not known yet, or has not changed."""

    incident: int
    items: Mapping[Item, str]
    customers: tuple[str, ...]
    delay: str = ""
    files: tuple[FileRef, ...] = ()


class CloseIncident(Command, by="provider", action="govern"):
    """Nothing more is to be told."""

    incident: int
    summary: str


ProviderStep = AddCustomers | NotifyCustomers | CloseIncident
"""What the provider can do with an incident on record."""


# --- the steps that fit the provider's incidents ---------------------------------------------------

PROVIDER_STAGES: dict[ProviderStatus, Stage] = {
    "to_be_notified": Stage((NotifyCustomers, AddCustomers), "provider"),
    "customers_notified": Stage((NotifyCustomers, AddCustomers, CloseIncident), "provider"),
    "closed": Stage(),
}


def _provider_obstacle(
    step: type[Command], incident: Incident, state: ProviderState, context: Context
) -> Refusal | None:
    """Why a step does not fit this incident, where more can be said than that it does not."""
    if step is CloseIncident and incident.waiting:
        waiting = len(incident.waiting)
        return refuse("not_notified", clause_of(incident.kind), "incident", customers=waiting)
    if step is CloseIncident and incident.missing:
        missing = tuple(ITEMS[item] for item in incident.missing)
        return refuse("not_told", clause_of(incident.kind), "incident", items=missing)
    return None


def _provider_misfit(
    step: type[Command], incident: Incident, state: ProviderState, context: Context
) -> Refusal:
    if not PROVIDER_STAGES[provider_status(incident)].steps:
        return refuse("not_open", CLAUSE, "incident", id=str(incident.id))
    said = _provider_obstacle(step, incident, state, context)
    return said or refuse("does_not_fit", CLAUSE, "incident", id=str(incident.id))


PROVIDER_STEPS: Steps[Incident, ProviderState] = Steps(
    lambda incident, state, context: PROVIDER_STAGES[provider_status(incident)],
    _provider_misfit,
    _provider_obstacle,
)
provider_steps_open = PROVIDER_STEPS.open
"""The steps that the provider may take with an incident now. Clause: 3.1(x), Sch. 3 1.4(iii)"""


def _provider_taken(command: ProviderStep, state: ProviderState, context: Context) -> Incident:
    """The incident that a step is about. Refused where there is none, or the step does not fit it."""
    incident = state.incidents.get(command.incident)
    if incident is None:
        raise refuse("not_open", CLAUSE, "incident", id=str(command.incident))
    PROVIDER_STEPS.check(command, incident, state, context)
    return incident


# --- the provider's decisions --------------------------------------------------------------------


decide_provider = rules()


@decide_provider.register
def _record_incident(command: RecordIncident, state: ProviderState, context: Context) -> list[Body]:
    """The hours of the customers concerned begin. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    if command.kind not in KIND_NAMES:
        raise refuse("no_kind", CLAUSE, "kind")
    clause = clause_of(command.kind)
    title = checked_text(command.title, "title", clause, limit=MAX_TITLE)
    if not command.customers:
        raise refuse("no_customer", clause, "customers")
    _check_awareness(command.aware_at, clause, context)
    _check_customers(command, clause, context)
    customers = tuple(sorted(command.customers))
    return [Recorded(incident_kind=command.kind, title=title, aware_at=command.aware_at, customers=customers)]


@decide_provider.register
def _add_customers(command: AddCustomers, state: ProviderState, context: Context) -> list[Body]:
    """Further customers have hours of their own. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _provider_taken(command, state, context)
    new = tuple(sorted(c for c in command.customers if c not in incident.aware))
    if not new:
        raise refuse("no_further_customer", CLAUSE, "customers")
    _check_awareness(command.aware_at, clause_of(incident.kind), context)
    _check_customers(command, clause_of(incident.kind), context)
    return [Widened(incident=incident.id, aware_at=command.aware_at, customers=new)]


def _check_awareness(at: datetime, clause: str, context: Context) -> None:
    """When it was learnt of, from which the hours run. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    if at > context.now:
        raise refuse("aware_to_come", clause, "aware_at")
    if at < context.now - OLDEST:
        raise refuse("aware_long_ago", clause, "aware_at")


def _check_customers(command: RecordIncident | AddCustomers, clause: str, context: Context) -> None:
    for customer_id in command.named_customers:
        if customer_id not in context.existing_customers:
            raise refuse("unknown_customer", clause, "customers", id=customer_id[:60])


@decide_provider.register
def _notify_customers(command: NotifyCustomers, state: ProviderState, context: Context) -> list[Body]:
    """What is known, in time or with the reasons for the delay. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _provider_taken(command, state, context)
    clause = clause_of(incident.kind)
    told = tuple(sorted(command.customers))
    if not told or not set(told) <= set(incident.aware):
        raise refuse("no_customer_concerned", clause, "customers")
    items: dict[Item, str] = {
        item: checked_text(text, item, clause)
        for item in ITEMS
        if (text := command.items.get(item, "").strip())
    }
    if not items:
        raise refuse("nothing_told", clause, "nature")
    first = [c for c in told if c in incident.waiting]
    if first and "nature" not in items:
        raise refuse("nature_missing", clause, "nature")
    delay = ""
    if any(context.now > notify_until(incident, c, context.agreement) for c in first):
        if not command.delay.strip():
            hours = _term(incident.kind, context.agreement).value
            raise refuse("late", clause, "delay", hours=hours)
        delay = checked_reason(command.delay)
    return [Notified(incident=incident.id, items=items, customers=told, delay=delay, files=command.files)]


@decide_provider.register
def _close_incident(command: CloseIncident, state: ProviderState, context: Context) -> list[Body]:
    """Every customer concerned was told everything. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _provider_taken(command, state, context)
    summary = checked_reason(command.summary, required_by=clause_of(incident.kind))
    return [Closed(incident=incident.id, summary=summary)]


# --- what is open for the provider ---------------------------------------------------------------


def _task(incident: Incident) -> Task:
    return Task(
        f"incidents/{incident.id}",
        "incidents",
        incident.kind,
        parameters={"title": incident.title},
        clause=clause_of(incident.kind),
    )


def provider_tasks(state: ProviderState, context: Context) -> Iterator[Task]:
    """The hours that run, and incidents to be told more of. Clause: 3.1(x)"""
    for incident in state.incidents.values():
        stands = provider_status(incident)
        base = replace(_task(incident), waits_for=PROVIDER_STAGES[stands].waits_for)
        if stands == "to_be_notified":
            waiting = incident.waiting
            due = min(notify_until(incident, c, context.agreement) for c in waiting)
            told = {**base.parameters, "customers": str(len(waiting))}
            yield replace(base, step="notify_customers", parameters=told, due=due)
        elif stands == "customers_notified":
            yield replace(base, step="send_update" if incident.missing else "update_or_close")


def provider_files(state: ProviderState) -> Iterator[FileRef]:
    """What was attached to notices."""
    return (f for incident in state.incidents.values() for notice in incident.notices for f in notice.files)


# --- what one customer sees ----------------------------------------------------------------------


def for_customer(state: ProviderState, customer_id: str) -> dict[int, Incident]:
    """The incidents one customer was told of, with its own notices, and nothing of other customers.

    Clause: 3.1(x)
    """
    found = {}
    for i in state.incidents.values():
        own = tuple(n.but(customers=(customer_id,)) for n in i.notices if customer_id in n.customers)
        if own:
            aware = {customer_id: i.aware[customer_id]}
            found[i.id] = i.but(aware=aware, notices=own, by="", summary="")
    return found


# --- the customer's state ------------------------------------------------------------------------

Status = Literal["new_notice", "acknowledged"]
STATUS: dict[Status, str] = worded(Status)
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

    def of(self, incident: int) -> Handling:
        """How one incident is handled so far."""
        return self.handling.get(incident, Handling())


def status(incident: Incident, state: State) -> Status:
    """Whether the customer has acknowledged all that it was told of an incident."""
    return "acknowledged" if state.of(incident.id).seen >= incident.notices[-1].number else "new_notice"


# --- the customer's events -----------------------------------------------------------------------


class _Step(Body):
    """An event of one incident in the customer's ledger."""

    incident: int

    def _set(self, state: State, **fields: object) -> State:
        changed = state.of(self.incident).but(**fields)
        return State(handling=state.handling | {self.incident: changed})


class Acknowledged(
    _Step, kind="incidents.acknowledged", words="Acknowledged notice {notice:id} of incident {incident:id}"
):
    """A notice has been received."""

    notice: int

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, seen=self.notice, seen_by=event.actor)


class Decided(
    _Step, kind="incidents.decided", words="Noted its decision on incident {incident:id}: {decided}"
):
    """The controller's own decision whom to notify."""

    decision: Decision
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        told = self.told("incident")
        return self._set(state, decided_at=event.recorded_at, decided_by=event.actor, **told)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"decided": DECISIONS[self.decision]}


# --- the customer's commands ---------------------------------------------------------------------


class AcknowledgeNotice(Command, by="customer"):
    """Confirm that a notice was received. `notice`: its number."""

    incident: int
    notice: int


class RecordDecision(Command, by="customer"):
    """Note the controller's own decision. It notifies nobody."""

    incident: int
    decision: Decision
    reason: str = ""


Step = AcknowledgeNotice | RecordDecision
"""What a customer can do with an incident it was told of."""


# --- the steps that fit what a customer was told ---------------------------------------------------

STAGES: dict[Status, Stage] = {
    "new_notice": Stage((AcknowledgeNotice, RecordDecision), "customer"),
    "acknowledged": Stage((RecordDecision,)),
}


def _misfit(step: type[Command], incident: Incident, state: State, context: Context) -> Refusal:
    if step is AcknowledgeNotice and status(incident, state) == "acknowledged":
        return refuse("acknowledged_already", CLAUSE, "notice")
    return refuse("does_not_fit", CLAUSE, "incident", id=str(incident.id))


STEPS: Steps[Incident, State] = Steps(
    lambda incident, state, context: STAGES[status(incident, state)], _misfit
)
steps_open = STEPS.open
"""The steps that the context's side may take with an incident the customer was told of now. Clause: 3.1(x)"""


def _taken(command: Step, state: State, context: Context) -> Incident:
    """The incident that a step is about. Refused where the customer was not told of it, or the step does
    not fit it."""
    incident = context.incidents.get(command.incident)
    if incident is None:
        raise refuse("unknown", CLAUSE, "incident")
    if isinstance(command, AcknowledgeNotice) and command.notice not in {n.number for n in incident.notices}:
        raise refuse("unknown", CLAUSE, "notice")
    STEPS.check(command, incident, state, context)
    return incident


# --- the customer's decisions --------------------------------------------------------------------


decide = rules()


@decide.register
def _acknowledge_notice(command: AcknowledgeNotice, state: State, context: Context) -> list[Body]:
    """The customer has received a notice, and those before it. Clause: 3.1(x)"""
    incident = _taken(command, state, context)
    if command.notice <= state.of(incident.id).seen:
        raise refuse("acknowledged_already", CLAUSE, "notice")
    return [Acknowledged(incident=incident.id, notice=command.notice)]


@decide.register
def _record_decision(command: RecordDecision, state: State, context: Context) -> list[Body]:
    """Whom the controller notifies; why, where nobody. Clause: 3.1(x), Art. 33(1) and 33(5) GDPR"""
    incident = _taken(command, state, context)
    decision = command.decision
    if decision not in DECISIONS or decision == "undecided":
        raise refuse("no_decision", CONTROLLER_CLAUSE, "decision")
    reason = checked_reason(command.reason, required_by=RECORD_CLAUSE if decision == "none" else None)
    handling = state.of(incident.id)
    if (decision, reason) == (handling.decision, handling.reason):
        raise refuse("noted_already", CLAUSE, "decision")
    return [Decided(incident=incident.id, decision=decision, reason=reason)]


# --- what is open for a customer -----------------------------------------------------------------


def notices(state: State, context: Context) -> Iterator[Task]:
    """Notices to acknowledge, and the controller's own 72 hours of Art. 33(1) GDPR, which run from its
    own awareness: taken as the first notice. Clause: 3.1(x)"""
    for incident in context.incidents.values():
        first = incident.notices[0].at
        base = replace(_task(incident), opened_at=first)
        if waits_for := STAGES[status(incident, state)].waits_for:
            yield replace(base, step="acknowledge_notice", waits_for=waits_for)
        if asks_for_decision(incident) and state.of(incident.id).decision == "undecided":
            yield replace(
                base,
                key=f"{base.key}/own",
                step="record_decision",
                waits_for="customer",
                due=first + CONTROLLERS_HOURS,
                clause=CONTROLLER_CLAUSE,
            )


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("incidents")

_ABOUT: dict[str, tuple[str, str]] = {
    kind: ("Incident", f"{name}: {{title}}") for kind, name in KIND_NAMES.items()
}
_NEXT_STEPS: dict[str, str] = {
    "acknowledge_notice": "Acknowledge the notice",
    "notify_customers": "Notify the customers concerned ({customers})",
    "record_decision": "Decide whom you notify",
    "send_update": "Send an update",
    "update_or_close": "Update, or close it",
}
"""Of both sides: a task says which subject it is of by its name alone."""

PROVIDER_INCIDENTS = Subject(
    name="incidents",
    title="Incidents",
    state=ProviderState,
    events=(Recorded, Widened, Notified, Closed),
    decide=decide_provider,
    steps_open=provider_steps_open,
    tasks=provider_tasks,
    on_desk=True,
    about=_ABOUT,
    next_steps=_NEXT_STEPS,
    files=provider_files,
)

INCIDENTS = Subject(
    name="incidents",
    title="Incidents",
    state=State,
    events=(Acknowledged, Decided),
    decide=decide,
    steps_open=steps_open,
    notices=notices,
    about=_ABOUT,
    next_steps=_NEXT_STEPS,
)
