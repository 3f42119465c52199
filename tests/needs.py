"""What some tests need of the machine. Where it is missing they are skipped, with the remedy; where
`TESTS_SKIP_NOTHING` is set, as in CI, they fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import playwright
import pytest

from dpa_core import ROOT

NODE = Path(playwright.__file__).parent / "driver" / "node"
"""The Node that Playwright brings, so that it is there, and the same, on every machine."""
NPM_FOLDER = ROOT / ".npm"
"""Where packages of npm are installed, which git ignores."""


def program(name: str, package: str = "") -> str:
    """The path of a program of a Debian package; of the package of the same name where none is given."""
    # Debian keeps servers where only root's PATH leads.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        _missing(f"{name} is not installed. Debian: apt-get install {package or name}")
    return path


def debian_postgresql() -> Path:
    """The folder of a PostgreSQL server's programs, which Debian keeps on no path; the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        _missing("PostgreSQL is not installed. Debian: apt-get install postgresql")
    return found[-1]


def npm_package(name: str, version: str) -> Path:
    """The folder of a package of npm."""
    folder = NPM_FOLDER / "node_modules" / name
    if not folder.is_dir():
        _missing(
            f"The npm package {name} is not installed. "
            f"In the checkout: npm install --no-save --prefix {NPM_FOLDER.name} {name}@{version}"
        )
    return folder


def _missing(what: str) -> NoReturn:
    if os.environ.get("TESTS_SKIP_NOTHING"):
        pytest.fail(what)
    pytest.skip(what)
