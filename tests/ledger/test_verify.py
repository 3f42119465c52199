"""Whoever alters the file by other means is found out, and the first broken row is named.

Each test tampers with a closed file through plain DuckDB, as someone with access to the disk would.
"""

import json

import duckdb
import pytest

from dpa_core.application import Application, fold_ledger
from dpa_core.ledger import GENESIS, Ledger, check_chain, verify
from dpa_core.ledger.anchor import path_of
from dpa_core.ledger.chain import Event, canonical, digest_of
from dpa_core.subjects.registry import STATE_SCHEMA
from dpa_core.subjects.retention import PlaceHold, SetPeriod
from dpa_core.views import history
from tests.conftest import NOW as AT
from tests.conftest import VERSION, SettableClock, carry_out, email


@pytest.fixture
def file(store, agreement):
    """A closed store in which Nordfrakt has 6 events, and Solsidan 6 of its own."""
    clock = SettableClock(AT)
    with Ledger.open(store) as ledger:
        application = Application(ledger, {VERSION: agreement}, clock)
        for name, customer in (("anna", "nordfrakt"), ("henrik", "solsidan")):
            person = application.person(email(name))
            carry_out(application, person, customer, voice=True)
            carry_out(application, person, customer, speech_analytics=True)
            carry_out(application, person, customer, SetPeriod("chats", 60, "policy"))
            carry_out(application, person, customer, PlaceHold("emails", "case 118"))
            carry_out(application, person, customer, voice=False)
    return store


def tamper(file, *statements):
    with duckdb.connect(str(file)) as con:
        for sql, *values in statements:
            con.execute(sql, values)
        # Whoever can change the file can take the anchor too: the chains have to tell by themselves.
        con.execute("DELETE FROM openings WHERE role = 'anchored'")
    path_of(file).unlink(missing_ok=True)


def faults(file):
    with Ledger.open(file) as ledger:
        found = list(verify(ledger, fold_ledger, STATE_SCHEMA))
        # The check of one ledger, which the history page makes, sees the same in rows and head.
        for fault in found:
            if "folded state" not in fault.why:
                assert check_chain(ledger, fault.customer_id) == fault
    return [(f.customer_id, f.sequence, f.why) for f in found]


def row(file, sequence, customer="nordfrakt"):
    with Ledger.open(file) as ledger:
        return ledger.events(customer)[sequence - 1]


def forged(event, **changes):
    """A row with a digest that fits, as a forger who read our code would make it."""
    columns = {name: getattr(event, name) for name in Event.__slots__} | changes | {"digest": ""}
    columns["digest"] = digest_of(Event(**columns))
    return Event(**columns)


def insertion(e):
    return (
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        e.customer_id, e.sequence, e.recorded_at.replace(tzinfo=None), e.actor, e.on_behalf_of,
        e.agreement_version, e.kind, canonical(e.body), e.previous_digest, e.digest,
    )  # fmt: skip


def deletion(sequence, customer="nordfrakt"):
    return ("DELETE FROM events WHERE customer_id = ? AND sequence = ?", customer, sequence)


CHANGED = "was changed after it was written"
UNCHAINED = "is not chained to the row before it"


def test_an_untouched_file_has_no_fault(file):
    assert faults(file) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("recorded_at", "2026-01-01 00:00:00"),
        ("recorded_at", "infinity"),
        ("actor", "someone@else.example"),
        ("on_behalf_of", "processor"),
        ("agreement_version", "2027-01-01"),
        ("kind", "features.noted"),
        ("digest", "0" * 64),
    ],
)
def test_a_changed_column_is_found(file, column, value):
    tamper(file, (f"UPDATE events SET {column} = ? WHERE customer_id = 'nordfrakt' AND sequence = 3", value))
    assert faults(file) == [("nordfrakt", 3, CHANGED)]


@pytest.mark.parametrize(
    "body",
    ["{}", "", "no JSON", "5", "null", '{"v":99999999999999999999}', '{"v":NaN}', '{"v":1.5}', '"\\ud800"',
     "[" * 100_000],
    ids=range(10),
)  # fmt: skip
def test_a_changed_body_is_found_whatever_was_put_in_its_place(file, body):
    tamper(file, ("UPDATE events SET body = ? WHERE customer_id = 'nordfrakt' AND sequence = 3", body))
    assert faults(file) == [("nordfrakt", 3, CHANGED)]


def test_white_space_in_a_body_is_found(file):
    loose = json.dumps(row(file, 3).body)  # the same values, with blanks after the commas
    tamper(file, ("UPDATE events SET body = ? WHERE customer_id = 'nordfrakt' AND sequence = 3", loose))
    assert faults(file) == [("nordfrakt", 3, CHANGED)]


def test_a_changed_link_is_found(file):
    tamper(
        file,
        ("UPDATE events SET previous_digest = ? WHERE customer_id = 'nordfrakt' AND sequence = 3", GENESIS),
    )
    assert faults(file) == [("nordfrakt", 3, UNCHAINED)]


def test_a_changed_row_with_a_new_digest_that_fits_breaks_the_row_after_it(file):
    old = row(file, 3)
    lie = forged(old, body={**old.body, "reason": "something else"})
    tamper(file, deletion(3), insertion(lie))
    assert faults(file) == [("nordfrakt", 4, UNCHAINED)]


def test_the_last_row_rewritten_with_a_digest_that_fits_is_found_against_the_head(file):
    old = row(file, 6)
    tamper(file, deletion(6), insertion(forged(old, actor="bo@people.example")))
    assert faults(file) == [("nordfrakt", 6, "is not what the head says is the last row")]


@pytest.mark.parametrize("sequence", [1, 2, 5])
def test_a_removed_row_is_missed(file, sequence):
    tamper(file, deletion(sequence))
    ((customer, number, why),) = faults(file)
    assert (customer, number) == ("nordfrakt", sequence)
    assert why.startswith("missing")


def test_a_removed_row_is_missed_when_the_later_ones_are_moved_up(file):
    tamper(
        file,
        deletion(3),
        ("UPDATE events SET sequence = sequence - 1 WHERE customer_id = 'nordfrakt' AND sequence = 4",),
        ("UPDATE events SET sequence = sequence - 1 WHERE customer_id = 'nordfrakt' AND sequence = 5",),
        ("UPDATE events SET sequence = sequence - 1 WHERE customer_id = 'nordfrakt' AND sequence = 6",),
    )
    assert faults(file) == [("nordfrakt", 3, UNCHAINED)]


def test_two_rows_that_changed_places_are_found(file):
    third, fourth = row(file, 3), row(file, 4)
    tamper(
        file,
        deletion(3),
        deletion(4),
        insertion(Event(*(4 if n == "sequence" else getattr(third, n) for n in Event.__slots__))),
        insertion(Event(*(3 if n == "sequence" else getattr(fourth, n) for n in Event.__slots__))),
    )
    assert faults(file) == [("nordfrakt", 3, UNCHAINED)]


def test_a_row_put_in_with_a_digest_that_fits_breaks_the_row_after_it(file):
    between = forged(row(file, 3), sequence=4, previous_digest=row(file, 3).digest)
    move = "UPDATE events SET sequence = ? WHERE customer_id = 'nordfrakt' AND sequence = ?"
    tamper(file, (move, 7, 6), (move, 6, 5), (move, 5, 4), insertion(between))
    assert faults(file) == [("nordfrakt", 5, UNCHAINED)]


def test_a_row_added_at_the_end_is_found_against_the_head(file):
    last = row(file, 6)
    tamper(file, insertion(forged(last, sequence=7, previous_digest=last.digest)))
    assert faults(file) == [("nordfrakt", 7, "is not what the head says is the last row")]


@pytest.mark.parametrize("kept", [1, 5])
def test_a_tail_cut_off_is_missed_from_its_first_row_on(file, kept):
    tamper(file, ("DELETE FROM events WHERE customer_id = 'nordfrakt' AND sequence > ?", kept))
    assert faults(file) == [("nordfrakt", kept + 1, "missing; the head stands at 6")]


def test_all_rows_gone_are_missed(file):
    tamper(file, ("DELETE FROM events WHERE customer_id = 'nordfrakt'",))
    assert faults(file) == [("nordfrakt", 1, "missing; the head stands at 6")]


def test_a_head_gone_is_missed(file):
    tamper(file, ("DELETE FROM heads WHERE customer_id = 'nordfrakt'",))
    assert faults(file) == [("nordfrakt", 6, "has no head")]


@pytest.mark.parametrize(("column", "value"), [("digest", "0" * 64), ("sequence", 5)])
def test_a_changed_head_is_found(file, column, value):
    tamper(file, (f"UPDATE heads SET {column} = ? WHERE customer_id = 'nordfrakt'", value))
    assert faults(file) == [("nordfrakt", 6, "is not what the head says is the last row")]


def test_a_changed_folded_state_is_found(file):
    tamper(
        file,
        ("UPDATE heads SET state = replace(state, '\"on\":false', '\"on\":true') "
         "WHERE customer_id = 'nordfrakt'",),
    )  # fmt: skip
    assert faults(file) == [("nordfrakt", 6, "the folded state in the head does not follow from the rows")]


def test_a_grant_put_into_a_persons_state_is_found(file):
    with Ledger.open(file) as opened:
        [(ledger,)] = opened.rows(
            "SELECT ledger FROM people JOIN addresses ON person_id = id WHERE address = ?", [email("clara")]
        )
    tamper(
        file,
        ("UPDATE heads SET state = replace(state, 'customer_reader', 'customer_admin') "
         "WHERE customer_id = ?", ledger),
    )  # fmt: skip
    assert [(c, n) for c, n, _ in faults(file)] == [(ledger, 1)]


def test_two_customers_whose_ledgers_changed_places_are_both_found(file):
    swap = "UPDATE {} SET customer_id = ? WHERE customer_id = ?"
    steps = [("other", "nordfrakt"), ("nordfrakt", "solsidan"), ("solsidan", "other")]
    tamper(file, *((swap.format(t), *step) for t in ("events", "heads") for step in steps))
    assert faults(file) == [("nordfrakt", 1, CHANGED), ("solsidan", 1, CHANGED)]


def test_of_several_broken_rows_the_first_of_each_ledger_is_named_once(file):
    tamper(file, ("UPDATE events SET actor = 'x' WHERE sequence IN (2, 4) AND customer_id NOT LIKE '@%'",))
    assert faults(file) == [("nordfrakt", 2, CHANGED), ("solsidan", 2, CHANGED)]


def test_a_state_folded_by_an_older_version_of_the_program_is_no_tampering(file, agreement):
    tamper(file, ("UPDATE heads SET state = '{}', state_schema = 0",))
    assert faults(file) == []
    with Ledger.open(file) as ledger:
        application = Application(ledger, {VERSION: agreement}, SettableClock(AT))
        anna = application.person(email("anna"))
        assert application.open(anna, "nordfrakt").state.features.on == {"speech_analytics"}
        # The next instruction writes the state in its present shape.
        carry_out(application, anna, "nordfrakt", voice=True)
        assert ledger.head("nordfrakt").state_schema == STATE_SCHEMA
        assert application.verify() == []


def test_the_history_of_a_customer_shows_the_other_entries_beside_a_broken_one(file, agreement):
    tamper(file, ("UPDATE events SET body = '5' WHERE customer_id = 'nordfrakt' AND sequence = 3",))
    with Ledger.open(file) as ledger:
        application = Application(ledger, {VERSION: agreement}, SettableClock(AT))
        opened = application.open(application.person(email("anna")), "nordfrakt")
        assert history.fault(opened).sequence == 3
        shown = history.instructions(opened)
    assert [i.sequence for i in shown] == [6, 5, 4, 3, 2, 1]
    assert shown[3].what == "An entry that cannot be read"
