"""Compare an agreement's text with the data: do its tables, numbers and clauses say what we have?

The text is what comes out of a web page or a PDF: lines, with the cells of a table's row often run together
by single spaces. So a row is not cut up blindly. It is laid word by word beside the row that the data would
give, and each word that differs is put down to the cell it falls in. No differing word can get lost that way;
at worst one at the seam of two cells is put down to the neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from dpa_core.agreement.model import Agreement, SubProcessor, Term, Unit
from dpa_core.agreement.summaries import passages, unfounded

Row = dict[str, str]
"""One row of a table as the data has it: field to cell, in the table's order, the name first."""

ALIKE = 0.5
"""From this share of equal words on, two rows or phrases are taken for one that has been changed."""

UNIT_WORDS: dict[Unit, str] = {
    "calendar_days": r"(?<!business )days?\b",
    "business_days": r"business days?\b",
    "hours": r"hours?\b",
    "per_calendar_year": r"per calendar year\b",
}


class TextError(ValueError):
    """The text is not one that can be compared: a table is not where it should be."""


@dataclass(frozen=True)
class Difference:
    """One thing that text and data do not say alike. None: that side does not have it."""

    table: str
    row: str
    field: str
    in_text: str | None
    in_data: str | None

    def __str__(self) -> str:
        def show(value: str | None) -> str:
            return "nothing" if value is None else f'"{value}"'

        where = f"{self.table}, {self.row}, {self.field}"
        return f"{where}: the text has {show(self.in_text)}, the data {show(self.in_data)}"


@dataclass(frozen=True)
class Table:
    """A table of the agreement's text and how to find it there."""

    name: str
    heading: str
    ends_before: str
    """How the line begins that follows the table. All lines up to there are rows, so none gets lost."""
    columns: tuple[str, ...]


CORE = Table(
    "Sch. 2 2.1",
    "2.1 List of Core Subprocessors",
    "2.2 ",
    ("Name", "Purpose", "Processing Location", "Transfer Mechanism"),
)
OPTIONAL = Table(
    "Sch. 2 2.2",
    "2.2 List of Optional Subprocessors",
    "Schedule 3",
    ("Name", "Feature(s)", "Purpose", "Processing Location", "Transfer Mechanism"),
)
CATEGORIES = Table("Sch. 1 3.5", "3.5 Data Categories", "Schedule 2", ("Categories", "Data"))


def compare(text: str, agreement: Agreement) -> list[Difference]:
    """All of `differences`. TextError where the text lacks one of the tables."""
    return list(differences(text, agreement))


def differences(text: str, agreement: Agreement) -> Iterator[Difference]:
    """Every difference between the tables and numbers of `text` and the data, in the text's order of tables;
    then every number and name of our summaries that the text does not hold in the clause cited for it.

    TextError where the text lacks one of the tables.
    """
    lines = [_plain(line) for line in text.splitlines()]
    found = {table: _find(table, lines) for table in tables(agreement)}
    for table, rows in tables(agreement).items():
        yield from _compare_table(table, found[table], rows)
    words = " ".join(lines).split()
    for term in agreement.terms:
        yield from _compare_term(term, words)
    yield from _compare_summaries(" ".join(words), agreement)


def tables(agreement: Agreement) -> dict[Table, list[Row]]:
    """The tables of the text as the data would write them."""
    by_kind: dict[str, list[Row]] = {"core": [], "optional": []}
    for s in agreement.sub_processors:
        by_kind[s.kind].append(_sub_processor_row(s, agreement))
    categories = [
        {"name": c.name, "contents": c.contents_wording or ", ".join(c.contents)}
        for c in agreement.data_categories
    ]
    rows = {CATEGORIES: categories, CORE: by_kind["core"], OPTIONAL: by_kind["optional"]}
    return {table: [_plain_row(row) for row in of_table] for table, of_table in rows.items()}


def _sub_processor_row(s: SubProcessor, agreement: Agreement) -> Row:
    mechanisms = [agreement.mechanism(id) for id in s.mechanisms]
    row = {"name": s.name}
    if s.kind == "optional":
        row["features"] = s.features_wording or ", ".join(agreement.feature(id).name for id in s.features)
    return row | {
        "purpose": s.purpose,
        "location": s.location_wording,
        "mechanisms": " + ".join(m.wording or m.code for m in mechanisms) or "N/A",
    }


# Reading the text


_VARIED = tuple(zip("\u00a0\u202f\u2019\u2018\u201c\u201d\u2013\u2014", "  ''\"\"--", strict=True))


def _plain(line: str) -> str:
    """The line without what word processors vary: kinds of spaces, quotes and dashes. Tabs stay."""
    for varied, plain in _VARIED:  # `translate` takes a hundred times as long
        line = line.replace(varied, plain)
    return "\t".join(" ".join(cell.split()) for cell in line.split("\t")).strip()


def _plain_row(row: Row) -> Row:
    return {field: _plain(cell) for field, cell in row.items()}


def _find(table: Table, lines: Sequence[str]) -> list[str]:
    """The lines that are the table's rows: from below its header to the next heading."""
    plain = [line.replace("\t", " ") for line in lines]
    if table.heading not in plain:
        raise TextError(f'the text has no line "{table.heading}"; is it the whole agreement?')
    start = plain.index(table.heading) + 1
    where = f'line {start}, "{table.heading}"'
    end = next((i for i in range(start, len(plain)) if plain[i].startswith(table.ends_before)), None)
    if end is None:
        raise TextError(f'{where}: no line "{table.ends_before.strip()} ..." follows; is the text cut off?')
    header = " ".join(table.columns)
    if header not in plain[start:end]:
        raise TextError(f'{where}: no line "{header}" follows; the table is missing or has other columns')
    return [line for line in lines[plain.index(header, start) + 1 : end] if line]


# Tables


def _compare_table(table: Table, lines: list[str], rows: list[Row]) -> Iterator[Difference]:
    found, left_lines, left_rows = _pair_by_name(lines, rows)
    more, left_lines, left_rows = _pair_by_likeness(left_lines, left_rows)
    for line, row in found + more:
        cells = _cells(line, row)
        for field, in_data in row.items():
            if cells[field] != in_data:
                yield Difference(table.name, row["name"], field, cells[field] or None, in_data or None)
    for line in left_lines:
        yield Difference(table.name, line.split("\t")[0], "row", " ".join(line.split()), None)
    for row in left_rows:
        yield Difference(table.name, row["name"], "row", None, " ".join(row.values()))


Pairs = list[tuple[str, Row]]


def _pair_by_name(lines: list[str], rows: list[Row]) -> tuple[Pairs, list[str], list[Row]]:
    """Lines with the row whose name they begin with; the longest name counts. And what is left of both."""
    pairs: Pairs = []
    unnamed: list[str] = []
    left = list(rows)
    for line in lines:
        words = line.split()
        named = [row for row in left if words[: len(row["name"].split())] == row["name"].split()]
        if named:
            row = max(named, key=lambda row: len(row["name"]))
            left.remove(row)
            pairs.append((line, row))
        else:
            unnamed.append(line)
    return pairs, unnamed, left


def _pair_by_likeness(lines: list[str], rows: list[Row]) -> tuple[Pairs, list[str], list[Row]]:
    """Lines with the row they are most like, for a row whose name was changed. And what is left of both."""
    candidates = [
        (SequenceMatcher(None, line.split(), " ".join(row.values()).split(), autojunk=False).ratio(), i, j)
        for i, line in enumerate(lines)
        for j, row in enumerate(rows)
    ]
    pairs: Pairs = []
    used_lines: set[int] = set()
    used_rows: set[int] = set()
    for ratio, i, j in sorted(candidates, key=lambda c: (-c[0], c[1], c[2])):
        if ratio >= ALIKE and i not in used_lines and j not in used_rows:
            pairs.append((lines[i], rows[j]))
            used_lines.add(i)
            used_rows.add(j)
    left_lines = [line for i, line in enumerate(lines) if i not in used_lines]
    return pairs, left_lines, [row for j, row in enumerate(rows) if j not in used_rows]


def _cells(line: str, row: Row) -> Row:
    """The line cut into the row's cells: at its tabs if they fit, else beside the row's own words."""
    parts = line.split("\t")
    if len(parts) == len(row):
        return dict(zip(row, parts, strict=True))

    words = line.split()
    expected = [(field, word) for field, cell in row.items() for word in cell.split()]
    cells: dict[str, list[str]] = {field: [] for field in row}
    name = row["name"].split()
    if words[: len(name)] == name:  # then a word after it belongs to the next cell
        cells["name"] = name
        words, expected = words[len(name) :], expected[len(name) :]
    matcher = SequenceMatcher(None, [word for _, word in expected], words, autojunk=False)
    for _, start, end, first, last in matcher.get_opcodes():
        for offset, word in enumerate(words[first:last]):
            # A word too many belongs to the cell before it, at the very start to the first.
            nearest = min(start + offset, end - 1) if end > start else start - 1
            cells[expected[max(nearest, 0)][0]].append(word)
    return {field: " ".join(cell) for field, cell in cells.items()}


# Numbers


def _compare_term(term: Term, words: list[str]) -> Iterator[Difference]:
    text = " ".join(words)
    for wording in (_plain(w) for w in term.wording):
        if re.search(rf"(?<!\w){re.escape(wording)}(?!\w)", text) is None:
            yield Difference(term.clause, term.id, "wording", _nearest(wording.split(), words), wording)

    said = " / ".join(term.wording)
    ours = f"{term.value} {term.unit}"
    # 30 (thirty), sixty (60), (60), 30-day; but not the 3 of "Section 3.(x)".
    figures = {int(a or b) for a, b in re.findall(r"\((\d+)\)|\b(\d+)(?= \(|-)", said)}
    unit_said = re.search(UNIT_WORDS[term.unit], said) or (term.unit == "calendar_days" and "-day " in said)
    if figures != {term.value} or not unit_said:
        yield Difference(term.clause, term.id, "value", said or None, ours)


# Summaries


def _compare_summaries(text: str, agreement: Agreement) -> Iterator[Difference]:
    _, lost = passages(text, agreement)
    words = text.split()
    for clause in agreement.clauses:
        if clause.id in lost and clause.opening:
            yield Difference(
                clause.id, clause.id, "opening", _nearest(clause.opening.split(), words), clause.opening
            )
    for id, entry, field, missing in unfounded(text, agreement):
        yield Difference(id or "The agreement", entry, field, None, missing)


def _nearest(wording: list[str], words: list[str]) -> str | None:
    """The stretch of the text that is most like the wording; None if none is like it."""

    def likeness(stretch: list[str]) -> tuple[float, int]:
        in_place = sum(a == b for a, b in zip(wording, stretch, strict=False))
        return SequenceMatcher(None, wording, stretch, autojunk=False).ratio(), in_place

    size = len(wording)
    best = max((words[i : i + size] for i in range(max(len(words) - size, 0) + 1)), key=likeness)
    return " ".join(best) if likeness(best)[0] >= ALIKE else None
