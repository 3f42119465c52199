"""Download links: once, for a minute, for one person in one browser, while the grant stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dpa_core import access, web
from dpa_core.access import Forbidden, Person
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.downloads import MAX_OPEN, Downloads, File, Gone
from dpa_core.ledger import Ledger
from dpa_core.snapshots.sign import key_ring
from dpa_core.subjects import customers, grants
from tests.frozen import frozen_agreements

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILE = File("Åkeri “Nord”.pdf", "application/pdf", b"%PDF-1.7 content")


class StandingClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
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


@pytest.fixture
def anna(application: Application, operator: Person) -> Person:
    application.open_customer(operator, customers.OpenCustomer("nord", "Nord AB"))
    application.change_access(operator, grants.GrantAccess("anna@nord.example", "customer_admin", "nord"))
    return application.person("anna@nord.example")


@pytest.fixture
def client(application: Application, tmp_path: Path) -> TestClient:
    """The app's own routes and middleware, beside stand-ins for Streamlit's sign-in routes."""

    def callback(request: Request) -> Response:
        response = RedirectResponse("/")
        if request.query_params:
            response.set_cookie("_streamlit_user", "signed")
        return response

    def logout(_: Request) -> Response:
        return RedirectResponse("/oauth2callback")

    return TestClient(_served(application, tmp_path, callback, logout), base_url="http://desk.example")


def _served(application: Application, folder: Path, callback: object, logout: object) -> Starlette:
    routes = [Route("/oauth2callback", callback), Route("/auth/logout", logout)]  # type: ignore[arg-type]
    guard = Middleware(web._Guard, secure=False)
    return Starlette(routes=[*web._routes(application, key_ring(folder)), *routes], middleware=[guard])


def _sign_in(client: TestClient) -> str:
    client.get("/oauth2callback?code=x", follow_redirects=False)
    return client.cookies[web.BROWSER]


def _refused(response: Response) -> bool:
    return response.status_code == 403 and "cannot be downloaded" in response.text  # type: ignore[attr-defined]


def test_it_hands_the_file_over(client: TestClient, application: Application, anna: Person) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    response = client.get(address)
    assert (response.status_code, response.content) == (200, FILE.content)
    assert response.headers["content-type"] == "application/pdf"
    assert "filename*=UTF-8''%C3%85keri" in response.headers["content-disposition"]
    assert response.headers["cache-control"] == "no-store"


def test_it_works_once(client: TestClient, application: Application, anna: Person) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    assert client.get(address).status_code == 200
    assert _refused(client.get(address))


def test_a_look_at_the_headers_does_not_use_it_up(
    client: TestClient, application: Application, anna: Person
) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    assert client.head(address).status_code == 405
    assert client.get(address).status_code == 200


def test_it_is_refused_after_a_minute(
    client: TestClient, application: Application, anna: Person, clock: StandingClock
) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    clock.at += timedelta(seconds=60)
    assert _refused(client.get(address))


def test_it_still_works_just_before_the_minute_is_over(
    client: TestClient, application: Application, anna: Person, clock: StandingClock
) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    clock.at += timedelta(seconds=59)
    assert client.get(address).status_code == 200


def test_it_is_refused_in_another_browser_and_works_on_in_the_first(
    client: TestClient, application: Application, anna: Person
) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    mine = dict(client.cookies)
    client.cookies.clear()
    assert _refused(client.get(address))
    _sign_in(client)
    assert _refused(client.get(address))
    client.cookies.clear()
    client.cookies.update(mine)
    assert client.get(address).status_code == 200


def test_it_is_refused_after_signing_out(client: TestClient, application: Application, anna: Person) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    client.get("/auth/logout", follow_redirects=False)
    assert web.BROWSER not in client.cookies
    assert _refused(client.get(address))


def test_it_is_refused_after_the_grant_is_gone(
    client: TestClient, application: Application, anna: Person, operator: Person
) -> None:
    address = application.offer_download(anna, "nord", _sign_in(client), FILE)
    application.change_access(operator, grants.RevokeAccess(anna.email, "customer_admin", "nord"))
    assert _refused(client.get(address))


def test_it_is_refused_where_the_address_is_made_up(client: TestClient, anna: Person) -> None:
    _sign_in(client)
    assert _refused(client.get("/download/" + "A" * 43))


def test_nobody_offers_a_customer_that_is_not_theirs(application: Application, anna: Person) -> None:
    with pytest.raises(Forbidden):
        application.offer_download(anna, "other", "browser", FILE)


def test_a_failed_sign_in_sets_no_mark(client: TestClient) -> None:
    client.get("/oauth2callback", follow_redirects=False)
    assert web.BROWSER not in client.cookies


def test_the_mark_is_hidden_from_scripts_and_new_at_every_sign_in(client: TestClient) -> None:
    response = client.get("/oauth2callback?code=x", follow_redirects=False)
    [mark] = [c for c in response.headers.get_list("set-cookie") if c.startswith(web.BROWSER)]
    assert "HttpOnly" in mark
    assert "SameSite=Lax" in mark
    assert client.cookies[web.BROWSER] != _sign_in(client)


def test_a_browser_without_a_mark_gets_no_link() -> None:
    with pytest.raises(ValueError, match="bound to a browser"):
        Downloads().offer(FILE, "anna@nord.example", "nord", "", START)


def test_the_oldest_link_of_a_browser_goes_first() -> None:
    links = Downloads()
    other = links.offer(FILE, "b", "nord", "two", START)
    tokens = [links.offer(FILE, "a", "nord", "one", START) for _ in range(MAX_OPEN + 1)]
    with pytest.raises(Gone):
        links.take(tokens[0], "one", START)
    assert links.take(tokens[1], "one", START).email == "a"
    assert links.take(other, "two", START).email == "b"
