"""What switching features brings about, and the acknowledgement that a transfer wants."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dpa_core.agreement import Agreement, SubProcessor
from dpa_core.application import CustomerFile
from dpa_core.subjects import features
from dpa_core.views import notices
from pages.parts import announced, show, words
from pages.parts.actions import Form
from pages.parts.words import md, note, say


def card(result: features.Consequences, agreement: Agreement) -> None:
    """What the instruction would bring about, in words. Clauses: Sch. 2 2.2, 3.1(vii)"""
    switched = [f"{f.name} on" for f in result.switched_on] + [f"{f.name} off" for f in result.switched_off]
    say("**{}**", words.listed(switched))
    engaged(result, agreement)
    if result.transfers:
        _transfers(result)
    elif result.switched_on:
        st.markdown(
            ":material/location_on: The list names places in the EU and EEA only for the sub-processors of "
            "these features."
        )
    if result.data_categories:
        names = words.listed([c.name for c in result.data_categories])
        say(":material/category: **Data categories touched:** {}", names)
        st.caption("Our reading: the agreement does not say which categories a feature touches.")
    show.clauses(result.clauses, agreement)


def engaged(result: features.Consequences, agreement: Agreement) -> None:
    """Which sub-processors come, go, or stay. Clause: Sch. 2 2.2"""
    if result.added:
        _added(result.added, agreement)
    if result.removed:
        gone = (md("**{}** · {}", s.name, show.places(s, agreement)) for s in result.removed)
        words.bullets(":material/remove_circle: **Sub-processors removed**", gone)
    for s, keeping in result.kept:
        names = words.listed([f.name for f in keeping])
        verb = "is" if len(keeping) == 1 else "are"
        say(":material/link: **{}** stays, as {} {} on.", s.name, names, verb)
    for s, using in result.already:
        say(
            ":material/link: **{}** is engaged already, by {}.", s.name, words.listed([f.name for f in using])
        )
    if not result.added and not result.removed:
        st.markdown("No sub-processor is added or removed.")


def _added(added: Sequence[SubProcessor], agreement: Agreement) -> None:
    points = (
        md(
            "**{}** · {} · {} · {}",
            s.name,
            s.purpose,
            show.places(s, agreement),
            show.mechanisms(s, agreement),
        )
        for s in added
    )
    words.bullets(":material/add_circle: **Sub-processors added**", points)
    for s in added:
        if any(location.role != "processing" for location in s.locations):
            note(":material/info: {}, in the agreement’s words: {}", s.name, s.location_wording)


def coming(result: features.Consequences, file: CustomerFile) -> None:
    """What is announced for the sub-processors of the features switched on. Clause: Sch. 2 1.1"""
    ids = [f.id for f in result.switched_on]
    if sentences := announced.of_features(notices.ahead(file), ids):
        words.bullets(":material/campaign: **Announced for these features**", sentences)


def acceptance(result: features.Consequences, form: Form) -> frozenset[int]:
    """A box to tick where a feature was ended over a change of the list; the changes accepted.
    Clause: Sch. 2 1.2"""
    if not result.to_accept:
        return frozenset()
    file = form.file
    titles = words.listed([file.changes[id].change.title for id in result.to_accept])
    ticked = st.checkbox(
        md("I accept what we objected to: {}. It can be switched on only together with that.", titles),
        key=f"{form.acknowledged()}.changes",
    )
    return frozenset(result.to_accept) if ticked else frozenset()


def acknowledgement(result: features.Consequences, agreement: Agreement, key: str) -> frozenset[str]:
    """A box to tick where something is transferred; the sub-processors acknowledged. Clause: 3.1(vii)"""
    if not result.transfers:
        return frozenset()
    names = words.listed([s.name for s in agreement.sub_processors if s.id in result.to_acknowledge])
    ticked = st.checkbox(
        md(
            "I acknowledge that personal data is transferred outside the EU and EEA, or may be reached "
            "from there, by {}, under the safeguards above.",
            names,
        ),
        key=key,
    )
    return result.to_acknowledge if ticked else frozenset()


_HAPPENS = {"processing": "processes in", "delivery": "delivers from", "access": "may be reached from"}


def _transfers(result: features.Consequences) -> None:
    points = []
    for t in result.transfers:
        by = " + ".join(t.labels)
        points.append(f"{t.sub_processor.name} {_HAPPENS[t.role]} {t.place.name}, under {by}")
    words.bullets(":material/public: **Transfers outside the EU and EEA**", points)
    if result.new_third_countries:
        say("New for you: {}.", words.listed([p.name for p in result.new_third_countries]))
    used = {m.id: m for t in result.transfers for m in t.mechanisms}
    st.caption(words.lines((f"{m.code}: {m.name}. {m.summary}" for m in used.values()), "  \n"))
