"""Characters without a look of their own are shown by number."""

import pytest

from dpa_core.locale import hidden, joins, visible

NUMBERED = {
    "escape code": ("a\x1b[31mb", "a[U+001B][31mb"),
    "carriage return": ("a\rb", "a[U+000D]b"),
    "line break": ("a\nb", "a[U+000A]b"),
    "tab": ("a\tb", "a[U+0009]b"),
    "delete": ("a\x7f", "a[U+007F]"),
    "C1": ("\x9b31m", "[U+009B]31m"),
    "bidi": ("\u202eexe", "[U+202E]exe"),
    "isolate": ("\u2066a\u2069", "[U+2066]a[U+2069]"),
    "zero width": ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
    "joiner": ("می\u200cخواهم", "می[U+200C]خواهم"),
    "separators": ("a\u2028b\u2029", "a[U+2028]b[U+2029]"),
    "lone surrogate": ("a\udce5", "a[U+DCE5]"),
    "tags": ("a\U000e0041", "a[U+E0041]"),
    "filler": ("\u3164", "[U+3164]"),
    "private use": ("\ue000", "[U+E000]"),
}


@pytest.mark.parametrize(("text", "shown"), NUMBERED.values(), ids=NUMBERED)
def test_what_cannot_be_seen_is_shown_by_number(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["", "Åkeri “Q” – 1 000 €", "日本", "שלום", "नमस्ते", "a\u0308", "😀", "x\u00a0y"]
)
def test_what_can_be_seen_is_left(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("before", "joiner", "after"),
    [("ی", "\u200c", "خ"), ("क\u094d"[1], "\u200d", "ष"), ("👩", "\u200d", "💻")],
)
def test_a_joiner_is_spelling_where_a_script_needs_it(before, joiner, after):
    assert joins(before, joiner, after)


@pytest.mark.parametrize(
    ("before", "joiner", "after"),
    [("a", "\u200d", "b"), ("", "\u200c", "خ"), ("ی", "\u200b", "خ"), ("😀", "\u200c", "😀")],
)
def test_elsewhere_it_is_hidden(before, joiner, after):
    assert not joins(before, joiner, after)
    assert hidden(joiner)
