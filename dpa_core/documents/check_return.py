"""Compare a received folder with the manifest of a return: names, sizes and SHA-256.

It needs Python 3.8 or newer and nothing else, reads the folder only, and sends nothing anywhere:

    python3 check-return.py FOLDER
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

MANIFEST = "[]"
"""JSON text: a list of [name, size in bytes, SHA-256 in hexadecimal]."""


def visible(text: str) -> str:
    """The text without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in text)


def found_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of every file in a folder, but for this script. Raises OSError."""

    def fail(error: OSError) -> None:
        raise error

    for at, _, files in os.walk(folder, onerror=fail):
        for path in (Path(at, file) for file in files):
            if not path.samefile(__file__):
                yield unicodedata.normalize("NFC", path.relative_to(folder).as_posix()), path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def differences(folder: Path) -> list[str]:
    """Every way in which a folder differs from the manifest, a line each. Raises OSError."""
    wanted = {unicodedata.normalize("NFC", n): (n, size, digest) for n, size, digest in json.loads(MANIFEST)}
    found = dict(found_in(folder))
    lines = [f"{visible(wanted[name][0])}: missing" for name in sorted(wanted.keys() - found.keys())]
    lines += [f"{visible(name)}: not in the manifest" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        _, size, digest = wanted[name]
        has = found[name].stat().st_size
        if has != size:
            lines.append(f"{visible(name)}: {has:,} bytes instead of {size:,}")
        elif sha256(found[name]) != digest:
            lines.append(f"{visible(name)}: same size, but other content (SHA-256 differs)")
    return lines


def main() -> int:
    """Tell what differs. Exit code: 0 where the folder matches, 1 where it does not, 2 for a wrong call."""
    # A terminal of another encoding shows what it lacks by number, too.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("Name the folder to check: python3 check-return.py FOLDER")
        return 2
    try:
        lines = differences(Path(sys.argv[1]))
    except OSError as error:
        print(f"{visible(str(error.filename))} cannot be read: {error.strerror}.")
        return 1
    for line in lines:
        print(line)
    if lines:
        print(f"Differences: {len(lines)}. Report them before you acknowledge.")
        return 1
    print(f"The folder matches the manifest. Files: {len(json.loads(MANIFEST))}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
