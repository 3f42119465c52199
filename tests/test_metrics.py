"""The README says what each figure is for, and names none that there is not."""

import re

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dpa_core import ROOT, metrics

SUFFIX = re.compile(r"_(bucket|count|sum|total|info|created)$")


def test_the_readme_names_what_there_is_and_all_of_it() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    named = {SUFFIX.sub("", name) for name in re.findall(r"\bdpa_[a-z_]+(?=[\[{`(])", readme)}
    metrics.BUILD.info({"version": "1"})
    there = {
        SUFFIX.sub("", family.name)
        for family in text_string_to_metric_families(generate_latest().decode())
        if family.name.startswith("dpa_")
    }
    assert named - {"dpa_core"} == there
