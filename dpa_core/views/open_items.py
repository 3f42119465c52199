"""What is not settled: requests, notices and objections, coming changes, proposals, agreed actions.

Clauses: 3.1(i), 3.1(viii) to (xii), Sch. 1 2, Sch. 2 1.1, Sch. 2 1.2
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dpa_core.agreement import Agreement
from dpa_core.locale import STOCKHOLM
from dpa_core.office import CustomerFile
from dpa_core.subjects import Matter, retention, reviews, sub_processors
from dpa_core.views import matters

SIDES = {"customer": "the customer", "provider": "the provider"}
KINDS = {
    "audits": "Audit",
    "notices": "Sub-processor change",
    "data_return": "Return and deletion",
    "assistance": "Assistance",
    "incidents": "Incident",
}
"""What a matter is called, by the page it is settled on."""


@dataclass(frozen=True)
class OpenItem:
    """One thing that waits. Times in UTC; `due_at` None where no time is set.

    Where a day is due, `due_at` is its last minute, so that it reads as that day.
    """

    page: str
    """Where it is settled."""
    kind: str
    what: str
    waits_for: reviews.Side | None
    """Whose turn it is; None where only time has to pass."""
    due_at: datetime | None
    clause: str
    opened_at: datetime | None = None
    by: str | None = None
    sequence: int | None = None
    """The entry of the customer's ledger that opened it; None where the provider's ledger did."""


def open_items(file: CustomerFile) -> list[OpenItem]:
    """What waits at the file's moment, what is due first coming first."""
    return in_order(
        [
            *map(of_matter, matters.waiting(file)),
            *coming_changes(file.changes, file.agreement, file.now),
            *of_settings(file.state.retention, file.state.reviews, file.agreement, file.now),
        ]
    )


def in_order(items: Iterable[OpenItem]) -> list[OpenItem]:
    """What is due first coming first, undated last. The same items always come in the same order."""

    def place(i: OpenItem) -> tuple[bool, float, int, str, str]:
        at = i.due_at or i.opened_at
        return i.due_at is None, at.timestamp() if at else 0.0, i.sequence or 0, i.kind, i.what

    return sorted(items, key=place)


def of_matter(matter: Matter) -> OpenItem:
    """A request, notice or objection as an open item."""
    return OpenItem(
        page=matter.page,
        kind=KINDS[matter.page],
        what=f"{matter.title} · {matter.next_step}",
        waits_for=matter.waits_for,
        due_at=_last_minute(matter.due),
        clause=matter.clause,
        opened_at=matter.opened_at,
        by=matter.by,
        sequence=matter.entry,
    )


def _last_minute(over: datetime | None) -> datetime | None:
    """The last minute of a period that is over at midnight; another moment as it is."""
    if over and over.astimezone(STOCKHOLM).time() == time():
        return over - timedelta(minutes=1)
    return over


def coming_changes(
    published: Mapping[int, sub_processors.Published], agreement: Agreement, now: datetime
) -> list[OpenItem]:
    """Changes to the list of sub-processors that were announced and do not count yet. Clause: Sch. 2 1.1"""
    return [
        OpenItem(
            page="notices",
            kind="Coming sub-processor change",
            what=sub_processors.title(p.change),
            waits_for=None,
            due_at=p.effective_at,
            clause=sub_processors.CLAUSE,
            opened_at=p.at,
        )
        for p in sub_processors.coming(agreement, published, now)
    ]


def of_settings(
    periods: retention.State, held: reviews.State, agreement: Agreement, now: datetime
) -> list[OpenItem]:
    """Coming retention periods, proposals without an answer, and what the last review left to do."""
    return [
        *_coming_periods(periods, agreement, now),
        *_proposals(held, agreement),
        *_of_last_review(held),
    ]


def _coming_periods(state: retention.State, agreement: Agreement, now: datetime) -> list[OpenItem]:
    grace = timedelta(days=agreement.retention.grace_days)
    waiting = [id for id, setting in state.settings.items() if setting.pending]
    return [
        OpenItem(
            page="retention",
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
            page="review",
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
            page="review",
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
                page="review",
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
