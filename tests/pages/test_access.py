"""The access page: who is listed, and who may give and take which role."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.access import Identity, Unconfirmed
from dpa_core.application import Application
from dpa_core.subjects.grants import GrantAccess, RevokeAccess
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
    assert "was taken on 24 Nov 2026, 15:00" in at.error[0].value
    assert application.person(email("clara")).role_for("nordfrakt") == "customer_reader"


# --- accounts that wait, names and addresses ------------------------------------------------------

WHO = Identity("test", "https://id.example", "first", email("anna"), "Anna")


@pytest.fixture
def waiting(application: Application) -> Identity:
    """A second account with Anna's address, with a name that would like to be a picture."""
    application.sign_in(WHO, "x")
    other = replace(WHO, subject="second", name="![x](http://evil.example)")
    with pytest.raises(Unconfirmed):
        application.sign_in(other, "x")
    return other


@pytest.mark.parametrize(("who", "sees"), [("bo", True), ("eva", True), ("anna", False), ("clara", False)])
def test_accounts_that_wait_are_shown_to_who_may_confirm(
    application: Application, people: People, waiting: Identity, who: str, sees: bool
) -> None:
    said = shown(visit("access", application, getattr(people, who), "nordfrakt"))
    assert ("Accounts that wait" in said) == sees
    assert ("https" in said and "id.example" in said) == sees
    assert "![x]" not in said


def test_confirming_says_all_roles_first(application: Application, people: People, waiting: Identity) -> None:
    application.change_access(people.eva, GrantAccess(email("anna"), "customer_reader", "solsidan"))
    at = visit("access", application, people.eva, "solsidan")
    at = at.button(key="open.access.confirm.https://id.example.second").click().run()
    said = shown(at)
    assert "Customer admin of nordfrakt" in said
    assert "Customer reader of solsidan" in said
    at = confirm(at, "Confirm")
    assert "Done:** The account of anna@people.example is confirmed" in receipt(at).replace(":small[]", "")
    assert application.sign_in(waiting, "x")


def test_refusing_leaves_it_without_anything(
    application: Application, people: People, waiting: Identity
) -> None:
    at = visit("access", application, people.bo, "nordfrakt")
    at = at.button(key="open.access.refuse.https://id.example.second").click().run()
    confirm(at, "Refuse")
    with pytest.raises(Unconfirmed, match="not the one"):
        application.sign_in(waiting, "x")


def test_what_another_decided_meanwhile_is_not_decided_anew(
    application: Application, people: People, waiting: Identity
) -> None:
    at = visit("access", application, people.bo, "nordfrakt")
    at = at.button(key="open.access.confirm.https://id.example.second").click().run()
    (found,) = application.accounts_to_confirm(people.eva)
    application.decide_account(people.eva, found.account, "refused")
    at = confirm(at, "Confirm")
    assert "no account that waits" in at.error[0].value
    with pytest.raises(Unconfirmed):
        application.sign_in(waiting, "x")


def test_a_name_is_corrected(application: Application, people: People) -> None:
    at = visit("access", application, people.bo, "nordfrakt")
    at = at.button(key=f"open.access.rename.customer_admin.{email('anna')}").click().run()
    assert at.text_input[0].value == "Anna"
    at.text_input[0].set_value("Anna Lind")
    assert "is called Anna Lind now" in receipt(confirm(at, "Correct the name")).replace(":small[]", "")
    assert application.people.who(people.anna.id).name == "Anna Lind"


def test_a_name_that_is_none_is_refused_and_stays(application: Application, people: People) -> None:
    at = visit("access", application, people.bo, "nordfrakt")
    at = at.button(key=f"open.access.rename.customer_admin.{email('anna')}").click().run()
    at.text_input[0].set_value("x" * 300)
    at = confirm(at, "Correct the name")
    assert at.error[0].value.startswith("**Name:**")
    assert at.text_input[0].value == "x" * 300


def test_a_mailbox_is_moved_by_officers_only(application: Application, people: People) -> None:
    key = f"open.access.move.customer_admin.{email('anna')}"
    assert key not in [b.key for b in visit("access", application, people.bo, "nordfrakt").button]
    at = visit("access", application, people.eva, "nordfrakt").button(key=key).click().run()
    at.text_input[0].set_value("anna.lind@people.example")
    confirm(at, "Move the mailbox")
    assert application.person("anna.lind@people.example").role_for("nordfrakt") == "customer_admin"


def test_a_role_of_groups_is_shown_as_such_and_said_to_come_back(
    application: Application, people: People
) -> None:
    roles = frozenset({("customer_reader", "nordfrakt")})
    application.sign_in(Identity("entra", "https://e.example", "f", email("farid"), "Farid", roles), "x")
    at = visit("access", application, people.anna, "nordfrakt")
    assert "given by the groups at entra" in shown(at)
    at = take(at, "farid", "customer_reader")
    assert [w.value for w in at.warning if "give it again at the next sign-in" in w.value]


def test_an_admin_sees_what_was_handed_over_of_the_own_customer(
    application: Application, people: People
) -> None:
    application.note_export(people.eva, "nordfrakt", "own.pdf", "")
    application.note_export(people.eva, "solsidan", "other.pdf", "")
    at = visit("access", application, people.anna, "nordfrakt")
    told = str(at.dataframe[0].value.to_dict())
    assert "own.pdf" in told
    assert "other.pdf" not in told
    assert not visit("access", application, people.clara, "nordfrakt").dataframe
