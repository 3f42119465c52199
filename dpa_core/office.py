"""The one door to the ledger: authorise, load, decide, append, all in one transaction.

Whoever reads a customer's matters gets a `CustomerFile` here, after the check; questions (`views`)
are asked of that file, so that none can be asked of a customer that was not opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from dpa_core import subjects
from dpa_core.access import Action, Forbidden, Person, may, require
from dpa_core.agreement import Agreement
from dpa_core.clock import Clock, DemoClock
from dpa_core.downloads import Downloads, File
from dpa_core.ledger import Conflict, Event, Fault, Head, Ledger, Transaction, chain
from dpa_core.ledger import StoreError as StoreError  # part of what the door may raise
from dpa_core.ledger import verify as verify_ledger
from dpa_core.subjects import CustomerState, customers, features, grants, retention
from dpa_core.subjects.common import NewEvent, Refusal

DEMO = "@demo"
"""The ledger of the demo clock; a store that has it is a demo store."""

_PERSON = "@person:"

Instruction = features.Instruct | retention.Command
"""What a customer's admin may command."""


class Changed(Exception):
    """Someone else changed the customer since the person looked. Nothing was recorded.

    Carries what was recorded meanwhile, oldest first.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__("Someone else has changed this customer since you opened the page.")
        self.events = tuple(events)


class AgreementMissing(Exception):
    """A customer is bound to a version of the agreement that is not in `data/agreements/`."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"The agreement of {version} is not among data/agreements/. "
            "Put that version back, then start again."
        )


@dataclass(frozen=True)
class Receipt:
    """What was recorded: the last sequence and digest of the customer's ledger, and when (UTC)."""

    customer_id: str
    sequence: int
    digest: str
    recorded_at: datetime


@dataclass(frozen=True)
class CustomerFile:
    """One customer, opened by one person who may, as it stands at one moment."""

    person: Person
    customer_id: str
    state: CustomerState
    agreement: Agreement
    now: datetime
    """The moment looked at, in UTC: the present, or the past one of `as_of`."""
    sequence: int
    """Sequence of the last event that counts at that moment."""
    as_of: datetime | None
    ledger: Ledger = field(repr=False)
    agreements: Mapping[str, Agreement] = field(repr=False)

    @property
    def name(self) -> str:
        """The customer's name."""
        return self.state.customer.name

    @property
    def role(self) -> grants.Role | None:
        """The role under which the person looks at this customer."""
        return self.person.role_for(self.customer_id)

    def allows(self, action: Action) -> bool:
        """Whether the person may do this here. The past cannot be changed by anybody."""
        return (action == "read" or self.as_of is None) and may(self.person, action, self.customer_id).allowed

    def version(self, version: str) -> Agreement:
        """A version of the agreement, to read an old event by."""
        return _version(self.agreements, version)


def _version(agreements: Mapping[str, Agreement], version: str) -> Agreement:
    try:
        return agreements[version]
    except KeyError:
        raise AgreementMissing(version) from None


def fold_ledger(customer_id: str, events: Iterable[Event]) -> str:
    """The state of any ledger in the store, as JSON, the way its head holds it."""
    if customer_id.startswith(_PERSON):
        return subjects.fold_grants(events).model_dump_json()
    if customer_id == DEMO:
        return json.dumps({"days": sum(int(e.body["days"]) for e in events)})
    return subjects.fold(events).model_dump_json()


class Office:
    """The door. One per process; every method is safe to call from any thread."""

    def __init__(self, ledger: Ledger, agreements: Mapping[str, Agreement], clock: Clock) -> None:
        self.ledger = ledger
        self.agreements = agreements
        self.clock = clock
        self._downloads = Downloads()

    # --- people ----------------------------------------------------------------------------------

    def person(self, email: str, name: str = "") -> Person:
        """The person behind a verified address, with the grants held right now. No check: it tells
        only what that person may do."""
        head = self.ledger.head(_PERSON + email)
        state = self._grants(_PERSON + email, head)
        return Person(email, name or email, state.grants)

    def _grants(self, ledger_id: str, head: Head | None) -> grants.State:
        if head is None:
            return grants.State()
        if head.state_schema != subjects.STATE_SCHEMA:
            return subjects.fold_grants(self.ledger.events(ledger_id))
        return grants.State.model_validate_json(head.state)

    def change_access(self, person: Person, command: grants.Command) -> Receipt:
        """Give or take a role. Raises Forbidden, Refusal.

        A customer's admin gives roles of its own customer; the provider's privacy officer any.
        """
        own = command.role in ("customer_admin", "customer_reader") and command.customer_id
        require(person, "grant_customer_roles" if own else "grant_any_role", command.customer_id)
        if command.customer_id:
            self._existing(command.customer_id)
        ledger_id = _PERSON + grants.normal_email(command.email)
        now = self.clock.now()
        with self.ledger.transaction() as tx:
            head = tx.head(ledger_id)
            state = self._grants(ledger_id, head)
            drafts = grants.decide(command, state, now)
            events = self._chain(ledger_id, head, drafts, person, command.customer_id, "", now)
            new = subjects.fold_grants(events, state)
            tx.append(head, events, new.model_dump_json(), subjects.STATE_SCHEMA)
        return _receipt(events)

    # --- customers -------------------------------------------------------------------------------

    def open_customer(self, person: Person, command: customers.Open, version: str | None = None) -> Receipt:
        """Bind a new customer to a version of the agreement, the newest by default."""
        require(person, "open_customer", None)
        agreement = _version(self.agreements, version or max(self.agreements))
        now = self.clock.now()
        with self.ledger.transaction() as tx:
            head = tx.head(command.customer_id)
            state = self._state(command.customer_id, head)
            drafts = customers.decide(command, state.customer, agreement, now)
            events = self._write(tx, command.customer_id, head, state, drafts, person, agreement, now)
        return _receipt(events)

    def _existing(self, customer_id: str) -> Head:
        head = None if customer_id.startswith("@") else self.ledger.head(customer_id)
        if head is None:
            raise Refusal(
                customers.CLAUSE,
                f"There is no customer “{customer_id[:60]}”.",
                "`dpa customers` lists them.",
                "customer",
            )
        return head

    def _state(self, customer_id: str, head: Head | None) -> CustomerState:
        if head is None:
            return CustomerState()
        if head.state_schema != subjects.STATE_SCHEMA:
            return subjects.fold(self.ledger.events(customer_id))
        return CustomerState.model_validate_json(head.state)

    def open(self, person: Person, customer_id: str, as_of: datetime | None = None) -> CustomerFile:
        """A customer as it stands now, or stood at a past moment (UTC), for reading.

        Raises Forbidden where the person may not, or there is no such customer (in the same words),
        and Refusal where the moment lies before the customer began or in the future.
        """
        require(person, "read", customer_id)
        head = None if customer_id.startswith("@") else self.ledger.head(customer_id)
        if head is None:
            raise Forbidden(
                f"There is no customer “{customer_id[:60]}” that you may open. "
                "Check the address, or ask your privacy officer for access."
            )
        state, sequence, now = self._state(customer_id, head), head.sequence, self.clock.now()
        if as_of is not None:
            began = state.customer.since
            events = self.ledger.events(customer_id, until=as_of)
            if as_of > now or not events:
                raise Refusal(
                    "3.1(i)",
                    f"Nothing is recorded of {state.customer.name} for that date.",
                    f"Choose a date from {began:%-d %b %Y} until today." if began else "Choose another date.",
                    "as_of",
                )
            state, sequence, now = subjects.fold(events), events[-1].sequence, as_of
        return CustomerFile(
            person=person,
            customer_id=customer_id,
            state=state,
            agreement=_version(self.agreements, state.customer.agreement_version),
            now=now,
            sequence=sequence,
            as_of=as_of,
            ledger=self.ledger,
            agreements=self.agreements,
        )

    def directory(self, person: Person, text: str = "", limit: int = 20) -> list[tuple[str, str]]:
        """Customers the person may open, as (identifier, name), sorted by name.

        `text`: a part of the name or identifier, in any case. With neither text nor few customers the
        first ones only: `limit` rows at the most.
        """
        sql = (
            "SELECT customer_id, json_extract_string(state, '$.customer.name') AS name FROM heads "
            "WHERE customer_id NOT LIKE '@%'"
        )
        values: list[str | int | list[str]] = []
        if not person.sees_all:
            sql += " AND list_contains(?::VARCHAR[], customer_id)"
            values.append(list(person.customer_ids))
        if text:
            sql += " AND (contains(lower(name), lower(?)) OR contains(customer_id, lower(?)))"
            values += [text, text]
        return [
            (id, name) for id, name in self.ledger.rows(sql + " ORDER BY lower(name), customer_id LIMIT ?",
                                                        [*values, limit])
        ]  # fmt: skip

    # --- instructions ----------------------------------------------------------------------------

    def carry_out(
        self, person: Person, customer_id: str, command: Instruction, expected_sequence: int
    ) -> Receipt:
        """Record a documented instruction, durable when this returns.

        `expected_sequence`: what the person had before their eyes. Raises Forbidden, Refusal, Changed
        (with what was recorded since), StoreError.
        Clause: 3.1(i)
        """
        require(person, "instruct", customer_id)
        try:
            with self.ledger.transaction() as tx:
                head = None if customer_id.startswith("@") else tx.head(customer_id)
                if head is None or head.sequence != expected_sequence:
                    raise Conflict(customer_id, expected_sequence)
                state, now = self._state(customer_id, head), self.clock.now()
                agreement = _version(self.agreements, state.customer.agreement_version)
                drafts = self._decide(command, state, agreement, now)
                events = self._write(tx, customer_id, head, state, drafts, person, agreement, now)
        except Conflict as conflict:
            raise Changed(self.ledger.events(customer_id, after=expected_sequence)) from conflict
        return _receipt(events)

    def _decide(
        self, command: Instruction, state: CustomerState, agreement: Agreement, now: datetime
    ) -> list[NewEvent]:
        if isinstance(command, features.Instruct):
            return features.decide(command, state.features, agreement, now)
        return retention.decide(command, state.retention, agreement, now)

    def _write(
        self,
        tx: Transaction,
        customer_id: str,
        head: Head | None,
        state: CustomerState,
        drafts: list[NewEvent],
        person: Person,
        agreement: Agreement,
        now: datetime,
    ) -> list[Event]:
        events = self._chain(customer_id, head, drafts, person, customer_id, agreement.version, now)
        new = subjects.fold(events, state)
        tx.append(head, events, new.model_dump_json(), subjects.STATE_SCHEMA)
        return events

    def _chain(
        self,
        ledger_id: str,
        head: Head | None,
        drafts: list[NewEvent],
        person: Person,
        customer_id: str | None,
        version: str,
        now: datetime,
    ) -> list[Event]:
        by_customer = person.role_for(customer_id) in ("customer_admin", "customer_reader")
        return chain(
            head,
            [(d.kind, d.body.model_dump(mode="json")) for d in drafts],
            customer_id=ledger_id,
            recorded_at=now,
            actor=person.email,
            on_behalf_of=str(customer_id) if by_customer else "processor",
            agreement_version=version,
        )

    # --- downloads -------------------------------------------------------------------------------

    def offer_download(self, person: Person, customer_id: str | None, browser: str, file: File) -> str:
        """The address under which this browser can fetch a file once, within a minute.

        `customer_id`: whose matters the file tells of; None for the provider's own. `browser`: the
        secret in the browser's cookie. Raises Forbidden.
        Clause: Art. 32(4) GDPR
        """
        require(person, "read", customer_id)
        token = self._downloads.offer(file, person.email, customer_id, browser, self.clock.now())
        return f"/download/{token}"

    def take_download(self, token: str, browser: str) -> File:
        """The file behind a link, which is used up by this. Raises downloads.Gone; Forbidden where the
        person's grant has been taken away meanwhile.
        Clause: Art. 32(4) GDPR
        """
        link = self._downloads.take(token, browser, self.clock.now())
        require(self.person(link.email), "read", link.customer_id)
        return link.file

    # --- the provider's matters ------------------------------------------------------------------

    def import_usage(self, person: Person, figures: pa.Table) -> None:
        """Store monthly figures, all or none; those of the same month are replaced."""
        require(person, "import_usage", None)
        with self.ledger.transaction() as tx:
            tx.replace_usage(figures)

    def advance_clock(self, person: Person, days: int) -> None:
        """Move the demo's clock forward. Raises Forbidden outside the demo."""
        clock = self.clock
        if not isinstance(clock, DemoClock):
            raise Forbidden("The date can be moved in the demo only.")
        if not 1 <= days <= 366:
            raise Refusal(
                "demo", f"The clock cannot be moved by {days} days.", "Choose from 1 to 366 days.", "days"
            )
        now = self.clock.now()
        with self.ledger.transaction() as tx:
            head = tx.head(DEMO)
            events = chain(
                head,
                [("demo.clock_advanced", {"v": 1, "days": days})],
                customer_id=DEMO,
                recorded_at=now,
                actor=person.email,
                on_behalf_of="demo",
                agreement_version="",
            )
            before = json.loads(head.state)["days"] if head else 0
            tx.append(head, events, json.dumps({"days": before + days}), subjects.STATE_SCHEMA)
        clock.advance(days)

    def verify(self) -> list[Fault]:
        """The first fault of every ledger that has one."""
        return list(verify_ledger(self.ledger, fold_ledger))


def demo_days(ledger: Ledger) -> int | None:
    """By how many days the demo's clock was moved; None where this is no demo store."""
    head = ledger.head(DEMO)
    return int(json.loads(head.state)["days"]) if head else None


def _receipt(events: Sequence[Event]) -> Receipt:
    last = events[-1]
    return Receipt(last.customer_id, last.sequence, last.digest, last.recorded_at)
