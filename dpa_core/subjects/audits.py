"""Audits of the provider: by the customer itself, or by an auditor that it mandates.

Clauses: 3.1(xii) (once a calendar year, 60 days' notice, working hours, a mandated auditor the provider
accepts), Sch. 3 1.2 (testing the measures), 3.1(xiii) (cost). The customer gives notice of the days, and they
stand: no clause lets them wait for the provider. Other days are proposed, and the side that is asked decides.

Audits of a sub-processor (Sch. 2 1.4) have a subject of their own; those that were asked for here, in the
form of former days, stay readable and can be ended.
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
"""Working days a customer may plan for one audit: the provider's own setting, the agreement names none."""
MIN_CAUSE = 8
"""Characters that the cause of a further audit has at least: our reading, as the agreement names none."""
MIN_LETTERS = 5
"""Different letters that it has at least, so that a row of one sign is none."""
NAMED_AT_MOST = 20
"""Audits over of a calendar year that are named; the rest are counted."""


# --- state ---------------------------------------------------------------------------------------

Status = Literal[
    "requested",
    "auditor_refused",
    "scheduled",
    "under_way",
    "report_due",
    "findings_open",
    "closed",
    "withdrawn",
    "former_request",
    "former_refused",
]
STATUS: dict[Status, str] = worded(
    Status,
    requested="Waiting for acceptance",
    former_request="Asked for in the former way",
    former_refused="Auditor refused",
)

SaidStep = Literal[
    "accepted",
    "answered",
    "auditor_named",
    "auditor_refused",
    "cause_contested",
    "dates_agreed",
    "dates_kept",
    "dates_proposed",
    "dates_set",
    "withdrawn",
]


class Plan(Record):
    """When, from the first to the last day, both in Stockholm."""

    first: date
    last: date


class Said(Record):
    """A step of one side that the other reads, with what was typed for it."""

    at: Moment
    by: str
    side: Side
    step: SaidStep
    text: str = ""
    plan: Plan | None = None
    """The days that it is about."""
    auditor: str = ""
    """The auditor that it is about; empty: none, or the customer itself."""


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
    """None: the provider itself. Others were asked for in the form of former days."""
    ground: str
    """The ground in law, for a sub-processor's."""
    auditor: str
    """The mandated auditor's name; empty: the customer itself."""
    scope: str
    on_site: bool
    contact: str
    cause: str
    """The reasonable cause, for a further audit in one calendar year."""
    contested: bool = False
    """Whether the provider contests the cause; it stands all the same."""
    contest_answered: bool = False
    plan: Plan
    """The days noticed, or set since: the audit takes place on them unless both agree on others."""
    proposed: Plan | None = None
    """Other days, proposed by `proposed_by`, that wait for an answer until they begin."""
    proposed_by: Side | None = None
    accepted: bool = False
    """Whether the provider accepted the mandated auditor; of no weight where the customer audits itself."""
    accepted_late: bool = False
    """Whether the days had begun by then, so that the customer may set others under its notice."""
    refusal: str = ""
    """Why the provider does not accept the mandated auditor."""
    said: tuple[Said, ...] = ()
    """What either side said since the notice, oldest first."""
    report: FileRef | None = None
    report_at: Moment | None = None
    findings: tuple[Finding, ...] = ()
    withdrawn: bool = False

    @property
    def counts(self) -> bool:
        """Whether it uses up an audit of its calendar year."""
        return self.sub_processor is None and not self.withdrawn and not self.refusal

    @property
    def waits_for_acceptance(self) -> bool:
        """Whether its auditor needs the provider's acceptance, and has not got it."""
        return bool(self.auditor) and not self.accepted

    def open_proposal(self, now: datetime) -> Plan | None:
        """The other days that wait for an answer; none once they have begun: then the proposal has lapsed."""
        return self.proposed if self.proposed and now < dates.start_of(self.proposed.first) else None


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
    if audit.report:
        return "findings_open" if any(f.closed_at is None for f in audit.findings) else "closed"
    if audit.sub_processor is not None:
        return "former_refused" if audit.refusal else "former_request"
    if audit.refusal:
        return "auditor_refused"
    if audit.waits_for_acceptance:
        return "requested"
    if now < dates.start_of(audit.plan.first):
        return "scheduled"
    return "under_way" if now < dates.end_of(audit.plan.last) else "report_due"


def settled(audit: Audit) -> bool:
    """Whether nothing more can happen to it, whatever the time."""
    return status(audit, dates.start_of(audit.plan.first)) in _SETTLED


def earliest(agreement: Agreement, noticed: datetime) -> date:
    """The first day an audit noticed at `noticed` may begin: a business day once all days of notice are over.

    Clause: 3.1(xii)
    """
    notice = agreement.term("audit_notice").value
    return dates.business_day_from(dates.local_day(noticed) + timedelta(days=notice + 1))


def next_day(now: datetime) -> date:
    """The first business day after today."""
    return dates.business_day_from(dates.local_day(now) + timedelta(days=1))


def customer_may_set(audit: Audit, agreement: Agreement, now: datetime) -> date:
    """The first day to which the customer may move an audit without the provider's agreement.

    A day after a whole notice from now: our reading, as 3.1(xii) speaks of one notice only. While the
    provider's acceptance is outstanding, was refused or came late, the date of the first notice is kept, so
    that waiting for the provider costs no second notice; but no earlier day than the one noticed.
    """
    anew = earliest(agreement, now)
    if audit.waits_for_acceptance or audit.accepted_late:
        return min(anew, max(earliest(agreement, audit.requested_at), audit.plan.first, next_day(now)))
    return anew


def in_year(state: State, year: int, now: datetime, but: int | None = None) -> Over:
    """The audits that use up a calendar year's, by the days that stand or are still proposed.

    `year`: one of those to come, or the present one. Clause: 3.1(xii)
    """
    open_ones = [
        a.id
        for a in state.audits.values()
        if a.id != but
        and a.counts
        and not settled(a)
        and year in {p.first.year for p in (a.plan, a.open_proposal(now)) if p}
    ]
    over = state.over.get(year, Over())
    return Over(number=over.number + len(open_ones), last=tuple(sorted((*over.last, *open_ones))))


# --- events --------------------------------------------------------------------------------------


class Requested(
    Body,
    kind="audits.requested",
    words="Gave notice of an audit of {audited}{who}, {plan.first} to {plan.last}",
):
    """Written notice of an audit. With a `sub_processor` and its `ground`: in the form of former days."""

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

    def _say(
        self,
        state: State,
        event: RecordedEvent,
        step: SaidStep,
        text: str = "",
        plan: Plan | None = None,
        auditor: str = "",
    ) -> State:
        """The state with what was said."""
        at, by, side = event.recorded_at, event.actor, side_of(event)
        said = Said(at=at, by=by, side=side, step=step, text=text, plan=plan, auditor=auditor)
        return self._set(state, said=(*state.audits[self.audit].said, said))

    def _count(self, state: State, event: RecordedEvent) -> State:
        """The state with the audit among those of its year that are over, once it is closed."""
        audit = state.audits[self.audit]
        if not settled(audit) or not audit.counts:
            return state
        year = audit.plan.first.year
        over = state.over | {year: state.over.get(year, Over()).and_one(audit.id)}
        present = dates.local_day(event.recorded_at).year  # notice is given ahead: no rule asks further back
        return state.but(over={y: counted for y, counted in over.items() if y >= present})


_AS_PLANNED: dict[str, object] = {"proposed": None, "proposed_by": None, "accepted_late": False}
"""Of an audit whose days were set anew."""


class Accepted(_Step, kind="audits.accepted", words="Accepted the auditor of audit {audit:id}"):
    """The provider accepts the mandated auditor; in former days also an audit by the customer itself."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        audit = state.audits[self.audit]
        late = bool(audit.auditor) and event.recorded_at >= dates.start_of(audit.plan.first)
        said = self._say(state, event, "accepted", auditor=audit.auditor)
        return self._set(said, accepted=True, accepted_late=late)


class AuditorRefused(
    _Step, kind="audits.auditor_refused", words="Did not accept the auditor of audit {audit:id}"
):
    """The provider does not accept the mandated auditor, and why."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        auditor = state.audits[self.audit].auditor
        said = self._say(state, event, "auditor_refused", self.reason, auditor=auditor)
        return self._set(said, refusal=self.reason)


class AuditorNamed(_Step, kind="audits.auditor_named", words="Named {who} for audit {audit:id}"):
    """Who audits from now on, under the same notice. `auditor` empty: the customer itself."""

    auditor: str
    plan: Plan
    cause: str
    """Empty: as before."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        cause = {"cause": self.cause, "contested": False, "contest_answered": False} if self.cause else {}
        said = self._say(state, event, "auditor_named", self.cause, self.plan, self.auditor)
        named = {"auditor": self.auditor, "plan": self.plan, "accepted": False, "refusal": ""}
        return self._set(said, **_AS_PLANNED, **named, **cause)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"who": self.auditor or "the customer itself"}


class DatesProposed(_Step, kind="audits.dates_proposed", words="Proposed {plan.first} for audit {audit:id}"):
    """Other days, by either side."""

    plan: Plan
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        said = self._say(state, event, "dates_proposed", self.reason, self.plan)
        return self._set(said, proposed=self.plan, proposed_by=side_of(event))


class DatesAgreed(_Step, kind="audits.dates_agreed", words="Agreed to {plan.first} for audit {audit:id}"):
    """The other side agrees to the days proposed."""

    plan: Plan
    accepts_auditor: bool = True
    """Whether the auditor counts as accepted with the days, as it did in former days."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        accepted = state.audits[self.audit].accepted or self.accepts_auditor
        said = self._say(state, event, "dates_agreed", plan=self.plan)
        return self._set(said, **_AS_PLANNED, plan=self.plan, accepted=accepted)


class DatesKept(_Step, kind="audits.dates_kept", words="Did not agree to {plan.first} for audit {audit:id}"):
    """The side that was asked does not agree to the days proposed; the audit keeps its own."""

    plan: Plan
    """The days that were proposed."""
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        said = self._say(state, event, "dates_kept", self.reason, self.plan)
        return self._set(said, proposed=None, proposed_by=None)


class DatesSet(_Step, kind="audits.dates_set", words="Moved audit {audit:id} to {plan.first}"):
    """The customer gives notice of other days."""

    plan: Plan
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        said = self._say(state, event, "dates_set", self.reason, self.plan)
        return self._set(said, **_AS_PLANNED, plan=self.plan)


class CauseContested(_Step, kind="audits.cause_contested", words="Contested the cause of audit {audit:id}"):
    """The provider does not see a reasonable cause for a further audit, and why."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(self._say(state, event, "cause_contested", self.reason), contested=True)


class ContestAnswered(
    _Step, kind="audits.contest_answered", words="Said more of the cause of audit {audit:id}"
):
    """What the customer says of the cause that the provider contests."""

    answer: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._set(self._say(state, event, "answered", self.answer), contest_answered=True)


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
        filed = {"report": self.report, "report_at": event.recorded_at, "proposed": None, "proposed_by": None}
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
        return self._set(self._say(state, event, "withdrawn", self.reason), withdrawn=True)


# --- commands ------------------------------------------------------------------------------------


class RequestAudit(Command, by="customer"):
    """Give written notice of an audit of the provider. `auditor` empty: the customer audits itself."""

    first: date
    last: date
    scope: str
    contact: str
    on_site: bool = True
    auditor: str = ""
    cause: str = ""
    cost_acknowledged: bool = False


class WithdrawAudit(Command, by="customer"):
    """Do without an audit whose report is not filed yet."""

    audit: int
    reason: str = ""


class AcceptAudit(Command, by="provider"):
    """Accept the mandated auditor."""

    audit: int


class RefuseAuditor(Command, by="provider"):
    """Do not accept the mandated auditor."""

    audit: int
    reason: str


class NameAuditor(Command, by="customer"):
    """Have another auditor under the same notice. `auditor` empty: the customer audits itself."""

    audit: int
    auditor: str
    first: date | None = None
    """None: the days stay."""
    last: date | None = None
    cause: str = ""
    """For a further audit in its year, where none was given yet."""


class ProposeDates(Command, by="either"):
    """Propose other days. Those that the customer may set alone count at once."""

    audit: int
    first: date
    last: date
    reason: str = ""


class AgreeDates(Command, by="either"):
    """Agree to the days the other side proposed."""

    audit: int


class KeepDates(Command, by="either"):
    """Do not agree to the days the other side proposed: the audit keeps its own."""

    audit: int
    reason: str


class ContestCause(Command, by="provider"):
    """Say that the cause of a further audit is not reasonable."""

    audit: int
    reason: str


class AnswerContest(Command, by="customer"):
    """Say more of the cause that the provider contests."""

    audit: int
    answer: str


class FileReport(Command, by="either"):
    """Attach the report and list its findings: the customer's, but for a sub-processor's of former days."""

    audit: int
    report: FileRef
    findings: tuple[NewFinding, ...] = ()


class CloseFinding(Command, by="either"):
    """Record what was done about a finding."""

    audit: int
    finding: int
    remedy: str


Step = (
    WithdrawAudit
    | AcceptAudit
    | RefuseAuditor
    | NameAuditor
    | ProposeDates
    | AgreeDates
    | KeepDates
    | ContestCause
    | AnswerContest
    | FileReport
    | CloseFinding
)
"""What can be done with an audit that was asked for."""


# --- the steps that fit --------------------------------------------------------------------------

_DAYS = (AgreeDates, KeepDates, ProposeDates)
_CAUSE = (ContestCause, AnswerContest)
STAGES: dict[Status, Stage] = {
    "requested": Stage((AcceptAudit, RefuseAuditor, *_DAYS, NameAuditor, *_CAUSE, WithdrawAudit), "provider"),
    "auditor_refused": Stage((NameAuditor, *_CAUSE, WithdrawAudit), "customer"),
    "scheduled": Stage((*_DAYS, NameAuditor, *_CAUSE, WithdrawAudit), "provider"),
    "under_way": Stage((FileReport, *_DAYS, WithdrawAudit), "customer"),
    "report_due": Stage((FileReport, *_DAYS, WithdrawAudit), "customer"),
    "findings_open": Stage((CloseFinding,), "provider"),
    "closed": Stage(),
    "withdrawn": Stage(),
    "former_request": Stage((FileReport, WithdrawAudit), "provider"),
    "former_refused": Stage(),
}
_SETTLED = frozenset(status for status, stage in STAGES.items() if not stage.steps)


def _misfit(step: type[Command], audit: Audit, state: State, context: Context) -> Refusal:
    if step in (AcceptAudit, RefuseAuditor) and not audit.auditor:
        return refuse("no_mandated_auditor", CLAUSE, "auditor")
    stands = status(audit, context.now)
    return refuse("does_not_fit", CLAUSE, id=str(audit.id), status=Label(stands, STATUS[stands].lower()))


def _obstacle(step: type[Command], audit: Audit, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this audit all the same."""
    by_provider = context.side == "provider"
    if step in (AgreeDates, KeepDates):
        return _no_days_to_answer(audit, context)
    if step is ProposeDates and by_provider and status(audit, context.now) in ("under_way", "report_due"):
        return refuse("begun", CLAUSE, id=str(audit.id))
    if step is FileReport and by_provider and audit.sub_processor is None:
        return refuse("own_report", CLAUSE)
    if step is ContestCause and not audit.cause:
        return refuse("no_cause", CLAUSE, id=str(audit.id))
    if step is ContestCause and audit.contested:
        return refuse("contested_already", CLAUSE, id=str(audit.id))
    if step is AnswerContest and (not audit.contested or audit.contest_answered):
        return refuse("nothing_contested", CLAUSE, id=str(audit.id))
    return None


def _no_days_to_answer(audit: Audit, context: Context) -> Refusal | None:
    """Why the context's side has no other days to agree to or not; None where it has."""
    if audit.proposed is None:
        return refuse("no_dates_proposed", CLAUSE, id=str(audit.id))
    if audit.proposed_by == context.side:
        return refuse("own_dates", CLAUSE)
    if audit.open_proposal(context.now) is None:
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


def _year_full(state: State, context: Context, year: int, but: int | None = None) -> bool:
    return in_year(state, year, context.now, but).number >= context.agreement.term("audits_per_year").value


def cause_needed(audit: Audit, year: int, state: State, context: Context) -> bool:
    """Whether an audit without a cause needs one to take place in a calendar year. Clause: 3.1(xii)"""
    return not audit.cause and _year_full(state, context, year, but=audit.id)


def _checked_plan(first: date, last: date, soonest: date, context: Context) -> Plan:
    """The days of an audit. Refused where they come too early, in the wrong order, where nobody works, or
    where a customer plans more of them than the provider's setting has."""
    if first < soonest:
        notice = context.agreement.term("audit_notice").value
        raise refuse("too_early", CLAUSE, "first", first=first, days=notice, earliest=soonest)
    for day, field in ((first, "first"), (last, "last")):
        if why := dates.not_working(day):
            instead = dates.business_day_from(day)
            raise refuse("no_working_day", CLAUSE, field, day=day, why=why, instead=instead)
    if last < first:
        raise refuse("wrong_order", CLAUSE, "last", first=first, last=last)
    if context.side == "customer":
        length = sum(not dates.not_working(first + timedelta(days=n)) for n in range((last - first).days + 1))
        if length > MAX_DAYS:
            raise refuse("too_long", CLAUSE, "last", days=length, limit=MAX_DAYS)
    return Plan(first=first, last=last)


def _check_ahead(first: date, soonest: date, context: Context) -> None:
    """Refused where the first day has begun, or is over."""
    if first <= dates.local_day(context.now):
        raise refuse("begun_already", CLAUSE, "first", first=first, earliest=soonest)


def _checked_cause(cause: str, *, needed: bool, year: int) -> str:
    """The cause of a further audit in a calendar year, without blanks around it; empty where none is needed
    or given. Refused where it is needed and missing, or says nothing: the customer has to demonstrate it.

    Clause: 3.1(xii)
    """
    cause = cause.strip()
    if not cause:
        if needed:
            raise refuse("cause_missing", CLAUSE, "cause", year=str(year))
        return ""
    if len(cause) < MIN_CAUSE or len({c for c in cause.casefold() if c.isalpha()}) < MIN_LETTERS:
        raise refuse("cause_says_nothing", CLAUSE, "cause", limit=MIN_CAUSE)
    return checked_text(cause, "cause", CLAUSE)


def consequences(command: RequestAudit, state: State, context: Context) -> Consequences:
    """What the request would bring about. Raises Refusal where the dates cannot be, and where nothing is
    processed any more: the DPA is valid for as long as something is.

    Clause: 3.1(xii), 5.1
    """
    if context.all_deleted and context.ended:
        raise refuse("all_deleted", DURATION_CLAUSE, on=context.ended)
    soonest = earliest(context.agreement, context.now)
    _checked_plan(command.first, command.last, soonest, context)
    year = command.first.year
    return Consequences(
        earliest=soonest,
        same_year=in_year(state, year, context.now),
        cause_required=_year_full(state, context, year),
        acceptance_required=bool(command.auditor.strip()),
        clauses=(CLAUSE, COST_CLAUSE),
    )


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _request_audit(command: RequestAudit, state: State, context: Context) -> list[Body]:
    """Notice of an audit, with its cost acknowledged. Clause: 3.1(xii), 3.1(xiii)"""
    scope = checked_text(command.scope, "scope", CLAUSE)
    contact = checked_text(command.contact, "contact", CLAUSE, limit=MAX_TITLE)
    auditor = command.auditor.strip()
    if auditor:
        checked_text(auditor, "auditor", CLAUSE, limit=MAX_TITLE)
    needed = consequences(command, state, context).cause_required
    cause = _checked_cause(command.cause, needed=needed, year=command.first.year)
    if not command.cost_acknowledged:
        raise refuse("cost_not_acknowledged", COST_CLAUSE, "cost_acknowledged")
    return [
        Requested(
            sub_processor=None,
            ground="",
            auditor=auditor,
            scope=scope,
            on_site=command.on_site,
            contact=contact,
            cause=cause,
            plan=Plan(first=command.first, last=command.last),
            cost_acknowledged=True,
        )
    ]


@decide.register
def _withdraw_audit(command: WithdrawAudit, state: State, context: Context) -> list[Body]:
    """The customer does without it; no clause obliges it to audit. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    return [Withdrawn(audit=audit.id, reason=checked_reason(command.reason))]


@decide.register
def _accept_audit(command: AcceptAudit, state: State, context: Context) -> list[Body]:
    """The provider accepts a mandated auditor. Clause: 3.1(xii)"""
    return [Accepted(audit=_taken(command, state, context).id)]


@decide.register
def _refuse_auditor(command: RefuseAuditor, state: State, context: Context) -> list[Body]:
    """The provider does not accept a mandated auditor, and says why: acceptance is not to be withheld
    unreasonably. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    return [AuditorRefused(audit=audit.id, reason=checked_reason(command.reason, required_by=CLAUSE))]


@decide.register
def _name_auditor(command: NameAuditor, state: State, context: Context) -> list[Body]:
    """Another auditor, or the customer itself, under the same notice, on the days that stand or on others
    that the customer may set alone. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    auditor = command.auditor.strip()
    if auditor:
        checked_text(auditor, "auditor", CLAUSE, limit=MAX_TITLE)
    if auditor.casefold() == audit.auditor.casefold():
        raise refuse("same_auditor", CLAUSE, "auditor", name=auditor or "the customer itself")
    plan = _days_of_another(command, audit, context)
    needed = cause_needed(audit, plan.first.year, state, context)
    cause = _checked_cause(command.cause, needed=needed, year=plan.first.year)
    return [AuditorNamed(audit=audit.id, auditor=auditor, plan=plan, cause=cause)]


def _days_of_another(command: NameAuditor, audit: Audit, context: Context) -> Plan:
    """The days of an audit that gets another auditor. Refused where they have begun, or are not the
    customer's alone to set."""
    first, last = command.first or audit.plan.first, command.last or command.first or audit.plan.last
    alone = customer_may_set(audit, context.agreement, context.now)
    _check_ahead(first, alone, context)
    if (plan := Plan(first=first, last=last)) == audit.plan:
        return plan
    if first < alone:
        raise refuse("not_alone", CLAUSE, "first", first=first, earliest=alone)
    return _checked_plan(first, last, alone, context)


@decide.register
def _propose_dates(command: ProposeDates, state: State, context: Context) -> list[Body]:
    """Other days, after the notice and in a year that has room. Those that the customer may set alone count
    at once; all others wait for the other side. Clause: 3.1(xii)"""
    audit, agreement = _taken(command, state, context), context.agreement
    soonest = max(earliest(agreement, audit.requested_at), next_day(context.now))
    _check_ahead(command.first, soonest, context)
    plan = _checked_plan(command.first, command.last, soonest, context)
    if plan in (audit.plan, audit.open_proposal(context.now)):
        raise refuse("same_dates", CLAUSE, "first")
    if cause_needed(audit, plan.first.year, state, context):
        raise refuse("year_full", CLAUSE, "first", year=str(plan.first.year))
    reason = checked_reason(command.reason)
    alone = context.side == "customer" and plan.first >= customer_may_set(audit, agreement, context.now)
    kind = DatesSet if alone else DatesProposed
    return [kind(audit=audit.id, plan=plan, reason=reason)]


@decide.register
def _agree_dates(command: AgreeDates, state: State, context: Context) -> list[Body]:
    """The other side's days hold; the auditor is not accepted by that. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    assert audit.proposed is not None  # noqa: S101  # the step fits only then
    return [DatesAgreed(audit=audit.id, plan=audit.proposed, accepts_auditor=False)]


@decide.register
def _keep_dates(command: KeepDates, state: State, context: Context) -> list[Body]:
    """The days stay as they are, and the other side reads why. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    assert audit.proposed is not None  # noqa: S101  # the step fits only then
    reason = checked_reason(command.reason, required_by=CLAUSE)
    return [DatesKept(audit=audit.id, plan=audit.proposed, reason=reason)]


@decide.register
def _contest_cause(command: ContestCause, state: State, context: Context) -> list[Body]:
    """The provider contests the cause of a further audit, on the record. It does not stop the audit: our
    reading, as 3.1(xii) has the customer demonstrate a cause and nobody decide on it. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    return [CauseContested(audit=audit.id, reason=checked_reason(command.reason, required_by=CLAUSE))]


@decide.register
def _answer_contest(command: AnswerContest, state: State, context: Context) -> list[Body]:
    """The customer says more of the cause that is contested, once. Clause: 3.1(xii)"""
    audit = _taken(command, state, context)
    return [ContestAnswered(audit=audit.id, answer=checked_text(command.answer, "answer", CLAUSE))]


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
        clause=CLAUSE if audit.sub_processor is None else SUB_PROCESSOR_CLAUSE,
        opened_at=audit.requested_at,
        by=audit.by,
        entry=audit.id,
    )
    stands = status(audit, starts)  # as it will stand then, if nothing is recorded until then
    waits_for = STAGES[stands].waits_for
    match stands:
        case "findings_open":
            yield from _findings_to_close(audit, replace(base, waits_for=waits_for))
        case "former_request":
            yield replace(base, step="file_result", waits_for=waits_for)
        case "auditor_refused":
            yield replace(base, step="name_another_auditor", waits_for=waits_for)
        case "requested":
            yield replace(base, step="accept_auditor", waits_for=waits_for, due=starts)
        case "under_way":
            before = STAGES["scheduled"].waits_for
            yield replace(base, step="be_ready", waits_for=before, due=starts, ends=starts)
            yield replace(base, step="file_report", waits_for=waits_for, due=over, begins=starts)
    if stands in ("requested", "under_way") and audit.proposed:
        asked: Side = "customer" if audit.proposed_by == "provider" else "provider"
        lapses = dates.start_of(audit.proposed.first)
        answer = replace(base, key=f"{base.key}/days", step="answer_dates", waits_for=asked)
        yield replace(answer, due=lapses, ends=lapses)
    if stands in ("requested", "under_way") and audit.contested and not audit.contest_answered:
        more = replace(base, key=f"{base.key}/cause", step="answer_contest", waits_for="customer")
        yield replace(more, ends=starts)


def _findings_to_close(audit: Audit, base: Task) -> Iterator[Task]:
    """A task for each finding that is open."""
    for f in audit.findings:
        if f.closed_at is None:
            due = dates.end_of(f.remedy_by) if f.remedy_by else None
            told = {**base.parameters, "finding": str(f.number), "found": f.title}
            yield replace(base, key=f"{base.key}/{f.number}", step="close_finding", parameters=told, due=due)


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
        AuditorNamed,
        DatesProposed,
        DatesAgreed,
        DatesKept,
        DatesSet,
        CauseContested,
        ContestAnswered,
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
        "accept_auditor": "Accept the auditor, or say why not",
        "answer_contest": "Answer on the cause that is contested",
        "answer_dates": "Answer the days proposed",
        "be_ready": "Be ready for the audit",
        "close_finding": "Remedy finding {finding}: {found}",
        "file_report": "File the report",
        "file_result": "File the result",
        "name_another_auditor": "Name another auditor",
    },
    shelves=(Shelf("audits", Audit, lambda audit, _: settled(audit)),),
    touches=touches,
    files=files,
)
