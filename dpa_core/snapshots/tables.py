"""A snapshot as tables: what the spreadsheet and the CSV files hold, a part each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dpa_core.agreement.transfers import at_place
from dpa_core.locale import local_day
from dpa_core.snapshots import model
from dpa_core.subjects.common import SIDES
from dpa_core.subjects.features import OUTSIDE
from dpa_core.tabular import Cell


@dataclass(frozen=True)
class Table:
    """A part. Every row has as many cells as there are columns."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def _joined(parts: Sequence[str]) -> str:
    return "; ".join(parts)


def _stamp(stamp: model.Stamp | None) -> tuple[Cell, ...]:
    return (stamp.since, stamp.by, stamp.instruction, stamp.reason) if stamp else (None, None, None, None)


_STAMP = ("since (UTC)", "by", "instruction", "reason")


def tables(s: model.Snapshot) -> tuple[Table, ...]:
    """The parts of a snapshot, in reading order."""
    return (
        _summary(s),
        _features(s),
        _sub_processors(s),
        _transfers(s),
        _retention(s),
        Table(
            "Subscriptions", ("address", "since (UTC)"), tuple((x.address, x.since) for x in s.subscriptions)
        ),
        _open_items(s),
        Table("Last review", ("fact", "value"), _review(s.review)),
        _measures(s),
    )


def _summary(s: model.Snapshot) -> Table:
    return Table(
        "Summary",
        ("fact", "value"),
        (
            ("Customer", s.customer.name),
            ("Customer identifier", s.customer.id),
            ("As at", s.as_at),
            ("Agreement", s.agreement.title),
            ("Agreement version", s.agreement.version),
            ("Provider", f"{s.provider.name} ({s.provider.registration_number})"),
            *_end(s.end),
            *((f"{name}: places", len(s.outside[role])) for role, name in OUTSIDE.items()),
            *_end(s.end),
            ("Last ledger entry", s.ledger.sequence),
            ("Recorded at (UTC)", s.ledger.recorded_at),
            ("Ledger digest", s.ledger.digest),
            ("Verification code (SHA-256)", s.digest),
        ),
    )


def _end(end: model.End | None) -> tuple[tuple[Cell, ...], ...]:
    if end is None:
        return ()
    return (
        ("Agreement ended on" if end.over else "Agreement ends on", end.last_day),
        ("End recorded at (UTC)", end.recorded_at),
        ("End recorded by", f"{end.by}, for {SIDES[end.side]}, entry {end.entry}"),
        ("Reason of the end", end.reason),
        ("All data recorded as deleted", "yes" if end.all_deleted else "no"),
    )


def state(f: model.Feature) -> str:
    """How a feature stands, in a table's cell: a suspended one is switched on, and does not run."""
    if f.suspended:
        return f"Suspended ({f.suspended})"
    return "On" if f.on else "Off"


def disputed(s: model.SubProcessor) -> str:
    """A sub-processor's name in a table's cell, with what is disputed about it."""
    return f"{s.name} (disputed: {s.disputed})" if s.disputed else s.name


def _features(s: model.Snapshot) -> Table:
    columns = ("feature", "state", *_STAMP, "data categories", "basis of categories", "clause")
    rows = tuple(
        (
            f.name,
            state(f)[0].lower() + state(f)[1:],
            *_stamp(f.set),
            _joined(f.data_categories),
            f.data_categories_basis,
            f.clause,
        )
        for f in s.features
    )
    return Table("Features", columns, rows)


def _sub_processors(s: model.Snapshot) -> Table:
    return Table(
        "Sub-processors",
        ("sub-processor", "kind", "purpose", "places", "place as worded", "mechanisms", "because of",
         "clause"),
        tuple(
            (disputed(x), x.kind, x.purpose, _joined([place(p) for p in x.places]), x.place_wording,
             s.mechanisms_of(x), _joined(x.because), x.clause)
            for x in s.sub_processors
        ),
    )  # fmt: skip


def _transfers(s: model.Snapshot) -> Table:
    columns = ("sub-processor", "place", "what happens there", "mechanisms", "because of", "clause")
    rows = tuple(
        (t.sub_processor, t.place, t.role, _joined(t.mechanisms), _joined(t.because), t.clause)
        for t in s.transfers
    )
    return Table("Transfers", columns, rows)


def _retention(s: model.Snapshot) -> Table:
    return Table(
        "Retention",
        ("data type", "data category", "days", "provider's default", *_STAMP, "coming days",
         "effective (UTC)", "legal hold since (UTC)", "hold by", "hold reason", "deletion resumes (UTC)"),
        tuple(
            (
                p.name, p.data_category, p.days, "yes" if p.is_default else "no", *_stamp(p.set),
                *((p.pending.days, p.pending.effective_at) if p.pending else (None, None)),
                *((p.hold.since, p.hold.by, p.hold.reason) if p.hold else (None, None, None)),
                p.deletion_resumes_at,
            )
            for p in s.retention.periods
        ),
    )  # fmt: skip


def _open_items(s: model.Snapshot) -> Table:
    # The day as the app shows it: in UTC, the last minute of some days falls on the day before.
    columns = ("kind", "what", "waits for", "opened (UTC)", "by", "day (Stockholm)", "due (UTC)", "entry",
               "clause")  # fmt: skip
    rows = tuple(
        (i.kind, i.what, i.waits_for, i.opened_at, i.by, local_day(i.due_at) if i.due_at else None, i.due_at,
         i.entry, i.clause)
        for i in s.open_items
    )  # fmt: skip
    return Table("Open items", columns, rows)


def _measures(s: model.Snapshot) -> Table:
    columns = ("kind", "name", "summary", "clause")
    rows = tuple(
        (kind, m.name, m.summary, m.clause)
        for kind, parts in (("measure", s.measures), ("certification", s.certifications))
        for m in parts
    )
    return Table("Measures", columns, rows)


def place(p: model.Place) -> str:
    """A place and, where it is not plain processing, what happens there."""
    return at_place(p.name, p.role)


def _review(review: model.Review | None) -> tuple[tuple[Cell, ...], ...]:
    if review is None:
        return ()
    rows: list[tuple[Cell, ...]] = [
        ("Held at (UTC)", review.held_at),
        ("Held by", review.by),
        ("Notes", review.notes),
        ("Confirmed at (UTC)", review.confirmed_at),
        ("Confirmed by", review.confirmed_by),
    ]
    for action in review.actions:
        due = f", until {action.due.isoformat()}" if action.due else ""
        rows.append((f"Action for the {action.side}{due}", action.what))
    return tuple(rows)
