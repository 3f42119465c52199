"""Laws that oblige the provider, told to the customer. Clause: 3.1(i)"""

from dpa_core.subjects.legal_duties import LEGAL_DUTIES, AcknowledgeDuty, TellLegalDuty
from tests.conftest import NOW
from tests.subjects.scenario import Scenario

TELL = TellLegalDuty("Act 2022:482, chapter 9", "Traffic data of calls is kept for six months")


def scenario():
    return Scenario(LEGAL_DUTIES)


def test_a_notice_names_the_law_and_what_it_requires():
    c = scenario()
    no_law, nothing = c.refused(TellLegalDuty(" ", "Kept")), c.refused(TellLegalDuty("Act", " "))
    assert (no_law.field, nothing.field) == ("law", "what")
    assert no_law.clause == nothing.clause == "3.1(i)"
    assert c.refused(TellLegalDuty("x" * 201, "Kept")).field == "law"


def test_a_notice_waits_for_the_customer_to_acknowledge_it():
    c = scenario()
    number = c.go(TELL)
    (task,) = LEGAL_DUTIES.tasks(c.state, c.context())
    assert (task.key, task.waits_for, task.clause, task.due) == ("legal_duties/1", "customer", "3.1(i)", None)
    assert (task.opened_at, task.by, task.entry) == (NOW, "eva", number)
    assert LEGAL_DUTIES.title_of(task)[1] == "Processing that a law requires: Act 2022:482, chapter 9"
    c.check_steps(c.state.duties[number], [AcknowledgeDuty(number)])
    c.go(AcknowledgeDuty(number, "For how long?"))
    duty = c.state.duties[number]
    assert (duty.acknowledged_at, duty.acknowledged_by, duty.remark) == (NOW, "anna", "For how long?")
    assert c.open_tasks() == []
    c.check_steps(duty, [AcknowledgeDuty(number)])


def test_only_a_notice_that_waits_can_be_acknowledged():
    c = scenario()
    assert c.refused(AcknowledgeDuty(1)).clause == "3.1(i)"
    c.go(TELL)
    assert c.refused(AcknowledgeDuty(1, "x" * 2_001)).field == "reason"
    c.go(AcknowledgeDuty(1))
    refusal = c.refused(AcknowledgeDuty(1))
    assert (refusal.field, refusal.clause) == ("duty", "3.1(i)")


def test_what_was_acknowledged_leaves_the_state():
    c = scenario()
    c.go(TELL)
    (shelf,) = LEGAL_DUTIES.shelves
    assert not shelf.settled(c.state.duties[1], c.state)
    c.go(AcknowledgeDuty(1))
    assert shelf.settled(c.state.duties[1], c.state)
    assert LEGAL_DUTIES.touches(AcknowledgeDuty(1), c.state) == {"duties": (1,)}
