"""The script that checks a received folder: alone, it finds what `dpa return check` finds. Clause: 3.1(xi)"""

import subprocess
import sys
import unicodedata

import pytest

from dpa_core import documents, manifest
from dpa_core.subjects.data_return import Item


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "data"
    (top / "calls").mkdir(parents=True)
    (top / "calls" / "åsa.csv").write_text("a,b\n")
    (top / "contacts.csv").write_text("c\n")
    (top / "empty").write_text("")
    return top


def run(script, folder, *arguments):
    """The script as a customer runs it, in a place without DPA Desk."""
    path = folder.parent / script.name
    path.write_bytes(script.content)
    done = subprocess.run(
        [sys.executable, "-I", path, *(arguments or (folder,))], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def told(folder, items):
    code, lines = run(documents.check_script(12, items), folder)
    assert code == (1 if lines[:-1] else 0)
    return lines[:-1]


def test_a_folder_as_it_was_sent_matches(folder):
    items = manifest.of_folder(folder)
    script = documents.check_script(12, items)
    assert script.name == "check-return-12.py"
    assert run(script, folder) == (0, ["The folder matches the manifest. Files: 3."])


def test_the_script_may_lie_in_the_folder_itself(folder):
    script = documents.check_script(12, manifest.of_folder(folder))
    path = folder / script.name
    path.write_bytes(script.content)
    done = subprocess.run([sys.executable, "-I", path, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def remove(folder):
    (folder / "calls" / "åsa.csv").unlink()


def add(folder):
    (folder / "extra\x1b[2J.txt").write_text("x")


def change(folder):
    (folder / "contacts.csv").write_text("d\n")


def lengthen(folder):
    (folder / "empty").write_text("more than there was")


def rename(folder):
    (folder / "calls").rename(folder / "Calls")


@pytest.mark.parametrize("harm", [remove, add, change, lengthen, rename], ids=lambda f: f.__name__)
def test_every_difference_is_told_in_the_words_of_the_command(folder, harm):
    items = manifest.of_folder(folder)
    harm(folder)
    assert told(folder, items) == manifest.check(folder, items) != []


def test_a_name_in_another_unicode_form_is_the_same_file(folder):
    items = manifest.of_folder(folder)
    name = unicodedata.normalize("NFD", "åsa.csv")
    (folder / "calls" / "åsa.csv").rename(folder / "calls" / name)
    assert told(folder, items) == manifest.check(folder, items) == []


@pytest.mark.parametrize(
    "name", ['"""\nraise SystemExit("x")\n', "\\", "a\\u0022", "'\"", "\x00\u2028", "日本"]
)
def test_no_name_of_a_file_becomes_a_part_of_the_program(folder, name):
    (line,) = told(
        folder.parent / "data", (*manifest.of_folder(folder), Item(name=name, size=1, sha256="a" * 64))
    )
    assert line.endswith(": missing")
    assert line.isprintable()


def test_a_wrong_call_is_told(folder):
    script = documents.check_script(12, ())
    code, lines = run(script, folder, "nowhere")
    assert (code, len(lines)) == (2, 1)
