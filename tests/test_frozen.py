"""Tests of behaviour read no built-in agreement, and the rules follow one that has grown or is newer."""

import ast
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dpa_core import access
from dpa_core.agreement import load_all
from dpa_core.application import Application
from dpa_core.ledger import Ledger
from dpa_core.snapshots.freeze import freeze
from dpa_core.subjects import customers, dates, features, grants, sub_processors
from dpa_core.subjects.common import Refusal
from tests.conftest import NOW, SettableClock, carry_out, email
from tests.frozen import FOLDER, VERSION

TESTS = Path(__file__).parent
ABOUT_BUILT_IN = ("agreement", "journeys", "test_cli.py", "fleet.py")
"""Where the built-in versions are meant: their text, and servers and commands that take them by default."""

FEATURE = """
[[features]]
id = "translation"
name = "Translation"
purpose = "Translates written messages."
data_categories = ["communication_content"]
data_categories_basis = "inferred"
clause = "Sch. 2 2.2"
"""
SUB_PROCESSOR = """
[[sub_processors]]
id = "lingua"
name = "Lingua"
kind = "optional"
features = ["translation"]
purpose = "Translation"
locations = [{ place = "usa", role = "processing" }]
location_wording = "USA"
mechanisms = ["scc", "tia"]
clause = "Sch. 2 2.2"
"""


def reads_built_in(file):
    """Whether a test file calls `load_all()` without a folder."""
    return any(
        isinstance(node, ast.Call)
        and not node.args
        and not node.keywords
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "load_all"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
    )


def test_tests_of_behaviour_stand_on_the_frozen_agreement():
    found = {f.relative_to(TESTS) for f in TESTS.rglob("*.py") if reads_built_in(f)}
    assert [str(f) for f in sorted(found) if not {f.parts[0], f.name} & set(ABOUT_BUILT_IN)] == []
    assert Path("agreement/test_load.py") in found  # the search itself finds what there is


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """The frozen version with one more feature and sub-processor, and a newer one with a longer notice."""
    root = shutil.copytree(FOLDER, tmp_path_factory.mktemp("agreements"), dirs_exist_ok=True)
    for file, entry in (("features.toml", FEATURE), ("sub_processors.toml", SUB_PROCESSOR)):
        with (root / VERSION / file).open("a", encoding="utf-8") as out:
            out.write(entry)
    newer = shutil.copytree(root / VERSION, root / "2027-01-01")
    for file, old, new in (
        ("agreement.toml", f'version = "{VERSION}"', 'version = "2027-01-01"'),
        ("terms.toml", "value = 30", "value = 40"),  # the first term: notice of a new sub-processor
    ):
        text = (newer / file).read_text("utf-8")
        assert old in text
        (newer / file).write_text(text.replace(old, new, 1), "utf-8")
    return load_all(root)


@pytest.fixture
def desk(grown, tmp_path):
    """(application, admin), with one customer of each version; the admin is that of both."""
    with Ledger.open(tmp_path / "desk.duckdb") as ledger:
        application, operator = Application(ledger, grown, SettableClock(NOW)), access.operator(NOW)
        application.open_customer(operator, customers.OpenCustomer("older", "Older AB"), VERSION)
        application.open_customer(operator, customers.OpenCustomer("newer", "Newer AB"))
        for customer in ("older", "newer"):
            application.change_access(operator, grants.GrantAccess(email("anna"), "customer_admin", customer))
        yield application, application.person(email("anna"))


def test_a_new_feature_is_switched_on_with_its_sub_processor(desk):
    application, anna = desk
    for customer in ("older", "newer"):
        file = application.open(anna, customer)
        bare = features.SetFeatures({"translation": True})
        asked = features.consequences(bare, file.state.features, file.context)
        assert [s.name for s in asked.added] == ["Lingua"]
        assert asked.to_acknowledge == {"lingua"}
        carry_out(application, anna, customer, translation=True)
        frozen = freeze(application.open(anna, customer))
        assert [f.id for f in frozen.features if f.on] == ["translation"]
    assert application.verify() == []


def test_each_customer_keeps_its_version_and_the_newest_binds_the_provider(desk):
    application, anna = desk
    found = [application.open(anna, customer).agreement for customer in ("older", "newer")]
    assert [(a.version, a.term("sub_processor_notice").value) for a in found] == [
        (VERSION, 30),
        ("2027-01-01", 40),
    ]
    operator = access.operator(NOW)
    draft = sub_processors.DraftChange(
        "addition",
        None,
        "Nordtel",
        "Call routing",
        features=("translation",),
        places=("eu_eea",),
        reason="Coverage",
    )
    change = application.govern(operator, draft, application.open_provider(operator).sequence).sequence
    effective = dates.local_day(NOW) + timedelta(days=35)  # enough for 30 days, too soon for 40
    with pytest.raises(Refusal, match="before 40 whole days"):
        application.govern(operator, sub_processors.PublishChange(change, effective), change)
