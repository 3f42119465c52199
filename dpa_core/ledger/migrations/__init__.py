"""Numbered SQL files that bring a store to the present shape, each run once, in order.

There are two of number 2, and stores that know both by name. From 3 on every number is there once.

The usual migration libraries need an SQLAlchemy dialect of their own and cannot work on a database
that DuckDB has attached; a dozen lines over numbered files can.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable

import duckdb


def files() -> list[Traversable]:
    """The SQL files in the order in which they run."""
    files = (f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql"))
    return sorted(files, key=lambda f: f.name)


def unknown(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The migrations that a store has had and that this version does not know, by name; reads only."""
    names = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'migrations'"
    if not connection.execute(names).fetchone():  # a store that nothing has been written to yet
        return []
    done = {name for (name,) in connection.execute("SELECT name FROM migrations").fetchall()}
    return sorted(done - {f.name for f in files()})


def migrate(connection: duckdb.DuckDBPyConnection, then: Callable[[], None] = lambda: None) -> None:
    """Run what has not been run yet, and `then`, all in one transaction.

    Every head of a store that something was run on counts as one of an older shape from then on, so that what
    is derived from its ledgers (states, tasks) is made anew before it is used, also by a later opening where
    this one is stopped.
    """
    connection.begin()
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY)")
        done = {name for (name,) in connection.execute("SELECT name FROM migrations").fetchall()}
        missing = [file for file in files() if file.name not in done]
        for file in missing:
            connection.execute(file.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO migrations (name) VALUES ($1)", [file.name])
        if missing:
            connection.execute("UPDATE heads SET state_schema = 0")
        then()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
