"""Choosing files to attach: what was chosen, and what of it did not arrive.

Streamlit's uploader tells Python only of files that are there. One that is too large, or whose upload broke,
gets a red mark in the browser; so a small script, `client/uploads.js`, tells of those too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dpa_core import files
from dpa_core.subjects.common import Refusal
from pages.parts import client, connection
from pages.parts.words import Markdown, listed, md, plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_CHECKED = "uploads.checked"
"""In the session state: what is wrong with files, by their identifier, once they were looked at."""


@dataclass(frozen=True)
class Chosen:
    """The files in an uploader."""

    files: tuple[UploadedFile, ...] = ()
    """Those that are here."""
    failed: tuple[str, ...] = ()
    """Names of those that the browser did not send, or not whole."""
    waiting: tuple[str, ...] = ()
    """Names of those still on the way."""
    gone: tuple[str, ...] = ()
    """Names of those that were here, and went with the server that had them."""

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[UploadedFile]:
        return iter(self.files)

    def check(self) -> None:
        """Raises Refusal where one of them is not here: what is sent must not lack it unnoticed."""
        if self.failed:
            raise files.refuse("not_uploaded", files.CLAUSE, "files", names=self.failed)
        if self.waiting:
            raise files.refuse("still_uploading", files.CLAUSE, "files", names=self.waiting)
        if self.gone:
            raise files.refuse("gone", files.CLAUSE, "files", names=self.gone)


def choose(label: Markdown, key: str, limit: int, *, help: str, many: bool = True) -> Chosen:
    """A field for files of `limit` bytes at the most, with the names of those that went with a server.
    `many`: more than one."""
    key, gone = connection.uploader(key)
    found: Any = st.file_uploader(
        plain(label),
        key=key,
        accept_multiple_files=many,
        max_upload_size=math.ceil(limit / files.MEGABYTE),
        help=plain(help),
    )
    told = client.run(
        "uploads",
        key=f"{key}.watch",
        data={"key": key},
        default={"standing": {}},
        on_standing_change=lambda: None,
    ).standing
    here = tuple(found if many else [found] if found else [])
    # The browser tells of files and of what became of them in two messages: one that is here no longer waits.
    waiting = Counter(told.get("waiting", ())) - Counter(file.name for file in here)
    missing = tuple((Counter(gone) - Counter(file.name for file in here)).elements())
    tell_gone(missing, key)
    return Chosen(here, tuple(told.get("failed", ())), tuple(waiting.elements()), missing)


def tell_gone(names: Sequence[str], key: str) -> None:
    """Say which files went with the server that had them, beside the field that now has that key."""
    if not names:
        return
    st.warning(
        md("Lost with the connection to the server: **{}**. Choose again what is to be sent.", listed(names)),
        icon=":material/upload_file:",
    )
    st.button(
        "Go on without",
        key=f"{key}.without",
        type="tertiary",
        on_click=connection.go_on_without,
        args=[key],
    )


def wrong_with(file: UploadedFile, limit: int) -> Refusal | None:
    """Why it will not be taken; None where it will. Looked at once a file."""
    known: dict[str, Refusal | None] = st.session_state.setdefault(_CHECKED, {})
    if file.file_id not in known:
        try:
            files.checked(file.name, file.getvalue(), limit)
        except Refusal as refusal:
            known[file.file_id] = refusal
        else:
            known[file.file_id] = None
    return known[file.file_id]
