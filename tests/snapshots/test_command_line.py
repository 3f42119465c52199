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
from dpa_core.snapshots.sign import key_ring
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


def _kid(folder: Path) -> str:
    return str(key_ring(folder).active.thumbprint())


def test_a_revoked_key_is_said_in_the_verdict_and_the_exit_code(folder: Path, tmp_path: Path) -> None:
    signed = _dpa(folder, "export", "nordfrakt").stdout
    (tmp_path / "a.json").write_bytes(signed)
    kid, others = _kid(folder), tmp_path / "data"
    others.mkdir()
    for since, code in (("2020-01-01", 4), (None, 4)):
        (others / "snapshot_keys.json").write_bytes((folder / "snapshot_keys.json").read_bytes())
        dated = ("--since", since) if since else ()
        done = _dpa(others, "revoke-key", kid, *dated, "--reason", "Laptop stolen\x1b[31m")
        assert (done.returncode, done.stdout.count(b"\n")) == (0, 3), done.stderr
        assert b"It was in use" in done.stdout
        verified = _dpa(others, "verify", str(tmp_path / "a.json"))
        assert verified.returncode == code
        assert verified.stdout.startswith(b"The key that signed this file is revoked from ")
        assert b"Laptop stolen[U+001B]" in verified.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("other",), "There is no key"),
        (("-Xsince_other",), "There is no key “-Xsince_other”"),
        (("KID", "--since", "soon"), "no date such as"),
        (("KID", "--since", "2999-01-01"), "still to come"),
    ],
)
def test_a_revocation_that_cannot_be_is_one_line(
    exported: Path, words: tuple[str, ...], sentence: str
) -> None:
    before = (exported / "snapshot_keys.json").read_bytes()
    done = _dpa(exported, "revoke-key", *[_kid(exported) if w == "KID" else w for w in words])
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert sentence in done.stderr.decode()
    assert (exported / "snapshot_keys.json").read_bytes() == before


def test_keys_of_no_use_are_named_beside_the_verdict(exported: Path, tmp_path: Path) -> None:
    keys = json.loads((exported / "snapshot_keys.json").read_text())["keys"]
    (tmp_path / "jwks.json").write_bytes(
        b"\xef\xbb\xbf" + json.dumps({"keys": [{"kty": "RSA"}, *keys]}).encode()
    )
    done = _dpa(exported, "verify", "a.json", "--keys", str(tmp_path / "jwks.json"))
    assert (done.returncode, done.stdout[:8]) == (0, b"Genuine:")
    assert done.stderr.startswith(b"Key 1 of the set is not used")


def test_nothing_of_an_unverified_file_reaches_the_terminal(exported: Path, tmp_path: Path) -> None:
    document = json.loads((exported / "a.json").read_bytes())
    document["signature"] = "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiRVZJTFx1MDAxYlsyShifQ" + "..AAAA"
    document["snapshot"]["customer"]["name"] = "EVIL"
    (tmp_path / "b.json").write_text(json.dumps(document))
    done = _dpa(exported, "verify", str(tmp_path / "b.json"))
    assert done.returncode in (1, 3)
    assert b"EVIL" not in done.stdout + done.stderr
