"""What changed between two snapshots, who did it, and under which instruction."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpa_core.snapshots.diff import NotComparable, diff
from dpa_core.subjects import features, retention
from tests.snapshots.conftest import START, Desk


def test_nothing_differs_from_itself(desk: Desk) -> None:
    assert diff(desk.freeze(), desk.freeze()) == []


def test_it_names_who_did_it_and_under_which_instruction(desk: Desk) -> None:
    before = desk.freeze(START + timedelta(days=1, hours=1))
    found = {(c.part, c.what): c for c in diff(before, desk.freeze())}
    feature = found[("Features", "Speech Analytics")]
    assert (feature.before, feature.after) == ("off", "on")
    assert (feature.by, feature.instruction) == ("anna@nord.example", 3)
    engaged = found[("Sub-processors", "DeepGram")]
    assert (engaged.before, engaged.after, engaged.instruction) == ("not engaged", "engaged", 3)
    assert found[("Sub-processors", "OpenAI, because of")].after == "Speech Analytics"
    assert found[("Transfers", "DeepGram to USA")].after == "processing"
    assert found[("Retention", "Call recordings")].after == "60 days"
    assert found[("Retention", "E-mails, legal hold")].instruction == 6
    assert found[("Retention", "Transcripts, coming period")].instruction == 7
    assert found[("Open items", "Proposal: Voicebot on")].by == "david@connectel.example"


def test_what_went_is_named_too(desk: Desk) -> None:
    before = desk.freeze()
    desk.do(features.SetFeatures({"voice": False}))
    desk.do(retention.ReleaseHold("emails"))
    found = {(c.part, c.what): c for c in diff(before, desk.freeze())}
    gone = found[("Sub-processors", "Bandwidth")]
    assert (gone.before, gone.after, gone.instruction) == ("engaged", "not engaged", 10)
    assert found[("Retention", "E-mails, legal hold")].after == "none"


def test_two_customers_are_not_compared(desk: Desk) -> None:
    one = desk.freeze()
    other = one.model_copy(update={"customer": one.customer.model_copy(update={"id": "other"})})
    with pytest.raises(NotComparable):
        diff(one, other)
