"""Changes to the list of sub-processors, notices of them, and objections.

The provider drafts and publishes changes in its own ledger; each customer's objection lies in the
customer's. Which list counts at a moment follows from both, without anything having run.

Clauses: Sch. 2 1.1 (30 days' notice, silence is acceptance), Sch. 2 1.2 (objection, 60 days, ending the
affected services), 3.1(v) and (vi) (general authorisation, cure), 3.1(vii) (transfers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dpa_core.agreement import Agreement, Location, Place, SubProcessor
from dpa_core.subjects import dates
from dpa_core.subjects.common import (
    MAX_TITLE,
    FileRef,
    Matter,
    Moment,
    NewEvent,
    Record,
    RecordedEvent,
    Refusal,
    Said,
    Side,
    checked_reason,
    checked_text,
    side_of,
)

CLAUSE = "Sch. 2 1.1"
OBJECTION_CLAUSE = "Sch. 2 1.2"
CURE_CLAUSE = "3.1(vi)"
TRANSFER_CLAUSE = "3.1(vii)"

ChangeKind = Literal["addition", "replacement", "removal", "change"]
KIND_NAMES: dict[ChangeKind, str] = {
    "addition": "Addition",
    "replacement": "Replacement",
    "removal": "Removal",
    "change": "Change of place or mechanism",
}


# --- the provider's state ------------------------------------------------------------------------


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


class ProviderState(Record):
    """Drafts and published changes, by identifier: the sequence of the draft's first event."""

    drafts: dict[int, Draft] = {}
    published: dict[int, Published] = {}


def in_effect(agreement: Agreement, provider: ProviderState, now: datetime) -> Agreement:
    """The agreement with the list of sub-processors that counts at a moment.

    A version published after a change was is taken to hold it already.
    Clause: Sch. 2 1.1
    """
    for p in _counting(agreement, provider.published):
        if p.effective_at <= now:
            agreement = applied(p.change, agreement)
    return agreement


def coming(agreement: Agreement, published: Mapping[int, Published], now: datetime) -> list[Published]:
    """The changes that will count later than `now`, what counts first coming first. Clause: Sch. 2 1.1"""
    return [p for p in _counting(agreement, published) if p.effective_at > now]


def _counting(agreement: Agreement, published: Mapping[int, Published]) -> list[Published]:
    """The changes that count, or will, beside a version of the agreement, in their order."""
    counting = [
        p
        for p in published.values()
        if p.withdrawn_at is None and agreement.published <= dates.local_day(p.at)
    ]
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


def features_of(change: Change, agreement: Agreement) -> tuple[str, ...]:
    """Identifiers of the features a change touches; empty for a core sub-processor.

    `agreement`: with the list as it stands before the change.
    """
    old = {s.id: s for s in agreement.sub_processors}.get(change.replaces or "")
    touched = {f for s in (old, change.entry) if s for f in s.features}
    return tuple(f.id for f in agreement.features if f.id in touched)


# --- the provider's events and commands ----------------------------------------------------------


class Drafted(Record):
    """`sub_processors.drafted`: a change in the making, new (`draft` None) or worked over."""

    v: Literal[1] = 1
    draft: int | None
    change: Change


class Discarded(Record):
    """`sub_processors.discarded`: a draft that will not be published."""

    v: Literal[1] = 1
    draft: int


class Announced(Record):
    """`sub_processors.published`: customers are notified of the change."""

    v: Literal[1] = 1
    draft: int
    change: Change
    effective_on: date


class TakenBack(Record):
    """`sub_processors.withdrawn`: a published change that will not come after all."""

    v: Literal[1] = 1
    change: int
    reason: str


@dataclass(frozen=True)
class DraftChange:
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


@dataclass(frozen=True)
class DiscardDraft:
    """Throw a draft away."""

    draft: int


@dataclass(frozen=True)
class PublishChange:
    """Notify the customers of a drafted change."""

    draft: int
    effective_on: date


@dataclass(frozen=True)
class WithdrawChange:
    """Take a published change back before it counts."""

    change: int
    reason: str


ProviderCommand = DraftChange | DiscardDraft | PublishChange | WithdrawChange


def earliest(agreement: Agreement, now: datetime) -> date:
    """The first day a change published now may count from. Clause: Sch. 2 1.1"""
    return dates.local_day(now) + timedelta(days=agreement.term("sub_processor_notice").value)


def _identifier(name: str) -> str:
    return "s_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50]


def drafted_change(command: DraftChange, agreement: Agreement) -> Change:
    """The change a draft describes, checked against the list as it stands. Raises Refusal.

    Clause: Sch. 2 1.1, 3.1(vii)
    """
    known = {s.id: s for s in agreement.sub_processors}
    old = known.get(command.replaces or "")
    if command.kind != "addition" and old is None:
        raise Refusal(
            CLAUSE,
            f"A {KIND_NAMES[command.kind].lower()} needs the sub-processor it is about.",
            "Choose one from the list.",
            "replaces",
        )
    reason = checked_reason(command.reason, required_by=CLAUSE)
    if command.kind == "removal":
        assert old is not None  # noqa: S101  # refused above
        orphans = [f for f in old.features if not any(f in s.features for s in known.values() if s != old)]
        if orphans or old.kind == "core":
            name = agreement.feature(orphans[0]).name if orphans else "The core service"
            raise Refusal(
                CLAUSE,
                f"{name} would be left without a sub-processor.",
                "Draft a replacement instead.",
                "replaces",
            )
        return Change(kind="removal", replaces=old.id, replaced_name=old.name, reason=reason)
    if command.kind == "change":
        assert old is not None  # noqa: S101
        name, purpose, serves, core = old.name, old.purpose, old.features, old.kind == "core"
    else:
        name = checked_text(command.name, "The name", CLAUSE, "name", limit=MAX_TITLE)
        purpose = checked_text(command.purpose, "The purpose", CLAUSE, "purpose", limit=MAX_TITLE)
        serves = old.features if old else tuple(f.id for f in agreement.features if f.id in command.features)
        core = old is not None and old.kind == "core"
        if not core and not serves:
            raise Refusal(CLAUSE, "No feature is chosen.", "Choose the features it serves.", "features")
        if name.casefold() in {s.name.casefold() for s in known.values()}:
            raise Refusal(
                CLAUSE, f"{name} is on the list already.", "Draft a change of its entry instead.", "name"
            )
    places, new = _places(command, agreement)
    third = [p for p in places if p.third_country]
    mechanisms = tuple(m.id for m in agreement.mechanisms if m.id in command.mechanisms)
    if third and not mechanisms:
        raise Refusal(
            TRANSFER_CLAUSE,
            f"{third[0].name} lies outside the EU and EEA, and no transfer mechanism is chosen.",
            "Choose what makes the transfer lawful (Chapter V GDPR).",
            "mechanisms",
        )
    entry = SubProcessor(
        id=old.id if old and command.kind == "change" else _identifier(name),
        name=name,
        kind="core" if core else "optional",
        features=serves,
        purpose=purpose,
        locations=tuple(Location(place=p.id, role="processing") for p in places),
        location_wording="; ".join(p.name for p in places),
        mechanisms=mechanisms,
        clause=old.clause if old else "Sch. 2 2.2",
    )
    return Change(
        kind=command.kind,
        replaces=old.id if old else None,
        replaced_name=old.name if old else "",
        entry=entry,
        places=new,
        reason=reason,
    )


def _places(command: DraftChange, agreement: Agreement) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Every place of the entry, and those among them that the agreement does not name."""
    places = tuple(p for p in agreement.places if p.id in command.places)
    new: tuple[Place, ...] = ()
    if command.new_place and command.new_place[0].strip():
        name, third = command.new_place[0].strip(), command.new_place[1]
        checked_text(name, "The new place", CLAUSE, "new_place", limit=MAX_TITLE)
        if name.casefold() in {p.name.casefold() for p in agreement.places}:
            raise Refusal(CLAUSE, f"{name} is a known place.", "Choose it from the list.", "new_place")
        new = (Place(id=_identifier(name), name=name, third_country=third),)
    if not places and not new:
        raise Refusal(CLAUSE, "No place is chosen.", "Choose where it processes.", "places")
    return (*places, *new), new


def decide_provider(
    command: ProviderCommand, state: ProviderState, agreement: Agreement, now: datetime
) -> list[NewEvent]:
    """Record the provider's step. `agreement`: the newest version, with the list in effect.

    Clause: Sch. 2 1.1
    """
    match command:
        case DraftChange(draft=id):
            if id is not None and id not in state.drafts:
                raise Refusal(CLAUSE, f"There is no draft {id}.", "Draft the change anew.", "draft")
            body: Record = Drafted(draft=id, change=drafted_change(command, agreement))
            return [NewEvent("sub_processors.drafted", body)]
        case DiscardDraft(draft=id):
            if id not in state.drafts:
                raise Refusal(CLAUSE, f"There is no draft {id}.", "Nothing needs doing.", "draft")
            return [NewEvent("sub_processors.discarded", Discarded(draft=id))]
        case PublishChange(draft=id, effective_on=day):
            if id not in state.drafts:
                raise Refusal(CLAUSE, f"There is no draft {id}.", "Draft the change first.", "draft")
            soonest = earliest(agreement, now)
            if day < soonest:
                notice = agreement.term("sub_processor_notice").value
                raise Refusal(
                    CLAUSE,
                    f"{dates.in_words(day)} is less than {notice} days ahead; customers hear of a change "
                    f"at least {notice} calendar days in advance, however urgent it is.",
                    f"Choose {dates.in_words(soonest)} or later.",
                    "effective_on",
                )
            change = state.drafts[id].change
            _check_still_fits(change, state, agreement, day)
            body = Announced(draft=id, change=change, effective_on=day)
            return [NewEvent("sub_processors.published", body)]
        case WithdrawChange(change=id, reason=reason):
            published = state.published.get(id)
            if published is None or published.withdrawn_at:
                raise Refusal(CLAUSE, f"No published change {id} stands.", "Nothing needs doing.", "change")
            if now >= published.effective_at:
                raise Refusal(
                    CLAUSE,
                    f"The change counts since {dates.in_words(published.effective_on)}.",
                    "Draft a new change that undoes it.",
                    "change",
                )
            reason = checked_reason(reason, required_by=CLAUSE)
            return [NewEvent("sub_processors.withdrawn", TakenBack(change=id, reason=reason))]


def _check_still_fits(change: Change, state: ProviderState, agreement: Agreement, day: date) -> None:
    """Two changes must not touch the same entry while one of them has not come yet, and the list may
    have changed since the draft was written."""
    waiting = [
        p.change
        for p in state.published.values()
        if p.withdrawn_at is None and change != p.change and p.effective_at > dates.start_of(day)
    ]
    ahead = in_effect(agreement, state, dates.start_of(day))
    ids = {s.id for s in ahead.sub_processors}
    new = change.entry.id if change.entry and change.kind in ("addition", "replacement") else None
    gone = change.replaces is not None and change.replaces not in ids
    touched = change.replaces is not None and change.replaces in {w.replaces for w in waiting}
    twice = new is not None and (new in ids or new in {w.entry.id for w in waiting if w.entry})
    if gone or touched or twice:
        raise Refusal(
            CLAUSE,
            "Another published change touches the same sub-processor.",
            "Withdraw that one first, or discard this draft and write it anew.",
            "draft",
        )


_PROVIDER_BODIES: dict[str, type[Drafted | Discarded | Announced | TakenBack]] = {
    "sub_processors.drafted": Drafted,
    "sub_processors.discarded": Discarded,
    "sub_processors.published": Announced,
    "sub_processors.withdrawn": TakenBack,
}


PROVIDER_KINDS = frozenset(_PROVIDER_BODIES)


def evolve_provider(state: ProviderState, event: RecordedEvent) -> ProviderState:
    """The provider's state after an event; one of another subject leaves it as it is."""
    if event.kind not in PROVIDER_KINDS:
        return state
    drafts, published = dict(state.drafts), dict(state.published)
    match _PROVIDER_BODIES[event.kind].model_validate(event.body):
        case Drafted(draft=id, change=change):
            id = id or event.sequence
            drafts[id] = Draft(id=id, change=change, by=event.actor, at=event.recorded_at)
        case Discarded(draft=id):
            del drafts[id]
        case Announced() as body:
            del drafts[body.draft]
            published[body.draft] = Published(
                id=body.draft,
                change=body.change,
                at=event.recorded_at,
                by=event.actor,
                effective_on=body.effective_on,
            )
        case TakenBack(change=id, reason=reason):
            stamp = {"withdrawn_at": event.recorded_at, "withdrawal": reason}
            published[id] = published[id].model_copy(update=stamp)
    return ProviderState(drafts=drafts, published=published)


def title(change: Change) -> str:
    """`Replacement of DeepGram by Talvox`."""
    old, new = change.replaced_name, change.entry.name if change.entry else ""
    return {
        "addition": f"Addition of {new}",
        "replacement": f"Replacement of {old} by {new}",
        "removal": f"Removal of {old}",
        "change": f"Change of place or mechanism of {new}",
    }[change.kind]


def describe_provider(event: RecordedEvent) -> str:
    """An event of the provider's ledger in a sentence."""
    match _PROVIDER_BODIES[event.kind].model_validate(event.body):
        case Drafted(change=change):
            return f"Drafted: {title(change)}"
        case Discarded(draft=id):
            return f"Discarded draft {id}"
        case Announced() as body:
            return f"Published: {title(body.change)}, from {dates.in_words(body.effective_on)}"
        case TakenBack(change=id):
            return f"Withdrew published change {id}"


# --- the customer's state ------------------------------------------------------------------------


class Objection(Record):
    """A customer's objection to one published change."""

    change: int
    at: Moment
    by: str
    grounds: str
    files: tuple[FileRef, ...] = ()
    said: tuple[Said, ...] = ()
    """Cures proposed and answers to them, oldest first."""
    cure_waits: bool = False
    """A cure is proposed and not answered yet."""
    resolved_at: Moment | None = None
    withdrawn_at: Moment | None = None
    ended_at: Moment | None = None
    ended_by: Side | None = None
    ended: tuple[str, ...] = ()
    """Features that were ended over it."""


class State(Record):
    """The customer's objections, by the change they are to."""

    objections: dict[int, Objection] = {}


Standing = Literal[
    "may be objected to",
    "accepted by silence",
    "objected",
    "cure proposed",
    "resolved",
    "unresolved",
    "objection withdrawn",
    "affected features ended",
    "withdrawn by the provider",
    "for information",
]


def objection_ends(published: Published, agreement: Agreement) -> datetime:
    """Until when a customer may object, in UTC. Clause: Sch. 2 1.1"""
    return dates.days_later(published.at, agreement.term("objection_period").value)


def resolution_ends(objection: Objection, agreement: Agreement) -> datetime:
    """Until when both look for a way out, in UTC. Clause: Sch. 2 1.2"""
    return dates.days_later(objection.at, agreement.term("objection_resolution").value)


def standing(published: Published, state: State, agreement: Agreement, now: datetime) -> Standing:
    """Where one customer stands with a change at a moment. Clause: Sch. 2 1.1, 1.2"""
    o = state.objections.get(published.id)
    if o is None:
        if published.withdrawn_at:
            return "withdrawn by the provider"
        if published.change.kind == "removal":
            return "for information"
        open_still = now < objection_ends(published, agreement)
        return "may be objected to" if open_still else "accepted by silence"
    if o.ended_at:
        return "affected features ended"
    if o.withdrawn_at:
        return "objection withdrawn"
    if o.resolved_at:
        return "resolved"
    if published.withdrawn_at:
        return "withdrawn by the provider"
    if now >= resolution_ends(o, agreement):
        return "unresolved"
    return "cure proposed" if o.cure_waits else "objected"


# --- the customer's events and commands ----------------------------------------------------------


class Objected(Record):
    """`sub_processors.objected`: an objection with its grounds."""

    v: Literal[1] = 1
    change: int
    grounds: str
    files: tuple[FileRef, ...]


class CureProposed(Record):
    """`sub_processors.cure_proposed`: what the provider offers."""

    v: Literal[1] = 1
    change: int
    text: str
    files: tuple[FileRef, ...]


class CureAnswered(Record):
    """`sub_processors.cure_answered`: the customer takes the cure or not."""

    v: Literal[1] = 1
    change: int
    accepted: bool
    text: str


class ObjectionWithdrawn(Record):
    """`sub_processors.objection_withdrawn`: the customer accepts the change after all."""

    v: Literal[1] = 1
    change: int
    reason: str


class FeaturesEnded(Record):
    """`sub_processors.features_ended`: unresolved, so the affected features end."""

    v: Literal[1] = 1
    change: int
    features: tuple[str, ...]
    reason: str


_Body = Objected | CureProposed | CureAnswered | ObjectionWithdrawn | FeaturesEnded
_BODIES: dict[str, type[_Body]] = {
    "sub_processors.objected": Objected,
    "sub_processors.cure_proposed": CureProposed,
    "sub_processors.cure_answered": CureAnswered,
    "sub_processors.objection_withdrawn": ObjectionWithdrawn,
    "sub_processors.features_ended": FeaturesEnded,
}
KINDS = frozenset(_BODIES)


@dataclass(frozen=True)
class Object:
    """Object to a change, on documented grounds relating to data protection."""

    change: int
    grounds: str
    relates_to_data_protection: bool
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class AnswerCure:
    """Take the cure, or say why not."""

    change: int
    accept: bool
    text: str = ""


@dataclass(frozen=True)
class WithdrawObjection:
    """Accept the change after all."""

    change: int
    reason: str = ""


@dataclass(frozen=True)
class ProposeCure:
    """Offer a way out."""

    change: int
    text: str
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True)
class EndFeatures:
    """End the features the change touches, as the 60 days are over without a resolution."""

    change: int
    reason: str = ""


ByCustomer = Object | AnswerCure | WithdrawObjection
ByProvider = ProposeCure
ByBoth = EndFeatures
Command = ByCustomer | ByProvider | ByBoth


def affected(published: Published, on: frozenset[str], agreement: Agreement) -> tuple[str, ...]:
    """The features of a customer that a change touches, in list order.

    `agreement`: as in effect now, which may hold the change already. Clause: Sch. 2 1.2
    """
    return tuple(f for f in features_of(published.change, agreement) if f in on)


def decide(
    command: Command,
    state: State,
    published: Mapping[int, Published],
    on: frozenset[str],
    agreement: Agreement,
    now: datetime,
) -> list[NewEvent]:
    """Record the step. `on`: identifiers of the customer's features that are on.

    Clause: Sch. 2 1.1, Sch. 2 1.2, 3.1(vi)
    """
    change = published.get(command.change)
    if change is None:
        raise Refusal(
            CLAUSE, f"There is no notice of a change {command.change}.", "Choose one from the list.", "change"
        )
    stands = standing(change, state, agreement, now)
    in_dispute = ("objected", "cure proposed", "unresolved")
    match command:
        case Object(grounds=grounds, relates_to_data_protection=relates, files=files):
            if stands != "may be objected to":
                raise Refusal(
                    CLAUSE, f"This change is {stands}; {_LATE[stands]}", "See its notice.", "change"
                )
            if not grounds.strip():
                raise Refusal(
                    OBJECTION_CLAUSE,
                    "An objection needs reasonable, documented grounds.",
                    "Write down the grounds.",
                    "grounds",
                )
            grounds = checked_text(grounds, "The grounds", OBJECTION_CLAUSE, "grounds")
            if not relates:
                raise Refusal(
                    OBJECTION_CLAUSE,
                    "It is not confirmed that the grounds relate to data protection.",
                    "Only such grounds count. Tick the confirmation if they do.",
                    "relates_to_data_protection",
                )
            body: Record = Objected(change=change.id, grounds=grounds, files=files)
            return [NewEvent("sub_processors.objected", body)]
        case ProposeCure(text=text, files=files):
            if stands not in in_dispute:
                raise _no_dispute(stands)
            text = checked_text(text, "The cure", CURE_CLAUSE, "text")
            body = CureProposed(change=change.id, text=text, files=files)
            return [NewEvent("sub_processors.cure_proposed", body)]
        case AnswerCure(accept=accept, text=text):
            if stands not in in_dispute or not state.objections[change.id].cure_waits:
                raise Refusal(CURE_CLAUSE, "No cure waits for an answer.", "Nothing needs doing.", "change")
            text = checked_reason(text, required_by=None if accept else OBJECTION_CLAUSE)
            body = CureAnswered(change=change.id, accepted=accept, text=text)
            return [NewEvent("sub_processors.cure_answered", body)]
        case WithdrawObjection(reason=reason):
            if stands not in in_dispute:
                raise _no_dispute(stands)
            body = ObjectionWithdrawn(change=change.id, reason=checked_reason(reason))
            return [NewEvent("sub_processors.objection_withdrawn", body)]
        case EndFeatures(reason=reason):
            if stands in ("objected", "cure proposed"):
                until = resolution_ends(state.objections[change.id], agreement)
                days = agreement.term("objection_resolution").value
                last = dates.in_words(dates.local_day(until - timedelta(seconds=1)))
                raise Refusal(
                    OBJECTION_CLAUSE,
                    f"Both sides look for a way out for {days} days first, until the end of {last}.",
                    "Wait for that, or settle it before.",
                    "change",
                )
            if stands != "unresolved":
                raise _no_dispute(stands)
            ends = affected(change, on, agreement)
            if not ends:
                raise Refusal(
                    OBJECTION_CLAUSE,
                    "None of the features this change touches is on.",
                    "Nothing is left to end; withdraw the objection, or end the agreement itself.",
                    "change",
                )
            body = FeaturesEnded(change=change.id, features=ends, reason=checked_reason(reason))
            return [NewEvent("sub_processors.features_ended", body)]


_OBJECTED = "you have objected already."
_LATE: dict[Standing, str] = {
    "accepted by silence": "the time to object is over.",
    "for information": "a removal can't be objected to.",
    "withdrawn by the provider": "it will not come.",
    "objected": _OBJECTED,
    "cure proposed": _OBJECTED,
    "unresolved": _OBJECTED,
    "resolved": _OBJECTED,
    "objection withdrawn": _OBJECTED,
    "affected features ended": _OBJECTED,
}


def _no_dispute(stands: Standing) -> Refusal:
    return Refusal(
        OBJECTION_CLAUSE, f"No objection is open here: the change is {stands}.", "See its notice.", "change"
    )


def evolve(state: State, event: RecordedEvent) -> State:
    """The customer's state after an event; one of another subject leaves it as it is."""
    if event.kind not in KINDS:
        return state
    body = _BODIES[event.kind].model_validate(event.body)
    at, by = event.recorded_at, event.actor
    if isinstance(body, Objected):
        new = Objection(change=body.change, at=at, by=by, grounds=body.grounds, files=body.files)
        return State(objections=state.objections | {body.change: new})
    old = state.objections[body.change]
    said = (*old.said, Said(at=at, by=by, side=side_of(event), text=_words(body), files=_files(body)))
    match body:
        case CureProposed():
            update: dict[str, Any] = {"said": said, "cure_waits": True}
        case CureAnswered(accepted=accepted):
            update = {"said": said, "cure_waits": False, "resolved_at": at if accepted else None}
        case ObjectionWithdrawn():
            update = {"said": said, "cure_waits": False, "withdrawn_at": at}
        case FeaturesEnded(features=ended):
            update = {
                "said": said,
                "cure_waits": False,
                "ended_at": at,
                "ended_by": side_of(event),
                "ended": ended,
            }
    return State(objections=state.objections | {body.change: old.model_copy(update=update)})


def _words(body: CureProposed | CureAnswered | ObjectionWithdrawn | FeaturesEnded) -> str:
    match body:
        case CureProposed(text=text):
            return text
        case CureAnswered(accepted=accepted, text=text):
            return " ".join(filter(None, ("Cure accepted." if accepted else "Cure not accepted.", text)))
        case ObjectionWithdrawn(reason=reason):
            return " ".join(filter(None, ("Objection withdrawn.", reason)))
        case FeaturesEnded(reason=reason):
            return " ".join(filter(None, ("Affected features ended.", reason)))


def _files(body: _Body) -> tuple[FileRef, ...]:
    return body.files if isinstance(body, CureProposed) else ()


def matters(state: State, published: Mapping[int, Published], agreement: Agreement) -> Iterator[Matter]:
    """What waits for whom over objections, each for the time it does. Clause: Sch. 2 1.2"""
    for o in state.objections.values():
        change = published[o.change]
        if o.ended_at or o.withdrawn_at or o.resolved_at or change.withdrawn_at:
            continue
        until = resolution_ends(o, agreement)
        name = f"Objection: {title(change.change)}"
        base = Matter(
            f"notices/{o.change}",
            "notices",
            name,
            "provider",
            "",
            OBJECTION_CLAUSE,
            due=until,
            opened_at=o.at,
            by=o.by,
        )
        if o.cure_waits:
            yield replace(base, waits_for="customer", next_step="Answer the cure proposed", ends=until)
        else:
            yield replace(base, next_step="Propose a cure", ends=until)
        yield replace(base, next_step="Decide whether to end the affected features", begins=until)


def notice_matters(
    state: State, published: Mapping[int, Published], agreement: Agreement
) -> Iterator[Matter]:
    """The notices a customer may still object to; silence is acceptance. Clause: Sch. 2 1.1"""
    for p in published.values():
        if p.id not in state.objections and not p.withdrawn_at and p.change.kind != "removal":
            until = objection_ends(p, agreement)
            yield Matter(
                f"notices/{p.id}",
                "notices",
                f"Sub-processors: {title(p.change)}",
                "customer",
                "Object, or accept by silence",
                CLAUSE,
                due=until,
                begins=p.at,
                ends=until,
                opened_at=p.at,
            )


def describe(event: RecordedEvent, agreement: Agreement) -> str:
    """The event in a sentence, in the names of the agreement as it counts."""
    body = _BODIES[event.kind].model_validate(event.body)
    match body:
        case Objected():
            return f"Objected to sub-processor change {body.change}"
        case CureProposed():
            return f"Proposed a cure for the objection to change {body.change}"
        case CureAnswered():
            done = "Accepted" if body.accepted else "Did not accept"
            return f"{done} the cure for change {body.change}"
        case ObjectionWithdrawn():
            return f"Withdrew the objection to change {body.change}"
        case FeaturesEnded():
            names = {f.id: f.name for f in agreement.features}
            ended = ", ".join(names.get(f, f) for f in body.features)
            return f"Ended {ended} over change {body.change}, unresolved"
