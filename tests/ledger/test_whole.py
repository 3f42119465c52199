"""A store that is not whole is told from one that is, before anything in it is changed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dpa_core.ledger import Ledger, StoreError
from dpa_core.ledger.whole import LAST_BACKUP, Mark
from tests.conftest import email
from tests.ledger.test_store import append

ROOT = Path(__file__).parents[2]
WAL = "desk.duckdb.wal"


def killed(folder, events=3):
    """A store with `events` entries that was killed while it was open: its log is beside it."""
    code = (
        "import os, sys; from pathlib import Path; from dpa_core.ledger import Ledger; "
        "from tests.ledger.test_store import append; ledger = Ledger.open(Path(sys.argv[1]));\n"
        "for _ in range(int(sys.argv[2])): append(ledger)\n"
        "os.kill(os.getpid(), 9)"
    )
    path = folder / "desk.duckdb"
    subprocess.run([sys.executable, "-c", code, path, str(events)], cwd=ROOT, check=False)
    assert (folder / WAL).stat().st_size
    return path


def closed(folder, events=3):
    path = folder / "desk.duckdb"
    with Ledger.open(path) as ledger:
        for _ in range(events):
            append(ledger)
    return path


def refused(path, **how):
    """The one line with which the store is refused; every file is left as it was."""
    before = {f.name: f.read_bytes() for f in path.parent.iterdir()}
    with pytest.raises(StoreError) as caught:
        Ledger.open(path, **how)
    assert {f.name: f.read_bytes() for f in path.parent.iterdir()} == before
    line = str(caught.value)
    assert "\n" not in line
    assert "dpa restore" in line
    return line


def count(path, **how):
    with Ledger.open(path, **how) as ledger:
        return ledger.rows("SELECT count(*) FROM events")[0][0]


def test_a_store_that_was_killed_is_whole(tmp_path):
    assert count(killed(tmp_path)) == 3
    assert count(tmp_path / "desk.duckdb") == 3


def test_a_store_that_was_killed_is_whole_without_its_mark_and_in_another_folder(tmp_path):
    path = killed(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for name in ("desk.duckdb", WAL):
        shutil.copy(path.with_name(name), tmp_path / "b")
    assert count(tmp_path / "b" / "desk.duckdb") == 3


def test_a_file_copied_from_a_running_server_without_its_log_is_refused_until_accepted(tmp_path):
    path = killed(tmp_path / "a")
    (tmp_path / "b").mkdir()
    copy = Path(shutil.copy(path, tmp_path / "b"))
    line = refused(copy)
    assert "copied from a running server without its log (desk.duckdb.wal): it holds 0 entries" in line
    assert "`dpa ledger accept`" in line
    assert count(copy, accept=True) == 0
    assert count(copy) == 0


def test_a_file_that_holds_no_ledger_at_all_is_refused(tmp_path):
    path = tmp_path / "desk.duckdb"
    duckdb.connect(str(path)).close()
    assert "holds no ledger" in refused(path)
    assert "holds no ledger" in refused(path, accept=True)


def test_a_log_that_is_lost_is_missed_by_the_mark(tmp_path):
    path = killed(tmp_path)
    (tmp_path / WAL).unlink()
    assert "it holds 0 entries, then it held 3" in refused(path)
    assert count(path, accept=True) == 0


def test_an_older_file_in_the_place_of_the_newer_is_refused(tmp_path):
    path = closed(tmp_path)
    shutil.copy(path, tmp_path / "older")
    closed(tmp_path)
    shutil.copy(tmp_path / "older", path)
    assert "is not as it was left on" in refused(path)


def test_another_store_of_the_same_length_is_refused(tmp_path):
    for name in "ab":
        with Ledger.open(tmp_path / name / "desk.duckdb") as ledger:
            append(ledger, customer=name)
    shutil.copy(tmp_path / "a" / "desk.duckdb", tmp_path / "b")
    assert "the last of them is another now" in refused(tmp_path / "b" / "desk.duckdb")


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("make", [closed, killed])
def test_the_log_of_another_store_is_refused_and_not_worked_into_this_one(tmp_path, make, mark):
    path = make(tmp_path / "a")
    other = killed(tmp_path / "b", 5)
    shutil.copy(other.with_name(WAL), path.parent)
    if not mark:
        Mark.path(path).unlink()
    line = refused(path)
    assert "belongs to another database" in line
    assert line == refused(path, accept=True)
    (path.parent / WAL).unlink()
    if make is closed:
        assert count(path) == 3


def test_a_log_of_another_day_is_refused(tmp_path):
    path = killed(tmp_path)
    shutil.copy(tmp_path / WAL, tmp_path / "older")
    assert count(path) == 3  # opened, and closed whole
    shutil.copy(tmp_path / "older", tmp_path / WAL)
    assert "or to another day of this one" in refused(path)


@pytest.mark.parametrize("kept", [0, 1, 100, 5_000, 12_288, 0.5, -1, -1_000, -262_144])
def test_a_file_that_was_cut_is_refused(tmp_path, kept):
    path = closed(tmp_path, 200)
    whole = path.read_bytes()
    if kept == -262_144:
        kept = len(whole) - 262_144 - 1  # beyond a last block that may be free
    path.write_bytes(whole[: int(len(whole) * kept) if isinstance(kept, float) else kept])
    assert str(path) in refused(path)
    if kept == 0:
        assert "it is empty" in refused(path, accept=True)


def test_a_file_that_is_gone_is_not_made_anew(tmp_path):
    path = closed(tmp_path)
    path.unlink()
    assert "is missing, though it held 3 entries" in refused(path)
    assert not path.exists()


def test_a_log_without_its_file_is_refused(tmp_path):
    path = killed(tmp_path)
    Mark.path(path).unlink()
    path.unlink()
    assert "is missing, though its log desk.duckdb.wal is there" in refused(path)


def test_the_refusal_names_the_last_backup(tmp_path):
    path = closed(tmp_path)
    path.write_bytes(b"")
    (tmp_path / LAST_BACKUP).write_text(
        json.dumps({"folder": "/b/1", "made_at": "2026-11-28T12:00:00+00:00"})
    )
    assert "Restore the last backup, made 2026-11-28T12:00:00+00:00: `dpa restore /b/1`." in refused(path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"events": "x"}', '{"events": 1, "entry": [1]}'])
def test_a_mark_that_cannot_be_read_is_not_counted(tmp_path, content):
    path = closed(tmp_path)
    Mark.path(path).write_text(content)
    assert count(path) == 3
    assert Mark.read(path).events == 3


def test_a_mark_that_cannot_be_written_stops_nobody(tmp_path):
    with Ledger.open(tmp_path / "desk.duckdb") as ledger:
        (tmp_path / "desk.mark.new").mkdir()
        append(ledger)
    (tmp_path / "desk.mark.new").rmdir()
    assert count(tmp_path / "desk.duckdb") == 1


def test_a_copy_is_of_one_moment_and_verifies(store, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.at_work", store, email("anna")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline()
        process.kill()
    (tmp_path / "copy").mkdir()
    with Ledger.open(store) as ledger:
        ledger.copy_to(tmp_path / "copy" / "desk.duckdb")
        before = ledger.rows("SELECT * FROM events ORDER BY ALL")
        tables = "SELECT sql FROM duckdb_tables() UNION ALL SELECT sql FROM duckdb_indexes() ORDER BY ALL"
        made = ledger.rows(tables)
    with Ledger.look(tmp_path / "copy" / "desk.duckdb") as copy:
        assert copy.rows("SELECT * FROM events ORDER BY ALL") == before
        assert copy.rows(tables) == made
        with pytest.raises(StoreError, match="read-only"):
            copy.check_writable()
    assert [f.name for f in (tmp_path / "copy").iterdir()] == ["desk.duckdb"]
    assert count(tmp_path / "copy" / "desk.duckdb") == len(before)
