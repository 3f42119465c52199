"""Reviews: who starts one, what each step shows, what is recorded, and who confirms."""

import pytest

from dpa_core.subjects import retention, reviews
from tests.conftest import carry_out
from tests.pages import as_read, confirm, labels, receipt, shown, visit
from tests.test_requests import AUDIT, act, announce

ACTION = reviews.Action(what="Send the *list*", side="provider")


def press(at, label):
    return next(b for b in at.button if b.label == label).click().run()


@pytest.mark.parametrize(("name", "may"), [("anna", False), ("clara", False), ("david", True), ("eva", True)])
def test_the_provider_starts_a_review(application, people, name, may):
    at = visit("review", application, getattr(people, name), "nordfrakt")
    assert ("Start a review" in labels(at)) == may
    assert "No review was held yet" in shown(at)


def test_every_step_is_reached_and_notes_stay(application, people):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    at.text_area[0].set_value("Said <b>this</b>").run()
    titles = [at.title[0].value]
    while "Next" in labels(at):
        at = press(at, "Next")
        titles.append(at.title[0].value)
        shown(at)
        assert any(area.value == "Said <b>this</b>" for area in at.text_area)
    assert titles == [
        "Changes since the last review",
        "Features and sub-processors",
        "Retention",
        "Requests",
        "Coming changes",
        "What if",
        "Agreed actions",
    ]
    assert press(at, "Back").title[0].value == "What if"


def test_requests_and_coming_changes_have_a_step_each(application, people):
    act(application, people.anna, AUDIT)
    announce(application, people)
    carry_out(application, people.anna, "nordfrakt", retention.SetPeriod("chats", 60))
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    for _ in range(3):
        at = press(at, "Next")
    requests = at.dataframe[0].value
    assert list(requests["Kind"]) == ["Sub-processor change", "Audit"]
    assert list(requests["Waits for"]) == ["The customer", "The provider"]
    assert requests["Date"][0].startswith("24 Dec 2026")
    coming = press(at, "Next").dataframe[0].value
    assert list(coming["Kind"]) == ["Coming retention period", "Coming sub-processor change"]
    assert coming["What"][1] == "Replacement of DeepGram by Talvox"


def test_an_action_is_added_and_taken_off(application, people):
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    for _ in range(6):
        at = press(at, "Next")
    at.text_input[0].set_value("Send the list")
    at = press(at, "Add")
    assert "Send the list" in shown(at)
    assert "No actions yet" in shown(press(at, "Remove"))


def test_what_is_recorded_is_shown_first(application, people):
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    for _ in range(6):
        at = press(at, "Next")
    at = press(at, "Finish the review")
    assert "No notes." in shown(at)
    assert "Record the review" in labels(at)
    assert not application.open(people.anna, "nordfrakt").state.reviews.held


def test_the_admin_confirms_the_agreed_actions(application, people):
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("Note", (ACTION,)))
    at = press(visit("review", application, people.anna, "nordfrakt"), "Confirm the agreed actions")
    assert "Recorded as entry 3:" in receipt(at)
    assert application.open(people.anna, "nordfrakt").state.reviews.last.confirmed_by == people.anna.id


OURS = reviews.Action(what="Look at ![it](x)", side="customer")


@pytest.mark.parametrize(
    ("name", "own"), [("anna", OURS), ("david", ACTION), ("eva", ACTION), ("clara", None)]
)
def test_each_side_marks_its_own_actions_as_done(application, people, name, own):
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("Note", (ACTION, OURS)))
    at = visit("review", application, getattr(people, name), "nordfrakt")
    offered = [as_read(label) for label in labels(at) if label.startswith("Mark as done")]
    assert offered == ([f"Mark as done: {own.what}"] if own else [])


def test_an_action_is_marked_as_done_with_who_and_when_also_of_an_earlier_review(application, people, clock):
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("Note", (ACTION,)))
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("The next"))
    clock.pass_days(14)
    at = visit("review", application, people.david, "nordfrakt")
    at = press(at, next(label for label in labels(at) if label.startswith("Mark as done")))
    at.text_area[-1].set_value("Sent *by mail*")
    at = confirm(at, "Mark as done")
    assert "Marked action 1 of review 2 as done" in receipt(at)
    [table] = [t.value for t in visit("review", application, people.anna, "nordfrakt").table]
    assert as_read(table["Done"].iloc[0]) == "8 Dec 2026 by `david@people.example`: “Sent *by mail*”"
    assert application.verify() == []


def test_a_rejection_asks_for_a_reason_that_the_provider_reads(application, people):
    carry_out(application, people.david, "nordfrakt", reviews.ProposeChanges({"voice": True}, "cheaper"))
    at = press(visit("review", application, people.anna, "nordfrakt"), "Look at it and answer")
    at = confirm(at, "Reject")
    assert "A reason is missing" in at.error[0].value
    at.text_area[-1].set_value("Not *this* year")
    assert "Rejected proposal 2" in receipt(confirm(at, "Reject"))
    for name in ("david", "eva", "clara"):
        text = shown(visit("review", application, getattr(people, name), "nordfrakt"))
        assert "Proposals answered" in text
        assert "Rejected" in text
        assert "“Not *this* year”" in text


@pytest.mark.parametrize("name", ["clara", "david"])
def test_nobody_else_confirms_or_answers(application, people, name):
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("Note", (ACTION,)))
    carry_out(application, people.david, "nordfrakt", reviews.ProposeChanges({"voice": True}, "cheaper"))
    at = visit("review", application, getattr(people, name), "nordfrakt")
    assert not {"Confirm the agreed actions", "Look at it and answer"} & set(labels(at))
    assert "Waits for an admin of the customer" in shown(at)
    assert "“cheaper”" in shown(at)


def test_the_admin_sees_the_consequences_of_a_proposal(application, people):
    carry_out(application, people.david, "nordfrakt", reviews.ProposeChanges({"speech_analytics": True}))
    at = press(visit("review", application, people.anna, "nordfrakt"), "Look at it and answer")
    assert "DeepGram" in shown(at)
    assert {"Accept as an instruction", "Reject"} <= set(labels(at))
    assert at.checkbox[0].label.startswith("I acknowledge")


def test_the_past_cannot_be_reviewed(application, people, clock):
    at = visit("review", application, people.david, "nordfrakt", clock.at)
    assert "Start a review" not in labels(at)
