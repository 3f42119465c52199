"""Run the measures and print a table; exit with 1 where one is over its limit."""

from __future__ import annotations

import argparse
import importlib
import sys

from tests.bench import OPTIONS

PARTS = [
    "toggles", "pages", "guard", "desk", "growth", "access_log", "metrics", "snapshots", "load", "browser",
    "memory", "kill", "verify", "start", "servers",
]  # fmt: skip


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    words.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    words.add_argument("--full", action="store_true", help="also what takes long")
    words.add_argument("--minutes", type=float, default=OPTIONS.minutes, help="of load on the memory")
    asked = words.parse_args()
    OPTIONS.full, OPTIONS.minutes = asked.full, asked.minutes
    rows = []
    for part in asked.parts or PARTS:
        rows += importlib.import_module(f"tests.bench.{part}").measure()
    print(f"\n{'measure':<64} {'figure':>9} {'limit':>9}")
    for what, figure, limit in rows:
        print(f"{what:<64} {figure:>9.2f} {limit:>9.2f}  {'ok' if figure <= limit else 'OVER'}")
    return int(any(figure > limit for _, figure, limit in rows))


sys.exit(main())
