"""PDF, XLSX and CSV, read back by other libraries."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from dpa_core.snapshots import files, pdf, sheets
from dpa_core.snapshots.sign import KeyRing
from dpa_core.snapshots.tables import harmless
from tests.snapshots.conftest import NASTY, Desk, fill


@pytest.fixture
def nasty(empty_desk: Desk) -> Desk:
    empty_desk.open(NASTY)
    fill(empty_desk)
    return empty_desk


def _text(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_the_pdf_says_what_the_snapshot_says(desk: Desk, keys: KeyRing) -> None:
    frozen = desk.freeze()
    signed = keys.sign(frozen)
    reader = PdfReader(io.BytesIO(pdf.render(frozen, signed)))
    text = _text(reader)
    assert 2 <= len(reader.pages) <= 6
    for words in (
        "Nord Åkeri AB", "Speech Analytics", "OpenAI", "instruction 3", "Sch. 2 2.2", "3.1(vii)",
        "Legal hold since", "Send the new list", "Voicebot on", "Page 1 of", "ISO/IEC 27001",
        frozen.digest[:8], frozen.ledger.digest[:8],
    ):  # fmt: skip
        assert words in text
    assert reader.attachments["snapshot.json"] == [signed]


def test_the_pdf_claims_both_standards_and_is_tagged(desk: Desk, keys: KeyRing) -> None:
    frozen = desk.freeze()
    reader = PdfReader(io.BytesIO(pdf.render(frozen, keys.sign(frozen))))
    root = reader.root_object
    metadata = root["/Metadata"].get_data().decode()
    for claim in ("<pdfaid:part>3<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<"):
        assert claim in metadata
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert reader.metadata and "Nord Åkeri AB" in str(reader.metadata.title)


def test_charts_are_vectors(desk: Desk, keys: KeyRing) -> None:
    frozen = desk.freeze()
    reader = PdfReader(io.BytesIO(pdf.render(frozen, keys.sign(frozen))))
    assert not [image for page in reader.pages for image in page.images]


def test_the_same_snapshot_gives_the_same_files(desk: Desk, keys: KeyRing) -> None:
    frozen = desk.freeze()
    for format in files.FORMATS:
        assert files.make(frozen, keys, format) == files.make(frozen, keys, format)
    assert {files.make(frozen, keys, f).name.split(".", 1)[1] for f in files.FORMATS} == {
        "json", "pdf", "xlsx", "csv.zip"
    }  # fmt: skip


def test_a_name_is_printed_and_never_executed(nasty: Desk, keys: KeyRing) -> None:
    frozen = nasty.freeze()
    signed = keys.sign(frozen)
    reader = PdfReader(io.BytesIO(pdf.render(frozen, signed)))
    text = _text(reader)
    assert '#panic("no")' in text
    assert "<script>$x$</script>" in text
    assert "[U+202E]" in text
    assert "[U+65E5]" in text
    assert json.loads(reader.attachments["snapshot.json"][0])["snapshot"]["customer"]["name"] == NASTY


def test_the_workbook_has_a_sheet_a_part_with_dates_filters_and_frozen_headers(desk: Desk) -> None:
    book = load_workbook(io.BytesIO(sheets.xlsx(desk.freeze())))
    assert book.sheetnames[:5] == ["Summary", "Features", "Sub-processors", "Transfers", "Retention"]
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref
    features = {row[0].value: row for row in book["Features"].iter_rows(min_row=2)}
    since = features["Speech Analytics"][2]
    assert isinstance(since.value, datetime) and since.is_date
    assert features["Speech Analytics"][1].value == "on"


def test_no_cell_of_the_workbook_is_a_formula(nasty: Desk) -> None:
    book = load_workbook(io.BytesIO(sheets.xlsx(nasty.freeze())))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    texts = [str(cell.value) for cell in cells if cell.data_type in ("s", "str", "inlineStr")]
    assert not [text for text in texts if text.startswith(tuple("=+-@\t\r"))]
    assert any(text == "'" + NASTY for text in texts)


def test_the_csv_files_are_harmless_and_complete(nasty: Desk) -> None:
    with zipfile.ZipFile(io.BytesIO(sheets.csv_zip(nasty.freeze()))) as archive:
        names = archive.namelist()
        rows = [
            row
            for name in names
            for row in csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline=""))
        ]
    assert "sub_processors.csv" in names and "features.csv" in names
    assert ["Customer", "'" + NASTY] in rows
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r"))]


@pytest.mark.parametrize("first", list("=+-@\t\r\n"))
def test_a_cell_that_looks_like_a_formula_is_made_harmless(first: str) -> None:
    assert harmless(first + "1") == "'" + first + "1"
    assert harmless("a" + first) == "a" + first
    assert harmless("") == ""
