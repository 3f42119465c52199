"""Switching features in the browser, with the consequences shown first. Clauses: Sch. 2 2.2, 3.1(vii)"""

from playwright.sync_api import expect

from dpa_core.agreement import Agreement
from tests.journeys.conftest import ANNA, BO, CLARA, SignIn, Visit


def acknowledge(visit: Visit) -> None:
    visit.page.get_by_role("dialog").get_by_text("I acknowledge that personal data").click()
    visit.settle()


def confirm(visit: Visit) -> None:
    visit.click("Confirm instruction")
    visit.page.get_by_role("dialog").wait_for(state="detached")
    visit.settle()


def test_speech_analytics_on_and_off_again_with_reply_assistant_still_on(sign_in: SignIn):
    anna = sign_in(ANNA, "/features")
    anna.toggle("Speech Analytics")
    said = anna.reads_dialog()
    assert "Sub-processors added" in said
    assert "OpenAI · Natural language processing · USA · SCC + TIA" in said
    assert "DeepGram · Natural language processing · USA · SCC + TIA" in said
    assert "New for you: USA" in said
    # Without the acknowledgement it is refused, under its clause.
    anna.click("Confirm instruction")
    anna.sees("is not acknowledged")
    assert "(3.1(vii))" in anna.reads_dialog()
    acknowledge(anna)
    confirm(anna)
    anna.sees("Recorded as entry 6: Switched on Speech Analytics.")

    anna.toggle("Reply Assistant")
    said = anna.reads_dialog()
    assert "OpenAI is engaged already, by Speech Analytics." in said
    assert "No sub-processor is added or removed." in said
    acknowledge(anna)
    confirm(anna)

    anna.toggle("Speech Analytics")
    said = anna.reads_dialog()
    assert "Sub-processors removed" in said
    removed = said.split("Sub-processors removed")[1].split("stays")[0]
    assert "DeepGram" in removed
    assert "OpenAI stays, as Reply Assistant is on." in said
    confirm(anna)

    anna.open("/history")
    anna.sees("8 entries")


def test_several_switches_are_one_instruction_with_its_reason(sign_in: SignIn):
    anna = sign_in(ANNA, "/features")
    anna.toggle("Support Services")
    anna.reads_dialog()
    anna.click("Stage and choose more")
    anna.page.get_by_role("dialog").wait_for(state="detached")
    anna.toggle("Text Messages (SMS)")
    said = anna.reads_dialog()
    assert "Support Services on and Text Messages (SMS) off" in said
    assert "Infobip stays, as Voice is on." in said
    reason = "<b>bold</b> =1+1 [x](javascript:alert(1)) **not bold**"
    anna.page.get_by_role("textbox", name="Reason (optional)").fill(reason)
    anna.page.get_by_role("textbox", name="Reason (optional)").press("Tab")
    anna.settle()
    confirm(anna)
    anna.open("/history")
    anna.sees("6 entries")
    frame = anna.page.get_by_test_id("stDataFrame")
    # The table is drawn on a canvas: this is the box of its first row, the newest entry.
    frame.click(position={"x": 15, "y": 52})
    anna.sees("6. Switched on Support Services; Switched off Text Messages")
    anna.sees(f"“{reason}”")


def test_closing_the_dialog_flips_the_switch_back(sign_in: SignIn):
    anna = sign_in(ANNA, "/features")
    anna.toggle("Support Services")
    anna.reads_dialog()
    anna.page.keyboard.press("Escape")
    anna.page.get_by_role("dialog").wait_for(state="detached")
    anna.does_not_see("staged, not recorded yet")


def test_a_reason_that_is_too_long_is_refused_and_stays_in_the_form(sign_in: SignIn):
    anna = sign_in(ANNA, "/features")
    anna.toggle("Support Services")
    anna.reads_dialog()
    field = anna.page.get_by_role("textbox", name="Reason (optional)")
    field.fill("x" * 10_000)
    field.press("Tab")
    anna.settle()
    anna.click("Confirm instruction")
    anna.sees("The reason has 10,000 characters; at most 2,000 can be recorded.")
    expect(field).to_have_value("x" * 10_000)


def test_the_second_of_two_admins_is_told_what_the_first_did_and_asked_again(sign_in: SignIn):
    anna, bo = sign_in(ANNA, "/features"), sign_in(BO, "/features")
    anna.toggle("Speech Analytics")
    acknowledge(anna)
    bo.toggle("Agent Assistant")
    acknowledge(bo)
    confirm(anna)
    bo.click("Confirm instruction")
    bo.sees("Someone else changed this meanwhile.")
    said = bo.reads_dialog()
    assert f"{ANNA}: Switched on Speech Analytics" in said
    assert "No sub-processor is added or removed." in said  # OpenAI has come with Anna's
    # The acknowledgement was given for something else; it is asked for anew.
    bo.click("Confirm instruction")
    bo.sees("is not acknowledged")
    acknowledge(bo)
    confirm(bo)
    bo.open("/history")
    bo.sees("7 entries")


def test_a_reader_cannot_switch(sign_in: SignIn, newest: Agreement):
    clara = sign_in(CLARA, "/features")
    clara.sees("Instructions are given by an admin of the customer.")
    switches = clara.page.get_by_role("switch").or_(clara.page.get_by_role("checkbox"))
    expect(switches).to_have_count(len(newest.features))
    for switch in switches.all():
        expect(switch).to_be_disabled()
