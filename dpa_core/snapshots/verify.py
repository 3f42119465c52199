"""Tell whether a file is a snapshot that this provider signed. Works offline, from the public keys alone.

Standard: RFC 7515, 5.2 (validation), RFC 8785.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import ValidationError
from pypdf import PdfReader

from dpa_core.locale import day
from dpa_core.snapshots.model import FORMAT, VERSION, Snapshot
from dpa_core.snapshots.pdf import render
from dpa_core.snapshots.sign import ALGORITHM, SIGNED

MAX_BYTES = 10_000_000
"""No snapshot is that large; a larger file is not read."""

Status = Literal["genuine", "altered", "unknown_key"]


class NotASnapshot(Exception):
    """The file cannot be read as a snapshot. The message is for a person."""


@dataclass(frozen=True)
class Verdict:
    """What a look at the file found. `snapshot` is there where the data is genuine."""

    status: Status
    sentence: str
    key_id: str
    snapshot: Snapshot | None = None


def verify(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Verdict:
    """Whether a JSON or PDF file is genuine. `keys`: public keys by id. Raises NotASnapshot."""
    if len(content) > MAX_BYTES:
        raise NotASnapshot(
            f"The file has {len(content) / 1e6:,.0f} MB; no snapshot is larger than {MAX_BYTES / 1e6:.0f} MB."
        )
    is_pdf = _is_pdf(content)
    signed = _attached(content) if is_pdf else content
    verdict = _verify_json(signed, keys)
    if is_pdf and verdict.snapshot and not _same_pages(content, verdict.snapshot, signed):
        return Verdict(
            "altered",
            "The pages of this PDF are not those that DPA Desk makes from the data inside it: they were "
            "changed, or another version of DPA Desk made them. The data inside is genuine; rely on that.",
            verdict.key_id,
            verdict.snapshot,
        )
    return verdict


def unverified(content: bytes) -> Snapshot:
    """What a file says it holds, whoever signed it. Raises NotASnapshot."""
    signed = _attached(content) if _is_pdf(content) else content
    try:
        return Snapshot.model_validate(_parse(signed)["snapshot"])
    except ValidationError as error:
        raise NotASnapshot("The file does not have the parts of a snapshot.") from error


def _is_pdf(content: bytes) -> bool:
    return b"%PDF-" in content[:1024]


def _verify_json(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Verdict:
    document = _parse(content)
    signature = str(document["signature"])
    try:
        header = jws.extract_compact(signature.encode(), b"").headers()
    except (JoseError, ValueError, TypeError, KeyError):
        return Verdict("altered", "The signature is damaged, so nothing in the file can be relied on.", "")
    key_id = str(header.get("kid", ""))
    key = keys.get(key_id)
    if key is None:
        return Verdict(
            "unknown_key",
            f"The file is signed with the key “{key_id[:60]}”, which is not among the provider’s keys. "
            "Whether its content is genuine cannot be told.",
            key_id,
        )
    try:
        payload = rfc8785.dumps(document["snapshot"])
        public = OKPKey.import_key({k: key[k] for k in ("kty", "crv", "x")})
        jws.deserialize_compact(signature, public, algorithms=[ALGORITHM], payload=payload)
    except (JoseError, rfc8785.CanonicalizationError, ValueError, UnicodeError):
        return Verdict(
            "altered", "The file was changed after it was signed. Nothing in it can be relied on.", key_id
        )
    try:
        snapshot = Snapshot.model_validate(document["snapshot"])
    except ValidationError as error:
        raise NotASnapshot("The file is signed, but does not have the parts of a snapshot.") from error
    return Verdict(
        "genuine",
        f"Genuine: the configuration of {snapshot.customer.name} as at {day(snapshot.as_at)}, unchanged "
        f"since {snapshot.provider.name} signed it.",
        key_id,
        snapshot,
    )


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise NotASnapshot("The file is neither the JSON nor the PDF of a snapshot.") from error
    except RecursionError as error:
        raise NotASnapshot("The file is nested too deeply for a snapshot.") from error
    except ValueError as error:
        raise NotASnapshot(
            "The file is no valid JSON. If it is a snapshot, it was cut off or damaged; get it anew."
        ) from error
    body = document.get("snapshot") if isinstance(document, dict) else None
    if not isinstance(body, dict) or body.get("format") != FORMAT or "signature" not in document:
        raise NotASnapshot("The file is JSON, but no signed snapshot of DPA Desk.")
    version = body.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise NotASnapshot(
            f"The snapshot has the form {version}; this version of DPA Desk reads up to {VERSION}. "
            "Verify it with a newer one."
        )
    return dict(document)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice could be read one way here and another way elsewhere."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _attached(content: bytes) -> bytes:
    """The signed JSON inside a PDF."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        found = PdfReader(io.BytesIO(content)).attachments.get(SIGNED)
        signed = found[0] if found else None
    except Exception as error:  # whatever a broken or hostile file makes the reader stumble over
        raise NotASnapshot("The PDF is damaged or cut off; get it anew.") from error
    if signed is None:
        raise NotASnapshot("The PDF has no snapshot inside.")
    return signed


def _same_pages(content: bytes, snapshot: Snapshot, signed: bytes) -> bool:
    """Whether the PDF is, byte for byte, what is made from its data."""
    return content == render(snapshot, signed)
