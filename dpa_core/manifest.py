"""The manifest of a return: every file's name, size and SHA-256, made from a folder and checked against one.

Clause: 3.1(xi)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dpa_core.subjects.data_return import Item

MAX_FILES = 10_000
MAX_BYTES = 5_000_000
"""Bytes a manifest itself may have."""


class ManifestError(Exception):
    """A folder or a manifest cannot be read. One problem a line."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["dpa-desk-manifest"] = "dpa-desk-manifest"
    version: Literal[1] = 1
    files: Annotated[list[_Line], Field(max_length=MAX_FILES)]


def of_folder(folder: Path, leave_out: Path | None = None) -> tuple[Item, ...]:
    """Every file under a folder, by name. `leave_out`: the manifest itself, if it lies there."""
    if not folder.is_dir():
        raise ManifestError(f"{folder} is no folder.")
    return tuple(_item(folder, path) for path in _paths(folder, leave_out))


def _paths(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    skipped = leave_out.resolve() if leave_out else None
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise ManifestError(f"{path} is a link; put the file itself there.")
        if path.is_file() and path.resolve() != skipped:
            yield path


def _item(folder: Path, path: Path) -> Item:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Item(name=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=digest)
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error


def to_json(items: Iterable[Item]) -> str:
    """The manifest as JSON text."""
    files = [{"name": i.name, "size": i.size, "sha256": i.sha256} for i in items]
    return json.dumps({"format": "dpa-desk-manifest", "version": 1, "files": files}, indent=2) + "\n"


def from_json(text: str | bytes) -> tuple[Item, ...]:
    """The files a manifest names. Raises ManifestError with one line a problem."""
    if len(text) > MAX_BYTES:
        raise ManifestError(f"The manifest is larger than {MAX_BYTES / 1e6:.0f} MB; split the return.")
    try:
        lines = _Manifest.model_validate_json(text).files
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, p['loc'])) or 'manifest'}: {p['msg']}" for p in error.errors()[:10]]
        raise ManifestError(
            "\n".join(["This is no manifest of `dpa return manifest`.", *problems])
        ) from error
    for line in lines:
        parts = PurePosixPath(line.name)
        if parts.is_absolute() or ".." in parts.parts or "\\" in line.name:
            raise ManifestError(f"“{line.name}” leads out of the folder; such a manifest is not taken.")
    return tuple(Item(name=line.name, size=line.size, sha256=line.sha256) for line in lines)


def check(folder: Path, items: Iterable[Item], leave_out: Path | None = None) -> list[str]:
    """Every way in which a folder differs from a manifest, one line each; empty where it matches."""
    wanted = {i.name: i for i in items}
    found = {i.name: i for i in of_folder(folder, leave_out)}
    problems = [f"{name}: missing" for name in sorted(wanted.keys() - found.keys())]
    problems += [f"{name}: not in the manifest" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        if found[name].size != wanted[name].size:
            problems.append(f"{name}: {found[name].size:,} bytes instead of {wanted[name].size:,}")
        elif found[name].sha256 != wanted[name].sha256:
            problems.append(f"{name}: same size, but other content (SHA-256 differs)")
    return problems
