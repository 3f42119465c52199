"""The history: searched, filtered and shown a page at a time."""

import pytest

from dpa_core.subjects import retention, reviews
from dpa_core.views.history import History, Search
from tests.conftest import carry_out
from tests.pages import shown, visit


@pytest.fixture
def long(application, people):
    for turn in range(59):
        carry_out(application, people.anna, "nordfrakt", voice=turn % 2 == 0)
    carry_out(application, people.anna, "nordfrakt", retention.SetPeriod("chats", 60, "We decided"))


def numbers(at):
    return list(at.dataframe[0].value["No."])


def test_a_page_of_fifty_and_the_way_to_the_others(application, people, long):
    at = visit("history", application, people.anna, "nordfrakt")
    assert numbers(at) == list(range(61, 11, -1))
    assert "1 to 50 of 61 entries" in shown(at)
    at = at.button(key="history.next").click().run()
    assert numbers(at) == list(range(11, 0, -1))
    assert at.button(key="history.next").disabled
    at = at.button(key="history.previous").click().run()
    assert numbers(at)[0] == 61


def test_a_search_begins_on_its_first_page_and_says_how_many_it_found(application, people, long):
    at = visit("history", application, people.anna, "nordfrakt")
    at = at.button(key="history.next").click().run()
    at = at.text_input(key="history.text").set_value("switched ON voice").run()
    assert numbers(at) == list(range(60, 0, -2))
    assert "30 of 61 entries found" in shown(at)
    at = at.multiselect(key="history.subjects").set_value(["Retention"]).run()
    assert "No entry matches" in shown(at)
    at = at.text_input(key="history.text").set_value("we DECIDED").run()
    assert numbers(at) == [61]


def test_filters_go_together_and_the_past_ends_at_its_moment(application, people, clock, long):
    then = clock.now()
    clock.pass_days(10)
    carry_out(application, people.eva, "nordfrakt", reviews.ProposeChanges({"speech_analytics": True}))
    file = application.open(people.anna, "nordfrakt")
    assert History(file).number() == 62
    recent = Search(since=clock.now().replace(hour=0))
    assert [i.sequence for i in History(file, recent).page(10)] == [62]
    who = Search(actors=(file.who(people.eva.id),))
    assert [i.sequence for i in History(file, who).page(10)] == [62]
    both = Search("chats", ("Retention",), (file.who(people.anna.id),))
    assert [i.sequence for i in History(file, both).page(10)] == [61]
    past = application.open(people.anna, "nordfrakt", then)
    assert History(past).number() == 61
    assert [i.sequence for i in History(past).all()] == list(range(61, 0, -1))
