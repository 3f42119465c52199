"""What is not settled: coming changes, proposals without an answer, reviews and their actions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dpa_core.agreement import Agreement
from dpa_core.clock import STOCKHOLM
from dpa_core.office import CustomerFile
from dpa_core.subjects import retention, reviews
from dpa_core.views import matters

SIDES = {"customer": "the customer", "provider": "the provider"}


@dataclass(frozen=True)
class OpenItem:
    """One thing that waits. Times in UTC; `due_at` None where no time is set."""

    kind: str
    what: str
    waits_for: reviews.Side | None
    """Whose turn it is; None where only time has to pass."""
    due_at: datetime | None
    clause: str
    opened_at: datetime | None = None
    by: str | None = None
    sequence: int | None = None
    """The entry of the customer's ledger that opened it, where one of its own did."""


def open_items(file: CustomerFile) -> list[OpenItem]:
    """What waits at the file's moment, requests and notices among it, what is due first coming first."""
    own = waiting(file.state.retention, file.state.reviews, file.agreement, file.now)
    asked = [
        of_matter(m.page, m.title, m.next_step, m.waits_for, m.due, m.clause) for m in matters.waiting(file)
    ]
    return sorted(own + asked, key=by_date)


def waiting(
    periods: retention.State, held: reviews.State, agreement: Agreement, now: datetime
) -> list[OpenItem]:
    """The same of retention, reviews and proposals alone."""
    items = [
        *_coming_periods(periods, agreement, now),
        *_proposals(held, agreement),
        *_of_last_review(held),
    ]
    return sorted(items, key=by_date)


KINDS = {
    "audits": "Audit",
    "notices": "Sub-processor",
    "data_return": "Return and deletion",
    "assistance": "Assistance",
    "incidents": "Incident",
}
"""The page of a request or notice, and what a person calls one of its matters."""


def of_matter(
    page: str, title: str, next_step: str, waits_for: reviews.Side, due: datetime | None, clause: str
) -> OpenItem:
    """An open request, notice or objection."""
    return OpenItem(KINDS[page], f"{title}: {next_step}", waits_for, due, clause)


def by_date(item: OpenItem) -> tuple[bool, datetime, str, str]:
    """What is due first comes first, undated last; the same items always come in the same order."""
    return item.due_at is None, item.due_at or datetime.max.replace(tzinfo=UTC), item.kind, item.what


def _coming_periods(state: retention.State, agreement: Agreement, now: datetime) -> list[OpenItem]:
    grace = timedelta(days=agreement.retention.grace_days)
    waiting = [id for id, setting in state.settings.items() if setting.pending]
    return [
        OpenItem(
            kind="Coming retention period",
            what=f"{p.data_type.name}: {p.pending.days:,} days instead of {p.days:,}",
            waits_for=None,
            opened_at=p.pending.effective_at - grace,
            by=p.pending.by,
            due_at=p.pending.effective_at,
            sequence=p.pending.sequence,
            clause=retention.CLAUSE,
        )
        for p in (retention.period(id, state, agreement, now) for id in waiting)
        if p.pending
    ]


def _proposals(state: reviews.State, agreement: Agreement) -> list[OpenItem]:
    return [
        OpenItem(
            kind="Proposal",
            what=proposed(p, agreement),
            waits_for="customer",
            opened_at=p.saved_at,
            by=p.by,
            due_at=None,
            sequence=p.sequence,
            clause=reviews.INSTRUCTION_CLAUSE,
        )
        for p in state.open_proposals
    ]


def proposed(proposal: reviews.Proposal, agreement: Agreement) -> str:
    """What a proposal asks for: `Voicebot on, Voice off`."""
    names = {f.id: f.name for f in agreement.features}
    return ", ".join(f"{names.get(id, id)} {'on' if on else 'off'}" for id, on in proposal.changes.items())


def _of_last_review(state: reviews.State) -> list[OpenItem]:
    """The agreed actions stay open until the next review takes them up."""
    last = state.last
    if last is None:
        return []
    items = [
        OpenItem(
            kind="Agreed action",
            what=f"{action.what} ({SIDES[action.side]})",
            waits_for=action.side,
            opened_at=last.held_at,
            by=last.by,
            due_at=_end_of(action.due),
            sequence=last.sequence,
            clause=reviews.CLAUSE,
        )
        for action in last.actions
    ]
    if last.actions and last.confirmed_at is None:
        items.append(
            OpenItem(
                kind="Review",
                what="The customer’s admin has not confirmed the agreed actions",
                waits_for="customer",
                opened_at=last.held_at,
                by=last.by,
                due_at=None,
                sequence=last.sequence,
                clause=reviews.CLAUSE,
            )
        )
    return items


def _end_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(23, 59), STOCKHOLM) if day else None
