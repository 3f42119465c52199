"""All customers of an account manager, each in a line."""

from datetime import date, timedelta

import pytest

from dpa_core.access import Forbidden
from dpa_core.subjects import retention, reviews
from dpa_core.subjects.grants import GrantAccess
from dpa_core.views import portfolio
from tests.conftest import NOW, carry_out, email


def ids(office, person):
    return [line.customer_id for line in portfolio.lines(office.portfolio(person))]


@pytest.mark.parametrize("name", ["anna", "clara", "henrik", "farid"])
def test_it_is_for_the_provider_only(office, people, name):
    with pytest.raises(Forbidden):
        office.portfolio(getattr(people, name))


def test_an_account_manager_sees_own_customers_and_an_officer_all(office, people):
    assert ids(office, people.david) == ["nordfrakt"]
    assert ids(office, people.eva) == ["fjallbank", "nordfrakt", "solsidan"]


def test_being_a_reader_elsewhere_adds_nothing_to_the_portfolio(office, people):
    office.change_access(people.eva, GrantAccess(email("david"), "customer_reader", "solsidan"))
    assert ids(office, people.david) == ["nordfrakt"]


def test_a_line_tells_the_facts(office, people, clock):
    action = reviews.Action(what="Send the list", side="provider", due=date(2026, 11, 27))
    carry_out(office, people.david, "nordfrakt", reviews.Hold("", (action,)))
    clock.pass_days(2)
    carry_out(office, people.anna, "nordfrakt", speech_analytics=True)
    carry_out(office, people.anna, "nordfrakt", retention.SetPeriod("chats", 60))
    [line] = portfolio.lines(office.portfolio(people.david))
    assert (line.on, line.sub_processors, line.third_countries) == ({"speech_analytics"}, 3, 1)
    assert line.places == ("EU/EEA", "USA")
    assert line.days_since_review == 2
    assert [i.kind for i in line.open_items] == ["Agreed action", "Coming retention period", "Review"]
    assert line.next_due and line.next_due.date() == date(2026, 11, 27)


def test_charts_count_over_all_customers(office, people):
    carry_out(office, people.anna, "nordfrakt", voice=True)
    carry_out(office, people.henrik, "solsidan", voice=True, speech_analytics=True)
    carry_out(office, people.henrik, "solsidan", retention.SetPeriod("chats", 60))
    lines = portfolio.lines(office.portfolio(people.eva))
    assert portfolio.adoption(lines) == {"voice": 2, "speech_analytics": 1}
    assert portfolio.exposure(lines) == {"EU/EEA": 3, "USA": 1}
    [(line, item)] = portfolio.falling_due(lines)
    assert (line.customer_id, item.due_at) == ("solsidan", NOW + timedelta(days=7))


def test_a_state_of_an_older_shape_is_folded_anew(office, people):
    carry_out(office, people.anna, "nordfrakt", voice=True)
    carry_out(office, people.eva, "nordfrakt", reviews.Propose({"voicebot": True}))
    lines = portfolio.lines(office.portfolio(people.david))
    with office.ledger._cursor() as cursor:
        cursor.execute("UPDATE heads SET state_schema = 0, state = replace(state, 'voice', 'x')")
    assert portfolio.lines(office.portfolio(people.david)) == lines
