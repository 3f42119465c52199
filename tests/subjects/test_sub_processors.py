"""Changes to the list. Clause: Sch. 2 1.1; transfers: 3.1(vii)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import dates, sub_processors
from dpa_core.subjects.sub_processors import (
    DiscardDraft,
    DraftChange,
    PublishChange,
    WithdrawChange,
    coming,
    in_effect,
    status,
)
from tests.conftest import NOW
from tests.subjects.scenario import AGREEMENT, TICK, Scenario

TALVOX = DraftChange(
    "replacement",
    "deepgram",
    "Talvox",
    "Natural language processing",
    places=("usa",),
    mechanisms=("scc", "tia"),
    reason="Better recognition of Swedish",
)
MOVE = DraftChange("change", "deepgram", places=("eu_eea",), reason="Moves to the EU")
REMOVAL = DraftChange("removal", "deepgram", reason="No longer needed")


class Provider(Scenario):
    """The provider's own ledger: its decisions rest on the list that counts."""

    def context(self, side="provider", **facts):
        context = super().context(side, **facts)
        return replace(context, agreement=in_effect(self.agreement, self.state, self.now))


def provider(at=NOW):
    return Provider(sub_processors.SUB_PROCESSORS, at)


def published(at=NOW, draft=TALVOX, ahead=30):
    """The provider's scenario with one change published, and the change."""
    p = provider(at)
    p.go(draft)
    p.go(PublishChange(1, dates.local_day(at) + timedelta(days=ahead)))
    return p, p.state.published[1]


def names(agreement):
    return [s.name for s in agreement.sub_processors]


def steps(p, item):
    return sub_processors.steps_open(item, p.state, p.context())


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "change", "replaces": None}, "A change of place or mechanism needs the sub-processor"),
        ({"kind": "removal", "replaces": "xenialab"}, "Support Services would be left"),
        ({"kind": "removal", "replaces": "aws"}, "The core service would be left"),
        ({"mechanisms": ()}, "USA lies outside the EU and EEA"),
    ],
)
def test_a_refused_draft_is_told_what_is_wrong_by_name(changes, message):
    assert provider().refused(replace(TALVOX, **changes)).message.startswith(message)


def test_a_place_the_agreement_does_not_name_comes_with_the_entry():
    p, change = published(draft=replace(TALVOX, places=(), new_place=("Canada", True)))
    after = in_effect(AGREEMENT, p.state, change.effective_at)
    (place,) = [after.place(at.place) for at in after.sub_processor("s_talvox").locations]
    assert (place.name, place.third_country) == ("Canada", True)


def test_a_draft_is_worked_over_and_thrown_away():
    p = provider()
    p.go(TALVOX)
    p.go(replace(TALVOX, name="Talvox AB", draft=1))
    assert p.state.drafts[1].change.title == "Replacement of DeepGram by Talvox AB"
    p.go(DiscardDraft(1))
    assert p.state.drafts == {}
    assert p.refused(PublishChange(1, date(2027, 3, 1))).field == "draft"
    assert p.refused(DiscardDraft(1)).remedy == "Nothing needs doing."
    assert p.refused(replace(TALVOX, draft=1)).remedy == "Draft the change anew."


def test_an_addition_takes_nobody_away():
    p, change = published(draft=replace(TALVOX, kind="addition", features=("speech_analytics",)))
    assert names(in_effect(AGREEMENT, p.state, change.effective_at)) == [*names(AGREEMENT), "Talvox"]


@pytest.mark.parametrize(
    ("draft", "title"),
    [
        (replace(TALVOX, kind="addition", features=("voice",)), "Addition of Talvox"),
        (TALVOX, "Replacement of DeepGram by Talvox"),
        (REMOVAL, "Removal of DeepGram"),
        (MOVE, "Change of place or mechanism of DeepGram"),
    ],
)
def test_a_change_has_a_title(draft, title):
    assert published(draft=draft)[1].change.title == title


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
    for moment, name, stands in ((day - TICK, "DeepGram", "coming"), (day, "Talvox", "counts")):
        listed = names(in_effect(AGREEMENT, p.state, moment))
        assert [n for n in listed if n in ("DeepGram", "Talvox")] == [name]
        assert status(p.state.published[1], moment) == stands
        assert bool(coming(AGREEMENT, p.state.published, moment)) == (stands == "coming")


@pytest.mark.parametrize("kind", ["addition", "removal", "change"])
def test_every_kind_of_change_reaches_the_list(kind):
    draft = {
        "addition": replace(TALVOX, kind="addition", replaces=None, features=("speech_analytics",)),
        "removal": REMOVAL,
        "change": MOVE,
    }[kind]
    p, change = published(draft=draft)
    after = in_effect(AGREEMENT, p.state, change.effective_at)
    serving = [s.name for s in after.sub_processors if "speech_analytics" in s.features]
    assert (
        serving
        == {
            "addition": ["OpenAI", "DeepGram", "Talvox"],
            "removal": ["OpenAI"],
            "change": ["OpenAI", "DeepGram"],
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
    assert "No published change 1 stands" in p.refused(WithdrawChange(1, "Again")).message
    late, change = published()
    late.until(change.effective_at)
    assert "counts since 24 Dec 2026" in late.refused(WithdrawChange(1, "Too late")).message


def test_two_changes_do_not_touch_the_same_entry():
    p, _ = published()
    p.go(replace(TALVOX, name="Other"))
    assert "Another published change" in p.refused(PublishChange(3, date(2027, 3, 1))).message
    # No day would do, so that publishing is not offered either.
    assert steps(p, p.state.drafts[3]) == (DraftChange, DiscardDraft)


def test_the_same_change_is_not_published_twice():
    p, _ = published(ahead=60)
    p.go(TALVOX)
    soon = dates.local_day(p.now) + timedelta(days=30)
    assert "Another published change" in p.refused(PublishChange(3, soon)).message


def test_a_second_change_of_an_entry_waits_for_the_first():
    p, first = published(draft=MOVE)
    p.go(TALVOX)
    p.until(p.now + timedelta(hours=1))
    assert PublishChange in steps(p, p.state.drafts[3])
    p.go(PublishChange(3, first.effective_on))
    q, first = published(draft=MOVE, ahead=40)
    q.go(TALVOX)
    early = first.effective_on - timedelta(days=1)
    assert "Another published change" in q.refused(PublishChange(3, early)).message


def test_a_version_published_after_the_change_holds_it_already():
    p, change = published()
    newer = AGREEMENT.model_copy(update={"published": date(2027, 1, 1)})
    assert names(in_effect(newer, p.state, change.effective_at)) == names(AGREEMENT)


class Changes(RuleBasedStateMachine):
    """No course of steps shortens the notice, or changes the list unannounced."""

    @initialize(start=st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31)))
    def begin(self, start):
        self.p = provider(start.replace(tzinfo=UTC))

    @rule(days=st.integers(1, 40))
    def time_passes(self, days):
        self.p.until(self.p.now + timedelta(days=days))

    @rule(
        kind=st.sampled_from(["addition", "replacement", "removal", "change"]),
        about=st.sampled_from([s.id for s in AGREEMENT.sub_processors]),
        name=st.sampled_from(["Talvox", "Voxbridge"]),
        place=st.sampled_from(["eu_eea", "usa"]),
        mechanisms=st.sampled_from([(), ("scc",)]),
        draft=st.sampled_from([None, None, 1, 2]),
    )
    def draft(self, kind, about, name, place, mechanisms, draft):
        on = ("voice",)
        self.p.attempt(DraftChange(kind, about, name, "Speech", on, (place,), None, mechanisms, "Why", draft))

    @rule(id=st.integers(1, 12))
    def discard(self, id):
        self.p.attempt(DiscardDraft(id))

    @rule(id=st.integers(1, 12), ahead=st.integers(0, 60))
    def publish(self, id, ahead):
        self.p.attempt(PublishChange(id, dates.local_day(self.p.now) + timedelta(days=ahead)))

    @rule(id=st.integers(1, 12))
    def take_back(self, id):
        self.p.attempt(WithdrawChange(id, "Why"))

    @invariant()
    def what_is_offered_is_what_is_accepted(self):
        listed = self.p.context().agreement.sub_processors[0].id
        move = DraftChange("change", listed, places=("eu_eea",), reason="Why")
        day = date(2040, 3, 1)  # when all that was published counts
        for draft in self.p.state.drafts.values():
            examples = [
                replace(move, draft=draft.id),
                DiscardDraft(draft.id),
                PublishChange(draft.id, day),
            ]
            self.p.check_steps(draft, examples)
        for change in self.p.state.published.values():
            self.p.check_steps(change, [WithdrawChange(change.id, "Why")])

    @invariant()
    def what_can_be_published_on_no_late_day_can_be_on_no_day(self):
        for draft in self.p.state.drafts.values():
            if PublishChange not in steps(self.p, draft):
                for ahead in (30, 45, 60, 90):
                    day = dates.local_day(self.p.now) + timedelta(days=ahead)
                    clashes = sub_processors._clashes(
                        draft.change, self.p.state, self.p.context().agreement, day
                    )
                    assert clashes

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


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=30)
