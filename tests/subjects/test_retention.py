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
from tests.conftest import NOW, VERSION, recorded
from tests.frozen import frozen_agreements

AGREEMENT = frozen_agreements()[VERSION]
GRACE = timedelta(days=7)
TYPES = AGREEMENT.retention.data_types
TICK = timedelta(microseconds=1)


def give(state, command, at=NOW, after=0, actor="anna"):
    """The state after one command."""
    for event in recorded(retention.decide(command, state, AGREEMENT, at), at, after=after, actor=actor):
        state = retention.evolve(state, event)
    return state


def period(state, at=NOW, data_type="chats"):
    return retention.period(data_type, state, AGREEMENT, at)


def asked(command, state=None, at=NOW, usage=()):
    return retention.consequences(command, state or State(), AGREEMENT, at, usage)


def refused(command, state=None, at=NOW):
    with pytest.raises(Refusal) as caught:
        retention.decide(command, state or State(), AGREEMENT, at)
    assert caught.value.clause == "Sch. 1 2"
    return caught.value


# --- ranges and defaults --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.id)
def test_an_unset_data_type_stands_at_its_default(kind):
    stands = period(State(), data_type=kind.id)
    assert (stands.days, stands.is_default, stands.deletes) == (kind.default_days, True, True)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.id)
def test_the_shortest_and_the_longest_period_are_allowed_and_one_day_beyond_is_not(kind):
    for days in (kind.minimum_days, kind.maximum_days):
        assert retention.decide(SetPeriod(kind.id, days, "our policy"), State(), AGREEMENT, NOW)
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


# --- shortening, and the grace period -------------------------------------------------------------


def test_a_shortening_takes_effect_after_seven_days_and_not_an_instant_sooner():
    state = give(State(), SetPeriod("chats", 60), actor="bo")
    for at in (NOW, NOW + GRACE - timedelta(days=1), NOW + GRACE - TICK):
        assert period(state, at).days == 365
        assert period(state, at).pending.days == 60
    for at in (NOW + GRACE, NOW + GRACE + timedelta(days=1)):
        stands = period(state, at)
        assert (stands.days, stands.pending, stands.is_default) == (60, None, False)
        assert (stands.since, stands.by) == (NOW + GRACE, "bo")


def test_a_shortening_can_be_cancelled_until_the_last_instant():
    state = give(State(), SetPeriod("chats", 60))
    cancelled = give(state, CancelShortening("chats"), NOW + GRACE - TICK)
    assert period(cancelled, NOW + GRACE).days == 365
    assert period(cancelled, NOW + GRACE).is_default


def test_once_in_effect_a_shortening_cannot_be_cancelled_as_data_is_gone():
    state = give(State(), SetPeriod("chats", 60))
    refusal = refused(CancelShortening("chats"), state, NOW + GRACE)
    assert "cannot be brought back" in refusal.remedy


def test_nothing_waits_so_nothing_can_be_cancelled():
    assert "No shortening of Chats" in refused(CancelShortening("chats")).message


def test_while_a_shortening_waits_no_other_period_can_be_set():
    state = give(State(), SetPeriod("chats", 60))
    assert (
        "to 60 days, given by anna (instruction 1), is waiting"
        in refused(SetPeriod("chats", 400, "longer"), state).message
    )
    # In effect, it stands in the way no more.
    assert period(give(state, SetPeriod("chats", 400, "longer"), NOW + GRACE), NOW + GRACE).days == 400


def test_a_shortening_wants_no_reason_and_keeps_one():
    (event,) = retention.decide(SetPeriod("chats", 60, " policy "), State(), AGREEMENT, NOW)
    assert (event.body.reason, event.body.before, event.body.days) == ("policy", 365, 60)


def test_data_types_do_not_touch_each_other():
    state = give(State(), SetPeriod("chats", 60))
    assert all(period(state, NOW + GRACE, t.id).is_default for t in TYPES if t.id != "chats")


# --- lengthening ----------------------------------------------------------------------------------


def test_lengthening_takes_effect_at_once_and_deletes_nothing():
    result = asked(SetPeriod("chats", 400, "audit"), usage=[MonthlyUsage(date(2025, 1, 1), 100, 100)])
    assert (result.effective_at, result.losses, result.reason_required) == (NOW, (), True)
    assert period(give(State(), SetPeriod("chats", 400, "audit"))).days == 400


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_lengthening_keeps_personal_data_longer_so_it_asks_for_a_reason(reason):
    assert refused(SetPeriod("chats", 400, reason)).field == "reason"


# --- legal holds ----------------------------------------------------------------------------------


def test_a_hold_asks_for_a_reason_and_stops_deletion():
    assert refused(PlaceHold("chats", " ")).field == "reason"
    stands = period(give(State(), PlaceHold("chats", "case 118"), actor="bo"))
    assert (stands.deletes, stands.hold.reason, stands.hold.by) == (False, "case 118", "bo")


def test_under_a_hold_the_period_can_change_but_nothing_goes():
    state = give(State(), PlaceHold("chats", "case 118"))
    result = asked(SetPeriod("chats", 60), state, usage=[MonthlyUsage(date(2026, 3, 1), 310, 310)])
    assert (result.held, result.losses) == (True, ())
    stands = period(give(state, SetPeriod("chats", 60)), NOW + GRACE)
    assert (stands.days, stands.deletes) == (60, False)


def test_deletion_resumes_seven_days_after_a_release_and_not_an_instant_sooner():
    state = give(State(), PlaceHold("chats", "case 118"))
    state = give(state, ReleaseHold("chats"))
    assert not period(state, NOW + GRACE - TICK).deletes
    assert period(state, NOW + GRACE - TICK).deletion_resumes_at == NOW + GRACE
    assert period(state, NOW + GRACE).deletes
    assert period(state, NOW + GRACE).deletion_resumes_at is None


def test_a_new_hold_within_those_days_stops_deletion_again():
    state = give(State(), PlaceHold("chats", "one"))
    state = give(state, ReleaseHold("chats"))
    state = give(state, PlaceHold("chats", "two"), NOW + timedelta(days=3))
    assert not period(state, NOW + timedelta(days=100)).deletes


def test_a_hold_is_placed_once_and_released_once():
    held = give(State(), PlaceHold("chats", "one"))
    assert "already under a legal hold" in refused(PlaceHold("chats", "two"), held).message
    assert "under no legal hold" in refused(ReleaseHold("chats")).message


def test_releasing_a_hold_shows_what_it_kept_and_not_what_was_deleted_before_it():
    state = give(State(), PlaceHold("chats", "case 118"))
    days = period(State()).days
    usage = [MonthlyUsage(date(2024, 1, 1), 7, 70), MonthlyUsage(date(2026, 11, 1), 50, 500)]
    long_after = NOW + timedelta(days=days + 60)
    (gone,) = asked(ReleaseHold("chats"), state, long_after, usage).losses
    assert (gone.month, gone.records, gone.bytes, gone.whole) == (date(2026, 11, 1), 50, 500, True)
    assert asked(ReleaseHold("chats"), state, NOW, usage).losses == ()


def test_a_hold_placed_again_before_deletion_resumes_keeps_what_the_first_kept():
    state = give(State(), PlaceHold("chats", "one"))
    later = NOW + timedelta(days=period(State()).days + 60)
    state = give(state, ReleaseHold("chats"), later)
    state = give(state, PlaceHold("chats", "two"), later + GRACE - TICK)
    usage = [MonthlyUsage(date(2026, 11, 1), 50, 500)]
    assert sum(g.records for g in asked(ReleaseHold("chats"), state, later + GRACE, usage).losses) == 50
    # Once deletion has resumed, there is nothing old left to keep.
    state = give(give(State(), PlaceHold("chats", "one")), ReleaseHold("chats"), later)
    state = give(state, PlaceHold("chats", "two"), later + GRACE)
    assert asked(ReleaseHold("chats"), state, later + GRACE, usage).losses == ()


def test_releasing_a_hold_counts_with_the_shortening_that_has_taken_effect_by_then():
    state = give(State(), PlaceHold("chats", "case 118"))
    state = give(state, SetPeriod("chats", 30))
    result = asked(
        ReleaseHold("chats"), state, NOW + timedelta(days=3), [MonthlyUsage(date(2026, 9, 1), 300, 300)]
    )
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


class Retention(RuleBasedStateMachine):
    """One data type under any sequence of commands and passing days, beside a plain model of it."""

    kind = AGREEMENT.data_type("chats")

    def __init__(self):
        super().__init__()
        self.now, self.state, self.events = NOW, State(), []
        self.days, self.pending, self.held, self.resumes = self.kind.default_days, None, False, None

    def give(self, command):
        new = recorded(
            retention.decide(command, self.state, AGREEMENT, self.now), self.now, after=len(self.events)
        )
        self.events += new
        for event in new:
            self.state = retention.evolve(self.state, event)

    def refuses(self, command):
        with pytest.raises(Refusal):
            retention.decide(command, self.state, AGREEMENT, self.now)

    @rule(hours=st.integers(0, 24 * 10))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)
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
    def stands_as_the_model_says(self):
        stands = period(self.state, self.now)
        assert self.kind.minimum_days <= stands.days <= self.kind.maximum_days
        assert stands.days == self.days
        assert (stands.pending.days, stands.pending.effective_at) == self.pending if self.pending else True
        assert (stands.pending is None) == (self.pending is None)
        assert (stands.hold is not None) == self.held
        assert stands.deletes == (not self.held and self.resumes is None)

    @invariant()
    def replays(self):
        state = State()
        for event in self.events:
            state = retention.evolve(state, event)
        assert state == self.state == State.model_validate_json(self.state.model_dump_json())


TestRetention = Retention.TestCase
TestRetention.settings = settings(max_examples=60, stateful_step_count=25)


# --- words ----------------------------------------------------------------------------------------


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
    state = State()
    for earlier in before:
        state = give(state, earlier)
    (event,) = recorded(retention.decide(command, state, AGREEMENT, NOW))
    assert retention.describe(event, AGREEMENT) == sentence


def test_a_day_in_words_is_the_day_in_stockholm():
    # 23:30 in UTC on 24 November is half past midnight on the 25th in Stockholm.
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    (event,) = recorded(retention.decide(SetPeriod("chats", 60), State(), AGREEMENT, late), late)
    assert retention.describe(event, AGREEMENT).endswith("from 2 Dec 2026")
