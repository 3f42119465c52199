"""What most tests start from: the frozen agreement, and an application with three customers and seven people.

    def test_something(application, people, clock):
        carry_out(application, people.anna, "nordfrakt", PlaceHold("chats", "Dispute"))
        clock.pass_days(8)

`application` works on a DuckDB file of this test's own (`store`), `clock` stands still until it is moved.
`switch` and `carry_out` give instructions in a line; `recorded` makes events for tests of the rules alone.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import hypothesis
import pytest

from dpa_core import access
from dpa_core.access import Identity, Person
from dpa_core.agreement import Agreement
from dpa_core.application import Application, Receipt
from dpa_core.clock import Clock
from dpa_core.ledger import Event, Ledger
from dpa_core.ledger.anchor import path_of
from dpa_core.people import Name
from dpa_core.subjects import customers, features, grants
from dpa_core.subjects.subject import Body, Command, Context
from tests import postgres as postgresql
from tests.frozen import VERSION, frozen_agreements

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

BEGAN = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
"""When the customers were opened and the roles given."""
NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
"""Where `clock` stands at the start of a test."""


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """What a command or a server sets up in this process writes to where this test's output goes."""
    handlers, level = logging.root.handlers[:], logging.root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks


CUSTOMERS = {"nordfrakt": "Nordfrakt Logistik AB", "solsidan": "Solsidan AB", "fjallbank": "Fjällbank AB"}
ROLES: dict[str, list[tuple[grants.Role, str | None]]] = {
    "anna": [("customer_admin", "nordfrakt")],
    "bo": [("customer_admin", "nordfrakt")],
    "clara": [("customer_reader", "nordfrakt")],
    "david": [("account_manager", "nordfrakt")],
    "eva": [("privacy_officer", None)],
    "farid": [],
    "henrik": [("customer_admin", "solsidan"), ("customer_reader", "fjallbank")],
}


def email(name: str) -> str:
    """The address of one of the people."""
    return f"{name}@people.example"


class SettableClock(Clock):
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def real_now(self) -> datetime:
        return self.at

    def pass_days(self, days: float) -> None:
        self.at += timedelta(days=days)


@dataclass(frozen=True)
class People:
    """Persons as they sign in, named for what they may do."""

    anna: Person
    """Customer admin of Nordfrakt."""
    bo: Person
    """The other customer admin of Nordfrakt."""
    clara: Person
    """Customer reader of Nordfrakt."""
    david: Person
    """Account manager of Nordfrakt."""
    eva: Person
    """Privacy officer of the provider."""
    farid: Person
    """Without any access."""
    henrik: Person
    """Customer admin of Solsidan, customer reader of Fjällbank."""


@pytest.fixture(scope="session")
def agreement() -> Agreement:
    """The frozen agreement, never the one in `data/`."""
    return frozen_agreements()[VERSION]


@pytest.fixture(scope="session")
def _filled(agreement: Agreement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to be copied: filling one takes longer than copying it."""
    path = tmp_path_factory.mktemp("store") / "desk.duckdb"
    with Ledger.open(path) as ledger:
        application = Application(ledger, {VERSION: agreement}, SettableClock(BEGAN))
        operator = access.operator(BEGAN)
        with ledger.transaction() as tx:
            for name in ROLES:
                application.people.add(tx, Name(BEGAN, email(name), name.title()))
        for id, name in CUSTOMERS.items():
            application.open_customer(operator, customers.OpenCustomer(id, name))
        for name, roles in ROLES.items():
            for role, customer in roles:
                application.change_access(operator, grants.GrantAccess(email(name), role, customer))
    return path


def copy_store(closed: Path, folder: Path) -> Path:
    """A copy of a closed store in another folder, with its anchor."""
    shutil.copy(path_of(closed), folder)
    return Path(shutil.copy(closed, folder))


@pytest.fixture
def store(_filled: Path, tmp_path: Path) -> Path:
    """A closed DuckDB file with the customers and people. Use it or `application`, not both at once."""
    return copy_store(_filled, tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    """A PostgreSQL server for the tests of this process."""
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session")
def _empty(postgres: postgresql.Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tables of a store and nothing in them, to be copied."""
    name = postgres.database()
    Ledger.at(postgres.url(name), tmp_path_factory.mktemp("postgres")).close()
    return name


@pytest.fixture
def url(postgres: postgresql.Server, _empty: str) -> str:
    """The address of an empty store of this test's own, for as many servers as it likes."""
    return postgres.url(postgres.database(_empty))


@pytest.fixture
def ledgers(url: str, tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """The store as two servers have it open."""
    with Ledger.at(url, tmp_path) as one, Ledger.at(url, tmp_path) as other:
        yield one, other


@pytest.fixture
def servers(
    ledgers: tuple[Ledger, Ledger], agreement: Agreement, clock: SettableClock
) -> tuple[Application, Application]:
    """Two servers with Nordfrakt, its admin Anna, and the privacy officer Eva."""
    begin_desk(Application(ledgers[0], {VERSION: agreement}, SettableClock(BEGAN)))
    one, other = (Application(ledger, {VERSION: agreement}, clock) for ledger in ledgers)
    return one, other


def begin_desk(application: Application) -> None:
    """Enter Nordfrakt, its admin Anna, and the privacy officer Eva."""
    operator = access.operator(BEGAN)
    with application.ledger.transaction() as tx:
        for name in ("anna", "eva"):
            application.people.add(tx, Name(BEGAN, email(name), name.title()))
    application.open_customer(operator, customers.OpenCustomer("nordfrakt", CUSTOMERS["nordfrakt"]))
    application.change_access(operator, grants.GrantAccess(email("anna"), "customer_admin", "nordfrakt"))
    application.change_access(operator, grants.GrantAccess(email("eva"), "privacy_officer", None))


@pytest.fixture(params=["duckdb", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Ledger]:
    """Opens an empty store of this test's own, each time the same: for what holds in either database."""
    if request.param == "duckdb":
        return lambda: Ledger.open(tmp_path / "desk.duckdb")
    server, empty = request.getfixturevalue("postgres"), request.getfixturevalue("_empty")
    url = server.url(server.database(empty))
    return lambda: Ledger.at(url, tmp_path)


@pytest.fixture
def clock() -> SettableClock:
    """Stands at NOW."""
    return SettableClock(NOW)


@pytest.fixture
def application(store: Path, agreement: Agreement, clock: SettableClock) -> Iterator[Application]:
    """The door to `store`."""
    with Ledger.open(store) as ledger:
        yield Application(ledger, {VERSION: agreement}, clock)


@pytest.fixture
def people(application: Application) -> People:
    """The people with their roles as the ledger has them."""
    return People(**{name: application.person(email(name)) for name in ROLES})


def sign_in(application: Application, name: str) -> tuple[str, Person]:
    """One of the people signs in at an identity provider: the cookie's secret, and the person."""
    who = Identity("test", "https://id.example", name, email(name), name.title())
    secret, session = application.sign_in(who, "Test browser")
    return secret, application.person_of(session)


def switch(
    agreement: Agreement, state: features.State | None = None, reason: str = "", **to: bool
) -> features.SetFeatures:
    """An instruction with every acknowledgement it wants: `switch(agreement, voice=True)`."""
    bare = features.SetFeatures(to, reason)
    wanted = features.consequences(bare, state or features.State(), Context(agreement, NOW)).to_acknowledge
    return features.SetFeatures(to, reason, acknowledged=wanted)


def carry_out(
    application: Application, person: Person, customer_id: str, command: Command | None = None, **to: bool
) -> Receipt:
    """Look at the customer and give the instruction at once: a command, or features as `voice=True`."""
    file = application.open(person, customer_id)
    command = command or switch(file.agreement, file.state.features, **to)
    return application.carry_out(person, customer_id, command, file.sequence)


def recorded(
    drafts: Iterable[Body],
    at: datetime = NOW,
    *,
    after: int = 0,
    actor: str = "anna",
    behalf: str = "nordfrakt",
) -> list[Event]:
    """What rules want recorded, as events of a ledger whose chain does not matter."""
    return [
        Event("nordfrakt", n, at, actor, behalf, VERSION, d.kind, d.model_dump(mode="json"), "", "")
        for n, d in enumerate(drafts, start=after + 1)
    ]


def at_the_same_time(*steps: Callable[[Barrier], Any]) -> list[Any]:
    """Run each step in a thread of its own; what each returned or raised. At the barrier they meet."""
    all_began = Barrier(len(steps))
    with ThreadPoolExecutor(len(steps)) as threads:
        running = [threads.submit(step, all_began) for step in steps]
    return [step.exception() or step.result() for step in running]
