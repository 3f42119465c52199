"""Changes to the list of sub-processors: drafted and published by the provider, in its own ledger.

Which list counts at a moment follows from what was published, without anything having run. What a customer
says to a change lies in the customer's ledger: see objections.

Clauses: Sch. 2 1.1 (30 days' notice), 3.1(v) (general authorisation), 3.1(vii) (transfers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dpa_core.agreement import Agreement, Location, Place, SubProcessor
from dpa_core.locale import Label, fill, worded
from dpa_core.subjects import dates
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusal, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Stage, Steps, Subject, rules
from dpa_core.subjects.texts import MAX_TITLE, checked_reason, checked_text

CLAUSE = "Sch. 2 1.1"
TRANSFER_CLAUSE = "3.1(vii)"


# --- state ---------------------------------------------------------------------------------------

ChangeKind = Literal["addition", "replacement", "removal", "change"]
KIND_NAMES: dict[ChangeKind, str] = {
    "addition": "Addition",
    "replacement": "Replacement",
    "removal": "Removal",
    "change": "Change of place or mechanism",
}
_TITLES: dict[ChangeKind, str] = {
    "addition": "Addition of {new}",
    "replacement": "Replacement of {old} by {new}",
    "removal": "Removal of {old}",
    "change": "Change of place or mechanism of {new}",
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

    @property
    def names(self) -> dict[str, str]:
        """The names that its title speaks of: `old` and `new`, each empty where there is none."""
        return {"old": self.replaced_name, "new": self.entry.name if self.entry else ""}

    @property
    def title(self) -> str:
        """`Replacement of DeepGram by Talvox`."""
        return fill(_TITLES[self.kind], self.names)

    def features_of(self, agreement: Agreement) -> tuple[str, ...]:
        """Identifiers of the features it touches, in list order; empty for a core sub-processor.

        `agreement`: with the list as it stands before the change.
        """
        old = {s.id: s for s in agreement.sub_processors}.get(self.replaces or "")
        touched = {f for s in (old, self.entry) if s for f in s.features}
        return tuple(f.id for f in agreement.features if f.id in touched)


class Draft(Record):
    """A change in the making, seen by the provider only."""

    id: int
    change: Change
    by: str
    at: Moment


class Published(Record):
    """A change that customers were notified of. `effective_on`: the day in Stockholm it counts from."""

    id: int
    change: Change
    at: Moment
    by: str
    effective_on: date
    withdrawn_at: Moment | None = None
    withdrawal: str = ""
    """Why the provider took it back before it counted."""

    @property
    def effective_at(self) -> datetime:
        """The moment it counts from, in UTC."""
        return dates.start_of(self.effective_on)

    def changes_list_of(self, agreement: Agreement) -> bool:
        """Whether it changes the list of a version of the agreement, now or later.

        A version published after a change was is taken to hold it already. Clause: Sch. 2 1.1
        """
        return self.withdrawn_at is None and agreement.published <= dates.local_day(self.at)


class State(Record):
    """Drafts and published changes, by identifier: the sequence of the draft's first event."""

    drafts: dict[int, Draft] = {}
    published: dict[int, Published] = {}


def status(item: Draft | Published, now: datetime) -> Status:
    """Where a change stands at a moment; it begins to count without anything being written."""
    if isinstance(item, Draft):
        return "draft"
    if item.withdrawn_at:
        return "withdrawn"
    return "counts" if now >= item.effective_at else "coming"


def in_effect(agreement: Agreement, state: State, now: datetime) -> Agreement:
    """The agreement with the list of sub-processors that counts at a moment. Clause: Sch. 2 1.1"""
    for p in _counting(agreement, state.published):
        if p.effective_at <= now:
            agreement = applied(p.change, agreement)
    return agreement


def coming(agreement: Agreement, published: Mapping[int, Published], now: datetime) -> list[Published]:
    """The changes that will count later than `now`, what counts first coming first. Clause: Sch. 2 1.1"""
    return [p for p in _counting(agreement, published) if p.effective_at > now]


def _counting(agreement: Agreement, published: Mapping[int, Published]) -> list[Published]:
    """The changes of a version's list, in the order in which they count."""
    counting = [p for p in published.values() if p.changes_list_of(agreement)]
    return sorted(counting, key=lambda p: (p.effective_on, p.id))


def applied(change: Change, agreement: Agreement) -> Agreement:
    """The agreement with one change made to its list. Clause: Sch. 2 1.1"""
    entries = list(agreement.sub_processors)
    position = next((n for n, s in enumerate(entries) if s.id == change.replaces), len(entries))
    entries[position : position + 1] = [change.entry] if change.entry else []
    known = {p.id for p in agreement.places}
    fields: dict[str, Any] = {name: getattr(agreement, name) for name in Agreement.model_fields}
    fields["sub_processors"] = tuple(entries)
    fields["places"] = (*agreement.places, *(p for p in change.places if p.id not in known))
    # Not model_copy(): it would carry the look-up tables of the old list along.
    return Agreement.model_construct(**fields)


def earliest(agreement: Agreement, now: datetime) -> date:
    """The first day a change published now may count from. Clause: Sch. 2 1.1"""
    return dates.local_day(now) + timedelta(days=agreement.term("sub_processor_notice").value)


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


class DraftChange(Command, by="provider", action="govern"):
    """Draft a change, or work over a draft. `location_wording` and mechanisms as customers will read them.

    `new_place`: name and whether outside the EU and EEA, of a place the agreement does not name.
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


class DiscardDraft(Command, by="provider", action="govern"):
    """Throw a draft away."""

    draft: int


class PublishChange(Command, by="provider", action="govern"):
    """Notify the customers of a drafted change."""

    draft: int
    effective_on: date


class WithdrawChange(Command, by="provider", action="govern"):
    """Take a published change back before it counts."""

    change: int
    reason: str


# --- the steps that fit --------------------------------------------------------------------------

STAGES: dict[Status, Stage] = {
    "draft": Stage((PublishChange, DraftChange, DiscardDraft), "provider"),
    "coming": Stage((WithdrawChange,)),
    "counts": Stage(),
    "withdrawn": Stage(),
}


def _obstacle(step: type[Command], item: Draft | Published, state: State, context: Context) -> Refusal | None:
    """Why a step of the right stage does not fit this change all the same."""
    if step is PublishChange and isinstance(item, Draft):
        # What clashes on the day when all that was published counts, clashes on every day before.
        soonest = earliest(context.agreement, context.now)
        last = max((soonest, *(p.effective_on for p in state.published.values())))
        if _clashes(item.change, state, context.agreement, last):
            return refuse("clash", CLAUSE, "draft")
    return None


def _clashes(change: Change, state: State, agreement: Agreement, first: date) -> bool:
    """Whether a change that counts from a day would meet another that touches the same entry.

    Two changes must not touch one entry while either has not come yet, and the list may have changed since
    the draft was written. Clause: Sch. 2 1.1
    """
    at = dates.start_of(first)
    waiting = [p.change for p in state.published.values() if p.withdrawn_at is None and p.effective_at > at]
    ids = {s.id for s in in_effect(agreement, state, at).sub_processors}
    new = change.entry.id if change.entry and change.kind in ("addition", "replacement") else None
    gone = change.replaces is not None and change.replaces not in ids
    touched = change.replaces is not None and change.replaces in {w.replaces for w in waiting}
    twice = new is not None and (new in ids or new in {w.entry.id for w in waiting if w.entry})
    return gone or touched or twice


_NO_DRAFT: dict[type[Command], str] = {
    DraftChange: "no_draft_to_work_over",
    DiscardDraft: "no_draft_to_discard",
    PublishChange: "no_draft_to_publish",
}


def _misfit(step: type[Command], item: Draft | Published, state: State, context: Context) -> Refusal:
    if step is not WithdrawChange:
        return refuse(_NO_DRAFT[step], CLAUSE, "draft", id=item.id)
    if isinstance(item, Published) and status(item, context.now) == "counts":
        return refuse("counts_already", CLAUSE, "change", since=item.effective_on)
    return refuse("not_published", CLAUSE, "change", id=item.id)


STEPS: Steps[Draft | Published, State] = Steps(
    lambda item, state, context: STAGES[status(item, context.now)], _misfit, _obstacle
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


def drafted_change(command: DraftChange, agreement: Agreement) -> Change:
    """The change a draft describes, checked against the list as it stands. Raises Refusal.

    Clause: Sch. 2 1.1, 3.1(vii)
    """
    known = {s.id: s for s in agreement.sub_processors}
    old = None if command.kind == "addition" else known.get(command.replaces or "")
    if command.kind != "addition" and old is None:
        kind = Label(command.kind, KIND_NAMES[command.kind].lower())
        raise refuse("nothing_chosen", CLAUSE, "replaces", kind=kind)
    reason = checked_reason(command.reason, required_by=CLAUSE)
    entry: SubProcessor | None = None
    new_places: tuple[Place, ...] = ()
    if command.kind == "removal":
        _check_removable(old, agreement)
    else:
        entry, new_places = _entry(command, old, agreement)
    return Change(
        kind=command.kind,
        replaces=old.id if old else None,
        replaced_name=old.name if old else "",
        entry=entry,
        places=new_places,
        reason=reason,
    )


def _check_removable(old: SubProcessor | None, agreement: Agreement) -> None:
    """Refused where a feature, or the core service, would be left with nobody. Clause: Sch. 2 1.1"""
    assert old is not None  # noqa: S101  # a removal names its entry
    served = {f for s in agreement.sub_processors if s != old for f in s.features}
    if orphans := [f for f in old.features if f not in served]:
        name = agreement.feature(orphans[0]).name
        raise refuse("feature_left_alone", CLAUSE, "replaces", feature=name)
    if old.kind == "core":
        raise refuse("core_left_alone", CLAUSE, "replaces")


def _entry(
    command: DraftChange, old: SubProcessor | None, agreement: Agreement
) -> tuple[SubProcessor, tuple[Place, ...]]:
    """The entry as it will be, and the places among its own that the agreement does not name.

    `old`: the entry that is replaced or changed; None for an addition. Clause: Sch. 2 1.1, 3.1(vii)
    """
    if command.kind == "change":
        assert old is not None  # noqa: S101  # such a change names its entry
        id, name, purpose = old.id, old.name, old.purpose
    else:
        name, purpose = _name_and_purpose(command, agreement)
        id = _identifier(name)
    core = old is not None and old.kind == "core"
    serves = old.features if old else tuple(f.id for f in agreement.features if f.id in command.features)
    if not core and not serves:
        raise refuse("no_feature", CLAUSE, "features")
    places, new_places = _places(command, agreement)
    entry = SubProcessor(
        id=id,
        name=name,
        kind="core" if core else "optional",
        features=serves,
        purpose=purpose,
        locations=tuple(Location(place=p.id, role="processing") for p in places),
        location_wording="; ".join(p.name for p in places),
        mechanisms=_mechanisms(command, places, agreement),
        clause=old.clause if old else "Sch. 2 2.2",
    )
    return entry, new_places


def _name_and_purpose(command: DraftChange, agreement: Agreement) -> tuple[str, str]:
    """Of an entry that is new to the list. Clause: Sch. 2 1.1"""
    name = checked_text(command.name, "name", CLAUSE, limit=MAX_TITLE)
    purpose = checked_text(command.purpose, "purpose", CLAUSE, limit=MAX_TITLE)
    if name.casefold() in {s.name.casefold() for s in agreement.sub_processors}:
        raise refuse("on_the_list", CLAUSE, "name", name=name)
    return name, purpose


def _places(command: DraftChange, agreement: Agreement) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Every place of the entry, and those among them that the agreement does not name."""
    places = tuple(p for p in agreement.places if p.id in command.places)
    new: tuple[Place, ...] = ()
    if command.new_place and command.new_place[0].strip():
        name = checked_text(command.new_place[0], "new_place", CLAUSE, limit=MAX_TITLE)
        if name.casefold() in {p.name.casefold() for p in agreement.places}:
            raise refuse("known_place", CLAUSE, "new_place", name=name)
        new = (Place(id=_identifier(name), name=name, third_country=command.new_place[1]),)
    if not places and not new:
        raise refuse("no_place", CLAUSE, "places")
    return (*places, *new), new


def _mechanisms(command: DraftChange, places: tuple[Place, ...], agreement: Agreement) -> tuple[str, ...]:
    """Identifiers of the transfer mechanisms; outside the EU and EEA there must be one. Clause: 3.1(vii)"""
    mechanisms = tuple(m.id for m in agreement.mechanisms if m.id in command.mechanisms)
    outside = [p.name for p in places if p.third_country]
    if outside and not mechanisms:
        raise refuse("no_mechanism", TRANSFER_CLAUSE, "mechanisms", place=outside[0])
    return mechanisms


def _identifier(name: str) -> str:
    return "s_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50]


# --- decisions -----------------------------------------------------------------------------------


decide = rules()


@decide.register
def _draft_change(command: DraftChange, state: State, context: Context) -> list[Body]:
    """A change in the making, complete and lawful as it stands. Clause: Sch. 2 1.1, 3.1(vii)"""
    if command.draft is not None:
        _taken(command.draft, command, state, context)
    return [Drafted(draft=command.draft, change=drafted_change(command, context.agreement))]


@decide.register
def _discard_draft(command: DiscardDraft, state: State, context: Context) -> list[Body]:
    """No customer has seen it. Clause: Sch. 2 1.1"""
    return [Discarded(draft=_taken(command.draft, command, state, context).id)]


@decide.register
def _publish_change(command: PublishChange, state: State, context: Context) -> list[Body]:
    """Customers hear of a change 30 days before it counts, however urgent it is. Clause: Sch. 2 1.1"""
    draft, agreement = _taken(command.draft, command, state, context), context.agreement
    first, soonest = command.effective_on, earliest(agreement, context.now)
    if first < soonest:
        notice = agreement.term("sub_processor_notice").value
        raise refuse("too_early", CLAUSE, "effective_on", first=first, days=notice, earliest=soonest)
    if _clashes(draft.change, state, agreement, first):
        raise refuse("clash", CLAUSE, "draft")
    return [Announced(draft=draft.id, change=draft.change, effective_on=first)]


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
    events=(Drafted, Discarded, Announced, TakenBack),
    decide=decide,
    steps_open=steps_open,
)
