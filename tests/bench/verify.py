"""Verify a store of many entries: how many a second, by one process and by two, and what each part costs.

With `--full`: a million entries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core.application import Folding
from dpa_core.ledger import Ledger
from dpa_core.ledger.verify import parts, verify_part
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.verification import verify_file
from tests.bench import OPTIONS, stores
from tests.frozen import frozen_agreements

LENGTH = 105


def measure() -> list[tuple[str, float, float]]:
    """(what, figure, limit): microseconds of processor time an entry, and entries a second as a share of the
    goal of 100,000 (below 1 is better than the goal)."""
    number = 10_000 if OPTIONS.full else 400
    with TemporaryDirectory() as folder:
        store = Path(folder) / "desk.duckdb"
        stores.crowd(store, number, LENGTH)
        with Ledger.look(store) as ledger:
            todo = parts(ledger)
            events = sum(part.events for part in todo)
            chain, fold = (
                _cpu(lambda begin=begin: _all(ledger, begin)) / events * 1e6 for begin in (None, Folding)
            )
        rows = [
            ("digests and chains, microseconds of processor time an entry", chain, 20.0),
            ("folding of states besides, microseconds an entry", fold - chain, 20.0),
        ]
        agreements = frozen_agreements()
        for workers in (1, 2):
            began = time.perf_counter()
            faults = list(verify_file(store, Path(folder) / "files", agreements, workers=workers))
            rate = events / (time.perf_counter() - began)
            print(f"{events:,} entries, {workers} processes: {rate:,.0f} a second, {len(faults)} faults")
            rows.append(
                (f"100,000 a second / verified a second, {workers} processes", 1e5 / rate, 2 / workers)
            )
    return rows


def _all(ledger: Ledger, begin: Callable[[str], Folding] | None) -> None:
    schema = STATE_SCHEMA if begin else -1  # a state of another schema is not folded
    for part in parts(ledger):
        for _ in verify_part(ledger, part, begin or Folding, schema):
            pass


def _cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
