"""Going on after the connection was lost: the dialog open again, and what became of the step under way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dpa_core.application import PROVIDER
from dpa_core.subjects import registry
from dpa_core.views import history
from pages.parts import actions, connection, words
from pages.parts.connection import Standing
from pages.parts.scope import Scope
from pages.parts.words import Markdown, md, plain

_SENDS = re.compile(r"confirm_|other_|send")
"""How the key of a button that sends a step goes on behind the form's own."""
_BESIDE = "access."
"""Steps of these dialogs lie in no ledger that a page shows."""


@dataclass(frozen=True)
class Said:
    """A sentence above the page."""

    text: Markdown
    kind: Literal["recorded", "not_recorded", "again"]


def resume(scope: Scope, stood: Standing) -> Sequence[Said]:
    """Have this run draw the page as it stood, with its dialog; what there is to say of it.

    A step that was sent with the last press and is on record is not offered again: its fields are emptied as
    after every step. Whether it is, the ledgers say.
    """
    fresh = connection.is_fresh(stood)
    if fresh:
        actions.turned(stood.rounds)
    mine = _mine(scope, stood)
    sent = _sent(stood)
    several = scope.application.ledger.shared
    said = [*_why(stood, fresh, several=several), *_became(sent, mine)]
    if sent and mine:
        actions.done_with(scope, *sent)
    elif stood.open and stood.dialog:
        actions.reopen(stood.dialog, stood.dialog_seen if fresh else None, [one.text for one in said])
    return said


def tell(said: Sequence[Said]) -> None:
    """Above the page, what there is to say."""
    for one in said:
        match one.kind:
            case "recorded":
                st.success(plain(one.text), icon=":material/task_alt:")
            case "not_recorded":
                st.warning(plain(one.text), icon=":material/sync_problem:")
            case "again":
                st.info(plain(one.text), icon=":material/sync:")


def _sent(stood: Standing) -> tuple[str, bool] | None:
    """The form whose sending button was pressed without an answer, and whether it is the provider's own."""
    for begins, form in stood.forms.items():
        if stood.pressed.startswith(begins) and _SENDS.match(stood.pressed.removeprefix(begins)):
            return form
    return None


def _mine(scope: Scope, stood: Standing) -> list[Markdown]:
    """What the person recorded, here or on another page, since the page on screen was drawn."""
    file, me, said = scope.file, scope.file.person.id, []
    since = stood.seen.get(file.customer_id, file.sequence)
    if file.as_of is None and since < file.sequence:
        events = [e for e in file.reader.events(after=since, upto=file.sequence) if e.actor == me]
        said += [md("entry {:,}: {}", i.sequence, i.what) for i in history.in_words(events, file)]
    provider = scope.provider() if PROVIDER in stood.seen else None
    if provider is not None and stood.seen[PROVIDER] < provider.sequence:
        events = provider.ledger.events(PROVIDER, after=stood.seen[PROVIDER])
        said += [
            md(
                "entry {:,} of the provider’s own record: {}",
                e.sequence,
                registry.describe(e, provider.agreement),
            )
            for e in events
            if e.actor == me
        ]
    return said


def _why(stood: Standing, fresh: bool, *, several: bool) -> list[Said]:
    """Why the page was drawn anew; nothing where this session knew it all along. `several`: whether there may
    be other servers."""
    if not fresh:
        return []
    if stood.process == connection.process():
        why = "The connection was lost for a while."
    elif several:
        why = "This page goes on at another server, or at the same one after a restart."
    else:
        why = "The server was restarted."
    kept = "What you typed is here, and nothing of it was sent by itself."
    return [Said(md("**Connected again.** {} {}", why, kept), "again")]


def _became(sent: tuple[str, bool] | None, mine: Sequence[Markdown]) -> list[Said]:
    """What became of the step that was under way."""
    if mine:
        head = "Recorded before the connection was lost" if sent else "Recorded by you meanwhile"
        return [Said(md("**{}:** {}.", head, words.lines(mine, "; ")), "recorded")]
    if sent is None:
        return []
    if sent[0].startswith(_BESIDE):
        text = md(
            "**No answer came to your last step.** The page shows how things stand now. "
            "Look before you press again."
        )
    else:
        text = md("**Your last step was not recorded.** Look at it again, then press once more.")
    return [Said(text, "not_recorded")]
