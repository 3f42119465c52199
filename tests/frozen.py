"""The frozen agreement, on which tests of behaviour stand: `tests/data/README.md` says why.

Light on purpose: programs that tests start and kill take it from here, without conftest.
"""

from pathlib import Path

from dpa_core.agreement import Agreement, load_all

FOLDER = Path(__file__).parent / "data" / "agreements"
VERSION = "2026-01-29"


def frozen_agreements() -> dict[str, Agreement]:
    """What `load_all` gives for the built-in agreements, with the one frozen version in it."""
    return load_all(FOLDER)
