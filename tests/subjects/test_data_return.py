"""Return and deletion. Clause: 3.1(xi); cost: 3.1(xiii)"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core import locale
from dpa_core.subjects import data_return, dates
from dpa_core.subjects.common import FileRef
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
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

ALL = tuple(c.id for c in AGREEMENT.data_categories)
TODAY = dates.local_day(NOW)
FILES = (Item(name="b.csv", size=2, sha256="b" * 64), Item(name="a.csv", size=1, sha256="a" * 64))


def scenario(at=NOW, held=None):
    """`held`: data category -> names of its data types under a legal hold."""
    return Scenario(data_return.DATA_RETURN, at, held=held or {})


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
    refusal = scenario().refused(command)
    assert (refusal.field, refusal.clause) == (field, clause)


def test_a_category_is_not_ordered_twice_at_once():
    c = scenario()
    c.go(wish())
    assert c.refused(wish("deletion", ("contact", "voice_audio"))).field == "categories"
    c.go(WithdrawOrder(1))
    c.go(wish("deletion", ("contact", "voice_audio")))


def test_a_return_from_order_to_acknowledgement():
    c = scenario()
    c.go(wish())
    assert stands(c) == "waits_for_provider"
    c.go(Deliver(1, FILES, "By courier"), "provider")
    assert [i.name for i in found(c)[1].items] == ["a.csv", "b.csv"]
    refusal = c.refused(AcknowledgeReturn(1, frozenset({"a.csv"})))
    assert (refusal.field, refusal.message) == ("checked", "Not checked off: b.csv.")
    c.go(ReportMismatch(1, "b.csv is cut off"))
    assert stands(c) == "does_not_match"
    c.go(Deliver(1, FILES, "By courier"), "provider")
    c.go(AcknowledgeReturn(1, frozenset({"a.csv", "b.csv"})))
    assert stands(c) == "returned"
    assert "does not fit" in c.refused(WithdrawOrder(1)).message


@pytest.mark.parametrize(
    ("items", "where", "field"),
    [((), "", "items"), (FILES, " ", "where"), ((*FILES, FILES[0]), "By courier", "items")],
)
def test_what_a_delivery_must_say(items, where, field):
    c = scenario()
    c.go(wish())
    assert c.refused(Deliver(1, items, where), "provider").field == field


def test_a_refusal_names_the_first_five_files_that_are_not_checked_and_counts_the_rest():
    c = scenario()
    c.go(wish())
    many = tuple(Item(name=f"{n}.csv", size=1, sha256="a" * 64) for n in range(1, 8))
    c.go(Deliver(1, many, "By courier"), "provider")
    message = c.refused(AcknowledgeReturn(1, frozenset({"1.csv"}))).message
    assert message == "Not checked off: 2.csv, 3.csv, 4.csv, 5.csv and 6.csv, and 1 more."
    message = c.refused(AcknowledgeReturn(1, frozenset({"1.csv", "7.csv"}))).message
    assert message == "Not checked off: 2.csv, 3.csv, 4.csv, 5.csv and 6.csv."


def test_the_files_delivered_here_are_kept_and_those_on_another_way_are_not():
    c = scenario()
    c.go(wish())
    here = Item(name="c.csv", size=3, sha256="c" * 64, attached=True)
    c.go(Deliver(1, (*FILES, here), "By courier"), "provider")
    kept = FileRef(name="c.csv", size=3, media_type="", sha256="c" * 64)
    assert list(data_return.files(c.state)) == [kept]


def test_a_deletion_follows_the_return_only_once_it_is_acknowledged():
    c = scenario()
    c.go(wish("return_then_deletion"))
    assert "does not fit" in c.refused(RecordDeletion(1, TODAY), "provider").message
    c.go(Deliver(1, FILES, "By courier"), "provider")
    c.refused(RecordDeletion(1, TODAY), "provider")
    c.go(AcknowledgeReturn(1, frozenset({"a.csv", "b.csv"})))
    assert stands(c) == "deletion_due"
    entry = c.go(RecordDeletion(1, TODAY), "provider")
    assert stands(c) == "deleted"
    assert found(c)[1].deleted_entry == entry == 4


def test_a_deletion_is_dated_from_the_order_to_today():
    c = scenario()
    c.go(wish("deletion"))
    for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        assert c.refused(RecordDeletion(1, day), "provider").field == "on"
    c.go(RecordDeletion(1, TODAY), "provider")


def test_a_legal_hold_stops_a_deletion_until_released_or_excepted():
    c = scenario(held={"voice_audio": ("Call recordings",)})
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
        (RecordException("contact", "law", "Act", None), "until"),
    ],
)
def test_what_an_exception_must_say(command, field):
    assert scenario().refused(command, "provider").field == field


@pytest.mark.parametrize("excepted", [False, True])
def test_the_deletion_is_offered_only_where_no_legal_hold_forbids_it(excepted):
    c = scenario(held={"voice_audio": ("Call recordings",)})
    c.go(wish("deletion", ("contact", "voice_audio")))
    if excepted:
        c.go(RecordException("voice_audio", "law", "Act", TODAY + timedelta(days=1)), "provider")
    offered = data_return.steps_open(found(c)[1], c.state, c.context("provider"))
    assert offered == ((RecordDeletion,) if excepted else ())
    held_back = data_return.held_back(found(c)[1], TODAY, c.state, c.context())
    assert held_back == (() if excepted else ("Call recordings",))


def test_an_exception_that_is_over_lets_the_deletion_be_dated_while_it_stood():
    c = scenario(held={"voice_audio": ("Call recordings",)})
    c.go(wish("deletion", ("voice_audio",)))
    last = TODAY + timedelta(days=1)
    c.go(RecordException("voice_audio", "law", "Act", last), "provider")
    c.until(NOW + timedelta(days=3))
    assert "legal hold" in c.refused(RecordDeletion(1, last + timedelta(days=1)), "provider").message
    assert RecordDeletion in data_return.steps_open(found(c)[1], c.state, c.context("provider"))
    c.go(RecordDeletion(1, last), "provider")


def test_an_exception_stands_through_its_last_day():
    c = scenario()
    c.go(RecordException("contact", "law", "Act", date(2028, 2, 29)), "provider")
    for day, stands_then in ((date(2028, 2, 28), 1), (date(2028, 2, 29), 1), (date(2028, 3, 1), 0)):
        assert len(data_return.kept_at(c.state, day, ("contact",))) == stands_then


# --- the end of the agreement --------------------------------------------------------------------


def test_the_end_is_recorded_once_with_a_reason_and_not_in_the_past():
    c = scenario()
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
    c = scenario()
    c.go(Terminate(ends, "Notice"), "provider")
    for moment in (dates.end_of(last - timedelta(days=1)), dates.end_of(last) - TICK):
        c.until(moment)
        assert found(c) == {}
    c.until(dates.end_of(last))
    assumed = found(c)[1]
    assert (assumed.assumed, assumed.categories, status(assumed)) == (True, ALL, "deletion_due")
    refusal = c.refused(wish())
    assert refusal.field == "wish"
    assert locale.day(last) in refusal.message


def test_the_last_moment_to_ask_is_in_time_and_spares_those_categories():
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.until(return_until(c.state.termination, AGREEMENT) - TICK)
    c.go(wish(categories=("contact",)))
    c.until(return_until(c.state.termination, AGREEMENT))
    assert "contact" not in found(c)[1].categories
    assert stands(c, 2) == "waits_for_provider"
    # No copy stays behind after a return at the end, Art. 28(3)(g) GDPR.
    c.go(Deliver(2, FILES, "By courier"), "provider")
    c.go(AcknowledgeReturn(2, frozenset({"a.csv", "b.csv"})))
    assert stands(c, 2) == "deletion_due"


def test_nothing_is_withdrawn_once_deletion_is_assumed():
    c = scenario()
    c.go(wish())
    c.go(Terminate(TODAY, "Notice"), "provider")
    over = return_until(c.state.termination, AGREEMENT)
    c.until(over - TICK)
    assert WithdrawOrder in data_return.steps_open(found(c)[1], c.state, c.context())
    c.until(over)
    for id in (1, 2):
        assert "deletion is assumed" in c.refused(WithdrawOrder(id)).message
        assert WithdrawOrder not in data_return.steps_open(found(c)[id], c.state, c.context())


def test_what_was_deleted_before_the_end_is_deleted_again_at_the_end():
    c = scenario()
    c.go(wish("deletion", ("contact",)))
    c.go(RecordDeletion(1, TODAY), "provider")
    c.until(NOW + timedelta(days=30))
    c.go(Terminate(dates.local_day(c.now), "Notice"), "provider")
    c.until(return_until(c.state.termination, AGREEMENT))
    assert found(c)[3].categories == ALL
    entry = c.go(RecordDeletion(3, dates.local_day(c.now)), "provider")
    assert stands(c, 3) == "deleted"
    assert found(c)[3].deleted_entry == entry == 4


def test_what_waits_for_whom():
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    assert c.open_tasks() == [("customer", "Ask for a return, or deletion is assumed")]
    c.until(return_until(c.state.termination, AGREEMENT))
    assert c.open_tasks() == [("provider", "Delete the data and record it")]


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("return", "Return of data, order 1"),
        ("deletion", "Deletion of data, order 1"),
        ("return_then_deletion", "Return, then deletion of data, order 1"),
    ],
)
def test_an_order_is_a_task_with_a_title(kind, title):
    c = scenario()
    c.go(wish(kind))
    (task,) = data_return.tasks(c.state, c.context())
    assert data_return.DATA_RETURN.title_of(task) == ("Return and deletion", title)
    assert (task.key, task.entry, task.by, task.opened_at) == ("data_return/1", 1, "anna", NOW)


def test_the_end_and_the_deletion_assumed_after_it_are_tasks_with_titles():
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    titles = [data_return.DATA_RETURN.title_of(t)[1] for t in data_return.tasks(c.state, c.context())]
    assert titles == ["Deletion assumed, order 1", "The agreement ends"]


class Returns(RuleBasedStateMachine):
    """No course of steps deletes what was asked back, or data nobody ordered or time did not release."""

    @initialize(start=st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31)))
    def begin(self, start):
        self.scenario = scenario(start.replace(tzinfo=UTC))

    @rule(days=st.integers(1, 20))
    def time_passes(self, days):
        self.scenario.until(self.scenario.now + timedelta(days=days))

    @rule(
        kind=st.sampled_from(["return", "deletion", "return_then_deletion"]),
        categories=st.lists(st.sampled_from(ALL), max_size=3, unique=True),
    )
    def order(self, kind, categories):
        end = self.scenario.state.termination
        late = end and self.scenario.now >= return_until(end, AGREEMENT)
        if self.scenario.attempt(wish(kind, tuple(categories))):
            assert not late or kind == "deletion"

    @rule(ahead=st.integers(-2, 30))
    def terminate(self, ahead):
        day = dates.local_day(self.scenario.now) + timedelta(days=ahead)
        before = self.scenario.state.termination
        if self.scenario.attempt(Terminate(day, "Notice"), "provider"):
            assert before is None

    @rule(id=st.integers(1, 12), step=st.sampled_from(["deliver", "acknowledge", "mismatch", "withdraw"]))
    def step(self, id, step):
        command = {
            "deliver": Deliver(id, FILES, "By courier"),
            "acknowledge": AcknowledgeReturn(id, frozenset({"a.csv", "b.csv"})),
            "mismatch": ReportMismatch(id, "b.csv"),
            "withdraw": WithdrawOrder(id),
        }[step]
        self.scenario.attempt(command, "provider" if step == "deliver" else "customer")

    @rule(categories=st.lists(st.sampled_from(ALL), max_size=2, unique=True))
    def hold(self, categories):
        self.scenario.facts["held"] = {c: (f"Data of {c}",) for c in categories}

    @rule(category=st.sampled_from(ALL), ahead=st.integers(0, 20))
    def record_exception(self, category, ahead):
        until = dates.local_day(self.scenario.now) + timedelta(days=ahead)
        self.scenario.attempt(RecordException(category, "law", "Act", until), "provider")

    @rule(id=st.integers(1, 12), back=st.integers(-1, 3))
    def delete(self, id, back):
        before = orders(self.scenario.state, AGREEMENT, self.scenario.now).get(id)
        day = dates.local_day(self.scenario.now) - timedelta(days=back)
        if self.scenario.attempt(RecordDeletion(id, day), "provider"):
            assert before.wish == "deletion" or before.acknowledged_at
            end = self.scenario.state.termination
            assert not before.assumed or self.scenario.now >= return_until(end, AGREEMENT)

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for order in found(self.scenario).values():
            examples = [
                AcknowledgeReturn(order.id, frozenset(i.name for i in order.items)),
                ReportMismatch(order.id, "b.csv"),
                WithdrawOrder(order.id),
                Deliver(order.id, FILES, "By courier"),
                # On its first day the most exceptions stand, so that only a hold can be in the way.
                RecordDeletion(order.id, dates.local_day(order.at)),
            ]
            self.scenario.check_steps(order, examples)

    @invariant()
    def a_category_is_in_one_open_order(self):
        over = ("withdrawn", "returned", "deleted")
        open_ones = [
            c
            for o in orders(self.scenario.state, AGREEMENT, self.scenario.now).values()
            if status(o) not in over
            for c in o.categories
        ]
        assert len(open_ones) == len(set(open_ones))

    @invariant()
    def after_the_end_no_category_is_forgotten(self):
        end = self.scenario.state.termination
        if end and self.scenario.now >= return_until(end, AGREEMENT):
            found = orders(self.scenario.state, AGREEMENT, self.scenario.now).values()
            assert {c for o in found if status(o) != "withdrawn" for c in o.categories} == set(ALL)


TestReturns = Returns.TestCase
TestReturns.settings = settings(max_examples=60, stateful_step_count=30)
