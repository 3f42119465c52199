"""What a change to the list of sub-processors means for one customer, and whom it touches.

Clauses: Sch. 2 1.1, 3.1(v), 3.1(vii)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dpa_core.agreement import Agreement, Feature, SubProcessor
from dpa_core.application import CustomerFile, ProviderFile
from dpa_core.facts import OBJECTIONS
from dpa_core.ledger.database import utc
from dpa_core.readers import as_counted
from dpa_core.subjects import data_return, features, objections, sub_processors
from dpa_core.subjects.features import Transfer
from dpa_core.subjects.objections import Objection, Standing
from dpa_core.subjects.sub_processors import Change, Published
from dpa_core.subjects.subject import Command


@dataclass(frozen=True)
class Effect:
    """What a change does to a configuration."""

    features: tuple[Feature, ...]
    """Features it touches that are on."""
    core: bool
    """It touches the core service, which every customer uses."""
    before: SubProcessor | None
    after: SubProcessor | None
    transfers: tuple[Transfer, ...]
    """Transfers outside the EU and EEA of the entry as it will be."""
    then: Agreement
    """With the change made to the list as it stands before."""


@dataclass(frozen=True)
class Notice:
    """One published change, as one customer sees it."""

    published: Published
    standing: Standing
    effect: Effect
    objection: Objection | None
    objection_ends: datetime
    counts_at: datetime
    """When it counts for this customer unless it objects, in UTC."""
    told_at: datetime
    """When the notice reached this customer, in UTC."""
    held_back: bool
    """It does not count for this customer, as it objects, or ended the agreement over it. Sch. 2 1.2"""
    resolution_ends: datetime | None
    steps: tuple[type[Command], ...]
    """The steps that whoever looks may take about it, by side; not yet whether by role."""

    def concerns(self, feature: str) -> bool:
        """Whether a feature is served by the entry before the change, or after it."""
        entries = (s for s in (self.effect.before, self.effect.after) if s)
        return any(feature in s.features for s in entries)


def effect(change: Change, on: frozenset[str], before: Agreement) -> Effect:
    """What a change does to a configuration with these features on.

    `before`: the agreement with the list as it stands before the change.
    """
    old = {s.id: s for s in before.sub_processors}.get(change.replaces or "")
    new = change.entry
    then = sub_processors.applied(change, before)
    touched = change.features_of(before)
    return Effect(
        features=tuple(f for f in before.features if f.id in touched and f.id in on),
        core=any(s is not None and s.kind == "core" for s in (old, new)),
        before=old,
        after=new,
        transfers=features.transfers(
            [s for s in then.sub_processors if s.id in change.engages or (new and s.id == new.id)], then
        ),
        then=then,
    )


def notices(file: CustomerFile) -> list[Notice]:
    """Every published change as this customer sees it, newest first. Clause: Sch. 2 1.1"""
    return _notices(file.changes.values(), file)


def _notices(changes: Iterable[Published], file: CustomerFile) -> list[Notice]:
    state = _objections(file)
    return [_notice(p, state, file) for p in sorted(changes, key=lambda p: (p.at, p.id), reverse=True)]


def _notice(p: Published, state: objections.State, file: CustomerFile) -> Notice:
    agreement, opened_on = file.agreement, file.context.opened_on
    counts_at = p.counts_at(agreement, opened_on)
    before = file.version(agreement.version, counts_at - timedelta(microseconds=1))
    objection = state.objections.get(p.id)
    return Notice(
        published=p,
        standing=objections.standing(p, state, file.context),
        effect=effect(p.change, file.context.features_on, before),
        objection=objection,
        objection_ends=p.objection_ends(agreement, opened_on),
        counts_at=counts_at,
        told_at=max(p.at, file.context.opened_at or p.at),
        held_back=p.id in file.context.held_back,
        resolution_ends=objections.resolution_ends(objection, agreement) if objection else None,
        steps=objections.steps_open(p, state, file.context),
    )


def ahead(file: CustomerFile) -> list[Notice]:
    """The changes that whoever decides has to know of: those to come, and those that are held back for this
    customer; what counts first coming first. Clause: Sch. 2 1.1"""
    agreement, opened_on, held = file.agreement, file.context.opened_on, file.context.held_back
    coming = sub_processors.coming(agreement, file.changes, file.now, opened_on)
    kept = (p for p in file.changes.values() if p.id in held and p.changes_list_of(agreement))
    # What counts already is no news, however much of it there is: only what is ahead is worked out.
    found = {p.id: p for p in (*coming, *kept)}
    return sorted(_notices(found.values(), file) if found else [], key=lambda n: n.counts_at)


def _objections(file: CustomerFile) -> objections.State:
    """Every objection, those that have left the state among them: no more than there are changes."""
    gone = file.cached(
        "objections.closed", lambda: file.closed.page(OBJECTIONS, Objection, len(file.changes) + 1)
    )
    present = file.state.objections
    return present.but(objections={o.change: o for o in gone} | present.objections)


def touched(
    file: ProviderFile, change: Change, most: int
) -> tuple[int, list[tuple[str, str, tuple[str, ...]]]]:
    """How many customers a change touches, and the first of them by name: identifier, name, and names of
    their features that it touches. A core sub-processor's touches every customer whose data is there.
    """
    agreement = file.agreement
    ids = change.features_of(agreement)
    recorded = f"SELECT DISTINCT gone FROM ({as_counted('$1', 'TRUE')}) AS f"  # noqa: S608  # of constants
    gone = file.ledger.rows(recorded, [utc(file.now)])
    over = [text for (text,) in gone if data_return.covers_all(text.split(","), agreement)]
    sql = (
        f"FROM ({as_counted('$3', 'TRUE')}) AS f "
        "WHERE (CAST($1 AS BOOLEAN) AND NOT gone = ANY(CAST($4 AS VARCHAR[]))) "
        "OR CAST(string_to_array(features_on, ',') AS VARCHAR[]) && CAST($2 AS VARCHAR[])"
    )
    values = [not ids, list(ids), utc(file.now), over]
    ((number,),) = file.ledger.rows(f"SELECT count(*) {sql}", values)
    first = f"SELECT customer_id, name, features_on {sql} ORDER BY sort_name, customer_id LIMIT $5"

    def touching(on: str) -> tuple[str, ...]:
        return tuple(agreement.feature(f).name for f in ids if f in on.split(","))

    return number, [(id, name, touching(on)) for id, name, on in file.ledger.rows(first, [*values, most])]
