"""What follows from the subjects' declarations, for every subject at once."""

import ast
import importlib
import inspect
from collections import Counter
from dataclasses import FrozenInstanceError, is_dataclass
from pathlib import Path

import pytest

import dpa_core.subjects
import pages
from dpa_core.locale import gaps, refusal_codes, refusal_words
from dpa_core.subjects import audits, registry
from dpa_core.subjects.registry import ALL, CustomerState, ProviderState
from dpa_core.subjects.subject import Body


def names(subject):
    return f"{subject.name}-{subject.state.__module__.split('.')[-1]}"


def test_a_state_has_a_field_for_each_subject_and_no_other():
    for state, subjects in ((CustomerState, registry.OF_CUSTOMER), (ProviderState, registry.OF_PROVIDER)):
        fields = {name: field.annotation for name, field in state.model_fields.items()}
        assert fields == {s.name: s.state for s in subjects}


def test_a_kind_and_a_command_belong_to_one_subject():
    kinds = Counter(kind for s in ALL for kind in s.kinds)
    commands = Counter(command for s in ALL for command in s.commands)
    assert set(kinds.values()) == set(commands.values()) == {1}


def test_a_subject_has_one_title_wherever_it_is_named():
    titles = {}
    for subject in ALL:
        assert titles.setdefault(subject.page, subject.title) == subject.title
    assert len(set(titles.values())) == len(titles)


@pytest.mark.parametrize("subject", ALL, ids=names)
def test_every_command_says_who_may_give_it_and_under_which_clause_it_is_decided(subject):
    assert subject.commands
    for command in subject.commands:
        assert is_dataclass(command)
        assert command.by
        rule = inspect.getdoc(subject.decide.dispatch(command))
        assert "Clause: " in rule or "Standard: " in rule, command


@pytest.mark.parametrize("subject", ALL, ids=names)
def test_a_command_of_another_subject_is_decided_by_no_rule(subject):
    other = next(c for s in ALL if s is not subject for c in s.commands)
    with pytest.raises(TypeError, match=other.__name__):
        subject.decide(object.__new__(other), subject.state(), None)


@pytest.mark.parametrize("subject", ALL, ids=names)
def test_every_event_has_a_kind_of_its_own_and_a_sentence_whose_gaps_its_fields_or_names_fill(subject):
    for body in subject.events:
        assert body.kind in subject.kinds
        assert body.words or body.describe is not Body.describe, body
        if body.names is Body.names:
            fields = set(body.model_fields)
            assert {gap.split(".")[0] for gap in gaps(body.words)} <= fields, body


def test_an_event_tells_its_fields_without_its_version_and_those_left_out():
    withdrawn = audits.Withdrawn(audit=1, reason="No need")
    assert withdrawn.told() == {"audit": 1, "reason": "No need"}
    assert withdrawn.told("audit") == {"reason": "No need"}


def test_a_command_is_frozen_and_of_the_sides_it_names():
    command = audits.AgreeDates(audit=1)
    assert command.by == ("customer", "provider")
    with pytest.raises(FrozenInstanceError):
        command.audit = 2


@pytest.mark.parametrize("subject", ALL, ids=names)
def test_every_step_that_a_stage_offers_is_a_command_of_the_subject(subject):
    stages = getattr(inspect.getmodule(subject.state), "STAGES", {})
    for stage in stages.values():
        assert set(stage.steps) <= {c for s in ALL for c in s.commands}
        if stage.waits_for:
            both = ("customer", "provider") if stage.waits_for == "both" else (stage.waits_for,)
            assert all(stage.open_to(side) for side in both)


# --- refusals ------------------------------------------------------------------------------------

MODULES = [
    Path(dpa_core.subjects.__file__).with_name(f"{name}.py")
    for name in sorted({s.state.__module__.split(".")[-1] for s in ALL})
]


OTHERS = [
    ast.parse(path.read_text(encoding="utf-8"))
    for folder in (Path(dpa_core.__file__).parent, Path(pages.__file__).parent)
    for path in folder.rglob("*.py")
    if path not in MODULES
]


def calls(tree, name):
    """The calls of `name`, which may be dotted."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == name]


def texts(node):
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_every_refusal_fills_the_gaps_of_its_words_and_none_is_unused(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    subject = importlib.import_module(f"dpa_core.subjects.{path.stem}").refuse.subject
    templates = {code: refusal_words(f"{subject}.{code}") for code in refusal_codes(subject)}
    outside = [call for other in OTHERS for call in calls(other, f"{path.stem}.refuse")]
    for call in outside:  # by the door, or by a page that asks for more than the command carries
        assert set(texts(call.args[0])) <= set(templates)
    for call in [*calls(tree, "refuse"), *outside]:
        given = {k.arg for k in call.keywords}
        for code in (c for c in texts(call.args[0]) if c in templates):
            assert {gap for text in templates[code] for gap in gaps(text)} <= given, code
    assert set(templates) <= set(texts(tree)) | {code for call in outside for code in texts(call.args[0])}
