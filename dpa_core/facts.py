"""What lists tell of a customer, as columns beside its head: written in the same transaction, read by SQL.

What follows from a step of the provider is not written to every customer: lists join it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from dpa_core.ledger import Ledger, Transaction
from dpa_core.locale import local_day
from dpa_core.subjects import data_return, dates, grants, incidents, objections
from dpa_core.subjects.objections import Dispute
from dpa_core.subjects.registry import CustomerState, ProviderState

OBJECTIONS = "objections.objections"
"""The shelf of the objections that have left customers' states."""

Answer = tuple[str, int, int, bool]
"""Subject, which change or incident, the last notice acknowledged, and whether the customer has decided."""


@dataclass(frozen=True)
class Group:
    """Customers who are alike in all that their list of sub-processors depends on."""

    version: str
    on: frozenset[str]
    """Identifiers of the features that are switched on."""
    opened_on: date | None
    """The day in Stockholm on which they were opened; None: long ago."""
    disputes: tuple[Dispute, ...]
    unaccepted: tuple[int, ...]

    @classmethod
    def of(cls, version: str, on: str, disputes: str, opened_on: date | None) -> Group:
        """The group that columns of `facts` stand for."""
        open_, _, unaccepted = disputes.partition(";")
        return cls(
            version,
            frozenset(on.split(",")) if on else frozenset(),
            opened_on,
            tuple(_dispute(text) for text in open_.split(",") if text),
            tuple(int(id) for id in unaccepted.split(",") if id),
        )


def _dispute(text: str) -> Dispute:
    change, began_on, held_back = text.split("/")
    return Dispute(int(change), date.fromisoformat(began_on), held_back == "held")


def _disputes(state: objections.State) -> str:
    """`3/2026-12-01/held,7/2026-12-02/not;4`: the objections that are open, with the day on which their time
    began and whether the change is held back; behind the semicolon the changes never accepted. Or empty."""
    open_ = (
        f"{d.change}/{d.began_on.isoformat()}/{'held' if d.held_back else 'not'}" for d in state.disputes
    )
    text = f"{','.join(open_)};{','.join(map(str, state.unaccepted))}"
    return "" if text == ";" else text


@dataclass(frozen=True)
class Facts:
    """What lists tell of one customer, as far as its own ledger says it."""

    name: str
    agreement_version: str
    on: frozenset[str]
    """Identifiers of the features that are on."""
    last_review: datetime | None
    """When the last review was held, in UTC."""
    ends_at: datetime | None
    """When the agreement's last day is over, in UTC; None: no end is recorded."""
    gone: frozenset[str]
    """Identifiers of what is recorded as deleted since that end: data types or whole categories."""
    answers: frozenset[Answer]
    """What it has said to what the provider told it."""
    opened_on: date | None
    """The day in Stockholm on which it was opened."""
    disputes: str
    """Its objections that bear on its list of sub-processors, see `_disputes`."""

    @classmethod
    def of(cls, state: CustomerState, over: Iterable[int] = ()) -> Facts:
        """The facts of a customer's folded state. `over`: the changes to which objections have left it."""
        last, handling = state.reviews.last, state.incidents.handling
        end = state.data_return.termination
        return cls(
            state.customer.name,
            state.customer.agreement_version,
            state.features.on,
            last.held_at if last else None,
            dates.end_of(end.on) if end else None,
            data_return.gone(state.data_return),
            frozenset(
                {
                    *(("objections", change, 0, True) for change in (*state.objections.objections, *over)),
                    *(("incidents", id, h.seen, h.decision != "undecided") for id, h in handling.items()),
                }
            ),
            local_day(state.customer.since) if state.customer.since else None,
            _disputes(state.objections),
        )

    def row(self) -> list[Any]:
        """The columns of `facts` behind the customer's identifier."""
        on = ",".join(sorted(self.on))
        return [
            self.name,
            self.name.lower(),
            self.agreement_version,
            on,
            len(self.on),
            self.last_review,
            self.ends_at,
            ",".join(sorted(self.gone)),
            self.opened_on,
            self.disputes,
        ]


_COLUMNS = (
    "name",
    "sort_name",
    "agreement_version",
    "features_on",
    "features",
    "last_review",
    "ends_at",
    "gone",
    "opened_on",
    "disputes",
)
_PUT = (
    f"INSERT INTO facts (customer_id, {', '.join(_COLUMNS)}) "  # noqa: S608  # of constants
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (customer_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)
)
_PUT_ANSWER = (
    "INSERT INTO answers (customer_id, subject, about, seen, decided) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT (customer_id, subject, about) DO UPDATE SET seen = excluded.seen, decided = excluded.decided"
)
_PUT_TOLD = (
    "INSERT INTO told (customer_id, incident, own_decision, first_at, last_notice) "
    "SELECT unnest(CAST($1 AS VARCHAR[])), CAST($2 AS BIGINT), CAST($3 AS BOOLEAN), CAST($4 AS TIMESTAMP), "
    "CAST($5 AS INTEGER) "
    "ON CONFLICT (customer_id, incident) DO UPDATE SET last_notice = excluded.last_notice"
)


def put(
    tx: Transaction,
    customer_id: str,
    before: CustomerState | None,
    state: CustomerState,
    over: Iterable[int] = (),
) -> None:
    """Write what has changed of a customer's facts. `before`: the state they were written for; None: none
    was, or it is not known what stands there. `over`: the changes to which objections have left the state.
    Nothing is ever taken back from the answers."""
    old, new = Facts.of(before) if before else None, Facts.of(state, over)
    if old is None or not _change(tx, customer_id, old.row(), new.row()):
        tx.execute(_PUT, [customer_id, *new.row()])
    for answer in sorted(new.answers - (old.answers if old else frozenset())):
        tx.execute(_PUT_ANSWER, [customer_id, *answer])


def _change(tx: Transaction, customer_id: str, old: Sequence[Any], new: Sequence[Any]) -> bool:
    """Write the columns that differ; False where there is no such row. In DuckDB it takes a quarter of the
    time of putting a row over another, and each column less is quicker (measured)."""
    changed = [column for column, was, now in zip(_COLUMNS, old, new, strict=True) if was != now]
    if not changed:
        return True
    columns = ", ".join(f"{column} = ${n}" for n, column in enumerate(changed, start=2))
    values = [new[_COLUMNS.index(column)] for column in changed]
    return bool(tx.execute(f"UPDATE facts SET {columns} WHERE customer_id = $1", [customer_id, *values]))  # noqa: S608  # of constants


def put_told(tx: Transaction, before: ProviderState, state: ProviderState) -> None:
    """Write which customers the provider has told of which incidents since a state of its ledger."""
    for id, incident in state.incidents.incidents.items():
        known = before.incidents.incidents.get(id)
        for notice in incident.notices[len(known.notices) if known else 0 :]:
            own = incidents.asks_for_decision(incident)
            tx.execute(_PUT_TOLD, [list(notice.customers), id, own, notice.at, notice.number])


def _for_customers(state: grants.State | None) -> set[str]:
    return {g.customer_id for g in state.grants if g.customer_id} if state else set()


def put_roles(tx: Transaction, ledger_id: str, before: grants.State | None, state: grants.State) -> None:
    """Write for which customers a person has a role. `before`: the state these were written for; None: it is
    not known what stands there."""
    old, new = _for_customers(before), _for_customers(state)
    if before is None:
        tx.execute("DELETE FROM roles WHERE ledger = $1", [ledger_id])
    for customer_id in sorted(old - new):
        tx.execute("DELETE FROM roles WHERE customer_id = $1 AND ledger = $2", [customer_id, ledger_id])
    for customer_id in sorted(new - old):
        tx.execute("INSERT INTO roles (customer_id, ledger) VALUES ($1, $2)", [customer_id, ledger_id])


def roles_unfit(ledger: Ledger, prefix: str, state_schema: int) -> list[str]:
    """The ledgers of people (by how their names begin) whose rows of `roles` are not those that their states
    stand for."""
    there: dict[str, set[str]] = defaultdict(set)
    for id, customer_id in ledger.stream("SELECT ledger, customer_id FROM roles", []):
        there[id].add(customer_id)
    sql = "SELECT customer_id, state FROM heads WHERE starts_with(customer_id, $1) AND state_schema = $2"
    wrong = []
    for id, text in ledger.stream(sql, [prefix, state_schema]):
        if there.pop(id, set()) != _for_customers(grants.State.model_validate_json(text)):
            wrong.append(id)
    return sorted([*wrong, *there])


def unfit(
    ledger: Ledger, states: Iterable[tuple[str, CustomerState]], first: str, last: str
) -> Iterator[str]:
    """The customers from one to another (by identifier) whose rows are not those that their states stand for;
    among them any without a state."""
    rows = {id: [_in_utc(value) for value in row] for id, *row in ledger.rows(_ROWS, [first, last])}
    said: dict[str, set[Answer]] = defaultdict(set)
    for id, *answer in ledger.rows(_ANSWERS, [first, last]):
        said[id].add(tuple(answer))
    over: dict[str, list[int]] = defaultdict(list)
    for id, change in ledger.rows(_OVER, [first, last, OBJECTIONS]):
        over[id].append(change)
    for id, state in states:
        facts = Facts.of(state, over[id])
        row, answers = rows.pop(id, None), said.pop(id, set())
        if row != facts.row() or answers != facts.answers:
            yield id
    yield from sorted({*rows, *said})


_ROWS = (
    f"SELECT customer_id, {', '.join(_COLUMNS)} FROM facts "  # noqa: S608  # of constants
    "WHERE customer_id BETWEEN $1 AND $2"
)
_OVER = "SELECT customer_id, id FROM closed WHERE customer_id BETWEEN $1 AND $2 AND shelf = $3"
_ANSWERS = (
    "SELECT customer_id, subject, about, seen, decided FROM answers WHERE customer_id BETWEEN $1 AND $2"
)


def told_fit(ledger: Ledger, state: ProviderState) -> bool:
    """Whether the rows of `told` are those that the provider's state stands for."""
    sql = "SELECT customer_id, incident, own_decision, first_at, last_notice FROM told"
    return sorted(tuple(map(_in_utc, row)) for row in ledger.rows(sql)) == _told(state)


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _told(state: ProviderState) -> list[tuple[str, int, bool, datetime, int]]:
    found: dict[tuple[str, int], tuple[bool, datetime, int]] = {}
    for id, incident in state.incidents.incidents.items():
        for notice in incident.notices:
            for customer in notice.customers:
                first = found[customer, id][1] if (customer, id) in found else notice.at
                found[customer, id] = incidents.asks_for_decision(incident), first, notice.number
    return sorted((c, i, *rest) for (c, i), rest in found.items())
