"""The access page: who is listed, and who may give and take which role."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application
from dpa_core.subjects.grants import RevokeAccess
from tests.conftest import NOW, People, email
from tests.pages import alone, confirm, receipt, shown, visit


def give(at: AppTest, address: str, role: str) -> AppTest:
    """Fill in the dialog that gives access, and confirm."""
    at = at.button[0].click().run()
    at.text_input[0].set_value(address)
    at.radio[0].set_value(role)
    return confirm(at, "Give access")


def take(at: AppTest, name: str, role: str) -> AppTest:
    """Open the dialog that takes a role away."""
    return at.button(key=f"open.access.take.{role}.{email(name)}").click().run()


def test_everyone_with_a_role_is_listed_and_the_officers_are_named(
    application: Application, people: People
) -> None:
    text = shown(visit("access", application, people.clara, "nordfrakt"))
    for name in ("anna", "bo", "clara", "david"):
        assert f"{name}@people.example" in text
    assert "eva" not in text
    assert "henrik" not in text
    assert "The privacy officers of Connectel AB can read every customer." in text
    assert "Since 2 Feb 2026, given by the provider’s operator" in text


@pytest.mark.parametrize("who", ["clara", "david"])
def test_who_may_not_give_roles_has_no_button(application: Application, people: People, who: str) -> None:
    assert not visit("access", application, getattr(people, who), "nordfrakt").button


def test_a_past_view_shows_the_present_and_says_so(application: Application, people: People) -> None:
    application.change_access(people.anna, RevokeAccess(email("clara"), "customer_reader", "nordfrakt"))
    at = visit("access", application, people.anna, "nordfrakt", NOW - timedelta(days=30))
    assert "always shows who has access today" in shown(at)
    assert "clara" not in shown(at)
    assert not at.button


def test_an_admin_gives_the_two_roles_of_the_customer_only(application: Application, people: People) -> None:
    at = visit("access", application, people.anna, "nordfrakt").button[0].click().run()
    assert at.radio[0].options == ["Customer admin", "Customer reader"]
    assert f"open.access.take.account_manager.{email('david')}" not in [b.key for b in at.button]


def test_a_privacy_officer_also_names_account_managers(application: Application, people: People) -> None:
    at = visit("access", application, people.eva, "solsidan")
    give(at, "new@people.example", "account_manager")
    assert application.person("new@people.example").role_for("solsidan") == "account_manager"


def test_given_access_counts_at_once(application: Application, people: People) -> None:
    at = visit("access", application, people.anna, "nordfrakt")
    at = give(at, " Farid@People.example ", "customer_reader")
    said = "Recorded as change 1 of this person’s roles:** Customer reader given to farid@people.example."
    assert said in receipt(at)
    assert application.person(email("farid")).role_for("nordfrakt") == "customer_reader"


@pytest.mark.parametrize("address", ["", "nonsense", "a b@c.example", "x" * 300 + "@c.example"])
def test_what_is_no_address_is_refused_and_stays(
    application: Application, people: People, address: str
) -> None:
    at = give(visit("access", application, people.anna, "nordfrakt"), address, "customer_reader")
    assert "is no e-mail address" in at.error[0].value
    assert at.text_input[0].value == address


def test_a_role_held_already_is_refused(application: Application, people: People) -> None:
    at = give(visit("access", application, people.anna, "nordfrakt"), email("clara"), "customer_reader")
    assert "is Customer reader already" in at.error[0].value


def test_another_role_of_the_same_person_is_pointed_out(application: Application, people: People) -> None:
    at = visit("access", application, people.anna, "nordfrakt").button[0].click().run()
    at.text_input[0].set_value(email("clara"))
    at.radio[0].set_value("customer_admin")
    assert "is Customer reader already, and stays that too" in shown(alone(at, at.radio[0]))


def test_a_role_is_taken_away(application: Application, people: People) -> None:
    at = take(visit("access", application, people.anna, "nordfrakt"), "clara", "customer_reader")
    assert not at.warning
    confirm(at, "Take access away")
    assert application.person(email("clara")).role_for("nordfrakt") is None


def test_a_role_that_somebody_took_away_meanwhile_is_refused(
    application: Application, people: People
) -> None:
    at = take(visit("access", application, people.anna, "nordfrakt"), "clara", "customer_reader")
    application.change_access(people.bo, RevokeAccess(email("clara"), "customer_reader", "nordfrakt"))
    at = confirm(at, "Take access away")
    assert "is not Customer reader" in at.error[0].value


def test_taking_away_the_own_role_is_warned_of(application: Application, people: People) -> None:
    at = take(visit("access", application, people.anna, "nordfrakt"), "anna", "customer_admin")
    assert [w.value for w in at.warning if "your own role" in w.value]
    assert not [w.value for w in at.warning if "last customer admin" in w.value]


def test_taking_away_the_last_admin_is_warned_of(application: Application, people: People) -> None:
    application.change_access(people.anna, RevokeAccess(email("bo"), "customer_admin", "nordfrakt"))
    at = take(visit("access", application, people.eva, "nordfrakt"), "anna", "customer_admin")
    assert len(at.warning) == 1
    assert "last customer admin" in at.warning[0].value


def test_who_lost_access_while_the_dialog_was_open_can_confirm_nothing(
    application: Application, people: People
) -> None:
    at = take(visit("access", application, people.anna, "nordfrakt"), "clara", "customer_reader")
    application.change_access(people.bo, RevokeAccess(email("anna"), "customer_admin", "nordfrakt"))
    at = confirm(at, "Take access away")
    assert "that you may open" in at.error[0].value
    assert application.person(email("clara")).role_for("nordfrakt") == "customer_reader"
