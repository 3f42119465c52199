"""What a certificate of a deletion holds. It is signed, and verified, as a snapshot is.

Everything is written out in words of the agreement version of the entry that recorded the deletion.
Clause: 3.1(xi), Sch. 1 3.3
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Final, Literal

from dpa_core.snapshots.model import AgreementVersion, LedgerHead, Provider, Signed
from dpa_core.subjects.common import Moment, Record

FORMAT: Final = "dpa-desk.deletion-certificate"
VERSION: Final = 1


class Customer(Record):
    """The controller."""

    id: str
    name: str


class Order(Record):
    """What the deletion was carried out on: an instruction, or the wish that is assumed after the end."""

    id: int
    at: Moment
    by: str
    """Empty where the deletion was assumed."""
    wish: str
    reason: str
    assumed: bool


class Data(Record):
    """A data type with its data category; both have one name where the category has no data types."""

    id: str
    name: str
    category: str


class Ground(Record):
    """A law or rule under which data is kept, until the end of a day in Stockholm."""

    ground: str
    law: str
    until: date


class Kept(Record):
    """A data type that was not deleted, with every exception that stood for it."""

    data: Data
    exceptions: tuple[Ground, ...]


class Purpose(Record):
    """A purpose for which the provider processes as a controller of its own."""

    name: str
    summary: str
    clause: str


class Certificate(Signed):
    """One deletion as it was recorded. A data type stands in one of the three lists at the most."""

    MEMBER: ClassVar[str] = "certificate"

    format: Literal["dpa-desk.deletion-certificate"] = FORMAT
    version: Literal[1] = VERSION
    issued_at: Moment
    """When the deletion was recorded: the same however often the certificate is made."""
    customer: Customer
    provider: Provider
    agreement: AgreementVersion
    order: Order
    deleted_on: date
    recorded_by: str
    deleted: tuple[Data, ...]
    kept: tuple[Kept, ...]
    waits: tuple[Data, ...]
    """Of an assumed deletion: what is not deleted yet: held, or in a category with held data."""
    own_purposes: tuple[Purpose, ...]
    """For these the provider may keep data as a controller of its own; no order of a customer deletes it."""
    ledger: LedgerHead
    """The entry that recorded the deletion."""
