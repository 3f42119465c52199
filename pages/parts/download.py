"""A file for this person in this sign-in only: a button that makes it, then a link that works once."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dpa_core.downloads import File
from pages.parts import actions, words
from pages.parts.scope import Scope
from pages.parts.words import md


@st.fragment
def button(scope: Scope, label: str, make: Callable[[], File], *, key: str, icon: str | None = None) -> None:
    """A button; once pressed, the file is made and offered under a link of one minute.

    `make` is called on the press only, so that a page need not build what nobody wants.
    """
    if not st.button(words.plain(label), key=key, icon=icon or ":material/download:"):
        return
    customer = actions.reopened(scope)
    with st.spinner("Making the file"):
        file = actions.attempt(make)
    if file is None:
        return
    address = actions.attempt(
        lambda: scope.application.offer_download(customer.person, customer.customer_id, file)
    )
    if address is None:
        return
    st.link_button(md("Save {}", file.name), address, type="primary", icon=":material/save:")
    st.caption("The link works once, within a minute, in this browser.")
