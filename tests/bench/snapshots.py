"""Snapshots and the portfolio: freezing against reading, a PDF by a process of its own, 1,000 customers."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core import access
from dpa_core.application import Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from dpa_core.snapshots.freeze import freeze
from dpa_core.snapshots.sign import key_ring
from dpa_core.subjects import data_return, reviews
from tests.bench import pages, stores
from tests.frozen import frozen_agreements

EVENTS, CUSTOMERS = 1_000, 1_000
TURNS = 30
DPA = Path(sys.executable).with_name("dpa")


def measure() -> list[tuple[str, float, float]]:
    """(what, figure, limit)."""
    pages.stand_in()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        stores.crowd(home / STORE, 1, EVENTS)
        rows = _freezing(home)
        rows.append(("PDF of a snapshot, whole process, seconds", _pdf(home), 2.0))
    ratio = _portfolio()
    return [*rows, ("portfolio of 1,000 customers / same widgets from constants", ratio, 2.0)]


def _portfolio() -> float:
    """1,000 customers, each with a review, something due and data to return, and a change announced to all,
    against the same widgets from constants."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / STORE
        stores.crowd(path, CUSTOMERS, 10)
        with Ledger.open(path) as ledger:
            clock = DemoClock()
            application, operator = (
                Application(ledger, frozen_agreements(), clock),
                access.operator(clock.now()),
            )
            end = data_return.Terminate(clock.now().date(), "By agreement")
            for number in range(CUSTOMERS):
                action = reviews.Action(what="Send the list", side="provider", due=clock.now().date())
                id = f"c{number:05}"
                application.carry_out(operator, id, reviews.RecordReview("All well.", (action,)), 10)
                application.carry_out(operator, id, end, 11)
            who = {"email": "eva.sund@connectel.example", "customer": "c00500"}
            pages.stand_in()
            return pages.ratio(application, "portfolio", who)


def _freezing(home: Path) -> list[tuple[str, float, float]]:
    """A signed JSON snapshot of a customer with 1,000 events, against reading its rows."""
    keys = key_ring(home)
    with Ledger.open(home / STORE) as ledger:
        # The last of the events lies years ahead, so that the clock has to stand behind it.
        clock = DemoClock(days=3 * EVENTS)
        application = Application(ledger, frozen_agreements(), clock)
        operator = access.operator(datetime.now(UTC))
        past = clock.now() - timedelta(days=30)
        reading, present, then = [], [], []
        for _ in range(TURNS):
            reading.append(_timed(lambda: ledger.events("c00000")))
            present.append(_timed(lambda: keys.sign(freeze(application.open(operator, "c00000")))))
            then.append(_timed(lambda: keys.sign(freeze(application.open(operator, "c00000", past)))))
        assert application.open(operator, "c00000", past).sequence == EVENTS
    read = statistics.median(reading)
    what = "signed JSON of 1,000 events, {} / reading its rows"
    return [
        (what.format("as it stands"), statistics.median(present) / read, 3.0),
        (what.format("at a past day"), statistics.median(then) / read, 3.0),
    ]


def _timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _pdf(home: Path) -> float:
    """Seconds of `dpa snapshot export --format pdf`, from the start of the process to its end."""
    command = [DPA, "snapshot", "export", "c00000", "--format", "pdf", "--output", home / "a.pdf"]
    environment = {**os.environ, "DPA_DATA_DIR": str(home)}
    run = lambda: subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: E731
    return statistics.median(_timed(run) for _ in range(7))
