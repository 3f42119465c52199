"""Changes to the list. Clause: Sch. 2 1.1; transfers: 3.1(vii)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.subjects import dates, sub_processors
from dpa_core.subjects.sub_processors import (
    CorrectNotice,
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
COMMUNICATION = ("featurebase", "better_stack")
MOVE = DraftChange("change", "deepgram", places=("eu_eea",), reason="Moves to the EU")
REMOVAL = DraftChange("removal", "deepgram", reason="No longer needed")


class Provider(Scenario):
    """The provider's own ledger: its decisions rest on the list that counts."""

    def context(self, side="provider", **facts):
        context = super().context(side, **facts)
        return replace(context, agreement=in_effect(self.agreement, self.state.published, self.now))


def provider(at=NOW):
    return Provider(sub_processors.SUB_PROCESSORS, at)


def published(at=NOW, draft=TALVOX, ahead=31):
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
    after = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))
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
    assert names(in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))) == [
        *names(AGREEMENT),
        "Talvox",
    ]


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
def test_a_change_counts_once_thirty_whole_days_are_over_and_never_sooner(at):
    p = provider(at)
    p.go(TALVOX)
    today = dates.local_day(at)
    refusal = p.refused(PublishChange(1, today + timedelta(days=30)))
    assert (refusal.field, refusal.clause) == ("effective_on", "Sch. 2 1.1")
    assert "30 whole days" in refusal.message
    p.go(PublishChange(1, today + timedelta(days=31)))
    day = dates.start_of(today + timedelta(days=31))
    assert p.state.published[1].objection_ends(AGREEMENT) == day
    for moment, name, stands in ((day - TICK, "DeepGram", "coming"), (day, "Talvox", "counts")):
        listed = names(in_effect(AGREEMENT, p.state.published, moment))
        assert [n for n in listed if n in ("DeepGram", "Talvox")] == [name]
        assert status(p.state.published[1], AGREEMENT, moment) == stands
        assert bool(coming(AGREEMENT, p.state.published, moment)) == (stands == "coming")


def test_what_an_old_entry_announced_for_the_thirtieth_day_counts_a_day_later():
    _, change = published()
    old = change.but(effective_on=dates.local_day(NOW) + timedelta(days=30))
    assert old.counts_on(AGREEMENT) == dates.local_day(NOW) + timedelta(days=31)


def test_a_removal_counts_at_once_and_never_before_its_notice():
    p = provider()
    p.go(REMOVAL)
    today = dates.local_day(NOW)
    refusal = p.refused(PublishChange(1, today - timedelta(days=1)))
    assert (refusal.code, refusal.field, refusal.clause) == (
        "sub_processors.in_the_past",
        "effective_on",
        "Sch. 2 1.1",
    )
    p.go(PublishChange(1, today))
    assert p.state.published[1].counts_at(AGREEMENT) == NOW
    for moment, there in ((NOW - TICK, True), (NOW, False)):
        assert ("DeepGram" in names(in_effect(AGREEMENT, p.state.published, moment))) is there


def test_what_leaves_a_feature_alone_together_is_refused_when_published():
    p = provider()
    first = p.go(DraftChange("removal", "featurebase", reason="No longer needed"))
    second = p.go(DraftChange("removal", "better_stack", reason="No longer needed"))
    day = dates.local_day(NOW)
    p.go(PublishChange(first, day + timedelta(days=40)))
    for when in (day, day + timedelta(days=40), day + timedelta(days=50)):
        refusal = p.refused(PublishChange(second, when))
        assert (refusal.code, refusal.field, refusal.clause) == (
            "sub_processors.feature_left_alone_then",
            "draft",
            "Sch. 2 1.1",
        )
        assert refusal.message.startswith("User Communication would be left")
    assert PublishChange not in steps(p, p.state.drafts[second])


def test_what_others_rely_on_is_not_taken_back():
    p = provider()
    day = dates.local_day(NOW) + timedelta(days=40)
    addition = replace(TALVOX, kind="addition", replaces=None, features=("user_communication",))
    ids = [p.go(draft) for draft in (addition, *(replace(REMOVAL, replaces=s) for s in COMMUNICATION))]
    for id in ids:
        p.go(PublishChange(id, day))
    refusal = p.refused(WithdrawChange(ids[0], "Sold"))
    assert (refusal.code, refusal.field) == ("sub_processors.feature_left_alone_then", "change")
    assert WithdrawChange not in steps(p, p.state.published[ids[0]])
    p.go(WithdrawChange(ids[2], "It stays"))
    p.go(WithdrawChange(ids[0], "Sold"))


def test_the_provider_may_take_over_what_a_removal_leaves_alone():
    p = provider()
    removal = DraftChange("removal", "xenialab", reason="Done by ourselves")
    assert p.refused(removal).field == "replaces"
    p.go(replace(removal, taken_over=True))
    p.go(PublishChange(1, dates.local_day(NOW)))
    after = in_effect(AGREEMENT, p.state.published, NOW)
    assert "support_services" not in {f for s in after.sub_processors for f in s.features}


def test_a_notice_is_sent_again_with_a_correction_and_the_time_begins_anew():
    p, change = published()
    p.until(NOW + timedelta(days=5))
    again = dates.local_day(p.now) + timedelta(days=31)
    content = replace(TALVOX, purpose="Speech to text")
    refusal = p.refused(CorrectNotice(1, content, again, " "))
    assert (refusal.field, refusal.clause) == ("correction", "Sch. 2 1.1")
    assert p.refused(CorrectNotice(7, content, again, "Wrong")).field == "notice"
    early = CorrectNotice(1, content, again - timedelta(days=1), "Wrong")
    assert p.refused(early).field == "effective_on"
    p.go(CorrectNotice(1, content, again, "The purpose was wrong"))
    new = p.state.published[1]
    assert (new.first_at, new.at, new.correction) == (change.at, p.now, "The purpose was wrong")
    assert new.change.entry.purpose == "Speech to text"
    assert (new.told_on(), new.counts_on(AGREEMENT)) == (dates.local_day(p.now), again)
    p.until(new.counts_at(AGREEMENT))
    late = dates.local_day(p.now) + timedelta(days=31)
    assert p.refused(CorrectNotice(1, content, late, "Late")).code == "sub_processors.counts_already"


# --- a customer that was opened later -------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "counts"),
    [(0, 41), (10, 41), (11, 42), (40, 71), (41, 41), (50, 41)],
)
def test_whoever_comes_after_the_notice_has_the_whole_time_unless_it_counts_already(opened, counts):
    _, change = published(ahead=41)
    today = dates.local_day(NOW)
    opened_on = today + timedelta(days=opened)
    assert change.counts_on(AGREEMENT, opened_on) == today + timedelta(days=counts)
    assert change.counted_before(AGREEMENT, opened_on) == (opened >= 41)


def test_what_follows_on_a_change_that_does_not_count_waits_with_it():
    p, first = published(draft=replace(TALVOX, kind="addition", replaces=None, features=("voice",)))
    p.until(first.counts_at(AGREEMENT))
    p.go(DraftChange("replacement", "s_talvox", "Voxbridge", "Voice", places=("eu_eea",), reason="Why"))
    p.go(PublishChange(3, dates.local_day(p.now) + timedelta(days=31)))
    p.until(p.state.published[3].counts_at(AGREEMENT))
    p.go(DraftChange("removal", "s_voxbridge", reason="Why"))
    p.go(PublishChange(5, dates.local_day(p.now) + timedelta(days=1)))
    both = p.state.published
    assert names(in_effect(AGREEMENT, both, p.now)) == [*names(AGREEMENT), "Voxbridge"]
    assert names(in_effect(AGREEMENT, both, p.now, without={1})) == names(AGREEMENT)
    assert names(in_effect(AGREEMENT, both, p.now, without={3})) == [*names(AGREEMENT), "Talvox"]
    assert names(in_effect(AGREEMENT, both, p.now + timedelta(days=2), without={1})) == names(AGREEMENT)


@pytest.mark.parametrize("kind", ["addition", "removal", "change"])
def test_every_kind_of_change_reaches_the_list(kind):
    draft = {
        "addition": replace(TALVOX, kind="addition", replaces=None, features=("speech_analytics",)),
        "removal": REMOVAL,
        "change": MOVE,
    }[kind]
    p, change = published(draft=draft)
    after = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))
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
    after = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))
    assert after.sub_processor("s_talvox").name == "Talvox"
    with pytest.raises(KeyError):
        after.sub_processor("deepgram")


def test_a_change_is_withdrawn_before_it_counts_and_not_after():
    p, change = published()
    p.until(change.counts_at(AGREEMENT) - TICK)
    assert p.refused(WithdrawChange(1, "")).field == "reason"
    p.go(WithdrawChange(1, "Talvox was sold"))
    assert names(in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))) == names(AGREEMENT)
    assert "No published change 1 stands" in p.refused(WithdrawChange(1, "Again")).message
    late, change = published()
    late.until(change.counts_at(AGREEMENT))
    assert "counts since 25 Dec 2026" in late.refused(WithdrawChange(1, "Too late")).message


def test_two_changes_do_not_touch_the_same_entry():
    p, _ = published()
    p.go(replace(TALVOX, name="Other"))
    assert "Another published change" in p.refused(PublishChange(3, date(2027, 3, 1))).message
    # No day would do, so that publishing is not offered either.
    assert steps(p, p.state.drafts[3]) == (DraftChange, DiscardDraft)


def test_the_same_change_is_not_published_twice():
    p, _ = published(ahead=60)
    p.go(TALVOX)
    soon = dates.local_day(p.now) + timedelta(days=31)
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
    assert names(in_effect(newer, p.state.published, change.counts_at(AGREEMENT))) == names(AGREEMENT)


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
            offered = steps(self.p, change)
            # Whether a correction fits follows from what it says.
            assert set(offered) <= {WithdrawChange, CorrectNotice}
            withdrawn = self.p.accepts(WithdrawChange(change.id, "Why"))
            assert (WithdrawChange in offered) == withdrawn

    @invariant()
    def what_can_be_published_on_no_late_day_can_be_on_no_day(self):
        for draft in self.p.state.drafts.values():
            if PublishChange not in steps(self.p, draft):
                for ahead in (0, 31, 45, 60, 90):
                    day = dates.local_day(self.p.now) + timedelta(days=ahead)
                    assert not self.p.accepts(PublishChange(draft.id, day))

    @rule(id=st.integers(1, 12), ahead=st.integers(31, 60), place=st.sampled_from(["eu_eea", "usa"]))
    def correct(self, id, ahead, place):
        if published := self.p.state.published.get(id):
            old, day = published.change, dates.local_day(self.p.now) + timedelta(days=ahead)
            content = DraftChange(
                old.kind, old.replaces, "Newname", "Speech", ("voice",), (place,), None, ("scc",), "Why"
            )
            self.p.attempt(CorrectNotice(id, content, day, "Wrong"))

    @invariant()
    def no_change_but_a_removal_counts_within_thirty_days(self):
        for change in self.p.state.published.values():
            days = (change.counts_on(AGREEMENT) - dates.local_day(change.at)).days
            assert days >= (0 if change.change.kind == "removal" else 31)

    @invariant()
    def the_list_stays_whole(self):
        agreement = in_effect(AGREEMENT, self.p.state.published, self.p.now)
        served = {f for s in agreement.sub_processors for f in s.features}
        assert served == {f.id for f in AGREEMENT.features}
        ids = [s.id for s in agreement.sub_processors]
        assert len(set(ids)) == len(ids)
        assert any(s.kind == "core" for s in agreement.sub_processors)
        for s in agreement.sub_processors:
            outside = any(agreement.place(at.place).third_country for at in s.locations)
            assert not outside or s.mechanisms
            assert s.kind == "core" or s.features


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=30)
