"""How late the event loop is: what all requests, messages and pages wait behind."""

from __future__ import annotations

import asyncio
import time

from dpa_core import metrics

_EVERY = 0.5
"""Seconds between two looks."""


async def watch_lag(every: float = _EVERY) -> None:
    """Look until cancelled."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(every)
        metrics.LAG.observe(max(0.0, time.perf_counter() - asked - every))
