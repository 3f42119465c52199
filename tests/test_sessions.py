"""Sign-ins: kept in the store, ended everywhere at once, twelve hours at the most, one's own only.

Standard: OWASP Session Management Cheat Sheet; NIST SP 800-63B 2.2.3 and 7.1
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dpa_core.access import Forbidden, Identity, Person, SignInAgain
from dpa_core.application import SESSION, Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger, StoreError
from dpa_core.sessions import Session, id_of
from dpa_core.subjects.grants import RevokeAccess
from tests.conftest import VERSION, People, SettableClock, at_the_same_time, email, sign_in


def still_open(application: Application, secret: str) -> bool:
    return application.is_open(application.session(secret))


def begin(application: Application, name: str, browser: str = "Test browser") -> tuple[str, Session]:
    who = Identity("test", "https://id.example", name, email(name), name.title())
    return application.sign_in(who, browser, "a token")


# --- how long -------------------------------------------------------------------------------------


def test_a_sign_in_lasts_twelve_hours_and_not_a_moment_longer(
    application: Application, clock: SettableClock
) -> None:
    assert timedelta(hours=12) == SESSION
    secret, session = begin(application, "anna")
    assert session.ends - session.began == SESSION
    clock.at += SESSION - timedelta(microseconds=1)
    assert still_open(application, secret)
    clock.at += timedelta(microseconds=1)
    assert not still_open(application, secret)
    with pytest.raises(SignInAgain, match="expired"):
        application.person_of(session)


def test_or_as_long_as_a_setting_says(store: Path, agreement: Any, clock: SettableClock) -> None:
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock, session=timedelta(minutes=30))
        secret, _ = begin(application, "anna")
        clock.at += timedelta(minutes=30)
        assert not still_open(application, secret)


def test_whatever_the_clock_of_the_demo_says(store: Path, agreement: Any) -> None:
    clock = DemoClock()
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        secret, session = begin(application, "anna")
        clock.advance(366)
        assert still_open(application, secret)
        assert application.person_of(session).email == email("anna")
        assert session.ends - clock.real_now() <= SESSION
        assert [s.id for s in application.sessions_of(application.person_of(session))] == [session.id]


def test_what_is_long_over_is_forgotten_at_a_later_sign_in(
    application: Application, clock: SettableClock
) -> None:
    _, old = begin(application, "anna")
    clock.at += SESSION + timedelta(hours=1)
    begin(application, "bo")
    assert application.ledger.rows("SELECT 1 FROM sessions WHERE id = ?", [old.id])
    clock.at += timedelta(days=1)
    begin(application, "bo")
    assert not application.ledger.rows("SELECT 1 FROM sessions WHERE id = ?", [old.id])


# --- where it is kept -----------------------------------------------------------------------------


@pytest.fixture
def reopened(application: Application, store: Path, agreement: Any, clock: Any) -> Iterator[Any]:
    """Close the store, and open it again."""
    opened: list[Ledger] = []

    def again() -> Application:
        application.close()
        opened.append(Ledger.open(store))
        return Application(opened[-1], {VERSION: agreement}, clock)

    yield again
    for ledger in opened:
        ledger.close()


def test_a_sign_in_outlives_a_restart(application: Application, reopened: Any) -> None:
    secret, session = begin(application, "anna")
    anew = reopened()
    assert anew.session(secret) == session
    assert anew.person_of(anew.session(secret)).role_for("nordfrakt") == "customer_admin"


def test_so_does_its_end(application: Application, reopened: Any) -> None:
    secret, session = begin(application, "anna")
    application.sign_out(session)
    anew = reopened()
    assert not still_open(anew, secret)
    with pytest.raises(SignInAgain, match="was ended"):
        anew.person_of(anew.session(secret))


def test_the_store_holds_no_secret(application: Application) -> None:
    secret, session = begin(application, "anna")
    assert session.id == id_of(secret)
    said = application.ledger.rows("SELECT * FROM sessions") + application.ledger.rows(
        "SELECT * FROM access_log"
    )
    assert secret not in str(said)


@pytest.mark.parametrize(
    "cookie", ["", "x", "x" * 10_000, "\ud800".encode("utf-8", "replace").decode(), "' OR 1=1"]
)
def test_a_made_up_cookie_opens_nothing(application: Application, cookie: str) -> None:
    begin(application, "anna")
    assert not still_open(application, cookie)
    with pytest.raises(SignInAgain):
        application.person_of(application.session(cookie))


def test_the_name_of_a_session_is_no_secret_and_opens_nothing(application: Application) -> None:
    _, session = begin(application, "anna")
    assert not still_open(application, session.id)


# --- the end --------------------------------------------------------------------------------------


def test_an_end_counts_in_every_copy_of_the_cookie_and_what_the_provider_told_is_forgotten(
    application: Application,
) -> None:
    secret, session = begin(application, "anna")
    copies = [application.person_of(application.session(secret)) for _ in range(2)]
    application.sign_out(session)
    for copy in copies:
        with pytest.raises(SignInAgain):
            application.open(copy, "nordfrakt")
    assert application.session(secret).id_token is None


def test_one_ends_ones_own_sign_ins_only(application: Application) -> None:
    _, anna = sign_in(application, "anna")
    secret, bos = begin(application, "bo")
    for session_id in (bos.id, "", "nonsense"):
        with pytest.raises(Forbidden, match="no such sign-in of yours"):
            application.end_session(anna, session_id)
    assert still_open(application, secret)
    assert bos.id not in {s.id for s in application.sessions_of(anna)}


def test_an_officer_neither(application: Application) -> None:
    _, eva = sign_in(application, "eva")
    secret, annas = begin(application, "anna")
    with pytest.raises(Forbidden):
        application.end_session(eva, annas.id)
    assert still_open(application, secret)


def test_another_sign_in_of_ones_own_is_ended_and_this_one_goes_on(application: Application) -> None:
    lost, session = begin(application, "anna", "Lost telephone")
    _, anna = sign_in(application, "anna")
    application.end_session(anna, session.id)
    assert not still_open(application, lost)
    assert [s.browser for s in application.sessions_of(anna)] == ["Test browser"]
    with pytest.raises(Forbidden):
        application.end_session(anna, session.id)


def test_all_others_are_ended_at_once(application: Application) -> None:
    others = [begin(application, "anna")[0] for _ in range(3)]
    bos, _ = begin(application, "bo")
    secret, anna = sign_in(application, "anna")
    assert application.end_other_sessions(anna) == 3
    assert [still_open(application, s) for s in (*others, secret, bos)] == [False, False, False, True, True]
    assert application.end_other_sessions(anna) == 0


def test_from_a_sign_in_that_has_ended_nothing_is_ended(application: Application) -> None:
    secret, anna = sign_in(application, "anna")
    other, session = begin(application, "anna")
    application.sign_out(application.session(secret))
    for step in (
        lambda: application.sessions_of(anna),
        lambda: application.end_session(anna, session.id),
        lambda: application.end_other_sessions(anna),
    ):
        with pytest.raises(SignInAgain):
            step()
    assert still_open(application, other)


def test_whoever_has_no_role_any_more_can_still_see_and_end_the_own_sign_ins(
    application: Application, people: People
) -> None:
    other, session = begin(application, "anna")
    _, anna = sign_in(application, "anna")
    application.change_access(people.eva, RevokeAccess(email("anna"), "customer_admin", "nordfrakt"))
    application.end_session(anna, session.id)
    assert not still_open(application, other)


def test_an_end_while_somebody_looks_is_seen_at_the_next_step(application: Application) -> None:
    secret, anna = sign_in(application, "anna")

    def ends(all_began: Any) -> None:
        all_began.wait()
        application.sign_out(application.session(secret))

    def looks(all_began: Any) -> Person:
        all_began.wait()
        return application.open(anna, "nordfrakt").person

    at_the_same_time(ends, looks)
    with pytest.raises(SignInAgain):
        application.open(anna, "nordfrakt")


def test_where_the_store_cannot_be_written_nobody_is_told_that_it_ended(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, session = begin(application, "anna")

    def full() -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(application.ledger, "transaction", full)
    with pytest.raises(StoreError):
        application.sign_out(session)
    assert still_open(application, secret)
