"""What is counted and timed while the server runs, for Prometheus.

No label names a customer or a person, and each label has few values, all known beforehand. What is counted
has happened: what a transaction brought about counts once it is committed.

Standard: OpenMetrics 1.0; Prometheus' own advice on names (base units, `_total`)
"""

from __future__ import annotations

import gc
import platform
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    start_http_server,
)

# It would give each figure another one beside it, which says when the server began.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
_QUICK = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds."""

RUNS = Histogram(
    "dpa_run_seconds", "Time that runs of the page script took, by page; kind: page or part.",
    ("page", "kind"), buckets=_QUICK,
)  # fmt: skip
RUNNING = Gauge("dpa_runs_under_way", "Runs of the page script that go on now.")
ERRORS = Counter("dpa_errors_total", "Errors that a person was shown a number for.")
INSTRUCTIONS = Counter("dpa_entries_total", "Entries recorded in ledgers, by subject.", ("subject",))
REFUSALS = Counter("dpa_refusals_total", "Steps refused, by the code of the refusal.", ("code",))
REQUESTS_REFUSED = Counter(
    "dpa_requests_refused_total", "Requests the guard refused, by status.", ("status",)
)
STORE = Histogram(
    "dpa_store_seconds",
    "Time in the store: read (a query), append (a transaction with entries), write (any other).",
    ("what",), buckets=_QUICK,
)  # fmt: skip
CONFLICTS = Counter("dpa_store_conflicts_total", "Transactions that met another one, and were tried again.")
ACCESS_LINES = Counter("dpa_access_log_lines_total", "Lines written to the access log, by kind.", ("kind",))
SIGN_INS = Counter("dpa_sign_ins_total", "Sign-ins by result: signed_in, waiting, refused.", ("result",))
CONNECTIONS = Gauge("dpa_connections", "Pages that hold a connection now.")
SESSIONS = Gauge("dpa_sessions", "Sessions of pages in memory, those that lost their connection too.")
UPLOADS = Gauge("dpa_uploads_arriving_bytes", "Bytes of uploads that are on their way.")
UPLOADS_HELD = Gauge("dpa_uploads_held_bytes", "Bytes of uploads in memory that wait to be sent.")
LAG = Histogram(
    "dpa_event_loop_lag_seconds", "How much later than asked the event loop woke up.", buckets=_QUICK
)
COLLECTED = Histogram(
    "dpa_gc_seconds", "Time that looking through memory took, by generation.", ("generation",), buckets=_QUICK
)
BUILD = Info("dpa_build", "Versions of what runs.")

for _what in ("read", "append", "write"):  # so that each is there from the start, at nought
    STORE.labels(_what)
for _result in ("signed_in", "waiting", "refused"):
    SIGN_INS.labels(_result)


@contextmanager
def timed(histogram: Any) -> Iterator[None]:
    """Time the block, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)


def why_not(host: str, port: int) -> str:
    """Why nothing can listen there; empty where it can."""
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(place[:2], family=socket.AddressFamily(family)):
            return ""
    except OSError as error:
        return (error.strerror or str(error)).partition(" (")[0].lower()  # Python adds the address


def serve(host: str, port: int, app: str) -> Callable[[], None]:
    """Answer `GET /metrics` at an address of its own until the function that is given back is called.

    `app`: the app's version. Raises OSError where the address is taken.
    """
    BUILD.info(
        {
            "version": app,
            "python": platform.python_version(),
            "streamlit": version("streamlit"),
            "duckdb": version("duckdb"),
        }
    )
    server, thread = start_http_server(port, host)
    gc.callbacks.append(_watch_collections)

    def stop() -> None:
        gc.callbacks.remove(_watch_collections)
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


_collecting_since = 0.0


def _watch_collections(phase: str, info: dict[str, int]) -> None:
    """For `gc.callbacks`. One collection goes on at a time."""
    global _collecting_since
    if phase == "start":
        _collecting_since = time.perf_counter()
    else:
        COLLECTED.labels(str(info["generation"])).observe(time.perf_counter() - _collecting_since)
