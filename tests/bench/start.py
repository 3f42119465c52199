"""Open a store of many customers, every ledger compared with the anchor, and export a long ledger.

With `--full`: 10,000 customers with a million entries.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.operations import ExportLedger
from tests.bench import OPTIONS, stores
from tests.frozen import frozen_agreements

LONG = 5_000


def measure() -> list[tuple[str, float, float]]:
    """(what, seconds or ratio, limit)."""
    number = 10_000 if OPTIONS.full else 400
    rows = []
    with TemporaryDirectory() as folder:
        few, many, long = (Path(folder) / name / "desk.duckdb" for name in ("few", "many", "long"))
        stores.crowd(few, 0, 1)
        stores.crowd(many, number, 105)
        stores.crowd(long, 1, LONG)
        started = {path: _started(path) for path in (few, many)}
        rows.append((f"start with {number:,} customers more, seconds", started[many], 3.0))
        rows.append(("the same / start of the demo", started[many] / started[few], 10.0))
        rows.append(("memory at the most while it starts, MB", _memory(many), 400.0))
        with Ledger.open(long) as ledger:
            application = Application(ledger, frozen_agreements(), Clock())
            began = time.perf_counter()
            lines = sum(1 for _ in ExportLedger(customer_id="c00000").run(application))
            rows.append((f"export of {lines:,} entries, seconds", time.perf_counter() - began, 2.0))
    return rows


_ALONE = """
import resource, sys
from pathlib import Path
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from tests.frozen import frozen_agreements
with Ledger.open(Path(sys.argv[1])) as ledger:
    Application(ledger, frozen_agreements(), Clock())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _memory(path: Path) -> float:
    """Megabytes that a process of its own takes at the most while it opens a store."""
    command = [sys.executable, "-c", _ALONE, str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def _started(path: Path) -> float:
    with Ledger.open(path) as ledger:
        Application(ledger, frozen_agreements(), Clock())
    began = time.perf_counter()
    with Ledger.open(path) as ledger:
        Application(ledger, frozen_agreements(), Clock())
        return time.perf_counter() - began
