"""Typed text in a real browser: it reads as typed, and nothing is made or fetched of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from dpa_core import access, demo
from dpa_core.agreement import load_all
from pages.parts import words
from tests.hostile.typed import NAME, everywhere
from tests.journeys.conftest import ANNA, DPA, EVA, IDLE, Visit, free_port, serving


@pytest.fixture
def hostile(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo with a customer that is called so, in which everybody typed so wherever they could."""
    monkeypatch.setenv("DPA_DATA_DIR", str(data))
    application = demo.open_application(load_all())
    everywhere(application, access.operator(application.clock.now()), ANNA, EVA)
    application.ledger.close()
    return data


def as_shown(typed: str) -> str:
    return " ".join(words.visible(typed).split())


def check(page: Page, *wanted: str) -> None:
    """What is on screen: all of it as typed, no link leads away, no picture comes from elsewhere."""
    page.wait_for_selector(IDLE)
    text = " ".join(page.locator("body").inner_text().split())
    for typed in wanted:
        assert as_shown(typed) in text, (page.url, typed, text)
    made = page.locator("a[href], img[src]").evaluate_all("all => all.map(e => e.href || e.src)")
    away = [to for to in made if urlsplit(to).scheme != "data" and urlsplit(to).hostname != "localhost"]
    assert not away, (page.url, away)


SEEN = {EVA: ["Desk", "Portfolio", "Sub-processor changes", "Incidents", "Audits"], ANNA: []}
"""Whose pages are looked at; none named: all of them, and the dialogs that they open."""


def test_what_everybody_typed_everywhere_is_read_as_typed(browser: Browser, hostile: Path) -> None:
    port = free_port()
    asked: list[str] = []
    with serving([DPA, "demo", "--port", str(port)], hostile, port) as url:
        for email, pages in SEEN.items():
            context = browser.new_context(viewport={"width": 1440, "height": 1400})
            visit = Visit(context.new_page(), url)
            visit.sign_in(email)  # the demo’s provider has style sheets from elsewhere
            context.on("request", lambda request: asked.append(request.url))
            visit.open("/?customer=hostile")
            links = visit.page.get_by_test_id("stSidebarNav").get_by_role("link")
            for name in pages or [link.inner_text().split("\n")[-1] for link in links.all()]:
                links.filter(has_text=name).first.click()
                visit.page.get_by_test_id("stMain").get_by_role("heading", level=1, name=name).wait_for()
                check(visit.page, *([] if name in ("Desk", "Portfolio") else [NAME]))
                if not pages:
                    open_dialog(visit)
            context.close()
    hosts = {urlsplit(a).hostname for a in asked if urlsplit(a).scheme not in ("data", "blob")}
    assert hosts == {"localhost"}


def open_dialog(visit: Visit) -> None:
    """Look into the first dialog that the page offers, if any."""
    opens = visit.page.get_by_test_id("stMain").locator("[class*=st-key-open-] button:visible")
    if opens.count():
        opens.first.click()
        visit.page.get_by_role("dialog").wait_for()
        check(visit.page)
        visit.page.keyboard.press("Escape")
        visit.page.get_by_role("dialog").wait_for(state="detached")
