"""Audits of a sub-processor, which the provider conducts or confirms. Clause: Sch. 2 1.4"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import dates
from dpa_core.subjects import sub_processor_audits as audits
from dpa_core.subjects.common import FileRef
from dpa_core.subjects.sub_processor_audits import (
    AnswerDecline,
    DeclineAudit,
    FileResult,
    RequestSubProcessorAudit,
    UndertakeAudit,
    WithdrawRequest,
    status,
)
from dpa_core.subjects.subject import Task
from tests.conftest import NOW
from tests.subjects.scenario import TICK, Scenario

REPORT = FileRef(name="soc2.pdf", size=9, media_type="application/pdf", sha256="0" * 64)
ASKED = RequestSubProcessorAudit("openai", "Art. 28(3)(h) GDPR", "Deletion of prompts")
CLAUSE = "Sch. 2 1.4"


def scenario(*commands, at=NOW):
    c = Scenario(audits.SUB_PROCESSOR_AUDITS, at)
    for command in commands:
        c.go(command)
    return c


def the(c, id=1):
    return c.state.audits[id]


def waiting(c):
    """For whom, which step, when due, under which clause."""
    return [(t.waits_for, t.step, t.due, t.clause) for t in audits.tasks(c.state, c.context())]


def test_one_is_asked_for_without_a_day_a_notice_an_auditor_or_a_cost():
    c = scenario(ASKED)
    audit = the(c)
    assert (audit.name, audit.ground, audit.by, status(audit)) == (
        "OpenAI",
        "Art. 28(3)(h) GDPR",
        "anna",
        "requested",
    )
    assert waiting(c) == [("provider", "conduct_or_confirm", None, CLAUSE)]
    assert audits.title(audit) == "Audit 1 of OpenAI"


def test_no_number_a_year_is_counted():
    c = scenario(*[ASKED] * 5)
    assert [status(a) for a in c.state.audits.values()] == ["requested"] * 5


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (RequestSubProcessorAudit("nobody", "Art. 28", "All"), "sub_processor"),
        (RequestSubProcessorAudit("openai", " ", "All"), "ground"),
        (RequestSubProcessorAudit("openai", "x" * 9_000, "All"), "ground"),
        (RequestSubProcessorAudit("openai", "Art. 28", ""), "scope"),
        (UndertakeAudit(1, "neither"), "how"),  # type: ignore[arg-type]  # wrong on purpose
        (UndertakeAudit(1, "conduct", date(2026, 11, 23)), "expected"),
        (UndertakeAudit(1, "conduct", None, "x" * 9_000), "reason"),
        (DeclineAudit(1, " ", True), "reason"),
        (DeclineAudit(1, "The last report is of this year"), "not_required"),
        (UndertakeAudit(7, "conduct"), "audit"),
        (FileResult(1, (REPORT,)), None),
        (AnswerDecline(1, "It does not cover it"), None),
    ],
)
def test_what_is_refused_names_the_field_and_the_clause(command, field):
    refusal = scenario(ASKED).refused(command)
    assert refusal.field == field
    assert refusal.clause == CLAUSE or field == "reason"


@pytest.mark.parametrize("how", ["conduct", "confirm"])
def test_the_provider_says_which_and_files_the_result(how):
    c = scenario(ASKED, UndertakeAudit(1, how, date(2026, 11, 24), "By our auditor"))
    assert (the(c).how, status(the(c))) == (how, "under_way")
    assert waiting(c) == [("provider", "file_result", dates.end_of(date(2026, 11, 24)), CLAUSE)]
    refusal = c.refused(FileResult(1, ()))
    assert (refusal.field, refusal.clause) == ("files", CLAUSE)
    c.go(FileResult(1, (REPORT,), "No findings"))
    audit = the(c)
    assert (status(audit), waiting(c)) == ("result_filed", [])
    assert [(m.side, m.step, m.text, len(m.files)) for m in audit.said] == [
        ("customer", "", "Deletion of prompts", 0),
        ("provider", f"audit_{how}", "By our auditor", 0),
        ("provider", "audit_result", "No findings", 1),
    ]
    assert list(audits.files(c.state)) == [REPORT]
    for command in (FileResult(1, (REPORT,)), WithdrawRequest(1), DeclineAudit(1, "No", True)):
        assert "result filed" in c.refused(command).message


def test_another_day_or_way_can_be_named_and_no_day_is_none_of_the_agreement():
    c = scenario(ASKED, UndertakeAudit(1, "conduct", date(2026, 12, 1)))
    c.go(UndertakeAudit(1, "confirm"))
    assert waiting(c) == [("provider", "file_result", None, CLAUSE)]
    assert "under way" in c.refused(DeclineAudit(1, "Not needed", True)).message


def test_a_decline_is_on_the_record_and_the_customers_answer_has_it_looked_at_again():
    c = scenario(ASKED, DeclineAudit(1, " The last report is of this year ", True))
    assert status(the(c)) == "declined"
    assert waiting(c) == [("customer", "answer_decline", None, CLAUSE)]
    assert c.refused(AnswerDecline(1, " ")).field == "answer"
    c.go(AnswerDecline(1, "It does not cover deletion"))
    assert waiting(c) == [("provider", "conduct_or_confirm", None, CLAUSE)]
    c.go(DeclineAudit(1, "It does, on page 8", True))
    c.go(UndertakeAudit(1, "confirm"))  # the provider may change its mind unasked
    assert [(m.side, m.step, m.text) for m in the(c).said[1:]] == [
        ("provider", "audit_declined", "The last report is of this year"),
        ("customer", "", "It does not cover deletion"),
        ("provider", "audit_declined", "It does, on page 8"),
        ("provider", "audit_confirm", ""),
    ]
    assert status(the(c)) == "under_way"


@pytest.mark.parametrize(
    "before", [(), (UndertakeAudit(1, "conduct"),), (DeclineAudit(1, "Not needed", True),)]
)
def test_the_customer_does_without_it_until_the_result_is_filed(before):
    c = scenario(ASKED, *before, WithdrawRequest(1, "We changed our mind"))
    assert (status(the(c)), waiting(c)) == ("withdrawn", [])
    said = the(c).said[-1]
    assert (said.step, said.text) == ("request_withdrawn", "We changed our mind")
    assert "withdrawn" in c.refused(UndertakeAudit(1, "conduct")).message


def test_what_is_open_names_the_request_who_made_it_and_when():
    asked = Task(
        "audits/1",
        "sub_processor_audits",
        "audit",
        "conduct_or_confirm",
        {"id": "1", "name": "OpenAI"},
        waits_for="provider",
        clause=CLAUSE,
        opened_at=NOW,
        by="anna",
        entry=1,
    )
    c = scenario(ASKED)
    c.until(NOW + timedelta(days=2))
    assert list(audits.tasks(c.state, c.context())) == [asked]
    day = dates.local_day(c.now)
    c.go(UndertakeAudit(1, "conduct", day))
    under_way = replace(asked, step="file_result", due=dates.end_of(day))
    assert list(audits.tasks(c.state, c.context())) == [under_way]


def test_a_decline_forgets_no_day_and_an_answer_no_way():
    c = scenario(ASKED, DeclineAudit(1, "Of this year", True))
    assert (the(c).declined, the(c).how, the(c).requested_at) == (True, None, NOW)
    c.go(AnswerDecline(1, "It does not cover deletion"))
    assert (the(c).declined, status(the(c))) == (False, "requested")
    c.go(UndertakeAudit(1, "confirm", date(2026, 12, 1)))
    assert (the(c).declined, the(c).expected) == (False, date(2026, 12, 1))


def test_a_step_names_the_request_that_it_is_about():
    c = scenario(ASKED)
    assert audits.touches(WithdrawRequest(1), c.state) == {"audits": (1,)}
    (withdrawn,) = c.decided(WithdrawRequest(1))
    assert audits.touches(withdrawn, c.state) == {"audits": (1,)}
    assert audits.touches(ASKED, c.state) == {}


class SubProcessorAudits(RuleBasedStateMachine):
    """No course of steps ends without a result unless the customer wants that, and no word of it is lost."""

    @initialize()
    def begin(self):
        self.scenario = scenario(at=datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC))
        self.typed = {}

    @rule(days=st.integers(0, 90))
    def time_passes(self, days):
        self.scenario.until(self.scenario.now + timedelta(days=days) + TICK)

    @rule()
    def ask(self):
        self.typed[self.scenario.go(ASKED)] = ["Deletion of prompts"]

    @rule(
        id=st.integers(1, 6),
        step=st.sampled_from(["undertake", "decline", "answer", "file", "withdraw"]),
        text=st.sampled_from(["One", "Two"]),
    )
    def step(self, id, step, text):
        command = self.examples(id, text)[step]
        if self.scenario.attempt(command):
            self.typed[id].append(text)

    def examples(self, id, text):
        return {
            "undertake": UndertakeAudit(id, "conduct", None, text),
            "decline": DeclineAudit(id, text, True),
            "answer": AnswerDecline(id, text),
            "file": FileResult(id, (REPORT,), text),
            "withdraw": WithdrawRequest(id, text),
        }

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for audit in self.scenario.state.audits.values():
            self.scenario.check_steps(audit, list(self.examples(audit.id, "One").values()))

    @invariant()
    def everything_typed_is_read_by_both(self):
        for id, audit in self.scenario.state.audits.items():
            assert [m.text for m in audit.said] == self.typed[id]

    @invariant()
    def it_waits_for_somebody_until_it_is_over(self):
        open_ones = {t.entry for t in audits.tasks(self.scenario.state, self.scenario.context())}
        for id, audit in self.scenario.state.audits.items():
            assert (id not in open_ones) == (bool(audit.result) or audit.withdrawn)


TestSubProcessorAudits = SubProcessorAudits.TestCase
TestSubProcessorAudits.settings = settings(max_examples=30, stateful_step_count=20)
