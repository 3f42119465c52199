"""Reviews and proposals. Clause 3.1(i); Art. 28(3)(h) GDPR"""

from datetime import date

import pytest

from dpa_core.subjects import Refusal, describe, reviews
from dpa_core.subjects.common import MAX_REASON
from tests.conftest import NOW, recorded

ACTION = reviews.Action(what="Send the list", side="provider", due=date(2026, 12, 1))
NONE_ON = frozenset()


def after(agreement, *commands, on=NONE_ON, state=None):
    """The state after these commands, one event each."""
    state = state or reviews.State()
    for number, command in enumerate(commands):
        events = recorded(reviews.decide(command, state, on, agreement, NOW), after=number)
        state = reviews.evolve(state, events[0])
    return state


def test_a_review_keeps_notes_and_actions(agreement):
    last = after(agreement, reviews.Hold(" All well. ", (ACTION,))).last
    assert (last.notes, last.actions, last.sequence) == ("All well.", (ACTION,), 1)
    assert last.confirmed_at is None


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (reviews.Hold("", ()), "notes"),
        (reviews.Hold("x" * (MAX_REASON + 1)), "reason"),
        (reviews.Hold("", (ACTION,) * (reviews.MAX_ACTIONS + 1)), "actions"),
        (reviews.Hold("", (reviews.Action(what="  ", side="customer"),)), "actions"),
        (reviews.Hold("", (reviews.Action(what="x" * 2001, side="customer"),)), "actions"),
        (reviews.Hold("", (ACTION.model_copy(update={"due": date(2026, 11, 23)}),)), "actions"),
        (reviews.Propose({}), "changes"),
        (reviews.Propose({"voice": False}), "changes"),
        (reviews.Propose({"no_such": True}), "changes"),
        (reviews.Confirm(7), None),
        (reviews.Accept(7), None),
        (reviews.Reject(7), None),
    ],
)
def test_what_is_refused_says_about_which_field(agreement, command, field):
    with pytest.raises(Refusal) as refused:
        reviews.decide(command, reviews.State(), NONE_ON, agreement, NOW)
    assert refused.value.field == field
    assert refused.value.remedy


def test_an_action_may_be_due_today(agreement):
    today = ACTION.model_copy(update={"due": date(2026, 11, 24)})
    assert after(agreement, reviews.Hold("", (today,))).last.actions == (today,)


def test_a_review_is_confirmed_once(agreement):
    state = after(agreement, reviews.Hold("", (ACTION,)), reviews.Confirm(1))
    assert state.last.confirmed_by == "anna"
    with pytest.raises(Refusal, match="waiting to be confirmed"):
        reviews.decide(reviews.Confirm(1), state, NONE_ON, agreement, NOW)


@pytest.mark.parametrize(("command", "answer"), [(reviews.Accept, "accepted"), (reviews.Reject, "rejected")])
def test_a_proposal_is_answered_once(agreement, command, answer):
    state = after(agreement, reviews.Propose({"voice": True}, "cheaper"), command(1))
    [proposal] = state.proposals
    assert (proposal.answer, proposal.answered_by, state.open_proposals) == (answer, "anna", ())
    with pytest.raises(Refusal, match="No proposal 1"):
        reviews.decide(command(1), state, NONE_ON, agreement, NOW)


def test_of_a_proposal_only_what_is_left_counts(agreement):
    state = after(agreement, reviews.Propose({"voice": True, "voicebot": True}))
    assert state.proposals[0].remaining(frozenset({"voice"})) == {"voicebot": True}
    with pytest.raises(Refusal, match="stands already"):
        reviews.decide(reviews.Accept(1), state, frozenset({"voice", "voicebot"}), agreement, NOW)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (reviews.Hold("", (ACTION,)), "Held a review and agreed on 1 action"),
        (reviews.Hold("note"), "Held a review and agreed on 0 actions"),
        (reviews.Propose({"voice": True, "voicebot": True}), "Proposed to switch Voice on, Voicebot on"),
    ],
)
def test_history_tells_it_in_words(agreement, command, sentence):
    [event] = recorded(reviews.decide(command, reviews.State(), NONE_ON, agreement, NOW))
    assert describe(event, agreement) == sentence


def test_history_tells_the_answers_in_words(agreement):
    state = after(agreement, reviews.Propose({"voice": True}), reviews.Hold("note"))
    told = [
        describe(recorded(reviews.decide(c, state, NONE_ON, agreement, NOW))[0], agreement)
        for c in (reviews.Accept(1), reviews.Reject(1), reviews.Confirm(2))
    ]
    assert told == ["Accepted proposal 1", "Rejected proposal 1", "Confirmed the actions agreed in review 2"]
