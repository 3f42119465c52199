"""Queries of the access log with a million lines, against the same with ten thousand.

The page asks for 50 lines and how many there are; a search goes over the columns it needs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core import access
from dpa_core.access_log import Search
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from tests.bench import pages
from tests.frozen import frozen_agreements

MANY, FEW = 1_000_000, 10_000
TURNS = 15
LIMIT = 3.0
"""Of the page: its script with many lines over that from constants."""
GROWTH = 50.0
"""Of a query: a hundred times the lines may take so many times as long, where a search reads the table."""
SEARCHES = {
    "newest": Search(),
    "person": Search(person="p_0000000000000077"),
    "customer": Search(customer="c00077"),
    "kind": Search(kinds=("role_given",)),
    "time": Search(since=datetime(2026, 3, 1, tzinfo=UTC), until=datetime(2026, 3, 2, tzinfo=UTC)),
}


def measure() -> list[tuple[str, float, float]]:
    """(what, ratio, limit) of the page, and of each kind of search."""
    pages.stand_in()
    with TemporaryDirectory() as folder:
        many, few = (
            _application(Path(folder) / str(number) / "desk.duckdb", number) for number in (MANY, FEW)
        )
        rows = [
            (
                f"access log, {name}: {MANY:,} lines over {FEW:,}",
                _median(many, search) / _median(few, search),
                GROWTH,
            )
            for name, search in SEARCHES.items()
        ]
        who = {"email": "eva.sund@connectel.example", "customer": "velo"}
        rows.append(
            (f"access log, the page with {MANY:,} lines", pages.ratio(many, "access_log", who), LIMIT)
        )
        for application in (many, few):
            application.close()
    return rows


def _median(application: Application, search: Search) -> float:
    person = access.operator(datetime.now(UTC))

    def timed(ask: Callable[[], object]) -> float:
        began = time.perf_counter()
        ask()
        return time.perf_counter() - began

    return statistics.median(timed(lambda: application.access_log(person, search)) for _ in range(TURNS))


def _application(path: Path, number: int) -> Application:
    """A demo store with so many lines of 5,000 people and 1,000 customers, one every 20 seconds."""
    from dpa_core import demo

    ledger = Ledger.open(path)
    demo.fill(ledger, frozen_agreements(), datetime.now(UTC))
    with ledger.transaction() as tx:
        tx.execute(
            "INSERT INTO access_log SELECT nextval('access_log_numbers'), "
            "TIMESTAMP '2026-01-01' + to_seconds(i * 20), "
            "['signed_in', 'exported', 'role_given', 'look_refused'][1 + i % 4], "
            "format('p_{:016d}', i % 5000), CASE WHEN i % 4 = 2 THEN format('p_{:016d}', i % 700) END, "
            "format('c{:05d}', i % 1000), md5((i // 7)::VARCHAR), format('192.0.2.{}', i % 255), "
            "json_object('file', format('snapshot-{}.pdf', i), 'sha256', md5(i::VARCHAR)), 0 "
            "FROM range(?) t(i)",
            [number],
        )
    return Application(ledger, frozen_agreements(), Clock())
