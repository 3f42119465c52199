"""Switch optional features, and see before confirming what that does. Clauses: Sch. 2 2.2, 3.1(vii)"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dpa_core.agreement import Feature, SubProcessor
from dpa_core.office import CustomerFile, Refusal
from dpa_core.subjects import features
from pages.parts import consequences, show, words
from pages.parts.scope import Scope, current

STAGED, OPEN, LAST, SEEN, MEANWHILE, ROUND = (
    f"features.{k}" for k in ("staged", "open", "last", "seen", "meanwhile", "round")
)


@dataclass(frozen=True)
class Card:
    """One feature as its card shows it."""

    feature: Feature
    on: bool
    since: str
    sub_processors: tuple[SubProcessor, ...]


def read(scope: Scope) -> list[Card]:
    """The cards, in the agreement's order."""
    file = scope.file
    cards = []
    for feature in file.agreement.features:
        switch = file.state.features.switches.get(feature.id)
        since = ""
        if switch:
            word = "On" if switch.on else "Off"
            by = words.address(switch.by)
            since = f"{word} since {words.day(switch.since)}, by {by} (instruction {switch.sequence})"
        cards.append(
            Card(feature, bool(switch and switch.on), since, features.of_feature(feature.id, file.agreement))
        )
    return cards


def draw(scope: Scope, cards: list[Card]) -> None:
    """The page."""
    file = scope.file
    on = sum(card.on for card in cards)
    show.header(
        "Features",
        f"{on} of {words.count(len(cards), 'optional feature')} on. "
        "A feature engages the sub-processors on its card. One that several features use is released when "
        "the last of them is off.",
        file,
    )
    show.read_only(file)
    staged = _staged(file)
    _bar(file, staged)
    left, right = st.columns(2, gap="medium")
    for number, card in enumerate(cards):
        with left if number % 2 == 0 else right:
            _card(card, file, staged)
    show.clauses((features.CLAUSE, features.TRANSFER_CLAUSE, "3.1(i)"), file.agreement)
    if st.session_state.pop(OPEN, False) and staged:
        _review(scope)


def _staged(file: CustomerFile) -> dict[str, bool]:
    """What is staged for this customer, less what has come true meanwhile."""
    if not file.allows("instruct"):
        return {}
    all_staged: dict[str, dict[str, bool]] = st.session_state.setdefault(STAGED, {})
    mine = all_staged.get(file.customer_id, {})
    left = {id: on for id, on in mine.items() if on != (id in file.state.features.on)}
    all_staged[file.customer_id] = left
    return left


def _bar(file: CustomerFile, staged: dict[str, bool]) -> None:
    if not staged:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="staged_bar"):
        named = [f"{file.agreement.feature(id).name} {'on' if on else 'off'}" for id, on in staged.items()]
        st.markdown(
            f"**{words.count(len(staged), 'change')} staged, not recorded yet:** {words.listed(named)}"
        )
        st.button("Review and confirm", type="primary", on_click=_open, args=[file.sequence])
        st.button("Discard", on_click=staged.clear)


def _open(sequence: int, toggled: tuple[str, str] | None = None) -> None:
    """`toggled`: the customer and switch that opened the dialog; X or Escape flips that one back."""
    st.session_state[OPEN] = True
    st.session_state[LAST] = toggled
    st.session_state[SEEN] = sequence
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.session_state.pop(MEANWHILE, None)


def _card(card: Card, file: CustomerFile, staged: dict[str, bool]) -> None:
    feature, agreement = card.feature, file.agreement
    with st.container(border=True, key=f"card_{feature.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(feature.name, anchor=False)
            _state_badge(card, staged)
        st.markdown(feature.purpose)
        for s in card.sub_processors:
            where = show.places(s, agreement)
            icon = ":material/public:" if show.outside(s, agreement) else ":material/location_on:"
            st.markdown(f"{icon} **{s.name}** · {where} · {show.mechanisms(s, agreement)}")
        if feature.source_note:
            st.caption(f":material/info: {feature.source_note}")
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            key = f"switch_{feature.id}"
            # The switch always shows what is staged, or else what stands, whatever was clicked before.
            st.session_state[key] = staged.get(feature.id, card.on)
            st.toggle(
                f"Switch {feature.name}",
                key=key,
                disabled=not file.allows("instruct"),
                on_change=_toggled,
                args=[feature.id, card.on, file.customer_id, file.sequence],
            )
            if card.since:
                st.caption(card.since)


def _state_badge(card: Card, staged: dict[str, bool]) -> None:
    if card.feature.id in staged:
        word = "on" if staged[card.feature.id] else "off"
        st.badge(f"To be switched {word}", icon=":material/pending:", color="orange")
    elif card.on:
        st.badge("On", icon=":material/check_circle:", color="green")
    else:
        st.badge("Off", icon=":material/circle:", color="gray")


def _toggled(id: str, stands: bool, customer_id: str, sequence: int) -> None:
    staged: dict[str, bool] = st.session_state.setdefault(STAGED, {}).setdefault(customer_id, {})
    if staged.pop(id, None) is None:
        staged[id] = not stands
        _open(sequence, (customer_id, id))


def _closed() -> None:
    if toggled := st.session_state.pop(LAST, None):
        customer_id, feature = toggled
        st.session_state[STAGED].get(customer_id, {}).pop(feature, None)


# --- the dialog ----------------------------------------------------------------------------------


@st.dialog("Review the instruction", width="medium", icon=":material/fact_check:", on_dismiss=_closed)
def _review(scope: Scope) -> None:
    state = st.session_state
    file = show.reopened(scope)
    staged = _staged(file)
    show.meanwhile(state.get(MEANWHILE), file)
    if not staged:
        st.markdown("All that you staged stands already. There is nothing left to confirm.")
        if st.button("Close"):
            st.rerun()
        return
    try:
        result = features.consequences(
            features.Instruct(staged), file.state.features, file.agreement, file.now
        )
    except Refusal as problem:
        show.refusal(problem)
        return
    consequences.card(result, file.agreement)
    turn = f"{state.get(ROUND, 0)}_{state.get(SEEN)}"
    acknowledged = consequences.acknowledgement(result, file.agreement, f"acknowledge_{turn}")
    reason = show.reason("features.reason", required=False)
    show.recorded_as(file)
    told = st.container()
    with st.container(horizontal=True):
        confirmed = st.button("Confirm instruction", type="primary", icon=":material/task_alt:")
        if st.button("Stage and choose more"):
            st.rerun()
        if st.button("Discard all"):
            staged.clear()
            st.rerun()
    if confirmed:
        with told:
            _confirm(scope, features.Instruct(dict(staged), reason, acknowledged))


def _confirm(scope: Scope, command: features.Instruct) -> None:
    state, file = st.session_state, scope.file
    if receipt := show.carried_out(scope, command, "features"):
        state[STAGED][file.customer_id] = {}
        state.pop("features.reason", None)
        changes = command.changes.items()
        names = [f"{file.agreement.feature(id).name} {'on' if on else 'off'}" for id, on in changes]
        show.recorded(f"Instruction {receipt.sequence} recorded: {words.listed(names)}.")
        st.rerun()


draw(current(), read(current()))
