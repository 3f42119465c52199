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
    assert snapshots.SNAPSHOTS.evolve(snapshots.State(), event).taken == {"ab" * 32: 4}
    assert (
        snapshots.SNAPSHOTS.describe(event, agreement)
        == "Took a snapshot as at 24 Nov 2026, digest abababababab…"
    )


def test_the_same_one_is_refused_and_points_to_the_first():
    with pytest.raises(Refusal, match="as entry 4"):
        snapshots.decide(TAKE, snapshots.State(taken={TAKE.digest: 4}), CONTEXT)


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
