"""`dpa return manifest` and `dpa return check`. Clause: 3.1(xi)"""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpa_core import manifest
from dpa_core.manifest import ManifestError, check, from_json, of_folder, to_json


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "data"
    (top / "calls").mkdir(parents=True)
    (top / "calls" / "åsa.csv").write_text("a,b\n")
    (top / "contacts.csv").write_text("c\n")
    return top


def test_a_manifest_names_every_file_and_matches_its_folder(folder):
    items = of_folder(folder)
    assert [i.name for i in items] == ["calls/åsa.csv", "contacts.csv"]
    assert check(folder, from_json(to_json(items))) == []


def test_every_difference_is_named(folder):
    items = of_folder(folder)
    (folder / "contacts.csv").write_text("d\n")
    (folder / "calls" / "åsa.csv").unlink()
    (folder / "extra.txt").write_text("x")
    assert check(folder, items) == [
        "calls/åsa.csv: missing",
        "extra.txt: not in the manifest",
        "contacts.csv: same size, but other content (SHA-256 differs)",
    ]
    (folder / "contacts.csv").write_text("longer\n")
    assert "contacts.csv: 7 bytes instead of 2" in check(folder, items)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no manifest"),
        ("{}", "no manifest"),
        ('{"files": [{"name": "a", "size": -1, "sha256": "x"}]}', "files.0.size"),
        (json.dumps({"files": [{"name": "../a", "size": 1, "sha256": "0" * 64}]}), "leads out of the folder"),
        (json.dumps({"files": [{"name": "/a", "size": 1, "sha256": "0" * 64}]}), "leads out of the folder"),
    ],
)
def test_what_is_no_manifest(text, why):
    with pytest.raises(ManifestError, match=why):
        from_json(text)


def test_a_link_is_refused(folder, tmp_path):
    (folder / "link.txt").symlink_to(tmp_path)
    with pytest.raises(ManifestError, match="is a link"):
        of_folder(folder)


NFC, NFD = "å.csv", "a\N{COMBINING RING ABOVE}.csv"


def _manifest(*names):
    files = [{"name": name, "size": 1, "sha256": "0" * 64} for name in names]
    return json.dumps({"files": files})


@pytest.mark.parametrize(("sent", "received"), [(NFC, NFD), (NFD, NFC)])
def test_a_name_in_the_other_normal_form_is_the_same_file(tmp_path, sent, received):
    for folder, name in (("sent", sent), ("received", received)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("a")
    items = from_json(to_json(of_folder(tmp_path / "sent")))
    assert check(tmp_path / "received", items) == []
    (tmp_path / "received" / received).write_text("b")
    assert check(tmp_path / "received", items) == [f"{NFC}: same size, but other content (SHA-256 differs)"]


def test_two_names_that_differ_in_normal_form_alone_are_named(tmp_path):
    for name in (NFC, NFD):
        (tmp_path / name).write_text("a")
    with pytest.raises(ManifestError, match="normal forms"):
        of_folder(tmp_path)
    (tmp_path / NFD).unlink()
    items = of_folder(tmp_path)
    (tmp_path / NFD).write_text("a")
    [problem] = check(tmp_path, items)
    assert problem.endswith("there twice, in two Unicode normal forms of the same name")


def test_a_manifest_that_names_a_file_twice_is_refused():
    with pytest.raises(ManifestError, match=r"“a.csv” is named twice"):
        from_json(_manifest("a.csv", "b.csv", "a.csv"))
    with pytest.raises(ManifestError, match="normal forms"):
        from_json(_manifest(NFC, NFD))


@pytest.mark.parametrize("name", ["./a", "a//b", "a/", "a/./b", "."])
def test_a_second_way_to_write_a_name_is_refused(name):
    with pytest.raises(ManifestError, match="plain form"):
        from_json(_manifest(name))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"b\xe5t.csv", "no UTF-8 text"),
        (b"a\\b.csv", "backslash"),
        (b"/".join([b"d" * 250] * 5), "characters"),
    ],
)
def test_what_the_check_would_refuse_is_refused_when_the_manifest_is_made(tmp_path, name, why):
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    with pytest.raises(ManifestError, match=why):
        of_folder(tmp_path)
    [problem] = check(tmp_path, ())
    assert problem.endswith("not in the manifest")


def test_more_files_than_a_manifest_names_are_refused_when_it_is_made(folder, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_FILES", 1)
    with pytest.raises(ManifestError, match="has 2 files; a manifest names 1 at most"):
        of_folder(folder)


def test_a_manifest_too_large_to_read_is_refused_when_it_is_made(folder, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_BYTES", 100)
    with pytest.raises(ManifestError, match="split the return"):
        of_folder(folder)


def test_a_manifest_of_as_many_files_as_there_may_be_is_read(folder):
    item = of_folder(folder)[0]
    items = [item.model_copy(update={"name": f"calls/{n}.csv"}) for n in range(manifest.MAX_FILES)]
    assert len(from_json(to_json(items))) == manifest.MAX_FILES


def test_what_is_no_ordinary_file_is_refused(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(ManifestError, match="no ordinary file"):
        of_folder(folder)


def test_a_byte_order_mark_is_no_part_of_a_manifest(folder):
    text = to_json(of_folder(folder))
    assert from_json(b"\xef\xbb\xbf" + text.encode()) == from_json(text)
    assert from_json("\ufeff" + text) == from_json(text)


@given(
    st.text() | st.binary() | st.lists(st.text(max_size=8), max_size=4).map(lambda names: _manifest(*names))
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_read_as_a_manifest_is_written_and_read_again(content):
    try:
        items = from_json(content)
    except ManifestError:
        return
    assert from_json(to_json(items)) == items
