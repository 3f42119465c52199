"""Who has access to one customer. Clause: Art. 32(4) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dpa_core.application import CustomerFile
from dpa_core.subjects import grants


@dataclass(frozen=True)
class Access:
    """One grant of one person for this customer. `since` in UTC; `by` as known now."""

    person_id: str
    email: str
    name: str
    role: grants.Role
    since: datetime
    by: str
    provider: str | None
    """The identity provider whose groups give it at each sign-in; None where a person gave it."""


def people(file: CustomerFile) -> list[Access]:
    """Everyone with a role for this customer, by role and address. Shows the present, whatever the
    file's moment: access is no part of the customer's configuration."""
    key = ("people", file.queries.roles_changed, file.people.changes)
    return file.cached(key, lambda: _people(file))


def _people(file: CustomerFile) -> list[Access]:
    found = []
    for ledger_id, g in file.reader.grants():
        if entry := file.people.of_ledger(ledger_id):
            known, by = entry.known(), file.people.who(g.by).address
            found.append(Access(entry.id, known.address, known.name, g.role, g.since, by, g.provider))
    order = list(grants.ROLES)
    return sorted(found, key=lambda a: (order.index(a.role), a.email))
