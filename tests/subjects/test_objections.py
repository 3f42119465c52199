"""Objections to changes of the list. Clause: Sch. 2 1.1, Sch. 2 1.2; cure: 3.1(vi)"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.locale import day
from dpa_core.subjects import dates, objections
from dpa_core.subjects.common import MESSAGE_STEPS, FileRef, Refusal
from dpa_core.subjects.objections import (
    AcceptChange,
    AnswerCure,
    CannotHoldBack,
    CarryOutCure,
    Dispute,
    EndAgreement,
    EndFeatures,
    ObjectToChange,
    ProposeCure,
    ReopenObjection,
    WithdrawObjection,
    resolution_ends,
    standing,
)
from dpa_core.subjects.own_list import OwnList
from dpa_core.subjects.sub_processors import DraftChange, PublishChange, WithdrawChange
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK, Scenario
from tests.subjects.test_sub_processors import MOVE, REMOVAL, TALVOX, provider, published

ON = frozenset({"speech_analytics", "voice"})
OBJECT = ObjectToChange(1, "No assessment", True)
ADDITION = replace(TALVOX, kind="addition", replaces=None, features=("speech_analytics",))
NOTE = FileRef(name="note.txt", size=4, media_type="text/plain", sha256="0" * 64)


class Customer(Scenario):
    """A customer's ledger beside the provider's, whose published changes and list its decisions rest on."""

    def __init__(self, p, at, on, opened_at=None):
        super().__init__(objections.OBJECTIONS, at, features_on=on, opened_at=opened_at)
        self.p = p

    def own(self):
        opened_at, on = self.facts.get("opened_at"), self.facts["features_on"]
        return OwnList(
            bound=self.agreement,
            published=self.p.state.published,
            now=self.now,
            opened_on=dates.local_day(opened_at) if opened_at else None,
            disputes=self.state.disputes,
            unaccepted=self.state.unaccepted,
            switched_on=on,
        )

    def context(self, side="customer", **facts):
        context, own = super().context(side, changes=self.p.state.published, **facts), self.own()
        on = context.features_on
        return replace(
            context,
            agreement=own.agreement,
            in_use=on - own.suspended.keys(),
            suspended=own.suspended,
            to_accept=own.to_accept,
        )


def customer(p, at=NOW, on=ON, opened_at=None):
    return Customer(p, at, on, opened_at)


def stands(c, id=1):
    return standing(c.p.state.published[id], c.state, c.context())


def steps(c, side, id=1):
    return objections.steps_open(c.p.state.published[id], c.state, c.context(side))


def requests(c):
    """What is open over objections alone: for whom, and the next step in words."""
    found = objections.tasks(c.state, c.context())
    return [(t.waits_for, c.subject.step_of(t)) for t in found if t.stands(c.now)]


# --- in time, on grounds -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at",
    [
        NOW,
        datetime(2026, 12, 20, 9, tzinfo=UTC),
        datetime(2027, 3, 10, 9, tzinfo=UTC),
        datetime(2026, 10, 10, 9, tzinfo=UTC),
        datetime(2028, 1, 30, 9, tzinfo=UTC),
    ],
)
def test_silence_for_thirty_days_is_acceptance(at):
    p, _ = published(at, ahead=45)
    c = customer(p, at)
    last = dates.local_day(at) + timedelta(days=30)
    for moment in (dates.end_of(last - timedelta(days=1)), dates.end_of(last) - TICK):
        c.until(moment)
        assert stands(c) == "may_object"
        customer(p, moment).go(OBJECT)
    c.until(dates.end_of(last))
    assert stands(c) == "accepted_by_silence"
    assert "time to object is over" in c.refused(OBJECT).message


def test_an_objection_needs_grounds_that_relate_to_data_protection():
    p, _ = published()
    c = customer(p)
    for command, code, field in (
        (ObjectToChange(1, "  ", True), "grounds_missing", "grounds"),
        (ObjectToChange(1, "Too dear", False), "grounds_not_confirmed", "relates_to_data_protection"),
    ):
        assert told(c.refused(command)) == (code, "Sch. 2 1.2", field)
    c.go(OBJECT)
    assert "objected already" in c.refused(ObjectToChange(1, "Again", True)).message


def test_a_removal_is_for_information():
    p, _ = published(draft=REMOVAL)
    c = customer(p)
    assert stands(c) == "for_information"
    assert "can't be objected to" in c.refused(OBJECT).message
    assert c.refused(ProposeCure(1, "None"), "provider").message.endswith("the change is for information.")


def test_nobody_objects_to_a_change_that_will_not_come_or_never_was():
    p, _ = published()
    c = customer(p)
    assert c.refused(replace(OBJECT, change=7)).message == "There is no notice of a change 7."
    p.go(WithdrawChange(1, "Sold"))
    assert stands(c) == "withdrawn_by_provider"
    assert "it will not come" in c.refused(OBJECT).message


# --- 60 days to resolve --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at", [NOW, datetime(2027, 1, 15, 9, tzinfo=UTC), datetime(2028, 1, 1, 9, tzinfo=UTC)]
)
def test_sixty_days_to_resolve_then_either_side_may_end_the_affected_features(at):
    p, _ = published(at)
    c = customer(p, at)
    c.go(OBJECT)
    last = dates.local_day(at) + timedelta(days=60)
    c.until(dates.end_of(last) - TICK)
    assert stands(c) == "objected"
    refusal = c.refused(EndFeatures(1))
    assert refusal.clause == "Sch. 2 1.2"
    assert f"for 60 days first, until the end of {day(last)}" in refusal.message
    c.until(dates.end_of(last))
    assert stands(c) == "unresolved"
    for side in ("customer", "provider"):
        other = customer(p, c.now)
        other.state = c.state
        other.go(EndFeatures(1), side)
        ended = other.state.objections[1]
        assert (ended.ended, ended.ended_by) == (("speech_analytics",), side)
        assert stands(other) == "features_ended"


def test_a_cure_is_taken_or_not():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    assert "No cure waits" in c.refused(AnswerCure(1, True)).message
    c.go(ProposeCure(1, "An assessment by March"))
    assert stands(c) == "cure_proposed"
    assert c.refused(AnswerCure(1, False)).field == "reason"
    c.go(AnswerCure(1, False, "March is late"))
    assert stands(c) == "objected"
    c.go(ProposeCure(1, "By December"))
    c.go(AnswerCure(1, True))
    assert stands(c) == "resolved"
    c.until(c.now + timedelta(days=100))
    assert stands(c) == "resolved"
    said = c.state.objections[1].said
    assert [s.side for s in said] == ["provider", "customer", "provider", "customer"]
    assert [(s.step, s.text) for s in said] == [
        ("", "An assessment by March"),
        ("cure_not_accepted", "March is late"),
        ("", "By December"),
        ("cure_accepted", ""),
    ]


def test_a_cure_that_waits_when_the_time_is_over_may_still_be_taken():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    c.until(resolution_ends(c.state.objections[1], AGREEMENT))
    assert steps(c, "customer") == (EndFeatures, WithdrawObjection)
    assert steps(c, "provider") == (EndFeatures, ProposeCure, CarryOutCure, CannotHoldBack)
    assert "No cure waits" in c.refused(AnswerCure(1, True)).message
    c.go(ProposeCure(1, "An assessment"))
    assert stands(c) == "unresolved"
    assert steps(c, "customer") == (EndFeatures, AnswerCure, WithdrawObjection)
    c.go(AnswerCure(1, True, "Good"))
    assert stands(c) == "resolved"


@pytest.mark.parametrize(
    ("step", "code"), [(WithdrawObjection, "objection_withdrawn"), (EndFeatures, "features_ended")]
)
def test_what_ended_an_objection_is_kept_as_a_code_beside_the_words(step, code):
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    c.until(c.now + timedelta(days=62))
    c.go(step(1, " Enough. "))
    message = c.state.objections[1].said[-1]
    assert (message.step, message.text) == (code, "Enough.")
    assert stands(c) == code
    assert code in MESSAGE_STEPS
    assert "No objection is open here" in c.refused(WithdrawObjection(1)).message


def test_what_was_ended_stays_ended_once_the_objection_has_left_the_state():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    c.until(c.now + timedelta(days=62))
    c.go(EndFeatures(1))
    left = c.state.but(objections={})
    assert standing(p.state.published[1], left, c.context()) == "features_ended"
    assert objections.steps_open(p.state.published[1], left, c.context()) == (AcceptChange,)


def test_what_nobody_uses_cannot_be_ended_and_the_matter_closes():
    p, _ = published()
    c = customer(p, on=frozenset({"voice"}))
    c.go(OBJECT)
    until = resolution_ends(c.state.objections[1], AGREEMENT)
    c.until(until - TICK)
    assert stands(c) == "objected"
    c.until(until)
    assert stands(c) == "nothing_to_end"
    for side in ("customer", "provider"):
        assert EndFeatures not in steps(c, side)
    assert requests(c) == []
    assert steps(c, "customer") == (AcceptChange,)
    assert c.refused(EndFeatures(1)).code == "objections.no_objection_open"
    c.go(AcceptChange(1))
    assert stands(c) == "objection_withdrawn"


def test_the_files_of_grounds_and_cures_are_named():
    p, _ = published()
    c = customer(p)
    c.go(replace(OBJECT, files=(NOTE,)))
    c.go(ProposeCure(1, "See there", (NOTE, NOTE)))
    assert list(objections.files(c.state)) == [NOTE, NOTE, NOTE]


# --- what is open --------------------------------------------------------------------------------


def test_a_change_taken_back_leaves_nothing_to_wait_for():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    assert requests(c)
    p.go(WithdrawChange(1, "Sold"))
    assert not list(objections.tasks(c.state, c.context()))
    assert not list(objections.notices(c.state, c.context()))
    assert stands(c) == "withdrawn_by_provider"


def test_what_waits_for_whom():
    p, change = published()
    c = customer(p)
    coming = (None, "")
    assert c.open_tasks() == [("customer", "Object, or accept by silence"), coming]
    c.go(OBJECT)
    assert c.open_tasks() == [("provider", "Propose a cure"), coming]
    c.go(ProposeCure(1, "An assessment"))
    assert c.open_tasks() == [("customer", "Answer the cure proposed"), coming]
    c.until(change.counts_at(AGREEMENT) - TICK)
    assert coming in c.open_tasks()
    c.until(change.counts_at(AGREEMENT))
    assert c.open_tasks() == [("customer", "Answer the cure proposed")]
    c.until(resolution_ends(c.state.objections[1], AGREEMENT))
    assert c.open_tasks() == [("both", "Decide whether to end the affected features")]


def test_silence_ends_the_notice():
    p, _ = published(ahead=45)
    c = customer(p)
    c.until(dates.end_of(dates.local_day(NOW) + timedelta(days=30)) - TICK)
    assert len(c.open_tasks()) == 2
    c.until(c.now + TICK)
    assert c.open_tasks() == [(None, "")]


@pytest.mark.parametrize("draft", [ADDITION, TALVOX, MOVE, REMOVAL])
def test_every_kind_of_change_is_called_by_its_title(draft):
    p, change = published(draft=draft)
    c = customer(p)
    told = [(t.key, *c.subject.title_of(t)) for t in objections.notices(c.state, c.context())]
    title = change.change.title
    coming = ("notices/1/coming", "Coming sub-processor change", title)
    if draft is REMOVAL:
        assert told == [coming]
        return
    assert told == [("notices/1", "Sub-processor change", f"Sub-processors: {title}"), coming]
    c.go(OBJECT)
    for task in objections.tasks(c.state, c.context()):
        assert (task.key, *c.subject.title_of(task)) == (
            "notices/1",
            "Sub-processor change",
            f"Objection: {title}",
        )


def test_a_coming_change_is_dated_by_the_day_it_counts_from():
    p, change = published()
    c = customer(p)
    *_, coming = objections.notices(c.state, c.context())
    assert (coming.due, coming.opened_at, coming.waits_for) == (change.counts_at(AGREEMENT), NOW, None)
    assert coming.clause == "Sch. 2 1.1"


CORE = DraftChange("replacement", "aws", "Nordcloud", "Cloud", places=("eu_eea",), reason="Closer")


def objection(c, id=1):
    return c.state.objections[id]


def told(refusal):
    """What a refusal says beside its words: its code, the clause it rests on and the field it is about."""
    return refusal.code.removeprefix("objections."), refusal.clause, refusal.field


def test_a_cure_carried_out_settles_the_objection_without_the_customer():
    p, _ = published()
    c = customer(p)
    c.go(replace(OBJECT, files=(NOTE,)))
    c.go(ProposeCure(1, "An assessment"))
    c.until(NOW + timedelta(days=3))
    c.go(CarryOutCure(1, " Assessed ", (NOTE,)))
    found = objection(c)
    assert (found.cure_waits, found.cured_at, found.resolved_at) == (False, c.now, None)
    assert (found.said[-1].step, found.said[-1].text) == ("cure_carried_out", "Assessed")
    assert found.said[-1].files == (NOTE,)
    assert "cure_carried_out" in MESSAGE_STEPS
    assert list(objections.files(c.state)) == [NOTE, NOTE]
    c.until(NOW + timedelta(days=100))
    assert stands(c) == "cured"
    assert c.state.disputes == ()
    assert c.open_tasks() == []
    assert told(c.refused(CarryOutCure(1, "Again"))) == ("no_objection_open", "Sch. 2 1.2", "change")


@pytest.mark.parametrize("settle", [CarryOutCure(1, "Assessed"), AnswerCure(1, True)])
def test_a_reopened_objection_has_its_sixty_days_anew(settle):
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    assert told(c.refused(ReopenObjection(1, "Why"))) == ("nothing_to_reopen", "3.1(vi)", "change")
    c.go(ProposeCure(1, "An assessment"))
    c.go(settle)
    c.until(NOW + timedelta(days=20))
    refusal = c.refused(ReopenObjection(1, " "))
    assert (refusal.clause, refusal.field) == ("3.1(vi)", "reason")
    c.go(ReopenObjection(1, "It does not hold"))
    found = objection(c)
    assert (found.at, found.reopened_at, found.resolved_at, found.cured_at) == (NOW, c.now, None, None)
    assert (found.said[-1].step, found.said[-1].text) == ("objection_reopened", "It does not hold")
    assert "objection_reopened" in MESSAGE_STEPS
    began = dates.local_day(c.now)
    assert c.state.disputes == (Dispute(1, began),)
    end = dates.end_of(began + timedelta(days=60))
    assert resolution_ends(found, AGREEMENT) == end
    c.until(end - TICK)
    assert stands(c) == "objected"
    c.until(end)
    assert stands(c) == "unresolved"


def test_what_the_provider_cannot_hold_back_is_on_the_objection_with_its_reason():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    assert c.state.disputes == (Dispute(1, dates.local_day(NOW), held_back=True),)
    refusal = c.refused(CannotHoldBack(1, ""))
    assert (refusal.clause, refusal.field) == ("Sch. 2 1.2", "reason")
    c.go(CannotHoldBack(1, "One list for all"))
    assert objection(c).not_held_back == "One list for all"
    message = objection(c).said[-1]
    assert (message.step, message.text) == ("not_held_back", "One list for all")
    assert "not_held_back" in MESSAGE_STEPS
    assert c.state.disputes == (Dispute(1, dates.local_day(NOW), held_back=False),)
    assert stands(c) == "objected"
    again = c.refused(CannotHoldBack(1, "Again"))
    assert told(again) == ("not_held_back_already", "Sch. 2 1.2", "change")


def test_what_is_asked_of_the_wrong_change_is_refused_on_its_own_clause():
    p, _ = published()
    c = customer(p)
    assert told(c.refused(AcceptChange(1))) == ("nothing_to_accept", "Sch. 2 1.2", "change")
    assert told(c.refused(AnswerCure(1, True))) == ("no_cure_waits", "3.1(vi)", "change")
    assert told(c.refused(EndFeatures(1))) == ("no_objection_open", "Sch. 2 1.2", "change")
    assert told(c.refused(replace(OBJECT, change=7))) == ("unknown", "Sch. 2 1.1", "change")
    c.go(OBJECT)
    assert told(c.refused(OBJECT)) == ("objected_already", "Sch. 2 1.1", "change")
    for step in (ProposeCure(1, " "), CarryOutCure(1, " ")):
        refusal = c.refused(step)
        assert (refusal.clause, refusal.field) == ("3.1(vi)", "text")
    for step in (EndFeatures(1), EndAgreement(1, "Why")):
        assert told(c.refused(step)) == ("too_early_to_end", "Sch. 2 1.2", "change")
    c.go(ProposeCure(1, "An assessment"))
    assert told(c.refused(EndFeatures(1))) == ("too_early_to_end", "Sch. 2 1.2", "change")
    refusal = c.refused(AnswerCure(1, False, " "))
    assert (refusal.clause, refusal.field) == ("Sch. 2 1.2", "reason")
    c.until(resolution_ends(objection(c), AGREEMENT))
    assert told(c.refused(EndAgreement(1, "Why"))) == ("features_not_agreement", "Sch. 2 1.2", "change")
    off = customer(p, c.now, on=frozenset({"voice"}))
    off.state = c.state
    assert told(off.refused(EndFeatures(1))) == ("no_objection_open", "Sch. 2 1.2", "change")


def test_over_a_core_sub_processor_it_is_the_agreement_that_ends():
    p, change = published(draft=CORE)
    for side in ("customer", "provider"):
        c = customer(p)
        c.go(OBJECT)
        assert told(c.refused(CannotHoldBack(1, "One"))) == (
            "core_cannot_be_suspended",
            "Sch. 2 1.2",
            "change",
        )
        c.until(resolution_ends(objection(c), AGREEMENT))
        assert requests(c) == [("both", "Decide whether to end the agreement")]
        assert told(c.refused(EndFeatures(1), side)) == ("core_not_features", "Sch. 2 1.2", "change")
        refusal = c.refused(EndAgreement(1, ""), side)
        assert (refusal.clause, refusal.field) == ("Sch. 2 1.2", "reason")
        c.go(EndAgreement(1, "Too far"), side)
        found = objection(c)
        assert (found.agreement_ended_at, found.ended_by, found.cure_waits) == (c.now, side, False)
        assert (found.said[-1].step, found.said[-1].text) == ("agreement_ended", "Too far")
        assert (stands(c), c.state.unaccepted, requests(c)) == ("agreement_ended", (1,), [])
        assert standing(change, c.state.but(objections={}), c.context()) == "agreement_ended"


def test_a_change_accepted_after_its_features_were_ended_is_no_longer_missing():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    c.go(ProposeCure(1, "An assessment"))
    c.until(resolution_ends(objection(c), AGREEMENT))
    c.go(EndFeatures(1, "Enough"))
    ended = objection(c)
    assert (ended.ended_at, ended.cure_waits, c.state.unaccepted) == (c.now, False, (1,))
    c.go(AcceptChange(1, "Needed after all"))
    found = objection(c)
    assert (found.said[-1].step, found.said[-1].text) == ("change_accepted", "Needed after all")
    assert (found.withdrawn_at, c.state.unaccepted, stands(c)) == (None, (), "features_ended")
    assert told(c.refused(AcceptChange(1))) == ("accepted_already", "Sch. 2 1.2", "change")


def test_a_withdrawn_objection_is_dated_and_waits_for_no_cure():
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    c.go(ProposeCure(1, "An assessment"))
    c.go(WithdrawObjection(1))
    assert (objection(c).withdrawn_at, objection(c).cure_waits) == (NOW, False)
    assert (stands(c), c.state.disputes, requests(c)) == ("objection_withdrawn", (), [])


def test_a_change_taken_back_is_neither_accepted_nor_reopened():
    p, _ = published(ahead=90)
    c = customer(p)
    c.go(OBJECT)
    c.go(CarryOutCure(1, "Assessed"))
    p.go(WithdrawChange(1, "Sold"))
    assert told(c.refused(ReopenObjection(1, "Why"))) == ("taken_back", "Sch. 2 1.1", "change")
    assert told(customer(p).refused(OBJECT)) == ("taken_back", "Sch. 2 1.1", "change")


def test_once_all_data_is_deleted_nothing_is_announced_or_objected_to():
    p, _ = published()
    c = customer(p)
    context = replace(c.context(), all_deleted=True, ends_on=dates.local_day(NOW) - timedelta(days=1))
    assert not list(objections.notices(c.state, context))
    with pytest.raises(Refusal) as caught:
        objections.decide(OBJECT, c.state, context)
    assert told(caught.value) == ("all_deleted", "5.1", "change")


@pytest.mark.parametrize("late", [0, 10])
def test_a_notice_runs_from_where_it_reached_the_customer(late):
    p, change = published()
    opened = NOW + timedelta(days=late)
    c = customer(p, opened, opened_at=opened)
    notice, coming = objections.notices(c.state, c.context())
    end = dates.end_of(dates.local_day(opened) + timedelta(days=30))
    assert (notice.begins, notice.ends, notice.due, notice.opened_at) == (opened, end, end, opened)
    assert (notice.key, notice.subject, notice.waits_for) == ("notices/1", "objections", "customer")
    assert (notice.step, notice.clause) == ("object_or_accept", "Sch. 2 1.1")
    counts = change.counts_at(AGREEMENT, dates.local_day(opened))
    assert counts == end
    assert (coming.key, coming.due, coming.ends) == ("notices/1/coming", counts, counts)
    assert (coming.opened_at, coming.waits_for) == (opened, None)


def test_a_customer_opened_when_the_change_counts_is_told_nothing_and_the_day_before_it_is():
    p, change = published()
    counts = change.counts_at(AGREEMENT)
    before = customer(p, counts - TICK, opened_at=counts - TICK)
    assert stands(before) == "may_object"
    assert len(list(objections.notices(before.state, before.context()))) == 2
    after = customer(p, counts, opened_at=counts)
    assert stands(after) == "on_the_list_before"
    assert not list(objections.notices(after.state, after.context()))
    assert told(after.refused(OBJECT)) == ("counted_before", "Sch. 2 1.1", "change")


@pytest.mark.parametrize(
    ("draft", "end"), [(TALVOX, "end_features"), (CORE, "end_agreement"), (ADDITION, "end_features")]
)
def test_an_objection_waits_for_one_side_until_its_time_is_over_and_then_for_both(draft, end):
    p, _ = published(draft=draft)
    at = NOW + timedelta(days=2)
    c = customer(p, at)
    c.go(OBJECT)
    until = dates.end_of(dates.local_day(at) + timedelta(days=60))
    for step, side in (("propose_cure", "provider"), ("answer_cure", "customer")):
        way_out, ending = objections.tasks(c.state, c.context())
        for task in (way_out, ending):
            assert (task.key, task.clause, task.due) == ("notices/1", "Sch. 2 1.2", until)
            assert (task.opened_at, task.by) == (at, "anna")
        assert (way_out.step, way_out.waits_for, way_out.begins, way_out.ends) == (step, side, None, until)
        assert (ending.step, ending.waits_for, ending.begins, ending.ends) == (end, "both", until, None)
        if side == "provider":
            c.go(ProposeCure(1, "An assessment"))


def test_a_step_names_its_objection_and_a_new_one_asks_for_those_in_its_way():
    p, change = published()
    c = customer(p)
    assert objections.touches(ProposeCure(1, "So"), c.state) == {"objections": (1,)}
    (objected,) = c.decided(OBJECT)
    assert objections.touches(objected, c.state) == {}
    c.go(OBJECT)
    (proposed,) = c.decided(ProposeCure(1, "So"))
    assert objections.touches(proposed, c.state) == {"objections": (1,)}
    end = change.objection_ends(AGREEMENT)
    assert objections.asks(c.state, replace(c.context(), now=end - TICK)) == {"objections": (1,)}
    assert objections.asks(c.state, replace(c.context(), now=end)) == {"objections": ()}
    late = replace(c.context(), now=end, opened_at=end)
    assert objections.asks(c.state, late) == {"objections": (1,)}


def test_nothing_is_left_to_end_only_once_the_time_is_over_and_what_is_touched_is_off():
    dispute = Dispute(1, dates.local_day(NOW))
    over = dates.end_of(dispute.began_on + timedelta(days=60))
    for draft, on, at, closed in (
        (TALVOX, frozenset(), over - TICK, False),
        (TALVOX, frozenset(), over, True),
        (TALVOX, frozenset({"voice"}), over, True),
        (TALVOX, ON, over, False),
        (CORE, frozenset(), over, False),
    ):
        _, change = published(draft=draft)
        assert objections.nothing_to_end(dispute, change, on, AGREEMENT, at) is closed


@pytest.mark.parametrize(("accept", "words"), [(True, "Accepted"), (False, "Did not accept")])
def test_the_ledger_says_whether_a_cure_was_taken(accept, words):
    p, _ = published()
    c = customer(p)
    c.go(OBJECT)
    c.go(ProposeCure(1, "An assessment"))
    (event,) = recorded(c.decided(AnswerCure(1, accept, "Why")))
    assert c.subject.describe(event, AGREEMENT) == f"{words} the cure for change 1"


STEPS = {
    "object": lambda id: ObjectToChange(id, "No assessment", True),
    "cure": lambda id: ProposeCure(id, "An assessment"),
    "carry_out": lambda id: CarryOutCure(id, "An assessment"),
    "take": lambda id: AnswerCure(id, True),
    "leave": lambda id: AnswerCure(id, False, "Late"),
    "not_held": lambda id: CannotHoldBack(id, "One list for all"),
    "reopen": lambda id: ReopenObjection(id, "It does not hold"),
    "accept": AcceptChange,
    "withdraw": WithdrawObjection,
    "end": EndFeatures,
    "end_all": lambda id: EndAgreement(id, "Why"),
}
"""A command of every step, with nothing wrong in it but perhaps its time."""


class Objections(RuleBasedStateMachine):
    """No course of steps makes an objection late, or ends a feature early."""

    @initialize(start=st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31)))
    def begin(self, start):
        at = start.replace(tzinfo=UTC)
        self.p = provider(at)
        self.c = customer(self.p, at)

    @rule(days=st.integers(1, 40))
    def time_passes(self, days):
        later = self.p.now + timedelta(days=days)
        self.p.until(later)
        self.c.until(later)

    @rule(
        kind=st.sampled_from(["addition", "replacement", "removal", "change"]),
        about=st.sampled_from(["aws", "deepgram", "tele2", "xenialab"]),
        name=st.sampled_from(["Talvox", "Voxbridge"]),
        ahead=st.integers(31, 60),
    )
    def publish(self, kind, about, name, ahead):
        draft = DraftChange(kind, about, name, "Speech", ("voice",), ("eu_eea",), reason="Why")
        if self.p.attempt(draft, "provider"):
            day = dates.local_day(self.p.now) + timedelta(days=ahead)
            self.p.attempt(PublishChange(self.p.sequence, day), "provider")

    @rule(data=st.data())
    def take_back(self, data):
        id = self.any_change(data)
        self.p.attempt(WithdrawChange(id, "Why"), "provider")

    @rule(
        data=st.data(),
        step=st.sampled_from(["object", "object", *STEPS]),
        side=st.sampled_from(["customer", "provider"]),
    )
    def step(self, data, step, side):
        id = self.any_change(data)
        command = STEPS[step](id)
        # The door lets neither side take the other's steps.
        side = side if side in command.by else command.by[0]
        before = self.c.state.objections.get(id)
        if self.c.attempt(command, side) and step in ("end", "end_all"):
            assert self.c.now >= dates.days_later(before.began, 60)

    def any_change(self, data):
        return data.draw(st.sampled_from(sorted(self.p.state.published) or [1]))

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        for change in self.p.state.published.values():
            self.c.check_steps(change, [step(change.id) for name, step in STEPS.items() if name != "leave"])

    @invariant()
    def an_open_task_waits_for_a_side_that_can_take_a_step(self):
        for task in [
            *objections.tasks(self.c.state, self.c.context()),
            *objections.notices(self.c.state, self.c.context()),
        ]:
            if task.stands(self.c.now) and task.waits_for:
                both = task.waits_for == "both"
                for side in ("customer", "provider") if both else (task.waits_for,):
                    assert steps(self.c, side, int(task.key.split("/")[1]))

    @invariant()
    def an_objection_came_in_time(self):
        for o in self.c.state.objections.values():
            change = self.p.state.published[o.change]
            assert change.at <= o.at < dates.days_later(change.at, 30)


TestObjections = Objections.TestCase
TestObjections.settings = settings(max_examples=40, stateful_step_count=30)
