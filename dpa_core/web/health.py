"""Whether the server lives, and whether it is ready: for what restarts it, and for what sends people to it.

The answer about the store is kept some seconds, as asking writes to it, and anybody may ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dpa_core.ledger import StoreError
from dpa_core.web.leaving import WORDS

LIVE, READY = "/livez", "/healthz"
PATHS = frozenset({LIVE, READY})
KEPT = 5.0
"""Seconds for which an answer about the store counts."""


class Readiness:
    """Whether the store can be read and written, asked at most once at a time and once in some seconds.

    `check` raises StoreError where it cannot. `timer`: seconds that never go back.
    """

    def __init__(self, check: Callable[[], None], timer: Callable[[], float] = time.monotonic) -> None:
        self._check, self._timer = check, timer
        self._why_not = ""
        self._until = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def why_not(self) -> str:
        """Empty where all is well, else a sentence."""
        if self._timer() >= self._until:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
            # Others wait for the same answer, and one who leaves does not take it from them.
            await asyncio.shield(self._asking)
        return self._why_not

    async def _ask(self) -> None:
        try:
            await run_in_threadpool(self._check)
            self._why_not = ""
        except StoreError as error:
            self._why_not = str(error)
        finally:
            self._until = self._timer() + KEPT
            self._asking = None


def routes(check: Callable[[], None], leaves: Callable[[], bool] = lambda: False) -> list[BaseRoute]:
    """The two routes. `leaves`: whether the server was told to stop, so that nobody is sent to it."""
    readiness = Readiness(check)

    async def ready(_: Request) -> Response:
        if leaves():
            return JSONResponse({"status": "leaving", "why": WORDS}, status_code=503)
        if why := await readiness.why_not():
            return JSONResponse({"status": "unavailable", "why": why}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return [Route(READY, ready, methods=["GET"]), Route(LIVE, live, methods=["GET"])]
