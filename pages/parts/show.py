"""Small pieces that several pages draw in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from dpa_core.agreement import Agreement, Location, SubProcessor
from dpa_core.agreement.transfers import at_place, mechanisms_in_words
from dpa_core.application import CustomerFile
from dpa_core.subjects.features import OUTSIDE, Outside
from dpa_core.subjects.texts import MAX_REASON
from dpa_core.views.data_return import end_in_words
from pages.parts import actions, words
from pages.parts.words import md, note

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
    st.title(words.plain(title), anchor=False)
    moment = md(" · :orange[as it stood on {}]", words.day(file.as_of)) if file.as_of else ""
    last = file.context.ends_on
    end = md(" · :material/event_busy: **{}**", end_in_words(last, file.now)) if last else ""
    note("{} · Agreement of {}{}{}", file.name, words.day(file.agreement.published), end, moment)
    st.markdown(words.plain(sentence))
    actions.receipt()


def heading(title: str, status: Status) -> None:
    """The head of a card: its title on the left, how it stands on the right. `title`: plain text."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(words.plain(title), anchor=False)
        badge(status)


def badge(status: Status, help: words.Markdown | None = None) -> None:
    """A status in word, icon and colour.

    As Streamlit's own badge, which escapes brackets a second time and so makes them count again.
    """
    icon, color = status.look
    text = md(":{}-badge[{} {}]", color, words.icon(icon), status.word)
    st.markdown(text, help=help, width="content")


def table(cells: object, *, hide_index: bool | None = None, hide_header: bool | None = None) -> None:
    """A table that is read, not worked with: a list of rows, or columns by name."""
    st.table(_escaped(cells), border="horizontal", hide_index=hide_index, hide_header=hide_header)


def _escaped(cells: object) -> Any:
    match cells:
        case str():
            return words.plain(cells)
        case Mapping():
            return {words.plain(str(name)): _escaped(of) for name, of in cells.items()}
        case list():
            return [_escaped(cell) for cell in cells]
    return cells


def sides(parts: Mapping[str, Callable[[], None]]) -> None:
    """What belongs to one side each, by its name: a tab a side, and no tabs where there is one only."""
    if len(parts) == 1:
        (draw,) = parts.values()
        draw()
        return
    for tab, draw in zip(st.tabs([words.plain(name) for name in parts]), parts.values(), strict=True):
        with tab:
            draw()


def clause(id: str, agreement: Agreement) -> words.Markdown:
    """A clause as cited, with its heading and summary for a tooltip."""
    found = agreement.clause(id)
    return md("**{}** {}  \n{}", id, found.heading, found.summary)


def clauses(ids: Iterable[str], agreement: Agreement) -> None:
    """The clauses behind what is shown, each with its summary on hover."""
    with st.container(horizontal=True, gap="small"):
        for id in ids:
            badge(Status(id, (":material/gavel:", "gray")), clause(id, agreement))


def mechanisms(sub_processor: SubProcessor, agreement: Agreement) -> str:
    """`SCC + TIA`, each place for itself where they differ; or that none is listed. Clause: 3.1(vii)"""
    return mechanisms_in_words(sub_processor, agreement)


def places(sub_processor: SubProcessor, agreement: Agreement) -> str:
    """Where it processes, delivers from, or may be reached from: `EU/EEA; USA (delivery)`."""
    return "; ".join(place(location, agreement) for location in sub_processor.locations)


def outside(sub_processor: SubProcessor, agreement: Agreement) -> bool:
    """Whether any of its places lies outside the EU and EEA."""
    return any(agreement.place(location.place).third_country for location in sub_processor.locations)


def outside_counts(found: Outside, before: Outside | None = None) -> None:
    """How many places outside the EU and EEA there are, for each thing that happens there, and which.

    `before`: what stands, where `found` is only tried. Clause: 3.1(vii)
    """
    for column, (role, name) in zip(st.columns(len(OUTSIDE)), OUTSIDE.items(), strict=True):
        names = found[role]
        other = before is not None and len(before[role]) != len(names)
        column.metric(
            words.plain(name),
            md("{}", len(names)),
            delta=md("{} now", len(before[role])) if before and other else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=md(
                "{}. As the list has it: the agreement promises no place.", words.listed(names) or "None"
            ),
        )


def outside_line(found: Outside) -> None:
    """The same in a line: `Processing outside EU/EEA: 1 (USA)`. Clause: 3.1(vii)"""
    parts = [
        f"{name}: {len(found[role])}" + (f" ({words.listed(found[role])})" if found[role] else "")
        for role, name in OUTSIDE.items()
    ]
    note(":material/public: {}", " · ".join(parts))


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
        help=md("Kept with the instruction. {:,} characters at the most.", MAX_REASON),
        placeholder="Why, or a ticket number of yours",
    )


def place(location: Location, agreement: Agreement) -> str:
    """One place and, unless data is processed there, what happens: `USA (delivery)`."""
    return at_place(agreement.place(location.place).name, location.role)
