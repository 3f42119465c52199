"""Freeze a customer's file as a snapshot. Standard: Art. 28(3)(h) GDPR"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dpa_core.agreement import Agreement, Certification, Feature, Measure, SubProcessor
from dpa_core.agreement.transfers import labelled
from dpa_core.application import CustomerFile
from dpa_core.locale import local_day
from dpa_core.snapshots import model
from dpa_core.subjects import data_return, dates, features, retention
from dpa_core.subjects.subject import Task
from dpa_core.views import tasks


def freeze(file: CustomerFile) -> model.Snapshot:
    """The snapshot of a customer at the file's moment, with people as they were known then.

    Clause: Sch. 2 2.1, Sch. 2 2.2, Sch. 1 2, 3.1(vii)
    """
    a, state = file.agreement, file.state
    periods = retention.periods(state.retention, a, file.now)
    named = [s.sequence for s in state.features.switches.values()]
    head, reasons = _entries(file, [*named, *(p.sequence for p in periods if p.sequence)])
    engaged = features.engaged_now(file.context)
    because = {
        s.id: tuple(f.name for f in a.features if f.id in s.features and f.id in file.context.in_use)
        for s in engaged
    }
    disputed = {p.change.replaces: p.change.title for p in file.context.disputed}
    began = state.customer.since
    assert began is not None  # noqa: S101  # no customer is opened without an opening entry
    return model.Snapshot(
        as_at=local_day(file.now),
        customer=model.Customer(id=file.customer_id, name=file.name, since=began),
        provider=model.Provider(
            name=a.processor.name,
            registration_number=a.processor.registration_number,
            contact=a.processor.contact,
        ),
        agreement=model.AgreementVersion(version=a.version, title=a.title, published=a.published),
        end=_end(file),
        ledger=head,
        features=tuple(_feature(f, file, reasons) for f in a.features),
        sub_processors=tuple(_sub_processor(s, a, because[s.id], disputed.get(s.id)) for s in engaged),
        transfers=tuple(_transfer(t, because) for t in features.transfers(engaged, a)),
        retention=model.RetentionPart(
            note=a.retention.note,
            clause=a.retention.clause,
            periods=tuple(_period(p, file, reasons) for p in periods),
        ),
        subscriptions=(),
        open_items=tuple(_open_item(t, file) for t in tasks.open_tasks(file)),
        review=_review(file),
        measures=tuple(_measure(m) for m in a.measures),
        certifications=tuple(_measure(c) for c in a.certifications),
    )


def _end(file: CustomerFile) -> model.End | None:
    end = file.state.data_return.termination
    if end is None:
        return None
    return model.End(
        last_day=end.on,
        over=file.context.ended is not None,
        all_deleted=file.context.all_deleted,
        side=end.side,
        recorded_at=end.at,
        by=file.who(end.by),
        entry=end.sequence,
        reason=end.reason,
        clause=data_return.CLAUSE,
    )


def _feature(f: Feature, file: CustomerFile, reasons: dict[int, str]) -> model.Feature:
    switch, end = file.state.features.switches.get(f.id), file.state.data_return.termination
    stamp = _stamp(switch.since, file.who(switch.by), switch.sequence, reasons) if switch else None
    if switch and switch.on and end and file.context.ended:  # it is off by the end, not by its instruction
        stamp = model.Stamp(
            since=dates.end_of(end.on), by=file.who(end.by), instruction=end.sequence, reason=end.reason
        )
    over = file.context.suspended.get(f.id)
    return model.Feature(
        id=f.id,
        name=f.name,
        on=f.id in file.context.in_use,
        set=stamp,
        data_categories=tuple(file.agreement.data_category(c).name for c in f.data_categories),
        data_categories_basis=f.data_categories_basis,
        clause=f.clause,
        suspended=file.changes[over].change.title if over else None,
    )


def _sub_processor(
    s: SubProcessor, a: Agreement, because: tuple[str, ...], disputed: str | None
) -> model.SubProcessor:
    return model.SubProcessor(
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
        mechanisms=labelled(s, (a.mechanism(m) for m in s.mechanisms)),
        because=because,
        clause=s.clause,
        disputed=disputed,
    )


def _transfer(t: features.Transfer, because: dict[str, tuple[str, ...]]) -> model.Transfer:
    return model.Transfer(
        sub_processor=t.sub_processor.name,
        place=t.place.name,
        role=t.role,
        mechanisms=t.labels,
        because=because[t.sub_processor.id],
        clause=features.TRANSFER_CLAUSE,
    )


def _open_item(task: Task, file: CustomerFile) -> model.OpenItem:
    return model.OpenItem(
        kind=tasks.kind(task),
        what=tasks.what(task),
        opened_at=task.opened_at,
        by=file.who(task.by) if task.by else None,
        due_at=tasks.due_at(task),
        entry=task.entry,
        waits_for=task.waits_for,
        clause=task.clause,
    )


def _measure(m: Measure | Certification) -> model.Measure:
    return model.Measure(name=m.name, summary=m.summary, clause=m.clause)


def _entries(file: CustomerFile, named: Iterable[int]) -> tuple[model.LedgerHead, dict[int, str]]:
    """The head at the file's moment, and the reasons of the instructions named by sequence."""
    found = file.reader.events_named([file.sequence, *named])
    last = found[file.sequence]
    head = model.LedgerHead(sequence=last.sequence, digest=last.digest, recorded_at=last.recorded_at)
    return head, {sequence: str(e.body.get("reason") or "") for sequence, e in found.items()}


def _stamp(since: datetime, by: str, sequence: int, reasons: dict[int, str]) -> model.Stamp:
    return model.Stamp(since=since, by=by, instruction=sequence, reason=reasons.get(sequence, ""))


def _period(p: retention.Period, file: CustomerFile, reasons: dict[int, str]) -> model.Retention:
    return model.Retention(
        id=p.data_type.id,
        name=p.data_type.name,
        data_category=file.agreement.data_category(p.data_type.data_category).name,
        days=p.days,
        is_default=p.is_default,
        set=_stamp(p.since, file.who(p.by), p.sequence, reasons) if p.since and p.by and p.sequence else None,
        pending=model.Pending(
            days=p.pending.days,
            effective_at=p.pending.effective_at,
            by=file.who(p.pending.by),
            instruction=p.pending.sequence,
        )
        if p.pending
        else None,
        hold=model.Stamp(
            since=p.hold.since,
            by=file.who(p.hold.by),
            instruction=p.hold.sequence,
            reason=p.hold.reason,
        )
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
        by=file.who(last.by),
        instruction=last.sequence,
        notes=last.notes,
        actions=tuple(model.Action(what=x.what, side=x.side, due=x.due) for x in last.actions),
        confirmed_at=last.confirmed_at,
        confirmed_by=file.who(last.confirmed_by) if last.confirmed_by else None,
    )
