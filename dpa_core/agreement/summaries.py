"""Compare our summaries with the agreement's text: does each clause hold the numbers and names we give it?

A summary is in our own words, so it is not compared word by word. What it must not make up are numbers
(`72`, `(xii)`, `2021/914`, `ten`) and names (`GDPR`, `Connectel`): those stand in the clause's own passage
of the text, which runs from the words the clause begins with to those of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dpa_core.agreement.model import Agreement, Part

_TOKEN = re.compile(r"\d+(?:[./-]\d+)*|\([ivx]+\)|[A-Za-z]+(?:-[A-Za-z]+)*")
"""Numbers in figures, items of a list, and words."""
_SENTENCE = re.compile(r"(?:^|[.:;!?]\s+|[\"“(]\s*)$")
"""What stands before a word that has its capital from beginning a sentence."""
_IN_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "once": 1, "twice": 2,
}  # fmt: skip
"""Numbers in words. `one` counts within others only (`thirty-one`): alone it mostly stands for a noun."""
_SAME = {"ART": "ARTICLE", "SCH": "SCHEDULE"}
"""How we shorten what the text spells out."""

Missing = tuple[str, str, str, str]
"""Clause, which entry, its field, and the number or name that the text does not have there."""


def passages(text: str, agreement: Agreement) -> tuple[dict[str, str], list[str]]:
    """The passage of each clause in a text of one line, and the clauses whose beginning is not found.

    A clause that does not say how it begins has the whole text: its numbers are looked for anywhere.
    """
    found: list[tuple[int, str]] = []
    lost, at = [], 0
    for clause in agreement.clauses:
        if clause.opening is None:
            continue
        place = text.find(clause.opening, at)
        if place < 0:
            lost.append(clause.id)
            continue
        found.append((place, clause.id))
        at = place + len(clause.opening)
    ends = [place for place, _ in found[1:]] + [len(text)]
    cut = {id: text[place:end] for (place, id), end in zip(found, ends, strict=True)}
    return {c.id: text for c in agreement.clauses if c.opening is None} | cut, lost


def unfounded(text: str, agreement: Agreement) -> Iterator[Missing]:
    """Every number and name of our summaries that the text does not hold in the clause cited for it.

    `text`: in one line, with plain quotes and dashes.
    """
    cut, _ = passages(text, agreement)
    held = {id: _tokens(passage) for id, passage in cut.items()}
    whole = _tokens(text)
    for clause, entry, field, said in _ours(agreement):
        if clause and clause not in held:
            continue  # that its beginning is not found is said once
        ours, own = _tokens(said), held[clause] if clause else whole
        for number in sorted(ours.numbers - own.numbers):
            yield clause, entry, field, number
        # The sentence before a list, which every item follows from, stands with its first item.
        words = own.words | held.get(f"{clause.partition('(')[0]}(i)", own).words
        for name in sorted(name for name in ours.names if _bare(name) not in words):
            yield clause, entry, field, name
    processor = agreement.processor
    for field in type(processor).model_fields:
        value = getattr(processor, field)
        if value not in text.replace(" ,", ","):
            yield "", "processor", field, value


def _ours(agreement: Agreement) -> Iterator[tuple[str, str, str, str]]:
    """Clause (empty: none is cited), entry, field and text of all that we say of a clause."""
    for clause in agreement.clauses:
        yield clause.id, clause.id, "summary", clause.summary
    a = agreement
    ours: Sequence[Sequence[Part]] = (a.terms, a.measures, a.data_categories)
    named: Sequence[Sequence[Part]] = (a.certifications, a.purposes, a.data_subjects)
    for parts, fields in (
        (ours, ("summary",)),
        (named, ("name", "summary")),
        ((a.mechanisms,), ("summary",)),
    ):
        for part in (part for of in parts for part in of):
            said = part.model_dump(include={"id", "clause", *fields})
            for field in fields:
                yield said.get("clause", ""), said["id"], field, said[field]


@dataclass(frozen=True)
class _Tokens:
    """The numbers of a text, its names, and all its words, each as it is compared."""

    numbers: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]


@lru_cache(maxsize=4096)  # of our summaries the same are asked for again and again
def _tokens(text: str) -> _Tokens:
    numbers: set[str] = set()
    names: set[str] = set()
    words: set[str] = set()
    for found in _TOKEN.finditer(text):
        token = found.group()
        if not token[0].isalpha():
            numbers.add(token)
            continue
        words |= {_bare(part) for part in (token, *token.split("-"))}
        number = _number(token)
        if number:
            numbers.add(str(number))
        elif token[0].isupper() and (token[1:] != token[1:].lower() or not _begins(text, found.start())):
            names.add(token)
    return _Tokens(frozenset(numbers), frozenset(names), frozenset(words))


def _begins(text: str, at: int) -> bool:
    """Whether a sentence begins there."""
    return _SENTENCE.search(text[max(at - 4, 0) : at]) is not None


def _number(word: str) -> int:
    """What a number in words stands for: `ten`, `seventy-two`. 0 for any other word."""
    parts = word.lower().split("-")
    known = [_IN_WORDS.get(part, 1 if part == "one" and len(parts) > 1 else 0) for part in parts]
    return sum(known) if all(known) else 0


def _bare(word: str) -> str:
    """A word without what differs between its forms: capitals, the plural, and how we shorten it."""
    upper = word.upper()
    return _SAME.get(upper, upper).removesuffix("S")
