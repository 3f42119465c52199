"""Setting how long data is kept. Clause: Sch. 1 2"""

from playwright.sync_api import Locator, expect

from tests.journeys.conftest import ANNA, CLARA, HENRIK, SignIn, Visit


def row(visit: Visit, data_type: str) -> Locator:
    return visit.page.locator(f".st-key-type_{data_type}")


def choose_days(visit: Visit, days: int) -> None:
    field = visit.page.get_by_role("dialog").get_by_role("spinbutton")
    field.fill(str(days))
    field.press("Tab")
    visit.settle()


def test_shortening_shows_what_would_go_and_can_be_cancelled(sign_in: SignIn):
    anna = sign_in(ANNA, "/retention")
    row(anna, "call_recordings").get_by_role("button", name="Change period").click()
    anna.reads_dialog()
    choose_days(anna, 30)
    dialog = anna.page.get_by_role("dialog")
    expect(dialog).to_contain_text("(in 7 days)")
    expect(dialog).to_contain_text("records")
    dialog.get_by_test_id("stVegaLiteChart").wait_for()
    anna.click("Confirm instruction")
    anna.sees("Recorded as entry")
    expect(row(anna, "call_recordings").get_by_text("Shortening pending")).to_be_visible()

    anna.open("/")
    anna.sees("Call recordings will be kept for 30 days")
    anna.open("/retention")
    row(anna, "call_recordings").get_by_role("button", name="Cancel shortening").click()
    anna.reads_dialog()
    anna.click("Cancel the shortening")
    anna.sees("Recorded as entry")
    expect(row(anna, "call_recordings").get_by_text("Shortening pending")).to_have_count(0)
    anna.open("/history")
    anna.sees("7 entries")


def test_a_period_out_of_range_is_refused_and_the_number_stays(sign_in: SignIn):
    anna = sign_in(ANNA, "/retention")
    row(anna, "chats").get_by_role("button", name="Change period").click()
    anna.reads_dialog()
    choose_days(anna, 99_999)
    anna.sees("Chats cannot be kept for 99,999 days.")
    assert "(Sch. 1 2)" in anna.reads_dialog()
    expect(anna.page.get_by_role("dialog").get_by_role("spinbutton")).to_have_value("99999")


def test_the_demo_clock_lets_a_grace_period_lapse(sign_in: SignIn):
    henrik = sign_in(HENRIK, "/retention?customer=solsidan")
    expect(row(henrik, "transcripts").get_by_text("Shortening pending")).to_be_visible()
    henrik.page.get_by_text("Demo clock", exact=True).click()
    henrik.page.get_by_label("Move forward by days").fill("7")
    henrik.click("Move the date")
    henrik.sees("moved forward by 7 days")
    expect(row(henrik, "transcripts").get_by_text("Shortening pending")).to_have_count(0)
    expect(row(henrik, "transcripts").get_by_text("60 days (about 2 months)")).to_be_visible()


def test_a_hold_is_shown_to_a_reader_who_can_change_nothing(sign_in: SignIn):
    clara = sign_in(CLARA, "/retention")
    expect(row(clara, "emails").get_by_text("Legal hold", exact=True)).to_be_visible()
    expect(clara.page.get_by_role("button", name="Change period")).to_have_count(0)
    clara.open("/")
    clara.sees("E-mails: a legal hold stops deletion until released.")
