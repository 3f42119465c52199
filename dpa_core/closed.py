"""What has left customers' states, as it lies beside the heads: written with them, read a page at a time.

Also the states as they stood after every so many entries, from which the past is folded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from dpa_core.ledger import Event, Ledger, Transaction
from dpa_core.subjects import registry
from dpa_core.subjects.common import FileRef, Record
from dpa_core.subjects.registry import SHELVES, Closed, CustomerState

R = TypeVar("R", bound=Record)

EVERY = 500
"""Entries after which a folded state is kept."""

_LAST = (
    "FROM closed AS c WHERE customer_id = $1 AND shelf = $2 AND closed_sequence <= $3 AND NOT EXISTS "
    "(SELECT 1 FROM closed AS d WHERE d.customer_id = c.customer_id AND d.shelf = c.shelf AND d.id = c.id "
    "AND d.closed_sequence > c.closed_sequence AND d.closed_sequence <= $3)"
)
"""Of each item the row that counts after an entry."""


def put(tx: Transaction, customer_id: str, closed: Iterable[Closed]) -> None:
    """Write items that have left a customer's state, or changed since."""
    sql = "INSERT INTO closed (customer_id, shelf, id, closed_sequence, content) VALUES ($1, $2, $3, $4, $5)"
    for c in closed:
        tx.execute(sql, [customer_id, c.shelf, c.id, c.sequence, c.item.model_dump_json()])


def keep_fold(tx: Transaction, customer_id: str, before: int, sequence: int, state: str, schema: int) -> None:
    """Keep the state after an entry, if it is the first behind so many. `before`: the last one until then."""
    if before // EVERY != sequence // EVERY:
        sql = "INSERT INTO folds (customer_id, sequence, state, state_schema) VALUES ($1, $2, $3, $4)"
        tx.execute(sql, [customer_id, sequence, state, schema])


class ClosedItems:
    """What had left one customer's state by an entry of its ledger."""

    def __init__(self, ledger: Ledger, customer_id: str, upto: int) -> None:
        self._ledger = ledger
        self._customer_id = customer_id
        self._upto = upto

    def find(self, shelf: str, id: int) -> Record | None:
        """One item as it was then; None where there is none."""
        rows = self._ledger.rows(
            "SELECT content FROM closed WHERE customer_id = $1 AND shelf = $2 AND closed_sequence <= $3 "
            "AND id = $4 ORDER BY closed_sequence DESC LIMIT 1",
            [self._customer_id, shelf, self._upto, id],
        )
        return next((SHELVES[shelf].item.model_validate_json(text) for (text,) in rows), None)

    def number(self, shelf: str) -> int:
        """How many there were of a kind."""
        sql = f"SELECT count(*) {_LAST}"
        return int(self._ledger.rows(sql, [self._customer_id, shelf, self._upto])[0][0])

    def page(self, shelf: str, item: type[R], limit: int, offset: int = 0) -> list[R]:
        """Some of them, newest first."""
        sql = f"SELECT content {_LAST} ORDER BY id DESC LIMIT $4 OFFSET $5"  # of constants
        rows = self._ledger.rows(sql, [self._customer_id, shelf, self._upto, limit, offset])
        return [item.model_validate_json(text) for (text,) in rows]

    def files(self, sha256: str | None = None) -> list[FileRef]:
        """The files that they name; with a digest, those that have it."""
        sql = (
            "SELECT shelf, content FROM closed WHERE customer_id = $1 AND closed_sequence <= $2 "
            "AND (CAST($3 AS VARCHAR) IS NULL OR strpos(content, $3) > 0) AND strpos(content, $4) > 0"
        )
        rows = self._ledger.rows(sql, [self._customer_id, self._upto, sha256, '"sha256"'])
        items = (Closed(shelf, 0, 0, SHELVES[shelf].item.model_validate_json(text)) for shelf, text in rows)
        found = [ref for item in items for ref in registry.files_of(item)]
        return list({ref.sha256: ref for ref in found if sha256 in (None, ref.sha256)}.values())


def state_before(ledger: Ledger, customer_id: str, sequence: int, schema: int) -> tuple[int, str | None]:
    """The last kept state up to an entry: after which one it stood, and its JSON; 0, None: none is kept."""
    rows = ledger.rows(
        "SELECT sequence, state FROM folds WHERE customer_id = $1 AND sequence <= $2 AND state_schema = $3 "
        "ORDER BY sequence DESC LIMIT 1",
        [customer_id, sequence, schema],
    )
    return rows[0] if rows else (0, None)


# --- made anew, and compared -------------------------------------------------------------------------


def past(events: Sequence[Event]) -> Iterator[tuple[int, CustomerState, list[Closed]]]:
    """A whole ledger in parts of so many entries: the last of each, the state then, and what it closed."""
    items: dict[tuple[str, int], Record] = {}
    state = CustomerState()

    def find(shelf: str, id: int) -> Record | None:
        return items.get((shelf, id))

    for start in range(0, len(events), EVERY):
        part = events[start : start + EVERY]
        state, left = registry.fold_open(part, state, find)
        items |= {(c.shelf, c.id): c.item for c in left}
        yield part[-1].sequence, state, left


class Past:
    """What is kept of the customers from one to another (by identifier), as it lies in the store."""

    def __init__(self, ledger: Ledger, first: str, last: str, schema: int) -> None:
        self._closed: dict[str, list[_Row]] = {}
        self._folds: dict[str, dict[int, str]] = {}
        sql = (
            "SELECT customer_id, shelf, id, closed_sequence, content FROM closed "
            "WHERE customer_id BETWEEN $1 AND $2"
        )
        for id, *row in ledger.stream(sql, [first, last]):
            self._closed.setdefault(id, []).append(tuple(row))
        sql = (
            "SELECT customer_id, sequence, state FROM folds "
            "WHERE customer_id BETWEEN $1 AND $2 AND state_schema = $3"
        )
        for id, sequence, state in ledger.stream(sql, [first, last, schema]):
            self._folds.setdefault(id, {})[sequence] = state

    def of(self, customer_id: str) -> Comparison:
        """What is kept of one customer, to be compared with its ledger."""
        return Comparison(self._closed.get(customer_id, []), self._folds.get(customer_id, {}))

    def files(self, customer_id: str) -> list[FileRef]:
        """The files that what is closed of a customer names; none of what cannot be read: `Comparison` tells
        of that."""
        found: list[FileRef] = []
        for shelf, _, _, content in self._closed.get(customer_id, ()):
            if '"sha256"' in content:
                with suppress(LookupError, ValueError):
                    item = SHELVES[shelf].item.model_validate_json(content)
                    found += registry.files_of(Closed(shelf, 0, 0, item))
        return found


_Row = tuple[str, int, int, str]
"""Shelf, identifier, entry and content of an item that is closed."""


class Comparison:
    """Compares what is kept of one customer with its ledger, while that is folded. A kept state may stand a
    few entries behind its place, where one step wrote several."""

    def __init__(self, stored: list[_Row], folds: dict[int, str]) -> None:
        self._stored = stored
        self._folds = folds
        self._expected: list[_Row] = []
        self._met: set[int] = set()
        self._last = 0

    def take(self, sequence: int, left: Iterable[Closed], state: Callable[[], CustomerState]) -> None:
        """Count one more entry: what it closed, and the state after it, asked for where one is kept."""
        self._last = sequence
        for c in left:
            self._expected.append((c.shelf, c.id, c.sequence, c.item.model_dump_json()))
        if sequence in self._folds and state().model_dump_json() == self._folds[sequence]:
            self._met.add(sequence)

    def fits(self) -> bool:
        """Whether all that is kept, and nothing else, follows from the entries."""
        return (
            sorted(self._stored) == sorted(self._expected)
            and self._met == set(self._folds)
            and {s // EVERY for s in self._folds} == set(range(1, self._last // EVERY + 1))
        )
