"""`dpa return manifest` and `dpa return check`. Clause: 3.1(xi)"""

import json

import pytest

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
