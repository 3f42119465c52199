"""A backup is whole, verified and of one moment; nothing else is ever put back, and nothing is lost by it."""

import json
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dpa_core import backup, local_socket
from dpa_core.application import Application
from dpa_core.ledger import Ledger, migrations, whole
from dpa_core.ledger.anchor import path_of
from dpa_core.settings import STORE
from dpa_core.snapshots.sign import KEYS, key_ring, rotate
from dpa_core.subjects import assistance
from dpa_core.views import history
from tests.conftest import VERSION, carry_out, email
from tests.test_cli import dpa as dpa  # fixtures
from tests.test_cli import filled as filled
from tests.test_cli import folder as folder
from tests.test_cli import refused
from tests.test_local_socket import at_work


@pytest.fixture
def target(tmp_path):
    return tmp_path / "backups" / "one"


@pytest.fixture
def data(filled, folder, agreement, clock):
    """A data folder with customers, a file that a request names, and keys."""
    with Ledger.open(filled) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna = application.person(email("anna"))
        file = application.attach(anna, "nordfrakt", "letter.txt", b"Dear all")
        ask = assistance.RequestHelp(
            "security", "Help", "Please help us.", files=(file,), cost_acknowledged=True
        )
        carry_out(application, anna, "nordfrakt", ask)
    key_ring(folder)
    return folder


def instruct(data, agreement, clock, times=1):
    with Ledger.open(data / STORE) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna = application.person(email("anna"))
        for _ in range(times):
            on = "voice" in application.open(anna, "nordfrakt").state.features.on
            carry_out(application, anna, "nordfrakt", voice=not on)


def entries(store):
    with Ledger.look(store) as ledger:
        return ledger.rows("SELECT * FROM events ORDER BY customer_id, sequence")


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_backup_is_verified_and_restores_into_an_empty_folder(dpa, data, target, tmp_path, monkeypatch):
    code, out, err = dpa("backup", target)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (f"Backup in {target}, verified: 11 events in 9 ledgers, 1 attached file.")
    assert f"{target}/keys. Keep that folder elsewhere" in out
    for path in (target, *target.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not list(data.glob("unfinished-*"))
    monkeypatch.setenv("DPA_DATA_DIR", str(tmp_path / "new"))
    code, out, err = dpa("restore", target)
    assert (code, err) == (0, "")
    assert out.startswith(f"Restored into {tmp_path / 'new'}, verified: 11 events in 9 ledgers")
    assert entries(tmp_path / "new" / STORE) == entries(data / STORE)
    for name in (KEYS, *(p.relative_to(data) for p in (data / "files").rglob("*") if p.is_file())):
        assert (tmp_path / "new" / name).read_bytes() == (data / name).read_bytes()
    assert dpa("ledger", "verify")[:2] == (0, "All is well: 11 events in 9 ledgers.\n")
    assert dpa("ledger", "export", "nordfrakt")[0] == 0  # with a line in the access log
    assert not list((tmp_path / "new").glob("unfinished-*"))


def test_a_backup_while_people_write_is_a_beginning_of_every_ledger(dpa, data, target):
    with at_work(data, email("anna")) as server:
        for number in range(3):
            for _ in range(5):
                assert server.stdout.readline()
            assert dpa("backup", f"{target}-{number}")[0] == 0
        assert server.stdout.readline()
    now = entries(data / STORE)
    for number in range(3):
        copied = entries(Path(f"{target}-{number}") / "store" / STORE)
        assert copied == [row for row in now if row in copied]
        lengths = {}
        for row in copied:
            lengths[row[0]] = lengths.get(row[0], 0) + 1
            assert row[1] == lengths[row[0]]
        assert lengths["nordfrakt"] >= 5 * (number + 1)


KILLED = """
import os, sys
from dpa_core import backup, cli
name = sys.argv.pop(1)
def kill(*_, **__):
    os.kill(os.getpid(), 9)
names = {"copied_file", "verified", "_put", "swap"}
owner = backup if name in names else backup.shutil
setattr(owner, name, kill)
cli.main()
"""


def run_and_kill(step, *words):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, *map(str, words)], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("step", ["move", "copied_file", "verified", "_put"])
def test_a_backup_that_was_killed_is_none(dpa, data, target, step):
    run_and_kill(step, "backup", target)
    assert "is no backup, or one that was not finished" in refused(dpa("restore", target))
    assert "is there already and not empty" in refused(dpa("backup", target))
    assert dpa("ledger", "verify")[0] == 0
    assert not list(data.glob("unfinished-*"))


@pytest.mark.parametrize("step", ["verified", "swap"])
def test_a_restore_that_was_killed_leaves_the_store_as_it_was(dpa, data, target, step):
    assert dpa("backup", target)[0] == 0
    before = entries(data / STORE)
    run_and_kill(step, "restore", target)
    assert entries(data / STORE) == before
    assert dpa("restore", target)[0] == 0


def test_a_restore_killed_between_old_and_new_is_seen_and_can_be_made_again(dpa, data, target, monkeypatch):
    assert dpa("backup", target)[0] == 0
    before = entries(data / STORE)
    rename = Path.rename

    def stopped(self, place):
        if self.name == STORE and self.parent.name.startswith("unfinished-"):
            raise KeyboardInterrupt
        return rename(self, place)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stopped)
        with pytest.raises(KeyboardInterrupt):
            list(backup.restore(target))
    assert "is missing, though it held 11 entries" in refused(dpa("customers"))
    assert not (data / STORE).exists()
    assert dpa("restore", target)[0] == 0
    assert entries(data / STORE) == before


def _cut(b):
    (b / "store" / STORE).write_bytes((b / "store" / STORE).read_bytes()[:-1])


def _alter(b):
    content = bytearray((b / "store" / STORE).read_bytes())
    content[len(content) // 2] ^= 1
    (b / "store" / STORE).write_bytes(content)


def _alter_file(b):
    file = next(p for p in (b / "store" / "files").rglob("*") if p.is_file())
    file.write_bytes(b"Dear ALL")


def _manifest(**changes):
    def change(b):
        made = json.loads((b / "manifest.json").read_text())
        (b / "manifest.json").write_text(json.dumps(made | changes))

    return change


def _climb(b):
    made = json.loads((b / "manifest.json").read_text())
    made["files"].append(made["files"][0] | {"name": "../../etc/passwd"})
    (b / "manifest.json").write_text(json.dumps(made))


def _tamper(b):
    """Change an entry, and make the manifest fit the file."""
    with duckdb.connect(str(b / "store" / STORE)) as con:
        con.execute("UPDATE events SET actor = 'x' WHERE customer_id = 'solsidan'")
    made = json.loads((b / "manifest.json").read_text())
    made["files"][0] = json.loads(backup._described(b, b / "store" / STORE).model_dump_json())
    (b / "manifest.json").write_text(json.dumps(made))


BROKEN = {
    "without its manifest": (lambda b: (b / "manifest.json").unlink(), "manifest.json cannot be read"),
    "with a cut manifest": (lambda b: (b / "manifest.json").write_text("{"), "was altered"),
    "of another format": (_manifest(version=2), "was altered"),
    "with another count": (_manifest(events=10), "the manifest and the database differ"),
    "with other ledgers": (_manifest(ledgers=[]), "the manifest and the database differ"),
    "without files listed": (_manifest(files=[]), "was altered"),
    "that climbs out": (_climb, "../../etc/passwd is missing"),
    "with a cut database": (_cut, f"store/{STORE} has"),
    "with an altered database": (_alter, f"store/{STORE} has other content"),
    "with an altered file": (_alter_file, "has other content"),
    "without its files": (lambda b: shutil.rmtree(b / "store" / "files"), "is missing"),
    "with a file too many": (lambda b: (b / "store" / "x").touch(), "store/x is not in the manifest"),
    "with a log": (lambda b: (b / "store" / f"{STORE}.wal").write_text("x"), "is not in the manifest"),
    "with other keys": (lambda b: (b / "keys" / KEYS).write_text("{}"), "bytes instead of"),
    "with a changed entry": (_tamper, "solsidan, sequence 1: was changed after it was written"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_backup_that_is_cut_or_altered_is_refused_and_the_store_left(dpa, data, target, how):
    assert dpa("backup", target)[0] == 0
    damage, says = BROKEN[how]
    damage(target)
    before = tree(data)
    code, out, err = dpa("restore", target, "--replace")
    assert (code, out) == (1, "")
    assert says in err
    assert "Nothing was restored" in err
    assert tree(data) == before


def test_a_store_that_has_more_is_replaced_only_on_demand_and_kept_aside(dpa, data, target, agreement, clock):
    assert dpa("backup", target)[0] == 0
    assert dpa("restore", target)[0] == 0  # the same entries: nothing is lost
    instruct(data, agreement, clock)
    more, before = entries(data / STORE), tree(data)
    line = refused(dpa("restore", target))
    assert "had 12 entries" in line
    assert "add --replace" in line
    assert tree(data) == before
    path_of(data / STORE).unlink()
    assert "has entries of nordfrakt that the backup has not" in refused(dpa("restore", target))
    code, out, _ = dpa("restore", target, "--replace")
    assert code == 0
    aside = max(data.glob("replaced-*"), key=lambda p: p.stat().st_mtime_ns)
    assert any(str(p) in out for p in data.glob("replaced-*"))
    assert more in [entries(p / STORE) for p in data.glob("replaced-*")]
    assert len(entries(data / STORE)) == 11
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700


def test_an_older_store_is_brought_forward_without_more_ado(dpa, data, target, agreement, clock):
    shutil.copytree(data, target.parent / "older", dirs_exist_ok=True)
    instruct(data, agreement, clock, 2)
    assert dpa("backup", target)[0] == 0
    shutil.rmtree(data)
    (target.parent / "older").rename(data)
    assert dpa("restore", target)[0] == 0
    assert len(entries(data / STORE)) == 13


def test_a_store_that_cannot_be_read_is_replaced_only_on_demand(dpa, data, target):
    assert dpa("backup", target)[0] == 0
    (data / STORE).write_bytes(b"damaged")
    for command in ("customers", "ledger verify", "demo --prepare"):
        assert f"`dpa restore {target}`" in refused(dpa(*command.split()))
    assert "cannot be read, so nobody can tell" in refused(dpa("restore", target))
    assert dpa("restore", target, "--replace")[0] == 0
    assert dpa("ledger", "verify")[0] == 0


def test_a_running_server_is_not_restored_under(dpa, data, target, monkeypatch):
    monkeypatch.setattr(local_socket, "PATIENCE", 0.2)
    assert dpa("backup", target)[0] == 0
    with at_work(data):
        assert "Stop the server first" in refused(dpa("restore", target, "--replace"))
    with Ledger.open(data / STORE):  # without a socket
        assert "Stop the server first" in refused(dpa("restore", target, "--replace"))


def test_keys_kept_elsewhere_come_back_by_name_or_not_at_all(dpa, data, target, tmp_path):
    assert dpa("backup", target)[0] == 0
    (target / "keys").rename(tmp_path / "safe")
    of_backup = (data / KEYS).read_bytes()
    rotate(data)
    newer = (data / KEYS).read_bytes()
    code, out, _ = dpa("restore", target)
    assert code == 0
    assert "The backup has no keys" in out
    assert (data / KEYS).read_bytes() == newer
    (tmp_path / "wrong.json").write_text("{}")
    assert "is not the key file" in refused(dpa("restore", target, "--keys", tmp_path / "wrong.json"))
    assert "cannot be read" in refused(dpa("restore", target, "--keys", tmp_path / "none.json"))
    assert dpa("restore", target, "--keys", tmp_path / "safe" / KEYS)[0] == 0
    assert (data / KEYS).read_bytes() == of_backup
    assert newer in [(p / KEYS).read_bytes() for p in data.glob("replaced-*") if (p / KEYS).exists()]


def test_a_damaged_ledger_makes_no_backup(dpa, data, target):
    with duckdb.connect(str(data / STORE)) as con:
        con.execute("UPDATE events SET actor = 'x' WHERE customer_id = 'solsidan'")
    code, out, err = dpa("backup", target)
    assert (code, out) == (1, "")
    assert "is not sound, so it is no backup" in err
    assert "solsidan, sequence 1" in err
    assert not (target / "manifest.json").exists()


@pytest.mark.parametrize("where", ["data/b", ".", "full"])
def test_a_folder_that_is_none_for_a_backup_is_refused(dpa, data, tmp_path, where):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    before = tree(data)
    assert "Name a" in refused(dpa("backup", tmp_path / where))
    assert tree(data) == before


def test_verify_says_what_a_store_lacks_and_changes_nothing(dpa, data):
    older = (data / STORE).read_bytes()
    assert dpa("customers", "add", "velo", "--name", "Velo", "--agreement", VERSION)[0] == 0
    (data / STORE).write_bytes(older)
    before = tree(data)
    code, out, err = dpa("ledger", "verify")
    assert code == 1
    assert "lacks entries that it had on" in out
    assert "All is well" not in out + err
    assert tree(data) == before
    accepted = dpa("ledger", "accept")[1]
    assert "Lost: velo (had 1, has 0)\n" in accepted
    assert accepted.endswith("on record in it: 13 events in 10 ledgers.\n")  # two of them the record
    assert dpa("ledger", "verify")[0] == 0


def test_a_disk_that_is_full_makes_no_backup(dpa, data, target, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(shutil, "copyfile", full)
    assert "No backup was made: x: No space left on device." in refused(dpa("backup", target))
    assert [p.name for p in target.iterdir()] == ["store"]


def lose(data, agreement, clock):
    """Put an older database in the place of the present one: Nordfrakt loses entry 5 and 6."""
    older = (data / STORE).read_bytes()
    instruct(data, agreement, clock, 2)
    (data / STORE).write_bytes(older)


def test_a_loss_is_refused_everywhere_and_once_accepted_told_ever_after(dpa, data, agreement, clock, target):
    with Ledger.open(data / STORE) as ledger:
        had = ledger.head("nordfrakt").sequence
    lose(data, agreement, clock)
    lacks = f"nordfrakt (had {had + 2}, has {had})"
    for command in ("customers", "ledger export nordfrakt"):
        assert lacks in refused(dpa(*command.split()))
    code, out, err = dpa("ledger", "verify")
    assert code == 1
    assert lacks in out
    code, out, err = dpa("ledger", "accept")
    assert (code, err) == (0, "")
    assert f"Lost: {lacks}\n" in out
    assert "is on record" in out
    code, out, err = dpa("ledger", "verify")
    assert (code, err) == (0, "")
    assert f"nordfrakt: had gone up to sequence {had + 2} (" in out
    assert f") and goes on from {had}: the rest was lost, as operator " in out
    assert "All is well" in out
    assert dpa("ledger", "accept")[1].startswith("There was nothing to accept: the store is whole")
    assert dpa("backup", target)[0] == 0


def test_the_history_of_a_customer_tells_what_was_lost(dpa, data, agreement, clock):
    lose(data, agreement, clock)
    assert dpa("ledger", "accept")[0] == 0
    with Ledger.open(data / STORE) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        file = application.open(application.person(email("anna")), "nordfrakt")
        (loss,) = history.losses(file)
        assert (loss.was[0], loss.now) == (
            file.sequence + 2,
            (file.sequence, ledger.head("nordfrakt").digest),
        )
        other = application.open(application.person(email("henrik")), "solsidan")
        assert history.losses(other) == []


def test_a_backup_of_a_newer_version_is_refused(dpa, data, target, tmp_path, monkeypatch):
    with Ledger.open(data / STORE) as ledger, ledger.transaction() as tx:
        tx.execute("INSERT INTO migrations (name) VALUES ('9999_later.sql')", [])
    monkeypatch.setattr(migrations, "unknown", lambda _: [])
    monkeypatch.setattr(whole, "unknown", lambda _: [])
    assert dpa("backup", target)[0] == 0
    monkeypatch.undo()
    monkeypatch.setenv("DPA_DATA_DIR", str(tmp_path / "new"))
    line = refused(dpa("restore", target))
    assert f"{target}/store/{STORE} was written by a newer version" in line
    assert "Nothing was restored" in line
    assert list((tmp_path / "new").iterdir()) == []
