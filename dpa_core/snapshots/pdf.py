"""A snapshot or certificate as a PDF to be filed: PDF/A-3a and PDF/UA-1 at once, the signed JSON attached.

The template only lays out texts that it reads from a JSON file; nothing of them is ever taken for code.
Standard: ISO 19005-3 (PDF/A-3a), ISO 14289-1 (PDF/UA-1).
"""

from __future__ import annotations

from datetime import date, datetime
from importlib import resources
from typing import Any

from dpa_core.documents import typeset
from dpa_core.locale import day, day_in_full, deadline, minute, minute_in_full
from dpa_core.snapshots import charts, model
from dpa_core.snapshots.certificate import Certificate
from dpa_core.snapshots.tables import disputed, place, state
from dpa_core.subjects.common import SIDES
from dpa_core.subjects.features import OUTSIDE

_WAITS_FOR = {"customer": "Customer", "provider": "Provider", "both": "Either side", None: "Nobody"}


def render(document: model.Snapshot | Certificate, signed: bytes) -> bytes:
    """The PDF. `signed`: what `KeyRing.sign` made of it. The same input gives the same bytes."""
    name = document.MEMBER
    template = (resources.files(__package__) / f"{name}.typ").read_bytes()

    def files(shown: typeset.Shown) -> dict[str, bytes]:
        inside = {f"{name}.json": signed}
        if isinstance(document, Certificate):
            return inside
        places, periods = charts.places(document, shown), charts.periods(document, shown)
        return inside | {"places.svg": places.encode(), "periods.svg": periods.encode()}

    view = _certificate(document) if isinstance(document, Certificate) else _view(document)
    return typeset.pdf(template, view, document.ledger.recorded_at, ["a-3a", "ua-1"], files)


# --- texts ---------------------------------------------------------------------------------------


def _day(at: datetime | date | None) -> str:
    return day(at) if at else ""


def _by(stamp: model.Stamp | None, otherwise: str) -> str:
    """`3 Mar 2026, by anna@nord.example, instruction 4: the reason`."""
    if stamp is None:
        return otherwise
    text = f"{_day(stamp.since)}, by {stamp.by}, instruction {stamp.instruction}"
    return f"{text}: {stamp.reason}" if stamp.reason else text


def _period_note(p: model.Retention) -> str:
    parts = [_by(p.set, "Provider’s default")]
    if p.pending:
        parts.append(
            f"Becomes {p.pending.days:,} days on {_day(p.pending.effective_at)} (by {p.pending.by}, "
            f"instruction {p.pending.instruction})"
        )
    if p.hold:
        parts.append(f"Legal hold since {_by(p.hold, '')}")
    if p.deletion_resumes_at:
        parts.append(f"Deletion resumes on {_day(p.deletion_resumes_at)}")
    return ". ".join(parts)


def _opened(i: model.OpenItem) -> str:
    """`3 Mar 2026, by anna@nord.example, entry 4`, as far as it is known."""
    by, entry = f"by {i.by}" if i.by else "", f"entry {i.entry}" if i.entry else ""
    return ", ".join(part for part in (_day(i.opened_at), by, entry) if part)


def _due(i: model.OpenItem) -> str:
    """Until when, or the day on which it comes about by itself."""
    if i.due_at is None:
        return "None"
    return deadline(i.due_at) if i.waits_for else day(i.due_at)


def _end(end: model.End | None) -> list[list[str]]:
    """That the agreement ends or ended, by whom and why."""
    if end is None:
        return []
    gone = " All data is recorded as deleted." if end.all_deleted else ""
    text = (
        f"{'Ended' if end.over else 'Ends'} on {_day(end.last_day)}, recorded {minute(end.recorded_at)} by "
    )
    by = f"{end.by} for {SIDES[end.side]} (entry {end.entry}, {end.clause}): {end.reason}"
    return [["End of the agreement", f"{text}{by}{'' if end.reason.endswith('.') else '.'}{gone}"]]


def _view(s: model.Snapshot) -> dict[str, Any]:
    """All that the template prints, as texts."""
    on = [f for f in s.features if f.on]
    held = [p for p in s.retention.periods if p.hold]
    return {
        "alt": {"places": charts.places_in_words(s), "periods": charts.periods_in_words(s)},
        "customer": s.customer.name,
        "provider": s.provider.name,
        "provider_details": f"{s.provider.name}, {s.provider.registration_number}",
        "contact": s.provider.contact,
        "as_at": _day(s.as_at),
        "agreement": f"{s.agreement.title}, version {s.agreement.version}",
        "facts": [
            ["Customer", f"{s.customer.name} ({s.customer.id}), since {_day(s.customer.since)}"],
            ["Provider", f"{s.provider.name}, registration number {s.provider.registration_number}"],
            ["Agreement", f"{s.agreement.title}, published {_day(s.agreement.published)}"],
            *_end(s.end),
            ["Shown as at", f"{_day(s.as_at)} (calendar day in Stockholm)"],
            ["Last ledger entry", f"{s.ledger.sequence}, recorded {minute(s.ledger.recorded_at)}"],
        ],
        "figures": [
            [str(len(on)), f"of {len(s.features)} optional features on"],
            [str(len(s.sub_processors)), "sub-processors engaged"],
            *([str(len(s.outside[role])), name] for role, name in OUTSIDE.items()),
            [str(len(held)), "data types under a legal hold"],
            [str(len(s.open_items)), "open items"],
        ],
        "features": [
            [f.name, state(f), _by(f.set, "Never switched"), ", ".join(f.data_categories),
             f.clause]
            for f in s.features
        ],
        "sub_processors": [
            [disputed(x), x.purpose, "; ".join(place(p) for p in x.places),
             s.mechanisms_of(x), ", ".join(x.because) or "Core: always engaged", x.clause]
            for x in s.sub_processors
        ],
        "transfers": [
            [t.sub_processor, t.place, {"processing": "Processing", "delivery": "Delivery (CDN)",
                                        "access": "Possible access"}[t.role],
             " + ".join(t.mechanisms), ", ".join(t.because) or "Core service", t.clause]
            for t in s.transfers
        ],
        "retention_note": s.retention.note,
        "retention_clause": s.retention.clause,
        "retention": [[p.name, p.data_category, f"{p.days:,}", _period_note(p)] for p in s.retention.periods],
        "subscriptions": [[x.address, _day(x.since)] for x in s.subscriptions],
        "open_items": [
            [i.kind, i.what, _WAITS_FOR[i.waits_for], _opened(i),
             _due(i), i.clause]
            for i in s.open_items
        ],
        "review": _review(s.review),
        "measures": [[m.name, m.summary, m.clause] for m in (*s.certifications, *s.measures)],
        "code": _in_groups(s.digest),
        "head": _in_groups(s.ledger.digest),
    }  # fmt: skip


def _review(review: model.Review | None) -> dict[str, Any] | None:
    if review is None:
        return None
    confirmed = "The agreed actions are not confirmed by the customer’s admin yet."
    if review.confirmed_at:
        confirmed = f"Confirmed by {review.confirmed_by} on {_day(review.confirmed_at)}."
    elif not review.actions:
        confirmed = "No actions were agreed."
    return {
        "held": f"Held on {_day(review.held_at)} by {review.by}, entry {review.instruction}. {confirmed}",
        "notes": review.notes,
        "actions": [[a.what, a.side.capitalize(), _day(a.due) or "None"] for a in review.actions],
    }


def _certificate(c: Certificate) -> dict[str, Any]:
    """The texts of a certificate of deletion."""
    order = c.order
    why = f"{order.wish}, order {order.id} of {minute_in_full(order.at)}, by {order.by}"
    if order.assumed:
        why = (
            "Assumed under clause 3.1(xi), as no return was asked for in time after the end of the agreement"
        )
    facts = [["Deleted on", day_in_full(c.deleted_on)], ["Order", why]]
    if order.reason:
        facts.append(["Reason of the order", order.reason])
    facts += [
        ["Recorded", f"{minute_in_full(c.ledger.recorded_at)} by {c.recorded_by}, entry {c.ledger.sequence}"],
        ["Issued", day_in_full(c.issued_at)],
    ]
    return {
        "provider": c.provider.name,
        "provider_details": f"{c.provider.name} ({c.provider.registration_number})",
        "contact": c.provider.contact,
        "customer": c.customer.name,
        "agreement": f"{c.agreement.title} of {day_in_full(c.agreement.published)}",
        "issued": day_in_full(c.issued_at),
        "facts": facts,
        "deleted": [[d.category, d.name] for d in c.deleted],
        "kept": [
            [k.data.category, k.data.name, g.ground, g.law, day_in_full(g.until)]
            for k in c.kept
            for g in k.exceptions
        ],
        "waits": [[d.category, d.name] for d in c.waits],
        "own": [[p.name, p.summary, p.clause] for p in c.own_purposes],
        "code": _in_groups(c.digest),
        "entry": _in_groups(c.ledger.digest),
    }


def _in_groups(digest: str) -> list[str]:
    return [digest[i : i + 8] for i in range(0, 64, 8)]
