"""Signatures: genuine, altered, unknown; keys that are made once, kept secret, and replaced."""

from __future__ import annotations

import base64
import codecs
import hashlib
import io
import json
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pypdf import PdfWriter

from dpa_core.snapshots import pdf
from dpa_core.snapshots.examine import TOO_MUCH, Finding
from dpa_core.snapshots.sign import (
    KEYS,
    KeyFileError,
    KeyRing,
    key_ring,
    public_keys,
    read_jwks,
    revoke_key,
    rotate,
    usable_keys,
)
from dpa_core.snapshots.verify import MAX_BYTES, SMALL, NotASnapshot, verify
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
    verdict = verify(made, keys.public)
    assert (verdict.status, verdict.snapshot) == ("genuine", desk.freeze())


def test_a_pdf_with_changed_pages_is_altered(desk: Desk, signed: bytes, keys: KeyRing) -> None:
    made = pdf.render(desk.freeze(), signed)
    verdict = verify(made + b"\n% more pages", keys.public)
    assert verdict.status == "altered"
    assert "pages" in verdict.sentence


def test_a_byte_order_mark_is_no_damage(signed: bytes, keys: KeyRing, tmp_path: Path) -> None:
    assert verify(codecs.BOM_UTF8 + signed, keys.public).status == "genuine"
    jwks = codecs.BOM_UTF8 + json.dumps(keys.jwks()).encode()
    assert public_keys(read_jwks(jwks)) == keys.public
    path = tmp_path / "keys" / KEYS
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert key_ring(tmp_path / "keys").public == keys.public


@pytest.mark.parametrize("name", ["%PDF-1.7", "a %PDF-", "\ufeff%PDF-1.4 Åkeri"])
@pytest.mark.parametrize("before", [b"", b"\n  ", codecs.BOM_UTF8])
def test_a_name_like_the_first_bytes_of_a_pdf_makes_no_pdf(
    empty_desk: Desk, keys: KeyRing, name: str, before: bytes
) -> None:
    empty_desk.open(name)
    content = before + keys.sign(empty_desk.freeze())
    assert verify(content, keys.public).status == "genuine"


def test_parts_that_nobody_signed_are_refused(signed: bytes, keys: KeyRing) -> None:
    for more in ({"note": "Valid until 2030"}, {"header": {"kid": "x"}}, {"payload": ""}):
        content = json.dumps(json.loads(signed) | more).encode()
        verdict = verify(content, keys.public)
        assert (verdict.status, verdict.snapshot) == ("altered", None)
        assert "which nobody signed" in verdict.sentence
        assert "2030" not in verdict.sentence


def test_nothing_of_an_unverified_file_is_in_its_verdict(desk: Desk, keys: KeyRing) -> None:
    document = json.loads(keys.sign(desk.freeze()))
    for kid in ("EVIL\x1b[2J", keys.active.thumbprint()):
        header = _unpadded(json.dumps({"alg": "Ed25519", "kid": kid}).encode())
        document["signature"] = header + ".." + "A" * 86
        document["snapshot"]["customer"]["name"] = "EVIL"
        verdict = verify(json.dumps(document).encode(), keys.public)
        assert (verdict.key_id, verdict.snapshot) == ("", None)
        assert "EVIL" not in verdict.sentence
    document["snapshot"]["version"] = 666
    with pytest.raises(NotASnapshot) as caught:
        verify(json.dumps(document).encode(), keys.public)
    assert "666" not in str(caught.value)


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["Ed25519", "EdDSA"])
def test_both_names_of_the_algorithm_are_taken(desk: Desk, keys: KeyRing, tmp_path: Path, alg: str) -> None:
    private = keys.active.as_dict(private=True)
    secret = Ed25519PrivateKey.from_private_bytes(_b64(private["d"]))
    header = _unpadded(json.dumps({"alg": alg, "kid": keys.active.thumbprint()}).encode())
    payload = desk.freeze().canonical()
    signature = _unpadded(secret.sign(f"{header}.{_unpadded(payload)}".encode()))
    content = json.dumps({"snapshot": json.loads(payload), "signature": f"{header}..{signature}"}).encode()
    assert verify(content, public_keys({"keys": [keys.jwks()["keys"][0] | {"alg": alg}]})).status == "genuine"
    ring = key_ring(tmp_path / "data", json.dumps(private | {"alg": alg}))
    assert verify(ring.sign(desk.freeze()), ring.public).status == "genuine"


UNUSABLE: dict[str, object] = {
    "no key": "x",
    "nothing": {},
    "RSA": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "another curve": {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    "too short": {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
    "no text": {"kty": "OKP", "crv": "Ed25519", "x": 1},
    "for encryption": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "use": "enc"},
    "unreadable revocation": {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "A" * 43,
        "revoked": {"revoked_at": "soon"},
    },
}


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE)
def test_one_key_of_no_use_is_named_and_the_others_serve(
    desk: Desk, entry: object, signed: bytes, keys: KeyRing, tmp_path: Path
) -> None:
    found, problems = usable_keys({"keys": [entry, *keys.jwks()["keys"]]})
    assert verify(signed, found).status == "genuine"
    assert [p.startswith("Key 1 of the set is not used: it is ") or "revocation" in p for p in problems] == [
        True
    ]
    path = tmp_path / "keys" / KEYS
    path.write_text(json.dumps({"keys": [*json.loads(path.read_text())["keys"], entry]}))
    ring = key_ring(tmp_path / "keys")
    assert verify(ring.sign(desk.freeze()), ring.public).status == "genuine"
    assert ring.problems == tuple(p.replace("Key 1", "Key 2") for p in problems)
    rotate(tmp_path / "keys")
    assert json.loads(path.read_text())["keys"][-1] == entry  # nothing of the file is lost


def _private(ring: KeyRing) -> str:
    return json.dumps(ring.active.as_dict(private=True))


# --- revoked keys --------------------------------------------------------------------------------


def test_what_a_key_signed_after_it_was_revoked_is_not_relied_on(desk: Desk, tmp_path: Path) -> None:
    ring = key_ring(tmp_path)
    frozen = desk.freeze()
    signed = ring.sign(frozen)
    for since, status in ((-1, "revoked"), (0, "revoked"), (1, "revoked_later")):
        folder = tmp_path / str(since)
        key_ring(folder, json.dumps(ring.active.as_dict(private=True)))
        kid = ring.active.thumbprint()
        at = frozen.ledger.recorded_at + timedelta(days=since)
        assert not revoke_key(folder, kid, at, "Laptop stolen", _private(key_ring(tmp_path / "new")))
        verdict = verify(signed, public_keys(json.loads((folder / KEYS).read_text())))
        assert (verdict.status, verdict.snapshot) == (status, frozen)
        assert "Laptop stolen" in verdict.sentence
        assert not verdict.sentence.startswith("Genuine")


def test_revoking_the_key_in_use_replaces_it(desk: Desk, tmp_path: Path) -> None:
    old = key_ring(tmp_path)
    kid = old.active.thumbprint()
    assert revoke_key(tmp_path, kid, desk.clock.at, "")
    new = key_ring(tmp_path)
    assert new.active.thumbprint() != kid
    assert verify(new.sign(desk.freeze()), new.public).status == "genuine"
    assert verify(old.sign(desk.freeze()), new.public).status == "revoked"
    [published] = [k for k in new.jwks()["keys"] if k["kid"] == kid]
    assert published["revoked"] == {"revoked_at": int(desk.clock.at.timestamp()), "reason": ""}
    assert [("d" in key) for key in json.loads((tmp_path / KEYS).read_text())["keys"]] == [True, False]


def test_a_revocation_can_be_set_earlier_never_later(desk: Desk, tmp_path: Path) -> None:
    kid = key_ring(tmp_path).active.thumbprint()
    revoke_key(tmp_path, kid, desk.clock.at, "")
    with pytest.raises(KeyFileError, match="later is not possible"):
        revoke_key(tmp_path, kid, desk.clock.at + timedelta(days=1), "")
    assert not revoke_key(tmp_path, kid, desk.clock.at - timedelta(days=1), "")
    with pytest.raises(KeyFileError, match="There is no key “other”"):
        revoke_key(tmp_path, "other", desk.clock.at, "")


def test_the_key_of_the_settings_is_not_revoked_while_it_signs(desk: Desk, tmp_path: Path) -> None:
    private = _private(key_ring(tmp_path / "elsewhere"))
    kid = key_ring(tmp_path, private).active.thumbprint()
    with pytest.raises(KeyFileError, match="in use, as DPA_SNAPSHOT_KEY"):
        revoke_key(tmp_path, kid, desk.clock.at, "", private)
    path = tmp_path / KEYS
    [entry] = json.loads(path.read_text())["keys"]
    path.write_text(json.dumps({"keys": [entry | {"revoked": {"revoked_at": 0}}]}))
    with pytest.raises(KeyFileError, match="is revoked"):
        key_ring(tmp_path, private)


def test_a_copy_without_the_revocation_does_not_take_it_away(keys: KeyRing) -> None:
    [key] = keys.jwks()["keys"]
    revoked = key | {"revoked": {"revoked_at": 0}}
    for order in ([key, revoked], [revoked, key]):
        assert "revoked" in public_keys({"keys": order})[key["kid"]]


# --- limits --------------------------------------------------------------------------------------


def test_a_large_file_and_a_pdf_are_read_by_another_process(
    desk: Desk, signed: bytes, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_this_one(*_: object) -> None:
        raise AssertionError("read by this process")

    pages = pdf.render(desk.freeze(), signed)
    monkeypatch.setattr("dpa_core.snapshots.verify.finding", in_this_one)
    assert verify(signed + b" " * SMALL, keys.public).status == "genuine"
    assert verify(pages, keys.public).status == "genuine"


def test_a_file_that_takes_too_much_is_given_up(keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpa_core.snapshots.verify.SECONDS", 0.001)
    with pytest.raises(NotASnapshot, match="more time or memory"):
        verify(b"%PDF-1.7", keys.public)


def test_the_other_process_has_its_limits() -> None:
    code = (
        "from dpa_core.snapshots import examine as e\n"
        "e.signed_part = lambda content: bytes(2 * e.MEMORY)\n"
        "e.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"{}\n", capture_output=True, check=True)
    assert Finding.model_validate_json(done.stdout).problem == TOO_MUCH


def test_what_unpacks_to_more_than_a_snapshot_is_refused(keys: KeyRing) -> None:
    writer = PdfWriter()
    writer.add_blank_page(10, 10)
    writer.add_attachment("snapshot.json", b" " * (MAX_BYTES + 1))
    packed = io.BytesIO()
    writer.write(packed)
    with pytest.raises(NotASnapshot, match="10 MB"):
        verify(packed.getvalue()[: MAX_BYTES + 1_000_000], keys.public)


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
        (
            b'{"snapshot":{"format":"dpa-desk.snapshot","version":1,"x":'
            + b"[" * 400
            + b"]" * 400
            + b'},"signature":""}',
            "nested too deeply",
        ),
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
