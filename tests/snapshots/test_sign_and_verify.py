"""Signatures: genuine, altered, unknown; keys that are made once, kept secret, and replaced."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dpa_core.snapshots import pdf
from dpa_core.snapshots.sign import KEYS, KeyFileError, KeyRing, key_ring, public_keys, rotate
from dpa_core.snapshots.verify import MAX_BYTES, NotASnapshot, unverified, verify
from tests.snapshots.conftest import Desk


@pytest.fixture
def signed(desk: Desk, keys: KeyRing) -> bytes:
    return keys.sign(desk.freeze())


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_it_verifies_with_cryptography_alone(signed: bytes, keys: KeyRing) -> None:
    document = json.loads(signed)
    header, _, signature = document["signature"].split(".")
    payload = rfc8785.dumps(document["snapshot"])
    protected = json.loads(_b64(header))
    assert protected["alg"] == "Ed25519"
    [jwk] = [k for k in keys.jwks()["keys"] if k["kid"] == protected["kid"]]
    message = f"{header}.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}".encode()
    Ed25519PublicKey.from_public_bytes(_b64(jwk["x"])).verify(_b64(signature), message)


def test_the_file_itself_is_canonical(signed: bytes) -> None:
    assert rfc8785.dumps(json.loads(signed)) == signed


def test_the_verification_code_is_the_digest_of_the_signed_bytes(desk: Desk) -> None:
    frozen = desk.freeze()
    assert frozen.digest == hashlib.sha256(rfc8785.dumps(frozen.model_dump(mode="json"))).hexdigest()


def test_genuine(signed: bytes, keys: KeyRing) -> None:
    verdict = verify(signed, keys.public)
    assert verdict.status == "genuine"
    assert verdict.snapshot and verdict.snapshot.customer.id == "nord"


def test_a_genuine_file_stays_genuine_when_laid_out_anew(signed: bytes, keys: KeyRing) -> None:
    assert verify(json.dumps(json.loads(signed), indent=3).encode(), keys.public).status == "genuine"


def test_altered(signed: bytes, keys: KeyRing) -> None:
    verdict = verify(signed.replace(b'"on":true', b'"on":false', 1), keys.public)
    assert (verdict.status, verdict.snapshot) == ("altered", None)


def test_an_altered_signature(signed: bytes, keys: KeyRing) -> None:
    document = json.loads(signed)
    for signature in ("", "a.b.c", "..", document["signature"][:-8] + "AAAAAAAA"):
        document["signature"] = signature
        assert verify(json.dumps(document).encode(), keys.public).status in ("altered", "unknown_key")


def test_no_algorithm_but_ours_is_taken(signed: bytes, keys: KeyRing) -> None:
    document = json.loads(signed)
    header = json.dumps({"alg": "none", "kid": keys.active.thumbprint()}).encode()
    document["signature"] = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".."
    assert verify(json.dumps(document).encode(), keys.public).status == "altered"


def test_an_unknown_key(signed: bytes, tmp_path: Path) -> None:
    verdict = verify(signed, key_ring(tmp_path / "others").public)
    assert (verdict.status, verdict.snapshot) == ("unknown_key", None)


def test_the_pdf_verifies_too(desk: Desk, signed: bytes, keys: KeyRing) -> None:
    made = pdf.render(desk.freeze(), signed)
    assert verify(made, keys.public).status == "genuine"
    assert unverified(made) == desk.freeze()


def test_a_pdf_with_changed_pages_is_altered(desk: Desk, signed: bytes, keys: KeyRing) -> None:
    made = pdf.render(desk.freeze(), signed)
    verdict = verify(made + b"\n% more pages", keys.public)
    assert verdict.status == "altered"
    assert "pages" in verdict.sentence


def _with(signed: bytes, **values: object) -> bytes:
    document = json.loads(signed)
    document["snapshot"] |= values
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no valid JSON"),
        (b"{}", "no signed snapshot"),
        (b"[1, 2]", "no signed snapshot"),
        (b'{"snapshot": {"format": "dpa-desk.snapshot"}}', "no signed snapshot"),
        (b"\xff\xfe\x00", "neither the JSON nor the PDF"),
        (b"%PDF-1.7 and nothing more", "damaged"),
        (b"[" * 100_000, "no valid JSON|nested too deeply"),
        (b'{"snapshot": 1, "snapshot": 2}', "no valid JSON"),
        (b" " * (MAX_BYTES + 1), "10 MB"),
    ],
)
def test_what_is_no_snapshot_gets_a_sentence(content: bytes, sentence: str, keys: KeyRing) -> None:
    with pytest.raises(NotASnapshot, match=sentence):
        verify(content, keys.public)


def test_a_truncated_file(signed: bytes, keys: KeyRing) -> None:
    with pytest.raises(NotASnapshot, match="cut off"):
        verify(signed[:-100], keys.public)


def test_a_newer_form(signed: bytes, keys: KeyRing) -> None:
    with pytest.raises(NotASnapshot, match="newer"):
        verify(_with(signed, version=2), keys.public)


def test_a_pdf_without_a_snapshot(keys: KeyRing) -> None:
    import typst

    with pytest.raises(NotASnapshot, match="no snapshot inside"):
        verify(bytes(typst.compile(b"Hello", format="pdf")), keys.public)


def test_the_key_is_made_once_and_kept_secret(tmp_path: Path) -> None:
    first = key_ring(tmp_path)
    path = tmp_path / KEYS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_ring(tmp_path).active.thumbprint() == first.active.thumbprint()
    assert '"d"' not in json.dumps(first.jwks())
    assert [p.name for p in tmp_path.iterdir()] == [KEYS]


def test_after_a_rotation_old_snapshots_still_verify(desk: Desk, tmp_path: Path) -> None:
    old = key_ring(tmp_path)
    signed = old.sign(desk.freeze())
    new = rotate(tmp_path)
    assert new.active.thumbprint() != old.active.thumbprint()
    assert verify(signed, new.public).status == "genuine"
    assert verify(new.sign(desk.freeze()), new.public).status == "genuine"
    stored = json.loads((tmp_path / KEYS).read_text())["keys"]
    assert [("d" in key) for key in stored] == [True, False]
    assert stat.S_IMODE((tmp_path / KEYS).stat().st_mode) == 0o600


def test_a_key_from_the_settings_is_used_and_remembered(desk: Desk, tmp_path: Path) -> None:
    given = key_ring(tmp_path / "elsewhere").active
    private = json.dumps(given.as_dict(private=True))
    ring = key_ring(tmp_path / "data", private)
    assert ring.active.thumbprint() == given.thumbprint()
    stored = (tmp_path / "data" / KEYS).read_text()
    assert '"d"' not in stored
    assert given.thumbprint() in public_keys(json.loads(stored))


@pytest.mark.parametrize("private", ["", "{}", "text", '{"kty": "OKP", "crv": "Ed25519", "x": "AA"}'])
def test_a_wrong_key_in_the_settings_is_one_line(private: str, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        key_ring(tmp_path, private)
    assert "\n" not in str(caught.value)


def test_a_broken_key_file_is_one_line_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / KEYS).write_text("{broken")
    with pytest.raises(KeyFileError, match="backup"):
        key_ring(tmp_path)
    assert (tmp_path / KEYS).read_text() == "{broken"


def test_keys_that_are_no_jwk_set() -> None:
    for wrong in ([], {"keys": 1}, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": 1}]}):
        with pytest.raises(KeyFileError):
            public_keys(wrong)
