"""Reviews, proposals and snapshots at the door: who may, and what is recorded in one step."""

import pytest

from dpa_core.access import Forbidden
from dpa_core.application import Changed, Refusal
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import reviews, snapshots
from dpa_core.views.snapshots import on_file
from tests.conftest import carry_out

OWN, OTHER = "nordfrakt", "solsidan"
OPENAI = frozenset({"openai"})
OF_PROVIDER = {
    "hold a review": reviews.RecordReview("note"),
    "propose": reviews.ProposeChanges({"voice": True}),
    "mark an own action": reviews.MarkProvidersDone(2, 1),
}
OF_CUSTOMER = {
    "confirm": reviews.ConfirmReview(2),
    "accept": reviews.AcceptProposal(3, OPENAI),
    "reject": reviews.RejectProposal(3, "Not now"),
    "mark an own action": reviews.MarkDone(2, 2),
}
TAKE = snapshots.RecordSnapshot


@pytest.fixture
def prepared(application, people):
    """A review to confirm, and a proposal to answer, for both customers."""
    for customer in (OWN, OTHER):
        agreed = tuple(reviews.Action(what="Send the list", side=side) for side in ("provider", "customer"))
        carry_out(application, people.eva, customer, reviews.RecordReview("", agreed))
        carry_out(application, people.eva, customer, reviews.ProposeChanges({"reply_assistant": True}))
    return application


def allowed(application, person, customer, command):
    """Whether the door lets the command through."""
    try:
        application.carry_out(person, customer, command, application.ledger.head(customer).sequence)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("customer", [OWN, OTHER])
@pytest.mark.parametrize("name", ["anna", "clara", "david", "eva", "farid"])
def test_who_may_do_what(prepared, people, name, customer):
    person = getattr(people, name)
    for command in OF_PROVIDER.values():
        assert allowed(prepared, person, customer, command) == (
            name == "eva" or (name == "david" and customer == OWN)
        )
    for command in OF_CUSTOMER.values():
        if name == "anna" and customer == OWN and isinstance(command, reviews.RejectProposal):
            continue  # accepted just before
        assert allowed(prepared, person, customer, command) == (name == "anna" and customer == OWN)
    take = take_of(prepared, people.eva, customer)
    assert allowed(prepared, person, customer, take) == (
        name == "eva" or (name in ("anna", "david") and customer == OWN)
    )


def take_of(application, person, customer):
    file = application.open(person, customer)
    return TAKE(file.now.date(), file.now, file.sequence, freeze(file).digest)


def test_no_command_is_missing_from_these_tests():
    commands = {type(c) for c in (*OF_PROVIDER.values(), *OF_CUSTOMER.values())}
    assert commands == set(reviews.REVIEWS.commands)


def test_an_accepted_proposal_is_one_instruction(prepared, people):
    carry_out(prepared, people.anna, OWN, reviews.AcceptProposal(3, OPENAI, "Agreed"))
    file = prepared.open(people.anna, OWN)
    assert file.state.features.on == {"reply_assistant"}
    *_, instructed, accepted = prepared.ledger.events(OWN)
    assert (instructed.kind, accepted.kind) == ("features.instructed", "proposal.accepted")
    assert instructed.actor == people.anna.id
    assert (instructed.body["reason"], instructed.body["acknowledged"]) == ("Agreed", ["openai"])
    assert prepared.verify() == []


def test_without_the_acknowledgement_nothing_of_it_is_recorded(prepared, people):
    before = prepared.ledger.head(OWN)
    with pytest.raises(Refusal, match="not acknowledged"):
        carry_out(prepared, people.anna, OWN, reviews.AcceptProposal(3))
    assert prepared.ledger.head(OWN) == before


def test_what_came_true_meanwhile_is_left_out(prepared, people):
    carry_out(prepared, people.eva, OWN, reviews.ProposeChanges({"reply_assistant": True, "voice": True}))
    carry_out(prepared, people.anna, OWN, reply_assistant=True)
    carry_out(prepared, people.anna, OWN, reviews.AcceptProposal(4))
    assert prepared.open(people.anna, OWN).state.features.on == {"reply_assistant", "voice"}


def test_a_rejected_proposal_switches_nothing(prepared, people):
    carry_out(prepared, people.anna, OWN, reviews.RejectProposal(3, "Not now"))
    state = prepared.open(people.anna, OWN).state
    assert (state.features.on, state.reviews.open_proposals) == (frozenset(), ())


def test_somebody_who_looked_before_is_told_first(prepared, people):
    with pytest.raises(Changed):
        prepared.carry_out(people.david, OWN, reviews.RecordReview("note"), 1)


def test_snapshots_taken_are_listed_newest_first(prepared, people, clock):
    first = take_of(prepared, people.anna, OWN)
    carry_out(prepared, people.anna, OWN, first)
    clock.pass_days(1)
    carry_out(prepared, people.david, OWN, take_of(prepared, people.david, OWN))
    found = on_file(prepared.open(people.clara, OWN))
    assert [s.by for s in found] == [people.david.email, people.anna.email]
    assert (found[1].digest, found[1].upto) == (first.digest, first.sequence)
    past = prepared.open(people.clara, OWN, first.moment)
    assert [s.digest for s in on_file(past)] == [first.digest]
    again = prepared.reopen(people.clara, OWN, found[1].upto, found[1].moment)
    assert freeze(again).digest == first.digest
