"""One row of the ledger and how rows are chained.

The digest of a row is SHA-256 over the RFC 8785 canonical JSON of all its other columns, among them
the digest of the row before. So no row can be changed, removed, moved or put in without every later
digest, and the head's, giving it away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import rfc8785

GENESIS = "0" * 64
"""`previous_digest` of the first row of a ledger."""


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded event. Times are in UTC; `body` carries its own version under `v`."""

    customer_id: str
    sequence: int
    recorded_at: datetime
    actor: str
    on_behalf_of: str
    agreement_version: str
    kind: str
    body: Mapping[str, Any]
    previous_digest: str
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of one ledger and the state folded up to it, as JSON."""

    customer_id: str
    sequence: int
    digest: str
    state: str
    state_schema: int
    recorded_at: datetime | None = field(default=None, compare=False)
    """When the last row was recorded (UTC), where it is known without asking: it lies in that row."""


def canonical(value: Any) -> str:
    """RFC 8785 canonical JSON, as text."""
    return rfc8785.dumps(value).decode()


def moment(at: datetime) -> str:
    """A time in UTC as it enters the digest: `2026-11-24T14:00:00.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_record(event: Event) -> dict[str, Any]:
    """All columns of a row, JSON-ready: what the digest covers, and the digest."""
    return {
        "customer_id": event.customer_id,
        "sequence": event.sequence,
        "recorded_at": moment(event.recorded_at),
        "actor": event.actor,
        "on_behalf_of": event.on_behalf_of,
        "agreement_version": event.agreement_version,
        "kind": event.kind,
        "body": event.body,
        "previous_digest": event.previous_digest,
        "digest": event.digest,
    }


def digest_of(event: Event) -> str:
    """SHA-256 of the row, in hexadecimal, over every column but the digest itself."""
    record = as_record(event)
    del record["digest"]
    return hashlib.sha256(rfc8785.dumps(record)).hexdigest()


def chain(
    head: Head | None,
    drafts: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    customer_id: str,
    recorded_at: datetime,
    actor: str,
    on_behalf_of: str,
    agreement_version: str,
) -> list[Event]:
    """Put (kind, body) pairs behind the head as rows of the ledger."""
    sequence = head.sequence if head else 0
    previous = head.digest if head else GENESIS
    events: list[Event] = []
    for kind, body in drafts:
        sequence += 1
        row = Event(
            customer_id,
            sequence,
            recorded_at,
            actor,
            on_behalf_of,
            agreement_version,
            kind,
            body,
            previous,
            digest="",
        )
        previous = digest_of(row)
        events.append(replace(row, digest=previous))
    return events
