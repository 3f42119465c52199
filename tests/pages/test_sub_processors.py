"""The sub-processors page: the list and its filters, the details, the charts and their tables."""

from __future__ import annotations

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dpa_core.agreement import Agreement
from dpa_core.application import Application
from tests.conftest import BEGAN, People, SettableClock, carry_out
from tests.pages import shown, visit

AWS = "Amazon Web Services, Inc. (AWS)"


@pytest.fixture(autouse=True)
def links(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the pages linked to."""
    seen: list[str] = []
    monkeypatch.setattr(st, "page_link", lambda page, **_: seen.append(page.url_path))
    return seen


@pytest.fixture
def at(application: Application, people: People) -> AppTest:
    """The page of a customer with Voicebot and Speech Analytics on, switched in this order."""
    carry_out(application, people.anna, "nordfrakt", voicebot=True)
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    return visit("sub_processors", application, people.anna, "nordfrakt")


def names(at: AppTest) -> list[str]:
    return list(at.dataframe[0].value["Sub-processor"])


def details(at: AppTest, id: str) -> str:
    """What the page says with this in its address."""
    at.query_params["sub_processor"] = id
    return shown(at.run())


def narrow(at: AppTest, widget: str, value: object) -> list[str]:
    """Set a filter by its label and tell who is left."""
    found = [w for w in (*at.text_input, *at.selectbox, *at.multiselect) if w.label == widget]
    found[0].set_value(value)
    assert not at.run().exception
    return names(at)


# --- the list ------------------------------------------------------------------------------------


def test_all_are_listed_with_their_state_in_words(at: AppTest, agreement: Agreement) -> None:
    table = at.dataframe[0].value
    assert names(at) == [s.name for s in agreement.sub_processors]
    state = {row["Sub-processor"]: next(iter(row["Now"])) for _, row in table.iterrows()}
    engaged = {AWS, "OpenAI", "DeepGram", "Google Cloud Speech"}
    assert state == {n: "✓ Engaged" if n in engaged else "○ Not engaged" for n in names(at)}
    assert "4 of 11 sub-processors engaged now" in shown(at)


@pytest.mark.parametrize(
    ("widget", "value", "left"),
    [
        ("Search", "deepgram", ["DeepGram"]),
        ("Search", "sms NUMBERS", ["Infobip"]),
        ("Kind", "core", [AWS]),
        ("State", "Engaged now", [AWS, "OpenAI", "DeepGram", "Google Cloud Speech"]),
        ("Place", ["USA"], [AWS, "OpenAI", "DeepGram"]),
        ("Transfer mechanism", ["DPF"], [AWS, "Google Cloud Speech"]),
    ],
)
def test_each_filter_narrows_the_list(at: AppTest, widget: str, value: object, left: list[str]) -> None:
    assert narrow(at, widget, value) == left
    assert f"{len(left)} of 11 shown." in shown(at)


def test_filters_add_up(at: AppTest) -> None:
    narrow(at, "Transfer mechanism", ["No mechanism listed"])
    assert narrow(at, "Search", "support") == ["Xenialab s.r.l."]


def test_an_empty_result_says_what_to_do_and_clears(at: AppTest) -> None:
    at.text_input[0].set_value("<b>nothing</b>").run()
    assert "No sub-processor matches" in shown(at)
    next(b for b in at.button if b.label == "Clear filters").click().run()
    assert len(names(at)) == 11
    assert at.text_input[0].value == ""


def test_it_says_why_the_core_one_cannot_be_switched_off(at: AppTest) -> None:
    assert "is core and can’t be switched off" in shown(at)
    assert "(Sch. 2 2.1)" in shown(at)


# --- details -------------------------------------------------------------------------------------


def test_details_of_an_engaged_one(at: AppTest, agreement: Agreement, links: list[str]) -> None:
    text = details(at, "google_cloud_speech")
    google = agreement.sub_processor("google_cloud_speech")
    assert f"**Purpose:** {google.purpose}" in text
    assert "Voicebot: **on**" in text
    assert "**a third country**, outside the EU and EEA" in text
    for id in google.mechanisms:
        mechanism = agreement.mechanism(id)
        assert f"**{mechanism.code}**, {mechanism.name}. {mechanism.summary}" in text
    plain = text.replace("\\", "")
    assert google.location_wording in plain
    assert google.source_note is not None
    assert google.source_note in plain
    assert "Voicebot Services" in plain
    assert "SCC:s + TIA + DPF (Data Privacy Framework)" in plain
    assert links == ["features"]


def test_a_later_feature_does_not_move_the_date_of_engagement(
    at: AppTest, application: Application, people: People, clock: SettableClock
) -> None:
    clock.pass_days(3)
    carry_out(application, people.anna, "nordfrakt", reply_assistant=True)
    carry_out(application, people.anna, "nordfrakt", voicebot=False)
    text = details(visit("sub_processors", application, people.anna, "nordfrakt"), "openai").replace("\\", "")
    assert "Engaged since 24 Nov 2026, by `anna@people.example` (instruction 2)." in text
    assert "Voicebot: **off**" in text


def test_one_that_is_not_engaged_tells_what_would_engage_it(at: AppTest) -> None:
    text = details(at, "infobip")
    assert "Not engaged, so it does not touch your data." in text
    assert "Switching on Voice or Text Messages (SMS) would engage it." in text
    assert "No mechanism listed. The agreement says N/A, which promises nothing." in text
    assert "No transfer" not in text
    assert "“N/A”" in text.replace("\\", "")


def test_a_place_without_a_note_says_only_what_happens_there(at: AppTest) -> None:
    text = details(at, "deepgram")
    assert "outside the EU and EEA. Data is processed here. By SCC + TIA." in text.replace("\\", "")
    assert "None" not in text


def test_the_core_one_has_no_feature_and_says_why(at: AppTest, links: list[str]) -> None:
    text = details(at, "aws")
    assert "Engaged since 2 Feb 2026, when you entered the agreement." in text
    assert "can’t be switched off: the service cannot run without it (Sch. 2 2.1)" in text
    assert links == []


@pytest.mark.parametrize("id", ["nobody", "<script>", "x" * 5_000, "[a](http://example.com)"])
def test_an_unknown_one_in_the_address_is_told_in_a_sentence(at: AppTest, id: str) -> None:
    text = details(at, id)
    assert "There is no sub-processor “" in text
    assert "Choose one from the list." in text
    assert "[a](" not in text
    assert len(names(at)) == 11


def test_choosing_by_name_puts_it_in_the_address(at: AppTest) -> None:
    next(s for s in at.selectbox if s.label == "Details of").set_value("openai").run()
    assert at.query_params["sub_processor"] == "openai"
    assert "Conversation Summarize: **off**" in shown(at)


def test_the_past_is_shown_as_it_was(application: Application, people: People) -> None:
    carry_out(application, people.anna, "nordfrakt", voicebot=True)
    at = visit("sub_processors", application, people.anna, "nordfrakt", as_of=BEGAN)
    assert "1 of 11 sub-processors engaged on 2 Feb 2026" in shown(at)
    assert "As it stood on 2 Feb 2026" in details(at, "google_cloud_speech")


# --- charts --------------------------------------------------------------------------------------


def charts(at: AppTest) -> list[dict]:
    return [json.loads(c.proto.spec) for c in at.get("vega_lite_chart")]


def test_both_charts_have_words_for_those_who_do_not_see_them(at: AppTest) -> None:
    matrix, flow = (c.proto.alt for c in at.get("vega_lite_chart"))
    assert "Voicebot: OpenAI, Google Cloud Speech" in matrix
    assert "Reply Assistant" not in matrix
    assert "DeepGram to USA" in flow
    assert "Infobip" not in flow


def test_what_is_engaged_differs_by_shape_not_only_colour(at: AppTest) -> None:
    matrix, flow = charts(at)
    hollow, filled = (layer["mark"] for layer in matrix["layer"])
    assert (hollow["filled"], filled["filled"]) == (False, True)
    lines = [layer["mark"] for layer in flow["layer"] if layer["mark"]["type"] == "line"]
    assert ["strokeDash" in mark for mark in lines] == [True, False, True, False]
    colours = {key: v for layer in flow["layer"] for key, v in layer["mark"].items() if "olor" in key}
    assert colours == {}, "colours are the theme's"


def test_each_chart_has_its_table(at: AppTest, agreement: Agreement) -> None:
    _, matrix, flow = (t.value for t in at.dataframe)
    row = matrix.set_index("Feature").loc["Voicebot"]
    assert row["OpenAI"] == row["Google Cloud Speech"] == "● Now"
    assert matrix.set_index("Feature").loc["Reply Assistant"]["OpenAI"] == "○ If on"
    assert len(matrix) == len(agreement.features) + 1
    ways = {(r["Feature"], r["Sub-processor"], r["Place"]) for _, r in flow.iterrows()}
    assert ("Voicebot", "Google Cloud Speech", "a third country (access possible)") in ways
    assert ("Every customer (core)", "AWS", "USA (delivery)") in ways
    assert len(flow) == sum((len(s.features) or 1) * len(s.locations) for s in agreement.sub_processors)
