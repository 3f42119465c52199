"""How a server leaves: told to stop, it lets others take over before its process ends.

First it is not ready any more, turns away who comes anew, and after a notice closes the pages that are open,
each once nothing runs for it: its browser connects again, through the proxy to another server, with all that
was typed. Then the process ends; in any case when its time is over, or when it is told once more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOTICE = 3.0
"""Seconds in which a proxy, which asks every second or two, has found out that a server leaves."""
WORDS = "This server is being replaced. Load the page again in a moment: another one answers."


class Leaving:
    """Whether the server leaves, and what it still waits for. Used from the event loop alone.

    `at_work`: whether the script runs for anybody. `seconds`: the time that all of it may take. `notice`: how
    long pages stay open after the server was told, so that the proxy knows before they connect again.
    `timer`: seconds that never go back.
    """

    def __init__(
        self,
        at_work: Callable[[], bool],
        seconds: float = 20,
        notice: float = 0.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_work, self._timer = at_work, timer
        self._seconds, self._notice = seconds, notice
        self._told: float | None = None
        self._pages = 0
        self._close = asyncio.Event()

    def begin(self) -> None:
        """The server was told to stop."""
        if self._told is None:
            self._told = self._timer()

    def is_told(self) -> bool:
        """Whether the server was told to stop: nobody new is let in."""
        return self._told is not None

    def is_over(self) -> bool:
        """Whether the process may end: no page is open any more and nothing runs, or its time is over. Asked
        again and again, it has the pages closed when their notice has passed."""
        if self._told is None:
            return False
        passed = self._timer() - self._told
        if passed >= self._seconds:
            return True
        if passed < self._notice:
            return False
        self._close.set()
        return not self._pages and not self._at_work()

    @contextmanager
    def page(self) -> Iterator[None]:
        """Count one more page as open while the block lasts."""
        self._pages += 1
        try:
            yield
        finally:
            self._pages -= 1

    async def pages_close(self) -> None:
        """Wait until open pages have to close."""
        await self._close.wait()
