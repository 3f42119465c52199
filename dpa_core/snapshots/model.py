"""What a snapshot holds. Its JSON Schema is published in `schema-1.json`, which a test keeps equal to this.

Everything is written out in words of the agreement version, so that the file can be read without it.
Times are in UTC; days are calendar days in Stockholm. Instructions are named by their ledger sequence.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any, ClassVar, Final, Literal

import rfc8785
from pydantic import Field

from dpa_core.agreement.transfers import by_place
from dpa_core.subjects.common import Moment, Record
from dpa_core.subjects.features import Outside, outside

FORMAT: Final = "dpa-desk.snapshot"
VERSION: Final = 1


class Stamp(Record):
    """Since when something stands, by whom, and under which instruction, with the reason given."""

    since: Moment
    by: str
    instruction: int
    reason: str


class Customer(Record):
    """The controller."""

    id: str
    name: str
    since: Moment


class Provider(Record):
    """The processor."""

    name: str
    registration_number: str
    contact: str


class AgreementVersion(Record):
    """The version of the agreement that the customer is bound to."""

    version: str
    title: str
    published: date


class End(Record):
    """The end of the agreement, where one is recorded. `over`: that day has passed; from then on no feature
    is on. `all_deleted`: all data is recorded as deleted since, so that no sub-processor is engaged."""

    last_day: date
    over: bool
    all_deleted: bool
    side: Literal["customer", "provider"] = Field(description="Who ended it, or corrected that entry.")
    recorded_at: Moment
    by: str
    entry: int
    reason: str
    clause: str


class LedgerHead(Record):
    """The last entry of the customer's ledger that counts. The digest fixes all entries before it too."""

    sequence: int
    digest: str
    recorded_at: Moment


class Feature(Record):
    """An optional feature and how it stands. `set` is null where it was never switched (it is off)."""

    id: str
    name: str
    on: bool
    set: Stamp | None
    data_categories: tuple[str, ...]
    data_categories_basis: Literal["stated", "inferred"]
    clause: str
    # Absent, so that what was filed before disputes were shown comes out the same.
    suspended: str | None = Field(
        default=None,
        description="The change of the list over whose dispute a feature that is switched on does not run.",
        exclude_if=lambda title: title is None,
    )


class Place(Record):
    """A place of a sub-processor and what happens there."""

    id: str
    name: str
    role: Literal["processing", "delivery", "access"]
    third_country: bool
    note: str | None


class SubProcessor(Record):
    """An engaged sub-processor. `because`: the features that engage it; empty for a core one.

    `mechanisms`: as its row lists them; its transfers tell which of them serve which place."""

    id: str
    name: str
    kind: Literal["core", "optional"]
    purpose: str
    places: tuple[Place, ...]
    place_wording: str
    mechanisms: tuple[str, ...]
    because: tuple[str, ...]
    clause: str
    disputed: str | None = Field(
        default=None,
        description="The change of this entry that does not count for the customer, as it objects.",
        exclude_if=lambda title: title is None,
    )


class Transfer(Record):
    """A transfer to a place outside the EU and EEA."""

    sub_processor: str
    place: str
    role: Literal["processing", "delivery", "access"]
    mechanisms: tuple[str, ...]
    because: tuple[str, ...]
    clause: str


class Pending(Record):
    """A shorter period that has not taken effect yet."""

    days: int
    effective_at: Moment
    by: str
    instruction: int


class Retention(Record):
    """How long a data type is kept. `set` is null where the provider's default stands."""

    id: str
    name: str
    data_category: str
    days: int
    is_default: bool
    set: Stamp | None
    pending: Pending | None
    hold: Stamp | None
    deletion_resumes_at: Moment | None


class RetentionPart(Record):
    """Retention as a whole."""

    note: str
    clause: str
    periods: tuple[Retention, ...]


class Subscription(Record):
    """Who is told of new sub-processors."""

    address: str
    since: Moment


class OpenItem(Record):
    """A request, notice, objection, coming change, proposal or agreed action that is not settled yet.

    `opened_at`, `by` and `entry` are null where the customer's own ledger does not tell: a notice is
    opened by the provider's. Where a day is due, `due_at` is its last minute.
    """

    kind: str
    what: str
    waits_for: Literal["customer", "provider", "both"] | None
    due_at: Moment | None
    clause: str
    opened_at: Moment | None
    by: str | None
    entry: int | None


class Action(Record):
    """An action agreed on in a review."""

    what: str
    side: Literal["customer", "provider"]
    due: date | None


class Review(Record):
    """The review held last."""

    held_at: Moment
    by: str
    instruction: int
    notes: str
    actions: tuple[Action, ...]
    confirmed_at: Moment | None
    confirmed_by: str | None


class Measure(Record):
    """A technical or organisational measure, or a certification."""

    name: str
    summary: str
    clause: str


class Signed(Record):
    """What the provider signs as a whole."""

    MEMBER: ClassVar[str]
    """What it is called in the signed file."""

    def canonical(self) -> bytes:
        """RFC 8785 canonical JSON: the same state always gives these same bytes."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: the verification code."""
        return hashlib.sha256(self.canonical()).hexdigest()


class Snapshot(Signed):
    """One customer's configuration at one moment."""

    MEMBER: ClassVar[str] = "snapshot"

    format: Literal["dpa-desk.snapshot"] = FORMAT
    version: Literal[1] = VERSION
    as_at: date = Field(description="The calendar day in Stockholm that is shown, at its end or so far.")
    customer: Customer
    provider: Provider
    agreement: AgreementVersion
    # Absent, so that what was filed before ends were shown comes out the same.
    end: End | None = Field(
        default=None,
        description="Absent where no end of the agreement is recorded.",
        exclude_if=lambda end: end is None,
    )
    ledger: LedgerHead
    features: tuple[Feature, ...]
    sub_processors: tuple[SubProcessor, ...]
    transfers: tuple[Transfer, ...]
    retention: RetentionPart
    subscriptions: tuple[Subscription, ...]
    open_items: tuple[OpenItem, ...]
    review: Review | None
    measures: tuple[Measure, ...]
    certifications: tuple[Measure, ...]

    @property
    def outside(self) -> Outside:
        """What happens outside the EU and EEA, and at which places."""
        return outside((t.role, t.place) for t in self.transfers)

    def mechanisms_of(self, sub_processor: SubProcessor) -> str:
        """The mechanisms of an engaged sub-processor in a table's cell, each at the place it serves."""
        return by_place(
            (t.place, t.mechanisms) for t in self.transfers if t.sub_processor == sub_processor.name
        )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a signed snapshot file, as published."""
    snapshot = Snapshot.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    parts = snapshot.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signed configuration snapshot of DPA Desk, version 1",
        "description": "The signature is a JWS (RFC 7515) with detached payload: the RFC 8785 form of "
        "“snapshot”, signed with Ed25519 (RFC 8037, RFC 9864).",
        "type": "object",
        "properties": {
            "snapshot": {"$ref": "#/$defs/Snapshot"},
            "signature": {"type": "string", "pattern": r"^[\w-]+\.\.[\w-]+$"},
        },
        "required": ["snapshot", "signature"],
        "additionalProperties": False,
        "$defs": {**parts, "Snapshot": snapshot},
    }
