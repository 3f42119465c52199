"""Recompute every chain and head, and name what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from dpa_core.ledger.chain import GENESIS, Event, Head, canonical, digest_of
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
        if not _as_written(event, text):
            return Fault(*at, "was changed after it was written")
        previous = event.digest
    return None


def _as_written(event: Event, text: str) -> bool:
    try:
        return canonical(event.body) == text and digest_of(event) == event.digest
    except ValueError:  # numbers or text that canonical JSON does not have, so we never wrote them
        return False


def _against_head(rows: Sequence[tuple[Event, str]], head: Head | None) -> Fault | None:
    last = rows[-1][0]
    if head is None:
        return Fault(last.customer_id, last.sequence, "has no head")
    if head.sequence > last.sequence:
        return Fault(last.customer_id, last.sequence + 1, f"missing; the head stands at {head.sequence}")
    if (head.sequence, head.digest) != (last.sequence, last.digest):
        return Fault(last.customer_id, last.sequence, "is not what the head says is the last row")
    return None


def check_chain(ledger: Ledger, customer_id: str) -> Fault | None:
    """The first fault in the rows and head of one ledger; None where all fit."""
    head, rows = ledger.head(customer_id), list(ledger.scan(customer_id))
    if not rows:
        return Fault(customer_id, 1, f"missing; the head stands at {head.sequence}") if head else None
    return _first_fault(rows) or _against_head(rows, head)


def verify(ledger: Ledger, fold: Fold, state_schema: int) -> Iterator[Fault]:
    """The first fault of every ledger that has one; nothing where all is well.

    A folded state of another schema than `state_schema` is not compared: it is never read, but folded
    anew from the rows.
    Found: a row changed, removed, moved or put in, a tail cut off (against the head), a head or a
    folded state that does not follow from the rows, a ledger without a head or a head without rows.
    """
    columns = "customer_id, sequence, digest, state, state_schema"
    heads = {row[0]: Head(*row) for row in ledger.rows(f"SELECT {columns} FROM heads")}  # noqa: S608
    for customer_id, group in groupby(ledger.scan(), key=lambda row: row[0].customer_id):
        rows = list(group)
        head = heads.pop(customer_id, None)
        fault = _first_fault(rows) or _against_head(rows, head)
        comparable = fault is None and head is not None and head.state_schema == state_schema
        if comparable and head and head.state != fold(customer_id, [event for event, _ in rows]):
            why = "the folded state in the head does not follow from the rows"
            fault = Fault(customer_id, head.sequence, why)
        if fault:
            yield fault
    for customer_id in sorted(heads):
        yield Fault(customer_id, 1, f"missing; the head stands at {heads[customer_id].sequence}")
