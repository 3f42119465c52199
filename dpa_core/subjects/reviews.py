"""Reviews: a provider and its customer go through the configuration, agree on actions, and propose changes.

A proposal changes nothing until the customer's admin accepts it; then it is one documented instruction.
Clauses: 3.1(i) (documented instructions), Sch. 2 2.2. Standard: Art. 28(3)(h) GDPR.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import ClassVar, Literal

from dpa_core.agreement import Agreement
from dpa_core.locale import Value, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusal, Refusals, Side
from dpa_core.subjects.subject import Body, Command, Context, Shelf, Stage, Steps, Subject, Task, rules
from dpa_core.subjects.texts import MAX_REASON, checked_reason

CLAUSE = "Art. 28(3)(h) GDPR"
INSTRUCTION_CLAUSE = "3.1(i)"
END_CLAUSE = "3.1(xi)"
MAX_ACTIONS = 30
"""Actions one review may agree on."""


# --- state ---------------------------------------------------------------------------------------

Answer = Literal["accepted", "rejected"]
Status = Literal["not_confirmed", "confirmed", "not_answered", "accepted", "rejected"]
STATUS: dict[Status, str] = worded(
    Status, not_confirmed="Not confirmed yet", not_answered="Waiting for an answer"
)
"""The first two of a review, the others of a proposal."""


class Action(Record):
    """Something agreed on: what, which side does it, and until which day."""

    what: str
    side: Side
    due: date | None = None


class Done(Record):
    """That an agreed action was done: who recorded it, when, and what was said of it."""

    at: Moment
    by: str
    note: str = ""


class Review(Record):
    """A review that was held. `sequence` is its identifier."""

    sequence: int
    held_at: Moment
    by: str
    notes: str
    actions: tuple[Action, ...]
    confirmed_at: Moment | None = None
    confirmed_by: str | None = None
    done: dict[int, Done] = {}
    """The actions that were done, by their number from 1."""

    def open_actions(self, side: Side | None = None) -> dict[int, Action]:
        """The actions that are not done, by number. `side`: that side's; None: both sides'."""
        return {
            number: action
            for number, action in enumerate(self.actions, start=1)
            if number not in self.done and side in (None, action.side)
        }


class Proposal(Record):
    """Features to be switched, for the admin to answer. `sequence` is its identifier."""

    sequence: int
    saved_at: Moment
    by: str
    changes: dict[str, bool]
    reason: str
    answer: Answer | None = None
    answered_at: Moment | None = None
    answered_by: str | None = None
    answer_reason: str = ""
    """As the admin typed it."""

    def remaining(self, on: frozenset[str]) -> dict[str, bool]:
        """The changes that have not come true meanwhile; `on`: the features that are on."""
        return {id: wanted for id, wanted in self.changes.items() if (id in on) != wanted}


class State(Record):
    """Reviews and proposals by identifier, oldest first."""

    held: dict[int, Review] = {}
    proposals: dict[int, Proposal] = {}

    @property
    def last(self) -> Review | None:
        """The review held last."""
        return self.held[max(self.held)] if self.held else None

    @property
    def open_proposals(self) -> tuple[Proposal, ...]:
        """Proposals that wait for the admin's answer."""
        return tuple(p for p in self.proposals.values() if p.answer is None)

    def proposal(self, sequence: int) -> Proposal:
        """A proposal that waits for an answer. Refused where there is none. Clause: 3.1(i)"""
        found = self.proposals.get(sequence)
        if found is None or found.answer:
            raise refuse("no_proposal_waits", INSTRUCTION_CLAUSE, id=sequence)
        return found


def status(item: Review | Proposal) -> Status:
    """Where a review or a proposal stands."""
    if isinstance(item, Review):
        return "confirmed" if item.confirmed_at else "not_confirmed"
    return item.answer or "not_answered"


# --- events --------------------------------------------------------------------------------------


class Held(Body, kind="review.held", words="Held a review and agreed on {actions:action|actions}"):
    """What was said and agreed."""

    notes: str
    actions: tuple[Action, ...]

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Review(sequence=event.sequence, held_at=event.recorded_at, by=event.actor, **self.told())
        return state.but(held=state.held | {new.sequence: new})


class Confirmed(Body, kind="review.confirmed", words="Confirmed the actions agreed in review {review:id}"):
    """The customer's admin stands by the agreed actions of a review."""

    review: int
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        stamp = {"confirmed_at": event.recorded_at, "confirmed_by": event.actor}
        return state.but(held=state.held | {self.review: state.held[self.review].but(**stamp)})


class ActionDone(
    Body, kind="review.action_done", words="Marked action {number:id} of review {review:id} as done"
):
    """An agreed action was done, by the side whose action it was."""

    review: int
    number: int
    """The action's, in the review, from 1."""
    note: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        review = state.held[self.review]
        done = Done(at=event.recorded_at, by=event.actor, note=self.note)
        marked = review.but(done=review.done | {self.number: done})
        return state.but(held=state.held | {review.sequence: marked})


class Saved(Body, kind="proposal.saved", words="Proposed to switch {proposed}"):
    """Features somebody of the provider proposes to switch."""

    changes: dict[str, bool]
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Proposal(sequence=event.sequence, saved_at=event.recorded_at, by=event.actor, **self.told())
        return state.but(proposals=state.proposals | {new.sequence: new})

    def names(self, agreement: Agreement) -> dict[str, Value]:
        return {"proposed": proposed(self, agreement)}


class _Answered(Body):
    """The admin's answer to a proposal."""

    answer: ClassVar[Answer]
    proposal: int
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        stamp = {"answer": self.answer, "answered_at": event.recorded_at, "answered_by": event.actor}
        answered = state.proposals[self.proposal].but(**stamp, answer_reason=self.reason)
        return state.but(proposals=state.proposals | {answered.sequence: answered})


class ProposalAccepted(_Answered, kind="proposal.accepted", words="Accepted proposal {proposal:id}"):
    """The admin accepts it. The instruction that it became is the event before."""

    answer: ClassVar[Answer] = "accepted"


class ProposalRejected(_Answered, kind="proposal.rejected", words="Rejected proposal {proposal:id}"):
    """The admin rejects it. Nothing was switched."""

    answer: ClassVar[Answer] = "rejected"


def proposed(proposal: Proposal | Saved, agreement: Agreement) -> str:
    """What a proposal asks for: `Voicebot on, Voice off`."""
    names = {f.id: f.name for f in agreement.features}
    return ", ".join(f"{names.get(id, id)} {'on' if on else 'off'}" for id, on in proposal.changes.items())


# --- commands ------------------------------------------------------------------------------------


class RecordReview(Command, by="provider", action="hold_review"):
    """Record a review that was held."""

    notes: str
    actions: tuple[Action, ...] = ()


class ConfirmReview(Command, by="customer"):
    """Confirm the agreed actions of a review."""

    review: int
    reason: str = ""


class _Mark(Command):
    """Record that an agreed action was done."""

    review: int
    number: int
    """The action's, in the review, from 1."""
    note: str = ""


class MarkDone(_Mark, by="customer"):
    """Record that an agreed action of the customer was done."""


class MarkProvidersDone(_Mark, by="provider", action="hold_review"):
    """Record that an agreed action of the provider was done."""


class ProposeChanges(Command, by="provider", action="hold_review"):
    """Save features to be switched as a proposal: identifier to on (True) or off (False)."""

    changes: Mapping[str, bool]
    reason: str = ""


class AcceptProposal(Command, by="customer"):
    """Accept a proposal; what is left of it becomes one instruction."""

    proposal: int
    acknowledged: frozenset[str] = frozenset()
    """Identifiers of sub-processors in third countries whose transfers the person accepts."""
    reason: str = ""
    accepted: frozenset[int] = frozenset()
    """Changes of the list that the person accepts, over which a feature was ended."""


class RejectProposal(Command, by="customer"):
    """Reject a proposal, and say why. Nothing is switched."""

    proposal: int
    reason: str


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "not_confirmed": Stage((ConfirmReview, MarkDone, MarkProvidersDone), "customer"),
    "confirmed": Stage((MarkDone, MarkProvidersDone)),
    "not_answered": Stage((AcceptProposal, RejectProposal), "customer"),
    "accepted": Stage(),
    "rejected": Stage(),
}


def _misfit(step: type[Command], item: Review | Proposal, state: State, context: Context) -> Refusal:
    if isinstance(item, Review):
        return refuse("no_review_waits", CLAUSE, id=item.sequence)
    return refuse("no_proposal_waits", INSTRUCTION_CLAUSE, id=item.sequence)


def _obstacle(step: type[Command], item: Review | Proposal, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this review or proposal all the same."""
    if step is ConfirmReview and isinstance(item, Review) and not item.actions:
        return refuse("nothing_to_confirm", CLAUSE, id=item.sequence)
    if issubclass(step, _Mark) and isinstance(item, Review) and not item.open_actions(context.side):
        return refuse("all_done", CLAUSE, "number", id=item.sequence)
    if step is AcceptProposal and isinstance(item, Proposal):
        left = item.remaining(context.features_on)
        if context.ended and any(left.values()):
            return refuse("ended", END_CLAUSE, "proposal", on=context.ended)
        if not left:
            return refuse("stands_already", INSTRUCTION_CLAUSE)
    return None


STEPS: Steps[Review | Proposal, State] = Steps(
    lambda item, state, context: STAGES[status(item)], _misfit, _obstacle
)
steps_open = STEPS.open
"""The steps that the context's side may take with a review or a proposal now. Clause: 3.1(i)"""


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _record_review(command: RecordReview, state: State, context: Context) -> list[Body]:
    """What was said and agreed, once something was. Standard: Art. 28(3)(h) GDPR"""
    notes = checked_reason(command.notes)
    actions = checked_actions(command.actions, context.now)
    if not notes and not actions:
        raise refuse("empty", CLAUSE, "notes")
    return [Held(notes=notes, actions=actions)]


def checked_actions(actions: tuple[Action, ...], now: datetime) -> tuple[Action, ...]:
    """The actions without blanks around their texts. Refused where one says nothing or is overdue."""
    if len(actions) > MAX_ACTIONS:
        raise refuse("too_many_actions", CLAUSE, "actions", number=len(actions), limit=MAX_ACTIONS)
    checked = []
    for number, action in enumerate(actions, start=1):
        what = action.what.strip()
        if not 0 < len(what) <= MAX_REASON:
            length = len(what)
            raise refuse("action_length", CLAUSE, "actions", number=number, length=length, limit=MAX_REASON)
        if action.due is not None and action.due < dates.local_day(now):
            raise refuse("action_overdue", CLAUSE, "actions", number=number, due=action.due)
        checked.append(action.but(what=what))
    return tuple(checked)


@decide.register
def _confirm_review(command: ConfirmReview, state: State, context: Context) -> list[Body]:
    """The admin stands by what was agreed, once. Standard: Art. 28(3)(h) GDPR"""
    review = state.held.get(command.review)
    if review is None:
        raise refuse("no_review_waits", CLAUSE, id=command.review)
    STEPS.check(command, review, state, context)
    return [Confirmed(review=review.sequence, reason=checked_reason(command.reason))]


@decide.register(MarkDone)
@decide.register(MarkProvidersDone)
def _mark_done(command: _Mark, state: State, context: Context) -> list[Body]:
    """An agreed action was done: each side says so of its own, once. Standard: Art. 28(3)(h) GDPR"""
    review = state.held.get(command.review)
    if review is None:
        raise refuse("unknown_review", CLAUSE, "review", id=command.review)
    STEPS.check(command, review, state, context)
    if command.number not in review.open_actions(context.side):
        raise refuse("no_open_action", CLAUSE, "number", id=review.sequence, number=command.number)
    note = checked_reason(command.note)
    return [ActionDone(review=review.sequence, number=command.number, note=note)]


@decide.register
def _propose_changes(command: ProposeChanges, state: State, context: Context) -> list[Body]:
    """Features of the agreement, at least one of which is not as proposed; none to be switched on once the
    agreement is over. Clause: 3.1(i), 3.1(xi)"""
    agreement, on = context.agreement, context.features_on
    known = {f.id: f.name for f in agreement.features}
    if unknown := [id for id in command.changes if id not in known]:
        names, version = tuple(known.values()), agreement.version
        raise refuse(
            "unknown_feature", INSTRUCTION_CLAUSE, "changes", id=unknown[0], version=version, names=names
        )
    if context.ended and any(command.changes.values()):
        raise refuse("ended", END_CLAUSE, "changes", on=context.ended)
    if not any((id in on) != wanted for id, wanted in command.changes.items()):
        raise refuse("changes_nothing", INSTRUCTION_CLAUSE, "changes")
    return [Saved(changes=dict(sorted(command.changes.items())), reason=checked_reason(command.reason))]


@decide.register
def _accept_proposal(command: AcceptProposal, state: State, context: Context) -> list[Body]:
    """The answer; the instruction it becomes is decided by the features' own rule. Clause: 3.1(i)"""
    proposal = state.proposal(command.proposal)
    STEPS.check(command, proposal, state, context)
    return [ProposalAccepted(proposal=proposal.sequence, reason=checked_reason(command.reason))]


@decide.register
def _reject_proposal(command: RejectProposal, state: State, context: Context) -> list[Body]:
    """The answer, with a reason that the provider reads; all stays as it is. Clause: 3.1(i)"""
    proposal = state.proposal(command.proposal)
    STEPS.check(command, proposal, state, context)
    reason = checked_reason(command.reason, required_by=INSTRUCTION_CLAUSE)
    return [ProposalRejected(proposal=proposal.sequence, reason=reason)]


# --- what is open --------------------------------------------------------------------------------


def tasks(state: State, context: Context) -> Iterator[Task]:
    """Proposals without an answer, and what the last review left to do. A proposal waits no longer than the
    agreement runs: it can still be rejected. Clause: 3.1(i)"""
    ends = dates.end_of(context.ends_on) if context.ends_on else None
    for proposal in state.open_proposals:
        yield Task(
            f"review/{proposal.sequence}",
            "reviews",
            "proposal",
            parameters={"proposed": proposed(proposal, context.agreement)},
            waits_for=STAGES[status(proposal)].waits_for,
            clause=INSTRUCTION_CLAUSE,
            ends=ends,
            opened_at=proposal.saved_at,
            by=proposal.by,
            entry=proposal.sequence,
        )
    if state.last:
        yield from _left_to_do(state.last)


def _left_to_do(review: Review) -> Iterator[Task]:
    """The agreed actions that are not done, which stay open until the next review takes them up, and their
    confirmation."""
    base = Task(
        f"review/{review.sequence}",
        "reviews",
        "review",
        clause=CLAUSE,
        opened_at=review.held_at,
        by=review.by,
        entry=review.sequence,
    )
    for number, action in review.open_actions().items():
        yield replace(
            base,
            key=f"{base.key}/{number}",
            about=f"action_of_{action.side}",
            parameters={"what": action.what},
            waits_for=action.side,
            due=dates.end_of(action.due) if action.due else None,
        )
    stands = status(review)
    if review.actions and stands == "not_confirmed":
        yield replace(base, waits_for=STAGES[stands].waits_for)


def touches(step: Body | Command, state: State) -> dict[str, tuple[int, ...]]:
    """The review that is confirmed, or an action of which was done: also when the next was held."""
    return (
        {"held": (step.review,)} if isinstance(step, ConfirmReview | Confirmed | _Mark | ActionDone) else {}
    )


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("reviews")

REVIEWS = Subject(
    name="reviews",
    title="Reviews",
    page="review",
    state=State,
    events=(Held, Confirmed, ActionDone, Saved, ProposalAccepted, ProposalRejected),
    decide=decide,
    steps_open=steps_open,
    tasks=tasks,
    about={
        "action_of_customer": ("Agreed action", "{what} (the customer)"),
        "action_of_provider": ("Agreed action", "{what} (the provider)"),
        "proposal": ("Proposal", "{proposed}"),
        "review": ("Review", "The customer’s admin has not confirmed the agreed actions"),
    },
    shelves=(
        # What a review left to do stays open until the next one.
        Shelf("held", Review, lambda review, state: review is not state.last),
        Shelf("proposals", Proposal, lambda proposal, _: proposal.answer is not None),
    ),
    touches=touches,
)
