"""When the disk is full: a clear sentence, nothing lost, nothing half written."""

import subprocess
from pathlib import Path

from playwright.sync_api import Browser

from dpa_core.agreement import load_all
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from tests.journeys.conftest import ANNA, DPA, Visit, serving
from tests.ports import free_port


def test_a_full_disk_is_said_on_screen_and_loses_nothing(browser: Browser, data: Path):
    port = free_port()
    with serving([DPA, "demo", "--port", str(port)], data, port) as url:
        anna = Visit(browser.new_context().new_page(), url)
        anna.sign_in(ANNA)
        anna.open("/features")
        anna.page.get_by_text("Switch Support Services", exact=True).wait_for()
        # From now on no file of the server may grow beyond what the database's log has already.
        subprocess.run(["prlimit", f"--pid={process_of(port)}", "--fsize=1"], check=True)
        anna.toggle("Support Services")
        anna.reads_dialog()
        reason = anna.page.get_by_role("textbox", name="Reason (optional)")
        reason.fill("Third-level help")
        reason.press("Tab")
        anna.settle()
        anna.click("Confirm instruction")
        anna.sees("the disk is full or cannot be written to. Nothing of this step was stored.")
        assert reason.input_value() == "Third-level help"
        anna.page.context.close()
    with Ledger.open(data / "desk.duckdb") as ledger:
        assert Application(ledger, load_all(), Clock()).verify() == []
        assert ledger.head("nordfrakt").sequence == 5


def process_of(port: int) -> int:
    """The server that was started for a port."""
    [found] = [
        int(p.name)
        for p in Path("/proc").iterdir()
        if p.name.isdigit() and str(port) in (p / "cmdline").read_text().split("\0")
    ]
    return found
