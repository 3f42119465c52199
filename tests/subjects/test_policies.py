"""What a command in one subject brings about in others, decided and shown beforehand by the same code."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from dpa_core.subjects import (
    assistance,
    audits,
    data_return,
    dates,
    policies,
    registry,
    retention,
    sub_processors,
)
from dpa_core.subjects.assistance import AnswerFlag, Flagged, FlagInstruction
from dpa_core.subjects.common import PROCESSOR, Refusal
from dpa_core.subjects.data_return import OrderData, RecordDeletion, Terminate
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.objections import (
    AcceptChange,
    CannotHoldBack,
    EndAgreement,
    EndFeatures,
    ObjectToChange,
    WithdrawObjection,
)
from dpa_core.subjects.registry import CustomerState, ProviderState
from dpa_core.subjects.retention import CancelShortening, PlaceHold, ReleaseHold, SetPeriod
from dpa_core.subjects.reviews import AcceptProposal, ProposeChanges
from dpa_core.subjects.subject import Body, Context
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT

_DRAFT = sub_processors.DraftChange(
    "addition", None, "Nordtel", "Routing", features=("voice",), places=("eu_eea",), reason="Coverage"
)


def _published():
    """The provider's ledger with one change published, number 7."""
    context = Context(AGREEMENT, NOW, "provider", sequence=6)
    state = ProviderState()
    for command in (_DRAFT, sub_processors.PublishChange(7, date(2027, 1, 20))):
        bodies = registry.decide(command, state, context)
        events = recorded(bodies, NOW, after=context.sequence, behalf=PROCESSOR)
        state = registry.fold_provider(events, state)
        context = replace(context, sequence=events[-1].sequence)
    return state


PROVIDER = _published()


class Customer:
    """A whole customer's ledger, decided with policies."""

    def __init__(self):
        self.state, self.now, self.events = CustomerState(), NOW, []

    def context(self, command=None, side="customer"):
        context = registry.context_of(
            self.state,
            PROVIDER,
            AGREEMENT,
            self.now,
            customer_id="nordfrakt",
            sequence=len(self.events),
            side=side,
        )
        cited = registry.cited_entry(command, self.state) if command else None
        found = next((e for e in self.events if e.sequence == cited), None)
        return replace(context, cited=found)

    def go(self, command, side="customer"):
        bodies = policies.decide(command, self.state, self.context(command, side))
        behalf = "nordfrakt" if side == "customer" else "processor"
        new = recorded(bodies, self.now, after=len(self.events), behalf=behalf)
        self.events += new
        self.state = registry.fold(new, self.state)
        return new

    def later(self, days):
        self.now += timedelta(days=days)

    def period(self, data_type):
        return retention.period(data_type, self.state.retention, AGREEMENT, self.now)

    def flagged_before(self, sequence):
        """A flag that an earlier version of the rules let through."""
        new = recorded(
            [Flagged(instruction=sequence, opinion="Art. 5 GDPR")], self.now, after=len(self.events)
        )
        self.events += new
        self.state = registry.fold(new, self.state)

    def effects(self, command):
        return policies.effects_of(command, self.state, self.context(command))


def kinds(events):
    return [e.kind for e in events]


def test_most_commands_reach_no_other_subject():
    assert Customer().effects(SetFeatures({"voice": True})) == policies.Effects()


def test_an_accepted_proposal_is_one_instruction_and_its_answer():
    customer = Customer()
    customer.go(ProposeChanges({"voice": True}), "provider")
    accept = AcceptProposal(1, reason="Agreed")
    assert customer.effects(accept).before == (SetFeatures({"voice": True}, "Agreed", frozenset()),)
    assert kinds(customer.go(accept)) == ["features.instructed", "proposal.accepted"]
    assert customer.state.features.on == {"voice"}


def test_what_came_true_meanwhile_is_not_instructed_again():
    customer = Customer()
    customer.go(ProposeChanges({"voice": True}), "provider")
    customer.go(SetFeatures({"voice": True}))
    assert customer.effects(AcceptProposal(1)) == policies.Effects()
    with pytest.raises(Refusal, match="stands already"):
        customer.go(AcceptProposal(1))


def test_a_withdrawn_instruction_takes_its_features_along():
    customer = Customer()
    customer.go(SetFeatures({"voice": True}))
    customer.go(FlagInstruction(1, "Against the law", "Art. 9 GDPR"), "provider")
    withdraw = AnswerFlag(2, False, "You are right")
    assert customer.effects(withdraw).after == (SetFeatures({"voice": False}, "You are right"),)
    assert kinds(customer.go(withdraw)) == ["assistance.flag_answered", "features.instructed"]
    assert customer.state.features.on == frozenset()


def test_a_withdrawn_instruction_takes_a_waiting_shortening_along_by_name():
    customer = Customer()
    customer.go(SetPeriod("chats", 30))
    customer.go(FlagInstruction(1, "Against the law", "Art. 5 GDPR"), "provider")
    withdraw = AnswerFlag(2, False)
    assert customer.effects(withdraw).after == (CancelShortening("chats"),)
    assert kinds(customer.go(withdraw)) == ["assistance.flag_answered", "retention.shortening_cancelled"]


def test_a_shortening_that_has_taken_effect_is_lengthened_again_for_a_reason():
    customer = Customer()
    before = customer.period("chats").days
    customer.go(SetPeriod("chats", 30))
    customer.go(FlagInstruction(1, "Against the law", "Art. 5 GDPR"), "provider")
    customer.later(AGREEMENT.retention.grace_days)
    assert customer.effects(AnswerFlag(2, False)).after == (SetPeriod("chats", before),)
    with pytest.raises(Refusal) as caught:
        customer.go(AnswerFlag(2, False))
    assert (caught.value.field, caught.value.clause) == ("reason", "Sch. 1 2")
    assert kinds(customer.go(AnswerFlag(2, False, "You are right")))[1:] == ["retention.lengthened"]
    assert customer.period("chats").days == before


def test_a_lengthening_is_shortened_again_after_the_grace_period():
    customer = Customer()
    before = customer.period("chats").days
    customer.go(SetPeriod("chats", before + 10, "Audit"))
    customer.go(FlagInstruction(1, "Kept too long", "Art. 5(1)(e) GDPR"), "provider")
    assert kinds(customer.go(AnswerFlag(2, False)))[1:] == ["retention.shortened"]
    customer.later(AGREEMENT.retention.grace_days)
    assert customer.period("chats").days == before


def test_a_period_that_another_one_has_replaced_or_will_stays():
    customer = Customer()
    before = customer.period("chats").days
    customer.go(SetPeriod("chats", before + 10, "Audit"))
    customer.go(FlagInstruction(1, "Kept too long", "Art. 5(1)(e) GDPR"), "provider")
    customer.go(SetPeriod("chats", before + 5))
    assert customer.effects(AnswerFlag(2, False)).after == ()
    customer.later(AGREEMENT.retention.grace_days)
    assert customer.effects(AnswerFlag(2, False)).after == ()


def test_a_shortening_cancelled_is_given_again():
    customer = Customer()
    customer.go(SetPeriod("chats", 30))
    customer.go(CancelShortening("chats"))
    customer.go(FlagInstruction(2, "Kept too long", "Art. 5(1)(e) GDPR"), "provider")
    assert customer.effects(AnswerFlag(3, False)).after == (SetPeriod("chats", 30),)
    assert kinds(customer.go(AnswerFlag(3, False)))[1:] == ["retention.shortened"]


def test_a_shortening_cancelled_before_another_period_was_set_stays_cancelled():
    customer = Customer()
    customer.go(SetPeriod("chats", 30))
    customer.go(CancelShortening("chats"))
    customer.go(FlagInstruction(2, "Kept too long", "Art. 5(1)(e) GDPR"), "provider")
    customer.go(SetPeriod("chats", 60))
    assert customer.effects(AnswerFlag(3, False)).after == ()
    customer.later(AGREEMENT.retention.grace_days)
    assert customer.effects(AnswerFlag(3, False)).after == ()


def test_a_hold_is_released_and_a_released_one_placed_again():
    customer = Customer()
    customer.go(PlaceHold("chats", "Dispute"))
    customer.go(FlagInstruction(1, "Kept too long", "Art. 5(1)(e) GDPR"), "provider")
    assert customer.effects(AnswerFlag(2, False, "So")).after == (ReleaseHold("chats", "So"),)
    released = customer.go(AnswerFlag(2, False, "So"))[-1]
    assert released.kind == "retention.hold_released"
    customer.go(FlagInstruction(released.sequence, "Must be kept", "Bookkeeping Act"), "provider")
    customer.later(AGREEMENT.retention.grace_days + 1)  # deletion goes on by now
    back = AnswerFlag(released.sequence + 1, False, "So")
    assert customer.effects(back).after == (PlaceHold("chats", "So"),)
    assert kinds(customer.go(back))[1:] == ["retention.hold_placed"]


def test_a_hold_that_another_one_has_followed_stays():
    customer = Customer()
    customer.go(PlaceHold("chats", "Dispute"))
    customer.go(ReleaseHold("chats"))
    customer.go(FlagInstruction(1, "Kept too long", "Art. 5(1)(e) GDPR"), "provider")
    customer.go(FlagInstruction(2, "Must be kept", "Bookkeeping Act"), "provider")
    customer.go(PlaceHold("chats", "Another dispute"))
    assert customer.effects(AnswerFlag(3, False)).after == ()
    assert customer.effects(AnswerFlag(4, False, "So")).after == ()


def test_what_was_switched_off_goes_on_again_with_its_transfers_acknowledged():
    customer = Customer()
    on = SetFeatures({"voice": True, "speech_analytics": True}, "", frozenset({"openai", "deepgram"}))
    customer.go(on)
    customer.go(SetFeatures({"voice": False, "speech_analytics": False}))
    customer.go(FlagInstruction(2, "Calls must be recorded", "Act on markets"), "provider")
    with pytest.raises(Refusal) as caught:
        customer.go(AnswerFlag(3, False, "So"))
    assert (caught.value.field, caught.value.clause) == ("acknowledged", "3.1(vii)")
    customer.go(AnswerFlag(3, False, "So", frozenset({"openai", "deepgram"})))
    assert customer.state.features.on == {"voice", "speech_analytics"}


def test_what_was_switched_off_stays_off_once_the_agreement_is_over():
    customer = Customer()
    customer.go(SetFeatures({"voice": True}))
    customer.go(SetFeatures({"voice": False}))
    customer.go(FlagInstruction(2, "Calls must be recorded", "Act on markets"), "provider")
    customer.go(Terminate(NOW.date(), "Notice"), "provider")
    customer.later(1)
    assert customer.effects(AnswerFlag(3, False, "So")).after == ()
    customer.go(AnswerFlag(3, False, "So"))
    assert customer.context().features_on == frozenset()


def test_a_feature_that_another_instruction_has_switched_since_stays():
    customer = Customer()
    customer.go(SetFeatures({"voice": True}))
    customer.go(FlagInstruction(1, "Against the law", "Art. 9 GDPR"), "provider")
    customer.go(SetFeatures({"voice": False}))
    customer.go(SetFeatures({"voice": True}))
    assert customer.effects(AnswerFlag(2, False)).after == ()


def test_an_order_is_withdrawn_while_it_is_open():
    customer = Customer()
    customer.go(OrderData("deletion", ("contact",), "Done with it", True))
    customer.go(FlagInstruction(1, "Must be kept", "Bookkeeping Act"), "provider")
    assert kinds(customer.go(AnswerFlag(2, False, "So")))[1:] == ["data_return.withdrawn"]
    assert data_return.status(customer.state.data_return.orders[1]) == "withdrawn"
    customer.go(OrderData("deletion", ("contact",), "Done with it", True))
    order = len(customer.events)
    customer.go(RecordDeletion(order, dates.local_day(customer.now)), "provider")
    customer.go(FlagInstruction(order, "Must be kept", "Bookkeeping Act"), "provider")
    assert customer.effects(AnswerFlag(order + 2, False)).after == ()


def test_an_audit_or_objection_that_was_flagged_when_it_could_be_is_withdrawn_too():
    """No rule writes such a flag any more, but ledgers hold them."""
    customer = Customer()
    first = date(2027, 3, 1)
    customer.go(audits.RequestAudit(first, first, "Logging", "Security office", cost_acknowledged=True))
    customer.flagged_before(1)
    assert kinds(customer.go(AnswerFlag(2, False)))[1:] == ["audits.withdrawn"]
    (objected,) = customer.go(ObjectToChange(7, "No report was shown", True))
    customer.flagged_before(objected.sequence)
    withdraw = AnswerFlag(objected.sequence + 1, False)
    assert kinds(customer.go(withdraw))[1:] == ["sub_processors.objection_withdrawn"]
    customer.flagged_before(objected.sequence)
    assert customer.effects(AnswerFlag(len(customer.events), False)).after == ()


@pytest.mark.parametrize("kind", sorted(assistance.INSTRUCTIONS))
def test_every_kind_of_instruction_can_be_taken_back(kind):
    (body,) = {b for b in registry.by_kind(kind).events if b.kind == kind}
    taken_back = policies._taken_back
    assert taken_back.dispatch(body) is not taken_back.dispatch(Body)


def test_a_confirmed_instruction_takes_nothing_along():
    customer = Customer()
    customer.go(SetFeatures({"voice": True}))
    customer.go(FlagInstruction(1, "Against the law", "Art. 9 GDPR"), "provider")
    assert customer.effects(AnswerFlag(2, True, "It is lawful")) == policies.Effects()


# --- over a change of sub-processors -------------------------------------------------------------


def _over(*on):
    """A customer that objected to change 7, with these features on, when the 60 days are over."""
    customer = Customer()
    if on:
        customer.go(SetFeatures(dict.fromkeys(on, True)))
    customer.go(ObjectToChange(7, "No report was shown", True))
    customer.later(61)
    return customer


def test_features_ended_over_a_change_go_off_and_come_back_with_accepting_it():
    customer = _over("voice", "text_messages")
    end = EndFeatures(7, "No way out")
    assert customer.effects(end) == policies.Effects(after=(SetFeatures({"voice": False}, "No way out"),))
    assert kinds(customer.go(end)) == ["sub_processors.features_ended", "features.instructed"]
    assert customer.state.features.on == {"text_messages"}
    on = SetFeatures({"voice": True}, "Needed", accepted=frozenset({7}))
    assert customer.effects(on) == policies.Effects(before=(AcceptChange(7, "Needed"),))
    assert customer.effects(replace(on, accepted=frozenset())) == policies.Effects()
    assert customer.effects(replace(on, changes={"voice": False})) == policies.Effects()
    assert kinds(customer.go(on)) == ["sub_processors.change_accepted", "features.instructed"]


def test_a_proposal_of_what_was_ended_is_accepted_together_with_the_change():
    customer = _over("voice")
    customer.go(EndFeatures(7))
    first, second = (
        customer.go(ProposeChanges({id: True}), "provider")[0].sequence for id in ("text_messages", "voice")
    )
    accept = AcceptProposal(second, reason="Needed", accepted=frozenset({7}))
    switched = SetFeatures({"voice": True}, "Needed", accepted=frozenset({7}))
    assert customer.effects(accept).before == (AcceptChange(7, "Needed"), switched)
    assert customer.effects(AcceptProposal(first)).before == (SetFeatures({"text_messages": True}),)


def test_nothing_goes_off_over_a_change_that_touches_nothing_or_is_none():
    assert _over("text_messages").effects(EndFeatures(7)) == policies.Effects()
    assert _over("voice").effects(EndFeatures(8)) == policies.Effects()


def test_switching_on_over_an_objection_that_is_open_withdraws_it():
    customer = Customer()
    customer.go(ObjectToChange(7, "No report was shown", True))
    customer.go(CannotHoldBack(7, "One list for all"), "provider")
    on = SetFeatures({"voice": True}, "Needed", accepted=frozenset({7}))
    assert customer.effects(on) == policies.Effects(before=(WithdrawObjection(7, "Needed"),))
    assert kinds(customer.go(on)) == ["sub_processors.objection_withdrawn", "features.instructed"]


def test_an_agreement_ended_over_a_change_ends_today_in_stockholm():
    customer = Customer()
    customer.now = datetime(2027, 2, 1, 23, 30, tzinfo=UTC)
    effects = customer.effects(EndAgreement(7, "Too far"))
    assert effects == policies.Effects(after=(Terminate(date(2027, 2, 2), "Too far"),))


# --- a period goes back as far as the agreement lets it ------------------------------------------


def _taken_back(customer):
    """What withdrawing the last instruction brings about."""
    instruction = len(customer.events)
    customer.go(FlagInstruction(instruction, "Against the law", "Art. 5 GDPR"), "provider")
    return customer.effects(AnswerFlag(len(customer.events), False, "So")).after


def test_a_period_goes_back_to_the_longest_and_to_the_shortest_allowed():
    chats = Customer().period("chats").data_type
    grace = AGREEMENT.retention.grace_days
    shortened = Customer()
    shortened.go(SetPeriod("chats", chats.maximum_days, "Audit"))
    shortened.go(SetPeriod("chats", chats.maximum_days - 1))
    shortened.later(grace)
    assert _taken_back(shortened) == (SetPeriod("chats", chats.maximum_days, "So"),)
    lengthened = Customer()
    lengthened.go(SetPeriod("chats", chats.minimum_days))
    lengthened.later(grace)
    lengthened.go(SetPeriod("chats", chats.minimum_days + 1, "Audit"))
    assert _taken_back(lengthened) == (SetPeriod("chats", chats.minimum_days, "So"),)


def test_a_cancelled_shortening_to_the_shortest_allowed_is_given_again():
    shortest = Customer().period("chats").data_type.minimum_days
    customer = Customer()
    customer.go(SetPeriod("chats", shortest))
    customer.go(CancelShortening("chats"))
    assert _taken_back(customer) == (SetPeriod("chats", shortest, "So"),)
