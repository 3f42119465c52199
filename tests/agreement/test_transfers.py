"""What makes a transfer lawful, and what is shown where it takes place. Clause: 3.1(vii)"""

from datetime import date

import pytest

from dpa_core.agreement import AgreementError, Place, TransferRecord, load, load_all
from dpa_core.agreement.load import AGREEMENTS
from dpa_core.agreement.transfers import (
    by_place,
    labelled,
    mechanisms_at,
    mechanisms_in_words,
    serving_nowhere,
    unlawful,
)
from tests.frozen import FOLDER, VERSION, frozen_agreements

AGREEMENT = frozen_agreements()[VERSION]
LAW = AGREEMENT.chapter_v
DAY = date(2026, 11, 28)


def place(country, third_country=True):
    return Place(id="there", name="There", third_country=third_country, country=country)


def fault(where, mechanisms, on=DAY, covered=False):
    listed = [AGREEMENT.mechanism(id) for id in mechanisms.split()]
    return unlawful(where, listed, LAW, on, covered=covered)


@pytest.mark.parametrize(
    ("country", "mechanisms", "covered", "expected"),
    [
        ("IN", "", False, "no_instrument"),
        ("IN", "tia", True, "no_instrument"),
        ("IN", "dpf", True, "no_instrument"),
        ("IN", "tia dpf", True, "no_instrument"),
        ("IN", "adequacy", True, "no_instrument"),
        ("IN", "scc", False, None),
        ("IN", "scc tia", False, None),
        ("IN", "bcr", False, None),
        ("IN", "derogation", False, None),
        ("CH", "adequacy", False, None),
        ("CH", "dpf", True, "no_instrument"),
        ("CH", "tia", False, "no_instrument"),
        ("US", "dpf", True, None),
        ("US", "dpf", False, "not_covered"),
        ("US", "scc dpf", False, "not_covered"),
        ("US", "adequacy", True, "no_instrument"),
        ("US", "scc", False, None),
        ("CA", "adequacy", False, "not_covered"),
        ("CA", "adequacy", True, None),
        ("EPO", "adequacy", False, None),
        (None, "adequacy dpf tia", True, "no_instrument"),
        (None, "scc", False, None),
        (None, "bcr", False, None),
        (None, "derogation", False, None),
    ],
)
def test_what_makes_a_transfer_lawful(country, mechanisms, covered, expected):
    assert fault(place(country), mechanisms, covered=covered) == expected


def test_within_the_eu_and_eea_nothing_is_a_transfer():
    assert fault(place("SE", third_country=False), "") is None
    assert fault(place(None, third_country=False), "") is None


@pytest.mark.parametrize(
    ("country", "on", "expected"),
    [
        ("GB", date(2031, 12, 27), None),
        ("GB", date(2031, 12, 28), "not_in_force"),
        ("BR", date(2026, 1, 25), "not_in_force"),
        ("BR", date(2026, 1, 26), None),
    ],
)
def test_an_adequacy_decision_counts_from_its_first_day_to_its_last(country, on, expected):
    assert fault(place(country), "adequacy", on) == expected
    assert fault(place(country), "scc", on) is None


def test_the_decisions_name_country_number_and_day():
    built_in = load_all()[VERSION].chapter_v
    decided = {d.country: (d.decision, d.adopted.isoformat()) for d in built_in.adequacy}
    assert decided["CH"] == ("2000/518/EC", "2000-07-26")
    assert decided["US"] == ("(EU) 2023/1795", "2023-07-10")
    assert decided["BR"] == ("(EU) 2026/179", "2026-01-26")
    assert decided["EPO"] == ("(EU) 2025/1382", "2025-07-15")
    assert " ".join(sorted(decided)) == "AD AR BR CA CH EPO FO GB GG IL IM JE JP KR NZ US UY"
    assert len(built_in.eea) == 30 + 7  # members, and territories of theirs with a code of their own
    assert not set(decided) & set(built_in.eea)


@pytest.mark.parametrize(
    ("sub_processor", "at", "expected"),
    [
        ("aws", "eu_eea", ()),
        ("aws", "usa", ("SCC", "TIA", "DPF")),
        ("aws", "worldwide", ("SCC", "TIA")),
        ("google_cloud_speech", "third_country_access", ("SCC", "TIA")),
        ("openai", "usa", ("SCC", "TIA")),
        ("tele2", "eu_eea", ()),
    ],
)
def test_mechanisms_are_those_that_serve_the_place(sub_processor, at, expected):
    s = AGREEMENT.sub_processor(sub_processor)
    assert labelled(s, mechanisms_at(s, AGREEMENT.place(at), AGREEMENT)) == expected


def test_what_a_row_lists_though_it_serves_none_of_its_places_is_known():
    nowhere = {s.id: [m.id for m in serving_nowhere(s, AGREEMENT)] for s in AGREEMENT.sub_processors}
    assert {id: found for id, found in nowhere.items() if found} == {"google_cloud_speech": ["dpf"]}


def test_mechanisms_in_words():
    in_words = {s.id: mechanisms_in_words(s, AGREEMENT) for s in AGREEMENT.sub_processors}
    assert in_words["aws"] == "USA: SCC + TIA + DPF; Worldwide: SCC + TIA"
    assert (in_words["openai"], in_words["tele2"]) == ("SCC + TIA", "No mechanism listed")
    assert by_place([("India", ()), ("USA", ("DPF",))]) == "India: No mechanism listed; USA: DPF"


def test_a_label_carries_what_was_recorded():
    recorded = TransferRecord(module=3, derogation="explicit consent")
    s = AGREEMENT.sub_processor("openai").model_copy(update={"recorded": recorded})
    found = [AGREEMENT.mechanism(id) for id in ("scc", "bcr", "tia", "derogation")]
    assert labelled(s, found) == ("SCC (module 3)", "BCR", "TIA", "Art. 49 (explicit consent)")


# --- the file ------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    """Agreements of an operator's own, with what Chapter V says beside them."""
    (tmp_path / VERSION).mkdir()
    for file in (FOLDER / VERSION).iterdir():
        (tmp_path / VERSION / file.name).write_bytes(file.read_bytes())
    (tmp_path / "adequacy.toml").write_bytes((FOLDER / "adequacy.toml").read_bytes())
    return tmp_path


def edit(root, old, new):
    text = (root / "adequacy.toml").read_text("utf-8")
    assert old in text
    (root / "adequacy.toml").write_text(text.replace(old, new, 1), "utf-8")


def test_folders_without_the_file_go_by_the_built_in_one(root):
    edit(root, "expires = 2031-12-27", "expires = 2031-12-28")
    assert load(root / VERSION).chapter_v != LAW
    (root / "adequacy.toml").unlink()
    assert load(root / VERSION).chapter_v == load(AGREEMENTS / VERSION).chapter_v


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("checked = 2026-11-28", "", 'field "checked": missing'),
        ('country = "AR"', 'country = "AD"', 'adequacy "AD", field "country": stands 2 times'),
        ('country = "AR"', 'country = "SE"', 'adequacy "SE", field "country": is in the EU or EEA too'),
        ('country = "AR"', 'country = "argentina"', "argentina"),
        ("eea = [", "eea = ", "not valid TOML"),
    ],
)
def test_a_mistake_in_it_is_named(root, old, new, expected):
    edit(root, old, new)
    with pytest.raises(AgreementError) as caught:
        load(root / VERSION)
    assert any(line.startswith("adequacy.toml") and expected in line for line in caught.value.problems)
