"""Every instruction: who, what, when, under which version; and the past to look at. Clause: 3.1(i)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from dpa_core.downloads import File
from dpa_core.tabular import csv_file
from dpa_core.views import history
from dpa_core.views.history import Accepted, History, Instruction, Search
from pages.parts import download, paging, show, words
from pages.parts.scope import Scope, look_at
from pages.parts.words import md, note, say

PAGE = 50
"""Entries shown at once."""
_ANY = "Any time"


@dataclass(frozen=True)
class Data:
    """A page of what a search finds, newest first; the customer's first day; and what was lost."""

    found: History
    number: int
    instructions: list[Instruction]
    began: date
    losses: list[Accepted] = field(default_factory=list)


def page(scope: Scope) -> None:
    """The page."""
    draw(scope, read(scope))


def read(scope: Scope) -> Data:
    """All that the page shows, from the customer's file."""
    file, state = scope.file, st.session_state
    began = file.state.customer.since or file.now
    whole, last = History(file), state.get("history.last")
    search = Search(
        state.get("history.text", ""),
        _still_there("history.subjects", whole.subjects),
        _still_there("history.actors", whole.actors),
        # To the minute, so that the same question stays the same while somebody looks.
        (file.now - timedelta(days=last)).replace(second=0, microsecond=0) if last else None,
    )
    found = History(file, search)
    number = found.number()
    page = paging.number("history", number, PAGE, (file.customer_id, file.as_of, search))
    return Data(
        found,
        number,
        found.page(PAGE, page * PAGE),
        words.local_day(began),
        history.losses(file),
    )


def _still_there(key: str, there: Sequence[str]) -> tuple[str, ...]:
    """What was chosen in a filter, but for what this customer's record does not have."""
    state = st.session_state
    chosen = [option for option in state.get(key, ()) if option in there]
    if chosen != list(state.get(key, ())):
        state[key] = chosen
    return tuple(chosen)


def draw(scope: Scope, data: Data) -> None:
    """What it shows."""
    file = scope.file
    show.header(
        "History",
        f"{words.count(len(data.instructions), 'entry', 'entries')}, each a documented instruction or a fact "
        "it rests on. Nothing here can be changed: every entry carries the digest of the one before.",
        file,
    )
    for loss in data.losses:
        _lost(loss)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _check(scope)
    with right:
        _as_of(scope, data)
    _filters(data)
    _table(scope, data)
    show.clauses(("3.1(i)",), file.agreement)


def _lost(loss: Accepted) -> None:
    first, last = min(loss.now[0] + 1, loss.was[0]), loss.was[0]
    st.warning(
        md(
            "A fault of the provider’s database has lost {} of this record, as it had been. What {} said is "
            "not known here; what is numbered from {} on was recorded later. Accepted on {} by {}.",
            f"entry {last}" if first == last else f"entries {first} to {last}",
            "it" if first == last else "they",
            first,
            words.minute(loss.at),
            loss.operator,
        ),
        icon=":material/report:",
    )


def _check(scope: Scope) -> None:
    with st.container(border=True):
        st.markdown("**Is the record whole?**")
        st.caption(
            "Recomputes the fingerprint (digest) of every entry, and compares the last with what was kept."
        )
        if st.button("Check the record", icon=":material/verified:"):
            fault = history.fault(scope.file)
            if fault:
                st.error(
                    md("Entry {} {}. Tell the provider’s privacy officer.", fault.sequence, fault.why),
                    icon=":material/gpp_bad:",
                )
            else:
                st.success(
                    md("Whole: entries 1 to {} fit.", scope.file.sequence), icon=":material/verified_user:"
                )


def _as_of(scope: Scope, data: Data) -> None:
    today = words.local_day(scope.application.clock.now())
    shown = words.local_day(scope.file.as_of) if scope.file.as_of else today
    with st.form("look_at", border=True):
        st.markdown("**Look at the whole app as it stood**")
        day = st.date_input(
            "At the end of",
            value=min(max(shown, data.began), today),
            min_value=data.began,
            max_value=today,
            format="YYYY-MM-DD",
        )
        if st.form_submit_button("Look at that day", icon=":material/history:"):
            look_at(None if day == today else day)
            st.rerun()


def _filters(data: Data) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Search", placeholder="Feature, data type, reason", key="history.text", width=260)
        subjects, actors = data.found.subjects, data.found.actors
        st.multiselect("Subject", subjects, key="history.subjects", width=260)
        st.multiselect("Person", actors, key="history.actors", width=260)
        st.selectbox(
            "When",
            [None, 7, 30, 365],
            format_func=lambda d: f"Last {words.count(d, 'day')}" if d else _ANY,
            key="history.last",
            width=160,
        )


def _table(scope: Scope, data: Data) -> None:
    found = data.instructions
    if not found:
        st.info("No entry matches. Clear a filter to see more.", icon=":material/filter_alt_off:")
        return
    if data.number < scope.file.sequence:
        note("{:,} of {} found.", data.number, words.count(scope.file.sequence, "entry", "entries"))
    frame = pd.DataFrame(
        {
            "No.": [i.sequence for i in found],
            "When": [words.minute(i.recorded_at) for i in found],
            "What": [i.what for i in found],
            "Reason": [words.cell(i.reason) for i in found],
            "Who": [i.actor for i in found],
            "Subject": [i.subject for i in found],
            "Agreement": [i.agreement_version for i in found],
        }
    )
    picked = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"history_{hash(tuple(i.sequence for i in found))}",
        column_config={
            "No.": st.column_config.NumberColumn(width="small"),
            "What": st.column_config.TextColumn(width="large"),
        },
        alt="Every instruction: number, time, what, subject, person, agreement version and reason",
    )
    paging.draw("history", data.number, PAGE, "entry", "entries")
    download.button(
        scope,
        "Download as CSV",
        lambda: _csv(scope, data.found),
        key=f"history_csv_{scope.file.sequence}_{data.found.search!r}",
    )
    rows = picked.selection.rows
    if rows and rows[0] < len(found):
        _detail(found[rows[0]])
    else:
        st.caption("Choose a row to see all of it.")


def _csv(scope: Scope, found: History) -> File:
    """The entries that are found, as a file."""
    columns = ("entry", "recorded (UTC)", "what", "reason", "who", "subject", "agreement", "digest")
    rows = (
        (i.sequence, i.recorded_at, i.what, i.reason, i.actor, i.subject, i.agreement_version, i.digest)
        for i in found.all()
    )
    return File(f"history-{scope.file.customer_id}.csv", "text/csv", csv_file(columns, rows))


def _detail(i: Instruction) -> None:
    with st.container(border=True):
        say("**{}. {}**", i.sequence, i.what)
        behalf = "the provider" if i.on_behalf_of == "processor" else "the customer, as controller"
        say(
            "{} (Stockholm) · {}, for {} · agreement of {}",
            words.minute(i.recorded_at),
            words.address(i.actor),
            behalf,
            i.agreement_version,
        )
        show.quoted(i.reason)
        st.caption("Digest (SHA-256)")
        st.code(i.digest, language=None, wrap_lines=True)
