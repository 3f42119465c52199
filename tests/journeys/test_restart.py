"""A server that is killed and started again under the feet of people: nothing typed is lost, nothing is
recorded twice, and the page says what happened."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect

from dpa_core.agreement import load_all
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.local_socket import ask
from dpa_core.operations import ExportLedger
from tests.journeys import forked
from tests.journeys.conftest import ANNA, Visit, answers, nothing_went_wrong, until, until_it_answers
from tests.ports import free_port

RESTARTED = "The server was restarted. What you typed is here"


@dataclass
class Server:
    """A demo server on one port and folder that can be killed and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: BaseProcess | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_name("server.log")

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        environment = {**os.environ, "DPA_DATA_DIR": str(self.folder)}
        process = self.process = forked.dpa(["demo", "--port", str(self.port)], self.log, environment)
        until_it_answers(self.port, lambda: process.exitcode is not None, self.log)

    def hang(self) -> None:
        """It hears and answers nothing."""
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """As the kernel does it: no word to anybody."""
        assert self.process is not None
        self.process.kill()
        self.process.join(30)
        nothing_went_wrong(self.log)

    def store(self) -> Ledger:
        """The store, while no server has it."""
        return Ledger.open(self.folder / "desk.duckdb")

    def entries(self) -> int:
        """How many Nordfrakt's ledger has, asked of the server while it runs."""
        with patch.dict(os.environ, DPA_DATA_DIR=str(self.folder)):
            return len(list(ask(ExportLedger(customer_id="nordfrakt"))))

    def until_more_than(self, entries: int) -> None:
        process = self.process
        assert process is not None
        until(lambda: self.entries() > entries, lambda: process.exitcode is not None, self.log)


@pytest.fixture
def server(data: Path) -> Iterator[Server]:  # type: ignore[override]
    started = Server(data)
    started.start()
    yield started
    if started.process is not None and started.process.is_alive():
        started.kill()


@pytest.fixture
def anna(browser: Browser, server: Server) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield Visit(context.new_page(), server.url)
    context.close()


def lost(visit: Visit) -> None:
    """The page says that the connection is away, and takes no click."""
    expect(visit.page.get_by_role("alert").filter(has_text="Connection lost")).to_be_visible()
    assert visit.page.locator("#root[inert]").count() == 1


def is_back(visit: Visit) -> None:
    visit.page.locator("#dpa-desk-connection").wait_for(state="detached")
    visit.settle()


def test_an_open_dialog_goes_on_where_it_was_and_confirms_once(server: Server, anna: Visit) -> None:
    anna.sign_in(ANNA, "/features")
    anna.toggle("Support Services")
    anna.reads_dialog()
    reason = anna.page.get_by_role("textbox", name="Reason (optional)")
    before = server.entries()
    server.hang()
    reason.press_sequentially("Third-level help")
    anna.click("Confirm instruction")  # which nobody hears any more
    server.kill()
    lost(anna)
    expect(reason).to_have_value("Third-level help")
    server.start()
    is_back(anna)
    told = anna.reads_dialog()
    assert RESTARTED in told
    assert "Your last step was not recorded." in told
    assert server.entries() == before
    expect(reason).to_have_value("Third-level help")
    anna.click("Confirm instruction")
    anna.sees(f"Recorded as entry {before + 1}")
    assert server.entries() == before + 1
    server.kill()
    with server.store() as ledger:
        assert ledger.events("nordfrakt", after=before)[0].body["reason"] == "Third-level help"


def test_a_number_typed_while_nobody_heard_is_what_the_dialog_goes_on_with(
    server: Server, anna: Visit
) -> None:
    anna.sign_in(ANNA, "/retention")
    anna.page.get_by_role("button", name="Change period").first.click()
    anna.reads_dialog()
    days = anna.page.get_by_role("dialog").get_by_test_id("stNumberInputField")
    server.hang()
    days.fill("77")  # with the field not left, so that Streamlit has not taken it
    server.kill()
    lost(anna)
    server.start()
    is_back(anna)
    expect(days).to_have_value("77")
    told = anna.reads_dialog()
    assert RESTARTED in told
    assert "Enter another number" not in told  # what 77 days would do is on screen


def test_a_confirmation_whose_answer_was_lost_is_told_and_not_recorded_twice(
    server: Server, anna: Visit
) -> None:
    answering = [True]

    def pass_on(socket: WebSocketRoute) -> None:
        there = socket.connect_to_server()
        there.on_message(lambda message: socket.send(message) if answering[0] else None)

    anna.page.route_web_socket("**/_stcore/stream", pass_on)
    anna.sign_in(ANNA, "/features")
    anna.toggle("Support Services")
    anna.reads_dialog()
    anna.page.get_by_role("textbox", name="Reason (optional)").fill("Third-level help")
    anna.page.get_by_role("textbox", name="Reason (optional)").press("Tab")
    anna.settle()
    before = server.entries()
    answering[0] = False
    anna.click("Confirm instruction")
    server.until_more_than(before)
    server.kill()
    answering[0] = True
    server.start()
    is_back(anna)
    anna.sees(f"Recorded before the connection was lost: entry {before + 1}")
    expect(anna.page.get_by_role("dialog")).to_have_count(0)
    anna.does_not_see("Draft of")
    assert server.entries() == before + 1


def test_a_page_half_filled_stays_so_and_says_which_files_are_gone(server: Server, anna: Visit) -> None:
    anna.sign_in(ANNA, "/assistance")
    anna.page.get_by_role("textbox", name="Title").fill("Breach of 12 March")
    anna.page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}
    )
    anna.sees("Files are no part of a draft")
    server.kill()
    lost(anna)
    server.start()
    is_back(anna)
    anna.sees(RESTARTED)
    expect(anna.page.get_by_role("textbox", name="Title")).to_have_value("Breach of 12 March")
    anna.sees("Lost with the connection to the server")
    anna.sees("letter.pdf")
    anna.click("Go on without")
    anna.does_not_see("letter.pdf")


def test_who_was_signed_out_meanwhile_comes_to_the_sign_in_and_back(server: Server, anna: Visit) -> None:
    anna.sign_in(ANNA, "/assistance")
    expect(anna.page.locator(".st-key-connection")).to_have_css("display", "none")  # its script has begun
    server.kill()
    lost(anna)
    with server.store() as ledger:
        application = Application(ledger, load_all(), Clock())
        person = application.person(ANNA)
        for session in application.sessions_of(person):
            application.sign_out(session)
    server.start()
    anna.page.wait_for_url("**/sign-in?next=%2Fassistance**")
    assert answers(server.url)
