"""Run the measures and print a table; exit with 1 where one is over its limit."""

from __future__ import annotations

import importlib
import sys

PARTS = ["toggles", "pages", "guard", "desk", "access_log", "snapshots", "memory", "kill"]


def main() -> int:
    wanted = sys.argv[1:] or PARTS
    rows = []
    for part in wanted:
        rows += importlib.import_module(f"tests.bench.{part}").measure()
    print(f"\n{'measure':<64} {'figure':>9} {'limit':>9}")
    for what, figure, limit in rows:
        print(f"{what:<64} {figure:>9.2f} {limit:>9.2f}  {'ok' if figure <= limit else 'OVER'}")
    return int(any(figure > limit for _, figure, limit in rows))


sys.exit(main())
