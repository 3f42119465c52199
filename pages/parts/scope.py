"""What a page knows about its visit, and how it leads to another page. The frame makes it on every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from dpa_core.application import Application, CustomerFile, ProviderFile
from dpa_core.snapshots.sign import KeyRing
from pages.parts import words

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

RUNNING = "review.running"
"""In the session state: the customer whose review runs; it has the whole screen."""


@dataclass(frozen=True)
class Scope:
    """The open application, and the customer this person looks at."""

    application: Application
    file: CustomerFile
    is_demo: bool
    keys: KeyRing
    """Signs the snapshots."""
    pages: Mapping[str, StreamlitPage]
    """The pages this person can go to, by name: the last part of their address."""

    def provider(self) -> ProviderFile | None:
        """The provider's own ledger, for its privacy officer; None for everyone else, and in the past."""
        return self.application.open_provider(self.file.person) if self.file.allows("govern") else None

    def go(self, page: str, **query: str) -> NoReturn:
        """Leave for another page. `query`: what its address says."""
        st.switch_page(self.pages[page], query_params=query)

    def link(self, page: str, label: str, icon: str | None = None) -> None:
        """A link to another page, under that page's icon unless another one is given."""
        st.page_link(self.pages[page], label=words.plain(label), icon=icon)


def look_at(day: date | None) -> None:
    """Look at the customer as of a past day, from the next run on; None: at the present."""
    if day is None:
        st.session_state.pop("as_of", None)
        st.query_params.pop("as_of", None)
    else:
        st.query_params["as_of"] = day.isoformat()
