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
TYPES = data_return.data_types(ALL, AGREEMENT)
VOICE = ("call_recordings", "voicebot_recordings")
TODAY = dates.local_day(NOW)
DAY = timedelta(days=1)
NAME = "Åkeri Nord AB"
HELD = {"call_recordings": None}
FILES = (Item(name="b.csv", size=2, sha256="b" * 64), Item(name="a.csv", size=1, sha256="a" * 64))


def scenario(at=NOW, held=None):
    """`held`: data type -> when its deletion resumes; None while its legal hold stands."""
    return Scenario(data_return.DATA_RETURN, at, held=held or {}, customer_name=NAME)


def wish(wish="return", categories=("contact",), cost=True, reason="Moved", name=NAME):
    return OrderData(wish, categories, reason, cost_acknowledged=cost, name=name)


def except_(data_type, until, law="Act"):
    return RecordException(data_type, "law", law, until)


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


@pytest.mark.parametrize("kind", ["deletion", "return_then_deletion"])
def test_a_deletion_is_ordered_with_a_reason_and_under_the_customers_own_name(kind):
    c = scenario()
    refusal = c.refused(wish(kind, reason=" "))
    assert (refusal.code, refusal.field) == ("data_return.reason_missing", "reason")
    assert "the provider’s own setting" in refusal.remedy
    for name in ("", "Åkeri", "åkeri nord ab", NAME + " x"):
        refusal = c.refused(wish(kind, name=name))
        assert (refusal.field, NAME in refusal.remedy) == ("name", True)
    # As another keyboard writes it, and with blanks that a copy brings along.
    c.go(wish(kind, name=" A\u030akeri  Nord AB\n"))


def test_a_return_wants_neither_until_the_agreement_ends_and_no_copy_stays():
    c = scenario()
    c.go(wish(reason="", name=""))
    c.go(Terminate(TODAY, "Notice"), "provider")
    assert c.refused(wish(categories=("voice_audio",), name="")).field == "name"
    assert c.refused(wish(categories=("voice_audio",), reason="")).field == "reason"


def refused_day(c, day, id=1):
    refusal = c.refused(RecordDeletion(id, day), "provider")
    assert refusal.field == "on"
    return refusal.code.removeprefix("data_return."), refusal.clause, refusal.parameters["first"]


def test_a_deletion_is_dated_from_the_order_to_today():
    c = scenario()
    c.go(wish("deletion"))
    assert refused_day(c, TODAY - DAY) == ("before_order", "3.1(xi)", TODAY)
    assert refused_day(c, TODAY + DAY) == ("day_to_come", "3.1(xi)", TODAY)
    c.until(NOW + 2 * DAY)
    assert refused_day(c, TODAY + 3 * DAY) == ("day_to_come", "3.1(xi)", TODAY)
    c.go(RecordDeletion(1, TODAY), "provider")
    assert c.refused(RecordDeletion(1, TODAY), "provider").code == "data_return.does_not_fit"


def test_a_return_is_acknowledged_before_its_deletion():
    c = scenario()
    c.go(wish("return_then_deletion"))
    c.go(Deliver(1, FILES, "By courier"), "provider")
    c.until(NOW + 4 * DAY).go(AcknowledgeReturn(1, frozenset({"a.csv", "b.csv"})))
    acknowledged = TODAY + 4 * DAY
    assert refused_day(c, TODAY - DAY) == ("before_order", "3.1(xi)", acknowledged)
    assert refused_day(c, acknowledged - DAY) == ("before_acknowledged", "3.1(xi)", acknowledged)
    c.go(RecordDeletion(1, acknowledged), "provider")
    assert found(c)[1].deleted_on == acknowledged


# --- legal holds, and the days after them --------------------------------------------------------


def test_a_legal_hold_stops_a_deletion_whatever_else_is_excepted():
    c = scenario(held=HELD)
    c.go(wish("deletion", ("voice_audio",)))
    refusal = c.refused(RecordDeletion(1, TODAY), "provider")
    assert (refusal.code, refusal.field, refusal.clause) == ("data_return.legal_hold", "order", "Sch. 1 2")
    assert refusal.message == "A legal hold stands on Call recordings."
    # Another data type of the same category is kept by law: the hold stands in the way all the same.
    c.go(except_("voicebot_recordings", date(2033, 12, 31)), "provider")
    assert c.refused(RecordDeletion(1, TODAY), "provider").message == refusal.message
    assert data_return.steps_open(found(c)[1], c.state, c.context("provider")) == ()
    # What is kept by law itself is not deleted, so that the rest can be.
    c.go(except_("call_recordings", date(2033, 12, 31)), "provider")
    c.refused(RecordDeletion(1, TODAY), "provider")


def test_what_is_held_and_excepted_stays_and_the_rest_is_deleted():
    c = scenario(held=HELD)
    c.go(wish("deletion", ("voice_audio",)))
    c.go(except_("call_recordings", date(2033, 12, 31)), "provider")
    assert data_return.steps_open(found(c)[1], c.state, c.context("provider")) == (RecordDeletion,)
    c.go(RecordDeletion(1, TODAY), "provider")
    assert found(c)[1].deleted == ("voicebot_recordings",)
    assert [k.data_type for k in found(c)[1].exceptions] == ["call_recordings"]


def test_in_the_days_after_a_released_hold_nothing_is_deleted_or_recorded_as_deleted():
    resumes = NOW + 7 * DAY
    first = TODAY + 7 * DAY
    c = scenario(held={"call_recordings": resumes})
    c.go(wish("deletion", ("voice_audio",)))
    for moment in (NOW, resumes - DAY, resumes - TICK):
        c.until(moment)
        refusal = c.refused(RecordDeletion(1, TODAY), "provider")
        assert (refusal.code, refusal.clause) == ("data_return.deletion_paused", "Sch. 1 2")
        assert refusal.parameters["first"] == first
        assert "7 days after that, which is the provider’s own setting" in refusal.message
        assert data_return.steps_open(found(c)[1], c.state, c.context("provider")) == ()
    c.until(resumes)
    assert refused_day(c, first - DAY) == ("before_resumed", "Sch. 1 2", first)
    c.go(RecordDeletion(1, first), "provider")


def test_what_is_released_first_waits_with_the_rest_of_the_order_for_the_last():
    c = scenario(held={"call_recordings": NOW + 3 * DAY, "voicebot_recordings": NOW + 5 * DAY})
    c.go(wish("deletion", ("voice_audio",)))
    assert c.refused(RecordDeletion(1, TODAY), "provider").parameters["first"] == TODAY + 5 * DAY
    c.until(NOW + 5 * DAY)
    assert refused_day(c, TODAY + 4 * DAY) == ("before_resumed", "Sch. 1 2", TODAY + 5 * DAY)


def test_a_hold_that_ended_before_the_order_is_no_matter():
    c = scenario(held={"call_recordings": NOW - 3 * DAY})
    c.go(wish("deletion", ("voice_audio",)))
    c.go(RecordDeletion(1, TODAY), "provider")


# --- lawful exceptions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (RecordException("nothing", "law", "Act", date(2030, 1, 1)), "data_type"),
        (RecordException("contact", "law", "Act", date(2030, 1, 1)), "data_type"),
        (RecordException("contacts", "habit", "Act", date(2030, 1, 1)), "ground"),
        (RecordException("contacts", "law", " ", date(2030, 1, 1)), "law"),
        (RecordException("contacts", "law", "Act", TODAY), "until"),
        (RecordException("contacts", "law", "Act", None), "until"),
    ],
)
def test_what_an_exception_must_say(command, field):
    refusal = scenario().refused(command, "provider")
    assert (refusal.field, refusal.clause) == (field, "3.1(xi)")


def test_other_rules_and_regulations_are_a_ground_of_their_own():
    c = scenario()
    c.go(RecordException("contacts", "other_rules", "Rule book 4", date(2030, 1, 1)), "provider")
    assert c.state.kept[0].ground == "other_rules"
    assert data_return.GROUNDS["other_rules"] == "Other rules and regulations"


def test_a_category_without_data_types_is_excepted_as_a_whole():
    c = scenario()
    c.go(except_("identification", date(2030, 1, 1)), "provider")
    assert (c.state.kept[0].category, c.state.kept[0].data_type) == ("identification", "")
    assert data_return.excepted(c.state.kept[0], AGREEMENT) == ("identification",)


def test_an_exception_of_a_whole_category_means_each_of_its_data_types():
    old = data_return.Kept.model_validate(
        {"category": "voice_audio", "ground": "law", "law": "Act", "until": "2030-01-01"}
    )
    assert data_return.excepted(old, AGREEMENT) == VOICE


def test_what_is_deleted_is_not_kept_and_what_is_kept_is_not_deleted():
    c = scenario()
    c.go(except_("contacts", date(2033, 12, 31)), "provider")
    c.go(wish("deletion", ("contact", "voice_audio")))
    c.go(RecordDeletion(2, TODAY), "provider")
    order = found(c)[2]
    assert data_return.deleted_by(order, AGREEMENT) == VOICE
    assert c.state.deleted == dict.fromkeys(VOICE, TODAY)
    # An older entry named categories alone, and certified what was kept as deleted.
    older = order.but(deleted=())
    assert data_return.deleted_by(older, AGREEMENT) == VOICE


def test_where_everything_is_kept_nothing_is_recorded_as_deleted():
    c = scenario()
    c.go(wish("deletion"))
    c.go(except_("contacts", TODAY + DAY), "provider")
    c.go(except_("contacts", TODAY + 2 * DAY, "Another act"), "provider")
    c.until(dates.end_of(TODAY + 2 * DAY) - TICK)
    refusal = c.refused(RecordDeletion(1, TODAY), "provider")
    assert (refusal.code, refusal.field, refusal.clause) == ("data_return.all_kept", "order", "3.1(xi)")
    assert refusal.parameters["until"] == TODAY + 2 * DAY
    c.until(dates.end_of(TODAY + 2 * DAY)).go(RecordDeletion(1, TODAY + 3 * DAY), "provider")
    assert found(c)[1].deleted == ("contacts",)


def test_an_exception_that_is_over_keeps_nothing_back_however_the_deletion_is_dated():
    c = scenario(held=HELD)
    c.go(wish("deletion", ("voice_audio",)))
    last = TODAY + DAY
    c.go(except_("call_recordings", last), "provider")
    c.until(NOW + 3 * DAY)
    assert "legal hold" in c.refused(RecordDeletion(1, last), "provider").message
    assert data_return.steps_open(found(c)[1], c.state, c.context("provider")) == ()


def test_an_exception_stands_through_its_last_day():
    c = scenario()
    c.go(except_("contacts", date(2028, 2, 29)), "provider")
    for day, stands_then in ((date(2028, 2, 28), 1), (date(2028, 2, 29), 1), (date(2028, 3, 1), 0)):
        at = dates.end_of(day) - TICK
        (fate,) = data_return.fates(("contact",), c.state, c.context(), at)
        assert len(fate.kept) == stands_then


def test_each_data_type_has_one_fate():
    c = scenario(held={"chats": None, "sms": NOW + DAY, "emails": NOW})
    c.go(except_("transcripts", date(2030, 1, 1)), "provider")
    found_ = data_return.fates(("communication_content", "identification"), c.state, c.context(), NOW)
    assert [(f.data_type, f.waits, bool(f.kept)) for f in found_] == [
        ("transcripts", False, True),
        ("chats", True, False),
        ("emails", False, False),
        ("sms", True, False),
        ("identification", False, False),
    ]
    asked = data_return.consequences(wish("deletion", ("communication_content",)), c.state, c.context())
    assert (asked.fates, asked.deletes) == (found_[:-1], True)


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
    c.go(RecordException("contacts", "law", "Accounting Act 7:2", TODAY + timedelta(days=60)), "provider")
    c.until(return_until(c.state.termination, AGREEMENT))
    c.go(RecordDeletion(1, dates.local_day(c.now)), "provider")
    away = data_return.gone(c.state)
    assert [id for id in ALL if not data_return.covers(away, (id,), AGREEMENT)] == ["contact"]
    assert not data_return.all_deleted(c.state, AGREEMENT)
    c.until(dates.end_of(TODAY + timedelta(days=60)))
    c.go(RecordDeletion(1, dates.local_day(c.now)), "provider")
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


def until_assumed(c):
    """The end of the agreement is recorded, and the time to ask for a return goes by."""
    c.go(Terminate(dates.local_day(c.now), "Notice"), "provider")
    return c.until(return_until(c.state.termination, AGREEMENT))


def test_at_the_end_held_data_waits_for_the_customer_and_the_rest_is_deleted():
    c = until_assumed(scenario(held={"chats": None}))
    today = dates.local_day(c.now)
    c.go(RecordDeletion(1, today), "provider")
    rest = tuple(x for x in ALL if x != "communication_content")
    assert (found(c)[2].categories, found(c)[2].assumed, stands(c, 2)) == (rest, True, "deleted")
    assert found(c)[2].deleted == data_return.data_types(rest, AGREEMENT)
    # What waits is the assumed deletion still, of the same moment.
    left = found(c)[1]
    assert (left.categories, left.at) == (
        ("communication_content",),
        return_until(c.state.termination, AGREEMENT),
    )
    assert c.open_tasks() == [("customer", "Release the legal hold, or the deletion waits")]
    assert c.refused(RecordDeletion(1, today), "provider").code == "data_return.legal_hold"
    c.facts["held"] = {"chats": c.now + DAY}
    assert c.refused(RecordDeletion(1, today), "provider").code == "data_return.deletion_paused"
    assert c.open_tasks() == [(None, "")]
    c.until(c.now + DAY)
    assert c.open_tasks() == [("provider", "Delete the data and record it")]
    assert refused_day(c, today)[0] == "before_resumed"
    c.go(RecordDeletion(1, today + DAY), "provider")
    assert (stands(c, 1), c.state.termination.deleted, c.open_tasks()) == ("deleted", True, [])


def test_at_the_end_what_is_kept_by_law_is_deleted_once_that_is_over():
    c = scenario()
    c.go(except_("contacts", date(2030, 12, 31)), "provider")
    until_assumed(c).go(RecordDeletion(2, dates.local_day(c.now)), "provider")
    assert data_return.deleted_by(found(c)[3], AGREEMENT) == tuple(t for t in TYPES if t != "contacts")
    left = found(c)[2]
    assert left.categories == ("contact",)
    refusal = c.refused(RecordDeletion(2, dates.local_day(c.now)), "provider")
    assert (refusal.code, refusal.parameters["until"]) == ("data_return.all_kept", date(2030, 12, 31))
    assert c.open_tasks() == [(None, "")]
    c.until(dates.end_of(date(2030, 12, 31)) - TICK)
    assert c.open_tasks() == [(None, "")]
    c.until(dates.end_of(date(2030, 12, 31)))
    assert c.open_tasks() == [("provider", "Delete the data and record it")]
    c.go(RecordDeletion(2, date(2031, 1, 1)), "provider")
    assert found(c)[2].deleted == ("contacts",)
    assert (c.state.termination.deleted, c.open_tasks()) == (True, [])


def test_a_deletion_waits_for_whoever_can_go_on():
    c = scenario(held=HELD)
    c.go(wish("deletion", ("voice_audio",)))
    (task,) = data_return.tasks(c.state, c.context())
    assert (task.waits_for, task.step, task.begins, task.ends) == ("customer", "release_hold", NOW, None)
    c.facts["held"] = {"call_recordings": NOW + 7 * DAY}
    first, second = data_return.tasks(c.state, c.context())
    assert (first.waits_for, first.step, first.due, first.ends) == (None, "", NOW + 7 * DAY, NOW + 7 * DAY)
    assert (second.waits_for, second.step, second.begins, second.ends) == (
        "provider",
        "delete",
        NOW + 7 * DAY,
        None,
    )
    assert first.key == second.key == "data_return/1"
    assert (second.due, second.clause) == (None, "3.1(xi)")


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
    """No course of steps deletes what was asked back, what is held or was released too lately, or data nobody
    ordered or time did not release."""

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
            assert not any(data_return.covers(away, (c,), AGREEMENT) for c in categories)

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

    @rule(data_type=st.sampled_from(TYPES))
    def hold(self, data_type):
        self.scenario.facts["held"] |= {data_type: None}

    @rule(data_type=st.sampled_from(TYPES))
    def release(self, data_type):
        held = self.scenario.facts["held"]
        if data_type in held and held[data_type] is None:
            self.scenario.facts["held"] = held | {data_type: self.scenario.now + 7 * DAY}

    @rule(data_type=st.sampled_from(TYPES), ahead=st.integers(0, 20))
    def record_exception(self, data_type, ahead):
        until = dates.local_day(self.scenario.now) + timedelta(days=ahead)
        self.scenario.attempt(RecordException(data_type, "law", "Act", until), "provider")

    @rule(id=st.integers(1, 12), back=st.integers(-1, 3))
    def delete(self, id, back):
        before = orders(self.scenario.state, AGREEMENT, self.scenario.now).get(id)
        today = dates.local_day(self.scenario.now)
        day = today - timedelta(days=back)
        if self.scenario.attempt(RecordDeletion(id, day), "provider"):
            assert before.wish == "deletion" or before.acknowledged_at
            assert not before.acknowledged_at or day >= dates.local_day(before.acknowledged_at)
            end = self.scenario.state.termination
            assert not before.assumed or self.scenario.now >= return_until(end, AGREEMENT)
            (done,) = [
                o for o in self.scenario.state.orders.values() if o.deleted_entry == self.scenario.sequence
            ]
            self.nothing_was_deleted_that_had_to_stay(done, day, today)

    def nothing_was_deleted_that_had_to_stay(self, done, day, today):
        held = self.scenario.facts["held"]
        gone = data_return.deleted_by(done, AGREEMENT)
        assert gone
        for data_type in gone:
            assert data_return.category_of(data_type, AGREEMENT) in done.categories
            if data_type in held:
                assert held[data_type] is not None
                assert held[data_type] <= self.scenario.now
                assert dates.local_day(held[data_type]) <= day
        kept = [x for k in done.exceptions for x in data_return.excepted(k, AGREEMENT)]
        assert not set(kept) & set(gone)
        assert all(k.until >= today for k in done.exceptions)

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for order in found(self.scenario).values():
            examples = [
                AcknowledgeReturn(order.id, frozenset(i.name for i in order.items)),
                ReportMismatch(order.id, "b.csv"),
                WithdrawOrder(order.id),
                Deliver(order.id, FILES, "By courier"),
                RecordDeletion(order.id, dates.local_day(self.scenario.now)),
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
