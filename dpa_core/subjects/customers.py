"""The customer itself: its name and the agreement version it is bound to.

Clauses: 1.2 (a customer enters the agreement by signing), 3.1(i) (instructions stand under a version).
"""

from __future__ import annotations

import re

from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Subject, rules

CLAUSE = "1.2"
MAX_NAME = 200
"""Characters a customer's name may have."""

_RESERVED = frozenset({"processor", "demo"})
"""What `on_behalf_of` says of others than a customer."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class State(Record):
    """Empty until the customer is opened."""

    name: str = ""
    agreement_version: str = ""
    since: Moment | None = None


class Opened(Body, kind="customer.opened", words="{name} entered the agreement, version {agreement_version}"):
    """A customer, bound to one version of the agreement."""

    name: str
    agreement_version: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        return State(name=self.name, agreement_version=self.agreement_version, since=event.recorded_at)


class OpenCustomer(Command, by="provider", action="open_customer"):
    """Open a customer. `customer_id`: lower-case letters, digits and hyphens."""

    customer_id: str
    name: str


decide = rules()


@decide.register
def _open_customer(command: OpenCustomer, state: State, context: Context) -> list[Body]:
    """The customer is bound to the context's version of the agreement. Clause: 1.2"""
    id, name = command.customer_id, command.name.strip()
    if state.name:
        raise refuse("exists", CLAUSE, "customer_id", id=id, name=state.name)
    if not _ID.fullmatch(id) or id in _RESERVED:
        raise refuse("no_identifier", CLAUSE, "customer_id", id=id[:80])
    if not 0 < len(name) <= MAX_NAME:
        raise refuse("no_name", CLAUSE, "name", limit=MAX_NAME)
    return [Opened(name=name, agreement_version=context.agreement.version)]


refuse = Refusals("customers")

CUSTOMERS = Subject(
    name="customer", title="Agreement", page="agreement", state=State, events=(Opened,), decide=decide
)
