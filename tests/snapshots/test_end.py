"""What a snapshot says of an agreement that ends or has ended. Clause: 3.1(xi)"""

from __future__ import annotations

import io
import json
from datetime import timedelta

import jsonschema
import pytest
from pypdf import PdfReader

from dpa_core.locale import day
from dpa_core.snapshots import pdf, tables
from dpa_core.snapshots.diff import diff
from dpa_core.snapshots.examine import examine
from dpa_core.snapshots.model import Snapshot, json_schema
from dpa_core.snapshots.sign import KeyRing, public_keys
from dpa_core.subjects import data_return, dates, retention
from tests.snapshots.conftest import Desk


def ended(desk: Desk) -> tuple[Snapshot, Snapshot, int]:
    """The customer's snapshots before and after the last day of its agreement, and the entry of its end."""
    last = dates.local_day(desk.clock.at) + timedelta(days=3)
    entry = desk.do(data_return.Terminate(last, "Notice of termination"), desk.operator)
    before = desk.freeze()
    desk.clock.at = dates.end_of(last)
    return before, desk.freeze(), entry


def _text(snapshot: Snapshot, keys: KeyRing) -> str:
    reader = PdfReader(io.BytesIO(pdf.render(snapshot, keys.sign(snapshot))))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def facts(snapshot: Snapshot) -> dict[str, object]:
    return dict(tables.tables(snapshot)[0].rows)  # type: ignore[arg-type]  # two cells a row


def test_without_an_end_a_snapshot_says_nothing_of_one_and_keeps_its_code(desk: Desk, keys: KeyRing) -> None:
    frozen = desk.freeze()
    assert "end" not in json.loads(keys.sign(frozen))["snapshot"]
    assert not [fact for fact in facts(frozen) if "end" in str(fact)]


def test_until_the_end_all_stands_and_it_says_when_it_ends(desk: Desk, keys: KeyRing) -> None:
    before, _, entry = ended(desk)
    assert before.end is not None
    assert (before.end.over, before.end.side, before.end.entry) == (False, "provider", entry)
    assert [f.id for f in before.features if f.on] == ["speech_analytics", "voice"]
    assert facts(before)["Agreement ends on"] == before.end.last_day
    assert f"Ends on {day(before.end.last_day)}" in _text(before, keys)


def test_after_the_end_nothing_is_on_and_it_says_by_what(desk: Desk, keys: KeyRing) -> None:
    before, after, entry = ended(desk)
    assert after.end is not None
    assert (after.end.over, after.end.all_deleted) == (True, False)
    assert not [f for f in after.features if f.on]
    assert [s.kind for s in after.sub_processors] == ["core"]
    stamps = {f.id: f.set for f in after.features if f.set}
    assert {id for id, s in stamps.items() if s.instruction == entry} == {"speech_analytics", "voice"}
    assert facts(after)["Agreement ended on"] == after.end.last_day
    assert "Ended on" in _text(after, keys)
    changes = {(c.part, c.what): c for c in diff(before, after)}
    assert changes["Agreement", "End"].after.startswith("Ended on")
    off = changes["Features", "Voice"]
    assert (off.before, off.after, off.instruction) == ("on", "off", entry)


def test_once_all_is_deleted_no_sub_processor_is_engaged(desk: Desk, keys: KeyRing) -> None:
    desk.do(retention.ReleaseHold("emails"))
    _, _, entry = ended(desk)
    desk.clock.at += timedelta(days=15)
    today = dates.local_day(desk.clock.at)
    desk.do(data_return.RecordDeletion(entry, today), desk.operator, days=0)
    frozen = desk.freeze()
    assert frozen.end is not None
    assert frozen.end.all_deleted
    assert (frozen.sub_processors, frozen.transfers) == ((), ())
    assert "All data is recorded as deleted" in _text(frozen, keys)


@pytest.mark.parametrize("with_end", [False, True])
def test_a_signed_file_is_genuine_with_an_end_and_without(desk: Desk, keys: KeyRing, with_end: bool) -> None:
    frozen = ended(desk)[1] if with_end else desk.freeze()
    signed = keys.sign(frozen)
    verdict = examine(signed, public_keys(keys.jwks()))
    assert (verdict.status, verdict.snapshot) == ("genuine", frozen)
    jsonschema.validate(json.loads(signed), json_schema(), format_checker=jsonschema.FormatChecker())


def test_the_moment_of_an_end_is_in_stockholm(desk: Desk) -> None:
    _, after, _ = ended(desk)
    assert after.end is not None
    stamp = next(f.set for f in after.features if f.id == "voice")
    assert stamp is not None
    assert stamp.since == dates.end_of(after.end.last_day)
