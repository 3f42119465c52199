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
from dpa_core.subjects import dates
from dpa_core.subjects.common import (
    MAX_TITLE,
    FileRef,
    Matter,
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    Side,
    checked_reason,
    checked_text,
    side_of,
)

CLAUSE = "3.1(xii)"
SUB_PROCESSOR_CLAUSE = "Sch. 2 1.4"
COST_CLAUSE = "3.1(xiii)"
MAX_DAYS = 10
"""Business days one audit may take; a provider's setting, as the agreement names none."""


# --- state ---------------------------------------------------------------------------------------

Status = Literal[
    "requested",
    "auditor refused",
    "dates proposed",
    "scheduled",
    "under way",
    "report due",
    "findings open",
    "closed",
    "withdrawn",
]


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


class State(Record):
    """Every audit ever asked for, by identifier."""

    audits: dict[int, Audit] = {}


def status(audit: Audit, now: datetime) -> Status:
    """Where an audit stands at a moment; its days begin and end without anything being written."""
    if audit.withdrawn:
        return "withdrawn"
    if audit.refusal:
        return "auditor refused"
    if audit.report:
        return "findings open" if any(f.closed_at is None for f in audit.findings) else "closed"
    if audit.proposed:
        return "dates proposed"
    if not audit.accepted:
        return "requested"
    if now < dates.start_of(audit.plan.first):
        return "scheduled"
    return "under way" if now < dates.end_of(audit.plan.last) else "report due"


def earliest(agreement: Agreement, asked: datetime) -> date:
    """The first day an audit asked for at `asked` may begin: after the notice, on a business day.

    Clause: 3.1(xii)
    """
    notice = agreement.term("audit_notice").value
    return dates.business_day_from(dates.local_day(asked) + timedelta(days=notice))


def in_year(state: State, year: int, but: int | None = None) -> tuple[Audit, ...]:
    """The audits that use up a calendar year's, by the dates agreed or still proposed. Clause: 3.1(xii)"""
    return tuple(
        a
        for a in state.audits.values()
        if a.id != but and a.counts and year in {p.first.year for p in (a.plan, a.proposed) if p}
    )


# --- events --------------------------------------------------------------------------------------


class Requested(Record):
    """`audits.requested`: written notice of an audit."""

    v: Literal[1] = 1
    sub_processor: str | None
    ground: str
    auditor: str
    scope: str
    on_site: bool
    contact: str
    cause: str
    plan: Plan
    cost_acknowledged: bool


class Accepted(Record):
    """`audits.accepted`: the provider accepts the auditor and the dates."""

    v: Literal[1] = 1
    audit: int


class AuditorRefused(Record):
    """`audits.auditor_refused`: the provider does not accept the mandated auditor, and why."""

    v: Literal[1] = 1
    audit: int
    reason: str


class DatesProposed(Record):
    """`audits.dates_proposed`: other dates, by either side."""

    v: Literal[1] = 1
    audit: int
    plan: Plan
    reason: str


class DatesAgreed(Record):
    """`audits.dates_agreed`: the other side agrees to the dates proposed."""

    v: Literal[1] = 1
    audit: int
    plan: Plan


class NewFinding(Record):
    """A finding as reported."""

    title: str
    remedy_by: date | None = None


class ReportFiled(Record):
    """`audits.report_filed`: the report, with its findings."""

    v: Literal[1] = 1
    audit: int
    report: FileRef
    findings: tuple[NewFinding, ...]


class FindingClosed(Record):
    """`audits.finding_closed`: what was done about a finding."""

    v: Literal[1] = 1
    audit: int
    finding: int
    remedy: str


class Withdrawn(Record):
    """`audits.withdrawn`: the customer no longer wants it."""

    v: Literal[1] = 1
    audit: int
    reason: str


_Body = (
    Requested
    | Accepted
    | AuditorRefused
    | DatesProposed
    | DatesAgreed
    | ReportFiled
    | FindingClosed
    | Withdrawn
)
_BODIES: dict[str, type[_Body]] = {
    "audits.requested": Requested,
    "audits.accepted": Accepted,
    "audits.auditor_refused": AuditorRefused,
    "audits.dates_proposed": DatesProposed,
    "audits.dates_agreed": DatesAgreed,
    "audits.report_filed": ReportFiled,
    "audits.finding_closed": FindingClosed,
    "audits.withdrawn": Withdrawn,
}
KINDS = frozenset(_BODIES)


# --- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestAudit:
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


@dataclass(frozen=True)
class WithdrawAudit:
    """Do without an audit whose report is not filed yet."""

    audit: int
    reason: str = ""


@dataclass(frozen=True)
class AgreeDates:
    """Agree to the dates the other side proposed."""

    audit: int


@dataclass(frozen=True)
class ProposeDates:
    """Propose other dates."""

    audit: int
    first: date
    last: date
    reason: str = ""


@dataclass(frozen=True)
class FileReport:
    """Attach the report and list its findings."""

    audit: int
    report: FileRef
    findings: tuple[NewFinding, ...] = ()


@dataclass(frozen=True)
class CloseFinding:
    """Record what was done about a finding."""

    audit: int
    finding: int
    remedy: str


@dataclass(frozen=True)
class Accept:
    """Accept the auditor and the dates."""

    audit: int


@dataclass(frozen=True)
class RefuseAuditor:
    """Not accept the mandated auditor; the reason is told to the customer."""

    audit: int
    reason: str


ByCustomer = RequestAudit | WithdrawAudit | FileReport
ByProvider = Accept | RefuseAuditor
ByBoth = ProposeDates | AgreeDates | CloseFinding
Command = ByCustomer | ByProvider | ByBoth


@dataclass(frozen=True)
class Consequences:
    """What a request brings about."""

    earliest: date
    same_year: tuple[Audit, ...]
    """Audits that already use up the calendar year; with any, a cause is required."""
    cause_required: bool
    acceptance_required: bool
    """A mandated auditor needs the provider's acceptance."""
    clauses: tuple[str, ...]


def _year_full(state: State, agreement: Agreement, year: int, but: int | None = None) -> bool:
    return len(in_year(state, year, but)) >= agreement.term("audits_per_year").value


def _check_plan(first: date, last: date, earliest_day: date, agreement: Agreement) -> Plan:
    """Refuse days that come too early, in the wrong order, or on which nobody works."""
    notice = agreement.term("audit_notice").value
    if first < earliest_day:
        raise Refusal(
            CLAUSE,
            f"An audit cannot begin on {dates.in_words(first)}: it wants {notice} days' notice.",
            f"Choose {dates.in_words(earliest_day)} or later.",
            "first",
        )
    for day, field in ((first, "first"), (last, "last")):
        if why := dates.not_working(day):
            raise Refusal(
                CLAUSE,
                f"{dates.in_words(day)} is no working day in Stockholm ({why}).",
                f"Choose {dates.in_words(dates.business_day_from(day))}, or another working day.",
                field,
            )
    if last < first:
        raise Refusal(
            CLAUSE,
            f"The last day, {dates.in_words(last)}, comes before the first, {dates.in_words(first)}.",
            "Choose a last day on or after the first.",
            "last",
        )
    length = sum(not dates.not_working(first + timedelta(days=n)) for n in range((last - first).days + 1))
    if length > MAX_DAYS:
        raise Refusal(
            CLAUSE,
            f"{length} working days would disturb normal operations.",
            f"Plan {MAX_DAYS} at the most, or split the audit.",
            "last",
        )
    return Plan(first=first, last=last)


def consequences(command: RequestAudit, state: State, agreement: Agreement, now: datetime) -> Consequences:
    """What the request would bring about. Raises Refusal where the dates cannot be.

    Clause: 3.1(xii)
    """
    soonest = earliest(agreement, now)
    _check_plan(command.first, command.last, soonest, agreement)
    year = command.first.year
    return Consequences(
        earliest=soonest,
        same_year=in_year(state, year),
        cause_required=_year_full(state, agreement, year),
        acceptance_required=bool(command.auditor.strip()),
        clauses=(CLAUSE, *((SUB_PROCESSOR_CLAUSE,) if command.sub_processor else ()), COST_CLAUSE),
    )


def _found(state: State, id: int) -> Audit:
    try:
        return state.audits[id]
    except KeyError:
        raise Refusal(CLAUSE, f"There is no audit {id}.", "Choose one from the list.", "audit") from None


def _refuse(audit: Audit, now: datetime, remedy: str) -> Refusal:
    return Refusal(CLAUSE, f"Audit {audit.id} is {status(audit, now)}; this step does not fit.", remedy)


def decide(command: Command, state: State, agreement: Agreement, now: datetime, side: Side) -> list[NewEvent]:
    """Record the step. `side`: who takes it.

    Clause: 3.1(xii), 3.1(xiii), Sch. 2 1.4
    """
    if isinstance(command, RequestAudit):
        return [NewEvent("audits.requested", _request(command, state, agreement, now))]
    audit = _found(state, command.audit)
    stands = status(audit, now)
    open_ones = ("requested", "dates proposed", "scheduled")
    match command:
        case WithdrawAudit(reason=reason):
            if stands not in (*open_ones, "under way", "report due"):
                raise _refuse(audit, now, "Nothing is left to withdraw.")
            body: Record = Withdrawn(audit=audit.id, reason=checked_reason(reason))
            return [NewEvent("audits.withdrawn", body)]
        case Accept():
            if stands != "requested":
                raise _refuse(audit, now, "Look at the page again: someone may have answered before you.")
            return [NewEvent("audits.accepted", Accepted(audit=audit.id))]
        case RefuseAuditor(reason=reason):
            if stands != "requested":
                raise _refuse(audit, now, "Only a request that waits can be answered.")
            if not audit.auditor:
                raise Refusal(
                    CLAUSE,
                    "The customer audits itself, so there is no mandated auditor to refuse.",
                    "Accept, or propose other dates.",
                    "auditor",
                )
            reason = checked_reason(reason, required_by=CLAUSE)
            return [NewEvent("audits.auditor_refused", AuditorRefused(audit=audit.id, reason=reason))]
        case ProposeDates(first=first, last=last, reason=reason):
            if stands not in open_ones:
                raise _refuse(audit, now, "Dates can be changed before the audit begins.")
            soonest = max(
                earliest(agreement, audit.requested_at),
                dates.business_day_from(dates.local_day(now) + timedelta(days=1)),
            )
            plan = _check_plan(first, last, soonest, agreement)
            if plan in (audit.plan, audit.proposed):
                raise Refusal(CLAUSE, "Those are the dates on the table already.", "Choose others.", "first")
            _check_year(plan, audit, state, agreement)
            body = DatesProposed(audit=audit.id, plan=plan, reason=checked_reason(reason))
            return [NewEvent("audits.dates_proposed", body)]
        case AgreeDates():
            if audit.proposed is None or stands != "dates proposed":
                raise _refuse(audit, now, "No dates wait for an answer.")
            if audit.proposed_by == side:
                raise Refusal(
                    CLAUSE, "Your own side proposed these dates.", "The other side has to agree to them."
                )
            if dates.local_day(now) > audit.proposed.first:
                raise Refusal(CLAUSE, "The dates proposed have passed.", "Propose others.")
            return [NewEvent("audits.dates_agreed", DatesAgreed(audit=audit.id, plan=audit.proposed))]
        case FileReport(report=report, findings=findings):
            if stands not in ("under way", "report due"):
                raise _refuse(audit, now, "A report is filed once the audit has begun, and once only.")
            checked = tuple(
                NewFinding(
                    title=checked_text(f.title, "A finding's title", CLAUSE, "findings", limit=MAX_TITLE),
                    remedy_by=f.remedy_by,
                )
                for f in findings
            )
            body = ReportFiled(audit=audit.id, report=report, findings=checked)
            return [NewEvent("audits.report_filed", body)]
        case CloseFinding(finding=number, remedy=remedy):
            if number not in {f.number for f in audit.findings if f.closed_at is None}:
                raise Refusal(
                    CLAUSE,
                    f"Audit {audit.id} has no open finding {number}.",
                    "Nothing needs doing.",
                    "finding",
                )
            remedy = checked_text(remedy, "What was done", CLAUSE, "remedy")
            closed = FindingClosed(audit=audit.id, finding=number, remedy=remedy)
            return [NewEvent("audits.finding_closed", closed)]


def _check_year(plan: Plan, audit: Audit, state: State, agreement: Agreement) -> None:
    if not audit.cause and _year_full(state, agreement, plan.first.year, but=audit.id):
        raise Refusal(
            CLAUSE,
            f"{plan.first.year} has its audit already, and this one was asked for without a further cause.",
            "Choose dates in another year, or withdraw this one and ask anew with the cause.",
            "first",
        )


def _request(command: RequestAudit, state: State, agreement: Agreement, now: datetime) -> Requested:
    scope = checked_text(command.scope, "The scope", CLAUSE, "scope")
    contact = checked_text(command.contact, "The contact", CLAUSE, "contact", limit=MAX_TITLE)
    auditor = command.auditor.strip()
    if auditor:
        checked_text(auditor, "The auditor's name", CLAUSE, "auditor", limit=MAX_TITLE)
    ground = command.ground.strip()
    if command.sub_processor is not None:
        if command.sub_processor not in {s.id for s in agreement.sub_processors}:
            raise Refusal(
                SUB_PROCESSOR_CLAUSE,
                f"There is no sub-processor “{command.sub_processor[:60]}” on the list.",
                "Choose one from the list.",
                "sub_processor",
            )
        ground = checked_text(ground, "The ground in law", SUB_PROCESSOR_CLAUSE, "ground")
    result = consequences(command, state, agreement, now)
    cause = command.cause.strip()
    if result.cause_required:
        if not cause:
            raise Refusal(
                CLAUSE,
                f"{command.first.year} has its audit already. A further one needs a reasonable cause.",
                "State the cause, or choose dates in another year.",
                "cause",
            )
        checked_text(cause, "The cause", CLAUSE, "cause")
    if not command.cost_acknowledged:
        raise Refusal(
            COST_CLAUSE,
            "It is not acknowledged that the provider's reasonable expenses are reimbursed.",
            "Tick the acknowledgement of cost.",
            "cost_acknowledged",
        )
    return Requested(
        sub_processor=command.sub_processor,
        ground=ground if command.sub_processor else "",
        auditor=auditor,
        scope=scope,
        on_site=command.on_site,
        contact=contact,
        cause=cause,
        plan=Plan(first=command.first, last=command.last),
        cost_acknowledged=True,
    )


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    if isinstance(body, Requested):
        fields = body.model_dump(exclude={"v", "cost_acknowledged"})
        new = Audit(id=event.sequence, requested_at=event.recorded_at, by=event.actor, **fields)
    else:
        old = state.audits[body.audit]
        new = old.model_copy(update=dict(_changes(old, body, event)))
    return State(audits=state.audits | {new.id: new})


def _changes(old: Audit, body: _Body, event: RecordedEvent) -> Iterator[tuple[str, object]]:
    """The fields of an audit that an event sets."""
    match body:
        case Accepted():
            yield "accepted", True
        case AuditorRefused():
            yield "refusal", body.reason
        case DatesProposed():
            yield from (("proposed", body.plan), ("proposed_by", side_of(event)))
        case DatesAgreed():
            yield from (("plan", body.plan), ("proposed", None), ("proposed_by", None), ("accepted", True))
        case ReportFiled():
            yield from (("report", body.report), ("report_at", event.recorded_at), ("proposed", None))
            yield (
                "findings",
                tuple(
                    Finding(number=n, title=f.title, remedy_by=f.remedy_by)
                    for n, f in enumerate(body.findings, start=1)
                ),
            )
        case FindingClosed():
            closed = {"closed_at": event.recorded_at, "remedy": body.remedy}
            yield (
                "findings",
                tuple(f.model_copy(update=closed) if f.number == body.finding else f for f in old.findings),
            )
        case Withdrawn():
            yield "withdrawn", True


def _of_whom(audit: Audit | Requested, agreement: Agreement) -> str:
    if audit.sub_processor is None:
        return agreement.processor.name
    names = {s.id: s.name for s in agreement.sub_processors}
    return names.get(audit.sub_processor, audit.sub_processor)


def title(audit: Audit, agreement: Agreement) -> str:
    """`Audit 12 of OpenAI`."""
    return f"Audit {audit.id} of {_of_whom(audit, agreement)}"


def matters(state: State, agreement: Agreement) -> Iterator[Matter]:
    """What waits for whom, each for the time it does. Clause: 3.1(xii)"""
    for audit in state.audits.values():
        if audit.withdrawn or audit.refusal:
            continue
        starts, over = dates.start_of(audit.plan.first), dates.end_of(audit.plan.last)
        base = Matter(
            f"audits/{audit.id}",
            "audits",
            title(audit, agreement),
            "provider",
            "",
            CLAUSE,
            opened_at=audit.requested_at,
            by=audit.by,
            entry=audit.id,
        )
        if audit.report:
            for finding in audit.findings:
                if finding.closed_at is None:
                    due = dates.end_of(finding.remedy_by) if finding.remedy_by else None
                    step = f"Remedy finding {finding.number}: {finding.title}"
                    yield replace(base, key=f"{base.key}/{finding.number}", next_step=step, due=due)
        elif audit.proposed:
            asked: Side = "customer" if audit.proposed_by == "provider" else "provider"
            due = dates.start_of(audit.proposed.first)
            yield replace(base, waits_for=asked, next_step="Answer the dates proposed", due=due)
        elif not audit.accepted:
            step = "Accept the auditor and dates" if audit.auditor else "Accept the dates"
            yield replace(base, next_step=step, due=starts)
        else:
            yield replace(base, next_step="Be ready for the audit", due=starts, ends=starts)
            yield replace(base, waits_for="customer", next_step="File the report", due=over, begins=starts)


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence."""
    body = _BODIES[event.kind].model_validate(event.body)
    match body:
        case Requested():
            who = f" by {body.auditor}" if body.auditor else ""
            days = f"{dates.in_words(body.plan.first)} to {dates.in_words(body.plan.last)}"
            return f"Gave notice of an audit of {_of_whom(body, agreement)}{who}, {days}"
        case Accepted():
            return f"Accepted audit {body.audit}"
        case AuditorRefused():
            return f"Did not accept the auditor of audit {body.audit}"
        case DatesProposed():
            return f"Proposed {dates.in_words(body.plan.first)} for audit {body.audit}"
        case DatesAgreed():
            return f"Agreed to {dates.in_words(body.plan.first)} for audit {body.audit}"
        case ReportFiled():
            found = len(body.findings)
            return (
                f"Filed the report of audit {body.audit}, {found} {'finding' if found == 1 else 'findings'}"
            )
        case FindingClosed():
            return f"Closed finding {body.finding} of audit {body.audit}"
        case Withdrawn():
            return f"Withdrew audit {body.audit}"
