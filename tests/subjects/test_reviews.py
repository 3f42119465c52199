"""Reviews and proposals. Clause 3.1(i); Art. 28(3)(h) GDPR"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import dates, reviews
from dpa_core.subjects.reviews import (
    AcceptProposal,
    Action,
    ConfirmReview,
    MarkDone,
    MarkProvidersDone,
    ProposeChanges,
    RecordReview,
    RejectProposal,
    status,
)
from dpa_core.subjects.texts import MAX_REASON
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, Scenario

ACTION = Action(what="Send the list", side="provider", due=date(2026, 12, 1))


def scenario(at=NOW, on=()):
    return Scenario(reviews.REVIEWS, at, features_on=frozenset(on))


def after(*commands):
    """A scenario after these commands, one event each."""
    c = scenario()
    for command in commands:
        c.go(command)
    return c


def switched(c, *on):
    """These features are on from now."""
    c.facts["features_on"] = frozenset(on)


# --- reviews -------------------------------------------------------------------------------------


def test_a_review_keeps_notes_and_actions():
    last = after(RecordReview(" All well. ", (ACTION,))).state.last
    assert (last.notes, last.actions, last.sequence) == ("All well.", (ACTION,), 1)
    assert last.confirmed_at is None


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (RecordReview("", ()), "notes"),
        (RecordReview("x" * (MAX_REASON + 1)), "reason"),
        (RecordReview("", (ACTION,) * (reviews.MAX_ACTIONS + 1)), "actions"),
        (RecordReview("", (Action(what="  ", side="customer"),)), "actions"),
        (RecordReview("", (Action(what="x" * 2001, side="customer"),)), "actions"),
        (RecordReview("", (ACTION.model_copy(update={"due": date(2026, 11, 23)}),)), "actions"),
        (ProposeChanges({}), "changes"),
        (ProposeChanges({"voice": False}), "changes"),
        (ProposeChanges({"no_such": True}), "changes"),
        (ConfirmReview(7), None),
        (AcceptProposal(7), None),
        (RejectProposal(7, "No"), None),
        (MarkDone(7, 1), "review"),
    ],
)
def test_what_is_refused_says_about_which_field(command, field):
    assert scenario().refused(command).field == field


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (RecordReview("", (Action(what="x" * 2001, side="customer"),)), "Action 1 has 2,001 characters."),
        (
            RecordReview("", (ACTION.model_copy(update={"due": date(2026, 11, 23)}),)),
            "Action 1 would be due on 23 Nov 2026, which is over.",
        ),
        (
            ProposeChanges({"no_such": True}),
            "There is no optional feature “no_such” in agreement version 2026-01-29.",
        ),
    ],
)
def test_what_is_refused_is_said_in_words(command, message):
    assert scenario().refused(command).message == message


def test_an_action_may_be_due_today():
    today = ACTION.model_copy(update={"due": date(2026, 11, 24)})
    assert after(RecordReview("", (today,))).state.last.actions == (today,)


def test_a_review_is_confirmed_once():
    c = after(RecordReview("", (ACTION,)), ConfirmReview(1))
    assert c.state.last.confirmed_by == "anna"
    assert "waiting to be confirmed" in c.refused(ConfirmReview(1)).message


OURS = Action(what="Look at the list", side="customer")


def test_each_side_marks_its_own_actions_as_done_once_with_who_and_when():
    c = after(RecordReview("", (ACTION, OURS)))
    for command, field in (
        (MarkDone(1, 1), "number"),
        (MarkProvidersDone(1, 2), "number"),
        (MarkDone(1, 3), "number"),
    ):
        refusal = c.refused(command)
        assert (refusal.code, refusal.field) == ("reviews.no_open_action", field)
    assert c.refused(MarkDone(1, 2, "x" * (MAX_REASON + 1))).field == "reason"
    c.until(NOW + timedelta(days=3))
    c.go(MarkProvidersDone(1, 1, " Sent by mail "))
    done = c.state.last.done[1]
    assert (done.at, done.by, done.note) == (NOW + timedelta(days=3), "eva", "Sent by mail")
    assert list(c.state.last.open_actions()) == [2]
    assert c.open_tasks() == [("customer", ""), ("customer", "")]  # the other action, and the confirmation
    assert c.refused(MarkProvidersDone(1, 1)).code == "reviews.all_done"
    c.go(ConfirmReview(1))
    c.go(MarkDone(1, 2))
    assert c.open_tasks() == []
    assert c.refused(MarkDone(1, 2)).field == "number"


def test_an_action_of_an_earlier_review_can_still_be_marked():
    c = after(RecordReview("", (OURS,)), RecordReview("All well."))
    assert reviews.touches(MarkDone(1, 1), c.state) == {"held": (1,)}
    c.go(MarkDone(1, 1))
    assert c.state.held[1].done[1].by == "anna"


def test_a_review_without_actions_has_nothing_to_confirm():
    c = after(RecordReview("All well."))
    assert reviews.steps_open(c.state.last, c.state, c.context()) == ()
    assert "agreed on no actions" in c.refused(ConfirmReview(1)).message
    assert c.open_tasks() == []


# --- proposals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer"),
    [(AcceptProposal(1, reason=" Fine "), "accepted"), (RejectProposal(1, "Not now"), "rejected")],
)
def test_a_proposal_is_answered_once(command, answer):
    c = after(ProposeChanges({"voice": True}, "cheaper"), command)
    [proposal] = c.state.proposals.values()
    assert (proposal.answer, proposal.answered_by, c.state.open_proposals) == (answer, "anna", ())
    assert status(proposal) == answer
    assert proposal.answer_reason == command.reason.strip()
    assert "No proposal 1" in c.refused(command).message


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_rejection_says_why(reason):
    refusal = after(ProposeChanges({"voice": True})).refused(RejectProposal(1, reason))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(i)")


def test_of_a_proposal_only_what_is_left_counts():
    c = after(ProposeChanges({"voice": True, "voicebot": True}))
    [proposal] = c.state.proposals.values()
    assert proposal.remaining(frozenset({"voice"})) == {"voicebot": True}
    switched(c, "voice")
    assert reviews.steps_open(proposal, c.state, c.context()) == (AcceptProposal, RejectProposal)
    switched(c, "voice", "voicebot")
    assert reviews.steps_open(proposal, c.state, c.context()) == (RejectProposal,)
    assert "stands already" in c.refused(AcceptProposal(1)).message
    c.go(RejectProposal(1, "Done"))


# --- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (RecordReview("", (ACTION,)), "Held a review and agreed on 1 action"),
        (RecordReview("note"), "Held a review and agreed on 0 actions"),
        (ProposeChanges({"voice": True, "voicebot": True}), "Proposed to switch Voice on, Voicebot on"),
    ],
)
def test_history_tells_it_in_words(command, sentence):
    c = scenario()
    [event] = recorded(c.decided(command))
    assert c.subject.describe(event, AGREEMENT) == sentence


def test_history_tells_the_answers_in_words():
    c = after(ProposeChanges({"voice": True}), RecordReview("note", (ACTION,)))
    told = [
        c.subject.describe(recorded(c.decided(command))[0], AGREEMENT)
        for command in (AcceptProposal(1), RejectProposal(1, "No"), ConfirmReview(2), MarkProvidersDone(2, 1))
    ]
    assert told == [
        "Accepted proposal 1",
        "Rejected proposal 1",
        "Confirmed the actions agreed in review 2",
        "Marked action 1 of review 2 as done",
    ]


def test_what_is_open():
    whenever = Action(what="Look at {the list}", side="customer")
    c = after(
        RecordReview("", (ACTION,)),
        RecordReview("", (whenever, ACTION)),
        ProposeChanges({"voicebot": True, "voice": True}),
    )
    found = list(reviews.tasks(c.state, c.context()))
    assert [(t.key, *c.subject.title_of(t), t.waits_for, t.due) for t in found] == [
        ("review/3", "Proposal", "Voice on, Voicebot on", "customer", None),
        ("review/2/1", "Agreed action", "Look at {the list} (the customer)", "customer", None),
        (
            "review/2/2",
            "Agreed action",
            "Send the list (the provider)",
            "provider",
            dates.end_of(date(2026, 12, 1)),
        ),
        (
            "review/2",
            "Review",
            "The customer’s admin has not confirmed the agreed actions",
            "customer",
            None,
        ),
    ]
    assert [(t.entry, t.by, t.opened_at, t.clause) for t in found] == [
        (3, "eva", NOW, "3.1(i)"),
        *[(2, "eva", NOW, "Art. 28(3)(h) GDPR")] * 3,
    ]
    assert {c.subject.step_of(t) for t in found} == {""}
    c.go(ConfirmReview(2))
    c.go(AcceptProposal(3))
    assert c.open_tasks() == [("customer", ""), ("provider", "")]


class Reviews(RuleBasedStateMachine):
    """No course of steps confirms or answers anything twice."""

    @initialize()
    def begin(self):
        self.scenario = scenario(datetime(2026, 11, 24, 14, tzinfo=UTC))
        self.answers = []

    @rule(days=st.integers(1, 30))
    def time_passes(self, days):
        self.scenario.until(self.scenario.now + timedelta(days=days))

    @rule(notes=st.sampled_from(["", "All well."]), number=st.integers(0, 2))
    def hold(self, notes, number):
        today = dates.local_day(self.scenario.now)
        action = Action(what="Look", side="customer", due=today)
        assert self.scenario.attempt(RecordReview(notes, (action,) * number)) == bool(notes or number)

    @rule(voice=st.booleans(), voicebot=st.booleans())
    def propose(self, voice, voicebot):
        self.scenario.attempt(ProposeChanges({"voice": voice, "voicebot": voicebot}))

    @rule(on=st.sets(st.sampled_from(["voice", "voicebot"])))
    def switch(self, on):
        switched(self.scenario, *on)

    @rule(id=st.integers(1, 8), step=st.sampled_from([ConfirmReview, AcceptProposal, RejectProposal]))
    def answer(self, id, step):
        if self.scenario.attempt(step(id, reason="Because")):
            self.answers.append(id)

    @rule(id=st.integers(1, 8), number=st.integers(1, 2), step=st.sampled_from([MarkDone, MarkProvidersDone]))
    def mark(self, id, number, step):
        if self.scenario.attempt(step(id, number)):
            self.answers.append((id, number))

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        state = self.scenario.state
        for review in state.held.values():
            number = min(review.open_actions(), default=1)
            marks = [mark(review.sequence, number) for mark in (MarkDone, MarkProvidersDone)]
            self.scenario.check_steps(review, [ConfirmReview(review.sequence), *marks])
        for proposal in state.proposals.values():
            examples = [AcceptProposal(proposal.sequence), RejectProposal(proposal.sequence, "No")]
            self.scenario.check_steps(proposal, examples)

    @invariant()
    def nothing_is_answered_twice(self):
        assert len(set(self.answers)) == len(self.answers)


TestReviews = Reviews.TestCase
TestReviews.settings = settings(max_examples=40, stateful_step_count=25)
