"""What was typed is put back: in forms, in dialogs, for staged switches and in a review that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application, StoreError
from dpa_core.drafts import MOST_CHARACTERS
from dpa_core.subjects import reviews
from tests.conftest import NOW, People, SettableClock
from tests.pages import confirm, labels, shown, visit
from tests.pages.test_every_page import visit as framed  # noqa: F401  # a fixture
from tests.pages.test_requests import field, press
from tests.test_requests import AUDIT, HELP, act

DRAFT = "Draft of 24 Nov 2026, 15:00"
FORMS = [
    ("assistance", "anna", "What you need"),
    ("audits", "anna", "Scope"),
    ("notices", "eva", "Reason, as customers will read it"),
    ("incidents", "eva", "Title, as customers will read it"),
    ("what_if", "david", "Reason (optional)"),
]


@pytest.mark.parametrize(("page", "who", "label"), FORMS)
def test_what_was_typed_on_a_page_is_there_in_a_new_visit(
    application: Application, people: People, page: str, who: str, label: str
) -> None:
    person = getattr(people, who)
    field(visit(page, application, person, "nordfrakt"), label).set_value("Half a sen").run()
    at = visit(page, application, person, "nordfrakt")
    assert field(at, label).value == "Half a sen"
    assert DRAFT in shown(at)
    at = press(at, "Discard the draft")
    assert field(at, label).value == ""
    assert DRAFT not in shown(at)
    assert field(visit(page, application, person, "nordfrakt"), label).value == ""


def test_nobody_else_sees_it(application: Application, people: People) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    field(at, "Title").set_value("Voicebot").run()
    at = visit("assistance", application, people.bo, "nordfrakt")
    assert field(at, "Title").value == ""
    assert "Draft of" not in shown(at)


def test_choices_and_days_come_back_with_the_fields_that_hang_on_them(
    application: Application, people: People
) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    at = field(at, "Who audits").set_value("mandated").run()
    field(at, "Name of the auditor").set_value("Revision AB").run()
    day = field(at, "Last day").value + timedelta(days=1)
    field(at, "Last day").set_value(day).run()
    again = visit("audits", application, people.anna, "nordfrakt")
    assert field(again, "Name of the auditor").value == "Revision AB"
    assert field(again, "Last day").value == day


def test_a_choice_that_is_none_any_more_does_no_harm(application: Application, people: People) -> None:
    stale = {"kind": "gone", "rights": ["gone", "access"], "title": "T"}
    application.keep_draft(people.anna, "nordfrakt", "assistance.request", stale)
    at = visit("assistance", application, people.anna, "nordfrakt")
    assert not at.exception
    assert field(at, "Title").value == "T"
    assert field(at, "Rights the person uses").value == ["access"]


def test_an_acknowledgement_is_given_anew(application: Application, people: People) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    at = field(at, "Kind of help").set_value("dpia").run()
    at.checkbox[0].set_value(True).run()
    assert not visit("assistance", application, people.anna, "nordfrakt").checkbox[0].value


def test_sending_takes_the_draft_away(application: Application, people: People) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    at = field(at, "Kind of help").set_value("dpia").run()
    field(at, "Title").set_value("Voicebot")
    field(at, "What you need").set_value("The flows")
    at.checkbox[0].set_value(True).run()
    at = press(at, "Send the request")
    assert field(at, "Title").value == ""
    assert application.ledger.rows("SELECT * FROM drafts") == []


def test_a_refusal_leaves_it(application: Application, people: People) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    field(at, "Title").set_value("Voicebot").run()
    at = press(at, "Send the request")
    assert at.error
    assert field(visit("assistance", application, people.anna, "nordfrakt"), "Title").value == "Voicebot"


def test_a_dialog_closed_or_left_by_a_reload_opens_with_what_was_typed(
    application: Application, people: People
) -> None:
    act(application, people.anna, AUDIT)
    at = press(visit("audits", application, people.anna, "nordfrakt"), "Other days")
    at.text_area[-1].set_value("We move house").run()
    at = press(at.run(), "Other days")  # the browser closes it alone, so this is Escape
    assert at.text_area[-1].value == "We move house"
    at = press(visit("audits", application, people.anna, "nordfrakt"), "Other days")
    assert at.text_area[-1].value == "We move house"
    assert DRAFT in shown(at)
    at = press(at, "Discard the draft")
    assert at.text_area[-1].value == ""


def test_each_thing_has_a_draft_of_its_own(application: Application, people: People) -> None:
    for _ in range(2):
        act(application, people.anna, HELP)
    at = visit("assistance", application, people.anna, "nordfrakt")
    first = next(area for area in at.text_area if area.label == "Message")
    first.set_value("Only here").run()
    at = visit("assistance", application, people.anna, "nordfrakt")
    assert [a.value for a in at.text_area if a.label == "Message"] == ["Only here", ""]


def test_the_providers_own_form_is_there_whichever_customer_is_looked_at(
    application: Application, people: People
) -> None:
    at = visit("incidents", application, people.eva, "nordfrakt")
    field(at, "Title, as customers will read it").set_value("Leak").run()
    at = visit("incidents", application, people.eva, "solsidan")
    assert field(at, "Title, as customers will read it").value == "Leak"


# --- features, and trials ------------------------------------------------------------------------


def test_staged_switches_and_their_reason_come_back(application: Application, people: People) -> None:
    at = visit("features", application, people.anna, "nordfrakt")
    at = next(t for t in at.toggle if t.label == "Switch Voice").set_value(True).run()
    at.text_area[-1].set_value("Needed by the desk").run()
    at = visit("features", application, people.anna, "nordfrakt")
    assert next(t for t in at.toggle if t.label == "Switch Voice").value
    assert DRAFT in shown(at)
    at = press(at, "Review and confirm")
    assert at.text_area[-1].value == "Needed by the desk"
    at = confirm(at, "Confirm instruction")
    assert application.open(people.anna, "nordfrakt").state.features.on == {"voice"}
    assert application.ledger.rows("SELECT form FROM drafts") == []


def test_staged_switches_can_be_discarded(application: Application, people: People) -> None:
    at = visit("features", application, people.anna, "nordfrakt")
    next(t for t in at.toggle if t.label == "Switch Voice").set_value(True).run()
    at = press(visit("features", application, people.anna, "nordfrakt"), "Discard the draft")
    assert not next(t for t in at.toggle if t.label == "Switch Voice").value
    assert application.ledger.rows("SELECT * FROM drafts") == []


def test_what_was_tried_comes_back(application: Application, people: People) -> None:
    at = visit("what_if", application, people.clara, "nordfrakt")
    next(t for t in at.toggle if t.label.startswith("Voice")).set_value(True).run()
    at = visit("what_if", application, people.clara, "nordfrakt")
    assert next(t for t in at.toggle if t.label.startswith("Voice")).value
    at = press(at, "Back to what stands")
    assert not next(t for t in at.toggle if t.label.startswith("Voice")).value
    assert application.ledger.rows("SELECT * FROM drafts") == []


# --- a review ------------------------------------------------------------------------------------


def reviewing(application: Application, people: People) -> AppTest:
    """A review with a note and an action, at its last step."""
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    at.text_area[0].set_value("Said this").run()
    for _ in range(6):
        at = press(at, "Next")
    field(at, "What is to be done").set_value("Send the list")
    at = press(at, "Add")
    field(at, "What is to be done").set_value("Half an act").run()
    return at


def test_a_review_that_was_left_goes_on_where_it_was(application: Application, people: People) -> None:
    reviewing(application, people)
    at = visit("review", application, people.david, "nordfrakt")
    assert "Start a review" not in labels(at)
    assert DRAFT in shown(at)
    at = press(at, "Go on with the review")
    assert at.title[0].value == "Agreed actions"
    assert field(at, "Notes").value == "Said this"
    assert "Send the list" in shown(at)
    assert field(at, "What is to be done").value == "Half an act"
    at = confirm(press(at, "Finish the review"), "Record the review")
    held = application.open(people.david, "nordfrakt").state.reviews.last
    assert held.notes == "Said this"
    assert held.actions == (reviews.Action(what="Send the list", side="customer"),)
    rows = application.ledger.rows("SELECT form FROM drafts WHERE form = 'review.running'")
    assert rows == []


def test_leaving_a_review_keeps_it_and_discarding_does_not(application: Application, people: People) -> None:
    at = press(reviewing(application, people), "Leave the review")
    at = press(at, "Go on with the review")
    assert field(at, "Notes").value == "Said this"
    at = press(press(at, "Leave the review"), "Discard the review")
    assert "Start a review" in labels(at)
    assert "Start a review" in labels(visit("review", application, people.david, "nordfrakt"))
    assert "Start a review" in labels(visit("review", application, people.eva, "nordfrakt"))


def test_an_action_without_words_or_in_the_past_is_refused(application: Application, people: People) -> None:
    at = reviewing(application, people)
    field(at, "What is to be done").set_value("  ").run()
    assert "has 0 characters" in press(at, "Add").error[0].value


# --- what goes wrong -----------------------------------------------------------------------------


def test_what_is_typed_into_an_expired_sign_in_is_kept(
    framed,  # noqa: F811
    application: Application,
    people: People,
    clock: SettableClock,
) -> None:
    at = framed("assistance", "anna", "nordfrakt")
    clock.pass_days(0.6)
    field(at, "What you need").set_value("Typed too late").run()
    assert "Your sign-in has expired" in shown(at)
    again = framed("assistance", "anna", "nordfrakt")
    assert field(again, "What you need").value == "Typed too late"


def test_a_draft_that_cannot_be_kept_is_said_and_typing_goes_on(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("The disk is full.")

    at = visit("assistance", application, people.anna, "nordfrakt")
    monkeypatch.setattr(application, "keep_draft", full)
    at = field(at, "What you need").set_value("The flows").run()
    assert "not kept as a draft" in at.warning[0].value
    assert field(at, "What you need").value == "The flows"


def test_what_is_too_long_for_a_draft_is_said(application: Application, people: People) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    at = field(at, "What you need").set_value("x" * (MOST_CHARACTERS + 1)).run()
    assert "longer than 100,000 characters" in at.warning[0].value.replace("\\", "")


def test_files_are_said_to_be_no_part_of_it(application: Application, people: People) -> None:
    at = visit("assistance", application, people.anna, "nordfrakt")
    assert "no part of a draft" not in shown(at)
    at = at.file_uploader[0].set_value([("a.txt", b"Hello", "text/plain")]).run()
    assert "Files are no part of a draft" in shown(at)


def test_the_past_shows_no_draft(application: Application, people: People, clock: SettableClock) -> None:
    act(application, people.anna, AUDIT)
    at = visit("assistance", application, people.anna, "nordfrakt")
    field(at, "Title").set_value("Voicebot").run()
    clock.pass_days(3)
    at = visit("assistance", application, people.anna, "nordfrakt", NOW + timedelta(days=1))
    assert "Draft of" not in shown(at)
