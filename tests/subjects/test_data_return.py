"""Return and deletion. Clause: 3.1(xi); cost: 3.1(xiii)"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import data_return, dates
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.data_return import (
    AcknowledgeReturn,
    Deliver,
    Item,
    OrderData,
    RecordDeletion,
    RecordException,
    ReportMismatch,
    Terminate,
    WithdrawOrder,
    orders,
    return_until,
    status,
)
from tests.conftest import NOW
from tests.subjects.course import AGREEMENT, TICK, Course

ALL = tuple(c.id for c in AGREEMENT.data_categories)
TODAY = dates.local_day(NOW)
FILES = (Item(name="b.csv", size=2, sha256="b" * 64), Item(name="a.csv", size=1, sha256="a" * 64))


def course(at=NOW, held=None):
    return Course(
        data_return.State(),
        lambda command, state, now, side: data_return.decide(command, state, AGREEMENT, now, held or {}),
        data_return.evolve,
        at,
    )


def wish(wish="return", categories=("contact",), cost=True):
    return OrderData(wish, categories, cost_acknowledged=cost)


def found(c):
    return orders(c.state, AGREEMENT, c.now)


def stands(c, id=1):
    return status(found(c)[id])


# --- on instruction ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "field", "clause"),
    [
        (wish(categories=()), "categories", "3.1(xi)"),
        (wish(categories=("nothing",)), "categories", "3.1(xi)"),
        (wish("burn"), "wish", "3.1(xi)"),
        (wish(cost=False), "cost_acknowledged", "3.1(xiii)"),
    ],
)
def test_what_an_order_must_say(command, field, clause):
    refusal = course().refused(command)
    assert (refusal.field, refusal.clause) == (field, clause)


def test_a_category_is_not_ordered_twice_at_once():
    c = course()
    c.go(wish())
    assert c.refused(wish("deletion", ("contact", "voice_audio"))).field == "categories"
    c.go(WithdrawOrder(1))
    c.go(wish("deletion", ("contact", "voice_audio")))


def test_a_return_from_order_to_acknowledgement():
    c = course()
    c.go(wish())
    assert stands(c) == "waits for the provider"
    c.go(Deliver(1, FILES, "By courier"), "provider")
    assert [i.name for i in found(c)[1].items] == ["a.csv", "b.csv"]
    refusal = c.refused(AcknowledgeReturn(1, frozenset({"a.csv"})))
    assert (refusal.field, refusal.message) == ("checked", "Not checked off: b.csv.")
    c.go(ReportMismatch(1, "b.csv is cut off"))
    assert stands(c) == "does not match"
    c.go(Deliver(1, FILES, "By courier"), "provider")
    c.go(AcknowledgeReturn(1, frozenset({"a.csv", "b.csv"})))
    assert stands(c) == "returned"
    assert "does not fit" in c.refused(WithdrawOrder(1)).message


@pytest.mark.parametrize(
    ("items", "where", "field"),
    [((), "", "items"), (FILES, " ", "where"), ((*FILES, FILES[0]), "By courier", "items")],
)
def test_what_a_delivery_must_say(items, where, field):
    c = course()
    c.go(wish())
    assert c.refused(Deliver(1, items, where), "provider").field == field


def test_a_deletion_follows_the_return_only_once_it_is_acknowledged():
    c = course()
    c.go(wish("return_then_deletion"))
    assert "does not fit" in c.refused(RecordDeletion(1, TODAY), "provider").message
    c.go(Deliver(1, FILES, "By courier"), "provider")
    c.refused(RecordDeletion(1, TODAY), "provider")
    c.go(AcknowledgeReturn(1, frozenset({"a.csv", "b.csv"})))
    assert stands(c) == "deletion due"
    c.go(RecordDeletion(1, TODAY), "provider")
    assert stands(c) == "deleted"


def test_a_deletion_is_dated_from_the_order_to_today():
    c = course()
    c.go(wish("deletion"))
    for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        assert c.refused(RecordDeletion(1, day), "provider").field == "on"
    c.go(RecordDeletion(1, TODAY), "provider")


def test_a_legal_hold_stops_a_deletion_until_released_or_excepted():
    c = course(held={"voice_audio": ("Call recordings",)})
    c.go(wish("deletion", ("voice_audio",)))
    refusal = c.refused(RecordDeletion(1, TODAY), "provider")
    assert (refusal.clause, refusal.message) == ("Sch. 1 2", "A legal hold stands on Call recordings.")
    c.go(RecordException("voice_audio", "law", "Accounting Act 7:2", date(2033, 12, 31)), "provider")
    c.go(RecordDeletion(1, TODAY), "provider")


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (RecordException("nothing", "law", "Act", date(2030, 1, 1)), "category"),
        (RecordException("contact", "law", " ", date(2030, 1, 1)), "law"),
        (RecordException("contact", "law", "Act", TODAY), "until"),
    ],
)
def test_what_an_exception_must_say(command, field):
    assert course().refused(command, "provider").field == field


def test_an_exception_stands_through_its_last_day():
    c = course()
    c.go(RecordException("contact", "law", "Act", date(2028, 2, 29)), "provider")
    for day, stands_then in ((date(2028, 2, 28), 1), (date(2028, 2, 29), 1), (date(2028, 3, 1), 0)):
        assert len(data_return.kept_at(c.state, day, ("contact",))) == stands_then


# --- the end of the agreement --------------------------------------------------------------------


def test_the_end_is_recorded_once_with_a_reason_and_not_in_the_past():
    c = course()
    assert c.refused(Terminate(TODAY - timedelta(days=1), "Notice"), "provider").field == "on"
    assert c.refused(Terminate(TODAY, ""), "provider").field == "reason"
    c.go(Terminate(TODAY, "Notice"), "provider")
    assert "recorded already" in c.refused(Terminate(TODAY, "Notice"), "provider").message


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        (date(2026, 11, 30), date(2026, 12, 14)),
        (date(2026, 12, 24), date(2027, 1, 7)),  # over New Year; holidays count as days
        (date(2027, 3, 20), date(2027, 4, 3)),  # into summer time
        (date(2027, 10, 20), date(2027, 11, 3)),  # out of it
        (date(2028, 2, 15), date(2028, 2, 29)),  # to leap day
    ],
)
def test_fourteen_days_to_ask_for_a_return_then_deletion_is_assumed(ends, last):
    c = course()
    c.go(Terminate(ends, "Notice"), "provider")
    for moment in (dates.end_of(last - timedelta(days=1)), dates.end_of(last) - TICK):
        c.until(moment)
        assert found(c) == {}
    c.until(dates.end_of(last))
    assumed = found(c)[1]
    assert (assumed.assumed, assumed.categories, status(assumed)) == (True, ALL, "deletion due")
    refusal = c.refused(wish())
    assert refusal.field == "wish"
    assert dates.in_words(last) in refusal.message


def test_the_last_moment_to_ask_is_in_time_and_spares_those_categories():
    c = course()
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.until(return_until(c.state.termination, AGREEMENT) - TICK)
    c.go(wish(categories=("contact",)))
    c.until(return_until(c.state.termination, AGREEMENT))
    assert "contact" not in found(c)[1].categories
    assert stands(c, 2) == "waits for the provider"
    # No copy stays behind after a return at the end, Art. 28(3)(g) GDPR.
    c.go(Deliver(2, FILES, "By courier"), "provider")
    c.go(AcknowledgeReturn(2, frozenset({"a.csv", "b.csv"})))
    assert stands(c, 2) == "deletion due"


def test_nothing_is_withdrawn_once_deletion_is_assumed():
    c = course()
    c.go(wish())
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.until(return_until(c.state.termination, AGREEMENT))
    assert "deletion is assumed" in c.refused(WithdrawOrder(1)).message
    assert "deletion is assumed" in c.refused(WithdrawOrder(2)).message


def test_what_was_deleted_before_the_end_is_deleted_again_at_the_end():
    c = course()
    c.go(wish("deletion", ("contact",)))
    c.go(RecordDeletion(1, TODAY), "provider")
    c.until(NOW + timedelta(days=30))
    c.go(Terminate(dates.local_day(c.now), "Notice"), "provider")
    c.until(return_until(c.state.termination, AGREEMENT))
    assert found(c)[3].categories == ALL
    c.go(RecordDeletion(3, dates.local_day(c.now)), "provider")
    assert stands(c, 3) == "deleted"


def test_what_waits_for_whom():
    c = course()
    c.go(Terminate(TODAY, "Notice"), "provider")

    def open_now():
        return [
            (m.waits_for, m.next_step) for m in data_return.matters(c.state, AGREEMENT) if m.stands(c.now)
        ]

    assert open_now() == [("customer", "Ask for a return, or deletion is assumed")]
    c.until(return_until(c.state.termination, AGREEMENT))
    assert open_now() == [("provider", "Delete the data and record it")]


class Returns(RuleBasedStateMachine):
    """No course of steps deletes what was asked back, or data nobody ordered or time did not release."""

    @initialize(start=st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31)))
    def begin(self, start):
        self.course = course(start.replace(tzinfo=UTC))

    def attempt(self, command, side="customer"):
        try:
            self.course.go(command, side)
        except Refusal:
            return False
        return True

    @rule(days=st.integers(1, 20))
    def time_passes(self, days):
        self.course.until(self.course.now + timedelta(days=days))

    @rule(
        kind=st.sampled_from(["return", "deletion", "return_then_deletion"]),
        categories=st.lists(st.sampled_from(ALL), max_size=3, unique=True),
    )
    def order(self, kind, categories):
        end = self.course.state.termination
        late = end and self.course.now >= return_until(end, AGREEMENT)
        if self.attempt(wish(kind, tuple(categories))):
            assert not late or kind == "deletion"

    @rule(ahead=st.integers(-2, 30))
    def terminate(self, ahead):
        day = dates.local_day(self.course.now) + timedelta(days=ahead)
        before = self.course.state.termination
        if self.attempt(Terminate(day, "Notice"), "provider"):
            assert before is None

    @rule(id=st.integers(1, 12), step=st.sampled_from(["deliver", "acknowledge", "mismatch", "withdraw"]))
    def step(self, id, step):
        command = {
            "deliver": Deliver(id, FILES, "By courier"),
            "acknowledge": AcknowledgeReturn(id, frozenset({"a.csv", "b.csv"})),
            "mismatch": ReportMismatch(id, "b.csv"),
            "withdraw": WithdrawOrder(id),
        }[step]
        self.attempt(command, "provider" if step == "deliver" else "customer")

    @rule(id=st.integers(1, 12), back=st.integers(-1, 3))
    def delete(self, id, back):
        before = orders(self.course.state, AGREEMENT, self.course.now).get(id)
        day = dates.local_day(self.course.now) - timedelta(days=back)
        if self.attempt(RecordDeletion(id, day), "provider"):
            assert before.wish == "deletion" or before.acknowledged_at
            end = self.course.state.termination
            assert not before.assumed or self.course.now >= return_until(end, AGREEMENT)

    @invariant()
    def a_category_is_in_one_open_order(self):
        over = ("withdrawn", "returned", "deleted")
        open_ones = [
            c
            for o in orders(self.course.state, AGREEMENT, self.course.now).values()
            if status(o) not in over
            for c in o.categories
        ]
        assert len(open_ones) == len(set(open_ones))

    @invariant()
    def after_the_end_no_category_is_forgotten(self):
        end = self.course.state.termination
        if end and self.course.now >= return_until(end, AGREEMENT):
            found = orders(self.course.state, AGREEMENT, self.course.now).values()
            assert {c for o in found if status(o) != "withdrawn" for c in o.categories} == set(ALL)


TestReturns = Returns.TestCase
TestReturns.settings = settings(max_examples=60, stateful_step_count=30)
