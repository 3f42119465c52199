"""Features to try on and off, with what that would mean at once. Nothing is recorded."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dpa_core.agreement.transfers import at_place
from dpa_core.application import CustomerFile
from dpa_core.subjects import features
from dpa_core.views.what_if import Trial, simulate
from pages.parts import consequences, show
from pages.parts.drafts import Draft
from pages.parts.scope import Scope
from pages.parts.words import md, say

_TRIED = "what_if.tried"


def tried(scope: Scope) -> dict[str, bool]:
    """What this person tries for this customer: identifier to on."""
    mine: dict[str, bool] = Draft(scope, _TRIED).known.content.get("switches", {})
    return {f.id: mine[f.id] for f in scope.file.agreement.features if f.id in mine}


def forget(scope: Scope) -> None:
    """Go back to what stands."""
    Draft(scope, _TRIED).drop()


def draw(scope: Scope) -> Trial:
    """The switches on the left, what they would mean on the right; the trial as it stands."""
    file = scope.file
    Draft(scope, _TRIED).show(partial(forget, scope), "what_if.discard")
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Try features on and off**")
        for feature in file.agreement.features:
            stands = feature.id in file.context.features_on
            key = f"try_{feature.id}"
            st.session_state[key] = stands if file.context.ended else tried(scope).get(feature.id, stands)
            st.toggle(
                md("{} ({} now)", feature.name, "on" if stands else "off"),
                key=key,
                on_change=_try,
                args=[scope, feature.id],
                disabled=bool(file.context.ended),
            )
        st.button("Back to what stands", on_click=forget, args=[scope], icon=":material/undo:")
    trial = simulate(file, tried(scope))
    with right:
        _meaning(trial, file)
    return trial


def _try(scope: Scope, id: str) -> None:
    wanted, mine = bool(st.session_state[f"try_{id}"]), tried(scope)
    if wanted == (id in scope.file.context.features_on):
        mine.pop(id, None)
    else:
        mine[id] = wanted
    Draft(scope, _TRIED).put("switches", mine)


def _meaning(trial: Trial, file: CustomerFile) -> None:
    st.markdown("**What that would mean**")
    if file.context.ended:
        st.markdown("The agreement is over: no feature can be switched on any more.")
    elif trial.consequences is None:
        st.markdown("Nothing differs from what stands. Flip a switch to see what it would change.")
    else:
        consequences.card(trial.consequences, file.agreement)
        consequences.coming(trial.consequences, file)
    show.outside_counts(trial.outside, trial.stands)
    if not trial.transfers:
        st.markdown(
            ":material/location_on: No feature engages a sub-processor that the list names a place outside "
            "the EU and EEA for."
        )
        return
    with st.container(border=True):
        say(":material/public: Because of features, outside the EU and EEA: {}.", _by(trial.transfers))
        for feature, left in trial.without:
            say("- Without **{}**: {}.", feature.name, _by(left) if left else "none")
        if not trial.without:
            st.markdown("No single feature brings them in; several do.")


def _by(found: tuple[features.Transfer, ...]) -> str:
    """`OpenAI, USA; Google Cloud Speech, a third country (access possible)`."""
    return "; ".join(f"{t.sub_processor.name}, {at_place(t.place.name, t.role)}" for t in found)
