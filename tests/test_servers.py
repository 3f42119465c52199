"""Three real servers on one PostgreSQL, and one on its file: killed, nobody loses or doubles anything.

In full size: `python -m tests.bench servers --full`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.fleet import Fleet
from tests.bench.servers import under_trouble
from tests.bench.tab import compared, not_in_words
from tests.postgres import Server

TOGGLES, SESSIONS, KILLS = 100, 20, 3
FILE_KILLS = 20


@pytest.fixture
def fleet(postgres: Server, _empty: str, tmp_path: Path) -> Iterator[Fleet]:
    """Three servers, not started yet, on an empty database."""
    fleet = Fleet(tmp_path, postgres.url(postgres.database(_empty)))
    yield fleet
    asyncio.run(fleet.end())


def test_nothing_acknowledged_is_lost_or_doubled_over_kills_of_servers_and_of_the_database(
    fleet: Fleet, postgres: Server
) -> None:
    story = under_trouble(fleet, postgres, SESSIONS, TOGGLES, KILLS)
    with fleet.ledger() as ledger:
        assert compared(ledger, story) == ([], [])
    assert not_in_words(story) == []
    assert len(story.acknowledged) + len(story.unknown) == TOGGLES
    assert story.losses > 0
    assert "All is well" in fleet.verify()


def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_on_a_file_is_killed(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, number=1)
    story = under_trouble(fleet, None, 8, 60, FILE_KILLS)
    with fleet.ledger() as ledger:
        assert compared(ledger, story) == ([], [])
    assert not_in_words(story) == []
    assert len(story.acknowledged) + len(story.unknown) == 60
    assert fleet.starts == FILE_KILLS + 1
    assert "All is well" in fleet.verify()
