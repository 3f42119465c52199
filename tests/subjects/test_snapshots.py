"""Snapshots on file. Art. 28(3)(h) GDPR"""

from dataclasses import replace
from datetime import timedelta

import pytest

from dpa_core.subjects import snapshots
from dpa_core.subjects.common import Refusal
from dpa_core.subjects.subject import Context
from tests.conftest import NOW, VERSION, recorded
from tests.frozen import frozen_agreements

CONTEXT = Context(frozen_agreements()[VERSION], NOW, sequence=3)

TAKE = snapshots.RecordSnapshot(NOW.date(), NOW, 3, "ab" * 32)


def test_a_snapshot_is_put_on_file(agreement):
    [event] = recorded(snapshots.decide(TAKE, snapshots.State(), CONTEXT), after=3)
    on_file = snapshots.OnFile(digest="ab" * 32, entry=4)
    state = snapshots.SNAPSHOTS.evolve(snapshots.State(), event)
    assert state.taken == {snapshots.key("ab" * 32): on_file}
    assert (
        snapshots.SNAPSHOTS.describe(event, agreement)
        == "Took a snapshot as at 24 Nov 2026, digest abababababab…"
    )


def test_the_same_one_is_refused_and_points_to_the_first():
    on_file = snapshots.OnFile(digest=TAKE.digest, entry=4)
    state = snapshots.State(taken={snapshots.key(TAKE.digest): on_file})
    with pytest.raises(Refusal, match="as entry 4"):
        snapshots.decide(TAKE, state, CONTEXT)
    # Another one that begins alike is no reason to refuse.
    other = replace(TAKE, digest=TAKE.digest[:32] + "cd" * 16)
    assert snapshots.decide(other, state, CONTEXT)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(TAKE, digest="AB" * 32),
        replace(TAKE, digest=""),
        replace(TAKE, sequence=4),
        replace(TAKE, sequence=0),
        replace(TAKE, moment=NOW + timedelta(seconds=1)),
    ],
)
def test_what_is_no_snapshot_of_the_customer_is_refused(wrong):
    with pytest.raises(Refusal, match="no snapshot"):
        snapshots.decide(wrong, snapshots.State(), CONTEXT)
