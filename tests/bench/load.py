"""Many people at once: real sessions over Streamlit's websocket, each of another person at another customer.

Everybody opens pages, thinks for some seconds in between, and confirms a switch at every tenth step. All goes
to 127.0.0.1, from an address of the loopback network for each hundred people.

    python -m tests.bench load            1, 10 and 50 sessions
    python -m tests.bench load --full     1 to 1,000, in a store of 12 and of 10,000 customers, and on two
                                          servers that share a PostgreSQL database
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from websockets.exceptions import WebSocketException

from dpa_core import access
from dpa_core.access import Identity
from dpa_core.application import Application
from dpa_core.clock import DemoClock
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from dpa_core.subjects import grants
from tests import postgres
from tests.bench import OPTIONS, stores
from tests.bench.fleet import Fleet
from tests.bench.fleet import signed_in as fleet_people
from tests.bench.pages import PAGES
from tests.bench.server import Server, serving
from tests.bench.visitor import PATIENCE, Failed, Place, Visitor, Who, visiting
from tests.frozen import frozen_agreements

TOGGLES = 0.1
"""Share of the steps that confirm a switch."""
WITHIN = 10.0
"""How many times as long as one session alone the 95th of a hundred steps may take."""


@dataclass(frozen=True)
class Level:
    """So many sessions for so many seconds, with so many seconds between two steps."""

    sessions: int
    seconds: float
    think: tuple[float, float] = (2.0, 6.0)


QUICK = (Level(1, 15), Level(10, 15), Level(50, 20))
FULL = (*(Level(n, 60) for n in (1, 10, 50, 200)), Level(1_000, 120, (15.0, 25.0)))


@dataclass
class _Told:
    """What happened at one level."""

    steps: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of each step, by its kind."""
    failures: list[str] = field(default_factory=list)

    async def timed(self, kind: str, step: Awaitable[None]) -> None:
        """Raises Failed, TimeoutError, OSError as the step does."""
        began = time.perf_counter()
        await step
        self.steps.setdefault(kind, []).append(time.perf_counter() - began)

    @property
    def all(self) -> list[float]:
        """Of all steps after the first of each session."""
        return [s for kind, seconds in self.steps.items() if kind != "first" for s in seconds]


def measure() -> list[tuple[str, float, float]]:
    """(what, times as long as one alone, limit), and failed steps, of which there may be none."""
    levels = FULL if OPTIONS.full else QUICK
    crowds = ((12, 5), (10_000, 100)) if OPTIONS.full else ((12, 5),)
    rows = []
    for customers, length in crowds:
        rows += against(levels, customers, length)
    return rows + (on_two_servers(levels[0], levels[-1]) if OPTIONS.full else [])


def on_two_servers(alone: Level, most: Level) -> list[tuple[str, float, float]]:
    """The rows of two real servers on one PostgreSQL."""
    rows = []
    with postgres.running() as database, TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), database.url(database.database()), 2)
        people = fleet_people(fleet, most.sessions, most.sessions)
        for level in (alone, most):

            async def start() -> None:
                await asyncio.gather(*(fleet.start(n) for n in range(fleet.number)))

            asyncio.run(start())
            servers = [Server(fleet.places[n].port, fleet.processes[n].pid or 0) for n in range(fleet.number)]
            told, last = at_level(level, servers, people, fleet.places)
            asyncio.run(fleet.end())
            print(f"{level.sessions:,} sessions, two servers on PostgreSQL: {last}", flush=True)
            what = f"{level.sessions:,} sessions on two servers: "
            rows.append((what + "p95, seconds", _share(told.all, 95), 1.0))
            rows.append((what + "failed steps", len(told.failures), 0))
    return rows


def against(levels: tuple[Level, ...], customers: int, length: int) -> list[tuple[str, float, float]]:
    """The rows of one store with that many customers, or as many as there are sessions if that is more."""
    rows: list[tuple[str, float, float]] = []
    alone = 0.0
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        number = max(customers, *(level.sessions for level in levels))
        stores.crowd(data / STORE, number, length)
        people = signed_in(data / STORE, max(level.sessions for level in levels), number)
        for level in levels:
            with serving(data) as server:
                told, last = at_level(level, [server], people)
            p95 = _share(told.all, 95)
            alone = alone or p95
            what = f"{level.sessions:,} sessions, {number:,} customers"
            print(f"{what}: {last}", flush=True)
            rows.append((f"{what}: p95 over that of {levels[0].sessions}", p95 / alone, WITHIN))
            rows.append((f"{what}: failed steps", len(told.failures), 0))
    return rows


def signed_in(store: Path, number: int, customers: int) -> list[Who]:
    """So many admins, each signed in and of a customer of its own, spread over all customers of the store."""
    out = []
    with Ledger.open(store) as ledger:
        application = Application(ledger, frozen_agreements(), DemoClock())
        operator = access.operator(datetime.now(UTC))
        for n in range(number):
            email, customer = f"load{n:04}@people.example", f"c{n * customers // number:05}"
            application.change_access(operator, grants.GrantAccess(email, "customer_admin", customer))
            who = Identity("load", "https://id.example", email, email, f"Person {n}")
            secret, _ = application.sign_in(who, "Measure")
            out.append(Who(secret, customer, f"127.0.{n // 100}.2"))
    return out


def at_level(
    level: Level, servers: Sequence[Server], people: list[Who], places: Sequence[Place] = ()
) -> tuple[_Told, str]:
    """What one level brought, and a line on it. `places`: where the servers answer, if not on this machine's
    own name."""
    cpu, began, own = sum(s.cpu() for s in servers), time.perf_counter(), time.process_time()
    told = asyncio.run(_everybody(level, places or servers, people))
    took, cpu = time.perf_counter() - began, sum(s.cpu() for s in servers) - cpu
    every = sum(map(len, told.steps.values()))
    parts = [
        f"{len(told.all)} steps, p50/p95 {_both(told.all)} ms",
        f"CPU {cpu:.1f} s of {took:.0f} s, {cpu * 1000 / max(1, every):.0f} ms a step",
        f"{time.process_time() - own:.1f} s of those who visit",
        f"{sum(s.resident() for s in servers):.0f} MB",
        f"{len(told.failures)} failed {told.failures[:2] or ''}",
        *(f"{kind} {_both(seconds)}" for kind, seconds in sorted(told.steps.items())),
    ]
    return told, "; ".join(parts)


async def _everybody(level: Level, places: Sequence[Place], people: list[Who]) -> _Told:
    told = _Told()
    chance = random.Random(level.sessions)
    until = time.perf_counter() + level.seconds
    async with asyncio.TaskGroup() as group:
        for n, who in enumerate(people[: level.sessions]):
            place = places[n % len(places)]
            # They come one after another within the time that people think.
            wait = chance.uniform(0, level.think[1])
            group.create_task(_one(who, place, level, told, random.Random(chance.random()), wait, until))
    return told


async def _one(
    who: Who,
    place: Place | Server,
    level: Level,
    told: _Told,
    chance: random.Random,
    wait: float,
    until: float,
) -> None:
    await asyncio.sleep(wait)
    try:
        async with asyncio.timeout(level.seconds + PATIENCE), visiting(place, who) as visitor:
            await told.timed("first", visitor.open("overview"))
            while time.perf_counter() < until:
                await asyncio.sleep(chance.uniform(*level.think))
                await _step(visitor, told, chance)
    except (Failed, TimeoutError, OSError, WebSocketException) as error:
        told.failures.append(repr(error)[:300])


async def _step(visitor: Visitor, told: _Told, chance: random.Random) -> None:
    if chance.random() >= TOGGLES:
        await told.timed("page", visitor.open(chance.choice(PAGES)))
        return
    await told.timed("page", visitor.open("features"))
    await told.timed("dialog", visitor.toggle())
    await visitor.acknowledge()
    await told.timed("confirm", visitor.confirm())


def _both(seconds: list[float]) -> str:
    """Median and the 95th of a hundred, in milliseconds."""
    return f"{_share(seconds, 50) * 1000:.0f}/{_share(seconds, 95) * 1000:.0f}"


def _share(seconds: list[float], percent: int) -> float:
    """The seconds within which that many of a hundred are."""
    if len(seconds) < 2:
        return seconds[0] if seconds else float("nan")
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]
