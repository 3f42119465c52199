"""Objections to changes of the list. Clause: Sch. 2 1.1, Sch. 2 1.2; cure: 3.1(vi)"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.locale import day
from dpa_core.subjects import dates, objections
from dpa_core.subjects.common import MESSAGE_STEPS, FileRef
from dpa_core.subjects.objections import (
    AcceptChange,
    AnswerCure,
    CannotHoldBack,
    CarryOutCure,
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
from tests.conftest import NOW
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
    for command, field in (
        (ObjectToChange(1, "  ", True), "grounds"),
        (ObjectToChange(1, "Too dear", False), "relates_to_data_protection"),
    ):
        refusal = c.refused(command)
        assert (refusal.field, refusal.clause) == (field, "Sch. 2 1.2")
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
