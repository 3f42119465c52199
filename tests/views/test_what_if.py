"""Features tried on and off, without recording. Clauses: Sch. 2 2.2, 3.1(vii)"""

from dpa_core.views.what_if import simulate
from tests.conftest import carry_out


def names(transfers):
    return [t.sub_processor.name for t in transfers]


def test_with_voicebot_on_openai_and_google_would_come(application, people):
    file = application.open(people.anna, "nordfrakt")
    trial = simulate(file, {"voicebot": True, "voice": False})
    assert trial.changes == {"voicebot": True}
    assert [s.name for s in trial.consequences.added] == ["OpenAI", "Google Cloud Speech"]
    assert names(trial.transfers) == ["OpenAI", "Google Cloud Speech"]
    [(feature, left)] = trial.without
    assert (feature.name, left) == ("Voicebot", ())
    assert application.open(people.anna, "nordfrakt").sequence == file.sequence


def test_nothing_tried_changes_nothing_and_still_tells_the_transfers(application, people):
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True, reply_assistant=True)
    trial = simulate(application.open(people.anna, "nordfrakt"), {})
    assert (trial.changes, trial.consequences) == ({}, None)
    assert names(trial.transfers) == ["OpenAI", "DeepGram"]
    # Reply Assistant shares OpenAI, so that without it nothing would go.
    assert [(f.name, names(left)) for f, left in trial.without] == [("Speech Analytics", ["OpenAI"])]


def test_what_is_no_feature_is_left_out(application, people):
    assert simulate(application.open(people.anna, "nordfrakt"), {"no_such": True}).changes == {}
