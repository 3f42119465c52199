"""`dpa snapshot`: export, verify, diff, keys; exit codes and one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dpa_core import demo
from dpa_core.ledger import Ledger
from dpa_core.settings import STORE
from tests.frozen import frozen_agreements


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    with Ledger.open(folder / STORE) as ledger:
        demo.fill(ledger, frozen_agreements(), datetime.now(UTC))
    return folder


def _dpa(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    run = "from dpa_core.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", run, "snapshot", *words],
        capture_output=True,
        env={"DPA_DATA_DIR": str(folder), "PATH": ""},
        cwd=folder,
        check=False,
    )


@pytest.fixture(scope="module")
def exported(folder: Path) -> Path:
    done = _dpa(folder, "export", "nordfrakt")
    assert done.returncode == 0, done.stderr
    (folder / "a.json").write_bytes(done.stdout)
    return folder


def test_export_gives_the_same_bytes_twice(exported: Path) -> None:
    assert _dpa(exported, "export", "nordfrakt").stdout == (exported / "a.json").read_bytes()


@pytest.mark.parametrize(("format", "start"), [("pdf", b"%PDF-"), ("xlsx", b"PK"), ("csv", b"PK")])
def test_export_in_every_format(exported: Path, format: str, start: bytes) -> None:
    done = _dpa(exported, "export", "nordfrakt", "--format", format, "--output", f"a.{format}")
    assert done.returncode == 0, done.stderr
    assert (exported / f"a.{format}").read_bytes().startswith(start)


def test_verify_tells_genuine_altered_and_unknown_apart(exported: Path, tmp_path: Path) -> None:
    genuine = _dpa(exported, "verify", "a.json")
    assert (genuine.returncode, genuine.stdout[:8]) == (0, b"Genuine:")
    altered = (exported / "a.json").read_bytes().replace(b"Nordfrakt", b"Sydfrakt")
    (exported / "b.json").write_bytes(altered)
    assert _dpa(exported, "verify", "b.json").returncode == 1
    assert _dpa(tmp_path, "rotate-key").returncode == 0
    keys = str(tmp_path / "snapshot_keys.json")
    assert _dpa(exported, "verify", "a.json", "--keys", keys).returncode == 3


def test_verify_works_with_the_published_keys_alone(exported: Path, tmp_path: Path) -> None:
    stored = json.loads((exported / "snapshot_keys.json").read_text())["keys"]
    public = {"keys": [{k: v for k, v in key.items() if k != "d"} for key in stored]}
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    done = _dpa(tmp_path, "verify", str(exported / "a.json"), "--keys", "jwks.json")
    assert done.returncode == 0, done.stderr


def test_diff_says_who_did_what(exported: Path) -> None:
    day = datetime.now(UTC).date().replace(day=1)
    before = _dpa(exported, "export", "nordfrakt", "--as-of", f"{day.year}-{day.month:02}-01")
    first = before if before.returncode == 0 else _dpa(exported, "export", "nordfrakt")
    (exported / "old.json").write_bytes(first.stdout)
    done = _dpa(exported, "diff", "old.json", "a.json")
    assert done.returncode == 0, done.stderr
    assert b"Nordfrakt Logistik AB" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("export", "nobody"), "no customer"),
        (("export", "nordfrakt", "--format", "docx"), "no format"),
        (("export", "nordfrakt", "--as-of", "soon"), "no date"),
        (("export", "nordfrakt", "--as-of", "9999-12-31"), "no date"),
        (("export", "nordfrakt", "--as-of", "2020-01-01"), "Nothing is recorded"),
        (("export", "nordfrakt", "--as-of", "2999-01-01"), "still to come"),
        (("export", "nordfrakt", "--output", "no/such/folder/a.json"), "cannot be written"),
        (("verify", "missing.json"), "cannot be read"),
        (("verify", "a.json", "--keys", "missing.json"), "Name the provider's keys"),
        (("verify", "desk.duckdb"), "neither the JSON nor the PDF"),
    ],
)
def test_what_goes_wrong_ends_in_one_line(exported: Path, words: tuple[str, ...], sentence: str) -> None:
    done = _dpa(exported, *words)
    assert done.returncode == 1
    assert sentence in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_file_of_200_mb_is_not_read(exported: Path) -> None:
    with (exported / "large.json").open("wb") as file:
        file.truncate(200_000_000)
    done = _dpa(exported, "verify", "large.json")
    assert (done.returncode, b"larger than 10 MB" in done.stderr) == (1, True)
