"""Download links: once, for a minute, in one sign-in, while the grant stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dpa_core import access
from dpa_core.access import Forbidden, Identity, Person, SignInAgain
from dpa_core.application import SESSION, Application
from dpa_core.clock import Clock
from dpa_core.downloads import MAX_OPEN, Downloads, File, Gone
from dpa_core.ledger import Ledger
from dpa_core.snapshots.sign import key_ring
from dpa_core.subjects import customers, grants
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.routes import routes
from tests.frozen import frozen_agreements

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
COOKIE = SessionCookie(secure=False)
FILE = File("Åkeri “Nord”.pdf", "application/pdf", b"%PDF-1.7 content")


class StandingClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def real_now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def application(tmp_path: Path, clock: StandingClock) -> Iterator[Application]:
    with Ledger.open(tmp_path / "desk.duckdb") as ledger:
        yield Application(ledger, frozen_agreements(), clock)


@pytest.fixture
def operator() -> Person:
    return access.operator(START)


def _sign_in(application: Application, subject: str = "anna") -> tuple[str, Person]:
    """The cookie's secret and the person of a new sign-in."""
    who = Identity("test", "https://id.example", subject, f"{subject}@nord.example", subject.title())
    secret, session = application.sign_in(who, "Test browser")
    return secret, application.person_of(session)


@pytest.fixture
def anna(application: Application, operator: Person) -> Person:
    """Signed in, as in the browser of `client`."""
    application.open_customer(operator, customers.OpenCustomer("nord", "Nord AB"))
    application.change_access(operator, grants.GrantAccess("anna@nord.example", "customer_admin", "nord"))
    return _sign_in(application)[1]


@pytest.fixture
def client(application: Application, tmp_path: Path, anna: Person) -> TestClient:
    """A browser with a sign-in of Anna's own, on the routes that hand files over."""
    own = routes(application, key_ring(tmp_path), COOKIE)
    browser = TestClient(Starlette(routes=own), base_url="http://desk.example")
    browser.cookies.set(COOKIE.name, _sign_in(application)[0], domain="desk.example")
    return browser


def _offered(client: TestClient, application: Application) -> str:
    """A link made in that browser."""
    person = application.person_of(application.session(client.cookies[COOKIE.name]))
    return application.offer_download(person, "nord", FILE)


def _refused(response: Any) -> bool:
    return response.status_code == 403 and "cannot be downloaded" in response.text


def test_it_hands_the_file_over(client: TestClient, application: Application, anna: Person) -> None:
    address = _offered(client, application)
    response = client.get(address)
    assert (response.status_code, response.content) == (200, FILE.content)
    assert response.headers["content-type"] == "application/pdf"
    assert "filename*=UTF-8''%C3%85keri" in response.headers["content-disposition"]
    assert response.headers["cache-control"] == "no-store"


def test_it_works_once(client: TestClient, application: Application, anna: Person) -> None:
    address = _offered(client, application)
    assert client.get(address).status_code == 200
    assert _refused(client.get(address))


def test_a_look_at_the_headers_does_not_use_it_up(
    client: TestClient, application: Application, anna: Person
) -> None:
    address = _offered(client, application)
    assert client.head(address).status_code == 405
    assert client.get(address).status_code == 200


def test_it_is_refused_after_a_minute(
    client: TestClient, application: Application, anna: Person, clock: StandingClock
) -> None:
    address = _offered(client, application)
    clock.at += timedelta(seconds=60)
    assert _refused(client.get(address))


def test_it_still_works_just_before_the_minute_is_over(
    client: TestClient, application: Application, anna: Person, clock: StandingClock
) -> None:
    address = _offered(client, application)
    clock.at += timedelta(seconds=59)
    assert client.get(address).status_code == 200


def test_it_is_refused_in_another_sign_in_and_works_on_in_the_first(
    client: TestClient, application: Application, anna: Person
) -> None:
    address = _offered(client, application)
    mine = client.cookies[COOKIE.name]
    client.cookies.clear()
    assert _refused(client.get(address))
    client.cookies.set(COOKIE.name, _sign_in(application)[0], domain="desk.example")
    assert _refused(client.get(address))
    client.cookies.set(COOKIE.name, mine, domain="desk.example")
    assert client.get(address).status_code == 200


def test_it_is_refused_after_signing_out(client: TestClient, application: Application) -> None:
    address = _offered(client, application)
    session = application.session(client.cookies[COOKIE.name])
    assert session is not None
    application.sign_out(session)
    assert _refused(client.get(address))


def test_it_is_refused_once_the_sign_in_has_expired(
    client: TestClient, application: Application, clock: StandingClock
) -> None:
    clock.at += SESSION - timedelta(seconds=1)
    address = _offered(client, application)
    clock.at += timedelta(seconds=1)
    assert _refused(client.get(address))


def test_it_is_refused_after_the_grant_is_gone(
    client: TestClient, application: Application, anna: Person, operator: Person
) -> None:
    address = _offered(client, application)
    application.change_access(operator, grants.RevokeAccess(anna.email, "customer_admin", "nord"))
    assert _refused(client.get(address))


def test_it_is_refused_where_the_address_is_made_up(client: TestClient) -> None:
    assert _refused(client.get("/download/" + "A" * 43))


def test_nobody_offers_a_customer_that_is_not_theirs(application: Application, anna: Person) -> None:
    with pytest.raises(Forbidden):
        application.offer_download(anna, "other", FILE)


def test_who_did_not_sign_in_through_a_browser_gets_no_link(application: Application, anna: Person) -> None:
    with pytest.raises(SignInAgain):
        application.offer_download(application.person(anna.email), "nord", FILE)


def test_the_oldest_link_of_a_sign_in_goes_first() -> None:
    links = Downloads()
    other = links.offer(FILE, "nord", "two", START)
    tokens = [links.offer(FILE, "nord", "one", START) for _ in range(MAX_OPEN + 1)]
    with pytest.raises(Gone):
        links.take(tokens[0], "one", START)
    assert links.take(tokens[1], "one", START).session_id == "one"
    assert links.take(other, "two", START).session_id == "two"
