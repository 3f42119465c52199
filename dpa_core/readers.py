"""Questions about a store, each bound to what the person who asks has opened.

The ledger holds all customers; whoever reads a customer, or several, gets one of these in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from dpa_core.ledger import Event, Fault, Ledger, check_chain
from dpa_core.subjects import grants
from dpa_core.usage import EARLIEST


class CustomerReader:
    """The rows of one customer, and of no other."""

    def __init__(self, ledger: Ledger, customer_id: str) -> None:
        self._ledger = ledger
        self._customer_id = customer_id

    def events(
        self, *, after: int = 0, upto: int | None = None, until: datetime | None = None
    ) -> list[Event]:
        """Its events in order: after a sequence, up to and with another, or with a moment in UTC."""
        found = self._ledger.events(self._customer_id, after=after, until=until)
        return [e for e in found if upto is None or e.sequence <= upto]

    def event(self, sequence: int) -> Event | None:
        """One entry; None where there is none of that number."""
        return self._ledger.event(self._customer_id, sequence)

    def events_named(self, sequences: Iterable[int]) -> dict[int, Event]:
        """Some entries, by their numbers; without those that there are not."""
        return {e.sequence: e for e in self._ledger.events_named(self._customer_id, sequences)}

    def events_of(self, kind: str, upto: int) -> list[Event]:
        """Its events of one kind up to and with a sequence, newest first."""
        return self._ledger.events_of(self._customer_id, kind, upto)

    def fault(self) -> Fault | None:
        """The first entry of its whole ledger that was tampered with; None where all fit."""
        return check_chain(self._ledger, self._customer_id)

    def usage(self, data_type: str, until: date) -> list[tuple[date, int, int]]:
        """Monthly figures of one data type, oldest first, up to a day: first of the month, records, bytes.

        Without months that no file may bring any more, such as 0000-01: Python's calendar does not know them.
        """
        rows = self._ledger.rows(
            "SELECT month_start, records, bytes FROM usage_figures "
            "WHERE customer_id = $1 AND data_type = $2 AND month_start BETWEEN $3 AND $4 "
            "ORDER BY month_start",
            [self._customer_id, data_type, EARLIEST, until],
        )
        return [(month, records, size) for month, records, size in rows]

    def grants(self) -> list[tuple[str, grants.Grant]]:
        """Who has a role for this customer now: the ledger of the person's roles, and the grant."""
        rows = self._ledger.rows(
            "SELECT customer_id, state FROM heads "
            "WHERE customer_id LIKE '@person:%' AND strpos(state, $1) > 0",
            [f'"{self._customer_id}"'],
        )
        people = [(id, grants.State.model_validate_json(state)) for id, state in rows]
        return [(id, g) for id, p in people for g in p.grants if g.customer_id == self._customer_id]


@dataclass(frozen=True)
class PortfolioReader:
    """The rows of the customers that one person looks after, and of no others."""

    _ledger: Ledger
    _customer_ids: tuple[str, ...] | None
    """None: every customer."""

    def facts(self, parts: Sequence[str]) -> list[tuple[str, Sequence[Any]]]:
        """Parts of each customer's folded state: identifier, and the JSON or text at each place. `parts`:
        operators of SQL that lead there from `state`, as constants."""
        listed = ", ".join(f"CAST(state AS JSON) {part}" for part in parts)
        return [
            (row[0], row[1:])
            for row in self._ledger.rows(
                f"SELECT customer_id, {listed} FROM heads WHERE {self._mine}",  # noqa: S608
                self._values,
            )
        ]

    def tasks(self, where: str, values: Sequence[Any]) -> pa.Table:
        """The open tasks of these customers that fit a condition with `$3` and on for its values."""
        return self._ledger.table(
            f"SELECT * FROM tasks WHERE {self._mine} AND ({where}) ORDER BY customer_id, due, key",  # noqa: S608
            [*self._values, *values],
        )

    @property
    def _mine(self) -> str:
        return (
            "customer_id NOT LIKE '@%' AND (CAST($1 AS BOOLEAN) OR customer_id = ANY(CAST($2 AS VARCHAR[])))"
        )

    @property
    def _values(self) -> list[Any]:
        return [self._customer_ids is None, list(self._customer_ids or ())]
