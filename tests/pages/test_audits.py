"""The page of audits: which steps each side finds, and what is refused before it reaches the rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application
from dpa_core.subjects import audits, dates
from dpa_core.subjects.common import FileRef
from tests.conftest import People, SettableClock
from tests.pages import confirm, offered, visit
from tests.pages.test_requests import errors, field, press
from tests.test_requests import AUDIT, DAY, act

MANDATED = replace(AUDIT, auditor="Revision AB")
LATER = DAY + timedelta(days=7)
PDF = b"%PDF-1.7\n%%EOF\n"


def steps(application: Application, people: People, who: str) -> list[str]:
    return offered("audits", application, getattr(people, who))


def test_each_side_finds_its_own_steps_while_dates_are_agreed(
    application: Application, people: People
) -> None:
    number = act(application, people.anna, MANDATED)
    assert steps(application, people, "eva") == ["Accept*", "Refuse the auditor", "Propose other dates"]
    assert steps(application, people, "anna") == ["Propose other dates", "Withdraw"]
    act(application, people.eva, audits.ProposeDates(number, LATER, LATER))
    assert steps(application, people, "eva") == ["Propose other dates"]
    assert steps(application, people, "anna") == ["Agree to the dates*", "Propose other dates", "Withdraw"]
    act(application, people.anna, audits.AgreeDates(number))
    assert steps(application, people, "eva") == ["Propose other dates"]
    assert steps(application, people, "anna") == ["Propose other dates", "Withdraw"]


def test_there_is_no_auditor_to_refuse_where_the_customer_audits_itself(
    application: Application, people: People
) -> None:
    act(application, people.anna, AUDIT)
    assert steps(application, people, "eva") == ["Accept*", "Propose other dates"]


def test_dates_that_have_passed_cannot_be_agreed_to(
    application: Application, people: People, clock: SettableClock
) -> None:
    number = act(application, people.anna, AUDIT)
    act(application, people.eva, audits.ProposeDates(number, LATER, LATER))
    clock.at = dates.end_of(LATER)
    assert steps(application, people, "anna") == ["Propose other dates", "Withdraw"]


def test_the_report_comes_from_the_customer_and_either_side_closes_its_findings(
    application: Application, people: People, clock: SettableClock
) -> None:
    number = act(application, people.anna, AUDIT)
    act(application, people.eva, audits.AcceptAudit(number))
    clock.at = dates.start_of(DAY)
    assert steps(application, people, "eva") == []
    assert steps(application, people, "anna") == ["File the report*", "Withdraw"]
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
    number = act(application, people.anna, AUDIT)
    act(application, people.eva, audits.ProposeDates(number, LATER, LATER))
    at = visit("audits", application, people.clara, "nordfrakt")
    assert any("Dates proposed" in m.value for m in at.markdown)


def test_a_mandated_auditor_has_a_name(application: Application, people: People) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    at = field(at, "Who audits").set_value("mandated").run()
    at = press(at, "Send the notice")
    assert "The auditor’s name is missing" in errors(at)
    assert "Name of the auditor" in errors(at)


def reporting(application: Application, people: People, clock: SettableClock) -> AppTest:
    number = act(application, people.anna, AUDIT)
    act(application, people.eva, audits.AcceptAudit(number))
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
