"""The text and the data say the same, and one changed word in either is found."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dpa_core.agreement import Difference, TextError, compare, differences, load_all

from .texts import REAL, write_text

AGREEMENT = load_all()["2026-01-29"]

# The real text is not ours to ship. Where it is not at hand, the written ones carry the same tests.
TEXTS = {"spaces": write_text(AGREEMENT), "tabs": write_text(AGREEMENT, "\t")}
if REAL.is_file():
    TEXTS["real"] = REAL.read_text("utf-8")

every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def table_words(text):
    """Where each word of a table's row stands in the text."""
    for header, after in (
        (r"\nCategories\s+Data\n", "\nSchedule 2"),
        (r"\nName\s+Purpose.*\n", "\n2.2 "),
        (r"\nName\s+Feature.*\n", "\nSchedule 3"),
    ):
        start = re.search(header, text).end()
        for word in re.finditer(r"\S+", text[start : text.index(after, start)]):
            yield start + word.start(), start + word.end()


def term_words(text):
    for term in AGREEMENT.terms:
        for wording in term.wording:
            place = re.search(re.escape(wording).replace(r"\ ", r"\s"), text)
            for word in re.finditer(r"\S+", place.group()):
                yield place.start() + word.start(), place.start() + word.end()


def found(text, agreement=AGREEMENT):
    return {(d.table, d.row, d.field): (d.in_text, d.in_data) for d in compare(text, agreement)}


def finds(text):
    """Whether anything differs; the first is enough."""
    return next(differences(text, AGREEMENT), None) is not None


def of_tables(text, agreement=AGREEMENT):
    """The differences in tables and terms; what a summary says of them may differ then as well."""
    return [d for d in compare(text, agreement) if d.field not in ("summary", "name") or d.in_text]


@every_text
def test_text_and_data_say_the_same(text):
    assert compare(text, AGREEMENT) == []


@every_text
def test_each_changed_word_is_found(text):
    # Every word in one layout; in the others, which the same code reads, every fourth.
    step = 1 if text == TEXTS["spaces"] else 4
    for start, end in [*table_words(text), *term_words(text)][::step]:
        for other in ("Qx", ""):
            changed = text[:start] + other + text[end:]
            assert finds(changed), text[start - 30 : end + 30]


@given(st.data())
def test_any_other_word_is_found(data):
    text = TEXTS["spaces"]
    start, end = data.draw(st.sampled_from([*table_words(text), *term_words(text)]))
    word = data.draw(st.text(st.sampled_from("abcxyzABC019,.()+"), min_size=1, max_size=8))
    assume(word != text[start:end])
    assert finds(text[:start] + word + text[end:])


@given(st.data())
def test_any_added_word_is_found(data):
    text = TEXTS["spaces"]
    start, end = data.draw(st.sampled_from(list(table_words(text))))
    word = data.draw(st.text(st.sampled_from("abcxyzABC019,.()+"), min_size=1, max_size=8))
    for changed in (f"{text[:start]}{word} {text[start:]}", f"{text[:end]} {word}{text[end:]}"):
        assert finds(changed)


@every_text
@pytest.mark.parametrize(
    ("row", "old", "new", "field"),
    [
        ("OpenAI", "Agent Assistant, ", "", "features"),
        ("DeepGram", "USA", "Canada", "location"),
        ("DeepGram", "SCC:s + TIA", "SCC:s", "mechanisms"),
        ("Featurebase", "N/A", "SCC:s + TIA", "mechanisms"),
        ("Better Stack", "uptime", "downtime", "purpose"),
        ("Google Cloud Speech", "Voicebot Services", "Voicebot", "features"),
        ("Google Cloud Speech", "supplementary", "further", "location"),
        ("Tele2", "Tele2", "Telia", "name"),
        ("Amazon Web Services, Inc. (AWS)", "deployed globally", "deployed in EU/EEA", "location"),
        ("Contact Data", "postal", "billing", "contents"),
        ("Voice and Audio Data", "(if enabled)", "(always)", "contents"),
    ],
)
def test_a_difference_names_its_row_and_cell(text, row, old, new, field):
    line = next(x for x in text.splitlines() if x.startswith(row) and old in x)
    (difference,) = of_tables(text.replace(line, line.replace(old, new)))
    assert (difference.row, difference.field) == (row, field)
    assert difference.in_data is not None
    assert old.strip(", ") in difference.in_data
    assert new.strip() in difference.in_text


@every_text
def test_a_row_that_only_the_text_has_is_found(text):
    row = "Contoso Voice Fraud detection Japan SCC:s"
    line = next(x for x in text.splitlines() if x.startswith("Tele2"))
    for added in (f"{row}\n{line}", f"{line}\n{row}"):
        assert found(text.replace(line, added)) == {("Sch. 2 2.2", row, "row"): (row, None)}


@every_text
@pytest.mark.parametrize("name", ["Infobip", "Amazon Web Services", "Support and Operational Data"])
def test_a_row_that_only_the_data_has_is_found(text, name):
    line = next(x for x in text.splitlines() if x.startswith(name))
    (difference,) = of_tables(text.replace(line + "\n", ""))
    assert difference.field == "row"
    assert difference.in_text is None
    assert difference.in_data == " ".join(line.split())


@every_text
def test_a_row_that_stands_twice_is_found(text):
    line = next(x for x in text.splitlines() if x.startswith("Infobip"))
    (difference,) = compare(text.replace(line, f"{line}\n{line}"), AGREEMENT)
    assert (difference.field, difference.in_data) == ("row", None)


@every_text
@pytest.mark.parametrize(
    ("old", "new", "terms"),
    [
        ("30 (thirty) calendar days", "45 (forty-five) calendar days", {"sub_processor_notice"}),
        ("object within that 30-day", "object within that 45-day", {"objection_period"}),
        ("within (60) days", "within (90) days", {"objection_resolution"}),
        ("least sixty (60) days", "least ninety (90) days", {"audit_notice"}),
        ("once (1) per", "twice (2) per", {"audits_per_year"}),
        ("fourteen (14) days", "thirty (30) days", {"return_request"}),
        ("seventy-two (72) hours", "forty-eight (48) hours", {"breach_notice", "incident_notice"}),
        ("Section 3.(x)", "Section 3.(xi)", {"incident_notice"}),
        ("ten (10) business days", "ten (10) days", {"assistance"}),
    ],
)
def test_a_changed_number_is_found(text, old, new, terms):
    found = of_tables(text.replace(old, new))
    assert {d.row for d in found} == terms
    assert all(d.in_text is not None and new.split()[-2] in d.in_text for d in found)


@pytest.mark.parametrize("term", AGREEMENT.terms, ids=lambda term: term.id)
@pytest.mark.parametrize("change", [{"value": 7}, {"unit": "other"}, {"wording": ()}], ids=str)
def test_a_changed_term_in_the_data_is_found(term, change):
    if "unit" in change:
        change = {"unit": "hours" if term.unit != "hours" else "business_days"}
    terms = tuple(t.model_copy(update=change) if t is term else t for t in AGREEMENT.terms)
    changed = AGREEMENT.model_copy(update={"terms": terms})
    (difference,) = compare(TEXTS["spaces"], changed)
    assert (difference.row, difference.field) == (term.id, "value")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Open AI"}, "name"),
        ({"purpose": "Something else"}, "purpose"),
        ({"location_wording": "EU/EEA"}, "location"),
        ({"mechanisms": ("scc",)}, "mechanisms"),
        ({"mechanisms": ()}, "mechanisms"),
        ({"features": ("voicebot",)}, "features"),
    ],
)
def test_a_changed_sub_processor_in_the_data_is_found(change, field):
    rows = tuple(s.model_copy(update=change) if s.id == "openai" else s for s in AGREEMENT.sub_processors)
    for text in TEXTS.values():
        found = compare(text, AGREEMENT.model_copy(update={"sub_processors": rows}))
        assert field in {d.field for d in found}


@every_text
@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"2\.1 List of Core", "no line"),
        (r"2\.2 List of Optional", "no line"),
        (r"3\.5 Data Categories", "no line"),
        (r"Feature\(s\)", "no line"),
        (r"\nSchedule 3.*", "cut off"),
    ],
)
def test_a_text_without_a_table_is_refused(text, pattern, message):
    with pytest.raises(TextError, match=message):
        compare(re.sub(pattern, "", text, flags=re.DOTALL), AGREEMENT)


@every_text
def test_layout_does_not_matter(text):
    for change in (("\n", "\r\n"), (" ", "  "), (" ", "\u00a0"), ("\n", "\n\n")):
        assert compare(text.replace(*change), AGREEMENT) == []


# --- summaries -----------------------------------------------------------------------------------

LISTS = ("clauses", "terms", "measures", "certifications", "purposes", "data_subjects", "data_categories")


def with_summary(of, id, summary, field="summary"):
    """The agreement with another summary, or name, of one entry."""
    parts = getattr(AGREEMENT, of)
    assert any(p.id == id for p in parts)
    changed = tuple(p.model_copy(update={field: summary}) if p.id == id else p for p in parts)
    return AGREEMENT.model_copy(update={of: changed})


SUMMARIES = [(of, p.id, p.summary) for of in LISTS for p in getattr(AGREEMENT, of)]


def test_every_number_and_name_added_to_a_summary_is_found():
    added = [
        ("It is 97.", "97"),
        ("It is ninety-seven.", "97"),
        ("It is (xxii).", "(xxii)"),
        ("It is 2099/1.", "2099/1"),
        ("So says the Zaragoza accord.", "Zaragoza"),
    ]
    for number, (of, id, summary) in enumerate(SUMMARIES):
        more, missing = added[number % len(added)]
        (difference,) = compare(TEXTS["spaces"], with_summary(of, id, f"{summary} {more}"))
        assert (difference.row, difference.field, difference.in_data) == (id, "summary", missing)
        assert difference.in_text is None


@every_text
@pytest.mark.parametrize(
    ("of", "id", "old", "new", "clause", "missing"),
    [
        ("clauses", "3.1(x)", "72 hours", "48 hours", "3.1(x)", "48"),
        ("clauses", "3.1(x)", "33(3)", "34(3)", "3.1(x)", "34"),
        ("clauses", "3.1(ix)", "ten business", "twelve business", "3.1(ix)", "12"),
        ("clauses", "3.1(xii)", "60 days", "30 days", "3.1(xii)", "30"),
        ("clauses", "3.1(xiii)", "(xii)", "(v)", "3.1(xiii)", "(v)"),
        ("clauses", "3.1(vii)", "2021/914", "2021/915", "3.1(vii)", "2021/915"),
        ("clauses", "Sch. 3 1.1", "27001", "27701", "Sch. 3 1.1", "27701"),
        ("clauses", "1.1", "556755-6559", "556755-6558", "1.1", "556755-6558"),
        ("clauses", "3.1(iii)", "GDPR", "DORA", "3.1(iii)", "DORA"),
        ("terms", "assistance", "32 to 36", "32 to 37", "3.1(ix)", "37"),
        ("certifications", "iso_27001", "ISMS", "QMS", "Sch. 3 1.1", "QMS"),
    ],
)
def test_what_a_summary_says_otherwise_names_clause_and_entry(text, of, id, old, new, clause, missing):
    summary = next(s for o, i, s in SUMMARIES if (o, i) == (of, id))
    assert old in summary
    (difference,) = compare(text, with_summary(of, id, summary.replace(old, new, 1)))
    assert difference == Difference(clause, id, "summary", None, missing)


@every_text
@pytest.mark.parametrize(
    ("of", "id", "name"),
    [("certifications", "iso_9001", "ISO 9002"), ("purposes", "security", "Safety Rules")],
)
def test_a_name_that_is_the_texts_own_is_looked_for_too(text, of, id, name):
    found = compare(text, with_summary(of, id, name, "name"))
    assert {(d.row, d.field) for d in found} == {(id, "name")}


@every_text
@pytest.mark.parametrize("field", ["name", "registration_number", "address", "contact", "website"])
def test_the_provider_is_looked_for_as_it_is_written(text, field):
    other = AGREEMENT.processor.model_copy(update={field: "another.example"})
    found = compare(text, AGREEMENT.model_copy(update={"processor": other}))
    assert Difference("The agreement", "processor", field, None, "another.example") in found


@every_text
def test_a_number_must_stand_in_its_own_clause(text):
    # 60 days are in the agreement, but not in the clause on the return of data.
    summary = next(s for o, i, s in SUMMARIES if i == "3.1(xi)").replace("14 days", "60 days")
    (difference,) = compare(text, with_summary("clauses", "3.1(xi)", summary))
    assert difference == Difference("3.1(xi)", "3.1(xi)", "summary", None, "60")


@every_text
@pytest.mark.parametrize("clause", AGREEMENT.clauses, ids=lambda c: c.id)
def test_a_clause_that_does_not_begin_as_we_have_it_is_found(text, clause):
    (difference, *_) = compare(text, with_summary("clauses", clause.id, "Quite another beginning", "opening"))
    assert (difference.row, difference.field) == (clause.id, "opening")
    assert difference.in_data == "Quite another beginning"


def test_a_clause_that_does_not_say_how_it_begins_is_looked_for_anywhere():
    bare = with_summary("clauses", "3.1(xi)", None, "opening")
    assert compare(TEXTS["spaces"], bare) == []
    summary = "Within 60 days, or within 61."
    changed = tuple(
        c.model_copy(update={"summary": summary}) if c.id == "3.1(xi)" else c for c in bare.clauses
    )
    (difference,) = compare(TEXTS["spaces"], bare.model_copy(update={"clauses": changed}))
    assert difference.in_data == "61"


def test_a_difference_is_one_line():
    difference = Difference("Sch. 2 2.2", "DeepGram", "location", "Canada", "USA")
    assert str(difference) == 'Sch. 2 2.2, DeepGram, location: the text has "Canada", the data "USA"'
    assert "the text has nothing" in str(Difference("Sch. 2 2.2", "DeepGram", "row", None, "DeepGram"))
