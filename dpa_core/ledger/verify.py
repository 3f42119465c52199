"""Recompute every chain and head, and name what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dpa_core.ledger.chain import GENESIS, Event, canonical, digest_of
from dpa_core.ledger.store import Ledger

Fold = Callable[[str, Sequence[Event]], str]
"""(ledger, its events) -> the state as JSON, as it ought to lie in the head."""


@dataclass(frozen=True)
class Fault:
    """The first row of one ledger that does not fit, and why."""

    customer_id: str
    sequence: int
    why: str

    def __str__(self) -> str:
        return f"{self.customer_id}, sequence {self.sequence}: {self.why}"


def _first_fault(events: Sequence[tuple[Event, str]]) -> Fault | None:
    previous = GENESIS
    for number, (event, text) in enumerate(events, start=1):
        at = (event.customer_id, event.sequence)
        if event.sequence != number:
            return Fault(event.customer_id, number, f"missing; sequence {event.sequence} stands in its place")
        if event.previous_digest != previous:
            return Fault(*at, "is not chained to the row before it")
        if canonical(event.body) != text or digest_of(event) != event.digest:
            return Fault(*at, "was changed after it was written")
        previous = event.digest
    return None


def verify(ledger: Ledger, fold: Fold) -> Iterator[Fault]:
    """The first fault of every ledger that has one; nothing where all is well.

    Found: a row changed, removed, moved or put in, a tail cut off (against the head), a head or a
    folded state that does not follow from the rows, a ledger without a head or a head without rows.
    """
    heads = {row[0]: row[1:] for row in ledger.rows("SELECT customer_id, sequence, digest, state FROM heads")}

    def check(customer_id: str, rows: list[tuple[Event, str]]) -> Fault | None:
        if fault := _first_fault(rows):
            return fault
        last = rows[-1][0]
        head = heads.pop(customer_id, None)
        if head is None:
            return Fault(customer_id, last.sequence, "has no head")
        sequence, digest, state = head
        if sequence > last.sequence:
            return Fault(customer_id, last.sequence + 1, f"missing; the head stands at {sequence}")
        if (sequence, digest) != (last.sequence, last.digest):
            return Fault(customer_id, last.sequence, "is not what the head says is the last row")
        if state != fold(customer_id, [event for event, _ in rows]):
            return Fault(
                customer_id, last.sequence, "the folded state in the head does not follow from the rows"
            )
        return None

    rows: list[tuple[Event, str]] = []
    for event, text in ledger.scan():
        if rows and rows[0][0].customer_id != event.customer_id:
            if fault := check(rows[0][0].customer_id, rows):
                heads.pop(fault.customer_id, None)
                yield fault
            rows = []
        rows.append((event, text))
    if rows and (fault := check(rows[0][0].customer_id, rows)):
        heads.pop(fault.customer_id, None)
        yield fault
    for customer_id in sorted(heads):
        yield Fault(customer_id, 1, f"missing; the head stands at {heads[customer_id][0]}")
