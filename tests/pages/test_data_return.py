"""The page of return and deletion: which steps each side finds, what holds a deletion, what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application
from dpa_core.subjects import data_return, dates, retention
from dpa_core.subjects.data_return import Item
from pages.parts import check_off, words
from tests.conftest import CUSTOMERS, NOW, People, SettableClock
from tests.pages import alone, confirm, labels, receipt, shown, visit
from tests.pages.test_requests import errors, field, press
from tests.test_requests import ORDER, act

TODAY = dates.local_day(NOW)
ITEM = Item(name="a.csv", size=1, sha256="a" * 64)
NAME = CUSTOMERS["nordfrakt"]
CONFIRM = f"To confirm, type the customer’s name: {NAME}"
HELD = "a legal hold stands on Chats"


def order(wish: data_return.Wish, *categories: str) -> data_return.OrderData:
    return data_return.OrderData(wish, categories, "Moved", True, NAME)


DELETION = order("deletion", "communication_content")


def steps(application: Application, people: People, who: str) -> list[str]:
    """The buttons of an order's steps; an asterisk marks the main one."""
    at = visit("data_return", application, getattr(people, who), "nordfrakt")
    assert not at.exception, at.exception
    cards = [b for b in at.button if b.key and b.key.startswith("open.") and b.key[-1].isdigit()]
    return [b.label + "*" * (b.proto.type == "primary") for b in cards]


def test_each_side_finds_its_own_steps_from_order_to_deletion(
    application: Application, people: People
) -> None:
    number = act(application, people.anna, order("return_then_deletion", "contact"))
    assert steps(application, people, "eva") == ["Deliver the data*"]
    assert steps(application, people, "anna") == ["Withdraw"]
    act(application, people.eva, data_return.Deliver(number, (ITEM,), "By courier"))
    assert steps(application, people, "eva") == []
    assert steps(application, people, "anna") == ["Acknowledge the return*", "Report a mismatch", "Withdraw"]
    act(application, people.anna, data_return.ReportMismatch(number, "It is cut"))
    assert steps(application, people, "eva") == ["Deliver the data*"]
    act(application, people.eva, data_return.Deliver(number, (ITEM,), "By courier"))
    act(application, people.anna, data_return.AcknowledgeReturn(number, frozenset({"a.csv"})))
    assert steps(application, people, "eva") == ["Record the deletion*"]
    act(application, people.eva, data_return.RecordDeletion(number, TODAY))
    assert steps(application, people, "anna") == steps(application, people, "eva") == []


def test_a_legal_hold_keeps_the_deletion_back_and_both_sides_read_why(
    application: Application, people: People
) -> None:
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    act(application, people.anna, DELETION)
    for who in (people.anna, people.clara, people.eva):
        assert HELD in shown(visit("data_return", application, who, "nordfrakt"))
    assert steps(application, people, "eva") == []
    until = TODAY + timedelta(days=1)
    # An exception of another data type changes nothing; one of the held type leaves it out.
    act(application, people.eva, data_return.RecordException("sms", "law", "Accounting Act", until))
    assert steps(application, people, "eva") == []
    act(application, people.eva, data_return.RecordException("chats", "law", "Accounting Act", until))
    at = visit("data_return", application, people.eva, "nordfrakt")
    assert HELD not in shown(at)
    assert "**Chats** is not deleted: kept until the end of 25 Nov 2026" in shown(at)
    assert steps(application, people, "eva") == ["Record the deletion*"]


def test_a_released_hold_is_named_with_the_first_day_and_whose_setting_that_is(
    application: Application, people: People, clock: SettableClock
) -> None:
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    act(application, people.anna, DELETION)
    act(application, people.anna, retention.ReleaseHold("chats"))
    for who in (people.anna, people.eva):
        text = shown(visit("data_return", application, who, "nordfrakt"))
        assert "a legal hold on Chats was released; deletion resumes on **1 Dec 2026 (in 7 days)**" in text
        assert "7 days after the release by the provider’s own setting" in text
    assert steps(application, people, "eva") == []
    clock.pass_days(7)
    at = press(visit("data_return", application, people.eva, "nordfrakt"), "Record the deletion")
    assert "The first day possible is 1 Dec 2026." in shown(at)
    field(at, "Deleted on").set_value(date(2026, 11, 30))
    told = errors(confirm(at, "Record and certify"))
    assert "**Deleted on:** Deletion of Chats had not resumed on that day" in told
    assert "Choose from 1 Dec 2026 to 1 Dec 2026. (Sch. 1 2)" in told


def test_a_legal_hold_is_named_before_anybody_presses_where_a_deletion_follows(
    application: Application, people: People
) -> None:
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    number = act(application, people.anna, order("return", "communication_content"))
    assert HELD not in shown(visit("data_return", application, people.clara, "nordfrakt"))
    act(application, people.anna, data_return.WithdrawOrder(number))
    act(application, people.anna, order("return_then_deletion", "communication_content"))
    for who in (people.anna, people.clara, people.eva):
        text = shown(visit("data_return", application, who, "nordfrakt"))
        assert f"**The deletion that follows would wait:** {HELD}" in text


def test_at_the_end_the_rest_is_deleted_and_what_is_held_waits(
    application: Application, people: People, clock: SettableClock
) -> None:
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    end = act(application, people.eva, data_return.Terminate(TODAY, "Notice"))
    clock.pass_days(16)
    text = shown(visit("data_return", application, people.anna, "nordfrakt"))
    assert f"**A part waits:** {HELD}" in text
    assert "waits for the customer’s choice" in text
    today = TODAY + timedelta(days=16)
    act(application, people.eva, data_return.RecordDeletion(end, today))
    text = shown(visit("data_return", application, people.anna, "nordfrakt"))
    assert "SMS" not in text.partition("deleted on")[0]
    assert f"**A part waits:** {HELD}" in text
    assert "Support cases and Identification Data" not in text
    assert "Voicebot recordings" in text
    assert steps(application, people, "eva") == []
    assert application.verify() == []


# --- the order -----------------------------------------------------------------------------------


def ordering(application: Application, people: People, wish: str, *categories: str) -> AppTest:
    """The dialog of an order, with these chosen."""
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Order a return or deletion")
    if wish != "return":
        chosen = field(at, "What shall happen").set_value(wish)
        at = alone(at, chosen)
    return alone(at, field(at, "Data categories").set_value(list(categories)))


def table(at: AppTest) -> list[dict[str, str]]:
    """What the dialog tells of each data type."""
    found: list[dict[str, str]] = at.dataframe[-1].value.to_dict("records")
    return found


def test_a_deletion_is_reviewed_before_it_is_ordered(application: Application, people: People) -> None:
    rows = [
        ("nordfrakt", "chats", date(2026, 10, 1), 310, 3_100_000),
        ("nordfrakt", "chats", date(2020, 1, 1), 9, 9),
    ]
    columns = ("customer_id", "data_type", "month_start", "records", "bytes")
    figures = pa.table({name: [row[n] for row in rows] for n, name in enumerate(columns)})
    application.import_usage(people.eva, figures)
    act(application, people.anna, retention.PlaceHold("emails", "Dispute"))
    act(application, people.anna, retention.PlaceHold("sms", "Dispute"))
    act(application, people.anna, retention.ReleaseHold("sms"))
    act(
        application,
        people.eva,
        data_return.RecordException("transcripts", "other_rules", "Rule 4", date(2030, 1, 1)),
    )
    at = ordering(application, people, "deletion", "communication_content")
    assert [(r["Data type"], r["Records"], r["What happens"]) for r in table(at)] == [
        ("Transcripts", "No figures", "Kept until 1 Jan 2030: Rule 4"),
        ("Chats", "310", "Deleted"),
        ("E-mails", "No figures", "Waits: a legal hold stands"),
        ("SMS", "No figures", "Waits until 1 Dec 2026: a legal hold was released"),
    ]
    text = shown(at)
    assert "**About 310 records (3.1 MB)**" in text
    assert "for 3 data types there are none" in text
    assert "**The whole order waits:** a legal hold stands on E-mails" in text
    assert "(other rules and regulations: Rule 4)" in text
    field(at, "I acknowledge that the provider’s reasonable expenses are reimbursed (3.1(xiii)).").set_value(
        True
    )
    at = confirm(at, "Send the order")
    assert "**Reason:** A reason is missing." in errors(at)
    field(at, "Reason (required)").set_value("We move")
    field(at, CONFIRM).set_value("Nordfrakt")
    at = confirm(at, "Send the order")
    assert "**The customer’s name:** What was typed is not the customer’s name" in errors(at)
    assert f"Type it as it is here: {NAME}" in errors(at)
    field(at, CONFIRM).set_value(NAME)
    at = confirm(at, "Send the order")
    assert "Ordered: deletion of Communication Content" in receipt(at)


def test_a_return_alone_asks_for_no_name(application: Application, people: People) -> None:
    at = ordering(application, people, "return", "contact", "identification")
    assert [(r["Data type"], r["Records"]) for r in table(at)] == [
        ("Identification Data", "No figures"),
        ("Contacts", "No figures"),
    ]
    assert "What happens" not in table(at)[0]
    assert "The data stays with the provider after the return." in shown(at)
    assert not [t for t in at.text_input if "name" in t.label]


def test_an_acknowledgement_says_whether_a_deletion_follows(application: Application, people: People) -> None:
    number = act(application, people.anna, ORDER)
    act(application, people.eva, data_return.Deliver(number, (ITEM,), "By courier"))
    follows = "The provider deletes the data once you acknowledge."
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Acknowledge the return")
    assert follows not in shown(at)
    act(application, people.eva, data_return.Terminate(TODAY, "Notice"))
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Acknowledge the return")
    assert follows in shown(at)


def test_an_exception_without_its_end(application: Application, people: People) -> None:
    at = press(visit("data_return", application, people.eva, "nordfrakt"), "Record a lawful exception")
    next(t for t in at.text_input if t.label == "Law or rule").set_value("Accounting Act, 7:2")
    at = confirm(at, "Record the exception")
    assert "**Until:** The end date is missing" in errors(at)


def test_a_manifest_that_cannot_be_read(application: Application, people: People) -> None:
    act(application, people.anna, ORDER)
    at = press(visit("data_return", application, people.eva, "nordfrakt"), "Deliver the data")
    (manifest,) = [f for f in at.file_uploader if f.label.startswith("Manifest")]
    manifest.set_value(("manifest.json", b"{}", "application/json"))
    at = confirm(at, "Deliver")
    told = errors(at).replace("\\", "")
    assert "The manifest cannot be read: This is no manifest of `dpa return manifest`;" in told
    assert told.endswith(". Make it with `dpa return manifest DIR`. (3.1(xi))")


# --- checking a return off -----------------------------------------------------------------------


def test_a_return_is_checked_off_with_sizes_and_digests_by_hand_or_by_the_browser(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = act(application, people.anna, ORDER)
    files = tuple(Item(name=f"{n}.csv", size=n * 1000, sha256=n * "0" + (64 - n) * "a") for n in (1, 2, 3))
    act(application, people.eva, data_return.Deliver(number, files, "By courier"))
    assert "Script that checks a folder (Python)" in labels(
        visit("data_return", application, people.anna, "nordfrakt")
    )
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Acknowledge the return")
    rows = at.dataframe[-1].value.to_dict("records")
    assert [(r["File"], r["Size"], r["SHA-256"]) for r in rows] == [
        (f.name, words.size(f.size), f.sha256) for f in files
    ]
    assert [c.label for c in at.checkbox] == ["1.csv", "2.csv", "3.csv"]
    # What the browser tells of a chosen folder; a file that no manifest names counts for nothing.
    told = {
        "matching": ["1.csv", "2.csv", "9.csv"],
        "differing": [["3.csv", "size"], ["*x*", "extra"]],
        "number": 3,
    }
    monkeypatch.setattr(check_off.client, "run", lambda *_, **__: SimpleNamespace(found=told))
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Acknowledge the return")
    text = shown(at)
    assert "**2 of 3 files match in name, size and SHA-256.**" in text
    assert "- **3.csv** has another size\n- **\\*x\\*** is not in the manifest" in text
    assert "And 1 more." in text
    assert [c.label for c in at.checkbox] == ["3.csv"]
    assert "Not checked off: 3.csv" in errors(confirm(at, "Acknowledge")).replace("\\", "")
    at.checkbox[0].set_value(True)
    assert "Acknowledged the return" in receipt(confirm(at, "Acknowledge"))


def test_what_is_no_finding_of_the_browser_checks_nothing_off(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = act(application, people.anna, ORDER)
    act(application, people.eva, data_return.Deliver(number, (ITEM,), "By courier"))
    monkeypatch.setattr(check_off.client, "run", lambda *_, **__: SimpleNamespace(found={"matching": 7}))
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Acknowledge the return")
    assert [c.label for c in at.checkbox] == ["a.csv"]


def test_a_manifest_too_long_for_a_browser_is_for_the_script(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_off, "MOST_IN_BROWSER", 1)
    monkeypatch.setattr(check_off, "MOST_BY_HAND", 1)
    number = act(application, people.anna, ORDER)
    files = (ITEM, Item(name="b.csv", size=1, sha256="b" * 64))
    act(application, people.eva, data_return.Deliver(number, files, "By courier"))
    at = press(visit("data_return", application, people.anna, "nordfrakt"), "Acknowledge the return")
    assert "check the folder with the script on the page" in shown(at)
    assert [c.label for c in at.checkbox] == ["All 2 files match"]
