"""The demo's data: the same for everybody, never mixed with real data, and all of it by the rules."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from dpa_core import access, demo, web
from dpa_core.application import Application, demo_days
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger, migrations, move
from dpa_core.settings import STORE, SettingsError, read_settings
from tests.frozen import VERSION, frozen_agreements

AGREEMENTS = frozen_agreements()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DPA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A filled demo application, for tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DPA_DATA_DIR", str(tmp_path_factory.mktemp("demo")))
        application = demo.open_application(AGREEMENTS)
        yield application
        application.ledger.close()


def contents(application):
    """All that a store holds, less the digests and times that follow from when it was filled."""
    events = "SELECT customer_id, sequence, actor, kind, body FROM events WHERE kind <> 'retention.shortened'"
    return [
        application.ledger.rows(f"{events} ORDER BY ALL"),
        application.ledger.rows("FROM usage_figures ORDER BY ALL"),
    ]


def test_every_chain_head_and_state_of_the_demo_fits(filled):
    assert filled.verify() == []


def test_the_demo_has_12_customers_and_24_months_of_every_data_type(filled):
    assert len(filled.directory(access.operator(datetime.now(UTC)))) == 12
    counted = filled.ledger.rows(
        "SELECT count(DISTINCT customer_id), count(DISTINCT month_start), count(DISTINCT data_type), "
        "count(*) FROM usage_figures"
    )
    types = len(AGREEMENTS[VERSION].retention.data_types)
    assert counted == [(12, 24, types, 12 * 24 * types)]


def test_every_persona_has_the_access_its_description_says(filled):
    roles = {p.email.split("@")[0]: filled.person(p.email).grants for p in demo.personas()}
    assert [(g.role, g.customer_id) for g in roles["anna.lindqvist"]] == [("customer_admin", "nordfrakt")]
    assert [g.role for g in roles["eva.sund"]] == ["privacy_officer"]
    assert roles["farid.amini"] == ()
    assert len(roles["david.nyman"]) == 4


def test_the_demo_shows_a_hold_a_shortening_that_waits_and_a_set_period(filled):
    operator = access.operator(datetime.now(UTC))
    assert filled.open(operator, "nordfrakt").state.retention.of("emails").hold
    assert filled.open(operator, "solsidan").state.retention.of("transcripts").pending
    assert filled.open(operator, "fjallbank").state.retention.of("interaction_metadata").days == 1095


def test_nothing_in_the_demo_lies_in_the_future(filled):
    ((latest,),) = filled.ledger.rows("SELECT max(recorded_at) FROM events")
    assert latest.replace(tzinfo=UTC) <= datetime.now(UTC)


def test_the_same_seed_gives_the_same_figures(filled):
    assert demo.usage_figures(date(2026, 11, 24)).equals(demo.usage_figures(date(2026, 11, 2)))
    ((records,),) = filled.ledger.rows("SELECT min(records) FROM usage_figures")
    assert records > 0


def test_two_demos_filled_at_the_same_moment_are_the_same(tmp_path):
    now = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
    stores = []
    for name in ("one", "two"):
        with Ledger.open(tmp_path / name) as ledger:
            demo.fill(ledger, AGREEMENTS, now)
            stores.append(ledger.rows("SELECT * FROM events ORDER BY ALL"))
    assert stores[0] == stores[1]


def test_preparing_twice_leaves_what_was_done_in_between(folder):
    application = demo.open_application(AGREEMENTS)
    first = contents(application)
    application.advance_clock(access.operator(datetime.now(UTC)), 9)
    application.ledger.close()
    again = demo.open_application(AGREEMENTS)
    assert demo_days(again.ledger) == 9
    assert again.clock.offset.days == 9
    events, usage = contents(again)
    assert [e for e in events if e[3] != "demo.clock_advanced"] == [
        e for e in first[0] if e[3] != "demo.clock_advanced"
    ]
    assert usage == first[1]
    again.ledger.close()


def test_a_demo_interrupted_while_it_was_filled_is_filled_anew(folder):
    folder.mkdir()
    (folder / f"{STORE}.new").write_bytes(b"half a database")
    (folder / f"{STORE}.new.wal").write_bytes(b"half a log")
    application = demo.open_application(AGREEMENTS)
    assert application.verify() == []
    application.ledger.close()
    assert sorted(f.name for f in folder.iterdir()) == ["desk.anchor", STORE]


def test_a_store_that_another_command_made_and_left_empty_becomes_the_demo(folder):
    Ledger.open(folder / STORE).close()
    application = demo.open_application(AGREEMENTS)
    assert demo_days(application.ledger) == 0
    application.ledger.close()


def test_the_demo_is_one_server_and_says_so_where_a_database_for_several_is_set(folder, monkeypatch):
    monkeypatch.setenv("DPA_DATABASE_URL", "postgresql://dpa:secret-word@127.0.0.1/dpa")
    with pytest.raises(SettingsError, match="DPA_DATABASE_URL: the demo is one server") as refused:
        demo.open_application(AGREEMENTS)
    assert "secret-word" not in str(refused.value)
    assert not folder.exists()


def test_the_demo_refuses_a_store_with_real_data_and_leaves_it_alone(folder, store):
    folder.mkdir()
    real = folder / STORE
    move(store, real)
    with Ledger.open(real) as ledger:
        before = ledger.rows("SELECT * FROM events ORDER BY ALL")
    with pytest.raises(SettingsError, match="holds real data"):
        demo.open_application(AGREEMENTS)
    with Ledger.open(real) as ledger:
        assert ledger.rows("SELECT * FROM events ORDER BY ALL") == before


def test_production_refuses_a_store_with_demo_data(folder):
    demo.open_application(AGREEMENTS).ledger.close()
    settings = read_settings(
        public_url="https://dpa.connectel.example",
        oidc_metadata_url="https://id.example/.well-known/openid-configuration",
        oidc_client_id="desk",
        oidc_client_secret="secret",
        cookie_secret="0123456789abcdef0123456789abcdef",
    )
    with pytest.raises(SettingsError, match="holds demo data"):
        web.serving(settings)
    demo.open_application(AGREEMENTS).ledger.close()  # and has let go of the file


_STEPS = sorted(f.name for f in Path(migrations.__file__).parent.glob("*.sql"))


@pytest.mark.parametrize("step", _STEPS[1:])
def test_a_store_from_before_any_migration_shows_its_open_tasks(filled, tmp_path, step):
    """Whichever shape it has: what is derived from the ledgers is made anew."""
    store = tmp_path / STORE
    filled.ledger.copy_to(store)
    with duckdb.connect(str(store)) as connection:
        (open_tasks,) = connection.execute("SELECT count(*) FROM tasks").fetchone()
        late = [name for name in _STEPS if name >= step]
        text = "".join((Path(migrations.__file__).parent / name).read_text() for name in late)
        made = set(re.findall(r"CREATE TABLE (\w+)", text))
        if "DROP TABLE person_names;" in text and "CREATE TABLE people " not in text:
            connection.execute("CREATE TABLE old AS SELECT * EXCLUDE (number) FROM person_names")
            connection.execute("DROP TABLE person_names")
            connection.execute("ALTER TABLE old RENAME TO person_names")
            made.remove("person_names")
        for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", text):
            if table not in made:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for table in made:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        if "access_log_numbers" in text:
            connection.execute("DROP SEQUENCE access_log_numbers")
        if "DROP TABLE matters" in text and "CREATE TABLE matters " not in text:
            connection.execute("CREATE TABLE matters (customer_id VARCHAR)")
        connection.execute("DELETE FROM migrations WHERE list_contains(?, name)", [late])
    with Ledger.open(store) as ledger:
        application = Application(ledger, AGREEMENTS, Clock())
        assert ledger.rows("SELECT count(*) FROM tasks") == [(open_tasks,)]
        assert open_tasks >= 13
        assert application.verify() == []
