"""The page of assistance: which steps each side finds, and what a withdrawn instruction takes with it."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from dpa_core.agreement import Agreement
from dpa_core.application import Application
from dpa_core.subjects import assistance, features, retention
from tests.conftest import People, carry_out
from tests.pages import labels, offered, shown, visit
from tests.pages.test_requests import press
from tests.test_requests import HELP, act

STEPS = ("Send", "Send the answer", "Ask the customer", "Close the request", "Withdraw the request")


def steps(application: Application, people: People, who: str) -> list[str]:
    return offered("assistance", application, getattr(people, who), STEPS)


# --- requests ------------------------------------------------------------------------------------


def test_each_side_finds_its_own_steps_from_question_to_close(
    application: Application, people: People
) -> None:
    number = act(application, people.anna, HELP)
    assert steps(application, people, "anna") == ["Send", "Withdraw the request"]
    assert steps(application, people, "eva") == ["Send the answer*", "Ask the customer"]
    act(application, people.eva, assistance.AskCustomer(number, "Which bot?"))
    assert steps(application, people, "anna") == ["Send*", "Withdraw the request"]
    assert steps(application, people, "eva") == ["Send the answer", "Ask the customer"]
    act(application, people.eva, assistance.AnswerRequest(number, "This"))
    assert steps(application, people, "anna") == ["Close the request*", "Send"]
    act(application, people.anna, assistance.CloseRequest(number))
    assert steps(application, people, "anna") == steps(application, people, "eva") == []


# --- flags ---------------------------------------------------------------------------------------


def flagged(application: Application, people: People, instruction: int) -> AppTest:
    act(application, people.eva, assistance.FlagInstruction(instruction, "Art. 5 GDPR"))
    return visit("assistance", application, people.anna, "nordfrakt")


def withdrawing(application: Application, people: People, instruction: int) -> str:
    """What the dialog says that goes with an instruction that is withdrawn."""
    page = flagged(application, people, instruction)
    before = shown(page).splitlines()
    lines = shown(press(page, "Withdraw the instruction")).splitlines()
    return "\n".join(line for line in lines if line not in before).replace("\\", "")


def test_a_flag_tells_its_instruction_in_words(application: Application, people: People) -> None:
    number = carry_out(application, people.anna, "nordfrakt", voice=True).sequence
    assert "Switched on Voice" in shown(flagged(application, people, number))
    assert "Confirm the instruction" not in labels(visit("assistance", application, people.eva, "nordfrakt"))


def test_withdrawing_names_the_shortening_that_is_cancelled(
    application: Application, people: People, agreement: Agreement
) -> None:
    names = {t.id: t.name for t in agreement.retention.data_types}
    act(application, people.anna, retention.SetPeriod("emails", 60))
    text = withdrawing(application, people, act(application, people.anna, retention.SetPeriod("chats", 60)))
    assert f"Cancelled with it: the shortening of **{names['chats']}**" in text
    assert names["emails"] not in text
    assert "Switched off with it" not in text


def test_withdrawing_shows_the_features_that_go_off_and_their_sub_processors(
    application: Application, people: People
) -> None:
    number = carry_out(application, people.anna, "nordfrakt", voice=True, speech_analytics=True).sequence
    act(application, people.anna, features.SetFeatures({"speech_analytics": False}))
    text = withdrawing(application, people, number)
    assert "Switched off with it: **Voice**." in text
    released = text.partition("Sub-processors removed")[2]
    assert "Tele2" in released
    assert "DeepGram" not in released


def test_withdrawing_a_request_says_so(application: Application, people: People) -> None:
    number = act(application, people.anna, HELP)
    text = withdrawing(application, people, number)
    assert f"Withdrawn with it: **request {number}, Voicebot**." in text


def test_withdrawing_what_leaves_nothing_to_undo_says_so(application: Application, people: People) -> None:
    held = act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    assert "Nothing is undone with it." in withdrawing(application, people, held)
