"""Compare two snapshots of one customer: what changed, who did it, and under which instruction."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from dpa_core.locale import day
from dpa_core.snapshots import model
from dpa_core.snapshots.tables import place

T = TypeVar("T")


class NotComparable(Exception):
    """The two are not of one customer. The message is for a person."""


OPEN_ITEMS = "Open items"
"""The part of what waits and what is coming."""


@dataclass(frozen=True)
class Change:
    """One difference. `by`, `at` (UTC) and `instruction` where the newer snapshot tells them."""

    part: str
    what: str
    before: str
    after: str
    by: str = ""
    at: datetime | None = None
    instruction: int | None = None


def diff(a: model.Snapshot, b: model.Snapshot) -> list[Change]:
    """What differs in `b` from `a`, part by part. Raises NotComparable."""
    if a.customer.id != b.customer.id:
        raise NotComparable(
            f"One is of {a.customer.name}, the other of {b.customer.name}. Compare like with like."
        )
    return [
        *_plain("Agreement", "Version", a.agreement.version, b.agreement.version),
        *_plain("Customer", "Name", a.customer.name, b.customer.name),
        *_end(a.end, b.end),
        *_features(a, b),
        *_sub_processors(a, b),
        *_transfers(a, b),
        *_retention(a, b),
        *_listed("Subscriptions", a.subscriptions, b.subscriptions, lambda x: x.address),
        *_open_items(a, b),
        *_listed(
            "Measures", (*a.measures, *a.certifications), (*b.measures, *b.certifications), lambda m: m.name
        ),
    ]


def _plain(part: str, what: str, before: str, after: str) -> list[Change]:
    return [Change(part, what, before, after)] if before != after else []


def _end(a: model.End | None, b: model.End | None) -> list[Change]:
    before, after = _ends(a), _ends(b)
    if before == after:
        return []
    if b is None:
        return [Change("Agreement", "End", before, after)]
    return [Change("Agreement", "End", before, after, b.by, b.recorded_at, b.entry)]


def _ends(end: model.End | None) -> str:
    if end is None:
        return "None recorded"
    gone = ", all data recorded as deleted" if end.all_deleted else ""
    return f"{'Ended' if end.over else 'Ends'} on {day(end.last_day)}{gone}"


def _pairs(a: Iterable[T], b: Iterable[T], key: Callable[[T], Hashable]) -> list[tuple[T | None, T | None]]:
    """Entries of both lists under one key side by side, in the order of the newer list, gone ones last."""
    old, new = {key(x): x for x in a}, {key(x): x for x in b}
    return [(old.get(k), x) for k, x in new.items()] + [(x, None) for k, x in old.items() if k not in new]


def _stamped(part: str, what: str, before: str, after: str, stamp: model.Stamp | None) -> Change:
    if stamp is None:
        return Change(part, what, before, after)
    return Change(part, what, before, after, stamp.by, stamp.since, stamp.instruction)


def _features(a: model.Snapshot, b: model.Snapshot) -> list[Change]:
    found = []
    for old, new in _pairs(a.features, b.features, lambda f: f.id):
        one = new or old
        before, after = _state(old), _state(new)
        if before != after and one:
            found.append(_stamped("Features", one.name, before, after, new.set if new else None))
    return found


def _state(f: model.Feature | None) -> str:
    return "not offered" if f is None else "on" if f.on else "off"


def _sub_processors(a: model.Snapshot, b: model.Snapshot) -> list[Change]:
    """A sub-processor comes and goes with a feature, so the feature's instruction is what did it."""
    switched = {
        f.name: f.set
        for f, old in ((f, next((o for o in a.features if o.id == f.id), None)) for f in b.features)
        if _state(f) != _state(old)
    }
    found = []
    for old, new in _pairs(a.sub_processors, b.sub_processors, lambda s: s.id):
        one = new or old
        if one is None:
            continue
        causes = [switched[f] for f in one.because if f in switched]
        if old is None or new is None:
            words = ("not engaged", "engaged") if new else ("engaged", "not engaged")
            found.append(_stamped("Sub-processors", one.name, *words, causes[-1] if causes else None))
        else:
            for what, before, after in (
                ("places", "; ".join(map(place, old.places)), "; ".join(map(place, new.places))),
                ("mechanisms", " + ".join(old.mechanisms), " + ".join(new.mechanisms)),
                ("purpose", old.purpose, new.purpose),
            ):
                found += _plain("Sub-processors", f"{new.name}, {what}", before, after)
            found += _plain(
                "Sub-processors", f"{new.name}, because of", ", ".join(old.because), ", ".join(new.because)
            )
    return found


def _transfers(a: model.Snapshot, b: model.Snapshot) -> list[Change]:
    found = []
    for old, new in _pairs(a.transfers, b.transfers, lambda t: (t.sub_processor, t.place, t.role)):
        one = new or old
        if one and (old is None or new is None):
            words = ("none", one.role) if new else (one.role, "none")
            found.append(Change("Transfers", f"{one.sub_processor} to {one.place}", *words))
    return found


def _retention(a: model.Snapshot, b: model.Snapshot) -> list[Change]:
    found = []
    for old, new in _pairs(a.retention.periods, b.retention.periods, lambda p: p.id):
        if old is None or new is None:
            one = new or old
            if one:
                words = ("not listed", _days(one)) if new else (_days(one), "not listed")
                found.append(Change("Retention", one.name, *words))
            continue
        if old.days != new.days:
            found.append(_stamped("Retention", new.name, _days(old), _days(new), new.set))
        if old.pending != new.pending:
            p = new.pending
            found.append(
                Change("Retention", f"{new.name}, coming period", _coming(old.pending), _coming(p),
                       p.by if p else "", None, p.instruction if p else None)
            )  # fmt: skip
        if (old.hold is None) != (new.hold is None):
            words = ("none", "in place") if new.hold else ("in place", "none")
            found.append(_stamped("Retention", f"{new.name}, legal hold", *words, new.hold))
    return found


def _days(p: model.Retention) -> str:
    return f"{p.days:,} days"


def _coming(p: model.Pending | None) -> str:
    return f"{p.days:,} days from {day(p.effective_at)}" if p else "none"


def _open_items(a: model.Snapshot, b: model.Snapshot) -> list[Change]:
    found = []
    for old, new in _pairs(a.open_items, b.open_items, lambda i: (i.kind, i.what, i.entry)):
        if new and old is None:
            found.append(
                Change(
                    OPEN_ITEMS,
                    f"{new.kind}: {new.what}",
                    "none",
                    "open",
                    new.by or "",
                    new.opened_at,
                    new.entry,
                )
            )
        elif old and new is None:
            found.append(Change(OPEN_ITEMS, f"{old.kind}: {old.what}", "open", "settled"))
    return found


def _listed(part: str, a: Iterable[T], b: Iterable[T], name: Callable[[T], str]) -> list[Change]:
    found = []
    for old, new in _pairs(a, b, name):
        if new is not None and old is None:
            found.append(Change(part, name(new), "not listed", "listed"))
        elif old is not None and new is None:
            found.append(Change(part, name(old), "listed", "not listed"))
    return found
