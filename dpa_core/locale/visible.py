"""Characters that nobody sees, or that make a line read otherwise than it is, shown by number.

Standard: CWE-150 (control sequences in output), Unicode Technical Report #36 (bidirectional text spoofing)
"""

from __future__ import annotations

import re
import unicodedata

_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Controls, format characters (bidirectional, zero-width), lone surrogates, private use, and the separators
of lines and paragraphs. Not Cn: which characters are assigned depends on the version of Python."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Fillers and other characters of no width that stand in none of those categories."""
_JOINERS = "\u200c\u200d"
_EMOJI = frozenset({"So", "Sk"})
_EMOJI_STYLE = "\ufe0f"
_VIRAMA = 9


def hidden(character: str) -> bool:
    """Whether a character has no look of its own. A line break is hidden, too."""
    return unicodedata.category(character) in _CATEGORIES or bool(_BLANK.match(character))


def numbered(character: str) -> str:
    """`[U+001B]`."""
    return f"[U+{ord(character):04X}]"


def visible(text: str) -> str:
    """The text on one line, each hidden character by its number, line breaks too."""
    return "".join(numbered(c) if hidden(c) else c for c in text)


def joins(before: str, joiner: str, after: str) -> bool:
    """Whether a zero-width (non-)joiner between two characters is a part of the spelling: between Arabic
    letters, behind a virama, between emoji. Standard: RFC 5892, A.1 and A.2; UTS #51
    """
    if joiner not in _JOINERS or not before or not after:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL":
        return True
    emoji = before == _EMOJI_STYLE or unicodedata.category(before) in _EMOJI
    return joiner == "\u200d" and emoji and unicodedata.category(after) in _EMOJI
