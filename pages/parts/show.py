"""Small pieces that several pages draw in the same way."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dpa_core.agreement import Agreement, SubProcessor
from dpa_core.office import CustomerFile, Refusal
from pages.parts import words


def header(title: str, sentence: str, file: CustomerFile) -> None:
    """The page's title, what it is for, and whose matters are shown."""
    st.title(title, anchor=False)
    moment = f" · :orange[as it stood on {words.day(file.as_of)}]" if file.as_of else ""
    st.caption(f"{words.plain(file.name)} · Agreement of {words.day(file.agreement.published)}{moment}")
    st.markdown(sentence)


def clause(id: str, agreement: Agreement) -> str:
    """A clause as cited, with its heading and summary for a tooltip."""
    found = agreement.clause(id)
    return f"**{id}** {found.heading}  \n{found.summary}"


def clauses(ids: Iterable[str], agreement: Agreement) -> None:
    """The clauses behind what is shown, each with its summary on hover."""
    with st.container(horizontal=True, gap="small"):
        for id in ids:
            st.badge(id, icon=":material/gavel:", color="gray", help=clause(id, agreement))


def mechanisms(sub_processor: SubProcessor, agreement: Agreement) -> str:
    """`SCC + TIA`, or that none is needed."""
    codes = [agreement.mechanism(m).code for m in sub_processor.mechanisms]
    return " + ".join(codes) or "None needed"


_ROLES = {"processing": "{}", "delivery": "{} (delivery)", "access": "{} (access possible)"}


def places(sub_processor: SubProcessor, agreement: Agreement) -> str:
    """Where it processes, delivers from, or may be reached from: `EU/EEA; USA (delivery)`."""
    return "; ".join(
        _ROLES[location.role].format(agreement.place(location.place).name)
        for location in sub_processor.locations
    )


def outside(sub_processor: SubProcessor, agreement: Agreement) -> bool:
    """Whether any of its places lies outside the EU and EEA."""
    return any(agreement.place(location.place).third_country for location in sub_processor.locations)


def refusal(problem: Refusal) -> None:
    """What was refused, what to do, and under which clause."""
    st.error(
        f"{words.plain(problem.message)} {words.plain(problem.remedy)} ({problem.clause})",
        icon=":material/block:",
    )


def quoted(text: str) -> None:
    """A reason somebody typed, exactly as typed."""
    if text:
        st.text(f"“{text}”")


def read_only(file: CustomerFile) -> None:
    """Why nothing can be changed here, where that is so."""
    if file.as_of is not None:
        return  # the banner says it
    if not file.allows("instruct"):
        st.info(
            "You can look at everything here. Instructions are given by an admin of the customer.",
            icon=":material/visibility:",
        )
