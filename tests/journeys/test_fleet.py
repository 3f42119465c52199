"""A server that is replaced under the hands of somebody who types: the page goes on at another one."""

from __future__ import annotations

import signal
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests import fleet
from tests.conftest import email
from tests.journeys.conftest import Visit
from tests.postgres import Server


def test_who_types_when_a_server_leaves_goes_on_at_the_other(
    browser: Browser, postgres: Server, tmp_path: Path
) -> None:
    with fleet.running(fleet.haproxy, postgres, tmp_path) as desk:
        context = browser.new_context(ignore_https_errors=True)
        anna = Visit(context.new_page(), desk.origin)
        anna.page.goto(f"{desk.origin}/features?customer=nordfrakt")
        anna.page.get_by_role("link", name="Sign in").click()
        anna.page.get_by_role("button", name=email("anna")).click()
        anna.arrive()
        anna.toggle("Support Services")
        anna.reads_dialog()
        reason = anna.page.get_by_role("textbox", name="Reason (optional)")
        reason.press_sequentially("Third-level help")  # with the field not left
        here, there = desk.at()
        before = desk.entries()
        here.send(signal.SIGTERM)
        assert here.ends() == -signal.SIGTERM
        anna.page.locator("#dpa-desk-connection").wait_for(state="detached")
        anna.settle()
        assert (
            "This page goes on at another server, or at the same one after a restart." in anna.reads_dialog()
        )
        expect(reason).to_have_value("Third-level help")
        assert there.pages() == 1
        anna.click("Confirm instruction")
        anna.sees(f"Recorded as entry {before + 1}")
        context.close()
