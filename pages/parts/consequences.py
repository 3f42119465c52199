"""What switching features brings about, and the acknowledgement that a transfer wants."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dpa_core.agreement import Agreement, SubProcessor
from dpa_core.subjects import features
from pages.parts import show, words


def card(result: features.Consequences, agreement: Agreement) -> None:
    """What the instruction would bring about, in words. Clauses: Sch. 2 2.2, 3.1(vii)"""
    switched = [f"{f.name} on" for f in result.switched_on] + [f"{f.name} off" for f in result.switched_off]
    st.markdown(f"**{words.listed(switched)}**")
    engaged(result, agreement)
    if result.transfers:
        _transfers(result)
    elif result.switched_on:
        st.markdown(":material/location_on: All processing of these features stays in the EU and EEA.")
    if result.data_categories:
        names = words.listed([c.name for c in result.data_categories])
        st.markdown(f":material/category: **Data categories touched:** {names}")
        st.caption("Our reading: the agreement does not say which categories a feature touches.")
    show.clauses(result.clauses, agreement)


def engaged(result: features.Consequences, agreement: Agreement) -> None:
    """Which sub-processors come, go, or stay. Clause: Sch. 2 2.2"""
    if result.added:
        _added(result.added, agreement)
    if result.removed:
        lines = [":material/remove_circle: **Sub-processors removed**"]
        lines += [f"- **{s.name}** · {show.places(s, agreement)}" for s in result.removed]
        st.markdown("\n".join(lines))
    for s, keeping in result.kept:
        names = words.listed([f.name for f in keeping])
        verb = "is" if len(keeping) == 1 else "are"
        st.markdown(f":material/link: **{s.name}** stays, as {names} {verb} on.")
    for s, using in result.already:
        st.markdown(
            f":material/link: **{s.name}** is engaged already, by {words.listed([f.name for f in using])}."
        )
    if not result.added and not result.removed:
        st.markdown("No sub-processor is added or removed.")


def _added(added: Sequence[SubProcessor], agreement: Agreement) -> None:
    lines = [":material/add_circle: **Sub-processors added**"]
    for s in added:
        where, by = show.places(s, agreement), show.mechanisms(s, agreement)
        lines.append(f"- **{s.name}** · {s.purpose} · {where} · {by}")
    st.markdown("\n".join(lines))
    for s in added:
        if any(location.role != "processing" for location in s.locations):
            st.caption(f":material/info: {s.name}, in the agreement’s words: {s.location_wording}")


def acknowledgement(result: features.Consequences, agreement: Agreement, key: str) -> frozenset[str]:
    """A box to tick where something is transferred; the sub-processors acknowledged. Clause: 3.1(vii)"""
    if not result.transfers:
        return frozenset()
    names = words.listed([s.name for s in agreement.sub_processors if s.id in result.to_acknowledge])
    ticked = st.checkbox(
        f"I acknowledge that personal data is transferred outside the EU and EEA, or may be reached "
        f"from there, by {names}, under the safeguards above.",
        key=key,
    )
    return result.to_acknowledge if ticked else frozenset()


_HAPPENS = {"processing": "processes in", "delivery": "delivers from", "access": "may be reached from"}


def _transfers(result: features.Consequences) -> None:
    lines = [":material/public: **Transfers outside the EU and EEA**"]
    for t in result.transfers:
        by = " + ".join(m.code for m in t.mechanisms)
        lines.append(f"- {t.sub_processor.name} {_HAPPENS[t.role]} {t.place.name}, under {by}")
    st.markdown("\n".join(lines))
    if result.new_third_countries:
        st.markdown(f"New for you: {words.listed([p.name for p in result.new_third_countries])}.")
    used = {m.id: m for t in result.transfers for m in t.mechanisms}
    st.caption("  \n".join(f"{m.code}: {m.name}. {m.summary}" for m in used.values()))
