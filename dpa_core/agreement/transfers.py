"""What makes a transfer to a third country lawful, and what is shown of it where it takes place.

Clause: 3.1(vii). Standard: Chapter V GDPR (Art. 45 adequacy, Art. 46 safeguards, Art. 49 derogations).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from dpa_core.agreement.model import (
    AdequacyDecision,
    Agreement,
    ChapterV,
    Place,
    Role,
    SubProcessor,
    TransferMechanism,
)

NONE_LISTED = "No mechanism listed"
"""Where the agreement says N/A, or nothing was announced. It is no promise that nothing is transferred."""

ROLES: dict[Role, str] = {
    "processing": "{}",
    "delivery": "{} (delivery)",
    "access": "{} (access possible)",
}
"""What can happen at a place, each as it stands with the place's name."""


def at_place(name: str, role: Role) -> str:
    """A place and, unless data is processed there, what happens: `USA (delivery)`."""
    return ROLES[role].format(name)


Fault = Literal["no_instrument", "not_covered", "not_in_force"]
"""Why a transfer is not lawful: nothing that serves the place, or only what supplements; the receiver is not
stated to be one for whom the adequacy decision is; the decision does not stand on that day."""


def decision_for(place: Place, law: ChapterV) -> AdequacyDecision | None:
    """The Commission's decision on the country that a place is. Standard: Art. 45 GDPR"""
    return next((d for d in law.adequacy if d.country == place.country), None)


def serves(mechanism: TransferMechanism, place: Place, law: ChapterV) -> bool:
    """Whether a mechanism can be for a transfer to this place.

    An adequacy decision serves the country it is about, the Data Privacy Framework thus the USA alone; all
    else serves any third country. Clause: 3.1(vii)
    """
    if not place.third_country:
        return False
    if mechanism.kind != "adequacy":
        return True
    decision = decision_for(place, law)
    return decision is not None and decision.mechanism == mechanism.id


def unlawful(
    place: Place, mechanisms: Iterable[TransferMechanism], law: ChapterV, on: date, *, covered: bool
) -> Fault | None:
    """Why a transfer to a place would not be lawful on a day by these mechanisms; None where it is lawful.

    A supplement makes none lawful. An adequacy decision that is relied on must stand, and cover the receiver
    (`covered`: that is stated), whatever else is there: an entry must not claim it otherwise.
    Clause: 3.1(vii). Standard: Art. 44 to 49 GDPR
    """
    if not place.third_country:
        return None
    instruments = [m for m in mechanisms if m.kind != "supplement" and serves(m, place, law)]
    if not instruments:
        return "no_instrument"
    decision = decision_for(place, law)
    if decision and any(m.kind == "adequacy" for m in instruments):
        if on < decision.adopted or (decision.expires and on > decision.expires):
            return "not_in_force"
        if decision.scope and not covered:
            return "not_covered"
    return None


def mechanisms_at(s: SubProcessor, place: Place, agreement: Agreement) -> tuple[TransferMechanism, ...]:
    """The mechanisms of an entry that serve one of its places; none in the EU and EEA. Clause: 3.1(vii)"""
    listed = (agreement.mechanism(id) for id in s.mechanisms)
    return tuple(m for m in listed if serves(m, place, agreement.chapter_v))


def serving_nowhere(s: SubProcessor, agreement: Agreement) -> tuple[TransferMechanism, ...]:
    """The mechanisms that a row lists though none of its places is one that they serve."""
    places = [agreement.place(location.place) for location in s.locations]
    return tuple(
        m
        for m in (agreement.mechanism(id) for id in s.mechanisms)
        if not any(serves(m, place, agreement.chapter_v) for place in places)
    )


def labelled(s: SubProcessor, mechanisms: Iterable[TransferMechanism]) -> tuple[str, ...]:
    """Mechanisms of an entry with what was recorded of them: `SCC (module 3)`, `Art. 49 (consent)`."""
    return tuple(_label(s, m) for m in mechanisms)


def _label(s: SubProcessor, mechanism: TransferMechanism) -> str:
    recorded = s.recorded
    if recorded and recorded.module and mechanism.modules:
        return f"{mechanism.code} (module {recorded.module})"
    if recorded and recorded.derogation and mechanism.kind == "derogation":
        return f"{mechanism.code} ({recorded.derogation})"
    return mechanism.code


def by_place(found: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Mechanisms in a cell of a table. `found`: the name of each place outside the EU and EEA, and labels.

    `SCC + TIA` where all places have the same; else `USA: SCC + TIA + DPF; Worldwide: SCC + TIA`.
    """
    told = dict.fromkeys((place, " + ".join(labels) or NONE_LISTED) for place, labels in found)
    if len({labels for _, labels in told}) <= 1:
        return next((labels for _, labels in told), NONE_LISTED)
    return "; ".join(f"{place}: {labels}" for place, labels in told)


def mechanisms_in_words(s: SubProcessor, agreement: Agreement) -> str:
    """The mechanisms of an entry, each at the place it serves. Clause: 3.1(vii)"""
    places = [agreement.place(location.place) for location in s.locations]
    return by_place(
        (place.name, labelled(s, mechanisms_at(s, place, agreement)))
        for place in places
        if place.third_country
    )
