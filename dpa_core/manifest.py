"""The manifest of a return: every file's name, size and SHA-256, made from a folder and checked against one.

Names are compared in Unicode's normal form C, as macOS hands out the same name in form D.

Clause: 3.1(xi). Standard: Unicode Standard Annex #15 (normal forms)
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dpa_core.locale import visible
from dpa_core.subjects.data_return import Item

MAX_FILES = 50_000
MAX_BYTES = 25_000_000
"""Bytes a manifest itself may have."""
MAX_NAME = 1_000
"""Characters a name may have, folders included."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PROBLEMS = 10
"""Problems named before the rest is only counted."""


class ManifestError(Exception):
    """A folder or a manifest cannot be read. One problem a line."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["dpa-desk-manifest"] = "dpa-desk-manifest"
    version: Literal[1] = 1
    files: Annotated[list[_Line], Field(max_length=MAX_FILES)]


def of_folder(folder: Path, leave_out: Path | None = None) -> tuple[Item, ...]:
    """Every file under a folder, by name. `leave_out`: the manifest itself, if it lies there.

    Raises ManifestError for what cannot be read, and for what `from_json` would refuse, so that no
    manifest is made that its receiver cannot check.
    """
    found = _names(folder, leave_out)
    _refuse(_faults(list(found)))
    if len(found) > MAX_FILES:
        raise ManifestError(
            f"{visible(str(folder))} has {len(found):,} files; a manifest names {MAX_FILES:,} at most. "
            "Pack them into archives, or split the return."
        )
    items = tuple(_item(unicodedata.normalize("NFC", name), path) for name, path in found.items())
    _refuse_large(to_json(items).encode())
    return items


def _names(folder: Path, leave_out: Path | None) -> dict[str, Path]:
    """Every file under a folder, by its name as the file system has it, sorted."""
    if not folder.is_dir():
        raise ManifestError(f"{visible(str(folder))} is no folder.")
    found = {path.relative_to(folder).as_posix(): path for path in _paths(folder, leave_out)}
    return dict(sorted(found.items()))


def _paths(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    skipped = leave_out.resolve() if leave_out else None
    for at, folders, files in os.walk(folder, onerror=_unreadable):
        for path in (Path(at, name) for name in (*folders, *files)):
            if path.is_symlink():
                raise ManifestError(f"{visible(str(path))} is a link; put the file itself there.")
        for path in (Path(at, name) for name in files):
            if not path.is_file():
                raise ManifestError(f"{visible(str(path))} is no ordinary file; take it out of the folder.")
            if path.resolve() != skipped:
                yield path


def _unreadable(error: OSError) -> NoReturn:
    raise ManifestError(f"{visible(str(error.filename))} cannot be read: {error.strerror}.") from error


def _item(name: str, path: Path) -> Item:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Item(name=name, size=path.stat().st_size, sha256=digest)
    except OSError as error:
        _unreadable(error)


def to_json(items: Iterable[Item]) -> str:
    """The manifest as JSON text, a line a file."""
    files = [{"name": i.name, "size": i.size, "sha256": i.sha256} for i in items]
    lines = [json.dumps(file, ensure_ascii=False, separators=(",", ":")) for file in files]
    head = '{"format":"dpa-desk-manifest","version":1,"files":['
    return head + "\n" + ",\n".join(lines) + "\n]}\n"


def from_json(text: str | bytes) -> tuple[Item, ...]:
    """The files a manifest names. Raises ManifestError with one line a problem.

    A byte order mark, as editors on Windows put in front, is no part of the text.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    _refuse_large(content)
    try:
        lines = _Manifest.model_validate_json(content.removeprefix(_BYTE_ORDER_MARK)).files
    except ValidationError as error:
        problems = [
            visible(f"{'.'.join(map(str, p['loc'])) or 'manifest'}: {p['msg']}")
            for p in error.errors()[:_PROBLEMS]
        ]
        raise ManifestError(
            "\n".join(["This is no manifest of `dpa return manifest`.", *problems])
        ) from error
    _refuse(_faults([line.name for line in lines]))
    return tuple(Item(name=line.name, size=line.size, sha256=line.sha256) for line in lines)


def _refuse_large(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise ManifestError(f"The manifest is larger than {MAX_BYTES / 1e6:.0f} MB; split the return.")


def _refuse(faults: list[str]) -> None:
    if faults:
        more = [f"and {len(faults) - _PROBLEMS:,} more"] if len(faults) > _PROBLEMS else []
        raise ManifestError("\n".join([*faults[:_PROBLEMS], *more]))


def _faults(names: Iterable[str]) -> list[str]:
    """Why a manifest with these names is not taken, one line each; empty where it is."""
    faults, seen = [], dict[str, str]()
    for name in names:
        if fault := _fault(name):
            faults.append(f"“{visible(name)}” {fault}")
        plain = unicodedata.normalize("NFC", name)
        if seen.get(plain) == name:
            faults.append(f"“{visible(name)}” is named twice; such a manifest is not taken.")
        elif plain in seen:
            faults.append(
                f"“{visible(name)}” is there twice, written with different characters that look the same "
                "(Unicode normal forms), and would be one file elsewhere. Rename one of them."
            )
        seen.setdefault(plain, name)
    return faults


def _fault(name: str) -> str | None:
    """What is wrong with one name, as the end of a sentence; None where it can be used everywhere."""
    parts = PurePosixPath(name)
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is no UTF-8 text, so a manifest cannot name it. Rename the file."
    if parts.is_absolute() or ".." in parts.parts:
        return "leads out of the folder; such a manifest is not taken."
    if "\\" in name:
        return "has a backslash, which leads out of the folder on Windows. Rename the file."
    if not parts.parts or str(parts) != name:
        return "is not the plain form of a name (such as a/b.csv); such a manifest is not taken."
    if len(name) > MAX_NAME:
        return f"has {len(name):,} characters; {MAX_NAME:,} is the most, folders included."
    return None


def check(folder: Path, items: Iterable[Item], leave_out: Path | None = None) -> list[str]:
    """Every way in which a folder differs from a manifest, one line each; empty where it matches."""
    wanted = {unicodedata.normalize("NFC", i.name): i for i in items}
    found: dict[str, Path] = {}
    extra = []
    for name, path in _names(folder, leave_out).items():
        plain = unicodedata.normalize("NFC", name)
        if plain not in wanted:
            extra.append(f"{visible(name)}: not in the manifest")
        elif plain in found:
            extra.append(f"{visible(name)}: there twice, in two Unicode normal forms of the same name")
        else:
            found[plain] = path
    problems = [f"{visible(wanted[name].name)}: missing" for name in sorted(wanted.keys() - found.keys())]
    problems += extra
    for name in sorted(wanted.keys() & found.keys()):
        has = _item(name, found[name])
        if has.size != wanted[name].size:
            problems.append(f"{visible(name)}: {has.size:,} bytes instead of {wanted[name].size:,}")
        elif has.sha256 != wanted[name].sha256:
            problems.append(f"{visible(name)}: same size, but other content (SHA-256 differs)")
    return problems
