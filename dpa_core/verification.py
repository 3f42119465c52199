"""Verify a whole store: by as many processes as there are cores, each reading the file for itself.

The file is closed to writing meanwhile, or a copy: so all of them see the same moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from dpa_core.agreement import Agreement
from dpa_core.application import Application, demo_days
from dpa_core.clock import Clock, DemoClock
from dpa_core.files import FileStore
from dpa_core.ledger import Fault, Ledger, StoreError
from dpa_core.ledger.verify import Part, parts

ALONE = 50_000
"""Entries up to which one process is done before others would have begun."""

Progress = Callable[[int, int], None]
"""Told how many entries were looked at, of how many."""


def silent(_done: int, _of: int) -> None:
    """Progress that nobody is shown."""


def verify_file(
    store: Path,
    files: Path,
    agreements: Mapping[str, Agreement],
    progress: Progress = silent,
    workers: int | None = None,
) -> Iterator[Fault]:
    """What is wrong with a database file and the attached files beside it, and what should be known.

    Raises StoreError where the file cannot be read.
    """
    with Ledger.look(store) as ledger:
        application = _application(ledger, files, agreements)
        total = sum(part.events for part in parts(ledger))
        count = workers or (len(os.sched_getaffinity(0)) if total > ALONE else 1)
        opened = (store, files, agreements) if count > 1 else None
        yield from verify_opened(application, progress, opened, count)


def verify_opened(
    application: Application,
    progress: Progress = silent,
    opened: tuple[Path, Path, Mapping[str, Agreement]] | None = None,
    workers: int = 1,
) -> Iterator[Fault]:
    """The same of a store that is open. `opened`: the file, to be read by other processes too."""
    ledger = application.ledger
    ledger.read_through()
    todo = parts(ledger)
    total, done = sum(part.events for part in todo), 0
    found = _side_by_side(todo, workers, opened) if opened else None
    for part in todo:
        yield from next(found) if found else application.verify_part(part)
        done += part.events
        progress(done, total)
    yield from application.verify_rest()


def _application(ledger: Ledger, files: Path, agreements: Mapping[str, Agreement]) -> Application:
    days = demo_days(ledger)
    application = Application(ledger, agreements, Clock() if days is None else DemoClock(days))
    application.files = FileStore(files)
    return application


def _side_by_side(
    todo: list[Part], count: int, opened: tuple[Path, Path, Mapping[str, Agreement]]
) -> Iterator[list[Fault]]:
    """What is wrong with each part, in order. Raises StoreError."""
    # Begun anew and not forked: the database has threads here.
    with ProcessPoolExecutor(count, get_context("spawn"), _begin, opened) as pool:
        try:
            yield from pool.map(_verify_part, todo)
        except BrokenProcessPool as error:
            raise StoreError(
                "A process that verified a part of the store was ended, perhaps for lack of memory. Nothing "
                "was found out about the rest. Try again."
            ) from error


class _Worker:
    """What a process of the pool has opened."""

    application: Application


def _begin(store: Path, files: Path, agreements: Mapping[str, Agreement]) -> None:
    _Worker.application = _application(Ledger.look(store), files, agreements)


def _verify_part(part: Part) -> list[Fault]:
    return list(_Worker.application.verify_part(part))
