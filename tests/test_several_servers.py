"""Two real servers on one PostgreSQL, behind nginx and HAProxy as `.deploy/` sets them up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tests import fleet
from tests.conftest import email
from tests.fleet import CUSTOMER, Fleet, Page, until_true
from tests.hostile.streamlit_client import _xsrf
from tests.postgres import Server


@pytest.fixture(scope="module", params=[fleet.nginx, fleet.haproxy])
def desk(
    request: pytest.FixtureRequest, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with fleet.running(request.param, postgres, tmp_path_factory.mktemp("fleet")) as started:
        yield started


@pytest.fixture
def both(desk: Fleet) -> Fleet:
    """Both servers at work, whatever a test did before."""
    desk.heal()
    return desk


async def instruct(page: Page) -> None:
    """Toggle the first feature of the page, and confirm."""
    await page.open("features")
    await page.toggle()
    await page.acknowledge()
    await page.confirm()


def test_a_sign_in_begun_at_one_server_ends_at_the_other_and_counts_at_both(both: Fleet) -> None:
    one, other = both.members
    anna = both.person()
    anna.sign_in(email("anna"), first=one, then=other)
    for member in (one, other):
        assert anna.ask("/features", member).status == 200
    assert anna.ask("/auth/logout", one).status == 302
    stale = both.person()
    stale.cookies = {fleet.SESSION: "A" * 43}
    for member in (one, other):
        assert stale.ask("/features", member).status == 302


def test_one_signs_in_instructs_and_downloads_and_goes_on_when_a_server_is_killed(both: Fleet) -> None:
    anna = both.person()
    anna.sign_in(email("anna"))
    before = both.entries()

    async def visit() -> None:
        async with anna.page() as page:
            await instruct(page)
            here, there = both.at()
            await page.open("snapshots")
            await page.press("Download")
            (link,) = page.links
            # A link of one server's, followed at the other.
            file = anna.ask(link, there)
            assert (file.status, "attachment" in file.headers["content-disposition"]) == (200, True)
            assert anna.ask(link, here).status == 403
            here.send(signal.SIGKILL)
            await page.closed()
        assert anna.ask("/features").status == 200
        async with anna.page() as page:
            await instruct(page)
        assert there.ready()

    asyncio.run(visit())
    assert both.entries() == before + 2


def test_an_upload_meets_its_page_at_whichever_server_that_is(both: Fleet) -> None:
    anna = both.person()
    anna.sign_in(email("anna"))
    assert anna.ask("/features").status == 200

    async def upload(at: fleet.Member | None) -> int:
        async with anna.page(at) as page:
            await page.open("features")
            return send(both, anna, page.session)

    assert asyncio.run(upload(None)) == 204
    for name, member in zip(("one", "two"), both.members, strict=True):
        if "__Host-dpa_server" in anna.cookies:
            anna.cookies["__Host-dpa_server"] = name
        assert asyncio.run(upload(member)) == 204


def send(desk: Fleet, anna: fleet.Person, session: str) -> int:
    """Upload a small file to a page through the proxy; the status."""
    token = _xsrf(None)
    body = b'--mark\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nx\r\n--mark--\r\n'
    return anna.ask(
        f"/_stcore/upload_file/{session}/a-file",
        method="PUT",
        body=body,
        content_type="multipart/form-data; boundary=mark",
        origin=desk.origin,
        x_xsrftoken=token["x_xsrftoken"],
        cookie=f"{anna.cookie}; {token['cookie']}",
    ).status


def test_a_server_that_leaves_ends_what_is_under_way_and_its_pages_go_to_the_other(both: Fleet) -> None:
    anna = both.person()
    anna.sign_in(email("anna"))
    assert anna.ask("/features").status == 200
    before = both.entries()

    async def visit() -> None:
        async with anna.page() as busy, anna.page() as idle:
            await idle.open("history")
            await busy.open("features")
            here, there = both.at()
            assert (here.pages(), there.pages()) == (2, 0)
            await busy.toggle()
            await busy.acknowledge()
            with held(both):
                confirming = asyncio.create_task(busy.confirm())
                await asyncio.to_thread(waits, both)
                here.send(signal.SIGTERM)
                await asyncio.to_thread(until_true, lambda: not here.ready(), here)
                turned_away(both, here)
                assert await idle.closed() == 1012
                assert not confirming.done()
            await confirming  # recorded: it was not cut off
            assert await busy.closed() == 1012
        assert anna.ask("/features").status == 200
        async with anna.page() as page:
            await instruct(page)
            assert there.pages() == 1
        assert here.ends() == -signal.SIGTERM

    asyncio.run(visit())
    assert both.entries() == before + 2


class held:
    """Nordfrakt's head locked, so that whoever records anything waits."""

    def __init__(self, desk: Fleet) -> None:
        self._connection = psycopg.connect(desk.url)

    def __enter__(self) -> None:
        sql = "SELECT 1 FROM heads WHERE customer_id = %s FOR UPDATE"
        self._connection.execute(sql, [CUSTOMER])

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def waits(desk: Fleet) -> None:
    """Until a transaction waits for the lock."""
    with psycopg.connect(desk.url, autocommit=True) as connection:
        sql = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )

        def there_is_one() -> bool:
            ((found,),) = connection.execute(sql).fetchall()
            return bool(found)

        until_true(there_is_one, desk.members[0])


def turned_away(desk: Fleet, leaving: fleet.Member) -> None:
    """Who comes anew is turned away there, and let in through the proxy."""
    somebody = desk.person()
    answer = somebody.ask("/healthz", leaving)
    assert (answer.status, '"leaving"' in answer.text) == (503, True)
    assert somebody.ask("/livez", leaving).status == 200
    page = somebody.ask("/sign-in", leaving)
    assert (page.status, "is being replaced" in page.text) == (503, True)
    assert somebody.ask("/sign-in").status == 200


def test_a_server_that_leaves_ends_in_time_where_a_step_hangs(postgres: Server, tmp_path: Path) -> None:
    with fleet.running(fleet.haproxy, postgres, tmp_path, DPA_DRAIN_SECONDS="1") as desk:
        anna = desk.person()
        anna.sign_in(email("anna"))
        before = desk.entries()

        async def visit() -> None:
            async with anna.page(desk.members[0]) as page:
                await page.open("features")
                await page.toggle()
                await page.acknowledge()
                with held(desk):
                    confirming = asyncio.create_task(page.confirm())
                    await asyncio.to_thread(waits, desk)
                    desk.members[0].send(signal.SIGTERM)
                    with pytest.raises(ConnectionClosed):
                        await confirming
                    assert await asyncio.to_thread(desk.members[0].ends) == -signal.SIGTERM

        asyncio.run(visit())
        assert desk.entries() == before
