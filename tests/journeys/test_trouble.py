"""When the disk is full: a clear sentence, nothing lost, nothing half written."""

import urllib.error
import urllib.request
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
    # No file of this process may grow beyond 40 kB, which the database's log soon reaches.
    command = ["prlimit", "--fsize=40000", DPA, "demo", "--port", str(port)]
    with serving(command, data, port) as url:
        anna = Visit(browser.new_context().new_page(), url)
        anna.sign_in(ANNA)
        anna.open("/features")
        while healthy(url):
            pass
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


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return False
