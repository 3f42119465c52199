"""A store that is not whole is told from one that is, before anything in it is changed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dpa_core.ledger import Ledger, StoreError, anchor, check_chain, duck, losses
from dpa_core.ledger.anchor import Anchor, path_of
from dpa_core.ledger.losses import STORE, accepted
from dpa_core.ledger.whole import LAST_BACKUP, mark_of
from tests.conftest import at_the_same_time, email
from tests.ledger.test_store import append

ROOT = Path(__file__).parents[2]
WAL = "desk.duckdb.wal"


def killed(folder, events=3):
    """A store with `events` more entries as a process leaves it that is killed: its log is beside it."""
    path, running = folder / "desk.duckdb", folder.with_name(f"{folder.name}-running")
    folder.mkdir(exist_ok=True)
    for left in folder.glob("desk.*"):
        running.mkdir(exist_ok=True)
        left.rename(running / left.name)
    with Ledger.open(running / path.name) as ledger:
        for _ in range(events):
            append(ledger)
        for left in running.glob("desk.*"):
            shutil.copy(left, folder)
    shutil.rmtree(running)
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
    """How many entries there are, but for those of the store itself."""
    with Ledger.open(path, **how) as ledger:
        return ledger.rows("SELECT count(*) FROM events WHERE customer_id <> ?", [STORE])[0][0]


def kept(path):
    """The logs kept beside a store."""
    return sorted(path.parent.glob("desk.duckdb.kept-*.wal"))


def test_a_store_that_was_killed_is_whole(tmp_path):
    assert count(killed(tmp_path)) == 3
    assert count(tmp_path / "desk.duckdb") == 3


def test_a_store_that_was_killed_is_whole_in_another_folder(tmp_path):
    path = killed(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for name in ("desk.duckdb", WAL, "desk.anchor"):
        shutil.copy(path.with_name(name), tmp_path / "b")
    assert count(tmp_path / "b" / "desk.duckdb") == 3


def test_a_file_copied_from_a_running_server_without_its_log_is_refused_until_accepted(tmp_path):
    path = killed(tmp_path / "a")
    (tmp_path / "b").mkdir()
    copy = Path(shutil.copy(path, tmp_path / "b"))
    line = refused(copy)
    assert "copied from a running server without its log (desk.duckdb.wal): it holds 0 entries" in line
    assert "`dpa ledger accept`" in line
    assert count(copy, accepted_by="operator kim") == 0
    assert count(copy) == 0


def test_a_file_that_holds_no_ledger_at_all_is_refused(tmp_path):
    path = tmp_path / "desk.duckdb"
    duckdb.connect(str(path)).close()
    assert "holds no ledger" in refused(path)
    assert "holds no ledger" in refused(path, accepted_by="operator kim")


@pytest.mark.parametrize("lost", ["deleted", "emptied", "cut"])
def test_a_log_that_is_lost_is_missed(tmp_path, lost):
    path = killed(tmp_path)
    if lost == "deleted":
        (tmp_path / WAL).unlink()
    else:
        (tmp_path / WAL).write_bytes((tmp_path / WAL).read_bytes()[: 400 if lost == "cut" else 0])
    line = refused(path)
    assert "lacks entries that it had on" in line
    assert "in 1 ledger: velo (had 3, has 0)" in line
    assert count(path, accepted_by="operator kim") == 0
    assert [f.stat().st_size for f in kept(path)] == ([400] if lost == "cut" else [])
    assert count(path) == 0


def flipped(file, at):
    """Change one bit of a file."""
    content = bytearray(file.read_bytes())
    content[at] ^= 16
    file.write_bytes(content)


def test_a_log_that_is_damaged_is_kept_and_what_fits_of_it_is_used(tmp_path):
    path = killed(tmp_path, 9)
    log = tmp_path / WAL
    flipped(log, log.stat().st_size // 2)
    before = log.read_bytes()
    line = refused(path)
    assert f"The log {WAL} beside {path} is damaged" in line
    assert re.search(r"velo \(had 9, has [3-6]\)", line)
    held = count(path, accepted_by="operator kim")
    assert held in range(3, 7)
    assert [f.read_bytes() for f in kept(path)] == [before]
    assert count(path) == held
    with Ledger.open(path) as ledger:
        append(ledger)
        assert check_chain(ledger, "velo") is None


@pytest.mark.parametrize("at", [0, 1, 2, 4, 8, 16, 20, 40, 60, -1, -40])
def test_wherever_a_log_is_changed_no_entry_is_lost_in_silence(tmp_path, at):
    path = killed(tmp_path)
    flipped(tmp_path / WAL, at)
    before = (tmp_path / WAL).read_bytes()
    line = refused(path)
    assert "Error" not in line
    assert count(path, accepted_by="operator kim") in range(4)
    assert [f.read_bytes() for f in kept(path)] == [before]
    assert count(path) in range(4)


def test_a_log_lost_in_which_only_other_things_stood_is_missed_too(tmp_path):
    path = killed(tmp_path, 0)
    (tmp_path / WAL).unlink()
    line = refused(path)
    assert f"The log {WAL} that {path} had on" in line
    assert "no entry of a ledger; perhaps sign-ins, drafts, lines of the access log" in line


def test_what_was_accepted_is_on_record(tmp_path):
    path = closed(tmp_path, 2)
    shutil.copy(path, tmp_path / "older")
    with Ledger.open(path) as ledger:
        was = [append(ledger) for _ in range(3)][-1]
        append(ledger, customer="other")
    shutil.copy(tmp_path / "older", path)
    assert "in 2 ledgers: other (had 1, has 0), velo (had 5, has 2)" in refused(path)
    with Ledger.open(path, accepted_by="operator kim") as ledger:
        (other, velo) = accepted(ledger)
        assert accepted(ledger, "velo") == [velo]
        assert (velo.operator, velo.ledger) == ("operator kim", "velo")
        assert (velo.was, velo.now) == ((5, was.digest), (2, ledger.head("velo").digest))
        assert (other.was[0], other.now) == (1, (0, ""))
        said = ledger.event(STORE, 1)
        assert said.kind == "store.accepted"
        assert [doubt["code"] for doubt in said.body["doubts"]] == ["lacking"]
        assert check_chain(ledger, STORE) is None
        append(ledger)
    assert count(path) == 3
    with Ledger.open(
        path, accepted_by="operator kim"
    ) as ledger:  # nothing is in doubt, so nothing goes on record
        assert len(ledger.events(STORE)) == 3


def test_an_acceptance_that_was_killed_before_it_was_on_record_is_none(tmp_path, monkeypatch):
    path = killed(tmp_path)
    (tmp_path / WAL).unlink()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(losses, "record", stop)
    with pytest.raises(KeyboardInterrupt):
        Ledger.open(path, accepted_by="operator kim")
    monkeypatch.undo()
    assert "velo (had 3, has 0)" in refused(path)


def test_an_older_file_in_the_place_of_the_newer_is_refused(tmp_path):
    path = closed(tmp_path)
    shutil.copy(path, tmp_path / "older")
    closed(tmp_path)
    shutil.copy(tmp_path / "older", path)
    assert "velo (had 6, has 3)" in refused(path)


def test_another_store_of_the_same_length_is_refused(tmp_path):
    for name in "ab":
        with Ledger.open(tmp_path / name / "desk.duckdb") as ledger:
            append(ledger, customer=name)
    shutil.copy(tmp_path / "a" / "desk.duckdb", tmp_path / "b")
    assert "b (had 1, has 0)" in refused(tmp_path / "b" / "desk.duckdb")


def test_another_entry_in_the_place_of_the_last_one_is_named(tmp_path):
    for name, test in (("a", "test.happened"), ("b", "test.other")):
        with Ledger.open(tmp_path / name / "desk.duckdb") as ledger:
            append(ledger, (test, {}))
    shutil.copy(tmp_path / "a" / "desk.duckdb", tmp_path / "b")
    assert "velo (its entry 1 is another)" in refused(tmp_path / "b" / "desk.duckdb")


def test_many_ledgers_that_lack_entries_are_counted(tmp_path):
    path = closed(tmp_path, 0)
    shutil.copy(path, tmp_path / "older")
    with Ledger.open(path) as ledger:
        for number in range(8):
            append(ledger, customer=f"c{number}")
    shutil.copy(tmp_path / "older", path)
    assert "in 8 ledgers: c0 (had 1, has 0), c1 (had 1, has 0)" in refused(path)
    assert "and 3 more" in refused(path)


@pytest.mark.parametrize("make", [closed, killed])
def test_an_anchor_that_is_missing_is_not_made_anew_in_silence(tmp_path, make):
    path = make(tmp_path)
    path_of(path).unlink()
    assert "desk.anchor, which says how far" in refused(path)
    assert count(path, accepted_by="operator kim") == 3
    with Ledger.open(path) as ledger:
        (doubt,) = ledger.event(STORE, 1).body["doubts"]
        assert doubt["code"] == "no_anchor"


@pytest.mark.parametrize("make", [closed, killed])
def test_wherever_an_anchor_is_changed_it_says_so_or_tells_as_much(tmp_path, make):
    path = make(tmp_path)
    content = path_of(path).read_bytes()
    end = len(content.rstrip(b"\0"))
    # The end of a killed one's last line is one that was not finished.
    for at in (*range(0, end - 1, 61), 16, *([end - 1] if make is closed else [])):
        path_of(path).write_bytes(content)
        flipped(path_of(path), at)
        line = refused(path)
        assert "desk.anchor" in line or "lacks entries" in line


@pytest.mark.parametrize("make", [closed, killed])
@pytest.mark.parametrize("lines", [0, 1, 2, 3, -1])
def test_an_anchor_that_was_cut_says_so(tmp_path, make, lines):
    make(tmp_path)
    path = make(tmp_path)  # a second time, so that the anchor begins with lines of its own
    found = path_of(path).read_bytes().rstrip(b"\0").splitlines(keepends=True)
    path_of(path).write_bytes(b"".join(found[:lines]))
    if make is killed and lines in (2, 3, -1):  # as if the last commits had not been acknowledged
        assert count(path) == 6
    else:
        assert "desk.anchor, which says how far" in refused(path)


def test_an_anchor_of_another_day_is_told(tmp_path):
    path = closed(tmp_path)
    older = path_of(path).read_bytes()
    closed(tmp_path)
    path_of(path).write_bytes(older)
    assert "it is of another day, or another store's" in refused(path)


@pytest.mark.parametrize("torn", [1, 30, 100])
def test_a_line_of_the_anchor_that_was_not_finished_is_no_fault(tmp_path, torn):
    path = killed(tmp_path)
    content = path_of(path).read_bytes().rstrip(b"\0")
    path_of(path).write_bytes(content[:-torn])
    assert count(path) == 3
    assert Anchor.read(path).places["velo"][0] == 3


_STOPPED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from dpa_core.ledger import Ledger, anchor, chain

def stop(*_):
    os.kill(os.getpid(), 9)

def append():
    with ledger.transaction() as tx:
        head = tx.head("velo")
        events = chain(head, [("test.happened", {"v": 1})], customer_id="velo", recorded_at=datetime.now(UTC),
                       actor="anna", on_behalf_of="velo", agreement_version="2026-01-29")
        tx.append(head, events, "{}", 1)

step = sys.argv[2]
if step != "wrote":
    setattr(anchor.AnchorLog, step, stop)
ledger = Ledger.open(Path(sys.argv[1]))
append()
anchor.AnchorLog.wrote = stop
append()
"""


def stopped_in(step, path):
    """Open a store and append to it in a process that is killed when it comes to a step of the anchor."""
    done = subprocess.run([sys.executable, "-c", _STOPPED, path, step], cwd=ROOT, check=False)
    assert done.returncode == -9


def test_a_commit_that_the_anchor_has_not_is_no_fault(tmp_path):
    path = tmp_path / "desk.duckdb"
    stopped_in("wrote", path)
    assert Anchor.read(path).places["velo"][0] == 1
    assert count(path) == 2


@pytest.mark.parametrize("step", ["log_begun", "_begin"])
def test_a_store_killed_while_it_was_being_opened_is_whole(tmp_path, step):
    path = closed(tmp_path)
    stopped_in(step, path)
    assert count(path) == 3


def closing(folder, monkeypatch):
    """A store as it lies there when it has said that it is closed, and its log is not worked in yet."""
    source, there, say = folder / "source", folder / "there", duck._say
    source.mkdir()
    there.mkdir()

    def said(connection, role, token):
        say(connection, role, token)
        if role == "closed":
            for left in source.glob("desk.*"):
                shutil.copy(left, there)

    monkeypatch.setattr(duck, "_say", said)
    closed(source)
    assert (there / WAL).stat().st_size
    return there / "desk.duckdb"


def test_a_store_killed_while_it_was_being_closed_is_whole(tmp_path, monkeypatch):
    assert count(closing(tmp_path, monkeypatch)) == 3


def test_a_log_lost_while_a_store_was_being_closed_is_missed(tmp_path, monkeypatch):
    path = closing(tmp_path, monkeypatch)
    path.with_name(WAL).unlink()
    assert "velo (had 3, has 0)" in refused(path)


def test_an_anchor_is_written_anew_when_it_has_grown(tmp_path, monkeypatch):
    monkeypatch.setattr(anchor, "_LINES", 5)
    path = closed(tmp_path, 23)
    assert path_of(path).read_bytes().count(b"\n") < 10
    assert count(path) == 23
    assert Anchor.read(path).events == 23


def test_an_anchor_that_outgrows_its_room_tells_all(tmp_path, monkeypatch):
    monkeypatch.setattr(anchor, "_ROOM", 300)
    path = killed(tmp_path, 0)
    with Ledger.open(path) as ledger:
        for _ in range(20):
            append(ledger)
        assert Anchor.read(path).places["velo"] == (20, ledger.head("velo").digest)


def test_many_threads_share_what_they_write_to_the_anchor(tmp_path):
    path = tmp_path / "desk.duckdb"
    with Ledger.open(path) as ledger:

        def step(customer):
            def run(all_began):
                all_began.wait()
                for _ in range(5):
                    append(ledger, customer=customer)
                    assert Anchor.read(path).places[customer][0] == ledger.head(customer).sequence

            return run

        assert at_the_same_time(*(step(f"c{n}") for n in range(8))) == [None] * 8
    assert count(path) == 40


@pytest.mark.parametrize("make", [closed, killed])
def test_the_log_of_another_store_is_refused_and_not_worked_into_this_one(tmp_path, make):
    path = make(tmp_path / "a")
    other = killed(tmp_path / "b", 5)
    shutil.copy(other.with_name(WAL), path.parent)
    assert "belongs to another database" in refused(path)
    assert count(path, accepted_by="operator kim") == (3 if make is closed else 0)
    assert [f.read_bytes() for f in kept(path)] == [other.with_name(WAL).read_bytes()]
    with Ledger.open(path) as ledger:
        assert "foreign_log" in [doubt["code"] for doubt in ledger.event(STORE, 1).body["doubts"]]


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
        assert "it is empty" in refused(path, accepted_by="operator kim")


def test_a_file_cut_while_its_log_is_there_is_refused_in_our_words(tmp_path):
    path = closed(tmp_path, 200)
    with Ledger.open(path) as ledger:
        append(ledger)
        whole = tmp_path / "copied"
        shutil.copytree(tmp_path, whole, ignore=shutil.ignore_patterns("copied"))
    path = whole / "desk.duckdb"
    content = path.read_bytes()
    for kept_share in (0.9, 0.5, 0.1):
        path.write_bytes(content[: int(len(content) * kept_share)])
        assert "Error" not in refused(path)


def test_wherever_a_closed_file_is_changed_nothing_is_said_in_the_words_of_the_database(tmp_path):
    path = closed(tmp_path, 0)
    with Ledger.open(path) as ledger:
        append(ledger, *(("test.happened", {"v": number}) for number in range(300)))
    content = path.read_bytes()
    for at in (0, 5, 9, 4_100, 8_200, *range(12_288, len(content), 40_000)):
        path.write_bytes(content)
        flipped(path, at)
        try:
            with Ledger.open(path) as ledger:
                ledger.read_through()
                assert len(ledger.events("velo")) == 300
        except StoreError as error:
            assert not re.search("Error|checksum [0-9]|duckdb:|0x", str(error)), error


def test_a_file_that_is_gone_is_not_made_anew(tmp_path):
    path = closed(tmp_path)
    path.unlink()
    assert "is missing, though it held 3 entries" in refused(path)
    assert not path.exists()
    flipped(path_of(path), 3)
    assert "is missing, though" in refused(path)


def test_a_log_without_its_file_is_refused(tmp_path):
    path = killed(tmp_path)
    path_of(path).unlink()
    path.unlink()
    assert "is missing, though its log desk.duckdb.wal is there" in refused(path)


def test_the_refusal_names_the_last_backup(tmp_path):
    path = closed(tmp_path)
    path.write_bytes(b"")
    (tmp_path / LAST_BACKUP).write_text(
        json.dumps({"folder": "/b/1", "made_at": "2026-11-28T12:00:00+00:00"})
    )
    assert "Restore the last backup, made 2026-11-28T12:00:00+00:00: `dpa restore /b/1`." in refused(path)


def of_before(path):
    """Make a closed store one of a version that had no anchors."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM openings WHERE role = 'anchored'")
    path_of(path).unlink()


def test_a_store_from_before_anchors_is_compared_with_its_mark(tmp_path):
    path = closed(tmp_path)
    with Ledger.open(path) as ledger:
        head = ledger.head("velo")
    of_before(path)
    for events, digest in ((4, head.digest), (3, "0" * 64)):
        mark = {"events": events, "ledgers": 1, "entry": ["velo", 3, digest], "at": "2026-11-28T12:00:00"}
        mark_of(path).write_text(json.dumps(mark))
        assert "is not as it was left on 2026-11-28T12:00:00" in refused(path)
    mark_of(path).write_text(json.dumps({**mark, "entry": ["velo", 3, head.digest]}))
    assert count(path) == 3
    assert not mark_of(path).exists()
    assert Anchor.read(path).events == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"events": "x"}', '{"events": 1, "entry": [1]}'])
def test_a_mark_that_cannot_be_read_is_told(tmp_path, content):
    path = closed(tmp_path)
    of_before(path)
    mark_of(path).write_text(content)
    assert "desk.mark cannot be read" in refused(path)
    assert count(path, accepted_by="operator kim") == 3


def test_an_anchor_that_cannot_be_written_stops_nobody_and_catches_up(tmp_path, monkeypatch):
    path = tmp_path / "desk.duckdb"
    with Ledger.open(path) as ledger:
        put = anchor.AnchorLog._put
        monkeypatch.setattr(anchor.AnchorLog, "_put", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        append(ledger)
        assert Anchor.read(path).places == {}
        monkeypatch.setattr(anchor.AnchorLog, "_put", put)
        append(ledger, customer="other")
        assert {id: place[0] for id, place in Anchor.read(path).places.items()} == {"velo": 1, "other": 1}
    assert count(path) == 2


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


def test_a_store_whose_states_are_of_a_newer_version_is_refused_untouched(tmp_path):
    path = closed(tmp_path)
    before = path.read_bytes()
    with pytest.raises(
        StoreError, match=r"newer version of DPA Desk \(its states are of shape 1, this one knows 0"
    ):
        Ledger.open(path, state_schema=0)
    assert path.read_bytes() == before
    with Ledger.open(path, state_schema=1) as ledger:
        assert ledger.head("velo").sequence == 3
