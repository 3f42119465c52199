"""Kill -9 of a real server on its file while people give instructions, and start it again: 20 times, or
1,000 with `--full`. How many acknowledged instructions were lost or recorded twice, and what verify finds."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import OPTIONS
from tests.bench.fleet import Fleet
from tests.bench.servers import under_trouble
from tests.bench.tab import compared, not_in_words

SESSIONS = 12
TOGGLES_A_KILL = 5


def measure() -> list[tuple[str, float, float]]:
    """(what, number lost or broken, limit)."""
    kills = 1_000 if OPTIONS.full else 20
    with TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), number=1)
        story = under_trouble(fleet, None, SESSIONS, TOGGLES_A_KILL * kills, kills)
        with fleet.ledger() as ledger:
            lost, twice = compared(ledger, story)
        try:
            faults, verdict = 0, fleet.verify().strip()
        except subprocess.CalledProcessError as error:
            faults, verdict = 1, error.stdout + error.stderr
    print(
        f"{len(story.acknowledged):,} acknowledged; {story.losses} connections lost; "
        f"{len(story.unknown)} not known; {verdict}",
        flush=True,
    )
    return [
        (f"acknowledged instructions lost in {kills:,} kills", len(lost), 0),
        (f"instructions recorded twice in {kills:,} kills", len(twice), 0),
        (f"refusals not in words in {kills:,} kills", len(not_in_words(story)), 0),
        (f"stores at fault after {kills:,} kills", faults, 0),
    ]
