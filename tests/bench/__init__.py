"""Measures of speed, each a ratio within one run: `python -m tests.bench`, or one part by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Options:
    """What is asked for on the command line."""

    full: bool = False
    """The whole size of a measure that is short by default."""
    minutes: float = 2.0
    """Of load, where memory is watched."""


OPTIONS = Options()
