"""The overview: what waits is named once, whichever part of the customer's matters it comes from."""

from datetime import date

from dpa_core.subjects import retention, reviews, sub_processors
from tests.conftest import carry_out
from tests.pages import shown, visit
from tests.test_requests import AUDIT, HELP, ORDER, act, announce

ACTION = reviews.Action(what="Send the list", side="provider", due=date(2026, 12, 1))


def test_everything_that_waits_is_listed_once(office, people):
    for command in (AUDIT, HELP, ORDER, retention.SetPeriod("chats", 60)):
        act(office, people.anna, command)
    change = announce(office, people)
    carry_out(office, people.david, "nordfrakt", reviews.Hold("", (ACTION,)))
    carry_out(office, people.david, "nordfrakt", reviews.Propose({"voice": True}))
    text = shown(visit("overview", office, people.anna, "nordfrakt"))
    for words in (
        "Accept the dates",
        "**Data protection impact assessment",
        "Return of data",
        "Replacement of DeepGram by Talvox",
        "Chats will be kept for 60 days",
        "Agreed action: Send the list",
        "Proposal: Voice on",
    ):
        assert text.count(words) == 1, words
    act(office, people.anna, sub_processors.Object(change, "No assessment", True))
    text = shown(visit("overview", office, people.anna, "nordfrakt"))
    assert text.count("Replacement of DeepGram by Talvox") == 1
