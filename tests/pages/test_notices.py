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
    assert steps(application, people, "eva") == ["Correct the notice", "Withdraw it"]
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    assert steps(application, people, "anna") == ["Withdraw the objection"]
    others = ["Record a cure as carried out", "Cannot hold it back"]
    assert steps(application, people, "eva") == [
        "Propose a cure*",
        *others,
        "Correct the notice",
        "Withdraw it",
    ]
    act(application, people.eva, objections.ProposeCure(change, "An assessment by March"))
    assert steps(application, people, "anna") == ["Answer the cure*", "Withdraw the objection"]
    assert steps(application, people, "eva") == [
        "Propose a cure",
        *others,
        "Correct the notice",
        "Withdraw it",
    ]
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


def test_the_last_day_to_object_is_no_duty_and_the_answer_to_a_cure_says_what_it_brings(
    application: Application, people: People
) -> None:
    change = announce(application, people, ahead=40)
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "Objections until 24 Dec 2026" in text
    assert "Due " not in text
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    act(application, people.eva, objections.ProposeCure(change, "An assessment by March"))
    at = visit("notices", application, people.anna, "nordfrakt")
    assert "A way out until 23 Jan 2027" in shown(at)
    text = shown(press(at, "Answer the cure"))
    assert "the change counts for you from 3 Jan 2027 on" in text
    assert "at the provider’s discretion" in text


def test_a_step_over_a_published_change_names_it(application: Application, people: People) -> None:
    announce(application, people)
    for step in ("Correct the notice", "Withdraw it"):
        dialog = press(visit("notices", application, people.eva, "nordfrakt"), step)
        assert "**Replacement of DeepGram by Talvox**\n" in shown(dialog)


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
    assert steps(application, people, "eva") == ["Publish*", "Edit", "Discard"]


def test_a_draft_that_clashes_says_why_it_cannot_be_published(
    application: Application, people: People
) -> None:
    for _ in range(2):
        govern(application, people.eva, TALVOX)
    day = dates.local_day(NOW) + timedelta(days=31)
    govern(application, people.eva, sub_processors.PublishChange(1, day))
    assert steps(application, people, "eva") == ["Edit", "Discard", "Correct the notice", "Withdraw it"]
    at = visit("notices", application, people.eva, "nordfrakt")
    assert "Another published change touches the same sub-processor." in errors(at).replace("\\", "")


def test_a_change_is_withdrawn_before_it_counts_and_not_after(
    application: Application, people: People, clock: SettableClock
) -> None:
    announce(application, people)
    assert steps(application, people, "eva") == ["Correct the notice", "Withdraw it"]
    clock.pass_days(31)
    assert steps(application, people, "eva") == []


def test_a_draft_is_worked_over_with_what_it_says_already(application: Application, people: People) -> None:
    govern(application, people.eva, TALVOX)
    at = press(visit("notices", application, people.eva, "nordfrakt"), "Edit")
    assert field(at, "Name of the new sub-processor").value == "Talvox"
    assert field(at, "Places").value == ["eu_eea"]
    field(at, "Purpose").set_value("Speech to text")
    assert not confirm(at, "Save the draft").exception
    (draft,) = application.open_provider(people.eva).state.sub_processors.drafts.values()
    assert (draft.id, draft.change.entry and draft.change.entry.purpose) == (1, "Speech to text")


def test_a_notice_is_sent_again_with_a_correction(
    application: Application, people: People, clock: SettableClock
) -> None:
    change = announce(application, people)
    clock.pass_days(5)
    at = press(visit("notices", application, people.eva, "nordfrakt"), "Correct the notice")
    field(at, "Purpose").set_value("Speech to text")
    at = confirm(at, "Send it again")
    assert "What was wrong" in errors(at)
    field(at, "What was wrong, as customers will read it").set_value("The purpose was wrong")
    assert not confirm(at, "Send it again").exception
    published = application.open_provider(people.eva).state.sub_processors.published[change]
    assert published.correction == "The purpose was wrong"
    assert published.told_on() == dates.local_day(clock.now())
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "Sent again with a correction; first sent 24 Nov 2026." in text
    assert "The purpose was wrong" in text


# --- wherever someone decides --------------------------------------------------------------------

AHEAD = "From 25 Dec 2026 DeepGram is replaced by Talvox (EU/EEA); you may object until 24 Dec 2026."


def test_what_is_announced_is_said_on_the_card_in_the_dialog_and_in_the_list(
    application: Application, people: People
) -> None:
    announce(application, people)
    for page in ("features", "sub_processors"):
        assert AHEAD in shown(visit(page, application, people.anna, "nordfrakt"))
    at = visit("features", application, people.anna, "nordfrakt")
    switch = next(t for t in at.toggle if "Speech Analytics" in t.label)
    switch.set_value(True)
    at.run()
    assert "Sub-processors added" in shown(at)
    assert AHEAD in shown(at)


def test_a_disputed_change_counts_for_others_and_what_is_suspended_says_so(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(32)
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "not for you, as you object; for others since **25 Dec 2026**" in text
    assert "for you DeepGram stays" in text
    listed = shown(visit("sub_processors", application, people.anna, "nordfrakt"))
    assert "From 25 Dec 2026 on it counts for others, not for you." in listed
    act(application, people.eva, objections.CannotHoldBack(change, "One list for all"))
    card = shown(visit("features", application, people.anna, "nordfrakt"))
    assert "On, suspended" in card
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "do not run until the matter is settled" in text


def test_what_was_ended_is_switched_on_together_with_accepting_the_change(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    clock.pass_days(61)
    act(application, people.anna, objections.EndFeatures(change))
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "**This touched you:** Speech Analytics ended over it." in text
    assert "Before" in text
    at = visit("features", application, people.anna, "nordfrakt")
    next(t for t in at.toggle if "Speech Analytics" in t.label).set_value(True)
    at.run()
    (transfer,) = [c for c in at.checkbox if "acknowledge" in c.label]
    (accept,) = [c for c in at.checkbox if "I accept what we objected to" in c.label]
    transfer.check()
    at = confirm(at, "Confirm instruction")
    assert "can be switched on only together with accepting that" in errors(at)
    (accept,) = [c for c in at.checkbox if "I accept what we objected to" in c.label]
    accept.check()
    at = confirm(at, "Confirm instruction")
    assert not errors(at)
    file = application.open(people.anna, "nordfrakt")
    assert file.context.in_use == {"speech_analytics"}
    assert file.state.objections.unaccepted == ()


def test_a_sub_processor_that_a_change_brought_in_is_engaged_by_it(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    announce(application, people)
    clock.pass_days(32)
    at = visit("sub_processors", application, people.anna, "nordfrakt")
    at.query_params["sub_processor"] = "s_talvox"
    text = shown(at.run())
    assert "Engaged since 25 Dec 2026, by a change of the list: Replacement of DeepGram by Talvox." in text
    assert "does not touch your data" not in text
