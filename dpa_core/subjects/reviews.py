"""Reviews: a provider and its customer go through the configuration, agree on actions, and propose changes.

A proposal changes nothing until the customer's admin accepts it; then it is one documented instruction.
Clauses: 3.1(i) (documented instructions), Sch. 2 2.2. Standard: Art. 28(3)(h) GDPR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from dpa_core.agreement import Agreement
from dpa_core.subjects.common import (
    MAX_REASON,
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    checked_reason,
    local_day,
)

CLAUSE = "Art. 28(3)(h) GDPR"
INSTRUCTION_CLAUSE = "3.1(i)"
MAX_ACTIONS = 30
"""Actions one review may agree on."""

Side = Literal["customer", "provider"]


# --- state ---------------------------------------------------------------------------------------


class Action(Record):
    """Something agreed on: what, which side does it, and until which day."""

    what: str
    side: Side
    due: date | None = None


class Review(Record):
    """A review that was held. `sequence` is its identifier."""

    sequence: int
    held_at: Moment
    by: str
    notes: str
    actions: tuple[Action, ...]
    confirmed_at: Moment | None = None
    confirmed_by: str | None = None


class Proposal(Record):
    """Features to be switched, for the admin to answer. `sequence` is its identifier."""

    sequence: int
    saved_at: Moment
    by: str
    changes: dict[str, bool]
    reason: str
    answer: Literal["accepted", "rejected"] | None = None
    answered_at: Moment | None = None
    answered_by: str | None = None

    def remaining(self, on: frozenset[str]) -> dict[str, bool]:
        """The changes that have not come true meanwhile; `on`: the features that are on."""
        return {id: wanted for id, wanted in self.changes.items() if (id in on) != wanted}


class State(Record):
    """Reviews and proposals, oldest first."""

    held: tuple[Review, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    @property
    def last(self) -> Review | None:
        """The review held last."""
        return self.held[-1] if self.held else None

    @property
    def open_proposals(self) -> tuple[Proposal, ...]:
        """Proposals that wait for the admin's answer."""
        return tuple(p for p in self.proposals if p.answer is None)

    def proposal(self, sequence: int) -> Proposal:
        """A proposal that waits for an answer. Refused where there is none."""
        found = next((p for p in self.open_proposals if p.sequence == sequence), None)
        if found is None:
            raise Refusal(
                INSTRUCTION_CLAUSE,
                f"No proposal {sequence} is waiting for an answer.",
                "Look at the page again: someone may have answered it before you.",
            )
        return found


# --- events --------------------------------------------------------------------------------------


class Held(Record):
    """`review.held`: what was said and agreed."""

    v: Literal[1] = 1
    notes: str
    actions: tuple[Action, ...]


class Confirmed(Record):
    """`review.confirmed`: the customer's admin stands by the agreed actions of that review."""

    v: Literal[1] = 1
    review: int
    reason: str


class Saved(Record):
    """`proposal.saved`: features somebody of the provider proposes to switch."""

    v: Literal[1] = 1
    changes: dict[str, bool]
    reason: str


class Answered(Record):
    """`proposal.accepted` or `proposal.rejected`: the admin's answer. The instruction that an accepted
    one became is the event before it."""

    v: Literal[1] = 1
    proposal: int
    reason: str


_BODIES: dict[str, type[Held | Confirmed | Saved | Answered]] = {
    "review.held": Held,
    "review.confirmed": Confirmed,
    "proposal.saved": Saved,
    "proposal.accepted": Answered,
    "proposal.rejected": Answered,
}
KINDS = frozenset(_BODIES)


# --- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hold:
    """Record a review that was held."""

    notes: str
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True)
class Confirm:
    """Confirm the agreed actions of a review."""

    review: int
    reason: str = ""


@dataclass(frozen=True)
class Propose:
    """Save features to be switched as a proposal: identifier to on (True) or off (False)."""

    changes: Mapping[str, bool]
    reason: str = ""


@dataclass(frozen=True)
class Accept:
    """Accept a proposal; what is left of it becomes one instruction."""

    proposal: int
    acknowledged: frozenset[str] = frozenset()
    """Identifiers of sub-processors in third countries whose transfers the person accepts."""
    reason: str = ""


@dataclass(frozen=True)
class Reject:
    """Reject a proposal. Nothing is switched."""

    proposal: int
    reason: str = ""


Command = Hold | Confirm | Propose | Accept | Reject


def _checked_actions(actions: tuple[Action, ...], now: datetime) -> tuple[Action, ...]:
    if len(actions) > MAX_ACTIONS:
        raise Refusal(
            CLAUSE,
            f"{len(actions)} actions are more than one review can hold.",
            f"Agree on {MAX_ACTIONS} at the most.",
            "actions",
        )
    checked = []
    for number, action in enumerate(actions, start=1):
        what = action.what.strip()
        if not 0 < len(what) <= MAX_REASON:
            raise Refusal(
                CLAUSE,
                f"Action {number} has {len(what):,} characters.",
                f"Say in 1 to {MAX_REASON:,} characters what is to be done.",
                "actions",
            )
        if action.due is not None and action.due < local_day(now):
            raise Refusal(
                CLAUSE,
                f"Action {number} would be due on {action.due:%-d %b %Y}, which is over.",
                "Choose today or a later day, or leave the day out.",
                "actions",
            )
        checked.append(action.model_copy(update={"what": what}))
    return tuple(checked)


def decide(
    command: Command, state: State, on: frozenset[str], agreement: Agreement, now: datetime
) -> list[NewEvent]:
    """Record a review, its confirmation, a proposal, or the answer to one.

    `on`: the features that are on. An accepted proposal's instruction is decided by the features'
    own rule.
    Clause: 3.1(i). Standard: Art. 28(3)(h) GDPR
    """
    match command:
        case Hold(notes=notes):
            text = checked_reason(notes)
            actions = _checked_actions(command.actions, now)
            if not text and not actions:
                raise Refusal(
                    CLAUSE, "The review has neither notes nor actions.", "Write down what was said.", "notes"
                )
            return [NewEvent("review.held", Held(notes=text, actions=actions))]
        case Confirm(review=sequence):
            review = next((r for r in state.held if r.sequence == sequence), None)
            if review is None or review.confirmed_at:
                raise Refusal(
                    CLAUSE,
                    f"No review {sequence} is waiting to be confirmed.",
                    "Look at the page again: someone may have confirmed it before you.",
                )
            confirmed = Confirmed(review=sequence, reason=checked_reason(command.reason))
            return [NewEvent("review.confirmed", confirmed)]
        case Propose(changes=changes):
            _check_changes(changes, on, agreement)
            saved = Saved(changes=dict(sorted(changes.items())), reason=checked_reason(command.reason))
            return [NewEvent("proposal.saved", saved)]
        case Accept(proposal=sequence):
            if not state.proposal(sequence).remaining(on):
                raise Refusal(
                    INSTRUCTION_CLAUSE,
                    "All that this proposal asks for stands already.",
                    "Reject it; nothing changes by that.",
                )
            return [NewEvent("proposal.accepted", _answer(command))]
        case Reject(proposal=sequence):
            state.proposal(sequence)
            return [NewEvent("proposal.rejected", _answer(command))]


def _answer(command: Accept | Reject) -> Answered:
    return Answered(proposal=command.proposal, reason=checked_reason(command.reason))


def _check_changes(changes: Mapping[str, bool], on: frozenset[str], agreement: Agreement) -> None:
    known = {f.id: f.name for f in agreement.features}
    if unknown := [id for id in changes if id not in known]:
        raise Refusal(
            INSTRUCTION_CLAUSE,
            f"There is no optional feature “{unknown[0]}” in agreement version {agreement.version}.",
            f"Choose one of: {', '.join(known.values())}.",
            "changes",
        )
    if not any((id in on) != wanted for id, wanted in changes.items()):
        raise Refusal(
            INSTRUCTION_CLAUSE,
            "The proposal would change nothing.",
            "Switch at least one feature to something else than it is.",
            "changes",
        )


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    match body:
        case Held():
            review = Review(
                sequence=event.sequence,
                held_at=event.recorded_at,
                by=event.actor,
                notes=body.notes,
                actions=body.actions,
            )
            return state.model_copy(update={"held": (*state.held, review)})
        case Confirmed():
            stamp = {"confirmed_at": event.recorded_at, "confirmed_by": event.actor}
            held = tuple(r.model_copy(update=stamp) if r.sequence == body.review else r for r in state.held)
            return state.model_copy(update={"held": held})
        case Saved():
            proposal = Proposal(
                sequence=event.sequence,
                saved_at=event.recorded_at,
                by=event.actor,
                changes=body.changes,
                reason=body.reason,
            )
            return state.model_copy(update={"proposals": (*state.proposals, proposal)})
        case Answered():
            answer = {
                "answer": event.kind.removeprefix("proposal."),
                "answered_at": event.recorded_at,
                "answered_by": event.actor,
            }
            proposals = tuple(
                p.model_copy(update=answer) if p.sequence == body.proposal else p for p in state.proposals
            )
            return state.model_copy(update={"proposals": proposals})


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence, in the names of its agreement version."""
    body = _BODIES[event.kind].model_validate(event.body)
    match body:
        case Held():
            number = len(body.actions)
            return f"Held a review and agreed on {number} {'action' if number == 1 else 'actions'}"
        case Confirmed():
            return f"Confirmed the actions agreed in review {body.review}"
        case Saved():
            names = {f.id: f.name for f in agreement.features}
            wanted = [f"{names.get(id, id)} {'on' if on else 'off'}" for id, on in body.changes.items()]
            return f"Proposed to switch {', '.join(wanted)}"
        case Answered():
            return f"{event.kind.removeprefix('proposal.').capitalize()} proposal {body.proposal}"
