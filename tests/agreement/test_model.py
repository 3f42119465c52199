"""What the data of 2026-01-29 says, read by a person beside the agreement."""

import re

import pytest
from pydantic import ValidationError

from dpa_core.agreement import Agreement, Term, load_all

from .texts import REAL


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return load_all()["2026-01-29"]


@pytest.mark.parametrize(
    ("id", "value", "unit", "clause"),
    [
        ("sub_processor_notice", 30, "calendar_days", "Sch. 2 1.1"),
        ("objection_period", 30, "calendar_days", "Sch. 2 1.1"),
        ("objection_resolution", 60, "calendar_days", "Sch. 2 1.2"),
        ("audit_notice", 60, "calendar_days", "3.1(xii)"),
        ("audits_per_year", 1, "per_calendar_year", "3.1(xii)"),
        ("return_request", 14, "calendar_days", "3.1(xi)"),
        ("breach_notice", 72, "hours", "3.1(x)"),
        ("incident_notice", 72, "hours", "Sch. 3 1.4(iii)"),
        ("assistance", 10, "business_days", "3.1(ix)"),
    ],
)
def test_a_term_has_its_number_unit_and_clause(agreement, id, value, unit, clause):
    term = agreement.term(id)
    assert (term.value, term.unit, term.clause) == (value, unit, clause)


@pytest.mark.parametrize(
    ("id", "kind", "features", "places", "mechanisms"),
    [
        ("aws", "core", "", "eu_eea usa worldwide", "SCC TIA DPF"),
        ("featurebase", "optional", "user_communication", "eu_eea", ""),
        ("better_stack", "optional", "user_communication", "eu_eea", ""),
        (
            "openai",
            "optional",
            "reply_assistant agent_assistant speech_analytics conversation_summarize voicebot",
            "usa",
            "SCC TIA",
        ),
        ("deepgram", "optional", "speech_analytics", "usa", "SCC TIA"),
        ("google_cloud_speech", "optional", "voicebot", "eu_eea third_country_access", "SCC TIA DPF"),
        ("infobip", "optional", "voice text_messages", "eu_eea", ""),
        ("bandwidth", "optional", "voice", "eu_eea", ""),
        ("tele2", "optional", "voice", "eu_eea", ""),
        ("globalconnect", "optional", "voice", "eu_eea", ""),
        ("xenialab", "optional", "support_services", "eu_eea", ""),
    ],
)
def test_a_sub_processor_is_as_schedule_2_has_it(agreement, id, kind, features, places, mechanisms):
    s = agreement.sub_processor(id)
    assert s.kind == kind
    assert s.features == tuple(features.split())
    assert [location.place for location in s.locations] == places.split()
    assert [agreement.mechanism(m).code for m in s.mechanisms] == mechanisms.split()


def test_nothing_is_missing(agreement):
    assert len(agreement.features) == 9
    assert len(agreement.sub_processors) == 11
    assert len(agreement.data_categories) == 6
    assert len(agreement.data_subjects) == 4
    assert len(agreement.purposes) == 5
    assert [c.name for c in agreement.certifications] == ["ISO/IEC 27001", "ISO 9001"]
    assert len(agreement.retention.data_types) == 10
    assert agreement.retention.grace_days == 7


def test_every_clause_is_there(agreement):
    def roman(prefix, count):
        numbers = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"][:count]
        return [f"{prefix}({number})" for number in numbers]

    assert [c.id for c in agreement.clauses] == [
        *(f"1.{n}" for n in range(1, 8)),
        *roman("2.1", 3),
        *("2.2", "2.3", "2.4"),
        *roman("3.1", 13),
        *("4.1", "4.2", "5.1", "5.2"),
        *("Sch. 1 1", "Sch. 1 2", *(f"Sch. 1 3.{n}" for n in range(1, 6))),
        *(*(f"Sch. 2 1.{n}" for n in range(1, 5)), "Sch. 2 2", "Sch. 2 2.1", "Sch. 2 2.2"),
        *("Sch. 3 1.1", "Sch. 3 1.2", "Sch. 3 1.3", *roman("Sch. 3 1.4", 9)),
    ]


def test_what_the_text_does_not_state_is_marked(agreement):
    assert {f.data_categories_basis for f in agreement.features} == {"inferred"}
    assert agreement.retention.basis == "provider_setting"


@pytest.mark.parametrize("id", ["aws", "openai", "google_cloud_speech"])
def test_an_unclear_row_keeps_the_sources_wording(agreement, id):
    assert agreement.sub_processor(id).source_note


def test_a_third_country_is_told_from_the_eu(agreement):
    assert {p.id: p.third_country for p in agreement.places} == {
        "eu_eea": False,
        "usa": True,
        "worldwide": True,
        "third_country_access": True,
    }


def test_look_ups_refuse_what_is_not_there(agreement):
    assert agreement.clause("3.1(xii)").heading == "Audits"
    assert agreement.data_type("sms").name == "SMS"
    for look_up in (agreement.term, agreement.feature, agreement.place, agreement.clause):
        with pytest.raises(KeyError):
            look_up("none_such")


def test_a_part_cannot_be_changed_nor_hold_an_unknown_field(agreement):
    with pytest.raises(ValidationError):
        agreement.terms[0].value = 31
    with pytest.raises(ValidationError, match="extra"):
        Term(**agreement.terms[0].model_dump(), colour="red")


def test_summaries_are_in_our_own_words(agreement):
    """The text is not ours to reprint: names and numbers carry over, runs of eight words do not."""

    def words(text):
        return re.findall(r"\w+", text.casefold())

    # Without the text at hand, its own words kept in the data stand in for it.
    kept = [s.location_wording + " " + s.purpose for s in agreement.sub_processors]
    kept += [w for t in agreement.terms for w in t.wording]
    kept += [c.contents_wording or "" for c in agreement.data_categories]
    source = " ".join(words(REAL.read_text("utf-8") if REAL.is_file() else " | ".join(kept)))
    a = agreement
    for part in (*a.clauses, *a.terms, *a.data_categories, *a.data_subjects, *a.purposes, *a.measures):
        own = words(part.summary)
        for i in range(len(own) - 7):
            assert " ".join(own[i : i + 8]) not in source, part.id
