"""What a snapshot says, and that the same state always gives the same bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib import resources

import jsonschema
import pytest

from dpa_core.application import Refusal
from dpa_core.snapshots.freeze import freeze
from dpa_core.snapshots.model import json_schema
from dpa_core.snapshots.sign import KeyRing
from dpa_core.subjects import features, retention, snapshots
from tests.snapshots.conftest import START, Desk


def test_a_feature_tells_since_when_by_whom_and_under_which_instruction(desk: Desk) -> None:
    by_id = {f.id: f for f in desk.freeze().features}
    assert len(by_id) == 9
    analytics = by_id["speech_analytics"]
    assert analytics.on and analytics.set
    assert (analytics.set.by, analytics.set.instruction) == ("anna@nord.example", 3)
    assert analytics.set.since == START + timedelta(days=2)
    assert analytics.set.reason == "Pilot =1+1"
    assert not by_id["reply_assistant"].on and by_id["reply_assistant"].set
    assert by_id["voicebot"].set is None


def test_engaged_sub_processors_say_because_of_which_feature(desk: Desk) -> None:
    because = {s.name: s.because for s in desk.freeze().sub_processors}
    assert because["OpenAI"] == ("Speech Analytics",)
    assert because["Bandwidth"] == ("Voice",)
    assert because["Amazon Web Services, Inc. (AWS)"] == ()
    assert "Featurebase" not in because


def test_transfers_are_those_of_the_engaged_ones(desk: Desk) -> None:
    crossing = {(t.sub_processor, t.role) for t in desk.freeze().transfers}
    assert ("OpenAI", "processing") in crossing
    assert ("Amazon Web Services, Inc. (AWS)", "delivery") in crossing
    assert all(t.clause == "3.1(vii)" for t in desk.freeze().transfers)


def test_retention_tells_periods_coming_ones_and_holds(desk: Desk) -> None:
    by_id = {p.id: p for p in desk.freeze().retention.periods}
    recordings = by_id["call_recordings"]
    assert (recordings.days, recordings.is_default) == (60, False)
    assert recordings.set and recordings.set.instruction == 5
    assert by_id["emails"].hold and by_id["emails"].hold.reason == "Dispute"
    coming = by_id["transcripts"].pending
    assert coming and (coming.days, coming.instruction) == (30, 7)
    assert by_id["sms"].is_default and by_id["sms"].set is None


def test_open_items_name_what_waits(desk: Desk) -> None:
    kinds = {(i.kind, i.what) for i in desk.freeze().open_items}
    assert ("Coming retention period", "Transcripts: 30 days instead of 90") in kinds
    assert ("Proposal", "Voicebot on") in kinds
    assert ("Agreed action", "Send the new list (the provider)") in kinds


def test_the_head_is_that_of_the_ledger(desk: Desk) -> None:
    head = desk.application.ledger.head("nord")
    assert head
    frozen = desk.freeze().ledger
    assert (frozen.sequence, frozen.digest) == (head.sequence, head.digest)


def test_the_same_state_gives_the_same_bytes(desk: Desk, keys: KeyRing) -> None:
    first = keys.sign(desk.freeze())
    desk.clock.at += timedelta(hours=3)
    assert keys.sign(desk.freeze()) == first


def test_a_past_day_shows_what_stood_then(desk: Desk) -> None:
    past = desk.freeze(START + timedelta(days=1, hours=1))
    assert past.as_at.isoformat() == "2026-03-03"
    assert {f.id for f in past.features if f.on} == {"voice", "reply_assistant"}
    assert past.ledger.sequence == 2
    assert past.review is None


def test_time_alone_brings_a_coming_period_into_force(desk: Desk) -> None:
    desk.clock.at += timedelta(days=8)
    transcripts = next(p for p in desk.freeze().retention.periods if p.id == "transcripts")
    assert (transcripts.days, transcripts.pending) == (30, None)
    assert transcripts.set and transcripts.set.instruction == 7


@pytest.mark.parametrize("moment", [START - timedelta(days=1), datetime(2030, 1, 1, tzinfo=UTC)])
def test_a_moment_outside_the_customers_time_is_refused(desk: Desk, moment: datetime) -> None:
    with pytest.raises(Refusal, match=r"Nothing is recorded|still to come"):
        desk.freeze(moment)


def test_what_was_taken_freezes_to_the_same_again(desk: Desk) -> None:
    file = desk.application.open(desk.manager, "nord")
    digest = freeze(file).digest
    take = snapshots.RecordSnapshot(file.now.date(), file.now, file.sequence, digest)
    desk.application.carry_out(desk.manager, "nord", take, file.sequence)
    desk.do(features.SetFeatures({"voice": False}))
    desk.do(retention.ReleaseHold("emails"))
    assert freeze(desk.application.reopen(desk.admin, "nord", take.sequence, take.moment)).digest == digest


def test_no_entry_to_reopen_is_refused(desk: Desk) -> None:
    with pytest.raises(Refusal, match="no entry 99"):
        desk.application.reopen(desk.admin, "nord", 99, desk.clock.at)


def test_the_file_fits_the_published_schema(desk: Desk, keys: KeyRing) -> None:
    document = json.loads(keys.sign(desk.freeze()))
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, format_checker=jsonschema.FormatChecker())
    del document["snapshot"]["features"][0]["clause"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_the_schema_of_version_1_has_not_changed() -> None:
    published = resources.files("dpa_core.snapshots") / "schema-1.json"
    assert json.loads(published.read_text(encoding="utf-8")) == json_schema()
