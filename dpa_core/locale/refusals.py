"""The words of refusals, by code. A language is a folder; English is the only one so far."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    file = resources.files(__package__).joinpath("en", "refusals.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def refusal_words(code: str) -> tuple[str, str]:
    """What is wrong and what to do instead, as templates. `code`: subject and code, as `audits.too_early`.

    KeyError for a code that is not in the catalogue.
    """
    subject, _, name = code.partition(".")
    entry = _words()[subject][name]
    return entry["message"], entry["remedy"]


def refusal_codes(subject: str) -> tuple[str, ...]:
    """The codes of one subject's refusals."""
    return tuple(_words().get(subject, {}))
