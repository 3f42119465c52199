"""What the server does once a day beside its work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from dpa_core.ledger import StoreError

log = logging.getLogger("dpa_desk")

_DAY = 24 * 60 * 60


async def daily(task: Callable[[], object], every: float = _DAY) -> None:
    """Do something at once and then every so many seconds, in a thread of its own, until cancelled. Where the
    store does not let it, the next day is another chance."""
    while True:
        try:
            await run_in_threadpool(task)
        except StoreError:
            log.exception("the daily tidying could not be done")
        await asyncio.sleep(every)
