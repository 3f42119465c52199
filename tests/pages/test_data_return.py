"""The page of return and deletion: which steps each side finds, what holds a deletion, what is refused."""

from __future__ import annotations

from datetime import timedelta

from dpa_core.application import Application
from dpa_core.subjects import data_return, dates, retention
from dpa_core.subjects.data_return import Item
from tests.conftest import NOW, People
from tests.pages import confirm, shown, visit
from tests.pages.test_requests import errors, press
from tests.test_requests import ORDER, act

TODAY = dates.local_day(NOW)
ITEM = Item(name="a.csv", size=1, sha256="a" * 64)
DELETION = data_return.OrderData("deletion", ("communication_content",), cost_acknowledged=True)
HELD = "A legal hold stands on Chats"


def steps(application: Application, people: People, who: str) -> list[str]:
    """The buttons of an order's steps; an asterisk marks the main one."""
    at = visit("data_return", application, getattr(people, who), "nordfrakt")
    assert not at.exception, at.exception
    cards = [b for b in at.button if b.key and b.key.startswith("open.") and b.key[-1].isdigit()]
    return [b.label + "*" * (b.proto.type == "primary") for b in cards]


def test_each_side_finds_its_own_steps_from_order_to_deletion(
    application: Application, people: People
) -> None:
    wish = data_return.OrderData("return_then_deletion", ("contact",), cost_acknowledged=True)
    number = act(application, people.anna, wish)
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
    exception = data_return.RecordException("communication_content", "law", "Accounting Act", until)
    act(application, people.eva, exception)
    assert HELD not in shown(visit("data_return", application, people.eva, "nordfrakt"))
    assert steps(application, people, "eva") == ["Record the deletion*"]


def test_a_legal_hold_is_no_matter_of_an_order_that_deletes_nothing_yet(
    application: Application, people: People
) -> None:
    act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    wish = data_return.OrderData("return_then_deletion", ("communication_content",), cost_acknowledged=True)
    act(application, people.anna, wish)
    assert HELD not in shown(visit("data_return", application, people.clara, "nordfrakt"))


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
