"""Snapshots: taking, listing, verifying, comparing."""

import json
from datetime import timedelta

import pytest

from dpa_core.snapshots.freeze import freeze
from tests.conftest import carry_out, sign_in
from tests.pages import KEYS, labels, receipt, shown, visit


def tab(at, name):
    at.session_state["snapshots.tab"] = name
    return at.run()


def press(at, label):
    return next(b for b in at.button if b.label == label).click().run()


@pytest.mark.parametrize(("name", "may"), [("anna", True), ("clara", False), ("david", True), ("eva", True)])
def test_who_may_take_one(application, people, name, may):
    at = visit("snapshots", application, getattr(people, name), "nordfrakt")
    assert ("Take a snapshot" in labels(at)) == may
    assert "No snapshot has been taken yet" in shown(at)


def test_one_is_taken_and_listed(application, people):
    at = press(visit("snapshots", application, people.anna, "nordfrakt"), "Take a snapshot")
    assert "Recorded as entry 2:" in receipt(at)
    at = visit("snapshots", application, people.anna, "nordfrakt")
    assert list(at.dataframe[0].value["Entry"]) == [2]
    assert "Download PDF" in labels(at)


def test_one_of_a_past_day_is_taken_once(application, people, clock):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    at = visit("snapshots", application, people.anna, "nordfrakt")
    at.date_input[0].set_value((clock.at - timedelta(days=30)).date())
    press(at, "Take a snapshot")
    at = visit("snapshots", application, people.anna, "nordfrakt")
    assert list(at.dataframe[0].value["Shows entries up to"]) == [1]
    at.date_input[0].set_value((clock.at - timedelta(days=30)).date())
    assert "on file already, as entry 3" in press(at, "Take a snapshot").error[0].value


def test_a_download_is_a_link_that_works_once(application, people):
    press(visit("snapshots", application, people.anna, "nordfrakt"), "Take a snapshot")
    at = visit("snapshots", application, sign_in(application, "clara")[1], "nordfrakt")
    assert "works once" in shown(press(at, "Download PDF"))


def test_the_past_is_looked_at_only(application, people, clock):
    at = visit("snapshots", application, people.anna, "nordfrakt", clock.at - timedelta(days=1))
    assert "Take a snapshot" not in labels(at)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        (lambda b: b, "success", "Genuine"),
        (lambda b: b.replace(b"Nordfrakt", b"Sydfrakt"), "error", "Altered"),
        (lambda b: b[:-50], "error", "cut off"),
        (lambda b: b"hello", "error", "no valid JSON"),
    ],
)
def test_an_uploaded_file_is_judged(application, people, change, kind, sentence):
    content = change(KEYS.sign(freeze(application.open(people.anna, "nordfrakt"))))
    at = tab(visit("snapshots", application, people.clara, "nordfrakt"), "Verify a file")
    at.file_uploader[0].set_value(("snapshot.json", content, "application/json"))
    at = at.run()
    assert sentence in getattr(at, kind)[0].value


def test_a_file_with_an_unknown_key_is_said_to_have_one(application, people):
    signed = json.loads(KEYS.sign(freeze(application.open(people.anna, "nordfrakt"))))
    header = "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoib3RoZXIifQ"  # {"alg":"Ed25519","kid":"other"}
    signed["signature"] = header + ".." + signed["signature"].split("..")[1]
    at = tab(visit("snapshots", application, people.clara, "nordfrakt"), "Verify a file")
    at.file_uploader[0].set_value(("snapshot.json", json.dumps(signed).encode(), "application/json"))
    assert "Unknown key" in at.run().warning[0].value


def test_two_days_are_compared_side_by_side(application, people, clock):
    clock.pass_days(-40)
    carry_out(application, people.anna, "nordfrakt", voice=True)
    clock.pass_days(40)
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    at = tab(visit("snapshots", application, people.clara, "nordfrakt"), "Compare two days")
    at.date_input[0].set_value((clock.at - timedelta(days=30)).date())
    at = press(at, "Compare")
    table = at.dataframe[0].value.set_index("What")
    assert list(table.loc["Speech Analytics"])[1:4] == ["off", "on", people.anna.email]
    assert table.loc["DeepGram"]["Instruction"] == "3"
    assert "Switched on Speech Analytics" in shown(at)


def test_two_days_with_nothing_between_them_do_not_differ(application, people):
    at = tab(visit("snapshots", application, people.clara, "nordfrakt"), "Compare two days")
    assert "Nothing differs" in shown(at)
