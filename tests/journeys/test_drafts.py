"""What was typed and not sent: only a browser shows what Escape and a reload leave of it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.conftest import ANNA, SignIn, Visit


def reason(anna: Visit):
    return anna.page.get_by_role("textbox", name="Reason (optional)")


def test_escape_and_a_reload_lose_neither_reason_nor_staged_switches(sign_in: SignIn) -> None:
    anna = sign_in(ANNA, "/features")
    anna.toggle("Support Services")
    anna.reads_dialog()
    anna.click("Stage and choose more")
    anna.page.get_by_role("dialog").wait_for(state="detached")
    anna.sees("1 change staged")
    anna.click("Review and confirm")
    anna.reads_dialog()
    reason(anna).press_sequentially("Third-level help")
    reason(anna).press("Escape")  # at once, with the field not left
    anna.page.get_by_role("dialog").wait_for(state="detached")
    anna.settle()
    anna.open("/features")
    anna.sees("1 change staged")
    anna.sees("Draft of")
    anna.click("Review and confirm")
    anna.reads_dialog()
    expect(reason(anna)).to_have_value("Third-level help")
    anna.click("Confirm instruction")
    anna.sees("Recorded as entry")
    anna.open("/features")
    anna.does_not_see("Draft of")
