"""What commands ask of the store, each run by whichever process has it open: the command, or a server.

A command reads and writes the files that its user names, and prints, itself. What is asked and answered here
goes as JSON through the server's socket, so an operation holds data only, and its answers have a type.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, ClassVar, Generic, Literal, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, TypeAdapter

from dpa_core.access import Forbidden, Person, operator
from dpa_core.agreement import AgreementError
from dpa_core.application import ALL, AgreementMissing, Application, Waiting, demo_days
from dpa_core.clock import Clock, DemoClock, end_of
from dpa_core.ledger import StoreError
from dpa_core.ledger.chain import as_record, canonical
from dpa_core.ledger.home import UNFINISHED
from dpa_core.locale import local_day
from dpa_core.settings import STORE, SettingsError, load_agreements, open_ledger
from dpa_core.snapshots.freeze import freeze
from dpa_core.snapshots.model import Snapshot
from dpa_core.subjects import customers, grants
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.usage import UsageChoice, UsageError

T = TypeVar("T")


class NotDone(Exception):
    """What a command asked for was not done. The message is for its user."""


def no_version(version: str, versions: Iterable[str]) -> str:
    """What to say of a version of the agreement that there is not."""
    return f"There is no version {version}. There are: {', '.join(sorted(versions))}."


class Operation(BaseModel, ABC, Generic[T]):
    """One thing asked of the store. Its class name is its name on the socket."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")
    answers: ClassVar[TypeAdapter[Any]] = TypeAdapter(str)
    """The type of each answer."""

    @abstractmethod
    def run(self, application: Application) -> Iterator[T]:
        """Do it, as the operator; give the answers one after the other. Raises what the application does."""


def _operator() -> Person:
    return operator(datetime.now(UTC))


@contextmanager
def own_office() -> Iterator[Application]:
    """The store under `$DPA_DATA_DIR`, opened by this process. Raises StoreInUse, StoreError, and what
    loading the agreements does."""
    agreements = load_agreements()
    with open_ledger(STATE_SCHEMA) as store:
        days = demo_days(store)
        yield Application(store, agreements, Clock() if days is None else DemoClock(days))


class ListCustomers(Operation[tuple[str, str]]):
    """Every customer, as (identifier, name), by name."""

    answers = TypeAdapter(tuple[str, str])

    def run(self, application: Application) -> Iterator[tuple[str, str]]:
        """Give the customers."""
        yield from application.directory(_operator(), limit=ALL)


class AddCustomer(Operation[str]):
    """Open a customer, bound to a version of the agreement; None: to the newest. Answers with the version."""

    id: str
    title: str
    version: str | None

    def run(self, application: Application) -> Iterator[str]:
        """Open it."""
        version = self.version or max(application.agreements)
        if version not in application.agreements:
            raise NotDone(no_version(version, application.agreements))
        application.open_customer(_operator(), customers.OpenCustomer(self.id, self.title), version)
        yield version


class ChangeAccess(Operation[str]):
    """Give a person a role, or take it away. Answers with the provider whose groups gave what is taken."""

    give: bool
    email: str
    role: grants.Role
    customer_id: str | None

    def run(self, application: Application) -> Iterator[str]:
        """Record it."""
        command = grants.GrantAccess if self.give else grants.RevokeAccess
        held = () if self.give else application.person(self.email).grants
        application.change_access(_operator(), command(self.email, self.role, self.customer_id))
        for grant in held:
            if (grant.role, grant.customer_id) == (self.role, self.customer_id) and grant.provider:
                yield grant.provider


class UnboundAccounts(Operation[Waiting]):
    """The accounts that wait to be confirmed, and those that were refused."""

    answers = TypeAdapter(Waiting)

    def run(self, application: Application) -> Iterator[Waiting]:
        """Give them."""
        yield from application.unbound_accounts(_operator())


class DecideAccount(Operation[str]):
    """Say whether an account is its address's owner's. No answer."""

    issuer: str
    subject: str
    status: Literal["bound", "refused"]

    def run(self, application: Application) -> Iterator[str]:
        """Record it."""
        account = application.people.account(self.issuer, self.subject)
        if account is None:
            raise NotDone("There is no such account.")
        application.decide_account(_operator(), account, self.status)
        yield from ()


class RenamePerson(Operation[str]):
    """Correct how a person is called. No answer."""

    email: str
    name: str

    def run(self, application: Application) -> Iterator[str]:
        """Record it."""
        application.rename_person(_operator(), application.person_at(self.email).id, self.name)
        yield from ()


class MovePerson(Operation[str]):
    """Have a person's mailbox at another address. No answer."""

    old: str
    new: str

    def run(self, application: Application) -> Iterator[str]:
        """Record it."""
        application.move_person(_operator(), application.person_at(self.old).id, self.new)
        yield from ()


class NoteExport(Operation[str]):
    """Write to the access log that a command hands a file over. No answer."""

    customer_id: str
    name: str
    digest: str

    def run(self, application: Application) -> Iterator[str]:
        """Write it."""
        application.note_export(_operator(), self.customer_id, self.name, self.digest)
        yield from ()


class ExportLedger(Operation[str]):
    """A customer's ledger, one canonical (RFC 8785) row a line."""

    customer_id: str

    def run(self, application: Application) -> Iterator[str]:
        """Give the rows, once the access log says so."""
        application.open(_operator(), self.customer_id)
        lines = [canonical(as_record(event)) for event in application.ledger.events(self.customer_id)]
        digest = sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        name = f"ledger of {self.customer_id}, JSON Lines"
        application.note_export(_operator(), self.customer_id, name, digest)
        yield from lines


class KnownUsage(Operation[tuple[list[str], list[str], date]]):
    """What usage figures may be of: (customers, data types, the present day in Stockholm)."""

    answers = TypeAdapter(tuple[list[str], list[str], date])

    def run(self, application: Application) -> Iterator[tuple[list[str], list[str], date]]:
        """Give them."""
        types = {t.id for version in application.agreements.values() for t in version.retention.data_types}
        known = [id for id, _ in application.directory(_operator(), limit=ALL)]
        yield known, sorted(types), local_day(application.clock.now())


class ImportUsage(Operation[str]):
    """Store monthly figures that `read_usage` has checked. No answer."""

    figures: bytes
    """As an Arrow stream."""

    @classmethod
    def of(cls, figures: pa.Table) -> ImportUsage:
        """The operation that stores this table."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(
            sink, figures.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
        ) as out:
            out.write_table(figures)
        return cls(figures=sink.getvalue().to_pybytes())

    def run(self, application: Application) -> Iterator[str]:
        """Store them, all or none."""
        application.import_usage(_operator(), pa.ipc.open_stream(self.figures).read_all())
        yield from ()


class RemoveUsage(Operation[int]):
    """Take monthly figures out again; empty: whichever. Answers with how many rows."""

    answers = TypeAdapter(int)
    customer: str
    data_type: str
    first: str
    last: str

    def run(self, application: Application) -> Iterator[int]:
        """Remove them."""
        chosen = UsageChoice(self.customer, self.data_type, self.first, self.last)
        yield application.remove_usage(_operator(), chosen)


class Freeze(Operation[Snapshot]):
    """A customer's configuration, now or as at the end of a past day."""

    answers = TypeAdapter(Snapshot)
    customer_id: str
    as_of: str | None
    """A day, as 2026-11-24."""

    def run(self, application: Application) -> Iterator[Snapshot]:
        """Give the snapshot."""
        moment = None
        if self.as_of:
            try:
                moment = end_of(date.fromisoformat(self.as_of), application.clock.now())
            except (ValueError, OverflowError):
                raise NotDone(f"“{self.as_of}” is no date such as 2026-11-24.") from None
        yield freeze(application.open(_operator(), self.customer_id, moment))


class CopyStore(Operation[str]):
    """A copy of the database as at one moment, made in the data folder.

    Answers with the name of a new folder there that holds it; whoever asked moves or removes it. What is left
    of it goes when the store is opened the next time.
    """

    def run(self, application: Application) -> Iterator[str]:
        """Make the copy, while others go on writing."""
        application.note_export(_operator(), None, "the whole store", "", kind="backed_up")
        folder = application.ledger.folder / f"{UNFINISHED}{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        application.ledger.copy_to(folder / STORE)
        yield folder.name


OPERATIONS: dict[str, type[Operation[Any]]] = {
    kind.__name__: kind
    for kind in (
        ListCustomers, AddCustomer, ChangeAccess, ExportLedger, UnboundAccounts, DecideAccount,
        RenamePerson, MovePerson, NoteExport, KnownUsage, ImportUsage, RemoveUsage,
        Freeze, CopyStore,
    )
}  # fmt: skip

EXPECTED = (
    AgreementError, AgreementMissing, Forbidden, NotDone, Refusal, SettingsError, StoreError, UsageError,
)  # fmt: skip
"""What an operation may raise that its user is told in the words of the error."""
