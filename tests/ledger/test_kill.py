"""A server killed while people work loses nothing it has acknowledged, and leaves nothing half written."""

import subprocess
import sys
from pathlib import Path

from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.ledger.anchor import Anchor
from tests.conftest import NOW as AT
from tests.conftest import VERSION, SettableClock, email

ROOT = Path(__file__).parents[2]


def killed_after(lines, store, address):
    """Stream toggles until `lines` are acknowledged, kill -9, and give all that was acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.streaming", str(store), address, "nordfrakt"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        seen = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        # What it got out before it died was acknowledged too; a last line without its end was not.
        seen += [line for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -9
    return [int(line) for line in seen]


def test_no_acknowledged_toggle_is_lost_when_the_process_is_killed(store, agreement):
    last = 1
    for round in range(6):
        acknowledged = killed_after(1 + round % 7, store, email("anna"))
        assert acknowledged == list(range(last + 1, last + 1 + len(acknowledged)))
        sequence, _ = Anchor.read(store).places["nordfrakt"]
        assert sequence >= acknowledged[-1]  # on disk before it was acknowledged
        with Ledger.open(store) as ledger:
            application = Application(ledger, {VERSION: agreement}, SettableClock(AT))
            assert application.verify() == []
            last = ledger.head("nordfrakt").sequence
            # One more may be stored whose acknowledgement did not get out any more.
            assert last in (acknowledged[-1], acknowledged[-1] + 1)
            assert [e.sequence for e in ledger.events("nordfrakt")] == list(range(1, last + 1))
