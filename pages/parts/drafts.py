"""What somebody has typed and not sent yet, as pages keep and show it.

A field tells `touched` when it is left, or when somebody pauses, presses Escape or leaves the page
(`client/typing.js`). Streamlit calls it before the page and its sign-in gate run, so that what is sent with
the very click that finds the sign-in over is kept too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import streamlit as st

from dpa_core.access import Forbidden, Person, SignInAgain
from dpa_core.application import Application, StoreError
from dpa_core.drafts import TooLong
from pages.parts import client, connection, words
from pages.parts.scope import Scope

_KNOWN, _ON_SCREEN = "drafts.known", "drafts.on_screen"


def watch_typing() -> None:
    """In the frame: hand over what is typed while it is typed, on every page and in every dialog."""
    client.run("typing", key="drafts.typing", height=1)


def catch_up() -> None:
    """At the end of a run that took a page over: keep what was typed into it while no server heard."""
    on_screen: list[tuple[Draft, str, str]] = st.session_state.pop(_ON_SCREEN, [])
    for draft, name, key in on_screen:
        if key in st.session_state and draft.known.content.get(name) != st.session_state[key]:
            draft.touched(name, key)


def show_left(application: Application, person: Person) -> None:
    """What the person typed under a role that was taken, as text to be copied. Draws nothing where there is
    none."""
    left = [(x, list(_texts(x.draft.content))) for x in application.left_drafts(person)]
    left = [(x, texts) for x, texts in left if texts]
    if not left:
        return
    st.subheader("What you typed and did not send", anchor=False)
    st.markdown("Nothing of it is recorded, and nobody else sees it. Copy what you need.")
    for x, texts in left:
        words.note(":material/edit_note: Draft of {}", words.minute(x.draft.saved_at))
        for text in texts:
            st.code(text, language=None, wrap_lines=True)


def _texts(content: Any) -> Iterator[str]:
    """The texts of a draft, in the order of its fields."""
    if isinstance(content, str) and content.strip():
        yield content
    elif isinstance(content, Mapping | list):
        for part in content.values() if isinstance(content, Mapping) else content:
            yield from _texts(part)


@dataclass
class _Known:
    """A draft as this session knows it."""

    content: dict[str, Any] = field(default_factory=dict)
    saved_at: datetime | None = None
    """When it was typed, in UTC, where it was found and put back; None: typed here and now."""
    problem: str = ""
    """Why what is typed cannot be kept."""


@dataclass(frozen=True)
class Draft:
    """The draft of one form of one person for one customer."""

    scope: Scope
    form: str
    own: bool = False
    """It is of the provider's own ledger."""

    @property
    def _customer_id(self) -> str | None:
        return None if self.own else self.scope.file.customer_id

    @property
    def _known(self) -> dict[tuple[str | None, str], _Known]:
        known: dict[tuple[str | None, str], _Known] = st.session_state.setdefault(_KNOWN, {})
        return known

    @property
    def known(self) -> _Known:
        """What this session knows of it; read from the store the first time."""
        return self._known.get((self._customer_id, self.form)) or self.find()

    def find(self) -> _Known:
        """Read it from the store: the form is drawn with nothing in it yet."""
        found = _Known()
        with self._problems(found):
            draft = self.scope.application.draft(self.scope.file.person, self._customer_id, self.form)
            if draft:
                found = _Known(dict(draft.content), draft.saved_at)
        self._known[self._customer_id, self.form] = found
        return found

    @contextlib.contextmanager
    def _problems(self, known: _Known) -> Iterator[None]:
        """What does not go is said beside the fields: typing on must not end in an error."""
        known.problem = ""
        try:
            yield
        except (Forbidden, SignInAgain, StoreError, TooLong) as problem:
            known.problem = str(problem)

    def put(self, name: str, value: Any) -> None:
        """Keep what now stands in one field."""
        known = self.known
        known.content[name] = value
        with self._problems(known):
            self.scope.application.keep_draft(
                self.scope.file.person, self._customer_id, self.form, known.content
            )

    def fill(self, name: str, key: str) -> None:
        """Put what was found back into the field with that key, before it is drawn; what the browser has in
        it is newer."""
        if connection.in_browser(key):
            st.session_state.setdefault(_ON_SCREEN, []).append((self, name, key))
            return
        content = self.known.content
        if key not in st.session_state and name in content:
            st.session_state[key] = content[name]

    def touched(self, name: str, key: str) -> None:
        """For `on_change`: keep what now stands in the field with that key."""
        self.put(name, st.session_state[key])

    def drop(self) -> None:
        """It was sent, or is not wanted any more."""
        self._known[self._customer_id, self.form] = known = _Known()
        with self._problems(known):
            self.scope.application.drop_draft(self.scope.file.person, self._customer_id, self.form)

    def show(self, discard: Any, key: str) -> None:
        """That a draft was found, with a way to discard it; or that what is typed cannot be kept.

        `discard`: empties the fields too.
        """
        known = self.known
        if known.saved_at:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                words.note(":material/edit_note: Draft of {}", words.minute(known.saved_at))
                st.button("Discard the draft", key=key, type="tertiary", on_click=discard)
        if known.problem:
            why = words.md("What you type here is not kept as a draft. {}", known.problem)
            st.warning(why, icon=":material/edit_off:")
