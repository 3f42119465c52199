"""Who may do what to which customer: the one place that decides it, and can say why.

What a person may do follows from its grants in the ledger, read anew on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dpa_core.subjects import grants as roles
from dpa_core.subjects.common import Side
from dpa_core.subjects.subject import Action, Command

_OVER_ACCOUNTS: frozenset[Action] = frozenset(
    {"grant_customer_roles", "grant_any_role", "open_customer", "import_usage"}
)
_ALLOWED: dict[roles.Role, frozenset[Action]] = {
    "customer_admin": frozenset({"read", "instruct", "take_snapshot", "grant_customer_roles"}),
    "customer_reader": frozenset({"read"}),
    "account_manager": frozenset({"read", "take_snapshot", "hold_review"}),
    "privacy_officer": _OVER_ACCOUNTS | {"read", "respond", "govern", "take_snapshot", "hold_review"},
}
CUSTOMER_ROLES: frozenset[roles.Role] = frozenset({"customer_admin", "customer_reader"})


def rights_of(role: roles.Role) -> frozenset[Action]:
    """What a role allows."""
    return _ALLOWED[role]


def side_of(role: roles.Role) -> Side:
    """The side for which a role acts."""
    return "customer" if role in CUSTOMER_ROLES else "provider"


class Forbidden(Exception):
    """The person may not do this. The message is for the screen and tells nothing of the customer.

    `needed`: the rights of which any would allow it, where a role gives them.
    """

    def __init__(self, message: str, needed: frozenset[Action] = frozenset()) -> None:
        super().__init__(message)
        self.needed = needed


class RoleTaken(Forbidden):
    """The person had a role that allowed this, and it was taken. The message says when, and by whom."""


@dataclass(frozen=True)
class Person:
    """Someone with the grants held at this moment."""

    id: str
    """Names the person in entries of the ledger and says nothing; empty for somebody not in the directory."""
    email: str
    name: str
    grants: tuple[roles.Grant, ...]
    session_id: str | None = None
    """The sign-in by which the person is here; None for one who did not sign in through a browser."""
    came_from: str | None = None
    """The network address of the person's browser, as far as the server knows it."""
    is_operator: bool = False
    """Whoever runs commands on the server's own terminal; no ledger holds its grants."""

    @property
    def is_provider(self) -> bool:
        """Whether the person works for the provider in any role."""
        return any(g.role not in CUSTOMER_ROLES for g in self.grants)

    @property
    def sees_all(self) -> bool:
        """Whether every customer is open to the person."""
        return any(g.role in roles.OF_PROVIDER for g in self.grants)

    @property
    def customer_ids(self) -> tuple[str, ...]:
        """The customers named in the person's grants, each once, sorted."""
        return tuple(sorted({g.customer_id for g in self.grants if g.customer_id}))

    def role_for(self, customer_id: str | None) -> roles.Role | None:
        """The role under which the person acts for this customer: the one that allows most."""
        held = {g.role for g in self.grants if g.customer_id in (customer_id, None)}
        return next((r for r in roles.ROLES if r in held), None)


def operator(now: datetime) -> Person:
    """Whoever runs commands on the server's own terminal: may do what a privacy officer may. `now` in UTC."""
    grant = roles.Grant(role="privacy_officer", customer_id=None, since=now, by="operator")
    return Person("operator", "operator", "Operator", (grant,), is_operator=True)


@dataclass(frozen=True)
class Decision:
    """Whether an action is allowed, and the rule behind it."""

    allowed: bool
    rule: str


def may(person: Person, action: Action, customer_id: str | None, side: Side | None = None) -> Decision:
    """Whether the person may do this to this customer (None: to the provider's own ledger).

    `side`: by a role of that side; None: by any role.
    Clause: Art. 28(3)(a) and Art. 32(4) GDPR
    """
    for grant in person.grants:
        covers = grant.role in roles.OF_PROVIDER or grant.customer_id == customer_id
        if covers and action in _ALLOWED[grant.role] and side in (None, side_of(grant.role)):
            scope = grant.customer_id or "the provider"
            return Decision(True, f"{roles.ROLES[grant.role]} of {scope} may {action}")
    return Decision(False, f"no grant of {person.email} allows {action} on {customer_id or 'the provider'}")


_REFUSED = "Your role does not allow this step. Ask an admin of the customer, or the privacy officer."


def require(person: Person, action: Action, customer_id: str | None) -> None:
    """Raise Forbidden unless allowed. The message is the same whether or not the customer exists."""
    if may(person, action, customer_id).allowed:
        return
    if action == "read":
        raise Forbidden(
            f"There is no customer “{(customer_id or '')[:60]}” that you may open. "
            "Check the address, or ask your privacy officer for access.",
            frozenset({action}),
        )
    raise Forbidden(_REFUSED, frozenset({action}))


def acting_side(person: Person, command: Command, customer_id: str | None) -> Side:
    """The side for which the person gives a command: the customer's where a role allows both.

    Raises Forbidden where no role of a side that may give it allows it.
    """
    for side in command.by:
        if may(person, command.needs(side), customer_id, side).allowed:
            return side
    raise Forbidden(_REFUSED, frozenset(command.needs(side) for side in command.by))


def looking_side(person: Person, customer_id: str) -> Side:
    """The side whose steps a person is shown: the one for which a role allows any, the customer's first."""
    if may(person, "instruct", customer_id).allowed:
        return "customer"
    role = person.role_for(customer_id)
    if role is None or may(person, "respond", customer_id).allowed:
        return "provider"
    return side_of(role)


@dataclass(frozen=True)
class Identity:
    """What an identity provider vouches for, checked by the rules that the settings have for it.

    Standard: OpenID Connect Core 1.0, 2 and 5.7
    """

    provider: str
    """Its name in the settings."""
    issuer: str
    subject: str
    email: str
    """Verified, in canonical form."""
    name: str
    roles: frozenset[tuple[roles.Role, str | None]] | None = None
    """The roles that the person's groups give, each for a customer or the provider (None); None where
    this provider's groups give none."""


class SignInAgain(Exception):
    """The sign-in is over. The message is for the screen."""


class Unconfirmed(Exception):
    """The account is not the one by which this person signs in; it waits for somebody's word, or was
    refused. The message is for the screen."""


EXPIRED = "Your sign-in has expired. Please sign in again."
ENDED = "This sign-in was ended. Please sign in again."
WAITS = (
    "This address belongs to somebody who signs in by another account. An admin of your company, or the "
    "provider’s privacy officer, has to confirm that this account is yours too."
)
REFUSED = "Somebody who gives access has said that this account is not the one of this address’s owner."
