"""Days and months are spelt by `dpa_core.locale` and nowhere else."""

import ast
import re
from pathlib import Path

import pytest

from dpa_core.settings import ROOT

DIRECTIVE = re.compile(r"%[-#]?[aAbBdeHIjmMpSyY]\b|%[-#]?[bBdmY][-/ ,.%]")
"""What `strftime` and its kin put a part of a date for, `%-d` of one platform alone among them."""

FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("dpa_core", "pages")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.parent != ROOT / "dpa_core" / "locale"
]


def spelt(source: str) -> list[str]:
    """Where a source spells a date: the line, and how."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(
                attr="strftime" | "month_abbr" | "month_name" | "day_abbr" | "day_name" as name
            ):
                found.append(f"{node.lineno}: {name}")
            case ast.Constant(value=str(text)) if DIRECTIVE.search(text):
                found.append(f"{node.lineno}: {text}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        'at.strftime("x")',
        'f"{at:%-d %b %Y}"',
        'f"{at.day} {at:%B}"',
        'f"{at:%H:%M}"',
        'f"{at.day}. {calendar.month_abbr[at.month]}"',
        'alt.Axis(format="%-d %b %Y")',
        'format(at, "%#d %B")',
        '"{:%d.%m.}".format(at)',
    ],
)
def test_a_spelling_is_found(source):
    assert spelt(source)


@pytest.mark.parametrize(
    "source",
    ['f"{share:.0%}"', "\"LIKE '@person:%'\"", '"100 % a day"', "at.isoformat()", 'f"{number:,}"', '"%s"'],
)
def test_what_is_no_date_is_not_taken_for_one(source):
    assert not spelt(source)


@pytest.mark.parametrize("file", FILES)
def test_days_are_spelt_in_one_place(file):
    found = spelt(Path(ROOT, file).read_text(encoding="utf-8"))
    assert not found, f"{file}: let dpa_core.locale spell it"
