"""Files that people attach, kept beside the database under the SHA-256 of their content.

The ledger names a file by that digest, so that a changed or missing one is found. Nothing here decides who
may see one: the office does.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import math
import os
import re
import secrets
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath

from dpa_core.ledger import Conflict, Ledger, StoreError
from dpa_core.locale import Label
from dpa_core.subjects.common import FileRef, Refusal, Refusals

CLAUSE = "Art. 32(1)(b) GDPR"
MEGABYTE = 1 << 20
"""Bytes, as Windows counts them: a browser elsewhere counts 1,000,000, and lets through a little less."""
MAX_BYTES = 25 * MEGABYTE
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
_MEDIA = _BINARY | _TEXT | {ending: media for ending, (media, _) in _OFFICE.items()}
ENDINGS = (*_BINARY, *_OFFICE, *_TEXT)
"""The endings that are taken; content that contradicts them for certain is not."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

# --- what content is for certain -----------------------------------------------------------------

_ZIP, _OLE = (b"PK\x03\x04", b"PK\x05\x06"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF = re.compile(rb"%PDF-[0-9]")
_PDF_WITHIN = 1_024
"""Bytes among which a PDF has its mark: mail programs and proxies put line breaks before it."""
_SIGNED: tuple[tuple[tuple[bytes, ...], Label], ...] = (
    ((b"\x89PNG\r\n\x1a\n",), Label("png", "a PNG image")),
    ((b"\xff\xd8\xff",), Label("jpeg", "a JPEG image")),
    (_ZIP, Label("zip", "a ZIP archive, as office documents are too")),
    ((_OLE,), Label("ole", "a document of an older office program, or a protected one")),
)
"""First bytes that no other format has, and no text."""
_PROGRAMS = (
    b"\x7fELF",
    b"\xca\xfe\xba\xbe",  # Java, and Apple's for several processors
    *(bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe")),  # Apple's
    bytes.fromhex("4c0000000114020000000000c000000000000046"),  # a Windows shortcut
    b"!<arch>\n",
    b"\0asm",
)
_ACTIVE = re.compile(
    rb"#!\s*/|@echo\s+off\b|<\?php\b|(?:<\?xml[^>]*>\s*)?(?><!--.*?-->\s*)*+"
    rb"<(?:!doctype\s+(?:html|svg)|html|head|body|script|iframe|object|embed|svg|svg:svg|hta:application)\b",
    re.IGNORECASE | re.DOTALL,
)
"""How a script, web page or drawing with scripts begins, whatever its name says."""
_BEGINNING = 100_000
"""Bytes looked at for it."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS_IN_TEXT = "\t\n\v\f\r\x1a\x1b"
"""Line ends and tabs, DOS's end of a file, and the colours of a terminal's log."""


def checked(name: str, content: bytes, limit: int = MAX_BYTES) -> FileRef:
    """What the ledger will say of a file. `limit` in bytes.

    Raises Refusal: empty, too large, of a type that is not taken, a program or script whatever its name
    says, or content that contradicts its ending for certain.
    """
    name = PurePosixPath(name.replace("\\", "/")).name.strip()
    ending = name.rpartition(".")[2].lower()
    if not content:
        raise refuse("empty", CLAUSE, "files", name=name)
    if len(content) > limit:
        raise too_large(name, len(content), limit)
    if len(name) > MAX_NAME:
        raise refuse("name_too_long", CLAUSE, "files", name=name[:80], length=len(name), limit=MAX_NAME)
    if "." not in name or ending not in ENDINGS:
        raise refuse("not_taken", CLAUSE, "files", name=name, endings=ENDINGS)
    _check_harmless(name, content)
    _check_ending(name, ending, content)
    digest = hashlib.sha256(content).hexdigest()
    return FileRef(name=name, size=len(content), media_type=_MEDIA[ending], sha256=digest)


def too_large(name: str, size: int, limit: int) -> Refusal:
    """The refusal of a file of `size` bytes where `limit` bytes are the most."""
    # Rounded up: what is a little too large must not read as the limit itself.
    numbers = {"size": f"{math.ceil(size / MEGABYTE * 10) / 10:,.1f}", "limit": f"{limit / MEGABYTE:,.0f}"}
    return refuse("too_large", CLAUSE, "files", name=name, **numbers)


def _check_harmless(name: str, content: bytes) -> None:
    """Raises Refusal for what would run if it were opened under its true ending."""
    if content.startswith(_PROGRAMS) or _is_windows_program(content):
        raise refuse("program", CLAUSE, "files", name=name)
    # Without the zeros of UTF-16 and UTF-32, so that it reads the same in every encoding.
    if _ACTIVE.match(content[:_BEGINNING].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")):
        raise refuse("active", CLAUSE, "files", name=name)


def _is_windows_program(content: bytes) -> bool:
    """Two letters are no proof: a text may begin with MZ. The header they announce is."""
    if not content.startswith(b"MZ") or len(content) < 64:
        return False
    at = int.from_bytes(content[60:64], "little")
    return content[at : at + 2] in (b"PE", b"NE", b"LE", b"LX")


def _check_ending(name: str, ending: str, content: bytes) -> None:
    """Raises Refusal where the content is of another kind than the ending, for certain."""
    spelt = ending.upper()
    found = next((label for magics, label in _SIGNED if content.startswith(magics)), None)
    if found is None and _PDF.search(content[:_PDF_WITHIN]):
        found = Label("pdf", "a PDF")
    if ending in _OFFICE:
        _check_office(name, ending, content, found)
    elif ending in _TEXT:
        # A text may speak of PDF; one whose first characters are its mark is one.
        if found and (found.code != "pdf" or _PDF.match(content.lstrip())):
            raise refuse("other_kind", CLAUSE, "files", name=name, found=found, ending=spelt)
        if _text(content) is None:
            raise refuse("no_text", CLAUSE, "files", name=name, ending=spelt)
    elif found is None:
        if ending == "zip" and zipfile.is_zipfile(io.BytesIO(content)):
            return  # something stands before it, which readers of archives skip
        raise refuse("not_its_kind", CLAUSE, "files", name=name, ending=spelt)
    elif found.code != ("jpeg" if ending == "jpg" else ending):
        raise refuse("other_kind", CLAUSE, "files", name=name, found=found, ending=spelt)


def _check_office(name: str, ending: str, content: bytes, found: Label | None) -> None:
    """A document of an office program: an archive with its folder in it, or one under a password, which
    is another container around it. Standard: ISO/IEC 29500-2, MS-OFFCRYPTO 2.3"""
    spelt = ending.upper()
    if found is None or found.code not in ("zip", "ole"):
        code = "other_kind" if found else "not_its_kind"
        raise refuse(code, CLAUSE, "files", name=name, ending=spelt, **({"found": found} if found else {}))
    if found.code == "ole":
        if "EncryptedPackage".encode("utf-16-le") not in content:
            raise refuse("older_office", CLAUSE, "files", name=name, ending=spelt)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {entry.replace("\\", "/").lower() for entry in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise refuse("damaged", CLAUSE, "files", name=name, ending=spelt) from error
    if not any(entry.startswith(_OFFICE[ending][1]) for entry in names):
        raise refuse("other_archive", CLAUSE, "files", name=name, ending=spelt)
    if any(entry.endswith("vbaproject.bin") for entry in names):
        raise refuse("macros", CLAUSE, "files", name=name, ending=spelt)


def _text(content: bytes) -> str | None:
    """The content as text, in whichever encoding; None where it is none for certain.

    Old programs write texts in an encoding of eight bits that they do not name. Which one does not matter
    here: such a text has no control characters but those that texts have.
    """
    encoding = next((named for mark, named in _MARKS if content.startswith(mark)), "utf-8")
    for tried in (encoding, *(("utf-16-le", "utf-16-be") if b"\0" in content else ("latin-1",))):
        try:
            text = content.decode(tried)
        except UnicodeDecodeError:
            continue
        if all(_is_of_text(c, tried) for c in set(text)):
            return text
    return None


def _is_of_text(character: str, encoding: str) -> bool:
    if character in _CONTROLS_IN_TEXT:
        return True
    category = unicodedata.category(character)
    if encoding == "latin-1":  # 0x80 to 0x9f are letters and quotes in the encodings of eight bits
        return category != "Cc" or character >= "\x80"
    if encoding in ("utf-16-le", "utf-16-be"):  # without a mark, what is no character shows that it is none
        return category not in ("Cc", "Cn", "Co", "Cs")
    return category != "Cc" or character >= "\x80"


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
        self.keep(ref.sha256, content)
        return ref

    def keep(self, sha256: str, content: bytes) -> None:
        """Keep what was checked before, by its SHA-256. Raises OSError."""
        path = self._path(sha256)
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

    def read(self, sha256: str) -> bytes | None:
        """The content; None where it is missing or no longer what its digest says."""
        try:
            content = self._path(sha256).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None


class SharedFiles(FileStore):
    """The files of a store that several servers share: beside the ledgers, in the database."""

    def __init__(self, ledger: Ledger, limit: int = MAX_BYTES) -> None:
        self._ledger = ledger
        self.limit = limit

    def put(self, name: str, content: bytes) -> FileRef:
        """Keep a file; when this returns it is whole and on disk. Raises Refusal, StoreError."""
        ref = checked(name, content, self.limit)
        sql = "INSERT INTO attached_files (sha256, content) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING"
        try:
            with self._ledger.transaction() as tx:
                tx.execute(sql, [ref.sha256, content])
        except Conflict as error:
            if self.read(ref.sha256) is None:
                raise StoreError("The file could not be kept. Nothing was recorded. Try again.") from error
        return ref

    def read(self, sha256: str) -> bytes | None:
        """The content; None where it is missing or no longer what its digest says."""
        rows = self._ledger.rows("SELECT content FROM attached_files WHERE sha256 = $1", [sha256])
        content = bytes(rows[0][0]) if rows else b""
        return content if rows and hashlib.sha256(content).hexdigest() == sha256 else None


refuse = Refusals("files")
