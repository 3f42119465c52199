"""The page of audits: which steps each side finds, and what is refused before it reaches the rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application
from dpa_core.subjects import audits, dates, sub_processor_audits
from dpa_core.subjects.common import FileRef
from tests.conftest import People, SettableClock
from tests.pages import confirm, offered, receipt, shown, visit
from tests.pages.test_requests import errors, field, press
from tests.test_requests import AUDIT, DAY, act

MANDATED = replace(AUDIT, auditor="Revision AB")
LATER = DAY + timedelta(days=7)
PDF = b"%PDF-1.7\n%%EOF\n"


def steps(application: Application, people: People, who: str) -> list[str]:
    return offered("audits", application, getattr(people, who))


def test_each_side_finds_its_own_steps_with_a_mandated_auditor(
    application: Application, people: People
) -> None:
    number = act(application, people.anna, MANDATED)
    assert steps(application, people, "eva") == ["Accept the auditor*", "Refuse the auditor", "Other days"]
    assert steps(application, people, "anna") == ["Other days", "Another auditor", "Withdraw"]
    act(application, people.eva, audits.ProposeDates(number, LATER, LATER))
    act(application, people.eva, audits.AcceptAudit(number))
    assert steps(application, people, "eva") == ["Other days"]
    found = ["Agree to the days*", "Keep the days", "Other days", "Another auditor", "Withdraw"]
    assert steps(application, people, "anna") == found
    act(application, people.anna, audits.AgreeDates(number))
    assert steps(application, people, "eva") == ["Other days"]
    assert steps(application, people, "anna") == ["Other days", "Another auditor", "Withdraw"]


def test_the_customers_own_audit_waits_for_nobody(application: Application, people: People) -> None:
    act(application, people.anna, AUDIT)
    assert steps(application, people, "eva") == ["Other days"]
    assert "Scheduled" in shown(visit("audits", application, people.eva, "nordfrakt"))


def test_days_that_have_passed_cannot_be_agreed_to_and_their_reason_stays_to_be_read(
    application: Application, people: People, clock: SettableClock
) -> None:
    number = act(application, people.anna, replace(AUDIT, first=LATER, last=LATER))
    act(application, people.eva, audits.ProposeDates(number, DAY, DAY, "Staff away *then*"))
    clock.at = dates.start_of(DAY)
    assert steps(application, people, "anna") == ["Other days", "Another auditor", "Withdraw"]
    text = shown(visit("audits", application, people.eva, "nordfrakt"))
    assert "passed without an answer" in text
    assert "“Staff away *then*”" in text


@pytest.mark.parametrize("reader", ["anna", "eva", "clara"])
def test_every_reason_is_read_by_the_other_side(
    application: Application, people: People, reader: str
) -> None:
    first = act(application, people.anna, MANDATED)
    act(application, people.eva, audits.ProposeDates(first, LATER, LATER, "Staff away"))
    waiting = shown(visit("audits", application, getattr(people, reader), "nordfrakt"))
    assert "Until the customer agrees, the days above stand." in waiting
    act(application, people.anna, audits.KeepDates(first, "We are booked"))
    act(application, people.eva, audits.RefuseAuditor(first, "A competitor"))
    second = act(application, people.anna, replace(AUDIT, first=LATER, last=LATER))
    act(application, people.anna, audits.WithdrawAudit(second, "Not needed"))
    text = shown(visit("audits", application, getattr(people, reader), "nordfrakt"))
    for reason in ("Staff away", "We are booked", "A competitor", "Not needed"):
        assert f"“{reason}”" in text
    assert "did not agree to 8 Feb 2027" in text


def test_after_a_refusal_another_auditor_is_named_without_typing_anything_else(
    application: Application, people: People, clock: SettableClock
) -> None:
    number = act(application, people.anna, MANDATED)
    noticed = clock.now()
    clock.pass_days(30)
    act(application, people.eva, audits.RefuseAuditor(number, "A competitor"))
    assert steps(application, people, "anna") == ["Another auditor*", "Withdraw"]
    at = press(visit("audits", application, people.anna, "nordfrakt"), "Another auditor")
    at = confirm(at, "Name the auditor")
    assert "The auditor’s name is missing" in errors(at)
    at.text_input(key=field_key(at, "Name of the auditor")).set_value("Granskning AB")
    assert "Recorded as entry" in receipt(confirm(at, "Name the auditor"))
    audit = application.open(people.anna, "nordfrakt").state.audits.audits[number]
    assert (audit.auditor, audit.requested_at, audit.plan.first) == ("Granskning AB", noticed, DAY)
    assert steps(application, people, "eva")[0] == "Accept the auditor*"


def field_key(at: AppTest, label: str) -> str:
    """The key of the last field with a label: the one in the dialog."""
    return [w.key for w in at.text_input if w.label == label][-1] or ""


def test_a_refusal_of_the_auditor_asks_for_a_reason(application: Application, people: People) -> None:
    act(application, people.anna, MANDATED)
    at = press(visit("audits", application, people.eva, "nordfrakt"), "Refuse the auditor")
    assert "A reason is missing" in errors(confirm(at, "Refuse the auditor"))


def test_a_cause_is_asked_for_contested_and_answered(application: Application, people: People) -> None:
    act(application, people.anna, AUDIT)
    at = visit("audits", application, people.anna, "nordfrakt")
    at = field(at, "First day").set_value(LATER).run()
    at = field(at, "Last day").set_value(LATER).run()
    assert "names nobody" not in shown(at)
    assert "is our reading" in shown(at)
    field(at, "Scope").set_value("Logging")
    field(at, "Your contact for the audit").set_value("Anna")
    field(at, "Reasonable cause for a further audit").set_value("x")
    at = press(at, "Send the notice")
    assert "The cause says too little" in errors(at)
    cause = "The breach of 3 November"
    second = act(application, people.anna, replace(AUDIT, first=LATER, last=LATER, cause=cause))
    act(application, people.eva, audits.ContestCause(second, "It did not touch you"))
    text = shown(visit("audits", application, people.anna, "nordfrakt"))
    assert "The audit stands all the same" in text
    assert "“It did not touch you”" in text
    assert "Answer on the cause" in steps(application, people, "anna")


# --- a sub-processor's ---------------------------------------------------------------------------

ASKED = sub_processor_audits.RequestSubProcessorAudit("openai", "Art. 28(3)(h) GDPR", "Deletion")


def test_an_audit_of_a_sub_processor_is_asked_for_without_days_auditor_or_cost(
    application: Application, people: People
) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    at = press(at, "Ask for the audit")
    assert "**Ground in data protection law:**" in errors(at)
    field(at, "Ground in data protection law").set_value("Art. 28(3)(h) GDPR")
    field(at, "What the audit is to look at").set_value("Deletion of prompts")
    assert "Recorded as entry" in receipt(press(at, "Ask for the audit"))
    [audit] = application.open(people.anna, "nordfrakt").state.sub_processor_audits.audits.values()
    assert audit.said[0].text == "Deletion of prompts"
    assert steps(application, people, "eva") == ["Conduct or confirm*", "Decline"]
    assert steps(application, people, "anna") == ["Withdraw"]


def test_the_provider_declines_with_a_reason_and_the_customer_answers(
    application: Application, people: People
) -> None:
    number = act(application, people.anna, ASKED)
    at = press(visit("audits", application, people.eva, "nordfrakt"), "Decline")
    field(at, "Reason (required)").set_value("The report is of this year")
    at = confirm(at, "Decline")
    assert "cannot be declined" in errors(at)
    decline = sub_processor_audits.DeclineAudit(number, "The report is of this year", True)
    act(application, people.eva, decline)
    assert steps(application, people, "anna") == ["Answer*", "Withdraw"]
    act(application, people.anna, sub_processor_audits.AnswerDecline(number, "It leaves deletion out"))
    text = shown(visit("audits", application, people.eva, "nordfrakt"))
    assert "The report is of this year" in text
    assert "It leaves deletion out" in text


def test_the_result_is_filed_by_the_provider_and_fetched_by_the_customer(
    application: Application, people: People
) -> None:
    number = act(application, people.anna, ASKED)
    act(application, people.eva, sub_processor_audits.UndertakeAudit(number, "confirm", LATER))
    assert "the provider’s own day" in shown(visit("audits", application, people.anna, "nordfrakt"))
    at = press(visit("audits", application, people.eva, "nordfrakt"), "File the result")
    at = confirm(at, "File the result")
    assert "No document of the result" in errors(at)
    at.file_uploader[-1].set_value([("soc2.pdf", PDF, "application/pdf")])
    assert "Recorded as entry" in receipt(confirm(at, "File the result"))
    file = application.open(people.anna, "nordfrakt")
    assert file.state.sub_processor_audits.audits == {}
    [audit] = file.closed.page("sub_processor_audits.audits", sub_processor_audits.Audit, 10)
    assert file.attached(audit.result[0].sha256).content == PDF
    text = shown(visit("audits", application, people.anna, "nordfrakt"))
    assert "Result filed" in text
    assert application.verify() == []


def test_the_report_comes_from_the_customer_and_either_side_closes_its_findings(
    application: Application, people: People, clock: SettableClock
) -> None:
    number = act(application, people.anna, AUDIT)
    clock.at = dates.start_of(DAY)
    assert steps(application, people, "eva") == []
    assert steps(application, people, "anna") == ["File the report*", "Other days", "Withdraw"]
    report = FileRef(name="report.pdf", size=9, media_type="application/pdf", sha256="0" * 64)
    found = (audits.NewFinding(title="Old keys"), audits.NewFinding(title="No restore test"))
    act(application, people.anna, audits.FileReport(number, report, found))
    for who in ("anna", "eva"):
        assert steps(application, people, who) == ["Close the finding"] * 2
    act(application, people.eva, audits.CloseFinding(number, 2, "Tested"))
    assert steps(application, people, "anna") == ["Close the finding"]
    act(application, people.anna, audits.CloseFinding(number, 1, "Rotated"))
    assert steps(application, people, "anna") == steps(application, people, "eva") == []


def test_how_an_audit_stands_is_said_in_the_subjects_words(application: Application, people: People) -> None:
    number = act(application, people.anna, MANDATED)
    act(application, people.eva, audits.ProposeDates(number, LATER, LATER))
    text = shown(visit("audits", application, people.clara, "nordfrakt"))
    assert "Waiting for acceptance" in text
    assert "The provider proposes **8 Feb 2027** instead" in text


def test_a_mandated_auditor_has_a_name(application: Application, people: People) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    at = field(at, "Who audits").set_value("mandated").run()
    at = press(at, "Send the notice")
    assert "The auditor’s name is missing" in errors(at)
    assert "Name of the auditor" in errors(at)


def reporting(application: Application, people: People, clock: SettableClock) -> AppTest:
    act(application, people.anna, AUDIT)
    clock.at = dates.start_of(DAY)
    return press(visit("audits", application, people.anna, "nordfrakt"), "File the report")


@pytest.mark.parametrize(
    ("names", "why"),
    [((), "No report is attached"), (("a.pdf", "b.pdf"), "More than one report is attached")],
)
def test_one_report_is_filed(
    application: Application, people: People, clock: SettableClock, names: tuple[str, ...], why: str
) -> None:
    at = reporting(application, people, clock)
    at.file_uploader[0].set_value([(name, PDF, "application/pdf") for name in names])
    at = confirm(at, "File the report")
    assert why in errors(at)
    assert "**Report:**" in errors(at)
