"""After a lost connection: a session that knows nothing is told by the browser how the page stood."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application
from dpa_core.subjects.features import SetFeatures
from pages.parts import client, connection
from pages.parts.connection import key_class
from tests.conftest import People
from tests.pages import confirm, labels, shown
from tests.pages.test_every_page import visit as framed  # noqa: F401  # a fixture
from tests.pages.test_requests import field

Resume = Callable[..., AppTest]
DIALOG = "features.review"
CONFIRM = key_class(f"{DIALOG}.1.confirm_")


@pytest.fixture
def resume(framed, application: Application, monkeypatch: pytest.MonkeyPatch) -> Resume:  # noqa: F811
    """`resume(page, seen, **standing)`: a new session for Anna, whose browser tells how the page stood."""

    def begin(page: str = "features", seen: int = 1, **standing: Any) -> AppTest:
        told = {
            "loss": 1,
            "told": 1,
            "process": "of before",
            "seen": {"nordfrakt": seen},
            "rounds": {DIALOG: 1},
            "forms": {key_class(f"{DIALOG}.1."): [DIALOG, False]},
            "dialog": DIALOG,
            "dialog_seen": {"nordfrakt": seen},
            "open": True,
        } | standing

        def run(name: str, **options: Any) -> Any:
            if options["key"] == "connection":
                return SimpleNamespace(standing=told)
            return SimpleNamespace(standing={})

        monkeypatch.setattr(client, "run", run)
        at: AppTest = framed(page, "anna", "nordfrakt")
        assert not at.exception, at.exception
        return at

    return begin


@pytest.fixture
def seen(application: Application, people: People) -> int:
    """Voice is staged with a reason; the sequence that Anna has before her eyes."""
    application.keep_draft(people.anna, "nordfrakt", "features.staged", {"switches": {"voice": True}})
    application.keep_draft(people.anna, "nordfrakt", DIALOG, {"reason": "Typed"})
    return application.open(people.anna, "nordfrakt").sequence


def reason(at: AppTest) -> str:
    return str(field(at, "Reason (optional)").value)


def test_the_dialog_is_open_again_with_what_was_typed(resume: Resume, seen: int) -> None:
    at = resume(seen=seen)
    assert "The server was restarted." in shown(at)
    assert reason(at) == "Typed"
    assert field(at, "Reason (optional)").key == f"{DIALOG}.1.reason"


def test_a_dialog_that_was_closed_stays_so(resume: Resume, seen: int) -> None:
    assert "Confirm instruction" not in labels(resume(seen=seen, open=False))


def test_what_the_browser_has_in_a_field_is_newer_than_the_draft(resume: Resume, seen: int) -> None:
    # Nothing comes with the run of this test, so that the field is as new.
    assert reason(resume(seen=seen, keys=[key_class(f"{DIALOG}.1.reason")])) == ""


def test_another_process_or_this_one_after_a_while(resume: Resume, seen: int) -> None:
    at = resume(seen=seen, process=connection.process())
    assert "The connection was lost for a while." in shown(at)
    assert "restarted" not in shown(at)


def test_a_press_that_nobody_heard_is_told_and_goes_on(
    resume: Resume, seen: int, application: Application, people: People
) -> None:
    at = resume(seen=seen, pressed=CONFIRM)
    assert "Your last step was not recorded." in shown(at)
    confirm(at, "Confirm instruction")
    file = application.open(people.anna, "nordfrakt")
    assert (file.sequence, file.state.features.on) == (seen + 1, {"voice"})


def test_a_step_on_record_is_told_and_not_offered_again(
    resume: Resume, seen: int, application: Application, people: People
) -> None:
    application.carry_out(people.anna, "nordfrakt", SetFeatures({"voice": True}), seen)
    at = resume(seen=seen, pressed=CONFIRM)
    assert f"Recorded before the connection was lost:** entry {seen + 1}" in at.success[0].value
    assert "Confirm instruction" not in labels(at)
    assert application.draft(people.anna, "nordfrakt", DIALOG) is None
    assert application.open(people.anna, "nordfrakt").sequence == seen + 1


def test_what_was_recorded_on_another_page_takes_nothing_typed_here_away(
    resume: Resume, seen: int, application: Application, people: People
) -> None:
    application.carry_out(people.anna, "nordfrakt", SetFeatures({"user_communication": True}), seen)
    at = resume(seen=seen)
    assert f"Recorded by you meanwhile:** entry {seen + 1}" in at.success[0].value
    assert reason(at) == "Typed"


def test_what_others_did_meanwhile_stops_the_step_once(
    resume: Resume, seen: int, application: Application, people: People
) -> None:
    application.carry_out(people.bo, "nordfrakt", SetFeatures({"user_communication": True}), seen)
    at = resume(seen=seen, pressed=CONFIRM)
    assert "Your last step was not recorded." in shown(at)
    at = confirm(at, "Confirm instruction")
    assert "Someone else changed this meanwhile." in shown(at)
    assert application.open(people.anna, "nordfrakt").sequence == seen + 1


def test_a_step_that_no_ledger_of_the_page_has_is_not_said_to_be_unrecorded(resume: Resume) -> None:
    name = "access.give"
    pressed = {"pressed": key_class(f"{name}.1.confirm_"), "dialog": name, "rounds": {name: 1}}
    at = resume("access", forms={key_class(f"{name}.1."): [name, False]}, **pressed)
    assert "No answer came to your last step." in shown(at)
    assert "not recorded" not in shown(at)


def test_a_button_that_sends_nothing_is_no_step(resume: Resume, seen: int) -> None:
    assert "last step" not in shown(resume(seen=seen, pressed=key_class(f"{DIALOG}.1.leave_0")))


@pytest.mark.parametrize(
    "told",
    [
        {"loss": "many"},
        {"seen": {"nordfrakt": None}},
        {"keys": 7},
        {"forms": {"x": "y"}},
        {"dialog": "no.such"},
        {"seen": {"nordfrakt": 10**12, "solsidan": 1, "@provider": 1}},
        {"carried": {"features.last": "x", "customer": "solsidan", "review.running": "nordfrakt"}},
    ],
)
def test_whatever_a_browser_tells_the_page_is_drawn(resume: Resume, seen: int, told: dict[str, Any]) -> None:
    at = resume(seen=seen, **told) if "seen" not in told else resume(**told)
    assert at.title[0].value == "Features"
    assert "Solsidan" not in shown(at)


def test_files_that_went_with_the_server_are_named_and_stop_the_sending(resume: Resume) -> None:
    name = "assistance.request"
    gone = {key_class(f"{name}.0.files"): ["letter.pdf", "list.pdf"]}
    at = resume("assistance", files=gone, dialog="", open=False, rounds={})
    assert "Lost with the connection to the server: **letter.pdf and list.pdf**" in shown(at).replace(
        "\\", ""
    )
    at = at.run()
    field(at, "Title").set_value("A title")
    at = next(b for b in at.button if b.label == "Go on without").click().run()
    assert "letter" not in shown(at)
