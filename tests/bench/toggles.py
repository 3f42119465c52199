"""A confirmed toggle, durable on disk, against a bare DuckDB commit of the same row."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from dpa_core.access import Person
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.ledger.chain import canonical
from dpa_core.subjects.features import SetFeatures
from tests.bench import stores
from tests.frozen import frozen_agreements

TURNS = 300


def measure() -> list[tuple[str, float, float]]:
    """(what, ratio, limit)."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "desk.duckdb"
        stores.crowd(path, 20, 100)
        with Ledger.open(path) as ledger, duckdb.connect(str(Path(folder) / "bare.duckdb")) as bare:
            application = Application(ledger, frozen_agreements(), Clock())
            bare.execute(
                (Path(stores.__file__).parents[2] / "dpa_core/ledger/migrations/0001_ledger.sql").read_text()
            )
            ours, theirs = race(application, application.person("admin@velo.example"), "velo", bare)
    ratio = statistics.median(ours) / statistics.median(theirs)
    return [("confirmed toggle / bare commit of the same row", ratio, 2.0)]


def race(
    application: Application,
    admin: Person,
    customer: str,
    bare: duckdb.DuckDBPyConnection,
    turns: int = TURNS,
) -> tuple[list[float], list[float]]:
    """Seconds of each confirmed toggle of a customer, and of each bare commit of the same row, in turn."""
    sequence = application.open(admin, customer).sequence
    ours, theirs = [], []
    for turn in range(turns):
        command = SetFeatures({"voice": turn % 2 == 0}, "Measured")
        began = time.perf_counter()
        sequence = application.carry_out(admin, customer, command, sequence).sequence
        ours.append(time.perf_counter() - began)
        (e,) = application.ledger.events(customer, after=sequence - 1)
        row = [e.customer_id, e.sequence, e.recorded_at.replace(tzinfo=None), e.actor, e.on_behalf_of,
               e.agreement_version, e.kind, canonical(e.body), e.previous_digest, e.digest]  # fmt: skip
        began = time.perf_counter()
        bare.begin()
        bare.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        bare.commit()
        theirs.append(time.perf_counter() - began)
    return ours, theirs
