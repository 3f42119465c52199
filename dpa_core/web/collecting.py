"""When the interpreter looks for memory that nothing uses any more.

A full look stops every thread for as long as there are objects to look at. Streamlit would have one after
each run of the script, which is most of what a page then takes, so that is switched off. Here, what the
server holds for as long as it lives is set aside once, and the rest is looked at while no script runs.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

log = logging.getLogger("dpa_desk")

EVERY = 60.0
"""Seconds between two full looks."""
WAITS = 30.0
"""Seconds for which one waits at the most until no script runs."""
_SLOW = 0.5
"""Seconds from which on the log tells how long everybody had to stand still."""
_GLANCE = 0.02
_THRESHOLDS = (10_000, 10, 10_000)
"""How many objects more than were freed make the interpreter look at the new ones; how many such looks, at
those that outlived one; how many of these, at all: in effect never by itself."""


async def collect_when_calm(
    warm_up: Callable[[], object], is_busy: Callable[[], bool], every: float = EVERY, waits: float = WAITS
) -> None:
    """Until cancelled. `warm_up`: loads what every visit needs, in a thread. `is_busy`: whether somebody
    waits for an answer now. `every`, `waits`: seconds, as the constants say."""
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        await run_in_threadpool(warm_up)
        gc.collect()
        gc.freeze()
        while True:
            await asyncio.sleep(every)
            await _until_calm(is_busy, waits)
            began = time.perf_counter()
            gc.collect()
            if (took := time.perf_counter() - began) > _SLOW:
                log.warning("looking for unused memory took %.1f s", took)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


async def _until_calm(is_busy: Callable[[], bool], waits: float) -> None:
    until = time.monotonic() + waits
    while is_busy() and time.monotonic() < until:
        await asyncio.sleep(_GLANCE)
