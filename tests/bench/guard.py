"""What the guard costs: answers with it against the same answers without it, in one run and process."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.types import ASGIApp, Message, Scope
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.guard import Guard
from dpa_core.web.headers import SHELL
from tests import postgres
from tests.frozen import frozen_agreements

TURNS, ROUNDS = 50, 15
LIMIT = 2.0


async def _seconds(app: ASGIApp, scope: Scope) -> float:
    """For so many answers, one after another."""

    never = asyncio.Event()

    async def receive() -> Message:
        await never.wait()  # nobody leaves, and nothing comes in
        return {}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200, message

    began = time.perf_counter()
    for _ in range(TURNS):
        await app(dict(scope), receive, send)
    return time.perf_counter() - began


async def _ratio(application: Application, file: str) -> float:
    who = Identity("", "https://id.example", "anna", "anna@people.example", "Anna")
    secret, _ = application.sign_in(who, "")
    bare = create_streamlit_static_handler(str(SHELL.parent), "")
    cookie = SessionCookie(secure=False)
    guarded = Guard(bare, application, cookie, [], "http://desk.example")
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": file,
        "raw_path": file.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "client": ("10.0.0.1", 1),
        "server": ("127.0.0.1", 8501),
        "headers": [(b"host", b"desk.example"), (b"cookie", f"{cookie.name}={secret}".encode())],
    }
    pairs = [(await _seconds(guarded, scope), await _seconds(bare, scope)) for _ in range(ROUNDS)]
    return statistics.median(with_it / without for with_it, without in pairs)


def measure() -> list[tuple[str, float, float]]:
    """Rows: what, figure, limit."""
    with TemporaryDirectory() as folder, Ledger.open(Path(folder) / "desk.duckdb") as ledger:
        found = {"": _of(ledger)}
    with (
        TemporaryDirectory() as folder,
        postgres.running() as server,
        Ledger.at(server.url(server.database()), Path(folder)) as ledger,
    ):
        found[", on PostgreSQL"] = _of(ledger)
    what = "a small file of Streamlit's through the guard, against without"
    return [(what + store, ratio, LIMIT) for store, ratio in found.items()]


def _of(ledger: Ledger) -> float:
    return asyncio.run(_ratio(Application(ledger, frozen_agreements(), Clock()), "/favicon.png"))
