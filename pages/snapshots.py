"""Snapshots: take one, download it, verify a file, compare two days. Standard: Art. 28(3)(h) GDPR"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from dpa_core.application import CustomerFile
from dpa_core.clock import end_of
from dpa_core.snapshots.diff import diff
from dpa_core.snapshots.freeze import freeze
from dpa_core.snapshots.verify import MAX_BYTES, NotASnapshot, verify
from dpa_core.views.snapshots import OnFile, on_file
from pages.parts import actions, connection, show, snapshot, uploads, words
from pages.parts.scope import Scope
from pages.parts.words import md


@dataclass(frozen=True)
class Data:
    """What is on file, newest first, and the days that can be chosen."""

    on_file: list[OnFile]
    began: date
    today: date


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows, from the customer's file."""
    file = scope.file
    began = file.state.customer.since or file.now
    return Data(on_file(file), words.local_day(began), words.local_day(file.now))


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    show.header(
        "Snapshots",
        "A snapshot is the whole configuration at one moment as a signed document: to be filed, compared "
        "with last year’s, and trusted.",
        scope.file,
    )
    # Only the open tab is drawn; with a key, it stays open when a message above comes or goes.
    filed, check, compare = st.tabs(
        ["On file", "Verify a file", "Compare two days"], key="snapshots.tab", on_change="rerun"
    )
    if filed.open:
        with filed:
            _take(scope, data)
            _list(scope, data)
    if check.open:
        with check:
            _verify(scope)
    if compare.open:
        with compare:
            _compare(scope, data)


# --- take and download ---------------------------------------------------------------------------


def _take(scope: Scope, data: Data) -> None:
    if not scope.file.allows("take_snapshot"):
        return
    form = actions.Form(scope, "snapshots.take")
    with st.form("take"), st.container(horizontal=True, vertical_alignment="bottom"):
        day = st.date_input(
            "As at the end of",
            value=data.today,
            min_value=data.began,
            max_value=data.today,
            format="YYYY-MM-DD",
            help="Today shows the configuration as it stands now.",
            width=220,
        )
        pressed = st.form_submit_button("Take a snapshot", type="primary", icon=":material/photo_camera:")
    if pressed:
        form.submit(lambda: snapshot.command(scope, day))


def _list(scope: Scope, data: Data) -> None:
    if not data.on_file:
        st.info(
            "No snapshot has been taken yet, by the provider or by an admin of the customer.",
            icon=":material/photo_camera:",
        )
        return
    st.dataframe(
        pd.DataFrame(
            {
                "Entry": [s.sequence for s in data.on_file],
                "As at": [s.as_at for s in data.on_file],
                "Taken": [words.minute(s.taken_at) for s in data.on_file],
                "By": [s.by for s in data.on_file],
                "Shows entries up to": [s.upto for s in data.on_file],
                "Verification code": [s.digest for s in data.on_file],
            }
        ),
        hide_index=True,
        column_config={"As at": st.column_config.DateColumn(format="D MMM YYYY")},
        alt="The snapshots on file: entry, day shown, when and by whom taken, and verification code",
    )
    by_entry = {s.sequence: s for s in data.on_file}
    chosen = by_entry[
        st.selectbox(
            "Snapshot to download",
            list(by_entry),
            format_func=lambda n: (
                f"Entry {n}: as at {words.day(by_entry[n].as_at)}, taken "
                f"{words.day(by_entry[n].taken_at)} by {by_entry[n].by}"
            ),
        )
    ]
    snapshot.buttons(scope, chosen)
    st.caption("The PDF has the signed JSON inside. Both can be verified; Excel and CSV are to work with.")


# --- verify --------------------------------------------------------------------------------------


def _verify(scope: Scope) -> None:
    key, gone = connection.uploader("snapshots.verify")
    uploaded = st.file_uploader(
        "Snapshot or certificate of deletion to verify (PDF or JSON)",
        type=["pdf", "json"],
        key=key,
        max_upload_size=MAX_BYTES // 1_000_000,
        help="The file is looked at and not kept.",
    )
    if uploaded is None:
        uploads.tell_gone(gone, key)
        return
    try:
        with st.spinner("Checking the file"):
            verdict = verify(uploaded.getvalue(), scope.keys.public)
    except NotASnapshot as problem:
        st.error(words.plain(str(problem)), icon=":material/help:")
        return
    text = words.plain(verdict.sentence)
    match verdict.status:
        case "genuine":
            st.success(text, icon=":material/verified:")
        case "altered":
            st.error(md("**Altered.** {}", text), icon=":material/gpp_bad:")
        case "unknown_key":
            st.warning(md("**Unknown key.** {}", text), icon=":material/help:")
        case "revoked":
            st.error(md("**Key revoked.** {}", text), icon=":material/gpp_bad:")
        case "revoked_later":
            st.warning(md("**Key revoked later.** {}", text), icon=":material/gpp_maybe:")
    if verdict.document:
        st.caption("Verification code (SHA-256)")
        st.code(verdict.document.digest, language=None, wrap_lines=True)


# --- compare -------------------------------------------------------------------------------------


def _compare(scope: Scope, data: Data) -> None:
    earlier = [s.as_at for s in data.on_file if s.as_at < data.today]
    first = earlier[0] if earlier else max(data.began, data.today - timedelta(days=365))
    with st.form("compare"), st.container(horizontal=True, vertical_alignment="bottom"):
        a = _day("From the end of", max(first, data.began), data)
        b = _day("To the end of", data.today, data)
        st.form_submit_button("Compare", icon=":material/compare_arrows:")
    a, b = sorted((a, b))
    both = actions.attempt(lambda: (_at(scope, a), _at(scope, b)))
    if both is None:
        return
    old, new = both
    snapshot.changes(diff(freeze(old), freeze(new)), words.day(a), words.day(b))
    snapshot.between(old, new)


def _day(label: str, value: date, data: Data) -> date:
    return st.date_input(
        words.plain(label),
        value=value,
        min_value=data.began,
        max_value=data.today,
        format="YYYY-MM-DD",
        width=200,
    )


def _at(scope: Scope, day: date) -> CustomerFile:
    file = scope.file
    return scope.application.open(file.person, file.customer_id, end_of(day, scope.application.clock.now()))
