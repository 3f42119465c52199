"""Signing keys, and signed snapshots: JWS over the canonical JSON, with Ed25519.

Standard: RFC 7515 (JWS, detached payload), RFC 7517 (JWK), RFC 7638 (thumbprint), RFC 9864 (Ed25519).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from dpa_core.snapshots.model import Snapshot

ALGORITHM = "Ed25519"
SIGNED = "snapshot.json"
"""Name of the signed JSON inside the PDF."""
KEYS = "snapshot_keys.json"
"""Name of the key file in the data folder: a JWK set, the newest key first, mode 0600. Of retired keys
only the public part is kept."""


class KeyFileError(Exception):
    """The key file or a key cannot be used. The message is one line."""


@dataclass(frozen=True)
class KeyRing:
    """The key in use, and the public parts of all keys ever used, by key id."""

    active: OKPKey
    public: Mapping[str, dict[str, Any]]

    def sign(self, snapshot: Snapshot) -> bytes:
        """The signed file, in canonical JSON: the snapshot, and its JWS with the payload detached."""
        protected = {"alg": ALGORITHM, "kid": self.active.thumbprint()}
        token = jws.serialize_compact(protected, snapshot.canonical(), self.active, algorithms=[ALGORITHM])
        signature = jws.detach_content(token)
        return rfc8785.dumps({"snapshot": snapshot.model_dump(mode="json"), "signature": signature})

    def jwks(self) -> dict[str, Any]:
        """The public keys, as `/.well-known/jwks.json` shows them."""
        return {"keys": list(self.public.values())}


def public_keys(jwks: Any) -> dict[str, dict[str, Any]]:
    """The Ed25519 keys of a JWK set, public parts only, by thumbprint. Raises KeyFileError."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list):
        raise KeyFileError("The keys are no JWK set. It looks like {“keys”: [ … ]}.")
    found = {}
    for entry in keys:
        if isinstance(entry, dict) and entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519":
            key = _key({k: entry.get(k) for k in ("kty", "crv", "x")})
            found[key.thumbprint()] = _public(key)
    return found


def key_ring(folder: Path, private: str | None = None) -> KeyRing:
    """The keys in a data folder, made on first use.

    `private`: the key to sign with, as a JWK, where the settings give it. Its public part is then kept
    in the folder, so that its snapshots still verify when it has been replaced. Raises KeyFileError.
    """
    path = folder / KEYS
    if private is None:
        entries = _read(path) or _create(path)
        if "d" not in entries[0]:
            raise KeyFileError(
                f"{path} has no private key. Set DPA_SNAPSHOT_KEY as before, or run "
                "`dpa snapshot rotate-key`."
            )
        return KeyRing(_key(entries[0]), public_keys({"keys": entries}))
    try:
        active = _key(json.loads(private))
    except ValueError as error:
        raise KeyFileError("DPA_SNAPSHOT_KEY is no JWK.") from error
    if not active.is_private:
        raise KeyFileError("DPA_SNAPSHOT_KEY has no private part.")
    entries = _read(path)
    public = public_keys({"keys": [_public(active), *entries]})
    if active.thumbprint() not in public_keys({"keys": entries}):
        _write(path, [_public(active), *entries])
    return KeyRing(active, public)


def rotate(folder: Path) -> KeyRing:
    """Sign with a new key from now on. The old one stays known, without its private part."""
    path = folder / KEYS
    old = list(public_keys({"keys": _read(path)}).values())
    _write(path, [_new(), *old])
    return key_ring(folder)


def _new() -> dict[str, Any]:
    return dict(OKPKey.generate_key("Ed25519", private=True).as_dict(private=True))


def _key(entry: Any) -> OKPKey:
    try:
        return OKPKey.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileError("A signing key is broken: it is no Ed25519 key in JWK form.") from error


def _public(key: OKPKey) -> dict[str, Any]:
    """The public part, with what tells another program how to use it."""
    entry = cast(dict[str, Any], key.as_dict(private=False))
    return {k: entry[k] for k in ("kty", "crv", "x")} | {
        "kid": key.thumbprint(),
        "alg": ALGORITHM,
        "use": "sig",
    }


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["keys"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path} cannot be read as a JWK set. Put it back from your backup.") from error
    return list(entries)


def _create(path: Path) -> list[dict[str, Any]]:
    """A first key. Of two processes that start at once, the second takes the first one's."""
    draft = _draft(path, [_new()])
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return _read(path)


def _write(path: Path, entries: list[dict[str, Any]]) -> None:
    _draft(path, entries).replace(path)


def _draft(path: Path, entries: list[dict[str, Any]]) -> Path:
    """The key file beside its place, readable by its owner only from its first moment."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"keys": entries}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}.") from error
    return draft
