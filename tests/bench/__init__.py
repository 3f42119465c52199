"""Measures of speed, each a ratio within one run: `python -m tests.bench`, or one part by name."""
