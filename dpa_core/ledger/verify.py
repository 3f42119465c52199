"""Recompute every chain and head, and name what does not fit.

Ledgers are looked at in parts of about the same number of entries, each row once and none kept, so that a
store of any size takes little memory and several processes can share the work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from json.encoder import encode_basestring as quoted
from typing import Any, NoReturn, Protocol

from dpa_core.ledger.chain import GENESIS, Event, Head, canonical, digest_of
from dpa_core.ledger.store import Ledger

PART = 20_000
"""About how many entries are looked at in one part."""


class Folding(Protocol):
    """Takes a ledger's events one after the other, and says the state as it ought to lie in the head."""

    def take(self, event: Event) -> None:
        """Count one more event."""

    def state(self) -> str:
        """The state after all of them, as JSON."""


Begin = Callable[[str], Folding]
"""Begins to fold a ledger, by its identifier."""
Derived = Callable[[str, Head], str | None]
"""(ledger, its head, which fits) -> what else follows from it and is not as it should be; None."""


@dataclass(frozen=True)
class Fault:
    """The first row of one ledger that does not fit, and why.

    `note`: nothing was altered, but it should be known.
    """

    customer_id: str
    sequence: int
    why: str
    note: bool = False

    def __str__(self) -> str:
        return f"{self.customer_id}, sequence {self.sequence}: {self.why}"


@dataclass(frozen=True)
class Part:
    """Ledgers from one to another, by identifier, and how many entries they have."""

    first: str
    last: str
    events: int


def parts(ledger: Ledger, size: int = PART) -> list[Part]:
    """All ledgers, also those that have but rows or but a head, in parts of about that many entries."""
    rows = ledger.rows(
        "SELECT id, CAST(sum(number) AS BIGINT) FROM "
        "(SELECT customer_id AS id, count(*) AS number FROM events GROUP BY customer_id "
        "UNION ALL SELECT customer_id AS id, 0 AS number FROM heads) AS each_one GROUP BY id ORDER BY id"
    )
    found: list[Part] = []
    for id, number in rows:
        before = found[-1] if found else None
        if before and before.events + number <= size:
            found[-1] = Part(before.first, id, before.events + number)
        else:
            found.append(Part(id, id, number))
    return found


# --- one row -------------------------------------------------------------------------------------


class _Unusual(Exception):
    """JSON whose canonical form has to be looked at more closely."""


def _unusual(_text: str) -> NoReturn:
    raise _Unusual


_parse = json.JSONDecoder(parse_float=_unusual, parse_constant=_unusual).raw_decode
_write = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False
).encode
_LONG = re.compile("[0-9]{16}|[\U00010000-\U0010ffff]")
"""A number beyond 2**53, or a character by which RFC 8785 sorts in another way than Python."""


def _body(text: str) -> Any:
    """The body, parsed. Raises _Unusual where Python's own JSON does not write it in the very same form as
    RFC 8785 does: with fractions, very large numbers, or characters of two units; ValueError."""
    if _LONG.search(text):
        raise _Unusual
    body, _end = _parse(text)  # blanks around it, or more behind it, show when it is written again
    if _write(body) != text:
        raise _Unusual
    return body


def _digest(row: tuple[Any, ...]) -> str:
    """The digest of a row whose body is canonical: the canonical form of the whole, put together from that of
    its parts. Eight times as quick as to make it of the parsed row (measured), and the same by RFC 8785, 3.2:
    members in this order, without white space, each text as Python quotes it."""
    id, sequence, at, actor, behalf, version, kind, text, previous, _ = row
    whole = (
        f'{{"actor":{quoted(actor)},"agreement_version":{quoted(version)},"body":{text},"customer_id":{quoted(id)},'
        f'"kind":{quoted(kind)},"on_behalf_of":{quoted(behalf)},"previous_digest":{quoted(previous)},'
        f'"recorded_at":"{at.isoformat(timespec="microseconds")}Z","sequence":{sequence}}}'
    )
    return hashlib.sha256(whole.encode()).hexdigest()


def _as_written(row: tuple[Any, ...]) -> Event | None:
    """The event of a row; None where it was changed after it was written."""
    id, sequence, at, actor, behalf, version, kind, text, previous, digest = row
    try:
        body, fits = _body(text), _digest(row) == digest
    except (_Unusual, ValueError, RecursionError):
        body, fits = None, False
    at = at.replace(tzinfo=UTC)
    if fits:
        return Event(id, sequence, at, actor, behalf, version, kind, body, previous, digest)
    try:
        event = Event(id, sequence, at, actor, behalf, version, kind, json.loads(text), previous, digest)
        return event if canonical(event.body) == text and digest_of(event) == digest else None
    except (ValueError, RecursionError):  # numbers or text that canonical JSON does not have: never ours
        return None


# --- one ledger ----------------------------------------------------------------------------------


class _Chain:
    """One ledger, row by row."""

    def __init__(self, ledger_id: str, folding: Folding | None) -> None:
        self._id = ledger_id
        self._folding = folding
        self._previous = GENESIS
        self._sequence = 0
        self._at = datetime.min.replace(tzinfo=UTC)
        self.fault: Fault | None = None
        self.note: Fault | None = None

    def take(self, row: tuple[Any, ...]) -> None:
        """Look at the next row; once there is a fault, at none any more."""
        if self.fault:
            return
        number, sequence = self._sequence + 1, row[1]
        if sequence != number:
            why = f"missing; sequence {sequence} stands in its place"
            self.fault = Fault(self._id, number, why)
        elif row[8] != self._previous:
            self.fault = Fault(self._id, number, "is not chained to the row before it")
        elif (event := _as_written(row)) is None:
            self.fault = Fault(self._id, number, "was changed after it was written")
        else:
            self._count(event)

    def _count(self, event: Event) -> None:
        if event.recorded_at < self._at and self.note is None:
            why = (
                f"was recorded at {event.recorded_at.isoformat()}, the entry before it at "
                f"{self._at.isoformat()}: the clock was set back. The past of this ledger is its beginning, "
                "up to the first entry that was recorded later"
            )
            self.note = Fault(self._id, event.sequence, why, note=True)
        self._at = max(self._at, event.recorded_at)
        self._previous, self._sequence = event.digest, event.sequence
        if self._folding:
            try:
                self._folding.take(event)
            except (LookupError, TypeError, ValueError):
                self.fault = Fault(self._id, event.sequence, "is chained, and yet cannot be read")

    def end(self, head: Head | None) -> Fault | None:
        """The fault of the ledger with this head."""
        last = self._sequence
        if self.fault:
            return self.fault
        if head is None:
            return Fault(self._id, last, "has no head")
        if head.sequence > last:
            return Fault(self._id, last + 1, f"missing; the head stands at {head.sequence}")
        if (head.sequence, head.digest) != (last, self._previous):
            return Fault(self._id, last, "is not what the head says is the last row")
        if self._folding and head.state != self._folding.state():
            return Fault(self._id, last, "the folded state in the head does not follow from the rows")
        return None


def check_chain(ledger: Ledger, customer_id: str) -> Fault | None:
    """The first fault in the rows and head of one ledger; None where all fit."""
    head, chain = ledger.head(customer_id), None
    for row in ledger.stored(customer_id, customer_id):
        chain = chain or _Chain(customer_id, None)
        chain.take(row)
    if chain is None:
        return Fault(customer_id, 1, f"missing; the head stands at {head.sequence}") if head else None
    return chain.end(head)


# --- all -----------------------------------------------------------------------------------------


def verify_part(
    ledger: Ledger, part: Part, begin: Begin, state_schema: int, derived: Derived | None = None
) -> Iterator[Fault]:
    """The first fault of every ledger of a part that has one, and notes; nothing where all is well.

    A folded state of another schema than `state_schema` is not compared: it is never read, but folded
    anew from the rows.
    Found: a row changed, removed, moved or put in, a tail cut off (against the head), a head or a
    folded state that does not follow from the rows, a ledger without a head or a head without rows; and what
    `derived` finds.
    """
    heads = {
        row[0]: Head(*row)
        for row in ledger.rows(
            "SELECT customer_id, sequence, digest, state, state_schema FROM heads "
            "WHERE customer_id BETWEEN $1 AND $2",
            [part.first, part.last],
        )
    }
    for id, rows in groupby(ledger.stored(part.first, part.last), key=lambda row: row[0]):
        head = heads.pop(id, None)
        comparable = head is not None and head.state_schema == state_schema
        chain = _Chain(id, begin(id) if comparable else None)
        for row in rows:
            chain.take(row)
        fault = chain.end(head)
        if fault is None and comparable and head and derived and (why := derived(id, head)):
            fault = Fault(id, head.sequence, why)
        yield from (found for found in (fault, chain.note) if found)
    for id in sorted(heads):
        yield Fault(id, 1, f"missing; the head stands at {heads[id].sequence}")


def verify(
    ledger: Ledger, begin: Begin, state_schema: int, derived: Derived | None = None
) -> Iterator[Fault]:
    """The same over all ledgers, one part after the other."""
    for part in parts(ledger):
        yield from verify_part(ledger, part, begin, state_schema, derived)
