"""Several servers that share a store: what one begins, any of them ends, and each thing is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dpa_core.access_log import Search
from dpa_core.application import Application
from dpa_core.downloads import LIFETIME, MAX_OPEN, File, Gone
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.guard import Guard
from dpa_core.web.sign_in import SignIn
from tests.conftest import SettableClock, at_the_same_time, email, sign_in

FILE = File("Åkeri “Nord”.pdf", "application/pdf", b"%PDF-1.7 \0\xff")

Two = tuple[Application, Application]


def token(address: str) -> str:
    return address.removeprefix("/download/")


# --- downloads -------------------------------------------------------------------------------------------


def test_a_file_offered_by_one_server_is_handed_over_by_another_once(servers: Two) -> None:
    one, other = servers
    secret, anna = sign_in(one, "anna")
    link = token(one.offer_download(anna, "nordfrakt", FILE))
    assert other.take_download(link, other.session(secret), "10.0.0.7") == FILE
    for server in servers:
        with pytest.raises(Gone):
            server.take_download(link, server.session(secret))
    lines = one.access_log(one.person(email("eva")), Search(kinds=("exported",))).lines
    assert [(line.customer_id, line.came_from) for line in lines] == [("nordfrakt", "10.0.0.7")]


def test_of_two_servers_that_are_asked_at_once_one_hands_a_file_over(servers: Two) -> None:
    one, other = servers
    secret, anna = sign_in(one, "anna")
    link = token(one.offer_download(anna, "nordfrakt", FILE))

    def take(server: Application) -> File:
        return server.take_download(link, server.session(secret))

    def step(server: Application):
        return lambda barrier: (barrier.wait(), take(server))[1]

    said = at_the_same_time(step(one), step(other), step(one), step(other))
    assert sorted(type(what).__name__ for what in said) == ["File", "Gone", "Gone", "Gone"]


def test_another_sign_in_gets_it_at_no_server_and_does_not_use_it_up(servers: Two) -> None:
    one, other = servers
    secret, anna = sign_in(one, "anna")
    second, _ = sign_in(other, "anna")
    link = token(one.offer_download(anna, "nordfrakt", FILE))
    with pytest.raises(Gone):
        other.take_download(link, other.session(second))
    assert other.take_download(link, other.session(secret)) == FILE


def test_it_works_at_another_server_for_a_minute(servers: Two, clock: SettableClock) -> None:
    one, other = servers
    secret, anna = sign_in(one, "anna")
    links = [token(one.offer_download(anna, "nordfrakt", FILE)) for _ in range(2)]
    clock.at += LIFETIME - timedelta(seconds=1)
    assert other.take_download(links[0], other.session(secret)) == FILE
    clock.at += timedelta(seconds=1)
    with pytest.raises(Gone):
        other.take_download(links[1], other.session(secret))


def test_links_that_are_too_old_or_too_many_are_in_the_store_no_more(
    servers: Two, clock: SettableClock
) -> None:
    one, other = servers
    secret, anna = sign_in(one, "anna")
    links = []
    for _ in range(MAX_OPEN + 1):
        clock.at += timedelta(milliseconds=1)
        links.append(token(one.offer_download(anna, "nordfrakt", FILE)))
    assert kept(one) == MAX_OPEN
    with pytest.raises(Gone):
        other.take_download(links[0], other.session(secret))
    assert other.take_download(links[1], other.session(secret)) == FILE
    clock.at += LIFETIME
    other.tidy()
    assert kept(one) == 0


def test_the_store_keeps_no_token(servers: Two) -> None:
    one, _ = servers
    _, anna = sign_in(one, "anna")
    link = token(one.offer_download(anna, "nordfrakt", FILE))
    ((id,),) = one.ledger.rows("SELECT id FROM downloads")
    assert link not in id


def kept(server: Application) -> int:
    return int(server.ledger.rows("SELECT count(*) FROM downloads")[0][0])


# --- once a day ------------------------------------------------------------------------------------------


def test_of_servers_that_tidy_at_once_one_does_it(servers: Two) -> None:
    one, other = servers
    with one.ledger.transaction() as first, other.ledger.transaction() as second:
        assert first.alone(1)
        assert first.alone(1)
        assert not second.alone(1)
        assert second.alone(2)
    with other.ledger.transaction() as later:
        assert later.alone(1)


def test_old_lines_are_left_to_the_server_that_is_at_it(servers: Two, clock: SettableClock) -> None:
    one, other = servers
    sign_in(one, "anna")
    clock.at += timedelta(days=4_000)
    with one.ledger.transaction() as tidying:
        assert tidying.alone(1)
        other.tidy()
        assert lines(one) > 0
    other.tidy()
    assert lines(one) == 0


def lines(server: Application) -> int:
    return int(server.ledger.rows("SELECT count(*) FROM access_log")[0][0])


# --- what a visit leaves ---------------------------------------------------------------------------------


def test_what_one_typed_or_attached_at_one_server_is_there_at_another(servers: Two) -> None:
    one, other = servers
    secret, anna = sign_in(one, "anna")
    one.keep_draft(anna, "nordfrakt", "assistance.request", {"title": "Voicebot"})
    ref = one.attach(anna, "nordfrakt", "letter.pdf", b"%PDF-1.4\n%%EOF\n")
    there = other.person_of(other.session(secret))
    draft = other.draft(there, "nordfrakt", "assistance.request")
    assert draft is not None
    assert draft.content == {"title": "Voicebot"}
    assert other.files.read(ref.sha256) == b"%PDF-1.4\n%%EOF\n"
    other.drop_draft(there, "nordfrakt", "assistance.request")
    assert one.draft(anna, "nordfrakt", "assistance.request") is None


# --- who is asked for at each request --------------------------------------------------------------------


@pytest.fixture
def on_the_loop(servers: Two, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the database where everybody's requests wait for it."""
    asked: list[str] = []
    rows = servers[0].ledger.rows

    def watched(sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            asked.append(sql)
        return rows(sql, values)

    monkeypatch.setattr(servers[0].ledger, "rows", watched)
    return asked


def guarded(server: Application, **options: Any) -> TestClient:
    """A browser in which Anna has signed in, before a server that stands on PostgreSQL."""
    cookie = SessionCookie(secure=False)
    own = SignIn(
        server,
        cookie,
        (),
        public_url="http://desk.example",
        secret="c" * 32,
        contact="privacy@people.example",
    ).routes()

    async def shown(_: Request) -> Response:
        return PlainTextResponse("shown")

    guard = Middleware(
        Guard,
        application=server,
        cookie=cookie,
        own=own,
        public_url="http://desk.example",
        **options,
    )
    app = Starlette(routes=[Route("/{path:path}", shown)], middleware=[guard])
    cookies = {cookie.name: sign_in(server, "anna")[0]}
    return TestClient(app, base_url="http://desk.example", cookies=cookies, follow_redirects=False)


@pytest.mark.parametrize("path", ["/features", "/favicon.png", "/sign-in", "/oauth2callback", "/auth/logout"])
def test_no_request_waits_for_the_database_where_all_would_wait(
    servers: Two, on_the_loop: list[str], path: str
) -> None:
    browser = guarded(servers[0])
    assert browser.get(path).status_code < 400
    assert on_the_loop == []


def test_a_sign_in_ended_at_another_server_counts_at_the_next_request(servers: Two) -> None:
    one, other = servers
    browser = guarded(one)
    assert browser.get("/features").text == "shown"
    assert browser.get("/static/app.js").text == "shown"
    session = other.session(browser.cookies["dpa_session"])
    assert session is not None
    other.sign_out(session)
    assert browser.get("/features").status_code == 401


def test_the_files_of_a_page_ask_once_for_a_second(servers: Two) -> None:
    one, other = servers
    seconds = [0.0]
    browser = guarded(one, timer=lambda: seconds[0])
    assert browser.get("/static/app.js").text == "shown"
    session = other.session(browser.cookies["dpa_session"])
    assert session is not None
    other.sign_out(session)
    seconds[0] = 0.9
    assert browser.get("/static/app.js").text == "shown"
    seconds[0] = 1.0
    assert browser.get("/static/app.js").status_code == 401
