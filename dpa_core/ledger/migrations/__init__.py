"""Numbered SQL files that bring a store to the present shape, each run once, in order.

The usual migration libraries need an SQLAlchemy dialect of their own and cannot work on a database
that DuckDB has attached; a dozen lines over numbered files can.
"""

from __future__ import annotations

from importlib import resources

import duckdb


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Run what has not been run yet, all in one transaction."""
    connection.begin()
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY)")
        done = {name for (name,) in connection.execute("SELECT name FROM migrations").fetchall()}
        files = (f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql"))
        for file in sorted(files, key=lambda f: f.name):
            if file.name not in done:
                connection.execute(file.read_text(encoding="utf-8"))
                connection.execute("INSERT INTO migrations VALUES (?)", [file.name])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
