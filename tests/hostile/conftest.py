"""A whole server in this process, with people signed in, whose clock and limits a test can set."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import streamlit as st
import uvicorn
from streamlit import config as streamlit_config
from streamlit.runtime import Runtime

from dpa_core import ROOT, web
from dpa_core.access import Identity
from dpa_core.agreement import Agreement
from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.settings import Limits
from dpa_core.web.cookies import SessionCookie
from tests.conftest import NOW, SettableClock, copy_store, email
from tests.frozen import VERSION
from tests.hostile.streamlit_client import Address, ask
from tests.pages import KEYS

LIMITS = Limits(
    connections_per_session=3,
    connections_per_person=4,
    connections_per_address=12,
    uploads_held_mb=3,
    uploads_per_hour_mb=12,
)


@dataclass
class Desk:
    """The running server."""

    address: Address
    application: Application
    clock: SettableClock

    def sign_in(self, name: str) -> str:
        """Begin a session for one of the people; the secret for its cookie."""
        address = email(name)
        identity = Identity("", "https://id.example", name, address, name.title())
        return self.application.sign_in(identity, "Test browser")[0]

    def sign_out(self, secret: str) -> None:
        """End a session."""
        session = self.application.session(secret)
        assert session
        self.application.sign_out(session)


@pytest.fixture(scope="module")
def desk(_filled: Path, agreement: Agreement, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A server of this file's own."""
    store = copy_store(_filled, tmp_path_factory.mktemp("hostile"))
    clock = SettableClock(NOW)
    application = Application(Ledger.open(store), {VERSION: agreement}, clock)
    listening = socket.create_server(("127.0.0.1", 0))
    address = Address(listening.getsockname()[1], "http://desk.example")
    opened = web.Site(application, "privacy@people.example", KEYS, SessionCookie(secure=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamlit_config, "_main_script_path", str(ROOT / "app.py"))
        patch.setattr(Runtime, "_instance", None)
        largest = streamlit_config.get_option("server.maxUploadSize")
        streamlit_config.set_option("server.maxUploadSize", 25)
        patch.setattr("dpa_core.web.relay.CHECKED_EVERY", 0.1)
        app = st.App(ROOT / "app.py", **web._app(opened, (), address.origin, "x" * 32, LIMITS, "127.0.0.1"))
        with running(app, listening):
            assert ask(address, "GET", "/livez").status == 200  # answered once all is up
            yield Desk(address, application, clock)
        streamlit_config.set_option("server.maxUploadSize", largest)


class running:
    """A server in a thread of its own while the block lasts."""

    def __init__(self, app: object, listening: socket.socket) -> None:
        self._listening = listening
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, **web.UVICORN))
        self._thread = threading.Thread(target=self._server.run, args=([listening],))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What the server logs, tracebacks included. Streamlit's loggers tell the terminal only."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    kept = Kept()
    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    loggers = [logging.root, *(logger for logger in named if not logger.propagate)]
    for logger in loggers:
        logger.addHandler(kept)
    yield lines
    for logger in loggers:
        logger.removeHandler(kept)
