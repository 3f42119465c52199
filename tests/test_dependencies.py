"""What is imported is declared, what is declared is imported, and each has its place and version."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from dpa_core import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FILES = [ROOT / "app.py", *ROOT.glob("dpa_core/**/*.py"), *ROOT.glob("pages/**/*.py")]
OURS = {"dpa_core", "pages"}
NOT_IMPORTED = {"itsdangerous": "Starlette signs the cookie of a sign-in that is under way with it"}
_FONTS = "another font is another PDF, and one that was filed before would no longer verify"
EXACT = {
    "duckdb": "the store is a file in its format, so a step up is made on purpose",
    "manimgx-fonts": _FONTS,
    "manimgx-fonts-cjk": _FONTS,
}


def name(requirement: str) -> str:
    """`duckdb==1.5.5`: `duckdb`, in the form in which names are compared."""
    return normal(re.match(r"[\w.-]+", requirement)[0])


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def imported(files: list[Path]) -> set[str]:
    """The distributions of others that these files import from, wherever in the file the import stands."""
    modules = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.module, f"{file}: imports by a relative name are not ours"
                modules.add(node.module.partition(".")[0])
    brought_by = packages_distributions()
    others = modules - OURS - set(sys.stdlib_module_names)
    return {normal(brought_by[module][0]) for module in others}


DECLARED = {name(requirement) for requirement in PROJECT["dependencies"]}
OF_THE_DEMO = {name(requirement) for requirement in PROJECT["optional-dependencies"]["demo"]}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    assert imported(FILES) | NOT_IMPORTED.keys() == DECLARED | OF_THE_DEMO


def test_only_the_demo_imports_what_its_extra_brings():
    production = [file for file in FILES if file != ROOT / "dpa_core" / "demo.py"]
    assert imported(production).isdisjoint(OF_THE_DEMO)
    assert DECLARED.isdisjoint(OF_THE_DEMO)


def test_every_dependency_is_pinned_to_a_minor_version():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in (r for group in groups for r in group if not r.startswith(PROJECT["name"])):
        pin = "==" if name(requirement) in EXACT else "~="
        assert re.fullmatch(rf"[\w.-]+(\[\w+\])?{pin}\d+\.\d+\.\d+(\.post\d+)?", requirement), requirement
