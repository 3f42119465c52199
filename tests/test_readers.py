"""What is handed out with an opened customer reaches no other customer's rows."""

from dataclasses import fields
from datetime import date

import pyarrow as pa
import pytest

from dpa_core.ledger import Ledger
from dpa_core.readers import CustomerReader, PortfolioReader
from dpa_core.subjects.assistance import RequestHelp
from tests.conftest import NOW, carry_out

HELP = RequestHelp("dora_information", "ISO", "The certificate")


@pytest.fixture
def filled(application, people):
    for name, customer in (("anna", "nordfrakt"), ("henrik", "solsidan")):
        carry_out(application, getattr(people, name), customer, voice=True)
        carry_out(application, getattr(people, name), customer, HELP)
    figures = {
        "customer_id": ["nordfrakt", "solsidan"],
        "data_type": ["sms", "sms"],
        "month_start": [date(2026, 1, 1)] * 2,
        "records": [1, 2],
        "bytes": [10, 20],
    }
    application.import_usage(people.eva, pa.table(figures))
    return application


def test_no_file_of_a_customer_hands_out_the_ledger(filled, people):
    file = filled.open(people.anna, "nordfrakt")
    assert not any(isinstance(getattr(file, f.name), Ledger) for f in fields(file))
    portfolio = filled.portfolio(people.david)
    assert not any(isinstance(getattr(portfolio, f.name), Ledger) for f in fields(portfolio))


def test_every_question_of_a_customers_reader_is_about_that_customer(filled):
    reader = CustomerReader(filled.ledger, "nordfrakt")
    assert {e.customer_id for e in reader.events()} == {"nordfrakt"}
    assert [e.sequence for e in reader.events(after=1, upto=2)] == [2]
    assert reader.event(2).customer_id == "nordfrakt"
    assert reader.event(99) is None
    assert set(reader.events_named([1, 3, 99])) == {1, 3}
    assert [e.customer_id for e in reader.events_of("features.instructed", 3)] == ["nordfrakt"]
    assert reader.usage("sms", date(2026, 12, 31)) == [(date(2026, 1, 1), 1, 10)]
    assert {g.customer_id for _, g in reader.grants()} == {"nordfrakt"}
    assert reader.fault() is None


@pytest.mark.parametrize("ids", [("nordfrakt",), ("solsidan", "fjallbank"), (), None])
def test_a_portfolios_reader_is_about_its_customers(filled, ids):
    reader = PortfolioReader(filled.ledger, ids)
    mine = {"nordfrakt", "solsidan", "fjallbank"} if ids is None else set(ids)
    assert reader.found("") == sum(number for *_, number in reader.groups(NOW.date(), NOW)) == len(mine)
    keys = filled.ledger.rows("SELECT customer_id, key FROM tasks")
    found = reader.tasks(keys)["customer_id"].to_pylist()
    assert set(found) == mine - {"fjallbank"}


def test_who_has_a_role_is_read_by_key_and_no_other_persons_head(filled, people, monkeypatch):
    read = []
    heads = filled.ledger.heads
    monkeypatch.setattr(filled.ledger, "heads", lambda *ids: read.extend(ids) or heads(*ids))
    found = CustomerReader(filled.ledger, "nordfrakt").grants()
    assert sorted(set(read)) == sorted({ledger for ledger, _ in found})
    assert len(read) < len(
        filled.ledger.rows("SELECT 1 FROM heads WHERE starts_with(customer_id, '@person:')")
    )


@pytest.mark.parametrize(
    "change", ["DELETE FROM roles", "INSERT INTO roles VALUES ('fjallbank', '@person:x')"]
)
def test_the_rows_that_say_who_has_a_role_are_verified(filled, change):
    assert filled.verify() == []
    with filled.ledger.transaction() as tx:
        tx.execute(change)
    assert filled.verify()
