"""A full disk: a clear sentence, nothing lost that was acknowledged, nothing half written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dpa_core.application import Application
from dpa_core.ledger import Ledger
from tests.conftest import NOW as AT
from tests.conftest import VERSION, SettableClock

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("then", ["restart", "space"])
def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost(store, agreement, then):
    run = subprocess.run(
        [sys.executable, "-m", "tests.ledger.filling", str(store), then],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(run.stdout)
    assert told["said"][0].startswith("The database could not be written: the disk is full")
    assert "\n" not in told["said"][0]
    assert told["seen"] in told["acknowledged"]  # reading goes on meanwhile
    assert not told["healthy"]  # GET /healthz asks the same
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, SettableClock(AT))
        assert application.verify() == []
        assert [e.sequence for e in ledger.events("nordfrakt")] == [1, *told["acknowledged"]]
