"""The page of sub-processor changes: which steps each side finds, and what is said before they are taken."""

from __future__ import annotations

from datetime import timedelta

from dpa_core.application import Application
from dpa_core.subjects import dates, features, objections, sub_processors
from tests.conftest import NOW, People, SettableClock, carry_out
from tests.pages import confirm, offered, shown, visit
from tests.pages.test_requests import errors, field, press
from tests.test_requests import TALVOX, act, announce, govern


def steps(application: Application, people: People, who: str) -> list[str]:
    return offered("notices", application, getattr(people, who))


# --- a customer's notices ------------------------------------------------------------------------


def test_each_side_finds_its_own_steps_over_an_objection(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    change = announce(application, people, ahead=40)
    assert steps(application, people, "anna") == ["Object*"]
    assert steps(application, people, "eva") == ["Withdraw it"]
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    assert steps(application, people, "anna") == ["Withdraw the objection"]
    others = ["Record a cure as carried out", "Cannot hold it back"]
    assert steps(application, people, "eva") == ["Propose a cure*", *others, "Withdraw it"]
    act(application, people.eva, objections.ProposeCure(change, "An assessment by March"))
    assert steps(application, people, "anna") == ["Answer the cure*", "Withdraw the objection"]
    assert steps(application, people, "eva") == ["Propose a cure", *others, "Withdraw it"]
    clock.pass_days(61)
    unresolved = ["End the affected features*", "Answer the cure", "Withdraw the objection"]
    assert steps(application, people, "anna") == unresolved
    assert steps(application, people, "eva") == ["End the affected features*", "Propose a cure", *others]


def test_features_are_not_ended_where_none_is_on(
    application: Application, people: People, clock: SettableClock
) -> None:
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(61)
    assert steps(application, people, "anna") == ["Accept the change"]
    assert steps(application, people, "eva") == []


def test_a_cure_is_declined_with_a_reason(application: Application, people: People) -> None:
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    act(application, people.eva, objections.ProposeCure(change, "An assessment by March"))
    at = press(visit("notices", application, people.anna, "nordfrakt"), "Answer the cure")
    field(at, "Your answer").set_value(False)
    at = confirm(at, "Answer")
    assert "A reason is missing." in errors(at).replace("\\", "")
    field(at, "Why (needed where you do not accept)").set_value("March is late")
    assert not confirm(at, "Answer").exception
    state = application.open(people.anna, "nordfrakt").state.objections
    assert [m.step for m in state.objections[change].said] == ["", "cure_not_accepted"]


def test_ending_features_shows_which_and_the_sub_processors_that_go(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True, voice=True)
    change = announce(application, people, ahead=40)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(61)
    at = press(visit("notices", application, people.anna, "nordfrakt"), "End the affected features")
    text = shown(at)
    assert "**Speech Analytics** will be switched off at once." in text
    released = text.partition("Sub-processors removed")[2]
    # The change was objected to, so that it does not count for this customer.
    assert "DeepGram" in released
    assert "Talvox" not in released
    assert "Tele2" not in released
    assert not confirm(at, "End these features").exception
    assert application.open(people.anna, "nordfrakt").state.features.on == {"voice"}


def test_features_switched_off_meanwhile_are_not_said_to_go(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(61)
    at = press(visit("notices", application, people.anna, "nordfrakt"), "End the affected features")
    act(application, people.bo, features.SetFeatures({"speech_analytics": False}))
    at = confirm(at, "End these features")
    assert "will be switched off" not in shown(at)
    at = confirm(at, "End these features")
    assert "closed: nothing to end" in errors(at).replace("\\", "")


# --- the provider's drafts -----------------------------------------------------------------------


def test_a_draft_is_published_or_discarded(application: Application, people: People) -> None:
    govern(application, people.eva, TALVOX)
    assert steps(application, people, "eva") == ["Publish*", "Discard"]


def test_a_draft_that_clashes_says_why_it_cannot_be_published(
    application: Application, people: People
) -> None:
    for _ in range(2):
        govern(application, people.eva, TALVOX)
    day = dates.local_day(NOW) + timedelta(days=31)
    govern(application, people.eva, sub_processors.PublishChange(1, day))
    assert steps(application, people, "eva") == ["Discard", "Withdraw it"]
    at = visit("notices", application, people.eva, "nordfrakt")
    assert "Another published change touches the same sub-processor." in errors(at).replace("\\", "")


def test_a_change_is_withdrawn_before_it_counts_and_not_after(
    application: Application, people: People, clock: SettableClock
) -> None:
    announce(application, people)
    assert steps(application, people, "eva") == ["Withdraw it"]
    clock.pass_days(31)
    assert steps(application, people, "eva") == []
