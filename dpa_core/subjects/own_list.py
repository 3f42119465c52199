"""The list of sub-processors that counts for one customer: from what the provider published, and what the
customer said to it.

An objection in time means no acceptance, and without acceptance there is no authorisation (Art. 28(2) GDPR).
The agreement does not say what stands while an objection is open. Our reading, with EDPB Guidelines 07/2020,
paragraphs 128 and 156: for a customer that objects, the list stays as it was; where the provider cannot hold
the change back for it, the features concerned are suspended until the matter is settled.

Clauses: Sch. 2 1.1, Sch. 2 1.2, 3.1(v)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from dpa_core.agreement import Agreement
from dpa_core.subjects import objections
from dpa_core.subjects.objections import Dispute
from dpa_core.subjects.sub_processors import Published, in_effect


@dataclass(frozen=True)
class OwnList:
    """What counts for one customer at one moment."""

    bound: Agreement
    """The version that binds it, as published."""
    published: Mapping[int, Published]
    now: datetime
    """In UTC."""
    opened_on: date | None = None
    """The day in Stockholm on which the customer was opened; None: before all that was published."""
    disputes: Sequence[Dispute] = ()
    """The objections that are open by its ledger."""
    unaccepted: Collection[int] = ()
    """The changes over which something was ended, and that were not accepted since."""
    switched_on: frozenset[str] = frozenset()
    """Identifiers of its features that are switched on."""

    @cached_property
    def agreement(self) -> Agreement:
        """The agreement with the list that counts for the customer. Clause: Sch. 2 1.1"""
        return in_effect(self.bound, self.published, self.now, self.opened_on, self.held_back)

    @cached_property
    def held_back(self) -> frozenset[int]:
        """The changes that do not count for this customer, now or later, as it objects."""
        held = {p.id for d, p in self._open() if d.held_back}
        # Over which the agreement itself was ended: until the data is gone, its own list stays.
        held |= {id for id in self.unaccepted if id in self.published and self.published[id].change.core}
        return frozenset(id for id in held if self.published[id].withdrawn_at is None)

    @property
    def disputed(self) -> tuple[Published, ...]:
        """Those of them that would count by now."""
        return tuple(p for id, p in self.published.items() if id in self.held_back and self._due(p))

    @cached_property
    def suspended(self) -> Mapping[str, int]:
        """Features that are switched on and do not run, each with the change over which that is so: the
        provider cannot hold it back, or without it nobody is left to do the work."""
        over: dict[str, int] = {}
        for dispute, p in self._open():
            if not self._due(p):
                continue
            touched = p.change.serves if not dispute.held_back else p.change.serves & self._left_alone
            over |= dict.fromkeys(touched & self.switched_on, p.id)
        return over

    @cached_property
    def to_accept(self) -> Mapping[str, tuple[int, ...]]:
        """Features that are off, each with the changes that have to be accepted to switch it on.

        What was ended over a change comes back only with the change; the same goes where there was nothing to
        end, and where a change that is objected to counts all the same. Our reading. Clause: Sch. 2 1.2
        """
        found = defaultdict(list)
        for id in sorted(self._not_accepted()):
            for feature in self.published[id].change.serves - self.switched_on:
                found[feature].append(id)
        return {feature: tuple(ids) for feature, ids in found.items()}

    def _not_accepted(self) -> set[int]:
        open_ = [(d, p) for d, p in self._disputes() if self._over(d, p) or not d.held_back]
        ended = (self.published[id] for id in self.unaccepted if id in self.published)
        waiting = [*ended, *(p for _, p in open_)]
        return {p.id for p in waiting if p.changes_list_of(self.bound) and self._on_list_or_coming(p)}

    def _on_list_or_coming(self, p: Published) -> bool:
        if not self._due(p):
            return True
        if p.change.feature:
            return p.change.feature.id in {f.id for f in self.agreement.features}
        return p.change.entry is not None and p.change.entry.id in {
            s.id for s in self.agreement.sub_processors
        }

    def _due(self, p: Published) -> bool:
        return p.changes_list_of(self.bound) and p.counts_at(self.bound, self.opened_on) <= self.now

    def _over(self, dispute: Dispute, p: Published) -> bool:
        return objections.nothing_to_end(dispute, p, self.switched_on, self.bound, self.now)

    def _disputes(self) -> Iterator[tuple[Dispute, Published]]:
        return ((d, p) for d in self.disputes if (p := self.published.get(d.change)))

    def _open(self) -> Iterable[tuple[Dispute, Published]]:
        """The objections that still stand open."""
        return ((d, p) for d, p in self._disputes() if not self._over(d, p))

    @cached_property
    def _left_alone(self) -> frozenset[str]:
        """Features for which this customer's list has nobody, while everybody else's has."""
        everybody = in_effect(self.bound, self.published, self.now, self.opened_on)
        served = {f for s in everybody.sub_processors for f in s.features}
        return frozenset(served - {f for s in self.agreement.sub_processors for f in s.features})
