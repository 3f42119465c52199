"""Two spellings are one address where the standards say so, and nowhere else.

Standard: RFC 5321 2.3.11, RFC 6531, RFC 5891, Unicode Annex 15.
"""

import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpa_core.addresses import MAX, canonical, canonical_domain, domain_of

ANNA = "anna@people.example"
KELVIN, ANGSTROM, DOTLESS, LONG_S = "\u212a", "\u212b", "\u0131", "\u017f"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Anna@People.EXAMPLE\r\n", ANNA),
        ("anna@people.example.", ANNA),
        ("anna@blåbär.example", "anna@xn--blbr-noae.example"),
        ("anna@BLÅBÄR.example", None),  # only ASCII letters are folded, and IDNA 2008 has no capitals
        ("anna@XN--BLBR-NOAE.Example", "anna@xn--blbr-noae.example"),
        ("anna@bla\u030aba\u0308r.example", "anna@xn--blbr-noae.example"),
        ("a\u030asa@people.example", "åsa@people.example"),
        ("åsa@people.example", "åsa@people.example"),
        ("Åsa@people.example", "Åsa@people.example"),
        ("anna+dpa@people.example", "anna+dpa@people.example"),
        ("用户@例子.测试", "用户@xn--fsqu00a.xn--0zwm56d"),
    ],
)
def test_an_address_has_one_form(typed, kept):
    assert canonical(typed) == kept


@pytest.mark.parametrize("domain", ["blåbär.example", "xn--blbr-noae.example", "XN--BLBR-noae.EXAMPLE."])
def test_a_domain_is_one_in_unicode_and_in_ascii(domain):
    assert canonical_domain(domain) == "xn--blbr-noae.example"


@pytest.mark.parametrize(
    ("other", "like"),
    [
        (f"{KELVIN}aren@people.example", "karen@people.example"),
        (f"anna@{KELVIN}aren.example", "anna@karen.example"),
        (f"{ANGSTROM}sa@people.example", "åsa@people.example"),
        (f"anna@people.examp{DOTLESS}e", "anna@people.exampie"),
        (f"{DOTLESS}da@people.example", "ida@people.example"),
        (f"anna@mi{LONG_S}t.example", "anna@mist.example"),
        (f"{LONG_S}ara@people.example", "sara@people.example"),
        ("ａnna@people.example", ANNA),
        ("anna＠people.example", ANNA),
        ("anna@people。example", ANNA),
        ("anna@people．example", ANNA),
        ("аnna@people.example", ANNA),  # Cyrillic
        ("ÅSA@people.example", "åsa@people.example"),
        ("straße@people.example", "strasse@people.example"),
        ("anna@straße.example", "anna@strasse.example"),
        ("ﬁnn@people.example", "finn@people.example"),
    ],
)
def test_what_only_looks_like_it_is_another_address_or_none(other, like):
    assert canonical(like) is not None
    assert canonical(other) != canonical(like)


UNSEEN = [
    "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u2069", "\u200f",
    "\u061c", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u00a0", "\u3000", "\u2003", "\ue000", "\U000e0041",
    "\ud800", "\ufff9",
]  # fmt: skip


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
@pytest.mark.parametrize(
    "template", ["an{}na@people.example", "anna@peo{}ple.example", "{}" + ANNA, ANNA + "{}"]
)
def test_what_cannot_be_seen_is_refused(template, character):
    assert canonical(template.format(character)) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "anna", "anna@", "@people.example", "a@b@c.example", "anna@localhost", "anna@people..example",
        ".anna@people.example", "anna.@people.example", "anna@-people.example", "anna@people_x.example",
        "anna@[192.0.2.1]", "anna@192.0.2.1", '"an na"@people.example', "anna<x>@people.example",
        "anna@people.example, bo@people.example", "an\nna@people.example", "a" * 65 + "@people.example",
        "a@" + ".".join(["b" * 60] * 5) + ".example", "anna@xn--a.example", "anna@xn--blåbär.example",
    ],
)  # fmt: skip
def test_what_is_no_address_is_none(text):
    assert canonical(text) is None


LETTERS = st.sampled_from(string.ascii_letters + string.digits + "._+-åäöÅßжк用ıſ\u212a\u0301\u030a")
TYPED = st.one_of(
    st.builds("{}@{}.{}".format, *[st.text(LETTERS, min_size=1, max_size=12)] * 3),
    st.builds("{}@{}".format, st.text(max_size=12), st.sampled_from(["people.example", "blåbär.example"])),
    st.text(max_size=40),
)


@given(TYPED)
@example("A\u030a@a\u030a.example")
@example("W\u030a@W\u030a.example")
def test_the_canonical_form_is_its_own(text):
    form = canonical(text)
    if form is None:
        return
    assert canonical(form) == form
    assert unicodedata.is_normalized("NFC", form)
    assert len(form) <= MAX
    assert domain_of(form).isascii()
    assert domain_of(form) == domain_of(form).lower()


@given(TYPED)
def test_the_normal_forms_of_a_text_are_one_address_or_none(text):
    forms = {canonical(unicodedata.normalize(f, text)) for f in ("NFC", "NFD")}
    # A sign that the normal form turns into a plain letter is refused as it was typed.
    assert canonical(text) is None or forms == {canonical(text)}


def folded(local):
    """In the normal form, with A to Z in lower case: what one local part may be spelt like."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).translate(_LOWER))


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@given(st.text(LETTERS, min_size=1, max_size=12), st.sampled_from([str.lower, str.upper, str.casefold]))
@example("Å", str.lower)
@example("A\u030a", str.lower)
@example(KELVIN, str.lower)
@example(DOTLESS, str.upper)
@example("ß", str.upper)
def test_case_is_folded_for_the_letters_a_to_z_only(local, change):
    form, other = canonical(f"{local}@people.example"), canonical(f"{change(local)}@PEOPLE.example")
    assert form is None or (form == other) == (folded(local) == folded(change(local)))


@given(st.text(LETTERS, min_size=1, max_size=4), st.text(LETTERS, min_size=1, max_size=4))
def test_local_parts_that_differ_in_more_than_spelling_are_two_addresses(one, other):
    first, second = canonical(f"{one}@people.example"), canonical(f"{other}@people.example")
    if first is not None and second is not None:
        assert (first == second) == (folded(one) == folded(other))
