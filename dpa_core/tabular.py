"""Tables as CSV, and texts that no spreadsheet program takes for a formula.

Standard: CWE-1236 (formulas in CSV), RFC 4180
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

Cell = str | int | date | datetime | None
"""Times are in UTC. Numbers are ours, texts may be anybody's."""

_FORMULA = "=+\\-@＝＋－＠"
_AT_START = re.compile(rf"^(?=[ \"]*[{_FORMULA}\t\r\n])")
_INSIDE = re.compile(rf"(?<=[;\t\r\n])([\s\"']*)(?=[{_FORMULA}])")


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before = + - @ (wide ones too), tab and
    line breaks, whatever spaces or quotes stand in front."""
    return _AT_START.sub("'", text)


def text_of(cell: Cell) -> str:
    """A cell as harmless text; dates and times as in ISO 8601."""
    match cell:
        case None:
            return ""
        case datetime():
            return cell.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
        case date():
            return cell.isoformat()
        case int():
            return str(cell)
        case str():
            return harmless(cell)


def csv_file(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV file in UTF-8, every field quoted. The mark at the front makes spreadsheet programs read it so.

    Where a program splits at semicolons, as Excel does in much of Europe, quotes do not hold, so that a
    cell can begin inside a text: what would be a formula there gets its apostrophe, too.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([_INSIDE.sub(r"\1'", text_of(cell)) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")
