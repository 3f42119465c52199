"""What is cited is there: every clause that code, words and data name is one that the agreement has."""

import re

import pytest

from dpa_core import ROOT
from dpa_core.agreement import load_all

CITED = re.compile(r"\b(?:Sch\. \d \d(?:\.\d+)*(?:\([ivx]+\))?|[1-5]\.\d(?:\([ivx]+\)))")
FILES = sorted(
    path
    for folder in ("dpa_core", "pages", "data/agreements")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".toml", ".typ")
)


def unknown(text, ids):
    """The citations in a text that name no clause, nor the beginning of a list of some."""
    return [c for c in CITED.findall(text) if c not in ids and not any(i.startswith(f"{c}(") for i in ids)]


@pytest.mark.parametrize("agreement", load_all().values(), ids=lambda a: a.version)
def test_every_clause_that_is_cited_is_in_the_agreement(agreement):
    ids = {c.id for c in agreement.clauses}
    found = {str(f.relative_to(ROOT)): unknown(f.read_text("utf-8"), ids) for f in FILES}
    assert {name: cited for name, cited in found.items() if cited} == {}


def test_a_clause_that_is_not_there_is_found():
    ids = {"3.1(x)", "Sch. 3 1.4(iii)", "Sch. 1 2"}
    assert unknown("3.1(x), Sch. 3 1.4, Sch. 1 2. Not 3.1(xiv), Sch. 3 1.4(x), Sch. 1 4.", ids) == [
        "3.1(xiv)",
        "Sch. 3 1.4(x)",
        "Sch. 1 4",
    ]
