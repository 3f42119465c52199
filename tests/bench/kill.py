"""Kill -9 of a real server on its file while people give instructions, and start it again: 20 times, or
1,000 with `--full`. How many acknowledged instructions were lost or recorded twice, and what verify finds."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import OPTIONS
from tests.bench.fleet import Fleet
from tests.bench.servers import judged, under_trouble

SESSIONS = 12
TOGGLES_A_KILL = 5


def measure() -> list[tuple[str, float, float]]:
    """(what, number lost or broken, limit)."""
    kills = 1_000 if OPTIONS.full else 20
    with TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), number=1)
        story = under_trouble(fleet, None, SESSIONS, TOGGLES_A_KILL * kills, kills)
        verdict, rows = judged(f"{kills:,} kills of the server on its file: ", fleet, story)
    print(
        f"{len(story.acknowledged):,} acknowledged; {story.losses} connections lost; "
        f"{len(story.unknown)} not known; {verdict}",
        flush=True,
    )
    return rows
