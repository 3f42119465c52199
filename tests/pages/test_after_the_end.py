"""Every page says that an agreement ends or has ended, and nothing is switched on after. Clause: 3.1(xi)"""

from datetime import timedelta

import pytest

from dpa_core.subjects import data_return, dates, reviews
from tests.conftest import NOW, carry_out
from tests.pages import LISTED, alone, confirm, shown, visit
from tests.pages.test_requests import field, press
from tests.pages.test_sign_in_again import opened
from tests.test_requests import act

LAST = dates.local_day(NOW) + timedelta(days=3)
OF_CUSTOMER = sorted(set(LISTED) - {"desk", "portfolio", "access_log"})


@pytest.fixture
def ending(application, people):
    """Nordfrakt's agreement ends in three days; a feature is on."""
    carry_out(application, people.anna, "nordfrakt", voice=True, speech_analytics=True)
    act(application, people.eva, data_return.Terminate(LAST, "Notice of termination"))


def portfolio_line(application, people):
    at = visit("portfolio", application, people.eva, "nordfrakt")
    return at.dataframe[0].value.set_index("Customer").loc["Nordfrakt Logistik AB"]


@pytest.mark.parametrize("page", OF_CUSTOMER)
def test_every_page_of_the_customer_says_when_it_ends_and_that_it_has_ended(
    application, people, clock, ending, page
):
    clock.at = dates.end_of(LAST) - timedelta(seconds=1)
    at = visit(page, application, people.eva, "nordfrakt")
    assert not at.exception
    assert "Ends on 27 Nov 2026" in shown(at)
    clock.at = dates.end_of(LAST)
    at = visit(page, application, people.anna, "nordfrakt")
    assert not at.exception
    assert "Ended on 27 Nov 2026" in shown(at)


def test_the_portfolio_shows_how_an_agreement_stands_and_counts_nothing_after_it(
    application, people, clock, ending
):
    line = portfolio_line(application, people)
    assert (line["Agreement"], line["Features on"], line["Sub-processors"]) == ("Ends on 27 Nov 2026", 2, 7)
    clock.at = dates.end_of(LAST)
    line = portfolio_line(application, people)
    assert (line["Agreement"], line["Features on"], line["Sub-processors"]) == ("Ended on 27 Nov 2026", 0, 1)
    clock.pass_days(15)
    end = application.open(people.eva, "nordfrakt").state.data_return.termination
    act(application, people.eva, data_return.RecordDeletion(end.sequence, dates.local_day(clock.now())))
    line = portfolio_line(application, people)
    assert (line["Sub-processors"], line["Delivery from outside EU/EEA"]) == (0, 0)
    at = visit("portfolio", application, people.eva, "nordfrakt")
    others = at.dataframe[0].value.set_index("Customer").loc["Solsidan AB"]
    assert (others["Agreement"], others["Sub-processors"]) == ("In force", 1)
    assert application.verify() == []


def test_the_overview_and_the_sub_processors_follow_the_end_and_the_deletion(
    application, people, clock, ending
):
    clock.at = dates.end_of(LAST)
    at = visit("overview", application, people.clara, "nordfrakt")
    assert [m.value for m in at.metric][:2] == ["0 of 9", "1 of 11"]
    assert "Every feature is off" in shown(at)
    clock.pass_days(15)
    end = application.open(people.eva, "nordfrakt").state.data_return.termination
    act(application, people.eva, data_return.RecordDeletion(end.sequence, dates.local_day(clock.now())))
    at = visit("overview", application, people.clara, "nordfrakt")
    assert [m.value for m in at.metric][:3] == ["0 of 9", "0 of 11", "0"]
    assert "no sub-processor is engaged any more" in shown(at)


def test_no_switch_can_be_moved_after_the_end(application, people, clock, ending):
    clock.at = dates.end_of(LAST)
    for page in ("features", "what_if"):
        at = visit(page, application, people.anna, "nordfrakt")
        assert not at.exception
        assert [(t.value, t.disabled) for t in at.toggle] == [(False, True)] * 9
    assert "Off since the end of the agreement, 27 Nov 2026" in shown(
        visit("features", application, people.anna, "nordfrakt")
    )


def test_a_proposal_left_over_can_only_be_rejected(application, people, clock, ending):
    act(application, people.david, reviews.ProposeChanges({"voicebot": True}))
    clock.at = dates.end_of(LAST)
    at = press(visit("review", application, people.anna, "nordfrakt"), "Look at it and answer")
    assert not at.exception
    assert "Voicebot cannot be switched on any more" in at.error[0].value
    assert [b.disabled for b in at.button if b.label == "Accept as an instruction"] == [True]
    field(at, "Reason (required to reject)").set_value("It is over")
    confirm(at, "Reject")
    [proposal] = application.open(people.anna, "nordfrakt").closed.page(
        "reviews.proposals", reviews.Proposal, 5
    )
    assert proposal.answer == "rejected"


def test_who_ended_it_and_why_and_that_a_return_can_still_be_asked_for(application, people, clock, ending):
    at = visit("data_return", application, people.anna, "nordfrakt")
    said = shown(at)
    for words in ("The agreement ends on 27 Nov 2026", "Recorded for the provider", "Notice of termination"):
        assert words in said
    assert "Until then everything works as before." in said
    clock.at = dates.end_of(LAST + timedelta(days=14))
    said = shown(visit("data_return", application, people.anna, "nordfrakt"))
    assert "it takes no right away (our reading)" in said
    assert "Assumed since 12 Dec 2026, 00:00" in said


def test_an_end_in_the_past_is_recorded_and_a_wrong_one_corrected(application, people, clock):
    clock.pass_days(30)
    past = dates.local_day(clock.now()) - timedelta(days=20)
    at = press(visit("data_return", application, people.eva, "nordfrakt"), "Record the end of the agreement")
    at = alone(at, at.date_input[0].set_value(past))
    assert "deletion is assumed at once" in shown(at)
    field(at, "Reason").set_value("Notice, entered late")
    confirm(at, "Record the end")
    assert application.open(people.eva, "nordfrakt").context.ended == past
    at = press(visit("data_return", application, people.eva, "nordfrakt"), "Correct the end of the agreement")
    at = confirm(at, "Correct the end")
    assert "is the last day that is recorded" in at.error[0].value
    at = alone(at, at.checkbox[0].check())
    at = confirm(at, "Correct the end")
    assert "reason is missing" in at.error[0].value.lower()
    field(at, "Reason").set_value("Of another customer")
    confirm(at, "Correct the end")
    assert application.open(people.eva, "nordfrakt").context.ends_on is None


def test_only_the_provider_records_or_corrects_an_end(application, people, ending):
    at = visit("data_return", application, people.anna, "nordfrakt")
    assert "Correct the end of the agreement" not in [b.label for b in at.button]


def test_the_choice_of_customers_says_so_too(application, people, clock, monkeypatch, ending):
    at = opened(application, monkeypatch, "eva", {"customer": "solsidan"})
    (choice,) = [s for s in at.sidebar.selectbox if s.label == "Customer"]
    assert "Nordfrakt Logistik AB (Ends on 27 Nov 2026)" in choice.options
    assert application.ends(people.anna, ["nordfrakt", "solsidan"]) == {"nordfrakt": LAST}
    assert application.ends(people.farid, ["nordfrakt"]) == {}
