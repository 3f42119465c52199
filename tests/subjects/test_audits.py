"""Audits of the provider. Clause: 3.1(xii), Sch. 3 1.2; cost: 3.1(xiii)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import audits, dates
from dpa_core.subjects.audits import (
    AcceptAudit,
    AgreeDates,
    AnswerContest,
    CloseFinding,
    ContestCause,
    FileReport,
    KeepDates,
    NameAuditor,
    NewFinding,
    ProposeDates,
    RefuseAuditor,
    RequestAudit,
    WithdrawAudit,
    status,
)
from dpa_core.subjects.common import FileRef
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

FIRST, LATER = date(2027, 1, 25), date(2027, 2, 1)
REPORT = FileRef(name="report.pdf", size=9, media_type="application/pdf", sha256="0" * 64)


def scenario(at=NOW):
    return Scenario(audits.AUDITS, at)


def asked(first=date(2027, 1, 25), last=None, **changes):
    """A notice that nothing is wrong with, for a Monday 62 days after NOW."""
    plain = RequestAudit(first, last or first, "Access rights", "Anna", cost_acknowledged=True)
    return replace(plain, **changes)


def the(scenario, id=1):
    return scenario.state.audits[id]


def stands(scenario, id=1):
    return status(the(scenario, id), scenario.now)


# --- notice --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_at", "earliest"),
    [
        (NOW, date(2027, 1, 25)),  # the day after 60 days is Sunday 24 January
        (datetime(2026, 11, 26, 9, tzinfo=UTC), date(2027, 1, 26)),  # ... is that Tuesday
        (datetime(2026, 10, 25, 9, tzinfo=UTC), date(2026, 12, 28)),  # ... is Christmas Day
        (datetime(2026, 11, 6, 9, tzinfo=UTC), date(2027, 1, 7)),  # ... is Epiphany
        (datetime(2026, 4, 19, 9, tzinfo=UTC), date(2026, 6, 22)),  # ... is Midsummer Eve
        (datetime(2027, 12, 30, 9, tzinfo=UTC), date(2028, 2, 29)),  # ... is leap day
        (datetime(2027, 1, 31, 9, tzinfo=UTC), date(2027, 4, 2)),  # over the change to summer time
        (datetime(2026, 9, 1, 21, 59, tzinfo=UTC), date(2026, 11, 2)),  # still the 1st in Stockholm
        (datetime(2026, 9, 2, 22, 1, tzinfo=UTC), date(2026, 11, 3)),  # the 3rd there already
    ],
)
def test_the_earliest_day_is_a_working_day_once_all_days_of_notice_are_over(asked_at, earliest):
    assert audits.earliest(AGREEMENT, asked_at) == earliest
    c = scenario(asked_at)
    day_before = c.refused(asked(earliest - timedelta(days=1), earliest))
    assert (day_before.clause, day_before.field) == ("3.1(xii)", "first")
    assert day_before.parameters["earliest"] == earliest
    assert c.go(asked(earliest)) == 1
    assert scenario(asked_at).go(asked(dates.business_day_from(earliest + timedelta(days=1))))


def test_an_audit_begins_on_the_sixty_first_day_and_not_on_the_sixtieth():
    c = scenario(datetime(2026, 11, 26, 9, tzinfo=UTC))
    assert "60 days" in c.refused(asked(date(2027, 1, 25))).message
    c.go(asked(date(2027, 1, 26)))


@pytest.mark.parametrize(
    ("first", "last", "field", "why"),
    [
        (date(2020, 1, 7), date(2020, 1, 7), "first", "60 days"),
        (date(2027, 3, 26), date(2027, 3, 26), "first", "Good Friday"),
        (date(2027, 1, 30), date(2027, 2, 1), "first", "Saturday"),
        (date(2027, 1, 29), date(2027, 1, 30), "last", "Saturday"),
        (date(2027, 2, 2), date(2027, 2, 1), "last", "comes before"),
        (date(2027, 2, 1), date(2027, 3, 1), "last", "21 working days"),
    ],
)
def test_days_that_cannot_be(first, last, field, why):
    refusal = scenario().refused(asked(first, last))
    assert refusal.field == field
    assert why in refusal.message


# --- once a calendar year ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cause", ["", "  ", "x", "n/a", "reason", "-" * 40, "x" * 40, "1234567890", "no no no no"]
)
def test_a_cause_that_says_nothing_is_none(cause):
    c = scenario()
    c.go(asked())
    refusal = c.refused(asked(date(2027, 12, 30), cause=cause))
    assert (refusal.field, refusal.clause) == ("cause", "3.1(xii)")


@pytest.mark.parametrize("cause", ["x", "x" * 9_000, "A breach " * 1_000])
def test_a_cause_that_is_given_before_it_is_needed_is_checked_all_the_same(cause):
    assert scenario().refused(asked(cause=cause)).field == "cause"


def test_a_cause_is_kept_as_typed_without_blanks_around_it():
    c = scenario()
    c.go(asked(cause=" Dataintrång \n"))
    assert the(c).cause == "Dataintrång"


def test_a_second_audit_in_a_calendar_year_needs_a_cause_and_is_allowed_with_it():
    c = scenario()
    c.go(asked())
    refusal = c.refused(asked(date(2027, 12, 30)))
    assert (refusal.field, refusal.clause) == ("cause", "3.1(xii)")
    c.go(asked(date(2027, 12, 30), cause="The breach of 3 November"))
    assert the(c, 2).cause


def test_the_year_is_the_one_in_which_the_audit_begins():
    c = scenario()
    c.go(asked(date(2027, 12, 30)))
    c.go(asked(date(2028, 1, 3)))
    assert c.refused(asked(date(2028, 12, 29))).field == "cause"


@pytest.mark.parametrize("way", ["withdrawn", "auditor_refused"])
def test_an_audit_that_will_not_be_does_not_count(way):
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    if way == "withdrawn":
        c.go(WithdrawAudit(1))
    else:
        c.go(RefuseAuditor(1, "A competitor of ours"), "provider")
    assert stands(c) == way
    c.go(asked(date(2027, 2, 1)))


def test_a_refused_audit_that_goes_on_counts_again_and_needs_a_cause_where_its_year_is_full():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.go(RefuseAuditor(1, "A competitor of ours"), "provider")
    c.go(asked(date(2027, 2, 1)))
    refusal = c.refused(NameAuditor(1, "Granskning AB"))
    assert (refusal.field, refusal.code) == ("cause", "audits.cause_missing")
    c.go(NameAuditor(1, "Granskning AB", cause="The breach of 3 November"))
    assert audits.in_year(c.state, 2027, c.now).last == (1, 3)
    assert the(c).cause == "The breach of 3 November"


@pytest.mark.parametrize("filed", ["2027-12-31T22:59", "2027-12-31T23:01"])
def test_a_closed_audit_counts_until_its_year_is_over_in_stockholm(filed):
    c = scenario(datetime(2027, 6, 1, 9, tzinfo=UTC))
    c.go(asked(date(2027, 12, 30)))
    c.until(datetime.fromisoformat(f"{filed}+00:00"))
    c.go(FileReport(1, REPORT))
    assert c.state.over == ({2027: audits.Over(number=1, last=(1,))} if "22:59" in filed else {})
    c.go(asked(date(2028, 6, 1)))


def test_other_days_do_not_slip_a_second_audit_into_a_year():
    c = scenario()
    c.go(asked(date(2027, 6, 1)))
    c.go(asked(date(2028, 6, 1)))
    for side in ("customer", "provider"):
        refusal = c.refused(ProposeDates(2, date(2027, 9, 1), date(2027, 9, 1)), side)
        assert ("has its audit already" in refusal.message, refusal.field) == (True, "first")
    # Days still on the table use up their year as well, until the proposal has lapsed.
    c.go(ProposeDates(2, date(2029, 6, 1), date(2029, 6, 1)), "provider")
    assert c.refused(asked(date(2029, 9, 3))).field == "cause"
    c.until(dates.start_of(date(2029, 6, 1)) - TICK)
    assert audits.in_year(c.state, 2029, c.now).last == (2,)
    c.until(c.now + TICK)
    assert audits.in_year(c.state, 2029, c.now).last == ()


# --- what a request wants ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "clause"),
    [
        ({"scope": " "}, "scope", "3.1(xii)"),
        ({"contact": ""}, "contact", "3.1(xii)"),
        ({"cost_acknowledged": False}, "cost_acknowledged", "3.1(xiii)"),
        ({"scope": "x" * 9_000}, "scope", "3.1(xii)"),
    ],
)
def test_what_a_request_must_say(changes, field, clause):
    refusal = scenario().refused(asked(**changes))
    assert (refusal.field, refusal.clause) == (field, clause)


def test_the_number_of_days_is_the_providers_setting_that_itself_may_go_beyond():
    c = scenario()
    long = (date(2027, 2, 1), date(2027, 2, 15))  # 11 working days
    refusal = c.refused(asked(*long))
    assert "its own setting, as the agreement names no number" in refusal.message
    assert refusal.field == "last"
    c.go(asked(date(2027, 2, 1), date(2027, 2, 12)))  # 10
    c.go(ProposeDates(1, *long), "provider")
    c.go(AgreeDates(1))
    assert the(c).plan == audits.Plan(first=long[0], last=long[1])


# --- the course of an audit ----------------------------------------------------------------------


def test_from_notice_to_the_last_finding():
    c = scenario()
    c.go(asked(last=date(2027, 1, 26), auditor="Revision AB"))
    assert stands(c) == "requested"
    c.go(AcceptAudit(1), "provider")
    assert stands(c) == "scheduled"
    c.until(dates.start_of(date(2027, 1, 25)) - TICK)
    assert stands(c) == "scheduled"
    assert "does not fit" in str(c.refused(FileReport(1, REPORT)))
    c.until(dates.start_of(date(2027, 1, 25)))
    assert stands(c) == "under_way"
    c.until(dates.end_of(date(2027, 1, 26)) - TICK)
    assert stands(c) == "under_way"
    c.until(dates.end_of(date(2027, 1, 26)))
    assert stands(c) == "report_due"
    c.go(FileReport(1, REPORT, (NewFinding(title="No restore test"), NewFinding(title="Old keys"))))
    assert stands(c) == "findings_open"
    c.go(CloseFinding(1, 1, "Tested"), "provider")
    assert c.refused(CloseFinding(1, 1, "Again")).field == "finding"
    c.go(CloseFinding(1, 2, "Rotated"))
    assert stands(c) == "closed"


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_refusal_of_the_auditor_needs_a_reason_and_an_auditor(reason):
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    refusal = c.refused(RefuseAuditor(1, reason), "provider")
    assert (refusal.field, refusal.clause) == ("reason", "3.1(xii)")
    own = scenario()
    own.go(asked())
    for step in (RefuseAuditor(1, "No"), AcceptAudit(1)):
        refusal = own.refused(step, "provider")
        assert ("no mandated auditor" in refusal.message, refusal.field) == (True, "auditor")


def test_what_waits_for_whom():
    c = scenario()
    c.go(asked())
    assert c.open_tasks() == [("provider", "Be ready for the audit")]
    c.until(dates.start_of(date(2027, 1, 25)))
    assert c.open_tasks() == [("customer", "File the report")]
    c.go(FileReport(1, REPORT))
    assert c.open_tasks() == []


def due(c, key="audits/1"):
    """For whom, which step, when due, under which clause: of the tasks that stand, by key."""
    found = [t for t in audits.tasks(c.state, c.context()) if t.stands(c.now) and t.key == key]
    return [(t.waits_for, t.step, t.due, t.clause) for t in found]


def _open(c):
    """Every task of one audit by its key, checked for what all of them have in common."""
    found = list(audits.tasks(c.state, c.context()))
    for task in found:
        assert (task.subject, task.opened_at, task.by, task.entry) == ("audits", NOW, "anna", the(c).id)
        assert (task.clause, task.parameters["id"]) == ("3.1(xii)", str(the(c).id))
        assert task.parameters["audited"]
    return [(t.key, t.step, t.waits_for, t.due, t.begins, t.ends) for t in found]


def test_each_task_stands_for_its_time():
    c = scenario()
    c.go(asked(auditor="Nordrevision AB"))
    c.until(NOW + timedelta(days=1))
    start, over = dates.start_of(FIRST), dates.end_of(FIRST)
    assert _open(c) == [("audits/1", "accept_auditor", "provider", start, None, None)]
    c.go(RefuseAuditor(1, "A competitor"))
    assert _open(c) == [("audits/1", "name_another_auditor", "customer", None, None, None)]
    c.go(NameAuditor(1, "Sydrevision AB"))
    c.go(AcceptAudit(1))
    held = [
        ("audits/1", "be_ready", "provider", start, None, start),
        ("audits/1", "file_report", "customer", over, start, None),
    ]
    assert _open(c) == held
    c.go(ProposeDates(1, LATER, LATER, "Moving house"), "provider")
    lapses = dates.start_of(LATER)
    assert _open(c) == [*held, ("audits/1/days", "answer_dates", "customer", lapses, None, lapses)]
    c.go(AgreeDates(1))
    c.until(dates.start_of(LATER))
    c.go(FileReport(1, REPORT, (NewFinding(title="Logs"),)))
    assert _open(c) == [("audits/1/1", "close_finding", "provider", None, None, None)]


def test_once_all_data_is_deleted_no_audit_is_asked_for():
    c = scenario()
    c.facts.update(all_deleted=True, ends_on=dates.local_day(NOW) - timedelta(days=1))
    refusal = c.refused(asked())
    assert (refusal.code, refusal.clause) == ("audits.all_deleted", "5.1")


def test_an_audit_names_itself_in_each_of_its_steps():
    c = scenario()
    c.go(asked())
    assert audits.touches(WithdrawAudit(1), c.state) == {"audits": (1,)}
    (withdrawn,) = c.decided(WithdrawAudit(1))
    assert audits.touches(withdrawn, c.state) == {"audits": (1,)}
    assert audits.touches(asked(), c.state) == {}


def test_each_task_has_its_day_and_its_clause():
    first, last = date(2027, 1, 25), date(2027, 1, 26)
    c = scenario()
    c.go(asked(first, last, auditor="Revision AB"))
    assert due(c) == [("provider", "accept_auditor", dates.start_of(first), "3.1(xii)")]
    c.go(AcceptAudit(1), "provider")
    assert due(c) == [("provider", "be_ready", dates.start_of(first), "3.1(xii)")]
    c.until(dates.start_of(first))
    assert due(c) == [("customer", "file_report", dates.end_of(last), "3.1(xii)")]
    found = (NewFinding(title="Old keys", remedy_by=date(2027, 3, 1)), NewFinding(title="No restore test"))
    c.go(FileReport(1, REPORT, found))
    assert due(c, "audits/1/1") == [("provider", "close_finding", dates.end_of(date(2027, 3, 1)), "3.1(xii)")]
    assert due(c, "audits/1/2") == [("provider", "close_finding", None, "3.1(xii)")]
    c.go(CloseFinding(1, 1, "Rotated"), "provider")
    assert due(c, "audits/1/1") == []


# --- the customer's own audit --------------------------------------------------------------------


@pytest.mark.parametrize("proposed", [False, True])
def test_neither_silence_nor_a_counter_proposal_stops_the_customers_own_audit(proposed):
    c = scenario()
    c.go(asked())
    assert stands(c) == "scheduled"
    if proposed:
        c.go(ProposeDates(1, LATER, LATER, "Staff away"), "provider")
    assert stands(c) == "scheduled"
    c.until(dates.start_of(FIRST) - TICK)
    assert stands(c) == "scheduled"
    c.until(dates.start_of(FIRST))
    assert stands(c) == "under_way"
    c.go(FileReport(1, REPORT))
    assert stands(c) == "closed"


def test_the_customer_takes_the_days_that_the_provider_proposes():
    c = scenario()
    c.go(asked())
    c.go(ProposeDates(1, LATER, LATER, "Staff away"), "provider")
    assert due(c, "audits/1/days") == [("customer", "answer_dates", dates.start_of(LATER), "3.1(xii)")]
    assert due(c) == [("provider", "be_ready", dates.start_of(FIRST), "3.1(xii)")]
    for step in (AgreeDates(1), KeepDates(1, "No")):
        assert "own side" in c.refused(step, "provider").message
    c.go(AgreeDates(1))
    assert (stands(c), the(c).plan.first, the(c).proposed, the(c).accepted) == (
        "scheduled",
        LATER,
        None,
        False,
    )
    assert due(c, "audits/1/days") == []


def test_the_customer_keeps_its_days_and_says_why():
    c = scenario()
    c.go(asked())
    assert c.refused(KeepDates(1, "Booked")).code == "audits.no_dates_proposed"
    c.go(ProposeDates(1, LATER, LATER, "Staff away"), "provider")
    refusal = c.refused(KeepDates(1, " "))
    assert (refusal.field, refusal.clause) == ("reason", "3.1(xii)")
    c.go(KeepDates(1, "Our auditor is booked"))
    assert (stands(c), the(c).plan.first, the(c).proposed) == ("scheduled", FIRST, None)
    assert [(s.side, s.step, s.text, s.plan.first) for s in the(c).said] == [
        ("provider", "dates_proposed", "Staff away", LATER),
        ("customer", "dates_kept", "Our auditor is booked", LATER),
    ]
    c.go(ProposeDates(1, LATER, LATER), "provider")  # and once more


def test_a_proposal_lapses_when_its_days_begin_and_stays_to_be_read():
    c = scenario()
    c.go(asked(date(2027, 3, 1)))
    c.go(ProposeDates(1, LATER, LATER, "Staff away"), "provider")
    c.until(dates.start_of(LATER) - TICK)
    assert AgreeDates in audits.steps_open(the(c), c.state, c.context())
    c.until(dates.start_of(LATER))
    for step in (AgreeDates(1), KeepDates(1, "No")):
        assert "have passed" in c.refused(step).message
    assert due(c, "audits/1/days") == []
    assert (stands(c), the(c).said[0].text) == ("scheduled", "Staff away")


# --- other days by the customer ------------------------------------------------------------------


def test_the_customer_moves_its_audit_alone_with_a_whole_notice_anew_and_asks_for_an_earlier_day():
    c = scenario()
    c.go(asked(date(2027, 3, 1)))
    c.until(datetime(2026, 12, 8, 9, tzinfo=UTC))  # 60 days on is Saturday 6 February
    c.go(ProposeDates(1, date(2027, 2, 5), date(2027, 2, 5), "Sooner"))
    assert (the(c).plan.first, the(c).proposed_by) == (date(2027, 3, 1), "customer")
    assert due(c, "audits/1/days") == [
        ("provider", "answer_dates", dates.start_of(date(2027, 2, 5)), "3.1(xii)")
    ]
    c.go(KeepDates(1, "Staff away"), "provider")
    c.go(ProposeDates(1, date(2027, 2, 8), date(2027, 2, 8), "Sooner"))
    assert (the(c).plan.first, the(c).proposed) == (date(2027, 2, 8), None)
    assert (stands(c), the(c).said[-1].step) == ("scheduled", "dates_set")


def test_days_that_passed_without_the_audit_can_be_set_anew():
    c = scenario()
    c.go(asked())
    c.until(dates.end_of(FIRST))
    assert stands(c) == "report_due"
    refusal = c.refused(ProposeDates(1, FIRST, FIRST))
    assert (refusal.field, refusal.code) == ("first", "audits.begun_already")
    assert c.refused(ProposeDates(1, LATER, LATER), "provider").code == "audits.begun"
    c.go(ProposeDates(1, LATER, LATER, "Nobody was there"))
    c.go(AgreeDates(1), "provider")
    assert (stands(c), the(c).plan.first) == ("scheduled", LATER)


@pytest.mark.parametrize("side", ["customer", "provider"])
def test_nobody_proposes_days_within_the_notice_or_in_the_past(side):
    c = scenario()
    c.go(asked(date(2027, 3, 1)))
    assert c.refused(ProposeDates(1, date(2027, 1, 22), date(2027, 1, 22)), side).field == "first"
    c.until(datetime(2027, 2, 22, 9, tzinfo=UTC))
    for day, code in ((date(2027, 2, 22), "begun_already"), (date(2027, 2, 1), "begun_already")):
        assert c.refused(ProposeDates(1, day, day), side).code == f"audits.{code}"
    c.go(ProposeDates(1, date(2027, 2, 23), date(2027, 2, 23)), side)
    for day in (date(2027, 2, 23), date(2027, 3, 1)):
        assert c.refused(ProposeDates(1, day, day), side).code == "audits.same_dates"


# --- the mandated auditor ------------------------------------------------------------------------


def test_silence_leaves_a_mandated_auditor_without_acceptance_and_the_provider_late():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.until(dates.end_of(FIRST))
    assert stands(c) == "requested"
    assert due(c) == [("provider", "accept_auditor", dates.start_of(FIRST), "3.1(xii)")]
    assert "does not fit" in c.refused(FileReport(1, REPORT)).message


def test_days_agreed_on_are_no_acceptance_of_the_auditor():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.go(ProposeDates(1, LATER, LATER), "provider")
    c.go(AgreeDates(1))
    assert (stands(c), the(c).plan.first) == ("requested", LATER)


def test_another_auditor_goes_on_under_the_same_notice():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.go(RefuseAuditor(1, "A competitor of ours"), "provider")
    assert due(c) == [("customer", "name_another_auditor", None, "3.1(xii)")]
    for name in ("Revision AB", " revision ab "):
        assert c.refused(NameAuditor(1, name)).field == "auditor"
    c.until(dates.start_of(FIRST) - TICK)
    c.go(NameAuditor(1, " Granskning AB "))
    audit = the(c)
    assert (audit.auditor, audit.refusal, audit.requested_at) == ("Granskning AB", "", NOW)
    assert (audit.scope, audit.contact, audit.plan.first) == ("Access rights", "Anna", FIRST)
    assert stands(c) == "requested"
    assert [(s.step, s.text, s.auditor) for s in audit.said] == [
        ("auditor_refused", "A competitor of ours", "Revision AB"),
        ("auditor_named", "", "Granskning AB"),
    ]
    c.go(AcceptAudit(1), "provider")
    assert stands(c) == "scheduled"


def test_a_refused_auditor_whose_days_have_begun_is_followed_by_one_on_days_of_the_same_notice():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.go(RefuseAuditor(1, "A competitor of ours"), "provider")
    c.until(dates.start_of(FIRST))
    refusal = c.refused(NameAuditor(1, "Granskning AB"))
    assert (refusal.field, refusal.parameters["earliest"]) == ("first", date(2027, 1, 26))
    c.go(NameAuditor(1, "Granskning AB", date(2027, 1, 26)))
    assert the(c).plan == audits.Plan(first=date(2027, 1, 26), last=date(2027, 1, 26))


def test_the_notice_that_is_kept_is_of_its_own_days_and_not_of_earlier_ones():
    c = scenario()
    c.go(asked(date(2027, 3, 1), auditor="Revision AB"))
    c.until(datetime(2027, 2, 1, 9, tzinfo=UTC))
    refusal = c.refused(NameAuditor(1, "", date(2027, 2, 26)))
    assert (refusal.code, refusal.field) == ("audits.not_alone", "first")
    assert refusal.parameters["earliest"] == date(2027, 3, 1)
    c.go(NameAuditor(1, "", date(2027, 3, 2), date(2027, 3, 3)))
    assert (stands(c), the(c).plan.last) == ("scheduled", date(2027, 3, 3))
    # Of an audit that waits for nobody, other days are a notice anew.
    assert c.refused(NameAuditor(1, "Granskning AB", date(2027, 3, 9))).parameters["earliest"] == date(
        2027, 4, 5
    )
    c.go(NameAuditor(1, "Granskning AB"))
    assert stands(c) == "requested"


@pytest.mark.parametrize("late", [False, True])
def test_an_acceptance_that_comes_late_costs_no_second_notice(late):
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.until(dates.start_of(FIRST) - (timedelta() if late else TICK))
    c.go(AcceptAudit(1), "provider")
    c.until(dates.start_of(date(2027, 1, 27)))
    c.go(ProposeDates(1, LATER, LATER))
    assert (the(c).plan.first == LATER) == late
    assert not the(c).accepted_late


def test_the_customer_that_need_not_wait_for_an_auditor_audits_itself():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    c.go(NameAuditor(1, ""))
    assert stands(c) == "scheduled"
    c.until(dates.start_of(FIRST))
    c.go(FileReport(1, REPORT))


# --- the cause of a further audit ----------------------------------------------------------------


def contested():
    c = scenario()
    c.go(asked())
    c.go(asked(date(2027, 3, 1), cause="The breach of 3 November"))
    c.go(ContestCause(2, "It did not touch you"), "provider")
    return c


def test_a_cause_is_contested_on_the_record_and_stops_nothing():
    c = contested()
    assert (stands(c, 2), the(c, 2).contested) == ("scheduled", True)
    assert due(c, "audits/2/cause") == [("customer", "answer_contest", None, "3.1(xii)")]
    assert c.refused(ContestCause(2, "Again"), "provider").code == "audits.contested_already"
    assert c.refused(AnswerContest(2, " ")).field == "answer"
    c.go(AnswerContest(2, "It touched our recordings"))
    assert due(c, "audits/2/cause") == []
    assert c.refused(AnswerContest(2, "More")).code == "audits.nothing_contested"
    assert [(s.side, s.text) for s in the(c, 2).said] == [
        ("provider", "It did not touch you"),
        ("customer", "It touched our recordings"),
    ]
    c.until(dates.start_of(date(2027, 3, 1)))
    c.go(FileReport(2, REPORT))


def test_the_answer_on_a_cause_waits_no_longer_than_until_the_audit():
    c = contested()
    c.until(dates.start_of(date(2027, 3, 1)) - TICK)
    assert due(c, "audits/2/cause")
    c.until(dates.start_of(date(2027, 3, 1)))
    assert due(c, "audits/2/cause") == []


def test_what_was_not_given_cannot_be_contested():
    c = scenario()
    c.go(asked())
    refusal = c.refused(ContestCause(1, "None"), "provider")
    assert (refusal.code, refusal.clause) == ("audits.no_cause", "3.1(xii)")
    c.go(asked(date(2028, 3, 1), cause="The breach of 3 November"))
    assert c.refused(ContestCause(2, " "), "provider").field == "reason"


# --- a sub-processor's, in the form of former days -----------------------------------------------


FORMER = audits.Requested(
    sub_processor="openai",
    ground="Art. 28(3)(h) GDPR",
    auditor="Revision AB",
    scope="Deletion",
    on_site=True,
    contact="Anna",
    cause="",
    plan=audits.Plan(first=date(2027, 1, 25), last=date(2027, 1, 25)),
    cost_acknowledged=True,
)


def former(*bodies):
    """A scenario after these events of former days."""
    c = scenario()
    for event in recorded([FORMER, *bodies], NOW, actor="anna", behalf="nordfrakt"):
        c.state, c.sequence = c.subject.evolve(c.state, event), event.sequence
    return c


@pytest.mark.parametrize("bodies", [(), (audits.Accepted(audit=1),)])
def test_a_former_request_stays_readable_and_its_result_can_be_filed_by_either_side(bodies):
    for side in ("customer", "provider"):
        c = former(*bodies)
        assert (audits.title(the(c), AGREEMENT), stands(c)) == ("Audit 1 of OpenAI", "former_request")
        assert due(c) == [("provider", "file_result", None, "Sch. 2 1.4")]
        c.go(FileReport(1, REPORT), side)
        assert stands(c) == "closed"


def test_a_former_request_counts_for_no_year_and_can_be_withdrawn():
    c = former(audits.Accepted(audit=1))
    assert audits.in_year(c.state, 2027, c.now).number == 0
    for step, side in (
        (ProposeDates(1, LATER, LATER), "provider"),
        (NameAuditor(1, "Granskning AB"), "customer"),
    ):
        assert "former way" in c.refused(step, side).message
    c.go(FileReport(1, REPORT, (NewFinding(title="Old keys"),)), "provider")
    c.go(CloseFinding(1, 1, "Rotated"), "provider")
    assert (stands(c), c.state.over) == ("closed", {})
    c = former()
    c.go(WithdrawAudit(1, "No need"))
    assert (stands(c), the(c).said[-1].text) == ("withdrawn", "No need")


def test_a_former_refusal_ended_a_former_request():
    c = former(audits.AuditorRefused(audit=1, reason="A competitor"))
    assert stands(c) == "former_refused"
    assert audits.settled(the(c))
    assert due(c) == []


def test_an_agreement_on_days_of_former_days_accepted_the_auditor():
    own = FORMER.but(sub_processor=None, ground="")
    proposed = audits.DatesProposed(audit=1, plan=audits.Plan(first=LATER, last=LATER), reason="")
    agreed = audits.DatesAgreed.model_validate({"v": 1, "audit": 1, "plan": {"first": LATER, "last": LATER}})
    c = scenario()
    for event in recorded([own, proposed, agreed], NOW, actor="anna", behalf="nordfrakt"):
        c.state = c.subject.evolve(c.state, event)
    assert (stands(c), the(c).accepted, the(c).plan.first) == ("scheduled", True, LATER)


def test_the_report_of_an_audit_of_the_provider_is_the_customers():
    c = scenario()
    c.go(asked())
    c.until(dates.start_of(FIRST))
    assert c.refused(FileReport(1, REPORT), "provider").code == "audits.own_report"


class Audits(RuleBasedStateMachine):
    """No course of steps gets past the notice, the one audit a year, or an auditor that is not accepted; and
    nothing but the customer stops its own audit."""

    @initialize(start=st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)))
    def begin(self, start):
        self.scenario = scenario(start.replace(tzinfo=UTC))
        self.agreed_by = {}

    @rule(days=st.integers(1, 90))
    def time_passes(self, days):
        self.scenario.until(self.scenario.now + timedelta(days=days))

    @rule(
        ahead=st.integers(0, 500),
        length=st.integers(-1, 5),
        cause=st.sampled_from(["", "A breach"]),
        auditor=st.sampled_from(["", "Revision AB"]),
    )
    def ask(self, ahead, length, cause, auditor):
        first = dates.local_day(self.scenario.now) + timedelta(days=ahead)
        self.scenario.attempt(
            asked(first, first + timedelta(days=length), cause=cause, auditor=auditor), "customer"
        )

    @rule(
        id=st.integers(1, 12),
        side=st.sampled_from(["customer", "provider"]),
        step=st.sampled_from(
            [
                "accept",
                "refuse",
                "self",
                "name",
                "agree",
                "keep",
                "contest",
                "answer",
                "withdraw",
                "report",
                "close",
            ]
        ),
    )
    def step(self, id, side, step):
        command = {
            "accept": AcceptAudit(id),
            "refuse": RefuseAuditor(id, "A competitor"),
            "self": NameAuditor(id, ""),
            "name": NameAuditor(id, "Granskning AB"),
            "agree": AgreeDates(id),
            "keep": KeepDates(id, "Booked"),
            "contest": ContestCause(id, "No cause"),
            "answer": AnswerContest(id, "There is"),
            "withdraw": WithdrawAudit(id),
            "report": FileReport(id, REPORT, (NewFinding(title="One"),)),
            "close": CloseFinding(id, 1, "Done"),
        }[step]
        # The door lets neither side take the other's steps.
        side = side if side in command.by else command.by[0]
        self.scenario.attempt(command, side)

    @rule(id=st.integers(1, 12), ahead=st.integers(0, 400), side=st.sampled_from(["customer", "provider"]))
    def propose(self, id, ahead, side):
        day = dates.local_day(self.scenario.now) + timedelta(days=ahead)
        self.scenario.attempt(ProposeDates(id, day, day), side)

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for audit in self.scenario.state.audits.values():
            # A year of its own, so that only the audit's stage can be in the way.
            day = dates.business_day_from(date(2040 + audit.id, 3, 1))
            number = next((f.number for f in audit.findings if f.closed_at is None), 1)
            examples = [
                WithdrawAudit(audit.id),
                AcceptAudit(audit.id),
                RefuseAuditor(audit.id, "A competitor"),
                NameAuditor(audit.id, f"Auditor {self.scenario.sequence}", day, day),
                AgreeDates(audit.id),
                KeepDates(audit.id, "Booked"),
                ProposeDates(audit.id, day, day),
                ContestCause(audit.id, "No cause"),
                AnswerContest(audit.id, "There is"),
                FileReport(audit.id, REPORT),
                CloseFinding(audit.id, number, "Done"),
            ]
            self.scenario.check_steps(audit, examples)

    @invariant()
    def every_plan_keeps_the_notice_on_working_days(self):
        for audit in self.scenario.state.audits.values():
            for plan in filter(None, (audit.plan, audit.proposed)):
                assert (plan.first - dates.local_day(audit.requested_at)).days > 60
                assert not dates.not_working(plan.first)
                assert not dates.not_working(plan.last)

    @invariant()
    def a_year_has_one_audit_without_a_cause(self):
        now = self.scenario.now
        for year in range(2026, 2032):
            counted = [
                a
                for a in self.scenario.state.audits.values()
                if a.counts and year in {p.first.year for p in (a.plan, a.open_proposal(now)) if p}
            ]
            assert sum(not a.cause for a in counted) <= 1
            if year >= dates.local_day(now).year:
                assert audits.in_year(self.scenario.state, year, now).last == tuple(a.id for a in counted)

    @invariant()
    def a_mandated_auditor_audits_only_once_accepted(self):
        for audit in self.scenario.state.audits.values():
            if audit.report and audit.auditor:
                assert audit.accepted

    @invariant()
    def nothing_of_the_provider_stops_the_customers_own_audit(self):
        now = self.scenario.now
        for audit in self.scenario.state.audits.values():
            if not audit.auditor and not audit.withdrawn and not audit.report and not audit.refusal:
                begun = now >= dates.start_of(audit.plan.first)
                offered = audits.steps_open(audit, self.scenario.state, self.scenario.context())
                assert (FileReport in offered) == begun

    @invariant()
    def whatever_was_typed_is_read_by_the_other_side(self):
        for audit in self.scenario.state.audits.values():
            if audit.refusal:
                assert audit.refusal in [said.text for said in audit.said]


TestAudits = Audits.TestCase
TestAudits.settings = settings(max_examples=40, stateful_step_count=25)
