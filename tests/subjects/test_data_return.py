"""Return and deletion. Clause: 3.1(xi); cost: 3.1(xiii)"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import data_return, dates
from dpa_core.subjects.common import FileRef
from dpa_core.subjects.data_return import (
    AcknowledgeReturn,
    CorrectEnd,
    Deleted,
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
from tests.conftest import NOW, recorded
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


def test_the_end_is_recorded_once_with_a_reason():
    c = scenario()
    refusal = c.refused(Terminate(TODAY, ""), "provider")
    assert (refusal.field, refusal.clause) == ("reason", "3.1(xi)")
    c.go(Terminate(TODAY, "Notice"), "provider")
    end = c.state.termination
    assert (end.on, end.reason, end.by, end.side) == (TODAY, "Notice", "eva", "provider")
    for day in (TODAY, TODAY + timedelta(days=1)):
        refusal = c.refused(Terminate(day, "Notice"), "provider")
        assert (refusal.code, refusal.field) == ("data_return.ended_already", "on")
    c.until(dates.end_of(TODAY))
    assert c.refused(Terminate(TODAY - timedelta(days=1), "x"), "provider").code.endswith("ended_already")


def test_an_end_in_the_past_is_recorded_late_and_its_days_count_from_it():
    c = scenario()
    ended = TODAY - timedelta(days=40)
    c.go(Terminate(ended, "Notice of 1 October, entered late"), "provider")
    until = dates.end_of(ended + timedelta(days=14))
    assert return_until(c.state.termination, AGREEMENT) == until
    assert (found(c)[1].assumed, found(c)[1].at) == (True, until)
    assert c.open_tasks() == [("provider", "Delete the data and record it")]


@pytest.mark.parametrize(("back", "refused"), [(4, True), (3, False), (2, False)])
def test_no_agreement_ends_before_the_customer_entered_it(back, refused):
    c = scenario()
    c.facts["opened_at"] = NOW - timedelta(days=3)
    command = Terminate(TODAY - timedelta(days=back), "Notice")
    if not refused:
        c.go(command, "provider")
        return
    refusal = c.refused(command, "provider")
    assert (refusal.code, refusal.field, refusal.clause) == ("data_return.end_before_begin", "on", "1.2")


@pytest.mark.parametrize("side", ["customer", "provider"])
def test_either_side_ends_the_agreement_by_an_effect_and_it_says_who_did(side):
    c = scenario()
    c.go(Terminate(TODAY, "Unresolved objection to change 3"), side)
    end = c.state.termination
    by = {"customer": "anna", "provider": "eva"}[side]
    assert (end.on, end.side, end.by) == (TODAY, side, by)


def test_who_may_end_it_today_does_not_wait_for_a_later_end():
    c = scenario()
    later = TODAY + timedelta(days=30)
    c.go(Terminate(later, "Notice"), "provider")
    c.go(Terminate(TODAY, "Unresolved objection"), "customer")
    assert (c.state.termination.on, c.state.termination.side) == (TODAY, "customer")
    refusal = c.refused(Terminate(TODAY - timedelta(days=1), "Earlier"), "provider")
    assert (refusal.code, refusal.field) == ("data_return.end_of_customer", "on")


def test_an_end_in_error_is_corrected_and_every_day_counts_anew():
    c = scenario()
    wrong, right = TODAY - timedelta(days=20), TODAY - timedelta(days=2)
    c.go(Terminate(wrong, "Notice"), "provider")
    assert stands(c) == "deletion_due"
    entry = c.go(CorrectEnd(right, "The notice names another day"), "provider")
    end = c.state.termination
    assert (end.on, end.corrects, end.sequence, end.reason) == (
        right,
        wrong,
        entry,
        "The notice names another day",
    )
    assert found(c) == {}
    assert c.open_tasks() == [("customer", "Ask for a return, or deletion is assumed")]
    c.until(dates.end_of(right + timedelta(days=14)))
    assert list(found(c)) == [entry]


def test_an_end_that_never_was_is_taken_back():
    c = scenario()
    c.go(wish())
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.go(Deliver(1, FILES, "By courier"), "provider")
    c.go(CorrectEnd(None, "Of another customer"), "provider")
    assert c.state.termination is None
    c.until(dates.end_of(TODAY + timedelta(days=15)))
    assert list(found(c)) == [1]
    # The agreement goes on: the data stays with the provider after the return.
    c.go(AcknowledgeReturn(1, frozenset({"a.csv", "b.csv"})))
    assert stands(c) == "returned"
    c.go(Terminate(TODAY, "Notice"), "provider")


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (CorrectEnd(TODAY, "x"), "data_return.same_end", "on"),
        (CorrectEnd(TODAY - timedelta(days=4), "x"), "data_return.end_before_begin", "on"),
        (CorrectEnd(TODAY - timedelta(days=1), " "), "common.reason_missing", "reason"),
        (CorrectEnd(None, ""), "common.reason_missing", "reason"),
    ],
)
def test_what_a_correction_of_the_end_must_say(command, code, field):
    c = scenario()
    c.facts["opened_at"] = NOW - timedelta(days=3)
    assert c.refused(CorrectEnd(TODAY, "x"), "provider").code == "data_return.no_end"
    c.go(Terminate(TODAY, "Notice"), "provider")
    refusal = c.refused(command, "provider")
    assert (refusal.code, refusal.field) == (code, field)


def test_the_provider_does_not_correct_what_the_customer_ended():
    c = scenario()
    c.go(Terminate(TODAY, "Unresolved objection"), "customer")
    for on in (None, TODAY + timedelta(days=1)):
        refusal = c.refused(CorrectEnd(on, "x"), "provider")
        assert (refusal.code, refusal.field) == ("data_return.end_of_customer", "on")


def test_what_was_deleted_by_a_wrong_end_is_deleted_again_by_the_right_one():
    c = scenario()
    c.go(Terminate(TODAY - timedelta(days=20), "Notice"), "provider")
    c.go(RecordDeletion(1, TODAY), "provider")
    assert data_return.all_deleted(c.state, AGREEMENT)
    entry = c.go(CorrectEnd(TODAY + timedelta(days=5), "Wrong day"), "provider")
    assert not data_return.all_deleted(c.state, AGREEMENT)
    c.until(return_until(c.state.termination, AGREEMENT))
    assert found(c)[entry].categories == ALL
    assert found(c)[1].deleted_on == TODAY


def test_a_deletion_by_a_wrong_end_counts_by_an_earlier_one():
    c = scenario()
    c.go(Terminate(TODAY - timedelta(days=20), "Notice"), "provider")
    c.go(RecordDeletion(1, TODAY), "provider")
    c.go(CorrectEnd(TODAY - timedelta(days=25), "Wrong day"), "provider")
    assert data_return.all_deleted(c.state, AGREEMENT)
    assert list(found(c)) == [1]


def test_an_assumed_deletion_keeps_its_moment_when_it_is_recorded():
    c = scenario()
    c.go(Terminate(date(2026, 11, 28), "Notice"), "provider")
    moment = datetime(2026, 12, 12, 23, tzinfo=UTC)  # 13 Dec, 00:00 in Stockholm
    c.until(moment + timedelta(days=9))
    c.go(RecordDeletion(1, date(2026, 12, 20)), "provider")
    order = found(c)[1]
    assert (order.at, order.assumed_after) == (moment, None)
    assert data_return.since(order, AGREEMENT) == moment


def test_of_an_assumed_deletion_recorded_without_its_moment_it_follows_from_the_end():
    c = scenario()
    c.go(Terminate(date(2026, 11, 28), "Notice"), "provider")
    c.until(datetime(2026, 12, 20, 9, tzinfo=UTC))
    (body,) = c.decided(RecordDeletion(1, date(2026, 12, 20)), "provider")
    old = {k: v for k, v in body.model_dump(mode="json").items() if k != "assumed_at"}
    (event,) = recorded([Deleted.model_validate(old)], c.now, after=1, actor="eva", behalf="processor")
    order = data_return.DATA_RETURN.evolve(c.state, event).orders[1]
    assert order.at == c.now
    assert data_return.since(order, AGREEMENT) == datetime(2026, 12, 12, 23, tzinfo=UTC)


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
    assert c.open_tasks() == [("provider", "Delete the data and record it")]


@pytest.mark.parametrize("kind", ["return", "return_then_deletion"])
def test_a_return_is_asked_for_late_while_the_data_is_there(kind):
    """The text assumes a wish for deletion after 14 days; it takes no right away."""
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    over = return_until(c.state.termination, AGREEMENT)
    c.until(over - TICK)
    assert data_return.consequences(wish(kind), c.state, c.context()).assumed_since is None
    c.until(over)
    assert data_return.consequences(wish(kind), c.state, c.context()).assumed_since == over
    c.until(over + timedelta(days=30))
    entry = c.go(wish(kind))
    assert found(c)[1].categories == tuple(id for id in ALL if id != "contact")
    c.go(RecordDeletion(1, dates.local_day(c.now)), "provider")
    assert stands(c, entry) == "waits_for_provider"
    c.go(Deliver(entry, FILES, "By courier"), "provider")
    c.go(AcknowledgeReturn(entry, frozenset({"a.csv", "b.csv"})))
    assert stands(c, entry) == "deletion_due"
    c.go(RecordDeletion(entry, dates.local_day(c.now)), "provider")
    assert data_return.all_deleted(c.state, AGREEMENT)


@pytest.mark.parametrize("kind", ["return", "deletion", "return_then_deletion"])
def test_what_is_recorded_as_deleted_since_the_end_cannot_be_asked_for(kind):
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.until(return_until(c.state.termination, AGREEMENT))
    c.go(RecordDeletion(1, dates.local_day(c.now)), "provider")
    refusal = c.refused(wish(kind, ("contact", "voice_audio")))
    assert (refusal.code, refusal.field, refusal.clause) == (
        "data_return.deleted_already",
        "categories",
        "3.1(xi)",
    )


def test_what_was_deleted_while_the_agreement_ran_may_be_asked_for():
    c = scenario()
    c.go(wish("deletion"))
    c.go(RecordDeletion(1, TODAY), "provider")
    c.until(NOW + timedelta(days=2))
    c.go(Terminate(dates.local_day(c.now), "Notice"), "provider")
    c.go(wish())


def test_what_is_lawfully_kept_is_not_recorded_as_deleted():
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.go(RecordException("contact", "law", "Accounting Act 7:2", TODAY + timedelta(days=60)), "provider")
    c.until(return_until(c.state.termination, AGREEMENT))
    c.go(RecordDeletion(1, dates.local_day(c.now)), "provider")
    assert data_return.gone(c.state) == set(ALL) - {"contact"}
    assert not data_return.all_deleted(c.state, AGREEMENT)
    c.until(dates.end_of(TODAY + timedelta(days=60)))
    entry = c.go(wish("deletion"))
    c.go(RecordDeletion(entry, dates.local_day(c.now)), "provider")
    assert data_return.all_deleted(c.state, AGREEMENT)


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
    assert titles == ["Deletion assumed, order 1", "The agreement ends", "The agreement has ended"]


@pytest.mark.parametrize(
    ("moment", "title"),
    [
        (dates.end_of(TODAY) - TICK, "The agreement ends"),
        (dates.end_of(TODAY), "The agreement has ended"),
        (dates.end_of(TODAY + timedelta(days=14)) - TICK, "The agreement has ended"),
        (dates.end_of(TODAY + timedelta(days=14)), "Deletion assumed, order 1"),
    ],
)
def test_the_end_is_a_task_that_says_ends_before_and_ended_after(moment, title):
    c = scenario()
    c.go(Terminate(TODAY, "Notice"), "provider")
    c.until(moment)
    found = [t for t in data_return.tasks(c.state, c.context()) if t.stands(moment)]
    assert [data_return.DATA_RETURN.title_of(t)[1] for t in found] == [title]
    assert [t.waits_for for t in found] == ["provider" if "assumed" in title else "customer"]


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
        away = data_return.gone(self.scenario.state)
        if self.scenario.attempt(wish(kind, tuple(categories))):
            assert not away & set(categories)

    @rule(ahead=st.integers(-20, 30), side=st.sampled_from(["customer", "provider"]))
    def terminate(self, ahead, side):
        day = dates.local_day(self.scenario.now) + timedelta(days=ahead)
        before, now = self.scenario.state.termination, self.scenario.now
        if self.scenario.attempt(Terminate(day, "Notice"), side):
            assert before is None or (now < dates.end_of(before.on) and day < before.on)

    @rule(ahead=st.none() | st.integers(-20, 30))
    def correct(self, ahead):
        today, before = dates.local_day(self.scenario.now), self.scenario.state.termination
        day = None if ahead is None else today + timedelta(days=ahead)
        if self.scenario.attempt(CorrectEnd(day, "In error"), "provider"):
            assert before.side == "provider"
            end = self.scenario.state.termination
            assert (end.on if end else None) == day

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
