"""What lies beside customers' heads, made anew from their ledgers, by as many processes as there are cores.

The store stays with the process that has opened it: it reads the entries, and writes what the others make of
them, some ledgers in a transaction, so that a store of any size does it in little memory and goes on where it
was stopped.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from typing import Any

import pyarrow as pa

from dpa_core import closed
from dpa_core.agreement import Agreement
from dpa_core.facts import OBJECTIONS, Facts
from dpa_core.ledger import Ledger, StoreError, Transaction
from dpa_core.ledger.database import utc, without_nul
from dpa_core.ledger.store import event_of
from dpa_core.subjects import registry
from dpa_core.subjects.registry import STATE_SCHEMA, CustomerState, ProviderState
from dpa_core.subjects.subject import Task

log = logging.getLogger("dpa_desk")

BATCH = 100
"""Ledgers that are made anew in one transaction."""
ALONE = 50_000
"""Entries up to which one process is done before others would have begun."""
_TELL = 1_000
"""After so many ledgers a line in the log says how far it has come."""

Row = tuple[Any, ...]
"""An entry as it lies in the store."""
TaskRow = tuple[str | int | datetime | None, ...]
"""An open task in the order of the columns of `replace_tasks`."""

_TIME, _TEXT, _NUMBER = pa.timestamp("us"), pa.string(), pa.int64()
FACTS = pa.schema(
    {
        "customer_id": _TEXT,
        "name": _TEXT,
        "sort_name": _TEXT,
        "agreement_version": _TEXT,
        "features_on": _TEXT,
        "features": pa.int32(),
        "last_review": _TIME,
        "ends_at": _TIME,
        "gone": _TEXT,
        "opened_on": pa.date32(),
        "disputes": _TEXT,
    }
)
"""The columns of the table of facts."""
_ANSWERS = pa.schema(
    {"customer_id": _TEXT, "subject": _TEXT, "about": _NUMBER, "seen": pa.int32(), "decided": pa.bool_()}
)
_TASKS = pa.schema(
    {
        "customer_id": _TEXT,
        "customer_name": _TEXT,
        "key": _TEXT,
        "subject": _TEXT,
        "about": _TEXT,
        "step": _TEXT,
        "parameters": _TEXT,
        "waits_for": _TEXT,
        "clause": _TEXT,
        "due": _TIME,
        "begins": _TIME,
        "ends": _TIME,
        "opened_at": _TIME,
        "opened_by": _TEXT,
        "entry": _NUMBER,
    }
)
_CLOSED = pa.schema(
    {"customer_id": _TEXT, "shelf": _TEXT, "id": _NUMBER, "closed_sequence": _NUMBER, "content": _TEXT}
)
_FOLDS = pa.schema({"customer_id": _TEXT, "sequence": _NUMBER, "state": _TEXT, "state_schema": pa.int32()})


def task_row(task: Task, customer_name: str) -> TaskRow:
    """An open task as the ledger keeps it beside the heads, in `replace_tasks`' order."""
    t = task
    # PostgreSQL reads no JSON with a NUL, and the desk searches in these.
    shown = {name: without_nul(value) for name, value in t.parameters.items()}
    return (
        customer_name, t.key, t.subject, t.about, t.step, json.dumps(shown, ensure_ascii=False),
        t.waits_for, t.clause, t.due, t.begins, t.ends, t.opened_at, t.by, t.entry,
    )  # fmt: skip


@dataclass(frozen=True)
class Basis:
    """What is needed beside a customer's own ledger: the agreements, the provider's state, and the moment
    (UTC)."""

    agreements: Mapping[str, Agreement]
    provider: ProviderState
    now: datetime


@dataclass(frozen=True)
class Derived:
    """What lies beside one customer's head, as its ledger says: the head's state as JSON, and rows of tables
    with the customer first."""

    customer_id: str
    state: str = ""
    facts: Row = ()
    answers: tuple[Row, ...] = ()
    tasks: tuple[Row, ...] = ()
    closed: tuple[Row, ...] = ()
    folds: tuple[Row, ...] = ()
    problem: str = ""
    """Why the ledger cannot be read; nothing else is told then."""
    missing_version: str = ""
    """The agreement that the customer is bound to, where there is none of that version."""


def derive(customer_id: str, rows: Sequence[Row], basis: Basis) -> Derived:
    """What lies beside a customer's head, from all its entries."""
    if not rows:
        return Derived(customer_id, problem="There is a head, and no entry.")
    try:
        events = [event_of(row) for row in rows]
        state, left, folds = CustomerState(), [], []
        for sequence, state, gone in closed.past(events):
            left += gone
            if sequence % closed.EVERY == 0:
                folds.append((customer_id, sequence, state.model_dump_json(), STATE_SCHEMA))
    except (LookupError, StoreError, TypeError, ValueError):
        return Derived(customer_id, problem=traceback.format_exc())
    bound = basis.agreements.get(state.customer.agreement_version)
    if bound is None:
        return Derived(customer_id, missing_version=state.customer.agreement_version)
    context = registry.context_of(
        state, basis.provider, bound, basis.now, customer_id=customer_id, sequence=0, side="customer"
    )
    facts = Facts.of(state, [c.id for c in left if c.shelf == OBJECTIONS])
    tasks = (task_row(task, state.customer.name) for task in registry.own_tasks(state, context))
    return Derived(
        customer_id,
        state.model_dump_json(),
        _row(customer_id, facts.row()),
        tuple((customer_id, *answer) for answer in facts.answers),
        tuple(_row(customer_id, task) for task in tasks),
        tuple((customer_id, c.shelf, c.id, c.sequence, c.item.model_dump_json()) for c in left),
        tuple(folds),
    )


def _row(customer_id: str, values: Sequence[Any]) -> Row:
    return (customer_id, *map(utc, values))


def put(tx: Transaction, found: Sequence[Derived]) -> None:
    """Write what belongs to heads that are of another shape still, in place of what was there."""
    written = tx.replace_states([(one.customer_id, one.state) for one in found], STATE_SCHEMA)
    mine = [one for one in found if one.customer_id in written]
    for table in ("tasks", "closed", "folds"):
        tx.execute(f"DELETE FROM {table} WHERE customer_id = ANY(CAST($1 AS VARCHAR[]))", [written])  # noqa: S608  # of constants
    tx.insert("tasks", as_table(_TASKS, (row for one in mine for row in one.tasks)))
    tx.insert("closed", as_table(_CLOSED, (row for one in mine for row in one.closed)))
    tx.insert("folds", as_table(_FOLDS, (row for one in mine for row in one.folds)))
    tx.replace("facts", ("customer_id",), as_table(FACTS, (one.facts for one in mine)))
    key = ("customer_id", "subject", "about")
    tx.replace("answers", key, as_table(_ANSWERS, (row for one in mine for row in one.answers)))


def as_table(schema: pa.Schema, rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table of that schema."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


# --- a whole store -------------------------------------------------------------------------------


def every(ledger: Ledger, ids: Sequence[str], basis: Basis, write: Callable[[list[Derived]], None]) -> None:
    """Make anew what lies beside customers' heads, in order, and hand it to `write` some ledgers at a time.

    What cannot be read is left as it is, with a line in the log: `dpa ledger verify` says more.
    """
    told = 0
    for done, found in _made(ledger, ids, basis):
        for one in found:
            if one.problem:
                log.error(
                    "%s cannot be read. `dpa ledger verify` says more.\n%s", one.customer_id, one.problem
                )
        write([one for one in found if not one.problem])
        if done - told >= _TELL or (told and done == len(ids)):
            log.info("Reading the store for this version: %s of %s ledgers.", f"{done:,}", f"{len(ids):,}")
            told = done


def _made(ledger: Ledger, ids: Sequence[str], basis: Basis) -> Iterator[tuple[int, list[Derived]]]:
    """What was made of each batch, and how many ledgers that is so far."""
    cores = len(os.sched_getaffinity(0))
    if cores == 1 or _entries(ledger, ids) <= ALONE:
        for done, batch in _batches(ledger, ids):
            yield done, _derive_batch(batch, basis)
        return
    # Begun anew and not forked: the database has threads here.
    with ProcessPoolExecutor(cores, get_context("spawn"), _begin, (basis,)) as pool:
        under_way: deque[tuple[int, Batch, Future[list[Derived]]]] = deque()
        for done, batch in _batches(ledger, ids):
            under_way.append((done, batch, pool.submit(_work, batch)))
            if len(under_way) > 2 * cores:
                yield _finished(*under_way.popleft(), basis)
        while under_way:
            yield _finished(*under_way.popleft(), basis)


Batch = list[tuple[str, list[Row]]]
"""Customers, each with all its entries."""


def _finished(
    done: int, batch: Batch, future: Future[list[Derived]], basis: Basis
) -> tuple[int, list[Derived]]:
    try:
        return done, future.result()
    except BrokenProcessPool:  # ended by somebody, perhaps for lack of memory
        return done, _derive_batch(batch, basis)


def _entries(ledger: Ledger, ids: Sequence[str]) -> int:
    sql = "SELECT coalesce(sum(sequence), 0) FROM heads WHERE customer_id BETWEEN $1 AND $2"
    return int(ledger.rows(sql, [ids[0], ids[-1]])[0][0])


def _batches(ledger: Ledger, ids: Sequence[str]) -> Iterator[tuple[int, Batch]]:
    for start in range(0, len(ids), BATCH):
        wanted = ids[start : start + BATCH]
        among = frozenset(wanted)
        rows = (row for row in ledger.stored(wanted[0], wanted[-1]) if row[0] in among)
        found = {id: list(entries) for id, entries in groupby(rows, itemgetter(0))}
        yield start + len(wanted), [(id, found.get(id, [])) for id in wanted]


def _derive_batch(batch: Batch, basis: Basis) -> list[Derived]:
    return [derive(id, rows, basis) for id, rows in batch]


class _Worker:
    """What a process of the pool knows."""

    basis: Basis


def _begin(basis: Basis) -> None:
    _Worker.basis = basis


def _work(batch: Batch) -> list[Derived]:
    return _derive_batch(batch, _Worker.basis)
