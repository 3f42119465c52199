"""A connection that was lost: what the browser tells the server that answers next, so that both go on.

That may be another process, which knows nothing of the page on screen. The browser still has what stands in
its fields, and is given to keep, at the end of each run, what else a server needs to draw the page as it was
(`client/connection.js`). It is the person's own page; nothing that is typed is in it, and nothing rests on it
but what is shown: rules and rights are asked anew.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pages.parts import client
from pages.parts.scope import RUNNING

_WORDS = (
    "Connection lost",
    "Nothing you typed is lost. Leave this page open: it goes on by itself when the server answers again.",
)
_CARRIED = (RUNNING, "features.last")
"""What pages keep in the session state, as texts, and would show another page without."""
_BEGUN, _TOLD, _FRESH, _HERE, _GONE, _TURN = (
    f"connection.{k}" for k in ("begun", "told", "fresh", "here", "gone", "turn")
)


class Standing(BaseModel):
    """What stood on the page when the connection was lost, as the browser tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    loss: int = 0
    """How many times this page had lost the connection by then."""
    told: int = 0
    process: str = ""
    """Which process drew the page."""
    seen: dict[str, int] = {}
    """The last sequence of each ledger that the person had before their eyes."""
    rounds: dict[str, int] = {}
    forms: dict[str, tuple[str, bool]] = {}
    """Of the forms on screen, by the beginning of their fields' keys: the name, and whether it is the
    provider's own."""
    dialog: str = ""
    """The one opened last."""
    dialog_seen: dict[str, int] = {}
    open: bool = False
    """Whether a dialog was on screen."""
    pressed: str = ""
    """The key of the button whose answer did not come."""
    keys: frozenset[str] = Field(default=frozenset(), max_length=500)
    """Of what was on screen."""
    files: dict[str, list[str]] = {}
    """The names in each uploader, by its key."""
    carried: dict[str, str] = {}
    turn: int = 0


@cache
def process() -> str:
    """Names this process: another one is another server, or this one after a restart."""
    return secrets.token_hex(8)


def key_class(key: str) -> str:
    """A key as the browser knows it: the class that Streamlit gives what has it."""
    return "st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key)


def begin() -> Standing | None:
    """At the start of a run: what stood on the page, where the connection was lost since the last one.

    The fields then hold what they hold in the browser.
    """
    state = st.session_state
    told = client.run(
        "connection",
        key="connection",
        data={"words": _WORDS},
        default={"standing": {}},
        on_standing_change=lambda: None,
    ).standing
    try:
        standing = Standing.model_validate(told)
    except ValidationError:  # no page of ours tells such a thing
        standing = Standing()
    client.run("connection", key="connection.answer", data={"answered": standing.loss})
    begun, state[_BEGUN] = state.get(_BEGUN, False), True
    state[_HERE] = frozenset()
    if not standing.loss or standing.told == state.get(_TOLD):
        return None
    state[_TOLD] = standing.told
    # The browser tells twice of one loss, and the run after the first may be cut short by the second.
    if not begun:
        state[_FRESH] = standing.loss
    if is_fresh(standing):
        _take_over(standing)
    return standing


def _take_over(standing: Standing) -> None:
    """In a session that knows nothing yet of the page on screen."""
    state = st.session_state
    state[_HERE] = standing.keys
    state[_TURN] = standing.turn + 1
    state[_GONE] = {key: tuple(names) for key, names in standing.files.items()}
    state.update({key: value for key, value in standing.carried.items() if key in _CARRIED})


def is_fresh(standing: Standing) -> bool:
    """Whether this session knew nothing of the page that lost its connection."""
    return bool(st.session_state.get(_FRESH) == standing.loss)


def in_browser(key: str) -> bool:
    """In a run that follows a loss: whether the browser has the field, with what stands in it."""
    return key_class(key) in st.session_state.get(_HERE, ())


def taking_over() -> bool:
    """Whether this run draws a page that another session drew before."""
    return bool(st.session_state.get(_HERE))


def keep(place: str, told: Mapping[str, Any]) -> None:
    """At the end of a page or dialog: have the browser keep what a server needs to draw it again.

    `place`: tells page and dialog apart. `told`: as in `Standing`.
    """
    state = st.session_state
    carried = {key: state[key] for key in _CARRIED if isinstance(state.get(key), str)}
    standing = {**told, "process": process(), "carried": carried, "turn": state.get(_TURN, 0)}
    client.run("connection", key=f"connection.{place}", data={"standing": standing})


def uploader(key: str) -> tuple[str, tuple[str, ...]]:
    """The key for a field for files, and the names of those that were in it when the server they had been
    sent to was lost, and they with it."""
    turn = st.session_state.get(_TURN, 0)
    gone: dict[str, tuple[str, ...]] = st.session_state.get(_GONE, {})
    before = _turned(key, turn - 1)
    return _turned(key, turn), gone.get(key_class(before), ()) if turn else ()


def go_on_without(key: str) -> None:
    """Forget the names of the files that are gone from the field that has this key now."""
    gone: dict[str, tuple[str, ...]] = st.session_state.get(_GONE, {})
    turn = st.session_state.get(_TURN, 0)
    gone.pop(key_class(_turned(key.removesuffix(f".after_{turn}"), turn - 1)), None)


def _turned(key: str, turn: int) -> str:
    """A field for files is another one after a loss: it would go on showing what is gone."""
    return f"{key}.after_{turn}" if turn > 0 else key
