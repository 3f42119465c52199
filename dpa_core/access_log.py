"""The access log: who signed in, got or lost a role, was refused, or was handed a file.

It is beside the customers' ledgers and no proof like them: its lines are in no chain, and are removed when
they are as old as a setting says. What succeeds is written in the transaction of the deed itself.

Standard: Art. 32(1)(b) and (4), Art. 5(1)(e) GDPR; ISO/IEC 27002 8.15 (logging)
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from dpa_core import metrics
from dpa_core.ledger import Conflict, Ledger, StoreError, Transaction, Values
from dpa_core.locale import worded

log = logging.getLogger("dpa_desk")

Kind = Literal[
    "signed_in", "signed_out", "session_ended", "sign_in_refused",
    "account_waits", "account_confirmed", "account_refused",
    "role_given", "role_taken", "name_changed", "address_changed",
    "look_refused", "step_refused", "exported", "backed_up",
]  # fmt: skip
KINDS: dict[Kind, str] = worded(
    Kind,
    session_ended="Sign-in ended",
    sign_in_refused="Sign-in refused",
    account_waits="Account waits",
    look_refused="Refused a look",
    step_refused="Refused a step",
    exported="File handed over",
)
REFUSALS: frozenset[Kind] = frozenset({"sign_in_refused", "look_refused", "step_refused"})
"""What somebody may repeat without end, and of which only so many lines a minute are written."""
CLAIMED: tuple[Kind, ...] = ("sign_in_refused", "account_waits")
"""Lines of which nobody is known to have brought them about: they name what was claimed."""
OF_A_CUSTOMER: frozenset[Kind] = frozenset({"exported", "role_given", "role_taken"})
"""What a customer's admin sees of its own customer. Not who was refused there, who may be of another one."""

DAYS = 400
"""How long a line is kept where the settings say nothing else: a year, and time to look. The provider's own
setting."""
PAGE = 50
MOST = 50_000
"""Lines that one file holds."""
_PER_PERSON = 10
"""Refusals of one kind, person and sign-in that are written in one minute; the others are counted."""
_OF_ALL = 60
"""Refusals of everybody that are written in one minute."""
_LENGTH = 300
_COLUMNS = "number, happened, kind, who, whom, customer_id, session_id, came_from, about, more"


@dataclass(frozen=True)
class Line:
    """One thing that happened, at a moment in UTC."""

    happened: datetime
    kind: Kind
    who: str
    """A person's identifier, or what was claimed where nobody is known; empty where nothing was."""
    whom: str | None = None
    """Another person that it was about."""
    customer_id: str | None = None
    """The customer that it was about; in a refusal, the one that was asked for."""
    session_id: str | None = None
    came_from: str | None = None
    """The network address of the browser, as far as the server knows it."""
    about: Mapping[str, str] = field(default_factory=dict)
    more: int = 0
    """In place of how many refusals of this kind in that minute the line stands; 0: it is one itself."""
    number: int = 0


@dataclass(frozen=True)
class Search:
    """Which lines are wanted. Times in UTC; `until` is not among them."""

    person: str = ""
    """A part of a name or an address, of now or of the past, or an identifier."""
    customer: str = ""
    """The customer's identifier."""
    kinds: tuple[Kind, ...] = ()
    """None: all."""
    since: datetime | None = None
    until: datetime | None = None


Place = tuple[datetime, int]
"""Of a line in the log: when, and its number."""


@dataclass(frozen=True)
class Found:
    """A page of lines, newest first."""

    lines: tuple[Line, ...]
    total: int
    """Lines that fit the search."""
    older: Place | None
    """Behind which line the next page begins; None where there is none."""
    days: int
    """How long a line is kept."""


def cleaned(text: str, most: int = _LENGTH) -> str:
    """Text from outside on one line, without what cannot be seen, and not longer than `most` characters."""
    return "".join(c if c.isprintable() else " " for c in text[: 4 * most]).strip()[:most]


class _Bounds:
    """Keeps refusals from filling the disk: in each minute the first are written, the others counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute: datetime | None = None
        self._written: Counter[tuple[str, str, str]] = Counter()
        self._more: dict[tuple[str, str, str], Line] = {}

    def take(self, line: Line) -> list[Line]:
        """The lines to write now: what was counted in a minute before, and this one unless it is counted."""
        minute = line.happened.replace(second=0, microsecond=0)
        key = (line.kind, line.who, line.session_id or "")
        with self._lock:
            counted = self._take_counted() if minute != self._minute else []
            if minute != self._minute:
                self._minute, self._written = minute, Counter()
            if self._written[key] < _PER_PERSON and self._written.total() < _OF_ALL:
                self._written[key] += 1
                return [*counted, line]
            if key not in self._more and len(self._more) >= _OF_ALL:
                key, line = (line.kind, "", ""), replace(line, who="", session_id=None, came_from=None)
            first = self._more.get(key, replace(line, customer_id=None, about={}))
            self._more[key] = replace(first, more=first.more + 1)
            return counted

    def counted(self) -> list[Line]:
        """The lines that say how many were only counted, which are taken out by this."""
        with self._lock:
            return self._take_counted()

    def _take_counted(self) -> list[Line]:
        found, self._more = list(self._more.values()), {}
        return found


class AccessLog:
    """The access log of one store. `days`: how long a line is kept."""

    def __init__(self, ledger: Ledger, days: int = DAYS) -> None:
        self._ledger = ledger
        self._days = days
        self._bounds = _Bounds()

    # --- writing ---------------------------------------------------------------------------------

    def write(self, tx: Transaction, line: Line) -> None:
        """Write a line in the transaction of what it tells."""
        about = {key: cleaned(value) for key, value in line.about.items()}
        tx.execute(
            f"INSERT INTO access_log ({_COLUMNS}) "  # noqa: S608  # a constant
            "VALUES (nextval('access_log_numbers'), $1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                line.happened,
                line.kind,
                cleaned(line.who),
                line.whom,
                cleaned(line.customer_id, 60) if line.customer_id else None,
                line.session_id,
                cleaned(line.came_from, 60) if line.came_from else None,
                json.dumps(about, ensure_ascii=False),
                line.more,
            ],
        )

        tx.then.append(metrics.ACCESS_LINES.labels(line.kind).inc)

    def refused(self, line: Line) -> None:
        """Write that somebody was refused, or count it. A refusal stays one where this cannot be written."""
        self._write_all(self._bounds.take(line))

    def flush(self) -> None:
        """Write what was only counted so far."""
        self._write_all(self._bounds.counted())

    def _write_all(self, lines: Sequence[Line]) -> None:
        if not lines:
            return
        try:
            with self._ledger.transaction() as tx:
                for line in lines:
                    self.write(tx, line)
        except (StoreError, Conflict):
            log.exception("lines of the access log could not be written: %r", [line.kind for line in lines])

    def remove_old(self, tx: Transaction, now: datetime) -> None:
        """Remove the lines that are older, at a moment in UTC, than they are kept."""
        tx.execute("DELETE FROM access_log WHERE happened < $1", [now - timedelta(days=self._days)])

    # --- reading ---------------------------------------------------------------------------------

    def find(self, search: Search, behind: Place | None = None, limit: int = PAGE) -> Found:
        """The lines that fit a search, newest first. `behind`: only those that come after that place."""
        self.flush()
        bind = Values()
        where = self._condition(search, bind)
        # Into these queries go constants of this class; what was searched for comes as their values.
        sql = f"SELECT count(*) FROM access_log WHERE {where}"  # noqa: S608  # of constants
        ((total,),) = self._ledger.rows(sql, bind.values)
        if behind is not None:
            happened, number = bind(behind[0]), bind(behind[1])
            where += f" AND happened <= {happened} AND (happened, number) < ({happened}, {number})"
        newest = f"ORDER BY happened DESC, number DESC LIMIT {bind(limit + 1)}"
        sql = f"SELECT number FROM access_log WHERE {where} {newest}"  # noqa: S608  # likewise
        numbers = [number for (number,) in self._ledger.rows(sql, bind.values)]
        wanted = numbers[:limit]
        if not wanted:
            return Found((), total, None, self._days)
        if limit <= PAGE:  # so few are fetched by the index; of many, the table is read once more
            bind = Values()
            where = f"number IN ({', '.join(bind(n) for n in wanted)})"
            newest = "ORDER BY happened DESC, number DESC"
        sql = f"SELECT {_COLUMNS} FROM access_log WHERE {where} {newest}"  # noqa: S608  # likewise
        lines = tuple(_line(row) for row in self._ledger.rows(sql, bind.values)[:limit])
        older = (lines[-1].happened, lines[-1].number) if len(numbers) > limit else None
        return Found(lines, total, older, self._days)

    def _condition(self, search: Search, bind: Values) -> str:
        """The search as SQL: constants of this class, and the numbers of its values."""
        parts = ["true"]
        if search.person:
            text = bind(search.person)
            ids = (
                "SELECT person_id FROM person_names "  # noqa: S608  # `text` is a number such as $1
                f"WHERE strpos(lower(address), lower({text})) > 0 OR strpos(lower(name), lower({text})) > 0"
            )
            kinds = f"kind = ANY(CAST({bind(list(CLAIMED))} AS VARCHAR[]))"
            claimed = f"{kinds} AND strpos(lower(who), lower({text})) > 0"
            parts.append(
                f"(who = {text} OR whom = {text} OR who IN ({ids}) OR whom IN ({ids}) OR ({claimed}))"
            )
        if search.customer:
            parts.append(f"customer_id = {bind(search.customer)}")
        if search.kinds:
            parts.append(f"kind = ANY(CAST({bind(list(search.kinds))} AS VARCHAR[]))")
        if search.since is not None:
            parts.append(f"happened >= {bind(search.since)}")
        if search.until is not None:
            parts.append(f"happened < {bind(search.until)}")
        return " AND ".join(parts)


def _line(row: tuple[Any, ...]) -> Line:
    number, happened, kind, who, whom, customer_id, session_id, came_from, about, more = row
    return Line(
        happened.replace(tzinfo=UTC), kind, who, whom, customer_id, session_id, came_from, json.loads(about),
        more, number,
    )  # fmt: skip
