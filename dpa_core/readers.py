"""Questions about a store, each bound to what the person who asks has opened.

The ledger holds all customers; whoever reads a customer, or several, gets one of these in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from dpa_core.closed import ClosedItems
from dpa_core.ledger import Accepted, Event, Fault, Ledger, accepted, check_chain
from dpa_core.ledger.database import utc
from dpa_core.subjects import grants, incidents
from dpa_core.usage import EARLIEST


@dataclass(frozen=True)
class Entries:
    """Which entries of a ledger are asked for; None: of every kind, by everybody, since ever, any number."""

    kinds: tuple[str, ...] | None = None
    actors: tuple[str, ...] | None = None
    since: datetime | None = None
    among: tuple[int, ...] | None = None


class CustomerReader:
    """The rows of one customer, and of no other."""

    def __init__(self, ledger: Ledger, customer_id: str) -> None:
        self._ledger = ledger
        self._customer_id = customer_id

    def events(
        self, *, after: int = 0, upto: int | None = None, until: datetime | None = None
    ) -> list[Event]:
        """Its events in order: after a sequence, up to and with another, or with a moment in UTC."""
        return self._ledger.events(self._customer_id, after=after, until=until, upto=upto)

    def event(self, sequence: int) -> Event | None:
        """One entry; None where there is none of that number."""
        return self._ledger.event(self._customer_id, sequence)

    def events_named(self, sequences: Iterable[int]) -> dict[int, Event]:
        """Some entries, by their numbers; without those that there are not."""
        return {e.sequence: e for e in self._ledger.events_named(self._customer_id, sequences)}

    def events_of(self, kind: str, upto: int) -> list[Event]:
        """Its events of one kind up to and with a sequence, newest first."""
        return self._ledger.events_of(self._customer_id, kind, upto)

    def numbers(self, wanted: Entries, upto: int, limit: int, offset: int = 0) -> list[int]:
        """The numbers of entries that are asked for, up to and with one, newest first: a part of them."""
        where, values = self._wanted(wanted, upto)
        sql = (
            f"SELECT sequence FROM events WHERE {where} ORDER BY sequence DESC "  # noqa: S608  # of constants
            f"LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}"
        )
        return [number for (number,) in self._ledger.rows(sql, [*values, limit, offset])]

    def number_of(self, wanted: Entries, upto: int) -> int:
        """How many entries are asked for, up to and with one."""
        where, values = self._wanted(wanted, upto)
        sql = f"SELECT count(*) FROM events WHERE {where}"  # noqa: S608  # of constants
        return int(self._ledger.rows(sql, values)[0][0])

    def _wanted(self, wanted: Entries, upto: int) -> tuple[str, list[Any]]:
        where = ["customer_id = $1", "sequence <= $2"]
        values: list[Any] = [self._customer_id, upto]
        since = utc(wanted.since) if wanted.since else None
        for condition, value in (
            ("kind = ANY(CAST({} AS VARCHAR[]))", wanted.kinds),
            ("actor = ANY(CAST({} AS VARCHAR[]))", wanted.actors),
            ("recorded_at >= {}", since),
            ("sequence = ANY(CAST({} AS BIGINT[]))", wanted.among),
        ):
            if value is not None:
                values.append(list(value) if isinstance(value, tuple) else value)
                where.append(condition.format(f"${len(values)}"))
        return " AND ".join(where), values

    def kinds_and_actors(self, upto: int) -> list[tuple[str, str]]:
        """Who has brought about entries of which kinds, up to and with one."""
        sql = "SELECT DISTINCT kind, actor FROM events WHERE customer_id = $1 AND sequence <= $2"
        return self._ledger.rows(sql, [self._customer_id, upto])

    def closed(self, upto: int) -> ClosedItems:
        """What had left its state by an entry."""
        return ClosedItems(self._ledger, self._customer_id, upto)

    def fault(self) -> Fault | None:
        """The first entry of its whole ledger that was tampered with; None where all fit."""
        return check_chain(self._ledger, self._customer_id)

    def losses(self) -> list[Accepted]:
        """When entries of it were lost by a fault of the store, as somebody accepted; oldest first."""
        return accepted(self._ledger, self._customer_id)

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
        sql = "SELECT ledger FROM roles WHERE customer_id = $1 ORDER BY ledger"
        ids = [id for (id,) in self._ledger.rows(sql, [self._customer_id])]
        heads = self._ledger.heads(*ids)
        people = [(id, grants.State.model_validate_json(heads[id].state)) for id in ids if id in heads]
        return [(id, g) for id, p in people for g in p.grants if g.customer_id == self._customer_id]


Key = tuple[str, str, str, date | None, str]
"""What the list of sub-processors of a customer depends on, as columns of `facts`: version, features on,
objections, the day on which it was opened where that is lately, and the data gone since the end of the
agreement."""


@dataclass(frozen=True)
class Live:
    """What the provider told every customer of a version that stands open now, as lists count it."""

    version: str
    opened_on: date | None
    """The day on which the customers were opened whom it stands for, where that is lately."""
    change: int
    until_objected: bool
    """Not open for a customer that has objected to the change."""
    last: datetime | None
    """The last moment in time, in UTC."""


@dataclass(frozen=True)
class Common:
    """What lists count for customers beside their own rows."""

    live: Sequence[Live]
    lately: date
    """Customers opened on this day or since are told apart by that day."""
    over: Sequence[str]
    """Version and what is gone, with a space between: customers of whom nothing is processed any more."""


SORTED_BY = {
    "name": "f.sort_name",
    "features": "e.in_use",
    "sub_processors": "e.number",
    "outside": "e.outside",
    "last_review": "f.last_review",
    "next_due": "w.next_due",
    "open_tasks": "coalesce(w.open, 0)",
}
"""What a list of customers can be sorted by, in SQL."""

_LAST = "CASE WHEN waits_for IS NULL THEN due ELSE due - INTERVAL '1 microsecond' END"
"""The last moment at which a task is in time; where nobody has to act, the one at which it comes about."""
_HOURS = int(incidents.CONTROLLERS_HOURS.total_seconds()) // 3600
_TOLD = (
    "FROM told AS t LEFT JOIN answers AS a "
    "ON a.customer_id = t.customer_id AND a.subject = 'incidents' AND a.about = t.incident"
)
_OWN_HOURS = f"t.first_at + {_HOURS} * INTERVAL '1 hour' - INTERVAL '1 microsecond'"


def as_counted(now: str, of: str) -> str:
    """The customers of a condition as lists count them at a moment, both in SQL: from the end of the
    agreement on nothing is on, and what is recorded as deleted since is gone."""
    over = f"(ends_at IS NOT NULL AND ends_at <= CAST({now} AS TIMESTAMP))"
    return (
        "SELECT customer_id, name, sort_name, agreement_version, last_review, ends_at, opened_on, disputes, "  # noqa: S608  # of constants
        f"CASE WHEN {over} THEN '' ELSE features_on END AS features_on, "
        f"CASE WHEN {over} THEN gone ELSE '' END AS gone FROM facts WHERE {of}"
    )


_MINE = "(CAST($1 AS BOOLEAN) OR customer_id = ANY(CAST($2 AS VARCHAR[])))"

# Everything open, a row each: what a customer's own ledger says, what the provider told all, and incidents.
_OPEN = f"""live AS (
    SELECT unnest(CAST($3 AS VARCHAR[])) AS version, unnest(CAST($4 AS BIGINT[])) AS change,
    unnest(CAST($5 AS BOOLEAN[])) AS until_objected, unnest(CAST($6 AS TIMESTAMP[])) AS last,
    unnest(CAST($7 AS INTEGER[])) AS place, unnest(CAST($9 AS DATE[])) AS lately
), mine AS (
    SELECT *, CASE WHEN opened_on >= CAST($10 AS DATE) THEN opened_on END AS lately
    FROM ({as_counted("$8", _MINE)}) AS c
), open_tasks AS (
    SELECT customer_id, subject, about AS code, key, CAST(NULL AS INTEGER) AS place, {_LAST} AS last,
    opened_at AS began FROM tasks WHERE (begins IS NULL OR begins <= CAST($8 AS TIMESTAMP))
    AND (ends IS NULL OR CAST($8 AS TIMESTAMP) < ends)
    UNION ALL
    SELECT f.customer_id, 'objections', '', '', l.place, l.last, NULL
    FROM mine AS f JOIN live AS l
    ON l.version = f.agreement_version AND l.lately IS NOT DISTINCT FROM f.lately
    LEFT JOIN answers AS a
    ON a.customer_id = f.customer_id AND a.subject = 'objections' AND a.about = l.change
    WHERE NOT (l.until_objected AND a.about IS NOT NULL) 
    AND NOT (f.agreement_version || ' ' || f.gone) = ANY(CAST($11 AS VARCHAR[]))
    UNION ALL
    SELECT t.customer_id, 'incidents', 'breach', CAST(t.incident AS VARCHAR), NULL, NULL, t.first_at
    {_TOLD} WHERE a.seen IS NULL OR a.seen < t.last_notice
    UNION ALL
    SELECT t.customer_id, 'incidents', 'breach', CAST(t.incident AS VARCHAR), NULL, {_OWN_HOURS}, t.first_at
    {_TOLD} WHERE t.own_decision AND NOT coalesce(a.decided, FALSE)
), waiting AS (
    SELECT customer_id, count(*) AS open, min(last) AS next_due FROM open_tasks GROUP BY customer_id
)"""  # noqa: S608  # of constants


@dataclass(frozen=True)
class PortfolioReader:
    """The rows of the customers that one person looks after, and of no others."""

    _ledger: Ledger
    _customer_ids: tuple[str, ...] | None
    """None: every customer."""

    def groups(self, lately: date, now: datetime) -> list[tuple[Key, int]]:
        """How many customers are alike in what their list of sub-processors depends on: version, features on
        (identifiers in order with commas between), objections, the day they were opened if not before
        `lately`, data gone since the end; and the number."""
        sql = (
            "SELECT agreement_version, features_on, disputes, "  # noqa: S608  # of constants
            "CASE WHEN opened_on >= CAST($3 AS DATE) THEN opened_on END, gone, count(*) "
            f"FROM ({as_counted('$4', _MINE)}) AS c GROUP BY 1, 2, 3, 4, 5"
        )
        rows = self._ledger.rows(sql, [*self._values, lately, utc(now)])
        return [((version, on, said, day, gone), n) for version, on, said, day, gone, n in rows]

    def never_reviewed(self) -> int:
        """How many of these customers were never reviewed."""
        sql = f"SELECT count(*) FROM facts WHERE {_MINE} AND last_review IS NULL"  # noqa: S608  # of constants
        return int(self._ledger.rows(sql, self._values)[0][0])

    def page(
        self,
        common: Common,
        exposure: Mapping[Key, tuple[int, int, int]],
        now: datetime,
        *,
        text: str,
        order: str,
        descending: bool,
        limit: int,
        offset: int,
    ) -> list[tuple[Any, ...]]:
        """A part of the list: identifier, name, version, features on, objections, day opened if lately, data
        gone, end of the agreement, last review, next due, open tasks.

        `exposure`: of each group, the number of sub-processors, of third countries, and of features in use.
        `text`: a part of the name or identifier, in lower case. `order`: of `SORTED_BY`.
        """
        way = "DESC" if descending else "ASC"
        sql = (
            f"WITH {_OPEN}, exposure AS (SELECT unnest(CAST($12 AS VARCHAR[])) AS agreement_version, "  # noqa: S608  # of constants
            "unnest(CAST($13 AS VARCHAR[])) AS features_on, unnest(CAST($14 AS VARCHAR[])) AS disputes, "
            "unnest(CAST($15 AS DATE[])) AS lately, unnest(CAST($16 AS VARCHAR[])) AS gone, "
            "unnest(CAST($17 AS INTEGER[])) AS number, unnest(CAST($18 AS INTEGER[])) AS outside, "
            "unnest(CAST($19 AS INTEGER[])) AS in_use) "
            "SELECT f.customer_id, f.name, f.agreement_version, f.features_on, f.disputes, f.lately, f.gone, "
            "f.ends_at, f.last_review, w.next_due, coalesce(w.open, 0) "
            "FROM mine AS f LEFT JOIN waiting AS w USING (customer_id) JOIN exposure AS e "
            "ON e.agreement_version = f.agreement_version AND e.features_on = f.features_on "
            "AND e.disputes = f.disputes AND e.lately IS NOT DISTINCT FROM f.lately AND e.gone = f.gone "
            "WHERE strpos(f.sort_name, $20) > 0 OR strpos(f.customer_id, $20) > 0 "
            f"ORDER BY {SORTED_BY[order]} {way} NULLS LAST, f.sort_name, f.customer_id LIMIT $21 OFFSET $22"
        )
        keys = list(exposure)
        columns = [
            *([key[n] for key in keys] for n in range(5)),
            *([exposure[key][n] for key in keys] for n in range(3)),
        ]
        values = [*self._values, *_common(common, now), *columns, text, limit, offset]
        return self._ledger.rows(sql, values)

    def found(self, text: str) -> int:
        """How many have a text, in lower case, in their name or identifier."""
        sql = (
            f"SELECT count(*) FROM facts WHERE {_MINE} "  # noqa: S608  # of constants
            "AND (strpos(sort_name, $3) > 0 OR strpos(customer_id, $3) > 0)"
        )
        return int(self._ledger.rows(sql, [*self._values, text])[0][0])

    def falling_due(
        self, common: Common, now: datetime, limit: int
    ) -> list[tuple[str, str, str, str, int | None, datetime | None]]:
        """What is open, by its date, or else by the day it began, what comes first coming first: customer,
        its name, subject, key of the task (or the incident, or empty), place in `live`, last moment in time
        (None: without a date)."""
        sql = (
            f"WITH {_OPEN} SELECT customer_id, f.name, o.subject, o.key, o.place, o.last "  # noqa: S608  # of constants
            "FROM open_tasks AS o JOIN mine AS f USING (customer_id) "
            "ORDER BY coalesce(o.last, o.began) NULLS LAST, f.sort_name, customer_id, o.subject, o.key, "
            "o.place LIMIT $12"
        )
        return self._ledger.rows(sql, [*self._values, *_common(common, now), limit])

    def open_by_hour(
        self, common: Common, now: datetime
    ) -> list[tuple[str, str, int | None, datetime | None, int]]:
        """How much is open, and when it falls due: subject, what it is about, place in `live`, the hour
        (UTC; None: without a date), number."""
        sql = (
            f"WITH {_OPEN} SELECT o.subject, o.code, o.place, date_trunc('hour', o.last) AS hour, count(*) "  # noqa: S608  # of constants
            "FROM open_tasks AS o JOIN mine USING (customer_id) GROUP BY 1, 2, 3, 4"
        )
        return self._ledger.rows(sql, [*self._values, *_common(common, now)])

    def tasks(self, keys: Iterable[tuple[str, str]]) -> pa.Table:
        """Open tasks by customer and key, as they lie beside the heads."""
        wanted = list(keys)
        sql = (
            f"SELECT * FROM tasks WHERE {_MINE} AND customer_id = ANY(CAST($3 AS VARCHAR[])) "  # noqa: S608  # of constants
            "AND key = ANY(CAST($4 AS VARCHAR[]))"
        )
        return self._ledger.table(sql, [*self._values, [c for c, _ in wanted], [k for _, k in wanted]])

    @property
    def _values(self) -> list[Any]:
        return [self._customer_ids is None, list(self._customer_ids or ())]


def _common(common: Common, now: datetime) -> list[Any]:
    """The parameters 3 to 11 of `_OPEN`."""
    live = common.live
    return [
        [x.version for x in live],
        [x.change for x in live],
        [x.until_objected for x in live],
        [utc(x.last) if x.last else None for x in live],
        list(range(len(live))),
        utc(now),
        [x.opened_on for x in live],
        common.lately,
        list(common.over),
    ]
