"""A folder with a mistake in it is refused in a line that says where, what and what to do."""

import shutil
from datetime import date

import pytest

from dpa_core.agreement import AgreementError, load, load_all
from dpa_core.agreement.load import AGREEMENTS, LISTS
from tests.frozen import FOLDER, VERSION


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER / VERSION, tmp_path / VERSION)


def edit(folder, file, old, new):
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text, f"{file} no longer holds {old!r}"
    path.write_text(text.replace(old, new, 1), "utf-8")


def problems(folder):
    with pytest.raises(AgreementError) as caught:
        load(folder)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_the_real_agreement_loads():
    assert load_all()[VERSION] == load(AGREEMENTS / VERSION)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        # An entry by itself
        ("terms.toml", "value = 30", "value = 0", ['terms "sub_processor_notice", field "value"', "0"]),
        ("terms.toml", "value = 30\n", "", ['terms "sub_processor_notice", field "value": missing; add it']),
        ("terms.toml", 'id = "sub_processor_notice"\n', "", ['terms number 1, field "id": missing; add it']),
        (
            "terms.toml",
            'unit = "hours"',
            'unit = "minutes"',
            ['terms "breach_notice", field "unit"', "'minutes'"],
        ),
        ("terms.toml", "value = 30", "vaule = 30", ['"sub_processor_notice", field "vaule": unknown field']),
        ("features.toml", 'name = "Voice"', 'name = ""', ['features "voice", field "name"']),
        ("features.toml", '"inferred"', '"guessed"', ['"user_communication", field "data_categories_basis"']),
        (
            "sub_processors.toml",
            'role = "access"',
            'role = "peek"',
            ['"google_cloud_speech", field "locations.1.role"'],
        ),
        ("agreement.toml", "published = 2026-01-29", 'published = "soon"', ['field "published"', "'soon'"]),
        ("agreement.toml", "title =", "titel =", ['"titel": unknown key']),
        (
            "agreement.toml",
            'contact = "privacy@connectel.se"\n',
            "",
            ['field "processor.contact": missing; add it'],
        ),
        ("retention.toml", "grace_days = 7", "grace_days = -7", ['field "grace_days"', "-7"]),
        ("retention.toml", "grace_days = 7\n", "", ['field "grace_days": missing; add it']),
        ("retention.toml", '"provider_setting"', '"stated"', ['field "basis"', "'stated'"]),
        (
            "clauses.toml",
            "[[clauses]]",
            "[[clause]]",
            ['"clause": unknown key; remove it or use one of clauses'],
        ),
        # Duplicates
        (
            "terms.toml",
            'id = "objection_period"',
            'id = "sub_processor_notice"',
            ['terms "sub_processor_notice", field "id": stands 2 times'],
        ),
        (
            "features.toml",
            'name = "Voice"',
            'name = "voicebot"',
            ['features "voicebot", field "name": stands 2 times'],
        ),
        ("clauses.toml", 'id = "1.2"', 'id = "1.1"', ['clauses "1.1", field "id": stands 2 times']),
        ("retention.toml", 'id = "sms"', 'id = "chats"', ['data_types "chats", field "id": stands 2 times']),
        (
            "sub_processors.toml",
            '["scc", "tia"]',
            '["scc", "scc"]',
            ['"openai", field "mechanisms": "scc" stands 2 times'],
        ),
        # References
        (
            "sub_processors.toml",
            '["speech_analytics"]',
            '["speech"]',
            ['"deepgram", field "features": "speech" is not in features.toml'],
        ),
        (
            "sub_processors.toml",
            'place = "usa", role = "processing"',
            'place = "us", role = "processing"',
            ['"openai", field "locations.place": "us" is not in sub_processors.toml'],
        ),
        (
            "sub_processors.toml",
            '["scc", "tia"]',
            '["scc", "seal"]',
            ['"openai", field "mechanisms": "seal" is not in sub_processors.toml'],
        ),
        (
            "features.toml",
            '["identification", "technical_usage"]',
            '["health"]',
            ['"user_communication", field "data_categories": "health" is not in data_categories.toml'],
        ),
        (
            "retention.toml",
            'data_category = "contact"',
            'data_category = "friends"',
            ['data_types "contacts", field "data_category": "friends"'],
        ),
        (
            "retention.toml",
            'id = "contacts"',
            'id = "contact"',
            ['data_types "contact", field "id": a data category has it already; choose another'],
        ),
        (
            "terms.toml",
            'clause = "3.1(x)"',
            'clause = "3.1(xx)"',
            ['terms "breach_notice", field "clause": "3.1(xx)" is not in clauses.toml'],
        ),
        (
            "retention.toml",
            'clause = "Sch. 1 2"',
            'clause = "Sch. 9"',
            ['retention.toml, field "clause": "Sch. 9"'],
        ),
        (
            "measures.toml",
            'clause = "Sch. 3 1.4(i)"',
            'clause = "Sch. 9"',
            ['certifications "iso_9001", field "clause"'],
        ),
        (
            "clauses.toml",
            'id = "3.1(xi)"',
            'id = "3.1(xxi)"',
            ['terms "return_request", field "clause": "3.1(xi)" is not in clauses.toml'],
        ),
        (
            "clauses.toml",
            'page = "overview"',
            'page = "dashboard"',
            ['clauses "1.5", field "page": no page "dashboard"'],
        ),
        # Sub-processors
        (
            "sub_processors.toml",
            'kind = "core"',
            'kind = "core"\nfeatures = ["voice"]',
            ['sub_processors "aws", field "features": a core one'],
        ),
        (
            "sub_processors.toml",
            'features = ["support_services"]\n',
            "",
            ['sub_processors "xenialab", field "features": an optional one'],
        ),
        (
            "sub_processors.toml",
            'features = ["support_services"]',
            'features = ["voice"]',
            ['features "support_services": no sub-processor has it'],
        ),
        (
            "sub_processors.toml",
            'mechanisms = ["scc", "tia"]\n',
            "",
            ['sub_processors "openai", field "mechanisms": none makes a transfer to "usa" lawful'],
        ),
        (
            "sub_processors.toml",
            'mechanisms = ["scc", "tia"]\n',
            'mechanisms = ["tia"]\n',
            ['sub_processors "openai", field "mechanisms": none makes a transfer to "usa" lawful'],
        ),
        (
            "sub_processors.toml",
            'mechanisms = ["scc", "tia", "dpf"]\nclause = "Sch. 2 2.1"',
            'mechanisms = ["tia", "dpf"]\nclause = "Sch. 2 2.1"',
            ['sub_processors "aws", field "mechanisms": none makes a transfer to "worldwide" lawful'],
        ),
        (
            "sub_processors.toml",
            'features = ["voicebot"]',
            'features = ["voicebot", "voice", "text_messages"]',
            ['"google_cloud_speech", field "features_wording"', "Text Messages"],
        ),
        (
            "data_categories.toml",
            '"time zone"',
            '"shoe size"',
            ['data_categories "technical_usage", field "contents": "shoe size"'],
        ),
        # Periods
        (
            "retention.toml",
            "default_days = 90",
            "default_days = 9000",
            ['data_types "call_recordings", field "default_days": 9000 is not between'],
        ),
        (
            "retention.toml",
            "minimum_days = 1\n",
            "minimum_days = 91\n",
            ['data_types "call_recordings"', "minimum_days 91"],
        ),
    ],
)
def test_a_mistake_is_named(folder, file, old, new, expected):
    edit(folder, file, old, new)
    found = problems(folder)
    assert any(all(part in line for part in expected) for line in found), found
    assert all(line.startswith(f"{VERSION}/") and line.count("\n") == 0 for line in found)
    assert all("; " in line for line in found), "each line says what to do"


@pytest.mark.parametrize("file", LISTS)
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert problems(folder) == (f"{VERSION}/{file}: missing; add it",)


@pytest.mark.parametrize("file", LISTS)
def test_broken_toml_is_named_with_its_line(folder, file):
    (folder / file).write_text('# a comment\nname = "unclosed\n', "utf-8")
    (line,) = problems(folder)
    assert line.startswith(f"{VERSION}/{file}: not valid TOML")
    assert "line 2" in line


def test_a_file_that_is_not_text_is_named(folder):
    (folder / "terms.toml").write_bytes(b"\xff\xfe\x00")
    assert problems(folder)[0].startswith(f"{VERSION}/terms.toml: cannot be read")


@pytest.mark.parametrize("text", ["", "terms = 3\n", "terms = []\n", '[terms]\nid = "x"\n'])
def test_a_list_without_entries_is_named(folder, text):
    (folder / "terms.toml").write_text(text, "utf-8")
    assert problems(folder) == (f'{VERSION}/terms.toml, "terms": no entries; add at least one as [[terms]]',)


def test_all_mistakes_are_told_at_once(folder):
    edit(folder, "terms.toml", "value = 30", "value = 0")
    edit(folder, "features.toml", 'name = "Voice"', 'name = ""')
    (folder / "purposes.toml").unlink()
    assert len(problems(folder)) == 3


def test_the_folder_must_bear_the_version(folder):
    other = folder.rename(folder.with_name("2027-01-01"))
    (line,) = problems(other)
    assert line.startswith('2027-01-01/agreement.toml, field "version": "2026-01-29"')


@pytest.mark.parametrize("id", ["call_recordings", "transcripts", "chats", "emails", "sms"])
def test_what_was_said_and_written_can_be_kept_for_the_seven_years_that_some_laws_want(id):
    (agreement,) = load_all().values()
    for years in (5, 7):  # either may have two leap days, as from this day on
        wanted = (date(2028 + years, 2, 28) - date(2028, 2, 28)).days
        assert agreement.data_type(id).maximum_days >= wanted


def test_a_missing_folder_is_named(tmp_path):
    assert "no such folder" in problems(tmp_path / "none")[0]
    with pytest.raises(AgreementError, match="no agreement here"):
        load_all(tmp_path)
    with pytest.raises(AgreementError, match="no agreement here"):
        load_all(tmp_path / "none")


def test_several_versions_lie_side_by_side(folder):
    newer = shutil.copytree(folder, folder.with_name("2027-01-01"))
    edit(newer, "agreement.toml", 'version = "2026-01-29"', 'version = "2027-01-01"')
    edit(newer, "terms.toml", "value = 30", "value = 45")
    agreements = load_all(folder.parent)
    assert list(agreements) == ["2026-01-29", "2027-01-01"]
    assert [a.term("sub_processor_notice").value for a in agreements.values()] == [30, 45]


@pytest.fixture
def own(tmp_path):
    """A folder of an operator's own agreements, with one version."""
    folder = shutil.copytree(AGREEMENTS / VERSION, tmp_path / "own" / "2025-12-01")
    edit(folder, "agreement.toml", f'version = "{VERSION}"', 'version = "2025-12-01"')
    return folder.parent


def test_versions_of_several_folders_are_joined_oldest_first(own):
    assert list(load_all(AGREEMENTS, own)) == ["2025-12-01", VERSION]


def test_a_version_in_two_folders_is_refused_naming_both(own):
    (own / "2025-12-01").rename(own / VERSION)
    with pytest.raises(AgreementError) as caught:
        load_all(AGREEMENTS, own)
    (line,) = caught.value.problems
    assert line.startswith(f"{own / VERSION}: version {VERSION} is in {AGREEMENTS} already; ")


def test_an_empty_folder_beside_a_sound_one_is_named(tmp_path):
    (tmp_path / "own").mkdir()
    with pytest.raises(AgreementError) as caught:
        load_all(AGREEMENTS, tmp_path / "own")
    assert str(caught.value).startswith(f"{tmp_path / 'own'}: no agreement here; ")


def test_a_folder_that_may_not_be_read_is_named(own, monkeypatch):
    def forbidden(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(own), "iterdir", forbidden)
    with pytest.raises(AgreementError) as caught:
        load_all(own)
    assert str(caught.value) == f"{own}: cannot be read (Permission denied); see that the app may read it"


def test_mistakes_in_several_versions_are_told_together(folder):
    newer = shutil.copytree(folder, folder.with_name("2027-01-01"))
    (newer / "terms.toml").unlink()
    edit(folder, "features.toml", 'name = "Voice"', 'name = ""')
    with pytest.raises(AgreementError) as caught:
        load_all(folder.parent)
    assert [line.partition(",")[0].partition(":")[0] for line in caught.value.problems] == [
        "2026-01-29/features.toml",
        "2027-01-01/terms.toml",
    ]


TARGET = '[[targets]]\nid = "security"\nbasis = "provider_setting"\nbusiness_days = 5\n'


def test_the_provider_may_set_targets_of_its_own_or_none(folder):
    assert load(folder).targets == ()
    assert load(folder).target("security") is None
    with (folder / "terms.toml").open("a", encoding="utf-8") as file:
        file.write(TARGET)
    assert load(folder).target("security").business_days == 5
    assert load(folder).target("breach") is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"security"', '"secrity"', ["targets", '"secrity"', 'field "id"', "data_subject"]),
        ('"security"', '"dpia"', ['targets "dpia"', 'field "id"']),
        ("business_days = 5", "business_days = 0", ['targets "security"', 'field "business_days"', "0"]),
        ('"provider_setting"', '"stated"', ['targets "security"', 'field "basis"', "stated"]),
        ("business_days = 5\n", "business_days = 5\n" + TARGET, ['targets "security"', "stands 2 times"]),
    ],
)
def test_what_is_wrong_with_a_target_is_named(folder, old, new, words):
    with (folder / "terms.toml").open("a", encoding="utf-8") as file:
        file.write(TARGET.replace(old, new))
    (problem,) = problems(folder)
    assert all(word in problem for word in words), problem
