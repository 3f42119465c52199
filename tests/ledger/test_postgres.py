"""A store in PostgreSQL: what other processes did counts at once; no restart loses or doubles anything."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from dpa_core import access
from dpa_core.access import Forbidden, SignInAgain
from dpa_core.application import Changed, Folding
from dpa_core.files import SharedFiles
from dpa_core.ledger import Conflict, Ledger, StoreError, verify
from dpa_core.ledger import postgres as module
from dpa_core.ledger.postgres import Postgres
from dpa_core.locale import local_day
from dpa_core.subjects import customers, grants, sub_processors
from dpa_core.subjects.registry import STATE_SCHEMA
from tests.conftest import BEGAN, at_the_same_time, carry_out, email, sign_in, switch
from tests.ledger.test_store import append, rows
from tests.postgres import Server


@pytest.fixture
def url(postgres: Server, _empty: str) -> str:
    return postgres.url(postgres.database(_empty))


def test_what_one_server_wrote_counts_on_another_at_once(servers):
    one, other = servers
    anna = other.person(email("anna"))
    assert other.open(anna, "nordfrakt").state.features.on == frozenset()
    carry_out(one, one.person(email("anna")), "nordfrakt", voice=True)
    assert other.open(anna, "nordfrakt").state.features.on == {"voice"}
    assert [id for id, _ in other.directory(other.person(email("eva")))] == ["nordfrakt"]
    one.open_customer(access.operator(BEGAN), customers.OpenCustomer("solsidan", "Solsidan AB"))
    assert [id for id, _ in other.directory(other.person(email("eva")))] == ["nordfrakt", "solsidan"]


def test_a_role_taken_on_one_server_opens_nothing_on_another(servers):
    one, other = servers
    anna = other.person(email("anna"))
    other.open(anna, "nordfrakt")
    revoked = grants.RevokeAccess(email("anna"), "customer_admin", "nordfrakt")
    one.change_access(access.operator(BEGAN), revoked)
    with pytest.raises(Forbidden):
        other.open(anna, "nordfrakt")


def test_a_sign_in_ended_on_one_server_is_over_on_another(servers):
    one, other = servers
    secret, anna = sign_in(one, "anna")
    assert other.person_of(other.session(secret)).id == anna.id
    other.open(other.person_of(other.session(secret)), "nordfrakt")
    one.sign_out(one.session(secret))
    with pytest.raises(SignInAgain):
        other.open(anna, "nordfrakt")


def test_a_draft_and_a_file_kept_on_one_server_are_there_on_another(servers):
    one, other = servers
    anna = one.person(email("anna"))
    one.keep_draft(anna, "nordfrakt", "form", {"text": "half typed"})
    assert other.draft(other.person(email("anna")), "nordfrakt", "form").content == {"text": "half typed"}
    ref = one.attach(anna, "nordfrakt", "why.txt", b"because")
    assert one.attach(anna, "nordfrakt", "again.txt", b"because").sha256 == ref.sha256
    assert isinstance(other.files, SharedFiles)
    assert other.files.read(ref.sha256) == b"because"


def test_of_two_servers_that_change_one_customer_at_once_the_second_is_told(servers):
    def step(application):
        file = application.open(application.person(email("anna")), "nordfrakt")

        def run(all_began):
            all_began.wait()
            return carry_out_seen(application, file, voice=True)

        return run

    outcomes = at_the_same_time(step(servers[0]), step(servers[1]))
    assert sorted(type(o).__name__ for o in outcomes) == ["Changed", "Receipt"]
    told = next(o for o in outcomes if isinstance(o, Changed))
    assert [e.kind for e in told.events] == ["features.instructed"]


def carry_out_seen(application, file, **to):
    """The instruction of somebody who saw the customer as it is in `file`."""
    command = switch(file.agreement, file.state.features, **to)
    return application.carry_out(file.person, "nordfrakt", command, file.sequence)


def test_of_two_officers_that_publish_at_once_one_does_and_the_other_is_told(servers, clock):
    draft = sub_processors.DraftChange(
        "replacement", "deepgram", "Talvox", "Natural language processing",
        places=("usa",), mechanisms=("scc", "tia"), reason="Better recognition of Swedish",
    )  # fmt: skip
    one, other = servers
    eva = one.person(email("eva"))
    one.govern(eva, draft, one.open_provider(eva).sequence)
    command = sub_processors.PublishChange(1, local_day(clock.now()) + timedelta(days=60))

    def step(application):
        person = application.person(email("eva"))
        sequence = application.open_provider(person).sequence

        def run(all_began):
            all_began.wait()
            return application.govern(person, command, sequence)

        return run

    outcomes = at_the_same_time(step(one), step(other))
    assert sorted(type(o).__name__ for o in outcomes) == ["Changed", "Receipt"]
    told = next(o for o in outcomes if isinstance(o, Changed))
    assert [e.kind for e in told.events] == ["sub_processors.published"]
    assert len(one.open_provider(eva).state.sub_processors.published) == 1


def test_of_two_first_entries_of_one_ledger_one_is_written(ledgers):
    def step(ledger):
        def run(all_began):
            with ledger.transaction() as tx:
                all_began.wait()
                return tx.append(None, rows(None), "{}", 1)

        return run

    outcomes = at_the_same_time(*(step(ledger) for ledger in ledgers))
    assert sorted(type(o).__name__ for o in outcomes) == ["Conflict", "Head"]
    assert len(ledgers[0].events("velo")) == 1


def test_several_servers_may_make_the_tables_at_once(postgres, tmp_path):
    url = postgres.url(postgres.database())
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _: Ledger.at(url, tmp_path), range(4)))
    for ledger in opened:
        assert ledger.rows("SELECT count(*) FROM events") == [(0,)]
        ledger.close()


class _Cut(psycopg.Connection):
    """Loses the answer to a commit: before the server has it, or after."""

    when = "after"

    def execute(self, query, *args, **kwargs):
        if query == "COMMIT" and type(self).when:
            if type(self).when == "after":
                super().execute(query)
            type(self).when = ""
            self.close()
        return super().execute(query, *args, **kwargs)


@pytest.fixture
def cut(monkeypatch):

    monkeypatch.setattr(module, "ConnectionPool", partial(module.ConnectionPool, connection_class=_Cut))


@pytest.mark.parametrize("when", ["after", "before"])
def test_a_commit_whose_answer_is_lost_is_found_out(url, tmp_path, cut, when):
    _Cut.when = ""
    with Ledger.at(url, tmp_path) as ledger:
        first = append(ledger)
        _Cut.when = when
        if when == "after":
            assert append(ledger).sequence == 2  # as if nothing had been
        else:
            with pytest.raises(Conflict):  # which is tried again
                append(ledger)
        assert ledger.head("velo").sequence == (2 if when == "after" else first.sequence)
        assert append(ledger).sequence == ledger.head("velo").sequence


@pytest.mark.parametrize("when", ["after", "before"])
def test_a_commit_without_entries_whose_answer_is_lost_is_said_to_be_unknown(url, tmp_path, cut, when):
    _Cut.when = ""
    with Ledger.at(url, tmp_path) as ledger:
        _Cut.when = when
        unknown = pytest.raises(StoreError, match="Whether this was recorded is not known")
        with unknown, ledger.transaction() as tx:
            tx.execute("INSERT INTO health (id) VALUES ($1)", ["x"])


def test_a_database_of_another_order_is_refused_with_the_command_that_makes_one(postgres, tmp_path):
    name = f"{postgres.database()}_english"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C' ENCODING 'SQL_ASCII'")
    with pytest.raises(StoreError, match=r"CREATE DATABASE dpa TEMPLATE template0"):
        Ledger.at(postgres.url(name), tmp_path)


def test_a_database_of_a_newer_version_is_refused(url, tmp_path):
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO migrations (name) VALUES ('9999_later.sql')")
    with pytest.raises(StoreError, match=r"newer version of DPA Desk \(it has had 9999_later.sql\)"):
        Ledger.at(url, tmp_path)


def test_a_server_that_is_not_there_is_said_without_its_password(tmp_path, monkeypatch):
    monkeypatch.setattr("dpa_core.ledger.postgres.PATIENCE", 0.2)
    with pytest.raises(StoreError) as caught:
        Postgres("postgresql://dpa:secret-word@127.0.0.1:1/desk")
    assert "cannot be reached" in str(caught.value)
    assert "secret-word" not in repr(caught.value)


def test_toggles_over_restarts_of_the_database_are_each_recorded_once(postgres, servers):
    """Whatever was acknowledged is there, once; whatever was not says so in words."""
    acknowledged, refused = [], []
    done = threading.Event()

    def toggle(application):
        while not done.is_set():
            try:
                file = application.open(application.person(email("anna")), "nordfrakt")
                voice = "voice" not in file.state.features.on
                receipt = carry_out_seen(application, file, voice=voice)
                acknowledged.append((receipt.sequence, receipt.digest))
            except Changed:
                continue
            except StoreError as error:
                refused.append(str(error))

    def restart():
        try:
            for so_far in (20, 40, 60):
                while len(acknowledged) < so_far:
                    done.wait(0.01)
                postgres.pg_ctl("-m", "immediate", "restart")
            while len(acknowledged) < 80:
                done.wait(0.01)
        finally:
            done.set()

    with ThreadPoolExecutor(5) as threads:
        running = [threads.submit(toggle, servers[n % 2]) for n in range(4)]
        threads.submit(restart).result()
        for one in running:
            one.result()
    ledger = servers[0].ledger
    stored = [(e.sequence, e.digest) for e in ledger.events("nordfrakt")]
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= set(stored)
    assert all(said.startswith(("The database", "Whether", "Too many")) for said in refused)
    assert list(verify(ledger, Folding, STATE_SCHEMA)) == []
