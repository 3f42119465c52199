"""The customer itself: its name and the agreement version it is bound to.

Clauses: 1.2 (a customer enters the agreement by signing), 3.1(i) (instructions stand under a version).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dpa_core.agreement import Agreement
from dpa_core.subjects.common import Moment, NewEvent, Record, RecordedEvent, Refusal

CLAUSE = "1.2"
KIND = "customer.opened"

_RESERVED = frozenset({"processor", "demo"})
"""What `on_behalf_of` says of others than a customer."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class State(Record):
    """Empty until the customer is opened."""

    name: str = ""
    agreement_version: str = ""
    since: Moment | None = None


class Opened(Record):
    """`customer.opened`: a customer, bound to one version of the agreement."""

    v: Literal[1] = 1
    name: str
    agreement_version: str


@dataclass(frozen=True)
class Open:
    """Open a customer. `customer_id`: lower-case letters, digits and hyphens."""

    customer_id: str
    name: str


def decide(command: Open, state: State, agreement: Agreement, now: datetime) -> list[NewEvent]:
    """Record that the customer is bound to this version of the agreement. Clause: 1.2"""
    if state.name:
        raise Refusal(
            CLAUSE,
            f"There is a customer “{command.customer_id}” already: {state.name}.",
            "Choose another identifier.",
            "customer_id",
        )
    if not _ID.fullmatch(command.customer_id) or command.customer_id in _RESERVED:
        raise Refusal(
            CLAUSE,
            f"“{command.customer_id[:80]}” is no identifier for a customer.",
            "Use lower-case letters, digits and hyphens, 60 characters at the most.",
            "customer_id",
        )
    name = command.name.strip()
    if not 0 < len(name) <= 200:
        raise Refusal(CLAUSE, "A customer needs a name of 1 to 200 characters.", "Give its name.", "name")
    return [NewEvent(KIND, Opened(name=name, agreement_version=agreement.version))]


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    if event.kind != KIND:
        return state
    body = Opened.model_validate(event.body)
    return State(name=body.name, agreement_version=body.agreement_version, since=event.recorded_at)


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence."""
    body = Opened.model_validate(event.body)
    return f"{body.name} entered the agreement, version {body.agreement_version}"
