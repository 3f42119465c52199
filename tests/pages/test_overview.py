"""The overview: what waits is named once, whichever subject it comes from."""

from datetime import date

from dpa_core.subjects import objections, retention, reviews
from tests.conftest import carry_out
from tests.pages import shown, visit
from tests.test_requests import AUDIT, HELP, ORDER, act, announce

ACTION = reviews.Action(what="Send the list", side="provider", due=date(2026, 12, 1))


def test_everything_that_waits_is_listed_once(application, people):
    for command in (AUDIT, HELP, ORDER, retention.SetPeriod("chats", 60)):
        act(application, people.anna, command)
    change = announce(application, people)
    carry_out(application, people.david, "nordfrakt", reviews.RecordReview("", (ACTION,)))
    carry_out(application, people.david, "nordfrakt", reviews.ProposeChanges({"voice": True}))
    text = shown(visit("overview", application, people.anna, "nordfrakt"))
    for words in (
        "Be ready for the audit",
        "**Data protection impact assessment",
        "Return of data",
        "Replacement of DeepGram by Talvox",
        "Chats will be kept for 60 days",
        "Agreed action: Send the list",
        "Proposal: Voice on",
    ):
        assert text.count(words) == 1, words
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    text = shown(visit("overview", application, people.anna, "nordfrakt"))
    assert text.count("Replacement of DeepGram by Talvox") == 1
