"""Features tried on and off on a page of its own."""

import pytest

from tests.conftest import carry_out
from tests.pages import labels, receipt, shown, visit


def outside(at):
    """The counts of places outside the EU and EEA, and what the trial adds to them."""
    return [(m.value, m.delta) for m in at.metric if "outside EU/EEA" in m.label]


def test_trying_shows_consequences_and_records_nothing(application, people):
    before = application.open(people.anna, "nordfrakt").sequence
    at = visit("what_if", application, people.anna, "nordfrakt")
    assert "No feature engages a sub-processor that the list names a place outside" in shown(at)
    assert outside(at) == [("0", ""), ("2", ""), ("0", "")]
    at = at.toggle(key="try_voicebot").set_value(True).run()
    assert "outside the EU and EEA: OpenAI, USA; Google Cloud Speech, a third country" in shown(at)
    assert "Without **Voicebot**: none." in shown(at)
    assert outside(at) == [("1", "0 now"), ("2", ""), ("1", "0 now")]
    assert application.open(people.anna, "nordfrakt").sequence == before


def test_back_to_what_stands(application, people):
    carry_out(application, people.anna, "nordfrakt", voice=True)
    at = (
        visit("what_if", application, people.anna, "nordfrakt").toggle(key="try_voice").set_value(False).run()
    )
    assert "Sub-processors removed" in shown(at)
    at = next(b for b in at.button if b.label == "Back to what stands").click().run()
    assert at.toggle(key="try_voice").value is True
    assert "Nothing differs" in shown(at)


@pytest.mark.parametrize(
    ("name", "stage", "propose"),
    [("anna", True, False), ("clara", False, False), ("david", False, True), ("eva", False, True)],
)
def test_what_can_be_done_with_a_trial(application, people, name, stage, propose):
    at = visit("what_if", application, getattr(people, name), "nordfrakt")
    assert ("Take these changes to Features" in labels(at)) == stage
    assert ("Save proposal" in labels(at)) == propose


def test_a_trial_is_saved_as_a_proposal(application, people):
    at = (
        visit("what_if", application, people.david, "nordfrakt").toggle(key="try_voice").set_value(True).run()
    )
    at.text_area[0].set_value("Cheaper")
    at = next(b for b in at.button if b.label == "Save proposal").click().run()
    assert "Recorded as entry 2:" in receipt(at)
    assert "Next, **Nordfrakt Logistik AB**: Voice on" in receipt(at)
    [proposal] = application.open(people.anna, "nordfrakt").state.reviews.open_proposals
    assert (proposal.changes, proposal.reason) == ({"voice": True}, "Cheaper")
    assert at.toggle(key="try_voice").value is False
