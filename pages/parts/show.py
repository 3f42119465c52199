"""Small pieces that several pages draw in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dpa_core.agreement import Agreement, Location, SubProcessor
from dpa_core.application import CustomerFile
from dpa_core.subjects.texts import MAX_REASON
from pages.parts import actions, words

Color = Literal["red", "orange", "blue", "green", "violet", "gray"]
Look = tuple[str, Color]
"""How a status looks beside its word: icon and colour."""


@dataclass(frozen=True)
class Status:
    """What a badge says: word, icon and colour."""

    word: str
    look: Look


def header(title: str, sentence: str, file: CustomerFile) -> None:
    """The page's title, what it is for, which customer is shown, and what was just recorded."""
    st.title(title, anchor=False)
    moment = f" · :orange[as it stood on {words.day(file.as_of)}]" if file.as_of else ""
    st.caption(f"{words.plain(file.name)} · Agreement of {words.day(file.agreement.published)}{moment}")
    st.markdown(sentence)
    actions.receipt()


def heading(title: str, status: Status) -> None:
    """The head of a card: its title on the left, how it stands on the right. `title`: plain text."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(words.plain(title), anchor=False)
        badge(status)


def badge(status: Status) -> None:
    """A status in word, icon and colour."""
    icon, color = status.look
    st.badge(status.word, icon=icon, color=color)


def sides(parts: Mapping[str, Callable[[], None]]) -> None:
    """What belongs to one side each, by its name: a tab a side, and no tabs where there is one only."""
    if len(parts) == 1:
        (draw,) = parts.values()
        draw()
        return
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab:
            draw()


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
    """`SCC + TIA`, or that there is no transfer."""
    codes = [agreement.mechanism(m).code for m in sub_processor.mechanisms]
    return " + ".join(codes) or "No transfer"


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


def reason(form: actions.Form, *, required: bool) -> str:
    """A field for the reason of an instruction."""
    return st.text_area(
        **form.field("reason", f"Reason ({'required' if required else 'optional'})"),
        help=f"Kept with the instruction. {MAX_REASON:,} characters at the most.",
        placeholder="Why, or a ticket number of yours",
    )


def place(location: Location, agreement: Agreement) -> str:
    """One place and, unless data is processed there, what happens: `USA (delivery)`."""
    return _ROLES[location.role].format(agreement.place(location.place).name)
