"""A review from its start to the snapshot, and a proposal on its way to an instruction."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.conftest import ANNA, DAVID, SignIn, Visit

TITLES = [
    "Changes since the last review",
    "Features and sub-processors",
    "Retention",
    "Requests",
    "Coming changes",
    "What if",
    "Agreed actions",
]


def stands_at(visit: Visit, title: str) -> None:
    expect(visit.page.get_by_role("heading", level=1, name=title)).to_be_visible()
    visit.settle()


def test_a_review_from_start_to_snapshot(sign_in: SignIn) -> None:
    david = sign_in(DAVID)
    david.open("/review?customer=nordfrakt")
    david.click("Start a review")
    stands_at(david, TITLES[0])
    expect(david.page.get_by_test_id("stSidebar")).not_to_be_visible()
    notes = david.page.get_by_role("textbox", name="Notes")
    notes.fill("We went through all of it.")
    notes.press("ArrowLeft")  # moves in the text, not in the review
    stands_at(david, TITLES[0])
    notes.blur()
    david.settle()
    for title in TITLES[1:]:
        david.page.keyboard.press("ArrowRight")
        stands_at(david, title)
    expect(david.page.get_by_role("textbox", name="Notes")).to_have_value("We went through all of it.")
    david.page.get_by_label("What is to be done").fill("Send the list of sub-processors")
    david.click("Add")
    david.sees("Send the list of sub-processors")
    david.click("Finish the review")
    assert "We went through all of it." in david.reads_dialog()
    david.click("Record the review")
    david.sees("A snapshot of it is on file.")
    expect(david.page.get_by_test_id("stSidebar")).to_be_visible()

    anna = sign_in(ANNA, "/review?customer=nordfrakt")
    anna.sees("Not confirmed yet")
    anna.click("Confirm the agreed actions")
    anna.sees("Confirmed by anna.lindqvist@nordfrakt.example")


def test_a_review_can_be_left_without_a_trace(sign_in: SignIn) -> None:
    david = sign_in(DAVID)
    david.open("/review?customer=nordfrakt")
    david.click("Start a review")
    stands_at(david, TITLES[0])
    david.click("Leave the review")
    stands_at(david, "Reviews")
    david.sees("No review was held yet.")


def test_a_proposal_is_accepted_as_one_instruction(sign_in: SignIn) -> None:
    david = sign_in(DAVID)
    david.open("/what_if?customer=nordfrakt")
    david.page.get_by_text("Voicebot (off now)").click()
    david.sees("Without Voicebot: none.")
    david.click("Save proposal")
    david.sees("Recorded as entry")

    anna = sign_in(ANNA, "/review?customer=nordfrakt")
    anna.click("Look at it and answer")
    assert "Google Cloud Speech" in anna.reads_dialog()
    anna.click("Accept as an instruction")
    anna.sees("is not acknowledged")
    anna.page.get_by_role("dialog").get_by_text("I acknowledge that personal data").click()
    anna.settle()
    anna.click("Accept as an instruction")
    anna.page.get_by_role("dialog").wait_for(state="detached")
    anna.sees("Recorded as entry")
    anna.open("/features?customer=nordfrakt")
    expect(anna.page.get_by_role("switch", name="Switch Voicebot").or_(
        anna.page.get_by_role("checkbox", name="Switch Voicebot"))).to_be_checked()  # fmt: skip


def test_the_portfolio_leads_to_a_review(sign_in: SignIn) -> None:
    david = sign_in(DAVID)
    david.open("/portfolio")
    david.sees("Adoption of each feature")
    david.page.get_by_test_id("stSelectbox").last.click()
    david.page.get_by_role("option", name="Solsidan Försäkring AB").click()
    david.settle()
    david.page.get_by_test_id("stMain").get_by_role("button", name="Review", exact=True).click()
    stands_at(david, "Reviews")
    david.sees("Solsidan Försäkring AB")
