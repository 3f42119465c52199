"""Over a real websocket: a dialog is drawn alone when it is opened, unless things have changed meanwhile."""

from __future__ import annotations

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from dpa_core import access
from dpa_core.subjects import grants
from tests.conftest import NOW, carry_out
from tests.hostile.streamlit_client import Page, connect

ENDS = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@pytest.fixture
def features(desk):
    """The page of features, open in Anna's browser."""
    with connect(desk.address, desk.sign_in("anna")) as page:
        page.rerun(page="features", query="customer=nordfrakt")
        page.until_drawn()
        yield page
    desk.application.drop_draft(
        desk.application.person("anna@people.example"), "nordfrakt", "features.staged"
    )


def settled(page: Page) -> list[str]:
    """Read until nothing runs; what was sent since: kinds of messages, and labels of what can be pressed."""
    page.said.clear()
    while (last := page.read()).WhichOneof("type") != "script_finished" or last.script_finished not in ENDS:
        pass
    elements = [message.delta.new_element for message in page.said if message.HasField("delta")]
    labels = [e.button.label for e in elements if e.HasField("button")]
    return [str(message.WhichOneof("type")) for message in page.said] + labels


def toggle(page: Page) -> list[str]:
    """Press the first switch."""
    elements = [message.delta.new_element for message in page.said if message.HasField("delta")]
    switch = next(e.checkbox for e in elements if e.HasField("checkbox") and "Switch" in e.checkbox.label)
    on = switch.value if switch.set_value else switch.default
    page.rerun(
        page="features",
        query="customer=nordfrakt",
        widgets=[WidgetState(id=switch.id, bool_value=not on)],
    )
    return settled(page)


def test_opening_a_dialog_does_not_draw_the_page_again(features):
    sent = toggle(features)
    assert "Confirm instruction" in sent
    assert "navigation" not in sent
    assert sent.count("delta") < 40


def test_it_does_where_somebody_else_changed_something_meanwhile(desk, features):
    bo = desk.application.person("bo@people.example")
    file = desk.application.open(bo, "nordfrakt")
    carry_out(desk.application, bo, "nordfrakt", voice="voice" not in file.state.features.on)
    sent = toggle(features)
    assert "Confirm instruction" in sent
    assert "navigation" in sent


def test_nobody_whose_access_was_taken_gets_one(desk, features):
    operator = access.operator(NOW)
    role = ("anna@people.example", "customer_admin", "nordfrakt")
    desk.application.change_access(operator, grants.RevokeAccess(*role))
    try:
        assert "Confirm instruction" not in toggle(features)
    finally:
        desk.application.change_access(operator, grants.GrantAccess(*role))
