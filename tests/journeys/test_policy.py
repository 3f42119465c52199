"""What our pages may load and send: nothing of any other server, and no script or style of a stranger's.

Standard: Content Security Policy Level 3
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dpa_core.access import Identity
from dpa_core.agreement import load_all
from dpa_core.application import Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from pages.parts import shell
from tests.journeys.conftest import ANNA, DPA, EVA, Visit, free_port, serving
from tests.journeys.test_requests import PDF, attach, press, write
from tests.journeys.test_snapshots import save, take, upload

OF_A_CUSTOMER = [name for those in shell.SECTIONS.values() for name in those if name != shell.START]
WATCH = """document.addEventListener('securitypolicyviolation', violation => console.error(
    'policy', violation.effectiveDirective, violation.blockedURI, violation.sourceFile, violation.sample))"""


def secrets(folder: Path, *people: str) -> list[str]:
    """Sign people in past the provider, in the store that a server will open: the secrets for cookies."""
    with Ledger.open(folder / STORE) as ledger:
        application = Application(ledger, load_all(), DemoClock())
        return [
            application.sign_in(Identity("", "https://id.example", person, person, person), "")[0]
            for person in people
        ]


@pytest.fixture
def visits(browser: Browser, data: Path) -> Iterator[tuple[Visit, Visit, list[str]]]:
    """Eva and Anna, signed in, and what their browsers were refused or asked another server for."""
    seen: list[str] = []
    signed_in = secrets(data, EVA, ANNA)
    port = free_port()
    with serving([DPA, "demo", "--port", str(port)], data, port) as url:
        visits = []
        for secret in signed_in:
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            context.add_cookies([{"name": "dpa_session", "value": secret, "url": url}])
            context.add_init_script(WATCH)
            page = context.new_page()
            page.on("console", lambda m: seen.append(m.text) if m.text.startswith("policy") else None)
            page.on("request", lambda r: None if r.url.startswith((url, "data:")) else seen.append(r.url))
            visits.append(Visit(page, url))
        yield visits[0], visits[1], seen
        for visit in visits:
            visit.page.context.close()


def go_to(visit: Visit, name: str) -> None:
    """By the side bar, which is quicker than loading the page anew."""
    visit.page.locator(f"[data-testid=stSidebarNav] a[href$='/{name}']").click()
    visit.page.wait_for_url(f"**/{name}?**")
    visit.settle()


def test_every_page_works_under_the_policy(visits: tuple[Visit, Visit, list[str]], tmp_path: Path) -> None:
    eva, anna, seen = visits
    for visit, names in ((eva, [*shell.PROVIDERS, *OF_A_CUSTOMER]), (anna, OF_A_CUSTOMER)):
        visit.open("/?customer=nordfrakt")
        for name in names:
            go_to(visit, name)
    # A chart is drawn, and a table.
    go_to(eva, "sub_processors")
    chart = eva.page.get_by_test_id("stVegaLiteChart").first
    chart.scroll_into_view_if_needed()
    chart.locator("canvas, svg").first.wait_for()
    eva.page.get_by_test_id("stDataFrame").first.locator("canvas").first.wait_for()
    # A dialog; a form with an upload; a file made, saved and read again.
    go_to(eva, "assistance")
    press(eva, "Flag an instruction as infringing the law")
    go_to(anna, "assistance")
    write(anna, "Title", "Case 17")
    attach(anna, "Files (optional)", PDF)
    take(anna)
    upload(anna, save(anna, "PDF", tmp_path))
    anna.sees("Genuine: the configuration of Nordfrakt Logistik AB")
    assert seen == []


def test_what_a_stranger_puts_into_a_page_is_neither_run_nor_loaded(
    visits: tuple[Visit, Visit, list[str]],
) -> None:
    """The test before can fail: this is what it would see."""
    _, anna, seen = visits
    anna.open("/")
    anna.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = "document.title = 'run'";
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'http://attacker.example/x.png';
            document.body.append(image);
            return new Promise(done => image.onerror = done).then(() => null);
        }"""
    )
    assert anna.page.title() != "run"
    refused = [line.split()[1:3] for line in seen if line.startswith("policy")]
    assert ["script-src-elem", "inline"] in refused
    assert ["img-src", "http://attacker.example/x.png"] in refused
