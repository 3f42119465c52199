"""Read a file that may be a snapshot or a certificate, and tell whether this provider signed it, from the
public keys alone.

Whoever made the file may mean harm: what it says goes into no verdict before its signature fits. Reading
9 MB can take seconds, and a PDF can swell, so `verify` runs this module as a process of its own.

Standard: RFC 7515, 5.2 (validation), RFC 8785.
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ValidationError
from pypdf import PdfReader

from dpa_core.locale import day, local_day, minute_in_full
from dpa_core.snapshots import certificate, model
from dpa_core.snapshots.certificate import Certificate
from dpa_core.snapshots.model import Snapshot
from dpa_core.snapshots.sign import ALGORITHMS, Revocation, revocation

# RFC 9864 has another name for EdDSA; what was signed under the old one stays as good.
warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

MAX_BYTES = 10_000_000
"""No snapshot is that large; a larger file is not read."""

Status = Literal["genuine", "altered", "unknown_key", "revoked", "revoked_later"]
"""`revoked`: by its own account, the file was signed when its key was revoked already; `revoked_later`:
by its own account, before that."""

_DEPTH = 20
_KINDS: dict[str, tuple[type[Snapshot] | type[Certificate], str, int]] = {
    Snapshot.MEMBER: (Snapshot, model.FORMAT, model.VERSION),
    Certificate.MEMBER: (Certificate, certificate.FORMAT, certificate.VERSION),
}
"""What can be signed, by its name in the file: with its form, and the newest version of that."""
_UNSIGNED = (
    "The file has parts beside what is signed and its signature, which nobody signed. It is not as DPA Desk "
    "made it, and nothing in it can be relied on."
)
_TOO_DEEP = "The file is nested too deeply for a snapshot."


class NotASnapshot(Exception):
    """The file cannot be read as a snapshot or a certificate. The message is for a person."""


@dataclass(frozen=True)
class Verdict:
    """What a look at the file found. `document` and `key_id` are there where the signature fits."""

    status: Status
    sentence: str
    key_id: str = ""
    document: Snapshot | Certificate | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The document, where it is a snapshot."""
        return self.document if isinstance(self.document, Snapshot) else None


def refuse_large(size: int) -> None:
    """Raise NotASnapshot for a file of so many bytes that it is not read at all."""
    if size > MAX_BYTES:
        raise NotASnapshot(
            f"The file has {size / 1e6:,.0f} MB; no snapshot is larger than {MAX_BYTES / 1e6:.0f} MB."
        )


def signed_part(content: bytes) -> bytes:
    """The signed JSON: the file itself, or what is attached to the PDF. Raises NotASnapshot."""
    refuse_large(len(content))
    return _attached(content) if is_pdf(content) else content


def is_pdf(content: bytes) -> bool:
    """Whether it is a PDF, which may have other bytes in front; a JSON text that names one is none."""
    start = content.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    return b"%PDF-" in content[:1024] and not start.startswith((b"{", b"["))


def examine(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Verdict:
    """Whether the signed JSON of a snapshot is genuine. `keys`: of `usable_keys`. Raises NotASnapshot."""
    name, document = _parse(content)
    if document.keys() != {name, "signature"}:
        return Verdict("altered", _UNSIGNED)
    signature = str(document["signature"])
    try:
        header = jws.extract_compact(signature.encode(), b"").headers()
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        return Verdict("altered", "The signature is damaged, so nothing in the file can be relied on.")
    key_id = str(header.get("kid", ""))
    key = keys.get(key_id)
    if key is None:
        return Verdict(
            "unknown_key",
            "The file is signed with a key that is not among the provider’s keys. Whether its content is "
            "genuine cannot be told.",
        )
    try:
        payload = rfc8785.dumps(document[name])
        public = OKPKey.import_key({k: key[k] for k in ("kty", "crv", "x")})
        jws.deserialize_compact(signature, public, algorithms=list(ALGORITHMS), payload=payload)
    except (JoseError, rfc8785.CanonicalizationError, ValueError, TypeError, KeyError):
        return Verdict("altered", "The file was changed after it was signed. Nothing in it can be relied on.")
    try:
        signed = _KINDS[name][0].model_validate(document[name])
    except ValidationError as error:
        raise NotASnapshot(f"The file is signed, but does not have the parts of a {name}.") from error
    return _judged(signed, key_id, revocation(key))


def _shown(signed: Snapshot | Certificate) -> tuple[str, date]:
    """What a file shows, and for which day."""
    who = signed.customer.name
    if isinstance(signed, Snapshot):
        return f"the configuration of {who} as at {day(signed.as_at)}", signed.as_at
    issued = local_day(signed.issued_at)
    what = f"the certificate of {day(issued)} that data of {who} was deleted on {day(signed.deleted_on)}"
    return what, issued


def _judged(signed: Snapshot | Certificate, key_id: str, revoked: Revocation | None) -> Verdict:
    """The verdict on a file whose signature fits."""
    what, on = _shown(signed)
    if revoked is None:
        sentence = f"Genuine: {what}, unchanged since {signed.provider.name} signed it."
        return Verdict("genuine", sentence, key_id, signed)
    because = f" ({revoked.reason})" if revoked.reason else ""
    since = f"{minute_in_full(revoked.at)}{because}"
    if on >= local_day(revoked.at) or signed.ledger.recorded_at >= revoked.at:
        return Verdict(
            "revoked",
            f"The key that signed this file is revoked from {since} on, and the file shows {what}, which is "
            "not before. Anyone who has the key may have made it; do not rely on it.",
            key_id,
            signed,
        )
    return Verdict(
        "revoked_later",
        f"The file says that it shows {what}, and its signature fits. But its key is revoked from {since} "
        "on, and the file does not prove when it was signed: anyone who has the key may have written that "
        "day. Compare the verification code with the one that DPA Desk has on file.",
        key_id,
        signed,
    )


def _parse(content: bytes) -> tuple[str, dict[str, Any]]:
    """What is signed, by its name, and the whole file. Raises NotASnapshot."""
    try:
        document = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise NotASnapshot("The file is neither the JSON nor the PDF of a snapshot.") from error
    except RecursionError as error:
        raise NotASnapshot(_TOO_DEEP) from error
    except ValueError as error:
        raise NotASnapshot(
            "The file is no valid JSON. If it is a snapshot, it was cut off or damaged; get it anew."
        ) from error
    members = document if isinstance(document, dict) else {}
    bodies = {n: body for n in _KINDS if isinstance(body := members.get(n), dict)}
    name = next((n for n, body in bodies.items() if body.get("format") == _KINDS[n][1]), "")
    if not name or "signature" not in members:
        raise NotASnapshot("The file is JSON, but no signed snapshot of DPA Desk, and no certificate.")
    version, newest = members[name].get("version"), _KINDS[name][2]
    if not isinstance(version, int) or version > newest:
        raise NotASnapshot(
            f"The {name} has another form than this version of DPA Desk reads (up to {newest}). "
            "Verify it with a newer one."
        )
    _refuse_deep(members[name])
    return name, members


def _refuse_deep(value: Any) -> None:
    """Refuse what is nested more deeply than any snapshot: it would end in the limits of what reads it."""
    level = [value]
    for _ in range(_DEPTH):
        parts = (v.values() if isinstance(v, dict) else v for v in level if isinstance(v, (dict, list)))
        level = [v for part in parts for v in part]
        if not level:
            return
    raise NotASnapshot(_TOO_DEEP)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice could be read one way here and another way elsewhere."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _attached(content: bytes) -> bytes:
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        inside = PdfReader(io.BytesIO(content)).attachments
        found = next((f for name in _KINDS if (f := inside.get(f"{name}.json"))), None)
        signed = found[0] if found else None
    except MemoryError:
        raise
    except Exception as error:  # whatever a broken or hostile file makes the reader stumble over
        raise NotASnapshot("The PDF is damaged or cut off; get it anew.") from error
    if signed is None:
        raise NotASnapshot("The PDF has no snapshot inside, and no certificate.")
    refuse_large(len(signed))
    return signed


# --- as a process of its own ---------------------------------------------------------------------

CPU_SECONDS = 5
MEMORY = 1_000_000_000
"""Bytes."""
TOO_MUCH = "The file takes more time or memory to read than any snapshot does, so it was not read to its end."


class Finding(BaseModel):
    """What the process has found out about one file."""

    problem: str = ""
    """Why it is no snapshot; empty where it is one."""
    verdict: Verdict | None = None
    signed: str = ""
    """The signed JSON, where its signature fits."""
    claimed: Snapshot | Certificate | None = None
    """What the file says it holds, where its key is unknown."""


def finding(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Finding:
    """`examine` as a record, so that one process can tell another."""
    try:
        signed = signed_part(content)
        verdict = examine(signed, keys)
        if verdict.status == "unknown_key":
            return Finding(verdict=verdict, claimed=_claimed(signed))
    except NotASnapshot as problem:
        return Finding(problem=str(problem))
    except MemoryError:
        return Finding(problem=TOO_MUCH)
    return Finding(verdict=verdict, signed=signed.decode() if verdict.document else "")


def _claimed(signed: bytes) -> Snapshot | Certificate | None:
    try:
        name, members = _parse(signed)
        return _KINDS[name][0].model_validate(members[name])
    except ValidationError:
        return None


def main() -> None:
    """Read keys (one line of JSON) and a file from standard input, and write the finding as JSON."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the caller's clock stands there, too
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    keys = json.loads(sys.stdin.buffer.readline())
    sys.stdout.write(finding(sys.stdin.buffer.read(), keys).model_dump_json())
