"""The access log, for a privacy officer: who signed in, got or lost a role, was refused, was handed a file.

Clauses: Art. 32(1)(b) and (d), Art. 32(4) GDPR
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
import streamlit as st

from dpa_core.access import may
from dpa_core.access_log import KINDS, MOST, PAGE, Found, Place, Search
from dpa_core.clock import STOCKHOLM
from dpa_core.downloads import File
from dpa_core.views import access_log
from dpa_core.views.access_log import Row
from pages.parts import actions, download, words
from pages.parts.scope import Scope
from pages.parts.words import note, say

_TURNED = "access_log.turned"
"""In the session state: the search, and behind which place each page after the first begins."""


@dataclass(frozen=True)
class Data:
    """What the page shows: one page of the lines that fit a search."""

    search: Search
    found: Found
    rows: list[Row]
    behind: list[Place]
    """Where the pages so far began, this one last; empty for the first."""


def page(scope: Scope) -> None:
    """The page."""
    if not may(scope.file.person, "govern", None).allowed:
        st.error(
            "The access log is the privacy officer’s. Open one of the other pages.", icon=":material/lock:"
        )
        st.stop()
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """The lines that fit what the person has typed and chosen."""
    state = st.session_state
    search = Search(
        person=state.get("access_log.person", "").strip(),
        customer=state.get("access_log.customer", "").strip(),
        kinds=tuple(state.get("access_log.kinds", ())),
        since=_begin(state.get("access_log.from")),
        until=_end(state.get("access_log.to")),
    )
    turned, behind = state.get(_TURNED, (search, []))
    if turned != search:  # the pages of another search
        behind = []
    found = scope.application.access_log(scope.file.person, search, behind[-1] if behind else None)
    return Data(search, found, access_log.in_words(found.lines, scope.file.people), behind)


def _begin(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), STOCKHOLM).astimezone(UTC) if day else None


def _end(day: date | None) -> datetime | None:
    return _begin(day + timedelta(days=1)) if day and day < date.max else None


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    st.title("Access log", anchor=False)
    say(
        "Who signed in, got or lost a role, was refused, or was handed a file. Lines are removed after {}.",
        words.count(data.found.days, "day"),
    )
    actions.receipt()
    _filters()
    if not data.found.total:
        _nothing(data)
        return
    _table(data)
    _turn(data)
    _save(scope, data)
    st.caption(
        "No part of the customers’ records, and in no chain like them. What is only shown on a page leaves "
        "no line."
    )


def _filters() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Person", key="access_log.person", placeholder="Part of a name or address", width=220)
        st.text_input("Customer", key="access_log.customer", placeholder="Its identifier", width=160)
        st.multiselect(
            "What", list(KINDS), format_func=lambda kind: KINDS[kind], key="access_log.kinds", width=260
        )
        st.date_input("From", value=None, key="access_log.from", format="YYYY-MM-DD", width=140)
        st.date_input("To", value=None, key="access_log.to", format="YYYY-MM-DD", width=140)


def _nothing(data: Data) -> None:
    if data.search == Search():
        st.info("Nothing is logged yet. The first sign-in will be.", icon=":material/shield_person:")
    else:
        st.info("No line fits. Clear a field to see more.", icon=":material/filter_alt_off:")


def _table(data: Data) -> None:
    first = len(data.behind) * PAGE + 1
    say(
        "**{}**, {} to {} shown, newest first",
        words.count(data.found.total, "line"),
        f"{first:,}",
        f"{first + len(data.rows) - 1:,}",
    )
    st.dataframe(
        pd.DataFrame(
            {
                "When": [words.minute(row.at) for row in data.rows],
                "What": [row.what for row in data.rows],
                "Who": [words.cell(row.who) for row in data.rows],
                "Details": [words.cell(row.details) for row in data.rows],
                "Customer": [words.cell(row.customer) for row in data.rows],
                "From address": [words.cell(row.came_from) for row in data.rows],
                "SHA-256": [row.digest for row in data.rows],
            }
        ),
        hide_index=True,
        height=560,
        column_config={
            "Who": st.column_config.TextColumn(width="medium"),
            "Details": st.column_config.TextColumn(width="large"),
            "SHA-256": st.column_config.TextColumn(width="small"),
        },
        alt="The access log: time, what happened, who, details, customer, network address, digest of a file",
    )


def _turn(data: Data) -> None:
    """To the pages before and after this one."""
    older = data.found.older
    if not data.behind and older is None:
        return
    with st.container(horizontal=True):
        st.button(
            "Newer",
            icon=":material/chevron_left:",
            disabled=not data.behind,
            on_click=_go_to,
            args=[data.search, data.behind[:-1]],
        )
        st.button(
            "Older",
            icon=":material/chevron_right:",
            disabled=older is None,
            on_click=_go_to,
            args=[data.search, [*data.behind, older]],
        )


def _go_to(search: Search, behind: list[Place]) -> None:
    st.session_state[_TURNED] = (search, behind)


def _save(scope: Scope, data: Data) -> None:
    if data.found.total > MOST:
        note("A file holds the newest {} lines. Choose a shorter time for older ones.", f"{MOST:,}")
    download.button(scope, "Download as CSV", lambda: _file(scope, data.search), key="access_log.csv")


def _file(scope: Scope, search: Search) -> File:
    """The lines that fit, as CSV. Standard: RFC 4180"""
    found = scope.application.access_log(scope.file.person, search, limit=MOST)
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["When (UTC)", "What", "Who", "Details", "Customer", "From address", "SHA-256"])
    for row in access_log.in_words(found.lines, scope.file.people):
        at = row.at.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
        cells = (row.what, row.who, row.details, row.customer, row.came_from, row.digest)
        writer.writerow([at, *(words.cell(cell) for cell in cells)])
    # The mark at the front makes spreadsheet programs read it as UTF-8.
    return File("access-log.csv", "text/csv", text.getvalue().encode("utf-8-sig"))
