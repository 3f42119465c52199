"""All customers of an account manager, each in a line."""

from datetime import date, timedelta

import pytest

from dpa_core.access import Forbidden
from dpa_core.subjects import retention, reviews
from dpa_core.subjects.grants import GrantAccess
from dpa_core.views import portfolio, tasks
from tests.conftest import NOW, carry_out, email


def ids(application, person):
    return [line.customer_id for line in portfolio.lines(application.portfolio(person))]


@pytest.mark.parametrize("name", ["anna", "clara", "henrik", "farid"])
def test_it_is_for_the_provider_only(application, people, name):
    with pytest.raises(Forbidden):
        application.portfolio(getattr(people, name))


def test_an_account_manager_sees_own_customers_and_an_officer_all(application, people):
    assert ids(application, people.david) == ["nordfrakt"]
    assert ids(application, people.eva) == ["fjallbank", "nordfrakt", "solsidan"]


def test_being_a_reader_elsewhere_adds_nothing_to_the_portfolio(application, people):
    application.change_access(people.eva, GrantAccess(email("david"), "customer_reader", "solsidan"))
    assert ids(application, people.david) == ["nordfrakt"]


def test_a_line_tells_the_facts(application, people, clock):
    action = reviews.Action(what="Send the list", side="provider", due=date(2026, 11, 27))
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("", (action,)))
    clock.pass_days(2)
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    carry_out(application, people.anna, "nordfrakt", retention.SetPeriod("chats", 60))
    [line] = portfolio.lines(application.portfolio(people.david))
    assert (line.on, line.sub_processors, line.third_countries) == ({"speech_analytics"}, 3, 1)
    assert line.places == ("EU/EEA", "USA")
    assert line.days_since_review == 2
    assert [tasks.kind(t) for t in line.tasks] == ["Agreed action", "Coming retention period", "Review"]
    assert line.next_due and line.next_due.date() == date(2026, 11, 27)


def test_charts_count_over_all_customers(application, people):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    carry_out(application, people.henrik, "solsidan", voice=True, speech_analytics=True)
    carry_out(application, people.henrik, "solsidan", retention.SetPeriod("chats", 60))
    lines = portfolio.lines(application.portfolio(people.eva))
    assert portfolio.adoption(lines) == {"voice": 2, "speech_analytics": 1}
    assert portfolio.exposure(lines) == {"EU/EEA": 3, "USA": 1}
    [(line, task)] = portfolio.falling_due(lines)
    assert (line.customer_id, task.due) == ("solsidan", NOW + timedelta(days=7))
