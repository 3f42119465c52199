"""Personal data breaches, major ICT incidents and significant cyber threats: notice without undue delay and
within the hours, in phases, and the customers' part.

The provider records incidents and notices in its own ledger; what a customer acknowledges or decides lies
in the customer's.

Clauses: 3.1(x) (without undue delay and no later than 72 hours, five items, the controller's own duty),
Sch. 3 1.4(iii) (major ICT-related incidents and significant cyber threats, with the same timelines).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from dpa_core.agreement import Agreement, Term
from dpa_core.locale import Label, Value, minute, worded
from dpa_core.subjects.common import FileRef, Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "3.1(x)"
DORA_CLAUSE = "Sch. 3 1.4(iii)"
CONTROLLER_CLAUSE = "Art. 33(1) GDPR"
RECORD_CLAUSE = "Art. 33(5) GDPR"
"""The controller documents every breach."""

IncidentKind = Literal["breach", "ict", "threat"]
KIND_NAMES: dict[IncidentKind, str] = {
    "breach": "Personal data breach",
    "ict": "Major ICT incident (DORA)",
    "threat": "Significant cyber threat (DORA)",
}
Item = Literal[
    "nature",
    "numbers",
    "services",
    "duration",
    "severity",
    "root_cause",
    "contact",
    "consequences",
    "measures",
]
_IN_ORDER: tuple[Item, ...] = get_args(Item)
ITEMS: dict[Item, str] = {
    "nature": "(i) Nature of the breach",
    "numbers": "(ii) Categories and approximate numbers of data subjects and records",
    "contact": "(iii) Contact",
    "consequences": "(iv) Likely consequences",
    "measures": "(v) Measures taken or proposed",
}
"""What a notice of a breach tells: the five items of clause 3.1(x)."""
POINTS: dict[Item, str] = {
    "nature": "Art. 33(3)(a) GDPR",
    "numbers": "Art. 33(3)(a) GDPR",
    "contact": "Art. 33(3)(b) GDPR",
    "consequences": "Art. 33(3)(c) GDPR",
    "measures": "Art. 33(3)(d) GDPR",
}
"""Which of the four points of Art. 33(3) GDPR each of the five items belongs to."""
ITEMS_OF: dict[IncidentKind, dict[Item, str]] = {
    "breach": ITEMS,
    "ict": {
        "nature": "What happened",
        "services": "Services affected",
        "duration": "Duration (since when, until when)",
        "severity": "Severity and what it means for you",
        "root_cause": "Root cause",
        "contact": "Contact",
        "measures": "Measures taken or proposed",
    },
    "threat": {
        "nature": "The threat",
        "services": "Services that it could affect",
        "severity": "Severity and how likely it is",
        "contact": "Contact",
        "measures": "Measures taken and protective measures for you to consider",
    },
}
"""What a notice of each kind tells. For an ICT incident and a threat the agreement lists nothing: the list is
the provider's own, with what a customer under DORA needs for its own report or voluntary notification."""
OLDEST = timedelta(days=366)
"""An incident learnt of longer ago than this is taken for a slip of the date."""
CONTROLLERS_HOURS = timedelta(hours=72)
"""Until when, where feasible, the controller notifies its authority without undue delay, Art. 33(1) GDPR."""


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
    """Why it comes after the hours."""
    files: tuple[FileRef, ...] = ()


class Correction(Record):
    """Another moment at which the provider learnt of an incident, in place of the one on record before."""

    at: Moment
    by: str
    aware_at: Moment
    before: dict[str, Moment]
    """Customer -> the moment that stood on record for it until then."""
    reason: str


class Incident(Record):
    """One incident. `id`: the sequence of its record."""

    id: int
    kind: IncidentKind
    title: str
    by: str
    aware: dict[str, Moment]
    """Customer -> when the provider learnt that it is concerned, as last corrected."""
    notices: tuple[Notice, ...] = ()
    corrections: tuple[Correction, ...] = ()
    closed_at: Moment | None = None
    summary: str = ""

    @property
    def items(self) -> dict[Item, str]:
        """What is known of its items, by the last notice that told it."""
        return _told_by(self.notices)

    def told(self, customer_id: str) -> dict[Item, str]:
        """What one customer was told, by the last notice that told it."""
        return _told_by(n for n in self.notices if customer_id in n.customers)

    def first_notice(self, customer_id: str) -> Notice | None:
        """The first notice to one customer; None where it was told nothing yet."""
        return next((n for n in self.notices if customer_id in n.customers), None)

    @property
    def labels(self) -> dict[Item, str]:
        """What its items are called: those of its kind, and any that were told before its kind had a list of
        its own."""
        own = ITEMS_OF[self.kind]
        return own | {item: ITEMS[item] for item in self.items if item not in own}

    @property
    def missing(self) -> tuple[Item, ...]:
        """Items of its kind that not every customer concerned was told."""
        told = [self.told(customer_id) for customer_id in self.aware]
        return tuple(item for item in ITEMS_OF[self.kind] if any(item not in known for known in told))

    @property
    def waiting(self) -> tuple[str, ...]:
        """Customers concerned that were not notified yet."""
        told = {c for n in self.notices for c in n.customers}
        return tuple(c for c in self.aware if c not in told)


def _told_by(notices: Iterable[Notice]) -> dict[Item, str]:
    known: dict[Item, str] = {}
    for notice in notices:
        known |= {item: text for item, text in notice.items.items() if text}
    return {item: known[item] for item in _IN_ORDER if item in known}


class ProviderState(Record):
    """Every incident, by identifier."""

    incidents: dict[int, Incident] = {}


def clause_of(kind: IncidentKind) -> str:
    """The clause under which customers are told."""
    return CLAUSE if kind == "breach" else DORA_CLAUSE


def asks_for_decision(incident: Incident) -> bool:
    """Whether the customer has to decide whom it notifies itself: of a breach every controller has. Whether a
    customer is under DORA is not known here, so of the other kinds it may, and nothing waits for it.

    Clause: Art. 33(1) GDPR
    """
    return incident.kind == "breach"


def replaced(incident: Incident, notice: Notice, customer_id: str) -> tuple[Item, ...]:
    """The items of a notice that say something else than that customer was told of them before."""
    before = _told_by(n for n in incident.notices if n.number < notice.number and customer_id in n.customers)
    return tuple(i for i, text in notice.items.items() if before.get(i, text) != text)


def _term(kind: IncidentKind, agreement: Agreement) -> Term:
    return agreement.term("breach_notice" if kind == "breach" else "incident_notice")


def notify_until(incident: Incident, customer_id: str, agreement: Agreement) -> datetime:
    """Until when, at the latest, that customer has to be told, in UTC: exact hours, whatever the season's
    offset, from the moment on record as last corrected. Without undue delay may well be sooner.

    Clause: 3.1(x), Sch. 3 1.4(iii)
    """
    return incident.aware[customer_id] + timedelta(hours=_term(incident.kind, agreement).value)


def told_late(incident: Incident, customer_id: str, agreement: Agreement) -> bool:
    """Whether that customer's first notice came after the hours. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    first = incident.first_notice(customer_id)
    return first is not None and first.at > notify_until(incident, customer_id, agreement)


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
    _ProviderStep,
    kind="incidents.widened",
    words="Added {customers:customer|customers} to incident {incident:id}",
):
    """More customers turn out to be concerned."""

    aware_at: Moment
    customers: tuple[str, ...]

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        aware = state.incidents[self.incident].aware | dict.fromkeys(self.customers, self.aware_at)
        return self._set(state, aware=aware)


class Notified(
    _ProviderStep,
    kind="incidents.notified",
    words="Notified {customers:customer|customers} of incident {incident:id}",
):
    """Customers are told."""

    items: dict[Item, str]
    customers: tuple[str, ...]
    delay: str
    files: tuple[FileRef, ...]

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        before = state.incidents[self.incident].notices
        notice = self.notice(len(before) + 1, event.recorded_at, event.actor)
        return self._set(state, notices=(*before, notice))

    def notice(self, number: int, at: datetime, by: str) -> Notice:
        """The notice, as sent at a moment (UTC) by somebody."""
        told = self.told("incident")
        # In our order: canonical JSON sorts by name, and a fold must not depend on where it starts.
        told["items"] = {item: self.items[item] for item in _IN_ORDER if item in self.items}
        return Notice(number=number, at=at, by=by, **told)


class AwarenessCorrected(
    _ProviderStep,
    kind="incidents.awareness_corrected",
    words="Corrected when it learnt of incident {incident:id} for {customers:customer|customers}: {moment}",
):
    """The provider learnt of it at another moment than stood on record."""

    aware_at: Moment
    customers: tuple[str, ...]
    reason: str

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        incident = state.incidents[self.incident]
        correction = Correction(
            at=event.recorded_at,
            by=event.actor,
            aware_at=self.aware_at,
            before={c: incident.aware[c] for c in self.customers},
            reason=self.reason,
        )
        aware = incident.aware | dict.fromkeys(self.customers, self.aware_at)
        return self._set(state, aware=aware, corrections=(*incident.corrections, correction))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"moment": minute(self.aware_at)}


class Closed(_ProviderStep, kind="incidents.closed", words="Closed incident {incident:id}"):
    """Nothing more is to be told."""

    summary: str

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        return self._set(state, closed_at=event.recorded_at, summary=self.summary)


class Reopened(
    _ProviderStep, kind="incidents.reopened", words="Opened incident {incident:id} again: {reason}"
):
    """There is more to tell after all, or something told was wrong."""

    reason: str

    def apply(self, state: ProviderState, event: RecordedEvent) -> ProviderState:
        return self._set(state, closed_at=None)


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


class CorrectAwareness(Command, by="provider", action="govern"):
    """Put right when the provider learnt (UTC) that customers are concerned. Their hours follow; what stood
    on record before is kept, and both are shown to them with the reason."""

    incident: int
    aware_at: datetime
    customers: tuple[str, ...]
    reason: str


class CloseIncident(Command, by="provider", action="govern"):
    """Nothing more is to be told."""

    incident: int
    summary: str


class ReopenIncident(Command, by="provider", action="govern"):
    """Go on with a closed incident, to tell more or to put right what was told."""

    incident: int
    reason: str


ProviderStep = AddCustomers | NotifyCustomers | CorrectAwareness | CloseIncident | ReopenIncident
"""What the provider can do with an incident on record."""


# --- the steps that fit the provider's incidents ---------------------------------------------------

PROVIDER_STAGES: dict[ProviderStatus, Stage] = {
    "to_be_notified": Stage((NotifyCustomers, AddCustomers, CorrectAwareness), "provider"),
    "customers_notified": Stage((NotifyCustomers, AddCustomers, CorrectAwareness, CloseIncident), "provider"),
    "closed": Stage((ReopenIncident,)),
}


def _provider_obstacle(
    step: type[Command], incident: Incident, state: ProviderState, context: Context
) -> Refusal | None:
    """Why a step does not fit this incident, where more can be said than that it does not."""
    if step is CloseIncident and incident.waiting:
        waiting = len(incident.waiting)
        return refuse("not_notified", clause_of(incident.kind), "incident", customers=waiting)
    if step is CloseIncident and incident.missing:
        missing = tuple(incident.labels[item] for item in incident.missing)
        return refuse("not_told", clause_of(incident.kind), "incident", items=missing)
    return None


def _provider_misfit(
    step: type[Command], incident: Incident, state: ProviderState, context: Context
) -> Refusal:
    clause = clause_of(incident.kind)
    if provider_status(incident) == "closed":
        return refuse("not_open", clause, "incident", id=str(incident.id))
    said = _provider_obstacle(step, incident, state, context)
    return said or refuse("does_not_fit", clause, "incident", id=str(incident.id))


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
    _check_awareness(command.aware_at, clause, context.now, context)
    _check_customers(command, clause, context)
    customers = tuple(sorted(command.customers))
    return [Recorded(incident_kind=command.kind, title=title, aware_at=command.aware_at, customers=customers)]


@decide_provider.register
def _add_customers(command: AddCustomers, state: ProviderState, context: Context) -> list[Body]:
    """Further customers have hours of their own. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _provider_taken(command, state, context)
    clause = clause_of(incident.kind)
    new = tuple(sorted(c for c in command.customers if c not in incident.aware))
    if not new:
        raise refuse("no_further_customer", clause, "customers")
    _check_awareness(command.aware_at, clause, context.now, context)
    _check_customers(command, clause, context)
    return [Widened(incident=incident.id, aware_at=command.aware_at, customers=new)]


def _check_awareness(at: datetime, clause: str, since: datetime, context: Context) -> None:
    """When it was learnt of, from which the hours run: not to come, nor long before `since`.

    Clause: 3.1(x), Sch. 3 1.4(iii)
    """
    if at > context.now:
        raise refuse("aware_to_come", clause, "aware_at")
    if at < since - OLDEST:
        raise refuse("aware_long_ago", clause, "aware_at")


def _check_customers(command: RecordIncident | AddCustomers, clause: str, context: Context) -> None:
    for customer_id in command.named_customers:
        if customer_id not in context.existing_customers:
            raise refuse("unknown_customer", clause, "customers", id=customer_id[:60])


@decide_provider.register
def _notify_customers(command: NotifyCustomers, state: ProviderState, context: Context) -> list[Body]:
    """What is known, in time or with the reasons for the delay. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    return [_notice_of(command, state, context)]


def _notice_of(command: NotifyCustomers, state: ProviderState, context: Context) -> Notified:
    incident = _provider_taken(command, state, context)
    clause = clause_of(incident.kind)
    told = tuple(sorted(command.customers))
    if not told or not set(told) <= set(incident.aware):
        raise refuse("no_customer_concerned", clause, "customers")
    _check_items(command.items, incident.kind, clause)
    items: dict[Item, str] = {
        item: checked_text(text, item, clause)
        for item in ITEMS_OF[incident.kind]
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
    return Notified(incident=incident.id, items=items, customers=told, delay=delay, files=command.files)


def _check_items(items: Iterable[Item], kind: IncidentKind, clause: str) -> None:
    """An ICT incident is not told in the items of a breach, nor the other way round. Clause: 3.1(x)"""
    for item in items:
        if item not in ITEMS_OF[kind]:
            raise refuse("item_unfit", clause, item, kind=Label(kind, KIND_NAMES[kind]))


def previewed(command: NotifyCustomers, state: ProviderState, context: Context) -> dict[str, Incident]:
    """What each customer told would have before its eyes once a notice is sent: customer -> the incident as
    `for_customer` gives it, the notice sent at the context's moment. Raises the Refusal of a notice that
    cannot be sent as it is.

    Clause: 3.1(x), Sch. 3 1.4(iii)
    """
    notified = _notice_of(command, state, context)
    incident = state.incidents[command.incident]
    sent = notified.notice(len(incident.notices) + 1, context.now, "")
    after = ProviderState(incidents={incident.id: incident.but(notices=(*incident.notices, sent))})
    return {c: for_customer(after, c)[incident.id] for c in notified.customers}


@decide_provider.register
def _correct_awareness(command: CorrectAwareness, state: ProviderState, context: Context) -> list[Body]:
    """Another moment on record, from which the hours run; it is not after a notice that the provider gave,
    since nobody tells what he does not know. The reason is asked for also where the new moment makes a notice
    late: it stands for the reasons of the delay. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _provider_taken(command, state, context)
    clause = clause_of(incident.kind)
    if not command.customers or not set(command.customers) <= set(incident.aware):
        raise refuse("no_customer_corrected", clause, "customers")
    _check_awareness(command.aware_at, clause, min(incident.aware.values()), context)
    firsts = [first for c in command.customers if (first := incident.first_notice(c))]
    told = [first for first in firsts if first.at < command.aware_at]
    if told:
        raise refuse("aware_after_notice", clause, "aware_at", customers=len(told))
    changed = tuple(sorted(c for c in command.customers if incident.aware[c] != command.aware_at))
    if not changed:
        raise refuse("aware_already", clause, "aware_at")
    reason = checked_reason(command.reason, required_by=clause)
    return [
        AwarenessCorrected(incident=incident.id, aware_at=command.aware_at, customers=changed, reason=reason)
    ]


@decide_provider.register
def _reopen_incident(command: ReopenIncident, state: ProviderState, context: Context) -> list[Body]:
    """More is to be told, or what was told is put right. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _provider_taken(command, state, context)
    reason = checked_reason(command.reason, required_by=clause_of(incident.kind))
    return [Reopened(incident=incident.id, reason=reason)]


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
    """The hours that run, and incidents to be told more of. Clause: 3.1(x), Sch. 3 1.4(iii)"""
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
    """The incidents one customer was told of, with its own notices and corrections, and nothing of other
    customers.

    Clause: 3.1(x), Sch. 3 1.4(iii)
    """
    found = {}
    for i in state.incidents.values():
        own = tuple(n.but(customers=(customer_id,)) for n in i.notices if customer_id in n.customers)
        if own:
            aware = {customer_id: i.aware[customer_id]}
            corrected = tuple(
                c.but(before={customer_id: c.before[customer_id]}, by="")
                for c in i.corrections
                if customer_id in c.before
            )
            found[i.id] = i.but(aware=aware, notices=own, corrections=corrected, by="", summary="")
    return found


# --- the customer's state ------------------------------------------------------------------------

Status = Literal["new_notice", "acknowledged"]
STATUS: dict[Status, str] = worded(Status)
Decision = Literal[
    "undecided",
    "authority",
    "authority_and_people",
    "competent",
    "competent_and_clients",
    "voluntary",
    "voluntary_and_clients",
    "clients",
    "none",
]
DECISIONS: dict[Decision, str] = {
    "undecided": "Not decided yet",
    "authority": "Notify the supervisory authority (Art. 33 GDPR)",
    "authority_and_people": "Notify the authority and the data subjects (Art. 33 and 34 GDPR)",
    "competent": "Report it to the competent authority (Art. 19(1) DORA)",
    "competent_and_clients": "Report it to the competent authority and inform our clients "
    "(Art. 19(1) and (3) DORA)",
    "voluntary": "Notify the competent authority voluntarily (Art. 19(2) DORA)",
    "voluntary_and_clients": "Notify the competent authority voluntarily and tell our clients how to protect "
    "themselves (Art. 19(2) and (3) DORA)",
    "clients": "Tell our clients how to protect themselves (Art. 19(3) DORA)",
    "none": "Notify nobody",
}
DECISIONS_OF: dict[IncidentKind, tuple[Decision, ...]] = {
    "breach": ("authority", "authority_and_people", "none"),
    "ict": ("competent", "competent_and_clients", "none"),
    "threat": ("voluntary", "voluntary_and_clients", "clients", "none"),
}
"""What a customer can decide, by what happened."""
_OWN_DUTY: dict[IncidentKind, tuple[str, str]] = {
    "breach": (CONTROLLER_CLAUSE, RECORD_CLAUSE),
    "ict": ("Art. 19(1) DORA", "Art. 17(2) DORA"),
    "threat": ("Art. 19(2) DORA", "Art. 17(2) DORA"),
}
"""What the decision rests on, and what asks for a record also where nobody is notified."""


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
    """The customer's own decision whom to notify."""

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
    """Note the customer's own decision. It notifies nobody."""

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
    clause = clause_of(incident.kind)
    if step is AcknowledgeNotice and status(incident, state) == "acknowledged":
        return refuse("acknowledged_already", clause, "notice")
    return refuse("does_not_fit", clause, "incident", id=str(incident.id))


STEPS: Steps[Incident, State] = Steps(
    lambda incident, state, context: STAGES[status(incident, state)], _misfit
)
steps_open = STEPS.open
"""The steps that the context's side may take with an incident the customer was told of now.

Clause: 3.1(x), Sch. 3 1.4(iii)
"""


def _taken(command: Step, state: State, context: Context) -> Incident:
    """The incident that a step is about. Refused where the customer was not told of it, or the step does
    not fit it."""
    incident = context.incidents.get(command.incident)
    if incident is None:
        raise refuse("unknown", CLAUSE, "incident")
    if isinstance(command, AcknowledgeNotice) and command.notice not in {n.number for n in incident.notices}:
        raise refuse("unknown", clause_of(incident.kind), "notice")
    STEPS.check(command, incident, state, context)
    return incident


# --- the customer's decisions --------------------------------------------------------------------


decide = rules()


@decide.register
def _acknowledge_notice(command: AcknowledgeNotice, state: State, context: Context) -> list[Body]:
    """The customer has received a notice, and those before it. Clause: 3.1(x), Sch. 3 1.4(iii)"""
    incident = _taken(command, state, context)
    if command.notice <= state.of(incident.id).seen:
        raise refuse("acknowledged_already", clause_of(incident.kind), "notice")
    return [Acknowledged(incident=incident.id, notice=command.notice)]


@decide.register
def _record_decision(command: RecordDecision, state: State, context: Context) -> list[Body]:
    """Whom the customer notifies of what happened; why, where nobody.

    Clause: 3.1(x), Art. 33(1) and 33(5) GDPR; Art. 17(2) and 19 DORA (Regulation (EU) 2022/2554)
    """
    incident = _taken(command, state, context)
    decision, (duty, record) = command.decision, _OWN_DUTY[incident.kind]
    if decision not in DECISIONS or decision == "undecided":
        raise refuse("no_decision", duty, "decision")
    if decision not in DECISIONS_OF[incident.kind]:
        kind = Label(incident.kind, KIND_NAMES[incident.kind])
        raise refuse("decision_unfit", duty, "decision", kind=kind)
    reason = checked_reason(command.reason, required_by=record if decision == "none" else None)
    handling = state.of(incident.id)
    if (decision, reason) == (handling.decision, handling.reason):
        raise refuse("noted_already", duty, "decision")
    return [Decided(incident=incident.id, decision=decision, reason=reason)]


# --- what is open for a customer -----------------------------------------------------------------


def notices(state: State, context: Context) -> Iterator[Task]:
    """Notices to acknowledge, and the controller's own time of Art. 33(1) GDPR (without undue delay and,
    where feasible, within 72 hours), which runs from its own awareness: taken as the first notice, with EDPB
    Guidelines 9/2022. Clause: 3.1(x), Sch. 3 1.4(iii), Art. 33(1) GDPR"""
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
    "notify_customers": "Notify the customers concerned ({customers}) without undue delay",
    "record_decision": "Decide whom you notify, without undue delay",
    "send_update": "Send an update",
    "update_or_close": "Update, or close it",
}
"""Of both sides: a task says which subject it is of by its name alone."""

PROVIDER_INCIDENTS = Subject(
    name="incidents",
    title="Incidents",
    state=ProviderState,
    events=(Recorded, Widened, Notified, AwarenessCorrected, Closed, Reopened),
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
