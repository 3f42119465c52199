"""What grows with customers and with history: pages, the past and toggles, against the demo's in one run.

Three stores: the demo's 12 customers; 10,000 more with 20 entries each (100 with `DPA_BENCH_FULL=1`); and one
customer more with 20,000 entries and 4,000 requests that were answered and closed. Warm: a page seen before.
Cold: nothing of it in memory, of states, heads and answers.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from streamlit.testing.v1 import AppTest

from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger, store
from pages.parts import shell
from tests.bench import pages, stores, toggles
from tests.frozen import frozen_agreements

FULL = os.environ.get("DPA_BENCH_FULL") == "1"
CUSTOMERS, LENGTH = 10_000, 100 if FULL else 20
ENTRIES, REQUESTS = 20_000, 4_000
WARM, COLD, TOGGLES = (30, 8, 500) if FULL else (8, 3, 150)
ALL_PAGES = pages.PAGES
PROVIDERS = ["portfolio", "desk", "access_log"]
_MIGRATIONS = Path(stores.__file__).parents[2] / "dpa_core/ledger/migrations"


@dataclass(frozen=True)
class _Times:
    """Seconds of script time: median and 95th percentile, warm; median, cold."""

    warm: float
    p95: float
    cold: float


Rows = list[tuple[str, float, float]]
_EVA = "eva.sund@connectel.example"


def measure() -> Rows:
    """(what, ratio to the demo or figure, limit)."""
    pages.stand_in()
    with TemporaryDirectory() as folder:
        few, many, long = (Path(folder) / name / "desk.duckdb" for name in ("few", "many", "long"))
        for path in (few, many, long):
            path.parent.mkdir()
            stores.crowd(path, CUSTOMERS if path is many else 0, LENGTH)
        stores.long_customer(long, ENTRIES, REQUESTS)
        demo, many_times, long_times = (
            _times(few, "nordfrakt", Clock().now() - timedelta(days=30)),
            _times(many, "c00500", stores.BEGAN + timedelta(days=15)),
            _times(long, "long", stores.BEGAN + timedelta(days=100)),
        )
        rows = [
            *_ratios(f"{CUSTOMERS:,} customers", many_times, demo),
            *_ratios(f"{ENTRIES:,} entries", long_times, demo),
        ]
        for title, path, email, customer in (
            ("the demo", few, "anna.lindqvist@nordfrakt.example", "nordfrakt"),
            (f"{CUSTOMERS:,} customers", many, "admin@c00500.example", "c00500"),
            (f"{ENTRIES:,} entries", long, "admin@long.example", "long"),
        ):
            rows += _toggles(title, path, email, customer)
    return rows


def _ratios(title: str, times: dict[str, _Times], demo: dict[str, _Times]) -> Rows:
    rows: Rows = []
    for what, here in times.items():
        there, warm = demo[what], 2.0 if what in PROVIDERS else 1.5
        told = f"{what}, {title} ({1000 * here.warm:.0f}/{1000 * here.p95:.0f} ms"
        rows.append((f"{told}, demo {1000 * there.warm:.0f})", here.warm / there.warm, warm))
        rows.append((f"{what}, {title}, cold ({1000 * here.cold:.0f} ms)", here.cold / there.cold, 3.0))
    return rows


def _times(path: Path, customer: str, then: datetime) -> dict[str, _Times]:
    """Of every page for the privacy officer, and of two as of a day in the past."""
    found = {}
    with Ledger.open(path) as ledger:
        past = str(then.date())
        asked = [(page, None) for page in [*ALL_PAGES, *PROVIDERS]]
        for page, as_of in [*asked, ("overview", past), ("history", past)]:
            name = f"{page} as of a day" if as_of else page
            found[name] = _of_page(ledger, page, customer, as_of)
    return found


def _of_page(ledger: Ledger, page: str, customer: str, as_of: str | None) -> _Times:
    cold = []
    for _ in range(COLD + 1):
        ledger._heads = store._Heads()
        cold += _visits(Application(ledger, frozen_agreements(), Clock()), page, customer, as_of, 1)
    application = Application(ledger, frozen_agreements(), Clock())
    warm = sorted(_visits(application, page, customer, as_of, WARM + 2)[2:])
    p95 = warm[min(len(warm) - 1, int(len(warm) * 0.95))]
    return _Times(statistics.median(warm), p95, statistics.median(cold[1:]))


def _visits(
    application: Application, page: str, customer: str, as_of: str | None, number: int
) -> list[float]:
    module = import_module(f"pages.{page}")
    secret, _ = application.sign_in(Identity("bench", "https://id.example", _EVA, _EVA, _EVA), "Bench")
    shell.secret = lambda _: secret
    pages.run = pages._Run(module, application, customer, as_of)
    for _ in range(number):
        at = AppTest.from_function(pages._script, default_timeout=60).run()
        if at.exception:
            raise RuntimeError(f"{page}: {at.exception[0].message}")
    return pages.run.seconds


def _toggles(title: str, path: Path, email: str, customer: str) -> Rows:
    with Ledger.open(path) as ledger, duckdb.connect(str(path.with_name("bare.duckdb"))) as bare:
        bare.execute((_MIGRATIONS / "0001_ledger.sql").read_text())
        application = Application(ledger, frozen_agreements(), Clock())
        admin = application.person(email)
        ours, theirs = toggles.race(application, admin, customer, bare, TOGGLES)
    ratio = statistics.median(ours) / statistics.median(theirs)
    return [
        (f"toggle / bare commit, {title} ({1000 * statistics.median(ours):.1f} ms)", ratio, 2.0),
        (f"longest toggle in ms, {title}", 1000 * max(ours), 100.0),
    ]
