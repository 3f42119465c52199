"""Lists that are longer than a page: which part is shown, and the way to the next and the one before."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.subjects.common import Record
from pages.parts import words

R = TypeVar("R", bound=Record)

OVER = 10
"""Of what is over, how many are shown at once."""


def number(key: str, found: int, size: int, asked: Hashable = None) -> int:
    """The page of a list that is shown, from 0: the first again where something else is `asked` for.

    `found`: how many there are in all; `size`: on a page.
    """
    state = st.session_state
    if state.get(f"{key}.asked") != asked:
        state[f"{key}.asked"], state[f"{key}.page"] = asked, 0
    return min(int(state.get(f"{key}.page", 0)), max(0, (found - 1) // size))


def over(file: CustomerFile, shelf: str, item: type[R]) -> tuple[list[R], int]:
    """The part that is shown of what has left a customer's state, newest first, and how many there are."""
    found = file.closed.number(shelf)
    at = number(shelf, found, OVER, (file.customer_id, file.as_of, found))
    return file.closed.page(shelf, item, OVER, at * OVER), found


def draw(key: str, found: int, size: int, one: str, many: str | None = None) -> None:
    """Which of them are shown, and buttons to the others; nothing where all are. `one`: what they are."""
    if found <= size:
        return
    at = number(key, found, size, st.session_state.get(f"{key}.asked"))
    last = (found - 1) // size
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous",
            key=f"{key}.previous",
            icon=":material/chevron_left:",
            disabled=at == 0,
            on_click=_go,
            args=[key, at - 1],
        )
        st.button(
            "Next",
            key=f"{key}.next",
            icon=":material/chevron_right:",
            disabled=at == last,
            on_click=_go,
            args=[key, at + 1],
        )
        words.note(
            "{:,} to {:,} of {}", at * size + 1, min(found, (at + 1) * size), words.count(found, one, many)
        )


def _go(key: str, page: int) -> None:
    st.session_state[f"{key}.page"] = page
