"""Who has access to one customer. Clause: Art. 32(4) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dpa_core.application import CustomerFile
from dpa_core.subjects import grants


@dataclass(frozen=True)
class Access:
    """One grant of one person for this customer. `since` in UTC."""

    email: str
    role: grants.Role
    since: datetime
    by: str


def people(file: CustomerFile) -> list[Access]:
    """Everyone with a role for this customer, by role and address. Shows the present, whatever the
    file's moment: access is no part of the customer's configuration."""
    return file.cached(("people", file.queries.roles_changed), lambda: _people(file))


def _people(file: CustomerFile) -> list[Access]:
    found = [Access(email, g.role, g.since, g.by) for email, g in file.reader.grants()]
    order = list(grants.ROLES)
    return sorted(found, key=lambda a: (order.index(a.role), a.email))
