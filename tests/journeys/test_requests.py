"""Requests and notices on both sides, in real browsers, with the demo's clock moved.

Clauses: 3.1(i), 3.1(viii) to (xii), Sch. 2 1.1 and 1.2
"""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from dpa_core.agreement import Agreement
from tests.journeys.conftest import ANNA, CLARA, DAVID, EVA, SignIn, Visit

PDF = {"name": "report.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n%report"}


def main(visit: Visit):
    return visit.page.get_by_test_id("stMain")


def place(visit: Visit):
    """Where the fields are: the dialog if one is open."""
    dialog = visit.page.get_by_role("dialog")
    return dialog if dialog.count() else main(visit)


def write(visit: Visit, label: str, text: str) -> None:
    field = place(visit).get_by_label(label, exact=True)
    field.fill(text)
    field.blur()
    visit.settle()


def tick(visit: Visit, text: str) -> None:
    place(visit).get_by_text(text).first.click()
    visit.settle()


def pick(visit: Visit, label: str, option: str) -> None:
    """Choose from a list that opens."""
    place(visit).get_by_role("combobox", name=label).first.click()
    visit.page.get_by_role("option", name=option).first.click()
    visit.page.keyboard.press("Escape") if not visit.page.get_by_role("dialog").count() else None
    visit.settle()


def attach(visit: Visit, label: str, *files: dict[str, object]) -> None:
    """Choose files, and wait until they have arrived."""
    box = begin_attaching(visit, label, *files)
    expect(box.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
    visit.settle()


def begin_attaching(visit: Visit, label: str, *files: dict[str, object]) -> Locator:
    """Choose files, and wait until the uploader shows them."""
    box = place(visit).get_by_test_id("stFileUploader").filter(has_text=label)
    box.locator("input[type=file]").set_input_files(list(files))  # type: ignore[arg-type]
    for file in files:
        box.get_by_text(str(file["name"])).first.wait_for()
    return box


def press(visit: Visit, name: str) -> None:
    """Press a button that opens a dialog, and wait for it."""
    main(visit).get_by_role("button", name=name, exact=True).first.click()
    visit.page.get_by_role("dialog").wait_for()
    visit.settle()


def confirm(visit: Visit, name: str) -> None:
    """Press the dialog's button, and wait until it is recorded."""
    visit.click(name)
    visit.page.get_by_role("dialog").wait_for(state="detached")
    visit.settle()


def send(visit: Visit, name: str) -> None:
    visit.settle()
    visit.click(name)
    # In the page: a toast may still be there from the step before.
    expect(main(visit).get_by_text("Recorded as entry")).to_be_visible()
    visit.settle()


def move_clock(visit: Visit, days: int, before: int = 0) -> None:
    """Move the demo's clock. `before`: the days it was moved by already."""
    visit.page.get_by_text("Demo clock").click()
    field = visit.page.get_by_label("Move forward by days")
    field.fill(str(days))
    field.press("Tab")
    visit.page.get_by_role("button", name="Move the date").click()
    visit.page.get_by_text(f"moved forward by {before + days} day").wait_for()
    visit.settle()


def fetch(visit: Visit, label: str) -> bytes:
    """Press a download button and take the file, in this browser."""
    main(visit).get_by_role("button", name=label).first.click()
    link = main(visit).get_by_role("link", name="Save").first
    link.wait_for()
    address = link.get_attribute("href")
    assert address
    url = address if address.startswith("http") else visit.url + address
    answer = visit.page.context.request.get(url)
    assert answer.ok
    # The link worked once; it does not work again, and not without this browser's mark.
    assert visit.page.context.request.get(url).status == 403
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url, timeout=10)
    return answer.body()


def test_an_audit_from_notice_to_the_last_finding(sign_in: SignIn) -> None:
    anna = sign_in(ANNA, "/audits")
    anna.sees("Earliest first day of an audit from today")
    tick(anna, "An auditor we mandate")
    write(anna, "Name of the auditor", "Revision AB")
    write(anna, "Scope", "Access rights")
    anna.click("Send the notice")
    anna.sees("The contact is missing.")
    expect(anna.page.get_by_label("Scope", exact=True)).to_have_value("Access rights")
    write(anna, "Your contact for the audit", "Anna, 08-123 45")
    anna.click("Send the notice")
    anna.sees("It is not acknowledged that the provider’s reasonable expenses are reimbursed.")
    tick(anna, "I acknowledge that the provider")
    send(anna, "Send the notice")
    anna.sees("Waiting for acceptance")

    eva = sign_in(EVA, "/audits?customer=nordfrakt")
    press(eva, "Accept the auditor")
    confirm(eva, "Accept")
    eva.sees("Scheduled")
    move_clock(eva, 65)

    anna.open("/audits")
    anna.sees("Report due")
    press(anna, "File the report")
    anna.click("File the report")
    anna.sees("No report is attached.")
    attach(anna, "Report", PDF)
    write(anna, "Findings, one a line", "No restore test\nOld keys")
    confirm(anna, "File the report")
    anna.sees("Findings open")

    eva.open("/audits?customer=nordfrakt")
    assert fetch(eva, "report.pdf") == PDF["buffer"]
    for _ in range(2):
        press(eva, "Close the finding")
        write(eva, "What was done about finding 1" if _ == 0 else "What was done about finding 2", "Done")
        confirm(eva, "Close the finding")
    eva.sees("Closed")
    anna.open("/history")
    anna.sees("10 entries")


def test_a_second_audit_in_a_year_asks_for_the_cause(sign_in: SignIn) -> None:
    anna = sign_in(ANNA, "/audits")
    for number in (1, 2):
        if number == 2:
            main(anna).get_by_text("Give notice of an audit").click()
            anna.sees("has its audit already (audit 6). A further one needs a reasonable cause.")
        write(anna, "Scope", "Logging")
        write(anna, "Your contact for the audit", "Anna")
        tick(anna, "I acknowledge that the provider")
        if number == 2:
            anna.click("Send the notice")
            anna.sees("A further one needs a reasonable cause.")
            write(anna, "Reasonable cause for a further audit", "The breach of November")
        send(anna, "Send the notice")
    expect(main(anna).get_by_role("heading", name="of Connectel AB")).to_have_count(2)


def test_a_change_is_announced_objected_to_and_ends_a_feature(sign_in: SignIn, newest: Agreement) -> None:
    eva = sign_in(EVA, "/notices?customer=nordfrakt")
    eva.page.get_by_role("tab", name="Drafts and publishing").click()
    pick(eva, "What is to change", "Replacement")
    pick(eva, "Which one is replaced", "Tele2")
    write(eva, "Name of the new sub-processor", "Nordtel")
    write(eva, "Purpose", "Call routing")
    pick(eva, "Places", "USA")
    write(eva, "Reason, as customers will read it", "Better coverage")
    main(eva).get_by_role("button", name="Save the draft").click()
    eva.sees("nothing that is chosen makes a transfer there lawful")
    expect(eva.page.get_by_label("Name of the new sub-processor")).to_have_value("Nordtel")
    pick(eva, "What makes the transfer lawful", "SCC")
    send(eva, "Save the draft")
    eva.page.get_by_role("tab", name="Drafts and publishing").click()
    eva.sees("Touches Voice, in use by")
    press(eva, "Publish")
    confirm(eva, "Publish to all customers")

    anna = sign_in(ANNA, "/notices")
    anna.sees("you use Voice; Nordtel takes the place of Tele2.")
    notice = main(anna).locator("[class*=st-key-notice_]").filter(has_text="Nordtel")
    notice.get_by_role("button", name="Object").click()
    anna.page.get_by_role("dialog").wait_for()
    anna.click("Object")
    anna.sees("An objection needs reasonable, documented grounds.")
    write(anna, "Grounds", "No transfer impact assessment was made.")
    tick(anna, "These grounds relate to data protection.")
    attach(anna, "Documents (optional)", PDF)
    anna.sees("Files are no part of a draft")  # the button below moves down for it
    anna.settle()
    confirm(anna, "Object")
    anna.sees("Objected")

    eva.open("/notices?customer=nordfrakt")
    press(eva, "Propose a cure")
    write(eva, "Proposed cure", "An assessment by March")
    confirm(eva, "Propose")
    anna.open("/notices")
    press(anna, "Answer the cure")
    tick(anna, "Do not accept")
    write(anna, "Why (needed where you do not accept)", "March is late")
    confirm(anna, "Answer")

    # On its day the change counts for others, not for whoever objects.
    day = newest.term("objection_period").value + 1
    move_clock(anna, day)
    anna.open("/notices")
    anna.sees("not for you, as you object; for others since")
    anna.sees("for you Tele2 stays")
    anna.open("/sub_processors")
    anna.sees("it counts for others, not for you")
    eva.open("/notices?customer=nordfrakt")
    press(eva, "Cannot hold it back")
    write(eva, "Why it cannot be held back, as the customer will read it", "One network for all")
    confirm(eva, "Record it")
    anna.open("/features")
    expect(anna.page.locator(".st-key-card_voice")).to_contain_text("On, suspended")
    move_clock(anna, newest.term("objection_resolution").value + 1 - day, before=day)
    anna.open("/notices")
    anna.sees("Unresolved")
    press(anna, "End the affected features")
    assert "Voice will be switched off at once" in anna.reads_dialog()
    confirm(anna, "End these features")
    anna.sees("Affected features ended")
    anna.open("/features")
    anna.sees(f"2 of {len(newest.features)} optional features on")
    anna.open("/sub_processors")
    # The table is drawn on a canvas, its cells stand beside it for screen readers.
    expect(anna.page.get_by_text("Nordtel").first).to_be_attached()


def test_silence_for_thirty_days_is_acceptance_and_the_list_follows(sign_in: SignIn) -> None:
    anna = sign_in(ANNA, "/notices")
    anna.sees("May be objected to")
    anna.sees("Silence until then counts as acceptance.")
    move_clock(anna, 26)
    anna.open("/notices")
    anna.sees("Accepted by silence")
    anna.open("/features")
    card = anna.page.locator(".st-key-card_speech_analytics")
    expect(card).to_contain_text("Talvox")
    expect(card).not_to_contain_text("DeepGram")


def test_data_is_returned_checked_off_deleted_and_certified(sign_in: SignIn, tmp_path: Path) -> None:
    anna = sign_in(ANNA, "/data_return")
    press(anna, "Order a return or deletion")
    tick(anna, "Return, then deletion")
    pick(anna, "Data categories", "Contact Data")
    anna.sees("Deleted data cannot be brought back.")
    write(anna, "Reason (required)", "We move")
    write(anna, "To confirm, type the customer’s name: Nordfrakt Logistik AB", "Nordfrakt Logistik AB")
    tick(anna, "I acknowledge that the provider")
    confirm(anna, "Send the order")
    eva = sign_in(EVA, "/data_return?customer=nordfrakt")
    press(eva, "Deliver the data")
    attach(eva, "Files to hand over here", PDF | {"name": "contacts.pdf"})
    confirm(eva, "Deliver")
    anna.open("/data_return")
    received = tmp_path / "received"
    received.mkdir()
    (received / "contacts.pdf").write_bytes(fetch(anna, "contacts.pdf"))
    press(anna, "Acknowledge the return")
    anna.click("Acknowledge")
    anna.sees("Not checked off: contacts")
    # The browser reads the folder and compares it; nothing is uploaded.
    place(anna).get_by_label("Choose the folder you received").set_input_files(received)
    anna.sees("1 of 1 file matches in name, size and SHA-256.")
    confirm(anna, "Acknowledge")
    eva.open("/data_return?customer=nordfrakt")
    press(eva, "Record the deletion")
    confirm(eva, "Record and certify")
    anna.open("/data_return")
    anna.sees("Deleted on")
    certificate = tmp_path / "certificate.pdf"
    certificate.write_bytes(fetch(anna, "Certificate of deletion (PDF)"))
    anna.open("/snapshots")
    anna.page.get_by_role("tab", name="Verify a file").click()
    anna.page.locator("input[type=file]").set_input_files(certificate)
    anna.sees("Genuine: the certificate of")


def test_after_the_end_the_days_count_down_and_deletion_is_assumed(
    sign_in: SignIn, newest: Agreement
) -> None:
    eva = sign_in(EVA, "/data_return?customer=nordfrakt")
    press(eva, "Record the end of the agreement")
    eva.click("Record the end")
    eva.sees("A reason is missing.")
    write(eva, "Reason", "Notice of termination")
    confirm(eva, "Record the end")
    anna = sign_in(ANNA, "/data_return")
    anna.sees("Days left to ask for a return")
    days = newest.term("return_request").value
    expect(main(anna).get_by_test_id("stMetricValue")).to_have_text(str(days))
    move_clock(anna, days + 1)
    anna.open("/data_return")
    anna.sees("Deletion is assumed")
    anna.sees("Deletion, assumed")
    anna.open("/")
    anna.sees("Deletion assumed, order")


def test_a_request_for_help_with_a_file_and_a_conversation(sign_in: SignIn) -> None:
    anna = sign_in(ANNA, "/assistance")
    pick(anna, "Rights the person uses", "Access")
    write(anna, "Title", "Case 17")
    write(anna, "What you need", "Which recordings exist?")
    tick(anna, "I acknowledge: Reasonable expenses")
    lying = {"name": "notes.pdf", "mimeType": "application/pdf", "buffer": b"no PDF at all"}
    attach(anna, "Files (optional)", lying)
    anna.click("Send the request")
    anna.sees("“notes.pdf” is no PDF")
    expect(anna.page.get_by_label("Title", exact=True)).to_have_value("Case 17")
    main(anna).get_by_role("button", name="Remove notes.pdf").click()
    anna.settle()
    attach(anna, "Files (optional)", PDF)
    send(anna, "Send the request")
    anna.sees("Waits for the provider")

    eva = sign_in(EVA, "/desk")
    main(eva).get_by_label("Customer or title").fill("Case 17")
    main(eva).get_by_label("Customer or title").press("Enter")
    eva.sees("1 open task")
    main(eva).get_by_role("button", name="Answer", exact=True).first.click()
    eva.sees("Case 17")
    write(eva, "Message", "Three, listed in the file.")
    send(eva, "Send the answer")
    anna.open("/assistance")
    anna.sees("Three, listed in the file.")
    send(anna, "Close the request")
    anna.sees("Closed")


def test_a_flagged_instruction_is_seen_at_once_and_withdrawn(sign_in: SignIn, newest: Agreement) -> None:
    eva = sign_in(EVA, "/assistance?customer=nordfrakt")
    press(eva, "Flag an instruction as infringing the law")
    pick(eva, "Instruction", "Switched on Voice")
    write(eva, "Which law", "Art. 9 GDPR")
    write(eva, "Why it infringes it, in your opinion", "No basis is known.")
    confirm(eva, "Tell the customer")
    anna = sign_in(ANNA, "/")
    anna.sees("may infringe the law")
    anna.open("/assistance")
    press(anna, "Withdraw the instruction")
    assert "Switched off with it: Voice" in anna.reads_dialog()
    confirm(anna, "Withdraw")
    anna.open("/features")
    anna.sees(f"2 of {len(newest.features)} optional features on")


def test_an_incident_from_the_clock_to_the_customers_decision(sign_in: SignIn, newest: Agreement) -> None:
    eva = sign_in(EVA, "/incidents?customer=nordfrakt")
    main(eva).get_by_text("Record an incident").first.click()
    write(eva, "Title, as customers will read it", "Lost laptop")
    pick(eva, "Customers concerned", "Nordfrakt")
    send(eva, "Record the incident")
    eva.sees(f"{newest.term('breach_notice').value - 1} h")
    card = main(eva).locator("[class*=st-key-own_incident_]").filter(has_text="Lost laptop")
    anna = sign_in(ANNA, "/incidents")
    anna.sees("You were not told of any incident.")
    card.get_by_role("button", name="Notify the customers").click()
    eva.page.get_by_role("dialog").wait_for()
    eva.click("Notify")
    eva.sees("The notice says nothing.")
    write(eva, "(i) Nature of the breach", "A laptop with contact lists was stolen.")
    confirm(eva, "Notify")
    anna.open("/incidents")
    anna.sees("A laptop with contact lists was stolen.")
    anna.sees("Not known yet. An update follows.")
    send(anna, "Acknowledge the notice")
    press(anna, "Note our decision")
    tick(anna, "Notify the supervisory authority (Art. 33 GDPR)")
    confirm(anna, "Note the decision")
    anna.does_not_see("Not decided yet")
    anna.open("/notices")  # nothing of it here, nor of others' incidents
    anna.does_not_see("Misdirected exports")


def test_hours_that_run_out_ask_for_the_reasons(sign_in: SignIn) -> None:
    eva = sign_in(EVA, "/incidents?customer=nordfrakt")
    move_clock(eva, 4)
    eva.open("/incidents?customer=nordfrakt")
    eva.sees("Overdue: ")
    press(eva, "Notify the customers")
    write(eva, "What happened", "Calls could not be routed.")
    eva.click("Notify")
    eva.sees("Give the reasons for the delay")
    write(eva, "Reasons for the delay, told with the notice", "The cause was unclear.")
    confirm(eva, "Notify")
    eva.open("/desk")
    main(eva).get_by_text("Overdue only").click()
    eva.sees("overdue")


def test_a_reader_sees_and_cannot_act(sign_in: SignIn) -> None:
    clara = sign_in(CLARA)
    for page in ("audits", "notices", "data_return", "assistance", "incidents"):
        clara.open(f"/{page}")
        clara.sees("Instructions are given by an admin of the customer.")
        expect(main(clara).get_by_role("button")).to_have_count(0)


def test_the_desk_is_the_providers(sign_in: SignIn) -> None:
    for who in (ANNA, DAVID):
        visit = sign_in(who, "/")
        expect(visit.page.get_by_role("link", name="Desk")).to_have_count(0)
        visit.open("/desk")
        visit.does_not_see("Everything open over all customers")
