"""The page of incidents: which steps each side finds."""

from __future__ import annotations

from dpa_core.application import Application
from dpa_core.subjects import incidents
from tests.conftest import People
from tests.pages import offered
from tests.test_requests import BREACH, act, govern

STEPS = (
    "Acknowledge the notice",
    "Note our decision",
    "Notify the customers",
    "Send an update",
    "Add customers",
    "Close it",
)
BOTH = ("nordfrakt", "solsidan")


def steps(application: Application, people: People, who: str) -> list[str]:
    return offered("incidents", application, getattr(people, who), STEPS)


def test_an_incident_is_closed_only_once_all_was_told_to_all(
    application: Application, people: People
) -> None:
    number = govern(application, people.eva, BREACH)
    assert steps(application, people, "eva") == ["Notify the customers*", "Add customers"]
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, BOTH))
    assert steps(application, people, "eva") == ["Send an update*", "Add customers"]
    told = dict.fromkeys(incidents.ITEMS, "Known")
    govern(application, people.eva, incidents.NotifyCustomers(number, told, BOTH))
    assert steps(application, people, "eva") == ["Send an update*", "Add customers", "Close it"]
    govern(application, people.eva, incidents.CloseIncident(number, "Over"))
    assert steps(application, people, "eva") == []


def test_a_customer_acknowledges_while_something_is_new(application: Application, people: People) -> None:
    number = govern(application, people.eva, BREACH)
    assert steps(application, people, "anna") == []
    govern(application, people.eva, incidents.NotifyCustomers(number, {"nature": "A leak"}, BOTH))
    assert steps(application, people, "anna") == ["Acknowledge the notice*", "Note our decision"]
    act(application, people.anna, incidents.AcknowledgeNotice(number, 1))
    assert steps(application, people, "anna") == ["Note our decision"]
    assert steps(application, people, "clara") == []
