"""Files that people attach, kept beside the database under the SHA-256 of their content.

The ledger names a file by that digest, so that a changed or missing one is found. Nothing here decides who
may see one: the office does.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import zipfile
from pathlib import Path, PurePosixPath

import filetype

from dpa_core.subjects.common import FileRef, Refusals

CLAUSE = "Art. 32(1)(b) GDPR"
MAX_BYTES = 25_000_000
MAX_NAME = 200

_BINARY = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "zip": "application/zip",
}
_OFFICE = {
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "word/"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xl/"),
    "pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "ppt/"),
}
_TEXT = {"txt": "text/plain", "csv": "text/csv", "json": "application/json", "md": "text/markdown"}
ENDINGS = (*_BINARY, *_OFFICE, *_TEXT)
"""The endings that are taken; the content has to fit."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def checked(name: str, content: bytes, limit: int = MAX_BYTES) -> FileRef:
    """What the ledger will say of a file. Raises Refusal: empty, too large, of a type
    that is not taken, or not of the type that its name says."""
    name = PurePosixPath(name.replace("\\", "/")).name.strip()
    ending = name.rpartition(".")[2].lower()
    if not content:
        raise refuse("empty", CLAUSE, "files", name=name)
    if len(content) > limit:
        # In megabytes, as people know the sizes of their files.
        size, most = f"{len(content) / 1e6:,.1f}", f"{limit / 1e6:,.0f}"
        raise refuse("too_large", CLAUSE, "files", name=name, size=size, limit=most)
    if "." not in name or ending not in ENDINGS or len(name) > MAX_NAME:
        raise refuse("not_taken", CLAUSE, "files", name=name[:80], endings=ENDINGS, limit=MAX_NAME)
    if not _fits(ending, content):
        raise refuse("contradicts_ending", CLAUSE, "files", name=name, ending=ending.upper())
    known = _BINARY | _TEXT | {e: media for e, (media, _) in _OFFICE.items()}
    return FileRef(
        name=name, size=len(content), media_type=known[ending], sha256=hashlib.sha256(content).hexdigest()
    )


def _fits(ending: str, content: bytes) -> bool:
    if ending in _TEXT:
        try:
            return "\0" not in content.decode() and filetype.guess_mime(content) is None
        except UnicodeDecodeError:
            return False
    if ending in _OFFICE:
        return _holds(content, _OFFICE[ending][1])
    if ending == "zip":
        return zipfile.is_zipfile(io.BytesIO(content))
    return bool(filetype.guess_mime(content) == _BINARY[ending])


def _holds(content: bytes, folder: str) -> bool:
    """Whether it is a zip file with that folder in it, as office files are."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return False
    return "[Content_Types].xml" in names and any(n.startswith(folder) for n in names)


class FileStore:
    """The files of one store, in a folder of their own."""

    def __init__(self, folder: Path, limit: int = MAX_BYTES) -> None:
        self._folder = folder
        self.limit = limit

    def _path(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise ValueError("no SHA-256 digest")
        return self._folder / sha256[:2] / sha256

    def put(self, name: str, content: bytes) -> FileRef:
        """Keep a file; when this returns it is whole and on disk. Raises Refusal, OSError."""
        ref = checked(name, content, self.limit)
        path = self._path(ref.sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
            try:
                with unfinished.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)
        return ref

    def read(self, sha256: str) -> bytes | None:
        """The content; None where it is missing or no longer what its digest says."""
        try:
            content = self._path(sha256).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None


refuse = Refusals("files")
