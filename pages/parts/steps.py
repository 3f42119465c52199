"""What the request pages share: attachments, conversations and due dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dpa_core.files import ENDINGS
from dpa_core.subjects.common import MESSAGE_STEPS, FileRef, Message
from pages.parts import actions, download, show, words
from pages.parts.scope import Scope
from pages.parts.words import md, say

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


# --- files ---------------------------------------------------------------------------------------


def uploads(form: actions.Form, label: str = "Files (optional)", field: str = "files") -> list[UploadedFile]:
    """A field for files to attach."""
    limit = form.scope.application.files.limit
    return st.file_uploader(
        **form.field(field, label),
        accept_multiple_files=True,
        # A little more than is taken, so that a file just too large is refused in our words.
        max_upload_size=limit // 1_000_000 + 5,
        help=md("{}; up to {} each. Checked when you send.", ", ".join(ENDINGS), words.size(limit)),
    )


def attach(scope: Scope, files: Iterable[UploadedFile], *, own: bool = False) -> tuple[FileRef, ...]:
    """Keep the chosen files. `own`: of the provider's own ledger. Raises Refusal, StoreError."""
    customer_id = None if own else scope.file.customer_id
    return tuple(
        scope.application.attach(scope.file.person, customer_id, f.name, f.getvalue()) for f in files
    )


def files(scope: Scope, refs: Iterable[FileRef], key: str) -> None:
    """Attached files, each to be downloaded."""
    for number, ref in enumerate(refs):
        download.button(
            scope,
            f"{ref.name} ({words.size(ref.size)})",
            partial(scope.file.attached, ref.sha256),
            key=f"{key}.{number}",
            icon=":material/attach_file:",
        )


# --- what is shown -------------------------------------------------------------------------------


def conversation(scope: Scope, said: Sequence[Message], key: str) -> None:
    """What was said, oldest first, each with its side in words and icon."""
    for number, message in enumerate(said):
        mine = message.side == "customer"
        name = scope.file.name if mine else scope.file.agreement.processor.name
        icon = words.icon(":material/person:" if mine else ":material/support_agent:")
        with st.container(border=True, gap="xsmall"):
            say(
                "{} **{}** · {} · {}",
                icon,
                name,
                words.person(scope.file, message.by),
                words.minute(message.at),
            )
            if message.step:
                say("**{}**", MESSAGE_STEPS[message.step])
            if message.text:
                st.text(message.text)
            files(scope, message.files, f"{key}.{number}")


def last_day(due: datetime) -> datetime:
    """A moment on the last day before a period is over, to be shown as its day."""
    return due - timedelta(microseconds=1)


def due(at: datetime | None, now: datetime, *, hours: bool = False) -> None:
    """Until when, and whether that is over: word, icon and colour. `hours`: show the minute."""
    if at is None:
        show.badge(show.Status("No date in the agreement", (":material/event:", "gray")))
        return
    when = words.minute(at) if hours else words.day(last_day(at))
    if now >= at:
        show.badge(show.Status(f"Overdue since {when}", (":material/warning:", "red")))
        return
    left = at - now
    if hours and left < timedelta(days=4):
        whole = int(left.total_seconds() // 3600)
        minutes = int(left.total_seconds() % 3600 // 60)
        note = f"{whole} h {minutes:02d} min left"
    else:
        note = words.distance(last_day(at), now)
    soon = left < timedelta(days=3)
    look: show.Look = (":material/alarm:", "orange") if soon else (":material/schedule:", "blue")
    show.badge(show.Status(f"Due {when} ({note})", look))
