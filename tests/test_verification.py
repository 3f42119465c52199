"""A whole store is verified by several processes, each fault found as by one."""

import sys
from datetime import timedelta
from types import ModuleType

import duckdb
import pytest

from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.ledger.anchor import path_of
from dpa_core.ledger.verify import _digest, check_chain, parts
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.verification import verify_file
from tests.conftest import NOW, VERSION, carry_out, email
from tests.ledger.test_store import append


@pytest.fixture
def file(store, agreement, clock):
    """A closed store with some instructions."""
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        anna = application.person(email("anna"))
        for on in (True, False, True):
            carry_out(application, anna, "nordfrakt", voice=on)
    return store


def tamper(file, *statements):
    with duckdb.connect(str(file)) as connection:
        for sql in statements:
            connection.execute(sql)
        connection.execute("DELETE FROM openings WHERE role = 'anchored'")
    path_of(file).unlink(missing_ok=True)


def found(file, agreement, **how):
    return [str(fault) for fault in verify_file(file, file.parent / "files", {VERSION: agreement}, **how)]


def test_several_processes_find_what_one_finds_and_say_how_far_they_are(file, agreement, monkeypatch):
    assert found(file, agreement) == []
    tamper(
        file,
        "UPDATE events SET actor = 'x' WHERE customer_id IN ('nordfrakt', 'solsidan') AND sequence = 1",
        "DELETE FROM heads WHERE customer_id = 'fjallbank'",
    )
    alone = found(file, agreement)
    assert len(alone) == 3
    steps = []
    # AppTest leaves its last page's script in the place of the main module, which each process runs first.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.setattr("dpa_core.verification.parts", lambda ledger: parts(ledger, 2))
    assert found(file, agreement, workers=2, progress=lambda *step: steps.append(step)) == alone
    assert len(steps) > 2
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "INSERT INTO tasks (customer_id, customer_name, key, subject, about, step, parameters, clause) "
            "VALUES ('nordfrakt', 'N', 'k', 'audits', 'audit', '', '{}', '3.1')",
            "nordfrakt, sequence 4: its open tasks do not follow from the rows",
        ),
        (
            "INSERT INTO tasks (customer_id, customer_name, key, subject, about, step, parameters, clause) "
            "VALUES ('nobody', 'N', 'k', 'audits', 'audit', '', '{}', '3.1')",
            "nobody, sequence 0: has open tasks, and no ledger",
        ),
        (
            "INSERT INTO usage_figures VALUES ('nobody', 'sms', DATE '2026-01-01', 1, 1)",
            "nobody, sequence 0: has usage figures, and no ledger",
        ),
        (
            "INSERT INTO usage_figures VALUES ('nordfrakt', 'sms', DATE '2026-01-02', 1, 1)",
            "nordfrakt, sequence 0: has usage figures that no import would have taken",
        ),
        (
            "UPDATE facts SET name = 'Another' WHERE customer_id = 'nordfrakt'",
            "nordfrakt, sequence 4: what lists tell of it does not follow from its rows",
        ),
        *(
            (
                sql,
                "nordfrakt, sequence 4: what is closed, or a state kept of its past, does not follow from "
                "its rows",
            )
            for sql in (
                "INSERT INTO closed VALUES ('nordfrakt', 'assistance.requests', 2, 3, '{\"sha256\":')",
                "INSERT INTO closed VALUES ('nordfrakt', 'no.such', 2, 3, '{\"sha256\": 1}')",
                f"INSERT INTO folds VALUES ('nordfrakt', 3, '{{}}', {STATE_SCHEMA})",
                f"INSERT INTO folds VALUES ('nordfrakt', 500, '{{}}', {STATE_SCHEMA})",
            )
        ),
    ],
)
def test_what_is_derived_from_the_ledgers_is_compared(file, agreement, sql, said):
    tamper(file, sql)
    assert found(file, agreement) == [said]


def test_an_old_ledger_whose_clock_was_set_back_is_noted_and_no_damage(tmp_path, agreement):
    path = tmp_path / "desk.duckdb"
    with Ledger.open(path) as ledger:
        for days in (0, 2, 1, 3):
            append(ledger, customer="@person:old", at=NOW + timedelta(days=days))
    (fault,) = verify_file(path, tmp_path / "files", {VERSION: agreement})
    assert fault.note
    assert (fault.customer_id, fault.sequence) == ("@person:old", 3)
    assert "the clock was set back" in fault.why


@pytest.mark.parametrize(
    "body", ['{"v":1.0}', '{"v":1e2}', '{"b":1,"a":2}', '{"a": 1}', '{"a":1,"a":1}', '{"v":-0}']
)
def test_a_body_that_is_not_canonical_is_found_though_its_digest_fits(tmp_path, body):
    """As somebody would forge it who read how digests are put together."""
    path = tmp_path / "desk.duckdb"
    with Ledger.open(path) as ledger:
        append(ledger)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE events SET body = ?", [body])
        row = connection.execute("SELECT * FROM events").fetchone()
        digest = _digest(row)
        connection.execute("UPDATE events SET digest = ?", [digest])
        connection.execute("UPDATE heads SET digest = ?", [digest])
    with Ledger.look(path) as ledger:
        fault = check_chain(ledger, "velo")
    assert fault is not None
    assert fault.why == "was changed after it was written"


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1.5, "z": [1e21, -0.001]},
        {'ö\u2028\x7f\x01"\\': "🙂"},
        {"\U0001f600": 1, "\ufb00": 2},
        {"n": 2**53 - 1},
        {},
    ],
)
def test_what_was_written_is_as_written_whatever_stands_in_it(tmp_path, body):
    path = tmp_path / "desk.duckdb"
    with Ledger.open(path) as ledger:
        append(ledger, ("test.happened", body))
        assert check_chain(ledger, "velo") is None


def test_a_long_ledger_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("dpa_core.ledger.store._PART", 3)
    path = tmp_path / "desk.duckdb"
    with Ledger.open(path) as ledger:
        append(ledger, *(("test.happened", {"v": n}) for n in range(10)))
        assert [row[1] for row in ledger.stored("velo", "velo")] == list(range(1, 11))
        assert check_chain(ledger, "velo") is None
