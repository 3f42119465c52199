"""The access log's page: who sees it, searching, turning pages, and the file."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.access_log import PAGE, Search
from dpa_core.application import Application
from pages import access_log
from pages.parts import shell
from tests.conftest import NOW, People, SettableClock, email, sign_in
from tests.pages import KEYS, shown, visit


def table(at: AppTest) -> list[dict[str, str]]:
    """The lines on the page."""
    assert not at.exception, at.exception
    found: list[dict[str, str]] = at.dataframe[0].value.to_dict("records")
    return found


@pytest.fixture
def many(application: Application, people: People) -> None:
    """Two pages and a line more."""
    with application.ledger.transaction() as tx:
        tx.execute("DELETE FROM access_log", [])
    for n in range(2 * PAGE + 1):
        application.note_export(people.eva, "nordfrakt", f"{n}.pdf", "")


@pytest.mark.parametrize("name", ["anna", "clara", "david"])
def test_only_the_privacy_officer_sees_it(application: Application, people: People, name: str) -> None:
    at = visit("access_log", application, getattr(people, name), "nordfrakt")
    assert "privacy officer’s" in at.error[0].value
    assert not at.dataframe


def test_pages_are_turned_to_the_end_and_back(application: Application, people: People, many: None) -> None:
    at = visit("access_log", application, people.eva, "nordfrakt")
    seen = [row["Details"] for row in table(at)]
    assert "**101 lines**, 1 to 50 shown" in shown(at)
    while not (older := next(b for b in at.button if b.label == "Older")).disabled:
        at = older.click().run()
        seen += [row["Details"] for row in table(at)]
    assert seen == [f"{n}.pdf" for n in reversed(range(2 * PAGE + 1))]
    for _ in range(2):
        at = next(b for b in at.button if b.label == "Newer").click().run()
    assert table(at)[0]["Details"] == f"{2 * PAGE}.pdf"
    assert next(b for b in at.button if b.label == "Newer").disabled


def test_another_search_begins_at_its_first_page(
    application: Application, people: People, many: None
) -> None:
    at = visit("access_log", application, people.eva, "nordfrakt")
    at = next(b for b in at.button if b.label == "Older").click().run()
    at = at.text_input(key="access_log.person").set_value("eva").run()
    assert table(at)[0]["Details"] == f"{2 * PAGE}.pdf"
    at = at.text_input(key="access_log.customer").set_value("solsidan").run()
    assert "No line fits" in at.info[0].value


def test_days_are_those_of_stockholm(
    application: Application, people: People, clock: SettableClock, many: None
) -> None:
    clock.at = NOW.replace(hour=23, minute=30)  # the next day there
    sign_in(application, "anna")
    at = visit("access_log", application, people.eva, "nordfrakt")
    day = (NOW + timedelta(days=1)).date()
    at = at.date_input(key="access_log.from").set_value(day).run()
    assert [row["What"] for row in table(at)] == ["Signed in"]
    at = at.date_input(key="access_log.to").set_value(date.max).run()
    assert len(table(at)) == 1


def test_an_empty_log_says_what_will_be_there(application: Application, people: People) -> None:
    with application.ledger.transaction() as tx:
        tx.execute("DELETE FROM access_log", [])
    assert "Nothing is logged yet" in visit("access_log", application, people.eva, "nordfrakt").info[0].value


def test_hostile_claims_are_shown_as_text(application: Application, people: People) -> None:
    application.note_refused_sign_in("test", "=HYPERLINK(1)", "not_verified")
    at = visit("access_log", application, people.eva, "nordfrakt")
    assert table(at)[0]["Who"] == "claimed: =HYPERLINK(1)"


def test_the_file_holds_what_fits_every_field_quoted_and_no_formula(
    application: Application, people: People, many: None
) -> None:
    application.rename_person(people.eva, people.anna.id, "=cmd()")
    scope, _ = shell.entered(_site(application), application.open(people.eva, "nordfrakt"))
    file = access_log._file(scope, Search(person=email("eva")))
    text = file.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 2 * PAGE + 2
    assert all(line.startswith('"') for line in text.splitlines())
    assert rows[-1]["When (UTC)"] == "2026-11-24T14:00:00Z"
    assert not [v for row in rows for v in row.values() if v.startswith(("=", "+", "-", "@"))]


def _site(application: Application) -> shell.Site:
    from dpa_core.web import Site
    from dpa_core.web.cookies import SessionCookie

    return Site(application, "privacy@people.example", KEYS, SessionCookie(secure=False))
