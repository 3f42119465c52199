"""What the request pages share: attachments, conversations and due dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dpa_core.files import CLAUSE, ENDINGS, MEGABYTE, refuse
from dpa_core.subjects.common import MESSAGE_STEPS, FileRef, Message
from pages.parts import actions, download, show, uploads, words
from pages.parts.scope import Scope
from pages.parts.uploads import Chosen
from pages.parts.words import md, say

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


# --- files ---------------------------------------------------------------------------------------


def choose_files(form: actions.Form, label: str = "Files (optional)", field: str = "files") -> Chosen:
    """A field for files to attach, with what is wrong with the chosen ones. One of them that did not arrive
    stops the form from being sent."""
    limit = form.scope.application.files.limit
    most = f"{limit // MEGABYTE} MB"
    chosen = uploads.choose(
        **form.labelled(field, label), limit=limit, help=md("{}; up to {} each.", ", ".join(ENDINGS), most)
    )
    form.files.append(chosen)
    for name in chosen.failed:
        lost = md(
            "**{}** was not uploaded: it is larger than {}, or the connection broke. "
            "Nothing can be sent while it is in the list: remove it there, or choose it again.",
            name,
            most,
        )
        st.error(lost, icon=":material/upload_file:")
    if len(chosen):
        st.caption("Files are no part of a draft: choose them again if you leave before you send.")
    for file in chosen:
        if refusal := uploads.wrong_with(file, limit):
            st.error(actions.sentence(refusal), icon=":material/block:")
    return chosen


def attach(scope: Scope, files: Iterable[UploadedFile], *, own: bool = False) -> tuple[FileRef, ...]:
    """Keep the chosen files. `own`: of the provider's own ledger. Raises Refusal, StoreError."""
    customer_id = None if own else scope.file.customer_id
    return tuple(
        scope.application.attach(scope.file.person, customer_id, f.name, f.getvalue()) for f in files
    )


def without_files(text: str, chosen: Chosen) -> str:
    """The text of a step that takes no files. Raises Refusal where some are chosen: they would be lost."""
    if len(chosen):
        raise refuse("not_with_this", CLAUSE, "files", names=tuple(f.name for f in chosen))
    return text


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


def due(at: datetime | None, now: datetime, before: str = "Due") -> None:
    """Until when, and whether that is over: word, icon and colour. `at`: the first moment too late.

    `before`: what stands before the day, where nobody owes anything by then.
    """
    if at is None:
        show.badge(show.Status("No date in the agreement", (":material/event:", "gray")))
        return
    when = words.deadline_and_distance(at, now)
    if now >= at:
        show.badge(show.Status(f"Overdue: {when}", (":material/warning:", "red")))
        return
    left = at - now
    if words.to_the_minute(at) and left < timedelta(days=4):
        whole = int(left.total_seconds() // 3600)
        minutes = int(left.total_seconds() % 3600 // 60)
        when = md("{} ({} h {:02d} min left)", words.deadline(at), whole, minutes)
    soon = left < timedelta(days=3)
    look: show.Look = (":material/alarm:", "orange") if soon else (":material/schedule:", "blue")
    show.badge(show.Status(f"{before} {when}", look))
