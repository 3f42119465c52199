"""Demo data and the demo's identity provider. Never part of a production server."""

from __future__ import annotations

import logging
import random
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
from authlib.deprecate import AuthlibDeprecationWarning
from pydantic import HttpUrl, SecretStr

from dpa_core.access import Person, operator
from dpa_core.agreement import Agreement
from dpa_core.application import DEMO, SESSION, Application, demo_days
from dpa_core.clock import Clock, DemoClock
from dpa_core.ledger import Ledger, chain, move
from dpa_core.locale import local_day
from dpa_core.people import Name
from dpa_core.providers import Provider
from dpa_core.settings import ROOT, STORE, SettingsError, data_folder, database_url
from dpa_core.subjects import (
    assistance,
    audits,
    customers,
    data_return,
    dates,
    features,
    grants,
    incidents,
    legal_duties,
    objections,
    retention,
    sub_processor_audits,
    sub_processors,
)
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.subjects.subject import Command

SEED = 20260129
MONTHS = 24
_FOLDER = ROOT / "data" / "demo"

# A month's records per unit of a customer's size, and bytes per record.
_VOLUMES = {
    "call_recordings": (900, 480_000),
    "voicebot_recordings": (300, 260_000),
    "transcripts": (700, 6_000),
    "chats": (1_100, 3_500),
    "emails": (800, 24_000),
    "sms": (500, 300),
    "contacts": (60, 900),
    "interaction_metadata": (3_800, 700),
    "support_cases": (25, 60_000),
    "technical_logs": (9_000, 450),
}


class _ScriptedClock(Clock):
    """Stands still at a moment of the demo's past while that part is written."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def real_now(self) -> datetime:
        return self.at


def _read(name: str) -> list[dict[str, Any]]:
    with (_FOLDER / f"{name}.toml").open("rb") as file:
        entries: list[dict[str, Any]] = tomllib.load(file)[name]
    return entries


@dataclass(frozen=True)
class Persona:
    """One of the demo's invented people."""

    name: str
    email: str
    about: str


def personas() -> tuple[Persona, ...]:
    """The demo's invented people, as the sign-in page lists them."""
    return tuple(Persona(p["name"], p["email"], p["about"]) for p in _read("people"))


def open_application(agreements: Mapping[str, Agreement], session: timedelta = SESSION) -> Application:
    """The demo's application, its store filled if it is empty. Raises SettingsError where the store holds
    real data or is one for several servers, StoreError where it cannot be opened."""
    if database_url():
        raise SettingsError(
            "DPA_DATABASE_URL: the demo is one server with a file of its own, its date and its identity "
            "provider in memory. Take that setting away to run it."
        )
    file = data_folder() / STORE
    if not file.exists():
        _make(file, agreements)
    ledger = Ledger.open(file, state_schema=STATE_SCHEMA)
    if not ledger.rows("SELECT 1 FROM heads LIMIT 1"):  # made by another command that only looked
        ledger.close()
        file.unlink()
        _make(file, agreements)
        ledger = Ledger.open(file, state_schema=STATE_SCHEMA)
    days = demo_days(ledger)
    if days is None:
        ledger.close()
        raise SettingsError(f"{file.parent} holds real data. Name another folder with DPA_DATA_DIR.")
    return Application(ledger, agreements, DemoClock(days), session=session)


def _make(file: Path, agreements: Mapping[str, Agreement]) -> None:
    """Fill a store beside the place and move it there whole, so that none is ever half filled."""
    unfinished = file.with_name(file.name + ".new")
    for leftover in (unfinished, unfinished.with_name(unfinished.name + ".wal")):
        leftover.unlink(missing_ok=True)
    with Ledger.open(unfinished) as ledger:
        fill(ledger, agreements, datetime.now(UTC))
    move(unfinished, file)


def fill(ledger: Ledger, agreements: Mapping[str, Agreement], now: datetime) -> None:
    """Write the demo's customers, people, instructions and usage figures into an empty store.

    The same seed and `now` (UTC) always give the same figures.
    """
    clock = _ScriptedClock(now)
    application = Application(ledger, agreements, clock)
    operates = operator(now)

    def go_to(days_ago: int, hour: int = 9) -> None:
        at = now - timedelta(days=days_ago)
        clock.at = min(now, at.replace(hour=hour, minute=12, second=0, microsecond=0))

    entries = _read("customers")
    admins: dict[str, str] = {}
    for person in _read("people"):
        for role, *of in person["grants"]:
            if role == "customer_admin":
                admins.setdefault(of[0], person["email"])
    go_to(290)
    for entry in entries:
        application.open_customer(operates, customers.OpenCustomer(entry["id"], entry["name"]))
    dice = random.Random(SEED)  # noqa: S311  # the demo is the same each time, and guards nothing
    for person in _read("people"):
        _name(application, person["email"], person["name"], dice)
        for role, *of in person["grants"]:
            application.change_access(operates, grants.GrantAccess(person["email"], role, *of))
    for entry in entries:
        if entry["id"] not in admins:
            email = f"admin@{entry['id']}.example"
            _name(application, email, f"Admin of {entry['name']}", dice)
            application.change_access(operates, grants.GrantAccess(email, "customer_admin", entry["id"]))
        admin = application.person(admins.get(entry["id"], f"admin@{entry['id']}.example"))
        for feature, days_ago in sorted(entry["on"], key=lambda on: -on[1]):
            go_to(days_ago, hour=11)
            _instruct(application, admin, entry["id"], feature)
        _set_retention(application, admin, entry["id"], go_to)
    script = _Script(application, operates, now, go_to, admins)
    for part in (
        _have_data_deleted,
        _ask_for_audits,
        _ask_for_data,
        _announce_a_change,
        _ask_for_help,
        _tell_of_incidents,
    ):
        part(script)
    clock.at = now
    with ledger.transaction() as tx:
        events = chain(
            None,
            [("demo.clock_advanced", {"v": 1, "days": 0})],
            customer_id=DEMO,
            recorded_at=now,
            actor="operator",
            on_behalf_of="demo",
            agreement_version="",
        )
        tx.append(None, events, '{"days": 0}', STATE_SCHEMA)
    application.import_usage(operates, usage_figures(local_day(now)))


def _name(application: Application, email: str, name: str, dice: random.Random) -> None:
    """Enter somebody in the directory by name, as a first sign-in would."""
    with application.ledger.transaction() as tx:
        known = Name(application.clock.now(), email, name)
        application.people.add(tx, known, bits=dice.getrandbits(64))
    application.people.written()


def _instruct(application: Application, admin: Person, customer_id: str, feature: str) -> None:
    file = application.open(admin, customer_id)
    switch = {feature: True}
    asked = features.consequences(features.SetFeatures(switch), file.state.features, file.context)
    command = features.SetFeatures(switch, acknowledged=asked.to_acknowledge)
    application.carry_out(admin, customer_id, command, file.sequence)


def _set_retention(application: Application, admin: Person, customer_id: str, go_to: Any) -> None:
    """A few customers have set a period, one has a legal hold, one a shortening under way."""
    steps: dict[str, list[tuple[int, Command]]] = {
        "nordfrakt": [(80, retention.PlaceHold("emails", "Dispute with a carrier, case 2026-118"))],
        "solsidan": [
            (100, retention.SetPeriod("call_recordings", 60, "Shorter than our policy's 90 days")),
            (2, retention.SetPeriod("transcripts", 60, "Follows the recordings")),
        ],
        "fjallbank": [(95, retention.SetPeriod("interaction_metadata", 1095, "Audit trail asked for by us"))],
    }
    for days_ago, command in steps.get(customer_id, []):
        go_to(days_ago, hour=14)
        application.carry_out(admin, customer_id, command, application.open(admin, customer_id).sequence)


@dataclass(frozen=True)
class _Script:
    """Who does what in the demo's past, and when."""

    application: Application
    operates: Person
    now: datetime
    go_to: Callable[..., None]
    """`go_to(days_ago, hour=9)` moves the clock there."""
    admins: Mapping[str, str]
    """The address of each customer's admin that is one of the people."""

    def act(self, customer_id: str, command: Command, person: Person | None = None) -> int:
        """A step of a customer's admin, or of another person: the entry it is recorded as."""
        admin = self.application.person(self.admins.get(customer_id, f"admin@{customer_id}.example"))
        sequence = self.application.open(self.operates, customer_id).sequence
        return self.application.carry_out(person or admin, customer_id, command, sequence).sequence

    def govern(self, command: Command) -> int:
        """A step of the provider in its own ledger."""
        sequence = self.application.open_provider(self.operates).sequence
        return self.application.govern(self.operates, command, sequence).sequence

    @property
    def today(self) -> date:
        """The demo's present day."""
        return local_day(self.now)


def _ask_for_help(script: _Script) -> None:
    for entry in _read("requests"):
        script.go_to(entry["days_ago"], hour=10)
        received = local_day(script.application.clock.now()) if entry["kind"] == "data_subject" else None
        rights = tuple(entry.get("rights", ()))
        title, text = entry["title"], entry["text"]
        asked = assistance.RequestHelp(entry["kind"], title, text, rights, received, (), True)
        number = script.act(entry["customer"], asked)
        for days_later, command in _answers(entry, number, script.today):
            script.go_to(entry["days_ago"] - days_later, hour=15)
            script.act(entry["customer"], command, script.operates)
    script.go_to(7, hour=15)
    duty = legal_duties.TellLegalDuty(
        "Act (2022:482) on electronic communications, chapter 9",
        "Traffic data of calls is kept for the authorities for as long as the Act says.",
    )
    script.act("kommun-syd", duty, script.operates)


def _answers(entry: Mapping[str, Any], number: int, today: date) -> Iterator[tuple[int, Command]]:
    """What the provider does about a request, and how many days after it."""
    if "answer" in entry:
        yield 4, assistance.AnswerRequest(number, entry["answer"])
    if "partial" in entry:
        yield 3, assistance.AnswerInPart(number, entry["partial"])
    if other := entry.get("date"):
        until = today + timedelta(days=other["days"])
        yield 1, assistance.ProposeDate(number, until, other["reason"])
    if price := entry.get("price"):
        yield 1, assistance.ProposeCost(number, price["amount"], price["currency"], price["reason"])


def _ask_for_audits(script: _Script) -> None:
    script.go_to(35)
    first = dates.business_day_from(script.today + timedelta(days=40))
    contact = "Security office, security@apotek-ett.example"
    plan = audits.RequestAudit(first, first, "Access rights and logging", contact, cost_acknowledged=True)
    number = script.act("apotek-ett", plan)
    script.go_to(33)
    later = dates.business_day_from(first + timedelta(days=7))
    proposal = audits.ProposeDates(number, later, later, "Our auditors’ host is away that week.")
    script.act("apotek-ett", proposal, script.operates)
    first = dates.business_day_from(script.today + timedelta(days=80))
    for customer, days_ago, scope, by in (
        ("velo", 4, "Handling of recordings", "Nordisk Revision AB"),
        ("kommun-syd", 14, "Retention and deletion", "Sydrevision AB"),
    ):
        script.go_to(days_ago)
        contact = f"Revision, revision@{customer}.example"
        notice = audits.RequestAudit(first, first, scope, contact, False, by, cost_acknowledged=True)
        number = script.act(customer, notice)
    script.go_to(11)
    refusal = audits.RefuseAuditor(number, "Sydrevision AB also works for a competitor of ours.")
    script.act("kommun-syd", refusal, script.operates)
    script.go_to(16)
    ground = "Art. 28(3)(h) GDPR: our supervisory authority asked for it."
    asked = sub_processor_audits.RequestSubProcessorAudit("openai", ground, "Deletion of prompts and answers")
    number = script.act("fjallbank", asked)
    script.go_to(13)
    expected = script.today + timedelta(days=30)
    message = "We share the next report of OpenAI’s auditor."
    undertaken = sub_processor_audits.UndertakeAudit(number, "confirm", expected, message)
    script.act("fjallbank", undertaken, script.operates)


def _ask_for_data(script: _Script) -> None:
    script.go_to(9)
    wish = data_return.OrderData("return", ("contact", "communication_content"), "Move of our archive", True)
    script.act("resbyran", wish)
    script.go_to(5)
    ends = local_day(script.application.clock.now())
    script.act("skolbok", data_return.Terminate(ends, "Notice of August"), script.operates)


def _have_data_deleted(script: _Script) -> None:
    """One customer has a certificate, with an exception; at another, a legal hold stands in the way."""

    def order(customer: str, wish: data_return.Wish, categories: tuple[str, ...], reason: str) -> int:
        name = script.application.open(script.operates, customer).name
        return script.act(customer, data_return.OrderData(wish, categories, reason, True, name))

    script.go_to(31)
    until = date(script.today.year + 7, 12, 31)
    law = data_return.RecordException("support_cases", "law", "Accounting Act (1999:1078), 7:2", until)
    script.act("morgonbladet", law, script.operates)
    number = order("morgonbladet", "deletion", ("voice_audio", "support_operational"), "The campaign is over")
    script.go_to(28)
    day = local_day(script.application.clock.now())
    script.act("morgonbladet", data_return.RecordDeletion(number, day), script.operates)
    script.go_to(12)
    script.act("velo", retention.PlaceHold("chats", "Claim of a traveller, case 77"))
    script.go_to(8)
    order("velo", "return_then_deletion", ("communication_content",), "We move to another archive")


def _announce_a_change(script: _Script) -> None:
    script.go_to(20)
    draft = sub_processors.DraftChange(
        "replacement",
        "deepgram",
        "Talvox",
        "Natural language processing",
        places=("eu_eea",),
        reason="Processing moves from the USA to the EU.",
    )
    change = script.govern(draft)
    script.govern(sub_processors.PublishChange(change, script.today + timedelta(days=25)))
    script.go_to(12)
    grounds = "No audit report of Talvox was shown to us yet."
    script.act("granit", objections.ObjectToChange(change, grounds, True))
    script.go_to(5)
    cure = objections.ProposeCure(change, "We share Talvox’s SOC 2 report by Friday.")
    script.act("granit", cure, script.operates)


def _tell_of_incidents(script: _Script) -> None:
    script.go_to(2, hour=7)
    learnt = script.application.clock.now() - timedelta(hours=5)
    breach = script.govern(
        incidents.RecordIncident("breach", "Misdirected exports", learnt, ("lillehus", "resbyran"))
    )
    script.go_to(2, hour=12)
    told: dict[incidents.Item, str] = {
        "nature": "Two scheduled exports were mailed to a former address.",
        "numbers": "About 140 end users; names and phone numbers.",
        "contact": "privacy@connectel.se",
        "measures": "The address was removed, the recipient has confirmed deletion.",
    }
    script.govern(incidents.NotifyCustomers(breach, told, ("lillehus", "resbyran")))
    script.go_to(1, hour=8)
    overlooked = "The first mail about it had reached our support two hours before."
    earlier = learnt - timedelta(hours=2)
    script.govern(incidents.CorrectAwareness(breach, earlier, ("lillehus", "resbyran"), overlooked))
    _tell_of_a_threat(script)
    script.go_to(0, hour=0)
    learnt = script.application.clock.now() - timedelta(hours=20)
    concerned = ("fjallbank", "kommun-syd")
    script.govern(incidents.RecordIncident("ict", "Outage of call routing", learnt, concerned))


def _tell_of_a_threat(script: _Script) -> None:
    script.go_to(1, hour=10)
    learnt = script.application.clock.now() - timedelta(hours=3)
    concerned = ("lillehus", "velo")
    threat = script.govern(
        incidents.RecordIncident("threat", "Phishing in the provider’s name", learnt, concerned)
    )
    told: dict[incidents.Item, str] = {
        "nature": "Mails that look like ours ask agents to sign in on a foreign page.",
        "services": "Whatever an agent can reach after sign-in.",
        "contact": "privacy@connectel.se",
        "measures": "The page is reported. Consider a second factor for every agent.",
    }
    script.govern(incidents.NotifyCustomers(threat, told, concerned))


def usage_figures(today: date) -> pa.Table:
    """Monthly figures of every demo customer and data type for the 24 months up to today's."""
    dice = random.Random(SEED)  # noqa: S311
    months = [today.replace(day=1)]
    while len(months) < MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    columns: dict[str, list[Any]] = {
        n: [] for n in ("customer_id", "data_type", "month_start", "records", "bytes")
    }
    for entry in _read("customers"):
        for data_type, (volume, size) in _VOLUMES.items():
            level = volume * entry["size"] * dice.uniform(0.6, 1.4)
            for age, month in enumerate(months):
                records = int(level * dice.uniform(0.8, 1.2) * 0.985**age)
                for name, value in zip(
                    columns,
                    (entry["id"], data_type, month, records, int(records * size * dice.uniform(0.9, 1.1))),
                    strict=True,
                ):
                    columns[name].append(value)
    schema = pa.schema(
        [
            ("customer_id", pa.string()),
            ("data_type", pa.string()),
            ("month_start", pa.date32()),
            ("records", pa.int64()),
            ("bytes", pa.int64()),
        ]
    )
    return pa.table(columns, schema=schema)


def identity_provider() -> AbstractContextManager[HTTPServer]:
    """An OpenID Connect provider on localhost in which each demo person signs in with one click.

    Raises SettingsError where the extra `demo`, which brings it, is not installed.
    """
    with warnings.catch_warnings():
        # The package still uses an older interface of Authlib, which works and warns.
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        try:
            import oidc_provider_mock
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"The demo needs the package {error.name}, which the extra “demo” brings: "
                "pip install 'dpa-desk[demo]' (in a checkout: pip install -e '.[demo]')."
            ) from error

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logging.getLogger("oidc_provider_mock").setLevel(logging.ERROR)
    people = [
        oidc_provider_mock.User(
            sub=p["email"],
            claims={"name": p["name"], "email": p["email"], "email_verified": p.get("verified", True)},
        )
        for p in _read("people")
    ]
    server: AbstractContextManager[HTTPServer] = oidc_provider_mock.run_server_in_thread(user_claims=people)
    return server


def keep_accounts(application: Application, port: int) -> None:
    """Let the accounts bound in earlier runs go along with the demo's identity provider: it listens on
    another port each time, and is another issuer by that."""
    with application.ledger.transaction() as tx:
        tx.execute("UPDATE accounts SET issuer = $1", [f"http://localhost:{port}"])
    application.people.written()


def as_provider(port: int) -> Provider:
    """The demo's identity provider, running on a port of this machine, as the settings would name it."""
    return Provider(
        name="demo",
        title="The demo’s identity provider",
        metadata_url=HttpUrl(f"http://localhost:{port}/.well-known/openid-configuration"),
        client_id="dpa-desk-demo",
        client_secret=SecretStr("demo"),
    )
