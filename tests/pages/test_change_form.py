"""The form in which the provider drafts a change, and what each kind brings. Clause: Sch. 2 1.1"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dpa_core.application import Application
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import dates
from dpa_core.subjects.sub_processors import DraftChange, PublishChange
from dpa_core.views.notices import notices
from pages.parts.announced import of_sub_processor
from tests.conftest import People, SettableClock, carry_out
from tests.pages import as_read, confirm, shown, visit
from tests.pages.test_requests import errors, field
from tests.subjects.test_sub_processors import FURTHER, TRANSLATION
from tests.test_requests import govern


def form(application: Application, people: People, kind: str) -> AppTest:
    at = visit("notices", application, people.eva, "nordfrakt")
    field(at, "What is to change").set_value(kind)
    return at.run()


def save(at: AppTest) -> AppTest:
    next(b for b in at.button if b.label == "Save the draft").click()
    return at.run()


def options(at: AppTest, label: str) -> list[str]:
    return list(field(at, label).options)


def only_draft(application: Application, people: People) -> DraftChange:
    (draft,) = application.open_provider(people.eva).state.sub_processors.drafts.values()
    return draft.change


@pytest.mark.parametrize("kind", ["addition", "core_addition", "replacement", "removal", "extension"])
def test_every_kind_has_its_fields(application: Application, people: People, kind: str) -> None:
    at = form(application, people, kind)
    labels = {w.label for w in (*at.text_input, *at.multiselect, *at.selectbox)}
    assert ("Name of the new sub-processor" in labels) == (kind not in ("removal", "extension"))
    assert ("Places" in labels) == (kind not in ("removal", "extension"))
    assert ("Features it serves" in labels) == (kind == "addition")
    assert ("Further purpose" in labels) == (kind == "extension")


def test_a_country_is_lawful_by_what_serves_it(application: Application, people: People) -> None:
    at = form(application, people, "core_addition")
    assert {"India", "Switzerland", "Sweden", "USA", "Worldwide"} <= set(options(at, "Places"))
    assert "United States" not in options(at, "Places")
    field(at, "Name of the new sub-processor").set_value("Talvox")
    field(at, "Purpose").set_value("Speech")
    field(at, "Reason, as customers will read it").set_value("Coverage")
    field(at, "Places").set_value(["country_in"])
    at = at.run()
    assert "India: no adequacy decision" in shown(at)
    field(at, "What supplements it").set_value(["tia"])
    at = save(at)
    assert "nothing that is chosen makes a transfer there lawful" in errors(at)
    assert "What makes the transfer lawful" in errors(at)
    assert field(at, "Places").value == ["country_in"]
    field(at, "Places").set_value(["country_ch"])
    at = at.run()
    assert "Switzerland: adequacy decision 2000/518/EC of 26 Jul 2000" in shown(at)
    field(at, "What makes the transfer lawful").set_value(["adequacy"])
    at = save(at)
    assert not at.exception
    entry = only_draft(application, people).entry
    assert (entry.name, entry.mechanisms) == ("Talvox", ("adequacy", "tia"))


def test_a_change_of_the_core_one_keeps_its_places_and_asks_for_what_is_missing(
    application: Application, people: People
) -> None:
    at = form(application, people, "change")
    before = application.open_provider(people.eva).agreement.sub_processor("aws")
    assert field(at, "Which one").value == "aws"
    assert field(at, "Places").value == ["eu_eea", "usa", "worldwide"]
    assert field(at, "What happens in Worldwide").value == ["delivery"]
    assert field(at, "What makes the transfer lawful").value == ["scc", "dpf"]
    assert field(at, "What supplements it").value == ["tia"]
    field(at, "Reason, as customers will read it").set_value("Another contract")
    at = save(at)
    assert "it is not stated that the receiver is one" in errors(at)
    (covered,) = [box for box in at.checkbox if "companies certified under" in box.label]
    covered.check()
    at = save(at)
    entry = only_draft(application, people).entry
    assert (entry.locations, entry.location_wording) == (before.locations, before.location_wording)
    assert (entry.recorded.module, entry.recorded.covered) == (3, True)
    # Another one has places of its own.
    field(at, "What is to change").set_value("change")
    at = at.run()
    field(at, "Which one").set_value("deepgram")
    assert field(at.run(), "Places").value == ["usa"]


def announced(application: Application, people: People, draft: DraftChange, clock: SettableClock) -> None:
    number = govern(application, people.eva, draft)
    day = dates.local_day(clock.now()) + timedelta(days=40)
    govern(application, people.eva, PublishChange(number, day))


def test_a_new_feature_is_everywhere_once_it_counts(
    application: Application, people: People, clock: SettableClock
) -> None:
    announced(application, people, TRANSLATION, clock)
    told = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "New feature Translation" in told
    assert "Nothing changes for you unless you switch Translation on," in told
    assert "It engages OpenAI. Data categories: Communication Content." in told
    assert "the provider’s reading" in told
    assert "Translation" not in shown(visit("features", application, people.anna, "nordfrakt"))
    clock.pass_days(41)
    for page in ("notices", "features", "sub_processors", "what_if"):
        at = visit(page, application, people.anna, "nordfrakt")
        everything = shown(at) + str([t.label for t in at.toggle]) + str([d.value for d in at.dataframe])
        assert "Translation" in everything, page
    carry_out(application, people.anna, "nordfrakt", f_translation=True)
    assert "Translation" in shown(visit("overview", application, people.anna, "nordfrakt"))
    adopted = visit("portfolio", application, people.david, "nordfrakt").dataframe[1].value
    assert dict(zip(adopted["Feature"], adopted["Customers"], strict=True))["Translation"] == 1
    history = visit("history", application, people.anna, "nordfrakt").dataframe[0].value
    assert "Switched on Translation" in str(history.to_dict())
    frozen = freeze(application.open(people.anna, "nordfrakt"))
    assert [f.name for f in frozen.features if f.on] == ["Translation"]
    assert [t.sub_processor for t in frozen.transfers if t.role == "processing"] == ["OpenAI"]
    assert application.verify() == []


def test_a_new_feature_with_somebody_new_can_be_withdrawn_and_still_be_read(
    application: Application, people: People, clock: SettableClock
) -> None:
    lingua = {"name": "Lingua", "purpose": "Translation", "places": ("country_ch",)}
    draft = replace(TRANSLATION, **lingua, mechanisms=("adequacy",))
    announced(application, people, draft, clock)
    at = visit("notices", application, people.eva, "nordfrakt")
    assert "It engages OpenAI and Lingua." in shown(at)
    next(b for b in at.button if b.label == "Withdraw it").click()
    at = at.run()
    field(at, "Reason").set_value("Not ready")
    assert not confirm(at, "Withdraw the change").exception
    clock.pass_days(60)
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "Withdrawn on" in text
    assert "Switzerland" in text


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        (TRANSLATION, "there is a new feature Translation, off at first, which engages OpenAI;"),
        (replace(FURTHER, replaces="openai", features=("voice",)), "OpenAI (USA) is used for more;"),
    ],
)
def test_what_is_announced_for_a_sub_processor_names_the_further_kinds(
    application: Application, people: People, clock: SettableClock, draft: DraftChange, sentence: str
) -> None:
    announced(application, people, draft, clock)
    file = application.open(people.anna, "nordfrakt")
    (told,) = of_sub_processor(notices(file), "openai")
    assert sentence in as_read(told)


def test_a_further_use_is_told_to_those_whom_it_touches(
    application: Application, people: People, clock: SettableClock
) -> None:
    carry_out(application, people.anna, "nordfrakt", voicebot=True)
    announced(application, people, FURTHER, clock)
    text = shown(visit("notices", application, people.anna, "nordfrakt"))
    assert "you use Voicebot; DeepGram will be used for more." in text
    assert "Nothing changes for you" in shown(visit("notices", application, people.henrik, "solsidan"))
