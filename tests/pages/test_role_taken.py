"""Someone whose role was taken reads that, and finds what was typed. Standard: Art. 32(4) GDPR"""

from datetime import timedelta

import pytest

from dpa_core.access import Forbidden, RoleTaken
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.grants import GrantAccess, RevokeAccess
from pages.parts import shell
from tests.conftest import email
from tests.pages import labels, shown, visit
from tests.pages.test_requests import field
from tests.pages.test_sign_in_again import opened

TAKEN = (
    "Your role Customer admin of Nordfrakt Logistik AB was taken on 24 Nov 2026, 15:00 by bo@people.example."
)
TYPED = "Half a sentence on the scope"


def take(application, people, role="customer_admin", who="anna"):
    application.change_access(people.bo, RevokeAccess(email(who), role, "nordfrakt"))


def said(at):
    told = "\n".join([shown(at), *(e.value for e in (*at.error, *at.warning))])
    return told.replace("\\", "").replace(":small[]", "")


def test_without_any_role_left_it_says_which_was_taken_and_keeps_what_was_typed(
    application, people, monkeypatch
):
    at = opened(application, monkeypatch, "anna", {"customer": "nordfrakt"})
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"scope": TYPED, "contact": ""})
    take(application, people)
    at.run()
    assert at.title[0].value == "Your access was taken away"
    assert TAKEN in said(at)
    assert "nobody has given you access" not in shown(at)
    assert [c.value for c in at.code] == [TYPED]
    assert labels(at) == ["Sign out"]


@pytest.mark.parametrize("query", [{"customer": "nordfrakt"}, {}])
def test_a_link_to_a_customer_whose_role_was_taken_says_so(application, people, monkeypatch, query):
    application.change_access(people.eva, GrantAccess(email("anna"), "customer_reader", "solsidan"))
    at = opened(application, monkeypatch, "anna", {"customer": "nordfrakt"})
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"scope": TYPED})
    take(application, people)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    assert at.title[0].value == "Your access was taken away"
    assert TAKEN in said(at)
    assert "There is no customer" not in shown(at)
    assert [c.value for c in at.code] == [TYPED]
    at.button[0].click().run()
    assert "Solsidan AB" in shown(at)


def test_who_may_still_look_reads_what_was_taken_and_finds_what_was_typed(
    application, people, monkeypatch, clock
):
    application.change_access(people.bo, GrantAccess(email("anna"), "customer_reader", "nordfrakt"))
    at = opened(application, monkeypatch, "anna", {"customer": "nordfrakt"})
    take(application, people)
    assert TAKEN in said(at.run())
    assert not at.code
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"scope": TYPED})
    assert [c.value for c in at.run().code] == [TYPED]
    clock.pass_days(shell._TOLD_FOR.days)
    at = opened(application, monkeypatch, "anna", {"customer": "nordfrakt"})
    assert TAKEN in said(at)
    application.drop_draft(people.anna, "nordfrakt", "audits.request")
    assert TAKEN not in said(at.run())


def test_a_dialog_that_is_open_tells_it_and_keeps_what_is_typed(application, people):
    at = visit("audits", application, people.anna, "nordfrakt")
    field(at, "Scope").set_value(TYPED).run()
    take(application, people)
    with pytest.raises(RoleTaken) as caught:
        application.open(people.anna, "nordfrakt")
    assert str(caught.value).startswith(TAKEN)
    [left] = application.left_drafts(people.anna)
    assert (left.customer_id, left.draft.content["scope"]) == ("nordfrakt", TYPED)


def test_what_is_typed_right_after_is_kept_too_and_not_for_long(application, people, clock):
    take(application, people)
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"scope": TYPED})
    clock.pass_days(1)
    with pytest.raises(RoleTaken):
        application.keep_draft(people.anna, "nordfrakt", "audits.request", {"scope": "More"})
    [left] = application.left_drafts(people.anna)
    assert left.draft.content == {"scope": TYPED}


def test_every_door_says_so(application, people):
    sequence = application.open(people.bo, "nordfrakt").sequence
    take(application, people)
    for step in (
        lambda: application.open(people.anna, "nordfrakt"),
        lambda: application.carry_out(people.anna, "nordfrakt", SetFeatures({"voice": True}), sequence),
        lambda: application.draft(people.anna, "nordfrakt", "audits.request"),
        lambda: application.attach(people.anna, "nordfrakt", "a.txt", b"x"),
        lambda: application.offer_download(people.anna, "nordfrakt", None),
        lambda: application.access_log_of(people.anna, "nordfrakt"),
        lambda: application.change_access(
            people.anna, GrantAccess(email("clara"), "customer_admin", "nordfrakt")
        ),
    ):
        with pytest.raises(RoleTaken, match=r"was taken on 24 Nov 2026, 15:00 by bo@people\.example"):
            step()


def test_a_role_that_is_given_again_was_not_taken(application, people):
    take(application, people)
    application.change_access(people.bo, GrantAccess(email("anna"), "customer_admin", "nordfrakt"))
    assert application.role_taken(people.anna) is None
    assert application.left_drafts(people.anna) == []
    application.open(people.anna, "nordfrakt")


def test_a_role_that_allowed_it_no_more_than_the_one_held_explains_nothing(application, people):
    application.change_access(people.bo, GrantAccess(email("clara"), "customer_admin", "nordfrakt"))
    take(application, people, "customer_reader", "clara")
    assert application.role_taken(people.clara, "nordfrakt") is None
    application.change_access(people.bo, GrantAccess(email("clara"), "customer_reader", "nordfrakt"))
    take(application, people, "customer_admin", "clara")
    assert application.role_taken(people.clara, "nordfrakt").sentence.startswith("Your role Customer admin")


@pytest.mark.parametrize("customer", ["solsidan", "nowhere", "@provider"])
def test_who_never_had_a_role_learns_nothing_of_a_customer(application, people, customer):
    take(application, people)
    for step in (
        lambda: application.open(people.anna, customer),
        lambda: application.keep_draft(people.anna, customer, "audits.request", {"scope": TYPED}),
    ):
        with pytest.raises(Forbidden) as caught:
            step()
        assert not isinstance(caught.value, RoleTaken)
        assert str(caught.value).startswith(f"There is no customer “{customer}” that you may open.")
    assert application.role_taken(people.anna, customer) is None
    assert application.role_taken(people.farid) is None


def test_a_privacy_officer_reads_of_the_own_role_whatever_is_asked_for(application, people, clock):
    application.change_access(people.eva, GrantAccess(email("farid"), "privacy_officer", None))
    application.keep_draft(people.farid, None, "incidents.record", {"title": TYPED})
    clock.at += timedelta(hours=1)
    application.change_access(people.eva, RevokeAccess(email("farid"), "privacy_officer", None))
    for step in (
        lambda: application.open(people.farid, "nordfrakt"),
        lambda: application.open(people.farid, "nowhere"),
        lambda: application.open_provider(people.farid),
    ):
        with pytest.raises(RoleTaken, match="Your role Privacy officer was taken on 24 Nov 2026, 16:00"):
            step()
    assert [x.draft.content for x in application.left_drafts(people.farid)] == [{"title": TYPED}]
