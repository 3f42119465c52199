"""The list that counts for one customer. Clause: Sch. 2 1.1, Sch. 2 1.2, 3.1(v)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import dates, features, policies, registry
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.customers import Opened
from dpa_core.subjects.features import SetFeatures
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
    standing,
)
from dpa_core.subjects.own_list import OwnList
from dpa_core.subjects.registry import CustomerState, ProviderState
from dpa_core.subjects.sub_processors import (
    CorrectNotice,
    DraftChange,
    PublishChange,
    WithdrawChange,
    in_effect,
)
from tests.conftest import NOW, recorded
from tests.subjects.scenario import AGREEMENT, TICK
from tests.subjects.test_sub_processors import REMOVAL, TALVOX, provider

ADDITION = replace(
    TALVOX,
    kind="addition",
    replaces=None,
    features=("speech_analytics", "voice"),
    places=("eu_eea",),
    mechanisms=(),
)
CORE = DraftChange("replacement", "aws", "Nordcloud", "Cloud", places=("eu_eea",), reason="Closer")
NEW_FEATURE = DraftChange(
    "new_feature",
    None,
    "Talvox",
    "Speech",
    places=("eu_eea",),
    reason="Asked for",
    feature_name="Live coaching",
    feature_purpose="Hints to agents",
    data_categories=("contact",),
)
OBJECT = ObjectToChange(1, "No assessment", True)


class World:
    """The provider's ledger and one customer's, each step decided as the application decides it."""

    def __init__(self, at=NOW, opened_at=None):
        self.now, self.p = at, provider(at)
        self.customer, self.sequence = CustomerState(), 0
        self.opened_at = opened_at or at
        self.open()

    def open(self):
        body = Opened(name="Nordfrakt AB", agreement_version=AGREEMENT.version)
        self.record([body], "provider", self.opened_at)

    def record(self, bodies, side, at):
        behalf = "nordfrakt" if side == "customer" else "processor"
        for event in recorded(bodies, at, after=self.sequence, actor="anna", behalf=behalf):
            self.customer = registry.evolve(self.customer, event)
            self.sequence = event.sequence

    def context(self, side="customer"):
        provider = ProviderState(sub_processors=self.p.state)
        return registry.context_of(
            self.customer,
            provider,
            AGREEMENT,
            self.now,
            customer_id="nordfrakt",
            sequence=self.sequence,
            side=side,
        )

    def go(self, command, side=None):
        side = side or command.by[0]
        bodies = policies.decide(command, self.customer, self.context(side))
        self.record(bodies, side, self.now)
        return bodies

    def refused(self, command, side=None):
        with pytest.raises(Refusal) as caught:
            self.go(command, side)
        assert caught.value.message
        assert caught.value.remedy
        return caught.value

    def publish(self, draft, ahead=31):
        id = self.p.go(draft)
        self.p.go(PublishChange(id, dates.local_day(self.now) + timedelta(days=ahead)))
        return id

    def after(self, days):
        """The first moment of a day in Stockholm, so many days from today."""
        return self.until(dates.start_of(dates.local_day(self.now) + timedelta(days=days)))

    def until(self, at):
        self.now = at
        self.p.until(at)
        return self

    def engaged(self):
        context = self.context()
        return features.engaged(context.in_use, context.agreement)

    def names(self):
        return {s.name for s in self.engaged()}

    def stands(self, id=1):
        return standing(self.p.state.published[id], self.customer.objections, self.context())


def world(*on, draft=TALVOX, ahead=31, **at):
    w = World(**at)
    if on:
        transfers = frozenset(s.id for s in AGREEMENT.sub_processors)
        w.go(SetFeatures(dict.fromkeys(on, True), acknowledged=transfers))
    w.publish(draft, ahead)
    return w


def test_silence_lets_the_change_count_the_day_after_and_not_before():
    w = world("speech_analytics")
    w.after(31)
    day = w.now
    assert {"Talvox", "DeepGram"} & w.names() == {"Talvox"}
    w.now = day - TICK
    assert {"Talvox", "DeepGram"} & w.names() == {"DeepGram"}


def test_an_objection_in_time_keeps_the_former_for_the_customer_that_made_it():
    w = world("speech_analytics")
    w.after(30)
    w.go(OBJECT)
    w.after(40)
    assert {"Talvox", "DeepGram"} & w.names() == {"DeepGram"}
    assert [
        p.id
        for p in registry.own_list(
            w.customer, ProviderState(sub_processors=w.p.state), AGREEMENT, w.now
        ).disputed
    ] == [1]
    w.go(WithdrawObjection(1))
    assert {"Talvox", "DeepGram"} & w.names() == {"Talvox"}


def test_what_cannot_be_held_back_is_suspended_until_it_is_settled():
    w = world("speech_analytics", "voice", draft=ADDITION)
    w.go(OBJECT)
    assert w.refused(CannotHoldBack(1, " ")).field == "reason"
    w.go(CannotHoldBack(1, "The platform has one list"))
    assert w.refused(CannotHoldBack(1, "Again")).code == "objections.not_held_back_already"
    assert w.context().suspended == {}
    w.after(31)
    context = w.context()
    assert (context.suspended, context.in_use) == ({"speech_analytics": 1, "voice": 1}, frozenset())
    assert "Talvox" not in w.names()
    w.go(SetFeatures({"voice": False}))
    assert w.refused(SetFeatures({"voice": True})).code == "features.change_not_accepted"
    w.go(WithdrawObjection(1))
    assert w.context().in_use == {"speech_analytics"}
    assert "Talvox" in w.names()


def test_a_feature_that_nobody_else_serves_is_suspended_while_its_addition_is_disputed():
    w = world("user_communication", draft=replace(ADDITION, features=("user_communication",)))
    w.go(OBJECT)
    for gone in ("featurebase", "better_stack"):
        w.publish(replace(REMOVAL, replaces=gone), ahead=40)
    w.after(39)
    assert w.context().suspended == {}
    w.after(1)
    assert w.context().suspended == {"user_communication": 1}


def test_after_sixty_days_the_matter_waits_for_both_and_what_is_ended_comes_back_with_the_change_only():
    w = world("speech_analytics", draft=ADDITION)
    w.go(OBJECT)
    w.after(60)
    assert w.refused(EndFeatures(1), "provider").code == "objections.too_early_to_end"
    w.after(1)
    open_ = [
        t for t in registry.tasks(w.customer, w.context()) if t.stands(w.now) and t.subject == "objections"
    ]
    assert [(t.step, t.waits_for) for t in open_] == [("end_features", "both")]
    w.go(EndFeatures(1), "provider")
    assert w.customer.features.on == frozenset()
    assert w.stands() == "features_ended"
    on = SetFeatures({"voice": True})
    refusal = w.refused(on)
    assert (refusal.code, refusal.clause, refusal.field) == (
        "features.change_not_accepted",
        "Sch. 2 1.2",
        "accepted",
    )
    assert "Addition of Talvox" in refusal.message
    assert features.consequences(on, w.customer.features, w.context()).to_accept == (1,)
    w.go(replace(on, accepted=frozenset({1})))
    assert w.context().in_use == {"voice"}
    assert "Talvox" in w.names()
    assert w.refused(AcceptChange(1)).code == "objections.accepted_already"
    w.go(SetFeatures({"text_messages": True}))


def test_where_the_feature_is_off_the_matter_closes_and_the_change_waits_to_be_accepted():
    w = world(draft=ADDITION)
    w.go(OBJECT)
    w.after(60)
    assert w.stands() == "objected"
    w.after(1)
    assert w.stands() == "nothing_to_end"
    assert not [t for t in registry.tasks(w.customer, w.context()) if t.stands(w.now)]
    assert w.refused(SetFeatures({"voice": True})).code == "features.change_not_accepted"
    w.go(SetFeatures({"voice": True}, accepted=frozenset({1})))
    assert w.stands() == "objection_withdrawn"
    assert "Talvox" in w.names()


def test_over_a_core_sub_processor_the_agreement_may_be_ended_by_either():
    for side in ("customer", "provider"):
        w = world(draft=CORE)
        w.go(OBJECT)
        assert w.refused(CannotHoldBack(1, "One cloud")).code == "objections.core_cannot_be_suspended"
        assert w.refused(EndAgreement(1, "Too far"), side).code == "objections.too_early_to_end"
        w.after(61)
        assert w.names() == {"Amazon Web Services, Inc. (AWS)"}
        assert w.refused(EndFeatures(1), side).code == "objections.core_not_features"
        assert w.refused(EndAgreement(1, ""), side).field == "reason"
        w.go(EndAgreement(1, "Not without an assessment"), side)
        assert w.customer.data_return.termination.on == dates.local_day(w.now)
        assert w.stands() == "agreement_ended"
        assert w.names() == {"Amazon Web Services, Inc. (AWS)"}


def test_a_cure_is_no_matter_of_consent_and_one_that_does_not_hold_is_reopened():
    w = world("speech_analytics")
    w.go(OBJECT)
    w.go(ProposeCure(1, "Data stays in the EU"))
    w.go(AnswerCure(1, False, "Not enough"))
    w.go(CarryOutCure(1, "Data stays in the EU since today"))
    assert w.stands() == "cured"
    w.after(31)
    assert {"Talvox", "DeepGram"} & w.names() == {"Talvox"}
    assert w.refused(ReopenObjection(1, "")).field == "reason"
    w.go(ReopenObjection(1, "It goes to the USA all the same"))
    assert w.stands() == "objected"
    assert {"Talvox", "DeepGram"} & w.names() == {"DeepGram"}
    w.after(60)
    assert w.stands() == "objected"
    w.after(1)
    assert w.stands() == "unresolved"
    assert w.refused(ReopenObjection(1, "Again")).code == "objections.nothing_to_reopen"


def test_silence_binds_only_whom_the_notice_reached():
    late = NOW + timedelta(days=10)
    w = world("speech_analytics", opened_at=late)
    w.until(late)
    (notice,) = [t for t in registry.tasks(w.customer, w.context()) if t.step == "object_or_accept"]
    last = dates.local_day(late) + timedelta(days=30)
    assert (notice.begins, notice.due) == (late, dates.end_of(last))
    w.until(dates.start_of(last))
    assert w.stands() == "may_object"
    assert {"Talvox", "DeepGram"} & w.names() == {"DeepGram"}
    w.until(dates.end_of(last))
    assert w.stands() == "accepted_by_silence"
    assert {"Talvox", "DeepGram"} & w.names() == {"Talvox"}


def test_what_counted_when_the_customer_came_is_no_notice_to_it():
    w = world("speech_analytics", opened_at=NOW + timedelta(days=40))
    w.until(w.opened_at)
    assert w.stands() == "on_the_list_before"
    assert not [t for t in registry.tasks(w.customer, w.context()) if t.stands(w.now)]
    assert w.refused(OBJECT).code == "objections.counted_before"
    assert "Talvox" in w.names()


def test_a_change_is_marked_as_disputed_from_its_day_and_only_while_it_is_held_back():
    change = world("speech_analytics").p.state.published[1]
    day, began = change.counts_at(AGREEMENT), dates.local_day(NOW)
    for held_back, now, found in (
        (True, day - TICK, ()),
        (True, day, (change,)),
        (False, day, ()),
        (False, day - TICK, ()),
    ):
        disputes = (Dispute(1, began, held_back),)
        assert OwnList(AGREEMENT, {1: change}, now, disputes=disputes).disputed == found


def test_features_ended_over_a_change_leave_the_list_as_everybody_else_has_it():
    w = world("speech_analytics")
    w.go(OBJECT)
    w.after(61)
    w.go(EndFeatures(1))
    listed = {s.name for s in w.context().agreement.sub_processors}
    assert {"Talvox", "DeepGram"} & listed == {"Talvox"}


def test_a_change_that_is_no_longer_published_holds_nothing_back():
    w = world("speech_analytics")
    own = OwnList(AGREEMENT, w.p.state.published, w.now, disputes=(Dispute(99, date(2026, 1, 1)),))
    for unaccepted in ((99,), (99, 1)):
        found = replace(own, unaccepted=unaccepted)
        assert (found.agreement, found.disputed, found.suspended) == (AGREEMENT, (), {})
        assert {id for ids in found.to_accept.values() for id in ids} == set(unaccepted) - {99}


def test_while_an_objection_is_held_back_the_former_list_is_switched_on_without_accepting_anything():
    w = world("speech_analytics")
    w.go(OBJECT)
    for days in (31, 29):
        w.after(days)
        assert w.stands() == "objected"
        assert w.context().to_accept == {}
    w.go(SetFeatures({"speech_analytics": False}))
    assert w.context().to_accept == {}


def test_what_was_ended_is_accepted_to_come_back_before_the_change_counts_and_after():
    w = world("speech_analytics", draft=replace(ADDITION, features=("speech_analytics",)), ahead=90)
    w.go(OBJECT)
    w.after(61)
    w.go(EndFeatures(1))
    change = w.p.state.published[1]
    counts = dates.start_of(change.effective_on)
    for at in (w.now, counts - TICK, counts):
        w.until(at)
        assert w.context().to_accept == {"speech_analytics": (1,)}


def test_what_was_ended_over_a_change_that_is_taken_back_comes_back_without_it():
    w = world("speech_analytics", ahead=90)
    w.go(OBJECT)
    w.after(61)
    w.go(EndFeatures(1))
    assert w.context().to_accept == {"speech_analytics": (1,)}
    w.p.go(WithdrawChange(1, "Sold"))
    assert w.context().to_accept == {}


def test_what_was_ended_over_an_entry_that_has_left_the_list_comes_back_without_it():
    w = world("speech_analytics", draft=replace(ADDITION, features=("speech_analytics",)))
    w.go(OBJECT)
    w.after(61)
    w.go(EndFeatures(1))
    assert w.context().to_accept == {"speech_analytics": (1,)}
    w.publish(replace(REMOVAL, replaces="s_talvox"), ahead=5)
    w.after(4)
    assert w.context().to_accept == {"speech_analytics": (1,)}
    w.after(1)
    assert w.context().to_accept == {}


def test_a_new_feature_that_was_objected_to_is_switched_on_with_its_change_only():
    w = world(draft=NEW_FEATURE)
    (id,) = w.p.state.published[1].change.serves
    w.go(OBJECT)
    assert w.context().to_accept == {}
    w.after(60)
    assert w.context().to_accept == {}
    w.after(1)
    assert w.stands() == "nothing_to_end"
    assert w.context().to_accept == {id: (1,)}


def test_what_cannot_be_held_back_is_suspended_from_the_day_the_change_counts_for_this_customer():
    late = NOW + timedelta(days=10)
    w = world("speech_analytics", opened_at=late)
    w.until(late)
    w.go(OBJECT)
    w.go(CannotHoldBack(1, "One list for all"))
    own_day = dates.start_of(dates.local_day(late) + timedelta(days=31))
    for at in (w.p.state.published[1].counts_at(AGREEMENT), own_day - TICK):
        w.until(at)
        assert w.context().suspended == {}
    w.until(own_day)
    assert w.context().suspended == {"speech_analytics": 1}


def _where(s):
    """Who it is and where: what further features it serves changes by other announcements."""
    return s.id, s.kind, s.locations, s.mechanisms


class Authorisation(RuleBasedStateMachine):
    """No course of publication, opening, objection and time engages for a customer a sub-processor that it
    neither had, nor accepted, nor let lapse."""

    @initialize(
        start=st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31)),
        drafts=st.integers(0, 2),
        late=st.integers(0, 45),
    )
    def begin(self, start, drafts, late):
        at = start.replace(tzinfo=UTC)
        self.w = World(at, at + timedelta(days=late))
        for name in ("Early", "Earlier")[:drafts]:
            self.publish("addition", "deepgram", name, 31)
        self.w.until(self.w.opened_at)
        found = in_effect(AGREEMENT, self.w.p.state.published, self.w.now)
        self.had = {_where(s) for s in found.sub_processors}
        self.accepted, self.objected = set(), set()

    @rule(days=st.integers(1, 40))
    def time_passes(self, days):
        self.w.until(self.w.now + timedelta(days=days))

    @rule(
        kind=st.sampled_from(
            ["addition", "replacement", "removal", "change", "core_addition", "new_feature", "extension"]
        ),
        about=st.sampled_from(["aws", "deepgram", "openai", "s_talvox"]),
        name=st.sampled_from(["Talvox", "Voxbridge"]),
        ahead=st.integers(0, 60),
    )
    def publish(self, kind, about, name, ahead):
        p = self.w.p
        where = "usa" if about == "openai" else "eu_eea"
        on = ("voice", "speech_analytics")
        draft = DraftChange(
            kind,
            about,
            name,
            "Speech",
            on if kind != "extension" else ("support_services",),
            (where,),
            None,
            ("scc",) if where == "usa" else (),
            "Why",
            feature_name=f"{name} feature",
            feature_purpose="Something new",
            data_categories=("contact",),
            engages=(about,) if ahead % 2 else (),
        )
        if p.attempt(draft):
            p.attempt(PublishChange(p.sequence, dates.local_day(p.now) + timedelta(days=ahead)))

    @rule(data=st.data(), ahead=st.integers(31, 50))
    def correct(self, data, ahead):
        id = self.any_change(data)
        content = DraftChange("addition", None, "Corrected", "Speech", ("voice",), ("eu_eea",), reason="Why")
        day = dates.local_day(self.w.now) + timedelta(days=ahead)
        if self.w.p.attempt(CorrectNotice(id, content, day, "Wrong")):
            self.accepted.discard(id)

    @rule(data=st.data())
    def take_back(self, data):
        self.w.p.attempt(WithdrawChange(self.any_change(data), "Why"))

    @rule(feature=st.sampled_from(["voice", "speech_analytics"]), on=st.booleans(), accept=st.booleans())
    def switch(self, feature, on, accept):
        ids = frozenset(self.w.p.state.published) if accept else frozenset()
        transfers = frozenset(s.id for s in self.w.context().agreement.sub_processors)
        command = SetFeatures({feature: on}, acknowledged=transfers, accepted=ids)
        if on and accept:
            asked = self.w.context().to_accept.get(feature, ())
            if self.attempt(command):
                self.accepted |= set(asked)
        else:
            self.attempt(command)

    @rule(
        data=st.data(),
        step=st.sampled_from(
            [
                "object",
                "object",
                "object",
                "cure",
                "carry",
                "take",
                "withdraw",
                "hold",
                "end",
                "end",
                "end_all",
                "reopen",
            ]
        ),
    )
    def step(self, data, step):
        id = self.any_change(data)
        command = {
            "object": ObjectToChange(id, "No assessment", True),
            "cure": ProposeCure(id, "An assessment"),
            "carry": CarryOutCure(id, "An assessment"),
            "take": AnswerCure(id, True),
            "withdraw": WithdrawObjection(id),
            "hold": CannotHoldBack(id, "Why"),
            "end": EndFeatures(id),
            "end_all": EndAgreement(id, "Why"),
            "reopen": ReopenObjection(id, "Why"),
        }[step]
        if not self.attempt(command):
            return
        if step in ("take", "carry", "withdraw"):
            self.accepted.add(id)
        if step == "reopen":
            self.accepted.discard(id)
        if step == "object":
            self.objected.add(id)

    def attempt(self, command):
        try:
            self.w.go(command)
        except Refusal:
            return False
        return True

    def any_change(self, data):
        return data.draw(st.sampled_from(sorted(self.w.p.state.published) or [1]))

    @invariant()
    def nobody_is_engaged_without_authorisation(self):
        lapsed = {
            p.id
            for p in self.w.p.state.published.values()
            if p.id not in self.objected
            and self.w.now >= p.objection_ends(AGREEMENT, self.w.context().opened_on)
        }
        allowed = self.had | {
            _where(p.change.entry)
            for p in self.w.p.state.published.values()
            if p.change.entry and p.id in self.accepted | lapsed
        }
        assert {_where(s) for s in self.w.engaged()} <= allowed

    @invariant()
    def what_runs_is_done_by_somebody(self):
        context = self.w.context()
        for feature in context.in_use:
            assert features.of_feature(feature, context.agreement)


TestAuthorisation = Authorisation.TestCase
TestAuthorisation.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
