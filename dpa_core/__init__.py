"""DPA Desk: a customer's configuration under a Data Processing Agreement, as documented instructions."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_site"

ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
"""The folder of `app.py`, `pages/`, `data/` and `.streamlit/`: inside this package where a wheel was
installed, around it in a checkout."""
