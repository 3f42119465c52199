"""Changes to the list and objections. Clause: Sch. 2 1.1, Sch. 2 1.2; cure: 3.1(vi); transfers: 3.1(vii)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import dates, features, sub_processors
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.sub_processors import (
    AnswerCure,
    DiscardDraft,
    DraftChange,
    EndFeatures,
    Object,
    ProposeCure,
    PublishChange,
    WithdrawChange,
    WithdrawObjection,
    in_effect,
    standing,
)
from tests.conftest import NOW
from tests.subjects.course import AGREEMENT, TICK, Course

TALVOX = DraftChange(
    "replacement",
    "deepgram",
    "Talvox",
    "Natural language processing",
    places=("usa",),
    mechanisms=("scc", "tia"),
    reason="Better recognition of Swedish",
)
ON = frozenset({"speech_analytics", "voice"})


def provider(at=NOW):
    return Course(
        sub_processors.ProviderState(),
        lambda command, state, now, side: sub_processors.decide_provider(
            command, state, in_effect(AGREEMENT, state, now), now
        ),
        sub_processors.evolve_provider,
        at,
    )


def published(at=NOW, draft=TALVOX, ahead=30):
    """The provider's course with one change published, and the change."""
    p = provider(at)
    p.go(draft)
    p.go(PublishChange(1, dates.local_day(at) + timedelta(days=ahead)))
    return p, p.state.published[1]


def customer(p, at=NOW, on=ON):
    return Course(
        sub_processors.State(),
        lambda command, state, now, side: sub_processors.decide(
            command, state, p.state.published, on, in_effect(AGREEMENT, p.state, now), now
        ),
        sub_processors.evolve,
        at,
    )


def stands(c, change):
    return standing(change, c.state, AGREEMENT, c.now)


def names(agreement):
    return [s.name for s in agreement.sub_processors]


# --- drafts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "clause"),
    [
        ({"replaces": "nobody"}, "replaces", "Sch. 2 1.1"),
        ({"name": " "}, "name", "Sch. 2 1.1"),
        ({"name": "openai"}, "name", "Sch. 2 1.1"),
        ({"purpose": ""}, "purpose", "Sch. 2 1.1"),
        ({"places": ()}, "places", "Sch. 2 1.1"),
        ({"mechanisms": ()}, "mechanisms", "3.1(vii)"),
        ({"reason": ""}, "reason", "Sch. 2 1.1"),
        ({"new_place": ("usa", True)}, "new_place", "Sch. 2 1.1"),
        ({"kind": "addition", "replaces": None}, "features", "Sch. 2 1.1"),
        ({"kind": "removal", "replaces": "deepgram"}, None, None),
        ({"kind": "removal", "replaces": "xenialab"}, "replaces", "Sch. 2 1.1"),
        ({"kind": "removal", "replaces": "aws"}, "replaces", "Sch. 2 1.1"),
    ],
)
def test_what_a_draft_must_say(changes, field, clause):
    draft = replace(TALVOX, **changes)
    if field is None:
        provider().go(draft)
        return
    refusal = provider().refused(draft)
    assert (refusal.field, refusal.clause) == (field, clause)


def test_a_place_the_agreement_does_not_name_comes_with_the_entry():
    p, change = published(draft=replace(TALVOX, places=(), new_place=("Canada", True)))
    after = in_effect(AGREEMENT, p.state, change.effective_at)
    (place,) = [after.place(at.place) for at in after.sub_processor("s_talvox").locations]
    assert (place.name, place.third_country) == ("Canada", True)


def test_a_draft_is_worked_over_and_thrown_away():
    p = provider()
    p.go(TALVOX)
    p.go(replace(TALVOX, name="Talvox AB", draft=1))
    assert sub_processors.title(p.state.drafts[1].change) == "Replacement of DeepGram by Talvox AB"
    p.go(DiscardDraft(1))
    assert p.state.drafts == {}
    assert p.refused(PublishChange(1, date(2027, 3, 1))).field == "draft"


# --- the notice of 30 days -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "at",
    [
        NOW,
        datetime(2026, 12, 10, 9, tzinfo=UTC),  # over New Year
        datetime(2027, 3, 10, 9, tzinfo=UTC),  # into summer time
        datetime(2026, 10, 10, 9, tzinfo=UTC),  # out of it
        datetime(2028, 1, 30, 9, tzinfo=UTC),  # to leap day
        datetime(2026, 11, 24, 22, 59, tzinfo=UTC),  # just before midnight in Stockholm
    ],
)
def test_a_change_counts_from_thirty_days_on_and_never_sooner(at):
    p = provider(at)
    p.go(TALVOX)
    today = dates.local_day(at)
    refusal = p.refused(PublishChange(1, today + timedelta(days=29)))
    assert (refusal.field, refusal.clause) == ("effective_on", "Sch. 2 1.1")
    assert "however urgent" in refusal.message
    p.go(PublishChange(1, today + timedelta(days=30)))
    day = dates.start_of(today + timedelta(days=30))
    assert "DeepGram" in names(in_effect(AGREEMENT, p.state, day - TICK))
    assert "Talvox" in names(in_effect(AGREEMENT, p.state, day))
    assert "DeepGram" not in names(in_effect(AGREEMENT, p.state, day))


@pytest.mark.parametrize("kind", ["addition", "removal", "change"])
def test_every_kind_of_change_reaches_the_list(kind):
    draft = {
        "addition": replace(TALVOX, kind="addition", replaces=None, features=("speech_analytics",)),
        "removal": DraftChange("removal", "deepgram", reason="No longer needed"),
        "change": DraftChange("change", "deepgram", places=("eu_eea",), reason="Moves to the EU"),
    }[kind]
    p, change = published(draft=draft)
    after = in_effect(AGREEMENT, p.state, change.effective_at)
    on = frozenset({"speech_analytics"})
    engaged = [s.name for s in features.engaged(on, after)]
    assert (
        engaged
        == {
            "addition": ["Amazon Web Services, Inc. (AWS)", "OpenAI", "DeepGram", "Talvox"],
            "removal": ["Amazon Web Services, Inc. (AWS)", "OpenAI"],
            "change": ["Amazon Web Services, Inc. (AWS)", "OpenAI", "DeepGram"],
        }[kind]
    )
    if kind == "change":
        entry = after.sub_processor("deepgram")
        assert ([at.place for at in entry.locations], entry.mechanisms) == (["eu_eea"], ())


def test_the_look_ups_of_the_new_list_are_its_own():
    AGREEMENT.sub_processor("deepgram")  # fills the old list's table
    p, change = published()
    after = in_effect(AGREEMENT, p.state, change.effective_at)
    assert after.sub_processor("s_talvox").name == "Talvox"
    with pytest.raises(KeyError):
        after.sub_processor("deepgram")


def test_a_change_is_withdrawn_before_it_counts_and_not_after():
    p, change = published()
    p.until(change.effective_at - TICK)
    assert p.refused(WithdrawChange(1, "")).field == "reason"
    p.go(WithdrawChange(1, "Talvox was sold"))
    assert names(in_effect(AGREEMENT, p.state, change.effective_at)) == names(AGREEMENT)
    late, change = published()
    late.until(change.effective_at)
    assert "counts since" in late.refused(WithdrawChange(1, "Too late")).message


def test_two_changes_do_not_touch_the_same_entry():
    p, _ = published()
    p.go(replace(TALVOX, name="Other"))
    assert "Another published change" in p.refused(PublishChange(3, date(2027, 3, 1))).message


def test_a_version_published_after_the_change_holds_it_already():
    p, change = published()
    newer = AGREEMENT.model_copy(update={"published": date(2027, 1, 1)})
    assert names(in_effect(newer, p.state, change.effective_at)) == names(AGREEMENT)


# --- objecting -----------------------------------------------------------------------------------


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
    p, change = published(at, ahead=45)
    c = customer(p, at)
    last = dates.local_day(at) + timedelta(days=30)
    for moment in (dates.end_of(last - timedelta(days=1)), dates.end_of(last) - TICK):
        c.until(moment)
        assert stands(c, change) == "may be objected to"
        customer(p, moment).go(Object(1, "No assessment was made", True))
    c.until(dates.end_of(last))
    assert stands(c, change) == "accepted by silence"
    assert "time to object is over" in c.refused(Object(1, "No assessment was made", True)).message


def test_an_objection_needs_grounds_that_relate_to_data_protection():
    p, _ = published()
    c = customer(p)
    for command, field in (
        (Object(1, "  ", True), "grounds"),
        (Object(1, "Too dear", False), "relates_to_data_protection"),
    ):
        refusal = c.refused(command)
        assert (refusal.field, refusal.clause) == (field, "Sch. 2 1.2")
    c.go(Object(1, "No assessment", True))
    assert "objected already" in c.refused(Object(1, "Again", True)).message


def test_a_removal_is_for_information():
    p, change = published(draft=DraftChange("removal", "deepgram", reason="Not needed"))
    c = customer(p)
    assert stands(c, change) == "for information"
    assert "can't be objected to" in c.refused(Object(1, "No", True)).message


@pytest.mark.parametrize(
    "at", [NOW, datetime(2027, 1, 15, 9, tzinfo=UTC), datetime(2028, 1, 1, 9, tzinfo=UTC)]
)
def test_sixty_days_to_resolve_then_either_side_may_end_the_affected_features(at):
    p, change = published(at)
    c = customer(p, at)
    c.go(Object(1, "No assessment", True))
    last = dates.local_day(at) + timedelta(days=60)
    c.until(dates.end_of(last) - TICK)
    assert stands(c, change) == "objected"
    assert c.refused(EndFeatures(1)).clause == "Sch. 2 1.2"
    c.until(dates.end_of(last))
    assert stands(c, change) == "unresolved"
    for side in ("customer", "provider"):
        other = customer(p, c.now)
        other.state = c.state
        other.go(EndFeatures(1), side)
        ended = other.state.objections[1]
        assert (ended.ended, ended.ended_by) == (("speech_analytics",), side)
        assert stands(other, change) == "affected features ended"


def test_a_cure_is_taken_or_not():
    p, change = published()
    c = customer(p)
    c.go(Object(1, "No assessment", True))
    assert "No cure waits" in c.refused(AnswerCure(1, True)).message
    c.go(ProposeCure(1, "An assessment by March"), "provider")
    assert stands(c, change) == "cure proposed"
    assert c.refused(AnswerCure(1, False)).field == "reason"
    c.go(AnswerCure(1, False, "March is late"))
    assert stands(c, change) == "objected"
    c.go(ProposeCure(1, "By December"), "provider")
    c.go(AnswerCure(1, True))
    assert stands(c, change) == "resolved"
    c.until(c.now + timedelta(days=100))
    assert stands(c, change) == "resolved"
    assert [s.side for s in c.state.objections[1].said] == ["provider", "customer", "provider", "customer"]


def test_what_nobody_uses_cannot_be_ended():
    p, _ = published()
    c = customer(p, on=frozenset({"voice"}))
    c.go(Object(1, "No assessment", True))
    c.until(c.now + timedelta(days=62))
    assert "None of the features" in c.refused(EndFeatures(1)).message
    c.go(WithdrawObjection(1))


def test_a_change_taken_back_leaves_nothing_to_wait_for():
    p, _change = published()
    c = customer(p)
    c.go(Object(1, "No assessment", True))
    assert next(m.next_step for m in sub_processors.matters(c.state, p.state.published, AGREEMENT))
    p.go(WithdrawChange(1, "Sold"))
    assert not list(sub_processors.matters(c.state, p.state.published, AGREEMENT))
    assert standing(p.state.published[1], c.state, AGREEMENT, c.now) == "withdrawn by the provider"


def test_what_waits_for_whom():
    p, _change = published()
    c = customer(p)

    def open_now():
        found = [
            *sub_processors.matters(c.state, p.state.published, AGREEMENT),
            *sub_processors.notice_matters(c.state, p.state.published, AGREEMENT),
        ]
        return [(m.waits_for, m.next_step) for m in found if m.stands(c.now)]

    assert open_now() == [("customer", "Object, or accept by silence")]
    c.go(Object(1, "No assessment", True))
    assert open_now() == [("provider", "Propose a cure")]
    c.go(ProposeCure(1, "An assessment"), "provider")
    assert open_now() == [("customer", "Answer the cure proposed")]
    c.until(sub_processors.resolution_ends(c.state.objections[1], AGREEMENT))
    assert open_now() == [("provider", "Decide whether to end the affected features")]


class Changes(RuleBasedStateMachine):
    """No course of steps shortens the notice, ends a feature early, or changes the list unannounced."""

    @initialize(start=st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31)))
    def begin(self, start):
        at = start.replace(tzinfo=UTC)
        self.p = provider(at)
        self.c = customer(self.p, at)

    def attempt(self, course, command, side="customer"):
        try:
            course.go(command, side)
        except Refusal:
            return False
        return True

    @rule(days=st.integers(1, 40))
    def time_passes(self, days):
        later = self.p.now + timedelta(days=days)
        self.p.until(later)
        self.c.until(later)

    @rule(
        kind=st.sampled_from(["addition", "replacement", "removal", "change"]),
        about=st.sampled_from([s.id for s in AGREEMENT.sub_processors]),
        name=st.sampled_from(["Talvox", "Voxbridge"]),
        place=st.sampled_from(["eu_eea", "usa"]),
        mechanisms=st.sampled_from([(), ("scc",)]),
    )
    def draft(self, kind, about, name, place, mechanisms):
        on = ("voice",)
        command = DraftChange(kind, about, name, "Speech", on, (place,), None, mechanisms, "Why")
        self.attempt(self.p, command)

    @rule(id=st.integers(1, 12), ahead=st.integers(0, 60))
    def publish(self, id, ahead):
        self.attempt(self.p, PublishChange(id, dates.local_day(self.p.now) + timedelta(days=ahead)))

    @rule(id=st.integers(1, 12))
    def take_back(self, id):
        self.attempt(self.p, WithdrawChange(id, "Why"))

    @rule(
        id=st.integers(1, 12),
        step=st.sampled_from(["object", "cure", "take", "leave", "withdraw", "end"]),
        side=st.sampled_from(["customer", "provider"]),
    )
    def step(self, id, step, side):
        command = {
            "object": Object(id, "No assessment", True),
            "cure": ProposeCure(id, "An assessment"),
            "take": AnswerCure(id, True),
            "leave": AnswerCure(id, False, "Late"),
            "withdraw": WithdrawObjection(id),
            "end": EndFeatures(id),
        }[step]
        before = self.c.state.objections.get(id)
        if self.attempt(self.c, command, side) and step == "end":
            assert self.c.now >= dates.days_later(before.at, 60)

    @invariant()
    def no_change_counts_within_thirty_days(self):
        for change in self.p.state.published.values():
            assert (change.effective_on - dates.local_day(change.at)).days >= 30

    @invariant()
    def the_list_stays_whole(self):
        agreement = in_effect(AGREEMENT, self.p.state, self.p.now)
        ids = [s.id for s in agreement.sub_processors]
        assert len(set(ids)) == len(ids)
        assert any(s.kind == "core" for s in agreement.sub_processors)
        for s in agreement.sub_processors:
            outside = any(agreement.place(at.place).third_country for at in s.locations)
            assert not outside or s.mechanisms
            assert s.kind == "core" or s.features

    @invariant()
    def an_objection_came_in_time(self):
        for o in self.c.state.objections.values():
            change = self.p.state.published[o.change]
            assert change.at <= o.at < dates.days_later(change.at, 30)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=30)
