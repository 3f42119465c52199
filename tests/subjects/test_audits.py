"""Audits. Clause: 3.1(xii), Sch. 2 1.4, Sch. 3 1.2; cost: 3.1(xiii)"""

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
    CloseFinding,
    FileReport,
    NewFinding,
    ProposeDates,
    RefuseAuditor,
    RequestAudit,
    WithdrawAudit,
    status,
)
from dpa_core.subjects.common import FileRef
from tests.conftest import NOW
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

REPORT = FileRef(name="report.pdf", size=9, media_type="application/pdf", sha256="0" * 64)


def scenario(at=NOW):
    return Scenario(audits.AUDITS, at)


def asked(first=date(2027, 1, 25), last=None, **changes):
    """A request that nothing is wrong with, on a Monday 62 days after NOW."""
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
        (NOW, date(2027, 1, 25)),  # 60 days on is Saturday 23 January
        (datetime(2026, 11, 27, 9, tzinfo=UTC), date(2027, 1, 26)),
        (datetime(2026, 10, 26, 9, tzinfo=UTC), date(2026, 12, 28)),  # 60 days on is Christmas Day
        (datetime(2026, 11, 7, 9, tzinfo=UTC), date(2027, 1, 7)),  # ... is Epiphany
        (datetime(2026, 4, 20, 9, tzinfo=UTC), date(2026, 6, 22)),  # ... is Midsummer Eve
        (datetime(2027, 12, 31, 9, tzinfo=UTC), date(2028, 2, 29)),  # ... is leap day
        (datetime(2027, 2, 1, 9, tzinfo=UTC), date(2027, 4, 2)),  # over the change to summer time
        (datetime(2026, 9, 1, 21, 59, tzinfo=UTC), date(2026, 11, 2)),  # still the 1st in Stockholm
    ],
)
def test_the_earliest_day_is_a_working_day_after_the_notice(asked_at, earliest):
    assert audits.earliest(AGREEMENT, asked_at) == earliest
    c = scenario(asked_at)
    day_before = c.refused(asked(earliest - timedelta(days=1), earliest))
    assert day_before.clause == "3.1(xii)"
    assert c.go(asked(earliest)) == 1
    assert scenario(asked_at).go(asked(dates.business_day_from(earliest + timedelta(days=1))))


def test_exactly_sixty_days_are_enough_and_fifty_nine_are_not():
    c = scenario(datetime(2026, 11, 27, 9, tzinfo=UTC))
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


def test_other_dates_do_not_slip_a_second_audit_into_a_year():
    c = scenario()
    c.go(asked(date(2027, 6, 1)))
    c.go(asked(date(2028, 6, 1)))
    assert "has its audit already" in c.refused(ProposeDates(2, date(2027, 9, 1), date(2027, 9, 1))).message
    # Dates still on the table use up their year as well.
    c.go(ProposeDates(2, date(2029, 6, 1), date(2029, 6, 1)), "provider")
    assert c.refused(asked(date(2029, 9, 3))).field == "cause"


# --- what a request wants ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "clause"),
    [
        ({"scope": " "}, "scope", "3.1(xii)"),
        ({"contact": ""}, "contact", "3.1(xii)"),
        ({"cost_acknowledged": False}, "cost_acknowledged", "3.1(xiii)"),
        ({"sub_processor": "openai"}, "ground", "Sch. 2 1.4"),
        ({"sub_processor": "nobody", "ground": "Art. 28"}, "sub_processor", "Sch. 2 1.4"),
        ({"scope": "x" * 9_000}, "scope", "3.1(xii)"),
    ],
)
def test_what_a_request_must_say(changes, field, clause):
    refusal = scenario().refused(asked(**changes))
    assert (refusal.field, refusal.clause) == (field, clause)


def test_a_sub_processor_is_audited_with_a_ground_in_law():
    c = scenario()
    c.go(asked(sub_processor="openai", ground="Art. 28(3)(h) GDPR"))
    assert audits.title(the(c), AGREEMENT) == "Audit 1 of OpenAI"


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


def test_a_refusal_of_the_auditor_needs_a_reason_and_an_auditor():
    c = scenario()
    c.go(asked(auditor="Revision AB"))
    assert c.refused(RefuseAuditor(1, " "), "provider").field == "reason"
    own = scenario()
    own.go(asked())
    assert "no mandated auditor" in own.refused(RefuseAuditor(1, "No"), "provider").message


def test_whoever_proposed_dates_cannot_agree_to_them():
    c = scenario()
    c.go(asked())
    c.go(ProposeDates(1, date(2027, 2, 1), date(2027, 2, 1)), "provider")
    assert stands(c) == "dates_proposed"
    assert "own side" in c.refused(AgreeDates(1), "provider").message
    c.go(AgreeDates(1))
    assert (stands(c), the(c).plan.first) == ("scheduled", date(2027, 2, 1))


def test_nobody_proposes_dates_within_the_notice_or_in_the_past():
    c = scenario()
    c.go(asked())
    assert c.refused(ProposeDates(1, date(2027, 1, 4), date(2027, 1, 4)), "provider").field == "first"
    c.until(datetime(2027, 3, 1, 9, tzinfo=UTC))
    assert c.refused(ProposeDates(1, date(2027, 2, 1), date(2027, 2, 1)), "provider").field == "first"


def test_what_waits_for_whom():
    c = scenario()
    c.go(asked())
    assert c.open_tasks() == [("provider", "Accept the dates")]
    c.go(AcceptAudit(1), "provider")
    assert c.open_tasks() == [("provider", "Be ready for the audit")]
    c.until(dates.start_of(date(2027, 1, 25)))
    assert c.open_tasks() == [("customer", "File the report")]
    c.go(FileReport(1, REPORT))
    assert c.open_tasks() == []


class Audits(RuleBasedStateMachine):
    """No course of steps gets past the notice, the one audit a year, or the other side's consent."""

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
        step=st.sampled_from(["accept", "refuse", "agree", "withdraw", "report", "close"]),
    )
    def step(self, id, side, step):
        command = {
            "accept": AcceptAudit(id),
            "refuse": RefuseAuditor(id, "A competitor"),
            "agree": AgreeDates(id),
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
                AgreeDates(audit.id),
                ProposeDates(audit.id, day, day),
                FileReport(audit.id, REPORT),
                CloseFinding(audit.id, number, "Done"),
            ]
            self.scenario.check_steps(audit, examples)

    @invariant()
    def every_plan_keeps_the_notice_on_working_days(self):
        for audit in self.scenario.state.audits.values():
            for plan in filter(None, (audit.plan, audit.proposed)):
                assert (plan.first - dates.local_day(audit.requested_at)).days >= 60
                assert not dates.not_working(plan.first)
                assert not dates.not_working(plan.last)

    @invariant()
    def a_year_has_one_audit_without_a_cause(self):
        for year in range(2026, 2032):
            counted = [
                a
                for a in self.scenario.state.audits.values()
                if a.counts and year in {p.first.year for p in (a.plan, a.proposed) if p}
            ]
            assert sum(not a.cause for a in counted) <= 1
            if year >= dates.local_day(self.scenario.now).year:
                assert audits.in_year(self.scenario.state, year).last == tuple(a.id for a in counted)

    @invariant()
    def whoever_is_audited_has_consented(self):
        for audit in self.scenario.state.audits.values():
            if audit.report:
                assert audit.accepted


TestAudits = Audits.TestCase
TestAudits.settings = settings(max_examples=40, stateful_step_count=25)
