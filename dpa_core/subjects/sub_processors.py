"""Changes to the list of sub-processors: drafted and published by the provider, in its own ledger.

Which list counts at a moment follows from what was published, without anything having run. What a customer
says to a change lies in the customer's ledger: see objections.

Clauses: Sch. 2 1.1 (30 days' notice), 3.1(v) (general authorisation), 3.1(vii) (transfers).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dpa_core.agreement import (
    Agreement,
    ChapterV,
    Feature,
    Location,
    Place,
    Role,
    SubProcessor,
    TransferMechanism,
    TransferRecord,
)
from dpa_core.agreement.transfers import ROLES, Fault, at_place, decision_for, serves, unlawful
from dpa_core.locale import Label, countries, fill, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Stage, Steps, Subject, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "Sch. 2 1.1"
TRANSFER_CLAUSE = "3.1(vii)"
CORE = "core service"
"""Stands for the core service where features are named; no identifier has a space."""


# --- state ---------------------------------------------------------------------------------------

ChangeKind = Literal[
    "addition", "core_addition", "replacement", "removal", "change", "extension", "new_feature"
]
KIND_NAMES: dict[ChangeKind, str] = {
    "addition": "Addition",
    "core_addition": "Addition of a core sub-processor",
    "replacement": "Replacement",
    "removal": "Removal",
    "change": "Change of place or mechanism",
    "extension": "Further feature or purpose of one on the list",
    "new_feature": "New optional feature",
}
_TITLES: dict[ChangeKind, str] = {
    "addition": "Addition of {new}",
    "core_addition": "Addition of {new} to the core service",
    "replacement": "Replacement of {old} by {new}",
    "removal": "Removal of {old}",
    "change": "Change of place or mechanism of {new}",
    "extension": "Further use of {new}",
    "new_feature": "New feature {new}",
}

Status = Literal["draft", "coming", "counts", "withdrawn"]
STATUS: dict[Status, str] = worded(Status, coming="Counts from", counts="Counts since")
"""As the page shows them; the day follows the last three."""


class Change(Record):
    """What is to change on the list."""

    kind: ChangeKind
    replaces: str | None = None
    """Identifier of the entry that goes or is changed; None for an addition."""
    replaced_name: str = ""
    entry: SubProcessor | None = None
    """The entry as it will be; None for a removal."""
    places: tuple[Place, ...] = ()
    """Places the agreement does not name, used by the entry."""
    reason: str = ""
    feature: Feature | None = None
    """The optional feature that comes with it."""
    engages: tuple[str, ...] = ()
    """Identifiers of entries on the list that this feature engages too."""
    further_features: tuple[str, ...] = ()
    """Identifiers of the features that an entry on the list serves from then on, besides its own."""
    further_purpose: str = ""
    """What an entry on the list is used for from then on, besides its purpose."""
    taken_over: bool = False
    """The provider does the work itself of a feature, or the core, that is left without a sub-processor."""

    @property
    def serves(self) -> frozenset[str]:
        """Identifiers of the features that it brings the entry to: those the entry serves as it will be, or
        the further or new ones alone."""
        if self.feature:
            return frozenset({self.feature.id})
        if self.further_features and not self.further_purpose:
            return frozenset(self.further_features)
        return frozenset(self.entry.features) if self.entry else frozenset()

    @property
    def core(self) -> bool:
        """Whether the entry, as it will be, is a core sub-processor."""
        return self.entry is not None and self.entry.kind == "core"

    @property
    def names(self) -> dict[str, str]:
        """The names that its title speaks of: `old` and `new`, each empty where there is none."""
        new = self.feature or self.entry
        return {"old": self.replaced_name, "new": new.name if new else ""}

    @property
    def adds(self) -> frozenset[str]:
        """Identifiers of the entry and the feature that are new to the list."""
        entry = {self.entry.id} if self.entry and self.entry.id != self.replaces else set()
        return frozenset(entry | ({self.feature.id} if self.feature else set()))

    @property
    def touches(self) -> frozenset[str]:
        """Identifiers of the entries on the list that go or are changed."""
        return frozenset({*self.engages, *({self.replaces} if self.replaces else ())})

    @property
    def builds_on(self) -> frozenset[str]:
        """Identifiers of the entries and features that have to be there for it to be made."""
        return self.touches | (frozenset(self.entry.features if self.entry else ()) - self.adds)

    @property
    def title(self) -> str:
        """`Replacement of DeepGram by Talvox`."""
        return fill(_TITLES[self.kind], self.names)

    def features_of(self, agreement: Agreement) -> tuple[str, ...]:
        """Identifiers of the features it touches, in list order; empty for a core sub-processor.

        A new feature is touched alone: whoever does not use it yet is no worse off. A further feature leaves
        those that the entry serves already as they are, a further purpose does not.
        `agreement`: with the list as it stands before the change.
        """
        if self.feature:
            return (self.feature.id,)
        old = {s.id: s for s in agreement.sub_processors}.get(self.replaces or "")
        touched = {f for s in (old, self.entry) if s for f in s.features}
        if self.further_features and not self.further_purpose:
            touched = set(self.further_features)
        return tuple(f.id for f in agreement.features if f.id in touched)


class Draft(Record):
    """A change in the making, seen by the provider only."""

    id: int
    change: Change
    by: str
    at: Moment


class Published(Record):
    """A change that customers were notified of. `effective_on`: the day in Stockholm that was announced."""

    id: int
    change: Change
    at: Moment
    """When the notice went out that counts: the last one, where it was corrected."""
    by: str
    effective_on: date
    withdrawn_at: Moment | None = None
    withdrawal: str = ""
    """Why the provider took it back before it counted."""
    first_at: Moment | None = None
    """When the first notice went out, where it was corrected since."""
    correction: str = ""
    """What was wrong with the notice before."""

    def changes_list_of(self, agreement: Agreement) -> bool:
        """Whether it changes the list of a version of the agreement, now or later.

        A version published after a change was is taken to hold it already. Clause: Sch. 2 1.1
        """
        return self.withdrawn_at is None and agreement.published <= dates.local_day(self.first_at or self.at)

    @property
    def can_be_objected_to(self) -> bool:
        """A removal is announced for information: nobody new touches the data. Clause: Sch. 2 1.1, 1.2"""
        return self.change.kind != "removal"

    def told_on(self, opened_on: date | None = None) -> date:
        """The day in Stockholm on which the notice reached a customer: that of the notice, or that on which
        the customer was opened, if later. `opened_on` None: one opened before it. Clause: Sch. 2 1.1"""
        sent = dates.local_day(self.at)
        return max(sent, opened_on) if opened_on else sent

    def objection_ends(self, agreement: Agreement, opened_on: date | None = None) -> datetime:
        """Until when a customer may object, in UTC. Clause: Sch. 2 1.1"""
        days = agreement.term("objection_period").value
        return dates.end_of(self.told_on(opened_on) + timedelta(days=days))

    def counts_on(self, agreement: Agreement, opened_on: date | None = None) -> date:
        """The first day in Stockholm on which it counts for a customer who does not object.

        An addition or replacement counts only once the whole time to object is over, also where an old
        entry announces an earlier day. Clause: Sch. 2 1.1
        """
        if not self.can_be_objected_to:
            return self.effective_on
        general = max(self.effective_on, dates.local_day(self.objection_ends(agreement)))
        if opened_on is None or general <= opened_on:
            return general
        return max(general, dates.local_day(self.objection_ends(agreement, opened_on)))

    def counts_at(self, agreement: Agreement, opened_on: date | None = None) -> datetime:
        """The moment it counts from, in UTC; never before its notice. Clause: Sch. 2 1.1"""
        return max(dates.start_of(self.counts_on(agreement, opened_on)), self.at)

    def counted_before(self, agreement: Agreement, opened_on: date | None) -> bool:
        """Whether the customer found it on the list when it was opened. Clause: 1.2, Sch. 2 1.1"""
        return opened_on is not None and self.counts_on(agreement) <= opened_on


class State(Record):
    """Drafts and published changes, by identifier: the sequence of the draft's first event."""

    drafts: dict[int, Draft] = {}
    published: dict[int, Published] = {}


def status(item: Draft | Published, agreement: Agreement, now: datetime) -> Status:
    """Where a change stands at a moment, for customers who do not object; it begins to count without
    anything being written."""
    if isinstance(item, Draft):
        return "draft"
    if item.withdrawn_at:
        return "withdrawn"
    return "counts" if now >= item.counts_at(agreement) else "coming"


def in_effect(
    agreement: Agreement,
    published: Mapping[int, Published],
    now: datetime,
    opened_on: date | None = None,
    without: Collection[int] = (),
) -> Agreement:
    """The agreement with the list of sub-processors that counts at a moment.

    For one customer: `opened_on`, the day in Stockholm on which it was opened, and `without`, the changes
    that do not count for it. What builds on an entry that is not there waits with it. Clause: Sch. 2 1.1
    """
    bound, missing = agreement, set[str]()
    for p in _counting(bound, published):
        counts = p.id not in without and p.counts_at(bound, opened_on) <= now
        if counts and not p.change.builds_on & missing:
            agreement = applied(p.change, agreement)
        else:
            listed = {s.id for s in agreement.sub_processors}
            missing |= p.change.adds - listed - {f.id for f in agreement.features}
    return agreement


def coming(
    agreement: Agreement,
    published: Mapping[int, Published],
    now: datetime,
    opened_on: date | None = None,
) -> list[Published]:
    """The changes that will count later than `now`, what counts first coming first. Clause: Sch. 2 1.1"""
    return [p for p in _counting(agreement, published) if p.counts_at(agreement, opened_on) > now]


def _counting(agreement: Agreement, published: Mapping[int, Published]) -> list[Published]:
    """The changes of a version's list, in the order in which they count for customers who do not object."""
    counting = [p for p in published.values() if p.changes_list_of(agreement)]
    return sorted(counting, key=lambda p: (p.counts_at(agreement), p.id))


def applied(change: Change, agreement: Agreement) -> Agreement:
    """The agreement with one change made to its list, and the feature that comes with it.

    An entry that goes on or is replaced keeps serving what it serves by then, though the change was drafted
    before. Clause: Sch. 2 1.1, Sch. 2 2.2
    """
    entries = list(agreement.sub_processors)
    position = next((n for n, s in enumerate(entries) if s.id == change.replaces), len(entries))
    before = entries[position : position + 1]
    serves_already = before[0].features if before else ()
    entries[position : position + 1] = [_serving(change.entry, serves_already)] if change.entry else []
    if change.feature:
        new = (change.feature.id,)
        entries = [_serving(s, new) if s.id in change.engages else s for s in entries]
    known = {p.id for p in agreement.places}
    fields: dict[str, Any] = {name: getattr(agreement, name) for name in Agreement.model_fields}
    fields["sub_processors"] = tuple(entries)
    fields["places"] = (*agreement.places, *(p for p in change.places if p.id not in known))
    if change.feature and change.feature.id not in {f.id for f in agreement.features}:
        fields["features"] = (*agreement.features, change.feature)
    # Not model_copy(): it would carry the look-up tables of the old list along.
    return Agreement.model_construct(**fields)


def _serving(entry: SubProcessor, features: tuple[str, ...]) -> SubProcessor:
    """The entry, with these features among those it serves."""
    further = tuple(f for f in features if f not in entry.features)
    return entry.model_copy(update={"features": (*entry.features, *further)}) if further else entry


def earliest(agreement: Agreement, now: datetime, kind: ChangeKind) -> date:
    """The first day a change published now may count from: the day after the time of the notice and the
    time to object; for a removal today.

    The text gives that time to additions and replacements; that a change of place or mechanism waits as
    long is the provider's own setting. Clause: Sch. 2 1.1
    """
    today = dates.local_day(now)
    if kind == "removal":
        return today
    days = max(agreement.term(term).value for term in ("sub_processor_notice", "objection_period"))
    return today + timedelta(days=days + 1)


def left_alone(agreement: Agreement, changes: Iterable[Change]) -> str | None:
    """What these changes, made one after another, leave without any sub-processor: the identifier of a
    feature, `CORE`, or None. What the provider takes over itself is not left alone. Clause: Sch. 2 1.1"""
    for change in changes:
        before, agreement = _served(agreement), applied(change, agreement)
        left = before - _served(agreement)
        if left and not change.taken_over:
            return min(left)
    return None


def _served(agreement: Agreement) -> set[str]:
    served = {f for s in agreement.sub_processors for f in s.features}
    return served | ({CORE} if any(s.kind == "core" for s in agreement.sub_processors) else set())


# --- events --------------------------------------------------------------------------------------


class Drafted(Body, kind="sub_processors.drafted", words="Drafted: {change.title}"):
    """A change in the making, new (`draft` None) or worked over."""

    draft: int | None
    change: Change

    def apply(self, state: State, event: RecordedEvent) -> State:
        id = self.draft or event.sequence
        draft = Draft(id=id, change=self.change, by=event.actor, at=event.recorded_at)
        return state.but(drafts=state.drafts | {id: draft})


class Discarded(Body, kind="sub_processors.discarded", words="Discarded draft {draft:id}"):
    """A draft that will not be published."""

    draft: int

    def apply(self, state: State, event: RecordedEvent) -> State:
        return state.but(drafts=_without(state.drafts, self.draft))


class Announced(
    Body, kind="sub_processors.published", words="Published: {change.title}, from {effective_on}"
):
    """Customers are notified of the change."""

    draft: int
    change: Change
    effective_on: date

    def apply(self, state: State, event: RecordedEvent) -> State:
        """The draft has become a published change of the same identifier."""
        new = Published(id=self.draft, at=event.recorded_at, by=event.actor, **self.told("draft"))
        return State(drafts=_without(state.drafts, new.id), published=state.published | {new.id: new})


class NoticeCorrected(
    Body,
    kind="sub_processors.notice_corrected",
    words="Sent notice {notice:id} again, corrected: {change.title}, from {effective_on}",
):
    """Customers are notified anew of a change that does not count yet, with what was wrong put right."""

    notice: int
    change: Change
    effective_on: date
    correction: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        old = state.published[self.notice]
        new = old.but(
            at=event.recorded_at,
            by=event.actor,
            first_at=old.first_at or old.at,
            **self.told("notice"),
        )
        return state.but(published=state.published | {new.id: new})


class TakenBack(Body, kind="sub_processors.withdrawn", words="Withdrew published change {change:id}"):
    """A published change that will not come after all."""

    change: int
    reason: str

    def apply(self, state: State, event: RecordedEvent) -> State:
        taken = state.published[self.change].but(withdrawn_at=event.recorded_at, withdrawal=self.reason)
        return state.but(published=state.published | {taken.id: taken})


def _without(drafts: Mapping[int, Draft], id: int) -> dict[int, Draft]:
    return {n: draft for n, draft in drafts.items() if n != id}


# --- commands ------------------------------------------------------------------------------------


NEW_PLACE = "new_place"
"""Stands in `DraftChange.uses` for the place that the agreement does not name."""


class DraftChange(Command, by="provider", action="govern"):
    """Draft a change, or work over a draft.

    `places`: identifiers as `places_offered` has them. `new_place`: name and whether outside the EU and EEA,
    of a place that is none of those.
    """

    kind: ChangeKind
    replaces: str | None = None
    name: str = ""
    purpose: str = ""
    features: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    new_place: tuple[str, bool] | None = None
    mechanisms: tuple[str, ...] = ()
    reason: str = ""
    draft: int | None = None
    """The draft to be worked over; None: a new one."""
    uses: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)
    """What happens at a place, by its identifier. Others stay as they were, or are places of processing."""
    module: int | None = None
    """Of the standard contractual clauses; None: the one that applies as a rule."""
    covered: bool = False
    """The receiver is one for whom the adequacy decision is: certified under the Data Privacy Framework."""
    derogation: str = ""
    """The reason, where a derogation of Art. 49 GDPR is among the mechanisms."""
    feature_name: str = ""
    feature_purpose: str = ""
    data_categories: tuple[str, ...] = ()
    """Of a new feature, by identifier; our reading, as the agreement names none."""
    engages: tuple[str, ...] = ()
    """Identifiers of those on the list that a new feature engages."""
    taken_over: bool = False
    """The provider does the work itself of what a removal leaves without a sub-processor."""


class DiscardDraft(Command, by="provider", action="govern"):
    """Throw a draft away."""

    draft: int


class PublishChange(Command, by="provider", action="govern"):
    """Notify the customers of a drafted change."""

    draft: int
    effective_on: date


class CorrectNotice(Command, by="provider", action="govern"):
    """Send the notice of a published change again, with another content or day; the time to object begins
    anew. `correction`: what was wrong, as customers will read it."""

    notice: int
    content: DraftChange
    effective_on: date
    correction: str


class WithdrawChange(Command, by="provider", action="govern"):
    """Take a published change back before it counts."""

    change: int
    reason: str


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "draft": Stage((PublishChange, DraftChange, DiscardDraft), "provider"),
    "coming": Stage((CorrectNotice, WithdrawChange)),
    "counts": Stage(),
    "withdrawn": Stage(),
}


def _obstacle(step: type[Command], item: Draft | Published, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this change all the same."""
    if step is PublishChange and isinstance(item, Draft):
        # What clashes on the day when all that was published counts, clashes on every day before.
        agreement = context.agreement
        soonest = earliest(agreement, context.now, item.change.kind)
        last = max((soonest, *(p.counts_on(agreement) for p in state.published.values())))
        return _unannounceable(item.id, item.change, last, state, context, "draft")
    if step is WithdrawChange and isinstance(item, Published):
        return _leaves_alone(_others(state, item.id), context, "change")
    return None


def _unlawful_on(first: date, change: Change, agreement: Agreement) -> Refusal | None:
    """Why a change drafted before cannot count from a day: what it rests on has ended by then, or never made
    its transfers lawful. A further use of one on the list brings no transfer that was not there.

    Clause: 3.1(vii)
    """
    entry = change.entry
    if entry is None or change.kind == "extension":
        return None
    places = {p.id: p for p in (*agreement.places, *change.places)}
    listed = [agreement.mechanism(id) for id in entry.mechanisms]
    covered = entry.recorded is None or entry.recorded.covered
    for place in (places[at.place] for at in entry.locations):
        if unlawful(place, listed, agreement.chapter_v, first, covered=covered):
            return refuse("unlawful_then", TRANSFER_CLAUSE, "effective_on", place=place.name, first=first)
    return None


def _others(state: State, id: int) -> State:
    """The state without a published change."""
    return state.but(published={n: p for n, p in state.published.items() if n != id})


def _leaves_alone(
    state: State, context: Context, field: str, at_once: Sequence[Change] = ()
) -> Refusal | None:
    """The refusal where the published changes, as they come to count, leave a feature or the core with no
    sub-processor and nobody takes the work over. `at_once`: what counts before them. Clause: Sch. 2 1.1"""
    agreement = context.agreement
    waiting = [p.change for p in coming(agreement, state.published, context.now)]
    left = left_alone(agreement, [*at_once, *waiting])
    if left is None:
        return None
    if left == CORE:
        return refuse("core_left_alone_then", CLAUSE, field)
    return refuse("feature_left_alone_then", CLAUSE, field, feature=agreement.feature(left).name)


def _clashes(change: Change, state: State, agreement: Agreement, first: date) -> bool:
    """Whether a change that counts from a day would meet another that touches the same entry.

    Two changes must not touch one entry while either has not come yet, and the list may have changed since
    the draft was written. Clause: Sch. 2 1.1
    """
    at = dates.start_of(first)
    published = state.published
    waiting = [p.change for p in published.values() if p.withdrawn_at is None and p.counts_at(agreement) > at]
    listed = in_effect(agreement, published, at)
    ids = {s.id for s in listed.sub_processors}
    known = ids | {f.id for f in listed.features}
    gone = not change.touches <= ids
    touched = any(change.touches & w.touches for w in waiting)
    twice = any(change.adds & ids_of for ids_of in (known, *(w.adds for w in waiting)))
    return gone or touched or twice


_NO_DRAFT: dict[type[Command], str] = {
    DraftChange: "no_draft_to_work_over",
    DiscardDraft: "no_draft_to_discard",
    PublishChange: "no_draft_to_publish",
}


def _misfit(step: type[Command], item: Draft | Published, state: State, context: Context) -> Refusal:
    if step in _NO_DRAFT:
        return refuse(_NO_DRAFT[step], CLAUSE, "draft", id=item.id)
    if isinstance(item, Published) and status(item, context.agreement, context.now) == "counts":
        return refuse("counts_already", CLAUSE, "change", since=item.counts_on(context.agreement))
    return refuse("not_published", CLAUSE, "change", id=item.id)


STEPS: Steps[Draft | Published, State] = Steps(
    lambda item, state, context: STAGES[status(item, context.agreement, context.now)], _misfit, _obstacle
)
steps_open = STEPS.open
"""The steps that the context's side may take with a change now. Clause: Sch. 2 1.1"""


def _taken(id: int, command: Command, state: State, context: Context) -> Draft:
    """The draft that a step is about. Refused where there is none, or the step does not fit it."""
    draft = state.drafts.get(id)
    if draft is None:
        raise refuse(_NO_DRAFT[type(command)], CLAUSE, "draft", id=id)
    STEPS.check(command, draft, state, context)
    return draft


# --- what a draft describes ----------------------------------------------------------------------


def places_offered(agreement: Agreement) -> tuple[Place, ...]:
    """The places a draft can name: those of the agreement, then every other country of the world, and the
    organisations with an adequacy decision. A place of the agreement without a country of its own gives way
    to the country of that name. Clause: 3.1(vii)
    """
    law = agreement.chapter_v
    named = {d.country: d.name for d in law.adequacy if d.name} | countries()
    world = {name.casefold() for name in named.values()}
    own = [p for p in agreement.places if p.country or p.name.casefold() not in world]
    taken = {p.country for p in own}
    return (
        *own,
        *(
            Place(id=f"country_{code.lower()}", name=name, third_country=code not in law.eea, country=code)
            for code, name in sorted(named.items(), key=lambda item: item[1].casefold())
            if code not in taken
        ),
    )


def drafted_change(command: DraftChange, agreement: Agreement, on: date) -> Change:
    """The change a draft describes, checked against the list as it stands, and the law `on` that day.
    Raises Refusal.

    Clause: Sch. 2 1.1, 3.1(vii)
    """
    known = {s.id: s for s in agreement.sub_processors}
    new = command.kind in ("addition", "core_addition", "new_feature")
    old = None if new else known.get(command.replaces or "")
    if not new and old is None:
        kind = Label(command.kind, KIND_NAMES[command.kind].lower())
        raise refuse("nothing_chosen", CLAUSE, "replaces", kind=kind)
    reason = checked_reason(command.reason, required_by=CLAUSE)
    return Change(
        kind=command.kind,
        replaces=old.id if old else None,
        replaced_name=old.name if old else "",
        reason=reason,
        taken_over=command.taken_over and command.kind == "removal",
        **_described(command, old, agreement, on),
    )


def redrafted(change: Change, agreement: Agreement, draft: int | None = None) -> DraftChange:
    """The draft that describes a change: what is worked over, or corrected, begins with it.

    `draft`: the draft to be worked over. Clause: Sch. 2 1.1
    """
    entry = change.entry
    ids = tuple(dict.fromkeys(at.place for at in entry.locations)) if entry else ()
    offered = {p.id for p in (*agreement.places, *places_offered(agreement))}
    region = next((p for p in change.places if p.id in ids and p.id not in offered), None)
    record = (entry.recorded if entry else None) or TransferRecord()
    return DraftChange(
        kind=change.kind,
        replaces=change.replaces,
        name=entry.name if entry else "",
        purpose=change.further_purpose if change.kind == "extension" else entry.purpose if entry else "",
        features=change.further_features or (entry.features if entry else ()),
        places=tuple(id for id in ids if id in offered),
        new_place=(region.name, region.third_country) if region else None,
        mechanisms=entry.mechanisms if entry else (),
        reason=change.reason,
        draft=draft,
        uses={
            NEW_PLACE if region and id == region.id else id: tuple(
                at.role for at in (entry.locations if entry else ()) if at.place == id
            )
            for id in ids
        },
        module=record.module,
        covered=record.covered,
        derogation=record.derogation or "",
        feature_name=change.feature.name if change.feature else "",
        feature_purpose=change.feature.purpose if change.feature else "",
        data_categories=change.feature.data_categories if change.feature else (),
        engages=change.engages,
        taken_over=change.taken_over,
    )


def _described(
    command: DraftChange, old: SubProcessor | None, agreement: Agreement, on: date
) -> dict[str, Any]:
    """The fields of a change that its kind asks for. `old`: the entry it is about, where there is one.

    Clause: Sch. 2 1.1, Sch. 2 2.2
    """
    if command.kind == "new_feature":
        return _new_feature(command, agreement, on)
    if command.kind == "removal":
        _check_removable(old, command, agreement)
        return {}
    if command.kind == "extension":
        assert old is not None  # noqa: S101  # it names its entry
        return _extension(command, old, agreement)
    entry, places = _entry(command, old, agreement, on)
    return {"entry": entry, "places": places}


def _check_removable(old: SubProcessor | None, command: DraftChange, agreement: Agreement) -> None:
    """Refused where a feature, or the core service, would be left with nobody. Clause: Sch. 2 1.1"""
    assert old is not None  # noqa: S101  # a removal names its entry
    if command.taken_over:
        return
    served = {f for s in agreement.sub_processors if s != old for f in s.features}
    if orphans := [f for f in old.features if f not in served]:
        name = agreement.feature(orphans[0]).name
        raise refuse("feature_left_alone", CLAUSE, "replaces", feature=name)
    if old.kind == "core" and all(s.kind != "core" for s in agreement.sub_processors if s != old):
        raise refuse("core_left_alone", CLAUSE, "replaces")


def _extension(command: DraftChange, old: SubProcessor, agreement: Agreement) -> dict[str, Any]:
    """One on the list serves further features, or is used for a further purpose, at the places it has.

    A core one serves every customer, so that only its purpose can grow. Clause: Sch. 2 1.1, Sch. 2 2.2
    """
    wanted = frozenset(command.features) - frozenset(old.features)
    further = tuple(f.id for f in agreement.features if f.id in wanted)
    if further and old.kind == "core":
        raise refuse("core_serves_all", CLAUSE, "features", name=old.name)
    purpose = command.purpose.strip()
    if purpose:
        purpose = checked_text(purpose, "purpose", CLAUSE, limit=MAX_TITLE)
    elif not further:
        raise refuse(
            "nothing_further", CLAUSE, "purpose" if old.kind == "core" else "features", name=old.name
        )
    entry = old.model_copy(
        update={
            "features": (*old.features, *further),
            "features_wording": None if further else old.features_wording,
            "purpose": "; ".join(p for p in (old.purpose, purpose) if p),
        }
    )
    return {"entry": entry, "further_features": further, "further_purpose": purpose}


def _new_feature(command: DraftChange, agreement: Agreement, on: date) -> dict[str, Any]:
    """An optional feature with whom it engages: optional ones on the list, or one that is new, or both.

    Which data categories it touches is the provider's reading, as for the agreement's own features.
    Clause: Sch. 2 2.2
    """
    name = checked_text(command.feature_name, "feature_name", CLAUSE, limit=MAX_TITLE)
    if name.casefold() in {f.name.casefold() for f in agreement.features}:
        raise refuse("known_feature", CLAUSE, "feature_name", name=name)
    categories = tuple(c.id for c in agreement.data_categories if c.id in command.data_categories)
    feature = Feature(
        id="f_" + _slug(name),
        name=name,
        purpose=checked_text(command.feature_purpose, "feature_purpose", CLAUSE, limit=MAX_TITLE),
        data_categories=categories,
        data_categories_basis="inferred",
        clause="Sch. 2 2.2",
    )
    if not categories:
        raise refuse("no_data_category", CLAUSE, "data_categories")
    optional = (s.id for s in agreement.sub_processors if s.kind == "optional")
    engages = tuple(id for id in optional if id in command.engages)
    entry, places = _entry(command, None, agreement, on, feature) if command.name.strip() else (None, ())
    if entry is None and not engages:
        raise refuse("engages_nobody", CLAUSE, "engages")
    return {"feature": feature, "engages": engages, "entry": entry, "places": places}


def _entry(
    command: DraftChange,
    old: SubProcessor | None,
    agreement: Agreement,
    on: date,
    feature: Feature | None = None,
) -> tuple[SubProcessor, tuple[Place, ...]]:
    """The entry as it will be, and the places among its own that the agreement does not name.

    `old`: the entry that is replaced or changed; None for an addition. `feature`: a new one that it serves.
    Clause: Sch. 2 1.1, 3.1(vii)
    """
    same = old if command.kind == "change" else None
    name, purpose = (same.name, same.purpose) if same else _name_and_purpose(command, agreement)
    core = old.kind == "core" if old else command.kind == "core_addition"
    serving = _serves(command, old, agreement, feature)
    if not core and not serving:
        raise refuse("no_feature", CLAUSE, "features")
    places, new_places = _places(command, agreement)
    locations = _locations(command, places, same)
    mechanisms = _mechanisms(command, places, agreement, on)
    entry = SubProcessor(
        id=same.id if same else _identifier(name),
        name=name,
        kind="core" if core else "optional",
        features=() if core else serving,
        features_wording=same.features_wording if same else None,
        purpose=purpose,
        locations=locations,
        location_wording=same.location_wording
        if same and same.locations == locations
        else "; ".join(_worded(location, places) for location in locations),
        mechanisms=tuple(m.id for m in mechanisms),
        recorded=_recorded(command, places, mechanisms, agreement),
        clause=old.clause if old else ("Sch. 2 2.1" if core else "Sch. 2 2.2"),
    )
    return entry, new_places


def _serves(
    command: DraftChange, old: SubProcessor | None, agreement: Agreement, feature: Feature | None
) -> tuple[str, ...]:
    """The features of an entry: those of the one before it, or those that were chosen."""
    if feature:
        return (feature.id,)
    return old.features if old else tuple(f.id for f in agreement.features if f.id in command.features)


def _name_and_purpose(command: DraftChange, agreement: Agreement) -> tuple[str, str]:
    """Of an entry that is new to the list. Clause: Sch. 2 1.1"""
    name = checked_text(command.name, "name", CLAUSE, limit=MAX_TITLE)
    purpose = checked_text(command.purpose, "purpose", CLAUSE, limit=MAX_TITLE)
    if name.casefold() in {s.name.casefold() for s in agreement.sub_processors}:
        raise refuse("on_the_list", CLAUSE, "name", name=name)
    return name, purpose


def _places(command: DraftChange, agreement: Agreement) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Every place of the entry, and those among them that the agreement does not name."""
    offered = {p.id: p for p in (*agreement.places, *places_offered(agreement))}
    places = tuple(p for id, p in offered.items() if id in command.places)
    if command.new_place and command.new_place[0].strip():
        name = checked_text(command.new_place[0], "new_place", CLAUSE, limit=MAX_TITLE)
        if name.casefold() in {p.name.casefold() for p in offered.values()}:
            raise refuse("known_place", CLAUSE, "new_place", name=name)
        places = (*places, Place(id=_identifier(name), name=name, third_country=command.new_place[1]))
    if not places:
        raise refuse("no_place", CLAUSE, "places")
    known = {p.id for p in agreement.places}
    return places, tuple(p for p in places if p.id not in known)


def _locations(
    command: DraftChange, places: tuple[Place, ...], same: SubProcessor | None
) -> tuple[Location, ...]:
    """What happens at each place. `same`: the entry before, which goes on: its places keep what they are used
    for and their notes unless the command says otherwise. Clause: Sch. 2 1.1
    """
    was = {(at.place, at.role): at for at in (same.locations if same else ())}
    found: list[Location] = []
    for place in places:
        key = place.id if place.id in command.places else NEW_PLACE
        before = tuple(role for role in ROLES if (place.id, role) in was)
        wanted = command.uses.get(key, before or ("processing",))
        roles = [role for role in ROLES if role in wanted]
        if not roles:
            raise refuse("no_use", CLAUSE, "uses", place=place.name)
        found += [was.get((place.id, role)) or Location(place=place.id, role=role) for role in roles]
    return tuple(found)


def _worded(location: Location, places: tuple[Place, ...]) -> str:
    """`USA (delivery)`: a place in the wording that customers read."""
    return at_place(next(p.name for p in places if p.id == location.place), location.role)


def _refused(fault: Fault, place: Place, law: ChapterV) -> Refusal:
    """Why a transfer to a place cannot be announced by the mechanisms chosen. Clause: 3.1(vii)"""
    decision = decision_for(place, law)
    if fault == "no_instrument" or decision is None:
        return refuse("no_mechanism", TRANSFER_CLAUSE, "mechanisms", place=place.name)
    number = decision.decision
    if fault == "not_in_force":
        return refuse(
            "decision_not_in_force", TRANSFER_CLAUSE, "mechanisms", place=place.name, decision=number
        )
    scope = decision.scope or ""
    return refuse("not_covered", TRANSFER_CLAUSE, "covered", place=place.name, decision=number, scope=scope)


def _mechanisms(
    command: DraftChange, places: tuple[Place, ...], agreement: Agreement, on: date
) -> tuple[TransferMechanism, ...]:
    """The transfer mechanisms: one that makes the transfer lawful for each place outside the EU and EEA, and
    none that serves no place, which would claim a protection that there is not. Clause: 3.1(vii)
    """
    law = agreement.chapter_v
    mechanisms = tuple(m for m in agreement.mechanisms if m.id in command.mechanisms)
    for place in places:
        if fault := unlawful(place, mechanisms, law, on, covered=command.covered):
            raise _refused(fault, place, law)
    for m in mechanisms:
        if not any(serves(m, place, law) for place in places):
            raise refuse("serves_no_place", TRANSFER_CLAUSE, "mechanisms", name=m.name)
    return mechanisms


def _recorded(
    command: DraftChange,
    places: tuple[Place, ...],
    mechanisms: tuple[TransferMechanism, ...],
    agreement: Agreement,
) -> TransferRecord | None:
    """What is recorded of the mechanisms: module, reason of a derogation, that the receiver is covered.

    Module 3 applies as a rule; another one can be named. Clause: 3.1(vii), Art. 49 GDPR
    """
    if not mechanisms:
        return None
    module, derogation = None, None
    for m in mechanisms:
        if m.modules:
            module = command.module or m.usual_module
            if module not in m.modules:
                raise refuse("unknown_module", TRANSFER_CLAUSE, "module", known=tuple(map(str, m.modules)))
        if m.kind == "derogation":
            derogation = checked_text(command.derogation, "derogation", TRANSFER_CLAUSE, limit=MAX_TITLE)
    law = agreement.chapter_v
    relied_on = any(m.kind == "adequacy" and serves(m, p, law) for m in mechanisms for p in places)
    return TransferRecord(module=module, covered=command.covered and relied_on, derogation=derogation)


def _identifier(name: str) -> str:
    return "s_" + _slug(name)


def _slug(name: str) -> str:
    """What of a name an identifier can hold; a digest stands for letters that it cannot, so that two names in
    another script stay apart."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]
    if name.isascii() and plain:
        return plain
    digest = hashlib.sha256(name.casefold().encode()).hexdigest()[:8]
    return f"{plain}_{digest}".strip("_")


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _draft_change(command: DraftChange, state: State, context: Context) -> list[Body]:
    """A change in the making, complete and lawful as it stands. Clause: Sch. 2 1.1, 3.1(vii)"""
    if command.draft is not None:
        _taken(command.draft, command, state, context)
    change = drafted_change(command, context.agreement, dates.local_day(context.now))
    return [Drafted(draft=command.draft, change=change)]


@decide.register
def _discard_draft(command: DiscardDraft, state: State, context: Context) -> list[Body]:
    """No customer has seen it. Clause: Sch. 2 1.1"""
    return [Discarded(draft=_taken(command.draft, command, state, context).id)]


@decide.register
def _publish_change(command: PublishChange, state: State, context: Context) -> list[Body]:
    """Customers hear of an addition or replacement 30 whole days before it counts, however urgent it is; of a
    removal at the latest when it counts. Clause: Sch. 2 1.1"""
    draft = _taken(command.draft, command, state, context)
    _check_announced(draft.id, draft.change, command.effective_on, state, context, "draft")
    return [Announced(draft=draft.id, change=draft.change, effective_on=command.effective_on)]


def _check_announced(
    id: int, change: Change, first: date, state: State, context: Context, field: str
) -> None:
    """Refuse what cannot be announced from now for a day: `first`, in Stockholm. Clause: Sch. 2 1.1"""
    agreement = context.agreement
    soonest = earliest(agreement, context.now, change.kind)
    if first < soonest:
        if change.kind == "removal":
            raise refuse("in_the_past", CLAUSE, "effective_on", first=first, earliest=soonest)
        notice = agreement.term("sub_processor_notice").value
        raise refuse("too_early", CLAUSE, "effective_on", first=first, days=notice, earliest=soonest)
    if obstacle := _unannounceable(id, change, first, state, context, field):
        raise obstacle


def _unannounceable(
    id: int, change: Change, first: date, state: State, context: Context, field: str
) -> Refusal | None:
    """Why a change that counts from a day, in Stockholm, does not fit what else is published; None where it
    does. Clause: Sch. 2 1.1"""
    if _clashes(change, state, context.agreement, first):
        return refuse("clash", CLAUSE, field)
    if refusal := _unlawful_on(first, change, context.agreement):
        return refusal
    new = Published(id=id, change=change, at=context.now, by="", effective_on=first)
    # A removal that counts at once is not among what is coming.
    at_once = [change] if new.counts_at(context.agreement) <= context.now else []
    return _leaves_alone(state.but(published=state.published | {id: new}), context, field, at_once)


@decide.register
def _correct_notice(command: CorrectNotice, state: State, context: Context) -> list[Body]:
    """The notice goes out again and the time to object begins anew: silence binds only whom the right
    notice reached. Objections made stand. Clause: Sch. 2 1.1"""
    published = state.published.get(command.notice)
    if published is None:
        raise refuse("not_published", CLAUSE, "notice", id=command.notice)
    STEPS.check(command, published, state, context)
    correction = checked_text(command.correction, "correction", CLAUSE, "correction")
    change = drafted_change(command.content, context.agreement, dates.local_day(context.now))
    others = _others(state, published.id)
    _check_announced(published.id, change, command.effective_on, others, context, "notice")
    return [
        NoticeCorrected(
            notice=published.id, change=change, effective_on=command.effective_on, correction=correction
        )
    ]


@decide.register
def _withdraw_change(command: WithdrawChange, state: State, context: Context) -> list[Body]:
    """A change that does not count yet is taken back, with the reason. Clause: Sch. 2 1.1"""
    published = state.published.get(command.change)
    if published is None:
        raise refuse("not_published", CLAUSE, "change", id=command.change)
    STEPS.check(command, published, state, context)
    reason = checked_reason(command.reason, required_by=CLAUSE)
    return [TakenBack(change=published.id, reason=reason)]


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("sub_processors")

SUB_PROCESSORS = Subject(
    name="sub_processors",
    title="Sub-processor changes",
    page="notices",
    state=State,
    events=(Drafted, Discarded, Announced, NoticeCorrected, TakenBack),
    decide=decide,
    steps_open=steps_open,
)
