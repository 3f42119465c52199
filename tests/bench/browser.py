"""What a person at a browser waits for: from the click to where the next one can be made, and the first load.

Times are taken inside the page, from the click to the change of the page that ends the wait. Beside them, as
ratios, those of a page of fixed words that plain Streamlit serves to the same browser.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from tests.bench import OPTIONS, stores
from tests.bench.server import Server, serving
from tests.frozen import frozen_agreements
from tests.journeys.conftest import ANNA, FLAGS, IDLE, Visit
from tests.ports import free_port

TURNS = 40 if OPTIONS.full else 12
LOADED = 3
OPENS, CONFIRMS, LOADS = 150.0, 200.0, 1.3
"""Milliseconds until a dialog can be used, and until a confirmed step has settled; megabytes of a load."""
_WATCH = """until => {
    const idle = () => document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
    const dialog = () => document.querySelector("[role=dialog]")
    const ready = {
        opened: () => dialog()?.querySelector("button[kind=primary]"),
        settled: () => !dialog() && document.body.innerText.includes("Recorded as"),
    }[until]
    window.waited = new Promise((resolve, reject) => {
        window.addEventListener("click", () => {
            const began = performance.now()
            const watch = new MutationObserver(() => {
                if (!ready() || !idle()) return
                watch.disconnect()
                resolve(performance.now() - began)
            })
            watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
        }, { capture: true, once: true })
        setTimeout(() => reject(new Error("waited 20 s until " + until)), 20_000)
    })
}"""


@dataclass
class _Told:
    """Milliseconds of each wait, by its name."""

    waits: dict[str, list[float]] = field(default_factory=dict)

    def wait(self, page: Page, name: str, selector: str, text: str, until: str) -> None:
        """Press what has that text, and take the time until the dialog is open, or the step settled."""
        pressed = page.locator(selector, has_text=text).first
        pressed.wait_for()
        page.wait_for_selector(IDLE)
        page.evaluate(_WATCH, until)
        pressed.click()
        self.waits.setdefault(name, []).append(page.evaluate("window.waited"))

    def median(self, name: str) -> float:
        return statistics.median(self.waits[name])


def measure() -> list[tuple[str, float, float]]:
    """(what, figure, limit)."""
    told = _Told()
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        data = Path(folder) / "data"
        stores.crowd(data / STORE, 0, 1)
        secret = _signed_in(data / STORE)
        with serving(data) as server:
            loads = [_load(chromium, server, secret) for _ in range(LOADED)]
            used = server.cpu()
            visit = Visit(_context(chromium).new_page(), server.url)
            visit.sign_in(ANNA, "/features")
            for turn in range(TURNS):
                _toggle(visit, told)
                _hold(visit, told, turn)
            used = server.cpu() - used
        with _constant() as url:
            page = _context(chromium).new_page()
            page.goto(url)
            for _ in range(TURNS):
                _fixed(page, told)
        chromium.close()
    print(f"CPU of the server: {used * 1000 / (2 * TURNS):.0f} ms for a page and a dialog", flush=True)
    return [*_rows(told), *_rows_of_loads(loads)]


def _signed_in(store: Path) -> str:
    """The secret of Anna's sign-in."""
    with Ledger.open(store) as ledger:
        who = Identity("bench", "https://id.example", ANNA, ANNA, "Anna Lindqvist")
        return Application(ledger, frozen_agreements(), DemoClock()).sign_in(who, "Measure")[0]


def _rows(told: _Told) -> Iterator[tuple[str, float, float]]:
    for name, limit in (("opens", OPENS), ("confirms", CONFIRMS)):
        fixed = told.median(f"fixed {name}")
        for subject in ("toggle", "hold"):
            median = told.median(f"{subject} {name}")
            yield f"{subject}: the dialog {name}, median ms (fixed words: {fixed:.0f})", median, limit
            yield f"{subject}: the same over that of fixed words", median / fixed, limit / 30


def _context(chromium: Browser) -> BrowserContext:
    return chromium.new_context(viewport={"width": 1440, "height": 1000})


# --- dialogs -------------------------------------------------------------------------------------


def _toggle(visit: Visit, told: _Told) -> None:
    visit.open("/features")
    told.wait(visit.page, "toggle opens", "[data-testid=stCheckbox] label", "Support Services", "opened")
    told.wait(visit.page, "toggle confirms", "[role=dialog] button", "Confirm instruction", "settled")


def _hold(visit: Visit, told: _Told, turn: int) -> None:
    """Place a legal hold, and release it the next time."""
    step = "Release legal hold" if turn % 2 else "Place legal hold"
    visit.open("/retention")
    told.wait(visit.page, "hold opens", "[data-testid=stMain] button", step, "opened")
    reason = visit.page.get_by_role("dialog").get_by_role("textbox")
    reason.fill("A dispute")
    reason.press("Control+Enter")
    visit.settle()
    told.wait(visit.page, "hold confirms", "[role=dialog] button[kind=primary]", step, "settled")


def _fixed(page: Page, told: _Told) -> None:
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_role("button", name="Open").wait_for()
    told.wait(page, "fixed opens", "[data-testid=stMain] button", "Open", "opened")
    told.wait(page, "fixed confirms", "[role=dialog] button", "Confirm instruction", "settled")


@contextmanager
def _constant() -> Iterator[str]:
    """The address of the page of fixed words."""
    port = free_port()
    script = Path(__file__).with_name("constant_page.py")
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port),
         "--server.headless", "true", "--runner.postScriptGC", "false"],
        env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://localhost:{port}"
    try:
        _until(lambda: _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError("the page of fixed words did not start")
        time.sleep(0.1)


# --- the first load ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Load:
    """One load of the start page."""

    first_bytes: int
    first_seconds: float
    second_bytes: int
    second_seconds: float


def _load(chromium: Browser, server: Server, secret: str) -> _Load:
    """By somebody whose browser was never here, and then once more."""
    context = _context(chromium)
    context.add_cookies([{"name": "dpa_session", "value": secret, "url": server.url}])

    page = context.new_page()
    received: list[int] = []
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))

    def one() -> tuple[int, float]:
        received.clear()
        began = time.perf_counter()
        Visit(page, server.url).open("/")
        took = time.perf_counter() - began
        page.wait_for_load_state("networkidle")
        return sum(received), took

    first, second = one(), one()
    context.close()
    return _Load(*first, *second)


def _rows_of_loads(loads: list[_Load]) -> Iterator[tuple[str, float, float]]:
    def median(of: Callable[[_Load], float]) -> float:
        return statistics.median(of(load) for load in loads)

    yield "first load of the start page, MB", median(lambda load: load.first_bytes) / 1e6, LOADS
    yield "second load, MB", median(lambda load: load.second_bytes) / 1e6, LOADS / 20
    first, second = median(lambda load: load.first_seconds), median(lambda load: load.second_seconds)
    yield f"first load over second, seconds ({first:.1f} over {second:.1f})", first / second, 5.0
