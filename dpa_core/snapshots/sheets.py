"""A snapshot as an Excel workbook, a sheet a part, and as CSV files in a zip."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import xlsxwriter

from dpa_core.snapshots.model import Snapshot
from dpa_core.snapshots.tables import Table, tables
from dpa_core.tabular import csv_file, harmless, text_of

_WIDEST = 60


def xlsx(snapshot: Snapshot) -> bytes:
    """The workbook: real dates, filters, frozen headers. The same snapshot gives the same bytes."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties(
            {"title": "Configuration snapshot", "created": _naive(snapshot.ledger.recorded_at)}
        )
        formats = {
            "header": book.add_format({"bold": True, "bg_color": "#E8EEF4", "bottom": 1}),
            "date": book.add_format({"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"}),
            "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left", "valign": "top"}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        for table in tables(snapshot):
            _sheet(book.add_worksheet(table.name), table, formats)
    return out.getvalue()


def _sheet(sheet: xlsxwriter.worksheet.Worksheet, table: Table, formats: dict[str, Any]) -> None:
    for column, title in enumerate(table.columns):
        sheet.write_string(0, column, title, formats["header"])
        texts = [title, *(text_of(row[column]) for row in table.rows)]
        sheet.set_column(column, column, min(_WIDEST, max(len(text) for text in texts) + 3))
    for number, row in enumerate(table.rows, start=1):
        for column, cell in enumerate(row):
            match cell:
                case None:
                    pass
                case datetime():
                    sheet.write_datetime(number, column, _naive(cell), formats["time"])
                case date():
                    sheet.write_datetime(number, column, cell, formats["date"])
                case int():
                    sheet.write_number(number, column, cell, formats["text"])
                case str():
                    sheet.write_string(number, column, harmless(cell), formats["text"])
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.columns) - 1)


def _naive(at: datetime) -> datetime:
    """UTC without a zone, as a spreadsheet knows no zones."""
    return at.astimezone(UTC).replace(tzinfo=None)


def csv_zip(snapshot: Snapshot) -> bytes:
    """A zip of CSV files (RFC 4180, UTF-8), a part each. The same snapshot gives the same bytes."""
    out = io.BytesIO()
    stamp = _naive(snapshot.ledger.recorded_at).timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables(snapshot):
            name = table.name.lower().replace(" ", "_").replace("-", "_") + ".csv"
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, csv_file(table.columns, table.rows))
    return out.getvalue()
