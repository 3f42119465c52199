"""Drafts: each person's own, for a customer that the person may read, bounded, and no part of any record."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core import drafts
from dpa_core.access import Forbidden, SignInAgain
from dpa_core.application import PROVIDER, Application
from dpa_core.snapshots.freeze import freeze
from tests.conftest import NOW, sign_in, switch

TYPED = {"title": "Voicebot", "on": date(2026, 12, 1), "at": time(14, 5), "rights": ["access"], "yes": True}


def test_a_draft_comes_back_as_it_was_typed(application, people, clock):
    application.keep_draft(people.anna, "nordfrakt", "assistance.request", TYPED)
    found = application.draft(people.anna, "nordfrakt", "assistance.request")
    assert found == drafts.Draft(TYPED, NOW)
    clock.pass_days(1)
    application.keep_draft(people.anna, "nordfrakt", "assistance.request", TYPED | {"title": "Chatbot"})
    found = application.draft(people.anna, "nordfrakt", "assistance.request")
    assert (found.content["title"], found.saved_at) == ("Chatbot", NOW + timedelta(days=1))
    application.drop_draft(people.anna, "nordfrakt", "assistance.request")
    assert application.draft(people.anna, "nordfrakt", "assistance.request") is None


def test_nobody_else_finds_it(application, people):
    application.keep_draft(people.henrik, "solsidan", "audits.request", {"scope": "Ours"})
    assert application.draft(people.eva, "solsidan", "audits.request") is None
    assert application.draft(people.henrik, "fjallbank", "audits.request") is None
    assert application.draft(people.henrik, "solsidan", "audits.other") is None
    application.drop_draft(people.eva, "solsidan", "audits.request")
    assert application.draft(people.henrik, "solsidan", "audits.request").content == {"scope": "Ours"}


@pytest.mark.parametrize("customer", ["solsidan", "nowhere", "@person:x", None])
def test_nobody_keeps_one_for_a_customer_that_is_not_theirs(application, people, customer):
    for step in (
        lambda: application.keep_draft(people.anna, customer, "audits.request", {"scope": "x"}),
        lambda: application.draft(people.anna, customer, "audits.request"),
        lambda: application.drop_draft(people.anna, customer, "audits.request"),
    ):
        with pytest.raises(Forbidden):
            step()
    assert application.ledger.rows("SELECT * FROM drafts") == []


def test_the_providers_own_forms_have_drafts_beside_every_customers(application, people):
    application.keep_draft(people.eva, None, "incidents.record", {"title": "Leak"})
    assert application.draft(people.eva, None, "incidents.record").content == {"title": "Leak"}
    assert application.draft(people.eva, "nordfrakt", "incidents.record") is None
    assert application.ledger.rows("SELECT customer_id FROM drafts") == [(PROVIDER,)]


def test_whoever_lost_access_finds_nothing_more(application, people, clock):
    from dpa_core.subjects import grants

    application.keep_draft(people.bo, "nordfrakt", "audits.request", {"scope": "x"})
    command = grants.RevokeAccess(people.bo.email, "customer_admin", "nordfrakt")
    application.change_access(people.eva, command)
    with pytest.raises(Forbidden):
        application.draft(people.bo, "nordfrakt", "audits.request")
    clock.pass_days(1)  # until then it is kept, to be copied
    with pytest.raises(Forbidden):
        application.keep_draft(people.bo, "nordfrakt", "audits.request", {"scope": "y"})


@pytest.mark.parametrize("content", [{}, {"a": ""}, {"a": "", "b": None, "c": [], "d": {}}])
def test_nothing_typed_is_no_draft(application, people, content):
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x"})
    application.keep_draft(people.anna, "nordfrakt", "audits.request", content)
    assert application.draft(people.anna, "nordfrakt", "audits.request") is None


def test_a_choice_that_says_no_is_one(application, people):
    for content in ({"a": False}, {"a": 0}):
        application.keep_draft(people.anna, "nordfrakt", "audits.request", content)
        assert application.draft(people.anna, "nordfrakt", "audits.request").content == content


def test_the_same_again_writes_nothing(application, people, clock):
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x", "b": 1})
    clock.pass_days(1)
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"b": 1, "a": "x"})
    assert application.draft(people.anna, "nordfrakt", "audits.request").saved_at == NOW


# --- what bounds them ----------------------------------------------------------------------------


def test_one_too_long_is_refused_in_words_and_the_one_before_stays(application, people):
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x"})
    with pytest.raises(drafts.TooLong, match="longer than 100,000 characters"):
        application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x" * 100_001})
    assert application.draft(people.anna, "nordfrakt", "audits.request").content == {"a": "x"}


def test_beyond_the_most_the_oldest_goes(application, people, clock):
    application.keep_draft(people.bo, "nordfrakt", "other", {"a": "of somebody else"})
    for number in range(drafts.MOST + 2):
        clock.pass_days(0.01)
        application.keep_draft(people.anna, "nordfrakt", f"form.{number}", {"a": "x"})
    rows = application.ledger.rows("SELECT form FROM drafts WHERE person_id <> ? ORDER BY saved_at", ["x"])
    assert [form for (form,) in rows] == ["other", *(f"form.{n}" for n in range(2, drafts.MOST + 2))]


@pytest.mark.parametrize(("days", "there"), [(30, True), (30.01, False)])
def test_an_old_one_is_gone(application, people, clock, days, there):
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x"})
    clock.pass_days(days)
    assert (application.draft(people.anna, "nordfrakt", "audits.request") is not None) == there
    application.keep_draft(people.bo, "nordfrakt", "audits.request", {"a": "y"})
    assert len(application.ledger.rows("SELECT * FROM drafts")) == 1 + there


def test_how_long_is_a_setting(application, people, clock):
    other = Application(application.ledger, application.agreements, clock, draft_days=2)
    other.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x"})
    clock.pass_days(2.5)
    assert other.draft(people.anna, "nordfrakt", "audits.request") is None


# --- the end of a sign-in ------------------------------------------------------------------------


def test_what_was_typed_until_the_sign_in_ended_by_time_is_kept(application, people, clock):
    _, anna = sign_in(application, "anna")
    clock.pass_days(0.6)
    with pytest.raises(SignInAgain):
        application.open(anna, "nordfrakt")
    application.keep_draft(anna, "nordfrakt", "audits.request", {"a": "x"})
    with pytest.raises(SignInAgain):  # kept, and shown to nobody before the next sign-in
        application.draft(anna, "nordfrakt", "audits.request")
    with pytest.raises(SignInAgain):
        application.drop_draft(anna, "nordfrakt", "audits.request")
    assert application.draft(people.anna, "nordfrakt", "audits.request").content == {"a": "x"}


def test_nothing_is_kept_for_a_sign_in_that_ended_long_ago_or_was_ended(application, people, clock):
    (_, anna), (secret, bo) = sign_in(application, "anna"), sign_in(application, "bo")
    application.sign_out(application.session(secret))
    for days, person in ((0, bo), (0.6, bo), (1, anna)):
        clock.pass_days(days)
        with pytest.raises(SignInAgain):
            application.keep_draft(person, "nordfrakt", "audits.request", {"a": "x"})
    assert application.ledger.rows("SELECT * FROM drafts") == []


def test_nor_does_an_expired_sign_in_open_another_customer(application, people, clock):
    _, anna = sign_in(application, "anna")
    clock.pass_days(0.6)
    with pytest.raises(Forbidden):
        application.keep_draft(anna, "solsidan", "audits.request", {"a": "x"})


def test_nor_one_that_its_provider_does_not_open(application, people, clock):
    reach = {"test": frozenset({"solsidan"})}
    other = Application(application.ledger, application.agreements, clock, reach=reach)
    _, anna = sign_in(other, "anna")
    for days in (0, 0.6):
        clock.pass_days(days)
        with pytest.raises(Forbidden):
            other.keep_draft(anna, "nordfrakt", "audits.request", {"a": "x"})


# --- what it is no part of -----------------------------------------------------------------------


def test_no_ledger_export_or_snapshot_knows_it(application, people, agreement):
    before = application.open(people.anna, "nordfrakt")
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"scope": "A secret plan"})
    after = application.open(people.anna, "nordfrakt")
    assert (after.sequence, after.state) == (before.sequence, before.state)
    told = [event.body for event, _ in application.ledger.scan()]
    assert "A secret plan" not in json.dumps(told) + freeze(after).model_dump_json()
    assert application.verify() == []


def test_it_outlives_a_restart(store, agreement, clock):
    from dpa_core.ledger import Ledger
    from tests.conftest import VERSION, email

    for typed in ("x", None):
        with Ledger.open(store) as ledger:
            application = Application(ledger, {VERSION: agreement}, clock)
            anna = application.person(email("anna"))
            if typed:
                application.keep_draft(anna, "nordfrakt", "audits.request", {"a": typed})
            assert application.draft(anna, "nordfrakt", "audits.request").content == {"a": "x"}


def test_drafts_neither_stop_nor_are_stopped_by_instructions(application, people, agreement):
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x"})
    file = application.open(people.anna, "nordfrakt")
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "y"})
    application.carry_out(people.anna, "nordfrakt", switch(agreement, voice=True), file.sequence)


SIMPLE = st.one_of(st.text(), st.booleans(), st.integers(-(10**9), 10**9), st.none(), st.dates(), st.times())


@given(st.dictionaries(st.text(), st.one_of(SIMPLE, st.lists(SIMPLE, max_size=3)), max_size=5))
def test_any_field_reads_as_it_was_written(content):
    assert drafts._read(drafts._written(content)) == content


def test_moments_are_in_utc(application, people):
    application.keep_draft(people.anna, "nordfrakt", "audits.request", {"a": "x"})
    saved = application.draft(people.anna, "nordfrakt", "audits.request").saved_at
    assert saved == NOW and saved.tzinfo is UTC and isinstance(saved, datetime)
