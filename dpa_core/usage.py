"""Read a file of monthly usage figures, CSV or Parquet, and check every row before any is stored."""

from __future__ import annotations

import codecs
import csv
import glob
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from dpa_core.locale import visible

EARLIEST = date(2000, 1, 1)
"""No service has figures of months before; 0000-01 is a slip that no calendar here knows."""
COLUMNS = ("customer", "data_type", "month", "records", "bytes")
MAX_PROBLEMS = 20
"""Problems named before the rest is only counted."""


class UsageError(Exception):
    """The file was not imported. One problem a line, with its row number; the header is row 1, and
    blank lines are not counted."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class UsageChange:
    """What an import does to one customer's figures: months of the first and last, rows, those among them
    that take the place of others, records and bytes."""

    customer_id: str
    first: date
    last: date
    rows: int
    replaced: int
    records: int
    bytes: int

    @classmethod
    def of(cls, customer_id: str, rows: list[dict[str, Any]], there: set[tuple[Any, ...]]) -> UsageChange:
        """Of a customer's rows, and the keys of those that are there."""
        months = [row["month_start"] for row in rows]
        keys = [(customer_id, row["data_type"], row["month_start"]) for row in rows]
        return cls(
            customer_id, min(months), max(months), len(rows), sum(key in there for key in keys),
            sum(row["records"] for row in rows), sum(row["bytes"] for row in rows),
        )  # fmt: skip


@dataclass(frozen=True)
class UsageChoice:
    """Monthly figures: of a customer, a data type, from one month to another, as 2026-11; empty: of all."""

    customer_id: str = ""
    data_type: str = ""
    first: str = ""
    last: str = ""

    def values(self) -> tuple[str | None, str | None, str | None, str | None]:
        """For the ledger. Raises UsageError where a month is none, or nothing at all is chosen."""
        if not (self.customer_id or self.data_type or self.first or self.last):
            raise UsageError(["Nothing is chosen. Name a customer, a data type or months."])
        months = [month_text(month) if month else None for month in (self.first, self.last)]
        return self.customer_id or None, self.data_type or None, months[0], months[1]


def read_usage(
    path: Path, customers: Collection[str], data_types: Collection[str], *, latest: date
) -> pa.Table:
    """The figures as a table (customer_id, data_type, month_start, records, bytes).

    `month` is written 2026-11 or as its first day, from 2000 up to the month of the day `latest`.
    Cells may be parted by commas, semicolons or tabs, lines by any line end, also mixed. Raises UsageError,
    all or nothing.
    """
    if not path.is_file():
        raise UsageError([f"{visible(str(path))}: there is no such file."])
    with duckdb.connect() as con, TemporaryDirectory(prefix="dpa-usage-") as folder:
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
                    [glob.escape(str(path))],  # DuckDB takes a name such as u[1].csv for a pattern
                )
            else:
                parted, columns = _header(path)
                plain = Path(folder) / "usage.csv"
                _with_plain_line_ends(path, plain)
                # The columns are given, as guessing them would take a short row for the file's shape.
                con.execute(
                    "CREATE TABLE raw AS SELECT row_number() OVER () + 1 AS row, * FROM read_csv(?, "
                    "header = true, auto_detect = false, delim = ?, quote = '\"', columns = ?, "
                    "new_line = '\\n')",
                    [str(plain), parted, dict.fromkeys(columns, "VARCHAR")],
                )
        except duckdb.Error as error:
            raise UsageError([_csv_problem(path.name, str(error))]) from error
        found = [name for (name,) in con.execute("SELECT column_name FROM (DESCRIBE raw)").fetchall()][1:]
        _check_columns(found)
        con.execute(_CHECKED, {"earliest": EARLIEST, "latest": latest})
        problems = con.execute(
            "SELECT row, problem FROM checked WHERE problem IS NOT NULL ORDER BY row"
        ).fetchall()
        if problems:
            lines = [f"row {row}: {visible(problem)}" for row, problem in problems[:MAX_PROBLEMS]]
            if len(problems) > MAX_PROBLEMS:
                lines.append(f"and {len(problems) - MAX_PROBLEMS:,} more")
            raise UsageError(lines)
        table = con.execute(
            "SELECT customer AS customer_id, data_type, month_start, records, bytes FROM checked"
        ).to_arrow_table()
    if not table.num_rows:
        raise UsageError([f"{visible(path.name)} has a header but no figures."])
    return table


def month_text(text: str) -> str:
    """A month such as 2026-11 as DuckDB reads its first day. UsageError for another text."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise UsageError([f"“{visible(text[:60])}” is no month such as 2026-11."])
    return f"{text}-01"


def _header(path: Path) -> tuple[str, list[str]]:
    """What parts the cells, and the columns that the first line names."""
    with path.open("rb") as file:
        line = re.split(rb"[\r\n]", file.readline(10_000), maxsplit=1)[0]
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError([f"{visible(path.name)} is UTF-16. Save it as “CSV UTF-8” and try again."])
    try:
        text = line.decode("utf-8-sig")
        parted = next((mark for mark in ",;\t" if mark in text), ",")
        names = next(csv.reader([text], delimiter=parted), [])
    except (UnicodeDecodeError, csv.Error):
        raise UsageError([f"{visible(path.name)} is no CSV file in UTF-8."]) from None
    _check_columns(names)
    return parted, names


def _with_plain_line_ends(path: Path, copy: Path) -> None:
    """Copy a file with line feeds alone, as DuckDB refuses a mixture. A file may be cut anywhere."""
    with path.open("rb") as file, copy.open("wb") as out:
        held = b""
        while block := file.read(1 << 20):
            block = held + block
            held = b"\r" if block.endswith(b"\r") else b""  # its line feed may be in the next block
            out.write(block.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        out.write(held.replace(b"\r", b"\n"))


def _csv_problem(name: str, error: str) -> str:
    """What DuckDB says of a file, or of the row that is not of the file's shape with its number."""
    line = re.search(r"CSV Error on Line: (\d+)", error)
    if not line:
        return visible(f"{name} cannot be read: {error.splitlines()[0]}")
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
        problems += [f"row 1: there is no column {visible(c[:60])}" for c in extra]
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
        try_cast(regexp_extract(trim(records), '^(\\d+)([.,]00?)?$', 1) AS BIGINT) AS records,
        try_cast(regexp_extract(trim(bytes), '^(\\d+)([.,]00?)?$', 1) AS BIGINT) AS bytes
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
        WHEN month_start < $earliest THEN 'month “' || month_text || '” is before 2000'
        WHEN month_start > $latest THEN 'month “' || month_text || '” is still to come'
        WHEN records IS NULL THEN 'records “' || coalesce(records_text, '') || '” is no whole number'
        WHEN bytes IS NULL THEN 'bytes “' || coalesce(bytes_text, '') || '” is no whole number'
        WHEN count(*) OVER (PARTITION BY customer, data_type, month_start) > 1
            THEN 'the same customer, data_type and month stand in another row too'
    END AS problem
FROM typed
"""
