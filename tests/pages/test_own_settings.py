"""What the agreement does not say is marked as the provider's own where it shows."""

from __future__ import annotations

from datetime import timedelta

from dpa_core.application import Application
from dpa_core.locale import Label
from dpa_core.subjects import sub_processors
from dpa_core.subjects.audits import refuse as refuse_audit
from dpa_core.subjects.dates import local_day
from dpa_core.subjects.objections import refuse as refuse_objection
from tests.conftest import NOW, People, carry_out
from tests.pages import shown, visit
from tests.pages.test_requests import press
from tests.test_requests import TALVOX, govern

OURS = "What each feature does is our description: the agreement names the features only."


def test_a_features_description_is_ours(application: Application, people: People) -> None:
    assert OURS in shown(visit("features", application, people.anna, "nordfrakt"))


def test_it_is_in_a_review_too(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", voice=True)
    at = press(visit("review", application, people.david, "nordfrakt"), "Start a review")
    while OURS not in shown(at):
        at = press(at, "Next")


def test_how_long_an_audit_may_be_is_the_providers_own(application: Application, people: People) -> None:
    at = visit("audits", application, people.anna, "nordfrakt")
    assert "The provider’s own settings, as the agreement names none" in shown(at)
    assert "10 of them at the most" in shown(at)
    said = refuse_audit("too_long", "3.1(xii)", "last", days=11, limit=10)
    assert said.message.endswith("its own setting, as the agreement names no number.")


def test_when_the_days_of_an_objection_begin_is_our_reading(application: Application, people: People) -> None:
    change = govern(application, people.eva, TALVOX)
    day = local_day(NOW) + timedelta(days=40)
    govern(application, people.eva, sub_processors.PublishChange(change, day))
    at = press(visit("notices", application, people.anna, "nordfrakt"), "Object")
    assert "one objection to each change, is the provider’s own setting" in shown(at)
    said = refuse_objection(
        "objected_already", "Sch. 2 1.1", "change", standing=Label("objected", "objected")
    )
    assert said.remedy.endswith("one objection to each change is the provider’s own setting.")
