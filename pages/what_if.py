"""Try features on and off without recording anything. Clauses: Sch. 2 2.2, 3.1(vii)"""

from __future__ import annotations

import streamlit as st

from dpa_core.views.what_if import Trial
from pages import features
from pages.parts import proposals, show, what_if
from pages.parts.scope import Scope


def page(scope: Scope) -> None:
    """The page."""
    file = scope.file
    show.header(
        "What if",
        "Try features on and off and see what that would mean for your data. Nothing is recorded.",
        file,
    )
    trial = what_if.draw(scope)
    if file.allows("instruct"):
        _stage(scope, trial)
    if file.allows("hold_review"):
        proposals.save(scope, trial)
    show.clauses(("Sch. 2 2.2", "3.1(vii)"), file.agreement)


def _stage(scope: Scope, trial: Trial) -> None:
    """Take what was tried to the Features page, where it is confirmed as an instruction."""
    if st.button(
        "Take these changes to Features", disabled=not trial.changes, icon=":material/arrow_forward:"
    ):
        features.stage(scope, dict(trial.changes))
        what_if.forget(scope)
        scope.go("features")
