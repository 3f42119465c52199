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

from dpa_core.documents import typeset
from dpa_core.snapshots import files, pdf, sheets
from dpa_core.snapshots.sign import KeyRing
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
    assert "日本" in text and "שלום" in text[:2_000].replace("םולש", "שלום")
    assert json.loads(reader.attachments["snapshot.json"][0])["snapshot"]["customer"]["name"] == NASTY


SCRIPTS = {
    "Greek": "Ελληνικά", "Cyrillic": "Українська", "Hebrew": "עברית", "Arabic": "العربية",
    "Persian": "می\u200cخواهم", "Devanagari": "हिन्दी", "Thai": "ภาษาไทย", "Japanese": "日本語かな",
    "Chinese": "简体繁體", "Korean": "한국어", "Georgian": "ქართული", "Armenian": "Հայերեն",
    "Tamil": "தமிழ்", "Emoji": "😀👩\u200d💻", "Signs": "✓ → ₹ №",
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS.values(), ids=SCRIPTS)
def test_a_name_in_any_script_is_printed(empty_desk: Desk, keys: KeyRing, name: str) -> None:
    empty_desk.open(name)
    frozen = empty_desk.freeze()
    reader = PdfReader(io.BytesIO(pdf.render(frozen, keys.sign(frozen))))
    assert "[U+" not in _text(reader).replace("[U+202E]", "")


def test_what_no_font_has_is_printed_by_number(empty_desk: Desk, keys: KeyRing) -> None:
    empty_desk.open("Velo \U00012000 \U0001d173 \U0002fffd")
    frozen = empty_desk.freeze()
    text = _text(PdfReader(io.BytesIO(pdf.render(frozen, keys.sign(frozen)))))
    assert "Velo [U+12000] [U+1D173] [U+2FFFD]" in text


@pytest.mark.parametrize(
    ("name", "shown"), [("Ö 日本", "Ö 日本"), ("a\x07b", "a[U+0007]b"), ("\U00012000", "[U+12000]")]
)
def test_names_in_the_charts_are_printed_like_those_in_the_text(
    desk: Desk, keys: KeyRing, name: str, shown: str
) -> None:
    frozen = desk.freeze()
    [first, *others] = frozen.retention.periods
    periods = (first.model_copy(update={"name": name}), *others)
    frozen = frozen.model_copy(update={"retention": frozen.retention.model_copy(update={"periods": periods})})
    text = _text(PdfReader(io.BytesIO(pdf.render(frozen, keys.sign(frozen)))))
    assert text.count(shown) >= 2  # in the table and in the chart


def test_the_fonts_are_those_of_the_packages_whatever_the_machine_has(desk: Desk, keys: KeyRing) -> None:
    found = typeset._fonts().families()
    assert [family for family in typeset.FAMILIES if family not in found] == []
    assert {family for family in found if family.startswith("DejaVu")} == {"DejaVu Sans Mono"}


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
