"""Help asked for, and flagged instructions. Clause: 3.1(i), 3.1(viii), 3.1(ix), 3.1(xiii), Sch. 3 1.4"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dpa_core.agreement import HelpWithoutTime, Target
from dpa_core.subjects import assistance, dates, registry
from dpa_core.subjects.assistance import (
    ASSISTANCE,
    KINDS_OF_HELP,
    OUTCOMES,
    STAGES,
    STATUS,
    AcceptChange,
    AnswerCost,
    AnswerDate,
    AnswerFlag,
    AnswerInPart,
    AnswerRequest,
    AskCustomer,
    Closed,
    CloseRequest,
    DeclineChange,
    ExtendOwnTime,
    FlagInstruction,
    ProposeCost,
    ProposeDate,
    RequestHelp,
    SendMessage,
)
from dpa_core.subjects.common import PROCESSOR, FileRef
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

TODAY = dates.local_day(NOW)
FILE = FileRef(name="flows.pdf", size=9, media_type="application/pdf", sha256="0" * 64)


def entry(number, behalf="nordfrakt", kind="retention.hold_placed", **body):
    """An entry of the ledger, by default an instruction."""
    event = recorded([Closed(request=1, outcome="closed", reason="")], after=number - 1, behalf=behalf)[0]
    return replace(event, kind=kind, body={"v": 1, **body})


class Ledger(Scenario):
    """A customer's ledger, whose first four entries are its instructions and the fifth the provider's."""

    def decided(self, command, side=None):
        number = command.cited_entry
        behalf = "nordfrakt" if number in range(1, 5) else PROCESSOR
        self.facts["cited"] = entry(number, behalf) if number in range(1, 6) else None
        return super().decided(command, side)


def scenario(at=NOW):
    return Ledger(ASSISTANCE, at)


def help_with(kind="dpia", **changes):
    plain = {"title": "Voicebot", "text": "The data flows, please", "cost_acknowledged": True}
    if kind == "data_subject":
        plain |= {"rights": ("access",), "received_on": TODAY}
    return RequestHelp(kind, **(plain | changes))


def request(c, id=1):
    return c.state.requests[id]


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_every_kind_can_be_asked_for_and_cites_a_clause_of_the_agreement(kind):
    c = scenario()
    c.go(help_with(kind))
    assert AGREEMENT.clause(KINDS_OF_HELP[kind].clause)
    assert request(c).status == "waits_for_provider"


@pytest.mark.parametrize(
    ("command", "field", "clause"),
    [
        (help_with("nonsense"), "kind", "3.1(ix)"),
        (help_with(title=""), "title", "3.1(ix)"),
        (help_with(text=" "), "text", "3.1(ix)"),
        (help_with(text="x" * 9_000), "text", "3.1(ix)"),
        (help_with("data_subject", rights=()), "rights", "3.1(viii)"),
        (help_with("data_subject", received_on=None), "received_on", "Art. 12(3) GDPR"),
        (help_with("data_subject", received_on=TODAY + timedelta(days=1)), "received_on", "Art. 12(3) GDPR"),
        (help_with(cost_acknowledged=False), "cost_acknowledged", "3.1(xiii)"),
        (help_with("security", cost_acknowledged=False), "cost_acknowledged", "3.1(xiii)"),
        (help_with("documentation", cost_acknowledged=False), "cost_acknowledged", "3.1(xiii)"),
        (help_with("measures", cost_acknowledged=False), "cost_acknowledged", "3.1(i)"),
        (help_with("dora_incident", cost_acknowledged=False), "cost_acknowledged", "Sch. 3 1.4(vi)"),
    ],
)
def test_what_a_request_must_say(command, field, clause):
    refusal = scenario().refused(command)
    assert (refusal.field, refusal.clause) == (field, clause)


@pytest.mark.parametrize("kind", ["breach", "dora_information", "dora_authority", "change"])
def test_what_the_agreement_lists_no_cost_for_is_asked_for_without_acknowledging_any(kind):
    c = scenario()
    c.go(help_with(kind, cost_acknowledged=False))
    assert request(c).kind == kind
    assert not c.decided(help_with(kind))[0].cost_acknowledged


REIMBURSED = {"3.1(viii)", "3.1(ix)", "3.1(xi)", "3.1(xii)"}
"""What 3.1(xiii) lists."""


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_expenses_are_reimbursed_for_what_the_agreement_lists_and_nothing_else(kind):
    about = KINDS_OF_HELP[kind]
    assert (about.cost == "3.1(xiii)") == (about.clause in REIMBURSED)
    assert about.charge
    assert ("3.1(xiii)" in about.charge) == (about.clause in REIMBURSED or not about.priced)


@pytest.mark.parametrize(
    ("at", "last"),
    [
        (NOW, date(2026, 12, 8)),
        (datetime(2026, 12, 18, 9, tzinfo=UTC), date(2027, 1, 8)),
        (datetime(2026, 6, 12, 9, tzinfo=UTC), date(2026, 6, 29)),  # Midsummer Eve does not count
        (datetime(2027, 3, 22, 9, tzinfo=UTC), date(2027, 4, 7)),  # Easter, and summer time begins
        (datetime(2028, 2, 18, 9, tzinfo=UTC), date(2028, 3, 3)),  # leap day counts
    ],
)
def test_ten_business_days(at, last):
    c = scenario(at)
    c.go(help_with())
    due = assistance.due(request(c), AGREEMENT)
    assert due == dates.end_of(last)
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert task.due == due


@pytest.mark.parametrize(
    ("received", "own"),
    [
        (date(2026, 11, 24), date(2026, 12, 24)),  # Christmas Eve is no public holiday
        (date(2026, 10, 31), date(2026, 11, 30)),
        (date(2026, 10, 28), date(2026, 11, 30)),  # 28 November is a Saturday
    ],
)
def test_the_controllers_own_month_runs_from_when_it_was_asked(received, own):
    c = scenario()
    c.go(help_with("data_subject", received_on=received))
    assert assistance.controller_due(request(c)) == own
    assert [t.clause for t in ASSISTANCE.tasks(c.state, c.context())] == ["3.1(viii)", "Art. 12(3) GDPR"]


def test_a_conversation_from_question_to_close():
    c = scenario()
    c.go(help_with())
    for command, side, status in (
        (AskCustomer(1, "Which flows?"), "provider", "waits_for_customer"),
        (SendMessage(1, "Of calls"), "customer", "waits_for_provider"),
        (AnswerRequest(1, "Attached"), "provider", "answered"),
        (SendMessage(1, "One more"), "customer", "waits_for_provider"),
        (AnswerRequest(1, "Here"), "provider", "answered"),
        (CloseRequest(1), "customer", "closed"),
    ):
        c.go(command, side)
        assert request(c).status == status
    assert [s.side[0] for s in request(c).said] == list("cpcpcpc")
    assert "is closed" in c.refused(SendMessage(1, "Hello?")).message


@pytest.mark.parametrize(
    ("steps", "waits_for", "step", "in_time"),
    [
        ((), "provider", "Answer", True),
        ((AskCustomer(1, "Which?"),), "customer", "Answer the question", False),
        ((AnswerRequest(1, "So"),), "customer", "Close it, or ask further", False),
        ((AnswerInPart(1, "This much"),), "provider", "Answer", True),
    ],
)
def test_what_waits_for_whom(steps, waits_for, step, in_time):
    c = scenario()
    c.go(help_with("dpia"))
    for command in steps:
        c.go(command)
    assert c.open_tasks() == [(waits_for, step)]
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert (task.key, task.clause) == ("assistance/1", "3.1(ix)")
    assert (task.due is not None) == in_time
    assert (task.opened_at, task.by, task.entry) == (NOW, "anna", 1)
    assert ASSISTANCE.title_of(task) == ("Assistance", "Data protection impact assessment: Voicebot")


def test_a_data_subject_waits_for_the_customer_whoever_else_has_a_turn():
    c = scenario()
    c.go(help_with("data_subject"))
    assert c.open_tasks() == [("provider", "Answer"), ("customer", "Your own answer to the data subject")]
    task, own = ASSISTANCE.tasks(c.state, c.context())
    assert (task.key, own.key) == ("assistance/1", "assistance/1/own")
    assert (task.due, own.due) == (None, dates.end_of(date(2026, 12, 24)))
    words = ("Assistance", "Request of a data subject: Voicebot")
    assert (ASSISTANCE.title_of(task), ASSISTANCE.title_of(own)) == (words, words)


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_a_title_is_shown_as_it_was_typed(kind):
    c = scenario()
    c.go(help_with(kind, title="{title} {0} {"))
    task, *_ = ASSISTANCE.tasks(c.state, c.context())
    assert ASSISTANCE.title_of(task)[1] == f"{KINDS_OF_HELP[kind].name}: {{title}} {{0}} {{"


def test_files_of_every_message_are_named():
    c = scenario()
    assert list(ASSISTANCE.files(c.state)) == []
    c.go(help_with(files=(FILE,)))
    c.go(AnswerRequest(1, "Attached", (FILE, FILE)))
    assert list(ASSISTANCE.files(c.state)) == [FILE, FILE, FILE]


@pytest.mark.parametrize("outcome", ["closed", "withdrawn"])
@pytest.mark.parametrize(
    "command",
    [
        SendMessage(1, "Hello?"),
        AskCustomer(1, "Which?"),
        AnswerRequest(1, "So"),
        AnswerInPart(1, "So far"),
        ProposeDate(1, date(2026, 12, 30), "Holidays"),
        ProposeCost(1, "100", "SEK", "Work"),
        AnswerDate(1, True),
        AnswerCost(1, True),
        CloseRequest(1),
    ],
)
def test_nothing_follows_on_what_is_over(outcome, command):
    c = scenario()
    c.go(help_with())
    if outcome == "closed":
        c.go(AnswerRequest(1, "So"))
    c.go(CloseRequest(1))
    assert c.refused(command).message == f"Request 1 is {outcome}."
    assert list(ASSISTANCE.tasks(c.state, c.context())) == []


def test_a_step_of_the_other_side_does_not_fit():
    c = scenario()
    c.go(help_with())
    assert "does not fit" in c.refused(AnswerRequest(1, "So"), "customer").message
    assert "no request 2" in c.refused(CloseRequest(2)).message


def test_every_state_has_a_label_and_a_stage():
    assert set(STATUS) == set(STAGES) == set(get_args(assistance.Status))
    assert set(OUTCOMES) == set(assistance.FLAG_STAGES) == set(get_args(assistance.Outcome))


def test_what_was_not_answered_is_withdrawn_by_closing_it():
    c = scenario()
    c.go(help_with())
    c.go(CloseRequest(1, "Solved it ourselves"))
    assert request(c).status == "withdrawn"


# --- until when --------------------------------------------------------------------------------------


def due(c):
    """The last day on which the provider is in time; None where nothing fixes one."""
    until = assistance.due(request(c), c.agreement)
    return until and dates.local_day(until - TICK)


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_ten_business_days_are_for_3_1_ix_alone(kind):
    c = scenario()
    c.go(help_with(kind))
    within = KINDS_OF_HELP[kind].clause == "3.1(ix)"
    assert within == (kind in ("dpia", "authority", "documentation"))
    assert due(c) == (date(2026, 12, 8) if within else None)
    assert assistance.basis(request(c), AGREEMENT) == ("agreement" if within else "none")


def test_the_providers_own_target_is_marked_as_such_and_nothing_is_late_by_it():
    targets = (Target(id="security", basis="provider_setting", business_days=5),)
    c = Ledger(ASSISTANCE, agreement=AGREEMENT.model_copy(update={"targets": targets}))
    c.go(help_with("security"))
    assert (due(c), assistance.basis(request(c), c.agreement)) == (date(2026, 12, 1), "target")
    assert c.open_tasks() == [("provider", "Answer (the provider’s own target)")]
    c.until(dates.end_of(date(2026, 12, 1)))
    c.go(AnswerRequest(1, "So"))
    assert request(c).late_since is None


def test_a_target_can_be_set_for_help_to_which_the_agreement_gives_no_time():
    without = {k for k, h in KINDS_OF_HELP.items() if h.clause != "3.1(ix)" and not h.changes}
    assert set(get_args(HelpWithoutTime)) == without


@pytest.mark.parametrize("kind", ["dpia", "data_subject"])
def test_another_date_counts_once_the_customer_has_agreed(kind):
    c = scenario()
    c.go(help_with(kind))
    before = due(c)
    c.go(ProposeDate(1, date(2026, 12, 19), "Holidays"))  # a Saturday, if both want it
    assert due(c) == before
    proposed = next(t for t in ASSISTANCE.tasks(c.state, c.context()) if t.key == "assistance/1/date")
    assert (proposed.waits_for, proposed.clause) == ("customer", KINDS_OF_HELP[kind].clause)
    assert (proposed.due, proposed.by, proposed.entry) == (None, "eva", 1)
    assert ASSISTANCE.step_of(proposed) == "Agree to the other date, or decline it"
    c.go(AnswerDate(1, True, "Fine"))
    assert (due(c), assistance.basis(request(c), AGREEMENT)) == (date(2026, 12, 19), "agreed")
    (offer,) = request(c).offers
    assert (offer.outcome, offer.by, offer.answered_by, offer.answer) == ("agreed", "eva", "anna", "Fine")
    assert "proposed for request 1" in c.refused(AnswerDate(1, True)).message


def test_a_date_that_is_declined_or_replaced_changes_nothing_and_stays_on_record():
    c = scenario()
    c.go(help_with())
    c.go(ProposeDate(1, date(2026, 12, 18), "Holidays"))
    c.go(ProposeDate(1, date(2026, 12, 21), "More holidays"))
    refusal = c.refused(AnswerDate(1, False))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(ix)")
    c.go(AnswerDate(1, False, "Too late for us"))
    assert due(c) == date(2026, 12, 8)
    assert [(o.outcome, o.answer) for o in request(c).offers] == [
        ("replaced", ""),
        ("declined", "Too late for us"),
    ]


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (ProposeDate(1, None, "Holidays"), "until"),
        (ProposeDate(1, TODAY - timedelta(days=1), "Holidays"), "until"),
        (ProposeDate(1, date(2026, 12, 8), "Holidays"), "until"),
        (ProposeDate(1, date(2026, 12, 9), " "), "reason"),
    ],
)
def test_another_date_is_to_come_is_another_and_has_a_reason(command, field):
    c = scenario()
    c.go(help_with())
    refusal = c.refused(command)
    assert (refusal.field, refusal.clause) == (field, "3.1(ix)")
    c.go(ProposeDate(1, TODAY, "We are quick"))


def test_a_date_that_nobody_answered_lapses_with_the_answer():
    c = scenario()
    c.go(help_with())
    c.go(ProposeDate(1, date(2026, 12, 18), "Holidays"))
    c.go(AnswerRequest(1, "So"))
    assert [o.outcome for o in request(c).offers] == ["lapsed"]
    assert c.open_tasks() == [("customer", "Close it, or ask further")]


@pytest.mark.parametrize(
    ("asked", "told", "last"),
    [
        (datetime(2026, 11, 25, 9, tzinfo=UTC), datetime(2026, 11, 25, 15, tzinfo=UTC), date(2026, 12, 8)),
        (datetime(2026, 11, 25, 9, tzinfo=UTC), datetime(2026, 11, 26, 15, tzinfo=UTC), date(2026, 12, 9)),
        # From Friday to Sunday no business day passes; to Monday one.
        (datetime(2026, 11, 27, 9, tzinfo=UTC), datetime(2026, 11, 29, 15, tzinfo=UTC), date(2026, 12, 8)),
        (datetime(2026, 11, 27, 9, tzinfo=UTC), datetime(2026, 11, 30, 15, tzinfo=UTC), date(2026, 12, 9)),
    ],
)
def test_while_a_request_waits_for_the_customer_the_providers_days_do_not_count(asked, told, last):
    c = scenario()
    c.go(help_with())
    c.until(asked).go(AskCustomer(1, "Which?"))
    assert due(c) is None
    c.until(told).go(SendMessage(1, "That"))
    assert due(c) == last


def test_a_question_to_the_customer_is_never_overdue_for_the_provider():
    c = scenario()
    c.go(help_with())
    c.go(AskCustomer(1, "Which?"))
    c.until(NOW + timedelta(days=90))
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert (task.waits_for, task.due) == ("customer", None)
    c.go(SendMessage(1, "That"))
    assert assistance.due(request(c), AGREEMENT) > c.now


def test_days_waited_are_added_to_a_date_agreed_before():
    c = scenario()
    c.go(help_with())
    c.go(AskCustomer(1, "Which?"))
    c.until(NOW + timedelta(days=1)).go(SendMessage(1, "That"))  # before the date: no matter
    c.go(ProposeDate(1, date(2026, 12, 18), "Holidays"))
    c.go(AnswerDate(1, True))
    assert due(c) == date(2026, 12, 18)
    c.go(AskCustomer(1, "And that?"))
    c.until(c.now + timedelta(days=1)).go(SendMessage(1, "Yes"))
    assert due(c) == date(2026, 12, 21)


def test_a_partial_answer_does_not_stop_the_clock_nor_take_a_question_back():
    c = scenario()
    c.go(help_with())
    c.go(AnswerInPart(1, "The flows", (FILE,)))
    assert (request(c).status, due(c)) == ("waits_for_provider", date(2026, 12, 8))
    assert request(c).said[-1].step == "answered_in_part"
    c.go(AskCustomer(1, "Which?"))
    c.go(AnswerInPart(1, "And the settings"))
    assert request(c).status == "waits_for_customer"
    (told,) = c.decided(AnswerInPart(1, "More"))
    assert told.describe(AGREEMENT) == "Answered in part request 1"


@pytest.mark.parametrize(
    ("late", "sentence"), [(False, "Answered request 1"), (True, "Answered late request 1")]
)
def test_a_late_answer_is_recorded_as_late(late, sentence):
    c = scenario()
    c.go(help_with())
    over = dates.end_of(date(2026, 12, 8))
    c.until(over if late else over - TICK)
    (told,) = c.decided(AnswerRequest(1, "So"))
    assert (told.overdue_since, told.describe(AGREEMENT)) == (over if late else None, sentence)
    c.go(AnswerRequest(1, "So"))
    assert request(c).late_since == (over if late else None)
    assert request(c).said[-1].step == ("answered_late" if late else "")
    (more,) = c.decided(AnswerRequest(1, "And this"))
    assert more.overdue_since is None  # what is added to an answer


def test_a_question_asked_too_late_does_not_make_the_answer_timely():
    c = scenario()
    c.go(help_with())
    c.until(dates.end_of(date(2026, 12, 9))).go(AskCustomer(1, "Which?"))
    c.go(AnswerRequest(1, "Found it"))
    assert request(c).late_since == dates.end_of(date(2026, 12, 8))


def test_by_a_date_agreed_an_answer_is_late_too():
    c = scenario()
    c.go(help_with("data_subject"))
    c.go(ProposeDate(1, date(2026, 12, 1), "By then"))
    c.go(AnswerDate(1, True))
    c.until(dates.end_of(date(2026, 12, 1))).go(AnswerRequest(1, "So"))
    assert request(c).late_since == dates.end_of(date(2026, 12, 1))


def test_what_is_asked_further_runs_from_then():
    c = scenario()
    c.go(help_with())
    c.go(ProposeDate(1, date(2026, 11, 30), "Soon"))
    c.go(AnswerDate(1, True))
    c.go(AnswerRequest(1, "So"))
    c.until(NOW + timedelta(days=30))  # 24 December, a Thursday
    c.go(SendMessage(1, "And this?"))
    assert due(c) == date(2027, 1, 13)
    assert assistance.basis(request(c), AGREEMENT) == "agreement"


# --- the customer's own month --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("informed", "field"),
    [(None, "informed_on"), (date(2026, 11, 23), "informed_on"), (date(2026, 11, 26), "informed_on")],
)
def test_an_extension_names_the_day_in_the_first_month_on_which_the_person_was_told(informed, field):
    c = scenario(NOW + timedelta(days=1))
    c.go(help_with("data_subject", received_on=TODAY))
    refusal = c.refused(ExtendOwnTime(1, informed, "Many requests"))
    assert (refusal.field, refusal.clause) == (field, "Art. 12(3) GDPR")


@pytest.mark.parametrize(("informed", "allowed"), [(date(2026, 12, 28), True), (date(2026, 12, 29), False)])
def test_the_person_is_told_by_the_end_of_the_first_month(informed, allowed):
    c = scenario(datetime(2026, 12, 30, 9, tzinfo=UTC))
    c.go(help_with("data_subject", received_on=date(2026, 11, 26)))  # 26 December is a holiday, a Saturday
    assert c.attempt(ExtendOwnTime(1, informed, "Many requests")) == allowed


def test_two_further_months_are_the_customers_once_and_with_a_reason():
    c = scenario()
    c.go(help_with("data_subject", received_on=TODAY))
    refusal = c.refused(ExtendOwnTime(1, TODAY, " "))
    assert (refusal.field, refusal.clause) == ("reason", "Art. 12(3) GDPR")
    c.go(ExtendOwnTime(1, TODAY, "Many requests"))
    assert assistance.controller_due(request(c)) == date(2027, 2, 24)
    extension = request(c).extension
    assert (extension.informed_on, extension.reason, extension.by) == (TODAY, "Many requests", "anna")
    assert c.refused(ExtendOwnTime(1, TODAY, "More")).clause == "Art. 12(3) GDPR"
    c.go(help_with("dpia"))
    assert "none of a data subject" in c.refused(ExtendOwnTime(3, TODAY, "More")).message


# --- what it costs -------------------------------------------------------------------------------


def test_an_amount_is_proposed_by_the_provider_and_agreed_by_the_customer():
    c = scenario()
    c.go(help_with("documentation"))
    (told,) = c.decided(ProposeCost(1, " 12 500.5 ", "sek", "Two days of work"))
    assert told.describe(AGREEMENT) == "Proposed SEK 12,500.50 for request 1"
    assert told.model_dump(mode="json")["amount"] == "12500.50"
    c.go(ProposeCost(1, " 12 500.5 ", "sek", "Two days of work"))
    assert request(c).status == "waits_for_provider"
    _, cost = ASSISTANCE.tasks(c.state, c.context())
    assert (cost.key, cost.waits_for, cost.clause) == ("assistance/1/cost", "customer", "3.1(xiii)")
    c.go(AnswerCost(1, True))
    agreed = request(c).agreed("cost")
    assert (agreed.amount, agreed.currency) == (Decimal("12500.50"), "SEK")
    assert (agreed.by, agreed.answered_by, agreed.answered_at) == ("eva", "anna", NOW)
    assert (due(c), len(c.open_tasks())) == (date(2026, 12, 8), 1)


def test_a_declined_amount_has_a_reason_and_another_can_be_proposed_after_the_answer():
    c = scenario()
    c.go(help_with("dpia"))
    c.go(ProposeCost(1, "900", "EUR", "Work"))
    refusal = c.refused(AnswerCost(1, False))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(xiii)")
    c.go(AnswerCost(1, False, "Not agreed before"))
    c.go(AnswerRequest(1, "So"))
    c.go(ProposeCost(1, "400", "EUR", "Work"))
    assert c.open_tasks() == [
        ("customer", "Close it, or ask further"),
        ("customer", "Agree to the amount, or decline it"),
    ]
    c.go(AnswerCost(1, True))
    assert [o.outcome for o in request(c).offers] == ["declined", "agreed"]


@pytest.mark.parametrize("kind", KINDS_OF_HELP)
def test_an_amount_is_named_only_where_the_agreement_knows_a_cost(kind):
    c = scenario()
    c.go(help_with(kind))
    propose = ProposeCost(1, "100", "SEK", "Work")
    if kind in ("breach", "dora_information", "dora_authority"):
        refusal = c.refused(propose)
        assert (refusal.field, refusal.clause) == ("amount", "3.1(xiii)")
        assert KINDS_OF_HELP[kind].clause in refusal.message
    else:
        c.go(propose)
        assert request(c).waiting("cost")


@pytest.mark.parametrize(
    ("amount", "currency", "field"),
    [
        ("", "SEK", "amount"),
        ("0", "SEK", "amount"),
        ("-5", "SEK", "amount"),
        ("1.005", "SEK", "amount"),
        ("1.5", "JPY", "amount"),
        ("1,5", "SEK", "amount"),
        ("NaN", "SEK", "amount"),
        ("Infinity", "SEK", "amount"),
        ("1e12", "SEK", "amount"),
        ("1e999999", "SEK", "amount"),
        ("many", "SEK", "amount"),
        ("5", "", "currency"),
        ("5", "CROWN", "currency"),
    ],
)
def test_an_amount_is_a_sum_in_a_currency(amount, currency, field):
    c = scenario()
    c.go(help_with())
    refusal = c.refused(ProposeCost(1, amount, currency, "Work"))
    assert (refusal.field, refusal.clause) == (field, "3.1(xiii)")


def test_the_largest_and_the_smallest_amount():
    c = scenario()
    c.go(help_with())
    for amount in ("999999999999.99", "0.01"):
        c.go(ProposeCost(1, amount, "SEK", "Work"))
        assert request(c).waiting("cost").amount == Decimal(amount)
    assert c.refused(ProposeCost(1, "5", "SEK", "")).field == "reason"


# --- changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["change", "measures"])
def test_a_change_is_accepted_and_carried_out(kind):
    c = scenario()
    c.go(help_with(kind))
    assert c.open_tasks() == [("provider", "Accept, price or decline the change")]
    for command in (AnswerRequest(1, "Done"), AnswerInPart(1, "Half done")):
        assert "not accepted yet" in c.refused(command).message
    c.go(AcceptChange(1, "Gladly"))
    assert c.open_tasks() == [("provider", "Carry the change out and say so")]
    assert request(c).said[-1].step == "change_accepted"
    for command in (AcceptChange(1), DeclineChange(1, "No")):
        assert c.refused(command).clause == "3.1(i)"
    c.go(AnswerRequest(1, "Done"))
    c.go(CloseRequest(1))
    assert request(c).status == "closed"


def test_a_declined_change_has_a_reason_and_can_be_asked_for_again():
    c = scenario()
    c.go(help_with("change"))
    refusal = c.refused(DeclineChange(1, " "))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(i)")
    c.go(ProposeCost(1, "100", "SEK", "Work"))
    c.go(DeclineChange(1, "Not possible"))
    assert (request(c).status, request(c).said[-1].text) == ("declined", "Not possible")
    assert [o.outcome for o in request(c).offers] == ["lapsed"]
    assert c.open_tasks() == [("customer", "Declined: close it, or ask further")]
    c.go(SendMessage(1, "And so?"))
    assert c.open_tasks() == [("provider", "Accept, price or decline the change")]
    c.go(DeclineChange(1, "Neither"))
    c.go(CloseRequest(1))
    assert request(c).status == "closed"


def test_a_price_is_answered_and_accepts_the_change_or_not():
    c = scenario()
    c.go(help_with("change"))
    c.go(ProposeCost(1, "100", "SEK", "Work"))
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert (task.key, task.waits_for) == ("assistance/1", "customer")
    assert ASSISTANCE.step_of(task) == "Agree to the amount, or decline it"
    refusal = c.refused(AnswerCost(1, False))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(i)")
    c.go(AnswerCost(1, False, "Too much"))
    assert c.open_tasks() == [("provider", "Accept, price or decline the change")]
    c.go(ProposeCost(1, "50", "SEK", "Work"))
    c.go(AnswerCost(1, True))
    assert (request(c).accepted, c.open_tasks()) == (True, [("provider", "Carry the change out and say so")])
    c.go(ProposeCost(1, "10", "SEK", "One thing more"))  # the change stays accepted
    assert request(c).status == "waits_for_provider"
    c.go(AnswerCost(1, False, "No"))
    assert request(c).accepted


def test_a_change_accepted_as_it_is_leaves_no_price_to_answer():
    c = scenario()
    c.go(help_with("change"))
    c.go(ProposeCost(1, "100", "SEK", "Work"))
    c.go(AcceptChange(1))
    assert [o.outcome for o in request(c).offers] == ["lapsed"]
    assert c.open_tasks() == [("provider", "Carry the change out and say so")]


def test_help_is_no_change():
    c = scenario()
    c.go(help_with())
    assert "not for a change" in c.refused(AcceptChange(1)).message
    assert c.refused(DeclineChange(1, "No")).clause == "3.1(i)"


# --- instructions that infringe the law ------------------------------------------------------------


def test_a_flagged_instruction_is_confirmed_with_a_reason_or_withdrawn():
    c = scenario()
    no_opinion = c.refused(FlagInstruction(2, " ", "Art. 9 GDPR"), "provider")
    no_law = c.refused(FlagInstruction(2, "Against the law"), "provider")
    assert (no_opinion.field, no_law.field) == ("opinion", "law")
    assert no_opinion.clause == no_law.clause == "3.1(i)"
    assert c.refused(FlagInstruction(9, "Against the law", "Art. 9"), "provider").field == "instruction"
    c.go(FlagInstruction(2, "Against the law", "Art. 9 GDPR"), "provider")
    assert "flagged already" in c.refused(FlagInstruction(2, "Against the law", "Art. 9"), "provider").message
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert (task.waits_for, task.clause, task.key) == ("customer", "3.1(i)", "assistance/flag-1")
    assert ASSISTANCE.title_of(task) == ("Assistance", "Instruction 2 may infringe the law")
    assert ASSISTANCE.step_of(task) == "Confirm or withdraw it"
    assert (c.state.flags[1].opinion, c.state.flags[1].law) == ("Against the law", "Art. 9 GDPR")
    refusal = c.refused(AnswerFlag(1, True))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(i)")
    c.go(AnswerFlag(1, True, "We have consent"))
    assert c.state.flags[1].outcome == "confirmed"
    assert "No flag waits" in c.refused(AnswerFlag(1, False)).message


@pytest.mark.parametrize(
    ("number", "why"),
    [(0, "no entry has that number"), (5, "the provider wrote it"), (6, "it is still to come")],
)
def test_only_an_instruction_of_the_customer_can_be_flagged(number, why):
    refusal = scenario().refused(FlagInstruction(number, "Against the law", "Art. 9 GDPR"))
    assert refusal.message == f"Entry {number} is no instruction of the customer.", why
    assert (refusal.field, refusal.clause) == ("instruction", "3.1(i)")


KINDS = {kind for subject in registry.OF_CUSTOMER for kind in subject.kinds}


def test_what_sets_features_and_retention_instructs_and_so_does_an_order():
    of_subjects = registry.by_name("features").kinds | registry.by_name("retention").kinds
    assert {*of_subjects, "data_return.ordered"} == assistance.INSTRUCTIONS


@pytest.mark.parametrize(
    ("kind", "body", "instructs"),
    [
        *((kind, {}, True) for kind in sorted(assistance.INSTRUCTIONS)),
        *((kind, {}, False) for kind in sorted(KINDS - assistance.INSTRUCTIONS)),
        *(("assistance.requested", {"request_kind": k}, k in ("change", "measures")) for k in KINDS_OF_HELP),
    ],
)
def test_only_what_instructs_can_be_flagged(kind, body, instructs):
    c = Scenario(ASSISTANCE, cited=entry(3, kind=kind, **body))
    if instructs:
        c.go(FlagInstruction(3, "Against the law", "Art. 9 GDPR"))
        assert c.state.flags[1].instruction == 3
    else:
        refusal = c.refused(FlagInstruction(3, "Against the law", "Art. 9 GDPR"))
        assert (refusal.field, refusal.clause) == ("instruction", "3.1(i)")
    assert not assistance.instructs(entry(3, PROCESSOR, kind, **body))


def test_the_number_of_an_entry_has_no_separators():
    c = scenario()
    old = assistance.FlaggedV1(instruction=1234, what="Switched on Voice", opinion="Art. 9 GDPR")
    c.state = ASSISTANCE.evolve(c.state, recorded([old], behalf=PROCESSOR)[0])
    (task,) = ASSISTANCE.tasks(c.state, c.context())
    assert ASSISTANCE.title_of(task)[1] == "Instruction 1234 may infringe the law"


def test_withdrawing_a_flagged_request_withdraws_it():
    c = scenario()
    c.go(help_with("change"))
    c.go(ProposeDate(1, date(2026, 12, 30), "Holidays"))
    c.go(ProposeCost(1, "100", "SEK", "Work"))
    c.go(FlagInstruction(1, "Against the law", "Art. 5 GDPR"), "provider")
    c.go(AnswerFlag(4, False))
    assert request(c).status == "withdrawn"
    assert [o.outcome for o in request(c).offers] == ["lapsed", "lapsed"]
    assert list(ASSISTANCE.tasks(c.state, c.context())) == []


# --- what was written before -----------------------------------------------------------------------


def raw(c, kind, body, behalf="nordfrakt"):
    """Fold an event as it lies in a ledger; gives it."""
    sequence = c.sequence + 1
    event = replace(entry(sequence, behalf), kind=kind, body=body)
    c.state, c.sequence = ASSISTANCE.evolve(c.state, event), sequence
    return event


@pytest.mark.parametrize(
    ("then", "status", "sentence"),
    [
        ("waits for the provider", "waits_for_provider", "Wrote in request 1"),
        ("waits for you", "waits_for_customer", "Wrote in request 1"),
        ("answered", "answered", "Answered request 1"),
    ],
)
def test_a_message_that_told_its_status_in_words_says_the_same(then, status, sentence):
    c, same = scenario(), scenario()
    c.go(help_with())
    same.go(help_with())
    message = {"request": 1, "text": "So", "files": []}
    old = raw(c, "assistance.said", {"v": 1, "then": then} | message)
    new = raw(same, "assistance.said", {"v": 2, "then": status} | message)
    assert c.state == same.state
    assert request(c).status == status
    assert ASSISTANCE.describe(old, AGREEMENT) == ASSISTANCE.describe(new, AGREEMENT) == sentence


def test_a_flag_that_told_the_instruction_in_words_keeps_them():
    c = scenario()
    body = {"v": 1, "instruction": 2, "what": "Switched on Voice", "opinion": "Art. 9 GDPR"}
    old = raw(c, "assistance.flagged", body, PROCESSOR)
    assert c.state.flags[1].what == "Switched on Voice"
    assert ASSISTANCE.describe(old, AGREEMENT) == (
        "Flagged instruction 2 as infringing the law, in the provider's opinion"
    )
    c.go(AnswerFlag(1, False))
    assert c.state.flags[1].outcome == "withdrawn"


def test_what_is_written_now_holds_no_words_of_the_screen():
    c = scenario()
    c.go(help_with())
    (sent,) = c.decided(AskCustomer(1, "Which?"))
    (flagged,) = c.decided(FlagInstruction(1, "Against the law", "Art. 9 GDPR"))
    assert sent.model_dump() == {
        "v": 2, "request": 1, "text": "Which?", "files": (), "then": "waits_for_customer",
        "partial": False, "overdue_since": None,
    }  # fmt: skip
    assert flagged.model_dump() == {
        "v": 2, "instruction": 1, "opinion": "Against the law", "law": "Art. 9 GDPR",
    }  # fmt: skip


class Requests(RuleBasedStateMachine):
    """No course of steps goes on with what is over, or waits for nobody while it is open."""

    def __init__(self):
        super().__init__()
        self.scenario = scenario()

    @rule(kind=st.sampled_from(list(KINDS_OF_HELP)), cost=st.booleans())
    def ask(self, kind, cost):
        if self.scenario.attempt(help_with(kind, cost_acknowledged=cost), "customer"):
            assert cost or not KINDS_OF_HELP[kind].cost

    @rule(id=st.integers(1, 15), step=st.integers(0, 14))
    def step(self, id, step):
        before = self.scenario.state.requests.get(id)
        flagging = [
            FlagInstruction(id, "Against the law", "Art. 9"),
            AnswerFlag(id, True, "Consent"),
            AnswerFlag(id, False),
        ]
        command = [*flagging, *self.examples(id)][step]
        if self.scenario.attempt(command) and command not in flagging:
            assert before.status not in ("closed", "withdrawn")

    def examples(self, id):
        """One of every step with a request, with nothing wrong in it."""
        today = dates.local_day(self.scenario.now)
        item = self.scenario.state.requests.get(id)
        return [
            SendMessage(id, "And?"),
            AskCustomer(id, "Which?"),
            AnswerRequest(id, "So"),
            AnswerInPart(id, "So far"),
            ProposeDate(id, today + timedelta(days=500), "Holidays"),
            ProposeCost(id, "100", "SEK", "Work"),
            AnswerDate(id, True),
            AnswerCost(id, False, "Too much"),
            AcceptChange(id),
            DeclineChange(id, "Not possible"),
            ExtendOwnTime(id, (item and item.received_on) or today, "Complex"),
            CloseRequest(id),
        ]

    @rule(days=st.integers(1, 30))
    def time_passes(self, days):
        self.scenario.until(self.scenario.now + timedelta(days=days))

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for r in self.scenario.state.requests.values():
            self.scenario.check_steps(r, self.examples(r.id))
        for f in self.scenario.state.flags.values():
            self.scenario.check_steps(f, [AnswerFlag(f.id, True, "Consent")])
            self.scenario.check_steps(f, [AnswerFlag(f.id, False)])

    @invariant()
    def whatever_is_open_waits_for_someone(self):
        keys = {t.key for t in ASSISTANCE.tasks(self.scenario.state, self.scenario.context())}
        for r in self.scenario.state.requests.values():
            over = r.status in ("closed", "withdrawn")
            assert (f"assistance/{r.id}" in keys) != over
            waiting = {o.kind for o in r.offers if o.outcome == "waits"}
            assert sum(o.outcome == "waits" for o in r.offers) == len(waiting)
            assert not (over and waiting)

    @invariant()
    def the_provider_is_overdue_only_while_it_is_its_turn(self):
        for r in self.scenario.state.requests.values():
            until = assistance.due(r, AGREEMENT)
            assert until is None or r.status == "waits_for_provider"
            paused = [p for p in r.pauses if p.until is None]
            assert bool(paused) == (r.status == "waits_for_customer")
            if until and not r.agreed("date"):
                assert KINDS_OF_HELP[r.kind].clause == "3.1(ix)"
                assert until >= dates.business_days_later(r.at, 10)

    @invariant()
    def flags_wait_until_they_are_answered(self):
        keys = {t.key for t in ASSISTANCE.tasks(self.scenario.state, self.scenario.context())}
        for f in self.scenario.state.flags.values():
            assert (f"assistance/flag-{f.id}" in keys) == (f.outcome == "open")


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=40, stateful_step_count=25)
