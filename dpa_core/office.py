"""The one door to the ledger: authorise, load, decide, append, all in one transaction.

Whoever reads a customer's matters gets a `CustomerFile` here, after the check; questions (`views`)
are asked of that file, so that none can be asked of a customer that was not opened.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import pyarrow as pa
from cachetools import LRUCache
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from dpa_core import subjects
from dpa_core.access import EXPIRED, SIGNED_OUT, Action, Forbidden, Person, SignInAgain, may, require
from dpa_core.agreement import Agreement
from dpa_core.clock import Clock, DemoClock
from dpa_core.downloads import Downloads, File
from dpa_core.files import MAX_BYTES, FileStore
from dpa_core.ledger import Conflict, Event, Fault, Head, Ledger, Transaction, chain
from dpa_core.ledger import StoreError as StoreError  # part of what the door may raise
from dpa_core.ledger import verify as verify_ledger
from dpa_core.locale import day
from dpa_core.subjects import (
    CustomerState,
    ProviderState,
    assistance,
    audits,
    customers,
    data_return,
    features,
    grants,
    incidents,
    retention,
    reviews,
    snapshots,
    sub_processors,
)
from dpa_core.subjects.common import PROCESSOR, FileRef, Matter, NewEvent, Refusal, Side

DEMO = "@demo"
"""The ledger of the demo clock; a store that has it is a demo store."""

PROVIDER = "@provider"
"""The provider's own ledger: changes to the list of sub-processors, and incidents."""

_PERSON = "@person:"

T = TypeVar("T")

_ATTEMPTS = 200
_PAUSE = (0.0025, 0.0075)
"""Seconds between attempts, about what another's commit takes; no two wait alike, so as not to meet again."""

ByCustomer = (
    features.Instruct
    | retention.Command
    | audits.ByCustomer
    | sub_processors.ByCustomer
    | data_return.ByCustomer
    | assistance.ByCustomer
    | incidents.ByCustomer
    | reviews.Command
    | snapshots.Take
)
"""What a customer's admin may command, and what needs a right of its own (see `_NEEDS`)."""
ByProvider = audits.ByProvider | sub_processors.ByProvider | data_return.ByProvider | assistance.ByProvider
"""What the provider may command in a customer's matters."""
ByBoth = audits.ByBoth | sub_processors.ByBoth
"""What either may."""
Instruction = ByCustomer | ByProvider | ByBoth
OwnCommand = sub_processors.ProviderCommand | incidents.ProviderCommand
"""What the provider may command in its own ledger."""

_NEEDS: dict[type, Action] = {
    snapshots.Take: "take_snapshot",
    reviews.Hold: "hold_review",
    reviews.Propose: "hold_review",
}
"""What a command needs to be allowed, where that is not `instruct`."""


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
    changes: Mapping[int, sub_processors.Published]
    """Published changes to the list of sub-processors, by identifier."""
    incidents: Mapping[int, incidents.Incident]
    """The incidents this customer was told of, with its own notices only."""
    ledger: Ledger = field(repr=False)
    agreements: Mapping[str, Agreement] = field(repr=False)
    files: FileStore = field(repr=False)
    answers: Answers = field(repr=False)

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

    def version(self, version: str, at: datetime | None = None) -> Agreement:
        """A version of the agreement, to read an old event by: with the list that counted `at` then (UTC)."""
        agreement = _version(self.agreements, version)
        if at is None:
            return agreement
        changes = sub_processors.ProviderState(published=dict(self.changes))
        return sub_processors.in_effect(agreement, changes, at)

    def attached(self, sha256: str) -> File:
        """A file that this customer's matters name. Raises Refusal where they do not, or it is damaged.

        Clause: Art. 32(1)(b) GDPR
        """
        named = [
            *subjects.files(self.state),
            *(f for i in self.incidents.values() for n in i.notices for f in n.files),
        ]
        return _attached(self.files, named, sha256)

    def kept(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The answer to a question that rests on the customer's events alone, up to the file's moment.

        Computed once for each customer, sequence and moment: what lies in a ledger does not change.
        """
        return self.answers.get((self.customer_id, self.sequence, self.as_of, question), answer)


@dataclass(frozen=True)
class ProviderFile:
    """The provider's own matters, opened by one person who may, as they stand now."""

    person: Person
    state: ProviderState
    agreement: Agreement
    """The newest version, with the list of sub-processors that counts now."""
    now: datetime
    sequence: int
    """Sequence of the last event; 0 where there is none yet."""
    ledger: Ledger = field(repr=False)
    files: FileStore = field(repr=False)

    def attached(self, sha256: str) -> File:
        """A file that the provider's matters name. Raises Refusal where they do not, or it is damaged."""
        return _attached(self.files, list(subjects.provider_files(self.state)), sha256)


def _attached(store: FileStore, named: Sequence[FileRef], sha256: str) -> File:
    ref = next((f for f in named if f.sha256 == sha256), None)
    content = store.read(sha256) if ref else None
    if ref is None or content is None:
        raise Refusal(
            "Art. 32(1)(b) GDPR",
            "This file is not there, or is no longer what was attached.",
            "Ask the provider's privacy officer.",
            "file",
        )
    return File(ref.name, ref.media_type or "application/octet-stream", content)


class Answers:
    """Answers given lately. Reached through an opened file only, and kept by customer."""

    MOST = 500

    def __init__(self) -> None:
        self._given: LRUCache[Hashable, Any] = LRUCache(self.MOST)
        self._lock = threading.Lock()
        self.roles_changed = 0
        """How many roles were given or taken since the start: part of a question about roles."""

    def get(self, key: Hashable, answer: Callable[[], T]) -> T:
        """The answer kept under this key, or else the one computed now, which is kept."""
        with self._lock:
            if key in self._given:
                found: T = self._given[key]
                return found
        computed = answer()
        with self._lock:
            self._given[key] = computed
        return computed


@dataclass(frozen=True)
class Portfolio:
    """The customers that one person looks after for the provider, opened together."""

    person: Person
    customer_ids: tuple[str, ...] | None
    """None: every customer."""
    now: datetime
    provider: ProviderState
    ledger: Ledger = field(repr=False)
    agreements: Mapping[str, Agreement] = field(repr=False)

    def version(self, version: str) -> Agreement:
        """The version of the agreement that a customer is bound to, with the list that counts now."""
        bound = _version(self.agreements, version)
        return sub_processors.in_effect(bound, self.provider.sub_processors, self.now)


def _version(agreements: Mapping[str, Agreement], version: str) -> Agreement:
    try:
        return agreements[version]
    except KeyError:
        raise AgreementMissing(version) from None


def fold_ledger(customer_id: str, events: Iterable[Event]) -> str:
    """The state of any ledger in the store, as JSON, the way its head holds it."""
    if customer_id.startswith(_PERSON):
        return subjects.fold_grants(events).model_dump_json()
    if customer_id == PROVIDER:
        return subjects.fold_provider(events).model_dump_json()
    if customer_id == DEMO:
        return json.dumps({"days": sum(int(e.body["days"]) for e in events)})
    return subjects.fold(events).model_dump_json()


@dataclass(frozen=True)
class _About:
    """What a decision on one customer rests on."""

    customer_id: str
    state: CustomerState
    sequence: int
    provider: ProviderState
    agreement: Agreement
    now: datetime
    side: Side


def matter_row(matter: Matter, customer_name: str) -> tuple[str | datetime | None, ...]:
    """A matter as the ledger keeps it beside the heads, in `replace_matters`' order."""
    m = matter
    return (
        customer_name, m.key, m.page, m.title, m.waits_for, m.next_step, m.clause, m.due, m.begins, m.ends,
    )  # fmt: skip


class Office:
    """The door. One per process; every method is safe to call from any thread."""

    def __init__(
        self,
        ledger: Ledger,
        agreements: Mapping[str, Agreement],
        clock: Clock,
        max_file_bytes: int = MAX_BYTES,
    ) -> None:
        self.ledger = ledger
        self.agreements = agreements
        self.clock = clock
        self.files = FileStore(ledger.folder / "files", max_file_bytes)
        # Kept by what they were read from, so that none is ever out of date.
        self._parsed = lru_cache(1_000)(CustomerState.model_validate_json)
        self._parsed_grants = lru_cache(1_000)(grants.State.model_validate_json)
        self._parsed_provider = lru_cache(4)(ProviderState.model_validate_json)
        self._listed = lru_cache(100)(self._query_directory)
        self._answers = Answers()
        self._signed_out: set[tuple[str, datetime | None]] = set()
        self._openings = 0
        """How many customers were opened since the start: the directory of before counts no more."""
        self._downloads = Downloads()

    # --- people ----------------------------------------------------------------------------------

    def person(self, email: str, name: str = "", expires: datetime | None = None) -> Person:
        """The person behind a verified address, with the grants held right now. No check: it tells
        only what that person may do. `expires`: when the sign-in ends, in UTC."""
        return self._enter(Person(email, name or email, (), expires))[0]

    def _enter(self, person: Person, customer_id: str | None = None) -> tuple[Person, Head | None]:
        """The person with the grants held at this moment, and a customer's head.

        The grants a person came with may be gone: a dialog outlives the page and its sign-in gate, so
        every step through this door asks again. Raises SignInAgain where the sign-in has ended.
        """
        if person.expires is not None and person.expires <= self.clock.real_now():
            raise SignInAgain(EXPIRED)
        if (person.email, person.expires) in self._signed_out:
            raise SignInAgain(SIGNED_OUT)
        own = _PERSON + person.email
        # An “@” begins the ledgers that are no customer's.
        wanted = customer_id if customer_id and not customer_id.startswith("@") else own
        heads = self.ledger.heads(own, wanted)
        if not person.is_operator:
            person = replace(person, grants=self._grants(own, heads.get(own)).grants)
        return person, heads.get(wanted) if wanted != own else None

    def _grants(self, ledger_id: str, head: Head | None) -> grants.State:
        if head is None:
            return grants.State()
        if head.state_schema != subjects.STATE_SCHEMA:
            return subjects.fold_grants(self.ledger.events(ledger_id))
        return self._parsed_grants(head.state)

    def sign_out(self, person: Person) -> None:
        """End this sign-in in all the person's tabs: each keeps what it knew when it was opened."""
        now = self.clock.real_now()
        current = {(email, ends) for email, ends in self._signed_out if ends and ends > now}
        self._signed_out = current | {(person.email, person.expires)}

    def change_access(self, person: Person, command: grants.Command) -> Receipt:
        """Give or take a role. Raises Forbidden, Refusal.

        A customer's admin gives roles of its own customer; the provider's privacy officer any.
        """
        person, _ = self._enter(person)
        own = command.role in ("customer_admin", "customer_reader") and command.customer_id
        require(person, "grant_customer_roles" if own else "grant_any_role", command.customer_id)
        customer = command.customer_id
        if customer and (customer.startswith("@") or not self.ledger.head(customer)):
            raise _unknown(customer)
        ledger_id = _PERSON + grants.normal_email(command.email)

        def write(tx: Transaction) -> list[Event]:
            now, head = self.clock.now(), tx.head(ledger_id)
            state = self._grants(ledger_id, head)
            drafts = grants.decide(command, state, now)
            events = self._chain(ledger_id, head, drafts, person, command.customer_id, "", now)
            new = subjects.fold_grants(events, state)
            tx.append(head, events, new.model_dump_json(), subjects.STATE_SCHEMA)
            return events

        receipt = self._until_written(write)
        self._answers.roles_changed += 1
        return receipt

    def _until_written(self, write: Callable[[Transaction], list[Event]]) -> Receipt:
        """Write, and once more where another writer got in between: each attempt decides anew."""

        def attempt() -> Receipt:
            with self.ledger.transaction() as tx:
                events = write(tx)
            return _receipt(events)

        # A new one each time: threads that share one through its decorator share its counters.
        retrying = Retrying(
            retry=retry_if_exception_type(Conflict),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random(*_PAUSE),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except Conflict as conflict:
            raise StoreError("Too many people write here at once. Try again in a moment.") from conflict

    # --- customers -------------------------------------------------------------------------------

    def open_customer(self, person: Person, command: customers.Open, version: str | None = None) -> Receipt:
        """Bind a new customer to a version of the agreement, the newest by default."""
        person, _ = self._enter(person)
        require(person, "open_customer", None)
        agreement = _version(self.agreements, version or max(self.agreements))

        def write(tx: Transaction) -> list[Event]:
            # An “@” begins the ledgers that are no customer's; the rules refuse it as an identifier.
            head = None if command.customer_id.startswith("@") else tx.head(command.customer_id)
            now, state = self.clock.now(), self._state(command.customer_id, head)
            drafts = customers.decide(command, state.customer, agreement, now)
            return self._write(tx, command.customer_id, head, state, drafts, person, agreement, now)[0]

        receipt = self._until_written(write)
        self._openings += 1
        return receipt

    def _state(self, customer_id: str, head: Head | None) -> CustomerState:
        if head is None:
            return CustomerState()
        if head.state_schema != subjects.STATE_SCHEMA:
            return subjects.fold(self.ledger.events(customer_id))
        return self._parsed(head.state)

    def open(self, person: Person, customer_id: str, as_of: datetime | None = None) -> CustomerFile:
        """A customer as it stands now, or stood at a past moment (UTC), for reading.

        Raises Forbidden where the person may not, or there is no such customer (in the same words),
        and Refusal where the moment lies before the customer began or in the future.
        """
        person, head = self._enter(person, customer_id)
        require(person, "read", customer_id)
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
                    "That day is still to come."
                    if as_of > now
                    else f"Nothing is recorded of {state.customer.name} for that date.",
                    f"Choose a date from {day(began)} until today." if began else "Choose another date.",
                    "as_of",
                )
            state, sequence, now = subjects.fold(events), events[-1].sequence, as_of
        return self._file(person, customer_id, state, sequence, now, as_of)

    def _file(
        self,
        person: Person,
        customer_id: str,
        state: CustomerState,
        sequence: int,
        now: datetime,
        as_of: datetime | None,
    ) -> CustomerFile:
        provider = self._provider_at(as_of)
        bound = _version(self.agreements, state.customer.agreement_version)
        return CustomerFile(
            person=person,
            customer_id=customer_id,
            state=state,
            agreement=sub_processors.in_effect(bound, provider.sub_processors, now),
            now=now,
            sequence=sequence,
            as_of=as_of,
            changes=provider.sub_processors.published,
            incidents=incidents.for_customer(provider.incidents, customer_id),
            ledger=self.ledger,
            agreements=self.agreements,
            files=self.files,
            answers=self._answers,
        )

    def reopen(self, person: Person, customer_id: str, sequence: int, moment: datetime) -> CustomerFile:
        """A customer as it stood after one entry of its ledger, seen from a moment (UTC) not before it.

        Raises Forbidden as `open` does, and Refusal where there is no such entry.
        """
        file = self.open(person, customer_id)
        events = [e for e in self.ledger.events(customer_id, until=moment) if e.sequence <= sequence]
        if not events or events[-1].sequence != sequence:
            raise Refusal(
                "3.1(i)", f"{file.name} has no entry {sequence} by then.", "Choose another one.", "sequence"
            )
        return self._file(file.person, customer_id, subjects.fold(events), sequence, moment, moment)

    def portfolio(self, person: Person) -> Portfolio:
        """Every customer that the person looks after for the provider, as they stand.

        Raises Forbidden for whoever has no role at the provider.
        """
        person, _ = self._enter(person)
        if not person.is_provider:
            raise Forbidden("The portfolio is for account managers and privacy officers of the provider.")
        mine = {g.customer_id for g in person.grants if may(person, "hold_review", g.customer_id).allowed}
        ids = None if person.sees_all else tuple(sorted(id for id in mine if id))
        return Portfolio(person, ids, self.clock.now(), self._provider_at(None), self.ledger, self.agreements)

    def directory(self, person: Person, text: str = "", limit: int = 20) -> list[tuple[str, str]]:
        """Customers the person may open, as (identifier, name), sorted by name.

        `text`: a part of the name or identifier, in any case. With neither text nor few customers the
        first ones only: `limit` rows at the most.
        """
        person, _ = self._enter(person)
        if person.sees_all:
            return list(self._listed(self._openings, text, limit))
        heads = self.ledger.heads(*person.customer_ids).values()
        named = [(h.customer_id, self._state(h.customer_id, h).customer.name) for h in heads]
        wanted = text.lower()
        found = [(id, name) for id, name in named if wanted in name.lower() or wanted in id]
        return sorted(found, key=lambda row: (row[1].lower(), row[0]))[:limit]

    def _query_directory(self, _openings: int, text: str, limit: int) -> tuple[tuple[str, str], ...]:
        rows = self.ledger.rows(
            "SELECT customer_id, json_extract_string(state, '$.customer.name') AS name FROM heads "
            "WHERE customer_id NOT LIKE '@%' "
            "AND (contains(lower(name), lower(?)) OR contains(customer_id, lower(?))) "
            "ORDER BY lower(name), customer_id LIMIT ?",
            [text, text, limit],
        )
        return tuple((id, name) for id, name in rows)

    # --- instructions ----------------------------------------------------------------------------

    def carry_out(
        self, person: Person, customer_id: str, command: Instruction, expected_sequence: int
    ) -> Receipt:
        """Record a documented instruction, or a review or snapshot, durable when this returns.

        `expected_sequence`: what the person had before their eyes. Raises Forbidden, Refusal, Changed
        (with what was recorded since), StoreError.
        Clause: 3.1(i)
        """

        def write(tx: Transaction) -> list[Event]:
            present, head = self._enter(person, customer_id)
            responds = isinstance(command, ByProvider) or (
                isinstance(command, ByBoth) and not may(present, "instruct", customer_id).allowed
            )
            needed = _NEEDS.get(type(command), "respond" if responds else "instruct")
            require(present, needed, customer_id)
            instructs = not responds and may(present, "instruct", customer_id).allowed
            side: Side = "customer" if instructs else "provider"
            if head is None:
                raise _unknown(customer_id)
            if head.sequence != expected_sequence:
                raise Changed(self.ledger.events(customer_id, after=expected_sequence))
            state, now = self._state(customer_id, head), self.clock.now()
            provider = self._provider(self.ledger.head(PROVIDER))
            bound = _version(self.agreements, state.customer.agreement_version)
            agreement = sub_processors.in_effect(bound, provider.sub_processors, now)
            about = _About(customer_id, state, head.sequence, provider, agreement, now, side)
            drafts = self._decide(command, about)
            events, new = self._write(tx, customer_id, head, state, drafts, present, agreement, now, side)
            if any(getattr(new, part) is not getattr(state, part) for part in subjects.REQUESTS):
                self._put_matters(tx, customer_id, new, provider, agreement)
            return events

        # Two at the same instant: the second meets a row that is not committed yet, and cannot say what
        # the first did until it is. The next attempt finds it, and raises Changed.
        return self._until_written(write)

    def _decide(self, command: Instruction, about: _About) -> list[NewEvent]:
        """What a command brings about, by the rules of its subject, and of another where it reaches there."""
        state, agreement, now = about.state, about.agreement, about.now
        match command:
            case features.Instruct():
                return features.decide(command, state.features, agreement, now)
            case retention.SetPeriod() | retention.CancelShortening():
                return retention.decide(command, state.retention, agreement, now)
            case retention.PlaceHold() | retention.ReleaseHold():
                return retention.decide(command, state.retention, agreement, now)
            case snapshots.Take():
                return snapshots.decide(command, state.snapshots, about.sequence, now)
            case reviews.Accept():
                # One step: the instruction that the proposal becomes, then the answer.
                answer = reviews.decide(command, state.reviews, state.features.on, agreement, now)
                left = state.reviews.proposal(command.proposal).remaining(state.features.on)
                instruct = features.Instruct(left, command.reason, command.acknowledged)
                return features.decide(instruct, state.features, agreement, now) + answer
            case reviews.Hold() | reviews.Confirm() | reviews.Propose() | reviews.Reject():
                return reviews.decide(command, state.reviews, state.features.on, agreement, now)
        if isinstance(command, audits.Command):
            return audits.decide(command, state.audits, agreement, now, about.side)
        if isinstance(command, data_return.Command):
            held = retention.held(state.retention, agreement)
            return data_return.decide(command, state.data_return, agreement, now, held)
        if isinstance(command, incidents.Command):
            told = incidents.for_customer(about.provider.incidents, about.customer_id)
            return incidents.decide(command, state.incidents, told, agreement, now)
        if isinstance(command, assistance.Command):
            return self._assist(command, about)
        published, on = about.provider.sub_processors.published, state.features.on
        drafts = sub_processors.decide(command, state.sub_processors, published, on, agreement, now)
        if isinstance(command, sub_processors.EndFeatures):
            ends = sub_processors.affected(published[command.change], on, agreement)
            off = features.Instruct(dict.fromkeys(ends, False), command.reason)
            drafts += features.decide(off, state.features, agreement, now)
        return drafts

    def _assist(self, command: assistance.Command, about: _About) -> list[NewEvent]:
        """A withdrawn instruction takes with it what it switched on, and a shortening that still waits.

        Clause: 3.1(i)
        """
        state, agreement, now = about.state, about.agreement, about.now
        instructed = None
        if isinstance(command, assistance.FlagInstruction):
            sequence = command.instruction
            found = self.ledger.events(about.customer_id, after=sequence - 1) if sequence > 0 else []
            if found and found[0].sequence == sequence and found[0].on_behalf_of != PROCESSOR:
                instructed = subjects.describe(found[0], agreement)
        drafts = assistance.decide(command, state.assistance, agreement, now, instructed)
        if isinstance(command, assistance.AnswerFlag) and not command.confirm:
            flagged = state.assistance.flags[command.flag].instruction
            switches = state.features.switches
            on = {id: False for id, s in switches.items() if s.on and s.sequence == flagged}
            if on:
                off = features.Instruct(on, command.reason)
                drafts += features.decide(off, state.features, agreement, now)
            for period in retention.periods(state.retention, agreement, now):
                if period.pending and period.pending.sequence == flagged:
                    stop = retention.CancelShortening(period.data_type.id, command.reason)
                    drafts += retention.decide(stop, state.retention, agreement, now)
        return drafts

    def _put_matters(
        self,
        tx: Transaction,
        customer_id: str,
        state: CustomerState,
        provider: ProviderState,
        agreement: Agreement,
    ) -> None:
        open_ones = subjects.requests(state, provider, agreement)
        tx.replace_matters(customer_id, [matter_row(m, state.customer.name) for m in open_ones])

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
        side: Side | None = None,
    ) -> tuple[list[Event], CustomerState]:
        events = self._chain(customer_id, head, drafts, person, customer_id, agreement.version, now, side)
        new = subjects.fold(events, state)
        tx.append(head, events, new.model_dump_json(), subjects.STATE_SCHEMA)
        return events, new

    def _chain(
        self,
        ledger_id: str,
        head: Head | None,
        drafts: list[NewEvent],
        person: Person,
        customer_id: str | None,
        version: str,
        now: datetime,
        side: Side | None = None,
    ) -> list[Event]:
        """`side`: on whose behalf; None: by the person's role."""
        by_customer = side == "customer" or (
            side is None and person.role_for(customer_id) in ("customer_admin", "customer_reader")
        )
        return chain(
            head,
            [(d.kind, d.body.model_dump(mode="json")) for d in drafts],
            customer_id=ledger_id,
            recorded_at=now,
            actor=person.email,
            on_behalf_of=str(customer_id) if by_customer else PROCESSOR,
            agreement_version=version,
        )

    # --- downloads -------------------------------------------------------------------------------

    def offer_download(self, person: Person, customer_id: str | None, browser: str, file: File) -> str:
        """The address under which this browser can fetch a file once, within a minute.

        `customer_id`: whose matters the file tells of; None for the provider's own. `browser`: the
        secret in the browser's cookie. Raises Forbidden.
        Clause: Art. 32(4) GDPR
        """
        person, _ = self._enter(person)
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

    # --- files -----------------------------------------------------------------------------------

    def attach(self, person: Person, customer_id: str | None, name: str, content: bytes) -> FileRef:
        """Keep a file that is to be attached in a customer's matters (None: in the provider's own).

        Raises Forbidden, Refusal (empty, too large, of a lying type), StoreError.
        Clause: Art. 32(1)(b) GDPR
        """
        person, _ = self._enter(person)
        if customer_id is None:
            require(person, "govern", None)
        elif not may(person, "respond", customer_id).allowed:
            require(person, "instruct", customer_id)
        try:
            return self.files.put(name, content)
        except OSError as error:
            raise StoreError(
                f"The file could not be kept: {error.strerror}. Nothing was recorded."
            ) from error

    # --- the provider's matters ------------------------------------------------------------------

    def _provider(self, head: Head | None) -> ProviderState:
        if head is None:
            return ProviderState()
        if head.state_schema != subjects.STATE_SCHEMA:
            return subjects.fold_provider(self.ledger.events(PROVIDER))
        return self._parsed_provider(head.state)

    def _provider_at(self, as_of: datetime | None) -> ProviderState:
        if as_of is None:
            return self._provider(self.ledger.head(PROVIDER))
        return subjects.fold_provider(self.ledger.events(PROVIDER, until=as_of))

    def _newest(self, provider: ProviderState, now: datetime) -> Agreement:
        newest = _version(self.agreements, max(self.agreements))
        return sub_processors.in_effect(newest, provider.sub_processors, now)

    def open_provider(self, person: Person) -> ProviderFile:
        """The provider's own matters, for a privacy officer. Raises Forbidden. Clause: 3.1(v), 3.1(x)"""
        person, _ = self._enter(person)
        require(person, "govern", None)
        head, now = self.ledger.head(PROVIDER), self.clock.now()
        state = self._provider(head)
        return ProviderFile(
            person=person,
            state=state,
            agreement=self._newest(state, now),
            now=now,
            sequence=head.sequence if head else 0,
            ledger=self.ledger,
            files=self.files,
        )

    def govern(self, person: Person, command: OwnCommand, expected_sequence: int) -> Receipt:
        """Record a step in the provider's own ledger, durable when this returns.

        Raises Forbidden, Refusal, Changed, StoreError. Clause: Sch. 2 1.1, 3.1(x)
        """

        def write(tx: Transaction) -> list[Event]:
            present, _ = self._enter(person)
            require(present, "govern", None)
            head, now = tx.head(PROVIDER), self.clock.now()
            if (head.sequence if head else 0) != expected_sequence:
                raise Changed(self.ledger.events(PROVIDER, after=expected_sequence))
            state = self._provider(head)
            agreement = self._newest(state, now)
            if isinstance(command, sub_processors.ProviderCommand):
                drafts = sub_processors.decide_provider(command, state.sub_processors, agreement, now)
            else:
                self._check_customers(command)
                drafts = incidents.decide_provider(command, state.incidents, agreement, now)
            events = self._chain(PROVIDER, head, drafts, present, None, agreement.version, now, "provider")
            new = subjects.fold_provider(events, state)
            tx.append(head, events, new.model_dump_json(), subjects.STATE_SCHEMA)
            tx.replace_matters(
                PROVIDER, [matter_row(m, "") for m in subjects.provider_matters(new, agreement)]
            )
            if isinstance(command, sub_processors.WithdrawChange):
                self._put_objectors(tx, command.change, new, now)
            return events

        return self._until_written(write)

    def _check_customers(self, command: incidents.ProviderCommand) -> None:
        if isinstance(command, incidents.RecordIncident | incidents.Widen):
            for customer_id in command.customers:
                if customer_id.startswith("@") or not self.ledger.head(customer_id):
                    raise _unknown(customer_id)

    def _put_objectors(self, tx: Transaction, change: int, provider: ProviderState, now: datetime) -> None:
        """Objections to a change that was taken back no longer wait for anyone."""
        for (customer_id,) in self.ledger.rows(
            "SELECT DISTINCT customer_id FROM matters WHERE key = ?", [f"notices/{change}"]
        ):
            state = self._state(customer_id, tx.head(customer_id))
            bound = _version(self.agreements, state.customer.agreement_version)
            agreement = sub_processors.in_effect(bound, provider.sub_processors, now)
            self._put_matters(tx, customer_id, state, provider, agreement)

    def import_usage(self, person: Person, figures: pa.Table) -> None:
        """Store monthly figures, all or none; those of the same month are replaced."""
        person, _ = self._enter(person)
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

        def write(tx: Transaction) -> list[Event]:
            head = tx.head(DEMO)
            events = chain(
                head,
                [("demo.clock_advanced", {"v": 1, "days": days})],
                customer_id=DEMO,
                recorded_at=clock.now(),
                actor=person.email,
                on_behalf_of="demo",
                agreement_version="",
            )
            before = json.loads(head.state)["days"] if head else 0
            tx.append(head, events, json.dumps({"days": before + days}), subjects.STATE_SCHEMA)
            return events

        self._until_written(write)
        clock.advance(days)

    def verify(self) -> list[Fault]:
        """The first fault of every ledger that has one, and every file that is missing or was changed."""
        return [*verify_ledger(self.ledger, fold_ledger, subjects.STATE_SCHEMA), *self._file_faults()]

    def _file_faults(self) -> Iterator[Fault]:
        heads = self.ledger.rows(
            "SELECT customer_id FROM heads WHERE customer_id = ? OR customer_id NOT LIKE '@%' ORDER BY 1",
            [PROVIDER],
        )
        for (customer_id,) in heads:
            head = self.ledger.head(customer_id)
            if head and customer_id == PROVIDER:
                named = list(subjects.provider_files(self._provider(head)))
            else:
                named = list(subjects.files(self._state(customer_id, head)))
            for ref in named:
                if head and self.files.read(ref.sha256) is None:
                    why = f"the attached file “{ref.name}” is missing or was changed ({ref.sha256})"
                    yield Fault(customer_id, head.sequence, why)


def demo_days(ledger: Ledger) -> int | None:
    """By how many days the demo's clock was moved; None where this is no demo store."""
    head = ledger.head(DEMO)
    return int(json.loads(head.state)["days"]) if head else None


def _unknown(customer_id: str) -> Refusal:
    return Refusal(
        customers.CLAUSE,
        f"There is no customer “{customer_id[:60]}”.",
        "`dpa customers` lists them.",
        "customer",
    )


def _receipt(events: Sequence[Event]) -> Receipt:
    last = events[-1]
    return Receipt(last.customer_id, last.sequence, last.digest, last.recorded_at)
