"""Help asked for, and flagged instructions. Clause: 3.1(i), 3.1(viii), 3.1(ix), 3.1(xiii), Sch. 3 1.4"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dpa_core.subjects import assistance, dates
from dpa_core.subjects.assistance import (
    KINDS_OF_HELP,
    Answer,
    AnswerFlag,
    Ask,
    Close,
    FlagInstruction,
    RequestHelp,
    Say,
)
from dpa_core.subjects.common import Refusal
from tests.conftest import NOW
from tests.subjects.course import AGREEMENT, TICK, Course

TODAY = dates.local_day(NOW)


def course(at=NOW):
    return Course(
        assistance.State(),
        lambda command, state, now, side: assistance.decide(
            command,
            state,
            AGREEMENT,
            now,
            "Switched on Voice" if getattr(command, "instruction", 0) < 5 else None,
        ),
        assistance.evolve,
        at,
    )


def help_with(kind="dpia", **changes):
    plain = {"title": "Voicebot", "text": "The data flows, please", "cost_acknowledged": True}
    if kind == "data_subject":
        plain |= {"rights": ("access",), "received_on": TODAY}
    return RequestHelp(kind, **(plain | changes))


def request(c, id=1):
    return c.state.requests[id]


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_every_kind_can_be_asked_for_and_cites_a_clause_of_the_agreement(kind):
    c = course()
    c.go(help_with(kind))
    assert AGREEMENT.clause(KINDS_OF_HELP[kind].clause)
    assert request(c).status == "waits for the provider"


@pytest.mark.parametrize(
    ("command", "field", "clause"),
    [
        (help_with("nonsense"), "kind", "3.1(ix)"),
        (help_with(title=""), "title", "3.1(ix)"),
        (help_with(text=" "), "text", "3.1(ix)"),
        (help_with(text="x" * 9_000), "text", "3.1(ix)"),
        (help_with("data_subject", rights=()), "rights", "3.1(viii)"),
        (help_with("data_subject", received_on=None), "received_on", "Art. 12(3) GDPR"),
        (help_with("data_subject", received_on=TODAY + timedelta(days=1)), "received_on", "Art. 12(3) GDPR"),
        (help_with(cost_acknowledged=False), "cost_acknowledged", "3.1(xiii)"),
        (help_with("change", cost_acknowledged=False), "cost_acknowledged", "3.1(i)"),
        (help_with("dora_incident", cost_acknowledged=False), "cost_acknowledged", "Sch. 3 1.4(vi)"),
    ],
)
def test_what_a_request_must_say(command, field, clause):
    refusal = course().refused(command)
    assert (refusal.field, refusal.clause) == (field, clause)


@pytest.mark.parametrize("kind", ["security", "dora_information"])
def test_proof_of_the_measures_costs_nothing(kind):
    course().go(help_with(kind, cost_acknowledged=False))


@pytest.mark.parametrize(
    ("at", "last"),
    [
        (NOW, date(2026, 12, 8)),
        (datetime(2026, 12, 18, 9, tzinfo=UTC), date(2027, 1, 8)),
        (datetime(2026, 6, 12, 9, tzinfo=UTC), date(2026, 6, 29)),  # Midsummer Eve does not count
        (datetime(2027, 3, 22, 9, tzinfo=UTC), date(2027, 4, 7)),  # Easter, and summer time begins
        (datetime(2028, 2, 18, 9, tzinfo=UTC), date(2028, 3, 3)),  # leap day counts
    ],
)
def test_ten_business_days(at, last):
    c = course(at)
    c.go(help_with())
    due = assistance.due(request(c), AGREEMENT)
    assert due == dates.end_of(last)
    (matter,) = assistance.matters(c.state, AGREEMENT)
    assert (matter.due, matter.due > due - TICK) == (due, True)


@pytest.mark.parametrize(
    ("received", "own"),
    [(date(2026, 11, 24), date(2026, 12, 24)), (date(2026, 10, 31), date(2026, 11, 30))],
)
def test_the_controllers_own_month_runs_from_when_it_was_asked(received, own):
    c = course()
    c.go(help_with("data_subject", received_on=received))
    assert assistance.controller_due(request(c)) == own
    assert [m.clause for m in assistance.matters(c.state, AGREEMENT)] == ["3.1(viii)", "Art. 12(3) GDPR"]


def test_a_conversation_from_question_to_close():
    c = course()
    c.go(help_with())
    for command, side, status in (
        (Ask(1, "Which flows?"), "provider", "waits for you"),
        (Say(1, "Of calls"), "customer", "waits for the provider"),
        (Answer(1, "Attached"), "provider", "answered"),
        (Say(1, "One more"), "customer", "waits for the provider"),
        (Answer(1, "Here"), "provider", "answered"),
        (Close(1), "customer", "closed"),
    ):
        c.go(command, side)
        assert request(c).status == status
    assert [s.side[0] for s in request(c).said] == list("cpcpcpc")
    assert "is closed" in c.refused(Say(1, "Hello?")).message


def test_what_was_not_answered_is_withdrawn_by_closing_it():
    c = course()
    c.go(help_with())
    c.go(Close(1, "Solved it ourselves"))
    assert request(c).status == "withdrawn"


# --- instructions that infringe the law ------------------------------------------------------------


def test_a_flagged_instruction_is_confirmed_with_a_reason_or_withdrawn():
    c = course()
    assert c.refused(FlagInstruction(2, " "), "provider").field == "opinion"
    assert c.refused(FlagInstruction(9, "Art. 9"), "provider").field == "instruction"
    c.go(FlagInstruction(2, "Art. 9 GDPR"), "provider")
    assert "flagged already" in c.refused(FlagInstruction(2, "Art. 9"), "provider").message
    (matter,) = assistance.matters(c.state, AGREEMENT)
    assert (matter.waits_for, matter.clause) == ("customer", "3.1(i)")
    refusal = c.refused(AnswerFlag(1, True))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(i)")
    c.go(AnswerFlag(1, True, "We have consent"))
    assert c.state.flags[1].outcome == "confirmed"
    assert "No flag waits" in c.refused(AnswerFlag(1, False)).message


def test_withdrawing_a_flagged_request_withdraws_it():
    c = course()
    c.go(help_with("change"))
    c.go(FlagInstruction(1, "Art. 5 GDPR"), "provider")
    c.go(AnswerFlag(2, False))
    assert request(c).status == "withdrawn"
    assert list(assistance.matters(c.state, AGREEMENT)) == []


class Requests(RuleBasedStateMachine):
    """No course of steps goes on with what is over, or waits for nobody while it is open."""

    def __init__(self):
        super().__init__()
        self.course = course()

    def attempt(self, command, side):
        try:
            self.course.go(command, side)
        except Refusal:
            return False
        return True

    @rule(kind=st.sampled_from(list(KINDS_OF_HELP)), cost=st.booleans())
    def ask(self, kind, cost):
        if self.attempt(help_with(kind, cost_acknowledged=cost), "customer"):
            assert cost or not KINDS_OF_HELP[kind].cost

    @rule(
        id=st.integers(1, 15), step=st.sampled_from(["say", "ask", "answer", "close", "flag", "keep", "drop"])
    )
    def step(self, id, step):
        before = self.course.state.requests.get(id)
        command, side = {
            "say": (Say(id, "And?"), "customer"),
            "ask": (Ask(id, "Which?"), "provider"),
            "answer": (Answer(id, "So"), "provider"),
            "close": (Close(id), "customer"),
            "flag": (FlagInstruction(id, "Art. 9"), "provider"),
            "keep": (AnswerFlag(id, True, "Consent"), "customer"),
            "drop": (AnswerFlag(id, False), "customer"),
        }[step]
        if self.attempt(command, side) and step in ("say", "ask", "answer", "close"):
            assert before.status not in ("closed", "withdrawn")

    @rule(days=st.integers(1, 30))
    def time_passes(self, days):
        self.course.until(self.course.now + timedelta(days=days))

    @invariant()
    def whatever_is_open_waits_for_someone(self):
        keys = {m.key for m in assistance.matters(self.course.state, AGREEMENT)}
        for r in self.course.state.requests.values():
            assert (f"assistance/{r.id}" in keys) == (r.status not in ("closed", "withdrawn"))
        for f in self.course.state.flags.values():
            assert (f"assistance/flag-{f.id}" in keys) == (f.outcome == "open")


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=40, stateful_step_count=25)
