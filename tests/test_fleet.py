"""Several servers that share a store: what one begins, any of them ends, and each thing is done once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpa_core.access_log import Search
from dpa_core.application import Application
from dpa_core.downloads import LIFETIME, MAX_OPEN, File, Gone
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
