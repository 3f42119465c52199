"""Tell whether this provider signed a snapshot or certificate. Works offline, from its public keys.

What could hold this process up is read by another one, with limits of time and memory.
Standard: CWE-400, CWE-409 (a small file that takes or unpacks to too much)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import Any

from pydantic import ValidationError

from dpa_core.snapshots.certificate import Certificate
from dpa_core.snapshots.examine import (
    MAX_BYTES,
    TOO_MUCH,
    Finding,
    NotASnapshot,
    Verdict,
    finding,
    is_pdf,
    refuse_large,
)
from dpa_core.snapshots.model import Snapshot
from dpa_core.snapshots.pdf import render

__all__ = ["MAX_BYTES", "NotASnapshot", "Verdict", "compared", "verify"]

SMALL = 200_000
"""Bytes of JSON that are read in a fraction of a second, so that no other process is needed."""
SECONDS = 20
"""How long is waited for the other process."""
_readers = BoundedSemaphore(2)


def verify(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Verdict:
    """Whether a JSON or PDF file is genuine. `keys`: of `usable_keys`. Raises NotASnapshot."""
    return _verdict(content, _found(content, keys))


def compared(content: bytes, keys: Mapping[str, dict[str, Any]]) -> tuple[Verdict, Snapshot | None]:
    """The verdict, and the snapshot in the file; where its key is unknown, what it says it holds.

    None for an altered file. Raises NotASnapshot, also for a certificate.
    """
    found = _found(content, keys)
    verdict = _verdict(content, found)
    held = verdict.document or found.claimed
    if isinstance(held, Certificate):
        raise NotASnapshot("The file is a certificate of deletion. Snapshots can be compared, nothing else.")
    if verdict.status == "unknown_key" and held is None:
        raise NotASnapshot("The file does not have the parts of a snapshot.")
    return verdict, held


def _found(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Finding:
    refuse_large(len(content))
    light = len(content) <= SMALL and not is_pdf(content)
    return finding(content, keys) if light else _apart(content, keys)


def _verdict(content: bytes, found: Finding) -> Verdict:
    """The verdict on the file, its pages included. Raises NotASnapshot."""
    if found.verdict is None:
        raise NotASnapshot(found.problem)
    document = found.verdict.document
    if is_pdf(content) and document and content != render(document, found.signed.encode()):
        return Verdict(
            "altered",
            "The pages of this PDF are not those that DPA Desk makes from the data inside it: they were "
            "changed, or another version of DPA Desk made them. Of the data inside: "
            f"{found.verdict.sentence}",
            found.verdict.key_id,
            document,
        )
    return found.verdict


def _apart(content: bytes, keys: Mapping[str, dict[str, Any]]) -> Finding:
    """What another process finds. Raises NotASnapshot where it takes too much."""
    if not _readers.acquire(timeout=SECONDS):
        raise NotASnapshot("Other files are being checked at the moment. Try again in a minute.")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", "from dpa_core.snapshots.examine import main; main()"],
            input=json.dumps(dict(keys)).encode() + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            timeout=SECONDS,
            check=True,
        )
        return Finding.model_validate_json(done.stdout)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError, ValidationError) as error:
        raise NotASnapshot(TOO_MUCH) from error
    finally:
        _readers.release()


_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
"""No secret of the settings is handed on."""
