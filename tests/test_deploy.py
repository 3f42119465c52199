"""The systemd unit: valid, closed as far as the server lets it be, and in step with the settings."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dpa_core import ROOT
from dpa_core.settings import Settings
from dpa_core.web import ENDS_WITHIN
from tests.needs import program

UNIT = ROOT / ".deploy" / "dpa-desk.service"
MOST_EXPOSED = 15
"""In tenths of what systemd counts, from 0 to 10: what an open network alone comes to is 10."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program in the place of the server: it is not installed where the tests run."""
    text = UNIT.read_text()
    assert text.count("ExecStart=/opt/dpa-desk/bin/dpa serve\n") == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("ExecStart=/opt/dpa-desk/bin/dpa serve", "ExecStart=/bin/true serve"))
    return copy


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze", "systemd"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_unit_has_no_mistake(unit: Path) -> None:
    done = analyze("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_would_be_seen(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=rather"))
    assert "rather" in analyze("verify", unit).stderr


def test_the_unit_opens_little(unit: Path) -> None:
    options = ("--offline=true", f"--threshold={MOST_EXPOSED}")
    done = analyze("security", *options, unit)
    assert done.returncode == 0, done.stdout
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "").replace("CapabilityBoundingSet=", ""))
    assert analyze("security", *options, unit).returncode != 0


def test_it_names_settings_that_there_are() -> None:
    named = set(re.findall(r"^Environment=DPA_(\w+)=", UNIT.read_text(), re.M))
    assert named == {"DATA_DIR", "LOG_FORMAT"}
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_it_waits_longer_than_a_server_takes_to_leave() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.M)
    takes = int(Settings.model_fields["drain_seconds"].default) + ENDS_WITHIN
    assert takes + ENDS_WITHIN <= int(seconds)  # and lets the store go
