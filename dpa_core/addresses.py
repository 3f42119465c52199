"""E-mail addresses, compared in one place.

Two spellings are one address only where the standards say so: the domain in any case and in Unicode or
ASCII form (`blåbär.example` is `xn--blbr-noae.example`), the part before the “@” in upper or lower case
of the letters A to Z. No other character is taken for another one: U+212A, the sign of Kelvin, is no “k”,
though the normal form would make it one.

Standard: RFC 5321 2.3.11, RFC 6531 (SMTPUTF8), RFC 5891 (IDNA 2008), Unicode Annex 15 (NFC).
"""

from __future__ import annotations

import re
import string
import unicodedata

import idna

MAX = 254
"""Characters of an address in its compared form. Standard: RFC 5321 4.5.3.1.3"""
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LOCAL = re.compile(r"[^@\s<>()\[\]\\,;:\"]{1,64}")
_TOP = re.compile(r"[a-z]|xn--")


def canonical(text: str) -> str | None:
    """The form in which an address is kept and compared, in which the domain is ASCII; None where it is
    no address, or holds control, bidirectional, zero-width or other characters that cannot be seen."""
    address = text.strip(" \t\r\n")
    if any(_unseen(c) or _disguised(c) for c in address):
        return None
    address = _folded(address)
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith("."):
        return None
    ascii_domain = canonical_domain(domain)
    if ascii_domain is None or len(local) + 1 + len(ascii_domain) > MAX:
        return None
    return f"{local}@{ascii_domain}"


def _unseen(character: str) -> bool:
    """Whether it is a control, format or blank character."""
    return unicodedata.category(character)[0] in "CZ"


def _folded(text: str) -> str:
    """In the normal form, A to Z in lower case; in the normal form again, as there may be no capital of what
    a small letter and its mark are one character of."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_LOWER))


def _disguised(character: str) -> bool:
    """Whether it is no ASCII character, but becomes one in the normal form."""
    return not character.isascii() and unicodedata.normalize("NFC", character).isascii()


def canonical_domain(text: str) -> str | None:
    """The ASCII form of a domain, in lower case; None where it is none with at least two parts."""
    if any(_disguised(c) for c in text):
        return None
    domain = _folded(text).removesuffix(".")
    try:
        found = idna.encode(domain, strict=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    top = found.rpartition(".")
    return found if top[1] and _TOP.match(top[2]) else None


def domain_of(address: str) -> str:
    """The domain of a canonical address."""
    return address.rpartition("@")[2]
