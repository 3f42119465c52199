"""Attached files: size, emptiness, lying types, and that they are covered by the ledger."""

import io
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.access import Forbidden
from dpa_core.files import ENDINGS, MAX_BYTES, FileStore, checked
from dpa_core.subjects.assistance import RequestHelp
from dpa_core.subjects.common import Refusal
from tests.conftest import carry_out


def archive(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return out.getvalue()


OLE = bytes.fromhex("d0cf11e0a1b11ae1")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
GOOD = {
    "pdf": b"%PDF-1.7\n%x",
    "png": PNG,
    "jpg": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "jpeg": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "zip": archive("a.txt"),
    "docx": archive("[Content_Types].xml", "word/document.xml"),
    "xlsx": archive("[Content_Types].xml", "xl/workbook.xml"),
    "pptx": archive("[Content_Types].xml", "ppt/presentation.xml"),
    "txt": "Åsa".encode(),
    "csv": b"a,b\n1,2\n",
    "json": b"{}",
    "md": b"# Hello",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_takes_its_own_content_and_no_other(ending):
    assert checked(f"file.{ending.upper()}", GOOD[ending]).size == len(GOOD[ending])
    for lie in ("pdf", "png", "txt"):
        if lie[:2] != ending[:2] and not (lie == "txt" and ending in ("csv", "json", "md")):
            with pytest.raises(Refusal) as caught:
                checked(f"file.{ending}", GOOD[lie])
            assert f"{ending.upper()}" in caught.value.message + caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.pdf", b"", "is empty"),
        ("large.txt", b"x" * (MAX_BYTES + 1), "has 25.1 MB; at most 25 MB"),
        ("run.exe", b"MZ", "type is not taken"),
        ("page.html", b"<script>", "type is not taken"),
        ("pdf", b"%PDF-1.7", "type is not taken"),
        ("x" * 300 + ".txt", b"x", "has 304 characters"),
        ("zero.txt", b"a\0b", "holds data that is no text"),
        ("noise.csv", bytes(range(256)), "holds data that is no text"),
        ("broken.docx", b"PK\x03\x04", "is damaged or not whole"),
        ("photo.pdf", PNG, "is a PNG image, not PDF"),
        ("photo.txt", PNG, "is a PNG image, not TXT"),
        ("paper.txt", b"\n%PDF-1.7\n", "is a PDF, not TXT"),
        ("sheet.docx", archive("[Content_Types].xml", "xl/workbook.xml"), "is an archive, but no DOCX"),
        ("old.xlsx", OLE + b"Workbook", "older office program"),
        (
            "macros.docx",
            archive("[Content_Types].xml", "word/a.xml", "word/vbaProject.bin"),
            "carries macros",
        ),
        ("note.pdf", b"Hello", "is no PDF"),
        ("note.zip", b"Hello", "is no ZIP"),
    ],
)
def test_what_is_not_taken(name, content, why):
    with pytest.raises(Refusal) as caught:
        checked(name, content)
    assert why in caught.value.message
    assert caught.value.field == "files"


WINDOWS = b"MZ" + b"\0" * 58 + (128).to_bytes(4, "little") + b"\0" * 64 + b"PE\0\0"
PROGRAMS = [
    WINDOWS,
    b"\x7fELF\x02\x01",
    bytes.fromhex("cffaedfe07000001"),
    bytes.fromhex("cafebabe00000034"),
    bytes.fromhex("4c0000000114020000000000c000000000000046"),
    b"\0asm\x01\0\0\0",
]
ACTIVE = [
    "<script>alert(1)</script>",
    "<!DOCTYPE html><p>Hello",
    "\n  <HTML><body>",
    '<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>',
    "<!-- a --><!-- b --><iframe src=x>",
    "#!/bin/sh\nrm -r ~",
    "@echo off\r\ndel *",
    "<?php system('x');",
    "<hta:application>",
]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", PROGRAMS)
def test_a_program_is_none_of_our_kinds_whatever_its_name_says(ending, content):
    with pytest.raises(Refusal, match="is a program"):
        checked(f"file.{ending}", content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ACTIVE)
def test_what_a_browser_or_shell_would_run_is_not_taken_in_any_encoding(text, encoding):
    for ending in ("txt", "csv", "md", "json", "pdf"):
        with pytest.raises(Refusal, match="a web page, a drawing with scripts or a script"):
            checked(f"file.{ending}", text.encode(encoding))


def test_many_comments_are_read_in_a_moment():
    assert checked("a.txt", b"<!-- -->" * 10_000 + b"x").size


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"BM: the meeting"),
        ("notes.txt", b"MZ: the meeting"),
        ("notes.txt", b"MZ" + b" and so on" * 20),
        ("notes.md", b"ID3 tags, GIF89a and PK are only letters here"),
        ("notes.md", b"<!-- draft -->\n# Title\n<p align=center>Hello"),
        ("notes.md", b"# How it runs\n\n#!/bin/sh comes first, <script> later"),
        ("about.txt", b"The file begins with %PDF-1.7, as all do."),
        ("export.csv", "Namn;Ort\nÅsa;Malmö\n".encode("utf-16")),
        ("export.csv", "Namn;Ort\nÅsa;Malmö\n".encode("utf-16-le")),
        ("export.csv", "Namn;Ort\nÅsa;Malmö\n".encode("utf-16-be")),
        ("export.csv", "Namn;Ort\nÅsa;Malmö\n".encode("utf-8-sig")),
        ("export.csv", "Namn;Pris\n“Åsa”;5 €\n".encode("cp1252")),
        ("export.csv", "Имя;Город\n".encode("cp1251")),
        ("export.csv", "名前\n".encode("shift_jis")),
        ("log.txt", b"\x1b[31mred\x1b[0m\x0c\x1a"),
        ("null.json", b"null"),
        ("blank.json", b"\n"),
        ("empty.csv", b"\xef\xbb\xbf"),
        ("scan.pdf", b"\r\n%PDF-1.4\n"),
        ("scan.pdf", b"\xef\xbb\xbf%PDF-1.4\n"),
        ("scan.pdf", b"x" * 900 + b"%PDF-1.4\n"),
        ("sheet.xlsx", OLE + b"\0" * 80 + "EncryptedPackage".encode("utf-16-le")),
        ("sheet.xlsx", archive("[Content_Types].xml", "XL\\workbook.xml")),
        ("sheet.xlsx", archive("xl/workbook.xml")),
        ("empty.zip", b"PK\x05\x06" + b"\0" * 18),
        ("later.zip", b"note\n" + archive("a.txt")),
    ],
)
def test_an_honest_file_is_taken(name, content):
    assert checked(name, content).size == len(content)


HONEST = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn"), include_characters="\t\n\r"), min_size=1
).filter(lambda text: text.strip()[:1] not in ("<", "#", "@"))


@given(
    HONEST, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.sampled_from(["txt", "csv", "md"])
)
def test_any_text_is_taken_in_any_encoding_that_names_itself(text, encoding, ending):
    assert checked(f"a.{ending}", text.encode(encoding)).size


@given(
    st.text(st.characters(codec="cp1252", exclude_categories=("Cc",)), min_size=1).filter(
        lambda t: "<" not in t
    )
)
def test_any_text_of_western_windows_is_taken(text):
    content = text.encode("cp1252")
    known = content.startswith(
        (b"\xff\xd8\xff", b"\xd0\xcf", b"PK", b"\xca\xfe", b"\xfe\xed", b"\xce", b"\xcf")
    )
    if not known and text.strip()[:1] not in ("#", "@") and "%PDF-" not in text:
        assert checked("a.txt", content).size


@given(st.binary(min_size=1, max_size=300), st.sampled_from(ENDINGS))
def test_any_bytes_are_taken_or_refused_in_words(content, ending):
    try:
        assert checked(f"a.{ending}", content).size == len(content)
    except Refusal as refused:
        assert refused.message and refused.remedy


def test_exactly_the_limit_is_taken():
    assert checked("large.txt", b"x" * MAX_BYTES).size == MAX_BYTES


@pytest.mark.parametrize("name", ["../../etc/passwd.txt", "C:\\temp\\passwd.txt", "/etc/passwd.txt"])
def test_a_path_is_no_part_of_a_name(name):
    assert checked(name, b"x").name == "passwd.txt"


def test_the_same_content_is_kept_once_and_nothing_is_half_written(tmp_path):
    store = FileStore(tmp_path)
    one, two = store.put("a.txt", b"same"), store.put("b.txt", b"same")
    assert one.sha256 == two.sha256
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [one.sha256]
    assert store.read(one.sha256) == b"same"


def test_a_changed_file_is_not_handed_out(tmp_path):
    store = FileStore(tmp_path)
    ref = store.put("a.txt", b"true")
    (tmp_path / ref.sha256[:2] / ref.sha256).write_bytes(b"lie!")
    assert store.read(ref.sha256) is None
    with pytest.raises(ValueError, match="SHA-256"):
        store.read("../../secret")


# --- through the door ----------------------------------------------------------------------------


def asked(application, people):
    ref = application.attach(people.anna, "nordfrakt", "note.txt", b"Attached")
    command = RequestHelp(
        "data_subject", "Case 1", "Please", ("access",), date(2026, 11, 20), (ref,), cost_acknowledged=True
    )
    carry_out(application, people.anna, "nordfrakt", command)
    return ref


def test_whoever_may_read_the_customer_gets_its_files_and_nobody_another_customers(application, people):
    ref = asked(application, people)
    for who in (people.anna, people.clara, people.david, people.eva):
        assert application.open(who, "nordfrakt").attached(ref.sha256).content == b"Attached"
    with pytest.raises(Refusal, match="not there"):
        application.open(people.henrik, "solsidan").attached(ref.sha256)


def test_who_may_attach(application, people):
    for who in (people.clara, people.david, people.farid, people.henrik):
        with pytest.raises(Forbidden):
            application.attach(who, "nordfrakt", "note.txt", b"x")
    with pytest.raises(Forbidden):
        application.attach(people.anna, None, "note.txt", b"x")
    application.attach(people.eva, None, "note.txt", b"x")


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_verify_names_a_file_that_was_changed_or_is_missing(application, people, harm):
    ref = asked(application, people)
    assert application.verify() == []
    path = application.ledger.folder / "files" / ref.sha256[:2] / ref.sha256
    if harm == "changed":
        path.write_bytes(b"Forged!!")
    else:
        path.unlink()
    (fault,) = application.verify()
    assert fault.customer_id == "nordfrakt"
    assert "note.txt" in fault.why
