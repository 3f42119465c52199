"""Who has which role. A person's grants are a ledger of their own, so that sign-in reads one head.

Standard: Art. 32(4) GDPR (access only on instruction), ISO/IEC 27001 A.5.15.
"""

from __future__ import annotations

from typing import Literal

from dpa_core.addresses import canonical
from dpa_core.agreement import Agreement
from dpa_core.locale import Label, Value, worded
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusals, Side
from dpa_core.subjects.subject import Action, Body, Command, Context, Subject, rules

CLAUSE = "Art. 32(4) GDPR"

Role = Literal["customer_admin", "customer_reader", "account_manager", "privacy_officer"]
ROLES: dict[Role, str] = worded(Role)
OF_PROVIDER: frozenset[Role] = frozenset({"privacy_officer"})
"""Roles that go with no single customer."""


GROUPS_AT = "groups at "
"""Begins the name under which a role is given by a person's groups at an identity provider."""


class Grant(Record):
    """One role, for one customer or (privacy officers) for the provider."""

    role: Role
    customer_id: str | None
    since: Moment
    by: str

    @property
    def provider(self) -> str | None:
        """The identity provider whose groups gave it; None where a person did."""
        return self.by.removeprefix(GROUPS_AT) if self.by.startswith(GROUPS_AT) else None


class State(Record):
    """The grants a person holds."""

    email: str = ""
    grants: tuple[Grant, ...] = ()

    def has(self, role: Role, customer_id: str | None) -> bool:
        """Whether this very grant is held."""
        return any((g.role, g.customer_id) == (role, customer_id) for g in self.grants)


class _Change(Body):
    """A role of one person, for a customer or for the provider (None)."""

    email: str
    role: Role
    customer_id: str | None

    def names(self, agreement: Agreement) -> dict[str, Value]:
        of = f" of {self.customer_id}" if self.customer_id else ""
        return {"whom": f"{self.email}, {ROLES[self.role]}{of}"}


class Granted(_Change, kind="access.granted", words="Gave access: {whom}"):
    """A role is given."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        new = Grant(role=self.role, customer_id=self.customer_id, since=event.recorded_at, by=event.actor)
        return State(email=self.email, grants=(*state.grants, new))


class Revoked(_Change, kind="access.revoked", words="Took access away: {whom}"):
    """The same role, taken away."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        gone = (self.role, self.customer_id)
        left = tuple(g for g in state.grants if (g.role, g.customer_id) != gone)
        return State(email=self.email, grants=left)


class _ChangeAccess(Command):
    email: str
    role: Role
    customer_id: str | None = None

    def needs(self, side: Side) -> Action:
        """The right to give a customer's own roles, or any."""
        own = self.role in ("customer_admin", "customer_reader") and self.customer_id
        return "grant_customer_roles" if own else "grant_any_role"


class GrantAccess(_ChangeAccess, by="either"):
    """Give a person a role."""


class RevokeAccess(_ChangeAccess, by="either"):
    """Take a role away."""


ChangeAccess = GrantAccess | RevokeAccess


def normal_email(email: str) -> str:
    """The address in its canonical form. Refused where it is none."""
    address = canonical(email)
    if address is None:
        raise refuse("no_address", CLAUSE, "email", email=email[:80])
    return address


decide = rules()


@decide.register
def _grant_access(command: GrantAccess, state: State, context: Context) -> list[Body]:
    """A role that the person does not hold yet. Clause: Art. 32(4) GDPR"""
    email, title = _checked(command)
    if state.has(command.role, command.customer_id):
        raise refuse("held_already", CLAUSE, "email", email=email, role=title)
    return [Granted(email=email, role=command.role, customer_id=command.customer_id)]


@decide.register
def _revoke_access(command: RevokeAccess, state: State, context: Context) -> list[Body]:
    """A role that the person holds. Clause: Art. 32(4) GDPR"""
    email, title = _checked(command)
    if not state.has(command.role, command.customer_id):
        raise refuse("not_held", CLAUSE, "email", email=email, role=title)
    return [Revoked(email=email, role=command.role, customer_id=command.customer_id)]


def _checked(command: ChangeAccess) -> tuple[str, Label]:
    """The address and the role's title. Refused where the role, or what it is for, cannot be."""
    email = normal_email(command.email)
    if command.role not in ROLES:
        raise refuse("unknown_role", CLAUSE, "role", role=command.role, known=tuple(ROLES))
    title = Label(command.role, ROLES[command.role])
    if command.role in OF_PROVIDER and command.customer_id is not None:
        raise refuse("for_no_customer", CLAUSE, "customer", role=title)
    if command.role not in OF_PROVIDER and command.customer_id is None:
        raise refuse("for_one_customer", CLAUSE, "customer", role=title)
    return email, title


refuse = Refusals("grants")

GRANTS = Subject(
    name="grants",
    title="Access",
    page="access",
    state=State,
    events=(Granted, Revoked),
    decide=decide,
)
