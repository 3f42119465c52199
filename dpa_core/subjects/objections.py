"""What a customer says to changes of the list of sub-processors: silence, or an objection and its course.

The published changes lie in the provider's ledger (see sub_processors) and come in the context; what a
customer objects to lies in its own. Where it stands with a change follows from both, without anything
having run.

Clauses: Sch. 2 1.1 (silence is acceptance), Sch. 2 1.2 (objection, 60 days, ending the affected services),
3.1(vi) (cure). What stands for a customer while it objects: see own_list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from dpa_core.agreement import Agreement
from dpa_core.locale import Label, Value, last_day, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import FileRef, Message, Moment, Record, RecordedEvent, Refusal, Refusals, Side
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import checked_reason, checked_text

if TYPE_CHECKING:  # for the type of what a context carries; at run time no subject knows another
    from dpa_core.subjects.sub_processors import Published

NOTICE_CLAUSE = "Sch. 2 1.1"
CLAUSE = "Sch. 2 1.2"
DURATION_CLAUSE = "5.1"
CURE_CLAUSE = "3.1(vi)"


# --- state ---------------------------------------------------------------------------------------

Standing = Literal[
    "may_object",
    "accepted_by_silence",
    "objected",
    "cure_proposed",
    "resolved",
    "unresolved",
    "objection_withdrawn",
    "features_ended",
    "agreement_ended",
    "cured",
    "nothing_to_end",
    "withdrawn_by_provider",
    "for_information",
    "on_the_list_before",
]
STANDING: dict[Standing, str] = worded(
    Standing,
    may_object="May be objected to",
    features_ended="Affected features ended",
    agreement_ended="Agreement ended over it",
    cured="Cured by the provider",
    nothing_to_end="Closed: nothing to end",
    on_the_list_before="On the list when you joined",
    withdrawn_by_provider="Withdrawn by the provider",
)


class Objection(Record):
    """A customer's objection to one published change."""

    change: int
    at: Moment
    by: str
    grounds: str
    files: tuple[FileRef, ...] = ()
    said: tuple[Message, ...] = ()
    """Cures proposed, answers to them, and how it ended, oldest first."""
    cure_waits: bool = False
    """A cure is proposed and not answered yet."""
    resolved_at: Moment | None = None
    withdrawn_at: Moment | None = None
    ended_at: Moment | None = None
    ended_by: Side | None = None
    ended: tuple[str, ...] = ()
    """Features that were ended over it."""
    agreement_ended_at: Moment | None = None
    cured_at: Moment | None = None
    """When the provider had carried out a cure, whatever the customer said to it."""
    reopened_at: Moment | None = None
    """When the customer took it up again, as the cure does not hold."""
    not_held_back: str = ""
    """Why the provider cannot hold the change back for this customer; empty: it does."""

    @property
    def began(self) -> datetime:
        """When the time to look for a way out began, in UTC: with the objection, or its being reopened.

        The agreement does not say when its 60 days begin: our reading. Clause: Sch. 2 1.2
        """
        return self.reopened_at or self.at


@dataclass(frozen=True)
class Dispute:
    """What the list of a customer needs to know of an objection that is open."""

    change: int
    began_on: date
    """The day in Stockholm on which the time to look for a way out began."""
    held_back: bool = True
    """False: the provider cannot hold the change back for the customer."""


class State(Record):
    """The customer's objections, by the change they are to."""

    objections: dict[int, Objection] = {}
    unaccepted: tuple[int, ...] = ()
    """Changes over which features, or the agreement, were ended, and that were not accepted since."""

    @property
    def disputes(self) -> tuple[Dispute, ...]:
        """The objections that nothing has ended yet."""
        return tuple(
            Dispute(o.change, dates.local_day(o.began), not o.not_held_back)
            for o in self.objections.values()
            if _outcome(o) is None
        )


def resolution_ends(objection: Objection, agreement: Agreement) -> datetime:
    """Until when both look for a way out, in UTC. Counted from the objection: our reading, as the text does
    not say when the days begin. Clause: Sch. 2 1.2"""
    return _resolution_ends(dates.local_day(objection.began), agreement)


def _resolution_ends(began_on: date, agreement: Agreement) -> datetime:
    return dates.end_of(began_on + timedelta(days=agreement.term("objection_resolution").value))


def nothing_to_end(
    dispute: Dispute, published: Published, on: frozenset[str], agreement: Agreement, now: datetime
) -> bool:
    """Whether the time to resolve an objection is over and none of the features it is about is on: then
    nothing can be ended, and the matter is closed. Our reading. Clause: Sch. 2 1.2

    `on`: identifiers of the customer's features that are switched on.
    """
    over = now >= _resolution_ends(dispute.began_on, agreement)
    return over and not published.change.core and not published.change.serves & on


def standing(published: Published, state: State, context: Context) -> Standing:
    """Where one customer stands with a change at the context's moment. Clause: Sch. 2 1.1, Sch. 2 1.2"""
    agreement, opened_on = context.agreement, context.opened_on
    objection = state.objections.get(published.id)
    if objection is None:
        if published.id in state.unaccepted:  # settled, so that it has left the state
            return "agreement_ended" if published.change.core else "features_ended"
        if published.withdrawn_at:
            return "withdrawn_by_provider"
        if published.counted_before(agreement, opened_on):
            return "on_the_list_before"
        if not published.can_be_objected_to:
            return "for_information"
        in_time = context.now < published.objection_ends(agreement, opened_on)
        return "may_object" if in_time else "accepted_by_silence"
    if over := _outcome(objection):
        return over
    if published.withdrawn_at:
        return "withdrawn_by_provider"
    if context.now >= resolution_ends(objection, agreement):
        return "unresolved" if published.change.core or _affected(published, context) else "nothing_to_end"
    return "cure_proposed" if objection.cure_waits else "objected"


def _outcome(objection: Objection) -> Standing | None:
    """How an objection ended; None while nothing was done to end it."""
    outcomes: tuple[tuple[datetime | None, Standing], ...] = (
        (objection.agreement_ended_at, "agreement_ended"),
        (objection.ended_at, "features_ended"),
        (objection.withdrawn_at, "objection_withdrawn"),
        (objection.resolved_at, "resolved"),
        (objection.cured_at, "cured"),
    )
    return next((outcome for at, outcome in outcomes if at), None)


def affected(published: Published, on: frozenset[str], agreement: Agreement) -> tuple[str, ...]:
    """Identifiers of the features among these that a change touches, in list order. Clause: Sch. 2 1.2"""
    return tuple(f.id for f in agreement.features if f.id in published.change.serves and f.id in on)


def _affected(published: Published, context: Context) -> tuple[str, ...]:
    return affected(published, context.features_on, context.agreement)


# --- events --------------------------------------------------------------------------------------


class Objected(Body, kind="sub_processors.objected", words="Objected to sub-processor change {change:id}"):
    """An objection with its grounds."""

    change: int
    grounds: str
    files: tuple[FileRef, ...]

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Objection(at=event.recorded_at, by=event.actor, **self.told())
        return state.but(objections=state.objections | {new.change: new})


class _Step(Body):
    """An event of one objection, which adds a message to its conversation."""

    change: int

    def _said(self, state: State, message: Message, **fields: object) -> State:
        """The state with the message, and with other fields of the objection set."""
        old = state.objections[self.change]
        changed = old.but(said=(*old.said, message), **fields)
        return state.but(objections=state.objections | {self.change: changed})


class CureProposed(
    _Step,
    kind="sub_processors.cure_proposed",
    words="Proposed a cure for the objection to change {change:id}",
):
    """What the provider offers."""

    text: str
    files: tuple[FileRef, ...]

    def apply(self, state: State, event: RecordedEvent) -> State:
        return self._said(state, Message.of(event, self.text, self.files), cure_waits=True)


class CureAnswered(
    _Step, kind="sub_processors.cure_answered", words="{done} the cure for change {change:id}"
):
    """The customer takes the cure or not."""

    accepted: bool
    text: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        step = "cure_accepted" if self.accepted else "cure_not_accepted"
        message = Message.of(event, self.text, step=step)
        return self._said(state, message, cure_waits=False, resolved_at=message.at if self.accepted else None)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"done": "Accepted" if self.accepted else "Did not accept"}


class CureCarriedOut(
    _Step,
    kind="sub_processors.cure_carried_out",
    words="Carried out a cure for the objection to change {change:id}",
):
    """The provider has cured the objection, at its own discretion."""

    text: str
    files: tuple[FileRef, ...]

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.text, self.files, step="cure_carried_out")
        return self._said(state, message, cure_waits=False, cured_at=message.at)


class Reopened(
    _Step, kind="sub_processors.objection_reopened", words="Reopened the objection to change {change:id}"
):
    """The cure does not hold."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step="objection_reopened")
        return self._said(state, message, reopened_at=message.at, resolved_at=None, cured_at=None)


class NotHeldBack(
    _Step,
    kind="sub_processors.not_held_back",
    words="Cannot hold change {change:id} back for this customer",
):
    """The change counts for the customer too; what it touches is suspended."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step="not_held_back")
        return self._said(state, message, not_held_back=self.reason)


class ObjectionWithdrawn(
    _Step, kind="sub_processors.objection_withdrawn", words="Withdrew the objection to change {change:id}"
):
    """The customer accepts the change after all."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step="objection_withdrawn")
        return self._said(state, message, cure_waits=False, withdrawn_at=message.at)


class FeaturesEnded(
    _Step, kind="sub_processors.features_ended", words="Ended {ended} over change {change:id}, unresolved"
):
    """Unresolved, so the affected features end."""

    features: tuple[str, ...]
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step="features_ended")
        ended = {"ended_at": message.at, "ended_by": message.side, "ended": self.features}
        new = self._said(state, message, cure_waits=False, **ended)
        return new.but(unaccepted=tuple(sorted({*new.unaccepted, self.change})))

    def names(self, agreement: Agreement) -> dict[str, Value]:
        names = {f.id: f.name for f in agreement.features}
        return {"ended": ", ".join(names.get(f, f) for f in self.features)}


class AgreementEnded(
    _Step,
    kind="sub_processors.agreement_ended",
    words="Ended the agreement over change {change:id}, unresolved",
):
    """Unresolved, and the change is one of the core service."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step="agreement_ended")
        ended = {"agreement_ended_at": message.at, "ended_by": message.side}
        new = self._said(state, message, cure_waits=False, **ended)
        return new.but(unaccepted=tuple(sorted({*new.unaccepted, self.change})))


class ChangeAccepted(_Step, kind="sub_processors.change_accepted", words="Accepted change {change:id}"):
    """Accepted after something was ended over it, or could have been."""

    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        message = Message.of(event, self.reason, step="change_accepted")
        # What was ended stays on record; an objection that was never settled is withdrawn by it.
        open_ = _outcome(state.objections[self.change]) is None
        new = self._said(state, message, **({"withdrawn_at": message.at} if open_ else {}))
        return new.but(unaccepted=tuple(n for n in new.unaccepted if n != self.change))


# --- commands ------------------------------------------------------------------------------------


class ObjectToChange(Command, by="customer"):
    """Object to a change, on documented grounds relating to data protection."""

    change: int
    grounds: str
    relates_to_data_protection: bool
    files: tuple[FileRef, ...] = ()


class AnswerCure(Command, by="customer"):
    """Take the cure, or say why not."""

    change: int
    accept: bool
    text: str = ""


class WithdrawObjection(Command, by="customer"):
    """Accept the change after all."""

    change: int
    reason: str = ""


class ReopenObjection(Command, by="customer"):
    """Take the objection up again, as the cure does not hold."""

    change: int
    reason: str


class AcceptChange(Command, by="customer"):
    """Accept a change over which something was ended, so that it can be switched on again."""

    change: int
    reason: str = ""


class ProposeCure(Command, by="provider"):
    """Offer a way out."""

    change: int
    text: str
    files: tuple[FileRef, ...] = ()


class CarryOutCure(Command, by="provider"):
    """Record a cure that is carried out. What the customer said to it stays on record."""

    change: int
    text: str
    files: tuple[FileRef, ...] = ()


class CannotHoldBack(Command, by="provider"):
    """Record that the change cannot be held back for this customer: what it touches is suspended."""

    change: int
    reason: str


class EndFeatures(Command, by="either"):
    """End the features the change touches, as the 60 days are over without a resolution."""

    change: int
    reason: str = ""


class EndAgreement(Command, by="either"):
    """End the agreement, as the 60 days are over without a resolution over a core sub-processor."""

    change: int
    reason: str


Step = (
    ObjectToChange
    | AnswerCure
    | WithdrawObjection
    | ReopenObjection
    | AcceptChange
    | ProposeCure
    | CarryOutCure
    | CannotHoldBack
    | EndFeatures
    | EndAgreement
)
"""What can be done about a published change."""


# --- the steps that fit --------------------------------------------------------------------------

_WHILE_OPEN = (ProposeCure, CarryOutCure, CannotHoldBack, WithdrawObjection)
STAGES: dict[Standing, Stage] = {
    "may_object": Stage((ObjectToChange,), "customer"),
    "accepted_by_silence": Stage(),
    "objected": Stage(_WHILE_OPEN, "provider"),
    "cure_proposed": Stage((AnswerCure, *_WHILE_OPEN), "customer"),
    "resolved": Stage((ReopenObjection,)),
    "cured": Stage((ReopenObjection,)),
    "unresolved": Stage((EndFeatures, EndAgreement, AnswerCure, *_WHILE_OPEN), "both"),
    "objection_withdrawn": Stage(),
    "features_ended": Stage((AcceptChange,)),
    "agreement_ended": Stage(),
    "nothing_to_end": Stage((AcceptChange,)),
    "withdrawn_by_provider": Stage(),
    "for_information": Stage(),
    "on_the_list_before": Stage(),
}

OPEN: frozenset[Standing] = frozenset(s for s, stage in STAGES.items() if WithdrawObjection in stage.steps)
"""While an objection stands open."""


def _obstacle(step: type[Command], published: Published, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this change all the same."""
    objection, core = state.objections.get(published.id), published.change.core
    if step is ObjectToChange and context.all_deleted and context.ended:
        return refuse("all_deleted", DURATION_CLAUSE, "change", on=context.ended)
    if step is AnswerCure and not (objection and objection.cure_waits):
        return refuse("no_cure_waits", CURE_CLAUSE, "change")
    if step is EndFeatures and core:
        return refuse("core_not_features", CLAUSE, "change")
    if step is EndAgreement and not core:
        return refuse("features_not_agreement", CLAUSE, "change")
    if step is CannotHoldBack and core:
        return refuse("core_cannot_be_suspended", CLAUSE, "change")
    if step is CannotHoldBack and objection and objection.not_held_back:
        return refuse("not_held_back_already", CLAUSE, "change")
    if step in (AcceptChange, ReopenObjection) and published.withdrawn_at:
        return refuse("taken_back", NOTICE_CLAUSE, "change", standing=_shown("withdrawn_by_provider"))
    if step is AcceptChange and objection and objection.ended_at and published.id not in state.unaccepted:
        return refuse("accepted_already", CLAUSE, "change")
    return None


def _shown(stands: Standing) -> Label:
    return Label(stands, STANDING[stands].lower())


_TOO_LATE: dict[Standing, str] = {
    "accepted_by_silence": "time_is_over",
    "for_information": "removal",
    "withdrawn_by_provider": "taken_back",
    "on_the_list_before": "counted_before",
}
"""Why nobody can object any more; in any other standing, because of an objection."""


def _misfit(step: type[Command], published: Published, state: State, context: Context) -> Refusal:
    """Why a step does not fit where the customer stands with a change."""
    agreement, objection = context.agreement, state.objections.get(published.id)
    stands = standing(published, state, context)
    shown = _shown(stands)
    if step is ObjectToChange:
        code = _TOO_LATE.get(stands, "objected_already")
        return refuse(code, NOTICE_CLAUSE, "change", standing=shown)
    if step is AnswerCure:
        return refuse("no_cure_waits", CURE_CLAUSE, "change")
    if step is ReopenObjection:
        return refuse("nothing_to_reopen", CURE_CLAUSE, "change", standing=shown)
    if step is AcceptChange:
        return refuse("nothing_to_accept", CLAUSE, "change", standing=shown)
    if step in (EndFeatures, EndAgreement) and objection and stands in ("objected", "cure_proposed"):
        days = agreement.term("objection_resolution").value
        last = last_day(resolution_ends(objection, agreement))
        return refuse("too_early_to_end", CLAUSE, "change", days=days, last=last)
    return refuse("no_objection_open", CLAUSE, "change", standing=shown)


STEPS: Steps[Published, State] = Steps(
    lambda published, state, context: STAGES[standing(published, state, context)],
    _misfit,
    _obstacle,
)
steps_open = STEPS.open
"""The steps that the context's side may take with a published change now. Clause: Sch. 2 1.1, Sch. 2 1.2"""


def _taken(command: Step, state: State, context: Context) -> Published:
    """The change that a step is about. Refused where there is none, or the step does not fit it."""
    published = context.changes.get(command.change)
    if published is None:
        raise refuse("unknown", NOTICE_CLAUSE, "change", id=command.change)
    STEPS.check(command, published, state, context)
    return published


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _object_to_change(command: ObjectToChange, state: State, context: Context) -> list[Body]:
    """On documented grounds relating to data protection, in time. Clause: Sch. 2 1.1, Sch. 2 1.2"""
    published = _taken(command, state, context)
    if not command.grounds.strip():
        raise refuse("grounds_missing", CLAUSE, "grounds")
    grounds = checked_text(command.grounds, "grounds", CLAUSE)
    if not command.relates_to_data_protection:
        raise refuse("grounds_not_confirmed", CLAUSE, "relates_to_data_protection")
    return [Objected(change=published.id, grounds=grounds, files=command.files)]


@decide.register
def _propose_cure(command: ProposeCure, state: State, context: Context) -> list[Body]:
    """How to cure an objection is the provider's choice. Clause: 3.1(vi)"""
    published = _taken(command, state, context)
    text = checked_text(command.text, "cure", CURE_CLAUSE, "text")
    return [CureProposed(change=published.id, text=text, files=command.files)]


@decide.register
def _carry_out_cure(command: CarryOutCure, state: State, context: Context) -> list[Body]:
    """Whether and how to cure is the provider's discretion: the customer's answer is no veto. One that does
    not hold is reopened. Clause: 3.1(vi)"""
    published = _taken(command, state, context)
    text = checked_text(command.text, "cure", CURE_CLAUSE, "text")
    return [CureCarriedOut(change=published.id, text=text, files=command.files)]


@decide.register
def _reopen(command: ReopenObjection, state: State, context: Context) -> list[Body]:
    """A cure that does not hold leaves the objection where it was, and both look for a way out anew.

    Our reading. Clause: 3.1(vi), Sch. 2 1.2
    """
    published = _taken(command, state, context)
    reason = checked_reason(command.reason, required_by=CURE_CLAUSE)
    return [Reopened(change=published.id, reason=reason)]


@decide.register
def _cannot_hold_back(command: CannotHoldBack, state: State, context: Context) -> list[Body]:
    """Without the customer's acceptance nobody new touches its data: what the change touches is suspended.

    Our reading: the agreement does not say it. Clause: Sch. 2 1.2, Art. 28(2) GDPR
    """
    published = _taken(command, state, context)
    reason = checked_reason(command.reason, required_by=CLAUSE)
    return [NotHeldBack(change=published.id, reason=reason)]


@decide.register
def _accept_change(command: AcceptChange, state: State, context: Context) -> list[Body]:
    """What was ended over a change can be had again with the change only. Clause: Sch. 2 1.2"""
    published = _taken(command, state, context)
    return [ChangeAccepted(change=published.id, reason=checked_reason(command.reason))]


@decide.register
def _answer_cure(command: AnswerCure, state: State, context: Context) -> list[Body]:
    """The customer takes a cure that waits, or says why not. Clause: 3.1(vi), Sch. 2 1.2"""
    published = _taken(command, state, context)
    text = checked_reason(command.text, required_by=None if command.accept else CLAUSE)
    return [CureAnswered(change=published.id, accepted=command.accept, text=text)]


@decide.register
def _withdraw_objection(command: WithdrawObjection, state: State, context: Context) -> list[Body]:
    """The change counts as accepted. Clause: Sch. 2 1.2"""
    published = _taken(command, state, context)
    return [ObjectionWithdrawn(change=published.id, reason=checked_reason(command.reason))]


@decide.register
def _end_features(command: EndFeatures, state: State, context: Context) -> list[Body]:
    """After 60 days without a way out, the features the change touches end. Clause: Sch. 2 1.2"""
    published = _taken(command, state, context)
    ends = _affected(published, context)
    return [FeaturesEnded(change=published.id, features=ends, reason=checked_reason(command.reason))]


@decide.register
def _end_agreement(command: EndAgreement, state: State, context: Context) -> list[Body]:
    """After 60 days without a way out over the core service, the service that is affected is all of it.

    Our reading: the text speaks of the affected services. Clause: Sch. 2 1.2
    """
    published = _taken(command, state, context)
    reason = checked_reason(command.reason, required_by=CLAUSE)
    return [AgreementEnded(change=published.id, reason=reason)]


# --- what is open --------------------------------------------------------------------------------


def tasks(state: State, context: Context) -> Iterator[Task]:
    """What waits for whom over objections, each for the time it does. Clause: Sch. 2 1.2"""
    for objection in state.objections.values():
        published = context.changes[objection.change]
        if _outcome(objection) is None and not published.withdrawn_at:
            yield from _tasks_of(objection, published, context)


def _tasks_of(objection: Objection, published: Published, context: Context) -> Iterator[Task]:
    until = resolution_ends(objection, context.agreement)
    base = replace(
        _about("objection", published), clause=CLAUSE, due=until, opened_at=objection.at, by=objection.by
    )
    now: Standing = "cure_proposed" if objection.cure_waits else "objected"
    step = "answer_cure" if objection.cure_waits else "propose_cure"
    yield replace(base, step=step, waits_for=STAGES[now].waits_for, ends=until)
    if published.change.core or _affected(published, context):
        end = "end_agreement" if published.change.core else "end_features"
        yield replace(base, step=end, waits_for=STAGES["unresolved"].waits_for, begins=until)


def notices(state: State, context: Context) -> Iterator[Task]:
    """The changes a customer may still object to, and those that will count. Clause: Sch. 2 1.1"""
    if context.all_deleted:  # nobody processes anything for the customer: no change touches it
        return
    for published in context.changes.values():
        if not published.changes_list_of(context.agreement):
            continue
        if published.counted_before(context.agreement, context.opened_on):
            continue
        told_at = max(published.at, context.opened_at or published.at)
        if published.can_be_objected_to and published.id not in state.objections:
            until = published.objection_ends(context.agreement, context.opened_on)
            yield replace(
                _about("notice", published),
                step="object_or_accept",
                waits_for=STAGES["may_object"].waits_for,
                due=until,
                opened_at=told_at,
                begins=told_at,
                ends=until,
            )
        task = _about("coming", published)
        counts = published.counts_at(context.agreement, context.opened_on)
        yield replace(task, key=f"{task.key}/coming", opened_at=told_at, due=counts, ends=counts)


def _about(what: Literal["objection", "notice", "coming"], published: Published) -> Task:
    """A task about a published change, with the change's title in it."""
    return Task(
        f"notices/{published.id}",
        "objections",
        f"{what}_{published.change.kind}",
        parameters=published.change.names,
        clause=NOTICE_CLAUSE,
    )


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The objection to the change that a step is about."""
    return {"objections": (step.change,)} if isinstance(step, Step | _Step) else {}


def asks(state: State, context: Context) -> dict[str, tuple[int, ...]]:
    """The objections to changes that may be objected to: whoever has objected may not again."""
    changes = context.changes.values()
    ends = {p.id: p.objection_ends(context.agreement, context.opened_on) for p in changes}
    still = (p for p in changes if context.now < ends[p.id])
    return {"objections": tuple(p.id for p in still)}


def files(state: State) -> Iterator[FileRef]:
    """The documents of the grounds and of the cures."""
    for objection in state.objections.values():
        yield from objection.files
        for message in objection.said:
            yield from message.files


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("objections")

OBJECTIONS = Subject(
    name="objections",
    title="Sub-processor changes",
    page="notices",
    state=State,
    events=(
        Objected,
        CureProposed,
        CureAnswered,
        CureCarriedOut,
        Reopened,
        NotHeldBack,
        ObjectionWithdrawn,
        FeaturesEnded,
        AgreementEnded,
        ChangeAccepted,
    ),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    notices=notices,
    on_desk=True,
    about={
        "coming_addition": ("Coming sub-processor change", "Addition of {new}"),
        "coming_change": ("Coming sub-processor change", "Change of place or mechanism of {new}"),
        "coming_core_addition": ("Coming sub-processor change", "Addition of {new} to the core service"),
        "coming_extension": ("Coming sub-processor change", "Further use of {new}"),
        "coming_new_feature": ("Coming sub-processor change", "New feature {new}"),
        "coming_removal": ("Coming sub-processor change", "Removal of {old}"),
        "coming_replacement": ("Coming sub-processor change", "Replacement of {old} by {new}"),
        "notice_addition": ("Sub-processor change", "Sub-processors: Addition of {new}"),
        "notice_change": (
            "Sub-processor change",
            "Sub-processors: Change of place or mechanism of {new}",
        ),
        "notice_core_addition": (
            "Sub-processor change",
            "Sub-processors: Addition of {new} to the core service",
        ),
        "notice_extension": ("Sub-processor change", "Sub-processors: Further use of {new}"),
        "notice_new_feature": ("Sub-processor change", "Sub-processors: New feature {new}"),
        "notice_replacement": ("Sub-processor change", "Sub-processors: Replacement of {old} by {new}"),
        "objection_addition": ("Sub-processor change", "Objection: Addition of {new}"),
        "objection_change": ("Sub-processor change", "Objection: Change of place or mechanism of {new}"),
        "objection_core_addition": (
            "Sub-processor change",
            "Objection: Addition of {new} to the core service",
        ),
        "objection_extension": ("Sub-processor change", "Objection: Further use of {new}"),
        "objection_new_feature": ("Sub-processor change", "Objection: New feature {new}"),
        "objection_replacement": ("Sub-processor change", "Objection: Replacement of {old} by {new}"),
    },
    next_steps={
        "answer_cure": "Answer the cure proposed",
        "end_agreement": "Decide whether to end the agreement",
        "end_features": "Decide whether to end the affected features",
        "object_or_accept": "Object, or accept by silence",
        "propose_cure": "Propose a cure",
    },
    shelves=(Shelf("objections", Objection, lambda objection, _: _outcome(objection) is not None),),
    touches=touches,
    asks=asks,
    files=files,
)
