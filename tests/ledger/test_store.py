"""Append and read: together or not at all, in order, one writer winning."""

import shutil
import threading
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from dpa_core.ledger import Conflict, Head, Ledger, StoreError, Transaction, chain, migrations, store
from tests.conftest import BEGAN, NOW, at_the_same_time

MIGRATIONS = Path(migrations.__file__).parent


@pytest.fixture
def ledger(opened):
    with opened() as ledger:
        yield ledger


@pytest.fixture
def file(tmp_path):
    with Ledger.open(tmp_path / "desk.duckdb") as ledger:
        yield ledger


def rows(head, *drafts, customer="velo", at=NOW):
    return chain(
        head,
        drafts or [("test.happened", {"v": 1})],
        customer_id=customer,
        recorded_at=at,
        actor="anna",
        on_behalf_of=customer,
        agreement_version="2026-01-29",
    )


def append(ledger, *drafts, customer="velo", at=NOW):
    with ledger.transaction() as tx:
        head = tx.head(customer)
        return tx.append(head, rows(head, *drafts, customer=customer, at=at), "{}", 1)


def test_an_empty_ledger_has_no_head_and_no_events(ledger):
    assert ledger.head("velo") is None
    assert ledger.events("velo") == []


def test_what_was_appended_comes_back_as_it_was(ledger):
    body = {"v": 1, "reason": "<b>på</b> =1+1 🙂\n\x00", "list": [1, None, {"a": True}]}
    written = rows(None, ("test.happened", body), ("test.again", {}))
    with ledger.transaction() as tx:
        tx.append(None, written, '{"a": 1}', 1)
    assert ledger.events("velo") == written
    head = ledger.head("velo")
    assert (head.sequence, head.digest, head.state) == (2, written[-1].digest, '{"a": 1}')


def test_it_is_still_there_after_closing_and_opening(opened):
    with opened() as ledger:
        head = append(ledger)
    with opened() as ledger:
        assert ledger.head("velo") == head


def test_a_head_looked_at_again_and_again_stays_known_while_many_others_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(store._Heads, "MOST", 3 * store._bytes_of(Head("", 0, "", "{}", 0)))
    read = []

    class Reading(Transaction):
        def heads(self, *customer_ids):
            read.extend(customer_ids)
            return super().heads(*customer_ids)

    with Ledger.open(tmp_path / "desk.duckdb") as ledger:
        heads = {"velo": append(ledger)}
        monkeypatch.setattr(store, "Transaction", Reading)
        for number in range(10):
            heads[f"other-{number}"] = append(ledger, customer=f"other-{number}")
            assert ledger.head("velo") == heads["velo"]
        assert "velo" not in read
        assert ledger.head("other-0") == heads["other-0"]


def test_events_can_be_read_after_a_sequence_and_until_a_moment(ledger):
    for days in range(4):
        append(ledger, at=NOW + timedelta(days=days))
    assert [e.sequence for e in ledger.events("velo", after=2)] == [3, 4]
    assert [e.sequence for e in ledger.events("velo", until=NOW + timedelta(days=1))] == [1, 2]
    assert [e.sequence for e in ledger.events("velo", until=NOW + timedelta(days=1, microseconds=-1))] == [1]
    assert [e.sequence for e in ledger.events("velo", after=1, until=NOW + timedelta(days=2))] == [2, 3]


def test_the_past_is_a_beginning_also_where_a_clock_was_set_back_in_an_old_ledger(ledger):
    for days in (0, 2, 1, 3):
        append(ledger, at=NOW + timedelta(days=days))
    for until, expected in ((0, [1]), (1, [1]), (2, [1, 2, 3]), (3, [1, 2, 3, 4])):
        found = ledger.events("velo", until=NOW + timedelta(days=until))
        assert [e.sequence for e in found] == expected
    assert [e.sequence for e in ledger.events("velo", after=1, until=NOW + timedelta(days=2))] == [2, 3]
    assert ledger.events("velo", until=NOW - timedelta(days=1)) == []


def test_what_is_written_is_never_earlier_than_what_stands_before_it(ledger):
    with ledger.transaction() as tx:
        assert tx.moment(None, NOW) == NOW
    append(ledger, at=NOW)
    with ledger.transaction() as tx:
        assert tx.moment(tx.head("velo"), NOW - timedelta(days=1)) == NOW
        assert tx.moment(tx.head("velo"), NOW + timedelta(days=1)) == NOW + timedelta(days=1)


def test_when_the_last_entry_was_is_known_of_a_head_that_was_written_here(ledger):
    head = append(ledger, at=NOW)
    with ledger.transaction() as tx:
        tx.execute("UPDATE events SET recorded_at = $1", [NOW + timedelta(days=9)])  # would tell if asked
        assert tx.moment(head, NOW - timedelta(days=1)) == NOW
        read = tx.head("velo")
        assert read == head
        assert tx.moment(read, NOW) == NOW + timedelta(days=9)


def test_whatever_goes_wrong_in_a_transaction_leaves_nothing_behind(ledger):
    before = append(ledger)
    with pytest.raises(ZeroDivisionError), ledger.transaction() as tx:
        tx.append(before, rows(before), "{}", 1)
        raise ZeroDivisionError
    assert ledger.head("velo") == before
    assert len(ledger.events("velo")) == 1
    append(ledger)  # and the next one is not in its way


def test_rows_behind_an_old_head_are_a_conflict_and_leave_nothing_behind(ledger):
    old = append(ledger)
    new = append(ledger)
    with pytest.raises(Conflict), ledger.transaction() as tx:
        tx.append(old, rows(old), "{}", 1)
    assert ledger.head("velo") == new


def test_a_second_first_row_is_a_conflict(ledger):
    append(ledger)
    with pytest.raises(Conflict), ledger.transaction() as tx:
        tx.append(None, rows(None), "{}", 1)


def test_of_two_that_append_to_one_ledger_at_the_same_time_one_wins(ledger):
    append(ledger)

    def step(all_began):
        with ledger.transaction() as tx:
            head = tx.head("velo")
            all_began.wait()
            return tx.append(head, rows(head), "{}", 1)

    outcomes = at_the_same_time(step, step)
    assert sorted(type(o).__name__ for o in outcomes) == ["Conflict", "Head"]
    assert len(ledger.events("velo")) == 2


def test_different_ledgers_do_not_get_in_each_others_way(ledger):
    def step(customer):
        def run(all_began):
            with ledger.transaction() as tx:
                all_began.wait()
                head = tx.append(None, rows(None, customer=customer), "{}", 1)
                all_began.wait()  # none waits for another's commit
                return head

        return run

    outcomes = at_the_same_time(*(step(f"customer-{n}") for n in range(8)))
    assert [o.sequence for o in outcomes] == [1] * 8


def test_nobody_sees_what_is_not_committed(ledger):
    with ledger.transaction() as tx:
        tx.append(None, rows(None), "{}", 1)
        seen = []
        other = threading.Thread(target=lambda: seen.append(ledger.head("velo")))
        other.start()
        other.join()
    assert seen == [None]


def test_the_check_of_health_leaves_nothing_behind_even_when_asked_twice_at_once(ledger):
    def step(all_began):
        all_began.wait()
        for _ in range(20):
            ledger.check_writable()

    assert at_the_same_time(step, step, step) == [None] * 3
    assert ledger.rows("SELECT count(*) FROM health") == [(0,)]


def test_figures_of_the_same_month_are_replaced_and_others_stay(ledger):
    def put(*figures):
        names = ["customer_id", "data_type", "month_start", "records", "bytes"]
        with ledger.transaction() as tx:
            tx.replace_usage(pa.Table.from_pylist([dict(zip(names, f, strict=True)) for f in figures]))

    january, february = BEGAN.date().replace(month=1, day=1), BEGAN.date().replace(day=1)
    put(("velo", "sms", january, 1, 1), ("velo", "sms", february, 2, 2))
    put(("velo", "sms", february, 20, 20), ("velo", "chats", february, 3, 3))
    stored = ledger.rows("SELECT data_type, month_start, records FROM usage_figures ORDER BY 1, 2")
    assert stored == [("chats", february, 3), ("sms", january, 1), ("sms", february, 20)]


def test_from_3_on_each_number_of_a_migration_is_there_once():
    numbers = [int(file.name.split("_")[0]) for file in MIGRATIONS.glob("*.sql")]
    assert sorted(numbers) == [1, 2, *sorted(set(numbers) - {1})]


@pytest.fixture
def newer(tmp_path):
    """A store that a newer version has written."""
    path = tmp_path / "newer" / "desk.duckdb"
    with Ledger.open(path) as ledger:
        append(ledger)
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE of_tomorrow (id INTEGER)")
        connection.execute("INSERT INTO migrations VALUES ('9998_tomorrow.sql'), ('9999_later.sql')")
    return path


def refused_untouched(path):
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(StoreError) as caught:
        Ledger.open(path)
    assert str(caught.value) == (
        f"{path} was written by a newer version of DPA Desk (it has had 9998_tomorrow.sql, 9999_later.sql). "
        "Nothing in it was changed. Start that version, or restore the backup made before it was first "
        "started."
    )
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(newer):
    refused_untouched(newer)
    assert sorted(file.name for file in newer.parent.iterdir()) == ["desk.anchor", newer.name]


def test_a_store_of_a_newer_version_is_left_as_it_is_with_the_log_of_a_crash(newer, tmp_path):
    with duckdb.connect(str(newer)) as connection:
        connection.execute("INSERT INTO of_tomorrow VALUES (1)")
        crashed = shutil.copytree(newer.parent, tmp_path / "crashed")  # what a process that dies leaves
    assert (crashed / f"{newer.name}.wal").stat().st_size
    refused_untouched(crashed / newer.name)


def test_opening_twice_runs_each_migration_once(opened):
    for _ in range(2):
        with opened() as ledger:
            done = ledger.rows("SELECT name FROM migrations ORDER BY name")
    assert done == [(file.name,) for file in sorted(MIGRATIONS.glob("*.sql"))]


def test_no_query_can_reach_files_or_change_settings(file, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for sql in (
        f"SELECT * FROM '{tmp_path}/secret.csv'",
        f"COPY events TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(StoreError, match="cannot be read or written"):
            file.rows(sql)


def test_a_question_too_large_for_the_memory_is_refused_in_words_and_the_next_is_answered(file):
    with pytest.raises(StoreError, match=r"no memory left .* Try again in a moment"):
        file.rows("SELECT list(repeat('x', 1000) || i) FROM range(1000000) AS t(i)")
    assert file.rows("SELECT 1") == [(1,)]


def test_a_key_that_is_there_already_is_a_conflict_wherever_it_is_written(ledger):
    with pytest.raises(Conflict), ledger.transaction() as tx:
        for _ in range(2):
            tx.execute("INSERT INTO addresses (address, person_id) VALUES ($1, $2)", ["a@b.example", "anna"])


@pytest.mark.parametrize("content", [b"no database at all", b"\0" * 12_288])
def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "desk.duckdb"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        Ledger.open(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "desk.duckdb").mkdir()
    with pytest.raises(StoreError, match=r"cannot be (opened|read or written)"):
        Ledger.open(tmp_path / "desk.duckdb")
