"""The catalogue of refusals: every subject that refuses has its words there, and none has words too many."""

import tomllib
from importlib import resources

import pytest

from dpa_core import application, files, locale
from dpa_core.subjects import registry, texts


def test_every_part_of_the_catalogue_belongs_to_somebody():
    catalogue = resources.files("dpa_core.locale").joinpath("en", "refusals.toml").read_text("utf-8")
    subjects = {s.state.__module__.rpartition(".")[2] for s in registry.ALL}
    others = {application.refuse.subject, files.refuse.subject, texts.refuse_text.subject}
    assert set(tomllib.loads(catalogue)) == subjects | others


def test_a_code_that_is_not_there_is_an_error_and_no_empty_sentence():
    with pytest.raises(KeyError):
        locale.refusal_words("audits.no_such_code")


@pytest.mark.parametrize(
    "code", [f"{s}.{c}" for s in ("files", "application") for c in locale.refusal_codes(s)]
)
def test_words_end_as_sentences_do(code):
    for sentence in locale.refusal_words(code):
        assert sentence[-1] in ".)”"
