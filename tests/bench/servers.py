"""Three servers on one PostgreSQL, killed and started again while many people give instructions.

Servers are killed (SIGKILL) and started again in turn, PostgreSQL is restarted at once (`-m immediate`) after
every third of them. Afterwards: how many acknowledged instructions are lost, how many are recorded twice, and
what was said that is no sentence of ours.

    python -m tests.bench servers           300 instructions by 20 sessions
    python -m tests.bench servers --full    10,000 by 200
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import postgres
from tests.bench import OPTIONS
from tests.bench.fleet import Fleet, signed_in
from tests.bench.tab import Story, Trouble, compared, instructed, not_in_words

SHARED_BY = 4
"""People to a customer."""


def measure() -> list[tuple[str, float, float]]:
    """(what, number, limit)."""
    toggles, sessions, kills = (10_000, 200, 60) if OPTIONS.full else (300, 20, 6)
    with postgres.running() as server, TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), server.url(server.database()))
        began = time.perf_counter()
        story = under_trouble(fleet, server, sessions, toggles, kills)
        took = time.perf_counter() - began
        verdict, rows = judged(
            f"{toggles:,} instructions, {sessions} sessions, {kills} kills: ", fleet, story
        )
    print(f"{len(story.acknowledged):,} of {toggles:,} acknowledged in {took:.0f} s, {verdict}")
    print(
        f"{fleet.starts} starts; {story.losses} connections lost; {len(story.unknown)} not known; "
        f"CPU {fleet.cpu:.0f} s of the servers, {time.process_time():.0f} s of those who visit"
    )
    for said, times in (story.errors + story.resumed).most_common():
        print(f"{times:>6}  {said}", flush=True)
    return rows


def judged(what: str, fleet: Fleet, story: Story) -> tuple[str, list[tuple[str, float, float]]]:
    """What verify says of the store afterwards; and how many instructions are lost or recorded twice, how
    many refusals are not in words, how many stores are at fault: (what, number, limit)."""
    with fleet.ledger() as ledger:
        lost, twice = compared(ledger, story)
    try:
        faults, verdict = 0, fleet.verify().strip()
    except subprocess.CalledProcessError as error:
        faults, verdict = 1, error.stdout + error.stderr
    return verdict, [
        (what + "lost", len(lost), 0),
        (what + "recorded twice", len(twice), 0),
        (what + "not in words", len(not_in_words(story)), 0),
        (what + "ledgers at fault", faults, 0),
    ]


def under_trouble(
    fleet: Fleet, server: postgres.Server | None, sessions: int, toggles: int, kills: int
) -> Story:
    """Start all servers and have people give instructions, while so many servers are killed. `server`: the
    database's; None: it is a file."""
    troubles: list[Trouble] = []
    for n in range(kills):
        troubles.append(partial(fleet.restart, n % fleet.number))
        if server and n % 3 == 2:
            troubles.append(partial(asyncio.to_thread, server.pg_ctl, "-m", "immediate", "restart"))
    people = signed_in(fleet, sessions, sessions // SHARED_BY)

    async def all_of_it() -> Story:
        try:
            await asyncio.gather(*(fleet.start(n) for n in range(fleet.number)))
            return await instructed(fleet, people, toggles, troubles)
        finally:
            await fleet.end()

    return asyncio.run(all_of_it())
