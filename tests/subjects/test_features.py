"""Optional features and the sub-processors they engage. Clauses: Sch. 2 2.2, 3.1(i), 3.1(vii)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa_core.subjects import features
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.features import SetFeatures, State
from dpa_core.subjects.subject import Context
from dpa_core.subjects.texts import MAX_REASON
from tests.conftest import NOW, VERSION, recorded, switch
from tests.frozen import frozen_agreements

AGREEMENT = frozen_agreements()[VERSION]
CONTEXT = Context(AGREEMENT, NOW)
FEATURES = tuple(f.id for f in AGREEMENT.features)


def after(*instructions):
    """The state after these instructions, each a dict of feature to on or off."""
    state = State()
    for number, to in enumerate(instructions):
        command = switch(AGREEMENT, state, **to)
        drafts = features.decide(command, state, CONTEXT)
        for event in recorded(drafts, after=number):
            state = features.FEATURES.evolve(state, event)
    return state


def asked(state, **to):
    return features.consequences(SetFeatures(to), state, CONTEXT)


def ids(parts):
    return [part.id for part in parts]


def refused(command, state=None):
    with pytest.raises(Refusal) as caught:
        features.decide(command, state or State(), CONTEXT)
    return caught.value


# --- Sch. 2 2.1 and 2.2: who is engaged -----------------------------------------------------------


def test_with_no_feature_on_only_the_core_sub_processor_is_engaged():
    assert ids(features.engaged((), AGREEMENT)) == ["aws"]


@pytest.mark.parametrize(
    ("feature", "engaged"),
    [
        ("user_communication", ["featurebase", "better_stack"]),
        ("reply_assistant", ["openai"]),
        ("agent_assistant", ["openai"]),
        ("speech_analytics", ["openai", "deepgram"]),
        ("conversation_summarize", ["openai"]),
        ("voicebot", ["openai", "google_cloud_speech"]),
        ("voice", ["infobip", "bandwidth", "tele2", "globalconnect"]),
        ("text_messages", ["infobip"]),
        ("support_services", ["xenialab"]),
    ],
)
def test_a_feature_engages_what_schedule_2_lists_for_it(feature, engaged):
    assert ids(asked(State(), **{feature: True}).added) == engaged
    assert ids(features.of_feature(feature, AGREEMENT)) == engaged


def test_every_feature_of_the_agreement_is_in_the_test_above():
    rows = test_a_feature_engages_what_schedule_2_lists_for_it.pytestmark[0].args[1]
    assert tuple(row[0] for row in rows) == FEATURES


def test_a_shared_sub_processor_stays_while_another_feature_needs_it():
    state = after({"speech_analytics": True, "reply_assistant": True})
    result = asked(state, speech_analytics=False)
    assert ids(result.removed) == ["deepgram"]
    assert [(s.id, ids(f)) for s, f in result.kept] == [("openai", ["reply_assistant"])]


def test_what_is_engaged_already_is_said_with_what_for():
    result = asked(after({"speech_analytics": True}), reply_assistant=True)
    assert result.added == ()
    assert [(s.id, ids(f)) for s, f in result.already] == [("openai", ["speech_analytics"])]


def test_swapping_one_feature_for_another_in_one_instruction_keeps_what_they_share():
    result = asked(after({"speech_analytics": True}), speech_analytics=False, agent_assistant=True)
    assert ids(result.removed) == ["deepgram"]
    assert result.added == ()
    assert [(s.id, ids(f)) for s, f in result.kept] == [("openai", ["agent_assistant"])]


def test_the_event_keeps_who_was_engaged_and_released():
    state = after({"speech_analytics": True})
    (event,) = features.decide(switch(AGREEMENT, state, speech_analytics=False, voice=True), state, CONTEXT)
    assert event.released == ("openai", "deepgram")
    assert event.engaged == ("infobip", "bandwidth", "tele2", "globalconnect")


def test_changes_are_recorded_in_the_agreements_order_whatever_was_clicked_first():
    (event,) = features.decide(SetFeatures({"text_messages": True, "voice": True}), State(), CONTEXT)
    assert [c.feature for c in event.changes] == ["voice", "text_messages"]


def test_consequences_name_data_categories_and_mechanisms_of_what_is_switched_on():
    result = asked(State(), speech_analytics=True)
    assert ids(result.data_categories) == ["identification", "communication_content", "voice_audio"]
    assert ids(result.mechanisms) == ["scc", "tia"]


def test_switching_off_touches_no_data_categories_and_asks_for_no_acknowledgement():
    result = asked(after({"speech_analytics": True}), speech_analytics=False)
    assert (result.data_categories, result.transfers, result.to_acknowledge) == ((), (), frozenset())


# --- 3.1(vii): transfers to third countries -------------------------------------------------------


def test_a_transfer_to_the_usa_names_place_and_mechanisms():
    result = asked(State(), speech_analytics=True)
    assert [(t.sub_processor.id, t.place.id, [m.code for m in t.mechanisms]) for t in result.transfers] == [
        ("openai", "usa", ["SCC", "TIA"]),
        ("deepgram", "usa", ["SCC", "TIA"]),
    ]
    assert "3.1(vii)" in result.clauses


def test_without_an_acknowledgement_a_transfer_is_refused_and_the_receiver_named():
    refusal = refused(SetFeatures({"speech_analytics": True}, acknowledged=frozenset({"openai"})))
    assert (refusal.clause, refusal.field) == ("3.1(vii)", "acknowledged")
    assert "DeepGram" in refusal.message
    assert "OpenAI" not in refusal.message


def test_possible_access_from_a_third_country_wants_an_acknowledgement_too():
    assert asked(State(), voicebot=True).to_acknowledge == {"openai", "google_cloud_speech"}


def test_a_feature_within_the_eu_wants_none():
    result = asked(State(), voice=True)
    assert result.to_acknowledge == frozenset()
    assert "3.1(vii)" not in result.clauses


def test_a_second_feature_wants_its_own_acknowledgement_of_the_same_receiver():
    # The new feature sends other data there.
    assert asked(after({"reply_assistant": True}), voicebot=True).to_acknowledge == {
        "openai",
        "google_cloud_speech",
    }


def test_a_third_country_is_new_only_the_first_time_something_is_processed_there():
    assert ids(asked(State(), reply_assistant=True).new_third_countries) == ["usa"]
    assert asked(after({"reply_assistant": True}), speech_analytics=True).new_third_countries == ()


def test_only_transfers_that_exist_are_recorded_as_acknowledged():
    everything = frozenset(s.id for s in AGREEMENT.sub_processors)
    (event,) = features.decide(
        SetFeatures({"speech_analytics": True, "voice": True}, acknowledged=everything),
        State(),
        CONTEXT,
    )
    assert event.acknowledged == ("deepgram", "openai")


# --- 3.1(i): documented instructions --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "No feature is chosen"),
        ({"warp_drive": True}, "no optional feature “warp_drive”"),
        ({"aws": False}, "no optional feature “aws”"),  # the core one cannot be switched off
        ({"voice": False}, "Voice is already off"),
    ],
)
def test_what_is_no_instruction_is_refused(changes, says):
    refusal = refused(SetFeatures(changes))
    assert says in refusal.message
    assert refusal.remedy


def test_one_wrong_change_among_several_refuses_them_all():
    assert "Voice is already on" in refused(
        SetFeatures({"voice": True, "text_messages": True}), after({"voice": True})
    ).message  # fmt: skip


@pytest.mark.parametrize("length", [MAX_REASON - 1, MAX_REASON])
def test_a_reason_up_to_the_limit_is_kept(length):
    (event,) = features.decide(SetFeatures({"voice": True}, "x" * length), State(), CONTEXT)
    assert event.reason == "x" * length


@pytest.mark.parametrize("length", [MAX_REASON + 1, 10_000])
def test_a_longer_reason_is_refused_not_cut(length):
    refusal = refused(SetFeatures({"voice": True}, "x" * length))
    assert refusal.field == "reason"
    assert f"{length:,} characters" in refusal.message


@pytest.mark.parametrize(
    "reason",
    ["<script>alert(1)</script>", "=HYPERLINK(1)", "**bold** $x$ :red[no]", "“å”\nüñ 🙂", "'; DROP --"],
)
def test_markup_and_formulas_in_a_reason_are_kept_as_typed(reason):
    (event,) = features.decide(SetFeatures({"voice": True}, f"  {reason}\n"), State(), CONTEXT)
    assert event.reason == reason


def test_a_switch_remembers_the_instruction_that_made_it_so():
    (event,) = recorded(features.decide(SetFeatures({"voice": True}), State(), CONTEXT), after=6, actor="bo")
    made = features.FEATURES.evolve(State(), event).switches["voice"]
    assert (made.on, made.since, made.by, made.sequence) == (True, NOW, "bo", 7)


def test_an_instruction_reads_as_a_sentence():
    state = after({"voice": True})
    command = switch(AGREEMENT, state, voice=False, text_messages=True, reply_assistant=True)
    (event,) = recorded(features.decide(command, state, CONTEXT))
    assert (
        features.FEATURES.describe(event, AGREEMENT)
        == "Switched on Reply Assistant, Text Messages (SMS); Switched off Voice"
    )


def test_a_feature_that_a_version_no_longer_knows_is_described_by_its_identifier():
    (event,) = recorded(features.decide(SetFeatures({"voice": True}), State(), CONTEXT))
    without = AGREEMENT.model_copy(update={"features": ()})
    assert features.FEATURES.describe(event, without) == "Switched on voice"


# --- what holds whatever the customer does --------------------------------------------------------

instructions = st.lists(
    st.dictionaries(st.sampled_from(FEATURES), st.booleans(), min_size=1, max_size=4), max_size=12
)


def carried_out(sequence):
    """Give each instruction that is one; yield (state before, consequences, events, state after)."""
    state, number = State(), 0
    for to in sequence:
        real = {id: on for id, on in to.items() if on != (id in state.on)}
        if not real:
            continue
        command = switch(AGREEMENT, state, **real)
        result = features.consequences(command, state, CONTEXT)
        events = recorded(features.decide(command, state, CONTEXT), after=number)
        number += len(events)
        new = state
        for event in events:
            new = features.FEATURES.evolve(new, event)
        yield state, result, events, new
        state = new


@given(instructions)
def test_an_optional_sub_processor_is_engaged_exactly_while_one_of_its_features_is_on(sequence):
    for _, _, _, state in carried_out(sequence):
        engaged = features.engaged(state.on, AGREEMENT)
        for s in AGREEMENT.sub_processors:
            wanted = s.kind == "core" or any(f in state.on for f in s.features)
            assert (s in engaged) == wanted


@given(instructions)
def test_consequences_are_exactly_the_difference_the_instruction_makes(sequence):
    for before, result, events, after_ in carried_out(sequence):
        was, is_ = (set(ids(features.engaged(s.on, AGREEMENT))) for s in (before, after_))
        assert set(ids(result.added)) == is_ - was
        assert set(ids(result.removed)) == was - is_
        assert (set(events[0].body["engaged"]), set(events[0].body["released"])) == (is_ - was, was - is_)
        assert after_.on == (before.on | set(ids(result.switched_on))) - set(ids(result.switched_off))


@given(instructions)
def test_a_shared_sub_processor_is_never_removed_while_another_feature_keeps_it(sequence):
    for _, result, _, after_ in carried_out(sequence):
        assert not any(set(s.features) & after_.on for s in result.removed)
        for s, kept_for in result.kept:
            assert s not in result.removed
            assert set(ids(kept_for)) == set(s.features) & after_.on != set()


@given(instructions)
def test_every_receiver_in_a_third_country_was_acknowledged_before_it_got_anything(sequence):
    acknowledged = set()
    for _, _, events, state in carried_out(sequence):
        acknowledged |= set(events[0].body["acknowledged"])
        for t in features.transfers(features.engaged(state.on, AGREEMENT), AGREEMENT):
            assert t.sub_processor.kind == "core" or t.sub_processor.id in acknowledged


@given(instructions)
def test_replaying_the_events_gives_the_same_state(sequence):
    steps = list(carried_out(sequence))
    events = [event for _, _, new, _ in steps for event in new]
    state = steps[-1][3] if steps else State()
    replayed = State()
    for event in events:
        replayed = features.FEATURES.evolve(replayed, event)
    assert replayed == state
    assert State.model_validate_json(state.model_dump_json()) == state
