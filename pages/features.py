"""Switch optional features, and see before confirming what that does. Clauses: Sch. 2 2.2, 3.1(vii)"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import streamlit as st

from dpa_core.agreement import Feature, SubProcessor
from dpa_core.application import CustomerFile, Receipt
from dpa_core.subjects import features
from dpa_core.views import notices
from pages.parts import actions, announced, consequences, show, words
from pages.parts.drafts import Draft
from pages.parts.scope import Scope
from pages.parts.words import md, say

STAGED, LAST = "features.staged", "features.last"
"""The draft of what is staged, and in the session state the switch that opened the dialog."""
REVIEW = "features.review"
"""The dialog."""
OURS = "What each feature does is our description: the agreement names the features only."


@dataclass(frozen=True)
class Card:
    """One feature as its card shows it."""

    feature: Feature
    on: bool
    since: words.Markdown
    sub_processors: tuple[SubProcessor, ...]
    announced: list[words.Markdown]
    """What is to change about them, a sentence each."""


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> list[Card]:
    """The cards, in the agreement's order."""
    file = scope.file
    cards = []
    ahead = notices.ahead(file)
    for feature in file.agreement.features:
        switch = file.state.features.switches.get(feature.id)
        since = md("")
        if switch and switch.on and file.context.ended:
            since = md("Off since the end of the agreement, {}", words.day(file.context.ended))
        elif switch:
            word = "On" if switch.on else "Off"
            by = words.person(file, switch.by)
            since = md(
                "{} since {}, by {} (instruction {})", word, words.day(switch.since), by, switch.sequence
            )
        cards.append(
            Card(
                feature,
                feature.id in file.context.features_on,
                since,
                features.of_feature(feature.id, file.agreement),
                announced.of_feature(ahead, feature.id),
            )
        )
    return cards


def draw(scope: Scope, cards: list[Card]) -> None:
    """What it shows."""
    file = scope.file
    on = sum(card.on for card in cards)
    show.header(
        "Features",
        f"{on} of {words.count(len(cards), 'optional feature')} on. "
        "A feature engages the sub-processors on its card. One that several features use is released when "
        "the last of them is off.",
        file,
    )
    show.outside_line(features.outside_of(features.engaged_now(file.context), file.agreement))
    st.caption(OURS)
    show.read_only(file)
    if file.context.ended:
        st.info(
            "The agreement is over, so every feature is off and none can be switched on: its data is to be "
            "returned or deleted (3.1(xi); that this ends the features too is our reading).",
            icon=":material/event_busy:",
        )
    staged = _staged(scope)
    _bar(scope, staged)
    left, right = st.columns(2, gap="medium")
    for number, card in enumerate(cards):
        with left if number % 2 == 0 else right:
            _card(card, scope, staged)
    show.clauses((features.CLAUSE, features.TRANSFER_CLAUSE, "3.1(i)"), file.agreement)
    if file.allows("instruct"):
        actions.declare(scope, REVIEW, _dialog(scope))


def _staged(scope: Scope) -> dict[str, bool]:
    """What is staged for this customer, less what has come true meanwhile."""
    file = scope.file
    if not _may_switch(file):
        return {}
    mine: dict[str, bool] = Draft(scope, STAGED).known.content.get("switches", {})
    known = {f.id for f in file.agreement.features}
    return {id: on for id, on in mine.items() if id in known and on != (id in file.context.features_on)}


def _may_switch(file: CustomerFile) -> bool:
    """Whether the person may switch features here: for the customer, while the agreement runs."""
    return file.allows("instruct") and not file.context.ended


def stage(scope: Scope, staged: dict[str, bool]) -> None:
    """Keep what is staged, in place of what was."""
    Draft(scope, STAGED).put("switches", staged)


def _bar(scope: Scope, staged: dict[str, bool]) -> None:
    file = scope.file
    if not _may_switch(file):
        return
    Draft(scope, STAGED).show(partial(stage, scope, {}), "features.discard")
    if not staged:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="staged_bar"):
        named = [f"{file.agreement.feature(id).name} {'on' if on else 'off'}" for id, on in staged.items()]
        say("**{} staged, not recorded yet:** {}", words.count(len(staged), "change"), words.listed(named))
        st.button("Review and confirm", type="primary", on_click=_open)
        st.button("Discard", on_click=stage, args=[scope, {}])


def _open(toggled: str | None = None) -> None:
    """`toggled`: the switch that opened the dialog; X or Escape flips that one back."""
    st.session_state[LAST] = toggled
    actions.open(REVIEW)


def _card(card: Card, scope: Scope, staged: dict[str, bool]) -> None:
    file = scope.file
    feature = card.feature
    with st.container(border=True, key=f"card_{feature.id}"):
        show.heading(feature.name, _status(card, staged, file))
        st.markdown(_described(card, file))
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            key = f"switch_{feature.id}"
            # The switch always shows what is staged, or else what stands, whatever was clicked before.
            st.session_state[key] = staged.get(feature.id, card.on)
            st.toggle(
                md("Switch {}", feature.name),
                key=key,
                disabled=not _may_switch(file),
                on_change=_toggled,
                args=[feature.id, card.on, scope],
            )
            if card.since:
                st.caption(words.plain(card.since))


def _described(card: Card, file: CustomerFile) -> words.Markdown:
    """What the feature is for and whom it engages, as one element: a browser draws every one of a page anew
    each time a step begins or ends."""
    feature, agreement = card.feature, file.agreement
    parts = [words.plain(feature.purpose)]
    if not card.sub_processors:
        parts.append(_by_nobody(file))
    for s in card.sub_processors:
        icon = words.icon(":material/public:" if show.outside(s, agreement) else ":material/location_on:")
        places, mechanisms = show.places(s, agreement), show.mechanisms(s, agreement)
        parts.append(md("{} **{}** · {} · {}", icon, s.name, places, mechanisms))
    parts += card.announced
    if feature.source_note:
        parts.append(md(":small[:material/info: {}]", feature.source_note))
    return words.lines(parts, "\n\n")


def _by_nobody(file: CustomerFile) -> words.Markdown:
    """Of a feature that engages no sub-processor on the customer's list. Clause: Sch. 2 1.1"""
    if any(p.change.taken_over and not p.withdrawn_at for p in file.changes.values()):
        name = file.agreement.processor.name
        return md(":material/home_work: Done by {} itself, without a sub-processor", name)
    return md(":material/pause_circle: Nobody on your list of sub-processors does this now")


def _status(card: Card, staged: dict[str, bool], file: CustomerFile) -> show.Status:
    if card.feature.id in staged:
        word = "on" if staged[card.feature.id] else "off"
        return show.Status(f"To be switched {word}", (":material/pending:", "orange"))
    if card.on and card.feature.id in file.context.suspended:
        return show.Status("On, suspended", (":material/pause_circle:", "orange"))
    if card.on:
        return show.Status("On", (":material/check_circle:", "green"))
    return show.Status("Off", (":material/circle:", "gray"))


def _toggled(id: str, stands: bool, scope: Scope) -> None:
    staged = _staged(scope)
    if staged.pop(id, None) is not None:
        stage(scope, staged)
        return
    stage(scope, {**staged, id: not stands})
    _open(id)


def _closed(scope: Scope) -> None:
    if toggled := st.session_state.pop(LAST, None):
        stage(scope, {id: on for id, on in _staged(scope).items() if id != toggled})


# --- the dialog ----------------------------------------------------------------------------------


def _fields(form: actions.Form) -> actions.Make | None:
    file = form.file
    staged = _staged(form.scope)
    if not staged:
        st.markdown("All that you staged stands already. There is nothing left to confirm.")
        return None
    result = actions.attempt(
        lambda: features.consequences(features.SetFeatures(staged), file.state.features, file.context)
    )
    form.leave("Discard all", partial(stage, form.scope, {}))
    if result is None:
        return None
    consequences.card(result, file.agreement)
    consequences.coming(result, file)
    accepted = consequences.acceptance(result, form)
    acknowledged = consequences.acknowledgement(result, file.agreement, form.acknowledged())
    reason = show.reason(form, required=False)
    return lambda: features.SetFeatures(dict(staged), reason, acknowledged, accepted)


def _dialog(scope: Scope) -> actions.Dialog:
    def recorded(_: Receipt) -> str:
        Draft(scope, STAGED).drop()
        return ""

    return actions.Dialog(
        "Review the instruction",
        "Confirm instruction",
        _fields,
        icon=":material/fact_check:",
        kept="instruction",
        leave="Stage and choose more",
        then=recorded,
        on_dismiss=partial(_closed, scope),
    )
