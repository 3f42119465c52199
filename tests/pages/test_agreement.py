"""The agreement page: every clause and what the app does about it, found by searching, and the rest."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dpa_core.agreement import Agreement
from dpa_core.application import Application
from pages.parts import shell
from tests.conftest import People
from tests.pages import LISTED, as_read, shown, visit


@pytest.fixture(autouse=True)
def links(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the pages linked to."""
    seen: list[str] = []
    monkeypatch.setattr(st, "page_link", lambda page, **_: seen.append(page.url_path))
    return seen


@pytest.fixture
def at(application: Application, people: People) -> AppTest:
    return visit("agreement", application, people.clara, "nordfrakt")


def search(at: AppTest, text: str) -> AppTest:
    at.text_input[0].set_value(text)
    return at.run()


def tables(at: AppTest) -> str:
    return "\n".join(t.value.to_csv() for t in at.table)


def test_it_says_which_version_binds_since_when_and_what_prevails(at: AppTest) -> None:
    text = shown(at)
    assert "Nordfrakt Logistik AB is bound to the version of **29 Jan 2026** since 2 Feb 2026." in text
    assert "**The signed text prevails.**" in text


def test_every_clause_stands_under_its_part_with_what_the_app_does(at: AppTest, agreement: Agreement) -> None:
    text = as_read(shown(at))
    for clause in agreement.clauses:
        assert f"**{clause.id} · {clause.heading}**  \n{clause.summary}" in text
        assert clause.handled in text
        assert clause.source_note is None or clause.source_note in text
    parts = [e.label.split("**")[1] for e in at.expander]
    assert parts == [f"Clause {n}" for n in range(1, 6)] + [f"Schedule {n}" for n in range(1, 4)]


def test_each_clause_links_to_the_page_that_keeps_it(
    links: list[str], at: AppTest, agreement: Agreement
) -> None:
    pages = [c.page for c in agreement.clauses if c.page not in (None, "agreement")]
    assert links == ["" if page == shell.START else page for page in pages]
    assert set(pages) <= set(LISTED)
    here = [c for c in agreement.clauses if c.page == "agreement"]
    assert shown(at).count("On this page") == len(here)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("3.1(xii)", ["3.1(xii)"]),
        ("PRECEDENCE", ["1.7"]),
        ("72 hours", ["3.1(x)"]),
        ("customer objecting", ["Sch. 2 1.2"]),
    ],
)
def test_search_looks_at_number_heading_and_summary(
    at: AppTest, agreement: Agreement, text: str, hits: list[str]
) -> None:
    page = shown(search(at, text))
    found = [c.id for c in agreement.clauses if f"**{c.id} · " in page]
    assert found == hits
    assert f"{len(hits)} of 56 clauses found" in page


@pytest.mark.parametrize("text", ["nowhere", "<b>x</b>", "[a](http://example.com)", "*" * 3_000])
def test_no_hit_says_so_with_the_text_as_typed_and_how_to_go_on(at: AppTest, text: str) -> None:
    page = shown(search(at, text))
    assert "No clause has “" in page
    assert "Try another word" in page
    assert "[a](" not in page
    next(b for b in at.button if b.label == "Show all clauses").click().run()
    assert "56 clauses" in shown(at)
    assert at.text_input[0].value == ""


def test_every_term_has_its_number_unit_and_clause(at: AppTest, agreement: Agreement) -> None:
    units = {"calendar_days": "calendar days", "business_days": "business days", "hours": "hours"}
    for term in agreement.terms:
        expected = f"{term.name}: **{term.value} {units.get(term.unit, 'time per calendar year')}**"
        element = next(m for m in at.markdown if m.value == expected)
        assert element.proto.help.startswith(f"**{term.clause}** ")


def test_categories_subjects_purposes_measures_and_certifications_are_listed(
    at: AppTest, agreement: Agreement
) -> None:
    text = tables(at)
    a = agreement
    for part in (*a.data_categories, *a.data_subjects, *a.purposes, *a.measures, *a.certifications):
        assert part.name in text
        assert part.summary in text
        assert part.clause in text
    for category in a.data_categories:
        assert all(content in text for content in category.contents)


def test_the_provider_is_named(at: AppTest, agreement: Agreement) -> None:
    assert agreement.processor.name in tables(at)
    assert agreement.processor.registration_number in tables(at)
