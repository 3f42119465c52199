"""Who has access to one customer. Clause: Art. 32(4) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dpa_core.office import CustomerFile
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
    return file.kept(("people", file.answers.roles_changed), lambda: _people(file))


def _people(file: CustomerFile) -> list[Access]:
    rows = file.ledger.rows(
        "SELECT state FROM heads WHERE customer_id LIKE '@person:%' AND contains(state, ?)",
        [f'"{file.customer_id}"'],
    )
    states = [grants.State.model_validate_json(state) for (state,) in rows]
    found = [
        Access(state.email, g.role, g.since, g.by)
        for state in states
        for g in state.grants
        if g.customer_id == file.customer_id
    ]
    order = list(grants.ROLES)
    return sorted(found, key=lambda a: (order.index(a.role), a.email))
