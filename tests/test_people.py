"""Who somebody is: bound to an account at the first sign-in, known by an identifier, renamed and moved since.

Standard: OpenID Connect Core 1.0, 5.7; Art. 5(1)(d) and 32(4) GDPR
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dpa_core import access
from dpa_core.access import REFUSED, WAITS, Forbidden, Identity, Person, SignInAgain, Unconfirmed
from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.grants import GrantAccess, RevokeAccess
from dpa_core.views import history
from dpa_core.views import people as who
from tests.conftest import BEGAN, NOW, VERSION, People, at_the_same_time, carry_out, email

ISSUER = "https://id.example"
OLD, NEW = email("anna"), "anna.lind@people.example"


def identity(person: str = "anna", /, subject: str | None = None, **otherwise: Any) -> Identity:
    """What an identity provider says of one of the people."""
    given = {
        "provider": "test",
        "issuer": ISSUER,
        "subject": subject or f"sub-{person}",
        "email": email(person),
        "name": person.title(),
    }
    return Identity(**{**given, **otherwise})


def enter(application: Application, who: Identity) -> Person:
    """Sign in; the person who is there then."""
    _, session = application.sign_in(who, "Test browser")
    return application.person_of(session)


def waits(application: Application, who: Identity) -> str:
    """Try to sign in; why that opened nothing."""
    with pytest.raises(Unconfirmed) as why:
        application.sign_in(who, "Test browser")
    return str(why.value)


def let_in(application: Application, by: Person, subject: str) -> None:
    """Confirm the account of that subject."""
    (found,) = [w for w in application.unbound_accounts(by) if w.account.subject == subject]
    application.decide_account(by, found.account, "bound")


@pytest.fixture
def second(application: Application) -> Identity:
    """A second account with Anna's address, which has tried to sign in after the first."""
    enter(application, identity())
    other = identity(subject="other", name="A. Lindqvist")
    assert waits(application, other) == WAITS
    return other


# --- the first account, and the second ------------------------------------------------------------


def test_the_first_account_with_an_address_is_bound_to_its_person(
    application: Application, people: People
) -> None:
    anna = enter(application, identity())
    assert anna.id == people.anna.id
    assert anna.role_for("nordfrakt") == "customer_admin"
    (account,) = application.people.accounts_of(anna.id)
    assert (account.issuer, account.subject, account.status) == (ISSUER, "sub-anna", "bound")


def test_somebody_nobody_knew_becomes_a_person_without_roles(application: Application) -> None:
    new = enter(application, identity("new"))
    assert (new.email, new.grants) == (email("new"), ())
    assert new.id
    assert enter(application, identity("new")).id == new.id


@pytest.mark.parametrize(
    "other", [{"subject": "other"}, {"issuer": "https://elsewhere.example"}, {"subject": "SUB-ANNA"}]
)
def test_another_account_with_the_address_waits_and_opens_nothing(
    application: Application, people: People, other: dict[str, str]
) -> None:
    enter(application, identity())
    who = replace(identity(), **other)
    for _ in range(3):
        assert waits(application, who) == WAITS
    assert [w.account.issuer for w in application.accounts_to_confirm(people.eva)] == [who.issuer]
    assert len(application._sessions.open_of(people.anna.id, NOW)) == 1


def test_an_account_once_confirmed_opens_what_the_first_does(
    application: Application, people: People, second: Identity
) -> None:
    let_in(application, people.bo, "other")
    assert enter(application, second).id == people.anna.id
    assert enter(application, identity()).id == people.anna.id
    assert application.accounts_to_confirm(people.eva) == []
    # What it is called does not go to and fro with the account that is used.
    assert application.people.who(people.anna.id).name == "Anna"


def test_an_account_that_was_refused_is_told_so_and_can_be_confirmed_still(
    application: Application, people: People, second: Identity
) -> None:
    (waiting,) = application.accounts_to_confirm(people.bo)
    application.decide_account(people.bo, waiting.account, "refused")
    assert waits(application, second) == REFUSED
    assert application.accounts_to_confirm(people.bo) == []
    let_in(application, people.bo, "other")
    assert enter(application, second).id == people.anna.id


@pytest.mark.parametrize(
    ("name", "may"),
    [("anna", False), ("bo", True), ("clara", False), ("david", False), ("eva", True), ("henrik", False)],
)
def test_who_may_give_all_roles_of_a_person_decides_and_nobody_else(
    application: Application, people: People, second: Identity, name: str, may: bool
) -> None:
    by = getattr(people, name)
    assert bool(application.accounts_to_confirm(by)) == may
    account = application.people.account(second.issuer, second.subject)
    for status in ("refused", "bound"):
        if may:
            account = application.people.account(second.issuer, second.subject)
            application.decide_account(by, account, status)
        else:
            with pytest.raises(Forbidden):
                application.decide_account(by, account, status)
    assert application.people.account(second.issuer, second.subject).status == ("bound" if may else "waiting")


def test_an_admin_of_one_customer_does_not_decide_for_a_person_of_two(
    application: Application, people: People, second: Identity
) -> None:
    application.change_access(people.eva, GrantAccess(OLD, "customer_reader", "solsidan"))
    for by in (people.bo, people.henrik):
        assert application.accounts_to_confirm(by) == []
    (found,) = application.accounts_to_confirm(people.eva)
    assert {(g.role, g.customer_id) for g in found.grants} == {
        ("customer_admin", "nordfrakt"),
        ("customer_reader", "solsidan"),
    }


def test_an_account_of_a_person_without_roles_is_for_officers(
    application: Application, people: People
) -> None:
    enter(application, identity("farid"))
    waits(application, identity("farid", subject="other"))
    assert application.accounts_to_confirm(people.bo) == []
    assert len(application.accounts_to_confirm(people.eva)) == 1


def test_nobody_confirms_the_own_second_account_an_officer_neither(application: Application) -> None:
    eva = enter(application, identity("eva"))
    waits(application, identity("eva", subject="other"))
    assert application.accounts_to_confirm(eva) == []
    assert len(application.accounts_to_confirm(access.operator(NOW))) == 1


def test_what_somebody_saw_before_another_decided_is_not_decided_anew(
    application: Application, people: People, second: Identity
) -> None:
    (seen,) = application.accounts_to_confirm(people.eva)
    application.decide_account(people.bo, seen.account, "bound")
    with pytest.raises(Forbidden, match="no account that waits"):
        application.decide_account(people.eva, seen.account, "refused")
    assert enter(application, second)


@pytest.mark.parametrize("refused", [False, True])
def test_an_account_that_is_not_bound_begins_anew_with_another_address(
    application: Application, people: People, second: Identity, refused: bool
) -> None:
    if refused:
        (found,) = application.accounts_to_confirm(people.bo)
        application.decide_account(people.bo, found.account, "refused")
    own = enter(application, replace(second, email=email("new")))
    assert (own.email, own.grants) == (email("new"), ())
    assert application.unbound_accounts(people.eva) == []


def test_an_account_that_waits_for_an_address_that_became_free_is_its_own_person(
    application: Application, people: People, second: Identity
) -> None:
    application.move_person(people.eva, people.anna.id, NEW)
    own = enter(application, second)
    assert (own.email, own.grants) == (OLD, ())
    assert own.id != people.anna.id


# --- at the same time -----------------------------------------------------------------------------


def test_two_first_sign_ins_of_one_account_at_once_are_one_person(application: Application) -> None:
    def step(all_began: Any) -> Person:
        all_began.wait()
        return enter(application, identity("new"))

    found = at_the_same_time(*[step] * 4)
    assert len({person.id for person in found}) == 1
    assert len(application.people.accounts_of(found[0].id)) == 1
    assert len(application._sessions.open_of(found[0].id, NOW)) == 4


@pytest.mark.parametrize("name", ["anna", "new"])
def test_of_two_accounts_for_one_address_at_once_one_is_bound(application: Application, name: str) -> None:
    def step(subject: str) -> Any:
        def run(all_began: Any) -> Person:
            all_began.wait()
            return enter(application, identity(name, subject=subject))

        return run

    found = at_the_same_time(*[step(f"sub-{n}") for n in range(4)])
    assert sorted(type(f).__name__ for f in found) == ["Person", *["Unconfirmed"] * 3]
    entry = application.people.at_address(email(name))
    states = [a.status for a in application.people.accounts_of(entry.id)]
    assert sorted(states) == ["bound", "waiting", "waiting", "waiting"]


def test_a_first_sign_in_and_a_role_for_the_same_address_at_once_are_one_person(
    application: Application, people: People
) -> None:
    def gives(all_began: Any) -> Any:
        all_began.wait()
        return application.change_access(
            people.anna, GrantAccess(email("new"), "customer_reader", "nordfrakt")
        )

    def signs_in(all_began: Any) -> Person:
        all_began.wait()
        return enter(application, identity("new"))

    assert not [f for f in at_the_same_time(gives, signs_in) if isinstance(f, Exception)]
    assert enter(application, identity("new")).role_for("nordfrakt") == "customer_reader"


# --- names and addresses --------------------------------------------------------------------------


def test_the_name_is_what_the_provider_says_until_somebody_corrects_it(
    application: Application, people: People
) -> None:
    enter(application, identity(name="Anna Lindkvist"))
    assert application.people.who(people.anna.id).name == "Anna Lindkvist"
    application.rename_person(people.bo, people.anna.id, " Anna Lindqvist ")
    for said in ("Anna Lindkvist", "ANNA", ""):
        assert enter(application, identity(name=said)).name == "Anna Lindqvist"


def test_a_provider_that_gives_no_name_takes_none_away(application: Application, people: People) -> None:
    enter(application, identity(name="Anna Lindqvist"))
    assert enter(application, identity(name="")).name == "Anna Lindqvist"


def test_a_name_corrected_before_the_first_sign_in_stays_too(
    application: Application, people: People
) -> None:
    application.rename_person(people.eva, people.anna.id, "Anna Lindqvist")
    assert enter(application, identity(name="anna@")).name == "Anna Lindqvist"


@pytest.mark.parametrize(
    ("name", "may"),
    [("anna", False), ("bo", True), ("clara", False), ("david", False), ("eva", True), ("henrik", False)],
)
def test_who_may_correct_a_name_and_who_may_move_a_mailbox(
    application: Application, people: People, name: str, may: bool
) -> None:
    by = getattr(people, name)
    assert application.may_rename(by, people.anna.id) == may
    steps = {
        may: lambda: application.rename_person(by, people.anna.id, "Anna Lindqvist"),
        name == "eva": lambda: application.move_person(by, people.anna.id, NEW),
    }
    for allowed, step in steps.items():
        if allowed:
            step()
        else:
            with pytest.raises(Forbidden):
                step()


@pytest.mark.parametrize("text", ["", "   ", "x" * 201, "An\u202ena", "An\nna", "An\u200bna", "\x1b[31mAnna"])
def test_what_is_no_name_is_refused(application: Application, people: People, text: str) -> None:
    with pytest.raises(Refusal) as why:
        application.rename_person(people.bo, people.anna.id, text)
    assert why.value.field == "name"
    assert application.people.who(people.anna.id).name == "Anna"


def test_nobody_who_does_not_exist_is_renamed_or_moved(application: Application, people: People) -> None:
    for step in (application.rename_person, application.move_person):
        with pytest.raises(Forbidden):
            step(people.eva, "p_none", "new@people.example")


def test_a_mailbox_that_moved_opens_under_the_new_address_and_the_past_keeps_the_old_one(
    application: Application, people: People, clock: Any
) -> None:
    carry_out(application, people.anna, "nordfrakt", voice=True)
    before = clock.now()
    clock.pass_days(1)
    application.move_person(people.eva, people.anna.id, " Anna.Lind@People.example ")
    assert application.person(NEW).role_for("nordfrakt") == "customer_admin"
    assert application.person(OLD).grants == ()
    stranger = enter(application, identity(subject="stranger"))
    assert (stranger.email, stranger.grants) == (OLD, ())
    now, then = (application.open(people.bo, "nordfrakt", at) for at in (None, before))
    assert history.instructions(then)[0].actor == OLD
    assert history.instructions(now)[0].actor == NEW
    assert NEW in {a.email for a in who.people(now)}


def test_the_account_goes_along_and_its_old_claim_does_not_move_the_mailbox_back(
    application: Application, people: People
) -> None:
    enter(application, identity())
    application.move_person(people.eva, people.anna.id, NEW)
    for _ in range(2):
        anna = enter(application, identity())
        assert (anna.id, anna.email) == (people.anna.id, NEW)
    assert enter(application, identity(email=NEW)).email == NEW
    assert enter(application, identity(email=OLD)).email == OLD  # the provider has moved it back


def test_the_provider_moves_a_mailbox_by_another_claim_of_the_same_account(
    application: Application, people: People
) -> None:
    enter(application, identity())
    anna = enter(application, identity(email=NEW))
    assert (anna.id, anna.email) == (people.anna.id, NEW)
    assert anna.role_for("nordfrakt") == "customer_admin"
    assert application.person(OLD).grants == ()


def test_a_claim_of_somebody_elses_address_takes_nothing(application: Application, people: People) -> None:
    enter(application, identity())
    anna = enter(application, identity(email=email("eva")))
    assert (anna.id, anna.email) == (people.anna.id, OLD)
    assert not anna.sees_all
    assert application.person(email("eva")).sees_all


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (email("eva"), "application.address_taken"),
        (OLD.upper(), "application.same_address"),
        ("nonsense", "grants.no_address"),
        ("\u212aaren\u200b@people.example", "grants.no_address"),
    ],
)
def test_an_address_that_is_taken_or_none_is_refused(
    application: Application, people: People, address: str, code: str
) -> None:
    with pytest.raises(Refusal) as why:
        application.move_person(people.eva, people.anna.id, address)
    assert (why.value.code, why.value.field) == (code, "email")
    assert application.person(OLD).role_for("nordfrakt") == "customer_admin"


def test_two_people_do_not_get_one_address_at_once(application: Application, people: People) -> None:
    def moving(person: Person) -> Any:
        def step(all_began: Any) -> None:
            all_began.wait()
            application.move_person(people.eva, person.id, NEW)

        return step

    found = at_the_same_time(moving(people.anna), moving(people.bo))
    assert sorted(type(f).__name__ for f in found) == ["NoneType", "Refusal"]


# --- roles of groups ------------------------------------------------------------------------------

ADMIN, READER = ("customer_admin", "solsidan"), ("customer_reader", "solsidan")


def held(application: Application, name: str = "new") -> set[tuple[str, str | None]]:
    return {(g.role, g.customer_id) for g in application.person(email(name)).grants}


def test_roles_come_and_go_with_the_groups(application: Application) -> None:
    enter(application, identity("new", roles=frozenset({ADMIN, READER})))
    assert held(application) == {ADMIN, READER}
    enter(application, identity("new", roles=frozenset({READER})))
    assert held(application) == {READER}
    enter(application, identity("new", roles=frozenset()))
    assert held(application) == set()
    events = application.ledger.events(application.people.at_address(email("new")).ledger)
    assert {e.actor for e in events} == {"groups at test"}


def test_a_provider_whose_groups_give_no_roles_takes_none(application: Application, people: People) -> None:
    enter(application, identity("new", roles=frozenset({READER})))
    enter(application, identity("new", roles=None))
    assert held(application) == {READER}


def test_groups_take_only_what_groups_of_the_same_provider_gave(
    application: Application, people: People
) -> None:
    enter(application, identity("henrik", roles=frozenset({READER})))
    assert held(application, "henrik") == {ADMIN, READER, ("customer_reader", "fjallbank")}
    waits(application, identity("henrik", provider="second", issuer="https://second.example"))
    enter(application, identity("henrik", roles=frozenset()))
    assert held(application, "henrik") == {ADMIN, ("customer_reader", "fjallbank")}


def test_roles_of_groups_for_what_is_no_customer_are_not_given(application: Application) -> None:
    wanted = frozenset({("customer_reader", c) for c in ("no-such", "@demo", "@provider")})
    enter(application, identity("new", roles=wanted))
    assert held(application) == set()


def test_a_role_of_a_group_that_somebody_took_by_hand_is_given_anew(
    application: Application, people: People
) -> None:
    enter(application, identity("new", roles=frozenset({READER})))
    application.change_access(people.henrik, RevokeAccess(email("new"), *READER))
    assert held(application) == set()
    enter(application, identity("new", roles=frozenset({READER})))
    assert held(application) == {READER}
    (grant,) = application.person(email("new")).grants
    assert grant.provider == "test"


def test_a_waiting_account_brings_no_roles_with_it(application: Application, second: Identity) -> None:
    waits(application, replace(second, roles=frozenset({("privacy_officer", None)})))
    assert held(application, "anna") == {("customer_admin", "nordfrakt")}


# --- stores of before there was a directory -------------------------------------------------------


@pytest.fixture
def older(store: Path, agreement: Any, clock: Any) -> Iterator[Application]:
    """A store whose people's ledgers are named by their addresses, opened by this version."""
    with Ledger.open(store) as ledger:
        with ledger.transaction() as tx:
            entries = tx.rows("SELECT ledger, address FROM people JOIN addresses ON id = person_id")
            for ledger_id, address in entries:
                for table in ("heads", "events"):
                    tx.execute(
                        f"UPDATE {table} SET customer_id = ? WHERE customer_id = ?",
                        [f"@person:{address}", ledger_id],
                    )
            for table in ("people", "person_names", "addresses", "roles"):
                tx.execute(f"DELETE FROM {table}", [])
            tx.execute("UPDATE heads SET state_schema = 0", [])  # as the migration does that made `roles`
            for odd in ("@person:nonsense", "@person:ANNA@people.example"):
                for table in ("heads", "events"):
                    tx.execute(
                        f"INSERT INTO {table} SELECT * REPLACE (? AS customer_id) FROM {table} "
                        "WHERE customer_id = ?",
                        [odd, f"@person:{email('henrik')}"],
                    )
        yield Application(ledger, {VERSION: agreement}, clock)


def test_people_of_an_older_store_are_entered_with_their_roles(older: Application) -> None:
    anna = older.person(OLD)
    assert anna.id.startswith("p_")
    assert anna.role_for("nordfrakt") == "customer_admin"
    assert older.people.entry(anna.id).ledger == f"@person:{OLD}"
    assert older.people.entry(anna.id).names[0].since == BEGAN
    assert {a.email for a in who.people(older.open(anna, "nordfrakt"))} == {
        email(n) for n in ("anna", "bo", "clara", "david")
    }
    entered = enter(older, identity())
    assert (entered.id, entered.role_for("nordfrakt")) == (anna.id, "customer_admin")


def test_and_roles_given_and_taken_go_on_in_the_ledger_they_have(older: Application) -> None:
    eva = older.person(email("eva"))
    older.change_access(eva, GrantAccess(OLD, "customer_reader", "solsidan"))
    older.change_access(eva, RevokeAccess(OLD, "customer_admin", "nordfrakt"))
    assert held(older, "anna") == {("customer_reader", "solsidan")}
    assert older.ledger.head(f"@person:{OLD}").sequence == 3


def test_an_older_store_opens_again_without_entering_anybody_twice(
    older: Application, agreement: Any, clock: Any
) -> None:
    before = older.ledger.rows("SELECT id, ledger FROM people ORDER BY id")
    Application(older.ledger, {VERSION: agreement}, clock)
    assert older.ledger.rows("SELECT id, ledger FROM people ORDER BY id") == before


def test_one_who_cannot_be_known_is_said_in_the_log_and_opens_nothing(older: Application) -> None:
    assert older.people.of_ledger("@person:nonsense") is None
    assert older.people.of_ledger("@person:ANNA@people.example") is None


# --- the directory --------------------------------------------------------------------------------


def test_how_somebody_was_known_when(application: Application, people: People, clock: Any) -> None:
    clock.pass_days(1)
    application.rename_person(people.eva, people.anna.id, "Anna Lind")
    clock.pass_days(1)
    application.move_person(people.eva, people.anna.id, NEW)
    who_at = application.people.who
    told = [(n.address, n.name) for n in (who_at(people.anna.id, NOW + timedelta(days=d)) for d in (0, 1, 2))]
    assert told == [(OLD, "Anna"), (OLD, "Anna Lind"), (NEW, "Anna Lind")]
    assert who_at(people.anna.id, BEGAN - timedelta(days=1)).name == "Anna"
    assert who_at("old@people.example").address == "old@people.example"


def test_what_the_directory_knows_is_still_there_after_a_restart(
    application: Application, people: People, second: Identity, store: Path, agreement: Any, clock: Any
) -> None:
    application.move_person(people.eva, people.anna.id, NEW)
    application.rename_person(people.eva, people.anna.id, "Anna Lind")
    application.close()
    with Ledger.open(store) as ledger:
        anew = Application(ledger, {VERSION: agreement}, clock)
        anna = enter(anew, identity())
        assert (anna.id, anna.email, anna.name) == (people.anna.id, NEW, "Anna Lind")
        assert len(anew.unbound_accounts(anew.person(email("eva")))) == 1


def test_a_session_of_a_person_that_is_gone_opens_nothing(application: Application) -> None:
    _, session = application.sign_in(identity("new"), "Test browser")
    with application.ledger.transaction() as tx:
        tx.execute("DELETE FROM people WHERE id = ?", [session.person_id])
    application.people.written()
    with pytest.raises(SignInAgain):
        application.person_of(session)
