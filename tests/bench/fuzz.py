"""Coverage-guided fuzzing of what reads files from outside.

    pip install atheris
    python -m tests.bench.fuzz manifest -max_total_time=180

Readers: manifest, snapshot, pdf, jwks, usage. Further words go to libFuzzer. What is not one of the errors
that a reader promises ends the run; the input that did it is then made a test beside the reader's others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["dpa_core", "joserfc", "pypdf", "rfc8785"]):
    from dpa_core import manifest, usage
    from dpa_core.snapshots import examine, sign


def _manifest(content: bytes) -> None:
    try:
        items = manifest.from_json(content)
    except manifest.ManifestError:
        return
    assert manifest.from_json(manifest.to_json(items)) == items


def _jwks(content: bytes) -> None:
    try:
        keys, _ = sign.usable_keys(sign.read_jwks(content))
    except sign.KeyFileError:
        return
    json.dumps(keys)
    for key in keys.values():
        sign.revocation(key)


def _signing(folder: Path) -> tuple[sign.KeyRing, bytes]:
    ring = sign.key_ring(folder)
    header = sign.jws.serialize_compact(
        {"alg": "Ed25519", "kid": ring.active.thumbprint()}, b"{}", ring.active, algorithms=["Ed25519"]
    )
    body = {"format": "dpa-desk.snapshot", "version": 1}
    return ring, json.dumps({"snapshot": body, "signature": sign.jws.detach_content(header)}).encode()


def _snapshot(ring: sign.KeyRing) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        found = examine.finding(content, ring.public)
        assert found.verdict is None or found.verdict.snapshot is None
        found.model_dump_json()

    return read


def _pdf(signed: bytes) -> bytes:
    import io

    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(10, 10)
    writer.add_attachment("snapshot.json", signed)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _usage(folder: Path) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        path = folder / "usage.csv"
        path.write_bytes(content)
        try:
            table = usage.read_usage(path, ["velo"], ["sms"], latest=date(2026, 11, 1))
        except usage.UsageError as error:
            assert all("\n" not in problem for problem in error.problems)
            return
        assert table.num_rows

    return read


def main() -> None:
    """Fuzz one reader, from a seed that it takes."""
    name, *further = sys.argv[1:]
    with TemporaryDirectory() as found:
        folder = Path(found)
        ring, signed = _signing(folder)
        files = '{"files": [{"name": "a/b.csv", "size": 1, "sha256": "' + "0" * 64 + '"}]}'
        readers: dict[str, tuple[Callable[[bytes], None], bytes]] = {
            "manifest": (_manifest, files.encode()),
            "jwks": (_jwks, json.dumps(ring.jwks()).encode()),
            "snapshot": (_snapshot(ring), signed),
            "pdf": (_snapshot(ring), _pdf(signed)),
            "usage": (
                _usage(folder),
                b"customer,data_type,month,records,bytes\nvelo,sms,2026-10,120,36000\n",
            ),
        }
        reader, seed = readers[name]
        corpus = folder / "corpus"
        corpus.mkdir()
        (corpus / "seed").write_bytes(seed)
        atheris.Setup([sys.argv[0], str(corpus), "-max_len=20000", *further], reader)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
