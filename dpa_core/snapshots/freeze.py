"""Freeze a customer's file as a snapshot. Standard: Art. 28(3)(h) GDPR"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from dpa_core.locale import local_day
from dpa_core.office import CustomerFile
from dpa_core.snapshots import model
from dpa_core.subjects import features, retention
from dpa_core.views.open_items import open_items


def freeze(file: CustomerFile) -> model.Snapshot:
    """The snapshot of a customer at the file's moment. Clause: Sch. 2 2.1, Sch. 2 2.2, Sch. 1 2, 3.1(vii)"""
    a, state = file.agreement, file.state
    periods = retention.periods(state.retention, a, file.now)
    switches = state.features.switches
    named = [s.sequence for s in switches.values()] + [p.sequence for p in periods if p.sequence]
    head, reasons = _rows(file, named)
    engaged = features.engaged(state.features.on, a)
    because = {
        s.id: tuple(f.name for f in a.features if f.id in s.features and f.id in state.features.on)
        for s in engaged
    }
    began = state.customer.since
    assert began is not None  # noqa: S101  # the office opens no customer without an opening entry
    return model.Snapshot(
        as_at=local_day(file.now),
        customer=model.Customer(id=file.customer_id, name=file.name, since=began),
        provider=model.Provider(
            name=a.processor.name,
            registration_number=a.processor.registration_number,
            contact=a.processor.contact,
        ),
        agreement=model.AgreementVersion(version=a.version, title=a.title, published=a.published),
        ledger=head,
        features=tuple(
            model.Feature(
                id=f.id,
                name=f.name,
                on=f.id in state.features.on,
                set=_stamp(s.since, s.by, s.sequence, reasons) if (s := switches.get(f.id)) else None,
                data_categories=tuple(a.data_category(c).name for c in f.data_categories),
                data_categories_basis=f.data_categories_basis,
                clause=f.clause,
            )
            for f in a.features
        ),
        sub_processors=tuple(
            model.SubProcessor(
                id=s.id,
                name=s.name,
                kind=s.kind,
                purpose=s.purpose,
                places=tuple(
                    model.Place(
                        id=x.place,
                        name=a.place(x.place).name,
                        role=x.role,
                        third_country=a.place(x.place).third_country,
                        note=x.note,
                    )
                    for x in s.locations
                ),
                place_wording=s.location_wording,
                mechanisms=tuple(a.mechanism(m).code for m in s.mechanisms),
                because=because[s.id],
                clause=s.clause,
            )
            for s in engaged
        ),
        transfers=tuple(
            model.Transfer(
                sub_processor=t.sub_processor.name,
                place=t.place.name,
                role=t.role,
                mechanisms=tuple(m.code for m in t.mechanisms),
                because=because[t.sub_processor.id],
                clause=features.TRANSFER_CLAUSE,
            )
            for t in features.transfers(engaged, a)
        ),
        retention=model.RetentionPart(
            note=a.retention.note,
            clause=a.retention.clause,
            periods=tuple(_period(p, file, reasons) for p in periods),
        ),
        subscriptions=(),
        open_items=tuple(
            model.OpenItem(
                kind=i.kind,
                what=i.what,
                opened_at=i.opened_at,
                by=i.by,
                due_at=i.due_at,
                entry=i.sequence,
                waits_for=i.waits_for,
                clause=i.clause,
            )
            for i in open_items(file)
        ),
        review=_review(file),
        measures=tuple(model.Measure(name=m.name, summary=m.summary, clause=m.clause) for m in a.measures),
        certifications=tuple(
            model.Measure(name=c.name, summary=c.summary, clause=c.clause) for c in a.certifications
        ),
    )


def _rows(file: CustomerFile, named: Iterable[int]) -> tuple[model.LedgerHead, dict[int, str]]:
    """The head at the file's moment, and the reasons of the instructions named by sequence."""
    rows = file.ledger.rows(
        "SELECT sequence, digest, recorded_at, json_extract_string(body, '$.reason') FROM events "
        "WHERE customer_id = ? AND list_contains(?::BIGINT[], sequence)",
        [file.customer_id, [file.sequence, *named]],
    )
    found = {sequence: (digest, at, reason) for sequence, digest, at, reason in rows}
    digest, at, _ = found[file.sequence]
    head = model.LedgerHead(sequence=file.sequence, digest=digest, recorded_at=at.replace(tzinfo=UTC))
    return head, {sequence: reason or "" for sequence, (_, _, reason) in found.items()}


def _stamp(since: datetime, by: str, sequence: int, reasons: dict[int, str]) -> model.Stamp:
    return model.Stamp(since=since, by=by, instruction=sequence, reason=reasons.get(sequence, ""))


def _period(p: retention.Period, file: CustomerFile, reasons: dict[int, str]) -> model.Retention:
    return model.Retention(
        id=p.data_type.id,
        name=p.data_type.name,
        data_category=file.agreement.data_category(p.data_type.data_category).name,
        days=p.days,
        is_default=p.is_default,
        set=_stamp(p.since, p.by, p.sequence, reasons) if p.since and p.by and p.sequence else None,
        pending=model.Pending(
            days=p.pending.days,
            effective_at=p.pending.effective_at,
            by=p.pending.by,
            instruction=p.pending.sequence,
        )
        if p.pending
        else None,
        hold=model.Stamp(since=p.hold.since, by=p.hold.by, instruction=p.hold.sequence, reason=p.hold.reason)
        if p.hold
        else None,
        deletion_resumes_at=p.deletion_resumes_at,
    )


def _review(file: CustomerFile) -> model.Review | None:
    last = file.state.reviews.last
    if last is None:
        return None
    return model.Review(
        held_at=last.held_at,
        by=last.by,
        instruction=last.sequence,
        notes=last.notes,
        actions=tuple(model.Action(what=x.what, side=x.side, due=x.due) for x in last.actions),
        confirmed_at=last.confirmed_at,
        confirmed_by=last.confirmed_by,
    )
