"""The portfolio of an account manager."""

import pytest

from dpa_core.subjects import retention
from tests.conftest import carry_out
from tests.pages import shown, visit
from tests.test_requests import HELP, act


@pytest.mark.parametrize("name", ["anna", "clara"])
def test_it_is_closed_to_customers(application, people, name):
    at = visit("portfolio", application, getattr(people, name), "nordfrakt")
    assert "for account managers and privacy officers" in at.error[0].value
    assert not at.dataframe


def test_each_customer_is_a_line(application, people):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    carry_out(application, people.anna, "nordfrakt", retention.SetPeriod("chats", 60))
    at = visit("portfolio", application, people.eva, "nordfrakt")
    lines = at.dataframe[0].value.set_index("Customer")
    assert list(lines.index) == ["Fjällbank AB", "Nordfrakt Logistik AB", "Solsidan AB"]
    nordfrakt = lines.loc["Nordfrakt Logistik AB"]
    assert (nordfrakt["Features on"], nordfrakt["Processing outside EU/EEA"], nordfrakt["Open tasks"]) == (
        1,
        1,
        1,
    )
    assert [m.value for m in at.metric] == ["3", "1 of 3", "3", "1"]
    assert "Chats: 60 days instead of 365" in list(at.dataframe[-1].value["What"])


def test_requests_count_and_fall_due(application, people):
    act(application, people.anna, HELP)
    at = visit("portfolio", application, people.david, "nordfrakt")
    [line] = at.dataframe[0].value.to_dict("records")
    assert (line["Open tasks"], str(line["Next due"])[:10]) == (1, "2026-12-08")
    [due] = at.dataframe[-1].value.to_dict("records")
    assert (due["Kind"], str(due["Due"])[:10]) == ("Assistance", "2026-12-08")


def test_without_anything_due_it_says_so(application, people):
    assert "Nothing is open" in shown(visit("portfolio", application, people.david, "nordfrakt"))
