"""The folder of a store: closed to others, whatever the umask, and used by one process at a time."""

import os
import shutil
import stat

import pytest

from dpa_core.files import FileStore
from dpa_core.ledger import Ledger, StoreInUse
from dpa_core.ledger.home import mend, private_files
from dpa_core.snapshots.sign import key_ring
from tests.ledger.test_store import append


@pytest.fixture(autouse=True, params=[0o000, 0o022])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param  # given back when the last store was closed


def modes(folder):
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }


def assert_private(folder):
    for name, mode in modes(folder).items():
        assert mode == (0o700 if (folder / name).is_dir() else 0o600), name


def test_whatever_is_made_in_a_new_folder_is_its_owners_alone(tmp_path):
    folder = tmp_path / "parent" / "data"
    key_ring(folder)
    with Ledger.open(folder / "desk.duckdb") as ledger:
        append(ledger)
        FileStore(folder / "files").put("a.txt", b"text")
        assert {"desk.duckdb", "desk.duckdb.wal", "desk.anchor", "snapshot_keys.json", "files"} <= modes(
            folder
        ).keys()
        assert_private(folder)
    assert_private(folder)


def test_what_was_open_to_others_is_closed_with_a_line_in_the_log(tmp_path, caplog):
    folder = tmp_path / "data"
    with Ledger.open(folder / "desk.duckdb") as ledger:
        FileStore(folder / "files").put("a.txt", b"text")
        key_ring(folder)
        append(ledger)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    other = folder / "other.txt"
    other.touch(0o644)
    before, parent = other.stat().st_mode, tmp_path.stat().st_mode
    caplog.clear()
    with Ledger.open(folder / "desk.duckdb"):
        pass
    assert [r.getMessage() for r in caplog.records] == [
        f"Closed {folder} to group and others (7 files and folders)."
    ]
    assert (other.stat().st_mode, tmp_path.stat().st_mode) == (before, parent)
    other.unlink()
    assert_private(folder)
    caplog.clear()
    with Ledger.open(folder / "desk.duckdb"):
        pass
    assert not caplog.records


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_left_and_named(tmp_path, caplog):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    (folder / "desk.duckdb").touch(0o644)
    os.chown(folder, 12345, 12345)
    before = modes(folder)
    mend(folder)
    assert modes(folder) == before
    assert f"{folder} belongs to another user (user 12345)" in caplog.text


def test_a_folder_that_everybody_writes_to_is_left_and_named(tmp_path, caplog):
    tmp_path.chmod(0o1777)
    mend(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    assert "is a folder that users share" in caplog.text
    tmp_path.chmod(0o700)


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").touch()
    (outside / "x").chmod(0o644)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "files").symlink_to(outside)
    (folder / "desk.anchor").symlink_to(outside / "x")
    mend(folder)
    assert stat.S_IMODE((outside / "x").stat().st_mode) == 0o644


def test_a_folder_has_one_process_at_a_time_and_what_a_killed_one_left_unfinished_goes(tmp_path):
    (tmp_path / "unfinished-1").mkdir()
    with Ledger.open(tmp_path / "desk.duckdb"):
        assert not (tmp_path / "unfinished-1").exists()
        with pytest.raises(StoreInUse):
            Ledger.open(tmp_path / "desk.duckdb")
    with Ledger.open(tmp_path / "desk.duckdb"), private_files():
        pass
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
