"""The log is worked into the file in a calm moment, and nobody's step pays for it."""

import pyarrow as pa
import pytest

from dpa_core.ledger import Ledger, chain, checkpoints
from dpa_core.ledger.checkpoints import CALM, Checkpoints
from tests.conftest import BEGAN


class Timer:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "desk.duckdb"


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as ledger:
        ledger._database._checkpoints.stop()
        yield ledger


@pytest.fixture
def timer():
    return Timer()


@pytest.fixture
def looking(ledger, path, timer):
    return Checkpoints(path.with_name("desk.duckdb.wal"), ledger._database._connection, timer)


def log_size(path):
    return path.with_name("desk.duckdb.wal").stat().st_size


def write(ledger, customer, length):
    events = chain(
        None,
        [("noted", {"text": "x" * length})],
        customer_id=customer,
        recorded_at=BEGAN,
        actor="anna",
        on_behalf_of=customer,
        agreement_version="1",
    )
    with ledger.transaction() as tx:
        tx.append(None, events, "{}", 1)


def test_a_large_log_waits_for_a_calm_moment_and_is_then_worked_in(ledger, path, looking, timer):
    write(ledger, "velo", 2 * checkpoints.SMALL)
    looking.wrote()
    assert not looking.look()
    assert log_size(path) > checkpoints.SMALL
    timer.now += CALM
    assert looking.look()
    assert not path.with_name("desk.duckdb.wal").exists() or not log_size(path)
    assert len(ledger.events("velo")) == 1


def test_a_small_log_is_left_alone(ledger, looking, timer):
    write(ledger, "velo", 100)
    timer.now += CALM
    assert not looking.look()


def test_a_log_that_grows_too_large_waits_no_longer(ledger, looking, timer, monkeypatch):
    monkeypatch.setattr(checkpoints, "LARGE", 3 * checkpoints.SMALL)
    write(ledger, "velo", 4 * checkpoints.SMALL)
    looking.wrote()
    assert looking.look()


def test_a_step_that_is_being_written_meanwhile_is_neither_aborted_nor_lost(ledger, path, looking, timer):
    write(ledger, "velo", 2 * checkpoints.SMALL)
    (head,) = ledger.heads("velo").values()
    timer.now += CALM
    with ledger.transaction() as tx:
        tx.replace_state("velo", '{"half": "way"}', 1)
        looking.look()
        tx.execute("INSERT INTO health (id) VALUES (?)", ["half way"])
    looking.look()
    ledger.close()
    with Ledger.look(path) as again:
        assert again.rows("SELECT id FROM health") == [("half way",)]
        assert (again.head("velo").state, again.head("velo").digest) == ('{"half": "way"}', head.digest)


def test_no_commit_works_in_what_others_wrote(ledger, path):
    for number in range(20):  # 40 MB: DuckDB's own threshold is 16 MB
        write(ledger, f"velo-{number}", 2 << 20)
    assert log_size(path) > 40 << 20


def test_a_checkpoint_never_has_many_rows_to_write_anew(ledger, path):
    ids = [f"{number:05}" for number in range(20_000)]
    with ledger.transaction() as tx:
        tx.insert("health", pa.table({"id": ids}))
    ledger.close()
    with Ledger.look(path) as again:
        sql = "SELECT DISTINCT row_group_id FROM pragma_storage_info('health')"
        assert len(again.rows(sql)) == 3


def test_a_copy_is_one_file(ledger, tmp_path):
    write(ledger, "velo", 100)
    ledger.copy_to(tmp_path / "copy.duckdb")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("copy.duckdb.")]


def test_an_open_store_has_somebody_who_looks_and_a_closed_one_nobody(path):
    with Ledger.open(path) as ledger:
        thread = ledger._database._checkpoints._thread
        assert thread.is_alive()
    assert not thread.is_alive()
    with Ledger.look(path) as ledger:
        assert not ledger._database._checkpoints._thread.is_alive()
