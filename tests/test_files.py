"""Attached files: size, emptiness, lying types, and that they are covered by the ledger."""

import io
import zipfile
from datetime import date

import pytest

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
            assert "is not what its ending says" in caught.value.message


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.pdf", b"", "is empty"),
        ("large.txt", b"x" * (MAX_BYTES + 1), "at most 25 MB"),
        ("run.exe", b"MZ", "type is not taken"),
        ("page.html", b"<script>", "type is not taken"),
        ("pdf", b"%PDF-1.7", "type is not taken"),
        ("x" * 300 + ".txt", b"x", "name is too long"),
        ("zero.txt", b"a\0b", "is not what its ending says"),
        ("broken.docx", b"PK\x03\x04", "is not what its ending says"),
    ],
)
def test_what_is_not_taken(name, content, why):
    with pytest.raises(Refusal) as caught:
        checked(name, content)
    assert why in caught.value.message
    assert caught.value.field == "files"


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
