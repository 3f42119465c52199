"""What the request pages share: attachments, conversations and due dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dpa_core.files import ENDINGS
from dpa_core.subjects.common import MESSAGE_STEPS, FileRef, Message
from pages.parts import actions, download, words
from pages.parts.scope import Scope

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
        help=f"{', '.join(ENDINGS)}; up to {words.size(limit)} each. Checked when you send.",
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
        icon = ":material/person:" if mine else ":material/support_agent:"
        with st.container(border=True, gap="xsmall"):
            st.markdown(
                f"{icon} **{words.plain(name)}** · {words.address(message.by)} · {words.minute(message.at)}"
            )
            if message.step:
                st.markdown(f"**{MESSAGE_STEPS[message.step]}**")
            if message.text:
                st.text(message.text)
            files(scope, message.files, f"{key}.{number}")


def due(at: datetime | None, now: datetime) -> None:
    """Until when, and whether that is over: word, icon and colour. `at`: the first moment too late."""
    if at is None:
        st.badge("No date in the agreement", icon=":material/event:", color="gray")
        return
    when = words.deadline_and_distance(at, now)
    if now >= at:
        st.badge(f"Overdue: {when}", icon=":material/warning:", color="red")
        return
    left = at - now
    if words.to_the_minute(at) and left < timedelta(days=4):
        whole = int(left.total_seconds() // 3600)
        minutes = int(left.total_seconds() % 3600 // 60)
        when = f"{words.deadline(at)} ({whole} h {minutes:02d} min left)"
    soon = left < timedelta(days=3)
    icon = ":material/alarm:" if soon else ":material/schedule:"
    st.badge(f"Due {when}", icon=icon, color="orange" if soon else "blue")
