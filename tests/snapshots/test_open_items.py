"""Requests, notices and coming changes in a snapshot, in every format, and compared."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, datetime, timedelta

import jsonschema
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from dpa_core.clock import STOCKHOLM
from dpa_core.snapshots import files
from dpa_core.snapshots.diff import diff
from dpa_core.snapshots.freeze import freeze
from dpa_core.snapshots.model import OpenItem, json_schema
from dpa_core.snapshots.sign import KeyRing
from dpa_core.subjects import assistance, features, incidents, snapshots, sub_processors
from tests.snapshots.conftest import START, Desk

HELP = assistance.RequestHelp("dpia", "Voicebot", "The flows, please", cost_acknowledged=True)
TALVOX = sub_processors.DraftChange(
    "replacement", "deepgram", "Talvox", "Speech", places=("eu_eea",), reason="Moves to the EU"
)
EFFECTIVE = date(2026, 5, 1)


def govern(desk: Desk, command: sub_processors.Command | incidents.Command) -> int:
    seen = desk.application.open_provider(desk.operator).sequence
    return desk.application.govern(desk.operator, command, seen).sequence


@pytest.fixture
def change(empty_desk: Desk) -> int:
    """A customer that asked for help and uses a feature whose sub-processor is to be replaced."""
    empty_desk.open()
    voice = features.SetFeatures({"speech_analytics": True}, "", frozenset({"openai", "deepgram"}))
    empty_desk.do(voice)
    empty_desk.do(HELP)
    draft = govern(empty_desk, TALVOX)
    govern(empty_desk, sub_processors.PublishChange(draft, EFFECTIVE))
    return draft


def by_kind(items: tuple[OpenItem, ...]) -> dict[str, OpenItem]:
    return {i.kind: i for i in items}


def engaged(desk: Desk, as_of: datetime | None = None) -> set[str]:
    return {s.name for s in desk.freeze(as_of).sub_processors}


def test_it_names_requests_and_notices_with_their_dates(empty_desk: Desk, change: int) -> None:
    found = by_kind(empty_desk.freeze().open_items)
    assert found.keys() == {"Assistance", "Sub-processor change", "Coming sub-processor change"}
    asked = found["Assistance"]
    assert (asked.by, asked.entry, asked.waits_for) == ("anna@nord.example", 3, "provider")
    assert asked.due_at == datetime(2026, 3, 18, 23, 59, tzinfo=STOCKHOLM)
    notice = found["Sub-processor change"]
    assert notice.what == "Sub-processors: Replacement of DeepGram by Talvox · Object, or accept by silence"
    assert (notice.opened_at, notice.by, notice.entry) == (empty_desk.clock.at, None, None)


def test_a_coming_change_has_its_date_and_the_list_that_counts_follows_it(
    empty_desk: Desk, change: int
) -> None:
    coming = by_kind(empty_desk.freeze().open_items)["Coming sub-processor change"]
    assert coming.due_at and coming.due_at.astimezone(STOCKHOLM).date() == EFFECTIVE
    published = empty_desk.clock.at
    assert "DeepGram" in engaged(empty_desk)
    empty_desk.clock.at += timedelta(days=90)
    assert "Talvox" in engaged(empty_desk)
    assert "DeepGram" not in engaged(empty_desk)
    assert "DeepGram" in engaged(empty_desk, published)
    assert "Coming sub-processor change" not in by_kind(empty_desk.freeze().open_items)


def test_the_same_state_gives_the_same_bytes(empty_desk: Desk, change: int, keys: KeyRing) -> None:
    first = keys.sign(empty_desk.freeze())
    empty_desk.clock.at += timedelta(hours=3)
    assert keys.sign(empty_desk.freeze()) == first
    schema = json_schema()
    jsonschema.validate(json.loads(first), schema, format_checker=jsonschema.FormatChecker())


def test_what_was_taken_freezes_to_the_same_after_the_provider_went_on(empty_desk: Desk, change: int) -> None:
    empty_desk.clock.at += timedelta(days=90)
    file = empty_desk.application.open(empty_desk.manager, "nord")
    taken = freeze(file)
    take = snapshots.RecordSnapshot(file.now.date(), file.now, file.sequence, taken.digest)
    empty_desk.application.carry_out(empty_desk.manager, "nord", take, file.sequence)
    empty_desk.clock.at += timedelta(days=1)
    incident = govern(empty_desk, incidents.RecordIncident("breach", "Leak", empty_desk.clock.at, ("nord",)))
    govern(
        empty_desk, incidents.NotifyCustomers(incident, dict.fromkeys(incidents.ITEMS, "Known"), ("nord",))
    )
    again = empty_desk.application.reopen(empty_desk.admin, "nord", take.sequence, take.moment)
    assert freeze(again) == taken
    assert "Incident" in by_kind(empty_desk.freeze().open_items)


def test_every_format_shows_them(empty_desk: Desk, change: int, keys: KeyRing) -> None:
    frozen = empty_desk.freeze()
    reader = PdfReader(io.BytesIO(files.make(frozen, keys, "pdf").content))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    for words in (
        "Replacement of DeepGram by Talvox",
        "1 May 2026",
        "by anna@nord.example, entry 3",
        "18 Mar 2026",
    ):
        assert words in text
    sheet = load_workbook(io.BytesIO(files.make(frozen, keys, "xlsx").content))["Open items"]
    assert {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)} == set(by_kind(frozen.open_items))
    with zipfile.ZipFile(io.BytesIO(files.make(frozen, keys, "csv").content)) as archive:
        rows = list(csv.DictReader(archive.read("open_items.csv").decode("utf-8-sig").splitlines()))
    assert {row["kind"]: row["entry"] for row in rows} == {
        "Assistance": "3",
        "Sub-processor change": "",
        "Coming sub-processor change": "",
    }


def test_a_comparison_tells_what_opened_and_what_was_settled(empty_desk: Desk, change: int) -> None:
    before = empty_desk.freeze(START + timedelta(hours=1))
    opened = {c.what: c for c in diff(before, empty_desk.freeze()) if c.part == "Open items"}
    asked = opened["Assistance: Data protection impact assessment: Voicebot · Answer"]
    assert (asked.before, asked.after, asked.by, asked.instruction) == (
        "none",
        "open",
        "anna@nord.example",
        3,
    )
    assert opened["Coming sub-processor change: Replacement of DeepGram by Talvox"].by == ""
    now = empty_desk.freeze()
    empty_desk.clock.at += timedelta(days=90)
    settled = {c.what: c.after for c in diff(now, empty_desk.freeze()) if c.part == "Open items"}
    assert settled["Coming sub-processor change: Replacement of DeepGram by Talvox"] == "settled"
