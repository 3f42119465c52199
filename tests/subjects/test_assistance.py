"""Help asked for, and flagged instructions. Clause: 3.1(i), 3.1(viii), 3.1(ix), 3.1(xiii), Sch. 3 1.4"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dpa_core.subjects import assistance, dates
from dpa_core.subjects.assistance import (
    ASSISTANCE,
    KINDS_OF_HELP,
    OUTCOMES,
    STAGES,
    STATUS,
    AnswerFlag,
    AnswerRequest,
    AskCustomer,
    Closed,
    CloseRequest,
    FlagInstruction,
    RequestHelp,
    SendMessage,
)
from dpa_core.subjects.common import PROCESSOR, FileRef
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, Scenario

TODAY = dates.local_day(NOW)
FILE = FileRef(name="flows.pdf", size=9, media_type="application/pdf", sha256="0" * 64)


def entry(number, behalf="nordfrakt"):
    """An entry of the ledger; what it says does not task."""
    body = Closed(request=1, outcome="closed", reason="")
    return recorded([body], after=number - 1, behalf=behalf)[0]


class Ledger(Scenario):
    """A customer's ledger, whose first four entries are its instructions and the fifth the provider's."""

    def decided(self, command, side=None):
        number = command.cited_entry
        behalf = "nordfrakt" if number in range(1, 5) else PROCESSOR
        self.facts["cited"] = entry(number, behalf) if number in range(1, 6) else None
        return super().decided(command, side)


def scenario(at=NOW):
    return Ledger(ASSISTANCE, at)


def help_with(kind="dpia", **changes):
    plain = {"title": "Voicebot", "text": "The data flows, please", "cost_acknowledged": True}
    if kind == "data_subject":
        plain |= {"rights": ("access",), "received_on": TODAY}
    return RequestHelp(kind, **(plain | changes))


def request(c, id=1):
    return c.state.requests[id]


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_every_kind_can_be_asked_for_and_cites_a_clause_of_the_agreement(kind):
    c = scenario()
    c.go(help_with(kind))
    assert AGREEMENT.clause(KINDS_OF_HELP[kind].clause)
    assert request(c).status == "waits_for_provider"


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
    refusal = scenario().refused(command)
    assert (refusal.field, refusal.clause) == (field, clause)


@pytest.mark.parametrize("kind", ["security", "dora_information"])
def test_proof_of_the_measures_costs_nothing(kind):
    scenario().go(help_with(kind, cost_acknowledged=False))


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
    c = scenario(at)
    c.go(help_with())
    due = assistance.due(request(c), AGREEMENT)
    assert due == dates.end_of(last)
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert task.due == due


@pytest.mark.parametrize(
    ("received", "own"),
    [(date(2026, 11, 24), date(2026, 12, 24)), (date(2026, 10, 31), date(2026, 11, 30))],
)
def test_the_controllers_own_month_runs_from_when_it_was_asked(received, own):
    c = scenario()
    c.go(help_with("data_subject", received_on=received))
    assert assistance.controller_due(request(c)) == own
    assert [t.clause for t in ASSISTANCE.tasks(c.state, c.context())] == ["3.1(viii)", "Art. 12(3) GDPR"]


def test_a_conversation_from_question_to_close():
    c = scenario()
    c.go(help_with())
    for command, side, status in (
        (AskCustomer(1, "Which flows?"), "provider", "waits_for_customer"),
        (SendMessage(1, "Of calls"), "customer", "waits_for_provider"),
        (AnswerRequest(1, "Attached"), "provider", "answered"),
        (SendMessage(1, "One more"), "customer", "waits_for_provider"),
        (AnswerRequest(1, "Here"), "provider", "answered"),
        (CloseRequest(1), "customer", "closed"),
    ):
        c.go(command, side)
        assert request(c).status == status
    assert [s.side[0] for s in request(c).said] == list("cpcpcpc")
    assert "is closed" in c.refused(SendMessage(1, "Hello?")).message


@pytest.mark.parametrize(
    ("steps", "waits_for", "step", "in_time"),
    [
        ((), "provider", "Answer", True),
        ((AskCustomer(1, "Which?"),), "customer", "Answer the question", True),
        ((AnswerRequest(1, "So"),), "customer", "Close it, or ask further", False),
    ],
)
def test_what_waits_for_whom(steps, waits_for, step, in_time):
    c = scenario()
    c.go(help_with("data_subject"))
    for command in steps:
        c.go(command)
    assert c.open_tasks() == [(waits_for, step), ("customer", "Your own answer to the data subject")]
    task, own = ASSISTANCE.tasks(c.state, c.context())
    assert (task.key, own.key) == ("assistance/1", "assistance/1/own")
    assert (task.due is not None) == in_time
    assert (task.opened_at, task.by, task.entry) == (NOW, "anna", 1)
    words = ("Assistance", "Request of a data subject: Voicebot")
    assert (ASSISTANCE.title_of(task), ASSISTANCE.title_of(own)) == (words, words)


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_a_title_is_shown_as_it_was_typed(kind):
    c = scenario()
    c.go(help_with(kind, title="{title} {0} {"))
    task, *_ = ASSISTANCE.tasks(c.state, c.context())
    assert ASSISTANCE.title_of(task)[1] == f"{KINDS_OF_HELP[kind].name}: {{title}} {{0}} {{"


def test_files_of_every_message_are_named():
    c = scenario()
    assert list(ASSISTANCE.files(c.state)) == []
    c.go(help_with(files=(FILE,)))
    c.go(AnswerRequest(1, "Attached", (FILE, FILE)))
    assert list(ASSISTANCE.files(c.state)) == [FILE, FILE, FILE]


@pytest.mark.parametrize("outcome", ["closed", "withdrawn"])
@pytest.mark.parametrize(
    "command",
    [SendMessage(1, "Hello?"), AskCustomer(1, "Which?"), AnswerRequest(1, "So"), CloseRequest(1)],
)
def test_nothing_follows_on_what_is_over(outcome, command):
    c = scenario()
    c.go(help_with())
    if outcome == "closed":
        c.go(AnswerRequest(1, "So"))
    c.go(CloseRequest(1))
    assert c.refused(command).message == f"Request 1 is {outcome}."
    assert list(ASSISTANCE.tasks(c.state, c.context())) == []


def test_a_step_of_the_other_side_does_not_fit():
    c = scenario()
    c.go(help_with())
    assert "does not fit" in c.refused(AnswerRequest(1, "So"), "customer").message
    assert "no request 2" in c.refused(CloseRequest(2)).message


def test_every_state_has_a_label_and_a_stage():
    assert set(STATUS) == set(STAGES) == set(get_args(assistance.Status))
    assert set(OUTCOMES) == set(assistance.FLAG_STAGES) == set(get_args(assistance.Outcome))


def test_what_was_not_answered_is_withdrawn_by_closing_it():
    c = scenario()
    c.go(help_with())
    c.go(CloseRequest(1, "Solved it ourselves"))
    assert request(c).status == "withdrawn"


# --- instructions that infringe the law ------------------------------------------------------------


def test_a_flagged_instruction_is_confirmed_with_a_reason_or_withdrawn():
    c = scenario()
    assert c.refused(FlagInstruction(2, " "), "provider").field == "opinion"
    assert c.refused(FlagInstruction(9, "Art. 9"), "provider").field == "instruction"
    c.go(FlagInstruction(2, "Art. 9 GDPR"), "provider")
    assert "flagged already" in c.refused(FlagInstruction(2, "Art. 9"), "provider").message
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert (task.waits_for, task.clause, task.key) == ("customer", "3.1(i)", "assistance/flag-1")
    assert ASSISTANCE.title_of(task) == ("Assistance", "Instruction 2 may infringe the law")
    assert ASSISTANCE.step_of(task) == "Confirm or withdraw it"
    refusal = c.refused(AnswerFlag(1, True))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(i)")
    c.go(AnswerFlag(1, True, "We have consent"))
    assert c.state.flags[1].outcome == "confirmed"
    assert "No flag waits" in c.refused(AnswerFlag(1, False)).message


@pytest.mark.parametrize(
    ("number", "why"),
    [(0, "no entry has that number"), (5, "the provider wrote it"), (6, "it is still to come")],
)
def test_only_an_instruction_of_the_customer_can_be_flagged(number, why):
    refusal = scenario().refused(FlagInstruction(number, "Art. 9 GDPR"))
    assert refusal.message == f"Entry {number} is no instruction of the customer.", why
    assert (refusal.field, refusal.clause) == ("instruction", "3.1(i)")


def test_the_number_of_an_entry_has_no_separators():
    c = scenario()
    old = assistance.FlaggedV1(instruction=1234, what="Switched on Voice", opinion="Art. 9 GDPR")
    c.state = ASSISTANCE.evolve(c.state, recorded([old], behalf=PROCESSOR)[0])
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert ASSISTANCE.title_of(task)[1] == "Instruction 1234 may infringe the law"


def test_withdrawing_a_flagged_request_withdraws_it():
    c = scenario()
    c.go(help_with("change"))
    c.go(FlagInstruction(1, "Art. 5 GDPR"), "provider")
    c.go(AnswerFlag(2, False))
    assert request(c).status == "withdrawn"
    assert list(ASSISTANCE.tasks(c.state, c.context())) == []


# --- what was written before -----------------------------------------------------------------------


def raw(c, kind, body, behalf="nordfrakt"):
    """Fold an event as it lies in a ledger; gives it."""
    sequence = c.sequence + 1
    event = replace(entry(sequence, behalf), kind=kind, body=body)
    c.state, c.sequence = ASSISTANCE.evolve(c.state, event), sequence
    return event


@pytest.mark.parametrize(
    ("then", "status", "sentence"),
    [
        ("waits for the provider", "waits_for_provider", "Wrote in request 1"),
        ("waits for you", "waits_for_customer", "Wrote in request 1"),
        ("answered", "answered", "Answered request 1"),
    ],
)
def test_a_message_that_told_its_status_in_words_says_the_same(then, status, sentence):
    c, same = scenario(), scenario()
    c.go(help_with())
    same.go(help_with())
    message = {"request": 1, "text": "So", "files": []}
    old = raw(c, "assistance.said", {"v": 1, "then": then} | message)
    new = raw(same, "assistance.said", {"v": 2, "then": status} | message)
    assert c.state == same.state
    assert request(c).status == status
    assert ASSISTANCE.describe(old, AGREEMENT) == ASSISTANCE.describe(new, AGREEMENT) == sentence


def test_a_flag_that_told_the_instruction_in_words_keeps_them():
    c = scenario()
    body = {"v": 1, "instruction": 2, "what": "Switched on Voice", "opinion": "Art. 9 GDPR"}
    old = raw(c, "assistance.flagged", body, PROCESSOR)
    assert c.state.flags[1].what == "Switched on Voice"
    assert ASSISTANCE.describe(old, AGREEMENT) == (
        "Flagged instruction 2 as infringing the law, in the provider's opinion"
    )
    c.go(AnswerFlag(1, False))
    assert c.state.flags[1].outcome == "withdrawn"


def test_what_is_written_now_holds_no_words_of_the_screen():
    c = scenario()
    c.go(help_with())
    (sent,) = c.decided(AskCustomer(1, "Which?"))
    (flagged,) = c.decided(FlagInstruction(1, "Art. 9 GDPR"))
    assert sent.model_dump() == {
        "v": 2, "request": 1, "text": "Which?", "files": (), "then": "waits_for_customer",
    }  # fmt: skip
    assert flagged.model_dump() == {"v": 2, "instruction": 1, "opinion": "Art. 9 GDPR"}


class Requests(RuleBasedStateMachine):
    """No course of steps goes on with what is over, or waits for nobody while it is open."""

    def __init__(self):
        super().__init__()
        self.scenario = scenario()

    @rule(kind=st.sampled_from(list(KINDS_OF_HELP)), cost=st.booleans())
    def ask(self, kind, cost):
        if self.scenario.attempt(help_with(kind, cost_acknowledged=cost), "customer"):
            assert cost or not KINDS_OF_HELP[kind].cost

    @rule(
        id=st.integers(1, 15), step=st.sampled_from(["say", "ask", "answer", "close", "flag", "keep", "drop"])
    )
    def step(self, id, step):
        before = self.scenario.state.requests.get(id)
        command, side = {
            "say": (SendMessage(id, "And?"), "customer"),
            "ask": (AskCustomer(id, "Which?"), "provider"),
            "answer": (AnswerRequest(id, "So"), "provider"),
            "close": (CloseRequest(id), "customer"),
            "flag": (FlagInstruction(id, "Art. 9"), "provider"),
            "keep": (AnswerFlag(id, True, "Consent"), "customer"),
            "drop": (AnswerFlag(id, False), "customer"),
        }[step]
        if self.scenario.attempt(command, side) and step in ("say", "ask", "answer", "close"):
            assert before.status not in ("closed", "withdrawn")

    @rule(days=st.integers(1, 30))
    def time_passes(self, days):
        self.scenario.until(self.scenario.now + timedelta(days=days))

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for r in self.scenario.state.requests.values():
            examples = [
                SendMessage(r.id, "And?"),
                AskCustomer(r.id, "Which?"),
                AnswerRequest(r.id, "So"),
                CloseRequest(r.id),
            ]
            self.scenario.check_steps(r, examples)
        for f in self.scenario.state.flags.values():
            self.scenario.check_steps(f, [AnswerFlag(f.id, True, "Consent")])
            self.scenario.check_steps(f, [AnswerFlag(f.id, False)])

    @invariant()
    def whatever_is_open_waits_for_someone(self):
        keys = {t.key for t in ASSISTANCE.tasks(self.scenario.state, self.scenario.context())}
        for r in self.scenario.state.requests.values():
            assert (f"assistance/{r.id}" in keys) == (r.status not in ("closed", "withdrawn"))
        for f in self.scenario.state.flags.values():
            assert (f"assistance/flag-{f.id}" in keys) == (f.outcome == "open")


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=40, stateful_step_count=25)
