"""Audits of the processor, and of a sub-processor through it.

Clauses: 3.1(xii) (once a calendar year, 60 days' notice, working hours, an auditor the provider accepts),
Sch. 2 1.4 (a sub-processor, where the law demands it), Sch. 3 1.2 (testing the measures), 3.1(xiii) (cost).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from dpa_core.agreement import Agreement
from dpa_core.locale import Label, Value, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import FileRef, Moment, Record, RecordedEvent, Refusal, Refusals, Side, side_of
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "3.1(xii)"
SUB_PROCESSOR_CLAUSE = "Sch. 2 1.4"
DURATION_CLAUSE = "5.1"
COST_CLAUSE = "3.1(xiii)"
MAX_DAYS = 10
"""Business days one audit may take; a provider's setting, as the agreement names none."""
NAMED_AT_MOST = 20
"""Audits over of a calendar year that are named; the rest are counted."""


# --- state ---------------------------------------------------------------------------------------

Status = Literal[
    "requested",
    "auditor_refused",
    "dates_proposed",
    "scheduled",
    "under_way",
    "report_due",
    "findings_open",
    "closed",
    "withdrawn",
]
STATUS: dict[Status, str] = worded(Status)


class Plan(Record):
    """When, from the first to the last day, both in Stockholm."""

    first: date
    last: date


class Finding(Record):
    """One thing an audit found. `closed_at` None: still open."""

    number: int
    title: str
    remedy_by: date | None = None
    closed_at: Moment | None = None
    remedy: str = ""


class Audit(Record):
    """One audit. `id` is the sequence of its request."""

    id: int
    requested_at: Moment
    by: str
    sub_processor: str | None
    """None: the provider itself."""
    ground: str
    """The ground in law, for a sub-processor's."""
    auditor: str
    """The mandated auditor's name; empty: the customer itself."""
    scope: str
    on_site: bool
    contact: str
    cause: str
    """The reasonable cause, for a further audit in one calendar year."""
    plan: Plan
    """The dates asked for, or agreed."""
    proposed: Plan | None = None
    """Other dates, proposed by `proposed_by`, that wait for an answer."""
    proposed_by: Side | None = None
    accepted: bool = False
    refusal: str = ""
    """Why the provider does not accept the mandated auditor."""
    report: FileRef | None = None
    report_at: Moment | None = None
    findings: tuple[Finding, ...] = ()
    withdrawn: bool = False

    @property
    def counts(self) -> bool:
        """Whether it uses up an audit of its calendar year."""
        return not self.withdrawn and not self.refusal


class Over(Record):
    """The audits of a calendar year that used it up and are closed: how many, and the last of them."""

    number: int = 0
    last: tuple[int, ...] = ()

    def and_one(self, id: int) -> Over:
        """With one more."""
        return Over(number=self.number + 1, last=(*self.last, id)[-NAMED_AT_MOST:])


class State(Record):
    """The audits by identifier, and how many are closed by calendar year; years gone by count no more."""

    audits: dict[int, Audit] = {}
    over: dict[int, Over] = {}


def status(audit: Audit, now: datetime) -> Status:
    """Where an audit stands at a moment; its days begin and end without anything being written."""
    if audit.withdrawn:
        return "withdrawn"
    if audit.refusal:
        return "auditor_refused"
    if audit.report:
        return "findings_open" if any(f.closed_at is None for f in audit.findings) else "closed"
    if audit.proposed:
        return "dates_proposed"
    if not audit.accepted:
        return "requested"
    if now < dates.start_of(audit.plan.first):
        return "scheduled"
    return "under_way" if now < dates.end_of(audit.plan.last) else "report_due"


def settled(audit: Audit) -> bool:
    """Whether nothing more can happen to it, whatever the time."""
    return status(audit, dates.start_of(audit.plan.first)) in _SETTLED


def earliest(agreement: Agreement, asked: datetime) -> date:
    """The first day an audit asked for at `asked` may begin: after the notice, on a business day.

    Clause: 3.1(xii)
    """
    notice = agreement.term("audit_notice").value
    return dates.business_day_from(dates.local_day(asked) + timedelta(days=notice))


def in_year(state: State, year: int, but: int | None = None) -> Over:
    """The audits that use up a calendar year's, by the dates agreed or still proposed: one of the years to
    come, or the present one. Clause: 3.1(xii)"""
    open_ones = [
        a.id
        for a in state.audits.values()
        if a.id != but and not settled(a) and year in {p.first.year for p in (a.plan, a.proposed) if p}
    ]
    over = state.over.get(year, Over())
    return Over(number=over.number + len(open_ones), last=tuple(sorted((*over.last, *open_ones))))


# --- events --------------------------------------------------------------------------------------


class Requested(
    Body,
    kind="audits.requested",
    words="Gave notice of an audit of {audited}{who}, {plan.first} to {plan.last}",
):
    """Written notice of an audit."""

    sub_processor: str | None
    ground: str
    auditor: str
    scope: str
    on_site: bool
    contact: str
    cause: str
    plan: Plan
    cost_acknowledged: bool

    def apply(self, state: State, event: RecordedEvent) -> State:
        told = self.told("cost_acknowledged")
        new = Audit(id=event.sequence, requested_at=event.recorded_at, by=event.actor, **told)
        return state.but(audits=state.audits | {new.id: new})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"audited": _audited(self, agreement), "who": f" by {self.auditor}" if self.auditor else ""}


class _Step(Body):
    """An event of one audit."""

    audit: int

    def _set(self, state: State, **fields: object) -> State:
        return state.but(audits=state.audits | {self.audit: state.audits[self.audit].but(**fields)})

    def _count(self, state: State, event: RecordedEvent) -> State:
        """The state with the audit among those of its year that are over, once it is closed."""
        audit = state.audits[self.audit]
        if not settled(audit):
            return state
        year = audit.plan.first.year
        over = state.over | {year: state.over.get(year, Over()).and_one(audit.id)}
        present = dates.local_day(event.recorded_at).year  # notice is given ahead: no rule asks further back
        return state.but(over={y: counted for y, counted in over.items() if y >= present})


class Accepted(_Step, kind="audits.accepted", words="Accepted audit {audit:id}"):
    """The provider accepts the auditor and the dates."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, accepted=True)


class AuditorRefused(
    _Step, kind="audits.auditor_refused", words="Did not accept the auditor of audit {audit:id}"
):
    """The provider does not accept the mandated auditor, and why."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, refusal=self.reason)


class DatesProposed(_Step, kind="audits.dates_proposed", words="Proposed {plan.first} for audit {audit:id}"):
    """Other dates, by either side."""

    plan: Plan
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, proposed=self.plan, proposed_by=side_of(event))


class DatesAgreed(_Step, kind="audits.dates_agreed", words="Agreed to {plan.first} for audit {audit:id}"):
    """The other side agrees to the dates proposed."""

    plan: Plan

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, plan=self.plan, proposed=None, proposed_by=None, accepted=True)


class NewFinding(Record):
    """A finding as reported."""

    title: str
    remedy_by: date | None = None


class ReportFiled(
    _Step,
    kind="audits.report_filed",
    words="Filed the report of audit {audit:id}, {findings:finding|findings}",
):
    """The report, with its findings."""

    report: FileRef
    findings: tuple[NewFinding, ...]

    def apply(self, state: State, event: RecordedEvent) -> State:
        findings = tuple(
            Finding(number=n, title=f.title, remedy_by=f.remedy_by)
            for n, f in enumerate(self.findings, start=1)
        )
        filed = {"report": self.report, "report_at": event.recorded_at, "proposed": None}
        return self._count(self._set(state, **filed, findings=findings), event)


class FindingClosed(
    _Step, kind="audits.finding_closed", words="Closed finding {finding:id} of audit {audit:id}"
):
    """What was done about a finding."""

    finding: int
    remedy: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        closed = {"closed_at": event.recorded_at, "remedy": self.remedy}
        findings = tuple(
            f.but(**closed) if f.number == self.finding else f for f in state.audits[self.audit].findings
        )
        return self._count(self._set(state, findings=findings), event)


class Withdrawn(_Step, kind="audits.withdrawn", words="Withdrew audit {audit:id}"):
    """The customer no longer wants it."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(state, withdrawn=True)


# --- commands ------------------------------------------------------------------------------------


class RequestAudit(Command, by="customer"):
    """Give written notice of an audit. `auditor` empty: the customer audits itself."""

    first: date
    last: date
    scope: str
    contact: str
    on_site: bool = True
    auditor: str = ""
    sub_processor: str | None = None
    ground: str = ""
    cause: str = ""
    cost_acknowledged: bool = False


class WithdrawAudit(Command, by="customer"):
    """Do without an audit whose report is not filed yet."""

    audit: int
    reason: str = ""


class AcceptAudit(Command, by="provider"):
    """Accept the auditor and the dates."""

    audit: int


class RefuseAuditor(Command, by="provider"):
    """Do not accept the mandated auditor."""

    audit: int
    reason: str


class AgreeDates(Command, by="either"):
    """Agree to the dates the other side proposed."""

    audit: int


class ProposeDates(Command, by="either"):
    """Propose other dates."""

    audit: int
    first: date
    last: date
    reason: str = ""


class FileReport(Command, by="customer"):
    """Attach the report and list its findings."""

    audit: int
    report: FileRef
    findings: tuple[NewFinding, ...] = ()


class CloseFinding(Command, by="either"):
    """Record what was done about a finding."""

    audit: int
    finding: int
    remedy: str


Step = WithdrawAudit | AcceptAudit | RefuseAuditor | AgreeDates | ProposeDates | FileReport | CloseFinding
"""What can be done with an audit that was asked for."""


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "requested": Stage((AcceptAudit, RefuseAuditor, ProposeDates, WithdrawAudit), "provider"),
    "auditor_refused": Stage(),
    # Whose turn it is with dates proposed: the side that did not propose them.
    "dates_proposed": Stage((AgreeDates, ProposeDates, WithdrawAudit)),
    "scheduled": Stage((ProposeDates, WithdrawAudit), "provider"),
    "under_way": Stage((FileReport, WithdrawAudit), "customer"),
    "report_due": Stage((FileReport, WithdrawAudit), "customer"),
    "findings_open": Stage((CloseFinding,), "provider"),
    "closed": Stage(),
    "withdrawn": Stage(),
}
_SETTLED = frozenset(status for status, stage in STAGES.items() if not stage.steps)


def _misfit(step: type[Command], audit: Audit, state: State, context: Context) -> Refusal:
    stands = status(audit, context.now)
    return refuse("does_not_fit", CLAUSE, id=str(audit.id), status=Label(stands, STATUS[stands].lower()))


def _obstacle(step: type[Command], audit: Audit, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this audit all the same."""
    if step is RefuseAuditor and not audit.auditor:
        return refuse("no_mandated_auditor", CLAUSE, "auditor")
    if step is AgreeDates and audit.proposed:
        if audit.proposed_by == context.side:
            return refuse("own_dates", CLAUSE)
        if dates.local_day(context.now) > audit.proposed.first:
            return refuse("dates_passed", CLAUSE)
    return None


STEPS: Steps[Audit, State] = Steps(
    lambda audit, state, context: STAGES[status(audit, context.now)], _misfit, _obstacle
)
steps_open = STEPS.open
"""The steps that the context's side may take with an audit now. Clause: 3.1(xii)"""


def _taken(command: Step, state: State, context: Context) -> Audit:
    """The audit that a step is about. Refused where there is none, or the step does not fit it."""
    audit = state.audits.get(command.audit)
    if audit is None:
        raise refuse("unknown", CLAUSE, "audit", id=str(command.audit))
    STEPS.check(command, audit, state, context)
    return audit


# --- consequences --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Consequences:
    """What a request brings about."""

    earliest: date
    same_year: Over
    """Audits that already use up the calendar year; with any, a cause is required."""
    cause_required: bool
    acceptance_required: bool
    """A mandated auditor needs the provider's acceptance."""
    clauses: tuple[str, ...]


def _year_full(state: State, agreement: Agreement, year: int, but: int | None = None) -> bool:
    return in_year(state, year, but).number >= agreement.term("audits_per_year").value


def _checked_plan(first: date, last: date, earliest_day: date, agreement: Agreement) -> Plan:
    """The days of an audit. Refused where they come too early, in the wrong order, or nobody works."""
    if first < earliest_day:
        notice = agreement.term("audit_notice").value
        raise refuse("too_early", CLAUSE, "first", first=first, days=notice, earliest=earliest_day)
    for day, field in ((first, "first"), (last, "last")):
        if why := dates.not_working(day):
            instead = dates.business_day_from(day)
            raise refuse("no_working_day", CLAUSE, field, day=day, why=why, instead=instead)
    if last < first:
        raise refuse("wrong_order", CLAUSE, "last", first=first, last=last)
    length = sum(not dates.not_working(first + timedelta(days=n)) for n in range((last - first).days + 1))
    if length > MAX_DAYS:
        raise refuse("too_long", CLAUSE, "last", days=length, limit=MAX_DAYS)
    return Plan(first=first, last=last)


def consequences(command: RequestAudit, state: State, context: Context) -> Consequences:
    """What the request would bring about. Raises Refusal where the dates cannot be, and where nothing is
    processed any more: the DPA is valid for as long as something is.

    Clause: 3.1(xii), 5.1
    """
    if context.all_deleted and context.ended:
        raise refuse("all_deleted", DURATION_CLAUSE, on=context.ended)
    soonest = earliest(context.agreement, context.now)
    _checked_plan(command.first, command.last, soonest, context.agreement)
    year = command.first.year
    return Consequences(
        earliest=soonest,
        same_year=in_year(state, year),
        cause_required=_year_full(state, context.agreement, year),
        acceptance_required=bool(command.auditor.strip()),
        clauses=(CLAUSE, *((SUB_PROCESSOR_CLAUSE,) if command.sub_processor else ()), COST_CLAUSE),
    )


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _request_audit(command: RequestAudit, state: State, context: Context) -> list[Body]:
    """Notice of an audit, with its cost acknowledged. Clause: 3.1(xii), 3.1(xiii), Sch. 2 1.4"""
    scope = checked_text(command.scope, "scope", CLAUSE)
    contact = checked_text(command.contact, "contact", CLAUSE, limit=MAX_TITLE)
    auditor = command.auditor.strip()
    if auditor:
        checked_text(auditor, "auditor", CLAUSE, limit=MAX_TITLE)
    ground = _checked_ground(command, context.agreement)
    result = consequences(command, state, context)
    cause = command.cause.strip()
    if result.cause_required:
        if not cause:
            raise refuse("cause_missing", CLAUSE, "cause", year=str(command.first.year))
        checked_text(cause, "cause", CLAUSE)
    if not command.cost_acknowledged:
        raise refuse("cost_not_acknowledged", COST_CLAUSE, "cost_acknowledged")
    return [
        Requested(
            sub_processor=command.sub_processor,
            ground=ground,
            auditor=auditor,
            scope=scope,
            on_site=command.on_site,
            contact=contact,
            cause=cause,
            plan=Plan(first=command.first, last=command.last),
            cost_acknowledged=True,
        )
    ]


def _checked_ground(command: RequestAudit, agreement: Agreement) -> str:
    """The ground in law for an audit of a sub-processor; empty for one of the provider itself.

    Clause: Sch. 2 1.4
    """
    if command.sub_processor is None:
        return ""
    if command.sub_processor not in {s.id for s in agreement.sub_processors}:
        unknown = command.sub_processor[:60]
        raise refuse("unknown_sub_processor", SUB_PROCESSOR_CLAUSE, "sub_processor", id=unknown)
    return checked_text(command.ground, "ground", SUB_PROCESSOR_CLAUSE)


@decide.register
def _withdraw_audit(command: WithdrawAudit, state: State, context: Context) -> list[Body]:
    """The customer does without it; no clause obliges it to audit. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    return [Withdrawn(audit=audit.id, reason=checked_reason(command.reason))]


@decide.register
def _accept_audit(command: AcceptAudit, state: State, context: Context) -> list[Body]:
    """The provider accepts a mandated auditor, and the dates. Clause: 3.1(xii)"""
    return [Accepted(audit=_taken(command, state, context).id)]


@decide.register
def _refuse_auditor(command: RefuseAuditor, state: State, context: Context) -> list[Body]:
    """The provider does not accept a mandated auditor, and says why. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    return [AuditorRefused(audit=audit.id, reason=checked_reason(command.reason, required_by=CLAUSE))]


@decide.register
def _propose_dates(command: ProposeDates, state: State, context: Context) -> list[Body]:
    """Other dates, after the notice and in a year that has room. Clause: 3.1(xii)"""
    audit, agreement = _taken(command, state, context), context.agreement
    tomorrow = dates.business_day_from(dates.local_day(context.now) + timedelta(days=1))
    soonest = max(earliest(agreement, audit.requested_at), tomorrow)
    plan = _checked_plan(command.first, command.last, soonest, agreement)
    if plan in (audit.plan, audit.proposed):
        raise refuse("same_dates", CLAUSE, "first")
    if not audit.cause and _year_full(state, agreement, plan.first.year, but=audit.id):
        raise refuse("year_full", CLAUSE, "first", year=str(plan.first.year))
    return [DatesProposed(audit=audit.id, plan=plan, reason=checked_reason(command.reason))]


@decide.register
def _agree_dates(command: AgreeDates, state: State, context: Context) -> list[Body]:
    """The other side's dates hold. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    assert audit.proposed is not None  # noqa: S101  # the stage says so
    return [DatesAgreed(audit=audit.id, plan=audit.proposed)]


@decide.register
def _file_report(command: FileReport, state: State, context: Context) -> list[Body]:
    """The report of an audit that has begun, once. Clause: 3.1(xii), Sch. 3 1.2"""
    audit = _taken(command, state, context)
    findings = tuple(
        NewFinding(
            title=checked_text(f.title, "finding", CLAUSE, "findings", limit=MAX_TITLE),
            remedy_by=f.remedy_by,
        )
        for f in command.findings
    )
    return [ReportFiled(audit=audit.id, report=command.report, findings=findings)]


@decide.register
def _close_finding(command: CloseFinding, state: State, context: Context) -> list[Body]:
    """What was done about an open finding. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    if command.finding not in {f.number for f in audit.findings if f.closed_at is None}:
        raise refuse("no_open_finding", CLAUSE, "finding", id=str(audit.id), number=str(command.finding))
    remedy = checked_text(command.remedy, "remedy", CLAUSE)
    return [FindingClosed(audit=audit.id, finding=command.finding, remedy=remedy)]


# --- what is open --------------------------------------------------------------------------------


def _audited(audit: Audit | Requested, agreement: Agreement) -> str:
    if audit.sub_processor is None:
        return agreement.processor.name
    names = {s.id: s.name for s in agreement.sub_processors}
    return names.get(audit.sub_processor, audit.sub_processor)


def title(audit: Audit, agreement: Agreement) -> str:
    """`Audit 12 of OpenAI`."""
    return f"Audit {audit.id} of {_audited(audit, agreement)}"


def tasks(state: State, context: Context) -> Iterator[Task]:
    """What waits for whom, each for the time it does. Clause: 3.1(xii)"""
    for audit in state.audits.values():
        yield from _tasks_of(audit, context.agreement)


def _tasks_of(audit: Audit, agreement: Agreement) -> Iterator[Task]:
    starts, over = dates.start_of(audit.plan.first), dates.end_of(audit.plan.last)
    base = Task(
        f"audits/{audit.id}",
        "audits",
        "audit",
        parameters={"id": str(audit.id), "audited": _audited(audit, agreement)},
        clause=CLAUSE,
        opened_at=audit.requested_at,
        by=audit.by,
        entry=audit.id,
    )
    match status(audit, starts):  # as it will stand then, if nothing is recorded until then
        case "findings_open":
            for f in audit.findings:
                if f.closed_at is None:
                    due = dates.end_of(f.remedy_by) if f.remedy_by else None
                    told = {**base.parameters, "finding": str(f.number), "found": f.title}
                    yield replace(
                        base,
                        key=f"{base.key}/{f.number}",
                        step="close_finding",
                        waits_for=STAGES["findings_open"].waits_for,
                        parameters=told,
                        due=due,
                    )
        case "dates_proposed" if audit.proposed:
            asked: Side = "customer" if audit.proposed_by == "provider" else "provider"
            due = dates.start_of(audit.proposed.first)
            yield replace(base, step="answer_dates", waits_for=asked, due=due)
        case "requested":
            step = "accept_auditor_and_dates" if audit.auditor else "accept_dates"
            yield replace(base, step=step, waits_for=STAGES["requested"].waits_for, due=starts)
        case "under_way":
            before, then = STAGES["scheduled"], STAGES["under_way"]
            yield replace(base, step="be_ready", waits_for=before.waits_for, due=starts, ends=starts)
            yield replace(base, step="file_report", waits_for=then.waits_for, due=over, begins=starts)


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The audit that a step is about."""
    return {"audits": (step.audit,)} if isinstance(step, Step | _Step) else {}


def files(state: State) -> Iterator[FileRef]:
    """The reports."""
    return (audit.report for audit in state.audits.values() if audit.report)


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("audits")

AUDITS = Subject(
    name="audits",
    title="Audits",
    state=State,
    events=(
        Requested,
        Accepted,
        AuditorRefused,
        DatesProposed,
        DatesAgreed,
        ReportFiled,
        FindingClosed,
        Withdrawn,
    ),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    on_desk=True,
    about={"audit": ("Audit", "Audit {id} of {audited}")},
    next_steps={
        "accept_auditor_and_dates": "Accept the auditor and dates",
        "accept_dates": "Accept the dates",
        "answer_dates": "Answer the dates proposed",
        "be_ready": "Be ready for the audit",
        "close_finding": "Remedy finding {finding}: {found}",
        "file_report": "File the report",
    },
    shelves=(Shelf("audits", Audit, lambda audit, _: settled(audit)),),
    touches=touches,
    files=files,
)
