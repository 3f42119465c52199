"""A server that was told to stop: what it waits for, and for how long."""

from __future__ import annotations

import asyncio
import signal

import pytest
import uvicorn

from dpa_core import web
from dpa_core.web.leaving import Leaving


class Steps:
    """Seconds that a test counts, and a script that runs as long as it likes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.at_work = False

    def leaving(self, notice: float = 3.0) -> Leaving:
        return Leaving(lambda: self.at_work, 20.0, notice, lambda: self.seconds)


@pytest.fixture
def steps() -> Steps:
    return Steps()


def closes(leaving: Leaving) -> bool:
    """Whether open pages are told to close."""

    async def told() -> bool:
        task = asyncio.ensure_future(leaving.pages_close())
        await asyncio.sleep(0)
        return task.done() or not task.cancel()

    return asyncio.run(told())


def test_nothing_ends_before_it_is_told(steps: Steps) -> None:
    leaving = steps.leaving()
    steps.seconds = 1_000
    assert (leaving.is_told(), leaving.is_over(), closes(leaving)) == (False, False, False)


def test_pages_close_after_the_notice_and_then_it_is_over(steps: Steps) -> None:
    leaving = steps.leaving()
    with leaving.page():
        leaving.begin()
        steps.seconds = 2.9
        assert (leaving.is_told(), leaving.is_over(), closes(leaving)) == (True, False, False)
        steps.seconds = 3
        assert (leaving.is_over(), closes(leaving)) == (False, True)
    assert leaving.is_over()


def test_without_a_page_it_waits_for_the_notice_alone(steps: Steps) -> None:
    leaving = steps.leaving()
    leaving.begin()
    assert not leaving.is_over()
    steps.seconds = 3
    assert leaving.is_over()
    alone = steps.leaving(notice=0)
    alone.begin()
    assert alone.is_over()


def test_it_waits_for_what_runs_after_its_page_was_closed(steps: Steps) -> None:
    leaving = steps.leaving(notice=0)
    steps.at_work = True
    leaving.begin()
    assert not leaving.is_over()
    steps.at_work = False
    assert leaving.is_over()


def test_it_is_over_in_any_case_when_its_time_is(steps: Steps) -> None:
    leaving = steps.leaving()
    steps.at_work = True
    with leaving.page():
        leaving.begin()
        steps.seconds = 10
        leaving.begin()  # told again
        steps.seconds = 19.9
        assert not leaving.is_over()
        steps.seconds = 20
        assert leaving.is_over()


def test_a_server_told_once_lets_its_pages_go_and_told_twice_stops_at_once(steps: Steps) -> None:
    leaving = steps.leaving()
    server = web._Server(uvicorn.Config("none:none"), leaving)
    server.started = True
    with leaving.page():
        server.handle_exit(signal.SIGTERM, None)
        assert (leaving.is_told(), server.should_exit) == (True, False)
        server.handle_exit(signal.SIGTERM, None)
        assert server.should_exit


def test_a_server_that_has_not_begun_yet_stops_at_once(steps: Steps) -> None:
    server = web._Server(uvicorn.Config("none:none"), steps.leaving())
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
