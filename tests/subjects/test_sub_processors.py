"""Changes to the list. Clause: Sch. 2 1.1; transfers: 3.1(vii)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dpa_core.agreement import Place
from dpa_core.agreement.transfers import unlawful
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
from dpa_core.subjects.texts import MAX_TITLE
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
        ({"new_place": ("Switzerland", False)}, "new_place", "Sch. 2 1.1"),
        ({"uses": {"usa": ()}}, "uses", "Sch. 2 1.1"),
        ({"module": 5}, "module", "3.1(vii)"),
        ({"mechanisms": ("derogation",)}, "derogation", "3.1(vii)"),
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
    p, change = published(draft=replace(TALVOX, places=(), new_place=("South America", True)))
    after = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))
    (place,) = [after.place(at.place) for at in after.sub_processor("s_talvox").locations]
    assert (place.name, place.third_country, place.country) == ("South America", True, None)


def test_places_in_another_script_stay_apart():
    ids = [
        provider().decided(replace(TALVOX, places=(), new_place=(name, True)))[0].change.places[0].id
        for name in ("東アジア", "南アジア", "Südasien", "Sudasien")
    ]
    assert len(set(ids)) == 4


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
        (
            replace(TALVOX, kind="core_addition"),
            "Addition of Talvox to the core service",
        ),
        (DraftChange("extension", "openai", features=("voice",), reason="Why"), "Further use of OpenAI"),
        (
            DraftChange(
                "new_feature",
                feature_name="Subtitles",
                feature_purpose="Writes along",
                data_categories=("voice_audio",),
                engages=("openai",),
                reason="Why",
            ),
            "New feature Subtitles",
        ),
    ],
)
def test_a_change_has_a_title(draft, title):
    assert published(draft=draft)[1].change.title == title


# --- transfers -----------------------------------------------------------------------------------


def drafted(**changes):
    """What a draft of Talvox with these changes would record."""
    return provider().decided(replace(TALVOX, **changes))[0].change


@pytest.mark.parametrize(
    ("place", "mechanisms", "covered", "field", "message"),
    [
        ("country_in", ("tia",), False, "mechanisms", "India lies outside"),
        ("country_in", ("dpf",), True, "mechanisms", "India lies outside"),
        ("country_in", ("tia", "dpf"), True, "mechanisms", "India lies outside"),
        ("country_in", ("adequacy",), True, "mechanisms", "India lies outside"),
        ("country_in", ("scc", "tia"), False, None, None),
        ("country_in", ("bcr",), False, None, None),
        ("country_ch", ("adequacy",), False, None, None),
        ("country_ch", ("dpf",), True, "mechanisms", "Switzerland lies outside"),
        ("usa", ("dpf",), True, None, None),
        ("usa", ("dpf",), False, "covered", "The adequacy decision (EU) 2023/1795 on USA is for companies"),
        ("country_ca", ("adequacy",), False, "covered", "The adequacy decision 2002/2/EC on Canada is for"),
        ("country_ca", ("adequacy",), True, None, None),
        ("worldwide", ("dpf",), True, "mechanisms", "Worldwide lies outside"),
        ("worldwide", ("dpf", "scc"), True, "mechanisms", "Data Privacy Framework serves none"),
        ("worldwide", ("scc",), False, None, None),
        ("country_se", ("scc",), False, "mechanisms", "Standard contractual clauses serves none"),
        ("country_se", (), False, None, None),
        ("country_epo", ("adequacy",), False, None, None),
    ],
)
def test_a_draft_is_lawful_by_an_instrument_that_serves_the_place(place, mechanisms, covered, field, message):
    draft = replace(TALVOX, places=(place,), mechanisms=mechanisms, covered=covered)
    if field is None:
        assert provider().decided(draft)[0].change.entry.mechanisms == mechanisms
        return
    refusal = provider().refused(draft)
    assert (refusal.field, refusal.clause) == (field, "3.1(vii)")
    assert refusal.message.startswith(message)


def test_every_place_needs_an_instrument_of_its_own():
    both = replace(TALVOX, places=("usa", "country_in"), mechanisms=("dpf",), covered=True)
    assert provider().refused(both).message.startswith("India lies outside")
    assert provider().decided(replace(both, mechanisms=("scc", "dpf")))


def test_a_decision_that_has_ended_carries_no_draft():
    uk = replace(TALVOX, places=("country_gb",), mechanisms=("adequacy",))
    assert provider(datetime(2031, 12, 27, 12, tzinfo=UTC)).decided(uk)
    refusal = provider(datetime(2031, 12, 28, 12, tzinfo=UTC)).refused(uk)
    assert (refusal.field, refusal.clause) == ("mechanisms", "3.1(vii)")
    assert refusal.message.startswith("The adequacy decision (EU) 2021/1772 on United Kingdom does not stand")


def test_a_change_counts_on_no_day_on_which_its_decision_has_ended():
    p = provider(datetime(2031, 11, 1, 12, tzinfo=UTC))
    p.go(replace(TALVOX, places=("country_gb",), mechanisms=("adequacy",)))
    refusal = p.refused(PublishChange(1, date(2031, 12, 28)))
    assert (refusal.field, refusal.clause) == ("effective_on", "3.1(vii)")
    assert refusal.message.startswith(
        "Nothing in the draft makes a transfer to United Kingdom lawful on 28 Dec"
    )
    assert p.decided(PublishChange(1, date(2031, 12, 27)))
    p.until(datetime(2031, 12, 1, 12, tzinfo=UTC))
    assert steps(p, p.state.drafts[1]) == (DraftChange, DiscardDraft)


def test_a_draft_from_before_that_is_unlawful_cannot_be_published():
    """As the form took it once: India under an impact assessment alone."""
    p = provider()
    p.go(replace(TALVOX, places=("country_in",)))
    old = p.state.drafts[1]
    entry = old.change.entry.model_copy(update={"mechanisms": ("tia",), "recorded": None})
    p.state = p.state.but(drafts={1: old.but(change=old.change.but(entry=entry))})
    assert steps(p, p.state.drafts[1]) == (DraftChange, DiscardDraft)
    assert p.refused(PublishChange(1, date(2027, 3, 1))).clause == "3.1(vii)"


def test_a_further_use_of_one_that_is_listed_under_the_framework_can_be_published():
    _, change = published(draft=replace(FURTHER, replaces="aws", features=(), purpose="Archive"))
    assert change.change.entry.recorded is None


def test_the_module_is_recorded_and_is_the_third_as_a_rule():
    assert drafted().entry.recorded.module == 3
    assert drafted(module=2).entry.recorded.module == 2
    assert drafted(mechanisms=("bcr",)).entry.recorded.module is None
    assert "Choose one of: 1, 2, 3 and 4." in provider().refused(replace(TALVOX, module=5)).remedy


def test_a_derogation_is_recorded_with_its_reason():
    entry = drafted(mechanisms=("derogation",), derogation=" explicit consent ").entry
    assert entry.recorded.derogation == "explicit consent"
    assert drafted(derogation="not asked for").entry.recorded.derogation is None


def test_that_the_receiver_is_covered_is_recorded_where_a_decision_is_relied_on():
    assert drafted(mechanisms=("dpf",), covered=True).entry.recorded.covered
    assert not drafted(covered=True).entry.recorded.covered
    assert drafted(places=("eu_eea",), mechanisms=()).entry.recorded is None


def test_every_country_is_offered_once():
    offered = sub_processors.places_offered(AGREEMENT)
    by_country = {p.country: p for p in offered if p.country}
    assert len(by_country) == len([p for p in offered if p.country]) == 250  # of ISO 3166-1, and the EPO
    assert len({p.name.casefold() for p in offered}) == len({p.id for p in offered}) == len(offered)
    assert by_country["US"].id == "usa"
    assert {c for c, p in by_country.items() if not p.third_country} == set(AGREEMENT.chapter_v.eea)


def test_a_place_from_before_gives_way_to_the_country_of_its_name():
    old = Place(id="s_canada", name="Canada", third_country=True)
    agreement = AGREEMENT.model_copy(update={"places": (*AGREEMENT.places, old)})
    assert [p.id for p in sub_processors.places_offered(agreement) if p.name == "Canada"] == ["country_ca"]


# --- what its places are used for ----------------------------------------------------------------

AWS = AGREEMENT.sub_processor("aws")
AWS_MOVES = DraftChange(
    "change", "aws", places=("eu_eea", "usa", "worldwide"), mechanisms=("scc", "tia"), reason="Contract"
)


def test_a_change_keeps_what_places_are_used_for_and_their_notes():
    entry = provider().decided(AWS_MOVES)[0].change.entry
    assert entry.locations == AWS.locations
    assert entry.location_wording == AWS.location_wording
    assert (entry.kind, entry.clause, entry.mechanisms) == ("core", "Sch. 2 2.1", ("scc", "tia"))


def test_a_change_can_say_what_a_place_is_used_for_from_then_on():
    uses = {"usa": ("access", "delivery"), "worldwide": ("processing",)}
    entry = provider().decided(replace(AWS_MOVES, uses=uses))[0].change.entry
    assert [(at.place, at.role, bool(at.note)) for at in entry.locations] == [
        ("eu_eea", "processing", True),
        ("usa", "delivery", True),
        ("usa", "access", False),
        ("worldwide", "processing", False),
    ]
    assert entry.location_wording == "EU/EEA; USA (delivery); USA (access possible); Worldwide"


def test_another_sub_processor_does_not_take_over_what_places_were_used_for():
    draft = replace(AWS_MOVES, kind="replacement", name="Nordmoln", purpose="Cloud")
    entry = provider().decided(draft)[0].change.entry
    assert {(at.role, at.note) for at in entry.locations} == {("processing", None)}


def test_a_free_place_has_its_use_too():
    change = drafted(places=(), new_place=("South America", True), uses={"new_place": ("access",)})
    assert [(at.place, at.role) for at in change.entry.locations] == [("s_south_america", "access")]


# --- further kinds -------------------------------------------------------------------------------

CORE = replace(TALVOX, kind="core_addition", replaces=None)
FURTHER = DraftChange("extension", "deepgram", features=("voicebot",), reason="Better recognition")
TRANSLATION = DraftChange(
    "new_feature",
    feature_name="Translation",
    feature_purpose="Translates written messages.",
    data_categories=("communication_content",),
    engages=("openai",),
    reason="Asked for by many",
)


def test_a_core_sub_processor_can_be_added():
    p, change = published(draft=CORE)
    after = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT))
    entry = after.sub_processor("s_talvox")
    assert (entry.kind, entry.features, entry.clause) == ("core", (), "Sch. 2 2.1")
    assert change.change.features_of(AGREEMENT) == ()
    assert [s.name for s in after.sub_processors] == [*names(AGREEMENT), "Talvox"]


def test_a_further_feature_touches_those_who_use_it_and_leaves_the_entry_as_it_is():
    p, change = published(draft=FURTHER)
    entry = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT)).sub_processor("deepgram")
    before = AGREEMENT.sub_processor("deepgram")
    assert entry == before.model_copy(update={"features": ("speech_analytics", "voicebot")})
    assert change.change.features_of(AGREEMENT) == ("voicebot",)


def test_a_further_purpose_touches_all_who_use_it():
    p, change = published(draft=replace(FURTHER, features=(), purpose=" Language detection "))
    entry = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT)).sub_processor("deepgram")
    assert entry.purpose == "Natural language processing; Language detection"
    assert change.change.features_of(AGREEMENT) == ("speech_analytics",)
    _, change = published(draft=replace(FURTHER, purpose="Language detection"))
    assert change.change.features_of(AGREEMENT) == ("speech_analytics", "voicebot")


def test_the_agreements_own_words_for_the_features_stay_while_the_features_do():
    worded = next(s for s in AGREEMENT.sub_processors if s.features_wording)
    further = replace(FURTHER, replaces=worded.id, features=(), purpose="More")
    assert provider().decided(further)[0].change.entry.features_wording == worded.features_wording
    further = replace(further, features=("text_messages",))
    assert provider().decided(further)[0].change.entry.features_wording is None


def test_the_purpose_of_a_core_one_can_grow():
    p, change = published(draft=replace(FURTHER, replaces="aws", features=(), purpose="Archive"))
    entry = in_effect(AGREEMENT, p.state.published, change.counts_at(AGREEMENT)).sub_processor("aws")
    assert entry.purpose.endswith("; Archive")
    assert (entry.features, change.change.features_of(AGREEMENT)) == ((), ())


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(FURTHER, features=()), "features"),
        (replace(FURTHER, features=("speech_analytics",)), "features"),
        (replace(FURTHER, replaces=None), "replaces"),
        (replace(FURTHER, replaces="aws"), "features"),
        (replace(FURTHER, replaces="aws", features=()), "purpose"),
        (replace(FURTHER, purpose="x" * 201), "purpose"),
        (replace(TRANSLATION, feature_name=" "), "feature_name"),
        (replace(TRANSLATION, feature_name="voice"), "feature_name"),
        (replace(TRANSLATION, feature_purpose=""), "feature_purpose"),
        (replace(TRANSLATION, data_categories=("shoes",)), "data_categories"),
        (replace(TRANSLATION, engages=()), "engages"),
        (replace(TRANSLATION, engages=("aws",)), "engages"),
        (replace(TRANSLATION, name="Lingua"), "purpose"),
        (replace(TRANSLATION, reason=""), "reason"),
    ],
)
def test_what_a_draft_of_a_further_kind_must_say(draft, field):
    refusal = provider().refused(draft)
    assert (refusal.field, refusal.clause) == (field, "Sch. 2 1.1")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (TALVOX, "name"),
        (TALVOX, "purpose"),
        (TRANSLATION, "feature_name"),
        (TRANSLATION, "feature_purpose"),
        (replace(TALVOX, mechanisms=("derogation",)), "derogation"),
    ],
)
def test_what_is_typed_is_no_longer_than_a_title(draft, field):
    longest = "x" * MAX_TITLE
    assert provider().decided(replace(draft, **{field: longest}))
    refusal = provider().refused(replace(draft, **{field: longest + "x"}))
    assert refusal.field == field
    place = replace(TALVOX, new_place=(longest + "x", True))
    assert provider().refused(place).field == "new_place"


def test_an_entry_names_the_places_of_its_own_and_the_list_it_is_on():
    assert (drafted().places, drafted().entry.clause) == ((), AGREEMENT.sub_processor("deepgram").clause)
    addition = drafted(kind="addition", replaces=None, features=("voice",), places=("country_ch",))
    assert addition.entry.clause == "Sch. 2 2.2"
    mixed = drafted(places=("eu_eea",), new_place=("South America", True))
    assert [p.name for p in mixed.places] == ["South America"]


def test_a_change_of_place_keeps_the_agreements_own_words_for_the_features():
    worded = next(s for s in AGREEMENT.sub_processors if s.features_wording)
    entry = provider().decided(replace(MOVE, replaces=worded.id))[0].change.entry
    assert (entry.features, entry.features_wording) == (worded.features, worded.features_wording)


def test_a_new_feature_comes_with_whom_it_engages():
    lingua = {"name": "Lingua", "purpose": "Translation", "places": ("eu_eea",)}
    p, change = published(draft=replace(TRANSLATION, **lingua))
    day = change.counts_at(AGREEMENT)
    assert in_effect(AGREEMENT, p.state.published, day - TICK).features == AGREEMENT.features
    after = in_effect(AGREEMENT, p.state.published, day)
    feature = after.feature("f_translation")
    assert (feature.name, feature.data_categories) == ("Translation", ("communication_content",))
    assert (feature.data_categories_basis, feature.clause) == ("inferred", "Sch. 2 2.2")
    engaged = [s.name for s in after.sub_processors if "f_translation" in s.features]
    assert engaged == ["OpenAI", "Lingua"]
    assert after.sub_processor("s_lingua").features == ("f_translation",)
    assert change.change.features_of(AGREEMENT) == change.change.features_of(after) == ("f_translation",)


def test_a_new_feature_is_not_drafted_twice_and_its_sub_processors_wait_their_turn():
    p, _ = published(draft=TRANSLATION)
    p.go(TRANSLATION)
    day = date(2027, 3, 1)
    assert "Another published change" in p.refused(PublishChange(3, day)).message
    other = replace(TRANSLATION, feature_name="Subtitles")
    p.go(other)
    assert p.go(PublishChange(p.sequence, day))  # counts after the first
    q, _ = published(draft=TRANSLATION, ahead=60)
    q.go(replace(TALVOX, replaces="openai"))
    soon = dates.local_day(q.now) + timedelta(days=31)
    assert "Another published change" in q.refused(PublishChange(3, soon)).message


def test_what_an_entry_serves_by_then_goes_on_though_the_change_was_drafted_before():
    p, first = published(draft=FURTHER)
    p.go(TALVOX)
    p.until(p.now + timedelta(hours=1))
    p.go(PublishChange(3, first.effective_on + timedelta(days=1)))
    after = in_effect(AGREEMENT, p.state.published, p.state.published[3].counts_at(AGREEMENT))
    assert after.sub_processor("s_talvox").features == ("speech_analytics", "voicebot")


@pytest.mark.parametrize(
    ("draft", "serves", "core", "named"),
    [
        (TALVOX, {"speech_analytics"}, False, ("DeepGram", "Talvox")),
        (CORE, set(), True, ("", "Talvox")),
        (AWS_MOVES, set(), True, (AWS.name, AWS.name)),
        (REMOVAL, set(), False, ("DeepGram", "")),
        (FURTHER, {"voicebot"}, False, ("DeepGram", "DeepGram")),
        (replace(FURTHER, purpose="More"), {"speech_analytics", "voicebot"}, False, ("DeepGram", "DeepGram")),
        (
            replace(FURTHER, features=(), purpose="More"),
            {"speech_analytics"},
            False,
            ("DeepGram", "DeepGram"),
        ),
        (TRANSLATION, {"f_translation"}, False, ("", "Translation")),
    ],
)
def test_a_change_says_which_features_it_serves_and_whether_it_is_of_the_core(draft, serves, core, named):
    _, published_change = published(draft=draft)
    change = published_change.change
    assert (change.serves, change.core) == (serves, core)
    assert (change.names["old"], change.names["new"]) == named
    touched = {"speech_analytics"} if draft is REMOVAL else serves
    assert set(change.features_of(AGREEMENT)) == touched


def test_a_new_feature_that_engages_nobody_new_does_not_touch_the_core():
    _, change = published(draft=TRANSLATION)
    assert (change.change.entry, change.change.builds_on) == (None, frozenset({"openai"}))


def test_a_version_published_on_the_day_of_the_notice_does_not_hold_the_change_yet():
    _, change = published()
    day = dates.local_day(NOW)
    for since, changes in ((day, True), (day + timedelta(days=1), False)):
        newer = AGREEMENT.model_copy(update={"published": since})
        assert change.changes_list_of(newer) is changes


def test_a_change_of_another_entry_does_not_wait_for_one_that_is_coming():
    p, first = published(ahead=60)
    p.go(replace(FURTHER, replaces="openai", features=("text_messages",)))
    soon = dates.local_day(p.now) + timedelta(days=31)
    assert soon < first.effective_on
    p.go(PublishChange(3, soon))
    assert p.state.published[3].counts_at(AGREEMENT) == dates.start_of(soon)


@pytest.mark.parametrize(("covered", "accepted"), [(True, True), (False, False)])
def test_the_framework_carries_a_published_change_for_a_receiver_that_is_covered(covered, accepted):
    p = provider()
    p.go(replace(TALVOX, mechanisms=("dpf",), covered=True))
    old = p.state.drafts[1]
    recorded = old.change.entry.recorded.model_copy(update={"covered": covered})
    entry = old.change.entry.model_copy(update={"recorded": recorded})
    p.state = p.state.but(drafts={1: old.but(change=old.change.but(entry=entry))})
    assert (PublishChange in steps(p, p.state.drafts[1])) is accepted
    if not accepted:
        refusal = p.refused(PublishChange(1, date(2027, 3, 1)))
        assert (refusal.code, refusal.field, refusal.clause) == (
            "sub_processors.unlawful_then",
            "effective_on",
            "3.1(vii)",
        )


def test_what_was_done_to_a_notice_is_kept_with_who_did_it_and_why():
    p, _ = published()
    p.until(NOW + timedelta(days=1))
    again = dates.local_day(p.now) + timedelta(days=31)
    p.go(CorrectNotice(1, TALVOX, again, " The day was wrong "))
    new = p.state.published[1]
    assert (new.by, new.correction, new.first_at, new.effective_on) == (
        "eva",
        "The day was wrong",
        NOW,
        again,
    )
    p.until(NOW + timedelta(days=2))
    p.go(WithdrawChange(1, " Sold "))
    taken = p.state.published[1]
    assert (taken.withdrawn_at, taken.withdrawal) == (p.now, "Sold")
    for command in (WithdrawChange(1, "Again"), WithdrawChange(9, "None")):
        refusal = p.refused(command)
        assert (refusal.code, refusal.field, refusal.clause) == (
            "sub_processors.not_published",
            "change",
            "Sch. 2 1.1",
        )
    late, change = published()
    late.until(change.counts_at(AGREEMENT))
    refusal = late.refused(WithdrawChange(1, "Too late"))
    assert (refusal.code, refusal.field, refusal.clause) == (
        "sub_processors.counts_already",
        "change",
        "Sch. 2 1.1",
    )


def test_the_places_of_the_agreement_come_first_and_the_others_by_their_names():
    offered = sub_processors.places_offered(AGREEMENT)
    own = [p.id for p in AGREEMENT.places]
    assert [p.id for p in offered][: len(own)] == own
    others = [p.name.casefold() for p in offered[len(own) :]]
    assert others == sorted(others)


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


def test_a_core_sub_processor_is_removed_where_another_one_stays():
    p = provider()
    core = DraftChange("core_addition", None, "Nordcloud", "Cloud", places=("eu_eea",), reason="Closer")
    p.go(core)
    p.go(PublishChange(1, dates.local_day(NOW) + timedelta(days=31)))
    p.until(p.state.published[1].counts_at(AGREEMENT))
    id = p.go(DraftChange("removal", "aws", reason="Breached"))
    p.go(PublishChange(id, dates.local_day(p.now)))
    after = in_effect(AGREEMENT, p.state.published, p.now)
    assert [s.name for s in after.sub_processors if s.kind == "core"] == ["Nordcloud"]
    assert p.refused(DraftChange("removal", "s_nordcloud", reason="Why")).code == (
        "sub_processors.core_left_alone"
    )


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
        kind=st.sampled_from(list(sub_processors.KIND_NAMES)),
        about=st.sampled_from([s.id for s in AGREEMENT.sub_processors]),
        name=st.sampled_from(["Talvox", "Voxbridge"]),
        place=st.sampled_from(["eu_eea", "usa", "worldwide", "country_ch", "country_in"]),
        mechanisms=st.sampled_from([(), ("scc",), ("dpf",), ("adequacy",), ("tia",)]),
        draft=st.sampled_from([None, None, 1, 2]),
        feature=st.sampled_from(["Translation", "Subtitles"]),
    )
    def draft(self, kind, about, name, place, mechanisms, draft, feature):
        on = ("voice",)
        command = DraftChange(kind, about, name, "Speech", on, (place,), None, mechanisms, "Why", draft)
        told = {"feature_name": feature, "feature_purpose": "Why", "data_categories": ("contact",)}
        self.p.attempt(replace(command, covered=True, engages=(about,), **told))

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
        features = [f.id for f in agreement.features]
        assert len(set(features)) == len(features)
        for s in agreement.sub_processors:
            assert set(s.features) <= set(features)
            listed = [agreement.mechanism(m) for m in s.mechanisms]
            day = dates.local_day(self.p.now)
            for at in s.locations:
                place = agreement.place(at.place)
                assert unlawful(place, listed, agreement.chapter_v, day, covered=True) is None
            assert (s.kind == "core") != bool(s.features)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=30)


@pytest.mark.parametrize(
    "draft",
    [
        TALVOX,
        MOVE,
        REMOVAL,
        replace(TALVOX, kind="addition", replaces=None, features=("voice",)),
        replace(TALVOX, places=(), new_place=("Oceania", True), uses={"new_place": ("access",)}),
        replace(TALVOX, module=2),
        replace(TALVOX, mechanisms=("dpf",), covered=True),
        replace(TALVOX, mechanisms=("derogation",), derogation="Explicit consent"),
        DraftChange("extension", "deepgram", features=("voice",), purpose="Voices", reason="Asked for"),
        DraftChange("removal", "xenialab", reason="Done by us", taken_over=True),
        DraftChange(
            "new_feature",
            feature_name="Translation",
            feature_purpose="Translates",
            data_categories=("contact",),
            engages=("openai",),
            reason="Asked for",
        ),
    ],
    ids=lambda d: d.kind,
)
def test_a_change_is_drafted_again_as_it_is(draft):
    p = provider()
    p.go(draft)
    change = p.state.drafts[1].change
    again = sub_processors.redrafted(change, AGREEMENT, 1)
    assert (again.draft, sub_processors.redrafted(change, AGREEMENT).draft) == (1, None)
    assert sub_processors.drafted_change(again, AGREEMENT, dates.local_day(NOW)) == change
    p.go(again)
    assert p.state.drafts == {1: p.state.drafts[1].but(change=change)}
