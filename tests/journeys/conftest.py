"""A real server with demo data, and a real Chromium that signs in through a real OpenID Connect provider."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dpa_core.agreement import Agreement, load_all
from tests.journeys import forked
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
DPA = Path(sys.executable).with_name("dpa")

ANNA = "anna.lindqvist@nordfrakt.example"  # customer admin of Nordfrakt
BO = "bo.ekstrom@nordfrakt.example"  # the other one
CLARA = "clara.holm@nordfrakt.example"  # customer reader of Nordfrakt
DAVID = "david.nyman@connectel.example"  # account manager of four customers
EVA = "eva.sund@connectel.example"  # privacy officer
FARID = "farid.amini@elsewhere.example"  # no access
GRETA = "greta.berg@nordfrakt.example"  # e-mail address not verified
HENRIK = "henrik.dahl@solsidan.example"  # customer admin of Solsidan, reader of Apotek Ett

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=20_000)


@contextmanager
def serving(
    command: list[str | Path], folder: Path, port: int, cwd: Path = ROOT, **environment: str
) -> Iterator[str]:
    """Run a server until the block ends; give its address once it answers."""
    log = folder.with_name(folder.name + ".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, "DPA_DATA_DIR": str(folder), **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield until_it_answers(port, lambda: process.poll() is not None, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        nothing_went_wrong(log)


@contextmanager
def dpa_serving(words: list[str], folder: Path, port: int, **environment: str) -> Iterator[str]:
    """The same for the command `dpa` with these words, begun without the time that its imports take."""
    log = folder.with_name(folder.name + ".log")
    process = forked.dpa(words, log, {**os.environ, "DPA_DATA_DIR": str(folder), **environment})
    try:
        yield until_it_answers(port, lambda: process.exitcode is not None, log)
    finally:
        process.terminate()
        process.join(30)
        nothing_went_wrong(log)


def until_it_answers(port: int, ended: Callable[[], bool], log: Path) -> str:
    """Wait for a server that was begun; its address."""
    url = f"http://localhost:{port}"
    until(lambda: answers(url), ended, log)
    return url


def until(ready: Callable[[], bool], ended: Callable[[], bool], log: Path) -> None:
    """Wait for a process that was begun. Fails, with its log, where it ends before or takes a minute."""
    deadline = time.monotonic() + 60
    while not ready():
        if ended() or time.monotonic() > deadline:
            pytest.fail(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.05)  # between two looks: another process does not tell when it is ready


def nothing_went_wrong(log: Path) -> None:
    """A traceback in the server's log is a bug even where the page looked right."""
    assert "Traceback" not in log.read_text(), log.read_text()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with demo data, to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    environment = {**os.environ, "DPA_DATA_DIR": str(folder)}
    subprocess.run([DPA, "demo", "--prepare"], env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture
def data(prepared: Path, tmp_path: Path) -> Path:
    """A data folder of this test's own."""
    return Path(shutil.copytree(prepared, tmp_path / "data"))


@pytest.fixture
def server(data: Path) -> Iterator[str]:
    """The address of a demo server of this test's own."""
    port = free_port()
    with dpa_serving(["demo", "--port", str(port)], data, port) as url:
        yield url


# Of a module: while it lasts, Playwright holds this thread's event loop, and other tests have their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.fail(
            "No Chromium found. Install it with your system's packages (Debian: apt-get install chromium)."
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """One person's browser on one server."""

    page: Page
    url: str

    def sign_in(self, email: str, path: str = "/") -> None:
        """Through the demo's provider, without a look at the page before it, and on to a path."""
        self.page.goto(f"{self.url}/auth/login?provider=demo&next={quote(path, safe='')}")
        self.page.get_by_role("button", name=email).click()
        self.arrive()

    def settle(self) -> None:
        """Wait until the script has run."""
        self.page.wait_for_selector(IDLE)

    def open(self, path: str) -> None:
        """Type an address."""
        self.page.goto(self.url + path)
        self.arrive()

    def arrive(self) -> None:
        """Wait for a page of ours, whole."""
        self.page.get_by_test_id("stMain").get_by_role("heading", level=1).wait_for()
        self.settle()

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def does_not_see(self, text: str) -> None:
        self.settle()
        expect(self.page.get_by_text(text)).to_have_count(0)

    def click(self, name: str) -> None:
        """Press a button by its label, in the dialog if one is open."""
        dialog = self.page.get_by_role("dialog")
        place = dialog if dialog.count() else self.page
        place.get_by_role("button", name=name, exact=True).click()

    def toggle(self, feature: str) -> None:
        """Flip a feature's switch."""
        self.page.get_by_text(f"Switch {feature}", exact=True).click()

    def reads_dialog(self) -> str:
        """What the open dialog says."""
        box = self.page.get_by_role("dialog")
        box.wait_for()
        self.settle()
        return box.inner_text()


SignIn = Callable[..., Visit]


@pytest.fixture(scope="session")
def newest() -> Agreement:
    """The newest of the built-in versions, to which the demo's customers are bound."""
    versions = load_all()
    return versions[max(versions)]


@pytest.fixture
def sign_in(browser: Browser, server: str) -> Iterator[SignIn]:
    """`sign_in(email, path="/", **context options)`: a visit in a browser context of its own."""
    contexts = []

    def start(email: str, path: str = "/", **options: object) -> Visit:
        # High enough for the whole side bar: a list that opens while it scrolls closes again.
        options.setdefault("viewport", {"width": 1440, "height": 1000})
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        visit = Visit(context.new_page(), server)
        visit.sign_in(email, path)
        return visit

    yield start
    for context in contexts:
        context.close()
