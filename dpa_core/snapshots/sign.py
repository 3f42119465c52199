"""Signing keys, and signed snapshots and certificates: JWS over the canonical JSON, with Ed25519.

A key that is no longer trusted is revoked with a date. RFC 7517 has no member for that; ours is `revoked`, an
object with `revoked_at` (seconds since 1970, UTC) and a free `reason`, in the form in which OpenID Federation
1.0 publishes historical keys. A program that does not know the member takes the key as one that still stands.

Standard: RFC 7515 (JWS, detached payload), RFC 7517 (JWK), RFC 7638 (thumbprint), RFC 9864 (Ed25519).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from dpa_core.locale import minute_in_full
from dpa_core.snapshots.model import Signed

ALGORITHM = "Ed25519"
ALGORITHMS = (ALGORITHM, "EdDSA")
"""What is accepted: RFC 8037 calls the same signature EdDSA, a name that leaves the curve to the key."""
KEYS = "snapshot_keys.json"
"""Name of the key file in the data folder: a JWK set, the newest key first, mode 0600. Of retired keys
only the public part is kept."""
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
MAX_BYTES = 1_000_000
"""Bytes a file of keys may have."""
MAX_REASON = 500


class KeyFileError(Exception):
    """The key file or a key cannot be used. The message is one line."""


@dataclass(frozen=True)
class KeyRing:
    """The key in use, and the public parts of all keys ever used, by key id."""

    active: OKPKey
    public: Mapping[str, dict[str, Any]]
    problems: tuple[str, ...] = ()
    """A line for each key of the file that is of no use, and why."""

    def sign(self, document: Signed) -> bytes:
        """The signed file, in canonical JSON: the document, and its JWS with the payload detached."""
        protected = {"alg": ALGORITHM, "kid": self.active.thumbprint()}
        token = jws.serialize_compact(protected, document.canonical(), self.active, algorithms=[ALGORITHM])
        signature = jws.detach_content(token)
        return rfc8785.dumps({document.MEMBER: document.model_dump(mode="json"), "signature": signature})

    def jwks(self) -> dict[str, Any]:
        """The public keys, as `/.well-known/jwks.json` shows them."""
        return {"keys": list(self.public.values())}


@dataclass(frozen=True)
class Revocation:
    """From when (UTC) a key is not trusted, and why, in the provider's words."""

    at: datetime
    reason: str


def revocation(key: Mapping[str, Any]) -> Revocation | None:
    """When a key of `usable_keys` was revoked; None where it stands."""
    if (revoked := key.get("revoked")) is None:
        return None
    return Revocation(datetime.fromtimestamp(revoked["revoked_at"], UTC), revoked.get("reason", ""))


def read_jwks(content: bytes) -> Any:
    """The JSON of a file of keys; a byte order mark in front is no part of it. Raises KeyFileError."""
    if len(content) > MAX_BYTES:
        raise KeyFileError(f"The keys are larger than {MAX_BYTES / 1e6:.0f} MB, which no JWK set is.")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise KeyFileError("The keys are no JSON.") from error


def usable_keys(jwks: Any) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The Ed25519 keys of a JWK set, public parts only, by thumbprint; and a line for each other key, which
    says why it is not used. Raises KeyFileError where it is no JWK set."""
    entries = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(entries, list):
        raise KeyFileError("The keys are no JWK set. It looks like {“keys”: [ … ]}.")
    found, problems = {}, []
    for number, entry in enumerate(entries, start=1):
        try:
            key = _signing_key(entry)
            public = _public(key, _revoked(entry))
            if "revoked" in public or key.thumbprint() not in found:
                found[key.thumbprint()] = public
        except KeyFileError as error:
            problems.append(f"Key {number} of the set is not used: {error}")
    return found, problems


def public_keys(jwks: Any) -> dict[str, dict[str, Any]]:
    """The keys of `usable_keys`. Raises KeyFileError where there are keys, and none of use."""
    found, problems = usable_keys(jwks)
    if problems and not found:
        raise KeyFileError("None of the keys can be used. " + problems[0])
    return found


def _signing_key(entry: Any) -> OKPKey:
    """The key, where it is one to check snapshots with. KeyFileError says why it is not."""
    if not isinstance(entry, dict):
        raise KeyFileError("it is no JWK.")
    if entry.get("kty") != "OKP" or entry.get("crv") != ALGORITHM:
        raise KeyFileError("it is not of type OKP on the curve Ed25519.")
    if entry.get("alg", ALGORITHM) not in ALGORITHMS or entry.get("use", "sig") != "sig":
        raise KeyFileError("it is meant for something other than Ed25519 signatures (alg, use).")
    return _key({k: entry.get(k) for k in ("kty", "crv", "x")})


def _revoked(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The revocation as it is kept and published. One that cannot be read is no reason to trust the key."""
    revoked = entry.get("revoked")
    if revoked is None:
        return None
    try:
        at, reason = revoked["revoked_at"], revoked.get("reason", "")
        datetime.fromtimestamp(at, UTC)
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError, OSError) as error:
        raise KeyFileError("its revocation cannot be read (revoked_at).") from error
    return {"revoked_at": at, "reason": str(reason)[:MAX_REASON]}


def key_ring(folder: Path, private: str | None = None) -> KeyRing:
    """The keys in a data folder, made on first use.

    `private`: the key to sign with, as a JWK, where the settings give it. Its public part is then kept
    in the folder, so that its snapshots still verify when it has been replaced. Raises KeyFileError.
    """
    path = folder / KEYS
    if private is None:
        entries = _read(path) or _create(path)
        active = _private_key(entries[0], str(path))
    else:
        entries = _read(path)
        try:
            active = _private_key(json.loads(private.removeprefix("\ufeff")), "DPA_SNAPSHOT_KEY")
        except (ValueError, RecursionError) as error:
            raise KeyFileError("DPA_SNAPSHOT_KEY is no JWK.") from error
    known, problems = usable_keys({"keys": entries})
    id = active.thumbprint()
    if id in known and revocation(known[id]):
        raise KeyFileError("The key to sign with is revoked. Put a new one into DPA_SNAPSHOT_KEY, or run "
                           "`dpa snapshot rotate-key`.")  # fmt: skip
    if id not in known:
        _write(path, [_public(active), *entries])
    return KeyRing(active, {id: _public(active), **known}, tuple(problems))


def _private_key(entry: Any, where: str) -> OKPKey:
    try:
        _signing_key(entry)
    except KeyFileError as error:
        raise KeyFileError(f"The key in {where} cannot be used: {error}") from error
    if "d" not in entry:
        raise KeyFileError(
            f"{where} has no private key. Set DPA_SNAPSHOT_KEY as before, or run `dpa snapshot rotate-key`."
        )
    return _key({k: entry[k] for k in ("kty", "crv", "x", "d")})


def rotate(folder: Path) -> KeyRing:
    """Sign with a new key from now on. The old ones stay known, without their private parts, and those of
    no use stay in the file."""
    path = folder / KEYS
    _write(path, [_new(), *(_without_private(entry) for entry in _read(path))])
    return key_ring(folder)


def revoke_key(folder: Path, key_id: str, since: datetime, reason: str, private: str | None = None) -> bool:
    """Trust a key no longer for what it signed `since` (UTC). Whether it was the one in use: then a new one
    signs from now on.

    `private`: as for `key_ring`. Raises KeyFileError for an unknown key, one that was revoked from an
    earlier moment on, and for the key that the settings give.
    """
    path = folder / KEYS
    ring = key_ring(folder, private)
    if key_id not in ring.public:
        listed = ", ".join(ring.public)
        raise KeyFileError(f"There is no key “{key_id[:60]}”. There are: {listed}.")
    stood = revocation(ring.public[key_id])
    if stood and stood.at < since:
        raise KeyFileError(f"The key is revoked from {minute_in_full(stood.at)} on; later is not possible.")
    in_use = key_id == ring.active.thumbprint()
    if in_use and private is not None:
        raise KeyFileError("The key is in use, as DPA_SNAPSHOT_KEY. Put a new one there, then revoke it.")
    revoked = {"revoked_at": int(since.timestamp()), "reason": reason[:MAX_REASON]}
    kept = [
        entry | {"revoked": revoked} if _is(entry, key_id) else entry
        for entry in (_without_private(e) if in_use else e for e in _read(path))
    ]
    _write(path, [_new(), *kept] if in_use else kept)
    return in_use


def _is(entry: Any, key_id: str) -> bool:
    try:
        return _signing_key(entry).thumbprint() == key_id
    except KeyFileError:
        return False


def _without_private(entry: Any) -> Any:
    return {k: v for k, v in entry.items() if k not in _PRIVATE} if isinstance(entry, dict) else entry


def _new() -> dict[str, Any]:
    return dict(OKPKey.generate_key("Ed25519", private=True).as_dict(private=True))


def _key(entry: Any) -> OKPKey:
    try:
        return OKPKey.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileError("it is broken: no Ed25519 key in JWK form.") from error


def _public(key: OKPKey, revoked: dict[str, Any] | None = None) -> dict[str, Any]:
    """The public part, with what tells another program how to use it."""
    entry = cast(dict[str, Any], key.as_dict(private=False))
    return {
        **{k: entry[k] for k in ("kty", "crv", "x")},
        "kid": key.thumbprint(),
        "alg": ALGORITHM,
        "use": "sig",
        **({"revoked": revoked} if revoked else {}),
    }


def _read(path: Path) -> list[Any]:
    try:
        entries = read_jwks(path.read_bytes())["keys"]
        if not isinstance(entries, list):
            raise TypeError
    except FileNotFoundError:
        return []
    except (OSError, KeyError, TypeError, KeyFileError) as error:
        raise KeyFileError(f"{path} cannot be read as a JWK set. Put it back from your backup.") from error
    return entries


def _create(path: Path) -> list[Any]:
    """A first key. Of two processes that start at once, the second takes the first one's."""
    draft = _draft(path, [_new()])
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return _read(path)


def _write(path: Path, entries: list[Any]) -> None:
    _draft(path, entries).replace(path)


def _draft(path: Path, entries: list[Any]) -> Path:
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
