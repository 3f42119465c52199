"""Several real servers on one PostgreSQL, each a process of its own, that are killed and started again.

fleet = Fleet(folder, url)
await fleet.start(0)
await fleet.kill(0)
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

from dpa_core import access
from dpa_core.access import Identity
from dpa_core.agreement import load_all
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.subjects import customers, grants
from tests.bench.server import Server
from tests.bench.visitor import Who
from tests.journeys import forked
from tests.journeys.conftest import DPA, nothing_went_wrong, until_it_answers
from tests.ports import free_port

PUBLIC = "http://desk.example"
PROVIDER = "provider"
"""What the settings of one identity provider call it."""


@dataclass(frozen=True)
class Place:
    """Where one server answers."""

    port: int
    url: str = PUBLIC


@dataclass
class Fleet:
    """Servers on one store. `folder`: for what each keeps for itself; `url`: of the PostgreSQL database;
    without one, the store is a file in the folder, and there is one server."""

    folder: Path
    url: str = ""
    number: int = 3
    places: list[Place] = field(init=False)
    up: set[int] = field(default_factory=set)
    """Which of them answer."""
    processes: dict[int, BaseProcess] = field(default_factory=dict)
    starts: int = 0
    cpu: float = 0.0
    """Seconds of processor time that those took which were killed."""

    def __post_init__(self) -> None:
        self.places = [Place(free_port()) for _ in range(self.number)]
        self._changed = asyncio.Condition()

    def environment(self, n: int) -> dict[str, str]:
        """The settings of one server."""
        settings = {
            "DPA_DATA_DIR": str(self.folder / "data"),
            "DPA_PORT": str(self.places[n].port),
            "DPA_PUBLIC_URL": PUBLIC,
            "DPA_OIDC_METADATA_URL": "https://id.example/.well-known/openid-configuration",
            "DPA_OIDC_CLIENT_ID": "desk",
            "DPA_OIDC_CLIENT_SECRET": "a secret of the provider",
            "DPA_COOKIE_SECRET": "c" * 40,
            "DPA_LOG_FORMAT": "text",
        }
        return {**os.environ, **settings, **({"DPA_DATABASE_URL": self.url} if self.url else {})}

    def ledger(self) -> Ledger:
        """The store, opened beside the servers, or where it is a file, while there are none."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return Ledger.at(self.url, data) if self.url else Ledger.open(data / "desk.duckdb")

    def _log(self, n: int) -> Path:
        return self.folder / f"server-{n}.log"

    async def start(self, n: int) -> None:
        """Start one server, and wait until it answers."""
        self.starts += 1
        log = self._log(n)
        process = self.processes[n] = forked.dpa(["serve"], log, self.environment(n))
        port = self.places[n].port
        await asyncio.to_thread(until_it_answers, port, lambda: process.exitcode is not None, log)
        self.up.add(n)
        async with self._changed:
            self._changed.notify_all()

    async def kill(self, n: int) -> None:
        """As the kernel does it: no word to anybody."""
        self.up.discard(n)
        process = self.processes.pop(n)
        if process.is_alive() and process.pid:
            self.cpu += Server(self.places[n].port, process.pid).cpu()
        process.kill()
        await asyncio.to_thread(process.join, 30)
        nothing_went_wrong(self._log(n))

    async def restart(self, n: int) -> None:
        """Kill one server and start it again."""
        await self.kill(n)
        await self.start(n)

    async def nearest(self, n: int) -> Place:
        """Server `n`, or the next one that answers; waits until there is one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.up)
        order = [(n + more) % self.number for more in range(self.number)]
        return self.places[next(m for m in order if m in self.up)]

    async def end(self) -> None:
        """Kill what still runs."""
        for n in list(self.processes):
            await self.kill(n)

    def verify(self) -> str:
        """What `dpa ledger verify` says of the store. Raises CalledProcessError where it finds a fault."""
        command = [DPA, "ledger", "verify"]
        done = subprocess.run(command, env=self.environment(0), check=True, capture_output=True, text=True)
        return done.stdout


def signed_in(fleet: Fleet, people: int, customers_: int) -> list[Who]:
    """So many admins, each signed in, who share so many customers in turn."""
    out = []
    with fleet.ledger() as ledger:
        application = Application(ledger, load_all(), Clock(), reach={PROVIDER: None})
        operator = access.operator(datetime.now(UTC))
        for n in range(customers_):
            application.open_customer(operator, customers.OpenCustomer(f"c{n:05}", f"Customer {n:05} AB"))
        for n in range(people):
            email, customer = f"load{n:04}@people.example", f"c{n % customers_:05}"
            application.change_access(operator, grants.GrantAccess(email, "customer_admin", customer))
            identity = Identity(PROVIDER, "https://id.example", email, email, f"Person {n}")
            secret, _ = application.sign_in(identity, "Measure")
            out.append(Who(secret, customer, f"127.0.{n // 100}.2"))
    return out
