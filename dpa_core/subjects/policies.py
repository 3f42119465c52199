"""What a command in one subject brings about in others: pure, so that a dialog can show it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from dpa_core.subjects import dates, objections, registry, retention
from dpa_core.subjects.assistance import AnswerFlag
from dpa_core.subjects.data_return import Terminate
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.objections import AcceptChange, EndAgreement, EndFeatures, WithdrawObjection
from dpa_core.subjects.registry import CustomerState
from dpa_core.subjects.retention import CancelShortening
from dpa_core.subjects.reviews import AcceptProposal
from dpa_core.subjects.subject import Body, Command, Context


@dataclass(frozen=True)
class Effects:
    """The commands that a command brings about in other subjects, recorded before it and after it."""

    before: tuple[Command, ...] = ()
    after: tuple[Command, ...] = ()


def decide(command: Command, state: CustomerState, context: Context) -> list[Body]:
    """Everything a command wants recorded, in order: by its own subject's rule, and what follows from it.

    Raises Refusal where its own rule or that of a subject it reaches refuses; then nothing is recorded.
    """
    own = registry.decide(command, state, context)
    effects = effects_of(command, state, context)
    before = [body for c in effects.before for body in registry.decide(c, state, context)]
    return before + own + [body for c in effects.after for body in registry.decide(c, state, context)]


@singledispatch
def effects_of(command: Command, state: CustomerState, context: Context) -> Effects:
    """What a command brings about in other subjects, if it is not refused; most bring about nothing."""
    return Effects()


@effects_of.register
def _accepted_proposal(command: AcceptProposal, state: CustomerState, context: Context) -> Effects:
    """What is left of an accepted proposal becomes one instruction. Clause: 3.1(i), Sch. 2 2.2"""
    proposal = next((p for p in state.reviews.open_proposals if p.sequence == command.proposal), None)
    left = proposal.remaining(context.features_on) if proposal else {}
    return Effects(before=(SetFeatures(left, command.reason, command.acknowledged),) if left else ())


@effects_of.register
def _accepted_changes(command: SetFeatures, state: CustomerState, context: Context) -> Effects:
    """What was ended over a change is switched on together with accepting it: an objection that is open
    still is withdrawn by it. Clause: Sch. 2 1.2"""
    wanted = {c for id, on in command.changes.items() if on for c in context.to_accept.get(id, ())}
    accepting: list[Command] = []
    for id in sorted(wanted & command.accepted):
        stands = objections.standing(context.changes[id], state.objections, context)
        still_open = WithdrawObjection in objections.STAGES[stands].steps
        accepting.append((WithdrawObjection if still_open else AcceptChange)(id, command.reason))
    return Effects(before=tuple(accepting))


@effects_of.register
def _ended_agreement(command: EndAgreement, state: CustomerState, context: Context) -> Effects:
    """The agreement ends today. Clause: Sch. 2 1.2"""
    return Effects(after=(Terminate(dates.local_day(context.now), command.reason),))


@effects_of.register
def _ended_features(command: EndFeatures, state: CustomerState, context: Context) -> Effects:
    """The features that are ended over an objection go off. Clause: Sch. 2 1.2"""
    published = context.changes.get(command.change)
    ends = objections.affected(published, context.features_on, context.agreement) if published else ()
    return Effects(after=(SetFeatures(dict.fromkeys(ends, False), command.reason),) if ends else ())


@effects_of.register
def _withdrawn_instruction(command: AnswerFlag, state: CustomerState, context: Context) -> Effects:
    """A withdrawn instruction takes with it what it switched on, and a shortening that still waits.

    Clause: 3.1(i)
    """
    flag = state.assistance.flags.get(command.flag)
    if command.confirm or flag is None:
        return Effects()
    switches = state.features.switches.items()
    on = {id: False for id, s in switches if id in context.features_on and s.sequence == flag.instruction}
    waiting = [
        CancelShortening(p.data_type.id, command.reason)
        for p in retention.periods(state.retention, context.agreement, context.now)
        if p.pending and p.pending.sequence == flag.instruction
    ]
    return Effects(after=(*((SetFeatures(on, command.reason),) if on else ()), *waiting))
