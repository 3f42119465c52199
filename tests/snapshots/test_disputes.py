"""What a snapshot says of a customer that objects: its own list, marked. Clause: Sch. 2 1.2"""

from __future__ import annotations

from dpa_core.application import Application
from dpa_core.snapshots import tables
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import objections
from tests.conftest import People, SettableClock, carry_out
from tests.test_requests import act, announce

TITLE = "Replacement of DeepGram by Talvox"


def test_the_former_entry_is_kept_and_marked_and_what_is_suspended_is_off(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", speech_analytics=True)
    carry_out(application, people.henrik, "solsidan", speech_analytics=True)
    change = announce(application, people)
    act(application, people.anna, objections.ObjectToChange(change, "No assessment", True))
    before = freeze(application.open(people.anna, "nordfrakt"))
    assert {s.disputed for s in before.sub_processors} == {None}
    clock.pass_days(32)
    disputed = freeze(application.open(people.anna, "nordfrakt"))
    assert {s.name: s.disputed for s in disputed.sub_processors}["DeepGram"] == TITLE
    assert "Talvox" not in {s.name for s in disputed.sub_processors}
    names = [row[0] for row in next(t for t in tables.tables(disputed) if t.name == "Sub-processors").rows]
    assert f"DeepGram (disputed: {TITLE})" in names
    other = freeze(application.open(people.henrik, "solsidan"))
    assert "Talvox" in {s.name for s in other.sub_processors}
    act(application, people.eva, objections.CannotHoldBack(change, "One list for all"))
    suspended = freeze(application.open(people.anna, "nordfrakt"))
    (feature,) = [f for f in suspended.features if f.id == "speech_analytics"]
    assert (feature.on, feature.suspended) == (False, TITLE)
    assert tables.state(feature) == f"Suspended ({TITLE})"
    assert {s.kind for s in suspended.sub_processors} == {"core"}
