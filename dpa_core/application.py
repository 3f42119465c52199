"""The one door to the ledger: authorise, load, decide, append, all in one transaction.

Whoever reads a customer gets a `CustomerFile` here, after the check; questions (`views`) are asked of that
file, so that none can be asked of a customer that was not opened.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache, partial, wraps
from hashlib import sha256
from inspect import signature
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

import pyarrow as pa
from cachetools import LRUCache
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from dpa_core import addresses, closed, deriving, facts, metrics
from dpa_core.access import (
    ENDED,
    EXPIRED,
    REFUSED,
    WAITS,
    Forbidden,
    Identity,
    Person,
    RoleTaken,
    SignInAgain,
    Unconfirmed,
    acting_side,
    looking_side,
    may,
    require,
    rights_of,
    side_of,
)
from dpa_core.access_log import DAYS as ACCESS_LOG_DAYS
from dpa_core.access_log import OF_A_CUSTOMER, PAGE, AccessLog, Found, Kind, Line, Place, Search, cleaned
from dpa_core.agreement import Agreement
from dpa_core.clock import Clock, DemoClock
from dpa_core.closed import ClosedItems
from dpa_core.deriving import TaskRow, task_row
from dpa_core.downloads import Downloads, File, SharedDownloads
from dpa_core.drafts import DAYS, Content, Draft, Drafts, Left
from dpa_core.drafts import all_of as all_drafts
from dpa_core.files import MAX_BYTES, FileStore, SharedFiles
from dpa_core.ledger import Conflict, Event, Fault, Head, Ledger, Transaction, chain
from dpa_core.ledger import StoreError as StoreError  # part of what the door may raise
from dpa_core.ledger.losses import STATE, STORE
from dpa_core.ledger.store import USAGE_CHOSEN
from dpa_core.ledger.verify import Part, parts
from dpa_core.ledger.verify import verify_part as verify_ledgers
from dpa_core.locale import last_day, minute
from dpa_core.people import PREFIX, Account, Entry, Name, People
from dpa_core.readers import CustomerReader, PortfolioReader
from dpa_core.remembered import Parsed, bytes_of
from dpa_core.sessions import Session, Sessions, id_of
from dpa_core.subjects import customers, grants, incidents, policies, registry, sub_processors
from dpa_core.subjects.common import PROCESSOR, FileRef, Record, Refusal, Refusals, Side
from dpa_core.subjects.own_list import OwnList
from dpa_core.subjects.registry import STATE_SCHEMA, CustomerState, ProviderState
from dpa_core.subjects.subject import Action, Body, Command, Context
from dpa_core.subjects.texts import MAX_TITLE, checked_text
from dpa_core.usage import EARLIEST, UsageChange, UsageChoice

log = logging.getLogger("dpa_desk")

DEMO = "@demo"
"""The ledger of the demo clock; a store that has it is a demo store."""

PAST_CLAUSE = "Art. 28(3)(h) GDPR"
"""How things stood is information that demonstrates compliance."""
PROVIDER = "@provider"
"""The provider's own ledger: changes to the list of sub-processors, and incidents."""

T = TypeVar("T")
P = ParamSpec("P")

ALL = 10_000_000
"""More customers than there are."""
_TIDYING = 1
"""The job of `tidy`, of which several servers do it one at a time."""
_ATTEMPTS = 200
_PAUSE = (0.0025, 0.0075)
"""Seconds between attempts, about what another's commit takes; no two wait alike, so as not to meet again."""
SESSION = timedelta(hours=12)
"""How long a sign-in lasts at the most, where the settings say nothing else. The provider's own setting."""
_KEPT = timedelta(days=1)
"""How long the record of a sign-in is kept after its end: so long, what was typed under it can still be kept
as a draft, where time alone ended it."""
_CORRECT = "Art. 5(1)(d) GDPR"
_NOT_THEIRS = (
    "Whoever may give all roles of a person corrects that person’s name, and nobody their own. "
    "Ask the privacy officer."
)
_STATES_BYTES = 64 << 20
"""About how much memory the parsed states of customers take, in bytes."""
_BATCH = 200
"""Ledgers whose derived rows are made anew in one transaction."""


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


class _Opened:
    """What was opened at a moment: the version that bound then, and how far the ledger had come."""

    context: Context
    people: People

    @property
    def agreement(self) -> Agreement:
        """The version that binds, with the list of sub-processors that counts at the moment looked at."""
        return self.context.agreement

    @property
    def now(self) -> datetime:
        """The moment looked at, in UTC: the present, or the past one of a customer's `as_of`."""
        return self.context.now

    @property
    def sequence(self) -> int:
        """Sequence of the last event that counts at that moment; 0 where there is none yet."""
        return self.context.sequence

    def who(self, actor: str) -> str:
        """The address under which an actor of the ledger was known at the moment looked at; the text
        itself for one that the directory does not know, such as an address in an older entry."""
        return self.people.who(actor, self.now).address


@dataclass(frozen=True)
class CustomerFile(_Opened):
    """One customer, opened by one person who may, as it stands at one moment."""

    person: Person
    customer_id: str
    state: CustomerState
    context: Context
    """What decisions about the customer rest on at that moment, for the side for which the person acts."""
    as_of: datetime | None
    people: People = field(repr=False)
    reader: CustomerReader = field(repr=False)
    """This customer's rows."""
    agreements: Mapping[str, Agreement] = field(repr=False)
    files: FileStore = field(repr=False)
    queries: QueryCache = field(repr=False)

    @property
    def name(self) -> str:
        """The customer's name."""
        return self.state.customer.name

    @property
    def changes(self) -> Mapping[int, sub_processors.Published]:
        """Published changes to the list of sub-processors, by identifier."""
        return self.context.changes

    @property
    def incidents(self) -> Mapping[int, incidents.Incident]:
        """The incidents this customer was told of, with its own notices only."""
        return self.context.incidents

    @property
    def role(self) -> grants.Role | None:
        """The role under which the person looks at this customer."""
        return self.person.role_for(self.customer_id)

    def allows(self, action: Action) -> bool:
        """Whether the person may do this here. The past cannot be changed by anybody."""
        return (action == "read" or self.as_of is None) and may(self.person, action, self.customer_id).allowed

    @cached_property
    def acts(self) -> bool:
        """Whether the person may take steps here, for either side."""
        return self.allows("instruct") or self.allows("respond")

    def version(self, version: str, at: datetime | None = None) -> Agreement:
        """A version of the agreement, to read an old event by: with the list that counted `at` then (UTC)."""
        agreement = _version(self.agreements, version)
        if at is None:
            return agreement
        return sub_processors.in_effect(agreement, self.changes, at, self.context.opened_on)

    @property
    def closed(self) -> ClosedItems:
        """What had left the state by that moment, as nothing more can happen to it."""
        return self.reader.closed(self.sequence)

    def recalled(self, command: Command) -> CustomerState:
        """The state with what a command is about, also where that has left it."""
        return registry.recalled(self.state, command, self.closed.find)

    def citing(self, command: Command) -> Context:
        """The file's context, with the entry that a command is about."""
        entry = registry.cited_entry(command, self.recalled(command))
        return replace(self.context, cited=self.reader.event(entry) if entry else None)

    def attached(self, sha256: str) -> File:
        """A file attached to something of this customer. Raises Refusal where it is not, or is damaged.

        Clause: Art. 32(1)(b) GDPR
        """
        named = [
            *registry.files(self.state),
            *self.closed.files(sha256),
            *(f for i in self.incidents.values() for n in i.notices for f in n.files),
        ]
        return _attached(self.files, named, sha256)

    def cached(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The answer to a question that rests on the customer's events alone, up to the file's moment.

        Computed once for each customer, sequence and moment: what lies in a ledger does not change.
        """
        return self.queries.get((self.customer_id, self.sequence, self.as_of, question), answer)


@dataclass(frozen=True)
class ProviderFile(_Opened):
    """The provider's own ledger, opened by one person who may, as it stands now."""

    person: Person
    state: ProviderState
    context: Context
    """With the newest version, and the list of sub-processors that counts now."""
    people: People = field(repr=False)
    ledger: Ledger = field(repr=False)
    """Of all customers: whoever opens this may read every one."""
    files: FileStore = field(repr=False)

    def attached(self, sha256: str) -> File:
        """A file that the provider's ledger names. Raises Refusal where it does not, or it is damaged."""
        return _attached(self.files, list(registry.files(self.state)), sha256)


def _attached(store: FileStore, named: Sequence[FileRef], sha256: str) -> File:
    ref = next((f for f in named if f.sha256 == sha256), None)
    content = store.read(sha256) if ref else None
    if ref is None or content is None:
        raise refuse("no_file", "Art. 32(1)(b) GDPR", "file")
    return File(ref.name, ref.media_type or "application/octet-stream", content)


class QueryCache:
    """Answers of queries asked lately. Reached through an opened file only, and kept by customer."""

    MOST = 64 << 20
    """About how many bytes of memory the answers take."""

    def __init__(self, *, shared: bool = False) -> None:
        self._queries: LRUCache[Hashable, Any] = LRUCache(self.MOST, getsizeof=bytes_of)
        self._lock = threading.Lock()
        self._shared = shared
        self._roles_changed = 0

    @property
    def roles_changed(self) -> int:
        """Part of a question about roles: another number once one may have been given or taken."""
        if self._shared:  # by another process, which says nothing here: never the same twice
            self._roles_changed += 1
        return self._roles_changed

    def change_roles(self) -> None:
        """Roles were given or taken, and that is committed."""
        self._roles_changed += 1

    def get(self, key: Hashable, answer: Callable[[], T]) -> T:
        """The answer known under this key, or else the one computed now, which is remembered."""
        with self._lock:
            if key in self._queries:
                found: T = self._queries[key]
                return found
        computed = answer()
        with self._lock, suppress(ValueError):  # too large to be kept at all
            self._queries[key] = computed
        return computed


@dataclass(frozen=True)
class Portfolio:
    """The customers that one person looks after for the provider, opened together."""

    person: Person
    customer_ids: tuple[str, ...] | None
    """None: every customer."""
    now: datetime
    provider: ProviderState
    reader: PortfolioReader = field(repr=False)
    """The rows of these customers."""
    agreements: Mapping[str, Agreement] = field(repr=False)

    def own_list(self, group: facts.Group) -> OwnList:
        """The list of sub-processors that counts now for customers who are alike in what it depends on.
        Clause: Sch. 2 1.1, Sch. 2 1.2"""
        return OwnList(
            bound=_version(self.agreements, group.version),
            published=self.provider.sub_processors.published,
            now=self.now,
            opened_on=group.opened_on,
            disputes=group.disputes,
            unaccepted=group.unaccepted,
            switched_on=group.on,
        )


def _version(agreements: Mapping[str, Agreement], version: str) -> Agreement:
    try:
        return agreements[version]
    except KeyError:
        raise AgreementMissing(version) from None


class Folding:
    """Folds any ledger of the store, event by event. `past`: what is kept of a customer's, compared on the
    way."""

    def __init__(self, ledger_id: str, past: closed.Comparison | None = None) -> None:
        self._state: registry.CustomerFold | ProviderState | grants.State | int | None
        self._past = past
        if ledger_id.startswith(PREFIX):
            self._state = grants.State()
        elif ledger_id == PROVIDER:
            self._state = ProviderState()
        elif ledger_id == DEMO:
            self._state = 0
        else:
            self._state = None if ledger_id == STORE else registry.CustomerFold()

    def take(self, event: Event) -> None:
        """Count one more event. Raises LookupError, TypeError, ValueError where it cannot be read."""
        match self._state:
            case registry.CustomerFold() as customer:
                left = customer.take(event)
                if self._past:
                    self._past.take(event.sequence, left, customer.state)
            case ProviderState() as provider:
                self._state = registry.evolve(provider, event)
            case grants.State() as state:
                self._state = registry.fold_person([event], state)
            case int(days):
                self._state = days + int(event.body["days"])

    def state(self) -> str:
        """The state so far, as JSON, the way the head holds it."""
        match self._state:
            case None:
                return STATE
            case int(days):
                return json.dumps({"days": days})
            case registry.CustomerFold() as customer:
                return customer.state().model_dump_json()
            case state:
                return state.model_dump_json()


def fold_ledger(ledger_id: str, events: Iterable[Event]) -> str:
    """The state of any ledger in the store, as JSON, the way its head holds it."""
    folding = Folding(ledger_id)
    for event in events:
        folding.take(event)
    return folding.state()


def _tell(events: Iterable[Event]) -> None:
    """Count and log entries that are recorded, without what is in them."""
    for event in events:
        subject = registry.by_kind(event.kind)
        metrics.INSTRUCTIONS.labels(subject.name if subject else "none").inc()
        # A person's ledger may be named by an address.
        where = "a person's roles" if event.customer_id.startswith(PREFIX) else event.customer_id
        log.info("recorded %s, entry %s: %s", where, event.sequence, event.kind)


@dataclass(frozen=True)
class Waiting:
    """An account that opens nothing, as it waits for somebody's word or was refused.

    `owner`: whom it would let in, under each of the `grants`.
    """

    account: Account
    owner: Entry
    grants: tuple[grants.Grant, ...]


def leaves_a_line(
    kind: Literal["look_refused", "step_refused"],
) -> Callable[
    [Callable[Concatenate[Application, Person, P], T]], Callable[Concatenate[Application, Person, P], T]
]:
    """Have a method of the door write to the access log whom it refused, for lack of right, what; whose role
    for it was taken is told so."""

    def around(
        method: Callable[Concatenate[Application, Person, P], T],
    ) -> Callable[Concatenate[Application, Person, P], T]:
        @wraps(method)
        def door(self: Application, person: Person, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return method(self, person, *args, **kwargs)
            except Forbidden as refused:
                metrics.REFUSALS.labels(f"forbidden.{kind}").inc()
                asked = signature(method).bind(self, person, *args, **kwargs).arguments
                self.note_refusal(kind, person, method.__name__, asked)
                told = self.explained(person, refused, asked)
                raise told from (None if told is refused else refused)

        return door

    return around


class Application:
    """The door. One per process; every method is safe to call from any thread."""

    def __init__(
        self,
        ledger: Ledger,
        agreements: Mapping[str, Agreement],
        clock: Clock,
        max_file_bytes: int = MAX_BYTES,
        session: timedelta = SESSION,
        reach: Mapping[str, frozenset[str] | None] | None = None,
        draft_days: int = DAYS,
        access_log_days: int = ACCESS_LOG_DAYS,
    ) -> None:
        """`session`: how long a sign-in lasts at the most. `reach`: the identity providers there are, by
        name, with the only customers that a sign-in through each opens (None: all). Where it is not given,
        every sign-in opens all that the person has roles for. `access_log_days`: how long a line of the
        access log is kept."""
        self.ledger = ledger
        self.agreements = agreements
        self.clock = clock
        self.files: FileStore = (
            SharedFiles(ledger, max_file_bytes)
            if ledger.shared
            else FileStore(ledger.folder / "files", max_file_bytes)
        )
        self._draft_days = draft_days
        # Kept by what they were read from, so that none is ever out of date.
        self._parsed = Parsed(CustomerState.model_validate_json, _STATES_BYTES)
        self._parsed_grants = Parsed(grants.State.model_validate_json, _STATES_BYTES // 8)
        self._parsed_provider = Parsed(ProviderState.model_validate_json, _STATES_BYTES // 8)
        self._listed = lru_cache(100)(self._query_directory)
        self._queries = QueryCache(shared=ledger.shared)
        self.people = People(ledger)
        self._sessions = Sessions(ledger)
        self._session = session
        self._reach = reach
        self._access_log = AccessLog(ledger, access_log_days)
        self._openings = 0
        """How many customers were opened since the start: the directory of before counts no more."""
        self._downloads = SharedDownloads(self._until_written) if ledger.shared else Downloads()
        if not ledger.read_only and (outdated := ledger.outdated(STATE_SCHEMA)):
            self._derive_anew(outdated)
        self._enter_in_directory()

    def _derive_anew(self, ids: Sequence[str]) -> None:
        """Make the folded states and open tasks of ledgers anew: a version of another shape wrote them.

        In batches, so that it goes on where it was stopped.
        A ledger that cannot be folded is left as it is; `dpa ledger verify` says what is wrong with it.
        """
        own = self._folded(PROVIDER)
        provider = ProviderState.model_validate_json(own) if own else ProviderState()
        others = [id for id in ids if id.startswith("@")]
        for start in range(0, len(others), _BATCH):
            batch = others[start : start + _BATCH]
            self._until_written(partial(self._derive_others, ids=batch, provider=provider))
        if customers := [id for id in ids if not id.startswith("@")]:
            basis = deriving.Basis(self.agreements, provider, self.clock.now())
            deriving.every(self.ledger, customers, basis, self._put_derived)

    def _put_derived(self, found: Sequence[deriving.Derived]) -> None:
        for one in found:
            if one.missing_version:
                raise AgreementMissing(one.missing_version)
        self._until_written(lambda tx: deriving.put(tx, found))

    def _derive_others(self, tx: Transaction, ids: Sequence[str], provider: ProviderState) -> None:
        """The ledgers that are no customer's: the provider's own, people's, the demo clock's."""
        for id in ids:
            state = self._folded(id)
            if state is None:
                continue
            tx.replace_state(id, state, STATE_SCHEMA)
            if id == PROVIDER:
                self._put_provider_tasks(tx, provider, self.clock.now())
                facts.put_told(tx, ProviderState(), provider)
            elif id.startswith(PREFIX):
                facts.put_roles(tx, id, None, grants.State.model_validate_json(state))

    def _folded(self, ledger_id: str) -> str | None:
        """The state of a ledger, folded from its events; None, and a line in the log, where it can't be."""
        try:
            return fold_ledger(ledger_id, self.ledger.events(ledger_id))
        except (LookupError, StoreError, TypeError, ValueError):
            log.exception("%s cannot be read. `dpa ledger verify` says more.", ledger_id)
            return None

    # --- people ----------------------------------------------------------------------------------

    def _enter_in_directory(self) -> None:
        """Give everyone an entry whose roles were given before there was a directory."""
        rows = self.ledger.rows(
            "SELECT customer_id FROM heads WHERE starts_with(customer_id, $1) "
            "AND customer_id NOT IN (SELECT ledger FROM people) ORDER BY customer_id",
            [PREFIX],
        )
        texts = [ledger_id.removeprefix(PREFIX) for (ledger_id,) in rows]
        # Of several spellings of one address, the one it has today comes first.
        for text in sorted(texts, key=lambda text: addresses.canonical(text) != text):
            ledger_id, address = PREFIX + text, addresses.canonical(text)
            if address is None or self.people.at_address(address):
                log.warning("%r cannot sign in: its address is none, or somebody else's.", text)
                continue
            began = self.ledger.events(ledger_id)[0].recorded_at
            with self.ledger.transaction() as tx:
                self.people.add(tx, Name(began, address, address), ledger_id)
            self.people.written()

    def person(self, email: str) -> Person:
        """The person at an address, with the grants held right now. No check: it tells only what that
        person may do."""
        address = addresses.canonical(email) or email
        entry = self.people.at_address(address)
        if entry is None:
            return Person("", address, address, ())
        return self._enter(_person(entry, None))[0]

    def _enter(self, person: Person, customer_id: str | None = None) -> tuple[Person, Head | None]:
        """The person with the grants held at this moment, and a customer's head.

        The grants a person came with may be gone: a dialog outlives the page and its sign-in gate, so
        every step through this door asks again. Raises SignInAgain where the sign-in is over.
        """
        session = self._open_session(person.session_id) if person.session_id is not None else None
        entry = self.people.entry(person.id)
        own = entry.ledger if entry else None
        # An “@” begins the identifier of every ledger that is not a customer's.
        wanted = customer_id if customer_id and not customer_id.startswith("@") else None
        heads = self.ledger.heads(*(id for id in (own, wanted) if id))
        if not person.is_operator:
            held = self._grants(heads.get(own or "")).grants
            person = replace(person, grants=self._within_reach(session, held))
        return person, heads.get(wanted or "")

    def _within_reach(
        self, session: Session | None, held: tuple[grants.Grant, ...]
    ) -> tuple[grants.Grant, ...]:
        """The grants that a sign-in opens: a provider for some customers opens nothing else, whoever it
        says is there."""
        only = (self._reach or {}).get(session.provider) if session else None
        return held if only is None else tuple(g for g in held if g.customer_id in only)

    def _grants(self, head: Head | None) -> grants.State:
        return self._parsed_grants(head.state) if head else grants.State()

    # --- sign-in ---------------------------------------------------------------------------------

    def sign_in(
        self, identity: Identity, browser: str, id_token: str | None = None, came_from: str | None = None
    ) -> tuple[str, Session]:
        """Begin a session for somebody whom an identity provider vouches for: the secret for the cookie,
        and the session.

        The first account that signs in with an address is bound to it. Raises Unconfirmed where another
        one is bound already: it waits for the word of somebody who may give that person's roles. The
        roles that the provider's groups give are given, and taken where the group is gone.

        `browser`: what the browser says of itself; `came_from`: its network address.
        Standard: OpenID Connect Core 1.0, 5.7
        """
        now = self.clock.real_now()
        claimed = Line(
            now, "sign_in_refused", identity.email, came_from=came_from, about={"provider": identity.provider}
        )

        def write(tx: Transaction) -> tuple[str, Session] | _Unopened:
            known = self.people.account(identity.issuer, identity.subject, tx)
            entry, account = self._owner(tx, identity, known)
            if account.status != "bound":
                if account is not known:
                    self._access_log.write(tx, replace(claimed, kind="account_waits", whom=entry.id))
                return _Unopened(account, told=account is not known)
            entry = self._known_as(tx, entry, known if account is known else None, identity, came_from)
            if identity.roles is not None:
                self._give_roles(tx, entry, identity.provider, identity.roles)
            self._sessions.forget_before(tx, now - _KEPT)
            secret, session = self._sessions.begin(tx, Session(
                "", entry.id, identity.provider, identity.issuer, identity.subject, browser[:300], id_token,
                began=now, ends=now + self._session,
            ))  # fmt: skip
            about = {"provider": identity.provider, "browser": browser}
            self._access_log.write(
                tx, Line(now, "signed_in", entry.id, None, None, session.id, came_from, about)
            )
            return secret, session

        begun = self._until_written(write)
        self.people.written()
        self._sessions.written()
        self._queries.change_roles()
        if isinstance(begun, _Unopened):
            account = begun.account
            metrics.SIGN_INS.labels("waiting" if account.status == "waiting" else "refused").inc()
            if not begun.told:
                about = {**claimed.about, "why": f"the account is {account.status}"}
                self._access_log.refused(replace(claimed, whom=account.person_id, about=about))
            raise Unconfirmed(WAITS if account.status == "waiting" else REFUSED)
        metrics.SIGN_INS.labels("signed_in").inc()
        return begun

    def note_refused_sign_in(
        self, provider: str, claimed: str, why: str, came_from: str | None = None
    ) -> None:
        """Write to the access log that nobody came in by an identity provider's answer. `claimed`: the
        address that the answer named, as it is; empty where it named none."""
        about = {"provider": provider, "why": why}
        metrics.SIGN_INS.labels("refused").inc()
        self._access_log.refused(
            Line(self.clock.real_now(), "sign_in_refused", claimed, came_from=came_from, about=about)
        )

    def _owner(self, tx: Transaction, identity: Identity, known: Account | None) -> tuple[Entry, Account]:
        """Whose account that is, and the account as it stands from now on. `known`: as it stood before."""
        holder = self.people.at_address(identity.email, tx)
        # One that is not bound speaks for whoever has its address: when either changes, it begins anew.
        if known is not None and (known.status == "bound" or (holder and holder.id == known.person_id)):
            owner = self.people.entry(known.person_id, tx)
            assert owner is not None  # noqa: S101  # no account is kept without its person
            return owner, known
        now = self.clock.now()
        owner = holder or self.people.add(tx, Name(now, identity.email, identity.name or identity.email))
        account = Account(
            identity.issuer, identity.subject, owner.id, identity.email, identity.name,
            "waiting" if self.people.is_bound(tx, owner.id) else "bound", now,
        )  # fmt: skip
        self.people.put(tx, account)
        return owner, account

    def _known_as(
        self,
        tx: Transaction,
        entry: Entry,
        known: Account | None,
        identity: Identity,
        came_from: str | None,
    ) -> Entry:
        """The person under the address and name that the provider gives from today on.

        Only what the provider says anew counts: what somebody here has corrected or moved stays. An address
        that is somebody else's is not taken.
        """
        before = entry.known()
        said = (identity.email, identity.name)
        if known is not None and said != (known.address, known.name):
            self.people.put(tx, replace(known, address=identity.email, name=identity.name))
        moved = known is not None and identity.email != known.address
        free = moved and self.people.at_address(identity.email, tx) is None
        named = identity.name and not before.corrected_by and (known is None or identity.name != known.name)
        to = Name(
            self.clock.now(),
            identity.email if free else before.address,
            identity.name if named else before.name,
            before.corrected_by,
        )
        line = Line(self.clock.real_now(), "name_changed", entry.id, came_from=came_from)
        return self._enter_name(tx, entry, to, line)

    def _enter_name(self, tx: Transaction, entry: Entry, to: Name, line: Line) -> Entry:
        """Have a person known by another name or address from now on. `line`: of the access log."""
        before = entry.known()
        if to.address != before.address:
            self.people.move(tx, entry, to)
            about = {"from": before.address, "to": to.address}
            self._access_log.write(tx, replace(line, kind="address_changed", about=about))
        elif (to.name, to.corrected_by) != (before.name, before.corrected_by):
            self.people.rename(tx, entry.id, to)
        else:
            return entry
        if to.name != before.name:
            about = {"from": before.name, "to": to.name}
            self._access_log.write(tx, replace(line, kind="name_changed", about=about))
        return replace(entry, names=(*entry.names, to))

    def _give_roles(
        self, tx: Transaction, entry: Entry, provider: str, wanted: frozenset[tuple[grants.Role, str | None]]
    ) -> None:
        """Give the roles of a person's groups, and take those given by groups before that are gone."""
        by = Person(grants.GROUPS_AT + provider, "", provider, (), is_operator=True)
        head = tx.head(entry.ledger)
        state = self._grants(head)
        held, held_before = {(g.role, g.customer_id) for g in state.grants}, state
        lost = {(g.role, g.customer_id) for g in state.grants if g.by == by.id} - wanted
        known = {c for _, c in wanted if c and not c.startswith("@") and tx.head(c)}
        new = {(role, c) for role, c in wanted - held if c is None or c in known}
        address, now = entry.known().address, tx.moment(head, self.clock.now())
        steps: list[grants.ChangeAccess] = [grants.RevokeAccess(address, *x) for x in _sorted(lost)]
        steps += [grants.GrantAccess(address, *x) for x in _sorted(new)]
        for step in steps:
            bodies = grants.decide(step, state, Context(self._newest_version, now, "provider"))
            events = _Signature(by, "provider", step.customer_id, "", now).sign(entry.ledger, head, bodies)
            state = registry.fold_person(events, state)
            head = tx.append(head, events, state.model_dump_json(), STATE_SCHEMA)
            self._note_role(tx, by, entry, step)
        facts.put_roles(tx, entry.ledger, held_before, state)

    def _note_role(self, tx: Transaction, by: Person, entry: Entry, step: grants.ChangeAccess) -> None:
        """Write to the access log who gave or took which role of whom."""
        kind: Kind = "role_given" if isinstance(step, grants.GrantAccess) else "role_taken"
        line = self._line(kind, by, step.customer_id, {"role": step.role})
        self._access_log.write(tx, replace(line, whom=entry.id))

    def _line(
        self,
        kind: Kind,
        person: Person,
        customer_id: str | None = None,
        about: Mapping[str, str] | None = None,
    ) -> Line:
        """A line of the access log, of what a person does at this moment."""
        who, now = person.id or person.email, self.clock.real_now()
        return Line(now, kind, who, None, customer_id, person.session_id, person.came_from, about or {})

    def note_refusal(
        self,
        kind: Literal["look_refused", "step_refused"],
        person: Person,
        step: str,
        asked: Mapping[str, Any],
    ) -> None:
        """Write to the access log that somebody may not do something. `step`: the method of the door;
        `asked`: what it was asked for, by the names of its parameters."""
        command = asked.get("command")
        customer = asked.get("customer_id") or getattr(command, "customer_id", None)
        said = type(command).__name__ if command else step
        about = {"step": re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", said).strip().lower()}
        line = self._line(kind, person, customer, about)
        self._access_log.refused(replace(line, whom=asked.get("person_id")))

    def explained(self, person: Person, refused: Forbidden, asked: Mapping[str, Any]) -> Forbidden:
        """A refusal as its person is told it: that the role is taken which allowed it before, where one is.
        `asked`: what the method of the door was asked for, by the names of its parameters."""
        customer_id = asked.get("customer_id") or getattr(asked.get("command"), "customer_id", None)
        for taken in self._taken(person):
            if taken.covers(customer_id) and rights_of(taken.body.role) & refused.needed:
                return RoleTaken(self._in_words(taken), refused.needed)
        return refused

    def role_taken(self, person: Person, customer_id: str | None = None) -> RoleIsTaken | None:
        """The last role that was taken of the person, for one customer or (None) for any, and that allowed
        more than the roles the person has now; None where there is none. Tells each person of itself only."""
        person, _ = self._enter(person)
        for taken in self._taken(person):
            if customer_id is None or taken.covers(customer_id):
                has = person.role_for(customer_id) if customer_id else None
                if not has or rights_of(taken.body.role) - rights_of(has):
                    return RoleIsTaken(self._in_words(taken), taken.event.recorded_at)
        return None

    def _taken(self, person: Person) -> list[_Taken]:
        """The roles that were taken of a person and are not held again, the last one first."""
        entry = self.people.entry(person.id)
        head = self.ledger.head(entry.ledger) if entry else None
        if entry is None or head is None:
            return []
        held = self._grants(head)
        events = self.ledger.events_of(entry.ledger, grants.Revoked.kind, head.sequence)
        found = [_Taken(e, grants.Revoked.model_validate(e.body)) for e in events]
        return [t for t in found if not held.has(t.body.role, t.body.customer_id)]

    def _in_words(self, taken: _Taken) -> str:
        """`Your role Customer admin of Nordfrakt was taken on 3 Nov 2026, 14:05 by eva@provider.example.`"""
        event, role, customer_id = taken.event, grants.ROLES[taken.body.role], taken.body.customer_id
        rows = self.ledger.rows("SELECT name FROM facts WHERE customer_id = $1", [customer_id])
        of = f" of {rows[0][0]}" if rows else ""
        if event.actor.startswith(grants.GROUPS_AT):
            by = f"as your {event.actor} no longer give it"
        else:
            who = self.people.who(event.actor, event.recorded_at).address
            by = f"by {'the provider’s operator' if who == 'operator' else who}"
        return (
            f"Your role {role}{of} was taken on {minute(event.recorded_at)} {by}. "
            "To have it back, ask an admin of the customer, or the privacy officer."
        )

    def left_drafts(self, person: Person) -> list[Left]:
        """What the person typed under a role that was taken since, and did not send, newest first: to be
        copied. Nobody else's, and none of a customer for which the person never had a role."""
        person, _ = self._enter(person)
        taken = self._taken(person)
        since = self.clock.now() - timedelta(days=self._draft_days)
        mine = all_drafts(self.ledger, person.id, since) if taken else []
        return [left for left in mine if any(t.covers(left.customer_id) for t in taken)]

    def session(self, secret: str) -> Session | None:
        """The sign-in that a cookie's secret names, whether it still counts or not; None for no such one."""
        return self._sessions.find(id_of(secret)) if secret else None

    def is_open(self, session: Session | None) -> bool:
        """Whether a sign-in counts at this moment."""
        # The real time, not the demo's: a sign-in does not last longer because a date was moved.
        return session is not None and self._vouched(session) and session.is_open(self.clock.real_now())

    def _vouched(self, session: Session) -> bool:
        """Whether the provider that vouched for a sign-in is still one of the settings."""
        return self._reach is None or session.provider in self._reach

    def _open_session(self, session_id: str) -> Session:
        """A sign-in that counts. Raises SignInAgain."""
        session = self._sessions.find(session_id)
        if session is None or session.ended is not None or not self._vouched(session):
            raise SignInAgain(ENDED)
        if not self.is_open(session):
            raise SignInAgain(EXPIRED)
        return session

    def person_of(self, session: Session | None, came_from: str | None = None) -> Person:
        """Whoever signed in, with the grants held right now. Raises SignInAgain where the sign-in is over.

        `came_from`: the network address of the browser, as far as it is known.
        """
        if session is None:
            raise SignInAgain(ENDED)
        entry = self.people.entry(self._open_session(session.id).person_id)
        if entry is None:
            raise SignInAgain(ENDED)
        return self._enter(_person(entry, session.id, came_from))[0]

    def sign_out(self, session: Session, came_from: str | None = None) -> None:
        """End a sign-in, in every tab and every copy of its cookie."""
        line = Line(self.clock.real_now(), "signed_out", session.person_id, None, None, session.id, came_from)
        self._end_sessions([session], line)

    def _end_sessions(self, those: Sequence[Session], line: Line) -> None:
        def write(tx: Transaction) -> None:
            for session in those:
                self._sessions.end(tx, session.id, line.happened)
                about = {"browser": session.browser, "provider": session.provider}
                self._access_log.write(tx, replace(line, about=about))

        self._until_written(write)
        self._sessions.written()

    def sessions_of(self, person: Person) -> list[Session]:
        """The person's own sign-ins that count, newest first. Raises SignInAgain."""
        person, _ = self._enter(person)
        return self._sessions.open_of(person.id, self.clock.real_now())

    @leaves_a_line("step_refused")
    def end_session(self, person: Person, session_id: str) -> None:
        """End one of the person's own sign-ins. Raises Forbidden where it is not the person's."""
        mine = next((s for s in self.sessions_of(person) if s.id == session_id), None)
        if mine is None:
            raise Forbidden("There is no such sign-in of yours. It may have ended meanwhile.")
        own = mine.id == person.session_id
        self._end_sessions([mine], self._line("signed_out" if own else "session_ended", person))

    def end_other_sessions(self, person: Person) -> int:
        """End all of the person's own sign-ins but the one by which the person is here; how many there were.
        Raises SignInAgain."""
        others = [s for s in self.sessions_of(person) if s.id != person.session_id]
        self._end_sessions(others, self._line("session_ended", person))
        return len(others)

    # --- access ----------------------------------------------------------------------------------

    def accounts_to_confirm(self, person: Person) -> list[Waiting]:
        """The accounts that wait for the word of somebody who may give their owner's roles, as this
        person may; oldest first."""
        person, _ = self._enter(person)
        return [w for w in self._unbound(person) if w.account.status == "waiting"]

    def unbound_accounts(self, person: Person) -> list[Waiting]:
        """The same, and those that were refused."""
        person, _ = self._enter(person)
        return self._unbound(person)

    def _unbound(self, person: Person, tx: Transaction | None = None) -> list[Waiting]:
        found = []
        for account in self.people.unbound(tx):
            owner = self.people.entry(account.person_id, tx)
            if owner is not None and self._may_speak_for(person, owner):
                found.append(Waiting(account, owner, self._roles_of(owner)))
        return found

    def _roles_of(self, entry: Entry) -> tuple[grants.Grant, ...]:
        return self._grants(self.ledger.head(entry.ledger)).grants

    def _may_speak_for(self, person: Person, entry: Entry) -> bool:
        """Whether the person may give every role of another one; of one without roles, any role."""
        if entry.id == person.id:
            return False
        needed = [
            (grants.GrantAccess("", g.role, g.customer_id).needs(side_of(g.role)), g.customer_id)
            for g in self._roles_of(entry)
        ] or [("grant_any_role", None)]
        return all(may(person, action, customer).allowed for action, customer in needed)

    @leaves_a_line("step_refused")
    def decide_account(self, person: Person, account: Account, status: Literal["bound", "refused"]) -> None:
        """Say that a waiting account belongs to the person whose address it has, or that it does not. One
        that was refused can be confirmed still.

        Raises Forbidden where the person may not give all roles of that person, or it is their own.
        """
        person, _ = self._enter(person)

        def write(tx: Transaction) -> None:
            found = next((w for w in self._unbound(person, tx) if w.account == account), None)
            if found is None or account.status == status:
                raise Forbidden("There is no account that waits for your word here. Look at the page again.")
            decided = replace(account, status=status, since=self.clock.now(), decided_by=person.id)
            self.people.put(tx, decided)
            kind: Kind = "account_confirmed" if status == "bound" else "account_refused"
            about = {"address": account.address, "issuer": account.issuer}
            self._access_log.write(tx, replace(self._line(kind, person, about=about), whom=account.person_id))

        self._until_written(write)
        self.people.written()

    def may_rename(self, person: Person, person_id: str) -> bool:
        """Whether the person may correct another one's name."""
        entry = self.people.entry(person_id)
        return entry is not None and self._may_speak_for(person, entry)

    @leaves_a_line("step_refused")
    def rename_person(self, person: Person, person_id: str, name: str) -> None:
        """Correct how another person is called, from now on and whatever the identity provider says.

        Raises Forbidden where the person may not give all roles of the other, or it is their own name;
        Refusal. Clause: Art. 5(1)(d) GDPR
        """
        person, _ = self._enter(person)
        name = checked_text(name, "name", _CORRECT, limit=MAX_TITLE)
        if cleaned(name) != name:
            raise refuse("unseen", _CORRECT, "name")

        def write(tx: Transaction) -> None:
            entry = self.people.entry(person_id, tx)
            if entry is None or not self._may_speak_for(person, entry):
                raise Forbidden(_NOT_THEIRS)
            to = replace(entry.known(), since=self.clock.now(), name=name, corrected_by=person.id)
            self._enter_name(tx, entry, to, replace(self._line("name_changed", person), whom=entry.id))

        self._until_written(write)
        self.people.written()

    @leaves_a_line("step_refused")
    def move_person(self, person: Person, person_id: str, email: str) -> None:
        """Have a person's mailbox at another address from now on. The old one opens nothing any more; the
        past keeps it. Accounts that are bound stay bound.

        Raises Forbidden for all but privacy officers, Refusal where the address is none, the same, or
        somebody's. Clause: Art. 5(1)(d) GDPR
        """
        person, _ = self._enter(person)
        require(person, "grant_any_role", None)
        address = grants.normal_email(email)

        def write(tx: Transaction) -> None:
            entry, holder = self.people.entry(person_id, tx), self.people.at_address(address, tx)
            if entry is None:
                raise Forbidden(_NOT_THEIRS)
            if holder is not None:
                same = holder.id == entry.id
                raise refuse("same_address" if same else "address_taken", _CORRECT, "email", email=address)
            to = replace(entry.known(), since=self.clock.now(), address=address)
            self._enter_name(tx, entry, to, replace(self._line("address_changed", person), whom=entry.id))

        self._until_written(write)
        self.people.written()

    def person_at(self, email: str) -> Entry:
        """The directory's entry of whoever has an address. Raises Refusal where it is nobody's."""
        address = grants.normal_email(email)
        entry = self.people.at_address(address)
        if entry is None:
            raise refuse("no_person", _CORRECT, "email", email=address)
        return entry

    @leaves_a_line("step_refused")
    def change_access(self, person: Person, command: grants.ChangeAccess) -> Receipt:
        """Give or take a role. Raises Forbidden, Refusal.

        A customer's admin gives roles of its own customer; the provider's privacy officer any.
        """
        person, _ = self._enter(person)
        side = acting_side(person, command, command.customer_id)
        customer = command.customer_id
        if customer and (customer.startswith("@") or not self.ledger.head(customer)):
            raise _unknown(customer)
        address = grants.normal_email(command.email)

        def write(tx: Transaction) -> list[Event]:
            known = self.people.at_address(address, tx)
            head = tx.head(known.ledger) if known else None
            now = tx.moment(head, self.clock.now())
            state = self._grants(head)
            bodies = grants.decide(command, state, Context(self._newest_version, now, side))
            entry = known or self.people.add(tx, Name(now, address, address))
            by = _Signature(person, side, customer, "", now)
            events = by.sign(entry.ledger, head, bodies)
            new = registry.fold_person(events, state)
            tx.append(head, events, self._parsed_grants.written(new, new.model_dump_json()), STATE_SCHEMA)
            facts.put_roles(tx, entry.ledger, state, new)
            self._note_role(tx, person, entry, command)
            return events

        receipt = self._record(write)
        self.people.written()
        self._queries.change_roles()
        return receipt

    def _record(self, write: Callable[[Transaction], list[Event]]) -> Receipt:
        """Write events until they are written; what was recorded."""
        return _receipt(self._until_written(write))

    def _until_written(self, write: Callable[[Transaction], T]) -> T:
        """Write, and once more where another writer got in between: each attempt decides anew."""

        def attempt() -> T:
            try:
                with self.ledger.transaction() as tx:
                    written = write(tx)
            except Conflict:
                metrics.CONFLICTS.inc()
                raise
            except Refusal as refusal:
                metrics.REFUSALS.labels(refusal.code).inc()
                raise
            _tell(tx.appended)
            return written

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

    # --- access log ------------------------------------------------------------------------------

    @leaves_a_line("look_refused")
    def access_log(
        self, person: Person, search: Search, behind: Place | None = None, limit: int = PAGE
    ) -> Found:
        """The lines of the access log that fit a search, newest first, for a privacy officer. `behind`: where
        the page before ended. Raises Forbidden. Clause: Art. 32(1)(d) GDPR"""
        person, _ = self._enter(person)
        require(person, "govern", None)
        return self._access_log.find(search, behind, limit)

    @leaves_a_line("look_refused")
    def access_log_of(self, person: Person, customer_id: str, limit: int = PAGE) -> Found:
        """What was handed over of one customer and who got or lost a role there, newest first, for whoever
        gives its roles. Raises Forbidden. Clause: Art. 28(3)(h) GDPR"""
        person, _ = self._enter(person)
        require(person, "grant_customer_roles", customer_id)
        search = Search(customer=customer_id, kinds=tuple(sorted(OF_A_CUSTOMER)))
        return self._access_log.find(search, limit=limit)

    def note_export(
        self,
        person: Person,
        customer_id: str | None,
        name: str,
        digest: str,
        kind: Literal["exported", "backed_up"] = "exported",
    ) -> None:
        """Write to the access log that a file is handed over, before it is: a log that misses one proves
        nothing. `digest`: SHA-256 of its content, hexadecimal. Raises StoreError."""
        line = self._line(kind, person, customer_id, {"file": name, "sha256": digest})
        try:
            self._until_written(lambda tx: self._access_log.write(tx, line))
        except StoreError as error:
            raise StoreError(
                f"The file cannot be handed over, as the access log cannot be written. {error}"
            ) from error

    def tidy(self) -> None:
        """Remove the lines of the access log that are older than the setting says, and files that nobody
        came to fetch. Of servers that share the store, one at a time does it; the others need not. Raises
        StoreError."""
        now = self.clock.real_now()

        def write(tx: Transaction) -> None:
            if tx.alone(_TIDYING):
                self._access_log.remove_old(tx, now)

        self._until_written(write)
        self._downloads.forget_old(self.clock.now())

    def close(self) -> None:
        """Write what is only counted so far, and let the store go."""
        self._access_log.flush()
        self.ledger.close()

    # --- customers -------------------------------------------------------------------------------

    @leaves_a_line("step_refused")
    def open_customer(
        self, person: Person, command: customers.OpenCustomer, version: str | None = None
    ) -> Receipt:
        """Bind a new customer to a version of the agreement, the newest by default."""
        person, _ = self._enter(person)
        side = acting_side(person, command, None)
        agreement = _version(self.agreements, version) if version else self._newest_version

        def write(tx: Transaction) -> list[Event]:
            # An “@” begins the identifier of every ledger that is not a customer's; the rules refuse it.
            head = None if command.customer_id.startswith("@") else tx.head(command.customer_id)
            now, state = tx.moment(head, self.clock.now()), self._state(head)
            bodies = registry.decide(command, state, Context(agreement, now, side))
            by = _Signature(person, side, command.customer_id, agreement.version, now)
            return self._write(tx, command.customer_id, head, state, by, bodies)[0]

        receipt = self._record(write)
        self._openings += 1
        return receipt

    def _state(self, head: Head | None) -> CustomerState:
        return self._parsed(head.state) if head else CustomerState()

    @leaves_a_line("look_refused")
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
                "Check the address, or ask your privacy officer for access.",
                frozenset({"read"}),
            )
        state, sequence, now = self._state(head), head.sequence, self.clock.now()
        if as_of is not None:
            sequence = self.ledger.sequence_at(customer_id, as_of)
            if as_of > now or not sequence:
                raise _no_such_day(state, future=as_of > now)
            state, now = self._state_after(customer_id, sequence), as_of
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
        side, provider = looking_side(person, customer_id), self._provider_at(as_of)
        context = self._context(customer_id, state, provider, sequence, now, side)

        def find(shelf: str, id: int) -> Record | None:
            known = self._closed(customer_id, sequence)
            return self._queries.get(
                ("closed", customer_id, sequence, shelf, id), lambda: known.find(shelf, id)
            )

        return CustomerFile(
            person=person,
            customer_id=customer_id,
            state=registry.as_looked_at(state, context, find),
            context=context,
            as_of=as_of,
            people=self.people,
            reader=CustomerReader(self.ledger, customer_id),
            agreements=self.agreements,
            files=self.files,
            queries=self._queries,
        )

    def _context(
        self,
        customer_id: str,
        state: CustomerState,
        provider: ProviderState,
        sequence: int,
        now: datetime,
        side: Side = "customer",
    ) -> Context:
        bound = _version(self.agreements, state.customer.agreement_version)
        return registry.context_of(
            state, provider, bound, now, customer_id=customer_id, sequence=sequence, side=side
        )

    def reopen(self, person: Person, customer_id: str, sequence: int, moment: datetime) -> CustomerFile:
        """A customer as it stood after one entry of its ledger, seen from a moment (UTC) not before it.

        Raises Forbidden as `open` does, and Refusal where there is no such entry.
        """
        file = self.open(person, customer_id)
        if not 1 <= sequence <= self.ledger.sequence_at(customer_id, moment):
            raise refuse("no_entry", PAST_CLAUSE, "sequence", name=file.name, entry=str(sequence))
        state = self._state_after(customer_id, sequence)
        return self._file(file.person, customer_id, state, sequence, moment, moment)

    def _state_after(self, customer_id: str, sequence: int) -> CustomerState:
        """A customer's state after one entry of its ledger, folded from the last one that is kept."""

        def fold() -> CustomerState:
            begin, text = closed.state_before(self.ledger, customer_id, sequence, STATE_SCHEMA)
            events = self.ledger.events(customer_id, after=begin, upto=sequence)
            kept = self._parsed(text) if text else None
            return registry.fold_open(events, kept, self._closed(customer_id, begin).find)[0]

        return self._queries.get(("state", customer_id, sequence), fold)

    @leaves_a_line("look_refused")
    def portfolio(self, person: Person) -> Portfolio:
        """Every customer that the person looks after for the provider, as they stand.

        Raises Forbidden for whoever has no role at the provider.
        """
        person, _ = self._enter(person)
        if not person.is_provider:
            raise Forbidden(
                "The portfolio is for account managers and privacy officers of the provider.",
                frozenset({"hold_review"}),
            )
        mine = {g.customer_id for g in person.grants if may(person, "hold_review", g.customer_id).allowed}
        ids = None if person.sees_all else tuple(sorted(id for id in mine if id))
        return Portfolio(
            person,
            ids,
            self.clock.now(),
            self._provider_at(None),
            PortfolioReader(self.ledger, ids),
            self.agreements,
        )

    def directory(self, person: Person, text: str = "", limit: int = 20) -> list[tuple[str, str]]:
        """Customers the person may open, as (identifier, name), sorted by name.

        `text`: a part of the name or identifier, in any case. With neither text nor few customers the
        first ones only: `limit` rows at the most.
        """
        person, _ = self._enter(person)
        if person.sees_all:
            if self.ledger.shared:  # another process may have opened a customer
                return list(self._query_directory(self._openings, text, limit))
            return list(self._listed(self._openings, text, limit))
        return list(self._query_directory(self._openings, text, limit, person.customer_ids))

    def ends(self, person: Person, customer_ids: Sequence[str]) -> dict[str, date]:
        """The last day of the agreement of those customers whose end is recorded, as far as the person may
        open them; by identifier."""
        person, _ = self._enter(person)
        mine = [id for id in customer_ids if may(person, "read", id).allowed]
        sql = (
            "SELECT customer_id, ends_at FROM facts "
            "WHERE ends_at IS NOT NULL AND customer_id = ANY(CAST($1 AS VARCHAR[]))"
        )
        return {id: last_day(at.replace(tzinfo=UTC)) for id, at in self.ledger.rows(sql, [mine])}

    def _query_directory(
        self, _openings: int, text: str, limit: int, among: Sequence[str] | None = None
    ) -> tuple[tuple[str, str], ...]:
        rows = self.ledger.rows(
            "SELECT customer_id, name FROM facts "
            "WHERE (CAST($1 AS BOOLEAN) OR customer_id = ANY(CAST($2 AS VARCHAR[]))) "
            "AND (strpos(sort_name, $3) > 0 OR strpos(customer_id, $3) > 0) "
            "ORDER BY sort_name, customer_id LIMIT $4",
            [among is None, list(among or ()), text.lower(), limit],
        )
        return tuple((id, name) for id, name in rows)

    # --- instructions ----------------------------------------------------------------------------

    @leaves_a_line("step_refused")
    def carry_out(
        self, person: Person, customer_id: str, command: Command, expected_sequence: int
    ) -> Receipt:
        """Record a documented instruction, or another step in a customer's ledger, durable when this returns.

        `expected_sequence`: what the person had before their eyes. Raises Forbidden, Refusal, Changed
        (with what was recorded since), StoreError.
        Clause: 3.1(i)
        """

        def write(tx: Transaction) -> list[Event]:
            present, head = self._enter(person, customer_id)
            side = acting_side(present, command, customer_id)
            if head is None:
                raise _unknown(customer_id)
            if head.sequence != expected_sequence:
                raise Changed(self.ledger.events(customer_id, after=expected_sequence))
            state, now = self._state(head), tx.moment(head, self.clock.now())
            provider = self._provider(self.ledger.head(PROVIDER))
            context = self._context(customer_id, state, provider, head.sequence, now, side)
            whole = registry.recalled(state, command, self._closed(customer_id, head.sequence).find)
            bodies = policies.decide(command, whole, self._named(command, whole, context))
            by = _Signature(present, side, customer_id, context.agreement.version, now)
            events, new = self._write(tx, customer_id, head, state, by, bodies)
            if any(getattr(new, s.name) is not getattr(state, s.name) for s in registry.WITH_TASKS):
                self._put_tasks(tx, customer_id, new, provider, now)
            return events

        # Two at the same instant: the second meets a row that is not committed yet, and cannot say what
        # the first did until it is. The next attempt finds it, and raises Changed.
        return self._record(write)

    def _named(self, command: Command, state: CustomerState | ProviderState, context: Context) -> Context:
        """The context with what the command itself names: an entry, or customers."""
        if (entry := registry.cited_entry(command, state)) is not None:
            context = replace(context, cited=self.ledger.event(context.customer_id, entry))
        if command.named_customers:
            exist = {c for c in command.named_customers if not c.startswith("@") and self.ledger.head(c)}
            context = replace(context, existing_customers=frozenset(exist))
        return context

    def _put_tasks(
        self, tx: Transaction, customer_id: str, state: CustomerState, provider: ProviderState, now: datetime
    ) -> None:
        tx.replace_tasks(customer_id, self._task_rows(customer_id, state, provider, now))

    def _put_provider_tasks(self, tx: Transaction, state: ProviderState, now: datetime) -> None:
        tx.replace_tasks(PROVIDER, self._task_rows(PROVIDER, state, state, now))

    def _task_rows(
        self, id: str, state: CustomerState | ProviderState, provider: ProviderState, now: datetime
    ) -> list[TaskRow]:
        """The open tasks of a ledger, as `replace_tasks` takes them. Raises AgreementMissing."""
        if isinstance(state, CustomerState):
            context, name = self._context(id, state, provider, 0, now), state.customer.name
        else:
            context, name = self._provider_context(state, 0, now), ""
        return [task_row(task, name) for task in registry.own_tasks(state, context)]

    def _write(
        self,
        tx: Transaction,
        customer_id: str,
        head: Head | None,
        state: CustomerState,
        by: _Signature,
        bodies: Sequence[Body],
    ) -> tuple[list[Event], CustomerState]:
        events = by.sign(customer_id, head, bodies)
        before = head.sequence if head else 0
        new, left = registry.fold_open(events, state, self._closed(customer_id, before).find)
        text = self._parsed.written(new, new.model_dump_json())
        tx.append(head, events, text, STATE_SCHEMA)
        facts.put(tx, customer_id, state if head else None, new)
        closed.put(tx, customer_id, left)
        closed.keep_fold(tx, customer_id, before, events[-1].sequence, text, STATE_SCHEMA)
        return events, new

    def _closed(self, customer_id: str, upto: int) -> ClosedItems:
        return ClosedItems(self.ledger, customer_id, upto)

    # --- downloads -------------------------------------------------------------------------------

    @leaves_a_line("look_refused")
    def offer_download(self, person: Person, customer_id: str | None, file: File) -> str:
        """The address under which the person's browser can fetch a file once, within a minute.

        `customer_id`: whom the file tells of; None for the provider's own. Raises Forbidden, SignInAgain.
        Clause: Art. 32(4) GDPR
        """
        person, _ = self._enter(person)
        require(person, "read", customer_id)
        if person.session_id is None:
            raise SignInAgain(ENDED)
        token = self._downloads.offer(file, customer_id, person.session_id, self.clock.now())
        return f"/download/{token}"

    def take_download(self, token: str, session: Session | None, came_from: str | None = None) -> File:
        """The file behind a link, which is used up by this. Raises downloads.Gone; SignInAgain where the
        sign-in is over, Forbidden where the person's grant has been taken away meanwhile; StoreError where
        that it is handed over cannot be written to the access log. Clause: Art. 32(4) GDPR
        """
        person = self.person_of(session, came_from)
        link = self._downloads.take(token, person.session_id or "", self.clock.now())
        return self._hand_over(person, link.customer_id, link.file)

    @leaves_a_line("look_refused")
    def _hand_over(self, person: Person, customer_id: str | None, file: File) -> File:
        require(person, "read", customer_id)
        self.note_export(person, customer_id, file.name, sha256(file.content).hexdigest())
        return file

    # --- drafts ----------------------------------------------------------------------------------

    @leaves_a_line("look_refused")
    def draft(self, person: Person, customer_id: str | None, form: str) -> Draft | None:
        """What this person typed in a form for a customer (None: for the provider's own ledger) and has not
        sent yet. Raises Forbidden, SignInAgain, StoreError. Clause: Art. 32(4) GDPR
        """
        person, _ = self._enter(person)
        return self._drafts(person, customer_id).find(form)

    @leaves_a_line("step_refused")
    def keep_draft(self, person: Person, customer_id: str | None, form: str, content: Content) -> None:
        """Keep what this person has typed in a form so far, in place of what was kept before.

        Also from somebody whose sign-in time alone has just ended, or whose role was just taken: what was
        typed until then is not lost. Raises Forbidden, SignInAgain (signed out, or ended long ago),
        StoreError, drafts.TooLong.
        """
        mine = self._drafts(self._typing(person), customer_id, just_taken=True)
        self._until_written(lambda tx: mine.keep(tx, form, content))

    @leaves_a_line("step_refused")
    def drop_draft(self, person: Person, customer_id: str | None, form: str) -> None:
        """Take a draft of this person away. Raises Forbidden, SignInAgain, StoreError."""
        person, _ = self._enter(person)
        mine = self._drafts(person, customer_id)
        self._until_written(lambda tx: mine.drop(tx, form))

    def _drafts(self, person: Person, customer_id: str | None, *, just_taken: bool = False) -> Drafts:
        """The person's drafts for a customer. `just_taken`: also where the role was taken a moment ago."""
        owner = customer_id or PROVIDER
        action: Action = "govern" if customer_id is None else "read"
        if not may(person, action, customer_id).allowed and not (
            just_taken and self._just_lost(person, owner)
        ):
            require(person, action, customer_id)
        return Drafts(self.ledger, person.id, owner, self.clock.now(), self._draft_days)

    def _just_lost(self, person: Person, owner: str) -> bool:
        """Whether a role of the person for a ledger was taken not long ago."""
        since = self.clock.now() - _KEPT
        return any(t.covers(owner) and t.event.recorded_at > since for t in self._taken(person))

    def _typing(self, person: Person) -> Person:
        """The person with the grants held now, also where time alone has ended the sign-in, not long ago."""
        session = self._sessions.find(person.session_id) if person.session_id else None
        now = self.clock.real_now()
        if session is None or not session.has_expired(now) or now >= session.ends + _KEPT:
            return self._enter(person)[0]
        present, _ = self._enter(replace(person, session_id=None))
        return replace(present, grants=self._within_reach(session, present.grants))

    # --- files -----------------------------------------------------------------------------------

    @leaves_a_line("step_refused")
    def attach(self, person: Person, customer_id: str | None, name: str, content: bytes) -> FileRef:
        """Keep a file that is to be attached to something of a customer (None: of the provider's own ledger).

        Raises Forbidden, Refusal (empty, too large, not of the type that its name says), StoreError.
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

    # --- the provider's own ledger ---------------------------------------------------------------

    def _provider(self, head: Head | None) -> ProviderState:
        return self._parsed_provider(head.state) if head else ProviderState()

    def _provider_at(self, as_of: datetime | None) -> ProviderState:
        if as_of is None:
            return self._provider(self.ledger.head(PROVIDER))
        sequence = self.ledger.sequence_at(PROVIDER, as_of)
        return self._queries.get(
            ("state", PROVIDER, sequence),
            lambda: registry.fold_provider(self.ledger.events(PROVIDER, upto=sequence)),
        )

    @property
    def _newest_version(self) -> Agreement:
        """The newest version of the agreement, as published."""
        return self.agreements[max(self.agreements)]

    def _provider_context(self, state: ProviderState, sequence: int, now: datetime) -> Context:
        agreement = sub_processors.in_effect(self._newest_version, state.sub_processors.published, now)
        return Context(agreement, now, "provider", sequence=sequence)

    @leaves_a_line("look_refused")
    def open_provider(self, person: Person) -> ProviderFile:
        """The provider's own ledger, for a privacy officer. Raises Forbidden.

        Clause: 3.1(v), 3.1(x), Sch. 3 1.4(iii)
        """
        person, _ = self._enter(person)
        require(person, "govern", None)
        head = self.ledger.head(PROVIDER)
        state = self._provider(head)
        context = self._provider_context(state, head.sequence if head else 0, self.clock.now())
        return ProviderFile(person, state, context, self.people, self.ledger, self.files)

    @leaves_a_line("step_refused")
    def govern(self, person: Person, command: Command, expected_sequence: int) -> Receipt:
        """Record a step in the provider's own ledger, durable when this returns.

        Raises Forbidden, Refusal, Changed, StoreError.
        Clause: Sch. 2 1.1, 3.1(x), Sch. 3 1.4(iii)
        """

        def write(tx: Transaction) -> list[Event]:
            present, _ = self._enter(person)
            side = acting_side(present, command, None)
            head = tx.head(PROVIDER)
            now = tx.moment(head, self.clock.now())
            sequence = head.sequence if head else 0
            if sequence != expected_sequence:
                raise Changed(self.ledger.events(PROVIDER, after=expected_sequence))
            state = self._provider(head)
            context = self._named(command, state, self._provider_context(state, sequence, now))
            bodies = registry.decide(command, state, context)
            events = _Signature(present, side, None, context.agreement.version, now).sign(
                PROVIDER, head, bodies
            )
            new = registry.fold_provider(events, state)
            tx.append(head, events, self._parsed_provider.written(new, new.model_dump_json()), STATE_SCHEMA)
            self._put_provider_tasks(tx, new, now)
            facts.put_told(tx, state, new)
            self._put_objectors(tx, state, new, now)
            return events

        return self._record(write)

    def _put_objectors(
        self, tx: Transaction, before: ProviderState, provider: ProviderState, now: datetime
    ) -> None:
        """Objections to a change that was taken back no longer wait for anyone."""
        old, new = before.sub_processors.published, provider.sub_processors.published
        for change in (id for id, published in new.items() if id in old and published != old[id]):
            for (customer_id,) in self.ledger.rows(
                "SELECT DISTINCT customer_id FROM tasks WHERE key = $1", [f"notices/{change}"]
            ):
                state = self._state(tx.head(customer_id))
                self._put_tasks(tx, customer_id, state, provider, now)

    @leaves_a_line("step_refused")
    def import_usage(self, person: Person, figures: pa.Table) -> int:
        """Store monthly figures, all or none; those of the same month are replaced. How many rows."""
        person, _ = self._enter(person)
        require(person, "import_usage", None)
        self._until_written(lambda tx: tx.replace_usage(figures))
        return int(figures.num_rows)

    @leaves_a_line("look_refused")
    def usage_change(self, person: Person, figures: pa.Table) -> list[UsageChange]:
        """What an import of these figures would do, a customer each, by identifier."""
        person, _ = self._enter(person)
        require(person, "import_usage", None)
        rows = figures.to_pylist()
        customers = sorted({row["customer_id"] for row in rows})
        there = set(
            self.ledger.rows(
                "SELECT customer_id, data_type, month_start FROM usage_figures "
                "WHERE customer_id = ANY(CAST($1 AS VARCHAR[])) AND month_start >= $2",
                [customers, EARLIEST],
            )
        )
        return [
            UsageChange.of(customer, [row for row in rows if row["customer_id"] == customer], there)
            for customer in customers
        ]

    @leaves_a_line("look_refused")
    def count_usage(self, person: Person, chosen: UsageChoice) -> int:
        """How many monthly figures `remove_usage` would take out. Raises UsageError."""
        person, _ = self._enter(person)
        require(person, "import_usage", None)
        sql = f"SELECT count(*) FROM usage_figures WHERE {USAGE_CHOSEN}"  # noqa: S608  # a constant
        return int(self.ledger.rows(sql, chosen.values())[0][0])

    @leaves_a_line("step_refused")
    def remove_usage(self, person: Person, chosen: UsageChoice) -> int:
        """Take monthly figures out again, and say how many. Raises UsageError."""
        person, _ = self._enter(person)
        require(person, "import_usage", None)
        return self._until_written(lambda tx: tx.remove_usage(*chosen.values()))

    @leaves_a_line("step_refused")
    def advance_clock(self, person: Person, days: int) -> None:
        """Move the demo's clock forward. Raises Forbidden outside the demo."""
        clock = self.clock
        if not isinstance(clock, DemoClock):
            raise Forbidden("The date can be moved in the demo only.")
        if not 1 <= days <= 366:
            raise refuse("clock_range", "demo", "days", days=days)

        def write(tx: Transaction) -> list[Event]:
            head = tx.head(DEMO)
            events = chain(
                head,
                [("demo.clock_advanced", {"v": 1, "days": days})],
                customer_id=DEMO,
                recorded_at=tx.moment(head, clock.now()),
                actor=person.id,
                on_behalf_of="demo",
                agreement_version="",
            )
            before = json.loads(head.state)["days"] if head else 0
            tx.append(head, events, json.dumps({"days": before + days}), STATE_SCHEMA)
            return events

        self._record(write)
        clock.advance(days)

    def verify(self) -> list[Fault]:
        """The first fault of every ledger that has one, and what else `verify_part` and `verify_rest` find.
        What is only to be known is not among them."""
        found = [fault for part in parts(self.ledger) for fault in self.verify_part(part)]
        return [fault for fault in (*found, *self.verify_rest()) if not fault.note]

    def verify_part(self, part: Part) -> Iterator[Fault]:
        """What is wrong with some ledgers: the first fault of each, open tasks and what lists tell that do
        not follow from the rows, attached files that are missing or were changed; and notes."""
        states: dict[str, CustomerState] = {}
        provider, now = self._provider(self.ledger.head(PROVIDER)), self.clock.now()
        stored, more = self._stored_tasks(part), list[Fault]()
        past = closed.Past(self.ledger, part.first, part.last, STATE_SCHEMA)
        compared: dict[str, closed.Comparison] = {}

        def begin(id: str) -> Folding:
            compared[id] = past.of(id)
            return Folding(id, compared[id])

        def derived(id: str, head: Head) -> str | None:
            if id.startswith("@") and id != PROVIDER:
                return None
            state: CustomerState | ProviderState = provider
            if id != PROVIDER:
                state = states[id] = CustomerState.model_validate_json(head.state)
            more.extend(self._file_faults(id, head, (*registry.files(state), *past.files(id))))
            try:
                tasks = Counter(_standing(self._task_rows(id, state, provider, now), now))
            except AgreementMissing as missing:
                why = f"{missing} What is open was not compared."
                more.append(Fault(id, head.sequence, why, note=True))
                return None
            there = Counter(_standing(stored.get(id, ()), now))
            return None if tasks == there else "its open tasks do not follow from the rows"

        found = list(verify_ledgers(self.ledger, part, begin, STATE_SCHEMA, derived))
        named = {fault.customer_id for fault in found if not fault.note}
        others = "SELECT customer_id FROM heads WHERE state_schema <> $1 AND customer_id BETWEEN $2 AND $3"
        named |= {id for (id,) in self.ledger.rows(others, [STATE_SCHEMA, part.first, part.last])}
        for id in facts.unfit(self.ledger, states.items(), part.first, part.last):
            if id not in named:
                head = self.ledger.head(id)
                more.append(Fault(id, head.sequence if head else 0, _LISTED))
        for id in states:
            if id not in named and not compared[id].fits():
                head = self.ledger.head(id)
                more.append(Fault(id, head.sequence if head else 0, _PAST))
        yield from (*found, *more)

    def _stored_tasks(self, part: Part) -> dict[str, list[TaskRow]]:
        """The open tasks of some ledgers as they lie in the store, by ledger."""
        found: dict[str, list[TaskRow]] = {}
        rows = self.ledger.rows(
            "SELECT customer_id, customer_name, key, subject, about, step, parameters, waits_for, clause, "
            "due, begins, ends, opened_at, opened_by, entry FROM tasks WHERE customer_id BETWEEN $1 AND $2",
            [part.first, part.last],
        )
        for id, *row in rows:
            values = (v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row)
            found.setdefault(id, []).append(tuple(values))
        return found

    def _file_faults(self, id: str, head: Head, named: Iterable[FileRef]) -> Iterator[Fault]:
        for ref in {ref.sha256: ref for ref in named}.values():
            if self.files.read(ref.sha256) is None:
                why = f"the attached file “{ref.name}” is missing or was changed ({ref.sha256})"
                yield Fault(id, head.sequence, why)

    def verify_rest(self) -> Iterator[Fault]:
        """What is wrong beside the ledgers: rows of nobody's, figures that no import would have taken."""
        head = self.ledger.head(PROVIDER)
        if (head is None or head.state_schema == STATE_SCHEMA) and not facts.told_fit(
            self.ledger, self._provider(head)
        ):
            yield Fault(PROVIDER, head.sequence if head else 0, _LISTED)
        for id in facts.roles_unfit(self.ledger, PREFIX, STATE_SCHEMA):
            yield Fault(id, 0, _LISTED)
        for sql, why in _OF_NOBODY:
            for (id,) in self.ledger.rows(sql):
                yield Fault(str(id), 0, why)


def _standing(rows: Iterable[TaskRow], now: datetime) -> Iterator[TaskRow]:
    """Without the tasks that time has ended: they stay until their ledger is written to again."""
    for row in rows:
        ends = row[_ENDS]
        if not (isinstance(ends, datetime) and ends <= now):
            yield row


_ENDS = 10
"""Which column of a task says when it ends."""
_LISTED = "what lists tell of it does not follow from its rows"
_PAST = "what is closed, or a state kept of its past, does not follow from its rows"
_OF_NOBODY = (
    (
        "SELECT DISTINCT customer_id FROM tasks WHERE customer_id NOT IN (SELECT customer_id FROM heads) "
        "ORDER BY customer_id",
        "has open tasks, and no ledger",
    ),
    (
        "SELECT DISTINCT customer_id FROM usage_figures "
        "WHERE customer_id NOT IN (SELECT customer_id FROM heads) ORDER BY customer_id",
        "has usage figures, and no ledger",
    ),
    (
        "SELECT DISTINCT customer_id FROM usage_figures WHERE records < 0 OR bytes < 0 "
        "OR extract(day FROM month_start) <> 1 ORDER BY customer_id",
        "has usage figures that no import would have taken",
    ),
)


def demo_days(ledger: Ledger) -> int | None:
    """By how many days the demo's clock was moved; None where this is no demo store."""
    head = ledger.head(DEMO)
    return int(json.loads(head.state)["days"]) if head else None


@dataclass(frozen=True)
class _Signature:
    """Who records something, for which side, under which version of the agreement, and when (UTC)."""

    person: Person
    side: Side
    customer_id: str | None
    version: str
    now: datetime

    def sign(self, ledger_id: str, head: Head | None, bodies: Sequence[Body]) -> list[Event]:
        """The bodies as entries behind a ledger's head."""
        return chain(
            head,
            [(b.kind, b.model_dump(mode="json")) for b in bodies],
            customer_id=ledger_id,
            recorded_at=self.now,
            actor=self.person.id,
            on_behalf_of=str(self.customer_id) if self.side == "customer" else PROCESSOR,
            agreement_version=self.version,
        )


class RoleIsTaken(NamedTuple):
    """That a role was taken: in words, and when (UTC)."""

    sentence: str
    at: datetime


class _Taken(NamedTuple):
    """A role that was taken of a person."""

    event: Event
    body: grants.Revoked

    def covers(self, ledger_id: str | None) -> bool:
        """Whether it was for a customer, or for the provider's own ledger (None or its name)."""
        return self.body.role in grants.OF_PROVIDER or self.body.customer_id == ledger_id


class _Unopened(NamedTuple):
    """An account that signed in and opens nothing. `told`: the access log has it already."""

    account: Account
    told: bool


def _person(entry: Entry, session_id: str | None, came_from: str | None = None) -> Person:
    known = entry.known()
    return Person(entry.id, known.address, known.name, (), session_id, came_from)


def _sorted(roles: set[tuple[grants.Role, str | None]]) -> list[tuple[grants.Role, str | None]]:
    return sorted(roles, key=lambda r: (r[0], r[1] or ""))


def _unknown(customer_id: str) -> Refusal:
    return customers.refuse("unknown", customers.CLAUSE, "customer", id=customer_id[:60])


def _no_such_day(state: CustomerState, *, future: bool) -> Refusal:
    began = state.customer.since
    code = "day_to_come" if future else "nothing_recorded"
    name, first = state.customer.name, began or ""
    return refuse(code, PAST_CLAUSE, "as_of", name=name, began=first)


def _receipt(events: Sequence[Event]) -> Receipt:
    last = events[-1]
    return Receipt(last.customer_id, last.sequence, last.digest, last.recorded_at)


refuse = Refusals("application")
