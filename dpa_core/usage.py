"""Read a file of monthly usage figures, CSV or Parquet, and check every row before any is stored."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Collection
from pathlib import Path

import duckdb
import pyarrow as pa

from dpa_core.locale import visible

COLUMNS = ("customer", "data_type", "month", "records", "bytes")
MAX_PROBLEMS = 20
"""Problems named before the rest is only counted."""


class UsageError(Exception):
    """The file was not imported. One problem a line, with its row number; the header is row 1, and
    blank lines are not counted."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_usage(path: Path, customers: Collection[str], data_types: Collection[str]) -> pa.Table:
    """The figures as a table (customer_id, data_type, month_start, records, bytes).

    `month` is written 2026-11 or as the first day of the month. Raises UsageError, all or nothing.
    """
    if not path.is_file():
        raise UsageError([f"{visible(str(path))}: there is no such file."])
    pattern = glob.escape(str(path))  # DuckDB takes a name such as u[1].csv for a pattern
    with duckdb.connect() as con:
        con.execute("CREATE TABLE known_customers (id VARCHAR)")
        con.execute("CREATE TABLE known_types (id VARCHAR)")
        _fill(con, "known_customers", customers)
        _fill(con, "known_types", data_types)
        try:
            # Every column as text, so that a wrong cell can be named instead of failing the read.
            if path.suffix.lower() == ".parquet":
                con.execute(
                    "CREATE TABLE raw AS SELECT row_number() OVER () AS row, COLUMNS(*)::VARCHAR "
                    "FROM read_parquet(?)",
                    [pattern],
                )
            else:
                # The columns are given, as guessing them would take a short row for the file's shape.
                con.execute(
                    "CREATE TABLE raw AS SELECT row_number() OVER () + 1 AS row, * FROM read_csv("
                    "?, header = true, auto_detect = false, delim = ',', quote = '\"', columns = ?)",
                    [pattern, dict.fromkeys(_header(path), "VARCHAR")],
                )
        except duckdb.Error as error:
            raise UsageError(
                [_csv_problem(str(error)) or f"{path.name} cannot be read: {str(error).splitlines()[0]}"]
            ) from error
        found = [name for (name,) in con.execute("SELECT column_name FROM (DESCRIBE raw)").fetchall()][1:]
        _check_columns(found)
        con.execute(_CHECKED)
        problems = con.execute(
            "SELECT row, problem FROM checked WHERE problem IS NOT NULL ORDER BY row"
        ).fetchall()
        if problems:
            lines = [f"row {row}: {problem}" for row, problem in problems[:MAX_PROBLEMS]]
            if len(problems) > MAX_PROBLEMS:
                lines.append(f"and {len(problems) - MAX_PROBLEMS:,} more")
            raise UsageError(lines)
        table = con.execute(
            "SELECT customer AS customer_id, data_type, month_start, records, bytes FROM checked"
        ).to_arrow_table()
    if not table.num_rows:
        raise UsageError([f"{path.name} has a header but no figures."])
    return table


def _header(path: Path) -> list[str]:
    """The columns that the first line names."""
    with path.open("rb") as file:
        line = file.readline(10_000)
    try:
        names = next(csv.reader([line.decode("utf-8-sig")]), [])
    except (UnicodeDecodeError, csv.Error):
        raise UsageError([f"{path.name} is no CSV file in UTF-8."]) from None
    _check_columns(names)
    return names


def _csv_problem(error: str) -> str | None:
    """What DuckDB says of a row that is not of the file's shape, with the number of its line."""
    line = re.search(r"CSV Error on Line: (\d+)", error)
    if not line:
        return None
    counted = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", error)
    what = (
        f"has {counted[2]} columns instead of {counted[1]}"
        if counted
        else "has a quote too many or too few, or is not UTF-8"
    )
    return f"row {line[1]}: {what}"


def _fill(con: duckdb.DuckDBPyConnection, table: str, ids: Collection[str]) -> None:
    values = pa.table({"id": pa.array(sorted(ids), pa.string())})
    con.register("ids", values)
    con.execute(f"INSERT INTO {table} SELECT id FROM ids")  # noqa: S608
    con.unregister("ids")


def _check_columns(found: list[str]) -> None:
    missing = [c for c in COLUMNS if c not in found]
    extra = [c for c in found if c not in COLUMNS]
    if missing or extra or len(found) != len(COLUMNS):
        problems = [f"row 1: the column {c} is missing" for c in missing]
        problems += [f"row 1: there is no column {c[:60]}" for c in extra]
        problems += [f"row 1: the column {c} stands there twice" for c in COLUMNS if found.count(c) > 1]
        raise UsageError([*problems, f"The columns are: {', '.join(COLUMNS)}"])


_CHECKED = """
CREATE TABLE checked AS
WITH typed AS (
    SELECT
        row, trim(customer) AS customer, trim(data_type) AS data_type, month AS month_text,
        records AS records_text, bytes AS bytes_text,
        CASE WHEN regexp_full_match(trim(month), '\\d{4}-\\d{2}') THEN try_cast(trim(month) || '-01' AS DATE)
             WHEN regexp_full_match(trim(month), '\\d{4}-\\d{2}-\\d{2}( 00:00:00)?')
             THEN try_cast(left(trim(month), 10) AS DATE) END AS month_start,
        try_cast(CASE WHEN regexp_full_match(trim(records), '\\d+') THEN trim(records) END AS BIGINT)
            AS records,
        try_cast(CASE WHEN regexp_full_match(trim(bytes), '\\d+') THEN trim(bytes) END AS BIGINT) AS bytes
    FROM raw
)
SELECT
    *,
    CASE
        WHEN customer IS NULL OR customer NOT IN (SELECT id FROM known_customers)
            THEN 'customer “' || coalesce(customer, '') || '” is unknown'
        WHEN data_type IS NULL OR data_type NOT IN (SELECT id FROM known_types)
            THEN 'data_type “' || coalesce(data_type, '') || '” is unknown'
        WHEN month_start IS NULL OR day(month_start) <> 1
            THEN 'month “' || coalesce(month_text, '') || '” is no month such as 2026-11'
        WHEN records IS NULL THEN 'records “' || coalesce(records_text, '') || '” is no whole number'
        WHEN bytes IS NULL THEN 'bytes “' || coalesce(bytes_text, '') || '” is no whole number'
        WHEN count(*) OVER (PARTITION BY customer, data_type, month_start) > 1
            THEN 'the same customer, data_type and month stand in another row too'
    END AS problem
FROM typed
"""
