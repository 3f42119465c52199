"""Memory of the server with 10,000 customers of 100 events each: after an officer has looked at every page
and at many histories, and over minutes of load by 50 people (`--minutes 30` for the whole measure)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from tests.bench import OPTIONS, load, stores
from tests.bench.pages import PAGES
from tests.bench.server import Server, serving
from tests.bench.visitor import Who, visiting
from tests.frozen import frozen_agreements
from tests.journeys.conftest import EVA

CUSTOMERS, LENGTH, HISTORIES = 10_000, 100, 50
PEOPLE = 50
LIMIT = 600.0
GROWTH = 1.1
"""How many times as much memory may be held at the end of the load as after its first third."""


def measure() -> list[tuple[str, float, float]]:
    """(what, figure, limit)."""
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        stores.crowd(data / STORE, CUSTOMERS, LENGTH)
        people = load.signed_in(data / STORE, PEOPLE, CUSTOMERS)
        officer = _officer(data / STORE)
        with serving(data) as server:
            asyncio.run(_look_around(server, officer))
            looked = server.resident()
            begun, ended = (_under_load(server, people, share) for share in (1 / 3, 2 / 3))
    print(f"memory in MB: {looked:.0f} after looking, {begun:.0f}, then {ended:.0f} under load", flush=True)
    return [
        (f"memory of the server, {CUSTOMERS:,} customers (MB)", max(looked, begun, ended), LIMIT),
        (f"memory over {OPTIONS.minutes:g} minutes: the end over the first third", ended / begun, GROWTH),
    ]


def _officer(store: Path) -> Who:
    """A privacy officer, signed in."""
    with Ledger.open(store) as ledger:
        application = Application(ledger, frozen_agreements(), DemoClock())
        who = Identity("load", "https://id.example", EVA, EVA, "Eva Sund")
        secret, _ = application.sign_in(who, "Measure")
    return Who(secret, "c00000", "127.0.0.1")


async def _look_around(server: Server, officer: Who) -> None:
    """At every page of one customer, and at the histories of many."""
    async with visiting(server, officer) as visitor:
        for page in ("overview", "desk", "portfolio", *PAGES):
            await visitor.open(page)
        for number in range(HISTORIES):
            visitor.customer = f"c{number * CUSTOMERS // HISTORIES:05}"
            await visitor.open("history")


def _under_load(server: Server, people: list[Who], share: float) -> float:
    """Megabytes held after so large a share of the minutes. Raises RuntimeError where a step failed."""
    level = load.Level(len(people), OPTIONS.minutes * 60 * share)
    told, line = load.at_level(level, [server], people)
    print(line, flush=True)
    if told.failures:
        raise RuntimeError(told.failures[0])
    return server.resident()
