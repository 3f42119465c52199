"""Features tried on and off, without recording anything. Clauses: Sch. 2 2.2, 3.1(vii)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dpa_core.agreement import Feature, SubProcessor
from dpa_core.application import CustomerFile
from dpa_core.subjects import features


@dataclass(frozen=True)
class Trial:
    """What a configuration that is only tried would mean, against the one that stands."""

    changes: dict[str, bool]
    """What differs from what stands; empty where nothing does."""
    consequences: features.Consequences | None
    """What those changes would bring about."""
    stands: features.Outside
    """What happens outside the EU and EEA now."""
    outside: features.Outside
    """What would happen there then."""
    transfers: tuple[features.Transfer, ...]
    """Every transfer that features would bring about then: the core service's are there whatever is on."""
    without: tuple[tuple[Feature, tuple[features.Transfer, ...]], ...]
    """Each feature that would be on and transfers data, and the transfers left without it."""


def simulate(file: CustomerFile, wanted: Mapping[str, bool]) -> Trial:
    """Try features on and off. `wanted`: identifier to on; features not named stay as they are, and so do
    all once the agreement is over."""
    agreement, state, stands = file.agreement, file.state.features, file.context.features_on
    known = {f.id for f in agreement.features}
    tried = {} if file.context.ended else wanted
    changes = {id: on for id, on in tried.items() if id in known and on != (id in stands)}
    in_use = file.context.in_use
    on = (in_use | {id for id, to in changes.items() if to}) - {id for id, to in changes.items() if not to}
    command = features.SetFeatures(changes)
    now = _crossing(on, file)
    return Trial(
        changes=changes,
        consequences=features.consequences(command, state, file.context) if changes else None,
        stands=_outside(in_use, file),
        outside=_outside(on, file),
        transfers=now,
        without=tuple(
            (f, left)
            for f in agreement.features
            if f.id in on and len(left := _crossing(on - {f.id}, file)) < len(now)
        ),
    )


def _engaged(on: frozenset[str], file: CustomerFile) -> tuple[SubProcessor, ...]:
    return features.engaged_now(replace(file.context, in_use=on))


def _outside(on: frozenset[str], file: CustomerFile) -> features.Outside:
    return features.outside_of(_engaged(on, file), file.agreement)


def _crossing(on: frozenset[str], file: CustomerFile) -> tuple[features.Transfer, ...]:
    return features.transfers((s for s in _engaged(on, file) if s.kind == "optional"), file.agreement)
