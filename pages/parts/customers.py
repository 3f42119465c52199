"""Customers to choose among: all are listed while they are few; beyond, they are searched for by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from pages.parts import actions, words
from pages.parts.words import md, plain

FEW = 50
"""Customers up to which all are listed to choose from; beyond, they are searched for."""
FOUND = 20
"""Of those searched for, the most that are listed."""


def several(
    form: actions.Form, field: str, label: str, names: Mapping[str, str], default: Sequence[str] = ()
) -> tuple[str, ...]:
    """The customers chosen in a form. `names`: those there are, by identifier; `default`: chosen at first."""
    if len(names) <= FEW:
        return tuple(
            st.multiselect(
                **form.field(field, plain(label)),
                options=list(names),
                default=list(default) or None,
                format_func=lambda id: names[id],
            )
        )
    every = list(default or names)
    if st.checkbox(**form.field(f"{field}_all", f"All of them: {len(every):,}"), value=bool(default)):
        return tuple(every)
    text = st.text_input(**form.field(f"{field}_find", "Find a customer"), placeholder="Part of its name")
    found = _found(text, names)

    def options() -> list[str]:
        # Asked for once a draft has been put back.
        return list(dict.fromkeys([*(st.session_state.get(form.key(field)) or []), *found]))

    return tuple(
        st.multiselect(
            **form.field(field, plain(label)),
            options=options(),
            format_func=lambda id: names.get(id, id),
        )
    )


def one(key: str, names: Mapping[str, str]) -> str:
    """The customer chosen, outside a form; empty: all of them."""
    options: Iterable[str] = names
    if len(names) > FEW:
        text = st.text_input("Find a customer", key=f"{key}.find", placeholder="Part of its name", width=200)
        kept = st.session_state.get(key)
        options = dict.fromkeys([*([kept] if kept else []), *_found(text, names)])
    chosen: str = st.selectbox(
        "Customer", ["", *options], format_func=lambda id: names.get(id, "All"), key=key, width=260
    )
    return chosen


def _found(text: str, names: Mapping[str, str]) -> list[str]:
    """The first customers with a text in their name or identifier; says so where there are more."""
    wanted = text.strip().lower()
    found = [id for id, name in names.items() if wanted in name.lower() or wanted in id] if wanted else []
    if wanted and not found:
        st.caption("No customer has that in its name.")
    if len(found) > FOUND:
        st.caption(md("The first {} are listed. Type more of the name.", FOUND))
    return found[:FOUND]


def table(rows: Sequence[Mapping[str, object]], total: int, key: str) -> None:
    """The first of the customers that something is about; how many there are is said where not all are."""
    st.dataframe(list(rows), hide_index=True, key=key)
    if total > len(rows):
        words.note("{} listed.", words.part(len(rows), total, "customer"))
