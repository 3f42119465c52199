"""What counting, timing and the log cost: beside a page that is drawn, and of one scrape."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable

from prometheus_client import generate_latest

from dpa_core import logs, metrics

_TIMES = 20_000


def measure() -> list[tuple[str, float, float]]:
    """Limits: a hundredth of a page of 14 ms, and what nobody notices of a scrape."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logs.AsJson())
    record = logging.LogRecord(
        "dpa_desk", logging.INFO, "", 0, "recorded %s, entry %s: %s", ("a", 1, "b"), None
    )

    def of_a_run() -> None:
        """As in `web.runs` and in four queries of a page."""
        with logs.request({"page": "history"}), metrics.RUNNING.track_inprogress():
            logs.know(person="p", session="s", customer="c", page="history")
            for _ in range(4):
                with metrics.timed(metrics.STORE.labels("read")):
                    pass
            metrics.RUNS.labels("history", "page").observe(0.014)

    return [
        ("counting and timing one run of a page, microseconds", _each(of_a_run), 140.0),
        ("one log entry as JSON, microseconds", _each(lambda: handler.handle(record)), 140.0),
        ("one scrape, milliseconds", _each(generate_latest, 50) / 1_000, 50.0),
    ]


def _each(act: Callable[[], object], times: int = _TIMES) -> float:
    """Microseconds that one takes, in the middle of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            act()
        rounds.append((time.perf_counter() - began) / times * 1e6)
    return sorted(rounds)[2]
