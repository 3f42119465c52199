"""Optional features: switching one on or off engages or releases sub-processors.

Clauses: Sch. 2 2.2 (optional sub-processors are engaged only by a feature in use), 3.1(i) (documented
instructions), 3.1(vii) (transfers to third countries on the customer's instruction).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dpa_core.agreement import Agreement, DataCategory, Feature, Place, Role, SubProcessor, TransferMechanism
from dpa_core.agreement.transfers import labelled, mechanisms_at
from dpa_core.subjects.common import Moment, Record, RecordedEvent, Refusals
from dpa_core.subjects.subject import Body, Command, Context, Subject, rules
from dpa_core.subjects.texts import checked_reason

CLAUSE = "Sch. 2 2.2"
TRANSFER_CLAUSE = "3.1(vii)"
END_CLAUSE = "3.1(xi)"
OBJECTION_CLAUSE = "Sch. 2 1.2"


# --- state ---------------------------------------------------------------------------------------


class Switch(Record):
    """How one feature stands, and the instruction that made it so."""

    on: bool
    since: Moment
    by: str
    sequence: int


class State(Record):
    """The features that were ever switched; one that is absent is off."""

    switches: dict[str, Switch] = {}

    @property
    def on(self) -> frozenset[str]:
        """Identifiers of the features that are on."""
        return frozenset(id for id, switch in self.switches.items() if switch.on)


# --- events --------------------------------------------------------------------------------------


class Change(Record):
    """One feature and what it is switched to."""

    feature: str
    on: bool


class Instructed(Body, kind="features.instructed"):
    """One instruction over one or several features."""

    changes: tuple[Change, ...]
    reason: str
    acknowledged: tuple[str, ...]
    """Sub-processors in third countries whose transfers were acknowledged, Clause 3.1(vii)."""
    engaged: tuple[str, ...]
    """Sub-processors that this instruction added."""
    released: tuple[str, ...]
    """Sub-processors that this instruction removed."""

    def apply(self, state: State, event: RecordedEvent) -> State:
        switched = {
            c.feature: Switch(on=c.on, since=event.recorded_at, by=event.actor, sequence=event.sequence)
            for c in self.changes
        }
        return State(switches=state.switches | switched)

    def describe(self, agreement: Agreement) -> str:
        """Which features were switched on and off."""
        names = {f.id: f.name for f in agreement.features}

        def listed(on: bool) -> str:
            return ", ".join(names.get(c.feature, c.feature) for c in self.changes if c.on == on)

        parts = [f"Switched {word} {listed(on)}" for word, on in (("on", True), ("off", False)) if listed(on)]
        return "; ".join(parts)


# --- commands ------------------------------------------------------------------------------------


class SetFeatures(Command, by="customer"):
    """Switch features: identifier to on (True) or off (False), all as one instruction."""

    changes: Mapping[str, bool]
    reason: str = ""
    acknowledged: frozenset[str] = frozenset()
    """Identifiers of sub-processors in third countries whose transfers the person accepts."""
    accepted: frozenset[int] = frozenset()
    """Changes of the list that the person accepts, over which a feature was ended."""


# --- consequences --------------------------------------------------------------------------------


Using = tuple[tuple[SubProcessor, tuple[Feature, ...]], ...]
"""Sub-processors, each with the features that use it."""


@dataclass(frozen=True)
class Transfer:
    """A sub-processor, a place outside the EU and EEA, what happens there, and what makes it lawful."""

    sub_processor: SubProcessor
    place: Place
    role: Role
    mechanisms: tuple[TransferMechanism, ...]
    """Those of the sub-processor's that serve this place."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The mechanisms' codes, with what was recorded of them: `SCC (module 3)`."""
        return labelled(self.sub_processor, self.mechanisms)


OUTSIDE: dict[Role, str] = {
    "processing": "Processing outside EU/EEA",
    "delivery": "Delivery from outside EU/EEA",
    "access": "Possible access from outside EU/EEA",
}
"""What happens at places outside the EU and EEA, each counted apart and called by this name everywhere."""

Outside = Mapping[Role, tuple[str, ...]]
"""For each of them, the names of the places where it happens."""


def outside(found: Iterable[tuple[Role, str]]) -> Outside:
    """Where something happens outside the EU and EEA: the one definition of the counts that screens, lists
    and documents show. A place counts once for each thing that happens there, whoever is there.

    `found`: what happens, and the name of the place, for every transfer. Clause: 3.1(vii)
    """
    pairs = list(found)
    return {role: tuple(dict.fromkeys(name for of, name in pairs if of == role)) for role in OUTSIDE}


def outside_of(sub_processors: Iterable[SubProcessor], agreement: Agreement) -> Outside:
    """`outside` of these sub-processors. Clause: 3.1(vii)"""
    return outside((t.role, t.place.name) for t in transfers(sub_processors, agreement))


@dataclass(frozen=True)
class Consequences:
    """What an instruction brings about. The same values decide() acts on."""

    switched_on: tuple[Feature, ...]
    switched_off: tuple[Feature, ...]
    added: tuple[SubProcessor, ...]
    removed: tuple[SubProcessor, ...]
    kept: Using
    """Sub-processors of a feature switched off that stay, and the features they stay for."""
    already: Using
    """Sub-processors of a feature switched on that are engaged as it is, and the features they are for."""
    transfers: tuple[Transfer, ...]
    """Transfers to third countries of the features switched on; each wants an acknowledgement."""
    new_third_countries: tuple[Place, ...]
    """Third countries where nothing was processed before."""
    mechanisms: tuple[TransferMechanism, ...]
    """What the added sub-processors' transfers rest on."""
    data_categories: tuple[DataCategory, ...]
    """Categories the features switched on touch (our reading: the agreement does not say)."""
    to_accept: tuple[int, ...]
    """Changes of the list over which a feature switched on was ended; each wants to be accepted."""
    clauses: tuple[str, ...]

    @property
    def to_acknowledge(self) -> frozenset[str]:
        """Identifiers of the sub-processors whose transfers want an acknowledgement."""
        return frozenset(t.sub_processor.id for t in self.transfers)


def engaged(on: Iterable[str], agreement: Agreement) -> tuple[SubProcessor, ...]:
    """The sub-processors engaged when these features are on, the core ones among them, in list order.

    Clause: Sch. 2 2.1, Sch. 2 2.2
    """
    features = frozenset(on)
    return tuple(s for s in agreement.sub_processors if s.kind == "core" or features & frozenset(s.features))


def switched_on(state: State, context: Context) -> frozenset[str]:
    """Identifiers of the features that are on at the context's moment: none once the agreement is over, as
    its data is then to be returned or deleted (our reading; nothing switches them off). Clause: 3.1(xi)"""
    return frozenset() if context.ended else state.on


def engaged_now(context: Context) -> tuple[SubProcessor, ...]:
    """The sub-processors engaged for the customer at the context's moment, in list order: none once all data
    is recorded as deleted, as nothing is processed any more (our reading of 5.1).

    Clause: Sch. 2 2.1, Sch. 2 2.2
    """
    return () if context.all_deleted else engaged(context.in_use, context.agreement)


def of_feature(feature: str, agreement: Agreement) -> tuple[SubProcessor, ...]:
    """The sub-processors that a feature engages. Clause: Sch. 2 2.2"""
    return tuple(s for s in agreement.sub_processors if feature in s.features)


def transfers(sub_processors: Iterable[SubProcessor], agreement: Agreement) -> tuple[Transfer, ...]:
    """Every transfer of these sub-processors to a place outside the EU and EEA. Clause: 3.1(vii)"""
    return tuple(
        Transfer(s, place, location.role, mechanisms_at(s, place, agreement))
        for s in sub_processors
        for location in s.locations
        if (place := agreement.place(location.place)).third_country
    )


def _without(entries: Iterable[SubProcessor], others: Iterable[SubProcessor]) -> tuple[SubProcessor, ...]:
    ids = {s.id for s in others}
    return tuple(s for s in entries if s.id not in ids)


def _shared(
    entries: Iterable[SubProcessor], touched: Iterable[str], agreement: Agreement, using: frozenset[str]
) -> Using:
    """The optional sub-processors of the features touched, each with the features `using` it beside them."""
    ids = frozenset(touched)
    return tuple(
        (s, tuple(f for f in agreement.features if f.id in using and f.id in s.features))
        for s in entries
        if s.kind == "optional" and ids & frozenset(s.features)
    )


def _processed_in(entries: Iterable[SubProcessor], agreement: Agreement) -> set[str]:
    """Identifiers of the third countries where these process data or may reach it."""
    return {t.place.id for t in transfers(entries, agreement) if t.role != "delivery"}


def consequences(command: SetFeatures, state: State, context: Context) -> Consequences:
    """What the instruction would bring about. Raises Refusal where it can't be given at all.

    A sub-processor shared with another feature that stays on is not removed.
    Clause: Sch. 2 2.2, 3.1(vii)
    """
    _check(command, state, context)
    agreement, stands = context.agreement, switched_on(state, context)
    on = {id for id, wanted in command.changes.items() if wanted}
    off = set(command.changes) - on
    after_on = frozenset((stands | on) - off)
    stopped = context.suspended.keys()
    before, after = engaged(stands - stopped, agreement), engaged(after_on - stopped, agreement)
    accepts = {change for id in on for change in context.to_accept.get(id, ())}
    added = _without(after, before)
    # Asked for every feature switched on, not only for newly added sub-processors: the feature sends
    # its own data there, whoever else already uses that sub-processor.
    crossing = transfers((s for s in agreement.sub_processors if on & frozenset(s.features)), agreement)
    new_places = _processed_in(added, agreement) - _processed_in(before, agreement)
    touched = {c for id in on for c in agreement.feature(id).data_categories}
    used = {m.id for t in transfers(added, agreement) for m in t.mechanisms}
    return Consequences(
        switched_on=tuple(f for f in agreement.features if f.id in on),
        switched_off=tuple(f for f in agreement.features if f.id in off),
        added=added,
        removed=_without(before, after),
        kept=_shared(after, off, agreement, after_on),
        already=_shared(before, on, agreement, stands),
        transfers=crossing,
        new_third_countries=tuple(p for p in agreement.places if p.id in new_places),
        mechanisms=tuple(m for m in agreement.mechanisms if m.id in used),
        data_categories=tuple(c for c in agreement.data_categories if c.id in touched),
        to_accept=tuple(sorted(accepts)),
        clauses=(
            CLAUSE,
            "3.1(i)",
            "3.1(v)",
            *((TRANSFER_CLAUSE,) if crossing else ()),
            *((OBJECTION_CLAUSE,) if accepts else ()),
        ),
    )


def _check(command: SetFeatures, state: State, context: Context) -> None:
    """Refuse what is no instruction: nothing to change, an unknown feature, no change at all; and to switch
    anything on once the agreement is over (our reading: its data is then to be returned or deleted)."""
    agreement, stands = context.agreement, switched_on(state, context)
    if not command.changes:
        raise refuse("nothing_chosen", CLAUSE, "changes")
    known = {f.id: f.name for f in agreement.features}
    for id, wanted in command.changes.items():
        if id not in known:
            raise refuse(
                "unknown", CLAUSE, "changes", id=id, version=agreement.version, known=tuple(known.values())
            )
        if wanted and context.ended:
            raise refuse("ended", END_CLAUSE, "changes", name=known[id], on=context.ended)
        if (id in stands) == wanted:
            raise refuse("already_on" if wanted else "already_off", CLAUSE, "changes", name=known[id])


decide = rules()


@decide.register
def _set_features(command: SetFeatures, state: State, context: Context) -> list[Body]:
    """Refused without an acknowledgement for every third-country transfer of a feature switched on, and
    without acceptance of the change of the list over which it was ended.

    Clause: Sch. 2 2.2, 3.1(i), 3.1(vii), Sch. 2 1.2
    """
    agreement, result = context.agreement, consequences(command, state, context)
    reason = checked_reason(command.reason)
    open_ones = result.to_acknowledge - command.acknowledged
    if missing := tuple(s.name for s in agreement.sub_processors if s.id in open_ones):
        raise refuse("transfer_not_acknowledged", TRANSFER_CLAUSE, "acknowledged", names=missing)
    if unaccepted := set(result.to_accept) - command.accepted:
        titles = tuple(c.change.title for id, c in context.changes.items() if id in unaccepted)
        raise refuse("change_not_accepted", OBJECTION_CLAUSE, "accepted", changes=titles)
    return [
        Instructed(
            changes=tuple(
                Change(feature=f.id, on=command.changes[f.id])
                for f in agreement.features
                if f.id in command.changes
            ),
            reason=reason,
            acknowledged=tuple(sorted(result.to_acknowledge)),
            engaged=tuple(s.id for s in result.added),
            released=tuple(s.id for s in result.removed),
        )
    ]


# --- words ---------------------------------------------------------------------------------------

refuse = Refusals("features")

FEATURES = Subject(name="features", title="Features", state=State, events=(Instructed,), decide=decide)
