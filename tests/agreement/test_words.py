"""The words of the built-in agreement: what the text says is said whole, and what it does not say is not."""

import re

import pytest

from dpa_core.agreement import load_all

NEWEST = load_all()[max(load_all())]


@pytest.mark.parametrize("id", ["breach_notice", "incident_notice"])
def test_the_hours_of_a_notice_are_said_with_without_undue_delay(id):
    term = NEWEST.term(id)
    assert "without undue delay" in term.name
    assert "without undue delay" in term.summary


@pytest.mark.parametrize("id", ["3.1(x)", "Sch. 3 1.4(iii)"])
def test_so_are_the_clauses(id):
    assert "without undue delay" in NEWEST.clause(id).summary.replace("\n", " ")


@pytest.mark.parametrize("id", ["statistics", "security"])
def test_statistics_and_security_draw_on_the_customers_data(id):
    summary = next(p.summary for p in NEWEST.purposes if p.id == id)
    assert "processed on behalf of the Customer" in summary


def test_no_feature_is_said_to_read_emotions():
    """It may be emotion recognition (Art. 3(39) of Regulation (EU) 2024/1689); the text has none."""
    said = [
        f.purpose for f in NEWEST.features if re.search("mood|emotion|sentiment|feeling", f.purpose, re.I)
    ]
    assert said == []


@pytest.mark.parametrize("id", ["Sch. 2 1.2", "3.1(xii)"])
def test_what_the_text_does_not_say_is_the_providers_own(id):
    assert "the provider's own setting" in NEWEST.clause(id).handled.replace("\n", " ")
