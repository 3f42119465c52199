"""What makes running pages one by one cheap."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner


@pytest.fixture(autouse=True, scope="session")
def _light_app_test() -> Iterator[None]:
    """AppTest reads the metadata of every installed package anew for each page, to find components of
    Streamlit, and collects garbage after each run; both take many times longer than the page itself."""
    once = cache(manifest_scanner.scan_component_manifests)
    collects = config.get_option("runner.postScriptGC")
    config.set_option("runner.postScriptGC", False)
    with patch.object(manifest_scanner, "scan_component_manifests", once):
        yield
    config.set_option("runner.postScriptGC", collects)
