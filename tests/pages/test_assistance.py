"""The page of assistance: which steps each side finds, and what a withdrawn instruction takes with it."""

from __future__ import annotations

from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.agreement import Agreement
from dpa_core.application import Application
from dpa_core.subjects import assistance, features, retention
from tests.conftest import People, SettableClock, carry_out
from tests.pages import alone, as_read, confirm, labels, offered, receipt, shown, visit
from tests.pages.test_requests import field, press
from tests.test_requests import HELP, act

CHANGE = assistance.RequestHelp("change", "Longer chats", "For one team")
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
    act(application, people.eva, assistance.FlagInstruction(instruction, "Against the law", "Art. 5 GDPR"))
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
    number = act(application, people.anna, CHANGE)
    text = withdrawing(application, people, number)
    assert f"Withdrawn with it: **request {number}, Longer chats**." in text


def test_withdrawing_a_hold_releases_it_and_says_from_when_deletion_resumes(
    application: Application, people: People
) -> None:
    held = act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    page = flagged(application, people, held)
    said = shown(press(page, "Withdraw the instruction"))
    assert "Released with it: the legal hold on" in said
    assert "deletion resumes on 1 Dec 2026" in said
    page = confirm(page, "Withdraw")
    assert "Released the legal hold" in receipt(page)


def test_withdrawing_a_lengthening_names_the_period_it_is_set_back_to(
    application: Application, people: People
) -> None:
    longer = act(application, people.anna, retention.SetPeriod("chats", 400, "Audit"))
    text = withdrawing(application, people, longer)
    assert "Set back with it" in text
    assert "365 days" in text


def test_withdrawing_what_was_switched_off_asks_for_the_transfers_again(
    application: Application, people: People
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    off = act(application, people.anna, features.SetFeatures({"speech_analytics": False}))
    page = flagged(application, people, off)
    page = press(page, "Withdraw the instruction")
    assert "Switched on again with it: **Speech Analytics**" in shown(page)
    [box] = [c for c in page.checkbox if "outside the EU and EEA" in c.label]
    page = alone(page, box.check())
    page = confirm(page, "Withdraw")
    assert "Switched on Speech Analytics" in receipt(page)


def test_withdrawing_an_instruction_that_another_has_replaced_says_so(
    application: Application, people: People
) -> None:
    number = carry_out(application, people.anna, "nordfrakt", voice=True).sequence
    act(application, people.anna, features.SetFeatures({"voice": False}))
    assert "Nothing is undone with it." in withdrawing(application, people, number)


def test_only_instructions_are_offered_to_be_flagged_and_the_law_is_named(
    application: Application, people: People
) -> None:
    act(application, people.anna, HELP)
    change = act(application, people.anna, CHANGE)
    hold = act(application, people.anna, retention.PlaceHold("chats", "Dispute"))
    page = press(
        visit("assistance", application, people.eva, "nordfrakt"), "Flag an instruction as infringing the law"
    )
    [choice] = [s for s in page.selectbox if s.label == "Instruction"]
    assert [int(option.split(".")[0]) for option in choice.options] == [hold, change]
    field(page, "Which law").set_value("Art. 5(1)(e) GDPR")
    field(page, "Why it infringes it, in your opinion").set_value("Kept too long")
    page = confirm(page, "Tell the customer")
    for who in (people.eva, people.anna):
        said = shown(visit("assistance", application, who, "nordfrakt"))
        assert "Art. 5(1)(e) GDPR" in as_read(said)
        assert "No legal advice." in said


def test_without_an_instruction_there_is_nothing_to_flag(application: Application, people: People) -> None:
    act(application, people.anna, HELP)
    page = visit("assistance", application, people.eva, "nordfrakt")
    page = press(page, "Flag an instruction as infringing the law")
    assert "no instruction that could be flagged" in shown(page)
    assert next(b for b in page.button if b.label == "Tell the customer").disabled


# --- legal duties --------------------------------------------------------------------------------


def test_a_legal_duty_is_told_and_acknowledged_and_both_sides_see_it(
    application: Application, people: People
) -> None:
    page = press(visit("assistance", application, people.eva, "nordfrakt"), "Tell of a legal duty")
    field(page, "Which law").set_value("Act 2022:482")
    field(page, "What it makes you do with which data").set_value("Traffic data is kept")
    confirm(page, "Tell the customer")
    page = visit("assistance", application, people.anna, "nordfrakt")
    assert "Traffic data is kept" in shown(page)
    page = press(page, "Acknowledge")
    field(page, "What you have to say to it (optional)").set_value("For how long?")
    confirm(page, "Acknowledge")
    said = shown(visit("assistance", application, people.eva, "nordfrakt"))
    assert "Legal duties acknowledged" in said
    assert "For how long?" in said


# --- dates and amounts ---------------------------------------------------------------------------


def test_another_date_is_proposed_and_agreed(application: Application, people: People) -> None:
    act(application, people.anna, HELP)
    page = press(visit("assistance", application, people.eva, "nordfrakt"), "Propose another date")
    [until] = [d for d in page.date_input if d.label == "Answer by the end of"]
    until.set_value(date(2026, 12, 18))
    field(page, "Reason (required)").set_value("Holidays")
    confirm(page, "Propose it")
    page = visit("assistance", application, people.anna, "nordfrakt")
    assert "Answer by 18 Dec 2026" in shown(page)
    page = confirm(press(page, "Answer the date"), "Agree")
    assert "Agreed to the date" in receipt(page)
    said = shown(visit("assistance", application, people.anna, "nordfrakt"))
    assert "The provider’s answer, as agreed on this request" in said
    assert "Due 18 Dec 2026" in said


def test_a_change_is_priced_and_the_price_declined_with_a_reason(
    application: Application, people: People
) -> None:
    act(application, people.anna, CHANGE)
    page = visit("assistance", application, people.eva, "nordfrakt")
    assert {"Accept the change", "Decline the change", "Name a price"} <= set(labels(page))
    assert "Send the answer" not in labels(page)
    page = press(page, "Name a price")
    field(page, "Amount").set_value("12,5")
    field(page, "Currency").set_value("sek")
    field(page, "What for (required)").set_value("Two days")
    page = confirm(page, "Propose it")
    assert "Give a number above 0" in shown(page)
    field(page, "Amount").set_value("12500.50")
    confirm(page, "Propose it")
    page = press(visit("assistance", application, people.anna, "nordfrakt"), "Answer the amount")
    assert "SEK 12,500.50" in shown(page)
    field(page, "Why (required to decline)").set_value("Too much")
    confirm(page, "Decline")
    said = shown(visit("assistance", application, people.eva, "nordfrakt"))
    assert "Too much" in said
    assert "Declined" in said


def test_while_it_waits_for_the_customer_nothing_is_overdue_and_a_late_answer_is(
    application: Application, people: People, clock: SettableClock
) -> None:
    number = act(application, people.anna, HELP)
    act(application, people.eva, assistance.AskCustomer(number, "Which bot?"))
    clock.pass_days(60)
    for who in (people.anna, people.eva):
        said = shown(visit("assistance", application, who, "nordfrakt"))
        assert "Overdue" not in said
        assert "time stands still" in said
    act(application, people.anna, assistance.SendMessage(number, "That"))
    clock.pass_days(60)
    act(application, people.eva, assistance.AnswerRequest(number, "So"))
    assert "Answered late: it was due on" in shown(visit("assistance", application, people.anna, "nordfrakt"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("dpia", "8 Dec 2026** (3.1(ix)), unless another date is agreed."),
        ("data_subject", "The agreement gives no date for this"),
        ("breach", "does not list this help"),
        ("dora_authority", "does not list Sch. 3 1.4(vii)"),
        ("dora_incident", "Free within the standard incident and support processes"),
        ("security", "Reasonable expenses of the provider are reimbursed"),
        ("measures", "reasonable compensation"),
    ],
)
def test_each_kind_says_what_the_agreement_says_of_time_and_cost(
    application: Application, people: People, kind: assistance.RequestKind, said: str
) -> None:
    page = visit("assistance", application, people.anna, "nordfrakt")
    page = field(page, "Kind of help").set_value(kind).run()
    asked = [as_read(c.label) for c in page.checkbox if c.label.startswith("I acknowledge: ")]
    assert said in "\n".join([as_read(shown(page)), *asked])
    assert bool(asked) == bool(assistance.KINDS_OF_HELP[kind].cost)


def test_the_own_month_says_when_it_ends_and_can_be_extended(
    application: Application, people: People
) -> None:
    asked = assistance.RequestHelp(
        "data_subject", "Case 9", "List", ("access",), date(2026, 11, 20), cost_acknowledged=True
    )
    act(application, people.anna, asked)
    page = visit("assistance", application, people.anna, "nordfrakt")
    assert "Due 21 Dec 2026" in shown(page)  # 20 December is a Sunday
    page = press(page, "Extend your own time")
    [informed] = [d for d in page.date_input if d.label == "You told the person on"]
    informed.set_value(date(2026, 11, 24))
    field(page, "Reason (required)").set_value("Many requests")
    confirm(page, "Record it")
    said = shown(visit("assistance", application, people.anna, "nordfrakt"))
    assert "Due 22 Feb 2027" in said  # three months on is a Saturday
    assert "Many requests" in said
