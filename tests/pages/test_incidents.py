"""The page of incidents: which steps each side finds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpa_core.application import Application
from dpa_core.subjects import incidents
from tests.conftest import NOW, People
from tests.pages import alone, as_read, confirm, offered, receipt, shown, visit
from tests.pages.test_requests import press
from tests.test_requests import BREACH, act, govern

TOLD = dict.fromkeys(incidents.ITEMS, "Known")
STEPS = (
    "Acknowledge the notice",
    "Note our decision",
    "Notify the customers",
    "Send an update",
    "Add customers",
    "Put right when you learnt of it",
    "Close it",
    "Open it again",
)
CORRECT = "Put right when you learnt of it"
BOTH = ("nordfrakt", "solsidan")


def steps(application: Application, people: People, who: str) -> list[str]:
    return offered("incidents", application, getattr(people, who), STEPS)


def test_an_incident_is_closed_only_once_all_was_told_to_all(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    assert steps(application, people, "eva") == ["Notify the customers*", "Add customers", CORRECT]
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, BOTH))
    assert steps(application, people, "eva") == ["Send an update*", "Add customers", CORRECT]
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(application, people.eva, incidents.NotifyCustomers(number, told, BOTH))
    assert steps(application, people, "eva") == ["Send an update*", "Add customers", CORRECT, "Close it"]
    govern(application, people.eva, incidents.CloseIncident(number, "Over"))
    assert steps(application, people, "eva") == ["Open it again"]


def test_a_customer_acknowledges_while_something_is_new(application: Application, people: People) -> None:
    number = govern(application, people.eva, BREACH)
    assert steps(application, people, "anna") == []
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, BOTH))
    assert steps(application, people, "anna") == ["Acknowledge the notice*", "Note our decision"]
    act(application, people.anna, incidents.AcknowledgeNotice(number, 1))
    assert steps(application, people, "anna") == ["Note our decision"]
    assert steps(application, people, "clara") == []


# --- the words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anna", "eva"])
def test_the_hours_are_never_said_without_undue_delay(
    application: Application, people: People, who: str
) -> None:
    number = govern(application, people.eva, BREACH)
    govern(application, people.eva, incidents.NotifyCustomers(number, TOLD, ("nordfrakt",)))
    text = shown(visit("incidents", application, getattr(people, who), "nordfrakt"))
    said = [line for line in text.splitlines() if "72 hours" in line]
    assert said
    assert all("without undue delay" in line for line in said)
    if who == "eva":
        assert "**1 customer not notified yet.** Without undue delay, and at the latest:" in text


def test_five_items_are_said_to_hold_four_points(application: Application, people: People) -> None:
    number = govern(application, people.eva, BREACH)
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Notify the customers")
    assert "five items; they hold the four points of Art. 33(3) GDPR" in shown(at)
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, BOTH))
    text = shown(visit("incidents", application, people.anna, "nordfrakt"))
    for item, label in incidents.ITEMS.items():
        assert f"**{label}** · {incidents.POINTS[item]}" in as_read(text)
    assert text.count("Not known yet. An update follows.") == 4


@pytest.mark.parametrize("kind", ["ict", "threat"])
def test_what_is_no_breach_asks_for_its_own_fields_and_decisions(
    application: Application, people: People, kind: incidents.IncidentKind
) -> None:
    number = govern(application, people.eva, incidents.RecordIncident(kind, "Outage", NOW, BOTH))
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Notify the customers")
    labels = [as_read(t.label) for t in at.text_area]
    assert labels == list(incidents.ITEMS_OF[kind].values())
    assert "The agreement lists no items for this." in shown(at)
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "Calls failed"}, BOTH))
    at = press(visit("incidents", application, people.anna, "nordfrakt"), "Note our decision")
    (decision,) = [r for r in at.radio if r.label == "Decision"]
    assert [as_read(o) for o in decision.options] == [
        incidents.DECISIONS[d] for d in incidents.DECISIONS_OF[kind]
    ]
    assert "GDPR" not in "".join(decision.options)
    assert "DORA" in shown(at)
    at = confirm(at, "Note the decision")
    assert receipt(at)


# --- a notice before it goes out -----------------------------------------------------------------------


def test_a_notice_is_read_before_it_goes_out(application: Application, people: People) -> None:
    number = govern(application, people.eva, BREACH)
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Notify the customers")
    assert "Nothing can be sent yet. **(i) Nature of the breach:** The notice says nothing." in as_read(
        shown(at)
    )
    at = alone(at, at.text_area[0].set_value("A *leak*"))
    text = as_read(shown(at))
    assert "Nordfrakt Logistik AB and Solsidan AB will read:" in text
    assert "A *leak*" in [t.value for t in at.text]
    assert text.count("Not known yet. An update follows.") == 4
    confirm(at, "Notify")
    mine = as_read(shown(visit("incidents", application, people.anna, "nordfrakt")))
    preview = text[text.index("Personal data breach · the provider learnt of it") :]
    for line in ("A *leak*", "**(i) Nature of the breach** · Art. 33(3)(a) GDPR"):
        assert line in mine
        assert line in text
    assert preview.splitlines()[0] in mine
    assert application.open(people.anna, "nordfrakt").incidents[number].items == {"nature": "A *leak*"}


def test_a_press_meant_for_another_text_sends_nothing(application: Application, people: People) -> None:
    number = govern(application, people.eva, BREACH)
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Notify the customers")
    at = alone(at, at.text_area[0].set_value("A leak"))
    at.text_area[0].set_value("A leak of everything")  # and pressed before its preview was there
    at = confirm(at, "Notify")
    assert application.open(people.anna, "nordfrakt").incidents == {}
    assert "A leak of everything" in [t.value for t in at.text]
    confirm(at, "Notify")
    told = application.open(people.anna, "nordfrakt").incidents[number].items
    assert told == {"nature": "A leak of everything"}


def test_customers_who_would_read_another_text_each_have_a_preview(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, ("nordfrakt",)))
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Notify the customers")
    (who,) = at.multiselect
    assert who.value == ["solsidan"]
    at = alone(at, who.set_value(["solsidan", "nordfrakt"]))
    at = alone(at, at.text_area[0].set_value("A theft"))
    text = as_read(shown(at))
    assert "Nordfrakt Logistik AB will read:" in text
    assert "Solsidan AB will read:" in text
    assert text.count("replaces what was told before") == 1
    confirm(at, "Notify")
    anna = as_read(shown(visit("incidents", application, people.anna, "nordfrakt")))
    assert "(i) Nature of the breach · replaces what was told before" in anna


def test_what_another_customer_was_told_is_sent_to_whom_it_is_new(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, BOTH))
    govern(application, people.eva, incidents.NotifyCustomers(number, {"numbers": "140"}, ("nordfrakt",)))
    at = press(visit("incidents", application, people.eva, "nordfrakt"), "Send an update")
    at = alone(at, at.multiselect[0].set_value(["solsidan"]))
    confirm(at, "Notify")
    told = application.open(people.henrik, "solsidan").incidents[number]
    assert told.notices[-1].items == {"numbers": "140"}


# --- when it was learnt of -----------------------------------------------------------------------------


def test_a_moment_put_right_is_shown_with_the_one_before_and_the_reason(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    govern(application, people.eva, incidents.NotifyCustomers(number, TOLD, BOTH))
    at = press(visit("incidents", application, people.eva, "nordfrakt"), CORRECT)
    earlier = (NOW - timedelta(days=4)).date()
    at = alone(
        at,
        at.date_input(
            key=next(d.key for d in at.date_input if ".aware_at" in d.key and "CorrectAwareness" in d.key)
        ).set_value(earlier),
    )
    assert "The first notice then came after the hours for" in as_read(shown(at))
    at = alone(at, at.text_area[-1].set_value("The first mail was overlooked"))
    assert receipt(confirm(at, "Put the moment right"))
    for who in ("anna", "eva"):
        text = as_read(shown(visit("incidents", application, getattr(people, who), "nordfrakt")))
        assert "learnt of it on 20 Nov 2026, 15:00" in text
        assert "not 24 Nov 2026, 15:00" in text
        assert "The first mail was overlooked" in text
    mine = as_read(shown(visit("incidents", application, people.anna, "nordfrakt")))
    assert "The first notice came after the hours that the agreement allows at most." in mine
    assert "Solsidan" not in mine
