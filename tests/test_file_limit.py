"""The limit for a file is one number: in the setting, on the way here, at the door and on the screen."""

from __future__ import annotations

import pytest
import streamlit.config

from dpa_core import web
from dpa_core.application import Application
from dpa_core.files import MAX_BYTES, MEGABYTE
from dpa_core.settings import ROOT, Settings
from dpa_core.subjects.common import Refusal
from tests.pages import visit
from tests.test_settings import GOOD


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """Those of a server that takes files of 30 MB."""
    monkeypatch.chdir(tmp_path)
    for name, value in {**GOOD, "DPA_MAX_FILE_MB": "30", "DPA_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def served(settings, monkeypatch):
    """The site that these settings open; closed again afterwards."""
    monkeypatch.setattr(web, "_site", None)
    yield lambda: web.site().application
    web.site().application.ledger.close()


def test_a_setting_above_25_counts_at_the_door_and_on_the_way(settings, served):
    web.serving(settings)
    assert served().files.limit == 30 * MEGABYTE
    config = web.config(settings.address, settings.port, settings.max_file_mb)
    assert config["server.maxUploadSize"] == 30


def test_streamlit_run_has_the_same_limit(settings, served, monkeypatch):
    chosen = {}
    monkeypatch.setattr(streamlit.config, "set_option", lambda key, value: chosen.update({key: value}))
    web.from_environment()
    assert chosen == {"server.maxUploadSize": 30}
    assert served().files.limit == 30 * MEGABYTE


def test_nothing_else_sets_a_limit():
    assert "maxUploadSize" not in (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert web.config("localhost", 1)["server.maxUploadSize"] * MEGABYTE == MAX_BYTES


@pytest.mark.parametrize("most", [1, 25, 40])
def test_the_screen_names_the_limit_of_the_door(application, people, store, agreement, clock, most):
    other = Application(application.ledger, application.agreements, clock, most * MEGABYTE)
    at = visit("assistance", other, people.anna, "nordfrakt")
    [uploader] = at.file_uploader
    assert uploader.proto.max_upload_size_mb == most
    assert f"up to {most} MB each" in uploader.proto.help
    assert other.attach(people.anna, "nordfrakt", "a.txt", b"x" * most * MEGABYTE).size == most * MEGABYTE
    with pytest.raises(Refusal, match=f"at most {most} MB"):
        other.attach(people.anna, "nordfrakt", "a.txt", b"x" * (most * MEGABYTE + 1))
