"""The README says what each figure is for, and names none that there is not."""

import re
import socket
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dpa_core import ROOT, metrics, web
from dpa_core.settings import SettingsError, read_settings
from tests.ports import free_port

SUFFIX = re.compile(r"_(bucket|count|sum|total|info|created)$")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_that_is_taken_is_said(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "in use" in metrics.why_not("127.0.0.1", port)
    assert metrics.why_not(host, free_port()) == ""


def test_a_server_does_not_start_without_the_metrics_it_was_told_to_show(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = read_settings(
            public_url="http://desk.example", cookie_secret="x" * 32,
            metrics_address=place, data_dir=tmp_path,
            oidc_metadata_url="http://id.example", oidc_client_id="a", oidc_client_secret="b",
        )  # fmt: skip
        with pytest.raises(SettingsError) as caught:
            web.serving(settings)
    assert str(caught.value) == f"DPA_METRICS_ADDRESS: nothing can listen at {place}: address already in use."
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_none_is_said() -> None:
    assert metrics.why_not("no such host", 9464) != ""


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
