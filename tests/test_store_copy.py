"""The store in another place: all of it and nothing else, or not at all."""

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core import settings
from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.ledger import postgres as postgres_module
from dpa_core.ledger.copying import APART, _Sum
from dpa_core.settings import STORE
from dpa_core.snapshots.sign import KEYS
from dpa_core.subjects.registry import STATE_SCHEMA
from tests.conftest import VERSION, carry_out, email
from tests.ports import free_port
from tests.test_backup import data as data  # fixtures
from tests.test_backup import entries, tree
from tests.test_cli import dpa as dpa
from tests.test_cli import filled as filled
from tests.test_cli import folder as folder
from tests.test_cli import refused
from tests.test_local_socket import at_work


@pytest.fixture
def empty(postgres) -> str:
    """The address of a database without tables."""
    return postgres.url(postgres.database())


def everything(ledger: Ledger) -> dict[str, list]:
    """All rows of all tables that are copied."""
    with ledger.whole() as session:
        return {
            name: sorted(map(repr, session.rows(f'SELECT * FROM "{name}"')))
            for name in session.tables()
            if name not in APART
        }


def of_the_settings() -> dict[str, list]:
    with settings.open_ledger(STATE_SCHEMA) as ledger:
        return everything(ledger)


def test_there_and_back_everything_is_the_same(dpa, data, empty, tmp_path, monkeypatch):
    before, rows = of_the_settings(), entries(data / STORE)
    files = tree(data / "files")
    code, out, err = dpa("store", "copy", "--to", empty)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Copied to the database and verified: 11 events in 9 ledgers.",
        "Set DPA_DATABASE_URL to it for every server.",
        "The store it came from is as it was. Start no server on it any more: what it wrote would be lost.",
    ]
    monkeypatch.setenv("DPA_DATABASE_URL", empty)
    assert of_the_settings() == before
    assert dpa("ledger", "verify")[:2] == (0, "All is well: 11 events in 9 ledgers.\n")
    exported = dpa("ledger", "export", "nordfrakt")[1]

    back = tmp_path / "back"
    code, out, err = dpa("store", "copy", "--to", back)
    assert (code, err) == (0, "")
    assert f"Copied to {back} and verified: 11 events in 9 ledgers." in out
    assert f"Set DPA_DATA_DIR to {back} and leave DPA_DATABASE_URL out." in out
    monkeypatch.delenv("DPA_DATABASE_URL")
    monkeypatch.setenv("DPA_DATA_DIR", str(back))
    assert entries(back / STORE) == rows
    assert tree(back / "files") == files
    assert (back / KEYS).read_bytes() == (data / KEYS).read_bytes()
    assert not list(back.glob("unfinished-*"))
    assert dpa("ledger", "verify")[:2] == (0, "All is well: 11 events in 9 ledgers.\n")
    assert dpa("ledger", "export", "nordfrakt")[1] == exported


def test_work_goes_on_in_the_other_place(dpa, data, empty, agreement, clock, tmp_path, monkeypatch):
    assert dpa("store", "copy", "--to", empty)[0] == 0
    monkeypatch.setenv("DPA_DATABASE_URL", empty)

    def go_on():
        with settings.open_ledger(STATE_SCHEMA) as ledger:
            application = Application(ledger, {VERSION: agreement}, clock)
            anna = application.person(email("anna"))
            on = "voice" in application.open(anna, "nordfrakt").state.features.on
            carry_out(application, anna, "nordfrakt", voice=not on)
            application.note_export(anna, "nordfrakt", "history", "CSV")
            numbers = [n for (n,) in ledger.rows("SELECT number FROM access_log ORDER BY number")]
            assert len(set(numbers)) == len(numbers)

    go_on()
    assert dpa("store", "copy", "--to", tmp_path / "back")[0] == 0
    monkeypatch.delenv("DPA_DATABASE_URL")
    monkeypatch.setenv("DPA_DATA_DIR", str(tmp_path / "back"))
    go_on()
    assert dpa("ledger", "verify")[:2] == (0, "All is well: 13 events in 9 ledgers.\n")


# --- refused -------------------------------------------------------------------------------------


def test_a_place_that_holds_a_store_is_left_as_it_is(dpa, data, empty, tmp_path):
    assert dpa("store", "copy", "--to", empty)[0] == 0
    said = refused(dpa("store", "copy", "--to", empty))
    assert "The database to copy to is not empty: it has rows in access_log, " in said
    assert "attached_files" in said and "events" in said and "secret-word" not in said
    assert dpa("store", "copy", "--to", tmp_path / "back")[0] == 0
    held = tree(tmp_path / "back")
    said = refused(dpa("store", "copy", "--to", tmp_path / "back"))
    assert f"There is a store in {tmp_path / 'back'} already." in said
    assert tree(tmp_path / "back") == held
    assert f"There is a store in {data} already." in refused(dpa("store", "copy", "--to", data))


def test_a_server_on_the_file_is_stopped_first(dpa, data, empty):
    with at_work(data, email("anna")) as server:
        assert server.stdout.readline()
        said = refused(dpa("store", "copy", "--to", empty))
    assert said == f"{data} is in use. Stop the server first, then copy. Nothing was copied."


def test_a_server_that_is_not_there_is_said_without_the_password(dpa, data, monkeypatch):
    monkeypatch.setattr(postgres_module, "PATIENCE", 0.5)
    url = f"postgresql://dpa:secret-word@127.0.0.1:{free_port()}/desk"
    said = refused(dpa("store", "copy", "--to", url))
    assert "cannot be reached" in said
    assert "secret-word" not in said


def test_without_a_store_there_is_nothing_to_copy(dpa, folder, empty):
    assert f"There is no store in {folder}." in refused(dpa("store", "copy", "--to", empty))


def test_a_month_that_postgresql_does_not_know_is_named_with_the_way_to_remove_it(dpa, data, empty):
    with Ledger.open(data / STORE) as ledger, ledger.transaction() as tx:
        tx.execute(
            "INSERT INTO usage_figures (customer_id, data_type, month_start, records, bytes) "
            "VALUES ('nordfrakt', 'email', CAST('0000-01-01' AS DATE), 1, 1)"
        )
    said = refused(dpa("store", "copy", "--to", empty))
    assert "usage_figures has a date before the year 1" in said
    assert dpa("usage", "remove", "--to", "1999-12")[0] == 0
    assert dpa("store", "copy", "--to", empty)[0] == 0


def test_a_newer_store_is_not_touched(dpa, data, empty, monkeypatch):
    assert dpa("store", "copy", "--to", empty)[0] == 0
    with psycopg.connect(empty) as connection:
        connection.execute(
            "UPDATE heads SET state_schema = %s WHERE customer_id = 'nordfrakt'", [STATE_SCHEMA + 1]
        )
    monkeypatch.setenv("DPA_DATABASE_URL", empty)
    assert "written by a newer version" in refused(dpa("ledger", "verify"))


def test_what_arrived_otherwise_undoes_all_of_it(dpa, data, empty):
    with psycopg.connect(empty, autocommit=True) as connection:
        Ledger.at(empty, data).close()
        connection.execute(
            "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN NEW.name = upper(NEW.name); RETURN NEW; END$$"
        )
        connection.execute("CREATE TRIGGER t BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION other()")
        said = refused(dpa("store", "copy", "--to", empty))
        assert said == "What arrived in the table facts is not what was read from it. Nothing was copied."
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


# --- faults of the source ------------------------------------------------------------------------


def test_a_fault_comes_along_and_is_told(dpa, data, empty):
    with duckdb.connect(str(data / STORE)) as connection:
        connection.execute("UPDATE events SET actor = 'eve' WHERE customer_id = 'nordfrakt' AND sequence = 1")
    said = refused(dpa("store", "copy", "--to", empty))
    assert "has the faults that the store it came from has" in said
    assert "nordfrakt, sequence 1: was changed after it was written" in said


def test_a_damaged_file_is_told_and_the_rest_arrives(dpa, data, empty, monkeypatch):
    (file,) = (p for p in (data / "files").rglob("*") if p.is_file())
    file.write_bytes(b"other")
    said = refused(dpa("store", "copy", "--to", empty))
    assert "letter.txt" in said
    monkeypatch.setenv("DPA_DATABASE_URL", empty)
    assert "events" in of_the_settings()


def test_a_name_with_a_nul_arrives_with_a_mark_in_its_place(dpa, data, empty, monkeypatch):
    with Ledger.open(data / STORE) as ledger, ledger.transaction() as tx:
        tx.execute("UPDATE person_names SET name = $1 WHERE name = 'Anna'", ["An\0na"])
    assert dpa("store", "copy", "--to", empty)[0] == 0
    monkeypatch.setenv("DPA_DATABASE_URL", empty)
    assert any("An\ufffdna" in row for row in of_the_settings()["person_names"])


# --- stopped half way ----------------------------------------------------------------------------

KILLED = """
import os, sys
from dpa_core import cli, ledger
from dpa_core.ledger import copying, duck, postgres
where, table = sys.argv[1:3]
del sys.argv[1:3]
insert = where == "postgres" and postgres.PostgresSession.insert or duck.DuckSession.insert
def told(session, into, rows):
    insert(session, into, rows)
    if into == table:
        os.kill(os.getpid(), 9)
kind = postgres.PostgresSession if where == "postgres" else duck.DuckSession
kind.insert = told
cli.main()
"""


def killed(where: str, table: str, to: str | Path) -> None:
    command = [sys.executable, "-c", KILLED, where, table, "store", "copy", "--to", str(to)]
    assert subprocess.run(command, env=os.environ).returncode == -signal.SIGKILL


@pytest.mark.parametrize("table", ["access_log", "tasks"])
def test_killed_on_the_way_it_leaves_no_store_and_can_begin_again(
    dpa, data, empty, tmp_path, monkeypatch, table
):
    before = of_the_settings()
    killed("postgres", table, empty)
    assert dpa("store", "copy", "--to", empty)[0] == 0
    monkeypatch.setenv("DPA_DATABASE_URL", empty)
    assert of_the_settings() == before
    killed("duckdb", table, tmp_path / "back")
    assert not (tmp_path / "back" / STORE).exists()
    assert dpa("store", "copy", "--to", tmp_path / "back")[0] == 0
    assert not list((tmp_path / "back").glob("unfinished-*"))


# --- what the comparison sees --------------------------------------------------------------------

_CELLS = st.tuples(st.text(max_size=5), st.integers(-5, 5), st.dates(date(1, 1, 1)))


@given(st.lists(_CELLS, max_size=6), st.randoms())
def test_rows_in_another_order_come_to_the_same_and_others_do_not(rows, random):
    import pyarrow as pa

    def come_to(rows):
        found = _Sum()
        for part in (rows[:2], rows[2:]):
            found.add(
                pa.table(list(map(list, zip(*part, strict=True))) or [[], [], []], names=["a", "b", "c"])
            )
        return found

    shuffled = random.sample(rows, len(rows))
    assert come_to(rows) == come_to(shuffled)
    if rows:
        a, b, c = rows[0]
        assert come_to([(a, b + 1, c), *rows[1:]]) != come_to(rows)
        assert come_to(rows[1:]) != come_to(rows)
