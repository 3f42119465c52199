"""Features tried on and off, without recording anything. Clauses: Sch. 2 2.2, 3.1(vii)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpa_core.agreement import Feature
from dpa_core.application import CustomerFile
from dpa_core.subjects import features


@dataclass(frozen=True)
class Trial:
    """What a configuration that is only tried would mean, against the one that stands."""

    changes: dict[str, bool]
    """What differs from what stands; empty where nothing does."""
    consequences: features.Consequences | None
    """What those changes would bring about."""
    transfers: tuple[features.Transfer, ...]
    """Every transfer there would be then, delivery by the core service aside."""
    without: tuple[tuple[Feature, tuple[features.Transfer, ...]], ...]
    """Each feature that would be on and transfers data, and the transfers left without it."""


def simulate(file: CustomerFile, wanted: Mapping[str, bool]) -> Trial:
    """Try features on and off. `wanted`: identifier to on; features not named stay as they are, and so do
    all once the agreement is over."""
    agreement, state, stands = file.agreement, file.state.features, file.context.features_on
    known = {f.id for f in agreement.features}
    tried = {} if file.context.ended else wanted
    changes = {id: on for id, on in tried.items() if id in known and on != (id in stands)}
    on = (stands | {id for id, to in changes.items() if to}) - {id for id, to in changes.items() if not to}
    command = features.SetFeatures(changes)
    now = _crossing(on, file)
    return Trial(
        changes=changes,
        consequences=features.consequences(command, state, file.context) if changes else None,
        transfers=now,
        without=tuple(
            (f, left)
            for f in agreement.features
            if f.id in on and len(left := _crossing(on - {f.id}, file)) < len(now)
        ),
    )


def _crossing(on: frozenset[str], file: CustomerFile) -> tuple[features.Transfer, ...]:
    engaged = () if file.context.all_deleted else features.engaged(on, file.agreement)
    return tuple(t for t in features.transfers(engaged, file.agreement) if t.role != "delivery")
