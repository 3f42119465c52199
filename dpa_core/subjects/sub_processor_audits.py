"""Audits of a sub-processor: the customer asks, the provider conducts or confirms one and files the result.

Clause: Sch. 2 1.4. It names no notice, no number a year, no date and no cost, and gives the customer no audit
of its own: the provider's contract is with the sub-processor. It reaches as far as applicable data protection
law requires; so the provider may decline what the law does not require, on the record, and the customer may
answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from dpa_core.locale import Label, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import FileRef, Message, Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import checked_reason, checked_text

CLAUSE = "Sch. 2 1.4"


# --- state ---------------------------------------------------------------------------------------

How = Literal["conduct", "confirm"]
HOW: dict[How, str] = {
    "conduct": "Conduct an audit of the sub-processor",
    "confirm": "Confirm an audit that was made of it",
}
"""What the provider can do, as it chooses."""

Status = Literal["requested", "under_way", "declined", "result_filed", "withdrawn"]
STATUS: dict[Status, str] = worded(Status)


class Audit(Record):
    """One request for an audit of a sub-processor. `id` is the sequence of the request."""

    id: int
    requested_at: Moment
    by: str
    sub_processor: str
    name: str
    """The sub-processor's, as it was on the list then."""
    ground: str
    """Why applicable data protection law requires it."""
    said: tuple[Message, ...]
    """What either side said, oldest first; the request itself is the first."""
    how: How | None = None
    """What the provider undertook; None: nothing yet."""
    expected: date | None = None
    """Until when the provider means to file the result, by its own plan; None: it named no day."""
    declined: bool = False
    result: tuple[FileRef, ...] = ()
    withdrawn: bool = False


class State(Record):
    """The audits that were asked for, by identifier."""

    audits: dict[int, Audit] = {}


def status(audit: Audit) -> Status:
    """Where a request stands."""
    if audit.withdrawn:
        return "withdrawn"
    if audit.result:
        return "result_filed"
    if audit.declined:
        return "declined"
    return "under_way" if audit.how else "requested"


# --- events --------------------------------------------------------------------------------------


class Requested(Body, kind="sub_processor_audits.requested", words="Asked for an audit of {name}"):
    """The customer asks the provider to conduct or confirm an audit of a sub-processor."""

    sub_processor: str
    name: str
    ground: str
    scope: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        said = (Message.of(event, self.scope),)
        told = self.told("scope")
        new = Audit(id=event.sequence, requested_at=event.recorded_at, by=event.actor, said=said, **told)
        return state.but(audits=state.audits | {new.id: new})


class _Step(Body):
    """An event of one request."""

    audit: int

    def _with(self, state: State, message: Message, **fields: object) -> State:
        audit = state.audits[self.audit]
        return state.but(audits=state.audits | {audit.id: audit.but(said=(*audit.said, message), **fields)})


class Undertaken(
    _Step,
    kind="sub_processor_audits.undertaken",
    words="Undertook to {how} audit {audit:id} of a sub-processor",
):
    """The provider says whether it conducts or confirms an audit."""

    how: How
    expected: date | None
    message: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        said = Message.of(event, self.message, step=f"audit_{self.how}")
        return self._with(state, said, how=self.how, expected=self.expected, declined=False)


class Declined(
    _Step, kind="sub_processor_audits.declined", words="Declined audit {audit:id} of a sub-processor"
):
    """The provider holds that applicable data protection law does not require the audit, and says why."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._with(state, Message.of(event, self.reason, step="audit_declined"), declined=True)


class Answered(
    _Step,
    kind="sub_processor_audits.answered",
    words="Answered the decline of audit {audit:id} of a sub-processor",
):
    """The customer answers the decline; the provider has to look at it again."""

    answer: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._with(state, Message.of(event, self.answer), declined=False)


class ResultFiled(
    _Step,
    kind="sub_processor_audits.result_filed",
    words="Filed the result of audit {audit:id} of a sub-processor",
):
    """The result, as documents."""

    files: tuple[FileRef, ...]
    message: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        said = Message.of(event, self.message, self.files, "audit_result")
        return self._with(state, said, result=self.files)


class Withdrawn(
    _Step, kind="sub_processor_audits.withdrawn", words="Withdrew audit {audit:id} of a sub-processor"
):
    """The customer no longer wants it."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._with(state, Message.of(event, self.reason, step="request_withdrawn"), withdrawn=True)


# --- commands ------------------------------------------------------------------------------------


class RequestSubProcessorAudit(Command, by="customer"):
    """Ask the provider to conduct or confirm an audit of a sub-processor."""

    sub_processor: str
    ground: str
    scope: str


class UndertakeAudit(Command, by="provider"):
    """Say whether the provider conducts or confirms the audit, and until when it means to file the result;
    once more where either changes."""

    audit: int
    how: How
    expected: date | None = None
    message: str = ""


class DeclineAudit(Command, by="provider"):
    """Decline an audit that applicable data protection law does not require."""

    audit: int
    reason: str
    not_required: bool = False
    """That applicable data protection law does not require it."""


class AnswerDecline(Command, by="customer"):
    """Answer why the audit was declined."""

    audit: int
    answer: str


class FileResult(Command, by="provider"):
    """File the result of the audit."""

    audit: int
    files: tuple[FileRef, ...]
    message: str = ""


class WithdrawRequest(Command, by="customer"):
    """Do without an audit whose result is not filed yet."""

    audit: int
    reason: str = ""


Step = UndertakeAudit | DeclineAudit | AnswerDecline | FileResult | WithdrawRequest
"""What can be done with a request."""


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "requested": Stage((UndertakeAudit, DeclineAudit, WithdrawRequest), "provider"),
    "under_way": Stage((FileResult, UndertakeAudit, WithdrawRequest), "provider"),
    "declined": Stage((AnswerDecline, UndertakeAudit, WithdrawRequest), "customer"),
    "result_filed": Stage(),
    "withdrawn": Stage(),
}


def _misfit(step: type[Command], audit: Audit, state: State, context: Context) -> Refusal:
    stands = status(audit)
    return refuse("does_not_fit", CLAUSE, id=str(audit.id), status=Label(stands, STATUS[stands].lower()))


STEPS: Steps[Audit, State] = Steps(lambda audit, state, context: STAGES[status(audit)], _misfit)
steps_open = STEPS.open
"""The steps that the context's side may take with a request now. Clause: Sch. 2 1.4"""


def _taken(command: Step, state: State, context: Context) -> Audit:
    """The request that a step is about. Refused where there is none, or the step does not fit it."""
    audit = state.audits.get(command.audit)
    if audit is None:
        raise refuse("unknown", CLAUSE, "audit", id=str(command.audit))
    STEPS.check(command, audit, state, context)
    return audit


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _request(command: RequestSubProcessorAudit, state: State, context: Context) -> list[Body]:
    """An audit of a sub-processor on the list, with the ground in law on which it is asked for.

    Clause: Sch. 2 1.4
    """
    names = {s.id: s.name for s in context.agreement.sub_processors}
    name = names.get(command.sub_processor)
    if name is None:
        raise refuse("not_on_the_list", CLAUSE, "sub_processor", id=command.sub_processor[:60])
    ground = checked_text(command.ground, "ground", CLAUSE)
    scope = checked_text(command.scope, "scope", CLAUSE)
    return [Requested(sub_processor=command.sub_processor, name=name, ground=ground, scope=scope)]


@decide.register
def _undertake(command: UndertakeAudit, state: State, context: Context) -> list[Body]:
    """The provider chooses whether it conducts or confirms an audit. Clause: Sch. 2 1.4"""
    audit = _taken(command, state, context)
    if command.how not in HOW:
        raise refuse("how", CLAUSE, "how")
    if command.expected is not None and command.expected < dates.local_day(context.now):
        raise refuse("expected_passed", CLAUSE, "expected", day=command.expected)
    message = checked_reason(command.message)
    return [Undertaken(audit=audit.id, how=command.how, expected=command.expected, message=message)]


@decide.register
def _decline(command: DeclineAudit, state: State, context: Context) -> list[Body]:
    """Only what applicable data protection law does not require, and with the reason. Clause: Sch. 2 1.4"""
    audit = _taken(command, state, context)
    reason = checked_reason(command.reason, required_by=CLAUSE)
    if not command.not_required:
        raise refuse("required_by_law", CLAUSE, "not_required")
    return [Declined(audit=audit.id, reason=reason)]


@decide.register
def _answer(command: AnswerDecline, state: State, context: Context) -> list[Body]:
    """The customer holds that the law requires it; the provider decides anew. Clause: Sch. 2 1.4"""
    audit = _taken(command, state, context)
    return [Answered(audit=audit.id, answer=checked_text(command.answer, "answer", CLAUSE))]


@decide.register
def _file_result(command: FileResult, state: State, context: Context) -> list[Body]:
    """The result as a document, once. Clause: Sch. 2 1.4"""
    audit = _taken(command, state, context)
    if not command.files:
        raise refuse("no_result", CLAUSE, "files")
    return [ResultFiled(audit=audit.id, files=command.files, message=checked_reason(command.message))]


@decide.register
def _withdraw(command: WithdrawRequest, state: State, context: Context) -> list[Body]:
    """The customer does without it; no clause obliges it to ask. Clause: Sch. 2 1.4"""
    audit = _taken(command, state, context)
    return [Withdrawn(audit=audit.id, reason=checked_reason(command.reason))]


# --- what is open --------------------------------------------------------------------------------


def title(audit: Audit) -> str:
    """`Audit 12 of OpenAI`."""
    return f"Audit {audit.id} of {audit.name}"


_AWAITED: dict[Status, str] = {
    "requested": "conduct_or_confirm",
    "under_way": "file_result",
    "declined": "answer_decline",
}


def tasks(state: State, context: Context) -> Iterator[Task]:
    """What waits for whom. Only the day that the provider named itself is a date. Clause: Sch. 2 1.4"""
    for audit in state.audits.values():
        stands = status(audit)
        if step := _AWAITED.get(stands):
            yield Task(
                f"audits/{audit.id}",
                "sub_processor_audits",
                "audit",
                step,
                {"id": str(audit.id), "name": audit.name},
                waits_for=STAGES[stands].waits_for,
                clause=CLAUSE,
                opened_at=audit.requested_at,
                by=audit.by,
                entry=audit.id,
                due=dates.end_of(audit.expected) if audit.expected and stands == "under_way" else None,
            )


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The request that a step is about."""
    return {"audits": (step.audit,)} if isinstance(step, Step | _Step) else {}


def files(state: State) -> Iterator[FileRef]:
    """The results."""
    return (ref for audit in state.audits.values() for ref in audit.result)


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("sub_processor_audits")

SUB_PROCESSOR_AUDITS = Subject(
    name="sub_processor_audits",
    title="Sub-processor audits",
    page="audits",
    state=State,
    events=(Requested, Undertaken, Declined, Answered, ResultFiled, Withdrawn),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    on_desk=True,
    about={"audit": ("Audit of a sub-processor", "Audit {id} of {name}")},
    next_steps={
        "answer_decline": "Answer why it was declined, or withdraw it",
        "conduct_or_confirm": "Say whether you conduct or confirm it",
        "file_result": "File the result",
    },
    shelves=(Shelf("audits", Audit, lambda audit, _: not STAGES[status(audit)].steps),),
    touches=touches,
    files=files,
)
