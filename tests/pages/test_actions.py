"""The one way to confirm: what a dialog tells when things changed, what is refused, and the receipt."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dpa_core.application import SESSION, Application, StoreError
from dpa_core.settings import ROOT
from dpa_core.subjects import assistance, incidents, objections, retention
from dpa_core.subjects.grants import RevokeAccess
from pages.parts import actions
from tests.conftest import NOW, People, SettableClock, carry_out, email, sign_in
from tests.pages import LISTED, alone, confirm, labels, receipt, visit
from tests.test_requests import AUDIT, BREACH, HELP, TALVOX, act, announce, govern

STORE_FULL = "The disk is full. Nothing of this step was stored."


def press(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label).click().run()


def proposing(at: AppTest) -> AppTest:
    """With the dialog open that sets other days of an audit, and a reason typed into it."""
    at = press(at, "Other days")
    for day in at.date_input[-2:]:
        day.set_value(date(2027, 2, 2))
    return alone(at, at.text_area[-1].set_value("We move house"))


@pytest.fixture
def asked(application: Application, people: People) -> int:
    """An audit that Anna has asked for."""
    return act(application, people.anna, AUDIT)


# --- who may no longer ---------------------------------------------------------------------------


def test_a_sign_in_that_ended_is_told_in_a_request_dialog(
    application: Application, asked: int, clock: SettableClock
) -> None:
    anna = sign_in(application, "anna")[1]
    at = proposing(visit("audits", application, anna, "nordfrakt"))
    clock.at += SESSION
    at = confirm(at, "Send")
    assert "Your sign-in has expired" in at.error[0].value
    assert not at.button
    assert application.open(application.person(email("bo")), "nordfrakt").sequence == asked


def test_a_sign_in_that_ended_is_told_in_a_form_of_the_page(
    application: Application, clock: SettableClock
) -> None:
    anna = sign_in(application, "anna")[1]
    at = visit("assistance", application, anna, "nordfrakt")
    at.text_input[0].set_value("Case 17")
    clock.at += SESSION
    at = press(at, "Send the request")
    assert "Your sign-in has expired" in at.error[0].value
    assert at.text_input[0].value == "Case 17"


def test_access_that_was_taken_away_is_told_in_a_request_dialog(
    application: Application, people: People, asked: int
) -> None:
    at = proposing(visit("audits", application, people.anna, "nordfrakt"))
    application.change_access(people.bo, RevokeAccess(email("anna"), "customer_admin", "nordfrakt"))
    at = confirm(at, "Send")
    assert "was taken on 24 Nov 2026" in at.error[0].value
    assert not at.button
    assert application.open(people.bo, "nordfrakt").sequence == asked


# --- what others did -----------------------------------------------------------------------------


def test_what_others_did_is_listed_in_a_request_dialog_and_asked_again(
    application: Application, people: People, asked: int
) -> None:
    at = proposing(visit("audits", application, people.anna, "nordfrakt"))
    act(application, people.bo, HELP)
    at = confirm(at, "Send")
    told = at.warning[0].value.replace("\\", "")
    assert "Someone else changed this meanwhile" in told
    assert "`bo@people.example`: Asked for help" in told
    assert at.text_area[-1].value == "We move house"
    assert application.open(people.bo, "nordfrakt").sequence == asked + 1
    confirm(at, "Send")
    assert application.open(people.bo, "nordfrakt").state.audits.audits[asked].said


def test_a_step_of_the_provider_also_hears_of_others(application: Application, people: People) -> None:
    govern(application, people.eva, TALVOX)
    at = press(visit("notices", application, people.eva, "nordfrakt"), "Publish")
    govern(application, people.eva, BREACH)
    at = confirm(at, "Publish to all customers")
    assert "`eva@people.example`: Recorded: Personal data breach: Leak" in at.warning[0].value.replace(
        "\\", ""
    )
    assert "Recorded as entry 3 of the provider’s own record" in receipt(
        confirm(at, "Publish to all customers")
    )


def test_a_step_that_the_page_no_longer_offers_is_said_to_be_gone(
    application: Application, people: People
) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    at.session_state["actions.open"] = "audits.AcceptAudit.2"
    at = at.run()
    assert "someone else was faster" in at.toast[0].value
    assert not at.run().toast


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_refusal_names_the_field_and_what_was_typed_stays(
    application: Application, people: People, asked: int
) -> None:
    act(application, people.anna, retention.PlaceHold("emails", "Dispute"))
    at = visit("assistance", application, people.eva, "nordfrakt")
    at = press(at, "Flag an instruction as infringing the law")
    at = confirm(at, "Tell the customer")
    assert at.error[0].value.startswith("**Which law:** ")
    at = press(visit("retention", application, people.anna, "nordfrakt"), "Place legal hold")
    at = confirm(at, "Place legal hold")
    assert at.error[0].value.startswith("**Reason:** A reason is missing")


@pytest.mark.parametrize("where", ["dialog", "page"])
def test_a_store_that_is_full_is_said_in_its_words(
    application: Application, people: People, asked: int, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object) -> None:
        raise StoreError(STORE_FULL)

    at = visit("audits" if where == "dialog" else "snapshots", application, people.anna, "nordfrakt")
    if where == "dialog":
        at = proposing(at)
    monkeypatch.setattr(application, "carry_out", full)
    at = confirm(at, "Send") if where == "dialog" else press(at, "Take a snapshot")
    assert at.error[0].value.replace("\\", "") == STORE_FULL
    if where == "dialog":
        assert at.text_area[-1].value == "We move house"


@pytest.mark.parametrize("whose", ["customer", "provider"])
def test_a_store_that_goes_away_right_after_a_step_takes_no_receipt_away(
    application: Application, people: People, asked: int, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    if whose == "customer":
        at = proposing(visit("audits", application, people.anna, "nordfrakt"))
        door, label, told = "carry_out", "Send", f"entry {asked + 1}:"
    else:
        govern(application, people.eva, TALVOX)
        at = press(visit("notices", application, people.eva, "nordfrakt"), "Publish")
        door, label, told = "govern", "Publish to all customers", "entry 2 of the provider"
    send, record, rows = getattr(application, door), actions._record, application.ledger.rows

    def gone(*_: object) -> None:
        raise StoreError("The database server cannot be reached just now.")

    def sent(*given: Any) -> Any:
        receipt = send(*given)
        monkeypatch.setattr(application.ledger, "rows", gone)
        return receipt

    def recorded(*given: Any) -> Any:
        try:
            return record(*given)
        finally:
            monkeypatch.setattr(application.ledger, "rows", rows)

    monkeypatch.setattr(application, door, sent)
    monkeypatch.setattr(actions, "_record", recorded)
    at = confirm(at, label)
    assert told in receipt(at)
    assert "cannot be read back just now" in receipt(at)
    assert not at.error


# --- the receipt ---------------------------------------------------------------------------------


def test_a_receipt_says_what_its_number_whose_turn_it_is_and_by_when(
    application: Application, people: People, asked: int
) -> None:
    at = proposing(visit("audits", application, people.anna, "nordfrakt"))
    said = receipt(confirm(at, "Send"))
    assert f"**Recorded as entry {asked + 1}:** " in said
    assert "Next, **Connectel AB**: Audit 2 of Connectel AB · Be ready for the audit, by " in said
    at = visit("assistance", application, people.anna, "nordfrakt")
    at.selectbox[0].set_value("dpia")
    at = at.run()
    at.text_input[0].set_value("Voicebot")
    at.text_area[0].set_value("The flows")
    at.checkbox[0].set_value(True)
    said = receipt(press(at, "Send the request"))
    assert "Next, **Connectel AB**: Data protection impact assessment: Voicebot · Answer" in said
    assert "by 8 Dec 2026 (in 14 days)." in said


def test_a_reply_says_where_its_request_stands(application: Application, people: People) -> None:
    number = act(application, people.anna, HELP)
    act(application, people.anna, AUDIT)
    at = visit("assistance", application, people.anna, "nordfrakt")
    next(t for t in at.text_area if t.label == "Message").set_value("Any news?")
    said = receipt(press(at, "Send"))
    assert f"Wrote in request {number}" in said
    assert said.count("Next, ") == 1
    assert "impact assessment: Voicebot" in said


def test_a_step_that_only_waits_for_time_says_the_day(application: Application, people: People) -> None:
    at = visit("retention", application, people.anna, "nordfrakt")
    at = at.button(key="open.retention.SetPeriod.chats").click().run()
    at = alone(at, at.number_input[0].set_value(60))
    said = receipt(confirm(at, "Confirm instruction"))
    assert "Next, by the calendar: Chats: 60 days instead of 365, on 1 Dec 2026" in said


def test_a_step_that_nothing_follows_says_so(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", retention.PlaceHold("chats", "Dispute"))
    at = visit("snapshots", application, people.clara, "nordfrakt")
    assert not at.success
    at = press(visit("snapshots", application, people.anna, "nordfrakt"), "Take a snapshot")
    assert "Nothing waits for anybody because of it." in receipt(at)


def test_a_published_change_says_what_every_customer_may_do_until_when(
    application: Application, people: People
) -> None:
    govern(application, people.eva, TALVOX)
    at = press(visit("notices", application, people.eva, "nordfrakt"), "Publish")
    said = receipt(confirm(at, "Publish to all customers"))
    assert "Next, **Each customer**: Sub-processors: " in said
    assert "Object, or accept by silence, by 24 Dec 2026 (in 30 days)." in said


def test_an_incident_says_whom_the_provider_has_to_tell_by_when(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Notify the customers")
    at = alone(at, at.text_area[0].set_value("A leak"))
    said = receipt(confirm(at, "Notify"))
    assert "Next, **Connectel AB**: Personal data breach: Leak" in said
    act(application, people.anna, incidents.AcknowledgeNotice(number, 1))


def test_a_receipt_is_shown_once_and_the_fields_are_empty_then(
    application: Application, people: People
) -> None:
    act(application, people.anna, HELP)
    at = visit("assistance", application, people.anna, "nordfrakt")
    next(t for t in at.text_area if t.label == "Message").set_value("Any news?")
    at = press(at, "Send")
    assert receipt(at)
    assert next(t for t in at.text_area if t.label == "Message").value == ""
    assert not at.run().success


def test_somebody_elses_words_in_a_title_are_shown_as_typed(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    dialog = st.dialog

    def noted(title: str, **options: object) -> object:
        titles.append(title)
        return dialog(title, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(st, "dialog", noted)
    typed = incidents.RecordIncident("breach", "![x](http://x.example/a.png)", NOW, ("nordfrakt",))
    govern(application, people.eva, typed)
    press(visit("incidents", application, people.eva, "nordfrakt"), "Add customers")
    assert "![" not in titles[0]


# --- the pages -----------------------------------------------------------------------------------


def test_a_proposal_in_a_review_is_no_news_when_the_review_is_finished(
    application: Application, people: People
) -> None:
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    at.text_area[0].set_value("We went through it.").run()
    for _ in range(5):
        at = press(at, "Next")
    at = at.toggle(key="try_voice").set_value(True).run()
    at = press(at, "Save proposal")
    assert "Recorded as entry 2" in receipt(at)
    at = press(press(at, "Next"), "Finish the review")
    said = receipt(confirm(at, "Record the review"))
    assert "Recorded as entry 3" in said
    assert "A snapshot of it is on file." in said


def test_what_a_customer_did_during_a_review_is_told_at_its_end(
    application: Application, people: People
) -> None:
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    carry_out(application, people.anna, "nordfrakt", voice=True)
    for _ in range(6):
        at = press(at, "Next")
    at = confirm(press(at, "Finish the review"), "Record the review")
    assert "Switched on Voice" in at.warning[0].value


def test_importing_the_pages_draws_nothing() -> None:
    modules = [f"pages.{name}" for name in LISTED] + ["pages.parts.shell"]
    script = f"""
import importlib
from streamlit.delta_generator import DeltaGenerator
def drawn(*_, **__):
    raise SystemExit("something was drawn")
DeltaGenerator._enqueue = DeltaGenerator._block = drawn
for name in {modules!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_objector_reads_whose_turn_it_is(application: Application, people: People) -> None:
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    at = press(visit("notices", application, people.eva, "nordfrakt"), "Propose a cure")
    at = alone(at, at.text_area[-1].set_value("An assessment"))
    assert "Next, **Nordfrakt Logistik AB**: Objection" in receipt(confirm(at, "Propose"))
    assert "Propose a cure" in labels(visit("notices", application, people.eva, "nordfrakt"))


def test_a_closed_request_is_followed_by_nothing(application: Application, people: People) -> None:
    number = act(application, people.anna, HELP)
    act(application, people.eva, assistance.AnswerRequest(number, "Here"))
    at = press(visit("assistance", application, people.anna, "nordfrakt"), "Close the request")
    assert "Nothing waits for anybody because of it." in receipt(at)
