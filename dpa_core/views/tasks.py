"""Open tasks: what waits for whom, by when, in one customer's ledger and over all customers.

Clauses: 3.1(i), 3.1(viii) to (xii), Sch. 1 2, Sch. 2 1.1, Sch. 2 1.2
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import pyarrow as pa

from dpa_core.application import CustomerFile, ProviderFile
from dpa_core.ledger import Values
from dpa_core.locale import STOCKHOLM, day, deadline, deadline_hour, distance, gaps, last_day, local_day
from dpa_core.subjects import registry
from dpa_core.subjects.subject import Task

Standing = Literal["overdue", "in_time", "no_date"]
STANDING: dict[Standing, str] = {"overdue": "Overdue", "in_time": "In time", "no_date": "No date"}
"""How a task stands to its date."""


# --- one task in words ---------------------------------------------------------------------------


def kind(task: Task) -> str:
    """What such a thing is called: `Audit`."""
    return registry.of_task(task).about[task.about][0]


def title(task: Task) -> str:
    """The very thing: `Audit 12 of OpenAI`."""
    return registry.of_task(task).title_of(task)[1]


def next_step(task: Task) -> str:
    """What is to be done: `File the report`; empty where only time has to pass."""
    return registry.of_task(task).step_of(task)


def what(task: Task) -> str:
    """The thing and the next step: `Audit 12 of OpenAI · File the report`."""
    return " · ".join(filter(None, (title(task), next_step(task))))


def page(task: Task) -> str:
    """The page on which it is settled."""
    return registry.of_task(task).page


def due_at(task: Task) -> datetime | None:
    """Until when something has to be done, or when it comes about by itself, in UTC.

    A period that is over at midnight has its last minute here, as snapshots record it.
    """
    at = task.due
    if at and task.waits_for and at.astimezone(STOCKHOLM).time() == time():
        return at - timedelta(minutes=1)
    return at


def last_moment(task: Task) -> datetime | None:
    """The last moment at which it is in time, in UTC, or the one at which it comes about by itself."""
    return task.due - timedelta(microseconds=1) if task.due and task.waits_for else task.due


def last_day_of(task: Task) -> date | None:
    """The last day on which it is in time, or the day on which it comes about by itself."""
    if task.due is None:
        return None
    return last_day(task.due) if task.waits_for else local_day(task.due)


def when(task: Task) -> str:
    """The same in words: `18 Nov 2026`, or `18 Nov 2026, 14:05` where hours run; empty without a date."""
    if task.due is None:
        return ""
    return deadline(task.due) if task.waits_for else day(task.due)


def until(task: Task) -> str:
    """Beside its last day, until when then: `14:05`, `end of day`; empty without a date or a side."""
    return deadline_hour(task.due) if task.due and task.waits_for else ""


def when_and_distance(task: Task, now: datetime) -> str:
    """`18 Nov 2026 (in 3 days)`; empty without a date."""
    at = due_at(task)
    return f"{when(task)} ({distance(at, now)})" if at else ""


# --- one customer --------------------------------------------------------------------------------


def open_tasks(file: CustomerFile) -> list[Task]:
    """What is open for a customer at the file's moment, what is due first coming first."""
    told = (
        # Titles name the sub-processors of the list that counts.
        tuple(
            (p.id, p.at, p.withdrawn_at, p.counts_at(file.agreement, file.context.opened_on) <= file.now)
            for p in file.changes.values()
        ),
        tuple((i.id, len(i.notices)) for i in file.incidents.values()),
        file.context.all_deleted,
    )
    found = file.cached(("tasks", told), lambda: list(registry.tasks(file.state, file.context)))
    return in_order(t for t in found if t.stands(file.now))


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """What is due first coming first; what has no date stands among it by the moment it began. The same
    tasks always come in the same order."""

    def place(t: Task) -> tuple[float, int, str, str]:
        at = due_at(t) or t.opened_at
        return at.timestamp() if at else 0.0, t.entry or 0, kind(t), what(t)

    return sorted(tasks, key=place)


# --- all customers -------------------------------------------------------------------------------

_STANDS = "(begins IS NULL OR begins <= {now}) AND (ends IS NULL OR {now} < ends)"


@dataclass(frozen=True)
class Wanted:
    """Which open tasks of all customers are asked for."""

    waits_for: str | None = "provider"
    """Customer, provider, or None for both."""
    subjects: tuple[str, ...] = ()
    """Names; none: all that the desk lists."""
    text: str = ""
    """A part of the customer's name or the title, in any case."""
    overdue_only: bool = False


def of_provider(
    file: ProviderFile, wanted: Wanted | None = None, limit: int = 1_000_000, offset: int = 0
) -> pa.Table:
    """What is open over all customers by due date, the undated among it by when it began: a part of it.

    Columns: customer_id, customer, subject, key, title, next_step, waits_for, clause, due (UTC), standing
    (`overdue`, `in_time`, `no_date`).
    """
    bind = Values()
    sql = (
        f"{_worded(file, wanted or Wanted(), bind)} "  # noqa: S608  # of constants, values are bound
        "SELECT customer_id, customer_name AS customer, subject, key, title, next_step, waits_for, clause, "
        "due, standing FROM found ORDER BY coalesce(due, opened_at), customer_name, key "
        f"LIMIT {bind(limit)} OFFSET {bind(offset)}"
    )
    return _in_utc(file.ledger.table(sql, bind.values))


def counted(file: ProviderFile, wanted: Wanted | None = None) -> pa.Table:
    """How much of it is due when: subject, standing, due (the hour of the last moment in time, in UTC), open.

    Not the hour of the first moment too late: that of what is due at half past midnight would count for the
    day before.
    """
    bind = Values()
    sql = (
        f"{_worded(file, wanted or Wanted(), bind)} "  # noqa: S608  # of constants, values are bound
        "SELECT subject, standing, date_trunc('hour', due - INTERVAL '1 microsecond') AS due, "
        "count(*) AS open FROM found "
        "GROUP BY 1, 2, 3"
    )
    return _in_utc(file.ledger.table(sql, bind.values))


def _worded(file: ProviderFile, wanted: Wanted, bind: Values) -> str:
    """The open tasks that are asked for, as the table `found` of a query, with their words."""
    now = bind(file.now)
    overdue = f"due IS NOT NULL AND due <= {now}"
    subjects = bind(sorted(wanted.subjects) or [s.name for s in registry.ON_DESK])
    where = [_STANDS.format(now=now), f"subject = ANY(CAST({subjects} AS VARCHAR[]))"]
    if wanted.waits_for:
        where.append(f"waits_for IN ({bind(wanted.waits_for)}, 'both')")
    if text := wanted.text.strip().lower():
        part = bind(text)
        where.append(f"(strpos(lower(customer_name), {part}) > 0 OR strpos(lower(title), {part}) > 0)")
    if wanted.overdue_only:
        where.append(overdue)
    return (
        f"WITH worded AS (SELECT *, {_words_in_sql(bind)} FROM tasks), found AS (SELECT *, "  # noqa: S608  # of constants
        f"CASE WHEN due IS NULL THEN 'no_date' WHEN {overdue} THEN 'overdue' ELSE 'in_time' END AS standing "
        f"FROM worded WHERE {' AND '.join(where)})"
    )


def _words_in_sql(bind: Values) -> str:
    """The title and next step of a row, as SQL over its codes and parameters: so they can be searched."""

    def case(column: str, templates: Iterable[tuple[str, str, str]]) -> str:
        branches = [
            f"WHEN subject = {bind(name)} AND {column} = {bind(code)} THEN {_filled(template, bind)}"
            for name, code, template in templates
        ]
        return f"CASE {' '.join(branches)} ELSE '' END"

    titles = [(s.name, code, words[1]) for s in registry.ON_DESK for code, words in s.about.items()]
    steps = [(s.name, code, words) for s in registry.ON_DESK for code, words in s.next_steps.items()]
    return f"{case('about', titles)} AS title, {case('step', steps)} AS next_step"


def _filled(template: str, bind: Values) -> str:
    filled = f"CAST({bind(template)} AS VARCHAR)"
    for gap in gaps(template):
        value = f"CAST(parameters AS JSON) ->> CAST({bind(gap)} AS VARCHAR)"
        filled = f"replace({filled}, {bind(f'{{{gap}}}')}, {value})"
    return filled


def load(file: ProviderFile) -> pa.Table:
    """How much waits for the provider, by subject: subject, open, overdue."""
    sql = (
        "SELECT subject, count(*) AS open, count(*) FILTER (WHERE due IS NOT NULL AND due <= $1) AS overdue "  # noqa: S608  # of constants
        f"FROM tasks WHERE waits_for IN ('provider', 'both') AND {_STANDS.format(now='$1')} "
        "AND subject = ANY(CAST($2 AS VARCHAR[])) GROUP BY subject ORDER BY subject"
    )
    return file.ledger.table(sql, [file.now, [s.name for s in registry.ON_DESK]])


def from_rows(table: pa.Table) -> Iterator[tuple[str, Task]]:
    """Open tasks as they lie beside the heads, each with its customer's identifier."""
    for row in _in_utc(table).to_pylist():
        yield row["customer_id"], _task(row)


def _task(row: dict[str, Any]) -> Task:
    same = (
        "key",
        "subject",
        "about",
        "step",
        "waits_for",
        "clause",
        "due",
        "begins",
        "ends",
        "opened_at",
        "entry",
    )
    return Task(
        **{name: row[name] for name in same}, parameters=json.loads(row["parameters"]), by=row["opened_by"]
    )


_TIMES = ("due", "begins", "ends", "opened_at")


def _in_utc(table: pa.Table) -> pa.Table:
    """With its times in UTC, where the columns hold no zone."""
    for at, name in enumerate(table.schema.names):
        if name in _TIMES:
            table = table.set_column(at, name, table[name].cast(pa.timestamp("us", "UTC")))
    return table
