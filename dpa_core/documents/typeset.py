"""Typst sets a document from a template and texts. Texts go in as JSON, never as markup.

The fonts are Typst's own and Noto's from pinned packages, never those of the machine, so that the same texts
give the same bytes everywhere.
Standard: ISO 14289-1 (PDF/UA-1), ISO 19005-3 (PDF/A-3a).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import manimgx_fonts
import manimgx_fonts_cjk
import typst

from dpa_core.locale import hidden, joins, numbered

_SCRIPTS = (
    "Arabic", "Hebrew", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi",
    "Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thai",
    "CJK JP", "Symbols",
)  # fmt: skip
FAMILIES = (
    "Libertinus Serif",
    "Noto Sans",
    *(f"Noto Sans {script}" for script in _SCRIPTS),
    "Noto Emoji",
    "DejaVu Sans Mono",
)
"""A character is set in the first of these that has it. The Japanese face has the Chinese and Korean
characters too."""

Shown = Callable[[str], str]
"""Gives a text as it can be printed."""

_NO_GLYPH = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


@cache
def _fonts() -> typst.Fonts:
    folders = [Path(package.__path__[0]) for package in (manimgx_fonts, manimgx_fonts_cjk)]
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


def pdf(
    template: bytes,
    view: dict[str, Any],
    at: datetime,
    standards: list[typst.PDFStandard],
    files: Callable[[Shown], Mapping[str, bytes]] = lambda _: {},
) -> bytes:
    """The PDF that a template makes of `view.json`: these texts, and as `fonts` the families to use.

    `files` gives what lies beside the template, by name, and passes each text that it draws through `Shown`.
    The same input gives the same bytes. What cannot be printed is shown by number, as in `[U+1D173]`.
    """
    with TemporaryDirectory(prefix="dpa-document-") as folder:
        root = Path(folder)
        unknown: set[str] = set()
        while True:
            shown = partial(_shown, unknown=unknown)
            text = json.dumps(_replaced(view, shown) | {"fonts": FAMILIES}).encode()
            for name, content in {"main.typ": template, "view.json": text, **files(shown)}.items():
                (root / name).write_bytes(content)
            compiler = typst.Compiler(str(root / "main.typ"), root=str(root), font_paths=_fonts())
            try:
                made = compiler.compile(format="pdf", pdf_standards=standards, timestamp=int(at.timestamp()))
            except typst.TypstError as error:
                missing = {_unescaped(found) for found in _NO_GLYPH.findall(error.diagnostic)} - unknown
                if not missing:
                    raise
                unknown |= {character for text in missing for character in text}
            else:
                assert isinstance(made, bytes)  # noqa: S101  # a list comes for pictures only
                return made


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _replaced(value: Any, shown: Shown) -> Any:
    match value:
        case str():
            return shown(value)
        case dict():
            return {key: _replaced(part, shown) for key, part in value.items()}
        case list() | tuple():
            return [_replaced(part, shown) for part in value]
        case _:
            return value


def _shown(text: str, unknown: set[str]) -> str:
    """The text with characters that cannot or must not be printed shown by number.

    Control characters would be lost, and those that turn the direction around could make the page read
    otherwise than its data.
    """

    def one(before: str, character: str, after: str) -> str:
        unseen = hidden(character) and character != "\n" and not joins(before, character, after)
        return numbered(character) if unseen or character in unknown else character

    return "".join(map(one, ["", *text], text, [*text[1:], ""]))
