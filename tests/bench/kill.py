"""Kill -9 during a stream of toggles, 100 times on one file, 1,000 with `--full`: how many
acknowledged toggles were lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from tests.bench import OPTIONS, stores
from tests.frozen import frozen_agreements
from tests.journeys.conftest import ANNA
from tests.ledger.test_kill import killed_after


def measure() -> list[tuple[str, float, float]]:
    """(what, number lost or broken, limit)."""
    lost = faults = 0
    times = 1_000 if OPTIONS.full else 100
    with TemporaryDirectory() as folder:
        path = Path(folder) / "desk.duckdb"
        stores.crowd(path, 0, 1)
        for turn in range(times):
            acknowledged = killed_after(1 + turn % 17, path, ANNA)
            with Ledger.open(path) as ledger:
                faults += len(Application(ledger, frozen_agreements(), Clock()).verify())
                stored = {event.sequence for event in ledger.events("nordfrakt")}
                lost += len(set(acknowledged) - stored)
    return [
        (f"acknowledged toggles lost in {times} kills", float(lost), 0.0),
        (f"faults found by verify in {times} kills", float(faults), 0.0),
    ]
