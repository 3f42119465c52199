"""Retention periods and legal holds. Clause: Sch. 1 2; ranges, defaults and grace: provider settings."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dpa_core.subjects import retention
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.retention import (
    CancelShortening,
    MonthlyUsage,
    PlaceHold,
    ReleaseHold,
    SetPeriod,
    State,
    losses,
)
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

GRACE = timedelta(days=7)
TYPES = AGREEMENT.retention.data_types


def scenario(*commands, at=NOW):
    """One in which these instructions were given."""
    new = Scenario(retention.RETENTION, at)
    for command in commands:
        new.go(command)
    return new


def period(scenario, at=None, data_type="chats"):
    return retention.period(data_type, scenario.state, AGREEMENT, at or scenario.now)


def asked(command, scenario_=None, usage=()):
    c = scenario_ or scenario()
    return retention.consequences(command, c.state, c.context(), usage)


def refused(command, scenario_=None):
    refusal = (scenario_ or scenario()).refused(command)
    assert refusal.clause == "Sch. 1 2"
    return refusal


# --- ranges and defaults --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.id)
def test_an_unset_data_type_stands_at_its_default(kind):
    stands = period(scenario(), data_type=kind.id)
    assert (stands.days, stands.is_default, stands.deletes) == (kind.default_days, True, True)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.id)
def test_the_shortest_and_the_longest_period_are_allowed_and_one_day_beyond_is_not(kind):
    for days in (kind.minimum_days, kind.maximum_days):
        assert scenario().decided(SetPeriod(kind.id, days, "our policy"))
    for days in (kind.minimum_days - 1, kind.maximum_days + 1, 0, -1, 10**9):
        refusal = refused(SetPeriod(kind.id, days, "our policy"))
        assert refusal.field == "days"
        assert f"{kind.minimum_days:,} to {kind.maximum_days:,} days" in refusal.remedy


def test_an_unknown_data_type_is_refused_with_the_known_ones():
    for command in (SetPeriod("faxes", 30), CancelShortening("faxes"), PlaceHold("faxes", "x")):
        refusal = refused(command)
        assert refusal.field == "data_type"
        assert "chats" in refusal.remedy


def test_the_same_period_again_is_no_instruction():
    assert "already kept for 365 days" in refused(SetPeriod("chats", 365)).message


def test_only_the_customer_gives_instructions_on_retention():
    c = scenario()
    for command in (SetPeriod("chats", 60), PlaceHold("chats", "case 118")):
        refusal = c.refused(command, "provider")
        assert (refusal.code, refusal.clause) == ("retention.of_customer", "Sch. 1 2")


# --- shortening, and the grace period -------------------------------------------------------------


def test_a_shortening_takes_effect_after_seven_days_and_not_an_instant_sooner():
    c = scenario(SetPeriod("chats", 60))
    for at in (NOW, NOW + GRACE - timedelta(days=1), NOW + GRACE - TICK):
        assert period(c, at).days == 365
        assert period(c, at).pending.days == 60
    for at in (NOW + GRACE, NOW + GRACE + timedelta(days=1)):
        stands = period(c, at)
        assert (stands.days, stands.pending, stands.is_default) == (60, None, False)
        assert (stands.since, stands.by) == (NOW + GRACE, "anna")


def test_a_shortening_can_be_cancelled_until_the_last_instant():
    c = scenario(SetPeriod("chats", 60))
    c.until(NOW + GRACE - TICK).go(CancelShortening("chats"))
    assert period(c, NOW + GRACE).days == 365
    assert period(c, NOW + GRACE).is_default


def test_once_in_effect_a_shortening_cannot_be_cancelled_as_data_is_gone():
    c = scenario(SetPeriod("chats", 60)).until(NOW + GRACE)
    assert "cannot be brought back" in refused(CancelShortening("chats"), c).remedy


def test_nothing_waits_so_nothing_can_be_cancelled():
    assert "No shortening of Chats" in refused(CancelShortening("chats")).message


def test_while_a_shortening_waits_no_other_period_can_be_set():
    c = scenario(SetPeriod("chats", 60))
    assert (
        "to 60 days, given by anna (instruction 1), is waiting"
        in refused(SetPeriod("chats", 400, "longer"), c).message
    )
    # In effect, it stands in the way no more.
    c.until(NOW + GRACE).go(SetPeriod("chats", 400, "longer"))
    assert period(c).days == 400


def test_a_shortening_wants_no_reason_and_keeps_one():
    (body,) = scenario().decided(SetPeriod("chats", 60, " policy "))
    assert (body.reason, body.before, body.days) == ("policy", 365, 60)


def test_data_types_do_not_touch_each_other():
    c = scenario(SetPeriod("chats", 60))
    assert all(period(c, NOW + GRACE, t.id).is_default for t in TYPES if t.id != "chats")


def test_a_shortening_that_waits_is_a_task_of_nobody_until_it_takes_effect():
    c = scenario(PlaceHold("emails", "case 118"), SetPeriod("chats", 60))

    def open_now():
        return [t for t in retention.tasks(c.state, c.context()) if t.stands(c.now)]

    c.until(NOW + GRACE - TICK)
    (task,) = open_now()
    title = ("Coming retention period", "Chats: 60 days instead of 365")
    assert (retention.RETENTION.title_of(task), retention.RETENTION.step_of(task)) == (title, "")
    assert (task.opened_at, task.due, task.waits_for) == (NOW, NOW + GRACE, None)
    assert (task.by, task.entry, task.clause) == ("anna", 2, "Sch. 1 2")
    # Whoever holds the task knows by itself when it is over.
    assert not task.stands(NOW + GRACE)
    c.until(NOW + GRACE)
    assert open_now() == []


def test_a_cancelled_shortening_is_no_task():
    c = scenario(SetPeriod("chats", 60), CancelShortening("chats"))
    assert c.open_tasks() == []


# --- lengthening ----------------------------------------------------------------------------------


def test_lengthening_takes_effect_at_once_and_deletes_nothing():
    result = asked(SetPeriod("chats", 400, "audit"), usage=[MonthlyUsage(date(2025, 1, 1), 100, 100)])
    assert (result.effective_at, result.losses, result.reason_required) == (NOW, (), True)
    assert period(scenario(SetPeriod("chats", 400, "audit"))).days == 400


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_lengthening_keeps_personal_data_longer_so_it_asks_for_a_reason(reason):
    refusal = refused(SetPeriod("chats", 400, reason))
    assert (refusal.code, refusal.field) == ("retention.reason_missing", "reason")
    assert "the provider’s own setting" in refusal.remedy


# --- legal holds ----------------------------------------------------------------------------------


def test_a_hold_asks_for_a_reason_and_stops_deletion():
    assert refused(PlaceHold("chats", " ")).field == "reason"
    stands = period(scenario(PlaceHold("chats", "case 118")))
    assert (stands.deletes, stands.hold.reason, stands.hold.by) == (False, "case 118", "anna")


def test_under_a_hold_the_period_can_change_but_nothing_goes():
    c = scenario(PlaceHold("chats", "case 118"))
    result = asked(SetPeriod("chats", 60), c, [MonthlyUsage(date(2026, 3, 1), 310, 310)])
    assert (result.held, result.losses) == (True, ())
    c.go(SetPeriod("chats", 60))
    stands = period(c, NOW + GRACE)
    assert (stands.days, stands.deletes) == (60, False)


def test_deletion_resumes_seven_days_after_a_release_and_not_an_instant_sooner():
    c = scenario(PlaceHold("chats", "case 118"), ReleaseHold("chats"))
    assert not period(c, NOW + GRACE - TICK).deletes
    assert period(c, NOW + GRACE - TICK).deletion_resumes_at == NOW + GRACE
    assert period(c, NOW + GRACE).deletes
    assert period(c, NOW + GRACE).deletion_resumes_at is None


def test_a_new_hold_within_those_days_stops_deletion_again():
    c = scenario(PlaceHold("chats", "one"), ReleaseHold("chats"))
    c.until(NOW + timedelta(days=3)).go(PlaceHold("chats", "two"))
    assert not period(c, NOW + timedelta(days=100)).deletes


def test_a_hold_is_placed_once_and_released_once():
    held = scenario(PlaceHold("chats", "one"))
    assert "already under a legal hold" in refused(PlaceHold("chats", "two"), held).message
    assert "under no legal hold" in refused(ReleaseHold("chats")).message


def test_what_is_held_and_what_was_is_named_with_when_deletion_goes_on():
    c = scenario(PlaceHold("chats", "one"), PlaceHold("emails", "two"), ReleaseHold("emails"))
    assert retention.held(c.state, AGREEMENT) == {"chats": None, "emails": NOW + GRACE}
    c.go(PlaceHold("emails", "three"))
    assert retention.held(c.state, AGREEMENT) == {"chats": None, "emails": None}


def test_releasing_a_hold_shows_what_it_kept_and_not_what_was_deleted_before_it():
    c = scenario(PlaceHold("chats", "case 118"))
    usage = [MonthlyUsage(date(2024, 1, 1), 7, 70), MonthlyUsage(date(2026, 11, 1), 50, 500)]
    assert asked(ReleaseHold("chats"), c, usage).losses == ()
    c.until(NOW + timedelta(days=period(c).days + 60))
    (gone,) = asked(ReleaseHold("chats"), c, usage).losses
    assert (gone.month, gone.records, gone.bytes, gone.whole) == (date(2026, 11, 1), 50, 500, True)


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        (GRACE - TICK, 50),
        (GRACE, 0),  # Once deletion has resumed, there is nothing old left to keep.
    ],
)
def test_a_hold_placed_again_before_deletion_resumes_keeps_what_the_first_kept(again, kept):
    c = scenario(PlaceHold("chats", "one"))
    later = NOW + timedelta(days=period(c).days + 60)
    c.until(later).go(ReleaseHold("chats"))
    c.until(later + again).go(PlaceHold("chats", "two"))
    c.until(later + GRACE)
    usage = [MonthlyUsage(date(2026, 11, 1), 50, 500)]
    assert sum(g.records for g in asked(ReleaseHold("chats"), c, usage).losses) == kept


def test_releasing_a_hold_counts_with_the_shortening_that_has_taken_effect_by_then():
    c = scenario(PlaceHold("chats", "case 118"), SetPeriod("chats", 30)).until(NOW + timedelta(days=3))
    result = asked(ReleaseHold("chats"), c, [MonthlyUsage(date(2026, 9, 1), 300, 300)])
    assert result.days == 30
    assert sum(loss.records for loss in result.losses) == 300


# --- what a period removes ------------------------------------------------------------------------


def test_whole_months_go_whole_and_the_month_cut_in_two_goes_in_part():
    usage = [MonthlyUsage(date(2026, month, 1), 3000, 30_000) for month in range(6, 12)]
    gone = losses(usage, kept_now=90, kept_then=50, at=date(2026, 12, 1))
    # 90 days back is 2 September, 50 days back is 12 October.
    assert [(g.month.month, g.records, g.whole) for g in gone] == [(9, 2900, False), (10, 1064, False)]


def test_what_the_present_period_has_removed_already_does_not_count():
    usage = [MonthlyUsage(date(2026, 1, 1), 1000, 1000)]
    assert losses(usage, kept_now=90, kept_then=60, at=date(2026, 12, 1)) == ()


def test_consequences_look_at_the_day_the_shortening_takes_effect():
    # On 24 November nothing of September is older than 60 days but its first 25; on 1 December all is.
    (gone,) = asked(SetPeriod("chats", 61), usage=[MonthlyUsage(date(2026, 9, 1), 300, 300)]).losses
    assert gone.whole


days = st.integers(1, 3650)
months = st.lists(
    st.builds(
        MonthlyUsage,
        st.dates(date(2015, 1, 1), date(2026, 12, 1)).map(lambda d: d.replace(day=1)),
        st.integers(0, 10**12),
        st.integers(0, 10**18),
    ),
    max_size=24,
    unique_by=lambda figure: figure.month,
)
somewhen = st.dates(date(2026, 1, 1), date(2027, 12, 31))


def total(gone):
    return sum(loss.records for loss in gone), sum(loss.bytes for loss in gone)


@given(months, st.tuples(days, days, days).map(sorted), somewhen)
def test_shortening_in_two_steps_removes_what_one_step_does_and_nothing_twice(usage, steps, at):
    short, middle, long = steps
    first = losses(usage, kept_now=long, kept_then=middle, at=at)
    second = losses(usage, kept_now=middle, kept_then=short, at=at)
    both = losses(usage, kept_now=long, kept_then=short, at=at)
    assert tuple(a + b for a, b in zip(total(first), total(second), strict=True)) == total(both)


@given(months, somewhen)
def test_losing_everything_sums_up_to_the_usage(usage, at):
    everything = losses(usage, kept_now=(at - date.min).days, kept_then=-100_000, at=at)
    assert total(everything) == (sum(u.records for u in usage), sum(u.bytes for u in usage))
    assert all(loss.whole for loss in everything)


@given(months, days, days, somewhen)
def test_no_month_loses_more_than_it_holds_and_a_longer_period_loses_nothing(usage, now_, then, at):
    gone = losses(usage, kept_now=now_, kept_then=then, at=at)
    held = {u.month: u for u in usage}
    assert [g.month for g in gone] == sorted({g.month for g in gone})
    for g in gone:
        assert 0 <= g.records <= held[g.month].records
        assert 0 <= g.bytes <= held[g.month].bytes
        if g.whole:
            assert (g.records, g.bytes) == (held[g.month].records, held[g.month].bytes)
    if then >= now_:
        assert gone == ()


# --- what holds whatever the customer does --------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ([], [SetPeriod, PlaceHold]),
        ([SetPeriod("chats", 60)], [CancelShortening, PlaceHold]),
        ([PlaceHold("chats", "x")], [SetPeriod, ReleaseHold]),
        ([SetPeriod("chats", 60), PlaceHold("chats", "x")], [CancelShortening, ReleaseHold]),
    ],
)
def test_the_steps_follow_from_what_waits_and_what_is_held(before, offered):
    c = scenario(*before)
    assert list(retention.steps_open(period(c), c.state, c.context())) == offered
    assert retention.steps_open(period(c), c.state, c.context("provider")) == ()


class Retention(RuleBasedStateMachine):
    """One data type under any sequence of commands and passing days, beside a plain model of it."""

    kind = AGREEMENT.data_type("chats")

    def __init__(self):
        super().__init__()
        self.scenario, self.events = scenario(), []
        self.days, self.pending, self.held, self.resumes = self.kind.default_days, None, False, None

    @property
    def now(self):
        return self.scenario.now

    def give(self, command):
        after = self.scenario.sequence
        self.events += recorded(self.scenario.decided(command), self.now, after=after)
        self.scenario.go(command)

    def refuses(self, command):
        with pytest.raises(Refusal):
            self.scenario.decided(command)

    @rule(hours=st.integers(0, 24 * 10))
    def time_passes(self, hours):
        self.scenario.until(self.now + timedelta(hours=hours))
        if self.pending and self.now >= self.pending[1]:
            self.days, self.pending = self.pending[0], None
        if self.resumes and self.now >= self.resumes:
            self.resumes = None

    @rule(days=st.one_of(st.integers(7, 1825), st.integers(-5, 2000)))
    def set_period(self, days):
        command = SetPeriod("chats", days, "policy")
        if self.pending or days == self.days or not 7 <= days <= 1825:
            self.refuses(command)
        else:
            self.give(command)
            if days < self.days:
                self.pending = (days, self.now + GRACE)
            else:
                self.days = days

    @rule()
    def cancel(self):
        if self.pending:
            self.give(CancelShortening("chats"))
            self.pending = None
        else:
            self.refuses(CancelShortening("chats"))

    @precondition(lambda self: not self.held)
    @rule()
    def hold(self):
        self.refuses(ReleaseHold("chats"))
        self.give(PlaceHold("chats", "a case"))
        self.held, self.resumes = True, None

    @precondition(lambda self: self.held)
    @rule()
    def release(self):
        self.refuses(PlaceHold("chats", "a case"))
        self.give(ReleaseHold("chats"))
        self.held, self.resumes = False, self.now + GRACE

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        stands = period(self.scenario)
        shortest, longest = self.kind.minimum_days, self.kind.maximum_days
        other = longest if stands.days == shortest else shortest
        examples = [
            SetPeriod("chats", other, "policy"),
            CancelShortening("chats"),
            PlaceHold("chats", "a case"),
            ReleaseHold("chats"),
        ]
        self.scenario.check_steps(stands, examples)

    @invariant()
    def stands_as_the_model_says(self):
        stands = period(self.scenario)
        assert self.kind.minimum_days <= stands.days <= self.kind.maximum_days
        assert stands.days == self.days
        assert (stands.pending.days, stands.pending.effective_at) == self.pending if self.pending else True
        assert (stands.pending is None) == (self.pending is None)
        assert (stands.hold is not None) == self.held
        assert stands.deletes == (not self.held and self.resumes is None)

    @invariant()
    def a_shortening_that_waits_is_the_one_task(self):
        assert self.scenario.open_tasks() == ([(None, "")] if self.pending else [])

    @invariant()
    def replays(self):
        state = State()
        for event in self.events:
            state = retention.RETENTION.evolve(state, event)
        assert state == self.scenario.state == State.model_validate_json(state.model_dump_json())


TestRetention = Retention.TestCase
TestRetention.settings = settings(max_examples=60, stateful_step_count=25)


# --- words ----------------------------------------------------------------------------------------


def sentence_of(command, scenario_):
    (event,) = recorded(scenario_.decided(command), scenario_.now)
    return retention.RETENTION.describe(event, AGREEMENT)


@pytest.mark.parametrize(
    ("before", "command", "sentence"),
    [
        (
            [],
            SetPeriod("chats", 60),
            "Shortened retention of Chats from 365 to 60 days from 1 Dec 2026",
        ),
        ([], SetPeriod("chats", 1825, "x"), "Lengthened retention of Chats from 365 to 1,825 days"),
        ([SetPeriod("chats", 60)], CancelShortening("chats"), "Cancelled the shortening of Chats to 60 days"),
        ([], PlaceHold("chats", "x"), "Placed a legal hold on Chats"),
        (
            [PlaceHold("chats", "x")],
            ReleaseHold("chats"),
            "Released the legal hold on Chats; deletion resumes on 1 Dec 2026",
        ),
    ],
)
def test_each_instruction_reads_as_a_sentence(before, command, sentence):
    assert sentence_of(command, scenario(*before)) == sentence


def test_a_day_in_words_is_the_day_in_stockholm():
    # 23:30 in UTC on 24 November is half past midnight on the 25th in Stockholm.
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert sentence_of(SetPeriod("chats", 60), scenario(at=late)).endswith("from 2 Dec 2026")
