"""A customer with something in every part of its snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dpa_core import access
from dpa_core.access import Person
from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.people import Name
from dpa_core.snapshots.freeze import freeze
from dpa_core.snapshots.model import Snapshot
from dpa_core.snapshots.sign import KeyRing, key_ring
from dpa_core.subjects import customers, features, grants, retention, reviews
from dpa_core.subjects.subject import Command
from tests.frozen import frozen_agreements

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NASTY = '=HYPERLINK("x") #panic("no") <script>$x$</script> _a_ \u202eevil שלום 日本 “Q”'
"""A name with a formula, typst code, markup, quotes, a change of direction, and letters no font has."""


class StandingClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at


class Desk:
    """An open application with one customer and its people, and steps to make."""

    def __init__(self, application: Application, clock: StandingClock) -> None:
        self.application, self.clock = application, clock
        self.operator = access.operator(START)
        with application.ledger.transaction() as tx:
            for address in ("anna@nord.example", "david@connectel.example"):
                application.people.add(tx, Name(START, address, address))
        self.admin = application.person("anna@nord.example")
        self.manager = application.person("david@connectel.example")

    def open(self, name: str = "Nord Åkeri AB") -> None:
        self.application.open_customer(self.operator, customers.OpenCustomer("nord", name))
        self.grant(self.admin.email, "customer_admin")
        self.grant(self.manager.email, "account_manager")

    def grant(self, email: str, role: grants.Role) -> None:
        self.application.change_access(self.operator, grants.GrantAccess(email, role, "nord"))

    def do(self, command: Command, person: Person | None = None, days: int = 1) -> int:
        """Carry a command out some days later; the sequence it was recorded under."""
        self.clock.at += timedelta(days=days)
        sequence = self.application.open(self.operator, "nord").sequence
        return self.application.carry_out(person or self.admin, "nord", command, sequence).sequence

    def freeze(self, as_of: datetime | None = None) -> Snapshot:
        return freeze(self.application.open(self.manager, "nord", as_of))


@pytest.fixture
def empty_desk(tmp_path: Path) -> Iterator[Desk]:
    clock = StandingClock()
    with Ledger.open(tmp_path / "desk.duckdb") as ledger:
        yield Desk(Application(ledger, frozen_agreements(), clock), clock)


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """A customer with features on and off, a period, a coming one, a hold, a review and a proposal."""
    empty_desk.open()
    fill(empty_desk)
    return empty_desk


def fill(desk: Desk) -> None:
    all_of = frozenset({"openai", "deepgram"})
    desk.do(features.SetFeatures({"voice": True, "reply_assistant": True}, "We start", all_of))
    desk.do(features.SetFeatures({"speech_analytics": True}, "Pilot =1+1", all_of))
    desk.do(features.SetFeatures({"reply_assistant": False}))
    desk.do(retention.SetPeriod("call_recordings", 60, "Shorter"))
    desk.do(retention.PlaceHold("emails", "Dispute"), days=10)
    desk.do(retention.SetPeriod("transcripts", 30))
    action = reviews.Action(what="Send the new list", side="provider", due=date(2026, 9, 1))
    desk.do(reviews.RecordReview("All went through.", (action,)), desk.manager)
    desk.do(reviews.ProposeChanges({"voicebot": True}), desk.manager)


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return key_ring(tmp_path / "keys")
