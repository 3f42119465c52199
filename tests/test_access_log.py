"""The access log: what leaves a line, that nothing fills it, and who may search it.

Standard: Art. 32(1)(b) and (4), Art. 5(1)(e), Art. 28(3)(h) GDPR
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from dpa_core import access
from dpa_core.access import Forbidden, Identity, Person, Unconfirmed
from dpa_core.access_log import (
    _LENGTH,
    _OF_ALL,
    _PER_PERSON,
    DAYS,
    KINDS,
    OF_A_CUSTOMER,
    PAGE,
    REFUSALS,
    AccessLog,
    Line,
    Search,
    cleaned,
)
from dpa_core.application import Application
from dpa_core.downloads import File, Gone
from dpa_core.ledger import Conflict, Ledger, StoreError
from dpa_core.subjects.features import SetFeatures
from dpa_core.subjects.grants import GrantAccess, RevokeAccess
from dpa_core.views import access_log as in_words
from tests.conftest import NOW, People, SettableClock, carry_out, email, sign_in

FILE = File("snapshot.pdf", "application/pdf", b"%PDF-1.7 content")
WHO = Identity("test", "https://id.example", "anna", email("anna"), "Anna")


def lines(application: Application, *kinds: Any, **search: Any) -> Sequence[Line]:
    """What the privacy officer finds, newest first."""
    wanted = Search(kinds=kinds, **search)
    return application.access_log(access.operator(NOW), wanted, limit=1_000).lines


@pytest.fixture(autouse=True)
def emptied(application: Application, people: People) -> None:
    """Without the lines of how the tests' store was filled."""
    with application.ledger.transaction() as tx:
        tx.execute("DELETE FROM access_log", [])


# --- what leaves a line ---------------------------------------------------------------------------


def test_a_sign_in_says_who_through_which_provider_in_which_browser_and_from_where(
    application: Application, people: People
) -> None:
    _, session = application.sign_in(WHO, "Mozilla/5.0 Firefox/140.0", came_from="192.0.2.7")
    (line,) = lines(application)
    assert (line.kind, line.who, line.session_id) == ("signed_in", people.anna.id, session.id)
    assert (line.happened, line.came_from) == (NOW, "192.0.2.7")
    assert line.about == {"provider": "test", "browser": "Mozilla/5.0 Firefox/140.0"}


def test_its_end_says_who_ended_it(application: Application) -> None:
    _, anna = sign_in(application, "anna")
    for _ in range(3):
        sign_in(application, "anna")
    other = next(s for s in application.sessions_of(anna) if s.id != anna.session_id)
    application.end_session(anna, other.id)
    application.end_other_sessions(anna)
    application.end_session(anna, anna.session_id or "")
    ended = lines(application, "signed_out", "session_ended")
    assert [line.kind for line in ended] == ["signed_out", *["session_ended"] * 3]
    assert {line.who for line in ended} == {anna.id}


def test_an_account_that_waits_and_what_becomes_of_it(application: Application, people: People) -> None:
    application.sign_in(WHO, "x")
    second = replace(WHO, subject="other")
    for _ in range(2):
        with pytest.raises(Unconfirmed):
            application.sign_in(second, "x", came_from="192.0.2.9")
    for status in ("refused", "bound"):
        account = application.people.account(second.issuer, second.subject)
        application.decide_account(people.bo, account, status)
    told = [
        (line.kind, line.who, line.whom)
        for line in lines(application)
        if line.kind not in ("signed_in", "name_changed")
    ]
    anna, bo = people.anna.id, people.bo.id
    assert told == [
        ("account_confirmed", bo, anna),
        ("account_refused", bo, anna),
        ("sign_in_refused", email("anna"), anna),
        ("account_waits", email("anna"), anna),
    ]


def test_roles_given_and_taken_by_people_commands_and_groups(
    application: Application, people: People
) -> None:
    application.change_access(people.anna, GrantAccess(email("farid"), "customer_reader", "nordfrakt"))
    application.change_access(access.operator(NOW), GrantAccess(email("farid"), "privacy_officer"))
    application.change_access(people.eva, RevokeAccess(email("farid"), "privacy_officer"))
    for roles in (frozenset({("customer_reader", "solsidan")}), frozenset()):
        application.sign_in(replace(WHO, roles=roles), "x")
    told = [
        (line.kind, line.who, line.whom, line.customer_id, line.about["role"])
        for line in reversed(lines(application, "role_given", "role_taken"))
    ]
    farid, anna, eva = people.farid.id, people.anna.id, people.eva.id
    assert told == [
        ("role_given", anna, farid, "nordfrakt", "customer_reader"),
        ("role_given", "operator", farid, None, "privacy_officer"),
        ("role_taken", eva, farid, None, "privacy_officer"),
        ("role_given", "groups at test", anna, "solsidan", "customer_reader"),
        ("role_taken", "groups at test", anna, "solsidan", "customer_reader"),
    ]


def test_what_is_refused_by_a_rule_leaves_no_line_of_a_role(application: Application, people: People) -> None:
    with pytest.raises(Exception, match="already"):
        application.change_access(people.eva, GrantAccess(email("anna"), "customer_admin", "nordfrakt"))
    assert lines(application) == ()


def test_a_name_corrected_and_a_mailbox_moved_say_from_what_to_what(
    application: Application, people: People
) -> None:
    application.rename_person(people.bo, people.anna.id, "Anna Lind")
    application.move_person(people.eva, people.anna.id, "anna.lind@people.example")
    moved, renamed = lines(application)
    assert (renamed.kind, renamed.who, renamed.whom) == ("name_changed", people.bo.id, people.anna.id)
    assert renamed.about == {"from": "Anna", "to": "Anna Lind"}
    assert (moved.kind, moved.who, moved.about["from"]) == ("address_changed", people.eva.id, email("anna"))


REFUSED: dict[str, Any] = {
    "open": lambda a, p: a.open(p, "solsidan"),
    "draft": lambda a, p: a.draft(p, "solsidan", "form"),
    "carry out": lambda a, p: a.carry_out(p, "solsidan", SetFeatures({"voice": True}), 1),
    "change access": lambda a, p: a.change_access(p, GrantAccess(p.email, "customer_admin", "solsidan")),
    "attach": lambda a, p: a.attach(p, "solsidan", "a.txt", b"x"),
    "offer download": lambda a, p: a.offer_download(p, "solsidan", FILE),
    "reopen": lambda a, p: a.reopen(p, "solsidan", 1, NOW),
    "access log of": lambda a, p: a.access_log_of(p, "solsidan"),
    "open provider": lambda a, p: a.open_provider(p),
    "portfolio": lambda a, p: a.portfolio(p),
    "import usage": lambda a, p: a.import_usage(p, None),
    "access log": lambda a, p: a.access_log(p, Search()),
    "rename": lambda a, p: a.rename_person(p, a.person(email("eva")).id, "Mallory"),
    "move": lambda a, p: a.move_person(p, a.person(email("eva")).id, "x@people.example"),
    "end session": lambda a, p: a.end_session(p, "of another"),
}


@pytest.mark.parametrize("step", REFUSED.values(), ids=REFUSED)
def test_every_door_that_refuses_says_so(application: Application, step: Any) -> None:
    _, anna = sign_in(application, "anna")
    with pytest.raises(Forbidden):
        step(application, anna)
    (line,) = lines(application, *REFUSALS)
    assert (line.who, line.session_id) == (anna.id, anna.session_id)
    assert line.about["step"]
    assert line.customer_id in ("solsidan", None)


def test_no_door_was_left_out() -> None:
    """Every public method that takes a person may refuse, save those named here, and leaves a line then."""
    silent = {
        "directory", "person_of", "sessions_of", "end_other_sessions", "accounts_to_confirm",
        "unbound_accounts", "may_rename", "note_refusal", "note_export", "reopen", "ends", "explained",
        "left_drafts", "role_taken",
    }  # fmt: skip
    doors = {
        name
        for name, method in vars(Application).items()
        if callable(method)
        and not name.startswith("_")
        and "person" in getattr(method, "__annotations__", {})
    }
    covered = {name for name in doors if hasattr(vars(Application)[name], "__wrapped__")}
    assert doors - covered == silent - {"person_of"}


def test_which_customer_and_instruction_was_asked_for(application: Application) -> None:
    _, anna = sign_in(application, "anna")
    with pytest.raises(Forbidden):
        application.carry_out(anna, "solsidan", SetFeatures({"voice": True}), 1)
    with pytest.raises(Forbidden):
        application.open(anna, "no\nsuch\u202e" + "x" * 500)
    looked, gave = lines(application, *REFUSALS)
    assert (gave.kind, gave.customer_id, gave.about["step"]) == ("step_refused", "solsidan", "set features")
    assert (looked.kind, looked.customer_id) == ("look_refused", ("no such " + "x" * 500)[:60])


def test_a_file_handed_over_says_which_with_its_digest(application: Application, people: People) -> None:
    secret, _ = sign_in(application, "anna")
    anna = application.person_of(application.session(secret), "192.0.2.7")
    token = application.offer_download(anna, "nordfrakt", FILE).rpartition("/")[2]
    assert lines(application, "exported") == ()
    application.take_download(token, application.session(secret), "192.0.2.8")
    (line,) = lines(application, "exported")
    assert (line.who, line.customer_id, line.came_from) == (anna.id, "nordfrakt", "192.0.2.8")
    assert line.about == {"file": "snapshot.pdf", "sha256": sha256(FILE.content).hexdigest()}


def unwritable(log: AccessLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(log, "write", full)


def test_a_file_is_not_handed_over_where_its_line_cannot_be_written(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, anna = sign_in(application, "anna")
    token = application.offer_download(anna, "nordfrakt", FILE).rpartition("/")[2]
    unwritable(application._access_log, monkeypatch)
    with pytest.raises(StoreError, match="cannot be handed over, as the access log cannot be written"):
        application.take_download(token, application.session(secret))
    with pytest.raises(Gone):
        application.take_download(token, application.session(secret))


def test_a_refusal_stays_one_where_its_line_cannot_be_written(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritable(application._access_log, monkeypatch)
    with pytest.raises(Forbidden):
        application.open(people.anna, "solsidan")


@pytest.mark.parametrize("error", [StoreError("full"), Conflict("this table", -1)])
def test_whatever_keeps_it_from_being_written(
    application: Application, people: People, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(application.ledger, "transaction", fails)
    with pytest.raises(Forbidden):
        application.open(people.anna, "solsidan")


# --- nothing fills it -----------------------------------------------------------------------------


def attempt(application: Application, person: Person, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Forbidden):
            application.open(person, "solsidan")


def test_of_many_refusals_in_a_minute_the_first_are_written_and_the_others_counted(
    application: Application, people: People, clock: SettableClock
) -> None:
    attempt(application, people.anna, 1_000)
    assert len(application.ledger.rows("SELECT 1 FROM access_log")) == _PER_PERSON
    clock.at += timedelta(minutes=1)
    attempt(application, people.anna, 1)
    found = lines(application, "look_refused")
    assert len(found) == _PER_PERSON + 2
    (counted,) = [line for line in found if line.more]
    assert (counted.more, counted.who) == (1_000 - _PER_PERSON, people.anna.id)
    assert "990 more like it in that minute" in str(in_words.in_words([counted], application.people))


def test_one_person_does_not_hide_anothers_refusals(application: Application, people: People) -> None:
    attempt(application, people.anna, 100)
    attempt(application, people.clara, 1)
    assert [line.who for line in lines(application, person=people.clara.id)] == [people.clara.id]


def test_many_claims_do_not_fill_it_either(application: Application, clock: SettableClock) -> None:
    for n in range(1_000):
        application.note_refused_sign_in("test", f"{n}@people.example", "not_verified")
    clock.at += timedelta(minutes=1)
    application.note_refused_sign_in("test", "last@people.example", "not_verified")
    found = lines(application)
    assert len(found) <= 2 * _OF_ALL + 2
    assert sum(line.more or 1 for line in found) == 1_001


def test_what_is_counted_is_written_when_the_store_is_closed(
    application: Application, people: People, store: Any
) -> None:
    attempt(application, people.anna, 15)
    application.close()
    with Ledger.open(store) as ledger:
        assert [line.more for line in AccessLog(ledger).find(Search()).lines if line.more] == [5]


def test_texts_from_outside_are_bounded_and_on_one_line() -> None:
    assert cleaned("a\x1b[31m\nb\u202ec\x00") == "a [31m b c"
    assert len(cleaned("x" * 10**6)) == _LENGTH
    assert cleaned("\ud800x") == "x"


def test_hostile_claims_are_kept_harmless(application: Application) -> None:
    application.note_refused_sign_in("test", "\x1b]0;x\x07" + "€" * 10_000, "no_address", "::1%" + "e" * 500)
    (line,) = lines(application)
    assert len(line.who) == _LENGTH
    assert line.who.isprintable()
    assert len(line.came_from or "") == 60


# --- how long -------------------------------------------------------------------------------------


def test_lines_are_removed_when_they_are_as_old_as_the_setting_says(
    application: Application, clock: SettableClock
) -> None:
    sign_in(application, "anna")
    clock.pass_days(DAYS)
    sign_in(application, "bo")
    application.tidy()
    assert len(lines(application, "signed_in")) == 2
    clock.at += timedelta(microseconds=1)
    application.tidy()
    assert len(lines(application, "signed_in")) == 1


# --- who may search it, and what is found ---------------------------------------------------------


@pytest.mark.parametrize("name", ["anna", "clara", "david", "farid", "henrik"])
def test_only_a_privacy_officer_searches_it(application: Application, people: People, name: str) -> None:
    with pytest.raises(Forbidden):
        application.access_log(getattr(people, name), Search())
    assert application.access_log(people.eva, Search()).lines[0].who == getattr(people, name).id


def test_a_search_by_person_finds_what_they_did_and_what_was_done_to_them(
    application: Application, people: People
) -> None:
    application.rename_person(people.eva, people.anna.id, "Åsa Lind")
    attempt(application, people.anna, 1)
    attempt(application, people.clara, 1)
    application.note_refused_sign_in("test", "anna@elsewhere.example", "not_verified")
    for text in (people.anna.id, "åsa", "LIND", email("anna")):
        assert {line.kind for line in lines(application, person=text)} == {"name_changed", "look_refused"}
    assert len(lines(application, person="anna")) == 3  # her former name too, and the claim
    assert len(lines(application, person=people.eva.id)) == 1
    for wild in ("%", "_", "'", "' OR true --", "nobody at all"):
        assert lines(application, person=wild) == ()


def test_a_claim_is_never_taken_for_the_person_it_names(application: Application, people: People) -> None:
    application.note_refused_sign_in("test", people.eva.id, "no_address")
    (row,) = in_words.in_words(lines(application), application.people)
    assert row.who == f"claimed: {people.eva.id}"


def test_a_search_by_customer_kind_and_time(
    application: Application, people: People, clock: SettableClock
) -> None:
    attempt(application, people.anna, 1)
    clock.pass_days(1)
    sign_in(application, "anna")
    assert [line.kind for line in lines(application, customer="solsidan")] == ["look_refused"]
    assert lines(application, customer="sol") == ()
    assert [line.kind for line in lines(application, "signed_in")] == ["signed_in"]
    assert [line.kind for line in lines(application, since=NOW + timedelta(days=1))] == ["signed_in"]
    assert [line.kind for line in lines(application, until=NOW + timedelta(days=1))] == ["look_refused"]


def test_pages_hold_every_line_once_and_stay_while_new_ones_come(
    application: Application, people: People, clock: SettableClock
) -> None:
    for n in range(2 * PAGE + 7):
        application.note_export(people.eva, "nordfrakt", f"{n}.pdf", "")
        clock.at += timedelta(minutes=n % 2)  # some at the same moment
    seen, behind, totals = [], None, []
    while True:
        found = application.access_log(people.eva, Search(), behind)
        seen += [line.about["file"] for line in found.lines]
        totals.append(found.total)
        application.note_export(people.eva, "nordfrakt", "new.pdf", "")
        if (behind := found.older) is None:
            break
    assert seen == [f"{n}.pdf" for n in reversed(range(2 * PAGE + 7))]
    assert totals == [2 * PAGE + 7 + n for n in range(3)]


# --- what a customer's admin sees -----------------------------------------------------------------


def test_a_customers_admin_sees_what_was_handed_over_of_the_own_customer_and_whose_roles_changed(
    application: Application, people: People
) -> None:
    application.note_export(people.eva, "nordfrakt", "own.pdf", "")
    application.note_export(people.eva, "solsidan", "other.pdf", "")
    application.note_export(people.eva, None, "provider.csv", "")
    application.change_access(people.eva, GrantAccess(email("farid"), "customer_reader", "nordfrakt"))
    application.change_access(people.eva, GrantAccess(email("farid"), "customer_reader", "solsidan"))
    attempt(application, people.anna, 1)
    with pytest.raises(Forbidden):
        application.open(people.henrik, "nordfrakt")
    found = application.access_log_of(people.anna, "nordfrakt").lines
    assert [line.kind for line in found] == ["role_given", "exported"]
    assert {line.customer_id for line in found} == {"nordfrakt"}
    assert "henrik" not in str(in_words.in_words(found, application.people)).lower()


@pytest.mark.parametrize("name", ["clara", "david", "farid", "henrik"])
def test_and_nobody_else_does(application: Application, people: People, name: str) -> None:
    with pytest.raises(Forbidden):
        application.access_log_of(getattr(people, name), "nordfrakt")
    assert {line.kind for line in application.access_log_of(people.eva, "nordfrakt").lines} == set()
    assert REFUSALS.isdisjoint(OF_A_CUSTOMER)


# --- in words -------------------------------------------------------------------------------------


def test_every_kind_has_words_and_people_are_named_as_they_were_then(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", voice=True)
    attempt(application, people.anna, 1)
    clock.pass_days(1)
    application.rename_person(people.eva, people.anna.id, "Anna Lind")
    (row,) = in_words.in_words(lines(application, "look_refused"), application.people)
    assert (row.what, row.who) == ("Refused a look", f"Anna ({email('anna')})")
    assert (row.details, row.customer) == ("open the customer", "solsidan")
    made = [Line(NOW, kind, "operator") for kind in KINDS]
    assert all(row.what and row.who for row in in_words.in_words(made, application.people))
    assert in_words.in_words([Line(NOW, "signed_out", "operator")], application.people)[0].who == (
        "the provider’s operator"
    )
