"""What happens outside the EU and EEA is counted once, and each screen and document shows the same numbers.

Clause: 3.1(vii)
"""

import re
from itertools import chain, combinations

import pytest

from dpa_core.snapshots import pdf, tables
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import features
from dpa_core.subjects.features import OUTSIDE
from dpa_core.subjects.own_list import OwnList
from dpa_core.views.portfolio import _exposed
from tests.conftest import NOW, carry_out
from tests.pages import shown, visit
from tests.subjects.scenario import AGREEMENT

FEATURES = [f.id for f in AGREEMENT.features]
EVERY_SET = chain.from_iterable(combinations(FEATURES, n) for n in range(len(FEATURES) + 1))


def test_whatever_is_on_the_counts_are_those_of_the_list():
    for on in map(frozenset, EVERY_SET):
        engaged = [s for s in AGREEMENT.sub_processors if s.kind == "core" or on & set(s.features)]
        expected = {
            role: {
                AGREEMENT.place(at.place).name
                for s in engaged
                for at in s.locations
                if at.role == role and AGREEMENT.place(at.place).third_country
            }
            for role in OUTSIDE
        }
        counted = features.outside_of(features.engaged(on, AGREEMENT), AGREEMENT)
        assert {role: set(names) for role, names in counted.items()} == expected
        assert all(len(names) == len(set(names)) for names in counted.values())
        assert _exposed(OwnList(AGREEMENT, {}, NOW, switched_on=on), False).outside == counted


def test_a_place_counts_once_for_each_thing_that_happens_there():
    found = [("processing", "USA"), ("delivery", "USA"), ("processing", "USA"), ("processing", "India")]
    assert features.outside(found) == {"processing": ("USA", "India"), "delivery": ("USA",), "access": ()}


def of_metrics(at):
    return {m.label: int(m.value) for m in at.metric if m.label in OUTSIDE.values()}


def of_line(at):
    """`Processing outside EU/EEA: 1 (USA) · …`, as some pages have it."""
    return {name: int(re.search(rf"{name}: (\d+)", shown(at))[1]) for name in OUTSIDE.values()}


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ((), (0, 2, 0)),
        (("voice",), (0, 2, 0)),
        (("reply_assistant",), (1, 2, 0)),
        (("voicebot", "speech_analytics"), (1, 2, 1)),
    ],
)
def test_every_screen_and_document_shows_the_same_numbers(application, people, on, expected):
    if on:
        carry_out(application, people.anna, "nordfrakt", **dict.fromkeys(on, True))
    numbers = dict(zip(OUTSIDE.values(), expected, strict=True))
    for page in ("overview", "what_if"):
        assert of_metrics(visit(page, application, people.anna, "nordfrakt")) == numbers, page
    for page in ("features", "sub_processors"):
        assert of_line(visit(page, application, people.anna, "nordfrakt")) == numbers, page
    listed = visit("portfolio", application, people.david, "nordfrakt").dataframe[0].value
    assert {name: listed[name].iloc[0] for name in numbers} == numbers
    frozen = freeze(application.open(people.anna, "nordfrakt"))
    figures = {text: int(number) for number, text in pdf._view(frozen)["figures"] if text in numbers}
    assert figures == numbers
    summary = dict(tables.tables(frozen)[0].rows)
    assert {name: summary[f"{name}: places"] for name in numbers} == numbers


def test_switching_on_a_transfer_moves_the_headline(application, people):
    before = of_metrics(visit("overview", application, people.anna, "nordfrakt"))
    carry_out(application, people.anna, "nordfrakt", reply_assistant=True)
    after = of_metrics(visit("overview", application, people.anna, "nordfrakt"))
    assert {name for name in after if after[name] != before[name]} == {"Processing outside EU/EEA"}


# --- the agreement's N/A promises nothing ---------------------------------------------------------

PROMISES = ("no data leaves", "no transfer", "stays in the eu", "none needed", "all of their places are")


@pytest.mark.parametrize(
    "page", ["overview", "what_if", "features", "sub_processors", "snapshots", "agreement"]
)
def test_no_screen_promises_what_the_agreement_does_not(application, people, page):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    text = shown(visit(page, application, people.anna, "nordfrakt")).lower()
    assert [words for words in PROMISES if words in text] == []


def test_nor_does_a_document(application, people):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    frozen = freeze(application.open(people.anna, "nordfrakt"))
    text = str((pdf._view(frozen), tables.tables(frozen))).lower()
    assert [words for words in PROMISES if words in text] == []
    cells = {row[0]: row[3] for row in pdf._view(frozen)["sub_processors"]}
    assert cells["Tele2"] == "No mechanism listed"
    assert cells["Amazon Web Services, Inc. (AWS)"] == "USA: SCC + TIA + DPF; Worldwide: SCC + TIA"


def test_no_mechanism_stands_at_a_place_that_it_does_not_serve(application, people):
    frozen = freeze(application.open(people.anna, "nordfrakt"))
    assert {(t.place, t.mechanisms) for t in frozen.transfers} == {
        ("USA", ("SCC", "TIA", "DPF")),
        ("Worldwide", ("SCC", "TIA")),
    }
    text = shown(visit("overview", application, people.anna, "nordfrakt"))
    assert "delivers from there) · SCC \\+ TIA · core" in text or "SCC + TIA · core" in text
