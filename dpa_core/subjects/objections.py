"""What a customer says to changes of the list of sub-processors: silence, or an objection and its course.

The published changes lie in the provider's ledger (see sub_processors) and come in the context; what a
customer objects to lies in its own. Where it stands with a change follows from both, without anything
having run.

Clauses: Sch. 2 1.1 (silence is acceptance), Sch. 2 1.2 (objection, 60 days, ending the affected services),
3.1(vi) (cure).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
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
    "withdrawn_by_provider",
    "for_information",
]
STANDING: dict[Standing, str] = worded(
    Standing,
    may_object="May be objected to",
    features_ended="Affected features ended",
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


class State(Record):
    """The customer's objections, by the change they are to."""

    objections: dict[int, Objection] = {}


def objection_ends(published: Published, agreement: Agreement) -> datetime:
    """Until when a customer may object, in UTC. Clause: Sch. 2 1.1"""
    return dates.days_later(published.at, agreement.term("objection_period").value)


def resolution_ends(objection: Objection, agreement: Agreement) -> datetime:
    """Until when both look for a way out, in UTC. Clause: Sch. 2 1.2"""
    return dates.days_later(objection.at, agreement.term("objection_resolution").value)


def standing(published: Published, state: State, agreement: Agreement, now: datetime) -> Standing:
    """Where one customer stands with a change at a moment. Clause: Sch. 2 1.1, Sch. 2 1.2"""
    objection = state.objections.get(published.id)
    if objection is None:
        if published.withdrawn_at:
            return "withdrawn_by_provider"
        if published.change.kind == "removal":
            return "for_information"
        return "may_object" if now < objection_ends(published, agreement) else "accepted_by_silence"
    if over := _outcome(objection):
        return over
    if published.withdrawn_at:
        return "withdrawn_by_provider"
    if now >= resolution_ends(objection, agreement):
        return "unresolved"
    return "cure_proposed" if objection.cure_waits else "objected"


def _outcome(objection: Objection) -> Standing | None:
    """How an objection ended; None while nothing was done to end it."""
    if objection.ended_at:
        return "features_ended"
    if objection.withdrawn_at:
        return "objection_withdrawn"
    return "resolved" if objection.resolved_at else None


def affected(published: Published, on: frozenset[str], agreement: Agreement) -> tuple[str, ...]:
    """Identifiers of a customer's features that a change touches, in list order.

    `agreement`: as in effect now, which may hold the change already. Clause: Sch. 2 1.2
    """
    return tuple(f for f in published.change.features_of(agreement) if f in on)


# --- events --------------------------------------------------------------------------------------


class Objected(Body, kind="sub_processors.objected", words="Objected to sub-processor change {change:id}"):
    """An objection with its grounds."""

    change: int
    grounds: str
    files: tuple[FileRef, ...]

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Objection(at=event.recorded_at, by=event.actor, **self.told())
        return State(objections=state.objections | {new.change: new})


class _Step(Body):
    """An event of one objection, which adds a message to its conversation."""

    change: int

    def _said(self, state: State, message: Message, **fields: object) -> State:
        """The state with the message, and with other fields of the objection set."""
        old = state.objections[self.change]
        changed = old.but(said=(*old.said, message), **fields)
        return State(objections=state.objections | {self.change: changed})


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
        return self._said(state, message, cure_waits=False, **ended)

    def names(self, agreement: Agreement) -> dict[str, Value]:
        names = {f.id: f.name for f in agreement.features}
        return {"ended": ", ".join(names.get(f, f) for f in self.features)}


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


class ProposeCure(Command, by="provider"):
    """Offer a way out."""

    change: int
    text: str
    files: tuple[FileRef, ...] = ()


class EndFeatures(Command, by="either"):
    """End the features the change touches, as the 60 days are over without a resolution."""

    change: int
    reason: str = ""


Step = ObjectToChange | AnswerCure | WithdrawObjection | ProposeCure | EndFeatures
"""What can be done about a published change."""


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Standing, Stage] = {
    "may_object": Stage((ObjectToChange,), "customer"),
    "accepted_by_silence": Stage(),
    "objected": Stage((ProposeCure, WithdrawObjection), "provider"),
    "cure_proposed": Stage((AnswerCure, ProposeCure, WithdrawObjection), "customer"),
    "resolved": Stage(),
    "unresolved": Stage((EndFeatures, AnswerCure, ProposeCure, WithdrawObjection), "provider"),
    "objection_withdrawn": Stage(),
    "features_ended": Stage(),
    "withdrawn_by_provider": Stage(),
    "for_information": Stage(),
}


def _obstacle(step: type[Command], published: Published, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this change all the same."""
    if step is ObjectToChange and context.all_deleted and context.ended:
        return refuse("all_deleted", DURATION_CLAUSE, "change", on=context.ended)
    if step is AnswerCure and not state.objections[published.id].cure_waits:
        return refuse("no_cure_waits", CURE_CLAUSE, "change")
    if step is EndFeatures and not affected(published, context.features_on, context.agreement):
        return refuse("nothing_to_end", CLAUSE, "change")
    return None


_TOO_LATE: dict[Standing, str] = {
    "accepted_by_silence": "time_is_over",
    "for_information": "removal",
    "withdrawn_by_provider": "taken_back",
}
"""Why nobody can object any more; in any other standing, because of an objection."""


def _misfit(step: type[Command], published: Published, state: State, context: Context) -> Refusal:
    """Why a step does not fit where the customer stands with a change."""
    agreement, objection = context.agreement, state.objections.get(published.id)
    stands = standing(published, state, agreement, context.now)
    shown = Label(stands, STANDING[stands].lower())
    if step is ObjectToChange:
        code = _TOO_LATE.get(stands, "objected_already")
        return refuse(code, NOTICE_CLAUSE, "change", standing=shown)
    if step is AnswerCure:
        return refuse("no_cure_waits", CURE_CLAUSE, "change")
    if step is EndFeatures and objection and stands in ("objected", "cure_proposed"):
        days = agreement.term("objection_resolution").value
        last = last_day(resolution_ends(objection, agreement))
        return refuse("too_early_to_end", CLAUSE, "change", days=days, last=last)
    return refuse("no_objection_open", CLAUSE, "change", standing=shown)


STEPS: Steps[Published, State] = Steps(
    lambda published, state, context: STAGES[standing(published, state, context.agreement, context.now)],
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
    ends = affected(published, context.features_on, context.agreement)
    return [FeaturesEnded(change=published.id, features=ends, reason=checked_reason(command.reason))]


# --- what is open --------------------------------------------------------------------------------


def tasks(state: State, context: Context) -> Iterator[Task]:
    """What waits for whom over objections, each for the time it does. Clause: Sch. 2 1.2"""
    for objection in state.objections.values():
        published = context.changes[objection.change]
        if _outcome(objection) is None and not published.withdrawn_at:
            yield from _tasks_of(objection, published, context.agreement)


def _tasks_of(objection: Objection, published: Published, agreement: Agreement) -> Iterator[Task]:
    until = resolution_ends(objection, agreement)
    base = replace(
        _about("objection", published), clause=CLAUSE, due=until, opened_at=objection.at, by=objection.by
    )
    now: Standing = "cure_proposed" if objection.cure_waits else "objected"
    step = "answer_cure" if objection.cure_waits else "propose_cure"
    yield replace(base, step=step, waits_for=STAGES[now].waits_for, ends=until)
    yield replace(base, step="end_features", waits_for=STAGES["unresolved"].waits_for, begins=until)


def notices(state: State, context: Context) -> Iterator[Task]:
    """The changes a customer may still object to, and those that will count. Clause: Sch. 2 1.1"""
    if context.all_deleted:  # nobody processes anything for the customer: no change touches it
        return
    for published in context.changes.values():
        if standing(published, state, context.agreement, published.at) == "may_object":
            until = objection_ends(published, context.agreement)
            yield replace(
                _about("notice", published),
                step="object_or_accept",
                waits_for=STAGES["may_object"].waits_for,
                due=until,
                begins=published.at,
                ends=until,
            )
        if published.changes_list_of(context.agreement):
            task = _about("coming", published)
            yield replace(
                task, key=f"{task.key}/coming", due=published.effective_at, ends=published.effective_at
            )


def _about(what: Literal["objection", "notice", "coming"], published: Published) -> Task:
    """A task about a published change, with the change's title in it."""
    return Task(
        f"notices/{published.id}",
        "objections",
        f"{what}_{published.change.kind}",
        parameters=published.change.names,
        clause=NOTICE_CLAUSE,
        opened_at=published.at,
    )


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The objection to the change that a step is about."""
    return {"objections": (step.change,)} if isinstance(step, Step | _Step) else {}


def asks(state: State, context: Context) -> dict[str, tuple[int, ...]]:
    """The objections to changes that may be objected to: whoever has objected may not again."""
    changes = context.changes.values()
    still = (p for p in changes if context.now < objection_ends(p, context.agreement))
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
    events=(Objected, CureProposed, CureAnswered, ObjectionWithdrawn, FeaturesEnded),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    notices=notices,
    on_desk=True,
    about={
        "coming_addition": ("Coming sub-processor change", "Addition of {new}"),
        "coming_change": ("Coming sub-processor change", "Change of place or mechanism of {new}"),
        "coming_removal": ("Coming sub-processor change", "Removal of {old}"),
        "coming_replacement": ("Coming sub-processor change", "Replacement of {old} by {new}"),
        "notice_addition": ("Sub-processor change", "Sub-processors: Addition of {new}"),
        "notice_change": (
            "Sub-processor change",
            "Sub-processors: Change of place or mechanism of {new}",
        ),
        "notice_replacement": ("Sub-processor change", "Sub-processors: Replacement of {old} by {new}"),
        "objection_addition": ("Sub-processor change", "Objection: Addition of {new}"),
        "objection_change": ("Sub-processor change", "Objection: Change of place or mechanism of {new}"),
        "objection_replacement": ("Sub-processor change", "Objection: Replacement of {old} by {new}"),
    },
    next_steps={
        "answer_cure": "Answer the cure proposed",
        "end_features": "Decide whether to end the affected features",
        "object_or_accept": "Object, or accept by silence",
        "propose_cure": "Propose a cure",
    },
    shelves=(Shelf("objections", Objection, lambda objection, _: _outcome(objection) is not None),),
    touches=touches,
    asks=asks,
    files=files,
)
