"""What a command in one subject brings about in others, decided and shown beforehand by the same code."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dpa_core.subjects import policies, registry
from dpa_core.subjects.assistance import AnswerFlag, FlagInstruction
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.registry import CustomerState, ProviderState
from dpa_core.subjects.retention import CancelShortening, SetPeriod
from dpa_core.subjects.reviews import AcceptProposal, ProposeChanges
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT


class Customer:
    """A whole customer's ledger, decided with policies."""

    def __init__(self):
        self.state, self.now, self.events = CustomerState(), NOW, []

    def context(self, command=None, side="customer"):
        context = registry.context_of(
            self.state,
            ProviderState(),
            AGREEMENT,
            self.now,
            customer_id="nordfrakt",
            sequence=len(self.events),
            side=side,
        )
        cited = command.cited_entry if command else None
        found = next((e for e in self.events if e.sequence == cited), None)
        return replace(context, cited=found)

    def go(self, command, side="customer"):
        bodies = policies.decide(command, self.state, self.context(command, side))
        behalf = "nordfrakt" if side == "customer" else "processor"
        new = recorded(bodies, self.now, after=len(self.events), behalf=behalf)
        self.events += new
        self.state = registry.fold(new, self.state)
        return new

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
    customer.go(FlagInstruction(1, "Art. 9 GDPR"), "provider")
    withdraw = AnswerFlag(2, False, "You are right")
    assert customer.effects(withdraw).after == (SetFeatures({"voice": False}, "You are right"),)
    assert kinds(customer.go(withdraw)) == ["assistance.flag_answered", "features.instructed"]
    assert customer.state.features.on == frozenset()


def test_a_withdrawn_instruction_takes_a_waiting_shortening_along_by_name():
    customer = Customer()
    customer.go(SetPeriod("chats", 30))
    customer.go(FlagInstruction(1, "Art. 5 GDPR"), "provider")
    withdraw = AnswerFlag(2, False)
    assert customer.effects(withdraw).after == (CancelShortening("chats"),)
    assert kinds(customer.go(withdraw)) == ["assistance.flag_answered", "retention.shortening_cancelled"]


def test_a_shortening_that_has_taken_effect_stays():
    customer = Customer()
    customer.go(SetPeriod("chats", 30))
    customer.go(FlagInstruction(1, "Art. 5 GDPR"), "provider")
    customer.now += timedelta(days=AGREEMENT.retention.grace_days + 1)
    assert customer.effects(AnswerFlag(2, False)) == policies.Effects()


def test_a_confirmed_instruction_takes_nothing_along():
    customer = Customer()
    customer.go(SetFeatures({"voice": True}))
    customer.go(FlagInstruction(1, "Art. 9 GDPR"), "provider")
    assert customer.effects(AnswerFlag(2, True, "It is lawful")) == policies.Effects()
