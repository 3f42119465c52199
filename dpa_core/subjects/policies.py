"""What a command in one subject brings about in others: pure, so that a dialog can show it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from dpa_core.subjects import audits, data_return, dates, features, objections, registry, retention
from dpa_core.subjects.assistance import AnswerFlag
from dpa_core.subjects.audits import WithdrawAudit
from dpa_core.subjects.data_return import Terminate, WithdrawOrder
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.objections import AcceptChange, EndAgreement, EndFeatures, WithdrawObjection
from dpa_core.subjects.registry import CustomerState
from dpa_core.subjects.retention import CancelShortening, PlaceHold, ReleaseHold, SetPeriod
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
    if not left:
        return Effects()
    switched = SetFeatures(left, command.reason, command.acknowledged, command.accepted)
    return Effects(before=(*effects_of(switched, state, context).before, switched))


@effects_of.register
def _accepted_changes(command: SetFeatures, state: CustomerState, context: Context) -> Effects:
    """What was ended over a change is switched on together with accepting it: an objection that is open
    still is withdrawn by it. Clause: Sch. 2 1.2"""
    wanted = {c for id, on in command.changes.items() if on for c in context.to_accept.get(id, ())}
    accepting: list[Command] = []
    for id in sorted(wanted & command.accepted):
        stands = objections.standing(context.changes[id], state.objections, context)
        step = WithdrawObjection if stands in objections.OPEN else AcceptChange
        accepting.append(step(id, command.reason))
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
    """A withdrawn instruction is taken back wherever it still stands, not where a later one has taken its
    place. The request that it was, where it was one, is withdrawn by its own subject. Clause: 3.1(i)
    """
    event = context.cited
    subject = registry.by_kind(event.kind) if event and not command.confirm else None
    body = subject.read(event) if subject and event else None
    if event is None or body is None:
        return Effects()
    return Effects(after=_taken_back(body, _Back(command, event.sequence, state, context)))


@dataclass(frozen=True)
class _Back:
    """What the commands that take an instruction back rest on."""

    command: AnswerFlag
    sequence: int
    """Of the instruction."""
    state: CustomerState
    context: Context

    @property
    def reason(self) -> str:
        """Why the instruction is withdrawn, and so why it is taken back."""
        return self.command.reason

    def period(self, data_type: str) -> retention.Period | None:
        """How a data type stands; None where the agreement has it no more."""
        known = {t.id for t in self.context.agreement.retention.data_types}
        if data_type not in known:
            return None
        return retention.period(data_type, self.state.retention, self.context.agreement, self.context.now)


@singledispatch
def _taken_back(body: Body, back: _Back) -> tuple[Command, ...]:
    """The commands that take an instruction back where it stands; none for most bodies, and where another
    instruction has taken its place. An objection or an audit can be flagged no more; one flagged before is
    withdrawn as well."""
    return ()


@_taken_back.register
def _switched(body: features.Instructed, back: _Back) -> tuple[Command, ...]:
    """What it switched on goes off. What it switched off goes on again, unless a change of the list has to be
    accepted for it. Once the agreement is over nothing is on. Clause: Sch. 2 2.2, Sch. 2 1.2"""
    known = {f.id for f in back.context.agreement.features}
    switches = back.state.features.switches
    changes = {
        c.feature: not c.on
        for c in body.changes
        if c.feature in known and switches[c.feature].sequence == back.sequence
        if not back.context.ended and (c.on or c.feature not in back.context.to_accept)
    }
    return (SetFeatures(changes, back.reason, back.command.acknowledged),) if changes else ()


@_taken_back.register
def _shortened(body: retention.Shortened, back: _Back) -> tuple[Command, ...]:
    """One that waits is cancelled; one that has taken effect is lengthened again. Clause: Sch. 1 2"""
    stands = back.period(body.data_type)
    if stands and stands.pending and stands.pending.sequence == back.sequence:
        return (CancelShortening(body.data_type, back.reason),)
    return _set_back(stands, body.before, back)


@_taken_back.register
def _lengthened(body: retention.Lengthened, back: _Back) -> tuple[Command, ...]:
    """The period becomes again what it was. Clause: Sch. 1 2"""
    return _set_back(back.period(body.data_type), body.before, back)


def _set_back(stands: retention.Period | None, days: int, back: _Back) -> tuple[Command, ...]:
    """The period of before, where the one of the instruction stands and no other is on its way."""
    if stands is None or stands.sequence != back.sequence or stands.pending:
        return ()
    allowed = stands.data_type.minimum_days <= days <= stands.data_type.maximum_days
    return (SetPeriod(stands.data_type.id, days, back.reason),) if allowed else ()


@_taken_back.register
def _shortening_cancelled(body: retention.ShorteningCancelled, back: _Back) -> tuple[Command, ...]:
    """The shortening is given again, where no later period stands or waits. Clause: Sch. 1 2"""
    stands = back.period(body.data_type)
    if stands is None or stands.pending or (stands.sequence or 0) > back.sequence:
        return ()
    allowed = stands.data_type.minimum_days <= body.days < stands.days
    return (SetPeriod(body.data_type, body.days, back.reason),) if allowed else ()


@_taken_back.register
def _hold_placed(body: retention.HoldPlaced, back: _Back) -> tuple[Command, ...]:
    """The hold is released. Clause: Sch. 1 2"""
    stands = back.period(body.data_type)
    placed = stands and stands.hold and stands.hold.sequence == back.sequence
    return (ReleaseHold(body.data_type, back.reason),) if placed else ()


@_taken_back.register
def _hold_released(body: retention.HoldReleased, back: _Back) -> tuple[Command, ...]:
    """The hold is placed again, where none stands since. Clause: Sch. 1 2"""
    stands, setting = back.period(body.data_type), back.state.retention.of(body.data_type)
    same = stands and not stands.hold and setting.deletion_resumes_at == body.resumes_at
    return (PlaceHold(body.data_type, back.reason),) if same else ()


@_taken_back.register
def _ordered(body: data_return.Ordered, back: _Back) -> tuple[Command, ...]:
    """An order that is not carried out is withdrawn. Clause: 3.1(xi)"""
    order = back.state.data_return.orders.get(back.sequence)
    offered = data_return.steps_open(order, back.state.data_return, back.context) if order else ()
    return (WithdrawOrder(back.sequence, back.reason),) if WithdrawOrder in offered else ()


@_taken_back.register
def _objected(body: objections.Objected, back: _Back) -> tuple[Command, ...]:
    """An objection that is still open is withdrawn. Clause: Sch. 2 1.2"""
    published = back.context.changes.get(body.change)
    offered = objections.steps_open(published, back.state.objections, back.context) if published else ()
    return (WithdrawObjection(body.change, back.reason),) if WithdrawObjection in offered else ()


@_taken_back.register
def _audit_requested(body: audits.Requested, back: _Back) -> tuple[Command, ...]:
    """An audit that is not over is withdrawn. Clause: 3.1(xii)"""
    audit = back.state.audits.audits.get(back.sequence)
    offered = audits.steps_open(audit, back.state.audits, back.context) if audit else ()
    return (WithdrawAudit(back.sequence, back.reason),) if WithdrawAudit in offered else ()
