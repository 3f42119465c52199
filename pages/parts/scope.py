"""What a page knows about its visit. `app.py` sets it anew on every run, after the sign-in gate."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dpa_core.office import CustomerFile, Office
from dpa_core.snapshots.sign import KeyRing

_KEY = "scope"
RUNNING = "review.running"
"""In the session state: the customer whose review runs; it has the whole screen."""


@dataclass(frozen=True)
class Scope:
    """The open office, and the customer this person looks at."""

    office: Office
    file: CustomerFile
    is_demo: bool
    keys: KeyRing
    """Signs the snapshots."""


def enter(scope: Scope) -> None:
    """Make this the scope of the run."""
    st.session_state[_KEY] = scope


def current() -> Scope:
    """The scope of the run."""
    scope: Scope = st.session_state[_KEY]
    return scope
