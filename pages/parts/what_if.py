"""Features to try on and off, with what that would mean at once. Nothing is recorded."""

from __future__ import annotations

import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.subjects import features
from dpa_core.views.what_if import Trial, simulate
from pages.parts import consequences, words
from pages.parts.words import md, say

_TRIED = "what_if.tried"


def tried(file: CustomerFile) -> dict[str, bool]:
    """What this person tries for this customer: identifier to on."""
    mine: dict[str, bool] = st.session_state.setdefault(_TRIED, {}).setdefault(file.customer_id, {})
    return mine


def forget(file: CustomerFile) -> None:
    """Go back to what stands."""
    tried(file).clear()


def draw(file: CustomerFile) -> Trial:
    """The switches on the left, what they would mean on the right; the trial as it stands."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Try features on and off**")
        for feature in file.agreement.features:
            stands = feature.id in file.state.features.on
            key = f"try_{feature.id}"
            st.session_state[key] = tried(file).get(feature.id, stands)
            st.toggle(
                md("{} ({} now)", feature.name, "on" if stands else "off"),
                key=key,
                on_change=_try,
                args=[file, feature.id],
            )
        st.button("Back to what stands", on_click=forget, args=[file], icon=":material/undo:")
    trial = simulate(file, tried(file))
    with right:
        _meaning(trial, file)
    return trial


def _try(file: CustomerFile, id: str) -> None:
    wanted = bool(st.session_state[f"try_{id}"])
    if wanted == (id in file.state.features.on):
        tried(file).pop(id, None)
    else:
        tried(file)[id] = wanted


def _meaning(trial: Trial, file: CustomerFile) -> None:
    st.markdown("**What that would mean**")
    if trial.consequences is None:
        st.markdown("Nothing differs from what stands. Flip a switch to see what it would change.")
    else:
        consequences.card(trial.consequences, file.agreement)
    have = "would have" if trial.changes else "have"
    with st.container(border=True):
        if not trial.transfers:
            say(
                ":material/location_on: You {} no third-country transfer, except that the core "
                "service’s CDN delivers from outside the EU and EEA.",
                have,
            )
            return
        say(":material/public: You {} {}.", have, _transfers(trial.transfers))
        for feature, left in trial.without:
            rest = md("there would still be {}", _transfers(left)) if left else "there would be none"
            say("- Without **{}** {}.", feature.name, rest)
        if not trial.without:
            st.markdown("No single feature brings them in; several do.")


def _transfers(found: tuple[features.Transfer, ...]) -> str:
    """`2 third-country transfers: OpenAI (USA) and DeepGram (USA)`."""
    named = [f"{t.sub_processor.name} ({t.place.name})" for t in found]
    return f"{words.count(len(found), 'third-country transfer')}: {words.listed(named)}"
