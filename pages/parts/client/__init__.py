"""Our scripts for the browser, each beside this file.

They come from an address of this server, as a script of a page has to: Streamlit would hand a script that is
given as text to the browser in a way that the pages' Content-Security-Policy rightly stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

_NAMES = ("checking", "connection", "typing", "uploads")
_PACKAGE = "dpa_desk"
_HERE = Path(__file__).parent
_MANIFEST = ComponentManifest(_PACKAGE, "1", [ComponentConfig(name, asset_dir=_HERE.name) for name in _NAMES])


def run(name: str, **options: Any) -> Any:
    """Run the script `<name>.js` on this page; what it tells. `options`: of Streamlit's components."""
    known = f"{_PACKAGE}.{name}"
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(known) is None:
        manager.register_from_manifest(_MANIFEST, _HERE.parent)
    return st.components.v2.component(known, js=f"{name}.js")(**options)
