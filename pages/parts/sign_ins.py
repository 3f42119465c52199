"""One's own sign-ins, each with a way to end it: a dialog of the side bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dpa_core.access import Person
from dpa_core.views import sign_ins
from dpa_core.views.sign_ins import SignIn
from pages.parts import actions, words
from pages.parts.words import md, note, say

if TYPE_CHECKING:
    from dpa_core.web import Site

_ASKED = "sign_ins.asked"
"""In the session state: whether the end of this sign-in was pressed once, and waits to be confirmed."""


def button(site: Site, person: Person, sign_out: Callable[[], None]) -> None:
    """A button that lists them. `sign_out`: ends this sign-in, as the button of that name does."""
    if st.button("Your sign-ins", icon=":material/devices:", type="tertiary"):
        st.session_state.pop(_ASKED, None)
        _list(site, person, sign_out)


@st.dialog("Your sign-ins", width="medium", icon=":material/devices:")
def _list(site: Site, person: Person, sign_out: Callable[[], None]) -> None:
    application = site.application
    found = actions.attempt(lambda: sign_ins.own(application, person))
    if found is None:
        st.stop()
    st.markdown(
        "Where you are signed in. End what you do not know, then tell your identity provider’s admin."
    )
    for one in found:
        _row(site, person, one, sign_out)
    others = len(found) - 1
    if others and st.button(words.plain(f"End all others ({others})"), icon=":material/logout:"):
        if actions.attempt(lambda: application.end_other_sessions(person)) is not None:
            st.rerun(scope="fragment")
    elif not others:
        st.caption("You are signed in nowhere else.")


def _row(site: Site, person: Person, one: SignIn, sign_out: Callable[[], None]) -> None:
    with st.container(border=True, key=f"sign_in_{one.id[:16]}"):
        left, right = st.columns([4, 1.3], vertical_alignment="center")
        with left:
            say("**{}**{}", one.browser, md(" · :material/check: this browser") if one.is_this else "")
            note(
                "Through {}, since {}, until {} at the latest",
                one.provider,
                words.minute(one.began),
                words.minute(one.ends),
            )
        with right:
            pressed = st.button(
                "End", key=f"sign_ins.end.{one.id}", icon=":material/logout:", width="stretch"
            )
        if one.is_this:
            _end_this(pressed, sign_out)
        elif pressed and actions.attempt(lambda: _end(site, person, one)):
            st.rerun(scope="fragment")


def _end(site: Site, person: Person, one: SignIn) -> bool:
    site.application.end_session(person, one.id)
    return True


def _end_this(pressed: bool, sign_out: Callable[[], None]) -> None:
    """The end of the sign-in by which the person is here, asked once more."""
    if pressed:
        st.session_state[_ASKED] = True
    if st.session_state.get(_ASKED):
        st.markdown("This signs you out here, in every tab. What you typed and did not send is kept.")
        if st.button("Sign out here", type="primary", icon=":material/logout:"):
            sign_out()
