"""Who has which role. A person's grants are a ledger of their own, so that sign-in reads one head.

Standard: Art. 32(4) GDPR (access only on instruction), ISO/IEC 27001 A.5.15.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dpa_core.subjects.common import Moment, NewEvent, Record, RecordedEvent, Refusal

CLAUSE = "Art. 32(4) GDPR"

Role = Literal["customer_admin", "customer_reader", "account_manager", "privacy_officer"]
ROLES: dict[Role, str] = {
    "customer_admin": "Customer admin",
    "customer_reader": "Customer reader",
    "account_manager": "Account manager",
    "privacy_officer": "Privacy officer",
}
OF_PROVIDER: frozenset[Role] = frozenset({"privacy_officer"})
"""Roles that go with no single customer."""

_EMAIL = re.compile(r"[^@\s<>()\[\]\\,;:\"]+@[^@\s<>()\[\]\\,;:\"]+\.[^@\s<>()\[\]\\,;:\"]+")


class Grant(Record):
    """One role, for one customer or (privacy officers) for the provider."""

    role: Role
    customer_id: str | None
    since: Moment
    by: str


class State(Record):
    """The grants a person holds."""

    email: str = ""
    grants: tuple[Grant, ...] = ()

    def has(self, role: Role, customer_id: str | None) -> bool:
        """Whether this very grant is held."""
        return any((g.role, g.customer_id) == (role, customer_id) for g in self.grants)


class Granted(Record):
    """`access.granted`: a role, for a customer or for the provider (None)."""

    v: Literal[1] = 1
    email: str
    role: Role
    customer_id: str | None


class Revoked(Record):
    """`access.revoked`: the same role, taken away."""

    v: Literal[1] = 1
    email: str
    role: Role
    customer_id: str | None


@dataclass(frozen=True)
class GrantAccess:
    """Give a person a role."""

    email: str
    role: Role
    customer_id: str | None = None


@dataclass(frozen=True)
class RevokeAccess:
    """Take a role away."""

    email: str
    role: Role
    customer_id: str | None = None


Command = GrantAccess | RevokeAccess


def normal_email(email: str) -> str:
    """The address as ledgers know it: without blanks, in lower case. Refused where it is none."""
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > 254:
        raise Refusal(
            CLAUSE, f"“{email[:80]}” is no e-mail address.", "Write it as name@company.example.", "email"
        )
    return address


def decide(command: Command, state: State, now: datetime) -> list[NewEvent]:
    """Record the grant, or that it is taken away. Clause: Art. 32(4) GDPR"""
    email = normal_email(command.email)
    if command.role not in ROLES:
        raise Refusal(
            CLAUSE, f"There is no role “{command.role}”.", f"Choose one of: {', '.join(ROLES)}.", "role"
        )
    title = ROLES[command.role]
    if (command.role in OF_PROVIDER) != (command.customer_id is None):
        raise Refusal(
            CLAUSE,
            f"{title} {'goes with no customer' if command.customer_id else 'is a role for one customer'}.",
            "Leave the customer out." if command.customer_id else "Name the customer.",
            "customer",
        )
    held = state.has(command.role, command.customer_id)
    match command:
        case GrantAccess():
            if held:
                raise Refusal(CLAUSE, f"{email} is {title} already.", "Nothing needs doing.", "email")
            body = Granted(email=email, role=command.role, customer_id=command.customer_id)
            return [NewEvent("access.granted", body)]
        case RevokeAccess():
            if not held:
                raise Refusal(CLAUSE, f"{email} is not {title}.", "Nothing needs doing.", "email")
            revoked = Revoked(email=email, role=command.role, customer_id=command.customer_id)
            return [NewEvent("access.revoked", revoked)]


def evolve(state: State, event: RecordedEvent) -> State:
    """The state after an event of this subject; any other event leaves it as it is."""
    match event.kind:
        case "access.granted":
            body = Granted.model_validate(event.body)
            new = Grant(role=body.role, customer_id=body.customer_id, since=event.recorded_at, by=event.actor)
            return State(email=body.email, grants=(*state.grants, new))
        case "access.revoked":
            gone = Revoked.model_validate(event.body)
            left = tuple(g for g in state.grants if (g.role, g.customer_id) != (gone.role, gone.customer_id))
            return State(email=gone.email, grants=left)
        case _:
            return state
